// Performed procedure steps (PS3.4 F): a modality tells that it has begun, what it makes, and that it is done.

package worklist

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// The values of Performed Procedure Step Status (0040,0252), and of Procedure Step State (0074,1000) with Scheduled and
// Canceled.
const (
	InProgress   = "IN PROGRESS"
	Completed    = "COMPLETED"
	Discontinued = "DISCONTINUED"
)

// performed is the row of a performed step.
type performed struct {
	id          PerformID
	institution record.InstitutionID
	patient     record.PatientID
	uid         dicom.UID
	state       string
	instances   int
	document    string
	version     int64
}

const performedColumns = `p.id, p.institution_id, p.patient_id, p.sop_uid, p.state, p.instances, p.document, p.version`

func (p *performed) fields() []any {
	return []any{&p.id, &p.institution, &p.patient, &p.uid, &p.state, &p.instances, &p.document, &p.version}
}

func (p *performed) event(act string) record.Event {
	return record.Event{
		Act: act, Institution: p.institution, Patient: p.patient, Kind: "performed", Object: string(p.id),
		Detail: map[string]string{"state": p.state},
	}
}

// NCreate begins a performed step (PS3.4 F.7.2.1): IN PROGRESS, and its scheduled steps are STARTED. The same UID again is
// a Conflict with status 0111.
func (w *Worklist) NCreate(ctx context.Context, s record.Scope, uid dicom.UID, ds *dicom.DataSet) error {
	at := s.Actor.Institution
	if err := writesAt(s, at); err != nil {
		return err
	}
	d := sent(ds, dicom.SOPClassUID, dicom.SOPInstanceUID)
	if err := checkBegin(uid, d); err != nil {
		return err
	}
	text, err := kept(d)
	if err != nil {
		return err
	}
	return w.change(ctx, s, []string{"performed:" + string(uid)}, func(tx *store.Tx) error {
		p := &performed{id: PerformID(record.NewID(tx.Now())), institution: at, uid: uid, state: InProgress, document: text}
		links, err := w.stepsPerformed(ctx, tx, s, at, d)
		if err != nil {
			return err
		}
		if err := w.patientOf(ctx, tx, p, links, d); err != nil {
			return err
		}
		if err := insertPerformed(ctx, tx, p, links); err != nil {
			return err
		}
		tx.Emit(p.event("performed.created"))
		return w.pass(ctx, tx, links, StepStarted)
	})
}

func checkBegin(uid dicom.UID, d *dicom.DataSet) error {
	if !uid.Valid() {
		return refuse(StatusInvalidAttribute, dicom.SOPInstanceUID)
	}
	absent, empty := lacking(d, dicom.Modality, performedStationAE, performedStartDate, performedStartTime, performedStatus, performedID,
		scheduledStepAttributes)
	for _, it := range d.Items(scheduledStepAttributes) {
		a, e := lacking(&it, dicom.StudyInstanceUID)
		absent, empty = append(absent, a...), append(empty, e...)
	}
	if err := demand(absent, empty); err != nil {
		return err
	}
	if d.Str(performedStatus) != InProgress {
		return refuse(StatusInvalidAttribute, performedStatus)
	}
	for _, it := range d.Items(scheduledStepAttributes) {
		if !it.UID(dicom.StudyInstanceUID).Valid() {
			return refuse(StatusInvalidAttribute, dicom.StudyInstanceUID)
		}
	}
	return nil
}

func insertPerformed(ctx context.Context, tx *store.Tx, p *performed, links []performedLink) error {
	res, err := tx.Exec(ctx, `INSERT INTO performed_steps (id, institution_id, patient_id, sop_uid, state, document, created_at, changed_at, version)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$7,1) ON CONFLICT DO NOTHING`, string(p.id), string(p.institution), string(p.patient), string(p.uid),
		p.state, p.document, record.Micros(tx.Now()))
	if err := exactlyOne(res, err); errors.Is(err, errLost) {
		return refuse(StatusDuplicate)
	} else if err != nil {
		return err
	}
	for _, l := range links {
		if _, err := tx.Exec(ctx, `INSERT INTO performed_studies (performed_id, study_uid, step_id) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`,
			string(p.id), string(l.study), string(l.step)); err != nil {
			return err
		}
	}
	return nil
}

// keptAtCreate are attributes that only N-CREATE sets (PS3.4 table F.7.2-1); modalities that send them again mean no change.
var keptAtCreate = []dicom.Tag{
	dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.Modality, performedStationAE, performedStartDate, performedStartTime, performedID,
	scheduledStepAttributes, dicom.StudyID,
}

// NSet changes a performed step (PS3.4 F.7.2.2). The state COMPLETED or DISCONTINUED is its last: what is then known of every
// study that it was made for is returned. Later changes are a Precondition with status 0110.
func (w *Worklist) NSet(ctx context.Context, s record.Scope, uid dicom.UID, ds *dicom.DataSet) ([]Manifest, error) {
	news := sent(ds, keptAtCreate...)
	var out []Manifest
	err := w.change(ctx, s, []string{"performed:" + string(uid)}, func(tx *store.Tx) error {
		out = nil
		p, err := w.performedIn(ctx, tx, s, uid)
		if err != nil {
			return err
		}
		if p.state != InProgress {
			return refuse(StatusProcessingFailure)
		}
		d, err := p.merged(news)
		if err != nil {
			return err
		}
		p.instances = len(instancesOf(d))
		if err := savePerformed(ctx, tx, p); err != nil {
			return err
		}
		tx.Emit(p.event("performed.changed"))
		if p.state == InProgress {
			return nil
		}
		out, err = w.ended(ctx, tx, s, p, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// merged puts what was sent into the kept data set and checks the result.
func (p *performed) merged(news *dicom.DataSet) (*dicom.DataSet, error) {
	d, err := loaded(p.document)
	if err != nil {
		return nil, fmt.Errorf("performed step %s: %w", p.id, err)
	}
	for i := range news.Elements {
		if t := news.Elements[i].Tag; t.Group() != dicom.PatientName.Group() {
			d.CopyFrom(news, t)
		}
	}
	p.state = d.Str(performedStatus)
	switch p.state {
	case InProgress:
	case Completed, Discontinued:
		if err := checkEnd(d, p.state); err != nil {
			return nil, err
		}
	default:
		return nil, refuse(StatusInvalidAttribute, performedStatus)
	}
	p.document, err = kept(d)
	return d, err
}

// checkEnd holds the final state requirements of PS3.4 table F.7.2-1.
func checkEnd(d *dicom.DataSet, state string) error {
	absent, empty := lacking(d, performedEndDate, performedEndTime)
	if state == Completed {
		a, e := lacking(d, performedSeriesSequence)
		absent, empty = append(absent, a...), append(empty, e...)
	}
	for _, it := range d.Items(performedSeriesSequence) {
		a, e := lacking(&it, dicom.ProtocolName, dicom.SeriesInstanceUID)
		absent, empty = append(absent, a...), append(empty, e...)
	}
	return demand(absent, empty)
}

func savePerformed(ctx context.Context, tx *store.Tx, p *performed) error {
	return exactlyOne(tx.Exec(ctx, `UPDATE performed_steps SET state = $3, instances = $4, document = $5, changed_at = $6, version = version + 1
		WHERE id = $1 AND version = $2`, string(p.id), p.version, p.state, p.instances, p.document, record.Micros(tx.Now())))
}

func (w *Worklist) performedIn(ctx context.Context, q store.Querier, s record.Scope, uid dicom.UID) (*performed, error) {
	b := &sqlText{}
	b.And("p.sop_uid = " + b.Arg(string(uid)))
	b.And(w.db.ScopeSQL(s, "p.institution_id", "p.patient_id", &b.Args))
	var p performed
	err := q.QueryRow(ctx, `SELECT `+performedColumns+` FROM performed_steps p WHERE `+b.String()+
		` ORDER BY CASE WHEN p.institution_id = `+b.Arg(string(s.Actor.Institution))+` THEN 0 ELSE 1 END, p.id LIMIT 1`, b.Args...).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(StatusNoSuchInstance)
	}
	return &p, err
}

// NGet gives a performed step, all of it or the attributes asked for (PS3.4 F.8.2).
func (w *Worklist) NGet(ctx context.Context, s record.Scope, uid dicom.UID, tags ...dicom.Tag) (*dicom.DataSet, error) {
	p, err := w.performedIn(ctx, w.db, s, uid)
	if err != nil {
		return nil, err
	}
	d, err := loaded(p.document)
	if err != nil {
		return nil, fmt.Errorf("performed step %s: %w", p.id, err)
	}
	if err := w.db.Note(ctx, p.event("performed.read").By(s)); err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		return d, nil
	}
	out := dicom.NewDataSet()
	out.CopyFrom(d, tags...)
	return out, nil
}
