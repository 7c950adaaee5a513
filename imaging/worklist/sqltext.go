package worklist

import "github.com/lianzhen/lianzhen/store"

// sqlText gathers the conditions of a query.
type sqlText struct{ store.Where }

// contains asks for a text inside a column. LIKE would do, were case not a matter of the database there.
func (b *sqlText) contains(column, part string) {
	b.And("REPLACE(" + column + ", " + b.Arg(part) + ", '') <> " + column)
}
