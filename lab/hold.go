// Hold: a failing control keeps back what was measured beside it, until quality control rules on it.

package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// heldText says why a row is held; it names the hold, so that who reads it finds the chart.
func heldText(h quality.Hold) string { return "质控失控 control failed, hold " + string(h.ID) }

var controlActs = []string{"qc.rejected", "qc.restored", "qc.released", "qc.repeat", "qc.withdrawn"}

// followControls holds and lets go of rows as quality control has ruled since the last look. After a start everything is looked at.
func (c *Centre) followControls(ctx context.Context) error {
	if seen := c.watched.Load(); seen > 0 {
		s := system
		evs, next, err := c.db.EventPage(ctx, store.EventFilter{After: seen - 1, Limit: 1000, Acts: controlActs, Scope: &s})
		if err != nil {
			return err
		}
		if len(evs) == 0 {
			c.watched.Store(max(next+1, seen))
			return nil
		}
	}
	head, err := c.db.Head(ctx)
	if err != nil {
		return err
	}
	if err := c.holdRows(ctx); err != nil {
		return err
	}
	if err := c.letGo(ctx); err != nil {
		return err
	}
	c.watched.Store(head + 1)
	return nil
}

// holdRows marks what was measured beside failing controls that nobody has ruled on. What who ordered has already seen stays in view, and says so.
func (c *Centre) holdRows(ctx context.Context) error {
	for after := ""; ; {
		page, err := c.desks.Quality.Holds(ctx, system, quality.HoldFilter{Waiting: true, Page: store.Page{After: after, Limit: ticked}})
		if err != nil {
			return err
		}
		for _, h := range page {
			if err := c.holdBeside(ctx, h); err != nil {
				return err
			}
			after = string(h.ID)
		}
		if len(page) < ticked {
			return nil
		}
	}
}

func (c *Centre) holdBeside(ctx context.Context, h quality.Hold) error {
	ids, err := store.List(ctx, c.db, `SELECT DISTINCT report_id FROM lab_results WHERE laboratory_id = $1 AND analyte = $2 AND device = $3 AND latest = 1
		AND held = 0 AND measured_at > $4 AND ($5 = 0 OR measured_at < $5) ORDER BY report_id`,
		[]any{string(h.Of.Laboratory), h.Of.Analyte, h.Of.Device, record.Micros(h.Since), record.Micros(h.GoodAt)}, func(id *record.ExamID) []any { return []any{id} })
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := c.changeRows(ctx, id, func(ch *change, rows []Row, i int) error {
			r := &rows[i]
			if r.Analyte != h.Of.Analyte || r.Result.Device != h.Of.Device || r.Judged.Held != "" || !between(r.measuredAt(), h.Since, h.GoodAt) {
				return nil
			}
			r.Judged.Held = heldText(h)
			return ch.update(ctx, r)
		})
		if err != nil {
			return fmt.Errorf("hold report %s: %w", id, err)
		}
	}
	return nil
}

func between(at, since, until time.Time) bool {
	return at.After(since) && (until.IsZero() || at.Before(until))
}

// letGo shows what is no longer held and that somebody stands for.
func (c *Centre) letGo(ctx context.Context) error {
	for after := record.ExamID(""); ; {
		ids, err := store.List(ctx, c.db, `SELECT DISTINCT report_id FROM lab_results WHERE held = 1 AND latest = 1 AND report_id > $1 ORDER BY report_id LIMIT $2`,
			[]any{string(after), ticked}, func(id *record.ExamID) []any { return []any{id} })
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := c.changeRows(ctx, id, func(ch *change, rows []Row, i int) error { return c.letRowGo(ctx, ch, rows, i) }); err != nil {
				return fmt.Errorf("let go of report %s: %w", id, err)
			}
		}
		after = ids[len(ids)-1]
	}
}

func (c *Centre) letRowGo(ctx context.Context, ch *change, rows []Row, i int) error {
	r := &rows[i]
	if r.Judged.Held == "" || !r.Latest {
		return nil
	}
	_, held, err := c.desks.Quality.Held(ctx, ch.tx, r.laboratory, r.Result.Device, r.Analyte, r.measuredAt())
	if err != nil || held {
		return err
	}
	r.Judged.Notes, r.Judged.Held = append(r.Judged.Notes, "质控裁定后放行 let go by quality control ["+r.Judged.Held+"]"), ""
	if !r.Shown && validation(r.Validation).done() && r.Result.Status.Shown() {
		if err := ch.bring(ctx, rows, i, ch.tx.Now()); err != nil {
			return err
		}
	}
	return ch.update(ctx, r)
}

// changeRows does something to every row of a report that counts or is shown.
func (c *Centre) changeRows(ctx context.Context, id record.ExamID, do func(ch *change, rows []Row, i int) error) error {
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(system)
		ch, rows, err := c.changeOf(ctx, tx, system, id)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := do(ch, rows, i); err != nil {
				return err
			}
		}
		return ch.finish(ctx, rows, &StoredReport{})
	})
}
