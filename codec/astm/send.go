// The sending side of the table.

package astm

import (
	"context"
	"slices"
)

// outgoing is a message on its way.
type outgoing struct {
	pieces [][]byte // each is acknowledged
	at     int      // piece that waits for its answer
	tries  int      // of this piece, or of ENQ
	done   chan error
}

// maxTries is how often a frame or an ENQ is sent: once and six times again (LIS1-A 8.3.4.1).
const maxTries = 7

// Send gives a message, records ending with CR, to the other side and returns when it has acknowledged the whole. Messages are sent
// one after the other, and never while the other side sends. Run must be running.
func (l *Link) Send(ctx context.Context, message []byte) error {
	if len(message) == 0 {
		return nil
	}
	o := &outgoing{pieces: l.pieces(message), done: make(chan error, 1)}
	select {
	case l.sends <- o:
	case <-l.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pieces cuts a message into what is acknowledged one by one.
func (l *Link) pieces(message []byte) [][]byte {
	if l.opt.Tokens {
		return [][]byte{{stx}, append(slices.Clip(message), etx)}
	}
	var all [][]byte
	for _, f := range Frames(message, l.opt.SendText, l.opt.SendPacked) {
		all = append(all, f.Append(nil))
	}
	return all
}

// end tells who sent how it went.
func (l *Link) end(err error) state {
	l.out.done <- err
	l.out = nil
	return idle
}

// abandon ends what is on its way when the link ends.
func (l *Link) abandon() {
	if l.out != nil {
		l.end(ErrClosed)
	}
}

func (l *Link) enquire(token) state {
	if l.out == nil {
		return idle
	}
	if l.out.tries++; l.out.tries > maxTries {
		return l.end(ErrBusy)
	}
	l.say(enq)
	return enquired
}

func (l *Link) busy(token) state {
	l.opt.Note("busy")
	return waiting
}

// contend is ENQ in answer to ENQ: the host waits for the other's second one, the instrument sends it.
func (l *Link) contend(token) state {
	l.opt.Note("contention")
	if l.opt.Role == Host {
		return yielded
	}
	return waiting
}

// unanswered ends a session in which the other side fell silent (LIS1-A 8.2.5.2, 8.3.4.3).
func (l *Link) unanswered(token) state {
	l.opt.Note("timeout")
	l.say(eot)
	return l.end(ErrNoAnswer)
}

func (l *Link) transfer(token) state {
	l.out.at, l.out.tries = 0, 0
	return l.emit()
}

func (l *Link) emit() state {
	if l.out.tries++; l.out.tries > maxTries {
		l.say(eot)
		return l.end(ErrRefused)
	}
	l.say(l.out.pieces[l.out.at]...)
	return sending
}

func (l *Link) repeat(token) state { return l.emit() }

// proceed is ACK, or EOT by which a receiver acknowledges and asks to stop soon (LIS1-A 8.3.5): messages are small, and go on to
// their end.
func (l *Link) proceed(token) state {
	if l.out.at++; l.out.at == len(l.out.pieces) {
		l.say(eot)
		return l.end(nil)
	}
	l.out.tries = 0
	return l.emit()
}
