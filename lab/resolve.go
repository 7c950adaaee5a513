// Resolve: what a row is called here. What means nothing yet is kept, out of trends and of recognition, until a person says what it is; then it is
// read again.

package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/unit"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// resolve finds the analyte and the unit of a row. A code that means nothing here is listed for a person.
func (c *Centre) resolve(ctx context.Context, tx *store.Tx, a *arrival, x *observation.Result, sp observation.Specimen) (known, error) {
	snap, err := c.snapshot(ctx, tx, a)
	if err != nil {
		return known{}, err
	}
	found, how := snap.Resolve(a.site.institution, a.link.ID, *x, sp)
	if how.By == catalogue.Unmapped {
		if _, _, err := c.desks.Catalogue.Resolve(ctx, tx, a.site.institution, a.link.ID, *x, sp); err != nil {
			return known{}, err
		}
	}
	return knownAs(found, x), nil
}

// snapshot is the catalogue as it is in the transaction of a message.
func (c *Centre) snapshot(ctx context.Context, tx *store.Tx, a *arrival) (*catalogue.Snapshot, error) {
	if a.snap != nil {
		return a.snap, nil
	}
	snap, err := c.desks.Catalogue.Snapshot(ctx, tx)
	a.snap = snap
	return snap, err
}

func knownAs(found catalogue.Analyte, x *observation.Result) known {
	out := known{analyte: found.Code, item: strings.Join(found.Items, " "), loinc: found.LOINC, name: found.Name.ZH}
	sent := x.Unit.Code
	if sent == "" {
		sent = x.Unit.Text
	}
	u, _ := unit.Resolve(sent, nil)
	out.ucum = u.Code
	if u.Suspicious != "" {
		x.Warnings = append(x.Warnings, observation.Warning{Code: unit.Warning, Note: "valid UCUM that cannot be meant; probably " + u.Suspicious})
	}
	return out
}

// OnMapped notes the reports whose rows a mapping is about: they are read again, a few at a time.
func (c *Centre) OnMapped(ctx context.Context, tx *store.Tx, m catalogue.Mapping) error {
	_, err := tx.Exec(ctx, `UPDATE lab_reports SET remap = 1 WHERE id IN (
		SELECT report_id FROM lab_results WHERE laboratory_id = $1 AND (code = $2 OR code = '' AND code_text = $2 OR $3 = 1) AND latest = 1)`,
		string(m.Key.Sender), m.Key.Code, m.Key.Code == catalogue.OurCodes)
	if err != nil {
		return fmt.Errorf("reports of a code: %w", err)
	}
	return nil
}

// remap reads the reports again whose codes have got another meaning.
func (c *Centre) remap(ctx context.Context) (int, error) {
	ids, err := store.List(ctx, c.db, `SELECT id FROM lab_reports WHERE remap = 1 ORDER BY id LIMIT $1`, []any{ticked},
		func(id *record.ExamID) []any { return []any{id} })
	if err != nil {
		return 0, err
	}
	var wrong []error
	for _, id := range ids {
		if err := c.db.Tx(ctx, func(tx *store.Tx) error { return c.remapReport(ctx, tx, id) }); err != nil {
			wrong = append(wrong, fmt.Errorf("report %s: %w", id, err))
		}
	}
	return len(ids) - len(wrong), errors.Join(wrong...)
}

func (c *Centre) remapReport(ctx context.Context, tx *store.Tx, id record.ExamID) error {
	tx.As(system)
	ch, rows, err := c.changeOf(ctx, tx, system, id)
	if err != nil {
		return err
	}
	snap, err := c.desks.Catalogue.Snapshot(ctx, tx)
	if err != nil {
		return err
	}
	a := &arrival{scope: system, site: site{institution: ch.rep.Laboratory}, link: Link{ID: ch.rep.Link}, id: record.NewID(tx.Now()), receivedAt: tx.Now(), snap: snap}
	var changed []int
	for i := range rows {
		r := &rows[i]
		if tied(r.Result.Probe) {
			continue
		}
		found, _ := snap.Resolve(ch.rep.Laboratory, ch.rep.Link, r.Result, ch.rep.Specimen)
		if found.Code == r.Analyte {
			continue
		}
		ch.dropped += " " + r.Item
		now := knownAs(found, &r.Result)
		r.Analyte, r.Item, r.LOINC, r.UCUM, r.Judged = now.analyte, now.item, now.loinc, now.ucum, Judged{}
		changed = append(changed, i)
	}
	if err := c.judgeAgain(ctx, ch, a, rows, changed); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE lab_reports SET remap = 0 WHERE id = $1`, string(id)); err != nil || len(changed) == 0 {
		return err
	}
	return ch.finish(ctx, rows, &StoredReport{})
}

// judgeAgain judges the rows that have got another meaning, and shows those that rules release now.
func (c *Centre) judgeAgain(ctx context.Context, ch *change, a *arrival, rows []Row, changed []int) error {
	if len(changed) == 0 {
		return nil
	}
	j, err := c.judgeFor(ctx, ch.tx, a, ch.rep)
	if err != nil {
		return err
	}
	all := make([]incoming, len(rows))
	for i := range rows {
		all[i].row = rows[i]
	}
	if err := j.look(ctx, all); err != nil {
		return err
	}
	for _, i := range changed {
		r := &rows[i]
		if r.Analyte != "" {
			if _, err := j.row(ctx, r); err != nil {
				return err
			}
		}
		if !r.Shown && validation(r.Validation).done() && r.Judged.Held == "" && r.Result.Status.Shown() && r.Latest {
			if err := ch.bring(ctx, rows, i, a.receivedAt); err != nil {
				return err
			}
		} else if r.Shown && r.Judged.Critical != nil && a.receivedAt.Sub(r.ObservedAt) < stillUrgent {
			ch.alarms = append(ch.alarms, *r)
		}
		if err := ch.rename(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// rename writes what a row is called now.
func (ch *change) rename(ctx context.Context, r *Row) error {
	_, err := ch.tx.Exec(ctx, `UPDATE lab_results SET analyte = $3, item = $4, loinc = $5, ucum = $6, flags = $7, range_text = $8 WHERE id = $1 AND version = $2`,
		r.ID, r.Version, r.Analyte, r.Item, r.LOINC, r.UCUM, r.flags(), r.interval())
	if err != nil {
		return err
	}
	return ch.update(ctx, r)
}
