// A catalogue as written in YAML.

package catalogue

import (
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/store"
)

// Pack is the catalogue of a county. It is not changed after Parse and may be used by several goroutines.
type Pack struct {
	ID        string            `yaml:"pack" json:"pack"`
	Version   string            `yaml:"version" json:"version"`
	From      packfile.Day      `yaml:"from" json:"from"` // it counts from this day on
	Title     packfile.Text     `yaml:"title" json:"title"`
	Notice    string            `yaml:"notice" json:"notice"`
	Sources   []packfile.Source `yaml:"sources" json:"sources"`
	Specimens []SpecimenType    `yaml:"specimens" json:"specimens"`
	Tubes     []Tube            `yaml:"tubes" json:"tubes"`
	Groups    []Group           `yaml:"groups" json:"groups"`
	Analytes  []Analyte         `yaml:"analytes" json:"analytes"`
	Methods   []Method          `yaml:"methods" json:"methods"`
	Intervals []Interval        `yaml:"intervals" json:"intervals"`
	Stability []Stability       `yaml:"stability" json:"stability"`
	Panels    []Panel           `yaml:"panels" json:"panels"`

	digest    string
	byCode    map[string]*Analyte
	byLOINC   map[string][]*Analyte
	panels    map[string]*Panel
	intervals map[string][]*Interval
	specimens map[string]string // code and words, folded, to code
}

// SpecimenType is a kind of specimen with the words that senders use for it (HL7 tables 0070 and 0487, Chinese).
type SpecimenType struct {
	Code  string        `yaml:"code" json:"code"`
	Name  packfile.Text `yaml:"name" json:"name"`
	Words []string      `yaml:"words" json:"words"`
}

// Tube is a container.
type Tube struct {
	Code   string        `yaml:"code" json:"code"`
	Name   packfile.Text `yaml:"name" json:"name"`
	Colour string        `yaml:"colour" json:"colour"` // #rrggbb of the cap
}

// Group is a heading under which analytes are shown, in the order of the pack.
type Group struct {
	Code string        `yaml:"code" json:"code"`
	Name packfile.Text `yaml:"name" json:"name"`
}

// Kind is what results of an analyte look like.
type Kind string

// The kinds.
const (
	Quantity Kind = "quantity"
	Ordinal  Kind = "ordinal" // negative, positive, 1+
	Text     Kind = "text"
	Micro    Kind = "micro" // a culture: organisms and susceptibilities
)

// Analyte is one thing that is measured.
type Analyte struct {
	Code      string        `yaml:"code" json:"code"`
	Name      packfile.Text `yaml:"name" json:"name"`
	Short     string        `yaml:"short" json:"short"`
	Aliases   []string      `yaml:"aka" json:"aka,omitempty"`
	LOINC     string        `yaml:"loinc" json:"loinc,omitempty"`   // empty where we are not sure of one
	LOINCs    []string      `yaml:"loincs" json:"loincs,omitempty"` // that mean the same, in another unit or by another method
	Specimens []string      `yaml:"specimens" json:"specimens"`
	Unit      string        `yaml:"unit" json:"unit"`         // UCUM; empty for what has none
	Decimals  int           `yaml:"decimals" json:"decimals"` // for display of what we compute ourselves; results keep theirs
	Kind      Kind          `yaml:"kind" json:"kind"`
	Group     string        `yaml:"group" json:"group"`
	Items     []string      `yaml:"items" json:"items,omitempty"`     // of recognition, the most specific first: LAB.K, LAB.ELECTROLYTES
	Formula   string        `yaml:"formula" json:"formula,omitempty"` // of the molecule that molar units count: C6H12O6

	key string // folded names and pinyin, for a search
}

// Method is a comparability group: results of an analyte by methods of different groups are not one series.
type Method struct {
	Code  string        `yaml:"code" json:"code"`
	Of    []string      `yaml:"of" json:"of"`
	Name  packfile.Text `yaml:"name" json:"name"`
	Words []string      `yaml:"words" json:"words"` // of OBX-17 and of devices
}

// Storage is how a specimen is kept.
type Storage string

// The ways of keeping.
const (
	Room   Storage = "room"   // 15 to 25 °C
	Fridge Storage = "fridge" // 2 to 8 °C
	Frozen Storage = "frozen" // -20 °C or less
)

// Stability is how long a specimen is good for analytes.
type Stability struct {
	Of        []string        `yaml:"of" json:"of"`
	Specimens []string        `yaml:"specimens" json:"specimens"`
	Hours     map[Storage]int `yaml:"hours" json:"hours"`
	Source    string          `yaml:"source" json:"source"`
}

// Panel is a service that can be ordered.
type Panel struct {
	Code     string           `yaml:"code" json:"code"`
	Name     packfile.Text    `yaml:"name" json:"name"`
	LOINC    string           `yaml:"loinc" json:"loinc,omitempty"`
	Group    string           `yaml:"group" json:"group"`
	Members  []string         `yaml:"members" json:"members"`
	Specimen string           `yaml:"specimen" json:"specimen"`
	Tube     string           `yaml:"tube" json:"tube"`
	VolumeML packfile.Decimal `yaml:"volume_ml" json:"volume_ml"`
	Fasting  bool             `yaml:"fasting" json:"fasting,omitempty"`

	key string
}

// Digest is the SHA-256 of the text that the pack was read from.
func (p *Pack) Digest() string { return p.digest }

// Analyte finds an analyte by its code.
func (p *Pack) Analyte(code string) (Analyte, bool) {
	if a := p.byCode[code]; a != nil {
		return *a, true
	}
	return Analyte{}, false
}

// ByLOINC finds the analytes that a LOINC code may mean.
func (p *Pack) ByLOINC(loinc string) []Analyte {
	var out []Analyte
	for _, a := range p.byLOINC[loinc] {
		out = append(out, *a)
	}
	return out
}

// Panel finds a panel by its code.
func (p *Pack) Panel(code string) (Panel, bool) {
	if x := p.panels[code]; x != nil {
		return *x, true
	}
	return Panel{}, false
}

// Specimen is the code of a specimen type that a sender names by code or word; empty for one that is not known.
func (p *Pack) Specimen(words ...string) string {
	for _, w := range words {
		if c := p.specimens[store.Fold(strings.TrimSpace(w))]; c != "" && w != "" {
			return c
		}
	}
	return ""
}

// Method is the comparability group of an analyte that any of the words names; empty if none does.
func (p *Pack) Method(analyte string, words ...string) string {
	for i := range p.Methods {
		m := &p.Methods[i]
		if !slices.Contains(m.Of, analyte) {
			continue
		}
		for _, w := range words {
			if w == "" {
				continue
			}
			if strings.EqualFold(w, m.Code) || slices.ContainsFunc(m.Words, func(x string) bool { return store.Fold(x) == store.Fold(strings.TrimSpace(w)) }) {
				return m.Code
			}
		}
	}
	return ""
}

// StableFor is how long a specimen is good for an analyte; false where the pack says nothing.
func (p *Pack) StableFor(analyte, specimen string, how Storage) (time.Duration, bool) {
	for i := range p.Stability {
		s := &p.Stability[i]
		if slices.Contains(s.Of, analyte) && (len(s.Specimens) == 0 || slices.Contains(s.Specimens, specimen)) {
			h, ok := s.Hours[how]
			return time.Duration(h) * time.Hour, ok
		}
	}
	return 0, false
}

func (p *Pack) index() {
	p.byCode, p.byLOINC, p.panels = map[string]*Analyte{}, map[string][]*Analyte{}, map[string]*Panel{}
	p.intervals, p.specimens = map[string][]*Interval{}, map[string]string{}
	for i := range p.Analytes {
		a := &p.Analytes[i]
		p.byCode[a.Code] = a
		for _, l := range append([]string{a.LOINC}, a.LOINCs...) {
			if l != "" {
				p.byLOINC[l] = append(p.byLOINC[l], a)
			}
		}
		a.key = searchKey(append([]string{a.Code, a.Short, a.LOINC, a.Name.EN, a.Name.ZH}, a.Aliases...))
	}
	for i := range p.Panels {
		x := &p.Panels[i]
		p.panels[x.Code] = x
		x.key = searchKey([]string{x.Code, x.LOINC, x.Name.EN, x.Name.ZH})
	}
	for i := range p.Intervals {
		x := &p.Intervals[i]
		p.intervals[x.Of] = append(p.intervals[x.Of], x)
	}
	for _, s := range p.Specimens {
		for _, w := range append([]string{s.Code, s.Name.ZH, s.Name.EN}, s.Words...) {
			p.specimens[store.Fold(w)] = s.Code
		}
	}
}
