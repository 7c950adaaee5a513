package dimse

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// invocation is an operation that the peer invoked and that is not answered yet.
type invocation struct {
	field  Field
	cancel context.CancelCauseFunc
}

// run reads until the association has ended and the connection is closed.
func (a *Association) run() {
	if !a.isOver() {
		if err := a.pump(); !a.isOver() {
			a.fail(err)
		}
	}
	a.linger()
	_ = a.conn.Close()
	a.cancel(a.ended())
	a.drainHandlers()
	<-a.quiet
	readers.Put(a.in.r)
	close(a.closed)
}

// pump takes messages and gives them to who they are for.
func (a *Association) pump() error {
	for {
		m, err := a.receive()
		if errors.Is(err, errReleaseAsked) {
			a.answerRelease()
			return errOver
		}
		if err != nil {
			return err
		}
		if err := a.dispatch(m); err != nil {
			return err
		}
		if m.data != nil {
			if err := m.data.drain(); err != nil {
				return err
			}
		}
	}
}

func (a *Association) dispatch(m *Message) error {
	switch {
	case m.Field == CCancelRQ:
		m.Skip()
		a.mu.Lock()
		if op := a.open[m.RespondedTo]; op != nil && op.field.Cancellable() {
			op.cancel(ErrCancelled)
		}
		a.mu.Unlock()
	case m.Field.IsResponse():
		a.deliver(m)
	default:
		return a.begin(m)
	}
	return nil
}

// begin starts the handler when there is a slot for it; the window is the peer's to keep.
func (a *Association) begin(m *Message) error {
	select {
	case a.slots <- struct{}{}:
	case <-a.done:
		return errOver
	}
	ctx, cancel := context.WithCancelCause(a.ctx)
	op := &invocation{field: m.Field, cancel: cancel}
	a.mu.Lock()
	draining, twice := a.draining, a.open[m.MessageID] != nil
	if !draining {
		a.handlers++
		if !twice {
			a.open[m.MessageID] = op
		}
	}
	a.mu.Unlock()
	if draining { // the association is about to be aborted
		<-a.done
		return errOver
	}
	go a.handle(ctx, m, op, twice)
	return nil
}

func (a *Association) handle(ctx context.Context, m *Message, op *invocation, twice bool) {
	err := a.answerWith(ctx, m, twice)
	m.Skip()
	a.mu.Lock()
	unanswered := a.open[m.MessageID] == op
	a.mu.Unlock()
	if err == nil && unanswered {
		_ = m.Reply(a.ctx, ProcessingFailure) // if it cannot be sent the association has ended
	}
	op.cancel(nil)
	if err != nil && !m.cut() { // of a stream that breaks the reader tells with the right reason
		a.abort(err)
	}
	<-a.slots
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handlers--
	a.active = time.Now()
	a.calm()
}

// answerWith calls the handler. A panic in it, which the bytes of one object may have caused, ends this association only.
func (a *Association) answerWith(ctx context.Context, m *Message, twice bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("dimse: handler of %s panics with %T\n%s", m.Field, p, debug.Stack())
		}
	}()
	switch {
	case twice:
		return m.Reply(ctx, DuplicateInvocation)
	case a.opts.Handler == nil, !m.Field.Known():
		return m.Reply(ctx, UnrecognizedOperation)
	}
	return a.opts.Handler(ctx, a, m)
}

// answered notes that the final response to an operation goes out: its message ID may be used again.
func (a *Association) answered(id uint16) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, id)
}

// calm closes quiet when nothing runs and nothing will. The caller holds mu.
func (a *Association) calm() {
	if a.draining && a.handlers == 0 {
		select {
		case <-a.quiet:
		default:
			close(a.quiet)
		}
	}
}

// drainHandlers lets no new operation begin.
func (a *Association) drainHandlers() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draining = true
	a.calm()
}

// answerRelease lets open operations end and agrees to the peer's release (PS3.8 §9.2, AR-4).
func (a *Association) answerRelease() {
	a.drainHandlers()
	a.mu.Lock()
	for _, op := range a.open {
		if op.field.Cancellable() {
			op.cancel(ErrReleased)
		}
	}
	a.mu.Unlock()
	t := time.NewTimer(a.opts.Release)
	defer t.Stop()
	select {
	case <-a.quiet:
	case <-a.done:
	case <-t.C:
	}
	_, _ = a.happen(evt14, nil, nil)
}

// shutdown ends the association when its open operations have ended, or the context has.
func (a *Association) shutdown(ctx context.Context) {
	a.drainHandlers()
	select {
	case <-a.quiet:
	case <-a.done:
	case <-ctx.Done():
	}
	a.abort(context.Canceled)
}
