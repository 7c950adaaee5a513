// Package reading is the reading room of all four centres: the case, the worklist, the report and its signatures, the
// critical value, and the signed result on its way back.
//
// A case goes claim -> draft -> submit -> sign by a second doctor -> amend or withdraw; transitions.go holds the table.
// Every act is one transaction: a compare-and-set on the version of the case, the rows, and the events. Events carry ids
// only; what people typed (reasons, findings, handling) stays in rows.
//
// Events of this room:
//
//	case.opened updated addition claimed taken_over released expired priority drafted submitted returned signed
//	     amending withdrawn critical                     the worklist changed; object: the case
//	case.read case.list draft.list report.read report.list critical.list result.feed
//	                                                     patient data were shown
//	report.signed report.corrected report.withdrawn report.damaged
//	                                                     for the institution that examined; object: the report
//	critical.raised critical.escalated critical.acknowledged
//	                                                     for the same; object: the critical value
package reading

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Due says how long a report may take.
type Due struct {
	Stat    time.Duration
	Urgent  time.Duration
	Routine time.Duration
}

func (d Due) of(p record.Priority) time.Duration {
	return [...]time.Duration{d.Stat, d.Urgent, d.Routine}[p.Rank()]
}

func (d Due) or(fallback Due) Due {
	return Due{first(d.Stat, fallback.Stat), first(d.Urgent, fallback.Urgent), first(d.Routine, fallback.Routine)}
}

func first(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

// Options of the room. Zero fields take the default.
type Options struct {
	ClaimFor    time.Duration  // a claim without a saved draft ends after this; default 30 minutes
	Due         Due            // default 30 minutes, 2 hours, 24 hours
	DueBy       map[string]Due // by modality, e.g. "ECG"; zero fields fall back to Due
	CriticalAck time.Duration  // an unacknowledged critical value is escalated after this, again and again; default 10 minutes
	TickEvery   time.Duration  // default 5 seconds
	Lag         time.Duration  // a watcher that was woken for nothing rests so long; default 20 milliseconds
}

// Room is the reading room.
type Room struct {
	db    *store.DB
	blobs store.Blobs
	opt   Options

	publishers map[record.CentreKind]Publisher
}

// Publisher is what a centre does with its results in the transaction that signs, corrects or withdraws a report; Report.Status says which. An
// error undoes the signature.
type Publisher func(ctx context.Context, tx *store.Tx, s record.Scope, rep Report) error

// Publishes makes a centre write the results of its exams itself, where one exam has more than the one that the room writes. It is called
// before the room is used.
func (r *Room) Publishes(kind record.CentreKind, p Publisher) {
	if r.publishers == nil {
		r.publishers = map[record.CentreKind]Publisher{}
	}
	r.publishers[kind] = p
}

// putResult tells other institutions what became of a report.
func (r *Room) putResult(ctx context.Context, tx *store.Tx, s record.Scope, rep Report, status record.ResultStatus) error {
	if p := r.publishers[rep.Exam.Kind]; p != nil {
		rep.Status = status
		return p(ctx, tx, s, rep)
	}
	return tx.PutResult(ctx, rep.result(status))
}

// NewRoom makes the room over its database and the blobs that keep signed reports.
func NewRoom(db *store.DB, blobs store.Blobs, opt Options) *Room {
	opt.ClaimFor = first(opt.ClaimFor, 30*time.Minute)
	opt.Due = opt.Due.or(Due{30 * time.Minute, 2 * time.Hour, 24 * time.Hour})
	opt.CriticalAck = first(opt.CriticalAck, 10*time.Minute)
	opt.TickEvery = first(opt.TickEvery, 5*time.Second)
	opt.Lag = first(opt.Lag, 20*time.Millisecond)
	return &Room{db: db, blobs: blobs, opt: opt}
}

func (r *Room) dueIn(modality string, p record.Priority) time.Duration {
	return r.opt.DueBy[modality].or(r.opt.Due).of(p)
}

// stamp is the time of the clock as it will be kept.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
