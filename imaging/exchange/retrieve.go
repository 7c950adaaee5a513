// Retrieve: C-GET, whose objects come over the association that asked, and C-MOVE to our own door.

package exchange

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// identifier names the study (PS3.4 C.4.3.1.3.1).
func (v *retrieval) identifier(ts dicom.UID) ([]byte, error) {
	keys := dicom.NewDataSet()
	keys.SetText(queryRetrieveLevel, "STUDY")
	keys.SetText(dicom.StudyInstanceUID, string(v.study))
	v.under(keys)
	return dicom.AppendDataSet(nil, keys, ts, "GB18030")
}

// byGet asks for the study over an association of its own; the error is why it did not all come.
func (v *retrieval) byGet(ctx context.Context, missing []imaging.Reference) error {
	class := services[v.f.model].get
	a, err := v.x.dial(ctx, v.d.Peer, storageContexts(missing, class), v.x.receive(v.d))
	if err != nil {
		return err
	}
	defer a.Abort() // after a release it does nothing
	pc, err := a.ContextFor(class)
	if err != nil {
		_ = a.Release(ctx)
		return err
	}
	b, err := v.identifier(pc.TransferSyntax)
	if err != nil {
		return err
	}
	reply, err := a.Get(ctx, pc, b, nil)
	if a.Err() == nil {
		_ = a.Release(ctx)
	}
	return subOperations(reply, err)
}

// byMove asks the device to send the study to our door. before is why it was not got in the other way.
func (v *retrieval) byMove(ctx context.Context, before error) error {
	pc, err := v.f.ContextFor(services[v.f.model].move)
	if err != nil {
		if before != nil {
			return before
		}
		return err
	}
	b, err := v.identifier(pc.TransferSyntax)
	if err != nil {
		return err
	}
	reply, err := v.f.Move(ctx, pc, v.x.opt.AETitle, b, nil)
	if reply != nil && reply.Status == dimse.MoveDestinationUnknown {
		return record.Wrap(record.Unavailable, err, fmt.Sprintf("the device does not know %s as a destination (status %s)", v.x.opt.AETitle, reply.Status))
	}
	return subOperations(reply, err)
}

// subOperations is the error of a retrieval that did not bring everything.
func subOperations(r *dimse.Reply, err error) error {
	if err != nil || r == nil || r.Sub == nil || r.Sub.Failed == 0 {
		return err
	}
	return record.Errorf(record.Unavailable, "the device could not send %d objects (status %s)", r.Sub.Failed, r.Status)
}

// receive takes the C-STOREs of a C-GET: objects go from the line into the centre, as the device's own.
func (x *Exchange) receive(d Device) dimse.Handler {
	return func(ctx context.Context, _ *dimse.Association, m *dimse.Message) error {
		if m.Field != dimse.CStoreRQ || m.Data == nil {
			return m.Reply(ctx, dimse.UnrecognizedOperation)
		}
		head, err := dicom.FileMeta(dicom.Meta{
			SOPClass: m.SOPClass, SOPInstance: m.SOPInstance, TransferSyntax: m.Context.TransferSyntax, SourceAE: d.AETitle,
		})
		if err != nil {
			return m.Reply(ctx, dimse.CannotUnderstand)
		}
		src := imaging.Source{Reader: io.MultiReader(bytes.NewReader(head), m.Data), Size: -1}
		if _, err = x.centre.Accept(ctx, d.Write, src); err != nil {
			x.opt.Log.WarnContext(ctx, "exchange: fetched object refused", "ae_title", d.AETitle, "error", record.Public(err))
		}
		return m.Reply(ctx, dimse.Status(imaging.FailureStatus(err)))
	}
}

// maxReport bounds the data set of an N-EVENT-REPORT that is held in memory.
const maxReport = 16 << 20

// readDataSet reads the data set of a message.
func readDataSet(m *dimse.Message) (*dicom.DataSet, error) {
	b, err := io.ReadAll(io.LimitReader(m.Data, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxReport {
		return nil, record.Errorf(record.Invalid, "the data set is longer than %d bytes", maxReport)
	}
	ds, err := dicom.ReadDataSet(b, m.Context.TransferSyntax, dicom.Limits{})
	if err != nil {
		return nil, record.Errorf(record.Invalid, "the data set cannot be read")
	}
	return ds, nil
}
