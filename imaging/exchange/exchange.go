// Package exchange is the imaging centre's side towards other DICOM applications: it sends kept objects to them, asks them
// for objects, and promises them in writing that theirs are kept.
//
// Where things are:
//
//	contexts.go which presentation contexts a set of objects needs
//	send.go     objects over an association, in a transfer syntax that the peer takes
package exchange

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
)

// Options of an Exchange; a zero field takes its default.
type Options struct {
	AETitle string      // ours; default LIANZHEN
	TLS     *tls.Config // for peers that are reached over TLS; nil: none are
	Dial    time.Duration
	Stall   time.Duration
	Sent    func(bytes int64)
}

// Exchange speaks to other application entities for the centre.
type Exchange struct {
	centre *imaging.Centre
	opt    Options
}

// New makes an Exchange over its centre.
func New(c *imaging.Centre, opt Options) *Exchange {
	if opt.AETitle == "" {
		opt.AETitle = "LIANZHEN"
	}
	if opt.Sent == nil {
		opt.Sent = func(int64) {}
	}
	return &Exchange{centre: c, opt: opt}
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
