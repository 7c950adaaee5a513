// The DIMSE door's side of the gate: which device is calling, and what it may at each message.

package gateway

import (
	"context"
	"net"
	"net/netip"

	"github.com/lianzhen/lianzhen/authz"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/gateway/dimse"
	"github.com/lianzhen/lianzhen/record"
)

// DIMSE are the settings of the DIMSE door.
type DIMSE struct {
	AETitle     string // ours; default LIANZHEN
	AnyCalledAE bool   // take associations that call another title
	Charset     string // of answers to queries that name none: GB18030 (default) or ISO_IR 192

	// StrangersAt is the institution in whose quarantine waits what devices send that are not registered; empty: they are
	// rejected.
	StrangersAt record.InstitutionID
}

func (s *Server) newDIMSE() *dimse.Door {
	o := s.Options.DIMSE
	return dimse.New(s.Imaging, s.Worklist, s.Exchange, dimse.Options{
		AETitle: o.AETitle, AnyCalledAE: o.AnyCalledAE, Charset: o.Charset, Admit: s.admitDIMSE, Destination: s.destination, Log: s.log,
		Received: func(bytes int64, err error) { s.metrics.received("dimse", float64(bytes), err) },
		Sent:     func(bytes int64) { s.metrics.bytes.WithLabelValues("dimse", "out").Add(float64(bytes)) },
	})
}

// destination finds where a C-MOVE may send, and what the device there may read.
func (s *Server) destination(ctx context.Context, aeTitle string) (dimse.Destination, error) {
	d, err := s.Exchange.Destination(ctx, aeTitle)
	return dimse.Destination{Peer: d.Peer, Scope: d.Read}, err
}

// associate is the rule of an association itself, before any message.
var associate = rule{kind: "session", act: "own"}

// admitDIMSE finds the caller of an association.
func (s *Server) admitDIMSE(ctx context.Context, q *ul.Request) (dimse.Peer, error) {
	if s.isStopping() {
		return dimse.Peer{}, errStopping
	}
	p := &station{Server: s, shown: stationOf(q), identity: q.Identity}
	c := p.call(associate)
	var err error
	if c.caller, err = p.who(ctx); err == nil {
		return dimse.Peer{AETitle: p.shown.AETitle, May: p.may}, nil
	}
	if record.KindOf(err) == record.Unauthenticated && s.Options.DIMSE.StrangersAt != "" && q.Identity == nil {
		return dimse.Peer{AETitle: p.shown.AETitle, May: p.mayAsStranger, Stranger: true}, nil
	}
	s.noteRefusal(ctx, c, err)
	return dimse.Peer{}, err
}

func stationOf(q *ul.Request) authz.Station {
	st := authz.Station{AETitle: q.CallingAE, Certificate: fingerprintOf(q.TLS)}
	if q.Remote == nil {
		return st
	}
	if host, _, err := net.SplitHostPort(q.Remote.String()); err == nil {
		st.Address, _ = netip.ParseAddr(host)
	}
	return st
}

// station is the other end of one association.
type station struct {
	*Server
	shown    authz.Station
	identity *ul.Identity
}

func (p *station) call(r rule) *call {
	return &call{id: record.NewID(p.now()), method: "dimse", remote: p.shown.Address.String(), rule: r, log: p.log}
}

// who is the device of the AE title; a user name with passcode (PS3.7 §D.3.3.7) is an API key, which must be of the same
// institution and then names the caller.
func (p *station) who(ctx context.Context) (authz.Caller, error) {
	caller, err := p.Book.ByDevice(ctx, p.shown)
	if err != nil || p.identity == nil || p.identity.Type != ul.UsernamePasscode {
		return caller, err
	}
	key, err := p.Book.ByBasic(ctx, string(p.identity.Primary), string(p.identity.Passcode))
	if err == nil && key.Actor.Institution != caller.Actor.Institution {
		err = record.Errorf(record.Denied, "the AE title and the key are of different institutions")
	}
	return key, err
}

// may asks anew at every message: the device may have been closed, or the policy changed.
func (p *station) may(ctx context.Context, kind, act string) (record.Scope, error) {
	c := p.call(rule{kind: kind, act: act})
	var err error
	var scope record.Scope
	if c.caller, err = p.who(ctx); err == nil {
		scope, err = p.Server.may(c.caller, c)
	}
	if err != nil {
		p.noteRefusal(ctx, c, err)
	}
	return scope, err
}

// mayAsStranger lets a device that nobody knows hand in objects for a person to decide, and nothing else.
func (p *station) mayAsStranger(ctx context.Context, kind, act string) (record.Scope, error) {
	c := p.call(rule{kind: kind, act: act})
	c.caller = authz.Device{
		AETitle: p.shown.AETitle, Institution: p.Options.DIMSE.StrangersAt, Role: authz.DeviceRole, Name: "not registered",
	}.Caller()
	if kind != "imaging" || act != "write" {
		err := record.Errorf(record.Denied, "the AE title is not registered")
		p.noteRefusal(ctx, c, err)
		return record.Scope{}, err
	}
	return p.Server.may(c.caller, c)
}
