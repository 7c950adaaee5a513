// What a pack must be, beyond its YAML.

package critical

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/yamlfile"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

type checker struct {
	pack *Pack
	file *yamlfile.File
	used map[string]bool // limits
}

// fault notes an error at section[i], or at the section for i < 0.
func (c *checker) fault(section string, i int, format string, args ...any) {
	c.file.Fault(yamlfile.At(section, i), format, args...)
}

var (
	idText      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,60}$`)
	limitID     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)
	versionText = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.\-]{0,30}$`)
)

func (c *checker) check() {
	p := c.pack
	if !idText.MatchString(p.ID) {
		c.fault("pack", -1, "pack: want small letters, digits and -")
	}
	if !versionText.MatchString(p.Version) {
		c.fault("version", -1, "version: want letters, digits, . and -")
	}
	c.text("title", -1, "title", p.Title)
	c.sources()
	c.tiers()
	c.limits()
	c.rules()
	c.clocks()
	for i, l := range p.Limits {
		if !c.used[l.ID] {
			c.fault("limits", i, "limit %s: no rule uses it", clip(l.ID))
		}
	}
}

func (c *checker) text(section string, i int, what string, t Text) {
	if t.ZH == "" || t.EN == "" {
		c.fault(section, i, "%s: want both zh and en", what)
	}
	if utf8.RuneCountInString(t.ZH) > maxText || utf8.RuneCountInString(t.EN) > maxText {
		c.fault(section, i, "%s: longer than %d characters", what, maxText)
	}
}

// names checks the ids of a section: present, of the right form, no two alike, not too many.
func (c *checker) names(section string, n int, form *regexp.Regexp, id func(int) string) {
	if n > maxItems {
		c.fault(section, -1, "%s: more than %d", section, maxItems)
	}
	seen := map[string]bool{}
	for i := range n {
		if x := id(i); !form.MatchString(x) || seen[x] {
			c.fault(section, i, "%s: id %q is malformed or there twice", section, clip(x))
		} else {
			seen[x] = true
		}
	}
}

var statuses = []string{"verified", "secondary", "recollection", "local"}

func (c *checker) sources() {
	p := c.pack
	c.names("sources", len(p.Sources), idText, func(i int) string { return p.Sources[i].ID })
	for i, s := range p.Sources {
		c.text("sources", i, "text", s.Text)
		if !slices.Contains(statuses, s.Status) {
			c.fault("sources", i, "status: want one of %v", statuses)
		}
	}
}

func (c *checker) tiers() {
	p := c.pack
	c.names("tiers", len(p.Tiers), idText, func(i int) string { return p.Tiers[i].ID })
	for i, t := range p.Tiers {
		c.text("tiers", i, "name", t.Name)
		if t.RespondMinutes < 1 || t.RespondMinutes > 24*60 {
			c.fault("tiers", i, "respond_min: want 1 to %d", 24*60)
		}
	}
}

func (c *checker) limits() {
	p := c.pack
	c.names("limits", len(p.Limits), limitID, func(i int) string { return p.Limits[i].ID })
	for i, l := range p.Limits {
		c.text("limits", i, "name", l.Name)
		fair := !math.IsNaN(l.Value) && math.Abs(l.Min) <= 1e6 && math.Abs(l.Max) <= 1e6
		if !fair || l.Min >= l.Max || l.Value < l.Min || l.Value > l.Max {
			c.fault("limits", i, "limit %s: want min < max and value between them", clip(l.ID))
		}
		if l.Unit == "" || len(l.Unit) > 20 {
			c.fault("limits", i, "limit %s: want a unit", clip(l.ID))
		}
	}
}

func (c *checker) rules() {
	p := c.pack
	if len(p.Rules) == 0 {
		c.fault("rules", -1, "rules: there are none")
	}
	c.names("rules", len(p.Rules), idText, func(i int) string { return p.Rules[i].ID })
	for i := range p.Rules {
		c.rule(i, &p.Rules[i])
	}
}

func (c *checker) rule(i int, r *Rule) {
	at := "rule " + clip(r.ID) + ": "
	c.text("rules", i, at+"name", r.Name)
	c.text("rules", i, at+"advice", r.Advice)
	if !versionText.MatchString(r.Version) {
		c.fault("rules", i, "%sversion: want letters, digits, . and -", at)
	}
	if r.From.IsZero() || !r.To.IsZero() && !r.From.start().Before(r.To.start()) {
		c.fault("rules", i, "%sfrom: want a day, before to", at)
	}
	if c.pack.urgency(r.Tier) < 0 {
		c.fault("rules", i, "%stier: no tier %q", at, clip(r.Tier))
	}
	if c.pack.source(r.Source) == (Text{}) {
		c.fault("rules", i, "%ssource: no source %q", at, clip(r.Source))
	}
	if r.Auto && r.When == nil {
		c.fault("rules", i, "%swhen: an automatic rule needs a condition", at)
	}
	if r.When != nil {
		c.condition(i, at+"when", r.When, 0)
	}
}

// kinds counts which of the forms of a condition is there.
func (x *Condition) kinds() int {
	n := 0
	for _, there := range []bool{
		x.All != nil, x.Any != nil, x.Not != nil, x.Finding != "", x.Measure != "", x.Patient != nil, x.Recording != "",
	} {
		if there {
			n++
		}
	}
	return n
}

func (c *checker) condition(i int, at string, x *Condition, depth int) {
	switch {
	case depth > 8:
		c.fault("rules", i, "%s: too deep", at)
		return
	case x.kinds() != 1:
		c.fault("rules", i, "%s: want exactly one of all, any, not, finding, measure, patient, recording", at)
		return
	case x.All != nil || x.Any != nil:
		c.list(i, at, x, depth)
	case x.Not != nil:
		c.condition(i, at+".not", x.Not, depth+1)
	case x.Finding != "":
		c.finding(i, at, x)
	case x.Measure != "":
		c.measure(i, at, x)
	case x.Patient != nil:
		c.person(i, at, x.Patient)
	case x.Recording != "long" && x.Recording != "short":
		c.fault("rules", i, "%s: recording: want long or short", at)
	}
	c.misplaced(i, at, x)
}

func (c *checker) list(i int, at string, x *Condition, depth int) {
	name, list := ".all", x.All
	if x.Any != nil {
		name, list = ".any", x.Any
	}
	if len(list) == 0 || len(list) > 40 {
		c.fault("rules", i, "%s%s: want 1 to 40 conditions", at, name)
	}
	for k := range list {
		c.condition(i, fmt.Sprintf("%s%s[%d]", at, name, k), &list[k], depth+1)
	}
}

// misplaced are fields that mean nothing beside the others.
func (c *checker) misplaced(i int, at string, x *Condition) {
	leaf := x.Finding != "" || x.Measure != ""
	switch {
	case x.With != nil && x.Finding == "":
		c.fault("rules", i, "%s: with belongs to a finding", at)
	case (x.Is != nil || x.Leads != nil) && x.Measure == "":
		c.fault("rules", i, "%s: is and leads belong to a measure", at)
	case (x.New || x.AtLeast != 0) && !leaf:
		c.fault("rules", i, "%s: new and at_least belong to a finding or a measure", at)
	case x.AtLeast < 0 || x.AtLeast > 1000:
		c.fault("rules", i, "%s: at_least: want 1 to 1000", at)
	}
}

func (c *checker) finding(i int, at string, x *Condition) {
	if _, ok := findingNames[finding.Code(x.Finding)]; !ok {
		c.fault("rules", i, "%s: no finding %q", at, clip(x.Finding))
	}
	if x.With != nil && len(x.With) == 0 {
		c.fault("rules", i, "%s: with is empty", at)
	}
	for k, b := range x.With {
		if _, ok := evidence[k]; !ok {
			c.fault("rules", i, "%s: no evidence %q", at, clip(k))
		}
		c.bounds(i, at+".with."+clip(k), b)
	}
}

func (c *checker) measure(i int, at string, x *Condition) {
	m, ok := measures[x.Measure]
	if !ok {
		c.fault("rules", i, "%s: no measure %q", at, clip(x.Measure))
		return
	}
	if m.perLead != (len(x.Leads) > 0) || len(x.Leads) > 24 {
		c.fault("rules", i, "%s: leads: %s is of single leads: %v", at, x.Measure, m.perLead)
	}
	seen := map[tracing.Code]bool{}
	for _, l := range x.Leads {
		code := tracing.LeadNamed(l)
		if code == "" || seen[code] {
			c.fault("rules", i, "%s: leads: %q is no lead or there twice", at, clip(l))
		}
		seen[code] = true
	}
	if x.AtLeast > max(1, len(x.Leads)) {
		c.fault("rules", i, "%s: at_least: more than there are leads", at)
	}
	c.bounds(i, at+".is", x.Is)
}

func (c *checker) person(i int, at string, x *Person) {
	if x.Sex != "" && x.Sex != "M" && x.Sex != "F" || x.Sex == "" && len(x.Age) == 0 {
		c.fault("rules", i, "%s: patient: want age, or sex M or F", at)
	}
	if len(x.Age) > 0 {
		c.bounds(i, at+".patient.age", x.Age)
	}
}

func (c *checker) bounds(i int, at string, bs Bounds) {
	if len(bs) == 0 {
		c.fault("rules", i, "%s: want a comparison", at)
	}
	for _, b := range bs {
		if b.Limit == "" {
			continue
		}
		c.used[b.Limit] = true
		if !slices.ContainsFunc(c.pack.Limits, func(l Limit) bool { return l.ID == b.Limit }) {
			c.fault("rules", i, "%s: no limit $%s", at, b.Limit)
		}
	}
}

func (c *checker) clocks() {
	p := c.pack
	c.names("clocks", len(p.Clocks), idText, func(i int) string { return p.Clocks[i].ID })
	for i, k := range p.Clocks {
		c.text("clocks", i, "name", k.Name)
		if moments[k.From] == nil || moments[k.To] == nil || k.From == k.To {
			c.fault("clocks", i, "clock %s: from and to: want two moments", clip(k.ID))
		}
		if k.Minutes < 1 || k.Minutes > 24*60 {
			c.fault("clocks", i, "clock %s: target_min: want 1 to %d", clip(k.ID), 24*60)
		}
		if p.source(k.Source) == (Text{}) {
			c.fault("clocks", i, "clock %s: source: no source %q", clip(k.ID), clip(k.Source))
		}
	}
}
