// The life of a tube as one table, and the folding of its scans.

package specimen

import (
	"cmp"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// State is where a tube is.
type State string

// The states.
const (
	Planned   State = "planned"   // to be collected
	Collected State = "collected" // at who collected it
	Packed    State = "packed"    // in a box there
	Transport State = "transport" // on its way
	Received  State = "received"  // at the laboratory
	Analysis  State = "analysis"  // on an analyser or a bench
	Reported  State = "reported"  // every line of it has its results
	Rejected  State = "rejected"
	Stored    State = "stored"
	Discarded State = "discarded"
	Lost      State = "lost"
	Cancelled State = "cancelled" // nothing of it is wanted any more, and it was not collected
)

// Act is what is done to a tube.
type Act string

// The acts.
const (
	Collect  Act = "collect"
	Pack     Act = "pack"
	Unpack   Act = "unpack"
	Dispatch Act = "dispatch" // leaves the house, in a box or in a hand
	Receive  Act = "receive"
	Reject   Act = "reject"
	Start    Act = "start" // an analyser asked for it, or a person began
	Report   Act = "report"
	Store    Act = "store"
	Discard  Act = "discard"
	Lose     Act = "lose"
	Cancel   Act = "cancel"
)

// place says who may do an act.
type place uint8

const (
	clinic     place = 1 << iota // who collected
	laboratory                   // who measures
	desk                         // the program: results arrive, orders are cancelled
)

// move is one row of the table. An unscanned move is one that a tube can only have made through states that nobody scanned.
type move struct {
	from      State
	act       Act
	to        State
	by        place
	unscanned bool
}

// moves is the whole life of a tube. What is not here cannot happen.
var moves = []move{
	{Planned, Collect, Collected, clinic | laboratory, false},
	{Planned, Cancel, Cancelled, clinic | desk, false},
	{Collected, Pack, Packed, clinic, false},
	{Packed, Unpack, Collected, clinic, false},
	{Collected, Dispatch, Transport, clinic, false},
	{Packed, Dispatch, Transport, clinic, false},

	{Planned, Receive, Received, laboratory, true},
	{Collected, Receive, Received, laboratory, false},
	{Packed, Receive, Received, laboratory, true},
	{Transport, Receive, Received, laboratory, false},
	{Lost, Receive, Received, laboratory, false}, // found

	{Planned, Reject, Rejected, clinic | laboratory, true},
	{Collected, Reject, Rejected, clinic | laboratory, false},
	{Packed, Reject, Rejected, clinic | laboratory, false},
	{Transport, Reject, Rejected, laboratory, false},
	{Received, Reject, Rejected, laboratory, false},
	{Analysis, Reject, Rejected, laboratory, false}, // a clot shows on the analyser
	{Stored, Reject, Rejected, laboratory, false},

	// An analyser has the tube under its reader: it is there, whoever forgot to scan it in.
	{Planned, Start, Analysis, laboratory | desk, true},
	{Collected, Start, Analysis, laboratory | desk, true},
	{Packed, Start, Analysis, laboratory | desk, true},
	{Transport, Start, Analysis, laboratory | desk, true},
	{Lost, Start, Analysis, laboratory | desk, true},
	{Received, Start, Analysis, laboratory | desk, false},
	{Stored, Start, Analysis, laboratory | desk, false},
	{Reported, Start, Analysis, laboratory | desk, false}, // again, or something was added
	{Planned, Report, Reported, desk, true},
	{Collected, Report, Reported, desk, true},
	{Packed, Report, Reported, desk, true},
	{Transport, Report, Reported, desk, true},
	{Lost, Report, Reported, desk, true},
	{Received, Report, Reported, desk, false},
	{Analysis, Report, Reported, desk, false},

	{Received, Store, Stored, laboratory, false},
	{Analysis, Store, Stored, laboratory, false},
	{Reported, Store, Stored, laboratory, false},
	{Received, Discard, Discarded, laboratory, false},
	{Reported, Discard, Discarded, laboratory, false},
	{Stored, Discard, Discarded, laboratory, false},
	{Rejected, Discard, Discarded, clinic | laboratory, false},

	{Collected, Lose, Lost, clinic | laboratory, false},
	{Packed, Lose, Lost, clinic | laboratory, false},
	{Transport, Lose, Lost, clinic | laboratory, false},
	{Received, Lose, Lost, laboratory, false},
	{Analysis, Lose, Lost, laboratory, false},
	{Stored, Lose, Lost, laboratory, false},
}

type moveKey struct {
	from State
	act  Act
}

var moveOf = func() map[moveKey]move {
	m := make(map[moveKey]move, len(moves))
	for _, x := range moves {
		m[moveKey{x.from, x.act}] = x
	}
	return m
}()

// done is the past of an act, as events say it.
var done = map[Act]string{
	Collect: "collected", Pack: "packed", Unpack: "unpacked", Dispatch: "dispatched", Receive: "received", Reject: "rejected", Start: "started",
	Report: "reported", Store: "stored", Discard: "discarded", Lose: "lost", Cancel: "cancelled",
}

// mayDo is who does an act in whatever state.
func mayDo(a Act) (by place) {
	for _, m := range moves {
		if m.act == a {
			by |= m.by
		}
	}
	return by
}

// The flags that scans leave on a tube.
const (
	FlagLate        = "late"        // recorded more than lateAfter after it happened
	FlagClock       = "clock"       // the clock of the scanner was ahead; our time is taken
	FlagOrder       = "order"       // came after scans of later times and was put before them
	FlagUnscanned   = "unscanned"   // went through states that nobody scanned
	FlagWaiting     = "waiting"     // a scan waits for one that must have been before it
	FlagConflict    = "conflict"    // a scan contradicts others: a person looks
	FlagTemperature = "temperature" // travelled outside the range of its box
	FlagMissing     = "missing"     // was on a manifest and not in the box
	FlagSplit       = "split"       // has children
	FlagOtherBox    = "other-box"   // came in a box on whose manifest it was not
	FlagExpired     = "expired"     // its deadline passed before everything was measured
)

const (
	lateAfter  = 15 * time.Minute
	clockAhead = 2 * time.Minute
)

// scanned is one scan as it is folded.
type scanned struct {
	id       ScanID
	number   int // as they were recorded, from 1
	act      Act
	by       place
	at       int64
	recorded int64
	applied  bool
	conflict bool
	settled  bool // a person has looked: it counts no more
	flags    []string
	reason   string
	note     string
	box      BoxID
}

// life is the answer of a fold.
type life struct {
	state     State
	at        int64 // of the scan that made it
	flags     []string
	collected int64
	received  int64
	started   int64
	reported  int64
	reason    string
	note      string
	box       BoxID
	applied   map[ScanID]bool
	order     []int // places of the applied scans, in order
}

// fold walks the scans in the order of their own time through the table. One that has no row from where the tube then is waits.
func fold(scans []scanned) life {
	slices.SortStableFunc(scans, func(a, b scanned) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number)) })
	l := life{state: Planned, applied: map[ScanID]bool{}}
	for i := range scans {
		s := &scans[i]
		if s.settled {
			continue
		}
		m, ok := moveOf[moveKey{l.state, s.act}]
		if s.conflict {
			l.flag(FlagConflict)
			continue
		}
		if !ok || m.by&s.by == 0 {
			l.flag(FlagWaiting)
			continue
		}
		l.applied[s.id] = true
		l.order = append(l.order, i)
		l.state, l.at = m.to, s.at
		l.take(s, m)
	}
	slices.Sort(l.flags)
	return l
}

func (l *life) flag(f string) {
	if !slices.Contains(l.flags, f) {
		l.flags = append(l.flags, f)
	}
}

// take keeps what a scan says beside its state.
func (l *life) take(s *scanned, m move) {
	for _, f := range s.flags {
		l.flag(f)
	}
	if m.unscanned {
		l.flag(FlagUnscanned)
	}
	switch s.act {
	case Collect:
		l.collected = s.at
	case Pack, Dispatch:
		l.box = cmp.Or(s.box, l.box)
	case Unpack:
		l.box = ""
	case Receive:
		l.received = s.at
	case Start:
		l.started = cmp.Or(l.started, s.at)
		l.received = cmp.Or(l.received, s.at)
	case Report:
		l.reported = s.at
		l.received = cmp.Or(l.received, s.at)
	case Reject, Lose:
		l.reason, l.note = s.reason, s.note
	}
}

// keeps reports whether everything that was applied before stays so: a late scan must not undo what was acted on.
func (l *life) keeps(scans []scanned, but ScanID) bool {
	for i := range scans {
		if s := &scans[i]; s.applied && s.id != but && !l.applied[s.id] {
			return false
		}
	}
	return true
}

// placeOf finds where the caller stands to a tube.
func (sp *Specimen) placeOf(s record.Scope) (p place) {
	if s.Actor.Kind == record.ActorSystem {
		return clinic | laboratory | desk
	}
	if s.Reaches(sp.Institution) && s.Actor.Institution != sp.Laboratory {
		p |= clinic
	}
	if s.Actor.Institution == sp.Institution && s.Reaches(sp.Institution) {
		p |= clinic
	}
	if s.Actor.Institution == sp.Laboratory && s.Reaches(sp.Laboratory) {
		p |= laboratory
	}
	return p
}
