// The HL7 door's side of the gate: which link is sending, and what it may at each message.

package gateway

import (
	"context"
	"net"
	"strings"
	"sync"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/gateway/mllp"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
)

// HL7 are the settings of the HL7 v2 door, and what it calls.
type HL7 struct {
	MaxMessage  int64 // bytes; default 16 MiB
	Connections int   // at once; default 256
	PerAddress  int   // of them from one address; default 64

	// Accept keeps a message: nil when it is on disk, wherever a person may have to look at it. A message that was taken before is taken again.
	Accept func(ctx context.Context, s record.Scope, l mllp.Link, message []byte) error

	// Orders are what waits to be measured on a specimen, or on all without a barcode; NotFound is none.
	Orders func(ctx context.Context, s record.Scope, l mllp.Link, barcode string) ([]observation.Order, error)
}

func (s *Server) newMLLP() *mllp.Door {
	o := s.Options.HL7
	opt := mllp.Options{
		Connections: o.Connections, PerAddress: o.PerAddress, Admit: s.admitMLLP, Accept: s.acceptHL7, Query: s.queryHL7, Now: s.now, Log: s.log,
		Received: func(bytes int64, err error) { s.metrics.received("mllp", float64(bytes), err) },
	}
	opt.Frames.MaxFrame = int(o.MaxMessage)
	return mllp.New(opt)
}

// asksFor is what a message of a type may be sent for. What is not here is told to be of no use by the centre, which keeps it for a person.
var asksFor = map[string]struct{ kind, act string }{
	"ORM": {"lab", "order"}, "OML": {"lab", "order"}, "OMG": {"lab", "order"}, "ADT": {"patient", "register"},
}

func (s *Server) acceptHL7(ctx context.Context, l mllp.Link, message []byte) (mllp.Answer, error) {
	h, _ := hl7.Glimpse(message, l.Options)
	ask, ok := asksFor[strings.ToUpper(h.Type[0])]
	if !ok {
		ask.kind, ask.act = "lab", "write"
	}
	scope, err := l.May(ctx, ask.kind, ask.act)
	if err != nil {
		return mllp.Answer{}, err
	}
	if s.Options.HL7.Accept == nil {
		return mllp.Answer{}, record.Errorf(record.Unavailable, "nothing here takes messages of laboratories")
	}
	return mllp.Answer{}, s.Options.HL7.Accept(ctx, scope, l, message)
}

// queryHL7 answers what an analyser asks for: no order is an answer.
func (s *Server) queryHL7(ctx context.Context, l mllp.Link, m *hl7.Message, r hl7.Reply) ([]byte, error) {
	scope, err := l.May(ctx, "lab", "query")
	if err != nil {
		return nil, err
	}
	profile, err := hl7Profiles.parse(l.Profile)
	if err != nil {
		return nil, err
	}
	d, err := v2.Decode(m, profile)
	if err != nil {
		return nil, err
	}
	if s.Options.HL7.Orders == nil {
		return nil, record.Errorf(record.Unavailable, "nothing here answers host queries")
	}
	barcode := d.Query.Barcode
	if d.Query.All {
		barcode = ""
	}
	orders, err := s.Options.HL7.Orders(ctx, scope, l, barcode)
	if err != nil && record.KindOf(err) != record.NotFound {
		return nil, err
	}
	return v2.EncodeAnswer(m, orders, profile, r)
}

// admitMLLP finds the link of a message.
func (s *Server) admitMLLP(ctx context.Context, from mllp.Sender) (mllp.Link, error) {
	if s.isStopping() {
		return mllp.Link{}, errStopping
	}
	a := &sender{Server: s, from: from, name: authz.LinkName(from.Application, from.Facility), certificate: fingerprintOf(from.TLS)}
	d, err := a.device(ctx)
	var profile v2.Profile
	if err == nil {
		profile, err = hl7Profiles.parse(d.Profile.YAML)
	}
	if err != nil {
		s.noteRefusal(ctx, a.call(lineRule), err)
		return mllp.Link{}, err
	}
	return mllp.Link{ID: string(d.ID), Name: d.Name, Profile: d.Profile.YAML, Options: profile.Options(), May: a.may}, nil
}

// sender is who a message says it is of.
type sender struct {
	*Server
	from        mllp.Sender
	name        string
	certificate string
}

func (a *sender) call(r rule) *call {
	return &call{id: record.NewID(a.now()), method: "mllp", remote: a.from.Address.String(), rule: r, log: a.log}
}

func (a *sender) device(ctx context.Context) (authz.Device, error) {
	return a.Book.ByLink(ctx, authz.HL7, a.name, a.from.Address, a.certificate)
}

// may asks anew at every message: the link may have been closed, or the policy changed.
func (a *sender) may(ctx context.Context, kind, act string) (record.Scope, error) {
	c := a.call(rule{kind: kind, act: act})
	d, err := a.device(ctx)
	var scope record.Scope
	if err == nil {
		c.caller = d.Caller()
		scope, err = a.Server.may(c.caller, c)
	}
	if err != nil {
		a.noteRefusal(ctx, c, err)
	}
	return scope, err
}

// hl7Profiles remembers profiles that were read: one is looked up at every message.
var hl7Profiles = hl7ProfileCache{known: map[string]v2.Profile{}}

type hl7ProfileCache struct {
	mu    sync.Mutex
	known map[string]v2.Profile
}

const maxHL7Profiles = 1000

func (c *hl7ProfileCache) parse(text string) (v2.Profile, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.known[text]; ok {
		return p, nil
	}
	p, err := v2.ParseProfile([]byte(text))
	if err != nil {
		return p, err
	}
	if len(c.known) >= maxHL7Profiles {
		clear(c.known)
	}
	c.known[text] = p
	return p, nil
}

// checkLinkProfile is how the book of devices judges a profile before it is kept.
func checkLinkProfile(p authz.Protocol, yaml string) error {
	var err error
	switch p {
	case authz.HL7:
		_, err = v2.ParseProfile([]byte(yaml))
	case authz.ASTM:
		_, err = analyser.Parse([]byte(yaml))
	}
	return err
}

// openMLLP opens the door's listeners; they end with the associations of the DIMSE door.
func (s *Server) openMLLP(l Listeners, open func(serve func() error)) {
	for _, at := range []net.Listener{l.MLLP, l.MLLPTLS} {
		if at == nil {
			continue
		}
		s.dimseOpen.Add(1)
		open(func() error {
			defer s.dimseOpen.Done()
			return s.mllp.Serve(s.associations, at)
		})
	}
}
