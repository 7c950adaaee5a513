// The cells of one sheet (ECMA-376 part 1, 18.3).

package table

import (
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"time"
)

// sheetReader walks the rows of a sheet.
type sheetReader struct {
	w      *workbook
	g      *grid
	row    gridRow
	number int
	merged [][4]int // first row, first column, last row, last column
}

func (w *workbook) readSheet(s sheetPart) (*grid, error) {
	r := &sheetReader{w: w, g: &grid{}}
	err := w.walk(s.path, func(d *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "row":
			return r.begin(e)
		case "c":
			if err := r.cell(d, e); err != nil {
				return err
			}
			return errConsumed
		case "mergeCell":
			return r.merge(attr(e, "ref"))
		}
		return nil
	})
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, err
	}
	return r.g, r.spread()
}

func (r *sheetReader) begin(e xml.StartElement) error {
	if err := r.end(); err != nil {
		return err
	}
	next := r.number + 1
	if v := attr(e, "r"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < next || n > 1<<20 {
			return refuse("the rows of the sheet are not in order")
		}
		next = n
	}
	r.number = next
	r.row = gridRow{number: next}
	return nil
}

func (r *sheetReader) end() error {
	if r.row.number == 0 {
		return nil
	}
	row := r.row
	r.row = gridRow{}
	return r.g.add(row)
}

// cell reads one with its end.
func (r *sheetReader) cell(d *xml.Decoder, e xml.StartElement) error {
	column := len(r.row.cells)
	if ref := attr(e, "r"); ref != "" {
		c, _, ok := reference(ref)
		if !ok || c < column {
			return refuse("the cells of the sheet are not in order")
		}
		column = c
	}
	raw, err := rawCell(d)
	if err != nil {
		return err
	}
	out, err := r.value(raw, attr(e, "t"), attr(e, "s"))
	if err != nil || out.empty() && !raw.formula {
		return err
	}
	if column >= MaxColumns {
		return Errors{{Row: r.number, Reason: "more than 512 columns"}}.wrapped()
	}
	for len(r.row.cells) < column {
		r.row.cells = append(r.row.cells, cell{})
	}
	r.row.cells = append(r.row.cells, out)
	return nil
}

// raw is a cell as it is in the file.
type raw struct {
	value, inline string
	formula       bool
}

func rawCell(d *xml.Decoder) (raw, error) {
	var out raw
	var into *strings.Builder
	var value strings.Builder
	for depth := 1; ; {
		t, err := d.RawToken()
		if err != nil {
			return out, errDamaged
		}
		switch e := t.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "is":
				if out.inline, err = richText(d, "is"); err != nil {
					return out, err
				}
				continue
			case "f":
				out.formula = true
			case "v":
				into = &value
			}
			if depth++; depth > maxXMLDepth {
				return out, errDamaged
			}
		case xml.EndElement:
			into = nil
			if depth--; depth == 0 {
				out.value = value.String()
				return out, nil
			}
		case xml.CharData:
			if into != nil {
				if into.Len()+len(e) > maxCell {
					return out, refuse("a text of more than 65,536 bytes")
				}
				into.Write(e)
			}
		}
	}
}

// value says what a cell of a type (18.18.11) and style holds.
func (r *sheetReader) value(in raw, kind, style string) (cell, error) {
	out := cell{text: in.value, formula: in.formula}
	switch kind {
	case "s":
		if in.value == "" {
			return out, nil
		}
		n, err := strconv.Atoi(strings.TrimSpace(in.value))
		if err != nil || n < 0 || n >= len(r.w.strings) {
			return out, Errors{{Row: r.number, Reason: "a text that the workbook does not have"}}.wrapped()
		}
		out.text = r.w.strings[n]
	case "inlineStr":
		out.text = in.inline
	case "str":
		out.text = unescaped(in.value)
	case "b":
		out.kind, out.text = boolCell, map[string]string{"1": "TRUE", "0": "FALSE"}[in.value]
	case "e":
		out.kind = faultCell
	case "d":
		out.kind = dateCell
	default:
		return r.number64(out, style), nil
	}
	return out, nil
}

// number64 writes a double in the fewest digits that give it again, or as the date that its style shows.
func (r *sheetReader) number64(c cell, style string) cell {
	c.text = strings.TrimSpace(c.text)
	v, err := strconv.ParseFloat(c.text, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return c // empty, or a text that says it is a number
	}
	if n, err := strconv.Atoi(style); err == nil && n >= 0 && n < len(r.w.dates) && r.w.dates[n] {
		if at, ok := r.w.date(v); ok {
			c.kind, c.text = dateCell, at
			return c
		}
	}
	c.kind, c.text = numberCell, strconv.FormatFloat(v, 'f', -1, 64)
	c.inexact = math.Abs(v) >= 1<<53
	if len(c.text) > 60 {
		c.text = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return c
}

// date is what a number of days stands for; of a part of a day only the time.
func (w *workbook) date(days float64) (string, bool) {
	if days < 0 || days > 2_958_466 { // 9999-12-31
		return "", false
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case w.from04:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 60: // 1900 was no leap year (18.17.4.1)
		first = first.AddDate(0, 0, 1)
	}
	whole := math.Floor(days)
	seconds := math.Round((days - whole) * 86400)
	at := first.AddDate(0, 0, int(whole)).Add(time.Duration(seconds) * time.Second)
	switch {
	case days < 1:
		return at.Format("15:04:05"), true
	case seconds == 0:
		return at.Format(time.DateOnly), true
	}
	return at.Format(time.DateTime), true
}

// reference reads "B12": column and row from 0.
func reference(s string) (column, row int, ok bool) {
	i := 0
	for i < len(s) && i < 3 && s[i] >= 'A' && s[i] <= 'Z' {
		column = column*26 + int(s[i]-'A') + 1
		i++
	}
	if i == 0 || i == len(s) {
		return 0, 0, false
	}
	n, err := strconv.Atoi(s[i:])
	return column - 1, n - 1, err == nil && n > 0 && n <= 1<<20
}

func (r *sheetReader) merge(ref string) error {
	a, b, ok := strings.Cut(ref, ":")
	if !ok {
		return nil
	}
	c1, r1, ok1 := reference(a)
	c2, r2, ok2 := reference(b)
	if !ok1 || !ok2 || c2 < c1 || r2 < r1 {
		return refuse("cells are merged that there are not")
	}
	if len(r.merged) >= maxMerged {
		return refuse("more than 20,000 merged cells")
	}
	if r2 > r1 { // across is how titles are set
		r.merged = append(r.merged, [4]int{r1 + 1, c1, r2 + 1, c2})
	}
	return nil
}

// spread gives every row under a merged cell what that says: a name that is written once for its results.
func (r *sheetReader) spread() error {
	at := make(map[int]int, len(r.g.rows))
	for i := range r.g.rows {
		at[r.g.rows[i].number] = i
	}
	for _, m := range r.merged {
		i, ok := at[m[0]]
		if !ok {
			continue
		}
		from := r.g.rows[i].at(m[1])
		if from.empty() {
			continue
		}
		for k := i + 1; k < len(r.g.rows) && r.g.rows[k].number <= m[2]; k++ {
			row := &r.g.rows[k]
			for len(row.cells) <= m[1] {
				row.cells = append(row.cells, cell{})
				r.g.cells++
			}
			row.cells[m[1]] = from
			row.cells[m[1]].spread = true
			if r.g.text += len(from.text); r.g.cells > maxCells || r.g.text > maxText {
				return refuse("more cells than a table may have: split it")
			}
		}
	}
	return nil
}
