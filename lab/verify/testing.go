// The tests of a pack: run whenever it is read, so that a pack that counts is one whose every rule was seen to fire.

package verify

import (
	"maps"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/packfile"
)

// runTests runs the tests, and notes rules that no test fires or leaves quiet.
func (p *Pack) runTests(f *packfile.File) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	for i := range p.Tests {
		t := &p.Tests[i]
		for _, x := range p.failures(t) {
			f.Fault(packfile.At("tests", i), "tests: %s", x)
		}
		fires[t.Rule] = fires[t.Rule] || len(t.Fires) > 0
		quiet[t.Rule] = quiet[t.Rule] || len(t.Quiet) > 0
	}
	tried := func(section string, i int, id string) {
		if !fires[id] || !quiet[id] {
			f.Fault(packfile.At(section, i), "%s %s: want a test that fires and one that does not", section, id)
		}
	}
	for i := range p.Limits {
		tried("limits", i, p.Limits[i].ID)
	}
	for i := range p.Delta {
		tried("delta", i, p.Delta[i].ID)
	}
	for i := range p.Consistency {
		tried("consistency", i, p.Consistency[i].ID)
	}
	for i := range p.Critical {
		tried("critical", i, p.Critical[i].ID)
	}
}

// failures are what a test does not give as it promises.
func (p *Pack) failures(t *Test) []string {
	var out []string
	for _, v := range t.Fires {
		if !p.fires(t, v) {
			out = append(out, t.Rule+" is quiet for "+packfile.Clip(v))
		}
	}
	for _, v := range t.Quiet {
		if p.fires(t, v) {
			out = append(out, t.Rule+" fires for "+packfile.Clip(v))
		}
	}
	for _, v := range t.Auto {
		on := *p
		if on.Autoverification == Off {
			on.Autoverification = Shadow
		}
		if got := on.Judge(p.factsOf(t, v)); !got.Auto {
			out = append(out, t.Of+" "+packfile.Clip(v)+" is held back by "+got.holders())
		}
	}
	return out
}

func (v *Verdict) holders() string {
	out := ""
	for _, s := range v.Steps {
		if s.Outcome == Hold {
			out += " " + s.Rule
		}
	}
	return out
}

// testedAt is a day on which a rule of a test is in force; without a rule, all are that have no end.
func (p *Pack) testedAt(id string) time.Time {
	at := p.From
	later := func(r *Rule) {
		if (r.ID == id || id == "") && r.From.Start().After(at.Start()) {
			at = r.From
		}
	}
	for i := range p.Limits {
		later(&p.Limits[i].Rule)
	}
	for i := range p.Delta {
		later(&p.Delta[i].Rule)
	}
	for i := range p.Consistency {
		later(&p.Consistency[i].Rule)
	}
	for i := range p.Critical {
		later(&p.Critical[i].Rule)
	}
	return at.Start().UTC()
}

// factsOf are the facts of a test with one value, in the unit of the pack.
func (p *Pack) factsOf(t *Test, value string) Facts {
	f := Facts{
		At: p.testedAt(t.Rule), Analyte: t.Of, Value: ValueOf(observation.ParseValue(value)), Unit: p.Units[t.Of], AgeDays: int(t.Age), Sex: t.Sex,
		Pregnant: t.Pregnant, Specimen: t.Specimen, Department: t.Department, Method: t.Method, Laboratory: t.Laboratory, QC: t.QC, HIL: t.HIL,
		InstrumentFlags: t.Instrument,
	}
	if t.Age == 0 && !t.Newborn {
		f.AgeDays = unknownAge
	}
	if t.UnknownAge {
		f.AgeDays = -1
	}
	if f.Sex == "" && !t.UnknownSex {
		f.Sex = "F"
	}
	if f.QC == "" {
		f.QC = QCIn
	}
	if t.Conditioned {
		f.Conditions = []string{"HEM"}
	}
	for _, b := range t.Before {
		f.Previous = append(f.Previous, Previous{
			Value: ValueOf(observation.ParseValue(b.Value)), Unit: f.Unit, At: f.At.Add(-time.Duration(b.Hours) * time.Hour), Method: b.Method, Laboratory: b.Laboratory,
		})
	}
	for _, a := range slices.Sorted(maps.Keys(t.Beside)) {
		f.Beside = append(f.Beside, Beside{Analyte: a, Value: ValueOf(observation.ParseValue(t.Beside[a])), Unit: p.Units[a]})
	}
	return p.Prepare(f, nil)
}

// fires asks one rule, whether it is disabled or not, about one value.
func (p *Pack) fires(t *Test, value string) bool {
	f := p.factsOf(t, value)
	rs := p.rulesOf(t.Of)
	for _, l := range rs.limits {
		if l.ID == t.Rule {
			return l.Who.holds(&f, false) && l.fault(&f) != packfile.Text{}
		}
	}
	for _, d := range rs.delta {
		if d.ID == t.Rule {
			return d.Who.holds(&f, false) && d.judge(&f) == Hold
		}
	}
	for _, c := range rs.consistency {
		if c.ID == t.Rule {
			return c.Who.holds(&f, false) && c.judge(&f) == Hold
		}
	}
	for _, c := range rs.critical {
		if c.ID == t.Rule {
			return c.meets(&f) == yes && !c.known(&f)
		}
	}
	return false
}
