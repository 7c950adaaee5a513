// Microbiology: what grew, and what stops it.

package sheet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/paper"
)

// twoTables is from how many drugs on a susceptibility table stands in two columns.
const twoTables = 8

// isolate is its heading and its table.
func (l *layout) isolate(i int) []segment {
	b := &l.s.Isolates[i]
	text := &table{wide: wide, size: 3.4, pitch: 5}
	number := b.Number
	if number == "" {
		number = strconv.Itoa(i + 1)
	}
	head := text.paragraph(para{text: fmt.Sprintf("%s %s%s", l.short(wIsolate), number, l.colon()) + l.named2(b.Organism, b.English), bold: true}, 0, 1.5)
	text.size, text.pitch = oneSize, onePitch
	var more []string
	if b.Quantity != "" {
		more = append(more, l.label(wQuantity)+b.Quantity)
	}
	if len(b.Phenotypes) > 0 {
		more = append(more, l.label(wPhenotype)+strings.Join(b.Phenotypes, "，"))
	}
	if len(more) > 0 {
		head = append(head, text.paragraph(para{text: strings.Join(more, "    ")}, 4, 0)...)
	}
	for k := range head {
		head[k].keep = k < len(head)-1
	}
	out := []segment{{columns: 1, bands: head}}
	if len(b.Drugs) > 0 {
		columns := 1
		if len(b.Drugs) >= twoTables {
			columns = 2
		}
		t := l.drugs(b, columns)
		out = append(out, segment{columns: columns, header: t.header(), bands: t.bands()}, segment{columns: 1, bands: []band{rule(wide)}})
	}
	var notes []band
	for _, n := range b.Notes {
		notes = append(notes, text.paragraph(para{text: n, ink: paper.Grey}, 4, 0)...)
	}
	return append(out, segment{columns: 1, bands: notes})
}

func (l *layout) colon() string {
	if l.o.Language == English {
		return ": "
	}
	return "："
}

// named2 gives an organism with its Latin name in any language: that is what it is filed by.
func (l *layout) named2(name, latin string) string {
	if l.o.Language == English {
		return joined(" ", latin, parens(name, latin))
	}
	return joined(" ", name, latin)
}

func parens(name, latin string) string {
	if name == "" || latin == "" {
		return name
	}
	return "(" + name + ")"
}

func (l *layout) drugs(b *Isolate, columns int) *table {
	t := &table{wide: wide, size: oneSize, pitch: onePitch}
	if columns == 2 {
		t.wide, t.size, t.pitch = (wide-gap)/2, twoSize, twoPitch
	}
	t.columns = []column{
		{title: l.short(wDrug), min: 24, max: 50, grow: 3, soft: true},
		{title: l.short(wMethod), min: 10, max: 18, grow: 1},
		{title: l.short(wMeasured), min: 14, max: 26, grow: 1},
		{title: l.short(wBreak), min: 14, max: 30, grow: 1},
		{title: l.short(wInterp), min: 9, max: 16},
	}
	breakpoints := false
	for i := range b.Drugs {
		breakpoints = breakpoints || b.Drugs[i].Breakpoints != ""
	}
	for i := range b.Drugs {
		t.rows = append(t.rows, tableRow{cells: l.drug(&b.Drugs[i], breakpoints)})
	}
	if !breakpoints {
		t.columns = append(t.columns[:3], t.columns[4])
	}
	t.settle()
	return t
}

func (l *layout) drug(d *Drug, breakpoints bool) []cell {
	name := l.named(d.Name, d.English)
	if name == "" {
		name = d.Code
	}
	value := cell{{text: joined(" ", d.Measured, d.Unit)}}
	if d.Was != "" {
		value = append(value, para{text: l.short(wWas) + d.Was, ink: paper.Grey, struck: true})
	}
	verdict := para{text: d.Interpretation, bold: d.Interpretation != "S"}
	if d.Interpretation == "R" || d.Interpretation == "NS" {
		verdict.ink = paper.Red
	}
	out := []cell{plain(name), plain(d.Method), value}
	if breakpoints {
		out = append(out, plain(d.Breakpoints))
	}
	return append(out, cell{verdict})
}
