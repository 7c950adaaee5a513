package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/codec/dicom/raster"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// Originator says for whose C-MOVE objects are sent (PS3.7 §9.1.1.1.9); zero for none.
type Originator struct {
	AETitle   string
	MessageID uint16
}

// Outcome of one object.
type Outcome struct {
	Object imaging.Located
	Status dimse.Status // of the peer; ProcessingFailure when it was never asked
	Err    error        // why the object did not go; nil with any status of the peer
}

// Sent tells whether the peer has the object.
func (o Outcome) Sent() bool {
	return o.Err == nil && (o.Status.Category() == dimse.Completed || o.Status.Category() == dimse.Warned)
}

// BrokenOff is the error of an association that ended while an object was being sent.
type BrokenOff struct {
	Object imaging.Located
	Err    error
}

func (b *BrokenOff) Error() string { return b.Err.Error() }
func (b *BrokenOff) Unwrap() error { return b.Err }

// SendTo sends objects to a peer over as few associations as they need. told hears of every object; when it returns false
// the sending ends. The error is for what ended it early: no association, a broken one, the context.
func (x *Exchange) SendTo(ctx context.Context, p Peer, objects []imaging.Located, by Originator, told func(Outcome) bool) error {
	for _, b := range batches(objects) {
		a, err := x.dial(ctx, p, b.contexts, nil)
		if err != nil {
			return fmt.Errorf("association with %s: %w", p.AETitle, err)
		}
		more, err := x.sendAll(ctx, a, b.objects, by, told)
		if err == nil {
			err = a.Release(ctx)
		} else {
			a.Abort()
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (x *Exchange) sendAll(ctx context.Context, a *dimse.Association, objects []imaging.Located, by Originator, told func(Outcome) bool) (more bool, err error) {
	for _, o := range objects {
		out := x.Send(ctx, a, o, by)
		if a.Err() != nil {
			return false, fmt.Errorf("association with %s: %w", a.CalledAE(), &BrokenOff{o, a.Err()})
		}
		if !told(out) {
			return false, nil
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
	}
	return true, nil
}

// Send sends one object over an open association: as it is kept where the peer takes that, else in another transfer syntax
// without loss. Only the second is ever decoded.
func (x *Exchange) Send(ctx context.Context, a *dimse.Association, o imaging.Located, by Originator) Outcome {
	status, err := x.send(ctx, a, o, by)
	return Outcome{Object: o, Status: status, Err: err}
}

func (x *Exchange) send(ctx context.Context, a *dimse.Association, o imaging.Located, by Originator) (dimse.Status, error) {
	kept := dicom.UID(o.Syntax)
	pc, err := a.ContextFor(dicom.UID(o.SOPClass), kept)
	var data io.ReadCloser
	if err == nil {
		data, err = x.asKept(ctx, o)
	} else {
		data, pc, err = x.inAnother(ctx, a, o)
	}
	if err != nil {
		return dimse.ProcessingFailure, err
	}
	defer func() { _ = data.Close() }()
	in := &counted{Reader: data}
	status, err := a.Store(ctx, dimse.Object{
		SOPClass: dicom.UID(o.SOPClass), SOPInstance: dicom.UID(o.SOPUID), TransferSyntax: pc.TransferSyntax, Data: in,
		MoveOriginator: by.AETitle, MoveOriginatorID: by.MessageID,
	})
	x.opt.Sent(in.n)
	return status, err
}

type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// asKept opens the data set of an object behind its file meta information.
func (x *Exchange) asKept(ctx context.Context, o imaging.Located) (io.ReadCloser, error) {
	r, err := x.centre.Read(ctx, o.Instance, 0, o.Size)
	if err != nil {
		return nil, err
	}
	return withoutMeta(r)
}

func withoutMeta(r io.ReadCloser) (io.ReadCloser, error) {
	in, _, err := dicom.SkipMeta(r)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{in, r}, nil
}

// others are what an object may be sent as when the peer does not take it as it is kept, the best first.
var others = []dicom.UID{
	dicom.ExplicitLE, dicom.ImplicitLE, dicom.ExplicitBE, dicom.JPEGLSLossless, dicom.JPEGLossless, dicom.RLELossless,
}

// inAnother writes the object in a transfer syntax that the peer has accepted.
func (x *Exchange) inAnother(ctx context.Context, a *dimse.Association, o imaging.Located) (io.ReadCloser, dimse.Context, error) {
	var pc dimse.Context
	i := slices.IndexFunc(others, func(ts dicom.UID) (found bool) {
		var err error
		pc, err = a.ContextFor(dicom.UID(o.SOPClass), ts)
		return err == nil
	})
	if i < 0 {
		return nil, pc, record.Errorf(record.Precondition, "the peer takes no transfer syntax of SOP class %s that fits", o.SOPClass)
	}
	obj, err := x.centre.Scan(ctx, o.Instance)
	if err != nil {
		return nil, pc, err
	}
	t := raster.Transcode{Source: raster.Source{Object: obj, Open: func(off, n int64) (io.ReadCloser, error) {
		if n < 0 {
			n = o.Size - off
		}
		return x.centre.Read(ctx, o.Instance, off, n)
	}}, Syntax: others[i]}
	c, err := t.Copy()
	if err != nil {
		return nil, pc, record.Wrap(record.Precondition, err, "the object cannot be written in a transfer syntax that the peer takes")
	}
	r, w := io.Pipe()
	go func() {
		_, err := c.WriteTo(w)
		w.CloseWithError(err)
	}()
	out, err := withoutMeta(r)
	return out, pc, err
}
