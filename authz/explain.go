// Why: the rows that decided, or the nearest ones and what each lacks. casbin is silent where no row matched.

package authz

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// Question is one request to explain. Without an Owner it asks for any data at all.
type Question struct {
	Kind, Act string
	Purpose   record.Purpose
	Reason    string
	Owner     record.InstitutionID
	Related   bool // the patient has an open encounter at the caller's institution
	Withdrawn bool // the patient withdrew consent
}

// Explanation says why something is allowed or not.
type Explanation struct {
	Allowed bool
	Rules   []string // ids of the rows that allow it, or deny it
	Nearest []string // where not allowed: "<rule> lacks <what>", fewest lacks first
}

// nearestRules is how many near misses are told.
const nearestRules = 3

// Explain decides q for c and says by which rows.
func (g *Guard) Explain(c Caller, q Question) (Explanation, error) {
	s, err := g.snapshot()
	if err != nil {
		return Explanation{}, err
	}
	if q.Purpose == "" {
		q.Purpose = defaultPurpose(q.Kind)
	}
	if err := s.check(c, q); err != nil {
		if record.KindOf(err) == record.Denied {
			return Explanation{Nearest: []string{record.Public(err)}}, nil
		}
		return Explanation{}, err
	}
	if q.Owner != "" && !record.ValidID(string(q.Owner)) {
		return Explanation{}, record.Errorf(record.Invalid, "the institution's id is not valid")
	}
	return s.explain(c, q), nil
}

func (s *snapshot) explain(c Caller, q Question) Explanation {
	var allow, deny []string
	for _, r := range s.rows {
		if !matches(r.Kind, q.Kind) || !matches(r.Act, q.Act) || len(s.lacks(r, c, q)) > 0 {
			continue
		}
		switch {
		case !r.deny():
			allow = append(allow, r.ID)
		case r.Guard == "none" || hides(q.resource(), c.Actor.Institution, justified(Situation{q.Purpose, q.Reason})):
			deny = append(deny, r.ID)
		}
	}
	switch {
	case len(deny) > 0:
		return Explanation{Rules: deny}
	case len(allow) > 0:
		return Explanation{Allowed: true, Rules: allow}
	}
	return Explanation{Nearest: s.nearest(c, q)}
}

func (q Question) resource() Resource { return Resource{q.Kind, q.Owner, q.Related, q.Withdrawn} }

// nearest tells the allowing rows that lack least.
func (s *snapshot) nearest(c Caller, q Question) []string {
	type miss struct {
		rule  string
		lacks []string
		far   int
	}
	var misses []miss
	for _, r := range s.rows {
		if !r.deny() && matches(r.Kind, q.Kind) && matches(r.Act, q.Act) {
			m := miss{rule: r.ID, lacks: s.lacks(r, c, q)}
			if m.far = len(m.lacks); !matches(r.Purpose, string(q.Purpose)) {
				m.far++ // another purpose is another question: rather say what this one lacks
			}
			misses = append(misses, m)
		}
	}
	slices.SortStableFunc(misses, func(a, b miss) int { return cmp.Compare(a.far, b.far) })
	var out []string
	for _, m := range misses[:min(nearestRules, len(misses))] {
		out = append(out, m.rule+" lacks "+strings.Join(m.lacks, ", "))
	}
	return out
}

// lacks are the columns of a row that do not hold, in words. Without an owner, data of some institution are asked for,
// so that relation and relationship are not at fault.
func (s *snapshot) lacks(r row, c Caller, q Question) (out []string) {
	add := func(missing bool, words string) {
		if missing {
			out = append(out, words)
		}
	}
	rel := relation(1) << slices.Index(relationWords, r.Rel)
	add(roleBits[r.Role]&rolesOf(c.Roles) == 0, "role "+r.Role)
	add(!matches(r.Purpose, string(q.Purpose)), "purpose "+r.Purpose)
	add(r.Guard == "breakglass" && !justified(Situation{q.Purpose, q.Reason}), "a justification of at least 6 characters for emergency treatment")
	if q.Owner != "" {
		add(!s.holds(rel, c.Actor.Institution, q.resource()), "relation "+r.Rel)
		add(r.Guard == "relationship" && !q.Related, "an open encounter of the patient at the caller's institution")
	}
	return out
}
