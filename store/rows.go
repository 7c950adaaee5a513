// Reading rows: the few lines that every query of this room needs.

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// Querier reads, inside a transaction or outside: *DB and *Tx.
type Querier interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *Row
}

// List reads all rows of a query; fields says where the columns of each go.
func List[T any](ctx context.Context, q Querier, query string, args []any, fields func(*T) []any) ([]T, error) {
	return Collect(ctx, q, query, args, func(scan func(...any) error) (t T, err error) {
		err = scan(fields(&t)...)
		return t, err
	})
}

// Collect reads all rows of a query, each made by read.
func Collect[T any](ctx context.Context, q Querier, query string, args []any, read func(scan func(...any) error) (T, error)) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, Fault(err)
	}
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		t, err := read(rows.Scan)
		if err != nil {
			return nil, Fault(err)
		}
		out = append(out, t)
	}
	return out, Fault(rows.Err())
}

// rowsAtOnce bounds the rows of one INSERT.
const rowsAtOnce = 32

// InsertRows writes rows of one shape, some dozens in a statement: insert is "INSERT INTO t (columns)", then what follows the values, row gives the
// values of one.
func InsertRows[T any](ctx context.Context, tx *Tx, insert, then string, all []T, row func(T) []any) error {
	for part := range slices.Chunk(all, rowsAtOnce) {
		var args []any
		for _, one := range part {
			args = append(args, row(one)...)
		}
		if _, err := tx.Exec(ctx, insert+" VALUES "+marks(len(part), len(args)/len(part))+then, args...); err != nil {
			return err
		}
	}
	return nil
}

// marks are the places of the values of rows: ($1,$2),($3,$4).
func marks(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

// missing turns "no row" into NotFound with the given words.
func missing(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return record.Errorf(record.NotFound, format, args...)
	}
	if err != nil {
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return nil
}
