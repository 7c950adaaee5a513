// The ASTM door's side of the gate: which analyser is calling, and what it may at each message.

package gateway

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/gateway/astm"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ASTM are the settings of the ASTM door, and what it calls.
type ASTM struct {
	Dial bool // analysers that are TCP servers are called; of two gateways the second waits until the first is gone

	// Accept keeps a message: nil when it is on disk, wherever a person may have to look at it.
	Accept func(ctx context.Context, s record.Scope, l astm.Link, message []byte) error

	// Orders are what waits to be measured on a specimen, or on all without a barcode; NotFound is none.
	Orders func(ctx context.Context, s record.Scope, l astm.Link, barcode string) ([]observation.Order, error)
}

func (s *Server) newASTM() *astm.Door {
	o := s.Options.ASTM
	opt := astm.Options{
		Admit: s.admitASTM, Now: s.now, Log: s.log,
		Received: func(bytes int64, err error) { s.metrics.received("astm", float64(bytes), err) },
		Accept: func(ctx context.Context, l astm.Link, message []byte) error {
			scope, err := l.May(ctx, "lab", "write")
			if err != nil {
				return err
			}
			if o.Accept == nil {
				return record.Errorf(record.Unavailable, "nothing here takes messages of analysers")
			}
			return o.Accept(ctx, scope, l, message)
		},
	}
	if o.Orders != nil {
		opt.Orders = func(ctx context.Context, l astm.Link, barcode string) ([]observation.Order, error) {
			scope, err := l.May(ctx, "lab", "query")
			if err != nil {
				return nil, err
			}
			return o.Orders(ctx, scope, l, barcode)
		}
	}
	if o.Dial {
		opt.Dials = s.analysers
	}
	return astm.New(opt)
}

// lineRule is the rule of a connection itself, before any message.
var lineRule = rule{kind: "session", act: "own"}

// admitASTM finds the analyser of a connection or a message.
func (s *Server) admitASTM(ctx context.Context, st astm.Station) (astm.Link, error) {
	if s.isStopping() {
		return astm.Link{}, errStopping
	}
	a := &analyserAt{Server: s, st: st}
	d, err := a.device(ctx)
	if errors.Is(err, authz.ErrSeveralLinks) && !st.Message {
		return astm.Link{}, astm.ErrNameless
	}
	if err != nil {
		if st.Name == "" { // a name that nobody has is looked up by the address next
			s.noteRefusal(ctx, a.call(lineRule), err)
		}
		return astm.Link{}, err
	}
	profile, err := analyserProfiles.parse(d.Profile.YAML)
	if err != nil {
		return astm.Link{}, err
	}
	return astm.Link{
		ID: string(d.ID), Name: d.Name, Institution: d.Institution, Profile: profile, ProfileText: d.Profile.YAML, May: a.may,
	}, nil
}

// analyserAt is the other end of one connection.
type analyserAt struct {
	*Server
	st astm.Station
}

func (a *analyserAt) call(r rule) *call {
	return &call{id: record.NewID(a.now()), method: "astm", remote: a.st.Address.String(), rule: r, log: a.log}
}

func (a *analyserAt) device(ctx context.Context) (authz.Device, error) {
	return a.Book.ByLink(ctx, authz.ASTM, a.st.Name, a.st.Address, a.st.Certificate)
}

// may asks anew at every message: the device may have been closed, or the policy changed.
func (a *analyserAt) may(ctx context.Context, kind, act string) (record.Scope, error) {
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

// analysers are the devices whose profile says that they are to be dialled.
func (s *Server) analysers(ctx context.Context) ([]astm.Dial, error) {
	var out []astm.Dial
	page := store.Page{Limit: 500}
	for {
		list, next, err := s.Book.ListDevices(ctx, record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "astm"}}, "", page)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			if d.Protocol != authz.ASTM || !d.Active {
				continue
			}
			kept, err := s.Book.Profile(ctx, d.ID)
			if err != nil {
				return nil, err
			}
			if p, err := analyserProfiles.parse(kept.YAML); err == nil && p.Line.Dial != "" {
				out = append(out, astm.Dial{Key: string(d.ID), Address: p.Line.Dial})
			}
		}
		if page.After = next; next == "" {
			return out, nil
		}
	}
}

// analyserProfiles remembers profiles that were read: one is looked up at every message.
var analyserProfiles = profileCache{known: map[string]*analyser.Profile{}}

type profileCache struct {
	mu    sync.Mutex
	known map[string]*analyser.Profile
}

const maxAnalyserProfiles = 1000

func (c *profileCache) parse(text string) (*analyser.Profile, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.known[text]; p != nil {
		return p, nil
	}
	p, err := analyser.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	if p.Protocol != string(authz.ASTM) {
		return nil, record.Errorf(record.Precondition, "profile %s is of a model that speaks %s", p.ID, p.Protocol)
	}
	if len(c.known) >= maxAnalyserProfiles {
		clear(c.known)
	}
	c.known[text] = p
	return p, nil
}

// openASTM opens the door's listeners and its own calls; both end with the associations of the DIMSE door.
func (s *Server) openASTM(l Listeners, open func(serve func() error)) {
	for _, at := range []net.Listener{l.ASTM, l.ASTMTLS} {
		if at == nil {
			continue
		}
		s.dimseOpen.Add(1)
		open(func() error {
			defer s.dimseOpen.Done()
			return s.astm.Serve(s.associations, at)
		})
	}
	if s.Options.ASTM.Dial {
		s.dimseOpen.Go(func() { s.astm.Run(s.associations) })
	}
}
