// What happens by the clock: claims run out, critical values that nobody acknowledged are passed on.

package reading

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const tickPage = 500

// Tick does what is due. Any number of gateways may tick at once: each row is written by compare-and-set, so each claim
// runs out once and each escalation happens once.
func (r *Room) Tick(ctx context.Context) error {
	return errors.Join(r.expireClaims(ctx), r.escalate(ctx))
}

// Run ticks until ctx ends. What goes wrong is handed to report and tried again at the next tick.
func (r *Room) Run(ctx context.Context, report func(error)) {
	t := time.NewTicker(r.opt.TickEvery)
	defer t.Stop()
	for {
		if err := r.Tick(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

var byClock = record.Scope{All: true, Actor: system}

func (r *Room) expireClaims(ctx context.Context) error {
	type row struct{ id record.CaseID }
	due, err := store.List(ctx, r.db, `SELECT id FROM cases WHERE holder_id <> '' AND claim_expires_at <= $1
		ORDER BY claim_expires_at LIMIT $2`, []any{record.Micros(r.db.Now()), tickPage}, func(x *row) []any { return []any{&x.id} })
	if err != nil {
		return fmt.Errorf("expired claims: %w", err)
	}
	var errs []error
	for _, x := range due {
		_, err := r.act(ctx, byClock, x.id, doing{asking: asking{act: ActExpire, actor: system}, event: "case.expired", do: leave})
		if err != nil && record.KindOf(err) != record.Precondition { // Precondition: prolonged or left since
			errs = append(errs, fmt.Errorf("expire claim of case %s: %w", x.id, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Room) escalate(ctx context.Context) error {
	due, err := criticals(ctx, r.db, `WHERE v.acknowledged_at = 0 AND v.dismissed_at = 0 AND v.due_at <= $1 ORDER BY v.due_at LIMIT $2`,
		[]any{record.Micros(r.db.Now()), tickPage})
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range due {
		if err := r.db.Tx(ctx, func(tx *store.Tx) error { return r.passOn(ctx, tx, v) }); err != nil {
			errs = append(errs, fmt.Errorf("escalate critical value %s: %w", v.ID, err))
		}
	}
	return errors.Join(errs...)
}

// passOn escalates v unless somebody else did, or somebody acknowledged it.
func (r *Room) passOn(ctx context.Context, tx *store.Tx, v Critical) error {
	res, err := tx.Exec(ctx, `UPDATE critical_values SET escalations = escalations + 1, due_at = $1
		WHERE id = $2 AND acknowledged_at = 0 AND dismissed_at = 0 AND escalations = $3`,
		record.Micros(v.next(stamp(tx.Now()), r.opt.CriticalAck)), string(v.ID), v.Escalations)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	v.Escalations++
	v.tell(tx, byClock, "critical.escalated")
	return nil
}
