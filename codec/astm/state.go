// The state table of the link (LIS1-A 8 and its annex of states), both sides.

package astm

import "time"

// state is where a link is.
type state uint8

const (
	idle      state = iota
	receiving       // we have acknowledged ENQ and wait for frames
	enquired        // we have sent ENQ
	sending         // we have sent a frame
	yielded         // both sent ENQ, and the host waits for the other's second one (LIS1-A 8.2.7.1)
	waiting         // the other side was busy, or we are the instrument of a contention
	states
)

// The timers (LIS1-A 8.5). An Option may shorten them for tests; none may be zero.
type Timers struct {
	Reply      time.Duration // for an answer to ENQ or a frame; 15 s
	Receive    time.Duration // for the next frame; 30 s
	Busy       time.Duration // after NAK to ENQ; 10 s
	Contention time.Duration // the host waits for the instrument; 20 s
	Again      time.Duration // the instrument waits before its second ENQ; 1 s
	Idle       time.Duration // a line on which nothing is said is closed; 24 h
}

func (t Timers) filled() Timers {
	for _, x := range []struct {
		to *time.Duration
		d  time.Duration
	}{
		{&t.Reply, 15 * time.Second},
		{&t.Receive, 30 * time.Second},
		{&t.Busy, 10 * time.Second},
		{&t.Contention, 20 * time.Second},
		{&t.Again, time.Second},
		{&t.Idle, 24 * time.Hour},
	} {
		if *x.to <= 0 {
			*x.to = x.d
		}
	}
	return t
}

// of is how long a state may last.
func (t Timers) of(s state, r Role) time.Duration {
	switch s {
	case receiving:
		return t.Receive
	case enquired, sending:
		return t.Reply
	case yielded:
		return t.Contention
	case waiting:
		if r == Instrument {
			return t.Again
		}
		return t.Busy
	}
	return t.Idle
}

// action is what a transition does; it gives the next state.
type action func(l *Link, t token) state

// table says what happens in which state; nothing where an event means nothing there.
var table [states][events]action

func init() { // not in the declaration: actions look at states, and states at actions
	table = [states][events]action{
		idle: {
			gotENQ: (*Link).establish, gotFrame: (*Link).unasked, gotBad: (*Link).unasked, gotBare: (*Link).takeBare, gotEOT: (*Link).finish,
			gotSTX: (*Link).opening, wanted: (*Link).enquire, timedOut: (*Link).expire,
		},
		receiving: {
			gotENQ: (*Link).restart, gotFrame: (*Link).take, gotBad: (*Link).refuse, gotBare: (*Link).takeBare, gotEOT: (*Link).finish,
			gotSTX: (*Link).opening, timedOut: (*Link).giveUp,
		},
		enquired: {gotACK: (*Link).transfer, gotNAK: (*Link).busy, gotENQ: (*Link).contend, timedOut: (*Link).unanswered},
		sending: { // anything but ACK and EOT counts as NAK (LIS1-A 8.3.4.2)
			gotACK: (*Link).proceed, gotEOT: (*Link).proceed, gotNAK: (*Link).repeat, gotENQ: (*Link).repeat, gotFrame: (*Link).repeat,
			gotBad: (*Link).repeat, timedOut: (*Link).unanswered,
		},
		yielded: {gotENQ: (*Link).establish, timedOut: (*Link).enquire},
		waiting: {gotENQ: (*Link).establish, timedOut: (*Link).enquire},
	}
}
