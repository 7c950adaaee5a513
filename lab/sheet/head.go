// The head of every page: whose report it is.

package sheet

import (
	"fmt"
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/lab/observation"
)

const (
	fieldSize  = 3.1
	fieldPitch = 4.7
	fieldCells = 4
)

// head draws it and gives where it ends.
func (l *layout) head(p paper.Pen) float64 {
	code := l.barcode(p)
	room := 2 * min(left+wide/2-left, code-4-(left+wide/2)) // centred beside the bar code
	institution := l.centred(p, l.s.Institution, 9.6, 5.2, room)
	title := l.s.Title
	if title == "" {
		title = l.short(wTitle)
	}
	y := 16.6
	at := l.centred(p, title, y, 5.6, room)
	if l.o.Language == Bilingual && l.s.Title == "" {
		y += 4
		l.centred(p, wTitle.en, y, 3.2, room)
	}
	l.marks(p, min(institution, at)-3)
	if n := l.s.Number; n != "" {
		text := l.label(wNumber) + n
		p.Text(paper.XY(left, y+0.6), paper.Style{MM: 2.6, Ink: paper.Grey}, paper.Fit(text, (at-3-left)/2.6, false))
	}
	y += 2.2
	line(p, left, y, wide, 0.3, paper.Black)
	y = l.fields(p, y+0.5)
	line(p, left, y+1.2, wide, 0.3, paper.Black)
	return y + 1.2
}

// centred gives where the text begins; what is too wide is set smaller, then cut.
func (l *layout) centred(p paper.Pen, text string, y, size, room float64) float64 {
	if w := paper.Width(text, true) * size; w > room {
		size = max(size*room/w, 3.2)
		text = paper.Fit(text, room/size, true)
	}
	x := left + (wide-paper.Width(text, true)*size)/2
	if text != "" {
		p.Text(paper.XY(x, y), paper.Style{MM: size, Bold: true}, text)
	}
	return x
}

// barcode stands at the top right; it gives where that begins.
func (l *layout) barcode(p paper.Pen) float64 {
	const w, h = 52.0, 8.5
	text := l.s.Specimen.Barcode
	if text == "" || paper.Barcode(p, paper.Box(right-w, 4.5, w, h), text) != nil {
		return right - w
	}
	const size = 2.5
	p.Text(paper.XY(right-w/2-paper.Width(text, false)*size/2, 4.5+h+2.8), paper.Style{MM: size}, text)
	return right - w
}

// marks are framed at the top left: what kind of report it is, which is never cut, and the mark of recognition.
func (l *layout) marks(p paper.Pen, end float64) {
	x := left
	kind := l.kind()
	if kind != "" {
		x = framed(p, kind, x, min(3.4, (end-x-3)/paper.Width(kind, true)), paper.Red) + 2
	}
	mark := paper.Fit(l.s.Mark, (end-x-3)/3.4, true)
	if mark != "" && mark != "…" && l.s.Status != observation.Withdrawn && l.s.Status != observation.Preliminary {
		framed(p, mark, x, 3.4, paper.Black)
	}
}

// kind is what kind of report it is where that is no plain final one.
func (l *layout) kind() string {
	switch l.s.Status {
	case observation.Corrected:
		return l.versioned(wCorrected)
	case observation.Amended:
		return l.versioned(wAmended)
	case observation.Withdrawn:
		return l.versioned(wWithdrawn)
	case observation.Preliminary, observation.Registered, observation.Unverified:
		return l.short(wPrelim)
	}
	return ""
}

// framed gives where the frame ends.
func framed(p paper.Pen, text string, x, size float64, ink paper.Colour) float64 {
	w := paper.Width(text, true)*size + 3
	frame(p, paper.Box(x, 5, w, 5.6), 0.35, ink)
	p.Text(paper.XY(x+1.5, 9.1), paper.Style{MM: size, Bold: true, Ink: ink}, text)
	return x + w
}

func (l *layout) versioned(w word) string {
	if l.s.Version < 2 {
		return l.short(w)
	}
	return l.short(w) + " " + fmt.Sprintf(l.short(wVersion), l.s.Version)
}

func frame(p paper.Pen, r paper.Rect, width float64, ink paper.Colour) {
	for _, b := range []paper.Rect{
		paper.Box(r.X, r.Y, r.W, width), paper.Box(r.X, r.Bottom()-width, r.W, width),
		paper.Box(r.X, r.Y, width, r.H), paper.Box(r.Right()-width, r.Y, width, r.H),
	} {
		p.Fill(b, ink)
	}
}

// line is a level rule.
func line(p paper.Pen, x, y, w, width float64, ink paper.Colour) {
	p.Fill(paper.Box(x, y-width/2, w, width), ink)
}

type field struct {
	label word
	text  string
	form  bool // the form needs the place
}

// fields are set in a grid of cells; a long one takes as many as it needs.
func (l *layout) fields(p paper.Pen, y float64) float64 {
	s := &l.s
	barcode := s.Specimen.Barcode
	list := []field{
		{wName, s.Patient.Name, true},
		{wSex, s.Patient.Sex, true},
		{wAge, s.Patient.Age, true},
		{wPatient, s.Patient.Number, true},
		{wDepartment, s.Order.Department, true},
		{wWard, s.Order.Ward, false},
		{wBed, s.Order.Bed, false},
		{wVisit, s.Order.Visit, false},
		{wOrderer, s.Order.Orderer, false},
		{wOrder, s.Order.Number, false},
		{wSpecimen, s.Specimen.Type, true},
		{wSite, s.Specimen.Site, false},
		{wBarcode, barcode, false},
		{wCondition, s.Specimen.Condition, false},
		{wCollected, l.clock(s.Specimen.CollectedAt), true},
		{wReceived, l.clock(s.Specimen.ReceivedAt), true},
		{wReported, l.clock(s.ReportedAt), true},
		{wLaboratory, s.Laboratory, false},
		{wClinical, s.Order.Clinical, false},
	}
	const cell = wide / fieldCells
	column, row, deepest := 0, 0, 1
	for _, f := range list {
		if f.text == "" && !f.form {
			continue
		}
		label := l.label(f.label)
		labelWidth := paper.Width(label, false) * fieldSize
		width := labelWidth + paper.Width(f.text, true)*fieldSize + 1.5
		cells := min(max(int(math.Ceil(width/cell)), 1), fieldCells)
		if column+cells > fieldCells {
			column, row, deepest = 0, row+deepest, 1
		}
		n, cut := l.field(p, label, f.text, paper.XY(left+float64(column)*cell, y+float64(row)*fieldPitch), float64(cells)*cell-labelWidth-1)
		deepest = max(deepest, n)
		l.clinicalFull = l.clinicalFull || cut && f.label == wClinical
		column += cells
	}
	return y + float64(row+deepest)*fieldPitch
}

// field sets one, and gives how many lines it took.
func (l *layout) field(p paper.Pen, label, text string, at paper.Point, room float64) (lines int, cut bool) {
	y := at.Y + fieldPitch - 1.1
	p.Text(paper.XY(at.X, y), paper.Style{MM: fieldSize, Ink: paper.Grey}, label)
	if text == "" {
		return 1, false
	}
	parts := wrap(text, room, fieldSize, true)
	if len(parts) > l.fieldLines {
		parts = parts[:l.fieldLines]
		parts[l.fieldLines-1] = paper.Fit(parts[l.fieldLines-1]+"……", room/fieldSize, true)
		cut = true
	}
	x := at.X + paper.Width(label, false)*fieldSize
	for i, part := range parts {
		p.Text(paper.XY(x, y+float64(i)*fieldPitch), paper.Style{MM: fieldSize, Bold: true}, part)
	}
	return len(parts), cut
}

// wrap is paper.Wrap in millimetres.
func wrap(text string, room, size float64, heavy bool) []string {
	return paper.Wrap(text, room/size, heavy)
}

// clock writes an instant in the zone of the sheet, nothing for none.
func (l *layout) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(l.zone).Format("2006-01-02 15:04")
}

// watermark lies under all else.
func (l *layout) watermark(p paper.Pen) {
	var text string
	switch l.s.Status {
	case observation.Withdrawn:
		text = l.short(wWithdrawn)
	case observation.Preliminary, observation.Registered, observation.Unverified:
		text = l.short(wPrelim)
	default:
		return
	}
	const angle = 30
	size := min(150/paper.Width(text, true), l.size.H*0.2)
	long := paper.Width(text, true) * size
	sin, cos := math.Sincos(angle * math.Pi / 180)
	at := paper.XY(l.size.W/2-long/2*cos+size*0.35*sin, l.size.H/2+long/2*sin+size*0.35*cos)
	p.Text(at, paper.Style{MM: size, Bold: true, Ink: paper.Colour{R: 232, G: 232, B: 232}, Turn: angle}, text)
}
