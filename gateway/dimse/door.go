// Package dimse is the DIMSE door (PS3.7): modalities, archives and workstations speak it. It decodes messages, calls the
// imaging centre and the worklist, and encodes what comes back. Who is calling is settled when an association begins, what
// it may at every message; both by functions that the gateway hands in.
//
// Where things are:
//
//	negotiate.go which presentation contexts are accepted     dispatch.go which message goes where, statuses of errors
//	store.go     C-STORE                                      query.go    C-FIND
//	retrieve.go  C-MOVE, C-GET                                worklist.go C-FIND of the modality worklist
//	performed.go MPPS                                         commit.go   storage commitment
package dimse

import (
	"context"
	"log/slog"
	"net"
	"time"

	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
)

// Peer is an application entity that was let in.
type Peer struct {
	AETitle string

	// May asks whether the peer may do an act of a kind, and gives the scope of it. It is asked for every message: what is
	// permitted may change while an association is open.
	May func(ctx context.Context, kind, act string) (record.Scope, error)

	// Stranger: the peer is not registered. What it stores waits in quarantine for a person.
	Stranger bool
}

// Options of the door; the zero value of each means its default.
type Options struct {
	AETitle      string // ours; default LIANZHEN
	AnyCalledAE  bool   // associations that call another title are taken too
	Charset      string // of answers to a query that names none and cannot be ASCII: "GB18030" (default) or "ISO_IR 192"
	MaxMatches   int    // answers to one query; default 10 000
	Window       uint16 // operations that a peer may have open at once; default 16
	Associations int    // at once; default 100
	PerAddress   int    // of them from one address; default 20
	Idle, Stall  time.Duration

	// Admit lets a peer in, or says why not.
	Admit func(ctx context.Context, q *ul.Request) (Peer, error)

	// Destination finds the registered device that a C-MOVE names: NotFound for none, Precondition for one that nothing is
	// sent to.
	Destination func(ctx context.Context, aeTitle string) (Destination, error)

	// Received and Sent count bytes of objects and what became of them.
	Received func(bytes int64, err error)
	Sent     func(bytes int64)

	Log *slog.Logger
}

func (o Options) filled() Options {
	if o.AETitle == "" {
		o.AETitle = "LIANZHEN"
	}
	if o.Charset == "" {
		o.Charset = "GB18030"
	}
	if o.MaxMatches == 0 {
		o.MaxMatches = 10_000
	}
	if o.Window == 0 {
		o.Window = 16
	}
	if o.Received == nil {
		o.Received = func(int64, error) {}
	}
	if o.Sent == nil {
		o.Sent = func(int64) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Door answers associations.
type Door struct {
	centre   *imaging.Centre
	worklist *worklist.Worklist
	exchange *exchange.Exchange
	opt      Options
}

// New makes the door; nothing listens yet.
func New(c *imaging.Centre, w *worklist.Worklist, x *exchange.Exchange, opt Options) *Door {
	return &Door{centre: c, worklist: w, exchange: x, opt: opt.filled()}
}

// Serve answers until ctx ends, then lets operations in hand end.
func (d *Door) Serve(ctx context.Context, l net.Listener) error {
	s := &ul.Server{
		Options: ul.Options{Window: d.opt.Window, Idle: d.opt.Idle, Stall: d.opt.Stall, Handler: d.handle},
		Admit:   d.admit, Accept: d.accept,
		MaxAssociations: d.opt.Associations, MaxPerAddress: d.opt.PerAddress,
		Ended: func(a *ul.Association, err error) {
			if err != nil {
				d.opt.Log.Warn("association ended", "ae_title", a.CallingAE(), "error", err)
			}
		},
		Refused: func(remote net.Addr, err error) {
			d.opt.Log.Warn("association refused", "address", remote.String(), "error", err)
		},
	}
	return s.Serve(ctx, l)
}

func (d *Door) admit(ctx context.Context, q *ul.Request) (ul.Admission, error) {
	if q.CalledAE != d.opt.AETitle && !d.opt.AnyCalledAE {
		return ul.Admission{}, ul.UnknownCalledAE
	}
	p, err := d.opt.Admit(ctx, q)
	switch record.KindOf(err) {
	case record.Unauthenticated, record.Denied:
		return ul.Admission{}, ul.UnknownCallingAE
	}
	if err != nil {
		return ul.Admission{}, err // for now
	}
	return ul.Admission{Principal: p}, nil
}

func peerOf(a *ul.Association) Peer { return a.Principal().(Peer) }
