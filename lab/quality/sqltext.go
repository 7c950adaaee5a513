package quality

import (
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// sqlText gathers conditions and their arguments.
type sqlText struct {
	conds []string
	args  []any
}

// within begins with what the scope reaches and, where it is named, one laboratory.
func (d *Desk) within(s record.Scope, column string, laboratory record.InstitutionID) *sqlText {
	b := &sqlText{}
	b.and(d.db.ScopeSQL(s, column, "", &b.args))
	b.equal(column, string(laboratory))
	return b
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

func (b *sqlText) after(column string, p store.Page) {
	if p.After != "" {
		b.and(column + " > " + b.arg(p.After))
	}
}

func (b *sqlText) before(column string, p store.Page) {
	if p.After != "" {
		b.and(column + " < " + b.arg(p.After))
	}
}

func (b *sqlText) where() string { return strings.Join(b.conds, " AND ") }

const (
	usualPage = 50
	mostPage  = 1000
)

func limit(p store.Page) int {
	if p.Limit <= 0 {
		return usualPage
	}
	return min(p.Limit, mostPage+1)
}
