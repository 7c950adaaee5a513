// The institutions graph as one immutable picture in memory, so that permission asks no database.

package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Graph is a picture of the directory at one moment. "Leads" implies membership: a lead hospital belongs to the
// community that it leads. It is safe for any number of readers; nothing in it may be changed.
type Graph struct {
	Version      int64
	institutions map[record.InstitutionID]Institution
	parents      map[record.InstitutionID][]record.InstitutionID
	children     map[record.InstitutionID][]record.InstitutionID
	leads        map[record.InstitutionID][]record.InstitutionID
	centres      map[centreKey]Centre
	hosted       map[record.InstitutionID][]Centre
	until        time.Time // a relation begins or ends then; zero: none will
}

type centreKey struct {
	county record.InstitutionID
	kind   record.CentreKind
}

type graphCache struct {
	mu      sync.Mutex
	current atomic.Pointer[Graph]
	stale   atomic.Bool
	checked atomic.Int64 // UnixNano of the last look at directory_version
}

// Graph returns the current picture. Changes of this process are in it at once, those of others when their notice
// arrives, at the latest a second later.
func (db *DB) Graph(ctx context.Context) (*Graph, error) {
	c := &db.graph
	if g := c.current.Load(); g != nil && c.fresh(g, db.Now()) {
		return g, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.current.Load()
	if old != nil && c.fresh(old, db.Now()) {
		return old, nil
	}
	c.stale.Store(false) // before reading: a change from here on sets it again
	var version int64
	err := db.QueryRow(ctx, `SELECT version FROM directory_version WHERE one = 1`).Scan(&version)
	if err == nil && (old == nil || old.Version != version || old.expired(db.Now())) {
		old, err = db.loadGraph(ctx, version)
	}
	if err != nil {
		c.stale.Store(true)
		return nil, fmt.Errorf("graph: %w", err)
	}
	c.current.Store(old)
	c.checked.Store(time.Now().UnixNano())
	return old, nil
}

func (c *graphCache) fresh(g *Graph, now time.Time) bool {
	return !c.stale.Load() && !g.expired(now) && time.Now().UnixNano()-c.checked.Load() < int64(time.Second)
}

func (g *Graph) expired(now time.Time) bool { return !g.until.IsZero() && !now.Before(g.until) }

// loadGraph reads the tables after their version: a change in between makes the picture newer than its number, and the
// next look loads it again.
func (db *DB) loadGraph(ctx context.Context, version int64) (*Graph, error) {
	institutions, err := List(ctx, db, `SELECT `+institutionColumns+` FROM institutions`, nil,
		func(i *Institution) []any { return i.fields() })
	if err != nil {
		return nil, err
	}
	relations, err := db.Relations(ctx)
	if err != nil {
		return nil, err
	}
	centres, err := db.Centres(ctx)
	if err != nil {
		return nil, err
	}
	return newGraph(version, db.Now(), institutions, relations, centres), nil
}

func newGraph(version int64, now time.Time, institutions []Institution, relations []Relation, centres []Centre) *Graph {
	g := &Graph{
		Version:      version,
		institutions: make(map[record.InstitutionID]Institution, len(institutions)),
		parents:      make(map[record.InstitutionID][]record.InstitutionID),
		children:     make(map[record.InstitutionID][]record.InstitutionID),
		leads:        make(map[record.InstitutionID][]record.InstitutionID),
		centres:      make(map[centreKey]Centre, len(centres)),
		hosted:       make(map[record.InstitutionID][]Centre),
	}
	for _, i := range institutions {
		g.institutions[i.ID] = i
	}
	for _, r := range relations {
		g.changesAt(r.From, now)
		g.changesAt(r.To, now)
		if now.Before(r.From) || (!r.To.IsZero() && !now.Before(r.To)) {
			continue
		}
		g.parents[r.Child] = add(g.parents[r.Child], r.Parent)
		g.children[r.Parent] = add(g.children[r.Parent], r.Child)
		if r.Kind == Leads {
			g.leads[r.Child] = add(g.leads[r.Child], r.Parent)
		}
	}
	for _, c := range centres {
		g.centres[centreKey{c.County, c.Kind}] = c
		g.hosted[c.Host] = append(g.hosted[c.Host], c)
	}
	return g
}

func (g *Graph) changesAt(t, now time.Time) {
	if t.After(now) && (g.until.IsZero() || t.Before(g.until)) {
		g.until = t
	}
}

func add(ids []record.InstitutionID, id record.InstitutionID) []record.InstitutionID {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// walk follows edges from id, nearest first, each institution once and id itself not.
func walk(id record.InstitutionID, edges map[record.InstitutionID][]record.InstitutionID) []record.InstitutionID {
	seen := map[record.InstitutionID]bool{id: true}
	var out []record.InstitutionID
	for queue := edges[id]; len(queue) > 0; {
		next := queue[0]
		queue = queue[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		out = append(out, next)
		queue = append(slices.Clip(queue), edges[next]...)
	}
	return out
}

// Institution looks up one institution.
func (g *Graph) Institution(id record.InstitutionID) (Institution, bool) {
	i, ok := g.institutions[id]
	return i, ok
}

// Institutions lists all, by id.
func (g *Graph) Institutions() []record.InstitutionID {
	return slices.Sorted(maps.Keys(g.institutions))
}

// Ancestors are all that id belongs to, nearest first.
func (g *Graph) Ancestors(id record.InstitutionID) []record.InstitutionID { return walk(id, g.parents) }

// Members are all that belong to id, nearest first, areas and communities among them.
func (g *Graph) Members(id record.InstitutionID) []record.InstitutionID { return walk(id, g.children) }

// above lists id and its ancestors that are of a kind.
func (g *Graph) above(id record.InstitutionID, kind string) []record.InstitutionID {
	var out []record.InstitutionID
	for _, a := range append([]record.InstitutionID{id}, g.Ancestors(id)...) {
		if g.institutions[a].Kind == kind {
			out = append(out, a)
		}
	}
	return out
}

// Communities are the communities that id belongs to, leads or is.
func (g *Graph) Communities(id record.InstitutionID) []record.InstitutionID {
	return g.above(id, Community)
}

// County is the nearest county that id belongs to or is; empty when there is none.
func (g *Graph) County(id record.InstitutionID) record.InstitutionID {
	if c := g.above(id, County); len(c) > 0 {
		return c[0]
	}
	return ""
}

// SameCommunity reports whether one community holds both.
func (g *Graph) SameCommunity(a, b record.InstitutionID) bool {
	of := g.Communities(b)
	return slices.ContainsFunc(g.Communities(a), func(c record.InstitutionID) bool { return slices.Contains(of, c) })
}

// Leads are the communities that id leads.
func (g *Graph) Leads(id record.InstitutionID) []record.InstitutionID {
	return slices.Clone(g.leads[id])
}

// CentreFor is the centre of a kind that reads for id: that of the nearest county which has one.
func (g *Graph) CentreFor(id record.InstitutionID, kind record.CentreKind) (Centre, bool) {
	for _, county := range g.above(id, County) {
		if c, ok := g.centres[centreKey{county, kind}]; ok {
			return c, true
		}
	}
	return Centre{}, false
}

// CentreOf is the centre of a kind that reads what the caller's institution examines: Denied if the scope does not reach that
// institution, Precondition if no centre serves it.
func (db *DB) CentreOf(ctx context.Context, s record.Scope, kind record.CentreKind) (Centre, error) {
	inst := s.Actor.Institution
	if !s.Reaches(inst) {
		return Centre{}, record.Errorf(record.Denied, "not permitted to send for institution %s", inst)
	}
	g, err := db.Graph(ctx)
	if err != nil {
		return Centre{}, err
	}
	centre, ok := g.CentreFor(inst, kind)
	if !ok {
		return Centre{}, record.Errorf(record.Precondition, "no %s centre reads for institution %s", kind, inst)
	}
	return centre, nil
}

// Hosted are the centres whose doctors are those of host.
func (g *Graph) Hosted(host record.InstitutionID) []Centre { return slices.Clone(g.hosted[host]) }

// Served are the institutions whose examinations are read at a centre that host hosts, sorted.
func (g *Graph) Served(host record.InstitutionID) []record.InstitutionID {
	set := make(map[record.InstitutionID]bool)
	for _, c := range g.hosted[host] {
		for _, m := range g.Members(c.County) {
			if of, ok := g.CentreFor(m, c.Kind); ok && of.ID == c.ID {
				set[m] = true
			}
		}
	}
	out := make([]record.InstitutionID, 0, len(set))
	for id := range set {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// scopeWords: how an ancestor of a kind is called as a scope of a mark or a policy.
var scopeWords = map[string]string{Community: "community:", County: "county:", City: "city:", Province: "province:"}

// ScopesOf names the scopes that hold id, narrow to wide: "community:x", "county:y", "city:z", "province:p", "national".
func (g *Graph) ScopesOf(id record.InstitutionID) []string {
	var out []string
	for _, kind := range []string{Community, County, City, Province} {
		for _, a := range g.above(id, kind) {
			out = append(out, scopeWords[kind]+string(a))
		}
	}
	return append(out, "national")
}

// String describes the picture for a log.
func (g *Graph) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "directory version %d: %d institutions, %d centres", g.Version, len(g.institutions), len(g.centres))
	return b.String()
}
