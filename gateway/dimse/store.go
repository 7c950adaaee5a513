package dimse

import (
	"bytes"
	"context"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// store answers C-STORE (PS3.4 B.2.3): bytes go from the line into the centre as they come, behind the group 2 that makes
// an object of them (PS3.10 §7.1). Success means that they are durable and indexed.
func (d *Door) store(ctx context.Context, c *call) error {
	if c.Data == nil {
		return record.Errorf(record.Invalid, "C-STORE without a data set")
	}
	head, err := dicom.FileMeta(dicom.Meta{
		SOPClass: c.SOPClass, SOPInstance: c.SOPInstance, TransferSyntax: c.Context.TransferSyntax, SourceAE: c.peer.AETitle,
	})
	if err != nil {
		return record.Errorf(record.Invalid, "C-STORE without the UIDs of class and instance")
	}
	in := &counted{r: c.Data}
	src := imaging.Source{Reader: io.MultiReader(bytes.NewReader(head), in), Size: -1}
	scope, err := c.peer.May(ctx, "imaging", "write")
	if err != nil {
		return err
	}
	if c.peer.Stranger {
		_, err := d.centre.Withhold(ctx, scope, src, "the sender "+c.peer.AETitle+" is not registered")
		d.opt.Received(in.n, err)
		if err != nil {
			return err
		}
		return record.Errorf(record.Denied, "AE title not registered; the object waits for a person")
	}
	stored, err := d.centre.Accept(ctx, scope, src)
	d.opt.Received(in.n, err)
	if err != nil {
		return err
	}
	return c.Respond(ctx, storedResponse(c.Message, stored), nil)
}

// storedResponse is success; what was suspect in the object is told as a comment, not as a warning status: some modalities
// take warnings for failures and send for ever.
func storedResponse(m *ul.Message, s imaging.Stored) ul.Command {
	r := m.Response(ul.Success)
	if len(s.Warnings) > 0 {
		r.ErrorComment = comment(s.Warnings[0])
	}
	return r
}

// counted counts what was read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// readAtMost reads all, Invalid if there is more than n.
func readAtMost(r io.Reader, n int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, n+1))
	if err == nil && int64(len(b)) > n {
		err = record.Errorf(record.Invalid, "the data set is longer than %d bytes", n)
	}
	return b, err
}
