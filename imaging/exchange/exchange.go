// Package exchange is the imaging centre's side towards other DICOM applications: it sends kept objects to them, asks them
// for objects, and promises them in writing that theirs are kept.
//
// Where things are:
//
//	contexts.go which presentation contexts a set of objects needs
//	send.go     objects over an association, in a transfer syntax that the peer takes
//	device.go   who the other side is, and whether it answers
//	transfer.go durable transfers: what they are, list, cancel, try again
//	forward.go  a transfer that sends                          ledger.go   what became of its objects
//	fetch.go    a transfer that asks an archive for studies    retrieve.go C-GET and C-MOVE of one study
//	query.go    what an archive has
//	run.go      who works on transfers when                    claim.go    so that each has one run at a time
//	routes.go   rules that forward complete studies
//	commit.go   storage commitment that others ask us for      deliver.go  and how they hear of it
//	commitment.go storage commitment that we ask others for
//
// Transfers and promises are rows: they go on after the program was killed, and several servers share them.
package exchange

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/store"
)

// Options of an Exchange; a zero field takes its default.
type Options struct {
	AETitle string      // ours; default LIANZHEN
	TLS     *tls.Config // for peers that are reached over TLS; nil: none are
	Dial    time.Duration
	Stall   time.Duration
	Sent    func(bytes int64)

	// Device finds a registered device: NotFound for none. Without it nobody is known.
	Device func(ctx context.Context, aeTitle string) (Device, error)

	Workers   int             // transfers, and reports of commitment, under way at once; default 4 of each
	PerDevice int             // transfers to or from one device at once; default 2
	Lease     time.Duration   // after which the run of a server that was killed is taken over; default 1 minute
	Poll      time.Duration   // how often is looked for what became due without a call to this server; default 1 s
	Pauses    []time.Duration // between tries, the last one again and again; default 5 s to 1 h
	GiveUp    time.Duration   // without anything sent, or a report delivered; default 72 h
	Answer    time.Duration   // how long the association of a request for commitment waits for the answer; default 5 s
	AskAgain  time.Duration   // when no answer came at all; default 1 h

	Log *slog.Logger
}

func (o Options) filled() Options {
	o.AETitle = cmp.Or(o.AETitle, "LIANZHEN")
	o.Workers, o.PerDevice = cmp.Or(o.Workers, 4), cmp.Or(o.PerDevice, 2)
	o.Lease, o.Poll = cmp.Or(o.Lease, time.Minute), cmp.Or(o.Poll, time.Second)
	o.GiveUp, o.Answer = cmp.Or(o.GiveUp, 72*time.Hour), cmp.Or(o.Answer, 5*time.Second)
	o.AskAgain = cmp.Or(o.AskAgain, time.Hour)
	if len(o.Pauses) == 0 {
		o.Pauses = []time.Duration{
			5 * time.Second, 15 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
		}
	}
	if o.Sent == nil {
		o.Sent = func(int64) {}
	}
	if o.Device == nil {
		o.Device = func(context.Context, string) (Device, error) {
			return Device{}, errNoDevice
		}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Exchange speaks to other application entities for the centre.
type Exchange struct {
	db     *store.DB
	centre *imaging.Centre
	opt    Options

	due     chan struct{} // a transfer may be due
	reports chan struct{} // a report may be

	mu   sync.Mutex
	runs map[TransferID]context.CancelCauseFunc // of this server
}

// New makes an Exchange over its centre. Nothing that is queued is worked on before Run.
func New(db *store.DB, c *imaging.Centre, opt Options) *Exchange {
	return &Exchange{
		db: db, centre: c, opt: opt.filled(), due: make(chan struct{}, 1), reports: make(chan struct{}, 1),
		runs: map[TransferID]context.CancelCauseFunc{},
	}
}

// nudge wakes a loop that waits for work; it never blocks.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause is how long to wait after so many tries in vain, a little more or less so that not all begin again at once.
func (x *Exchange) pause(tries int) time.Duration {
	d := x.opt.Pauses[min(tries, len(x.opt.Pauses)-1)]
	return d + rand.N(d/5+1)
}

// Peer is another application entity.
type Peer struct {
	AETitle string
	Address string // host:port
	TLS     bool
}

// dial asks a peer for an association with the given contexts.
func (x *Exchange) dial(ctx context.Context, p Peer, contexts []dimse.Proposal, h dimse.Handler) (*dimse.Association, error) {
	opt := dimse.Options{ARTIM: x.opt.Dial, Stall: x.opt.Stall, Handler: h}
	if p.TLS {
		opt.TLS = x.opt.TLS
	}
	return dimse.Dial(ctx, p.Address, dimse.Request{CalledAE: p.AETitle, CallingAE: x.opt.AETitle, Contexts: contexts}, opt)
}
