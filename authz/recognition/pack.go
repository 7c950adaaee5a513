// A rule pack as written in YAML, and the reading of it: strict, with the line of everything that is wrong.

package recognition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/codec/yamlfile"
	"github.com/lianzhen/lianzhen/record"
)

// Text is a text in both languages.
type Text struct {
	ZH string `yaml:"zh" json:"zh"`
	EN string `yaml:"en" json:"en"`
}

// Pack is one rule pack: what one nation, region, province, city, county or community has decided.
type Pack struct {
	ID         string      `yaml:"pack" json:"pack"`
	Title      Text        `yaml:"title" json:"title"`
	AppliesTo  []string    `yaml:"applies_to" json:"applies_to"` // scopes of one kind; the narrower pack wins
	ClockSkewS int         `yaml:"clock_skew_s" json:"clock_skew_s,omitempty"`
	Regions    []Region    `yaml:"regions" json:"regions,omitempty"`
	Citations  []Citation  `yaml:"citations" json:"citations,omitempty"`
	Items      []Item      `yaml:"items" json:"items,omitempty"`
	Community  []Community `yaml:"community" json:"community,omitempty"`
	Tiers      []Tier      `yaml:"tiers" json:"tiers,omitempty"`
	Exemptions []Exemption `yaml:"exemptions" json:"exemptions,omitempty"`
	Reasons    []Reason    `yaml:"reasons" json:"reasons,omitempty"`
	Conditions []Condition `yaml:"conditions" json:"conditions,omitempty"`
	Marks      []PackMark  `yaml:"marks" json:"marks,omitempty"`
}

// Region is a name for several provinces or cities, e.g. Jing-Jin-Ji.
type Region struct {
	ID      string   `yaml:"id" json:"id"`
	Name    Text     `yaml:"name" json:"name"`
	Members []string `yaml:"members" json:"members"`
}

// Citation is the source of a rule and how sure we are of it.
type Citation struct {
	ID     string `yaml:"id" json:"id"`
	Text   Text   `yaml:"text" json:"text"`
	Status string `yaml:"status" json:"status"` // verified secondary recollection
}

// Span is when a rule is in force: from its first day to the day before To, in Chinese civil time; no To is open.
type Span struct {
	From Day `yaml:"from" json:"from"`
	To   Day `yaml:"to" json:"to,omitzero"`
}

// Item is an examination that may be recognised.
type Item struct {
	Code          string            `yaml:"code" json:"code"`
	Name          Text              `yaml:"name" json:"name"`
	Kind          record.CentreKind `yaml:"kind" json:"kind"`
	Group         string            `yaml:"group" json:"group,omitempty"`
	Codes         []string          `yaml:"codes" json:"codes,omitempty"` // the same item in other catalogues
	Modalities    []string          `yaml:"modalities" json:"modalities,omitempty"`
	BodyParts     []string          `yaml:"body_parts" json:"body_parts,omitempty"` // with synonyms; none: whatever the part
	Span          `yaml:",inline"`
	WindowDays    int    `yaml:"window_days" json:"window_days"`
	Basis         string `yaml:"basis" json:"basis,omitempty"` // performed (default) or reported
	Citation      string `yaml:"citation" json:"citation"`
	ToBeConfirmed bool   `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`

	RuleID string `yaml:"-" json:"-"` // filled by Rulebook.Items
}

// Community is the rule that all items are recognised inside one community, with windows for the unlisted ones.
type Community struct {
	Span          `yaml:",inline"`
	WindowDays    map[record.CentreKind]int `yaml:"window_days" json:"window_days"`
	Basis         string                    `yaml:"basis" json:"basis,omitempty"`
	Lab           CommunityLab              `yaml:"lab" json:"lab,omitzero"`
	Citation      string                    `yaml:"citation" json:"citation"`
	ToBeConfirmed bool                      `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

// CommunityLab is what a community asks of its own laboratories.
type CommunityLab struct {
	// Certificate of external quality assessment: required (default) or advised, where a result without one is left to the doctor. A result
	// that was out of control is never recognised, and never left to anybody.
	Certificate string `yaml:"certificate" json:"certificate,omitempty"`
}

// Tier says what institutions of different levels owe each other under a mark: recognise, advise or decline.
type Tier struct {
	Span          `yaml:",inline"`
	Same          string `yaml:"same" json:"same"`         // one level
	Upward        string `yaml:"upward" json:"upward"`     // a lower one is shown the result of an upper one
	Downward      string `yaml:"downward" json:"downward"` // an upper one is shown the result of a lower one
	Citation      string `yaml:"citation" json:"citation"`
	ToBeConfirmed bool   `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

// Exemption says whether the doctor may repeat freely in a setting that the system can see.
type Exemption struct {
	Span          `yaml:",inline"`
	Setting       string `yaml:"setting" json:"setting"`
	Exempt        bool   `yaml:"exempt" json:"exempt"`
	Citation      string `yaml:"citation" json:"citation"`
	ToBeConfirmed bool   `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

// Reason is why a doctor repeats an examination.
type Reason struct {
	Span                `yaml:",inline"`
	Code                string `yaml:"code" json:"code"`
	Text                Text   `yaml:"text" json:"text"`
	ExplanationRequired bool   `yaml:"explanation_required" json:"explanation_required,omitempty"`
	Citation            string `yaml:"citation" json:"citation"`
	ToBeConfirmed       bool   `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

// Condition is the words of one condition that a result can fail.
type Condition struct {
	Code     string `yaml:"code" json:"code"`
	Text     Text   `yaml:"text" json:"text"`
	Remedy   Text   `yaml:"remedy" json:"remedy"`
	Citation string `yaml:"citation" json:"citation"`
}

// PackMark is an HR mark written in a pack. Exactly one of Item, Group and Kind says what it covers.
type PackMark struct {
	Span        `yaml:",inline"`
	Institution record.InstitutionID `yaml:"institution" json:"institution"`
	Item        string               `yaml:"item" json:"item,omitempty"`
	Group       string               `yaml:"group" json:"group,omitempty"`
	Kind        record.CentreKind    `yaml:"kind" json:"kind,omitempty"`
	Scope       string               `yaml:"scope" json:"scope"`
	Source      string               `yaml:"source" json:"source"`
}

// Day is a civil day in China; the zero Day is open.
type Day struct{ record.Date }

// chinaTime is the zone in which rules begin and end.
var chinaTime = time.FixedZone("CST", 8*3600)

// at is the first instant of the day in microseconds; an open day is the value given.
func (d Day) at(open int64) int64 {
	if d.IsZero() {
		return open
	}
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, chinaTime).UnixMicro()
}

// MarshalText writes YYYY-MM-DD.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalYAML reads YYYY-MM-DD.
func (d *Day) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || len(n.Value) != len(time.DateOnly) {
		return lineErr(n.Line, "date: want YYYY-MM-DD")
	}
	t, err := time.Parse(time.DateOnly, n.Value)
	if err != nil || t.Year() < 1 {
		return lineErr(n.Line, "date: no such day")
	}
	d.Date = record.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
	return nil
}

func lineErr(line int, text string) error { return fmt.Errorf("line %d: %s", line, text) }

// Problem is something wrong, or with Warning doubtful, in a pack.
type Problem struct {
	File    string
	Line    int
	Warning bool
	Text    string
}

func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Error makes a Problem an error, so that errors.Join keeps each.
func (p Problem) Error() string { return p.String() }

const maxPackBytes = 4 << 20

// source is a pack with the file it came from, for the lines.
type source struct {
	Pack
	name string
	file *yamlfile.File
}

// readPack reads one YAML document. Unknown fields, repeated keys and a second document are problems.
func readPack(name string, data []byte) (source, []Problem) {
	s := source{name: name}
	var err error
	if s.file, err = yamlfile.Read(data, &s.Pack, yamlfile.Limits{Bytes: maxPackBytes}); err == nil {
		return s, nil
	}
	var faults yamlfile.Faults
	if !errors.As(err, &faults) {
		faults = yamlfile.Faults{{Text: err.Error()}}
	}
	out := make([]Problem, len(faults))
	for i, f := range faults {
		out[i] = Problem{File: name, Line: max(f.Line, 1), Text: f.Text}
	}
	return s, out
}

// line finds where section[i] (or section, for i < 0) stands.
func (s source) line(section string, i int) int { return s.file.Line(section, i) }

// canonical is the text of packs that a version names: comments, order of keys and layout do not count.
func canonical(packs []Pack) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // one pack per line; JSON is YAML, so readPack reads a line again
	enc.SetEscapeHTML(false)
	for _, p := range packs {
		if err := enc.Encode(p); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
