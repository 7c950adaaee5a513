// Tree: a culture with the reports of its susceptibilities. Each report is kept as it came, with its own versions and its own validation; that of a
// susceptibility names its culture, and both are shown together. While what grew is withdrawn, so is what was tested on it.

package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// tie finds the culture of a susceptibility report. That of a culture which has not come yet is found when it comes, by tend.
func (c *Centre) tie(ctx context.Context, tx *store.Tx, rep *reportRow) error {
	if rep.parentNumber == "" {
		return nil
	}
	if rep.Parent == "" {
		kind, number, _ := strings.Cut(rep.parentNumber, ":")
		column, ok := map[string]string{"f": "filler", "p": "placer", "s": "barcode"}[kind]
		if !ok {
			return nil
		}
		found, err := c.reportRows(ctx, tx, `r.`+column+` = $1 AND r.laboratory_id = $2 AND r.patient_id = $3 AND r.parent_number = '' ORDER BY r.received_at, r.id LIMIT 20`,
			[]any{number, string(rep.Laboratory), string(rep.Patient)})
		if err != nil {
			return err
		}
		rep.Parent = rep.cultureOf(found)
	}
	if rep.Parent == "" {
		return nil
	}
	rows, err := c.rows(ctx, tx, `x.report_id = $1 AND x.latest = 1`, []any{string(rep.Parent)})
	rep.gone = withdrawn(rows)
	return err
}

// cultureOf chooses among reports of one number: the one on the same specimen, else the only one.
func (k *Kept) cultureOf(found []reportRow) record.ExamID {
	if len(found) == 1 {
		return found[0].ID
	}
	for i := range found {
		if k.Barcode != "" && found[i].Barcode == k.Barcode {
			return found[i].ID
		}
	}
	return ""
}

// withdrawn are the rows of what grew that no longer stand.
func withdrawn(rows []Row) []observation.Result {
	var out []observation.Result
	for i := range rows {
		r := &rows[i]
		if r.Latest && r.Result.Status == observation.Withdrawn && !tied(r.Result.Probe) {
			out = append(out, r.Result)
		}
	}
	return out
}

// within reports a susceptibility of one of the rows.
func within(rows []observation.Result, p observation.Parent) bool {
	return tied(p) && slices.ContainsFunc(rows, func(x observation.Result) bool {
		switch {
		case p.SubID != "":
			return x.SubID == p.SubID && (p.Code == "" || coded(x.Code, p.Code))
		case p.Code != "":
			return coded(x.Code, p.Code)
		}
		return false
	})
}

// wither takes an arriving susceptibility back whose isolate is withdrawn.
func (k *reportRow) wither(r *Row) {
	if within(k.gone, r.Result.Probe) && r.Result.Status != observation.Withdrawn {
		r.Result.Status = observation.Withdrawn
		r.Result.Warnings = append(r.Result.Warnings, observation.Warning{Code: "isolate-withdrawn", Note: "what grew had been taken back"})
	}
}

// witherOwn takes the susceptibilities back whose isolate, in the same report, is withdrawn.
func (ch *change) witherOwn(ctx context.Context, rows []Row) error {
	return ch.witherRows(ctx, rows, append(withdrawn(rows), ch.rep.gone...))
}

func (ch *change) witherRows(ctx context.Context, rows []Row, gone []observation.Result) error {
	if len(gone) == 0 {
		return nil
	}
	for i := range rows {
		r := &rows[i]
		if within(gone, r.Result.Probe) && (r.Shown || r.Latest && r.Result.Status != observation.Withdrawn) {
			if err := ch.withdraw(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// tend ties the susceptibility reports that came before their culture, and takes back what was tested on what is withdrawn now.
func (ch *change) tend(ctx context.Context, rows []Row) error {
	k := &ch.rep.Kept
	if k.parentNumber != "" || !slices.ContainsFunc(rows, func(r Row) bool { return bears(&r) }) {
		return nil
	}
	if _, err := ch.tx.Exec(ctx, `UPDATE lab_reports SET parent = $1 WHERE laboratory_id = $2 AND patient_id = $3 AND parent_number IN ($4,$5,$6)
		AND parent_number <> '' AND parent = ''`, string(k.ID), string(k.Laboratory), string(k.Patient), numbered("f:", k.Filler), numbered("p:", k.Placer),
		numbered("s:", k.Barcode)); err != nil {
		return fmt.Errorf("tie susceptibilities: %w", err)
	}
	gone := withdrawn(rows)
	if len(gone) == 0 {
		return nil
	}
	children, err := store.List(ctx, ch.tx, `SELECT id FROM lab_reports WHERE parent = $1 ORDER BY id`, []any{string(k.ID)},
		func(id *record.ExamID) []any { return []any{id} })
	for _, id := range children {
		if err := ch.witherChild(ctx, id, gone); err != nil {
			return err
		}
	}
	return err
}

// numbered is a number that susceptibility reports name a culture by.
func numbered(kind, number string) string {
	if number == "" {
		return ""
	}
	return kind + number
}

// bears reports a row that susceptibilities may hang on.
func bears(r *Row) bool {
	x := &r.Result
	return x.SubID != "" || x.Value.Kind == observation.Coded || names(x, r.LOINC) > 0 || x.Status == observation.Withdrawn
}

func (ch *change) witherChild(ctx context.Context, id record.ExamID, gone []observation.Result) error {
	child, rows, err := ch.centre.changeOf(ctx, ch.tx, system, id)
	if err != nil {
		return err
	}
	child.scope, child.quiet = ch.scope, ch.quiet
	if err := child.witherRows(ctx, rows, gone); err != nil || !child.touched {
		return err
	}
	return child.finish(ctx, rows, &StoredReport{})
}

// untiedFor is how long a culture is looked for that may have been written at the same moment as its susceptibilities.
const untiedFor = time.Hour

// retie ties susceptibility reports whose culture was written at the same moment by another server.
func (c *Centre) retie(ctx context.Context) error {
	ids, err := store.List(ctx, c.db, `SELECT r.id FROM lab_reports r WHERE r.parent_number <> '' AND r.parent = '' AND r.updated_at > $1
		AND EXISTS (SELECT 1 FROM lab_reports p WHERE p.patient_id = r.patient_id AND p.laboratory_id = r.laboratory_id AND p.parent_number = ''
			AND r.parent_number IN ('f:' || p.filler, 'p:' || p.placer, 's:' || p.barcode)) ORDER BY r.updated_at DESC LIMIT $2`,
		[]any{record.Micros(c.db.Now().Add(-untiedFor)), ticked}, func(id *record.ExamID) []any { return []any{id} })
	for _, id := range ids {
		if err := c.db.Tx(ctx, func(tx *store.Tx) error { return c.retieOne(ctx, tx, id) }); err != nil {
			return err
		}
	}
	return err
}

func (c *Centre) retieOne(ctx context.Context, tx *store.Tx, id record.ExamID) error {
	ch, rows, err := c.changeOf(ctx, tx, system, id)
	if err != nil {
		return err
	}
	if err := c.tie(ctx, tx, ch.rep); err != nil || ch.rep.Parent == "" {
		return err
	}
	ch.touched = true
	return ch.finish(ctx, rows, &StoredReport{})
}
