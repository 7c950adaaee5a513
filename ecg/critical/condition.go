// Does a condition hold, and by what.

package critical

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// witness is something that made a condition hold.
type witness struct {
	text    Text
	finding *finding.Finding
}

func (p *Pack) holds(c *Condition, f *Facts) (bool, []witness) {
	switch {
	case len(c.All) > 0:
		return p.allHold(c.All, f)
	case len(c.Any) > 0:
		return p.anyHolds(c.Any, f)
	case c.Not != nil:
		ok, _ := p.holds(c.Not, f)
		return !ok, nil
	case c.Finding != "":
		return p.seen(c, f)
	case c.Measure != "":
		return p.measures(c, f)
	case c.Patient != nil:
		return p.person(c.Patient, f), nil
	case c.Recording != "":
		return (c.Recording == "long") == (f.Length >= longRecording), nil
	}
	return false, nil
}

func (p *Pack) allHold(cs []Condition, f *Facts) (bool, []witness) {
	var out []witness
	for i := range cs {
		ok, ws := p.holds(&cs[i], f)
		if !ok {
			return false, nil
		}
		out = append(out, ws...)
	}
	return true, out
}

func (p *Pack) anyHolds(cs []Condition, f *Facts) (bool, []witness) {
	any, out := false, []witness(nil)
	for i := range cs {
		if ok, ws := p.holds(&cs[i], f); ok {
			any, out = true, append(out, ws...)
		}
	}
	return any, out
}

// seen asks for findings of a code whose evidence holds.
func (p *Pack) seen(c *Condition, f *Facts) (bool, []witness) {
	found := p.matching(c, f)
	if c.New && f.Previous != nil {
		old := p.matching(c, f.Previous)
		found = slices.DeleteFunc(found, func(x *finding.Finding) bool { return slices.ContainsFunc(old, sameAs(x)) })
	}
	if len(found) < max(1, c.AtLeast) {
		return false, nil
	}
	out := make([]witness, 0, len(found))
	for _, x := range found {
		out = append(out, witness{p.findingText(c, x, f), x})
		if len(out) == 3 { // enough for a message; the finding list has all of them
			break
		}
	}
	return true, out
}

// sameAs reports a finding at the same leads, wholly or in part; findings without leads are the same whatever their time.
func sameAs(x *finding.Finding) func(*finding.Finding) bool {
	return func(old *finding.Finding) bool {
		if len(x.Leads) == 0 || len(old.Leads) == 0 {
			return true
		}
		return slices.ContainsFunc(x.Leads, func(l tracing.Code) bool { return slices.Contains(old.Leads, l) })
	}
}

func (p *Pack) matching(c *Condition, f *Facts) []*finding.Finding {
	var out []*finding.Finding
	for i := range f.Findings {
		if x := &f.Findings[i]; string(x.Code) == c.Finding && p.evident(c.With, x) {
			out = append(out, x)
		}
	}
	return out
}

func (p *Pack) evident(with map[string]Bounds, x *finding.Finding) bool {
	for name, bounds := range with {
		v, has := x.Evidence[name]
		if !has || !p.hold(bounds, v) {
			return false
		}
	}
	return true
}

// measures asks for a measurement, of single leads in at least so many of them.
func (p *Pack) measures(c *Condition, f *Facts) (bool, []witness) {
	m := measures[c.Measure]
	var out []witness
	for _, lead := range c.places() {
		k := Key{m.code, lead}
		v, has := f.Measures[k]
		if !has || !p.hold(c.Is, v) {
			continue
		}
		if c.New && f.Previous != nil {
			if old, had := f.Previous.Measures[k]; had && p.hold(c.Is, old) {
				continue
			}
		}
		out = append(out, witness{text: p.measureText(c, m, lead, v)})
	}
	if len(out) < max(1, c.AtLeast) {
		return false, nil
	}
	return true, out
}

func (c *Condition) places() []tracing.Code {
	if len(c.Leads) == 0 {
		return []tracing.Code{""}
	}
	out := make([]tracing.Code, len(c.Leads))
	for i, l := range c.Leads {
		out[i] = tracing.LeadNamed(l)
	}
	return out
}

func (p *Pack) person(x *Person, f *Facts) bool {
	if len(x.Age) > 0 && (f.AgeYears <= 0 || !p.hold(x.Age, f.AgeYears)) {
		return false
	}
	return x.Sex == "" || x.Sex == f.Sex
}

func (p *Pack) measureText(c *Condition, m measured, lead tracing.Code, v float64) Text {
	zh, en := m.name.ZH, m.name.EN
	if lead != "" {
		zh, en = lead.Label()+" "+zh, lead.Label()+" "+en
	}
	limit := p.limitText(c.Is)
	return Text{fmt.Sprintf("%s %s %s（%s）", zh, number(v), m.zhUnit, limit), fmt.Sprintf("%s %s %s (%s)", en, number(v), m.unit, limit)}
}

// findingText is "室性心动过速（频率 176 次/分，≥150）".
func (p *Pack) findingText(c *Condition, x *finding.Finding, f *Facts) Text {
	name := findingNames[x.Code]
	zh, en := []string{}, []string{}
	for _, k := range shown(c, x) {
		q, v := evidence[k], number(x.Evidence[k])
		z, e := strings.TrimSpace(q.name.ZH+" "+v+" "+q.zhUnit), strings.TrimSpace(q.name.EN+" "+v+" "+q.unit)
		if limit := p.limitText(c.With[k]); limit != "" {
			z, e = z+" "+limit, e+" "+limit
		}
		zh, en = append(zh, z), append(en, e)
	}
	if len(x.Leads) > 0 {
		var labels []string
		for _, l := range x.Leads {
			labels = append(labels, l.Label())
		}
		zh, en = append(zh, strings.Join(labels, " ")), append(en, strings.Join(labels, " "))
	}
	if c.New {
		z, e := newness(f)
		zh, en = append(zh, z), append(en, e)
	}
	if len(zh) == 0 {
		return name
	}
	return Text{name.ZH + "（" + strings.Join(zh, "，") + "）", name.EN + " (" + strings.Join(en, ", ") + ")"}
}

// shown are the kinds of evidence that the message names: those that were asked for, then a few of the others that are known.
func shown(c *Condition, x *finding.Finding) []string {
	var asked, more []string
	for k := range x.Evidence {
		switch _, known := evidence[k]; {
		case !known || k == "leads" && c.With[k] == nil:
		case c.With[k] != nil:
			asked = append(asked, k)
		default:
			more = append(more, k)
		}
	}
	sort.Strings(asked)
	sort.Strings(more)
	return append(asked, more[:min(len(more), 3)]...)
}

func newness(f *Facts) (zh, en string) {
	if f.Previous == nil {
		return "无前次心电图可比", "no previous ECG"
	}
	return "前次心电图未见", "not in the previous ECG"
}
