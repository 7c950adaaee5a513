package verify

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

// mutant is one small change of the default pack.
type mutant struct {
	name  string
	apply func(p *Pack)
}

// moved is a number changed by one of its last digit.
func moved(d packfile.Decimal, by int64) packfile.Decimal {
	out := new(apd.Decimal)
	_, _ = arithmetic.Add(out, d.Decimal, apd.New(by, d.Exponent))
	return packfile.Decimal{Decimal: out}
}

var strict = map[string]string{">=": ">", "<=": "<", ">": ">=", "<": "<="}

func boundMutants(name string, bs Bounds, at func(*Pack) Bounds) []mutant {
	var out []mutant
	for i, b := range bs {
		out = append(out, mutant{name + " " + b.Op + " to " + strict[b.Op], func(p *Pack) { at(p)[i].Op = strict[b.Op] }})
		for _, by := range []int64{1, -1} {
			out = append(out, mutant{fmt.Sprintf("%s %s%s by %d", name, b.Op, b.Value, by), func(p *Pack) { at(p)[i].Value = moved(b.Value, by) }})
		}
	}
	return out
}

// whoMutants change for whom a rule is.
func whoMutants(r *Rule, at func(*Pack) *Rule) []mutant {
	var out []mutant
	add := func(what string, apply func(*Rule)) {
		out = append(out, mutant{r.ID + " " + what, func(p *Pack) { apply(at(p)) }})
	}
	if r.Who.Ages.From > 0 {
		add("from a day later", func(r *Rule) { r.Who.Ages.From++ })
		add("from a day earlier", func(r *Rule) { r.Who.Ages.From-- })
	}
	if r.Who.Ages.To > 0 {
		add("to a day later", func(r *Rule) { r.Who.Ages.To++ })
		add("to a day earlier", func(r *Rule) { r.Who.Ages.To-- })
	}
	for i, d := range r.Who.Departments {
		add("without "+d, func(r *Rule) { r.Who.Departments = slices.Delete(slices.Clone(r.Who.Departments), i, i+1) })
	}
	for i, d := range r.Who.NotDepartments {
		add("also "+d, func(r *Rule) { r.Who.NotDepartments = slices.Delete(slices.Clone(r.Who.NotDepartments), i, i+1) })
	}
	for i, a := range r.Of {
		add("not of "+a, func(r *Rule) { r.Of = slices.Delete(slices.Clone(r.Of), i, i+1) })
	}
	return out
}

func numbers(name string, n *node, at func(*Pack) *node) []mutant {
	switch n.op {
	case 'c':
		return nil
	case 'n':
		var out []mutant
		for _, by := range []int64{1, -1} {
			out = append(out, mutant{fmt.Sprintf("%s %s by %d", name, n.number, by), func(p *Pack) { at(p).number = moved(n.number, by) }})
		}
		return out
	}
	other := map[byte]byte{'+': '-', '-': '+', '*': '/', '/': '*'}[n.op]
	out := []mutant{{fmt.Sprintf("%s %c to %c", name, n.op, other), func(p *Pack) { at(p).op = other }}}
	out = append(out, numbers(name, n.left, func(p *Pack) *node { return at(p).left })...)
	return append(out, numbers(name, n.right, func(p *Pack) *node { return at(p).right })...)
}

func limitMutants(p *Pack) []mutant {
	var out []mutant
	for i := range p.Limits {
		l := &p.Limits[i]
		out = append(out, boundMutants(l.ID, l.Within, func(p *Pack) Bounds { return p.Limits[i].Within })...)
		out = append(out, whoMutants(&l.Rule, func(p *Pack) *Rule { return &p.Limits[i].Rule })...)
		for k, h := range map[string]packfile.Decimal{"haemolysis": l.HIL.Haemolysis, "icterus": l.HIL.Icterus} {
			if !h.Some() {
				continue
			}
			for _, by := range []int64{1, -1} {
				out = append(out, mutant{fmt.Sprintf("%s %s by %d", l.ID, k, by), func(p *Pack) {
					if k == "icterus" {
						p.Limits[i].HIL.Icterus = moved(h, by)
					} else {
						p.Limits[i].HIL.Haemolysis = moved(h, by)
					}
				}})
			}
		}
	}
	return out
}

func deltaMutants(p *Pack) []mutant {
	var out []mutant
	for i := range p.Delta {
		d := &p.Delta[i]
		out = append(out, boundMutants(d.ID, d.Expect, func(p *Pack) Bounds { return p.Delta[i].Expect })...)
		out = append(out, whoMutants(&d.Rule, func(p *Pack) *Rule { return &p.Delta[i].Rule })...)
		out = append(
			out, mutant{d.ID + " a day more", func(p *Pack) { p.Delta[i].Days++ }}, mutant{d.ID + " a day less", func(p *Pack) { p.Delta[i].Days-- }},
			mutant{d.ID + " any method", func(p *Pack) { p.Delta[i].AnyMethod = true }}, mutant{d.ID + " one laboratory", func(p *Pack) { p.Delta[i].SameLaboratory = true }},
			mutant{d.ID + " per day", func(p *Pack) { p.Delta[i].Change += "_per_day" }},
		)
	}
	return out
}

func criticalMutants(p *Pack) []mutant {
	var out []mutant
	for i := range p.Critical {
		c := &p.Critical[i]
		out = append(out, boundMutants(c.ID, c.Is, func(p *Pack) Bounds { return p.Critical[i].Is })...)
		out = append(out, whoMutants(&c.Rule, func(p *Pack) *Rule { return &p.Critical[i].Rule })...)
		if c.Repeat == nil {
			continue
		}
		change := func(what string, apply func(*Repeat)) {
			out = append(out, mutant{c.ID + " repeat " + what, func(p *Pack) {
				r := *p.Critical[i].Repeat
				apply(&r)
				p.Critical[i].Repeat = &r
			}})
		}
		change("an hour more", func(r *Repeat) { r.Hours++ })
		change("an hour less", func(r *Repeat) { r.Hours-- })
		if c.Repeat.AgainPercent.Some() {
			change("more", func(r *Repeat) { r.AgainPercent = moved(r.AgainPercent, 1) })
			change("less", func(r *Repeat) { r.AgainPercent = moved(r.AgainPercent, -1) })
			change("never", func(r *Repeat) { r.AgainPercent = packfile.Decimal{} })
		}
	}
	return out
}

func consistencyMutants(p *Pack) []mutant {
	var out []mutant
	for i := range p.Consistency {
		c := &p.Consistency[i]
		for k := range c.Expect.sides {
			out = append(out, numbers(c.ID, &c.Expect.sides[k], func(p *Pack) *node { return &p.Consistency[i].Expect.sides[k] })...)
		}
		for k, op := range c.Expect.ops {
			out = append(out, mutant{c.ID + " " + op + " to " + strict[op], func(p *Pack) { p.Consistency[i].Expect.ops[k] = strict[op] }})
		}
	}
	return out
}

// clone is a pack of which all that mutants change is its own.
func clone(p *Pack) *Pack {
	out := *p
	out.Limits, out.Delta, out.Consistency, out.Critical = slices.Clone(p.Limits), slices.Clone(p.Delta), slices.Clone(p.Consistency), slices.Clone(p.Critical)
	for i := range out.Limits {
		out.Limits[i].Within = slices.Clone(out.Limits[i].Within)
	}
	for i := range out.Delta {
		out.Delta[i].Expect = slices.Clone(out.Delta[i].Expect)
	}
	for i := range out.Critical {
		out.Critical[i].Is = slices.Clone(out.Critical[i].Is)
	}
	for i := range out.Consistency {
		x := &out.Consistency[i].Expect
		x.ops, x.sides = slices.Clone(x.ops), slices.Clone(x.sides)
		for k := range x.sides {
			x.sides[k] = *copied(&x.sides[k])
		}
	}
	return &out
}

func copied(n *node) *node {
	out := *n
	if n.left != nil {
		out.left, out.right = copied(n.left), copied(n.right)
	}
	return &out
}

// notices reports whether a test of a pack fails.
func notices(p *Pack) bool {
	return slices.ContainsFunc(p.Tests, func(t Test) bool { return len(p.failures(&t)) > 0 })
}

func TestEveryNumberOfThePackMatters(t *testing.T) {
	ms := slices.Concat(limitMutants(Default()), deltaMutants(Default()), consistencyMutants(Default()), criticalMutants(Default()))
	if len(ms) < 1000 {
		t.Fatalf("only %d changes", len(ms))
	}
	for _, x := range ms {
		p := clone(Default())
		x.apply(p)
		p.index()
		if !notices(p) {
			t.Errorf("nothing notices: %s", x.name)
		}
	}
	t.Logf("%d changes", len(ms))
}
