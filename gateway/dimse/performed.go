package dimse

import (
	"bytes"
	"context"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
)

// createPerformed answers the N-CREATE of a modality performed procedure step (PS3.4 F.7.2.1).
func (d *Door) createPerformed(ctx context.Context, c *call) error {
	if c.SOPClass != ul.ModalityPerformedProcedureStep {
		return c.Reply(ctx, ul.NoSuchSOPClass)
	}
	scope, ds, err := c.performed(ctx)
	if err != nil {
		return err
	}
	if c.SOPInstance == "" { // the SCP may be asked to make the UID (PS3.7 §10.1.5.1.4)
		c.SOPInstance = worklist.NewUID()
	}
	if err := d.worklist.NCreate(ctx, scope, c.SOPInstance, ds); err != nil {
		return err
	}
	return c.Reply(ctx, ul.Success)
}

// setPerformed answers its N-SET (PS3.4 F.7.2.2). A step that ends says what was made: with all of it here, the study is
// complete at once.
func (d *Door) setPerformed(ctx context.Context, c *call) error {
	scope, ds, err := c.performed(ctx)
	if err != nil {
		return err
	}
	made, err := d.worklist.NSet(ctx, scope, c.SOPInstance, ds)
	if err != nil {
		return err
	}
	for _, m := range made {
		d.finish(ctx, c, m)
	}
	return c.Reply(ctx, ul.Success)
}

func (c *call) performed(ctx context.Context) (record.Scope, *dicom.DataSet, error) {
	ds, err := c.dataSet()
	if err != nil {
		return record.Scope{}, nil, err
	}
	scope, err := c.peer.May(ctx, "worklist", "perform")
	return scope, ds, err
}

// finish completes a study whose steps have all ended. That instances are still on their way is no fault of the message:
// the study then completes by itself when nothing more comes.
func (d *Door) finish(ctx context.Context, c *call, m worklist.Manifest) {
	if m.More || m.Expected == 0 || m.Discontinued {
		return
	}
	scope, err := c.peer.May(ctx, "imaging", "finish")
	if err == nil {
		_, err = d.centre.Finish(ctx, scope, imaging.Finish{
			Study: m.Study, Expected: m.Expected, Priority: m.Priority, ClinicalInfo: m.ClinicalInfo,
		})
	}
	if kind := record.KindOf(err); err != nil && kind != record.Precondition && kind != record.NotFound {
		d.note(ctx, c, err)
	}
}

// getPerformed answers N-GET (PS3.4 F.8.2).
func (d *Door) getPerformed(ctx context.Context, c *call) error {
	scope, err := c.peer.May(ctx, "worklist", "read")
	if err != nil {
		return err
	}
	ds, err := d.worklist.NGet(ctx, scope, c.SOPInstance, c.Attributes...)
	if err != nil {
		return err
	}
	b, err := dicom.AppendDataSet(nil, ds, c.Context.TransferSyntax, d.opt.Charset)
	if err != nil {
		return err
	}
	return c.Respond(ctx, c.Response(ul.Success), bytes.NewReader(b))
}
