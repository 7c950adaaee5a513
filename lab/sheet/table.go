// Tables whose cells wrap: no digit of a result has to fit.

package sheet

import (
	"github.com/lianzhen/lianzhen/codec/paper"
)

// column of a table. Widths are millimetres and include the space after the text.
type column struct {
	title    string
	min, max float64
	grow     float64 // share of what is left over
	soft     bool    // its texts can be broken: it gives first
	width    float64
}

// para is a piece of a cell that begins on a line of its own.
type para struct {
	text   string
	bold   bool
	ink    paper.Colour
	struck bool
}

type cell []para

func plain(text string) cell { return cell{{text: text}} }

// tableRow is what stands beside each other, and what stands below it over the whole width.
type tableRow struct {
	cells   []cell
	span    int // the cell that reaches to the end, 0: none
	heading string
	below   []para
}

type table struct {
	columns []column
	rows    []tableRow
	wide    float64
	size    float64 // of the letters
	pitch   float64
}

const cellGap = 1.6

// settle gives the columns their widths: as wide as their texts where there is room. Where there is none, those whose texts can be broken give
// first, then the others.
func (t *table) settle() {
	sum, grow := 0.0, 0.0
	for i := range t.columns {
		c := &t.columns[i]
		c.min = max(c.min, paper.Width(c.title, false)*(t.size-0.3)+cellGap)
		c.width = c.min
		for _, r := range t.rows {
			if i < len(r.cells) && (r.span == 0 || i < r.span) {
				c.width = max(c.width, min(natural(r.cells[i], t.size), c.max))
			}
		}
		sum, grow = sum+c.width, grow+c.grow
	}
	if over := sum - t.wide; over > 0 {
		over = t.shrink(over, func(c *column) bool { return c.soft })
		t.shrink(over, func(*column) bool { return true })
		return
	}
	for i := range t.columns {
		t.columns[i].width += (t.wide - sum) * t.columns[i].grow / grow
	}
}

// shrink takes so much of some columns, of each what it can spare, and gives what is still wanting.
func (t *table) shrink(over float64, soft func(*column) bool) float64 {
	spare := 0.0
	for i := range t.columns {
		if c := &t.columns[i]; soft(c) {
			spare += c.width - c.min
		}
	}
	if spare <= 0 || over <= 0 {
		return max(over, 0)
	}
	part := min(over/spare, 1)
	for i := range t.columns {
		if c := &t.columns[i]; soft(c) {
			c.width -= part * (c.width - c.min)
		}
	}
	return over - part*spare
}

func natural(c cell, size float64) float64 {
	w := 0.0
	for _, p := range c {
		w = max(w, paper.Width(p.text, p.bold)*size)
	}
	return w + cellGap
}

// header is the line of titles.
func (t *table) header() []band {
	h := t.size + 2.4
	return []band{{h: h, keep: true, draw: func(p paper.Pen, x, y float64) {
		at := x
		for _, c := range t.columns {
			p.Text(paper.XY(at, y+h-1.6), paper.Style{MM: t.size - 0.3, Ink: paper.Grey}, paper.Fit(c.title, (c.width-0.3)/(t.size-0.3), false))
			at += c.width
		}
		line(p, x, y+h-0.4, t.wide, 0.15, paper.Black)
	}}}
}

// textLine is one line of one cell.
type textLine struct {
	para
	x float64
}

// together is the most lines of a row that stay on one page.
const together = 12

// bands are the rows as lines.
func (t *table) bands() []band {
	var out []band
	for _, r := range t.rows {
		if r.heading != "" {
			out = append(out, t.paragraph(para{text: r.heading, bold: true}, 0, 0.6)...)
			for i := range out[len(out)-1:] {
				out[len(out)-1-i].keep = true
			}
		}
		lines := t.lines(r)
		from := len(out)
		for i := range lines {
			out = append(out, t.band(lines[i]))
		}
		for _, b := range r.below {
			out = append(out, t.paragraph(b, t.columns[0].width, 0)...)
		}
		row := out[from:]
		for i := range row {
			row[i].keep = i < len(row)-1 && (len(row) <= together || i == 0)
		}
	}
	return out
}

// lines breaks the cells of a row.
func (t *table) lines(r tableRow) [][]textLine {
	var out [][]textLine
	x := 0.0
	for i, c := range r.cells {
		width := t.columns[i].width
		if r.span > 0 && i == r.span {
			width = t.wide - x
		}
		n := 0
		for _, p := range c {
			if p.text == "" {
				continue
			}
			for _, part := range wrap(p.text, width-cellGap, t.size, p.bold) {
				for len(out) <= n {
					out = append(out, nil)
				}
				q := p
				q.text = part
				out[n] = append(out[n], textLine{q, x})
				n++
			}
		}
		x += width
		if r.span > 0 && i == r.span {
			break
		}
	}
	return out
}

func (t *table) band(lines []textLine) band {
	return band{h: t.pitch, draw: func(p paper.Pen, x, y float64) {
		for _, l := range lines {
			t.text(p, l, x, y)
		}
	}}
}

func (t *table) text(p paper.Pen, l textLine, x, y float64) {
	base := y + t.pitch/2 + 0.36*t.size
	p.Text(paper.XY(x+l.x, base), paper.Style{MM: t.size, Bold: l.bold, Ink: l.ink}, l.text)
	if l.struck {
		line(p, x+l.x, base-0.3*t.size, paper.Width(l.text, l.bold)*t.size, 0.25, l.ink)
	}
}

// paragraph is a text over the whole width.
func (t *table) paragraph(p para, indent, before float64) []band {
	var out []band
	for i, part := range wrap(p.text, t.wide-indent-1, t.size, p.bold) {
		q := p
		q.text = part
		b := t.band([]textLine{{q, indent}})
		if i == 0 && before > 0 {
			draw := b.draw
			b.h += before
			b.draw = func(p paper.Pen, x, y float64) { draw(p, x, y+before) }
		}
		out = append(out, b)
	}
	return out
}

// rule closes a table.
func rule(w float64) band {
	return band{h: 1.2, draw: func(p paper.Pen, x, y float64) { line(p, x, y+0.5, w, 0.15, paper.Black) }}
}

func space(h float64) band { return band{h: h} }
