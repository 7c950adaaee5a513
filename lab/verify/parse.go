// Reading a pack of rules: strict, checked, and tried on its own tests.

package verify

import (
	_ "embed" // the default pack
	"regexp"
	"slices"
	"sync"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

//go:embed default.yaml
var defaultYAML []byte

// DefaultYAML is the text of the pack that the program carries, with comments, as a start for a county's own.
func DefaultYAML() []byte { return slices.Clone(defaultYAML) }

// Default is that pack.
var Default = sync.OnceValue(func() *Pack {
	p, err := Parse(defaultYAML)
	if err != nil {
		panic(err) // it is compiled in and tested
	}
	return p
})

// Parse reads a pack. Unknown fields, words that are not in the vocabulary, rules without a test that fires and one that does not, and tests that
// do not give what they promise are errors; every one of them is reported, joined, with its line.
func Parse(data []byte) (*Pack, error) {
	p, f, err := read(data)
	if err != nil {
		return nil, err
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	p.runTests(f)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// read is Parse without the tests.
func read(data []byte) (*Pack, *packfile.File, error) {
	p := &Pack{digest: packfile.Digest(data)}
	f, err := packfile.Read(data, p)
	if err != nil {
		return nil, nil, err
	}
	c := checker{p: p, f: f, spoken: map[string]bool{}, ids: map[string]bool{}}
	c.check()
	p.index()
	return p, f, nil
}

type checker struct {
	p      *Pack
	f      *packfile.File
	spoken map[string]bool // analytes that a rule speaks of
	ids    map[string]bool
}

const maxRules = 500

func (c *checker) check() {
	p, f := c.p, c.f
	f.Head(p.ID, p.Version, p.Title, p.Sources)
	if p.From.IsZero() {
		f.Fault(packfile.At("from"), "from: want a day")
	}
	if p.Autoverification != Off && p.Autoverification != Shadow && p.Autoverification != On {
		f.Fault(packfile.At("autoverification"), "autoverification: want off, shadow or on")
	}
	for i, q := range p.QCAccept {
		if q != QCIn && q != QCWarning && q != QCNone {
			f.Fault(packfile.At("qc_accept", i), "qc_accept: want in, warning or none")
		}
	}
	if n := len(p.Limits) + len(p.Delta) + len(p.Consistency) + len(p.Critical); n == 0 || n > maxRules*4 || len(p.Tests) > maxRules*8 {
		f.Fault(packfile.At("pack"), "rules: want 1 to %d, with at most %d tests", maxRules*4, maxRules*8)
	}
	c.limits()
	c.delta()
	c.consistency()
	c.critical()
	c.units()
	c.tests()
}

func (c *checker) units() {
	for a, u := range c.p.Units {
		path := packfile.At("units", a)
		switch {
		case !packfile.IsCode(a):
			c.f.Fault(path, "units: %q is no code of an analyte", packfile.Clip(a))
		case len(u) > 30:
			c.f.Fault(path, "units: %s: want a unit, 1 for none", a)
		case !c.spoken[a]:
			c.f.Fault(path, "units: no rule speaks of %s", a)
		}
	}
}

var sexes = []string{"", "M", "F"}

var ruleID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,60}$`)

// rule checks what all rules have.
func (c *checker) rule(section string, i int, r *Rule) {
	path, at := packfile.At(section, i), section+" "+packfile.Clip(r.ID)+": "
	f := c.f
	if !ruleID.MatchString(r.ID) || c.ids[r.ID] || len(r.ID) > 5 && r.ID[:5] == "gate-" {
		f.Fault(path, "%sid: malformed, reserved or there twice", at)
	}
	c.ids[r.ID] = true
	f.Version(path, at, r.Version)
	f.Days(path, at, r.From, r.To)
	if _, ok := packfile.SourceOf(c.p.Sources, r.Source); !ok {
		f.Fault(path, "%ssource: no source %q", at, packfile.Clip(r.Source))
	}
	if !slices.Contains(sexes, r.Who.Sex) || r.Who.Pregnant != "" && r.Who.Pregnant != "yes" && r.Who.Pregnant != "no" {
		f.Fault(path, "%swho: want sex M or F, pregnant yes or no", at)
	}
	if slices.Contains(r.Who.Departments, "") || slices.Contains(r.Who.NotDepartments, "") {
		f.Fault(path, "%swho: an empty word is in every department", at)
	}
	if len(r.Of) == 0 && section != "consistency" || len(r.Of) > 100 {
		f.Fault(path, "%sof: want analytes", at)
	}
	c.speaks(path, at, r.Of)
}

func (c *checker) speaks(path []any, at string, analytes []string) {
	seen := map[string]bool{}
	for _, a := range analytes {
		if _, ok := c.p.Units[a]; !ok || seen[a] {
			c.f.Fault(path, "%s%q has no unit in this pack, or is there twice", at, packfile.Clip(a))
		}
		seen[a], c.spoken[a] = true, true
	}
}

func (c *checker) says(path []any, at string, is Bounds, says []string) {
	if (len(is) == 0) == (len(says) == 0) {
		c.f.Fault(path, "%swant either comparisons or words", at)
	}
	for _, w := range says {
		if w != Negative && w != Borderline && w != Positive && w != Organism {
			c.f.Fault(path, "%ssays: want negative, borderline, positive or organism", at)
		}
	}
}

func (c *checker) limits() {
	for i := range c.p.Limits {
		l := &c.p.Limits[i]
		c.rule("limits", i, &l.Rule)
		c.says(packfile.At("limits", i), "limits "+packfile.Clip(l.ID)+": ", l.Within, l.Says)
	}
}

func (c *checker) delta() {
	for i := range c.p.Delta {
		d := &c.p.Delta[i]
		path, at := packfile.At("delta", i), "delta "+packfile.Clip(d.ID)+": "
		c.rule("delta", i, &d.Rule)
		if d.Change != Absolute && d.Change != Percent && d.Change != AbsolutePerDay && d.Change != PercentPerDay {
			c.f.Fault(path, "%schange: want absolute, percent, absolute_per_day or percent_per_day", at)
		}
		if len(d.Expect) == 0 {
			c.f.Fault(path, "%sexpect: want a comparison", at)
		}
		if d.Days < 1 || d.Days > 3660 {
			c.f.Fault(path, "%sdays: want 1 to 3660", at)
		}
	}
}

func (c *checker) consistency() {
	for i := range c.p.Consistency {
		x := &c.p.Consistency[i]
		path, at := packfile.At("consistency", i), "consistency "+packfile.Clip(x.ID)+": "
		c.rule("consistency", i, &x.Rule)
		c.f.Text(path, at+"name", x.Name)
		if len(x.Of) > 0 || x.Expect.text == "" {
			c.f.Fault(path, "%sexpect: want an expression, and no of: it names its analytes", at)
		}
		c.speaks(path, at, x.Expect.Analytes())
	}
}

func (c *checker) critical() {
	for i := range c.p.Critical {
		x := &c.p.Critical[i]
		path, at := packfile.At("critical", i), "critical "+packfile.Clip(x.ID)+": "
		c.rule("critical", i, &x.Rule)
		c.f.Text(path, at+"name", x.Name)
		c.says(path, at, x.Is, x.Says)
		if x.RespondMinutes < 1 || x.RespondMinutes > 24*60 {
			c.f.Fault(path, "%srespond_min: want 1 to %d", at, 24*60)
		}
		last := 0
		for _, m := range x.Escalate {
			if m <= last || m > 24*60 {
				c.f.Fault(path, "%sescalate_min: want growing minutes up to %d", at, 24*60)
			}
			last = m
		}
		if r := x.Repeat; r != nil && (r.Hours < 1 || r.Hours > 24*366 || r.AgainPercent.Some() && (r.AgainPercent.Sign() <= 0 || x.Is.side() == "")) {
			c.f.Fault(path, "%srepeat: want hours, and a percentage above zero of a rule with one side", at)
		}
	}
}

func (c *checker) tests() {
	for i := range c.p.Tests {
		t := &c.p.Tests[i]
		path := packfile.At("tests", i)
		if t.Rule != "" && !c.ids[t.Rule] || t.Rule == "" && len(t.Auto) == 0 {
			c.f.Fault(path, "tests: no rule %q", packfile.Clip(t.Rule))
		}
		if _, ok := c.p.Units[t.Of]; !ok {
			c.f.Fault(path, "tests: no analyte %q", packfile.Clip(t.Of))
		}
		if len(t.Fires)+len(t.Quiet)+len(t.Auto) == 0 {
			c.f.Fault(path, "tests: want values that fire, are quiet or auto")
		}
	}
}
