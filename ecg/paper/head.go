// What stands over the grid: who, when, what was measured, what is said about it.

package paper

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/paper"
)

const (
	left     = 13.5 // as the grid
	wide     = 270.0
	rowPitch = 3.75
	bodySize = 2.9
	maxTexts = 40 // pages of texts
)

// head draws everything over the grid, and reports whether something had no room.
func (s *Sheet) head(p pen, t *strip) (cut bool) {
	w := s.words()
	p.Text(paper.XY(left, 9.5), style{MM: 4.4, Bold: true}, paper.Fit(s.heading(t), 150/4.4, true))
	right := left + wide
	if c := s.Clock; c != "" {
		right = rightText(p, right, 9.3, style{MM: 3.4, Bold: true, Ink: red}, c) - 4
	}
	if s.Report != nil && s.Report.Recognised != "" {
		s.mark(p, right, s.Report.Recognised)
	}
	y := 11.5
	if c := s.Critical; c != "" {
		p.Fill(paper.Box(left, y, wide, 6), red)
		p.Text(paper.XY(left+2, y+4.3), style{MM: 3.9, Bold: true, Ink: white}, paper.Fit(w.critical+w.colon+c, (wide-4)/3.9, true))
		y += 7
	}
	y = s.identity(p, y)
	p.Rule(paper.XY(left, y), paper.XY(left+wide, y), ruleWidth)
	return s.columns(p, y+0.8)
}

func (s *Sheet) heading(t *strip) string {
	title := s.Title
	w := s.words()
	switch {
	case title != "":
	case t == nil:
		title = w.noTracing
	default:
		title = fmt.Sprintf(w.title, len(t.group.Leads))
	}
	return strings.TrimSpace(s.Institution + "  " + title)
}

// rightText ends at x, and gives where it begins.
func rightText(p pen, x, y float64, st style, s string) float64 {
	s = paper.Fit(s, 110/st.MM, st.Bold)
	x -= paper.Width(s, st.Bold) * st.MM
	p.Text(paper.XY(x, y), st, s)
	return x
}

// mark frames the mark of mutual recognition 互认.
func (s *Sheet) mark(p pen, right float64, text string) {
	text = paper.Fit(text, 20, true)
	wd := paper.Width(text, true)*3.2 + 3
	r := paper.Box(right-wd, 5.6, wd, 5)
	for _, c := range [][2]point{
		{paper.XY(r.X, r.Y), paper.XY(r.Right(), r.Y)},
		{paper.XY(r.Right(), r.Y), paper.XY(r.Right(), r.Bottom())},
		{paper.XY(r.Right(), r.Bottom()), paper.XY(r.X, r.Bottom())},
		{paper.XY(r.X, r.Bottom()), paper.XY(r.X, r.Y)},
	} {
		p.Rule(c[0], c[1], 0.3)
	}
	p.Text(paper.XY(r.X+1.5, r.Y+3.7), style{MM: 3.2, Bold: true}, text)
}

type labelled struct{ label, text string }

// identity is two lines of who and when.
func (s *Sheet) identity(p pen, y float64) float64 {
	w, h := s.words(), s.Header
	for _, row := range [][]labelled{
		{{w.name, h.Name}, {w.sex, h.Sex}, {w.age, h.Age}, {w.id, h.ID}, {w.clinic, h.Clinic}, {w.time, h.Time}},
		{{w.order, h.Order}, {w.device, h.Device}, {w.indication, h.Indication}, {w.previous, s.Previous}},
	} {
		if y += 4.3; !s.fields(p, y-0.6, row) {
			y -= 4.3
		}
	}
	return y + 0.6
}

// fields sets labels and texts beside each other, and cuts the longest where there is no room; false where there are none.
func (s *Sheet) fields(p pen, y float64, row []labelled) bool {
	const size, gap = 3.2, 5.0
	room := wide
	var set []labelled
	var widths []float64
	for _, f := range row {
		if f.text != "" {
			f.label += s.words().colon
			room -= paper.Width(f.label, false)*size + gap
			widths = append(widths, paper.Width(f.text, true)*size)
			set = append(set, f)
		}
	}
	most := share(widths, room)
	x := left
	for _, f := range set {
		p.Text(paper.XY(x, y), style{MM: size, Ink: grey}, f.label)
		x += paper.Width(f.label, false) * size
		text := paper.Fit(f.text, most/size, true)
		p.Text(paper.XY(x, y), style{MM: size, Bold: true}, text)
		x += paper.Width(text, true)*size + gap
	}
	return len(set) > 0
}

// share is the greatest width that each may have for all to have room.
func share(widths []float64, room float64) float64 {
	sorted := slices.Clone(widths)
	slices.Sort(sorted)
	for i, w := range sorted {
		if each := room / float64(len(sorted)-i); w > each {
			return each
		}
		room -= w
	}
	return wide
}

// columns are the measurements, what is concluded, and what the device and the recording have to say.
func (s *Sheet) columns(p pen, top float64) (cut bool) {
	room := int((field.Y - 1 - top) / rowPitch)
	x, cut := s.table(p, top, room)
	w := s.words()
	half := (left + wide - x - 4) / 2
	first := []section{{w.statements, s.Statements, black}}
	if r := s.Report; r != nil {
		first = []section{{w.impression, strings.Split(r.Impression, "\n"), black}, {w.statements, s.Statements, grey}}
	}
	cut = s.sections(p, x, top, half, room, first) || cut
	return s.sections(p, x+half+4, top, half, room, []section{{w.warnings, s.Warnings, red}, {w.ofDevice, s.OfDevice, grey}}) || cut
}

// Columns of the table, mm.
const (
	labelWidth = 19.0
	valueWidth = 21.5
	tableWidth = labelWidth + 2*valueWidth + 2
)

// table shows our measurements beside the device's.
func (s *Sheet) table(p pen, top float64, room int) (x float64, cut bool) {
	x = left
	rows := s.Rows[:min(len(s.Rows), 2*(room-1))]
	w := s.words()
	for i, r := range rows {
		k := i % (room - 1)
		if k == 0 {
			if i > 0 {
				x += tableWidth
			}
			p.Text(paper.XY(x+labelWidth, top+rowPitch-1), style{MM: 2.5, Ink: grey}, w.ours)
			p.Text(paper.XY(x+labelWidth+valueWidth, top+rowPitch-1), style{MM: 2.5, Ink: grey}, w.ofDevice)
		}
		y := top + float64(k+2)*rowPitch - 0.9
		p.Text(paper.XY(x, y), style{MM: bodySize}, paper.Fit(r.Label, (labelWidth-1)/bodySize, false))
		p.Text(paper.XY(x+labelWidth, y), style{MM: bodySize, Bold: true}, paper.Fit(r.Ours, (valueWidth-1)/bodySize, true))
		p.Text(paper.XY(x+labelWidth+valueWidth, y), style{MM: bodySize, Ink: grey}, paper.Fit(r.Device, (valueWidth-1)/bodySize, false))
	}
	if len(rows) > 0 {
		x += tableWidth
	}
	return x, len(rows) < len(s.Rows)
}

type section struct {
	title string
	lines []string
	ink   colour
}

// sections fill one column, and report what did not fit.
func (s *Sheet) sections(p pen, x, top, wd float64, room int, list []section) (cut bool) {
	const size = 3.1
	row := 0
	at := func() point { return paper.XY(x, top+float64(row)*rowPitch-0.9) }
	for _, sec := range list {
		if len(sec.lines) == 0 {
			continue
		}
		if row+2 > room {
			return true
		}
		row++
		p.Text(at(), style{MM: 2.5, Ink: grey}, sec.title)
		heavy := sec.ink == black
		for _, l := range sec.lines {
			for _, part := range paper.Wrap(l, wd/size, heavy) {
				if row == room {
					rightText(p, x+wd, top+rowPitch-1, style{MM: 2.5, Bold: true, Ink: grey}, s.words().continued)
					return true
				}
				row++
				p.Text(at(), style{MM: size, Bold: heavy, Ink: sec.ink}, part)
			}
		}
	}
	return false
}
