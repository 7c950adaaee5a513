// A pack of rules as written in YAML.

package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

// Mode says what autoverification may do.
type Mode string

// The modes. WS/T 616-2018 wants rules validated before they release anything: a pack begins with shadow.
const (
	Off    Mode = "off"    // not judged
	Shadow Mode = "shadow" // judged and kept, a person releases
	On     Mode = "on"     // what passes is released
)

// Pack is one set of rules. It is not changed after Parse and may be used by several goroutines.
type Pack struct {
	ID               string            `yaml:"pack" json:"pack"`
	Version          string            `yaml:"version" json:"version"`
	From             packfile.Day      `yaml:"from" json:"from"` // it counts from this day on
	Title            packfile.Text     `yaml:"title" json:"title"`
	Sources          []packfile.Source `yaml:"sources" json:"sources"`
	Autoverification Mode              `yaml:"autoverification" json:"autoverification"`
	QCAccept         []QC              `yaml:"qc_accept" json:"qc_accept"`       // states in which a result may be released without a person
	IgnoreFlags      []string          `yaml:"ignore_flags" json:"ignore_flags"` // of analysers, that say nothing of the measurement
	Units            map[string]string `yaml:"units" json:"units"`               // by analyte: in which all rules speak of it
	Limits           []Limit           `yaml:"limits" json:"limits"`
	Delta            []Delta           `yaml:"delta" json:"delta"`
	Consistency      []Consistency     `yaml:"consistency" json:"consistency"`
	Critical         []Critical        `yaml:"critical" json:"critical"`
	Tests            []Test            `yaml:"tests" json:"tests"`

	digest string
	of     map[string]*rules // by analyte
}

// Digest is the SHA-256 of the text that the pack was read from.
func (p *Pack) Digest() string { return p.digest }

// Analytes are the codes that the pack speaks of, in order.
func (p *Pack) Analytes() []string {
	out := make([]string, 0, len(p.Units))
	for a := range p.Units {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// Rule is what all rules begin with.
type Rule struct {
	ID            string       `yaml:"id" json:"id"`
	Version       string       `yaml:"version" json:"version"`
	From          packfile.Day `yaml:"from" json:"from"`
	To            packfile.Day `yaml:"to" json:"to,omitzero"` // the first day on which it is no longer in force
	Disabled      bool         `yaml:"disabled" json:"disabled,omitempty"`
	Of            []string     `yaml:"of" json:"of,omitempty"` // analytes
	Who           Who          `yaml:"who" json:"who,omitzero"`
	Source        string       `yaml:"source" json:"source"`
	ToBeConfirmed bool         `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

func (r *Rule) inForce(at time.Time) bool { return !r.Disabled && packfile.InForce(r.From, r.To, at) }

// Who says for whom a rule is.
type Who struct {
	Ages           packfile.Ages `yaml:"age" json:"age,omitzero"`
	Sex            string        `yaml:"sex" json:"sex,omitempty"`           // M or F
	Pregnant       string        `yaml:"pregnant" json:"pregnant,omitempty"` // yes or no
	Specimens      []string      `yaml:"specimens" json:"specimens,omitempty"`
	Departments    []string      `yaml:"departments" json:"departments,omitempty"`         // words, one of which is in the name of the department
	NotDepartments []string      `yaml:"not_departments" json:"not_departments,omitempty"` // none of which is
}

// unknownAge is how old a person of unknown age is for critical values: an adult.
const unknownAge = 40 * 36525 / 100

// holds reports whether a rule is for whom the facts are of. With cautious, an unknown age is an adult's and an unknown sex is both.
func (w *Who) holds(f *Facts, cautious bool) bool {
	days := f.AgeDays
	if cautious && days < 0 {
		days = unknownAge
	}
	sexed := w.Sex == "" || w.Sex == f.Sex || cautious && f.Sex != "M" && f.Sex != "F"
	pregnant := w.Pregnant == "" || (w.Pregnant == "yes") == f.Pregnant
	specimen := len(w.Specimens) == 0 || slices.Contains(w.Specimens, f.Specimen) || cautious && f.Specimen == ""
	in := func(words []string) bool {
		return slices.ContainsFunc(words, func(x string) bool { return strings.Contains(f.Department, x) })
	}
	return w.Ages.Hold(days) && sexed && pregnant && specimen && (len(w.Departments) == 0 || in(w.Departments)) && !in(w.NotDepartments)
}

// Limit is the span inside which a result may be released without a person.
type Limit struct {
	Rule        `yaml:",inline"`
	Within      Bounds   `yaml:"within" json:"within,omitempty"`
	Says        []string `yaml:"says" json:"says,omitempty"` // of a qualitative analyte: negative ...
	HIL         HIL      `yaml:"hil" json:"hil"`             // indices must be below
	HILRequired bool     `yaml:"hil_required" json:"hil_required,omitempty"`
}

// Change is how a difference is measured.
type Change string

// The changes. Per day is the change divided by the days in between, of which a part counts as such.
const (
	Absolute       Change = "absolute"
	Percent        Change = "percent"
	AbsolutePerDay Change = "absolute_per_day"
	PercentPerDay  Change = "percent_per_day"
)

// Delta is what a change since the last result must be.
type Delta struct {
	Rule           `yaml:",inline"`
	Change         Change `yaml:"change" json:"change"`
	Expect         Bounds `yaml:"expect" json:"expect"`
	Days           int    `yaml:"days" json:"days"`                                 // how old the last result may be
	AnyMethod      bool   `yaml:"any_method" json:"any_method,omitempty"`           // compare across comparability groups
	SameLaboratory bool   `yaml:"same_laboratory" json:"same_laboratory,omitempty"` // only results of the same laboratory
}

// Consistency is what analytes of one specimen must be beside each other. Of is that of the expression.
type Consistency struct {
	Rule   `yaml:",inline"`
	Name   packfile.Text `yaml:"name" json:"name"`
	Expect Expression    `yaml:"expect" json:"expect"`
}

// Critical is one critical value.
type Critical struct {
	Rule           `yaml:",inline"`
	Name           packfile.Text `yaml:"name" json:"name"`
	Is             Bounds        `yaml:"is" json:"is,omitempty"`
	Says           []string      `yaml:"says" json:"says,omitempty"`
	Repeat         *Repeat       `yaml:"repeat" json:"repeat,omitempty"` // nil: every result raises an alarm
	RespondMinutes int           `yaml:"respond_min" json:"respond_min"`
	Escalate       []int         `yaml:"escalate_min" json:"escalate_min"` // a further person is told so many minutes after the alarm
	Advice         packfile.Text `yaml:"advice" json:"advice,omitzero"`
}

// Repeat says when a critical value that is known already raises an alarm again.
type Repeat struct {
	Hours        int              `yaml:"hours" json:"hours"`                 // known: a result of so many hours before met the rule
	AgainPercent packfile.Decimal `yaml:"again_percent" json:"again_percent"` // worse by so much of it; none: never
}

// Test is a set of values that a rule must fire for, values that it must not, and values that may be released without a person.
type Test struct {
	Rule        string            `yaml:"rule" json:"rule"`
	Of          string            `yaml:"of" json:"of"`
	Fires       []string          `yaml:"fires" json:"fires,omitempty"` // of limits, delta, consistency: it holds the result back
	Quiet       []string          `yaml:"quiet" json:"quiet,omitempty"`
	Auto        []string          `yaml:"auto" json:"auto,omitempty"`
	Age         packfile.Age      `yaml:"age" json:"age,omitempty"` // zero: an adult of 40 years
	Newborn     bool              `yaml:"newborn" json:"newborn,omitempty"`
	Sex         string            `yaml:"sex" json:"sex,omitempty"` // empty: F
	Pregnant    bool              `yaml:"pregnant" json:"pregnant,omitempty"`
	Specimen    string            `yaml:"specimen" json:"specimen,omitempty"`
	Department  string            `yaml:"department" json:"department,omitempty"`
	Method      string            `yaml:"method" json:"method,omitempty"`
	Laboratory  string            `yaml:"laboratory" json:"laboratory,omitempty"`
	Before      []TestBefore      `yaml:"before" json:"before,omitempty"`
	Beside      map[string]string `yaml:"beside" json:"beside,omitempty"`
	HIL         HIL               `yaml:"hil" json:"hil"`
	Instrument  []string          `yaml:"instrument" json:"instrument,omitempty"`
	QC          QC                `yaml:"qc" json:"qc,omitempty"` // empty: in
	UnknownAge  bool              `yaml:"unknown_age" json:"unknown_age,omitempty"`
	UnknownSex  bool              `yaml:"unknown_sex" json:"unknown_sex,omitempty"`
	Conditioned bool              `yaml:"conditioned" json:"conditioned,omitempty"` // the specimen is marked as haemolysed
}

// TestBefore is an earlier result of a test.
type TestBefore struct {
	Value      string `yaml:"value" json:"value"`
	Hours      int    `yaml:"hours" json:"hours"`
	Method     string `yaml:"method" json:"method,omitempty"`
	Laboratory string `yaml:"laboratory" json:"laboratory,omitempty"`
}

// rules of one analyte, in the order of the pack.
type rules struct {
	limits      []*Limit
	delta       []*Delta
	consistency []*Consistency
	critical    []*Critical
}

func (p *Pack) index() {
	p.of = map[string]*rules{}
	at := func(code string) *rules {
		if p.of[code] == nil {
			p.of[code] = &rules{}
		}
		return p.of[code]
	}
	for i := range p.Limits {
		for _, a := range p.Limits[i].Of {
			at(a).limits = append(at(a).limits, &p.Limits[i])
		}
	}
	for i := range p.Delta {
		for _, a := range p.Delta[i].Of {
			at(a).delta = append(at(a).delta, &p.Delta[i])
		}
	}
	for i := range p.Consistency {
		for _, a := range p.Consistency[i].Expect.Analytes() {
			at(a).consistency = append(at(a).consistency, &p.Consistency[i])
		}
	}
	for i := range p.Critical {
		for _, a := range p.Critical[i].Of {
			at(a).critical = append(at(a).critical, &p.Critical[i])
		}
	}
}

var nothing = &rules{}

func (p *Pack) rulesOf(analyte string) *rules {
	if r := p.of[analyte]; r != nil {
		return r
	}
	return nothing
}

func (p *Pack) source(id string) (packfile.Text, packfile.Status) {
	s, _ := packfile.SourceOf(p.Sources, id)
	return s.Text, s.Status
}
