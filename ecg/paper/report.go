// The pages of texts: the report with its signatures, and whatever had no room over the grid.

package paper

import (
	"fmt"

	"github.com/lianzhen/lianzhen/codec/paper"
)

// flow sets text from the top of a page to its foot, and begins another one when it is full.
type flow struct {
	s        *Sheet
	p        pen
	page     int // of the text pages
	from, to int // those that are drawn
	first    int // number of the first among all pages
	total    int
	y        float64
}

const (
	textTop    = 30.0
	textBottom = 196.0
)

// texts draws pages [from, to) of texts and gives how many there are, at most maxTexts.
func (s *Sheet) texts(p pen, first, from, to, total int) int {
	f := &flow{s: s, p: p, page: -1, from: from, to: min(to, maxTexts), first: first, total: total}
	f.next()
	w := s.words()
	if r := s.Report; r != nil {
		if s.fields(f.pen(), f.y, []labelled{{w.examined, r.ExaminedBy}, {w.diagnosed, r.DiagnosedBy}}) {
			f.y += 2
		}
		f.rows()
		f.section(w.findings, r.Findings, 4)
		f.section(w.impression, r.Impression, 4.6)
	} else {
		f.rows()
	}
	f.list(w.statements, s.Statements)
	f.list(w.ofDevice, s.OfDevice)
	f.list(w.warnings, s.Warnings)
	if s.Report != nil {
		f.signatures(s.Report)
	}
	return min(f.page+1, maxTexts)
}

// pen is the real one on pages that are wanted.
func (f *flow) pen() pen {
	if f.page >= f.from && f.page < f.to {
		return f.p
	}
	return paper.Nothing{}
}

func (f *flow) next() {
	f.page++
	f.y = textTop
	p, w := f.pen(), f.s.words()
	p.Page()
	title := w.report
	if f.s.Report == nil {
		title = w.noTracing
	}
	heading := joined("  ", f.s.Institution, title)
	heading = paper.Fit(heading, 230/5.5, true)
	p.Text(paper.XY((pageWidth-paper.Width(heading, true)*5.5)/2, 13), style{MM: 5.5, Bold: true}, heading)
	if r := f.s.Report; r != nil && r.Recognised != "" {
		f.s.mark(p, left+wide, r.Recognised)
	}
	y := f.s.identity(p, 15)
	p.Rule(paper.XY(left, y+1), paper.XY(left+wide, y+1), 0.3)
	grey := style{MM: 2.4, Ink: grey}
	p.Text(paper.XY(left, 207), grey, w.support)
	rightText(p, left+wide, 207, grey, fmt.Sprintf(w.page, f.first+f.page+1, f.total))
	rightText(p, left+wide, 203.4, style{MM: 2.6}, joined("  ", f.s.Algorithm, f.s.Software))
}

// room begins another page where there is none for so many millimetres.
func (f *flow) room(mm float64) {
	if f.y+mm > textBottom && f.page < maxTexts {
		f.next()
	}
}

// section is a title and a text under it.
func (f *flow) section(title, text string, size float64) {
	if text == "" || f.page >= maxTexts {
		return
	}
	f.room(4 + 2*size)
	f.y += 6
	f.pen().Text(paper.XY(left, f.y), style{MM: 3.2, Bold: true, Ink: grey}, title)
	f.paragraph(text, size)
}

func (f *flow) paragraph(text string, size float64) {
	for _, l := range paper.Wrap(text, (wide-8)/size, false) {
		if f.room(1.5 * size); f.page >= maxTexts {
			return
		}
		f.y += 1.5 * size
		f.pen().Text(paper.XY(left+4, f.y), style{MM: size}, l)
	}
}

func (f *flow) list(title string, texts []string) {
	for i, l := range texts {
		if i == 0 {
			f.section(title, l, 3.4)
		} else {
			f.paragraph(l, 3.4)
		}
	}
}

// rows are the measurements, three beside each other.
func (f *flow) rows() {
	rows := f.s.Rows[:min(len(f.s.Rows), 200)]
	if len(rows) == 0 {
		return
	}
	w := f.s.words()
	const across, pitch = 3, 5.2
	f.room(6 + 2*pitch)
	f.y += 4
	column := func(k int) float64 { return left + 4 + float64(k)*wide/across }
	f.y += 3
	for k := range min(across, len(rows)) {
		f.pen().Text(paper.XY(column(k)+28, f.y), style{MM: 2.8, Ink: grey}, w.ours)
		f.pen().Text(paper.XY(column(k)+56, f.y), style{MM: 2.8, Ink: grey}, w.ofDevice)
	}
	for i, r := range rows {
		if i%across == 0 {
			f.room(pitch)
			f.y += pitch
		}
		if f.page >= maxTexts {
			return
		}
		x, p := column(i%across), f.pen()
		p.Text(paper.XY(x, f.y), style{MM: 3.3}, paper.Fit(r.Label, 27/3.3, false))
		p.Text(paper.XY(x+28, f.y), style{MM: 3.3, Bold: true}, paper.Fit(r.Ours, 27/3.3, true))
		p.Text(paper.XY(x+56, f.y), style{MM: 3.3, Ink: grey}, paper.Fit(r.Device, 27/3.3, false))
	}
}

// signatures stand at the foot of the last page.
func (f *flow) signatures(r *Report) {
	f.room(16)
	if f.page >= maxTexts {
		return
	}
	w, p := f.s.words(), f.pen()
	const y, size = textBottom + 1, 3.8
	p.Rule(paper.XY(left, y-7), paper.XY(left+wide, y-7), ruleWidth)
	signed := r.SignedAt
	if signed == "" {
		signed = w.unsigned
	}
	for i, field := range []labelled{{w.reporter, r.Reporter}, {w.reviewer, r.Reviewer}, {w.signed, signed}} {
		x := left + float64(i)*wide/3
		name := field.label + w.colon
		p.Text(paper.XY(x, y), style{MM: size, Ink: grey}, name)
		x += paper.Width(name, false) * size
		p.Text(paper.XY(x, y), style{MM: size, Bold: true}, paper.Fit(field.text, (wide/3-30)/size, true))
	}
}
