// Run: who works on which outbox, and when. A subscription has one worker at a time, whichever server it is on: the lease is in its row.

package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// rest keeps a busy event table from making us ask all the time.
const rest = 20 * time.Millisecond

// Run delivers until ctx ends. Any number of servers may run on one database. report hears what went wrong on this side.
func (d *Desk) Run(ctx context.Context, report func(error)) {
	slots := make(chan struct{}, d.opt.Workers)
	var working sync.WaitGroup
	defer working.Wait()
	failed := func(err error) {
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
	at, swept := int64(0), time.Time{}
	for ctx.Err() == nil {
		var err error
		at, err = d.collect(ctx, at)
		failed(err)
		failed(d.complete(ctx))
		if now := d.db.Now(); now.Sub(swept) > sweepEvery {
			swept = now
			failed(d.sweep(ctx))
		}
		failed(d.start(ctx, slots, &working, failed))
		wait, cancel := context.WithTimeout(ctx, d.opt.Poll)
		_ = d.db.Wait(wait, at)
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// start gives every subscription that has something to deliver a worker, as long as there are some.
func (d *Desk) start(ctx context.Context, slots chan struct{}, working *sync.WaitGroup, failed func(error)) error {
	for {
		select {
		case slots <- struct{}{}:
		default:
			return nil
		}
		s, err := d.claim(ctx)
		if err != nil || s == nil {
			<-slots
			return err
		}
		working.Go(func() {
			defer func() { <-slots }()
			failed(d.drain(ctx, s, failed))
		})
	}
}

// ready holds for a delivery d that may be sent now ($1): nothing of its person that happened before is still to be sent.
const ready = `d.state = 'pending' AND d.next_at <= $1 AND NOT EXISTS (SELECT 1 FROM lab_deliveries e WHERE e.subscription_id = d.subscription_id
	AND e.patient_id = d.patient_id AND e.state = 'pending' AND e.seq < d.seq)`

const due = `s.active = 1 AND s.stuck = 0 AND s.next_at <= $1 AND s.lease_until <= $1
	AND EXISTS (SELECT 1 FROM lab_deliveries d WHERE d.subscription_id = s.id AND ` + ready + `)`

// claim takes a subscription that has something to deliver; nil when there is none.
func (d *Desk) claim(ctx context.Context) (*Subscription, error) {
	var one int
	err := d.db.QueryRow(ctx, `SELECT 1 FROM lab_subscriptions s WHERE `+due+` LIMIT 1`, record.Micros(d.db.Now())).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out *Subscription
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		out = nil
		var id string
		err := tx.QueryRow(ctx, `SELECT s.id FROM lab_subscriptions s WHERE `+due+` ORDER BY s.next_at, s.id LIMIT 1`+tx.SkipLocked(), record.Micros(tx.Now())).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE lab_subscriptions SET owner = $2, lease_until = $3 WHERE id = $1`, id, record.NewID(tx.Now()), record.Micros(tx.Now().Add(d.opt.Lease)))
		if err != nil {
			return err
		}
		all, err := d.subscriptions(ctx, tx, `s.id = $1`, []any{id})
		if err == nil && len(all) == 1 {
			out = &all[0]
		}
		return err
	})
	return out, err
}

// drain delivers what a subscription has, one after the other, until there is nothing, the receiver is out of reach, or it is somebody else's.
func (d *Desk) drain(ctx context.Context, s *Subscription, failed func(error)) error {
	to, err := d.open(s)
	if err != nil {
		return err
	}
	defer to.close()
	defer d.release(ctx, s)
	for ctx.Err() == nil {
		x, err := d.next(ctx, s)
		if err != nil || x == nil {
			return err
		}
		out, err := d.attempt(ctx, s, to, x)
		if ctx.Err() != nil && out.fate != taken {
			return nil // it is tried again by whoever comes next
		}
		if failed(err); err != nil && out.fate != broken {
			return nil
		}
		mine, err := d.settle(ctx, s, x, out)
		if err != nil || !mine || out.fate == unreachable || out.fate == unanswered {
			return err
		}
	}
	return nil
}

// next is what a subscription delivers now; nil for nothing.
func (d *Desk) next(ctx context.Context, s *Subscription) (*Delivery, error) {
	all, err := deliveries(ctx, d.db, ready+` AND d.subscription_id = $2 ORDER BY d.seq, d.id LIMIT 1`, []any{record.Micros(d.db.Now()), string(s.ID)})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// settleFor is how long a worker may take to write what became of a delivery, also when the server stops.
const settleFor = 10 * time.Second

// release gives the subscription back.
func (d *Desk) release(ctx context.Context, s *Subscription) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	_ = d.db.Tx(late, func(tx *store.Tx) error { // else its lease ends by itself
		_, err := tx.Exec(late, `UPDATE lab_subscriptions SET owner = '', lease_until = 0 WHERE id = $1 AND owner = $2`, string(s.ID), s.owner)
		return err
	})
}
