// Run: who works on transfers and reports, and when.

package exchange

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// How long what has ended is kept, for people to look at.
const (
	transfersKept   = 90 * 24 * time.Hour
	commitmentsKept = 30 * 24 * time.Hour
	sweepEvery      = time.Hour
)

// Run works until ctx ends, then puts back what it had begun. Any number of servers may run on one database.
func (x *Exchange) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() {
		x.pump(ctx, x.due, func() (func(context.Context), error) {
			r, err := x.claim(ctx)
			if r == nil {
				return nil, err
			}
			return r.do, err
		})
	})
	all.Go(func() {
		x.pump(ctx, x.reports, func() (func(context.Context), error) {
			p, err := x.claimReport(ctx)
			if p == nil {
				return nil, err
			}
			return func(ctx context.Context) { x.deliver(ctx, *p) }, err
		})
	})
	all.Go(func() { x.follow(ctx) })
	all.Go(func() { x.sweeping(ctx) })
	all.Wait()
}

// pump does what is due, so many at once, and looks again when it is nudged or after a while.
func (x *Exchange) pump(ctx context.Context, nudged chan struct{}, next func() (func(context.Context), error)) {
	slots := make(chan struct{}, x.opt.Workers)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		do, err := next()
		if err != nil && ctx.Err() == nil {
			x.opt.Log.ErrorContext(ctx, "exchange: look for work", "error", err)
		}
		if do != nil {
			running.Go(func() {
				defer nudge(nudged) // there may be more for whom this one was in the way
				defer func() { <-slots }()
				do(ctx)
			})
			continue
		}
		<-slots
		select {
		case <-ctx.Done():
			return
		case <-nudged:
		case <-time.After(x.opt.Poll):
		}
	}
}

// settleFor is how long a run may take to write what became of it, also when the server stops.
const settleFor = 10 * time.Second

// do is one run from its claim to its end.
func (r *run) do(ctx context.Context) {
	x := r.x
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	x.mu.Lock()
	x.runs[r.t.ID] = stop
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.runs, r.t.ID)
		x.mu.Unlock()
	}()
	held, release := context.WithCancel(context.WithoutCancel(ctx))
	var holding sync.WaitGroup
	holding.Go(func() { r.hold(held, stop) })
	err := r.try(ctx)
	cause := context.Cause(ctx)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	err = r.settle(late, func(ctx context.Context, tx *store.Tx, t *Transfer) error { return r.after(ctx, tx, t, err, cause) })
	release()
	holding.Wait()
	if err != nil {
		x.opt.Log.ErrorContext(late, "exchange: settle a transfer", "transfer", string(r.t.ID), "error", err)
	}
}

// errForGood marks trouble that no other try mends.
type errForGood struct{ error }

func (e errForGood) Unwrap() error { return e.error }

func (r *run) try(ctx context.Context) error {
	var err error
	if r.d, err = r.x.Destination(ctx, r.t.AETitle); err != nil {
		if k := record.KindOf(err); k == record.NotFound || k == record.Precondition {
			return errForGood{err}
		}
		return err
	}
	switch {
	case r.t.Kind == Fetches:
		return r.fetch(ctx)
	case r.t.State == Committing:
		return r.askCommitment(ctx)
	}
	return r.forward(ctx)
}

// after says what follows a try: the end, the request for commitment, another try.
func (r *run) after(ctx context.Context, tx *store.Tx, t *Transfer, err, cause error) error {
	var good errForGood
	var trouble string
	if err != nil {
		_, trouble = troubleOf(err)
	}
	switch {
	case cause != nil: // the server stops
		return r.again(ctx, tx, t, "")
	case errors.As(err, &good):
		return r.give(ctx, tx, t, trouble)
	case err != nil && tx.Now().Sub(t.movedAt) > r.x.opt.GiveUp:
		return r.give(ctx, tx, t, "given up: "+trouble)
	case err != nil:
		r.x.opt.Log.WarnContext(ctx, "exchange: transfer is tried again", "transfer", string(t.ID), "ae_title", t.AETitle, "error", trouble)
		return r.again(ctx, tx, t, trouble)
	case t.State == Committing && tx.Now().Sub(t.movedAt) > r.x.opt.GiveUp:
		return r.give(ctx, tx, t, "given up: the device has not said that it keeps the objects")
	case t.State == Committing:
		return r.await(ctx, tx, t)
	case t.Commit && t.Sent > t.Committed:
		_, err := tx.Exec(ctx, `UPDATE transfers SET state = 'committing', owner = '', tries = 0, reason = '', next_at = $2, moved_at = $2, changed_at = $2
			WHERE id = $1`, string(t.ID), record.Micros(tx.Now()))
		nudge(r.x.due)
		return err
	}
	t.State = Done
	if t.Refused+t.Failed > 0 {
		t.State = Failed
	} else {
		t.Reason = ""
	}
	return r.x.end(ctx, tx, *t)
}

// await gives the device time to answer; a new request would make its answer to this one void.
func (r *run) await(ctx context.Context, tx *store.Tx, t *Transfer) error {
	_, err := tx.Exec(ctx, `UPDATE transfers SET owner = '', next_at = $2, tries = tries + 1, reason = $3, changed_at = $4 WHERE id = $1`, string(t.ID),
		record.Micros(tx.Now().Add(r.x.opt.AskAgain)), "the device has not said yet that it keeps the objects", record.Micros(tx.Now()))
	return err
}

// give ends a transfer for good; what was not sent has failed.
func (r *run) give(ctx context.Context, tx *store.Tx, t *Transfer, why string) error {
	from := "queued"
	if t.State == Committing {
		from = "sent"
	}
	res, err := tx.Exec(ctx, `UPDATE transfer_objects SET state = 'failed' WHERE transfer_id = $1 AND state = $2`, string(t.ID), from)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	sent := 0
	if from == "sent" {
		sent = int(n)
	}
	if _, err := tx.Exec(ctx, `UPDATE transfers SET failed = failed + $2, sent = sent - $3 WHERE id = $1`, string(t.ID), n, sent); err != nil {
		return err
	}
	if t.Kind == Fetches { // its objects are rows once they are here
		if _, err := tx.Exec(ctx, `UPDATE transfers SET failed = total - sent WHERE id = $1 AND total > sent`, string(t.ID)); err != nil {
			return err
		}
	}
	t.State, t.Reason = Failed, why
	return r.x.end(ctx, tx, *t)
}

func (x *Exchange) sweeping(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := x.Sweep(ctx); err != nil && ctx.Err() == nil {
			x.opt.Log.ErrorContext(ctx, "exchange: sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep forgets transfers that ended long ago, and old promises.
func (x *Exchange) Sweep(ctx context.Context) error {
	return x.db.Tx(ctx, func(tx *store.Tx) error {
		old := record.Micros(tx.Now().Add(-transfersKept))
		if _, err := tx.Exec(ctx, `DELETE FROM transfer_objects WHERE transfer_id IN
			(SELECT id FROM transfers WHERE ended_at > 0 AND ended_at < $1)`, old); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM transfers WHERE ended_at > 0 AND ended_at < $1`, old); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM commitments WHERE created_at < $1`, record.Micros(tx.Now().Add(-commitmentsKept)))
		return err
	})
}
