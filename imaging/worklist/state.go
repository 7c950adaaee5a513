// The states of a workitem, as a table (PS3.4 table CC.1.1-2).

package worklist

import (
	"context"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// move is what a request to change the state comes to: 0 is done, a warning is success without a change.
type move struct {
	right Status // with the correct Transaction UID
	wrong Status // with another; of SCHEDULED, which has none yet, only right counts
}

var moves = map[string]map[string]move{
	Scheduled: {
		InProgress: {right: 0},
		Completed:  {right: StatusNotInProgress},
		Canceled:   {right: StatusNotInProgress},
	},
	InProgress: {
		InProgress: {StatusAlreadyInProgress, StatusAlreadyInProgress},
		Completed:  {0, StatusWrongTransaction},
		Canceled:   {0, StatusWrongTransaction},
	},
	Completed: {
		InProgress: {StatusFinal, StatusFinal},
		Completed:  {StatusAlreadyCompleted, StatusWrongTransaction},
		Canceled:   {StatusFinal, StatusFinal},
	},
	Canceled: {
		InProgress: {StatusFinal, StatusFinal},
		Completed:  {StatusFinal, StatusFinal},
		Canceled:   {StatusAlreadyCanceled, StatusWrongTransaction},
	},
}

// next asks the table.
func (u *workitem) next(to string, transaction dicom.UID) Status {
	m, ok := moves[u.state][to]
	switch {
	case to == Scheduled:
		return StatusOnlyByCreate
	case !ok:
		return StatusInvalidAttribute
	case u.state == Scheduled || string(transaction) == u.transaction:
		return m.right
	}
	return m.wrong
}

// ChangeState claims a workitem (to IN PROGRESS, under a Transaction UID that the caller has made), or ends it (COMPLETED or
// CANCELED, under the same) (PS3.4 CC.2.1, PS3.18 §11.7). Of many who claim at once one succeeds. A warning means success
// without a change.
func (w *Worklist) ChangeState(ctx context.Context, s record.Scope, uid, transaction dicom.UID, to string) (warning Status, err error) {
	if !transaction.Valid() {
		return 0, refuse(StatusMissingValue, transactionUID)
	}
	err = w.acted(ctx, s, uid, func(tx *store.Tx, u *workitem) (bool, error) {
		warning = 0
		switch st := u.next(to, transaction); {
		case st.Warning():
			warning = st
			return false, nil
		case st != 0 && st == StatusInvalidAttribute:
			return false, refuse(st, workitemState)
		case st != 0:
			return false, refuse(st)
		}
		return true, w.enter(ctx, tx, u, transaction, to)
	})
	return warning, err
}

// enter changes the state and tells of it.
func (w *Worklist) enter(ctx context.Context, tx *store.Tx, u *workitem, transaction dicom.UID, to string) error {
	switch to {
	case Completed:
		if err := u.mayComplete(); err != nil {
			return err
		}
	case Canceled:
		w.markCancelled(u, w.moment(tx.Now()))
	}
	u.state, u.transaction = to, string(transaction)
	u.d.SetText(workitemState, to)
	act := map[string]string{InProgress: "workitem.claimed", Completed: "workitem.completed", Canceled: "workitem.cancelled"}[to]
	tx.Emit(u.event(act))
	return w.report(ctx, tx, u, StateReport, u.stateInfo())
}

// mayComplete holds the final state requirements of PS3.4 table CC.2.5-3: what was performed, where, when.
func (u *workitem) mayComplete() error {
	items := u.d.Items(workitemPerformed)
	if len(items) == 0 {
		return refuse(StatusRequirementsNotMet, workitemPerformed)
	}
	absent, empty := lacking(&items[0], workitemPerformedCodes, workitemPerformedStations, workitemPerformedStart, workitemPerformedEnd)
	if missing := append(absent, empty...); len(missing) > 0 {
		return refuse(StatusRequirementsNotMet, missing...)
	}
	return nil
}

// markCancelled notes when the work was given up, where the performer did not.
func (w *Worklist) markCancelled(u *workitem, at string) {
	item := dicom.NewDataSet()
	if items := u.d.Items(workitemProgress); len(items) > 0 {
		item.CopyFrom(&items[0])
	}
	if item.Str(workitemCancelledAt) == "" {
		item.SetText(workitemCancelledAt, at)
	}
	u.d.SetItems(workitemProgress, item)
}

// cancelInfo is what a request to cancel may carry (PS3.4 table CC.2.2-1).
var cancelInfo = []dicom.Tag{cancellationReason, discontinuationReasons, contactURI, contactName}

// RequestCancel asks that a workitem be given up (PS3.4 CC.2.2, PS3.18 §11.8). What nobody has claimed is cancelled at once;
// the performer of what is IN PROGRESS is told and decides. requester is the AE title, or another name, of who asks; info may
// carry reason and contact.
func (w *Worklist) RequestCancel(ctx context.Context, s record.Scope, uid dicom.UID, requester string, info *dicom.DataSet) (warning Status, err error) {
	err = w.acted(ctx, s, uid, func(tx *store.Tx, u *workitem) (bool, error) {
		warning = 0
		switch u.state {
		case Completed:
			return false, refuse(StatusCancelOfCompleted)
		case Canceled:
			warning = StatusAlreadyCanceled
			return false, nil
		case InProgress:
			tx.Emit(u.event("workitem.cancel_requested"))
			d := dicom.NewDataSet()
			if info != nil {
				d.CopyFrom(info, cancelInfo...)
			}
			d.SetText(requestingAE, requester)
			return false, w.report(ctx, tx, u, CancelRequested, d)
		}
		return true, w.cancelScheduled(ctx, tx, u, info)
	})
	return warning, err
}

// cancelScheduled goes through IN PROGRESS, since there is no other way (PS3.4 CC.2.2.3).
func (w *Worklist) cancelScheduled(ctx context.Context, tx *store.Tx, u *workitem, info *dicom.DataSet) error {
	transaction := NewUID()
	if err := w.enter(ctx, tx, u, transaction, InProgress); err != nil {
		return err
	}
	if info != nil {
		item := dicom.NewDataSet()
		item.CopyFrom(info, cancelInfo...)
		u.d.SetItems(workitemProgress, item)
	}
	return w.enter(ctx, tx, u, transaction, Canceled)
}
