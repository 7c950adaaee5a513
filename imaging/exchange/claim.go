// Claims: a transfer has one run at a time, whichever server it is on. A run that is not heard of for Options.Lease is
// taken to be dead, and another goes on where its rows say.

package exchange

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// run is one try of a transfer by this server.
type run struct {
	x *Exchange
	t Transfer
	d Device
}

var errTaken = record.Errorf(record.Precondition, "another run has the transfer")

const live = `state IN ('queued', 'running', 'committing')`

// claim takes the most urgent transfer that is due; nil when there is none.
func (x *Exchange) claim(ctx context.Context) (*run, error) {
	var one int
	err := x.db.QueryRow(ctx, `SELECT 1 FROM transfers WHERE `+live+` AND next_at <= $1 LIMIT 1`, record.Micros(x.db.Now())).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r *run
	err = x.db.Tx(ctx, func(tx *store.Tx) error {
		r = nil
		now := record.Micros(tx.Now())
		t, err := scanTransfer(tx.QueryRow(ctx, `SELECT `+transferColumns+` FROM transfers t WHERE t.`+live+` AND t.next_at <= $1
			AND (SELECT COUNT(*) FROM transfers o WHERE o.ae_title = t.ae_title AND o.state = 'running' AND o.next_at > $1) < $2
			ORDER BY t.priority, t.next_at, t.id LIMIT 1`+tx.SkipLocked(), now, x.opt.PerDevice).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.State == Queued {
			t.State = Running
		}
		t.owner = record.NewID(tx.Now())
		_, err = tx.Exec(ctx, `UPDATE transfers SET state = $2, owner = $3, next_at = $4, changed_at = $5 WHERE id = $1`,
			string(t.ID), string(t.State), t.owner, record.Micros(tx.Now().Add(x.opt.Lease)), now)
		r = &run{x: x, t: t}
		return err
	})
	return r, err
}

// held looks whether the run still has its transfer, and renews the claim.
func (r *run) held(ctx context.Context) error {
	return r.x.db.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE transfers SET next_at = $3 WHERE id = $1 AND owner = $2`,
			string(r.t.ID), r.t.owner, record.Micros(tx.Now().Add(r.x.opt.Lease)))
		return oneRow(res, err, errTaken)
	})
}

// oneRow gives otherwise when a statement changed nothing.
func oneRow(res sql.Result, err, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = otherwise
	}
	return err
}

// hold renews the claim until ctx ends, and ends the run when it has lost its transfer: because somebody cancelled it,
// because another server took it for dead, or because the database was away for so long that one may.
func (r *run) hold(ctx context.Context, lost context.CancelCauseFunc) {
	look := min(r.x.opt.Poll, r.x.opt.Lease/4)
	tick := time.NewTicker(look)
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var owner string
		err := r.x.db.QueryRow(ctx, `SELECT owner FROM transfers WHERE id = $1`, string(r.t.ID)).Scan(&owner)
		if err == nil && owner != r.t.owner {
			lost(errTaken)
			return
		}
		if err == nil && time.Since(renewed) > r.x.opt.Lease/4 {
			begun := time.Now()
			if err = r.held(ctx); err == nil {
				renewed = begun
			}
		}
		if errors.Is(err, errTaken) || time.Since(renewed) > r.x.opt.Lease*3/4 {
			lost(errTaken)
			return
		}
	}
}

// settle writes what became of a run: the end, the next try, or that it was broken off.
func (r *run) settle(ctx context.Context, what func(ctx context.Context, tx *store.Tx, t *Transfer) error) error {
	return r.x.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "transfer:"+string(r.t.ID)); err != nil {
			return err
		}
		t, err := scanTransfer(tx.QueryRow(ctx, `SELECT `+transferColumns+` FROM transfers t WHERE t.id = $1 AND t.owner = $2`, string(r.t.ID), r.t.owner).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // ended or taken: whoever did it has written what is so
		}
		if err != nil {
			return err
		}
		return what(ctx, tx, &t)
	})
}

// again puts the transfer back for its next try; without trouble at once.
func (r *run) again(ctx context.Context, tx *store.Tx, t *Transfer, trouble string) error {
	next := tx.Now()
	if trouble != "" {
		next = next.Add(r.x.pause(t.Tries))
		t.Tries++
	}
	state := t.State
	if state == Running {
		state = Queued
	}
	_, err := tx.Exec(ctx, `UPDATE transfers SET state = $2, owner = '', next_at = $3, tries = $4, reason = $5, changed_at = $6 WHERE id = $1`,
		string(t.ID), string(state), record.Micros(next), t.Tries, trouble, record.Micros(tx.Now()))
	return err
}
