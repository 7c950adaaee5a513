package worklist

import (
	"fmt"
	"strings"
)

// sqlText gathers conditions and their arguments.
type sqlText struct {
	conds []string
	args  []any
}

func (b *sqlText) arg(v any) string {
	b.args = append(b.args, v)
	return fmt.Sprintf("$%d", len(b.args))
}

func (b *sqlText) and(cond string) { b.conds = append(b.conds, cond) }

func (b *sqlText) equal(column, v string) {
	if v != "" {
		b.and(column + " = " + b.arg(v))
	}
}

func (b *sqlText) where() string { return strings.Join(b.conds, " AND ") }

// contains asks for a text inside a column. LIKE would do, were case not a matter of the database there.
func (b *sqlText) contains(column, part string) {
	b.and("REPLACE(" + column + ", " + b.arg(part) + ", '') <> " + column)
}

// in asks for one of the values, of which there is at least one.
func in[S ~string](b *sqlText, column string, values []S) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = b.arg(string(v))
	}
	b.and(column + " IN (" + strings.Join(marks, ",") + ")")
}
