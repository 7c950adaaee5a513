// What a performed step was scheduled as, and whose it is.

package worklist

import (
	"context"
	"database/sql"
	"errors"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// performedLink is one item of Scheduled Step Attributes Sequence with what we scheduled of it.
type performedLink struct {
	study dicom.UID
	order OrderID // empty: not scheduled here
	step  StepID  // empty: of an order, but of none of its steps
	who   record.PatientID
}

// stepsPerformed finds what was scheduled, by study or accession number and Scheduled Procedure Step ID. A modality that
// leaves the last out means the only step, or the only one for its modality.
func (w *Worklist) stepsPerformed(ctx context.Context, tx *store.Tx, s record.Scope, at record.InstitutionID, d *dicom.DataSet) ([]performedLink, error) {
	var links []performedLink
	for _, it := range d.Items(scheduledStepAttributes) {
		link := performedLink{study: it.UID(dicom.StudyInstanceUID)}
		var id OrderID
		err := tx.QueryRow(ctx, `SELECT id FROM imaging_orders WHERE institution_id = $1 AND (study_uid = $2 OR accession = $3 AND accession <> '')
			ORDER BY CASE WHEN study_uid = $2 THEN 0 ELSE 1 END LIMIT 1`, string(at), string(link.study), it.Str(dicom.AccessionNumber)).Scan(&id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			links = append(links, link)
			continue
		case err != nil:
			return nil, err
		}
		o, err := w.orderIn(ctx, tx, record.Scope{Actor: s.Actor, All: true}, id)
		if err != nil {
			return nil, err
		}
		link.order, link.who = o.ID, o.Patient
		if st := o.meant(it.Str(stepID), d.Str(dicom.Modality)); st != nil {
			link.step = st.ID
		}
		links = append(links, link)
	}
	return links, nil
}

// meant finds the step that a modality speaks of.
func (o *Order) meant(number, modality string) *Step {
	var same []*Step
	for i := range o.Steps {
		st := &o.Steps[i]
		if number != "" && st.Number == number || len(o.Steps) == 1 && number == "" {
			return st
		}
		if st.Modality == modality {
			same = append(same, st)
		}
	}
	if number == "" && len(same) == 1 {
		return same[0]
	}
	return nil
}

// patientOf takes the patient of the order; without an order, whom the modality names.
func (w *Worklist) patientOf(ctx context.Context, tx *store.Tx, p *performed, links []performedLink, d *dicom.DataSet) error {
	for _, l := range links {
		if l.who != "" {
			p.patient = l.who
			return nil
		}
	}
	who, told := whoIs(d, p.institution)
	if !told {
		return nil
	}
	m, err := tx.MatchPatient(ctx, who)
	p.patient = m.Patient
	return err
}

// pass hands the progress on to the scheduled steps.
func (w *Worklist) pass(ctx context.Context, tx *store.Tx, links []performedLink, to StepStatus) error {
	for _, l := range links {
		if l.step == "" {
			continue
		}
		if err := tx.Lock(ctx, "order:"+string(l.order)); err != nil {
			return err
		}
		o, err := w.orderIn(ctx, tx, record.Scope{All: true}, l.order)
		if err != nil {
			return err
		}
		if err := w.perform(ctx, tx, &o, o.step(l.step), to); err != nil {
			return err
		}
	}
	return nil
}
