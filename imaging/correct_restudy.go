// Restudy: the rows of studies made anew from their objects, and the reading room told.

package imaging

import (
	"context"
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// restudy is one change in its transaction.
type restudy struct {
	c       *Centre
	tx      *store.Tx
	scope   record.Scope
	ch      *change
	members []*member

	states  []*keptState // before, of the studies that were there
	before  map[record.ExamID]Identity
	after   map[record.ExamID]Identity
	changed int
	lost    map[record.ExamID]bool // studies that objects left
	out     Corrected
}

func (r *restudy) run(ctx context.Context) error {
	r.before, r.after, r.lost = map[record.ExamID]Identity{}, map[record.ExamID]Identity{}, map[record.ExamID]bool{}
	if err := r.look(ctx); err != nil {
		return err
	}
	if r.changed == 0 {
		return record.Errorf(record.Precondition, "the correction would change no object")
	}
	ids := r.ch.studies()
	if err := emptyStudies(ctx, r.tx, ids); err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.remake(ctx, id); err != nil {
			return err
		}
		now, err := identityIn(ctx, r.tx, id)
		if err != nil {
			return err
		}
		r.after[id] = now
	}
	if err := r.writeMembers(ctx); err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.tellRoom(ctx, id); err != nil {
			return err
		}
	}
	r.answer()
	return nil
}

// look notes how it was.
func (r *restudy) look(ctx context.Context) error {
	for _, id := range r.ch.studies() {
		st, err := stateOf(ctx, r.tx, id)
		if err != nil {
			return err
		}
		if st != nil {
			r.states = append(r.states, st)
		}
		if r.before[id], err = identityIn(ctx, r.tx, id); err != nil {
			return err
		}
	}
	for _, m := range r.members {
		if m.changed {
			r.changed++
		}
		if m.a.study != m.Study {
			r.lost[m.Study] = true
		}
	}
	return nil
}

func emptyStudies(ctx context.Context, tx *store.Tx, ids []record.ExamID) error {
	for _, t := range []string{"series", "study_names", "study_modalities"} {
		b := &sqlText{}
		if _, err := tx.Exec(ctx, "DELETE FROM "+t+" WHERE "+b.list("study_id", texts(ids)), b.Args...); err != nil {
			return err
		}
	}
	b := &sqlText{}
	_, err := tx.Exec(ctx, "DELETE FROM studies WHERE "+b.list("id", texts(ids)), b.Args...)
	return err
}

// stateBefore is the state of a study as it was just now, nil if it was not there.
func (r *restudy) stateBefore(id record.ExamID) *keptState {
	for _, st := range r.states {
		if st.Study == id {
			return st
		}
	}
	return nil
}

// stateAfter is the state that the study will have, and whose it is; nil patient: as its objects say.
func (r *restudy) stateAfter(id record.ExamID) keptState {
	var made keptState
	if st := r.stateBefore(id); st != nil {
		made = *st
	} else if st := r.stateBefore(r.ch.source); st != nil { // split off
		made = *st
		made.Case, made.Expected = "", 0
	}
	if u := r.ch.undoes; u != nil {
		for _, was := range u.states {
			if was.Study == id && r.stateBefore(id) == nil {
				made = was
			} else if was.Study == id {
				made.Patient, made.Grade = was.Patient, was.Grade
			}
		}
		if len(u.states) == 0 {
			made.Patient = "" // from the blobs: nobody remembers
		}
	} else if r.ch.doc.Kind == Assign {
		made.Patient = ""
	}
	made.Study = id
	return made
}

// remake writes the rows of one study.
func (r *restudy) remake(ctx context.Context, id record.ExamID) error {
	items := r.itemsOf(id)
	if len(items) == 0 {
		return nil
	}
	state := r.stateAfter(id)
	first := items[0].Item
	st := &openStudyRow{id: id, institution: r.ch.doc.Institution}
	m := store.Match{Patient: state.Patient, Grade: state.Grade}
	if m.Patient == "" {
		var err error
		if m, err = r.tx.MatchPatient(ctx, first.facts.who); err != nil {
			return fmt.Errorf("match patient: %w", err)
		}
	}
	if err := st.make(ctx, r.tx, first, m); err != nil {
		return err
	}
	for _, p := range items {
		if st.takes(p.Item) != nil {
			return record.Errorf(record.Precondition, "study %s would have objects of two patient numbers", id)
		}
		st.add(p.Item)
	}
	if err := st.addSeries(ctx, r.tx, items); err != nil {
		return err
	}
	if err := st.save(ctx, r.tx); err != nil {
		return err
	}
	return state.restore(ctx, r.tx)
}

func (r *restudy) itemsOf(id record.ExamID) []packed {
	var items []packed
	for _, m := range r.members {
		if m.a.study == id {
			items = append(items, packed{Item: m.a, Key: m.key, Offset: m.offset, Length: m.bytes.Size})
		}
	}
	return items
}

// writeMembers writes the rows of the objects that are others now.
func (r *restudy) writeMembers(ctx context.Context) error {
	for _, m := range r.members {
		if m.changed {
			if err := writeMember(ctx, r.tx, m); err != nil {
				return err
			}
		}
	}
	for _, id := range r.ch.studies() {
		_, err := r.tx.Exec(ctx, `UPDATE instances SET patient_id = (SELECT patient_id FROM studies WHERE id = $1) WHERE study_id = $1
			AND EXISTS (SELECT 1 FROM studies WHERE id = $1)`, string(id))
		if err != nil {
			return err
		}
	}
	return nil
}

func writeMember(ctx context.Context, tx *store.Tx, m *member) error {
	a := m.a
	f := a.formOr()
	_, err := tx.Exec(ctx, `UPDATE instances SET study_id = $2, series_id = $3, sent_study_id = $4, corrections = $5, form_size = $6, form_sha256 = $7
		WHERE id = $1`, string(m.ID), string(a.study), string(seriesID(a.study, a.facts.series)), string(a.sent), f.chain, f.size, f.sha256)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE instance_metadata SET json_gz = $2, frames = $3 WHERE instance_id = $1`, string(m.ID), a.meta, a.frames)
	if err != nil {
		return err
	}
	if a.form != nil {
		return addForm(ctx, tx, m.ID, a.form)
	}
	_, err = tx.Exec(ctx, `DELETE FROM instance_forms WHERE instance_id = $1`, string(m.ID))
	return err
}

// tellRoom lets the reading room know what has become of a study's case.
func (r *restudy) tellRoom(ctx context.Context, id record.ExamID) error {
	now := r.after[id]
	if !now.named() {
		if !r.before[id].named() {
			return nil
		}
		taken, err := r.c.room.Dismiss(ctx, r.tx, r.scope, id, r.ch.doc.Reason)
		r.noteReport(id, taken)
		return err
	}
	state := r.stateAfter(id)
	if state.Open == 1 && state.Case == "" {
		return nil // nobody was told of it yet
	}
	e, info, _, _, err := closedExam(ctx, r.tx, id)
	if err != nil {
		return err
	}
	if state.Case == "" {
		if elsewhere, err := r.c.readElsewhere(ctx, r.tx, e); elsewhere || err != nil {
			return err
		}
	}
	opened, taken, err := r.c.room.Correct(ctx, r.tx, r.scope, reading.Correction{
		Exam: e, ClinicalInfo: info, Spoilt: r.spoilt(id), Reason: r.ch.doc.Reason,
	})
	if err != nil {
		return err
	}
	r.noteReport(id, taken)
	_, err = r.tx.Exec(ctx, `UPDATE studies SET case_id = $2, open = $3 WHERE id = $1`, string(id), string(opened), state.Open)
	return err
}

func (r *restudy) noteReport(id record.ExamID, taken bool) {
	if taken {
		r.out.ReportsWithdrawn = append(r.out.ReportsWithdrawn, id)
	}
}

// spoilt: a report on the study may speak of images of another person, which have left it.
func (r *restudy) spoilt(id record.ExamID) bool {
	if !r.lost[id] {
		return false
	}
	patients := map[record.PatientID]bool{}
	for _, all := range []map[record.ExamID]Identity{r.before, r.after} {
		for _, i := range all {
			if i.named() {
				patients[i.Patient] = true
			}
		}
	}
	return len(patients) > 1
}

func (r *restudy) patientOf(id record.ExamID) record.PatientID {
	if i := r.after[id]; i.named() {
		return i.Patient
	}
	return r.before[id].Patient
}

// answer fills in what the caller is told.
func (r *restudy) answer() {
	d := r.ch.doc
	if u := r.ch.undoes; u != nil {
		r.out.Correction = *u
		r.out.UndoneAt, r.out.UndoneBy, r.out.UndoReason = d.At, d.By, d.Reason
	} else {
		r.out.Correction = Correction{
			ID: d.ID, Kind: d.Kind, Institution: d.Institution, Study: r.ch.source, Target: r.ch.target, StudyUID: d.StudyUID, TargetUID: d.TargetUID,
			Instances: r.changed, By: d.By, ByName: d.ByName, At: d.At, Reason: strings.TrimSpace(d.Reason),
		}
	}
	r.out.Before, r.out.After = nil, nil
	for _, id := range r.ch.studies() {
		if i := r.before[id]; i.named() {
			r.out.Before = append(r.out.Before, i)
		}
		if i := r.after[id]; i.named() {
			r.out.After = append(r.out.After, i)
		}
	}
}
