package critical

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// provincial is what the rule by provincial limits says once it is enabled.
var provincial = []struct {
	name        string
	now         tracingOf
	old         m
	oldFindings []finding.Finding
	alarm       bool
}{
	{name: "II and III", now: tracingOf{measures: m{"st_j II": 100, "st_j III": 100}}, alarm: true},
	{name: "II and aVF", now: tracingOf{measures: m{"st_j II": 100, "st_j aVF": 100}}, alarm: true},
	{name: "II alone", now: tracingOf{measures: m{"st_j II": 100, "st_j III": 99.5}}},
	{name: "II and III, known", now: tracingOf{measures: m{"st_j II": 100, "st_j III": 100}}, old: m{"st_j II": 100, "st_j III": 100}},
	{name: "I and aVL", now: tracingOf{measures: m{"st_j I": 100, "st_j aVL": 100}}, alarm: true},
	{name: "I and aVL below", now: tracingOf{measures: m{"st_j I": 100, "st_j aVL": 99.5}}},
	{name: "I and aVL, known", now: tracingOf{measures: m{"st_j I": 100, "st_j aVL": 100}}, old: m{"st_j I": 100, "st_j aVL": 100}},
	{name: "I and II", now: tracingOf{measures: m{"st_j I": 100, "st_j II": 100}}},
	{name: "V4 and V6", now: tracingOf{measures: m{"st_j V4": 100, "st_j V6": 100}}, alarm: true},
	{name: "V4 and V5", now: tracingOf{measures: m{"st_j V4": 100, "st_j V5": 100}}, alarm: true},
	{name: "V4 and V5 below", now: tracingOf{measures: m{"st_j V4": 100, "st_j V5": 99.5}}},
	{name: "V4 and V5, known", now: tracingOf{measures: m{"st_j V4": 100, "st_j V5": 100}}, old: m{"st_j V4": 100, "st_j V5": 100}},
	{name: "V1 and V2", now: tracingOf{measures: m{"st_j V1": 300, "st_j V2": 300}}, alarm: true},
	{name: "V1 and V3", now: tracingOf{measures: m{"st_j V1": 300, "st_j V3": 300}}, alarm: true},
	{name: "V1 and V2 below", now: tracingOf{measures: m{"st_j V1": 300, "st_j V2": 299.5}}},
	{name: "V1 and V2, known", now: tracingOf{measures: m{"st_j V1": 300, "st_j V2": 300}}, old: m{"st_j V1": 300, "st_j V2": 300}},
	{
		name: "V1 and V2, left block", now: tracingOf{findings: all(found(finding.LeftBundle)), measures: m{"st_j V1": 300, "st_j V2": 300}},
		oldFindings: all(found(finding.LeftBundle)),
	},
	{
		name: "V1 and V2, paced", now: tracingOf{findings: all(found(finding.Paced)), measures: m{"st_j V1": 300, "st_j V2": 300}},
		oldFindings: all(found(finding.Paced)),
	},
	{
		name: "V1 and V2, VT", now: tracingOf{findings: all(lasting(found(finding.VentricularT), 5)), measures: m{"st_j V1": 300, "st_j V2": 300}},
		oldFindings: all(lasting(found(finding.VentricularT), 5)),
	},
	{name: "V1 and V2, a run of VT", now: tracingOf{findings: all(lasting(found(finding.VentricularT), 4.5)), measures: m{"st_j V1": 300, "st_j V2": 300}}, alarm: true},
	{
		name: "V1 and V2, VF", now: tracingOf{findings: all(found(finding.VentricularFlutter)), measures: m{"st_j V1": 300, "st_j V2": 300}},
		oldFindings: all(found(finding.VentricularFlutter)),
	},
}

func wrongProvincial(p *Pack) []string {
	q := *p
	q.Rules = slices.Clone(p.Rules)
	for i := range q.Rules {
		if q.Rules[i].ID == "stemi-provincial" {
			q.Rules[i].Disabled = !q.Rules[i].Disabled
		}
	}
	var out []string
	for _, g := range provincial {
		f := FactsOf(g.now.result(), tracing.Patient{}, tracingOf{measures: g.old, findings: g.oldFindings}.result())
		if slices.Contains(ids(q.Evaluate(f)), "stemi-provincial") != g.alarm {
			out = append(out, g.name)
		}
	}
	return out
}

func TestProvincialRule(t *testing.T) {
	for _, w := range wrongProvincial(Default()) {
		t.Error(w)
	}
}

// mutant is one small change of the default pack.
type mutant struct {
	name  string
	apply func(p *Pack)
}

// mutants of the pack: every rule, number, comparison, lead, flag and condition changed once.
func mutants(p *Pack) []mutant {
	var out []mutant
	add := func(name string, apply func(p *Pack)) { out = append(out, mutant{name, apply}) }
	for i := range p.Limits {
		for _, d := range []float64{1, -1} {
			add(fmt.Sprintf("limit %s %+g", p.Limits[i].ID, d), func(p *Pack) { p.Limits[i].Value += d })
		}
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.When == nil {
			continue
		}
		add("drop "+r.ID, func(p *Pack) { p.Rules = slices.Delete(p.Rules, i, i+1) })
		add("turn automatic "+r.ID, func(p *Pack) { p.Rules[i].Auto = !p.Rules[i].Auto })
		add("turn disabled "+r.ID, func(p *Pack) { p.Rules[i].Disabled = !p.Rules[i].Disabled })
		at := func(p *Pack) *Condition { return p.Rules[i].When }
		out = append(out, changed(r.ID, r.When, at)...)
	}
	return out
}

type place func(*Pack) *Condition

func changed(name string, c *Condition, at place) []mutant {
	var out []mutant
	add := func(what string, apply func(c *Condition)) {
		out = append(out, mutant{name + " " + what, func(p *Pack) { apply(at(p)) }})
	}
	for k := range c.All {
		out = append(out, changed(fmt.Sprintf("%s.all[%d]", name, k), &c.All[k], func(p *Pack) *Condition { return &at(p).All[k] })...)
		if len(c.All) > 1 {
			add(fmt.Sprintf("without all[%d]", k), func(c *Condition) { c.All = slices.Delete(c.All, k, k+1) })
		}
	}
	for k := range c.Any {
		out = append(out, changed(fmt.Sprintf("%s.any[%d]", name, k), &c.Any[k], func(p *Pack) *Condition { return &at(p).Any[k] })...)
		if len(c.Any) > 1 {
			add(fmt.Sprintf("without any[%d]", k), func(c *Condition) { c.Any = slices.Delete(c.Any, k, k+1) })
		}
	}
	if c.Not != nil {
		out = append(out, changed(name+".not", c.Not, func(p *Pack) *Condition { return at(p).Not })...)
		add("not dropped", func(c *Condition) { *c = *c.Not })
	}
	if c.Recording != "" {
		add("other recording", func(c *Condition) { c.Recording = map[string]string{"long": "short", "short": "long"}[c.Recording] })
	}
	if c.Finding != "" || c.Measure != "" {
		add("new turned", func(c *Condition) { c.New = !c.New })
		add("one more at least", func(c *Condition) { c.AtLeast = max(1, c.AtLeast) + 1 })
	}
	if c.AtLeast > 1 {
		add("one less at least", func(c *Condition) { c.AtLeast-- })
	}
	for k := range c.Leads {
		add("without lead "+c.Leads[k], func(c *Condition) { c.Leads = slices.Delete(c.Leads, k, k+1) })
	}
	for k, bs := range c.With {
		out = append(out, moved(name+".with."+k, bs, func(p *Pack) Bounds { return at(p).With[k] })...)
		add("without evidence "+k, func(c *Condition) { delete(c.With, k) })
	}
	return append(out, moved(name+".is", c.Is, func(p *Pack) Bounds { return at(p).Is })...)
}

var strict = map[string]string{">=": ">", "<=": "<", ">": ">=", "<": "<="}

func moved(name string, bs Bounds, at func(*Pack) Bounds) []mutant {
	var out []mutant
	for i, b := range bs {
		out = append(out, mutant{name + " " + b.Op + " to " + strict[b.Op], func(p *Pack) { at(p)[i].Op = strict[b.Op] }})
		if b.Limit == "" {
			for _, d := range []float64{1, -1} {
				out = append(out, mutant{fmt.Sprintf("%s %+g", name, d), func(p *Pack) { at(p)[i].Value += d }})
			}
		}
	}
	return out
}

func TestEveryWordOfThePackMatters(t *testing.T) {
	ms := mutants(Default())
	if len(ms) < 200 {
		t.Fatalf("only %d changes", len(ms))
	}
	for _, x := range ms {
		p, err := Parse(DefaultYAML())
		if err != nil {
			t.Fatal(err)
		}
		if x.name == "stemi.all[0].any[1] new turned" { // growth needs two tracings: the one before has none of its own
			continue
		}
		x.apply(p)
		if len(wrong(p)) == 0 && len(wrongProvincial(p)) == 0 {
			t.Errorf("nothing notices: %s", x.name)
		}
	}
}
