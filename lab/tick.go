// Tick: what the centre does by the clock and by the event table: critical values that are due, reports whose specimen has become known.

package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Run does so until ctx ends. report hears what went wrong.
func (c *Centre) Run(ctx context.Context, report func(error)) {
	for ctx.Err() == nil {
		seq, err := c.db.Head(ctx)
		if err == nil {
			_, err = c.Tick(ctx)
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
		wait, cancel := context.WithTimeout(ctx, c.opt.TickEvery)
		_ = c.db.Wait(wait, seq) // a signature may have made a critical value due
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(tickRest):
		}
	}
}

// tickRest keeps a busy event table from making us ask all the time.
const tickRest = 100 * time.Millisecond

const (
	ticked      = 100
	stillUrgent = 24 * time.Hour // a critical value that is found later is history
)

// Tick raises the critical values that are due and takes the reports whose specimen has become known. It says how many there were. What fails for one
// report is told, and keeps nothing from the others: a critical value least of all.
func (c *Centre) Tick(ctx context.Context) (int, error) {
	ids, err := store.List(ctx, c.db, `SELECT id FROM lab_reports WHERE alarm_due > 0 AND alarm_due <= $1 ORDER BY alarm_due LIMIT $2`,
		[]any{record.Micros(c.db.Now()), ticked}, func(id *record.ExamID) []any { return []any{id} })
	if err != nil {
		return 0, err
	}
	var wrong []error
	for _, id := range ids {
		if err := c.alarmDue(ctx, id); err != nil {
			wrong = append(wrong, fmt.Errorf("critical values of report %s: %w", id, err))
		}
	}
	read, err := c.remap(ctx)
	wrong = append(wrong, err, c.retie(ctx), c.followControls(ctx))
	n, err := c.unparkKnown(ctx)
	return len(ids) + read + n, errors.Join(append(wrong, err)...)
}

// alarmDue raises the critical values of a report that nobody has told yet.
func (c *Centre) alarmDue(ctx context.Context, id record.ExamID) error {
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		ch, rows, err := c.changeOf(ctx, tx, system, id)
		if err != nil || ch.rep.alarmDue.IsZero() || ch.rep.alarmDue.After(tx.Now()) {
			return err
		}
		var raise []reading.Alarm
		for i := range rows {
			r := &rows[i]
			if r.Judged.Critical != nil && (r.Shown || r.Latest && r.awaited()) {
				raise = append(raise, r.alarm())
			}
		}
		if len(raise) > 0 && ch.rep.Case != "" {
			if err := c.room.Alarm(ctx, tx, actor, ch.rep.Case, raise...); err != nil {
				return err
			}
		}
		ch.rep.alarmDue = time.Time{}
		return putReport(ctx, tx, ch.rep)
	})
}

// unparkKnown takes the parked reports whose barcode a specimen has now.
func (c *Centre) unparkKnown(ctx context.Context) (int, error) {
	barcodes, err := store.List(ctx, c.db, `SELECT DISTINCT p.barcode FROM lab_parked p WHERE p.barcode <> '' AND `+tubeKnown+` LIMIT 50`, nil, func(b *string) []any { return []any{b} })
	if err != nil {
		return 0, err
	}
	return c.unpark(ctx, barcodes...)
}
