// Unified procedure steps (PS3.4 CC): a piece of work that one program asks for and another claims, performs and ends.

package worklist

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// The other values of Procedure Step State (0074,1000).
const (
	Scheduled = "SCHEDULED"
	Canceled  = "CANCELED"
)

// workitem is the row of a workitem with its data set.
type workitem struct {
	id          WorkitemID
	institution record.InstitutionID
	patient     record.PatientID
	uid         dicom.UID
	state       string
	priority    string
	start       int64
	transaction string
	document    string
	created     int64
	changed     int64
	version     int64

	d *dicom.DataSet // the document, read
}

const workitemColumns = `u.id, u.institution_id, u.patient_id, u.uid, u.state, u.priority, u.start_at, u.transaction_uid, u.document,
	u.created_at, u.changed_at, u.version`

func scanWorkitem(scan func(...any) error) (*workitem, error) {
	var u workitem
	err := scan(&u.id, &u.institution, &u.patient, &u.uid, &u.state, &u.priority, &u.start, &u.transaction, &u.document,
		&u.created, &u.changed, &u.version)
	if err != nil {
		return nil, err
	}
	if u.d, err = loaded(u.document); err != nil {
		return nil, fmt.Errorf("workitem %s: %w", u.id, err)
	}
	return &u, nil
}

func (u *workitem) final() bool { return u.state == Completed || u.state == Canceled }

func (u *workitem) event(act string) record.Event {
	return record.Event{
		Act: act, Institution: u.institution, Patient: u.patient, Kind: "workitem", Object: string(u.id),
		Detail: map[string]string{"state": u.state},
	}
}

// CreateWorkitem keeps a new workitem of the caller's institution (PS3.4 CC.2.5, PS3.18 §11.4). Without a UID it takes SOP
// Instance UID of the data set, or makes one. The state must be SCHEDULED.
func (w *Worklist) CreateWorkitem(ctx context.Context, s record.Scope, uid dicom.UID, ds *dicom.DataSet) (dicom.UID, error) {
	at := s.Actor.Institution
	if err := writesAt(s, at); err != nil {
		return "", err
	}
	d := sent(ds, transactionUID)
	if uid == "" {
		uid = d.UID(dicom.SOPInstanceUID)
	}
	if uid == "" {
		uid = NewUID()
	}
	d.SetText(dicom.SOPClassUID, string(WorkitemSOPClass))
	d.SetText(dicom.SOPInstanceUID, string(uid))
	if err := w.checkNew(uid, d); err != nil {
		return "", err
	}
	err := w.change(ctx, s, workitemLocks("workitem:"+string(uid)), func(tx *store.Tx) error {
		now := stamp(tx.Now())
		u := &workitem{
			id: WorkitemID(record.NewID(now)), institution: at, uid: uid, state: Scheduled, created: record.Micros(now), d: d.Clone(),
		}
		if who, told := whoIs(d, at); told {
			m, err := tx.MatchPatient(ctx, who)
			if err != nil {
				return err
			}
			u.patient = m.Patient
		}
		if err := w.insertWorkitem(ctx, tx, u, now); err != nil {
			return err
		}
		tx.Emit(u.event("workitem.created"))
		if err := w.report(ctx, tx, u, StateReport, u.stateInfo()); err != nil || !u.assigned() {
			return err
		}
		return w.report(ctx, tx, u, Assigned, u.assignedInfo())
	})
	if err != nil {
		return "", err
	}
	return uid, nil
}

// checkNew holds the requirements of PS3.4 table CC.2.5-3 on N-CREATE.
func (w *Worklist) checkNew(uid dicom.UID, d *dicom.DataSet) error {
	if !uid.Valid() {
		return refuse(StatusInvalidAttribute, dicom.SOPInstanceUID)
	}
	if err := demand(lacking(d, workitemState, workitemPriority, workitemLabel, workitemStart, inputReadiness)); err != nil {
		return err
	}
	if d.Str(workitemState) != Scheduled {
		return refuse(StatusNotScheduled, workitemState)
	}
	var wrong []dicom.Tag
	for _, t := range []dicom.Tag{workitemProgress, workitemPerformed} {
		if len(d.Items(t)) > 0 {
			wrong = append(wrong, t)
		}
	}
	if wrong = append(wrong, w.wrongValues(d)...); len(wrong) > 0 {
		return refuse(StatusInvalidAttribute, wrong...)
	}
	if d.Find(worklistLabel) == nil {
		d.SetEmpty(worklistLabel)
	}
	return nil
}

// wrongValues lists the attributes with a value that is none of their defined ones.
func (w *Worklist) wrongValues(d *dicom.DataSet) (wrong []dicom.Tag) {
	if !slices.Contains([]string{"HIGH", "MEDIUM", "LOW"}, d.Str(workitemPriority)) {
		wrong = append(wrong, workitemPriority)
	}
	if !slices.Contains([]string{"INCOMPLETE", "UNAVAILABLE", "READY"}, d.Str(inputReadiness)) {
		wrong = append(wrong, inputReadiness)
	}
	if _, ok := parseMoment(dicom.DT, d.Str(workitemStart), w.opt.Zone); !ok {
		wrong = append(wrong, workitemStart)
	}
	return wrong
}

// indexed sets the columns that searches use, and the time of the change, from the data set.
func (w *Worklist) indexed(u *workitem, now time.Time) (err error) {
	u.d.SetText(workitemState, u.state)
	u.d.SetText(workitemModified, w.moment(now))
	u.priority = u.d.Str(workitemPriority)
	start, _ := parseMoment(dicom.DT, u.d.Str(workitemStart), w.opt.Zone)
	u.start, u.changed = record.Micros(start.from), record.Micros(now)
	u.document, err = kept(u.d)
	return err
}

// moment writes a DT with the offset of our zone.
func (w *Worklist) moment(t time.Time) string {
	return t.In(w.opt.Zone).Format("20060102150405.000000-0700")
}

func (w *Worklist) insertWorkitem(ctx context.Context, tx *store.Tx, u *workitem, now time.Time) error {
	if err := w.indexed(u, now); err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `INSERT INTO workitems (id, institution_id, patient_id, uid, state, priority, start_at, document, created_at,
		changed_at, version) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$9,1) ON CONFLICT DO NOTHING`, string(u.id), string(u.institution),
		string(u.patient), string(u.uid), u.state, u.priority, u.start, u.document, u.created)
	if err := exactlyOne(res, err); !errors.Is(err, errLost) {
		return err
	}
	return refuse(StatusDuplicate)
}

// save writes a changed workitem, if nobody else did since it was read.
func (w *Worklist) save(ctx context.Context, tx *store.Tx, u *workitem) error {
	if err := w.indexed(u, stamp(tx.Now())); err != nil {
		return err
	}
	return exactlyOne(tx.Exec(ctx, `UPDATE workitems SET state = $3, priority = $4, start_at = $5, transaction_uid = $6, document = $7,
		changed_at = $8, version = version + 1 WHERE id = $1 AND version = $2`, string(u.id), u.version, u.state, u.priority, u.start,
		u.transaction, u.document, u.changed))
}

// workitemIn reads a workitem of the scope. UIDs are an institution's own: the caller's comes first.
func (w *Worklist) workitemIn(ctx context.Context, q store.Querier, s record.Scope, uid dicom.UID) (*workitem, error) {
	b := &sqlText{}
	b.And("u.uid = " + b.Arg(string(uid)))
	b.And(w.db.ScopeSQL(s, "u.institution_id", "u.patient_id", &b.Args))
	u, err := scanWorkitem(q.QueryRow(ctx, `SELECT `+workitemColumns+` FROM workitems u WHERE `+b.String()+
		` ORDER BY CASE WHEN u.institution_id = `+b.Arg(string(s.Actor.Institution))+` THEN 0 ELSE 1 END, u.id LIMIT 1`, b.Args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(StatusNoWorkitem)
	}
	return u, err
}

// Workitem gives a workitem, all of it or the attributes asked for; the Transaction UID is nobody's to read (PS3.18 §11.5).
func (w *Worklist) Workitem(ctx context.Context, s record.Scope, uid dicom.UID, tags ...dicom.Tag) (*dicom.DataSet, error) {
	u, err := w.workitemIn(ctx, w.db, s, uid)
	if err != nil {
		return nil, err
	}
	if err := w.db.Note(ctx, u.event("workitem.read").By(s)); err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		return u.d, nil
	}
	out := dicom.NewDataSet()
	out.CopyFrom(u.d, tags...)
	return out, nil
}

// acted reads a workitem, lets do change it and writes it.
func (w *Worklist) acted(ctx context.Context, s record.Scope, uid dicom.UID, do func(tx *store.Tx, u *workitem) (write bool, err error)) error {
	return w.change(ctx, s, workitemLocks("workitem:"+string(uid)), func(tx *store.Tx) error {
		u, err := w.workitemIn(ctx, tx, s, uid)
		if err != nil {
			return err
		}
		write, err := do(tx, u)
		if err != nil || !write {
			return err
		}
		return w.save(ctx, tx, u)
	})
}
