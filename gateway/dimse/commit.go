package dimse

import (
	"context"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/record"
)

// maxCommitment bounds the data sets of storage commitment: they list objects by the thousand.
const maxCommitment = 16 << 20

// commit answers N-ACTION of storage commitment (PS3.4 J.3.2). The report goes out over the same association, while the
// requester holds it; its requests go on meanwhile.
func (d *Door) commit(ctx context.Context, c *call) error {
	switch {
	case c.SOPClass != ul.StorageCommitmentPush:
		return c.Reply(ctx, ul.NoSuchSOPClass)
	case c.SOPInstance != ul.StorageCommitmentInstance:
		return c.Reply(ctx, ul.NoSuchSOPInstance)
	case c.ActionType != 1:
		return c.Reply(ctx, ul.NoSuchAction)
	}
	ds, err := c.dataSetOf(maxCommitment)
	if err != nil {
		return err
	}
	scope, err := c.peer.May(ctx, "imaging", "read")
	if record.KindOf(err) == record.Denied {
		scope, err = c.peer.May(ctx, "imaging", "write")
	}
	if err != nil {
		return err
	}
	id, err := d.exchange.TakeCommitment(ctx, scope, c.peer.AETitle, ds)
	if err != nil {
		return err
	}
	if err := c.Reply(ctx, ul.Success); err != nil {
		return err
	}
	go d.exchange.Report(context.WithoutCancel(ctx), c.Association(), id)
	return nil
}

// committed answers the N-EVENT-REPORT of a device that we have asked for commitment (PS3.4 J.3.3).
func (d *Door) committed(ctx context.Context, c *call) error {
	if c.SOPClass != ul.StorageCommitmentPush {
		return c.Reply(ctx, ul.NoSuchSOPClass)
	}
	ds, err := c.dataSetOf(maxCommitment)
	if err != nil {
		return err
	}
	if _, err := c.peer.May(ctx, "imaging", "write"); err != nil {
		return err
	}
	if err := d.exchange.Committed(ctx, c.peer.AETitle, ds); err != nil {
		return err
	}
	return c.Reply(ctx, ul.Success)
}

// dataSetOf reads a message's data set, which must be there and may have so many bytes.
func (c *call) dataSetOf(most int64) (*dicom.DataSet, error) {
	if c.Data == nil {
		return nil, record.Errorf(record.Invalid, "no data set")
	}
	b, err := readAtMost(c.Data, most)
	if err != nil {
		return nil, err
	}
	ds, err := dicom.ReadDataSet(b, c.Context.TransferSyntax, dicom.Limits{})
	if err != nil {
		return nil, record.Errorf(record.Invalid, "the data set cannot be read: %v", err)
	}
	return ds, nil
}
