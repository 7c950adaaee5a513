// The receiving side of the table: frames become messages, and a message is acknowledged when it is kept.

package astm

import (
	"bytes"
	"context"
)

// incoming is the message that arrives.
type incoming struct {
	text []byte // of the frames accepted, without the messages that were handed over
	mark int    // no terminator begins before it
	next int    // number that the next frame has
	num  int    // of the last accepted frame, -1 before the first
	last []byte // its text
	bad  int    // frames refused in a row
	bare bool   // the session was begun by a frame or record without ENQ
}

// maxBad is how many frames may be refused in a row: a sender gives up after six (LIS1-A 8.3.4.1), so that one which goes on far
// beyond that is none.
const maxBad = 24

// establish answers ENQ.
func (l *Link) establish(token) state {
	if l.closed {
		l.say(nak)
		return idle
	}
	l.begin(false)
	l.say(ack)
	return receiving
}

func (l *Link) begin(bare bool) { l.in = incoming{next: 1, num: -1, bare: bare} }

// unasked is a frame without ENQ: taken where the profile of the model says that it may be.
func (l *Link) unasked(t token) state {
	if !l.opt.Bare || l.closed {
		l.opt.Note("unasked")
		return idle
	}
	before := l.in
	l.begin(true)
	if before.bare { // it may be a repetition of the last frame
		l.in.num, l.in.last = before.num, before.last
	}
	if t.event == gotBad {
		return l.refuse(t)
	}
	l.in.next = t.frame.Number
	return l.take(t)
}

// restart is an ENQ where a frame was due: the sender began again.
func (l *Link) restart(t token) state {
	l.opt.Note("restarted")
	l.discard()
	return l.establish(t)
}

// giveUp is a sender that fell silent (LIS1-A 8.3.2.4): it has to send the message again.
func (l *Link) giveUp(token) state {
	l.opt.Note("timeout")
	if l.in.bare {
		l.unterminated()
	}
	l.discard()
	return idle
}

// discard forgets what was accepted of a message that did not end: its sender knows that it did not arrive.
func (l *Link) discard() {
	if len(l.in.text) > 0 {
		l.opt.Note("discarded")
	}
	l.in.text, l.in.mark = nil, 0
}

// refuse answers a bad frame.
func (l *Link) refuse(t token) state {
	l.opt.Note(t.reason)
	if l.in.bad++; l.in.bad > maxBad {
		l.err = ErrStorm
		return idle
	}
	l.say(nak)
	return receiving
}

// take accepts a frame, or a repetition of the last one, or refuses it.
func (l *Link) take(t token) state {
	in, f := &l.in, t.frame
	switch {
	case f.Number == in.num && bytes.Equal(f.Text, in.last): // our ACK was lost (LIS1-A 8.3.3)
		l.opt.Note("repeat")
		l.say(ack)
		return l.more()
	case l.opt.Numbers == NumbersCounted && f.Number != in.next:
		return l.refuse(token{reason: "frame number"})
	case len(in.text)+len(f.Text) > l.opt.MaxMessage:
		return l.refuse(token{reason: "too long"})
	}
	if err := l.accept(f); err != nil {
		return l.refuse(token{reason: "not kept"})
	}
	in.num, in.last, in.bad, in.next = f.Number, f.Text, 0, (f.Number+1)&7
	l.say(ack)
	return l.more()
}

// opening answers STX on a link of tokens.
func (l *Link) opening(token) state {
	l.say(ack)
	return l.state
}

// more is where the link is after a frame: one that began without ENQ ends with its message.
func (l *Link) more() state {
	if l.in.bare && len(l.in.text) == 0 {
		return idle
	}
	return receiving
}

// accept adds the text of a frame to the message, and hands over what is complete by it. On an error all is as it was before.
func (l *Link) accept(f Frame) error {
	text := append(l.in.text, f.Text...)
	if !f.Last {
		l.in.text = text
		return nil
	}
	if n := len(text); n > 0 && text[n-1] != cr && text[n-1] != lf {
		text = append(text, cr)
	}
	return l.deliver(text)
}

// takeBare accepts a record outside of frames; nobody waits for an answer to it.
func (l *Link) takeBare(t token) state {
	if l.closed && l.state == idle || !l.opt.Bare {
		return l.state
	}
	if l.state == idle {
		l.begin(true)
	}
	if len(l.in.text)+len(t.frame.Text) >= l.opt.MaxMessage {
		l.opt.Note("too long")
		l.err = ErrStorm
		return idle
	}
	if err := l.deliver(append(append(l.in.text, t.frame.Text...), cr)); err != nil {
		l.opt.Note("not kept")
		l.err = err // the sender hears of it by the connection, as no other answer is agreed
		return idle
	}
	return l.more()
}

// deliver hands over every message of the text that ends with its terminator record and keeps what remains.
func (l *Link) deliver(text []byte) error {
	from, mark := 0, l.in.mark
	for {
		end, seen := terminator(text, mark)
		if end < 0 {
			l.in.text, l.in.mark = text[from:], seen-from
			return nil
		}
		if err := l.keep(text[from:end]); err != nil {
			return err
		}
		l.terminates = true
		from, mark = end, end
	}
}

func (l *Link) keep(message []byte) error {
	ctx, cancel := context.WithTimeout(l.ctx, l.opt.HandleFor)
	defer cancel()
	return l.handle(ctx, bytes.Clone(message))
}

// finish is EOT. A message without terminator record did not end (LIS2-A2 7.2): its sender lost our answers, gave up, and sends it
// again. But some models have no terminator records at all, and every frame was acknowledged: until this sender has ended a message
// with one, it is handed over as it is.
func (l *Link) finish(token) state {
	if l.opt.Tokens {
		defer l.say(ack)
	}
	if l.in.bad == 0 {
		l.unterminated()
	}
	l.discard()
	return idle
}

func (l *Link) unterminated() {
	text := l.in.text
	if len(bytes.TrimSpace(text)) == 0 {
		l.in.text = nil
		return
	}
	if l.opt.Note("no terminator"); l.terminates {
		return
	}
	l.in.text, l.in.mark = nil, 0
	if l.keep(text) != nil {
		l.opt.Note("not kept")
	}
}

// hangUp is the end of the connection. Bare records that came without terminator are handed over; a message in frames is sent
// again by who did not see the end of it acknowledged.
func (l *Link) hangUp() error {
	if l.in.bare {
		l.unterminated()
	}
	l.discard()
	return l.err
}

// terminator finds where the first message of a text ends whose terminator (LIS2-A2 12) begins at or after from; end is negative where
// there is none, and seen is where to look on. Bytes suffice: CR and LF are no part of a character of GB18030 or UTF-8, so that
// what follows them is the first byte of a record.
func terminator(text []byte, from int) (end, seen int) {
	for from < len(text) {
		n := lineEnd(text[from:])
		if n < 0 {
			return -1, from
		}
		line := text[from : from+n]
		from += n + 1
		if isTerminator(line) {
			for from < len(text) && (text[from] == lf || text[from] == cr) {
				from++
			}
			return from, from
		}
	}
	return -1, from
}

// lineEnd finds the first CR or LF. Records are short: a loop is as fast as anything.
func lineEnd(b []byte) int {
	for i, c := range b {
		if c == cr || c == lf {
			return i
		}
	}
	return -1
}

func isTerminator(line []byte) bool {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != 'L' {
		return false
	}
	return len(line) == 1 || !isWord(line[1])
}

func isWord(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= 0x80
}
