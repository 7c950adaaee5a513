// The compiled policy: an immutable snapshot that answers in well under a microsecond what casbin answers in dozens.

package authz

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Subject is who asks.
type Subject struct {
	ID    string
	Org   record.InstitutionID
	Roles []string // at Org
}

// Resource is one thing that is asked for.
type Resource struct {
	Kind      string
	Owner     record.InstitutionID // whose data it is
	Related   bool                 // its patient has an open encounter at the subject's institution
	Withdrawn bool                 // its patient withdrew consent to sharing
}

// Situation is what for.
type Situation struct {
	Purpose record.Purpose
	Reason  string
}

var (
	relationWords = []string{"own", "below", "community", "served", "any"}
	guardWords    = []string{"none", "relationship", "breakglass", "withdrawn"}
)

type relation uint8

const (
	own relation = 1 << iota
	below
	community
	served
	anywhere
)

type guard uint8

const (
	unguarded guard = iota
	relationship
	breakglass
	withdrawn
)

type roleSet uint32

// everybody is in the set of each caller and stands for the role "*".
const everybody roleSet = 1 << 31

var roleBits = func() map[string]roleSet {
	m := make(map[string]roleSet)
	for i, r := range roleWords {
		m[r] = 1 << i
	}
	m[anything] = everybody
	return m
}()

func rolesOf(names []string) roleSet {
	set := everybody
	for _, n := range names {
		if n != anything {
			set |= roleBits[n]
		}
	}
	return set
}

// compiled is a row as bits.
type compiled struct {
	id    string
	role  roleSet
	rel   relation
	guard guard
	deny  bool
}

type cell struct {
	kind, act string
	purpose   record.Purpose
}

// policy is the rows of one version, by what they speak of.
type policy struct {
	version string
	text    string
	number  int64
	rows    []row
	cells   map[cell][]compiled
}

// snapshot is a policy over one picture of the directory. Both are immutable; the sets of institutions are worked out
// when first asked for and kept.
type snapshot struct {
	*policy
	graph *store.Graph
	sets  sync.Map // setKey -> []record.InstitutionID, sorted
}

type setKey struct {
	org  record.InstitutionID
	rel  relation // bits, without anywhere
	kind record.CentreKind
}

func compile(version, text string, number int64, rows []row) *policy {
	p := &policy{version: version, text: text, number: number, rows: rows, cells: make(map[cell][]compiled)}
	for _, r := range rows {
		c := compiled{
			id: r.ID, role: roleBits[r.Role], rel: 1 << slices.Index(relationWords, r.Rel),
			guard: guard(slices.Index(guardWords, r.Guard)), deny: r.deny(),
		}
		for kind, acts := range vocabulary {
			for _, act := range acts {
				for _, purpose := range purposes {
					if matches(r.Kind, kind) && matches(r.Act, act) && matches(r.Purpose, string(purpose)) {
						k := cell{kind, act, purpose}
						p.cells[k] = append(p.cells[k], c)
					}
				}
			}
		}
	}
	return p
}

func matches(column, value string) bool { return column == anything || column == value }

// knows reports whether an institution may act at all.
func (s *snapshot) knows(org record.InstitutionID) bool {
	i, ok := s.graph.Institution(org)
	return ok && i.Active && record.ValidID(string(org))
}

// Decide answers for a single resource. Admit and Decide say the same: what the scope of Admit holds is what Decide
// allows.
func (s *snapshot) Decide(sub Subject, res Resource, act string, at Situation) bool {
	if !record.ValidID(sub.ID) || !record.ValidID(string(res.Owner)) || !s.knows(sub.Org) {
		return false
	}
	roles, glass, allow := rolesOf(sub.Roles), justified(at), false
	for _, r := range s.cells[cell{res.Kind, act, at.Purpose}] {
		if r.role&roles == 0 || !s.holds(r.rel, sub.Org, res) {
			continue
		}
		var ok bool
		switch r.guard {
		case unguarded:
			ok = true
		case relationship:
			ok = res.Related
		case breakglass:
			ok = glass
		case withdrawn:
			ok = hides(res, sub.Org, glass)
		}
		if ok && r.deny {
			return false
		}
		allow = allow || ok
	}
	return allow
}

func hides(res Resource, org record.InstitutionID, glass bool) bool {
	return res.Withdrawn && res.Owner != org && !glass && patientKinds[res.Kind]
}

// minReason is how many characters a justification has at least, maxReason how many are kept.
const minReason, maxReason = 6, 500

func justified(at Situation) bool {
	return at.Purpose == record.EmergencyTreatment && utf8.RuneCountInString(tidyReason(at.Reason)) >= minReason
}

func (s *snapshot) holds(rel relation, org record.InstitutionID, res Resource) bool {
	if rel == anywhere || (rel == below && org == Root) {
		return true
	}
	_, found := slices.BinarySearch(s.institutions(org, rel, res.Kind), res.Owner)
	return found
}

// admission is what the rows of one cell grant together.
type admission struct {
	rel     relation
	related bool
	glass   bool
	hide    bool
	denied  string // the id of the row that denies everything
	rule    string // the ids of the rows that grant, joined by "+"
}

func (s *snapshot) admit(roles roleSet, kind, act string, at Situation) (a admission) {
	glass := justified(at)
	for _, r := range s.cells[cell{kind, act, at.Purpose}] {
		switch {
		case r.role&roles == 0, r.guard == breakglass && !glass:
			continue
		case r.deny && r.guard == withdrawn:
			a.hide = patientKinds[kind] && !glass
			continue
		case r.deny:
			a.denied = r.id
			return a
		case r.guard == relationship:
			a.related = true
		default:
			a.rel |= r.rel
			a.glass = a.glass || r.guard == breakglass
		}
		if a.rule != "" {
			a.rule += "+"
		}
		a.rule += r.id
	}
	return a
}

// scope turns an admission into what rooms filter by. Its institutions are shared with other scopes: nobody writes to
// them.
func (s *snapshot) scope(c Caller, a admission, kind string, at Situation) record.Scope {
	org := c.Actor.Institution
	out := record.Scope{Actor: c.Actor, Purpose: at.Purpose, Own: org, HideWithdrawn: a.hide, Rule: a.rule}
	out.All = a.rel&anywhere != 0 || (org == Root && a.rel&below != 0)
	if !out.All {
		out.Institutions = s.institutions(org, a.rel, kind)
		if a.related {
			out.RelatedAt = org
		}
	}
	if a.glass {
		out.Reason = tidyReason(at.Reason)
	}
	return out
}

// tidyReason keeps a justification to one line of bounded length.
func tidyReason(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if r := []rune(text); len(r) > maxReason {
		return string(r[:maxReason])
	}
	return text
}

// centreOf is the kind of centre that "served" means for a kind of thing; empty: a centre of any kind.
func centreOf(kind string) record.CentreKind {
	if kind == string(record.Imaging) {
		return record.Imaging
	}
	return ""
}

// institutions is the union of the sets of the relations in rel, sorted.
func (s *snapshot) institutions(org record.InstitutionID, rel relation, kind string) []record.InstitutionID {
	if rel&^anywhere == 0 {
		return nil
	}
	key := setKey{org: org, rel: rel &^ anywhere}
	if rel&served != 0 {
		key.kind = centreOf(kind)
	}
	if set, ok := s.sets.Load(key); ok {
		return set.([]record.InstitutionID)
	}
	var set []record.InstitutionID
	if rel&(own|below|community) != 0 {
		set = append(set, org)
	}
	if rel&below != 0 {
		set = append(set, s.graph.Members(org)...)
	}
	if rel&community != 0 {
		for _, c := range s.graph.Communities(org) {
			set = append(append(set, c), s.graph.Members(c)...)
		}
	}
	if rel&served != 0 {
		set = append(set, s.served(org, key.kind)...)
	}
	slices.Sort(set)
	set = slices.Clip(slices.Compact(set))
	s.sets.Store(key, set)
	return set
}

// served are the institutions read at a centre of the kind that host hosts.
func (s *snapshot) served(host record.InstitutionID, kind record.CentreKind) (out []record.InstitutionID) {
	for _, c := range s.graph.Hosted(host) {
		if kind != "" && c.Kind != kind {
			continue
		}
		for _, m := range s.graph.Members(c.County) {
			if of, ok := s.graph.CentreFor(m, c.Kind); ok && of.ID == c.ID {
				out = append(out, m)
			}
		}
	}
	return out
}
