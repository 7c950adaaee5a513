// A link: one connection to the other side, its timers, and the loop that runs the state table.

package astm

import (
	"context"
	"net"
	"time"
)

// Role is which side of the line this is.
type Role uint8

// The roles: where both want to send, the host yields (LIS1-A 8.2.7.1).
const (
	Host Role = iota
	Instrument
)

// ChecksumMode says what is done with checksums.
type ChecksumMode uint8

// Checksums are verified, or read and not looked at, or not there at all.
const (
	ChecksumVerified ChecksumMode = iota
	ChecksumIgnored
	ChecksumAbsent
)

// NumberMode says what is done with frame numbers.
type NumberMode uint8

// Numbers are counted from 1 modulo 8, or taken as they come: then a frame is a repetition when it equals the one before.
const (
	NumbersCounted NumberMode = iota
	NumbersAny
)

// Options of a link; the zero value of each means its default.
type Options struct {
	Role       Role
	MaxFrame   int // bytes of a frame taken; default 64 KiB
	MaxMessage int // bytes of a message taken; default 4 MiB
	Checksum   ChecksumMode
	Numbers    NumberMode
	NoTrailer  bool // frames may lack CR LF: they are not waited for
	Bare       bool // messages come without ENQ, or without frames at all; those without frames are not answered

	// Tokens: STX, ETX and EOT are each acknowledged, and the text between them has neither number nor checksum nor CR LF: what
	// Snibe calls ASTM. It sets Numbers, Checksum and NoTrailer, and is how messages are sent too.
	Tokens bool

	// SendText is how much text a frame has that we send; default 240. SendPacked puts several records into a frame.
	SendText   int
	SendPacked bool

	// HandleFor bounds the handler of one message; default 12 s, less than the sender waits for its ACK.
	HandleFor time.Duration
	Drain     time.Duration // how long a transfer in hand may take when the context ends; default 10 s
	Timers    Timers

	// Note is told what happened on the line, in words of a small set: "checksum", "too long", "unfinished", "no frame number",
	// "frame number", "repeat", "timeout", "contention", "busy", "discarded", "restarted", "not kept", "no terminator", "unasked".
	Note func(what string)
}

func (o Options) filled() Options {
	for _, x := range []struct {
		to *int
		d  int
	}{{&o.MaxFrame, 64 << 10}, {&o.MaxMessage, 4 << 20}, {&o.SendText, MaxStandardText}} {
		if *x.to <= 0 {
			*x.to = x.d
		}
	}
	if o.Tokens {
		o.Numbers, o.Checksum, o.NoTrailer = NumbersAny, ChecksumAbsent, true
	}
	if o.HandleFor <= 0 {
		o.HandleFor = 12 * time.Second
	}
	if o.Drain <= 0 {
		o.Drain = 10 * time.Second
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	o.Timers = o.Timers.filled()
	return o
}

// Handler takes the records of one message, each ending with CR, in the bytes of the sender. The last frame of the message is
// acknowledged when it returns nil, and refused when it returns an error: the sender then repeats it.
type Handler func(ctx context.Context, message []byte) error

// Link is one connection. Make it with NewLink, and call Run once.
type Link struct {
	conn   net.Conn
	opt    Options
	handle Handler
	ctx    context.Context // of handlers

	state state
	in    incoming
	out   *outgoing

	terminates bool // the other side ends its messages with terminator records
	sends      chan *outgoing
	done       chan struct{} // closed when Run has returned
	err        error         // ends the loop
	closed     bool          // no new session is begun
}

// NewLink makes a link on a connection, whose deadlines are then the link's own.
func NewLink(conn net.Conn, opt Options, h Handler) *Link {
	return &Link{conn: conn, opt: opt.filled(), handle: h, sends: make(chan *outgoing), done: make(chan struct{})}
}

// Run speaks with the other side until it closes the connection (nil), the context ends (nil, after the transfer in hand) or the
// line cannot be used (an error). The connection is closed when it returns.
func (l *Link) Run(ctx context.Context) error {
	l.ctx = context.WithoutCancel(ctx)
	tokens := make(chan token)
	go l.read(tokens)
	defer func() {
		close(l.done)
		_ = l.conn.Close()
		l.abandon()
	}()
	return l.loop(ctx, tokens)
}

// read hands tokens to the loop until the connection or the loop ends.
func (l *Link) read(to chan<- token) {
	s := newScanner(l.conn, &l.opt)
	for {
		t := s.next()
		select {
		case to <- t:
		case <-l.done:
			return
		}
		if t.err != nil {
			return
		}
	}
}

func (l *Link) loop(ctx context.Context, tokens <-chan token) error {
	timer := time.NewTimer(l.opt.Timers.of(idle, l.opt.Role))
	defer timer.Stop()
	stop, drained := ctx.Done(), (<-chan time.Time)(nil)
	for l.err == nil && (!l.closed || l.state != idle) {
		sends := l.sends
		if l.state != idle || l.closed || l.out != nil {
			sends = nil
		}
		t := token{event: timedOut}
		select {
		case t = <-tokens:
			if t.err != nil {
				return l.hangUp()
			}
		case l.out = <-sends:
			t.event = wanted
		case <-timer.C:
		case <-drained:
			return nil
		case <-stop:
			l.closed, stop, drained = true, nil, time.After(l.opt.Drain)
			continue
		}
		l.step(t)
		timer.Reset(l.opt.Timers.of(l.state, l.opt.Role))
	}
	return l.err
}

// step makes one transition of the table.
func (l *Link) step(t token) {
	if do := table[l.state][t.event]; do != nil {
		l.state = do(l, t)
	}
	if l.state == idle && l.out != nil && l.err == nil && !l.closed { // it waited for the other side's session to end
		l.state = l.enquire(token{})
	}
}

// say writes to the other side; a write that stalls for as long as a reply may take ends the link.
func (l *Link) say(b ...byte) {
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.opt.Timers.Reply))
	if _, err := l.conn.Write(b); err != nil && l.err == nil {
		l.err = ErrClosed
	}
}

func (l *Link) expire(token) state {
	l.err = ErrIdle
	return idle
}
