// Finding the heading, and what kind of table it is.

package table

import (
	"strings"
)

// maxHeader is how many lines of titles may stand over the heading.
const maxHeader = 30

// form is a table whose heading was understood.
type form struct {
	p        *Profile
	g        *grid
	head     int           // index of the heading in the rows
	first    int           // index of the first row of data
	fields   map[field]int // columns
	analytes []analyteColumn
	notes    []int // columns of remarks beyond the first
}

// analyteColumn is one of a wide table.
type analyteColumn struct {
	column int
	Analyte
}

// understood finds the row that has the most headings, and reads it.
func understood(g *grid, p *Profile, f *findings) *form {
	best, most := -1, 0
	for i := range g.rows[:min(len(g.rows), maxHeader)] {
		n := 0
		for _, c := range g.rows[i].cells {
			if field, ok := recognised(c.text, p); ok && field != fIgnored {
				n++
			}
		}
		if n > most {
			best, most = i, n
		}
	}
	if most < 2 {
		return nil
	}
	t := &form{p: p, g: g, head: best, first: best + 1, fields: map[field]int{}}
	t.read(f)
	return t
}

// read gives every column its field.
func (t *form) read(f *findings) {
	row := &t.g.rows[t.head]
	var rest []int
	for i, c := range row.cells {
		if c.text == "" {
			continue
		}
		field, ok := recognised(c.text, t.p)
		_, named := t.p.analyte(c.text)
		switch {
		case named || !ok:
			rest = append(rest, i)
		case field == fIgnored:
		case field == fNote && t.has(fNote):
			t.notes = append(t.notes, i)
		case t.has(field):
			f.fault(row.number, i+1, title(field), "this heading is there twice")
		default:
			t.fields[field] = i
		}
	}
	if t.wide() {
		t.readAnalytes(rest, f)
		return
	}
	for _, i := range rest {
		f.warn(row.number, i+1, "column-ignored", "a heading that is not known: the column was not read")
	}
	for _, need := range []field{fResult} {
		if !t.has(need) {
			f.fault(row.number, 0, "", "no column "+title(need))
		}
	}
	if !t.has(fCode) && !t.has(fItem) && !t.has(fLOINC) {
		f.fault(row.number, 0, "", "no column "+title(fItem)+" or "+title(fCode))
	}
	t.person(f)
}

// person asks for who it is of: a name, or a number of specimen or order.
func (t *form) person(f *findings) {
	if !t.has(fName) && !t.has(fBarcode) && !t.has(fOrder) {
		f.fault(t.g.rows[t.head].number, 0, "", "no column "+title(fName)+" or "+title(fBarcode))
	}
}

func (t *form) has(f field) bool { _, ok := t.fields[f]; return ok }

// wide tables have no column of results.
func (t *form) wide() bool {
	switch t.p.Layout {
	case "wide":
		return true
	case "long":
		return false
	}
	return !t.has(fResult)
}

// analyte is what the profile says of a heading.
func (p *Profile) analyte(text string) (Analyte, bool) {
	a, ok := p.analytes[heading(text)]
	return a, ok
}

// readAnalytes makes analytes of the columns that are no fields, with the units and ranges that stand below the heading.
func (t *form) readAnalytes(columns []int, f *findings) {
	row := &t.g.rows[t.head]
	if len(columns) == 0 {
		f.fault(row.number, 0, "", "no column "+title(fResult)+" and no column of an analyte")
	}
	seen := map[string]bool{}
	for _, i := range columns {
		text := row.cells[i].text
		a, ok := t.p.analyte(text)
		if !ok {
			a.Name, a.Unit = splitUnit(text)
		}
		if k := heading(a.Code + "|" + a.Name); seen[k] {
			f.fault(row.number, i+1, "", "this analyte is there twice")
		} else {
			seen[k] = true
		}
		t.analytes = append(t.analytes, analyteColumn{i, a})
	}
	for t.first < len(t.g.rows) && t.legend(&t.g.rows[t.first]) {
		t.first++
	}
	t.person(f)
}

// legend takes a row of units or ranges between the heading and the data.
func (t *form) legend(row *gridRow) bool {
	if i, ok := t.fields[fBarcode]; ok && !row.at(i).empty() {
		return false
	}
	for _, c := range row.cells {
		if c.text == "" {
			continue
		}
		field, ok := byHeading[heading(c.text)]
		if !ok || field != fUnit && field != fRange && field != fCode {
			return false
		}
		for k := range t.analytes {
			a := &t.analytes[k]
			text := row.at(a.column).text
			switch {
			case text == "":
			case field == fUnit:
				a.Unit = text
			case field == fRange:
				a.Range = text
			case a.Code == "":
				a.Code = text
			}
		}
		return true
	}
	return false
}

// splitUnit divides "葡萄糖(mmol/L)". What is in brackets is a unit only where it looks like one: "转铁蛋白(血清)" is a name.
func splitUnit(text string) (name, unit string) {
	text = strings.TrimSpace(text)
	for _, b := range []struct{ open, end string }{{"（", "）"}, {"(", ")"}, {"[", "]"}, {"【", "】"}} {
		at := strings.LastIndex(text, b.open)
		if at <= 0 || !strings.HasSuffix(text, b.end) {
			continue
		}
		inner := strings.TrimSpace(text[at+len(b.open) : len(text)-len(b.end)])
		if unitLike(inner) {
			return strings.TrimSpace(text[:at]), inner
		}
	}
	return text, ""
}

func unitLike(s string) bool {
	if s == "" || len(s) > 24 {
		return false
	}
	if strings.ContainsAny(s, "/%^℃°‰") {
		return true
	}
	switch strings.ToLower(s) {
	case "g", "mg", "fl", "pg", "s", "sec", "秒", "个", "mmhg", "kpa", "l", "ml", "iu", "u":
		return true
	}
	return false
}
