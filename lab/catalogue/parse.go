// Reading a catalogue: strict and checked, with the line of everything that is wrong.

package catalogue

import (
	_ "embed" // the default catalogue
	"regexp"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
)

//go:embed default.yaml
var defaultYAML []byte

// DefaultYAML is the text of the catalogue that the program carries, with comments, as a start for a county's own.
func DefaultYAML() []byte { return slices.Clone(defaultYAML) }

// Default is that catalogue.
var Default = sync.OnceValue(func() *Pack {
	p, err := Parse(defaultYAML)
	if err != nil {
		panic(err) // it is compiled in and tested
	}
	return p
})

// Limits of a catalogue.
const (
	maxAnalytes  = 3000
	maxIntervals = 10_000
	maxWord      = 100 // characters of a name, word or unit
)

// Parse reads a catalogue. Unknown fields, names that lead nowhere, LOINC codes with a wrong check digit, and intervals of which two could count
// for one person are errors; every one of them is reported, joined, with its line.
func Parse(data []byte) (*Pack, error) {
	p := &Pack{digest: packfile.Digest(data)}
	f, err := packfile.Read(data, p)
	if err != nil {
		return nil, err
	}
	c := checker{p: p, f: f}
	c.check()
	if err := f.Err(); err != nil {
		return nil, err
	}
	p.index()
	return p, nil
}

type checker struct {
	p                                          *Pack
	f                                          *packfile.File
	specimens, tubes, groups, analytes, method map[string]bool
}

func set[T any](list []T, key func(*T) string) map[string]bool {
	out := make(map[string]bool, len(list))
	for i := range list {
		out[key(&list[i])] = true
	}
	return out
}

func (c *checker) check() {
	p, f := c.p, c.f
	f.Head(p.ID, p.Version, p.Title, p.Sources)
	if p.From.IsZero() {
		f.Fault(packfile.At("from"), "from: want a day")
	}
	if len(p.Analytes) == 0 || len(p.Analytes) > maxAnalytes || len(p.Intervals) > maxIntervals || len(p.Panels) > maxAnalytes {
		f.Fault(packfile.At("analytes"), "want 1 to %d analytes, at most as many panels and %d intervals", maxAnalytes, maxIntervals)
		return
	}
	c.specimens = set(p.Specimens, func(x *SpecimenType) string { return x.Code })
	c.tubes = set(p.Tubes, func(x *Tube) string { return x.Code })
	c.groups = set(p.Groups, func(x *Group) string { return x.Code })
	c.analytes = set(p.Analytes, func(x *Analyte) string { return x.Code })
	c.method = map[string]bool{}
	c.lists()
	c.eachAnalyte()
	c.methods()
	c.intervals()
	c.stability()
	c.eachPanel()
}

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

func (c *checker) lists() {
	p, f := c.p, c.f
	f.Codes("specimens", len(p.Specimens), func(i int) string { return p.Specimens[i].Code })
	said := map[string]string{}
	for i, s := range p.Specimens {
		f.Text(packfile.At("specimens", i), "name", s.Name)
		c.words(packfile.At("specimens", i), s.Words)
		for _, w := range s.Words {
			if said[w] != "" {
				f.Fault(packfile.At("specimens", i), "words: %q is a word of %s too", packfile.Clip(w), said[w])
			}
			said[w] = s.Code
		}
	}
	f.IDs("tubes", len(p.Tubes), func(i int) string { return p.Tubes[i].Code })
	for i, t := range p.Tubes {
		f.Text(packfile.At("tubes", i), "name", t.Name)
		if !colour.MatchString(t.Colour) {
			f.Fault(packfile.At("tubes", i), "colour: want #rrggbb")
		}
	}
	f.IDs("groups", len(p.Groups), func(i int) string { return p.Groups[i].Code })
	for i, g := range p.Groups {
		f.Text(packfile.At("groups", i), "name", g.Name)
	}
}

func (c *checker) words(path []any, words []string) {
	for _, w := range words {
		if w == "" || utf8.RuneCountInString(w) > maxWord {
			c.f.Fault(path, "words: one is empty or longer than %d characters", maxWord)
		}
	}
}

var (
	itemText    = regexp.MustCompile(`^LAB\.[A-Z0-9]{1,30}$`)
	formulaText = regexp.MustCompile(`^([A-Z][a-z]?[0-9]{0,3}){1,12}$`)
)

func (c *checker) eachAnalyte() {
	p, f := c.p, c.f
	f.Codes("analytes", len(p.Analytes), func(i int) string { return p.Analytes[i].Code })
	for i := range p.Analytes {
		a := &p.Analytes[i]
		path, at := packfile.At("analytes", i), packfile.Clip(a.Code)+": "
		f.Text(path, at+"name", a.Name)
		c.words(path, append([]string{a.Short}, a.Aliases...))
		c.loincs(path, at, append([]string{a.LOINC}, a.LOINCs...))
		c.known(path, at+"specimens", c.specimens, a.Specimens, true)
		c.known(path, at+"group", c.groups, []string{a.Group}, true)
		c.shape(path, at, a)
	}
}

func (c *checker) shape(path []any, at string, a *Analyte) {
	f := c.f
	switch a.Kind {
	case Quantity:
		if a.Unit == "" {
			f.Fault(path, "%sunit: a quantity has one; 1 for a pure number", at)
		}
	case Ordinal, Text, Micro:
	default:
		f.Fault(path, "%skind: want quantity, ordinal, text or micro", at)
	}
	if a.Decimals < 0 || a.Decimals > 6 || len(a.Unit) > maxWord {
		f.Fault(path, "%sdecimals: want 0 to 6, and a unit of at most %d characters", at, maxWord)
	}
	for _, x := range a.Items {
		if !itemText.MatchString(x) {
			f.Fault(path, "%sitems: want codes such as LAB.K", at)
		}
	}
	if a.Formula != "" && !formulaText.MatchString(a.Formula) {
		f.Fault(path, "%sformula: want elements with their numbers, C6H12O6", at)
	}
}

// known checks that names lead somewhere.
func (c *checker) known(path []any, what string, among map[string]bool, names []string, wanted bool) {
	if wanted && len(names) == 0 {
		c.f.Fault(path, "%s: want at least one", what)
	}
	for _, n := range names {
		if !among[n] {
			c.f.Fault(path, "%s: there is no %q", what, packfile.Clip(n))
		}
	}
}

func (c *checker) loincs(path []any, at string, codes []string) {
	seen := map[string]bool{}
	for _, l := range codes {
		if l != "" && (!ValidLOINC(l) || seen[l]) {
			c.f.Fault(path, "%sloinc: %q is no LOINC code, or there twice", at, packfile.Clip(l))
		}
		seen[l] = true
	}
}

var loincText = regexp.MustCompile(`^[1-9][0-9]{0,5}-[0-9]$`)

// ValidLOINC reports a code of the form of LOINC whose check digit is right (modulus 10, double-add-double).
func ValidLOINC(code string) bool {
	if !loincText.MatchString(code) {
		return false
	}
	sum := 0
	for i := len(code) - 3; i >= 0; i-- {
		d := int(code[i] - '0')
		if (len(code)-3-i)%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return int(code[len(code)-1]-'0') == (10-sum%10)%10
}

func (c *checker) methods() {
	p, f := c.p, c.f
	for i := range p.Methods {
		m := &p.Methods[i]
		path := packfile.At("methods", i)
		f.Text(path, "name", m.Name)
		c.words(path, append([]string{m.Code}, m.Words...))
		c.known(path, "of", c.analytes, m.Of, true)
		for _, a := range m.Of {
			if c.method[a+"|"+m.Code] {
				f.Fault(path, "method %s of %s is there twice", packfile.Clip(m.Code), a)
			}
			c.method[a+"|"+m.Code] = true
		}
	}
}

func (c *checker) intervals() {
	p, f := c.p, c.f
	f.IDs("intervals", len(p.Intervals), func(i int) string { return p.Intervals[i].ID })
	of := map[string][]*Interval{}
	for i := range p.Intervals {
		x := &p.Intervals[i]
		path, at := packfile.At("intervals", i), packfile.Clip(x.ID)+": "
		c.known(path, at+"of", c.analytes, []string{x.Of}, true)
		c.known(path, at+"specimens", c.specimens, x.Specimens, false)
		if _, ok := packfile.SourceOf(p.Sources, x.Source); !ok {
			f.Fault(path, "%ssource: no source %q", at, packfile.Clip(x.Source))
		}
		if x.Method != "" && !c.method[x.Of+"|"+x.Method] {
			f.Fault(path, "%smethod: %s has none such", at, packfile.Clip(x.Of))
		}
		if x.Sex != "" && x.Sex != "M" && x.Sex != "F" || x.Pregnant && x.Sex == "M" {
			f.Fault(path, "%ssex: want M or F", at)
		}
		if !x.To.IsZero() && !x.From.Start().Before(x.To.Start()) {
			f.Fault(path, "%sfrom: want a day before to", at)
		}
		c.span(path, at, x)
		for _, y := range of[x.Of] {
			if x.clash(y) {
				f.Fault(path, "%sclashes with %s: both would count for some people", at, y.ID)
			}
		}
		of[x.Of] = append(of[x.Of], x)
	}
}

func (c *checker) span(path []any, at string, x *Interval) {
	low, high := x.Low.Some() || x.Above.Some(), x.High.Some() || x.Below.Some()
	lo, hi := x.Low, x.High
	if x.Above.Some() {
		lo = x.Above
	}
	if x.Below.Some() {
		hi = x.Below
	}
	switch {
	case x.Expect != "":
		if low || high || x.Expect != verify.Negative && x.Expect != verify.Positive {
			c.f.Fault(path, "%sexpect: want negative or positive, and no limits", at)
		}
	case !low && !high:
		c.f.Fault(path, "%swant a limit", at)
	case x.Low.Some() && x.Above.Some() || x.High.Some() && x.Below.Some():
		c.f.Fault(path, "%sa limit is inside or outside, not both", at)
	case low && high && lo.Cmp(hi.Decimal) >= 0:
		c.f.Fault(path, "%sthe lower limit is not below the upper", at)
	}
}

func (c *checker) stability() {
	for i := range c.p.Stability {
		s := &c.p.Stability[i]
		path := packfile.At("stability", i)
		c.known(path, "of", c.analytes, s.Of, true)
		c.known(path, "specimens", c.specimens, s.Specimens, false)
		if _, ok := packfile.SourceOf(c.p.Sources, s.Source); !ok || len(s.Hours) == 0 {
			c.f.Fault(path, "stability: want hours and a source")
		}
		for k, h := range s.Hours {
			if k != Room && k != Fridge && k != Frozen || h < 1 || h > 24*3660 {
				c.f.Fault(path, "hours: want room, fridge or frozen, and 1 to %d", 24*3660)
			}
		}
	}
}

func (c *checker) eachPanel() {
	p, f := c.p, c.f
	f.Codes("panels", len(p.Panels), func(i int) string { return p.Panels[i].Code })
	for i := range p.Panels {
		x := &p.Panels[i]
		path, at := packfile.At("panels", i), packfile.Clip(x.Code)+": "
		f.Text(path, at+"name", x.Name)
		c.loincs(path, at, []string{x.LOINC})
		c.known(path, at+"members", c.analytes, x.Members, true)
		c.known(path, at+"group", c.groups, []string{x.Group}, true)
		c.known(path, at+"specimen", c.specimens, []string{x.Specimen}, true)
		c.known(path, at+"tube", c.tubes, []string{x.Tube}, true)
		if x.VolumeML.Some() && (x.VolumeML.Sign() <= 0 || x.VolumeML.Exponent < -3) {
			f.Fault(path, "%svolume_ml: want more than 0", at)
		}
		for _, m := range x.Members {
			if a := c.find(m); a != nil && !slices.Contains(a.Specimens, x.Specimen) {
				f.Fault(path, "%smember %s is not measured in %s", at, m, packfile.Clip(x.Specimen))
			}
		}
	}
}

func (c *checker) find(code string) *Analyte {
	i := slices.IndexFunc(c.p.Analytes, func(a Analyte) bool { return a.Code == code })
	if i < 0 {
		return nil
	}
	return &c.p.Analytes[i]
}
