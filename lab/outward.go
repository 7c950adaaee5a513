// Outward: a report as it leaves the house, the same in every format: HL7, a table, JSON.

package lab

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Report is what leaves the house of a report: the rows that are shown, with values exactly as they were sent and statuses as they are shown, and those
// that were taken back after they had been shown, without values. Rows that nobody has released yet are not in it, nor are the bytes of attachments.
func (k *Kept) Report() observation.Report {
	born, _ := record.ParseDate(k.BirthDate) // we wrote it
	out := observation.Report{
		Patient: record.Demographics{LocalID: k.LocalNumber, Issuer: k.Institution, Name: k.Name, BirthDate: born, Sex: k.Sex},
		Visit:   k.Visit, Ward: k.Ward, Placer: k.Placer, Filler: cmp.Or(k.Filler, string(k.ID)), Group: k.Group,
		Service: observation.Coding{Code: k.Service, Text: k.Title}, Specimen: k.Specimen, Priority: k.Priority, Orderer: k.Orderer, Clinical: k.ClinicalInfo,
		Status: k.Status, ObservedAt: k.CollectedAt, ReportedAt: latest(k.ReportedAt, k.ReleasedAt), Performer: k.Performer, Notes: k.Notes, Final: true,
	}
	if out.Service.Text == out.Service.Code {
		out.Service.Text = ""
	}
	out.Parent = k.outwardParent()
	out.Specimen.ID, out.Specimen.CollectedAt, out.Specimen.ReceivedAt = k.Barcode, k.CollectedAt, k.LabAt
	for i, r := range k.Outgoing() {
		out.Results = append(out.Results, r.outward())
		out.Results[i].Number = i + 1 // those of several messages may be the same
	}
	return out
}

// outwardParent is the row of the culture that a susceptibility report belongs to, by the number that the culture leaves the house with, and as it is
// called now.
func (k *Kept) outwardParent() observation.Parent {
	if k.parentNumber == "" || len(k.Rows) == 0 {
		return observation.Parent{}
	}
	p := k.Rows[0].Result.Probe
	if k.culture == nil {
		return p
	}
	p.Placer, p.Filler = k.culture.Placer, cmp.Or(k.culture.Filler, string(k.culture.ID))
	results := make([]observation.Result, len(k.culture.Rows))
	for i := range k.culture.Rows {
		results[i] = k.culture.Rows[i].Result
	}
	if i := isolateFor(results, nil, p); i >= 0 {
		p.Text = record.Clip(results[i].Value.String(), 200)
	}
	return p
}

// Outgoing are the rows that Report has, in its order.
func (k *Kept) Outgoing() []*Row {
	var out []*Row
	for i := range k.Rows {
		if r := &k.Rows[i]; r.Shown || r.Result.Status == observation.Withdrawn {
			out = append(out, r)
		}
	}
	return out
}

// outward is a row as it leaves the house. Flags and interval belong together: our flags go with the interval that they were computed with.
func (r *Row) outward() observation.Result {
	x := r.Result
	x.Flags, x.Notes, x.Warnings = slices.Clone(x.Flags), slices.Clone(x.Notes), nil
	if r.LOINC != "" && x.Code.In(observation.LOINC) == "" && len(x.Code.Alternates) < 2 {
		x.Code.Alternates = append(slices.Clone(x.Code.Alternates), observation.Coding{Code: r.LOINC, System: observation.LOINC})
	}
	if x.Status == observation.Withdrawn {
		x.Value, x.Flags, x.Notes, x.Range = observation.Value{}, nil, nil, ""
		return x
	}
	if len(x.Flags) == 0 {
		x.Flags, x.Range = slices.Clone(r.Judged.Flags), r.interval()
	}
	x.Range = cmp.Or(x.Range, r.Judged.Interval)
	return x
}

// outwardRows are the rows of a report that leave the house.
const outwardRows = `x.report_id = $1 AND (x.shown = 1 OR x.latest = 1 AND x.status = 'withdrawn'
	AND EXISTS (SELECT 1 FROM lab_results h WHERE h.id = x.id AND h.hidden_at > 0)) ORDER BY x.number, x.id, x.version`

// Outward reads a report as it may leave the house now. It notes nothing: whoever hands it on does, with NoteDelivery, before the first byte leaves.
func (c *Centre) Outward(ctx context.Context, s record.Scope, id record.ExamID) (Kept, error) {
	args := []any{string(id)}
	found, err := c.reportRows(ctx, c.db, `r.id = $1 AND `+c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args), args)
	if err != nil {
		return Kept{}, err
	}
	if len(found) == 0 {
		return Kept{}, record.Errorf(record.NotFound, "no laboratory report %s", id)
	}
	k := found[0].Kept
	if k.Rows, err = c.rows(ctx, c.db, outwardRows, []any{string(id)}); err != nil {
		return Kept{}, err
	}
	k.hideWithdrawn()
	if k.Parent != "" {
		k.culture, err = c.outwardCulture(ctx, s, k.Parent)
	}
	return k, err
}

// outwardCulture reads what a susceptibility report says of its culture: its numbers, and what it is called.
func (c *Centre) outwardCulture(ctx context.Context, s record.Scope, id record.ExamID) (*Kept, error) {
	args := []any{string(id)}
	found, err := c.reportRows(ctx, c.db, `r.id = $1 AND `+c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args), args)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	k := found[0].Kept
	k.Rows, err = c.rows(ctx, c.db, `x.report_id = $1 AND x.shown = 1 ORDER BY x.number, x.id, x.version`, []any{string(id)})
	return &k, err
}

// Attach reads the bytes of the attachments of a report from the messages that brought them.
func (c *Centre) Attach(ctx context.Context, k *Kept) error {
	for i := range k.Rows {
		v := &k.Rows[i].Result.Value
		if v.Kind != observation.Attachment || v.Pointer != "" || !k.Rows[i].Shown {
			continue
		}
		var err error
		if v.Data, v.Media, err = c.attached(ctx, &k.Rows[i]); err != nil {
			return err
		}
	}
	return nil
}

const delivered = "lab.delivered"

// NoteDelivery notes that a program is about to be given the values of a report, so that it is among the report's readers when one of them is taken
// back. False where the report has changed since it was read: then it must be read again.
func (c *Centre) NoteDelivery(ctx context.Context, tx *store.Tx, s record.Scope, k *Kept) (bool, error) {
	if err := tx.Lock(ctx, "lab-report:"+string(k.ID)); err != nil {
		return false, err
	}
	var version int
	if err := tx.QueryRow(ctx, `SELECT version FROM lab_reports WHERE id = $1`, string(k.ID)).Scan(&version); err != nil {
		return false, fmt.Errorf("laboratory report %s: %w", k.ID, err)
	}
	if version != k.Version {
		return false, nil
	}
	tx.Emit(record.Event{
		Act: delivered, Institution: k.Institution, Patient: k.Patient, Kind: "lab-report", Object: string(k.ID), Outcome: record.Success,
		Detail: map[string]string{"version": fmt.Sprint(k.Version)},
	}.By(s))
	return true, nil
}

// Superseded settles the recalls of a program that was given a later state of a report than the one it was recalled for. asOf is when that was read.
func (c *Centre) Superseded(ctx context.Context, tx *store.Tx, s record.Scope, id record.ExamID, asOf time.Time) error {
	open, err := c.recallRows(ctx, tx, `v.report_id = $1 AND v.reader_kind = $2 AND v.reader_id = $3 AND v.acknowledged_at = 0 AND v.raised_at <= $4`,
		[]any{string(id), string(s.Actor.Kind), s.Actor.ID, record.Micros(asOf)})
	if err != nil {
		return err
	}
	for _, r := range open {
		if _, err := tx.Exec(ctx, `UPDATE lab_recalls SET acknowledged_at = $2, acknowledged_by = $3 WHERE id = $1`, r.ID, record.Micros(tx.Now()), s.Actor.ID); err != nil {
			return fmt.Errorf("settle recall: %w", err)
		}
		tx.Emit(record.Event{
			Act: "lab.recall.acknowledged", Institution: r.Institution, Patient: r.Patient, Kind: "lab-recall", Object: r.ID, Outcome: record.Success,
			Detail: map[string]string{"report": string(r.Report)},
		}.By(s))
	}
	return nil
}
