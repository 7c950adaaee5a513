// DB: one write transaction at a time per SQLite file, any number on PostgreSQL, readers beside it, events at commit.

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Options of Open.
type Options struct {
	Now  record.Clock // default time.Now
	Keys *Keys        // seals and indexes national identity numbers; without it no patient with such a number is kept
}

// DB is the database: rows are concrete, there is no interface over them.
type DB struct {
	dialect dialect
	url     string
	write   *sql.DB // SQLite: exactly one connection
	read    *sql.DB // SQLite: read-only connections; PostgreSQL: a pool of their own
	now     record.Clock
	keys    *Keys

	compiled struct{ write, read *statements }

	wake  *wake
	notes *notes
	graph graphCache
	stop  context.CancelFunc
	done  chan struct{} // the listener has ended
}

// Tx is one write transaction. Close the rows of one Query before the next statement: PostgreSQL demands it.
type Tx struct {
	tx        *sql.Tx
	db        *DB
	events    []record.Event
	scope     record.Scope
	directory bool // the institutions graph changed
}

// Row is the answer of QueryRow.
type Row struct {
	row *sql.Row
	err error
}

// Scan copies the columns into dest; sql.ErrNoRows when there was no row.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return Fault(r.row.Scan(dest...))
}

// Open opens "sqlite:<path>" or "postgres://..." and brings its tables up to date.
func Open(ctx context.Context, url string, opt Options) (*DB, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	db := &DB{url: url, now: opt.Now, keys: opt.Keys, wake: newWake(), done: make(chan struct{})}
	var err error
	if db.dialect, err = dialectOf(url); err != nil {
		return nil, err
	}
	if db.write, db.read, err = db.dialect.open(ctx, url); err != nil {
		return nil, fmt.Errorf("open database: %w", Fault(err))
	}
	if err := migrate(ctx, db.dialect, db.write); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate: %w", Fault(err)), db.closePools())
	}
	bg, stop := context.WithCancel(context.Background())
	db.stop = stop
	if db.dialect.compiles {
		db.compiled.write, db.compiled.read = newStatements(bg, db.write), newStatements(bg, db.read)
	}
	db.notes = newNotes(db)
	go func() {
		defer close(db.done)
		db.dialect.listen(bg, url, db.heard)
	}()
	return db, nil
}

// Close ends the background work and the connections. Notes already handed in are written first.
func (db *DB) Close() error {
	db.notes.close()
	db.stop()
	<-db.done
	db.compiled.write.close()
	db.compiled.read.close()
	db.wake.all()
	return db.closePools()
}

func (db *DB) closePools() error {
	return errors.Join(db.read.Close(), db.write.Close())
}

// Now is the clock of this database.
func (db *DB) Now() time.Time { return db.now().UTC() }

// Dialect is "sqlite" or "postgres", for display; SQL must not depend on it.
func (db *DB) Dialect() string { return db.dialect.name }

// Ping reports whether the database answers, for readiness.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	return db.QueryRow(ctx, `SELECT one FROM event_head`).Scan(&one)
}

// Backup writes a consistent copy to path while the program runs (SQLite). PostgreSQL has its own tools.
func (db *DB) Backup(ctx context.Context, path string) error {
	return db.dialect.backup(ctx, db.url, path)
}

const txTries = 6

// Tx runs fn in one write transaction and commits it with the events that fn emitted. fn may run more than once, since
// a transaction that lost against another is tried again: fn must do nothing but work on tx. fn must not call Tx or
// Note of the same DB: SQLite has one writer and it would wait for itself.
func (db *DB) Tx(ctx context.Context, fn func(tx *Tx) error) error {
	return db.try(ctx, func() error {
		sqlTx, err := db.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		return db.once(ctx, sqlTx, fn)
	})
}

// softTx is Tx whose commit does not wait for the disk: the program may die after it, the machine may not.
func (db *DB) softTx(ctx context.Context, fn func(tx *Tx) error) error {
	return db.try(ctx, func() error {
		conn, err := db.write.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.ExecContext(ctx, db.dialect.soft); err != nil {
			return err
		}
		defer func() {
			if _, err := conn.ExecContext(context.WithoutCancel(ctx), db.dialect.hard); err != nil {
				_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // never used again
			}
		}()
		sqlTx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		return db.once(ctx, sqlTx, fn)
	})
}

func (db *DB) try(ctx context.Context, do func() error) error {
	var err error
	for try := range txTries {
		if try > 0 && !pause(ctx, try) {
			break
		}
		if err = do(); err == nil || !retryable(err) {
			break
		}
	}
	return Fault(err)
}

func pause(ctx context.Context, try int) bool {
	d := time.Duration(1<<try)*2*time.Millisecond + rand.N(5*time.Millisecond)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (db *DB) once(ctx context.Context, sqlTx *sql.Tx, fn func(tx *Tx) error) error {
	defer func() { _ = sqlTx.Rollback() }()
	tx := &Tx{tx: sqlTx, db: db}
	if err := fn(tx); err != nil {
		return err
	}
	if tx.directory {
		if _, err := tx.Exec(ctx, `UPDATE directory_version SET version = version + 1 WHERE one = 1`); err != nil {
			return err
		}
	}
	seq, err := tx.flush(ctx)
	if err != nil {
		return err
	}
	if err := db.dialect.notify(ctx, sqlTx, seq, tx.directory); err != nil {
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		return err
	}
	db.heard(seq, tx.directory)
	return nil
}

// heard learns of events up to seq, from this process or another.
func (db *DB) heard(seq int64, directory bool) {
	if directory {
		db.graph.stale.Store(true)
	}
	db.wake.upTo(seq)
}

// Query reads with the read connections: it sees what is committed.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	args, err := plain(args)
	if err != nil {
		return nil, err
	}
	if st := db.compiled.read.get(query); st != nil {
		rows, err := st.QueryContext(ctx, args...)
		return rows, Fault(err)
	}
	rows, err := db.read.QueryContext(ctx, query, args...)
	return rows, Fault(err)
}

// QueryRow is Query for at most one row.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	args, err := plain(args)
	if err != nil {
		return &Row{err: err}
	}
	if st := db.compiled.read.get(query); st != nil {
		return &Row{row: st.QueryRowContext(ctx, args...)}
	}
	return &Row{row: db.read.QueryRowContext(ctx, query, args...)}
}

// steady is the context of one statement. The driver of SQLite starts a goroutine for every statement that may be interrupted, which costs more than
// a short one does: there a transaction ends between two statements, not within one.
func (tx *Tx) steady(ctx context.Context) (context.Context, error) {
	if !tx.db.dialect.compiles {
		return ctx, nil
	}
	return context.WithoutCancel(ctx), ctx.Err()
}

// Exec runs one statement of the transaction.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	args, err := plain(args)
	if err == nil {
		ctx, err = tx.steady(ctx)
	}
	if err != nil {
		return nil, err
	}
	if st := tx.db.compiled.write.get(query); st != nil {
		return tx.tx.StmtContext(ctx, st).ExecContext(ctx, args...)
	}
	return tx.tx.ExecContext(ctx, query, args...)
}

// Query reads inside the transaction.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	args, err := plain(args)
	if err == nil {
		ctx, err = tx.steady(ctx)
	}
	if err != nil {
		return nil, err
	}
	if st := tx.db.compiled.write.get(query); st != nil {
		return tx.tx.StmtContext(ctx, st).QueryContext(ctx, args...)
	}
	return tx.tx.QueryContext(ctx, query, args...)
}

// QueryRow is Query for at most one row.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *Row {
	args, err := plain(args)
	if err == nil {
		ctx, err = tx.steady(ctx)
	}
	if err != nil {
		return &Row{err: err}
	}
	if st := tx.db.compiled.write.get(query); st != nil {
		return &Row{row: tx.tx.StmtContext(ctx, st).QueryRowContext(ctx, args...)}
	}
	return &Row{row: tx.tx.QueryRowContext(ctx, query, args...)}
}

// Now is the clock of the database.
func (tx *Tx) Now() time.Time { return tx.db.Now() }

// As names who does what follows: events emitted without an actor, the store's own among them, take it from s.
func (tx *Tx) As(s record.Scope) { tx.scope = s }

// Lock makes transactions that name the same thing follow each other. Take it before any row lock. On SQLite a write
// transaction is alone already.
func (tx *Tx) Lock(ctx context.Context, names ...string) error {
	return tx.db.dialect.lock(ctx, tx.tx, names)
}

// SkipLocked ends a SELECT that claims rows for this transaction: " FOR UPDATE SKIP LOCKED", or nothing where a write
// transaction is alone already.
func (tx *Tx) SkipLocked() string { return tx.db.dialect.skipLocked }

// plain makes the two drivers agree on arguments. Personal data would be stored as its mask by one of them, so that it
// must be revealed by the caller; instants and dates have one stored form each.
func plain(args []any) ([]any, error) {
	for i, a := range args {
		switch v := a.(type) {
		case bool:
			args[i] = 0
			if v {
				args[i] = 1
			}
		case record.Personal, record.IDNumber:
			return nil, fmt.Errorf("argument %d is personal data: pass Reveal()", i+1)
		case time.Time:
			return nil, fmt.Errorf("argument %d is a time: pass record.Micros", i+1)
		case record.Date:
			args[i] = v.String()
		}
	}
	return args, nil
}
