package dimse

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Message is one received message. Data is nil where the command says that there is no data set; else it reads the data set in
// the context's transfer syntax straight from the connection, and no other message comes before it is read to its end.
// It implements io.WriterTo.
type Message struct {
	Command
	Context Context
	Data    io.Reader

	a    *Association
	data *dataReader
}

// Association is the one that the message came over.
func (m *Message) Association() *Association { return m.a }

// Skip gives up what was not read of the data set. Reading is an error afterwards.
func (m *Message) Skip() {
	if m.data != nil {
		m.data.abandon()
	}
}

// cut tells whether reading the data set failed for the connection's or the peer's fault.
func (m *Message) cut() bool {
	if m.data == nil {
		return false
	}
	m.data.mu.Lock()
	defer m.data.mu.Unlock()
	return m.data.err != nil && !errors.Is(m.data.err, errSkipped)
}

// Response is the command that answers this request: field, ids and UIDs as the request has them.
func (m *Message) Response(s Status) Command {
	return Command{
		Field: m.Field.Response(), RespondedTo: m.MessageID, SOPClass: m.SOPClass, SOPInstance: m.SOPInstance,
		EventType: m.EventType, ActionType: m.ActionType, Status: s,
	}
}

// Reply answers the request with a status and no data set.
func (m *Message) Reply(ctx context.Context, s Status) error {
	return m.Respond(ctx, m.Response(s), nil)
}

// Respond answers the request; data may be nil.
func (m *Message) Respond(ctx context.Context, c Command, data io.Reader) error {
	return m.a.Send(ctx, m.Context.ID, c, data)
}

var errSkipped = errors.New("dimse: data set was given up")

// dataReader reads one data set over its PDVs.
type dataReader struct {
	a    *Association
	id   byte          // of the presentation context
	done chan struct{} // closed when the association may read on

	mu   sync.Mutex
	last bool // the PDV is the last
	eof  bool
	err  error
}

// Read reads from the data set, at most to the end of a PDV.
func (d *dataReader) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fragment(); err != nil || len(p) == 0 {
		return 0, err
	}
	in := &d.a.in
	n, err := in.r.Read(p[:min(len(p), in.pdv)])
	return n, d.took(n, err)
}

// WriteTo writes the data set to w from the connection's buffer.
func (d *dataReader) WriteTo(w io.Writer) (total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	in := &d.a.in
	for {
		if err := d.fragment(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return total, err
		}
		if _, err := in.r.Peek(1); err != nil {
			return total, d.took(0, err)
		}
		b, _ := in.r.Peek(min(in.pdv, in.r.Buffered()))
		n, err := w.Write(b)
		total += int64(n)
		_, _ = in.r.Discard(n)
		if fail := d.took(n, nil); fail != nil {
			return total, fail
		}
		if err != nil {
			return total, err
		}
	}
}

// fragment goes to a PDV that has bytes; io.EOF behind the last.
func (d *dataReader) fragment() error {
	in := &d.a.in
	for {
		switch {
		case d.err != nil:
			return d.err
		case d.eof:
			return io.EOF
		case in.pdv > 0:
			return nil
		}
		if err := d.a.nextPDV(); err != nil {
			if errors.Is(err, errReleaseAsked) {
				err = violate(ReasonUnexpectedPDU, dicom.Structure, "release within a data set")
			}
			return d.fail(err)
		}
		if in.control&commandFragment != 0 || in.context != d.id {
			return d.fail(violate(ReasonUnexpectedParameter, dicom.Structure, "command or another context where a data set belongs"))
		}
		d.last = in.control&lastFragment != 0
		if err := d.took(0, nil); err != nil {
			return err
		}
	}
}

// took accounts for n bytes and lets the association go on at the end.
func (d *dataReader) took(n int, err error) error {
	in := &d.a.in
	in.pdv -= n
	if err != nil {
		return d.fail(err)
	}
	if in.pdv == 0 && d.last && !d.eof {
		d.eof = true
		close(d.done)
	}
	return nil
}

// fail keeps the error, never io.EOF: a data set that is cut must not look complete.
func (d *dataReader) fail(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	d.err = err
	close(d.done)
	return err
}

// abandon ends reading; what is left is skipped by the association.
func (d *dataReader) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && !d.eof {
		d.err = errSkipped
		close(d.done)
	}
}

// drain is the association's: it waits until the data set is used up, skips what was given up, and says what went wrong with
// the stream.
func (d *dataReader) drain() error {
	select {
	case <-d.done:
	case <-d.a.done:
		d.abandon()
		return errOver
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !errors.Is(d.err, errSkipped) {
		return d.err
	}
	d.err, d.done = nil, make(chan struct{})
	defer func() {
		if d.err == nil {
			d.err = errSkipped
		}
	}()
	for {
		if err := d.fragment(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		n, err := d.a.in.r.Discard(min(d.a.in.pdv, readBuffer))
		if err := d.took(n, err); err != nil {
			return err
		}
	}
}
