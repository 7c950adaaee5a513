package dimse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// hurry is how long an A-ABORT waits for what is being written, and then for itself.
const hurry = 2 * time.Second

// happen takes an event through the state table and does what it says. content is the PDU of actions whose PDU has content;
// cause is kept as the reason if the event ends the association. It fails where the table is blank.
func (a *Association) happen(e event, content []byte, cause error) (action, error) {
	a.mu.Lock()
	act, do, ok := a.machine.step(e)
	if !ok {
		a.mu.Unlock()
		return refuse, fmt.Errorf("dimse: event %d in state %d", e, do.next)
	}
	switch do.artim {
	case artimStart:
		a.artim = time.Now().Add(a.opts.ARTIM)
	case artimStop:
		a.artim = time.Time{}
	}
	content, cause = a.contentOf(act, do, content, cause)
	if do.over && !a.over {
		a.finish(cause)
		if do.send != 0 {
			_ = a.conn.SetWriteDeadline(time.Now().Add(hurry)) // a stalled write ends, or the PDU boundary comes
		}
	}
	a.mu.Unlock()
	if do.send != 0 {
		a.put(content)
	}
	if do.close {
		_ = a.conn.Close()
	}
	return act, nil
}

// contentOf gives the PDUs with four bytes of content, and wraps the cause of our own abort.
func (a *Association) contentOf(act action, do effect, content []byte, cause error) ([]byte, error) {
	if act == ar3 || act == ar4 {
		cause = nil // an orderly release
	}
	switch do.send {
	case releaseRQ, releaseRP:
		return short(do.send, 0, 0), cause
	case abortPDU:
		abort := &AbortError{Source: AbortByUser, Cause: cause}
		if v := (*violation)(nil); errors.As(cause, &v) {
			abort.Cause, abort.Reason = v.err, v.reason
		} else if act != aa1 {
			abort.Reason = ReasonUnexpectedPDU
		}
		if act == aa1 {
			abort.Reason = 0
		} else {
			abort.Source = AbortByProvider
		}
		return short(abortPDU, abort.Source, abort.Reason), abort
	}
	return content, cause
}

// finish ends the association for its users and wakes who reads. The caller holds mu.
func (a *Association) finish(cause error) {
	a.over, a.err = true, cause
	close(a.done)
	if cause == nil {
		cause = ErrReleased
	}
	a.cancel(cause)
	_ = a.conn.SetReadDeadline(time.Now())
}

func (a *Association) isOver() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// put writes a PDU that is not P-DATA-TF. A write that fails is found out by the reader.
func (a *Association) put(pdu []byte) {
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.broken.Load() {
		return
	}
	wait := a.opts.Stall
	if a.isOver() {
		wait = hurry
	}
	_ = a.conn.SetWriteDeadline(time.Now().Add(wait))
	if _, err := a.conn.Write(pdu); err != nil {
		a.broken.Store(true)
	}
}

// fail ends the association for what went wrong in reading.
func (a *Association) fail(err error) {
	var v *violation
	switch {
	case errors.Is(err, errOver):
	case errors.As(err, &v):
		_, _ = a.happen(evt19, nil, err)
	case errors.Is(err, ErrARTIM):
		if _, none := a.happen(evt18, nil, err); none != nil { // a requester's wait is ours, not the table's
			_, _ = a.happen(evt15, nil, err)
		}
	case errors.Is(err, ErrIdle), errors.Is(err, ErrStalled):
		_, _ = a.happen(evt15, nil, err)
	default:
		_, _ = a.happen(evt17, nil, lost(err))
	}
}

func lost(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", errConnection, err)
}

// linger waits in Sta13 for the peer to close, and throws away what it still sends: closing at once would make the system
// discard the last PDU before the peer has read it.
func (a *Association) linger() {
	in := &a.in
	in.wire.wait(forARTIM)
	for a.awaitsClose() {
		if _, err := in.r.Discard(in.left + in.pdv); err != nil {
			a.fail(err)
			return
		}
		in.pdv = 0
		t, _, err := a.header()
		var v *violation
		switch {
		case errors.As(err, &v):
			_, err = a.happen(evt19, nil, err)
		case err == nil:
			_, err = a.happen(eventOf[t], nil, nil)
		}
		if err != nil {
			a.fail(err)
			return
		}
	}
}

func (a *Association) awaitsClose() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.machine.state == sta13
}

// Release ends the association in order (PS3.8 §7.2): it waits for messages being sent, asks the peer and waits for the
// answer. When the context or Options.ARTIM ends first the association is aborted.
func (a *Association) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.opts.ARTIM)
	defer cancel()
	select {
	case a.sending <- struct{}{}:
		defer func() { <-a.sending }()
	case <-a.done:
	case <-ctx.Done():
	}
	if _, err := a.happen(evt11, nil, nil); err != nil && !a.isOver() && ctx.Err() == nil {
		<-a.done // the peer asked first, its release is being answered
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		a.abort(ctx.Err())
	}
	return a.Err()
}

// Abort ends the association at once with A-ABORT. It does nothing if the association has ended.
func (a *Association) Abort() { a.abort(nil) }

func (a *Association) abort(cause error) {
	_, _ = a.happen(evt15, nil, cause)
}
