// Package worklist is what is to be examined and what became of it: orders become the worklist entries of modalities
// (PS3.4 K), the performed procedure steps of modalities tell what was made (PS3.4 F), and unified procedure steps let
// programs hand work to each other (PS3.4 CC).
//
// Where things are:
//
//	order.go create.go change.go list.go   an order and its scheduled steps
//	entry.go find.go                       the order as a worklist entry, and who asks for it
//	match.go moment.go answer.go           matching of keys, for all searches of this package
//	performed.go link.go manifest.go       performed procedure steps
//	workitem.go update.go state.go search.go sweep.go
//	                                       unified procedure steps
//	follow.go reports.go                   who is told of them
//	status.go                              the refusals of PS3.4, with their codes
//
// Events of this room; ids only:
//
//	order.created changed cancelled read list   object: the order
//	step.started completed discontinued         object: the scheduled step
//	performed.created changed read              object: the performed step
//	workitem.created changed claimed completed cancelled cancel_requested deleted read list
//	                                            object: the workitem
//	workitem.followed unfollowed reports        object: the workitem or the subscriber
package worklist

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Options of a Worklist; a zero field takes its default.
type Options struct {
	Zone       *time.Location // in which modalities tell the time; default China Standard Time
	MaxReports int            // reports that wait for one subscriber, the oldest go first; default 1000
	KeepEnded  time.Duration  // an ended workitem without a deletion lock is kept so long; default 30 days
}

func (o Options) withDefaults() Options {
	if o.Zone == nil {
		o.Zone = time.FixedZone("CST", 8*60*60)
	}
	o.MaxReports = cmp.Or(o.MaxReports, 1000)
	o.KeepEnded = cmp.Or(o.KeepEnded, 30*24*time.Hour)
	return o
}

// Worklist is the room of what is to be examined.
type Worklist struct {
	db  *store.DB
	opt Options
}

// New makes the room over its database.
func New(db *store.DB, opt Options) *Worklist { return &Worklist{db: db, opt: opt.withDefaults()} }

// Run removes ended workitems by the clock until ctx ends. report hears what went wrong.
func (w *Worklist) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := w.Sweep(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// errLost: somebody else changed the row between our reading and writing it.
var errLost = errors.New("changed by others meanwhile")

const casTries = 8

// change runs one act on one thing: the lock makes those who act on it follow each other, the compare-and-set on its
// version makes it right.
func (w *Worklist) change(ctx context.Context, s record.Scope, things []string, act func(tx *store.Tx) error) error {
	var err error
	for range casTries {
		err = w.db.Tx(ctx, func(tx *store.Tx) error {
			tx.As(s)
			if err := tx.Lock(ctx, things...); err != nil {
				return err
			}
			return act(tx)
		})
		if !errors.Is(err, errLost) {
			return err
		}
	}
	return record.Errorf(record.Conflict, "is being changed by others; try again")
}

// workitemLocks are those of an act on a workitem or a subscriber. The first makes such acts follow each other, so that no
// report falls between one who begins to follow and one who changes what is followed.
func workitemLocks(thing string) []string { return []string{"workitems", thing} }

// exactlyOne turns an update that found no row of the expected version into errLost.
func exactlyOne(res interface{ RowsAffected() (int64, error) }, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = errLost
	}
	return err
}

// writesAt refuses scopes that do not hold the institution for which something is written.
func writesAt(s record.Scope, i record.InstitutionID) error {
	if i == "" || !s.Reaches(i) {
		return record.Errorf(record.Denied, "not permitted for institution %s", i)
	}
	return nil
}

// stamp is the time of the clock as it will be kept.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
