// The table of results.

package sheet

import (
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/lab/observation"
)

// segments are the body in its order.
func (l *layout) segments(columns int) []segment {
	if l.s.Status == observation.Withdrawn {
		return []segment{{columns: 1, bands: l.withdrawn()}}
	}
	var out []segment
	if len(l.s.Rows) > 0 {
		t := l.results(columns)
		out = append(out, segment{columns: columns, header: t.header(), bands: t.bands()}, segment{columns: 1, bands: []band{rule(wide)}})
	}
	for i := range l.s.Isolates {
		out = append(out, l.isolate(i)...)
	}
	if len(out) == 0 {
		out = append(out, segment{columns: 1, bands: []band{l.centredLine(l.say(wNone))}})
	}
	return append(out, segment{columns: 1, bands: l.remarks(columns)})
}

// Letters and lines of the two kinds of table, mm.
const (
	oneSize, onePitch = 3.1, 4.5
	twoSize, twoPitch = 2.75, 4.1
)

// results is the table in one column or two.
func (l *layout) results(columns int) *table {
	t := &table{wide: wide, size: oneSize, pitch: onePitch, columns: []column{
		{title: l.short(wNo), min: 8, max: 16},
		{title: l.short(wItem), min: 38, max: 64, grow: 3, soft: true},
		{title: l.short(wCode), min: 12, max: 24, grow: 1},
		{title: l.short(wResult), min: 18, max: 46, grow: 1.5},
		{title: l.short(wFlag), min: 9, max: 18},
		{title: l.short(wUnit), min: 13, max: 28, grow: 1},
		{title: l.short(wRange), min: 27, max: 42, grow: 2, soft: true},
		{title: l.short(wMethod), min: 14, max: 34, grow: 1},
	}}
	if l.any(spans) { // texts need the room that names can spare
		t.columns[1].grow, t.columns[3].grow = 0.5, 6
	}
	if columns == 2 {
		t.wide, t.size, t.pitch = (wide-gap)/2, twoSize, twoPitch
		for i, c := range [][2]float64{{6, 9}, {22, 36}, {}, {12, 24}, {7, 14}, {10, 22}, {14, 28}, {}} {
			t.columns[i].min, t.columns[i].max = c[0], c[1]
		}
	}
	drop := map[int]bool{
		2: columns == 2 || !l.any(func(r *Row) bool { return r.Code != "" && r.Name != "" }),
		4: !l.any(func(r *Row) bool { return l.arrow(r.Ours)+l.arrow(r.Sender) != "" }),
		5: !l.any(func(r *Row) bool { return r.Unit != "" }),
		6: !l.any(func(r *Row) bool { return r.Range != "" }),
		7: columns == 2 || !l.any(func(r *Row) bool { return r.Method != "" }),
	}
	for i := range l.s.Rows {
		t.rows = append(t.rows, l.row(i, drop, t))
	}
	kept := t.columns[:0]
	for i, c := range t.columns {
		if !drop[i] {
			kept = append(kept, c)
		}
	}
	t.columns = kept
	t.settle()
	return t
}

func (l *layout) any(has func(*Row) bool) bool {
	for i := range l.s.Rows {
		if has(&l.s.Rows[i]) {
			return true
		}
	}
	return false
}

// narrow reports whether the rows are such as two columns can hold.
func (l *layout) narrow() bool {
	return !l.any(func(r *Row) bool {
		return spans(r) || paper.Width(l.named(r.Name, r.English), false)*twoSize > 70 || paper.Width(r.Result, true)*twoSize > 45 || paper.Width(r.Range, false)*twoSize > 50 || paper.Width(r.Unit, false)*twoSize > 36
	})
}

// row is one result; the columns of drop are left out.
func (l *layout) row(i int, drop map[int]bool, t *table) tableRow {
	r := &l.s.Rows[i]
	number := l.number(i)
	if r.Recognised && !hiddenRow(r) && l.s.Mark != "" && !l.allRecognised() {
		number += "◆"
	}
	name, code := l.named(r.Name, r.English), r.Code
	if name == "" {
		name, code = code, ""
	}
	out := tableRow{heading: r.Heading}
	cells := []cell{plain(number), plain(name), plain(code), l.value(r), l.flag(r), plain(r.Unit), plain(r.Range), plain(r.Method)}
	hidden := hiddenRow(r)
	if hidden {
		cells[4], cells[5], cells[6] = nil, nil, nil
	}
	for k, c := range cells {
		if drop[k] {
			continue
		}
		if k == 3 && (spans(r) || hidden) {
			out.span = len(out.cells)
		}
		out.cells = append(out.cells, c)
	}
	if elsewhere(r) && !hidden {
		out.below = append(out.below, para{text: l.short(wWas) + joined(" ", r.Was.Result, r.Was.Unit, r.Was.Range), ink: paper.Grey, struck: true})
	}
	for _, n := range l.rowNotes(r) {
		out.below = append(out.below, para{text: n, ink: paper.Grey})
	}
	return out
}

// elsewhere reports a correction of more than the digits: all that stood there before is shown below the row.
func elsewhere(r *Row) bool {
	return r.Was != nil && (r.Was.Unit != "" && r.Was.Unit != r.Unit || r.Was.Range != "" && r.Was.Range != r.Range)
}

// rowNotes are what the row says beside its value.
func (l *layout) rowNotes(r *Row) []string {
	if hiddenRow(r) {
		return nil
	}
	var out []string
	if r.Quality != "" {
		out = append(out, l.label(wQC)+r.Quality)
	}
	return append(out, r.Notes...)
}

func (l *layout) number(i int) string {
	if n := l.s.Rows[i].Number; n != "" {
		return n
	}
	return strconv.Itoa(i + 1)
}

// spans reports a text that needs more than its column and leaves the others empty.
func spans(r *Row) bool {
	return r.Unit == "" && r.Range == "" && r.Method == "" && (strings.Contains(r.Result, "\n") || paper.Width(r.Result, false) > 12)
}

// hiddenRow is a row whose value nobody may see.
func hiddenRow(r *Row) bool {
	switch r.Status {
	case observation.Withdrawn, observation.Cancelled, observation.Registered, observation.Unverified:
		return true
	}
	return false
}

// value is what was measured; above what it was before its correction.
func (l *layout) value(r *Row) cell {
	if hiddenRow(r) {
		return cell{{text: l.short(rowWords[r.Status]), ink: paper.Grey}}
	}
	st := para{text: r.Result}
	switch severity(r) {
	case 1:
		st.bold = true
	case 2:
		st.bold, st.ink = true, paper.Red
	}
	out := cell{st}
	if w, ok := rowWords[r.Status]; ok && r.Status != l.s.Status {
		out = append(out, para{text: "（" + l.short(w) + "）", ink: paper.Grey})
	}
	if r.Was != nil && r.Was.Result != "" && !elsewhere(r) {
		out = append(out, para{text: l.short(wWas) + r.Was.Result, ink: paper.Grey, struck: true})
	}
	return out
}

// arrows of the flags of HL7 table 0078.
var arrows = map[string]string{"H": "↑", "L": "↓", "HH": "↑*", "LL": "↓*", "AA": "*", "N": "", "": ""}

func (l *layout) arrow(flag string) string {
	if flag == "A" {
		return l.short(wAbnormal)
	}
	if a, ok := arrows[flag]; ok {
		return a
	}
	return flag
}

// differ reports flags of which both judge and not alike.
func differ(r *Row) bool { return r.Ours != "" && r.Sender != "" && r.Ours != r.Sender }

// flag shows ours, the sender's where we did not judge, and both where they differ.
func (l *layout) flag(r *Row) cell {
	text := l.arrow(r.Ours)
	if r.Ours == "" {
		text = l.arrow(r.Sender)
	}
	if differ(r) {
		text = dash(l.arrow(r.Ours)) + "/" + dash(l.arrow(r.Sender))
	}
	st := para{text: text, bold: severity(r) > 0}
	if severity(r) == 2 {
		st.ink = paper.Red
	}
	return cell{st}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// severity of what either says: 0 normal, 1 abnormal, 2 critical.
func severity(r *Row) int {
	worst := 0
	for _, f := range []string{r.Ours, r.Sender} {
		switch f {
		case "", "N":
		case "HH", "LL", "AA":
			worst = 2
		default:
			worst = max(worst, 1)
		}
	}
	return worst
}

func (l *layout) allRecognised() bool {
	return !l.any(func(r *Row) bool { return !r.Recognised })
}

func joined(sep string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, sep)
}
