// What is wrong with a table, by row and column.

package table

import (
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// FormatError is one fault. It never says what the cell holds.
type FormatError struct {
	Sheet  string // of a workbook with several
	Row    int    // from 1 as the program shows it; 0: the table as a whole
	Column int    // from 1; 0: the row as a whole
	Header string // of the column, as this package names it
	Reason string
}

// Place is the row and the column: "B12".
func (e FormatError) Place() string {
	var out string
	switch {
	case e.Row > 0 && e.Column > 0:
		out = columnName(e.Column) + fmt.Sprint(e.Row)
	case e.Row > 0:
		out = fmt.Sprintf("row %d", e.Row)
	case e.Column > 0:
		out = "column " + columnName(e.Column)
	}
	if e.Sheet != "" && out != "" {
		return e.Sheet + "!" + out
	}
	return out
}

// Error says what is wrong and where.
func (e FormatError) Error() string {
	var b strings.Builder
	if p := e.Place(); p != "" {
		b.WriteString(p)
		if e.Header != "" {
			b.WriteString(" (" + e.Header + ")")
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Errors are the faults of a table, the first hundred. It comes wrapped in a record.Invalid.
type Errors []FormatError

const (
	maxErrors   = 100
	maxWarnings = 500
	maxShown    = 10
)

// Error lists the first ten.
func (e Errors) Error() string {
	var out []string
	for _, f := range e[:min(len(e), maxShown)] {
		out = append(out, f.Error())
	}
	if more := len(e) - maxShown; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, "; ")
}

func (e Errors) wrapped() error { return record.Wrap(record.Invalid, e, "table: "+e.Error()) }

// refuse is one fault of the whole.
func refuse(reason string) error { return Errors{{Reason: reason}}.wrapped() }

// findings collects faults and warnings.
type findings struct {
	sheet    string
	faults   Errors
	warnings []observation.Warning
}

func (f *findings) fault(row, column int, header, reason string) {
	if len(f.faults) < maxErrors {
		f.faults = append(f.faults, FormatError{f.sheet, row, column, header, reason})
	}
}

func (f *findings) warn(row, column int, code, note string) {
	if len(f.warnings) < maxWarnings {
		f.warnings = append(f.warnings, observation.Warning{Code: code, Place: FormatError{Sheet: f.sheet, Row: row, Column: column}.Place(), Note: note})
	}
}

// columnName is that of spreadsheets: 1 is A, 27 is AA.
func columnName(n int) string {
	var out []byte
	for ; n > 0; n = (n - 1) / 26 {
		out = append([]byte{byte('A' + (n-1)%26)}, out...)
	}
	return string(out)
}
