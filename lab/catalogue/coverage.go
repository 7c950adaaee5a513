// Coverage: how much of what a sender sends is understood.

package catalogue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// counts are rows that were resolved since the last Sweep. They are statistics: what a program that dies has not written is lost.
type counts struct {
	mu  sync.Mutex
	all map[countKey]count
}

type countKey struct {
	sender record.InstitutionID
	link   string
	day    int64
}

type count struct{ resolved, unmapped int64 }

const day = 24 * time.Hour

func (c *counts) add(sender record.InstitutionID, link string, at time.Time, resolved bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[countKey]count{}
	}
	k := countKey{sender, word(link), record.Micros(at.Truncate(day))}
	n := c.all[k]
	if resolved {
		n.resolved++
	} else {
		n.unmapped++
	}
	c.all[k] = n
}

func (c *counts) take() map[countKey]count {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

func (c *counts) back(all map[countKey]count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[countKey]count{}
	}
	for k, n := range all {
		m := c.all[k]
		c.all[k] = count{m.resolved + n.resolved, m.unmapped + n.unmapped}
	}
}

// Sweep writes what was counted. Call it every minute or so, never inside a transaction.
func (d *Desk) Sweep(ctx context.Context) error {
	all := d.counts.take()
	if len(all) == 0 {
		return nil
	}
	err := d.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "lab-counts"); err != nil {
			return err
		}
		for k, n := range all {
			_, err := tx.Exec(ctx, `INSERT INTO lab_code_counts (sender_id, link, day, resolved, unmapped) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (sender_id, link, day)
				DO UPDATE SET resolved = lab_code_counts.resolved + excluded.resolved, unmapped = lab_code_counts.unmapped + excluded.unmapped`,
				string(k.sender), k.link, k.day, n.resolved, n.unmapped)
			if err != nil {
				return fmt.Errorf("count codes: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		d.counts.back(all)
	}
	return err
}

// Run keeps the rules of this program and sweeps every minute until ctx ends.
func (d *Desk) Run(ctx context.Context, report func(error)) {
	if err := d.keepText(ctx); err != nil && ctx.Err() == nil {
		report(err)
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := d.Sweep(context.WithoutCancel(ctx)); err != nil {
				report(err)
			}
			return
		case <-tick.C:
			if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}

// Coverage is how much of one link of a sender is understood.
type Coverage struct {
	Sender    record.InstitutionID
	Link      string
	Resolved  int64 // rows
	Unmapped  int64
	OpenCodes int64 // codes that wait for a person
}

// Percent is the share of rows that were understood, 0 to 100 with one decimal; 100 for none.
func (c Coverage) Percent() float64 {
	all := c.Resolved + c.Unmapped
	if all == 0 {
		return 100
	}
	return float64(1000*c.Resolved/all) / 10
}

// Coverage counts what came since an instant, within the scope, by sender and link.
func (d *Desk) Coverage(ctx context.Context, s record.Scope, since time.Time) ([]Coverage, error) {
	if err := d.Sweep(ctx); err != nil {
		return nil, err
	}
	args := []any{record.Micros(since.Truncate(day))}
	where := d.db.ScopeSQL(s, "c.sender_id", "", &args)
	return store.List(ctx, d.db, `SELECT c.sender_id, c.link, CAST(SUM(c.resolved) AS BIGINT), CAST(SUM(c.unmapped) AS BIGINT), (SELECT COUNT(*) FROM lab_unmapped u WHERE u.sender_id = c.sender_id
		AND u.link = c.link AND u.map_id = '') FROM lab_code_counts c WHERE c.day >= $1 AND `+where+` GROUP BY c.sender_id, c.link ORDER BY c.sender_id, c.link`,
		args, func(c *Coverage) []any { return []any{&c.Sender, &c.Link, &c.Resolved, &c.Unmapped, &c.OpenCodes} })
}
