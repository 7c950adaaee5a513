// What differs between SQLite and PostgreSQL: opening, locking, waking, copying, and the meaning of their errors.

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lianzhen/lianzhen/record"
)

//go:embed migrations/*.sql
var migrations embed.FS

// dialect is one of two rows: sqliteDialect, postgresDialect.
type dialect struct {
	name       string
	goose      goose.Dialect
	skipLocked string
	open       func(ctx context.Context, url string) (write, read *sql.DB, err error)
	lock       func(ctx context.Context, tx *sql.Tx, names []string) error
	notify     func(ctx context.Context, tx *sql.Tx, seq int64, directory bool) error
	listen     func(ctx context.Context, url string, heard func(seq int64, directory bool))
	backup     func(ctx context.Context, url, path string) error
	migrating  []goose.ProviderOption

	// soft makes the commits of a connection not wait for the disk, hard makes them wait again.
	soft, hard string

	compiles bool // statements are to be kept compiled; the driver of PostgreSQL does that by itself
}

func dialectOf(url string) (dialect, error) {
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		return sqliteDialect, nil
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return postgresDialect()
	}
	return dialect{}, record.Errorf(record.Invalid, "database url: want sqlite:<path> or postgres://...")
}

func migrate(ctx context.Context, d dialect, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Rooms number their own files; one may arrive with a smaller number after a larger one ran.
	opts := append([]goose.ProviderOption{goose.WithAllowOutofOrder(true)}, d.migrating...)
	p, err := goose.NewProvider(d.goose, db, files, opts...)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// ---- SQLite

var sqliteDialect = dialect{
	name:   "sqlite",
	goose:  goose.DialectSQLite3,
	open:   openSQLite,
	lock:   func(context.Context, *sql.Tx, []string) error { return nil },
	notify: func(context.Context, *sql.Tx, int64, bool) error { return nil },
	listen: func(ctx context.Context, _ string, _ func(int64, bool)) { <-ctx.Done() },
	backup: backupSQLite,
	soft:   "PRAGMA synchronous = NORMAL",
	hard:   "PRAGMA synchronous = FULL",

	compiles: true,
}

// openSQLite opens one writer and several readers. The journal is a WAL and every commit is flushed to the disk. No
// memory mapping: a read error of a mapped file kills the process instead of failing a query.
func openSQLite(ctx context.Context, url string) (write, read *sql.DB, err error) {
	path := strings.TrimPrefix(url, "sqlite:")
	if path == "" || strings.Contains(path, ":memory:") {
		return nil, nil, record.Errorf(record.Invalid, "database url: sqlite needs a file")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, err
	}
	if write, err = sql.Open("sqlite", sqliteDSN(path, "rwc", 64<<10)); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	if err := write.PingContext(ctx); err != nil { // creates the file, which the readers cannot
		return nil, nil, errors.Join(err, write.Close())
	}
	if read, err = sql.Open("sqlite", sqliteDSN(path, "ro", 16<<10)); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	n := max(4, 2*runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(n)
	read.SetMaxIdleConns(n)
	return write, read, nil
}

func sqliteDSN(path, mode string, cacheKiB int) string {
	q := url.Values{"mode": {mode}}
	pragmas := []string{"busy_timeout(10000)", "foreign_keys(1)", fmt.Sprintf("cache_size(-%d)", cacheKiB), "temp_store(2)"}
	if mode == "ro" {
		pragmas = append(pragmas, "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
		pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(FULL)", "journal_size_limit(67108864)")
	}
	q["_pragma"] = pragmas
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()}
	return file.String() + "?" + q.Encode()
}

// backupSQLite copies through a connection of its own, so that the writer goes on. query_only would forbid the copy.
func backupSQLite(ctx context.Context, url, path string) error {
	if _, err := os.Stat(path); err == nil {
		return record.Errorf(record.Conflict, "backup: the file exists already")
	}
	temp := path + ".part"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dsn := sqliteDSN(strings.TrimPrefix(url, "sqlite:"), "rw", 16<<10)
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, temp); err != nil {
		return fmt.Errorf("backup: %w", Fault(err))
	}
	if err := syncPath(temp); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return syncPath(filepath.Dir(path))
}

// ---- PostgreSQL

func postgresDialect() (dialect, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return dialect{}, err
	}
	return dialect{
		name:       "postgres",
		goose:      goose.DialectPostgres,
		skipLocked: " FOR UPDATE SKIP LOCKED",
		open:       openPostgres,
		lock:       lockPostgres,
		notify:     notifyPostgres,
		listen:     listenPostgres,
		backup: func(context.Context, string, string) error {
			return record.Errorf(record.Precondition, "backup: use pg_dump or pg_basebackup for PostgreSQL")
		},
		migrating: []goose.ProviderOption{goose.WithSessionLocker(locker)},
		soft:      "SET synchronous_commit = off",
		hard:      "RESET synchronous_commit",
	}, nil
}

// openPostgres opens two pools: a transaction that reads outside of itself must find a connection while all others wait
// to write.
func openPostgres(ctx context.Context, url string) (write, read *sql.DB, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	n := max(8, 2*runtime.GOMAXPROCS(0))
	if write, err = postgresPool(ctx, url, n); err != nil {
		return nil, nil, err
	}
	if read, err = postgresPool(ctx, url, 2*n); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	return write, read, nil
}

// postgresSettings of every connection, unless the URL says otherwise. Compiling a query costs more than our short ones
// take; a transaction that hangs must not hold the event head for ever.
var postgresSettings = map[string]string{"jit": "off", "application_name": "lianzhen", "idle_in_transaction_session_timeout": "60000"}

func postgresPool(ctx context.Context, url string, n int) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, record.Errorf(record.Invalid, "database url: not understood") // its text may hold the password
	}
	for name, value := range postgresSettings {
		if cfg.RuntimeParams[name] == "" {
			cfg.RuntimeParams[name] = value
		}
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// lockPostgres takes advisory locks to the end of the transaction, in one order for all.
func lockPostgres(ctx context.Context, tx *sql.Tx, names []string) error {
	ids := make([]int64, 0, len(names))
	for _, n := range names {
		h := fnv.New64a()
		_, _ = h.Write([]byte(n))
		ids = append(ids, int64(h.Sum64()))
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, id); err != nil {
			return err
		}
	}
	return nil
}

const channel = "lianzhen_events"

func notifyPostgres(ctx context.Context, tx *sql.Tx, seq int64, directory bool) error {
	if seq == 0 && !directory {
		return nil
	}
	word := strconv.FormatInt(seq, 10)
	if directory {
		word += " directory"
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, word)
	return err
}

// listenPostgres keeps one connection that hears of the events of other processes, and comes back when it breaks.
func listenPostgres(ctx context.Context, url string, heard func(seq int64, directory bool)) {
	wait := 100 * time.Millisecond
	for ctx.Err() == nil {
		begun := time.Now()
		_ = listenOnce(ctx, url, heard) // the 1 s poll of Wait covers the gap
		if time.Since(begun) > time.Minute {
			wait = 100 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, 10*time.Second)
	}
}

func listenOnce(ctx context.Context, url string, heard func(seq int64, directory bool)) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return err
	}
	heard(0, true) // what happened while nobody listened
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(n.Payload, " ")
		seq, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			continue
		}
		heard(seq, rest == "directory")
	}
}

// ---- errors

// sqliteUnavailable: primary codes that say "try again later" or "the disk is in trouble".
var sqliteUnavailable = []int{
	sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
	sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
}

// Fault gives a database error its kind: trouble with the disk or the connection is Unavailable, a broken uniqueness
// Conflict, a reference to nothing Precondition. sql.ErrNoRows, errors of a context and errors that have a kind stay.
func Fault(err error) error {
	var named *record.Error
	if err == nil || errors.As(err, &named) || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return sqliteFault(err, lite.Code())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return postgresFault(err, pg.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) || diskTrouble(err) || brokenPipe(err) {
		return record.Wrap(record.Unavailable, err, "the database cannot be reached")
	}
	return err
}

func sqliteFault(err error, code int) error {
	switch {
	case slices.Contains(sqliteUnavailable, code&0xff):
		return record.Wrap(record.Unavailable, err, "the database cannot write now")
	case code == sqlite3.SQLITE_CONSTRAINT_UNIQUE, code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return record.Wrap(record.Conflict, err, "exists already")
	case code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return record.Wrap(record.Precondition, err, "refers to something unknown")
	}
	return err
}

func postgresFault(err error, code string) error {
	switch class := code[:min(2, len(code))]; {
	case class == "08", class == "53", class == "57", class == "58", class == "40", code == "55P03", code == "25006":
		return record.Wrap(record.Unavailable, err, "the database cannot answer now")
	case code == "23505":
		return record.Wrap(record.Conflict, err, "exists already")
	case code == "23503":
		return record.Wrap(record.Precondition, err, "refers to something unknown")
	}
	return err
}

// retryable reports whether the same transaction may succeed when it runs again.
func retryable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}
