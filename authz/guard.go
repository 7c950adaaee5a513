// The Guard answers every door: may this caller do this, and to whose data.

package authz

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Caller is a caller that has proved who it is.
type Caller struct {
	Actor     record.Actor
	Roles     []string // at Actor.Institution; none while the password is to be changed
	KeyScopes []string // nil for people and devices; for keys and certificates it narrows, never widens
	Session   string   // hash of the session's token; empty for programs
}

// Guard decides by the policy in force.
type Guard struct {
	db      *store.DB
	ctx     context.Context // ends with the Guard: Admit has none of its own
	stop    context.CancelFunc
	ended   chan struct{}
	current atomic.Pointer[snapshot]
	mu      sync.Mutex // held while current is replaced

	begun   time.Time
	checked atomic.Int64 // nanoseconds from begun to the last look at the policy in force
}

const (
	policyPoll = 500 * time.Millisecond // beside the waking by events
	policyRest = 100 * time.Millisecond // between two looks, however many events come
	policyLag  = 30 * time.Second       // older than this, nobody is admitted
)

// NewGuard loads the policy in force, which on an empty database is the one in policy.csv, and follows it until ctx
// ends or Close is called.
func NewGuard(ctx context.Context, db *store.DB) (*Guard, error) {
	if err := seed(ctx, db); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	g := &Guard{db: db, ended: make(chan struct{}), begun: time.Now()}
	g.ctx, g.stop = context.WithCancel(ctx)
	if err := g.refresh(g.ctx); err != nil {
		g.stop()
		return nil, fmt.Errorf("policy: %w", err)
	}
	go g.follow()
	return g, nil
}

// Close ends the following of the policy. Nobody is admitted afterwards.
func (g *Guard) Close() {
	g.stop()
	<-g.ended
}

func (g *Guard) follow() {
	defer close(g.ended)
	var seen int64
	for g.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(g.ctx, policyPoll)
		_ = g.db.Wait(ctx, seen) // its end, whatever it is, is a reason to look
		cancel()
		if head, err := g.db.Head(g.ctx); err == nil {
			seen = head
		}
		_ = g.refresh(g.ctx) // Ready tells when it fails for long
		select {
		case <-g.ctx.Done():
		case <-time.After(policyRest):
		}
	}
}

// refresh looks whether another policy is in force, or the directory has changed.
func (g *Guard) refresh(ctx context.Context) error {
	version, number, err := activeVersion(ctx, g.db)
	if err != nil {
		return err
	}
	if s := g.current.Load(); s == nil || s.number != number || s.version != version {
		if err := g.load(ctx); err != nil {
			return err
		}
	}
	g.checked.Store(int64(time.Since(g.begun)))
	_, err = g.snapshot()
	return err
}

// load replaces the snapshot by the policy in force, read anew.
func (g *Guard) load(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, err := activePolicy(ctx, g.db)
	if err != nil {
		return err
	}
	graph, err := g.db.Graph(ctx)
	if err != nil {
		return err
	}
	g.current.Store(&snapshot{policy: p, graph: graph})
	return nil
}

// snapshot is the current one over the current directory. The store keeps the picture of the directory: asking for it
// costs a few loads.
func (g *Guard) snapshot() (*snapshot, error) {
	if err := g.Ready(); err != nil {
		return nil, err
	}
	graph, err := g.db.Graph(g.ctx)
	if err != nil {
		return nil, record.Wrap(record.Unavailable, err, "permissions cannot be looked up now")
	}
	s := g.current.Load()
	if s.graph == graph {
		return s, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s = g.current.Load(); s.graph != graph {
		s = &snapshot{policy: s.policy, graph: graph}
		g.current.Store(s)
	}
	return s, nil
}

// Ready is an error when the policy in force could not be looked up for long: then nobody is admitted.
func (g *Guard) Ready() error {
	if g.ctx.Err() != nil {
		return record.Errorf(record.Unavailable, "permissions are closed")
	}
	if time.Since(g.begun)-time.Duration(g.checked.Load()) > policyLag {
		return record.Errorf(record.Unavailable, "permissions could not be refreshed for %s", policyLag)
	}
	return nil
}

// Admit says what c may touch when it does act to things of a kind. An empty purpose is treatment for kinds about
// patients and operations for all else. reason is the justification of a break-glass access. The institutions of the
// scope are shared: nobody writes to them.
func (g *Guard) Admit(c Caller, kind, act string, p record.Purpose, reason string) (record.Scope, error) {
	s, err := g.snapshot()
	if err != nil {
		return record.Scope{}, err
	}
	if p == "" {
		p = defaultPurpose(kind)
	}
	return s.admitted(c, Question{Kind: kind, Act: act, Purpose: p, Reason: reason})
}

func (s *snapshot) admitted(c Caller, q Question) (record.Scope, error) {
	if err := s.check(c, q); err != nil {
		return record.Scope{}, err
	}
	at := Situation{q.Purpose, q.Reason}
	a := s.admit(rolesOf(c.Roles), q.Kind, q.Act, at)
	if a.denied != "" || a.rule == "" {
		return record.Scope{}, s.refusal(c, q, a)
	}
	return s.scope(c, a, q.Kind, at), nil
}

// check refuses what must not reach the policy.
func (s *snapshot) check(c Caller, q Question) error {
	switch {
	case !record.ValidID(c.Actor.ID):
		return record.Errorf(record.Denied, "not permitted: the caller's id is not valid")
	case !s.knows(c.Actor.Institution):
		return record.Errorf(record.Denied, "not permitted: the caller's institution is unknown or closed")
	case !known(q):
		return record.Errorf(record.Invalid, "unknown kind, act or purpose")
	case c.KeyScopes != nil && !covered(c.KeyScopes, q.Kind, q.Act):
		return record.Errorf(record.Denied, "not permitted: no scope of the key covers %s.%s", q.Kind, q.Act)
	}
	return nil
}

func known(q Question) bool {
	return slices.Contains(vocabulary[q.Kind], q.Act) && slices.Contains(purposes, q.Purpose)
}

func (s *snapshot) refusal(c Caller, q Question, a admission) error {
	if a.denied != "" {
		return record.Errorf(record.Denied, "not permitted: rule %s denies %s.%s for %s", a.denied, q.Kind, q.Act, q.Purpose)
	}
	near := s.nearest(c, q)
	if len(near) == 0 {
		return record.Errorf(record.Denied, "not permitted: no rule speaks of %s.%s", q.Kind, q.Act)
	}
	return record.Errorf(record.Denied, "not permitted: %s.%s for %s; nearest rule %s", q.Kind, q.Act, q.Purpose, near[0])
}
