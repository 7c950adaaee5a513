package worklist

import (
	"context"
	"database/sql"
	"errors"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Manifest is what the performed steps of one study say when one of them has ended: the study is complete when More is
// false and as many instances as Expected have arrived. It answers what imaging.Centre.Finish wants to know.
type Manifest struct {
	Institution  record.InstitutionID
	Study        dicom.UID
	Order        OrderID // empty: not ordered here
	Expected     int     // instances that all performed steps of the study list; 0: not known
	Discontinued bool    // the step that ended was discontinued
	More         bool    // another step of the study is under way or still to begin
	Priority     record.Priority
	ClinicalInfo string // the reason of the order
}

// instancesOf lists what a performed step made: Referenced Image Sequence and Referenced Non-Image Composite SOP Instance
// Sequence of its series, each instance once.
func instancesOf(d *dicom.DataSet) map[dicom.UID]bool {
	all := map[dicom.UID]bool{}
	for _, series := range d.Items(performedSeriesSequence) {
		for _, t := range []dicom.Tag{referencedImageSequence, referencedNonImages} {
			for _, ref := range series.Items(t) {
				if uid := ref.UID(dicom.ReferencedSOPInstanceUID); uid != "" {
					all[uid] = true
				}
			}
		}
	}
	return all
}

// ended passes the end of a performed step on and makes the manifest of every study that it was for.
func (w *Worklist) ended(ctx context.Context, tx *store.Tx, s record.Scope, p *performed, d *dicom.DataSet) ([]Manifest, error) {
	links, err := w.stepsPerformed(ctx, tx, s, p.institution, d)
	if err != nil {
		return nil, err
	}
	to := StepCompleted
	if p.state == Discontinued {
		to = StepDiscontinued
	}
	if err := w.pass(ctx, tx, links, to); err != nil {
		return nil, err
	}
	var out []Manifest
	seen := map[dicom.UID]bool{}
	for _, l := range links {
		if seen[l.study] {
			continue
		}
		seen[l.study] = true
		m := Manifest{Institution: p.institution, Study: l.study, Order: l.order, Discontinued: p.state == Discontinued}
		if err := w.tally(ctx, tx, &m); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if len(out) > 1 { // the images of a step that was for several studies are not told apart (PS3.17 C, group case)
		for i := range out {
			out[i].Expected = 0
		}
	}
	return out, nil
}

// tally counts over all performed steps of the study, and looks what is left of its order.
func (w *Worklist) tally(ctx context.Context, tx *store.Tx, m *Manifest) error {
	var under int
	err := tx.QueryRow(ctx, `SELECT COALESCE(SUM(instances), 0), COALESCE(SUM(CASE WHEN state = 'IN PROGRESS' THEN 1 ELSE 0 END), 0)
		FROM performed_steps WHERE institution_id = $1 AND id IN (SELECT performed_id FROM performed_studies WHERE study_uid = $2)`,
		string(m.Institution), string(m.Study)).Scan(&m.Expected, &under)
	if err != nil {
		return err
	}
	m.More = under > 0
	if m.Order == "" {
		return nil
	}
	o, err := scanOrder(tx.QueryRow(ctx, `SELECT `+orderColumns+` FROM imaging_orders o WHERE o.id = $1`, string(m.Order)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	m.Priority, m.ClinicalInfo = o.Priority, o.Reason
	m.More = m.More || o.Status == OrderScheduled || o.Status == OrderInProgress
	return nil
}
