package dimse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// smallestPDU is the least maximum length we take from a peer: smaller ones turn one object into millions of PDUs.
	smallestPDU = 128
	// writeBuffer holds a command set and two PDUs of 128 KiB, so that most messages are one write or a few.
	writeBuffer = 2*(128<<10+pduHeader) + 4<<10
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, writeBuffer); return &b }}

// Send sends a message on an accepted presentation context; data may be nil. The data set is read until io.EOF. If reading it
// fails before anything was written the association stays usable; later, it is aborted. A message that has begun is finished
// whatever becomes of the context; a response and C-CANCEL do not look at it, so that a cancelled operation can be answered.
func (a *Association) Send(ctx context.Context, contextID byte, c Command, data io.Reader) error {
	if _, ok := a.Context(contextID); !ok {
		return fmt.Errorf("%w: ID %d", ErrNoContext, contextID)
	}
	if c.Field.IsResponse() || c.Field == CCancelRQ {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case a.sending <- struct{}{}:
	case <-a.done:
		return a.ended()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-a.sending }()
	c.HasData = data != nil
	if c.Field.IsResponse() && c.Status.Category() != Continuing {
		a.answered(c.RespondedTo)
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	o := outbound{a: a, context: contextID, b: (*buffer)[:0], room: max(a.fragment+1, 4<<10)}
	if cap(o.b) < 2*(o.room+pduHeader+pdvHeader) {
		o.b = make([]byte, 0, 2*(o.room+pduHeader+pdvHeader))
	}
	err := o.message(&c, data)
	if err != nil && o.begun {
		a.abort(err)
	}
	return err
}

// outbound gathers PDUs for few writes.
type outbound struct {
	a       *Association
	context byte
	b       []byte
	room    int // that a fragment may need
	begun   bool
}

func (o *outbound) message(c *Command, data io.Reader) error {
	command := c.Append(make([]byte, 0, 256))
	if len(command) > maxCommand {
		return fmt.Errorf("dimse: command set of %d bytes", len(command))
	}
	for last := false; !last; {
		n := min(len(command), o.a.fragment)
		last = n == len(command)
		h, err := o.next()
		if err != nil {
			return err
		}
		o.b = append(o.b, command[:n]...)
		o.frame(h, commandFragment, n, last)
		command = command[n:]
	}
	if data != nil {
		if err := o.data(data); err != nil {
			return err
		}
	}
	return o.flush()
}

// next makes room for a header and a fragment, and gives the place of the header.
func (o *outbound) next() (int, error) {
	const heads = pduHeader + pdvHeader
	if cap(o.b)-len(o.b) < heads+o.room {
		if err := o.flush(); err != nil {
			return 0, err
		}
	}
	h := len(o.b)
	o.b = o.b[:h+heads]
	return h, nil
}

// frame fills the header of the fragment that ends the buffer.
func (o *outbound) frame(h int, control byte, n int, last bool) {
	if last {
		control |= lastFragment
	}
	putDataTF(o.b[h:], o.context, control, n)
}

// data reads the data set straight into the PDUs. One byte more than a fragment takes tells whether it is the last.
func (o *outbound) data(r io.Reader) error {
	var first [1]byte // of the next fragment, read too far
	carried := 0
	for {
		h, err := o.next()
		if err != nil {
			return err
		}
		start := len(o.b)
		o.b = append(o.b, first[:carried]...)
		n, err := io.ReadFull(r, o.b[len(o.b):start+o.a.fragment+1])
		n += carried
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return fmt.Errorf("dimse: data set to send: %w", err)
		}
		if !last {
			n--
			carried = copy(first[:], o.b[start+n:start+n+1])
		}
		o.b = o.b[:start+n]
		o.frame(h, 0, n, last)
		if last {
			return nil
		}
	}
}

// flush writes what was gathered, PDUs as a whole.
func (o *outbound) flush() error {
	if len(o.b) == 0 {
		return nil
	}
	o.begun = true
	err := o.a.write(o.b)
	o.b = o.b[:0]
	return err
}

// write writes P-DATA-TF PDUs if the state allows them.
func (a *Association) write(b []byte) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	_, _, ok := a.machine.step(evt9)
	if ok {
		_ = a.conn.SetWriteDeadline(time.Now().Add(a.opts.Stall))
	}
	a.mu.Unlock()
	if !ok {
		return a.ended()
	}
	if _, err := a.conn.Write(b); err != nil {
		a.broken.Store(true)
		_, _ = a.happen(evt17, nil, lost(err))
		return a.ended()
	}
	return nil
}
