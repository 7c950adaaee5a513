// casbin itself: what the rows mean by the book. Tests and every change of the policy hold the snapshot against it.

package authz

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// What casbin's matcher sees. The field names are those of model.conf; its comparison knows plain strings only.
type (
	casbinSub struct{ ID, Org string }
	casbinRes struct {
		Kind, Owner        string
		Related, Withdrawn bool
	}
	casbinCtx struct{ Purpose, Reason string }
)

// oracle answers by casbin. It is for one goroutine at a time and never changed after it was built.
type oracle struct {
	enforcer *casbin.Enforcer
	graph    *store.Graph
}

// newOracle builds an enforcer over rows, a picture of the directory and subjects with their roles.
func newOracle(rows []row, graph *store.Graph, subjects []Subject) (*oracle, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("policy model: %w", err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("policy model: %w", err)
	}
	o := &oracle{enforcer: e, graph: graph}
	e.AddFunction("rel", o.rel)
	e.AddFunction("guard", o.guard)
	for _, r := range rows {
		if _, err := e.AddPolicy(r.columns()); err != nil {
			return nil, fmt.Errorf("policy row %s: %w", r.ID, err)
		}
	}
	for _, s := range subjects {
		for _, role := range s.Roles {
			if _, err := e.AddGroupingPolicy(s.ID, role, string(s.Org)); err != nil {
				return nil, fmt.Errorf("policy roles: %w", err)
			}
		}
	}
	return o, nil
}

// decide is snapshot.Decide by casbin. Only valid ids and known institutions reach it: casbin keeps what it was asked
// in a memo, keyed by the texts with NUL between them.
func (o *oracle) decide(sub Subject, res Resource, act string, at Situation) (bool, error) {
	if i, ok := o.graph.Institution(sub.Org); !ok || !i.Active || !record.ValidID(sub.ID) || !record.ValidID(string(res.Owner)) {
		return false, nil
	}
	return o.enforcer.Enforce(casbinSub{sub.ID, string(sub.Org)},
		casbinRes{res.Kind, string(res.Owner), res.Related, res.Withdrawn}, act,
		casbinCtx{string(at.Purpose), at.Reason})
}

// rel is the function of that name in model.conf, asked edge by edge and not by sets as the snapshot does.
func (o *oracle) rel(args ...any) (any, error) {
	org := record.InstitutionID(args[1].(casbinSub).Org)
	res := args[2].(casbinRes)
	owner := record.InstitutionID(res.Owner)
	switch args[0] {
	case "own":
		return owner == org, nil
	case "below":
		return owner == org || org == Root || slices.Contains(o.graph.Ancestors(owner), org), nil
	case "community":
		return owner == org || o.graph.SameCommunity(org, owner), nil
	case "served":
		return o.serves(org, owner, res.Kind), nil
	case "any":
		return true, nil
	}
	return false, fmt.Errorf("unknown relation %v", args[0])
}

func (o *oracle) serves(host, owner record.InstitutionID, kind string) bool {
	for _, k := range []record.CentreKind{record.Imaging, record.ECG, record.Pathology, record.Lab} {
		if kind == "imaging" && k != record.Imaging {
			continue
		}
		if c, ok := o.graph.CentreFor(owner, k); ok && c.Host == host && c.County != owner {
			return true
		}
	}
	return false
}

func (o *oracle) guard(args ...any) (any, error) {
	sub, res, ctx := args[1].(casbinSub), args[2].(casbinRes), args[3].(casbinCtx)
	glass := justified(Situation{record.Purpose(ctx.Purpose), ctx.Reason})
	switch args[0] {
	case "none":
		return true, nil
	case "relationship":
		return res.Related, nil
	case "breakglass":
		return glass, nil
	case "withdrawn":
		return res.Withdrawn && res.Owner != sub.Org && !glass && patientKinds[res.Kind], nil
	}
	return false, fmt.Errorf("unknown guard %v", args[0])
}

// draw makes random questions over a directory; seeded, so that a finding can be found again.
type draw struct {
	rand     *rand.Rand
	subjects []Subject
	owners   []record.InstitutionID
}

func newDraw(seed uint64, orgs []record.InstitutionID) *draw {
	d := &draw{rand: rand.New(rand.NewPCG(seed, 1))}
	d.owners = slices.Clone(orgs)
	for i, org := range orgs {
		for j := range len(roleWords) {
			s := Subject{ID: fmt.Sprintf("u%d-%d", i, j), Org: org, Roles: []string{roleWords[j]}}
			if j%4 == 0 {
				s.Roles = append(s.Roles, roleWords[(j+i+1)%len(roleWords)])
			}
			d.subjects = append(d.subjects, s)
		}
		d.subjects = append(d.subjects, Subject{ID: fmt.Sprintf("u%d-none", i), Org: org})
	}
	return d
}

// ask draws one question. Half of them are about the subject's own neighbourhood and a purpose that fits, so that
// enough are allowed.
func (d *draw) ask() (Subject, Resource, string, Situation) {
	pick := func(n int) int { return d.rand.IntN(n) }
	sub := d.subjects[pick(len(d.subjects))]
	kind := Kinds()[pick(len(vocabulary))]
	res := Resource{Kind: kind, Owner: d.owners[pick(len(d.owners))], Related: pick(2) == 0, Withdrawn: pick(4) == 0}
	if pick(3) == 0 {
		res.Owner = sub.Org
	}
	at := Situation{Purpose: defaultPurpose(kind), Reason: []string{"", "昏迷抢救", "昏迷抢救急诊入院"}[pick(3)]}
	switch pick(4) {
	case 0:
		at.Purpose = purposes[pick(len(purposes))]
	case 1:
		at.Purpose = record.EmergencyTreatment
	}
	return sub, res, vocabulary[kind][pick(len(vocabulary[kind]))], at
}

// dryRun asks snapshot and casbin the same and names the first disagreement.
func dryRun(s *snapshot, orgs []record.InstitutionID, seed uint64, n int) (allowed int, err error) {
	d := newDraw(seed, orgs)
	o, err := newOracle(s.rows, s.graph, d.subjects)
	if err != nil {
		return 0, err
	}
	for range n {
		sub, res, act, at := d.ask()
		want, err := o.decide(sub, res, act, at)
		if err != nil {
			return allowed, fmt.Errorf("policy dry run: %w", err)
		}
		if got := s.Decide(sub, res, act, at); got != want {
			return allowed, fmt.Errorf("policy dry run: casbin says %v, the snapshot %v: %+v %+v %s %+v", want, got, sub, res, act, at)
		}
		if want {
			allowed++
		}
	}
	return allowed, nil
}
