// A table in memory: bounded, and every cell with what it was.

package table

import (
	"strings"

	"github.com/lianzhen/lianzhen/lab/observation"
)

// Bounds of a table. What is beyond is refused.
const (
	MaxBytes   = 32 << 20 // of the file
	MaxRows    = 50_000
	MaxColumns = 512
	maxCells   = 1_000_000
	maxText    = 48 << 20 // of all cells
	maxCell    = observation.MaxText
)

// what a cell was in the file.
type cellKind uint8

const (
	textCell   cellKind = iota // as written
	numberCell                 // an IEEE double, written as the shortest digits that give it
	dateCell                   // a double that the sheet shows as a date, written YYYY-MM-DD HH:MM:SS
	boolCell
	faultCell // #N/A
)

type cell struct {
	text    string
	kind    cellKind
	formula bool
	inexact bool // a double that cannot hold all digits of a whole number
	spread  bool // of a merged cell above
}

func (c cell) empty() bool { return c.text == "" && !c.formula }

// grid is the rows that there are, by their numbers in the file.
type grid struct {
	rows  []gridRow
	cells int
	text  int
}

type gridRow struct {
	number int // from 1
	cells  []cell
}

func (r *gridRow) at(column int) cell {
	if column < 0 || column >= len(r.cells) {
		return cell{}
	}
	return r.cells[column]
}

func (r *gridRow) blank() bool {
	for _, c := range r.cells {
		if !c.empty() {
			return false
		}
	}
	return true
}

// add takes a row; an error where the table is too large.
func (g *grid) add(r gridRow) error {
	for len(r.cells) > 0 && r.cells[len(r.cells)-1].empty() {
		r.cells = r.cells[:len(r.cells)-1]
	}
	if len(r.cells) == 0 {
		return nil
	}
	g.cells += len(r.cells)
	for i := range r.cells {
		c := &r.cells[i]
		c.text = strings.TrimSpace(c.text)
		if len(c.text) > maxCell {
			return Errors{{Row: r.number, Column: i + 1, Reason: "a text of more than 65,536 bytes"}}.wrapped()
		}
		g.text += len(c.text)
	}
	switch {
	case len(r.cells) > MaxColumns:
		return Errors{{Row: r.number, Reason: "more than 512 columns"}}.wrapped()
	case r.number > MaxRows+maxHeader || len(g.rows) >= MaxRows+maxHeader:
		return refuse("more than 50,000 rows")
	case g.cells > maxCells || g.text > maxText:
		return refuse("more cells than a table may have: split it")
	}
	g.rows = append(g.rows, r)
	return nil
}
