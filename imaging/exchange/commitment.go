// Storage commitment as SCU (PS3.4 J): we ask the device that a transfer went to whether it keeps the objects.

package exchange

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// askCommitment asks for commitment of what was sent. The answer may come over the same association, or hours later over
// one of the device's to our door; until then the request is made again from time to time.
func (r *run) askCommitment(ctx context.Context) error {
	refs, err := sentReferences(ctx, r.x.db, r.t.ID)
	if err != nil {
		return err
	}
	r.t.transaction = worklist.NewUID()
	res, err := r.renew(ctx)
	if err := oneRow(res, err, errTaken); err != nil {
		return err
	}
	heard := make(chan struct{}, 1)
	a, err := r.x.dial(ctx, r.d.Peer, []dimse.Proposal{{AbstractSyntax: dimse.StorageCommitmentPush, TransferSyntaxes: plain}}, r.x.listen(r.d, heard))
	if err != nil {
		return err
	}
	defer a.Abort() // after a release it does nothing
	pc, err := a.ContextFor(dimse.StorageCommitmentPush)
	if err != nil {
		return errForGood{err}
	}
	b, err := dicom.AppendDataSet(nil, actionInformation(r.t.transaction, refs), pc.TransferSyntax, "")
	if err != nil {
		return err
	}
	if _, err := a.NAction(ctx, pc, dimse.StorageCommitmentInstance, requestCommitment, b); err != nil {
		return err
	}
	select {
	case <-heard:
	case <-a.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(r.x.opt.Answer):
	}
	_ = a.Release(ctx) // it was asked, however they part
	return nil
}

func (r *run) renew(ctx context.Context) (res sql.Result, err error) {
	err = r.x.db.Tx(ctx, func(tx *store.Tx) error {
		res, err = tx.Exec(ctx, `UPDATE transfers SET transaction_uid = $3 WHERE id = $1 AND owner = $2`, string(r.t.ID), r.t.owner, string(r.t.transaction))
		return err
	})
	return res, err
}

// listen answers the N-EVENT-REPORT that comes over an association of ours.
func (x *Exchange) listen(d Device, heard chan struct{}) dimse.Handler {
	return func(ctx context.Context, _ *dimse.Association, m *dimse.Message) error {
		if m.Field != dimse.NEventReportRQ || m.Data == nil {
			return m.Reply(ctx, dimse.UnrecognizedOperation)
		}
		ds, err := readDataSet(m)
		if err == nil {
			err = x.Committed(ctx, d.AETitle, ds)
		}
		if err != nil {
			return m.Reply(ctx, dimse.ProcessingFailure)
		}
		defer nudge(heard)
		return m.Reply(ctx, dimse.Success)
	}
}

func actionInformation(transaction dicom.UID, refs []imaging.Reference) *dicom.DataSet {
	items := each(refs, func(r imaging.Reference) *dicom.DataSet {
		item := dicom.NewDataSet()
		item.SetText(dicom.ReferencedSOPClassUID, string(r.SOPClass))
		item.SetText(dicom.ReferencedSOPInstanceUID, string(r.SOPInstance))
		return item
	})
	ds := dicom.NewDataSet()
	ds.SetText(transactionUID, string(transaction))
	ds.SetItems(referencedSOPSequence, items...)
	return ds
}

func sentReferences(ctx context.Context, q store.Querier, id TransferID) ([]imaging.Reference, error) {
	return store.List(ctx, q, `SELECT i.sop_class, i.sop_uid FROM transfer_objects o JOIN instances i ON i.id = o.instance_id
		WHERE o.transfer_id = $1 AND o.state = 'sent' ORDER BY o.position`, []any{string(id)},
		func(r *imaging.Reference) []any { return []any{&r.SOPClass, &r.SOPInstance} })
}

// Committed takes the N-EVENT-REPORT of a device about a request of ours: NotFound for a transaction that is none of ours
// with it. Objects that the device does not speak of count as not committed.
func (x *Exchange) Committed(ctx context.Context, aeTitle string, report *dicom.DataSet) error {
	transaction := report.UID(transactionUID)
	kept, err := references(report, referencedSOPSequence)
	if err != nil {
		return err
	}
	reasons := map[dicom.UID]int{}
	for _, item := range report.Items(failedSOPSequence) {
		n, _ := item.Int(failureReason)
		reasons[item.UID(dicom.ReferencedSOPInstanceUID)] = n
	}
	if !transaction.Valid() {
		return record.Errorf(record.Invalid, "Transaction UID (0008,1195) is missing or not valid")
	}
	err = x.db.Tx(ctx, func(tx *store.Tx) error {
		t, err := scanTransfer(tx.QueryRow(ctx, `SELECT `+transferColumns+` FROM transfers t WHERE t.transaction_uid = $1 AND t.ae_title = $2
			AND t.state = 'committing'`, string(transaction), aeTitle).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return record.Errorf(record.NotFound, "no transaction of this UID is open with the device")
		}
		if err != nil {
			return err
		}
		committed, failed, err := x.commitAll(ctx, tx, t.ID, kept, reasons)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE transfers SET committed = committed + $2, failed = failed + $3, sent = sent - $3 WHERE id = $1`,
			string(t.ID), committed, failed); err != nil {
			return err
		}
		t.State, t.Reason = Done, ""
		if t.Refused+t.Failed+failed > 0 {
			t.State, t.Reason = Failed, "the device does not keep all objects"
		}
		return x.end(ctx, tx, t)
	})
	return err
}

// commitAll writes what the device says of each object that was sent.
func (x *Exchange) commitAll(ctx context.Context, tx *store.Tx, id TransferID, kept []imaging.Reference, reasons map[dicom.UID]int) (committed, failed int, err error) {
	type row struct {
		position int
		sop      dicom.UID
	}
	rows, err := store.List(ctx, tx, `SELECT o.position, i.sop_uid FROM transfer_objects o JOIN instances i ON i.id = o.instance_id
		WHERE o.transfer_id = $1 AND o.state = 'sent'`, []any{string(id)}, func(r *row) []any { return []any{&r.position, &r.sop} })
	if err != nil {
		return 0, 0, err
	}
	isKept := map[dicom.UID]bool{}
	for _, k := range kept {
		isKept[k.SOPInstance] = true
	}
	var lost []row
	for _, r := range rows {
		if reasons[r.sop] != 0 || !isKept[r.sop] {
			lost = append(lost, r)
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE transfer_objects SET state = 'committed' WHERE transfer_id = $1 AND state = 'sent'`, string(id)); err != nil {
		return 0, 0, err
	}
	for r := range slices.Values(lost) {
		if _, err := tx.Exec(ctx, `UPDATE transfer_objects SET state = 'failed', status = $3 WHERE transfer_id = $1 AND position = $2`,
			string(id), r.position, reasons[r.sop]); err != nil {
			return 0, 0, err
		}
	}
	return len(rows) - len(lost), len(lost), nil
}
