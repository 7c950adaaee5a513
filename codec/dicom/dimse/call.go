package dimse

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"
)

// call is a request of ours that waits for its responses.
type call struct {
	a         *Association
	id        uint16
	context   byte
	field     Field
	responses chan *Message
	gone      chan struct{} // closed when nobody waits any more
}

// deliver gives a response to its call. What nobody waits for is skipped.
func (a *Association) deliver(m *Message) {
	a.mu.Lock()
	c := a.calls[m.RespondedTo]
	a.mu.Unlock()
	if c == nil || c.field.Response() != m.Field {
		m.Skip()
		return
	}
	select {
	case c.responses <- m:
	case <-c.gone:
		m.Skip()
	case <-a.done:
	}
}

// Invoke sends a request and yields its responses, pending ones first, until the final one; what is unread of a response's data
// set is skipped before the next. It sets the message ID. Leaving the loop early sends C-CANCEL where the operation knows it
// and waits for the end. When the context ends, or no response comes within Options.Response, the association is aborted.
// With a window of one no other request may be made from within the loop.
func (a *Association) Invoke(ctx context.Context, contextID byte, c Command, data io.Reader) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		k, err := a.call(ctx, contextID, c)
		if err != nil {
			yield(nil, err)
			return
		}
		defer k.end()
		defer context.AfterFunc(ctx, func() { a.abort(context.Cause(ctx)) })()
		c.MessageID = k.id
		if err := a.Send(ctx, contextID, c, data); err != nil {
			yield(nil, err)
			return
		}
		left := false
		for {
			m, err := k.next()
			if err != nil {
				if !left {
					yield(nil, err)
				}
				return
			}
			final := m.Status.Category() != Continuing
			if !left && !yield(m, nil) {
				left = true
				if !final && k.field.Cancellable() {
					_ = a.Send(ctx, contextID, Command{Field: CCancelRQ, RespondedTo: k.id}, nil)
				}
			}
			m.Skip()
			if final {
				return
			}
		}
	}
}

// call takes a place in the window and a message ID.
func (a *Association) call(ctx context.Context, contextID byte, c Command) (*call, error) {
	select {
	case a.invoke <- struct{}{}:
	case <-a.done:
		return nil, a.ended()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	k := &call{a: a, context: contextID, field: c.Field, responses: make(chan *Message), gone: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		a.lastID++
		if a.lastID != 0 && a.calls[a.lastID] == nil {
			break
		}
	}
	k.id = a.lastID
	a.calls[k.id] = k
	return k, nil
}

func (k *call) end() {
	close(k.gone)
	k.a.mu.Lock()
	delete(k.a.calls, k.id)
	k.a.active = time.Now()
	k.a.mu.Unlock()
	<-k.a.invoke
}

// next waits for a response. Other messages, such as the C-STOREs of a C-GET, start the wait anew.
func (k *call) next() (*Message, error) {
	a := k.a
	began := time.Now()
	t := time.NewTimer(a.opts.Response)
	defer t.Stop()
	for {
		select {
		case m := <-k.responses:
			return m, nil
		case <-a.done:
			return nil, a.ended()
		case now := <-t.C:
			left := a.lastActive(began).Add(a.opts.Response).Sub(now)
			if left <= 0 {
				a.abort(ErrResponse)
				return nil, a.ended()
			}
			t.Reset(left)
		}
	}
}

// lastActive is when the last message came or the last operation ended, at least the given time.
func (a *Association) lastActive(least time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active.After(least) {
		return a.active
	}
	return least
}

// Reply is a final response with its data set.
type Reply struct {
	Command
	Data []byte // nil if there is none
}

// Do sends a request that has one response, such as those of DIMSE-N, and holds the response's data set, which may have
// Options.MaxDataSet bytes. A status of failure is a StatusError beside the reply.
func (a *Association) Do(ctx context.Context, contextID byte, c Command, data io.Reader) (*Reply, error) {
	var reply *Reply
	for m, err := range a.Invoke(ctx, contextID, c, data) {
		if err != nil {
			return nil, err
		}
		held, err := m.hold()
		if err != nil {
			return nil, err
		}
		reply = &Reply{Command: m.Command, Data: held}
	}
	return reply, reply.Failed()
}

// hold reads the data set into memory.
func (m *Message) hold() ([]byte, error) {
	if m.Data == nil {
		return nil, nil
	}
	most := m.a.opts.MaxDataSet
	b, err := io.ReadAll(io.LimitReader(m.Data, int64(most)+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("dimse: data set of %s beyond %d bytes", m.Field, most)
	}
	return b, err
}
