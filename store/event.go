// The event table: what happened, gapless and in commit order, each row chained to the one before.

package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Emit adds an event to the transaction; it is written at commit. Without At it happened now, without an actor it was
// whoever As named, without an outcome it succeeded.
func (tx *Tx) Emit(e record.Event) {
	if e.Actor == (record.Actor{}) {
		if tx.scope.Actor == (record.Actor{}) {
			e.Actor = record.Actor{Kind: record.ActorSystem, ID: "lianzhen"}
		} else {
			e = e.By(tx.scope)
		}
	}
	tx.events = append(tx.events, tx.db.filled(e))
}

func (db *DB) filled(e record.Event) record.Event {
	if e.At.IsZero() {
		e.At = db.Now()
	}
	if e.Outcome == "" {
		e.Outcome = record.Success
	}
	return e
}

// eventRows is how many rows one INSERT carries: few enough for a short statement, many enough to save round trips.
const eventRows = 32

// flush writes the buffered events. It comes last in the transaction: the row lock on event_head, held from here to the
// commit, is what makes the order of seq the order of commits.
func (tx *Tx) flush(ctx context.Context) (int64, error) {
	n := int64(len(tx.events))
	if n == 0 {
		return 0, nil
	}
	var last int64
	var hash string
	const take = `UPDATE event_head SET seq = seq + $1 WHERE one = 1 RETURNING seq, hash`
	if err := tx.QueryRow(ctx, take, n).Scan(&last, &hash); err != nil {
		return 0, fmt.Errorf("take event numbers: %w", err)
	}
	for begin := 0; begin < len(tx.events); begin += eventRows {
		some := tx.events[begin:min(begin+eventRows, len(tx.events))]
		var err error
		if hash, err = tx.append(ctx, last-n+1+int64(begin), hash, some); err != nil {
			return 0, fmt.Errorf("write events: %w", err)
		}
	}
	_, err := tx.Exec(ctx, `UPDATE event_head SET hash = $1 WHERE one = 1`, hash)
	return last, err
}

// append inserts events from number seq on and returns the hash of the last.
func (tx *Tx) append(ctx context.Context, seq int64, hash string, events []record.Event) (string, error) {
	var args []any
	for i, e := range events {
		l, err := linkOf(e, seq+int64(i))
		if err != nil {
			return "", err
		}
		if hash, err = l.hash(hash); err != nil {
			return "", err
		}
		args = append(append(args, l.values()...), hash)
	}
	_, err := tx.Exec(ctx, insertEvents(len(events)), args...)
	return hash, err
}

func insertEvents(n int) string {
	const columns = 16
	var b strings.Builder
	b.WriteString(`INSERT INTO events (` + linkColumns + `, hash) VALUES `)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		for c := range columns {
			sep := byte(',')
			if c == 0 {
				sep = '('
			}
			b.WriteByte(sep)
			fmt.Fprintf(&b, "$%d", i*columns+c+1)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// EventFilter says which events to read.
type EventFilter struct {
	After       int64    // with Desc: before this number, 0 for the newest
	Limit       int      // default 100, at most 10000
	Acts        []string // "case.signed", or "case." for all that begin so
	Institution record.InstitutionID
	Patient     record.PatientID
	Object      string
	Actor       string
	From, To    time.Time // From <= At < To
	Scope       *record.Scope
	Desc        bool
}

func (f EventFilter) where(now time.Time) (string, []any) {
	var args []any
	var conds []string
	add := func(format string, v any) {
		args = append(args, v)
		conds = append(conds, fmt.Sprintf(format, len(args)))
	}
	switch {
	case !f.Desc:
		add("seq > $%d", f.After)
	case f.After > 0:
		add("seq < $%d", f.After)
	}
	for _, c := range []struct{ column, value string }{
		{"institution_id", string(f.Institution)},
		{"patient_id", string(f.Patient)},
		{"object_id", f.Object},
		{"actor_id", f.Actor},
	} {
		if c.value != "" {
			add(c.column+" = $%d", c.value)
		}
	}
	if !f.From.IsZero() {
		add("at >= $%d", record.Micros(f.From))
	}
	if !f.To.IsZero() {
		add("at < $%d", record.Micros(f.To))
	}
	if len(f.Acts) > 0 {
		conds = append(conds, actsSQL(f.Acts, &args))
	}
	if f.Scope != nil {
		conds = append(conds, scopeSQL(*f.Scope, now, "institution_id", "patient_id", &args))
	}
	if len(conds) == 0 {
		return "1=1", args
	}
	return strings.Join(conds, " AND "), args
}

func actsSQL(acts []string, args *[]any) string {
	var any []string
	for _, a := range acts {
		*args = append(*args, a)
		if strings.HasSuffix(a, ".") {
			any = append(any, fmt.Sprintf("substr(act, 1, %d) = $%d", len(a), len(*args)))
		} else {
			any = append(any, fmt.Sprintf("act = $%d", len(*args)))
		}
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// Events reads events in their order, or the newest first with Desc.
func (db *DB) Events(ctx context.Context, f EventFilter) ([]record.Event, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	where, args := f.where(db.Now())
	order := "seq"
	if f.Desc {
		order = "seq DESC"
	}
	args = append(args, min(f.Limit, 10000))
	query := fmt.Sprintf(`SELECT %s FROM events WHERE %s ORDER BY %s LIMIT $%d`, linkColumns, where, order, len(args))
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []record.Event
	for rows.Next() {
		var l link
		if err := rows.Scan(l.fields()...); err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		e, err := l.event()
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, Fault(rows.Err())
}

// EventPage is one page of a feed: the events after f.After, oldest first, and the cursor to ask on with, which moves over
// events of others. The head is read first: what is not in a page that was not full cannot come later with a smaller
// number, since numbers are given in the order of commits. A scope of one institution uses its index.
func (db *DB) EventPage(ctx context.Context, f EventFilter) ([]record.Event, int64, error) {
	head, err := db.Head(ctx)
	if err != nil {
		return nil, 0, err
	}
	if f.After < 0 || f.After > head {
		return nil, 0, record.Errorf(record.Invalid, "cursor %d is not on this exchange's log, which ends at %d", f.After, head)
	}
	if s := f.Scope; s != nil && !s.All && s.RelatedAt == "" && len(s.Institutions) == 1 {
		f.Institution = s.Institutions[0]
	}
	evs, err := db.Events(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	next := head
	if n := len(evs); n > 0 && (n == f.Limit || evs[n-1].Seq > head) {
		next = evs[n-1].Seq
	}
	return evs, next, nil
}

// Head is the number of the newest event, 0 when nothing has happened.
func (db *DB) Head(ctx context.Context) (int64, error) {
	var seq int64
	err := db.QueryRow(ctx, `SELECT seq FROM event_head WHERE one = 1`).Scan(&seq)
	return seq, err
}

// EventProof is what VerifyEvents saw. Kept outside the database, it also shows a tail that was cut off together with
// the head row.
type EventProof struct {
	Count int64
	Head  string // hash of the newest event
}

// VerifyEvents walks the whole chain. The error names the first event that was changed, is missing or stands in the
// wrong place. It reads in short queries and disturbs nobody.
func (db *DB) VerifyEvents(ctx context.Context) (EventProof, error) {
	var at EventProof
	for {
		var head, newest int64
		var hash string
		const heads = `SELECT seq, hash, (SELECT COALESCE(MAX(seq), 0) FROM events) FROM event_head WHERE one = 1`
		if err := db.QueryRow(ctx, heads).Scan(&head, &hash, &newest); err != nil {
			return at, fmt.Errorf("verify events: %w", err)
		}
		switch {
		case newest > head:
			return at, broken(head+1, "is beyond the head")
		case newest < head:
			return at, broken(newest+1, "and what follows is missing")
		case at.Count == head && at.Head != hash:
			return at, broken(head, "does not agree with the head")
		case at.Count == head:
			return at, nil
		}
		if err := db.verifyTo(ctx, &at, head); err != nil {
			return at, err
		}
	}
}

func broken(seq int64, how string) error {
	return record.Errorf(record.Precondition, "event %d %s", seq, how)
}

// verifyTo walks on from at up to event number head.
func (db *DB) verifyTo(ctx context.Context, at *EventProof, head int64) error {
	const page = 5000
	const query = `SELECT ` + linkColumns + `, hash FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`
	for at.Count < head {
		before := at.Count
		rows, err := db.Query(ctx, query, at.Count, head, page)
		if err != nil {
			return fmt.Errorf("verify events: %w", err)
		}
		for rows.Next() && err == nil {
			var l link
			var hash string
			if err = rows.Scan(append(l.fields(), &hash)...); err == nil {
				err = at.next(&l, hash)
			}
		}
		if err == nil {
			err = Fault(rows.Err())
		}
		_ = rows.Close()
		if err != nil {
			return err
		}
		if at.Count == before {
			return broken(at.Count+1, "is missing")
		}
	}
	return nil
}

func (p *EventProof) next(l *link, hash string) error {
	if l.Seq != p.Count+1 {
		return broken(p.Count+1, "is missing")
	}
	want, err := l.hash(p.Head)
	if err != nil {
		return err
	}
	if want != hash {
		return broken(l.Seq, "was changed, or the one before it")
	}
	p.Count, p.Head = l.Seq, hash
	return nil
}
