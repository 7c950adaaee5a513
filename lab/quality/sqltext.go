package quality

import (
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// sqlText gathers the conditions of a query.
type sqlText struct{ store.Where }

// within begins with what the scope reaches and, where it is named, one laboratory.
func (d *Desk) within(s record.Scope, column string, laboratory record.InstitutionID) *sqlText {
	b := &sqlText{}
	b.And(d.db.ScopeSQL(s, column, "", &b.Args))
	b.Equal(column, string(laboratory))
	return b
}

func (b *sqlText) after(column string, p store.Page) {
	if p.After != "" {
		b.And(column + " > " + b.Arg(p.After))
	}
}

func (b *sqlText) before(column string, p store.Page) {
	if p.After != "" {
		b.And(column + " < " + b.Arg(p.After))
	}
}

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
