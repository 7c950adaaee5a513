// What stands after the results: corrections, notes, quality control, who released what.

package sheet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/paper"
)

// remarks are paragraphs over the whole width.
func (l *layout) remarks(columns int) []band {
	t := &table{wide: wide, size: 2.8, pitch: 4}
	var out []band
	add := func(text string, ink paper.Colour, bold bool) {
		out = append(out, t.paragraph(para{text: text, ink: ink, bold: bold}, 0, 0)...)
	}
	if text := l.legend(); text != "" {
		add(text, paper.Grey, false)
	}
	if columns == 2 {
		if text := l.methods(); text != "" {
			add(l.label(wMethod)+text, paper.Grey, false)
		}
	}
	for i := range l.s.Corrections {
		if i == 0 {
			add(l.label(wChanges), paper.Red, true)
			out[len(out)-1].keep = true
		}
		add(l.correction(&l.s.Corrections[i]), paper.Black, false)
	}
	for i, n := range l.s.Notes {
		if i == 0 {
			n = l.label(wNote) + n
		}
		add(n, paper.Black, false)
	}
	if l.clinicalFull {
		add(l.label(wClinical)+l.s.Order.Clinical, paper.Black, false)
	}
	if text := l.mark(); text != "" {
		add(text, paper.Black, false)
	}
	for i := range l.s.Quality {
		ink := paper.Black
		if l.s.Quality[i].Internal == OutControl {
			ink = paper.Red
		}
		add(l.quality(&l.s.Quality[i]), ink, false)
	}
	for _, text := range l.released() {
		add(text, paper.Black, false)
	}
	return out
}

// legend explains the signs that the table has.
func (l *layout) legend() string {
	arrows, critical, two := false, false, false
	for i := range l.s.Rows {
		r := &l.s.Rows[i]
		if hiddenRow(r) {
			continue
		}
		arrows = arrows || strings.ContainsAny(l.arrow(r.Ours)+l.arrow(r.Sender), "↑↓")
		critical = critical || severity(r) == 2
		two = two || differ(r)
	}
	var parts []string
	for _, p := range []struct {
		on bool
		w  word
	}{{arrows, wLegendArrows}, {critical, wLegendCrit}, {two, wLegendTwo}} {
		if p.on {
			parts = append(parts, l.say(p.w))
		}
	}
	return strings.Join(parts, "  ")
}

// methods are those that two columns have no room for.
func (l *layout) methods() string {
	order, rows := l.grouped(func(r *Row) string { return r.Method })
	if len(order) == 1 && len(rows[order[0]]) == len(l.s.Rows) {
		return order[0]
	}
	var parts []string
	for _, m := range order {
		parts = append(parts, fmt.Sprintf(l.short(wItems), l.ranges(rows[m]))+l.colon()+m)
	}
	return strings.Join(parts, "；")
}

// grouped are rows by what they have in common, in the order of their first.
func (l *layout) grouped(by func(*Row) string) (order []string, rows map[string][]int) {
	rows = map[string][]int{}
	for i := range l.s.Rows {
		k := by(&l.s.Rows[i])
		if k == "" || hiddenRow(&l.s.Rows[i]) {
			continue
		}
		if rows[k] == nil {
			order = append(order, k)
		}
		rows[k] = append(rows[k], i)
	}
	return order, rows
}

// ranges names rows by their numbers: "1-12、15".
func (l *layout) ranges(rows []int) string {
	var parts []string
	for i := 0; i < len(rows); {
		j := i
		for j+1 < len(rows) && l.follows(rows[j], rows[j+1]) {
			j++
		}
		text := l.number(rows[i])
		if j > i {
			text += "-" + l.number(rows[j])
		}
		parts = append(parts, text)
		i = j + 1
	}
	if l.o.Language == English {
		return strings.Join(parts, ", ")
	}
	return strings.Join(parts, "、")
}

func (l *layout) follows(a, b int) bool {
	x, err1 := strconv.Atoi(l.number(a))
	y, err2 := strconv.Atoi(l.number(b))
	return b == a+1 && err1 == nil && err2 == nil && y == x+1
}

func (l *layout) correction(c *Correction) string {
	text := c.Item + l.colon() + c.Was + " → " + c.Now
	if c.Was == "" && c.Now == "" {
		text = c.Item
	}
	if c.Reason != "" {
		text += "  " + l.label(wReason) + c.Reason
	}
	return joined("  ", text, c.By, l.clock(c.At))
}

func (l *layout) mark() string {
	if l.s.Mark == "" || !l.any(func(r *Row) bool { return r.Recognised }) {
		return ""
	}
	text := l.label(wMark) + l.s.Mark
	if !l.allRecognised() {
		text += "  " + l.say(wMarked)
	}
	return text
}

// quality is the line of its control: verdict and certificate.
func (l *layout) quality(q *Quality) string {
	w, ok := qcWords[q.Internal]
	if !ok {
		w = word{string(q.Internal), string(q.Internal)}
	}
	text := l.label(wQC) + joined(" ", l.say(w), l.clock(q.InternalAt))
	if q.Items != "" {
		text = "[" + q.Items + "] " + text
	}
	external := q.Scheme
	if q.Certificate != "" {
		external = joined(" ", external, l.label(wCert)+q.Certificate)
	}
	if !q.ValidTo.IsZero() {
		external = joined(" ", external, l.say(wValid)+" "+q.ValidTo.String())
	}
	if external == "" {
		external = l.say(qcWords[QCUnknown])
	}
	return text + "    " + l.label(wEQA) + external
}

// released names the rows that rules have released, and the rules.
func (l *layout) released() []string {
	order, rows := l.grouped(func(r *Row) string { return r.Auto })
	var out []string
	for _, rule := range order {
		out = append(out, fmt.Sprintf("%s（%s）%s%s", l.say(wAuto), rule, l.colon(), fmt.Sprintf(l.short(wItems), l.ranges(rows[rule]))))
	}
	return out
}

// withdrawn says so, and names what was reported without a value of it.
func (l *layout) withdrawn() []band {
	t := &table{wide: wide, size: 4, pitch: 6.4}
	out := []band{space(4)}
	out = append(out, t.paragraph(para{text: l.say(wGone), bold: true, ink: paper.Red}, 0, 0)...)
	t.size, t.pitch = 3.2, 5
	w := l.s.Withdrawal
	if w.Reason != "" {
		out = append(out, t.paragraph(para{text: l.label(wReason) + w.Reason}, 0, 1)...)
	}
	if by := joined("  ", w.By, l.clock(w.At)); by != "" {
		out = append(out, t.paragraph(para{text: l.label(wWithdrawn) + by}, 0, 0)...)
	}
	var names []string
	for i := range l.s.Rows {
		r := &l.s.Rows[i]
		if name := joined("", l.named(r.Name, r.English)); name != "" {
			names = append(names, name)
		} else if r.Code != "" {
			names = append(names, r.Code)
		}
	}
	if len(names) > 0 {
		out = append(out, t.paragraph(para{text: l.label(wHeld) + strings.Join(names, "、"), ink: paper.Grey}, 0, 2)...)
	}
	return out
}

func (l *layout) centredLine(text string) band {
	return band{h: 12, draw: func(p paper.Pen, x, y float64) {
		p.Text(paper.XY(x+(wide-paper.Width(text, false)*3.4)/2, y+8), paper.Style{MM: 3.4, Ink: paper.Grey}, text)
	}}
}
