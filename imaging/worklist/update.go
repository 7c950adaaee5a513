package worklist

import (
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// setAtCreate are attributes that N-SET may not change (PS3.4 table CC.2.5-3); repeating them is no change.
var setAtCreate = []dicom.Tag{
	dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.StudyInstanceUID, workitemState, workitemModified,
	dicom.PatientName, dicom.PatientID, dicom.IssuerOfPatientID, dicom.PatientBirthDate, dicom.PatientSex, admissionID,
}

// UpdateWorkitem changes attributes of a workitem (PS3.4 CC.2.6, PS3.18 §11.6). While it is IN PROGRESS only who claimed it
// may, with the Transaction UID; the data set may carry that UID instead of the argument.
func (w *Worklist) UpdateWorkitem(ctx context.Context, s record.Scope, uid, transaction dicom.UID, ds *dicom.DataSet) error {
	if transaction == "" {
		transaction = ds.UID(transactionUID)
	}
	news := sent(ds, transactionUID)
	return w.acted(ctx, s, uid, func(tx *store.Tx, u *workitem) (bool, error) {
		if err := u.mayUpdate(transaction, news); err != nil {
			return false, err
		}
		before := u.d.Clone()
		u.d.CopyFrom(news)
		if wrong := w.wrongValues(u.d); len(wrong) > 0 {
			return false, refuse(StatusInvalidAttribute, wrong...)
		}
		tx.Emit(u.event("workitem.changed"))
		return true, w.reportChange(ctx, tx, u, before)
	})
}

func (u *workitem) mayUpdate(transaction dicom.UID, news *dicom.DataSet) error {
	switch {
	case u.final():
		return refuse(StatusFinal)
	case u.state == InProgress && string(transaction) != u.transaction:
		return refuse(StatusWrongTransaction)
	case u.state == Scheduled && (transaction != "" || news.Find(workitemProgress) != nil || news.Find(workitemPerformed) != nil):
		return refuse(StatusNotInProgress)
	}
	var wrong []dicom.Tag
	for _, t := range setAtCreate {
		el := news.Find(t)
		if el == nil {
			continue
		}
		if !slices.Equal(news.Strs(t), u.d.Strs(t)) {
			wrong = append(wrong, t)
		}
	}
	switch {
	case slices.Contains(wrong, workitemState) && news.Str(workitemState) == Scheduled:
		return refuse(StatusOnlyByCreate, workitemState)
	case len(wrong) > 0:
		return refuse(StatusInvalidAttribute, wrong...)
	}
	return nil
}

// reportChange tells followers of a change that PS3.4 CC.2.4 has an event for.
func (w *Worklist) reportChange(ctx context.Context, tx *store.Tx, u *workitem, before *dicom.DataSet) error {
	same := func(tags ...dicom.Tag) bool {
		a, b := dicom.NewDataSet(), dicom.NewDataSet()
		a.CopyFrom(before, tags...)
		b.CopyFrom(u.d, tags...)
		return a.Equal(b)
	}
	if !same(inputReadiness) {
		if err := w.report(ctx, tx, u, StateReport, u.stateInfo()); err != nil {
			return err
		}
	}
	if !same(workitemProgress) {
		if err := w.report(ctx, tx, u, ProgressReport, u.progressInfo()); err != nil {
			return err
		}
	}
	if same(workitemStationNames, workitemHumanPerformers) || !u.assigned() {
		return nil
	}
	return w.report(ctx, tx, u, Assigned, u.assignedInfo())
}
