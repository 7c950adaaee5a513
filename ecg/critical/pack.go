// A pack of rules as written in YAML.

package critical

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// Text is a text in both languages.
type Text struct {
	ZH string `yaml:"zh" json:"zh"`
	EN string `yaml:"en" json:"en"`
}

// Pack is one set of rules. It is not changed after Parse and may be used by several goroutines.
type Pack struct {
	ID      string   `yaml:"pack" json:"pack"`
	Version string   `yaml:"version" json:"version"`
	Title   Text     `yaml:"title" json:"title"`
	Sources []Source `yaml:"sources" json:"sources"`
	Tiers   []Tier   `yaml:"tiers" json:"tiers"` // the most urgent first
	Limits  []Limit  `yaml:"limits" json:"limits"`
	Rules   []Rule   `yaml:"rules" json:"rules"`
	Clocks  []Target `yaml:"clocks" json:"clocks"`
}

// Source is where a rule comes from and how sure we are of its wording.
type Source struct {
	ID     string `yaml:"id" json:"id"`
	Text   Text   `yaml:"text" json:"text"`
	Status string `yaml:"status" json:"status"` // verified, secondary, recollection or local
}

// Tier is how urgent an alarm is.
type Tier struct {
	ID             string `yaml:"id" json:"id"`
	Name           Text   `yaml:"name" json:"name"`
	RespondMinutes int    `yaml:"respond_min" json:"respond_min"` // within which a named doctor acknowledges
}

// Limit is a number that a county may set, within bounds.
type Limit struct {
	ID    string  `yaml:"id" json:"id"`
	Name  Text    `yaml:"name" json:"name"`
	Value float64 `yaml:"value" json:"value"`
	Unit  string  `yaml:"unit" json:"unit"` // UCUM
	Min   float64 `yaml:"min" json:"min"`
	Max   float64 `yaml:"max" json:"max"`
}

// Rule is one critical value.
type Rule struct {
	ID            string     `yaml:"id" json:"id"`
	Version       string     `yaml:"version" json:"version"`
	From          Day        `yaml:"from" json:"from"`
	To            Day        `yaml:"to" json:"to,omitzero"` // the first day on which it is no longer in force
	Disabled      bool       `yaml:"disabled" json:"disabled,omitempty"`
	Name          Text       `yaml:"name" json:"name"`
	Tier          string     `yaml:"tier" json:"tier"`
	Auto          bool       `yaml:"auto" json:"auto"` // false: a button for the doctor; When only lights it up
	When          *Condition `yaml:"when" json:"when,omitempty"`
	Advice        Text       `yaml:"advice" json:"advice"`
	Source        string     `yaml:"source" json:"source"`
	ToBeConfirmed bool       `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

// inForce reports whether a rule counts at an instant; the zero instant asks for the rules without an end.
func (r *Rule) inForce(at time.Time) bool {
	if r.Disabled {
		return false
	}
	if at.IsZero() {
		return r.To.IsZero()
	}
	return !at.Before(r.From.start()) && (r.To.IsZero() || at.Before(r.To.start()))
}

// Condition is exactly one of: All, Any, Not, Finding, Measure, Patient, Recording.
type Condition struct {
	All []Condition `yaml:"all" json:"all,omitempty"`
	Any []Condition `yaml:"any" json:"any,omitempty"`
	Not *Condition  `yaml:"not" json:"not,omitempty"`

	Finding string            `yaml:"finding" json:"finding,omitempty"` // a code of package finding
	With    map[string]Bounds `yaml:"with" json:"with,omitempty"`       // of its evidence; what was not measured does not hold

	Measure string   `yaml:"measure" json:"measure,omitempty"` // a name of the vocabulary
	Leads   []string `yaml:"leads" json:"leads,omitempty"`     // for measurements of single leads
	Is      Bounds   `yaml:"is" json:"is,omitempty"`

	Patient   *Person `yaml:"patient" json:"patient,omitempty"`
	Recording string  `yaml:"recording" json:"recording,omitempty"` // short (electrocardiogram) or long (Holter)

	AtLeast int  `yaml:"at_least" json:"at_least,omitempty"` // so many findings, or leads, that hold; 1
	New     bool `yaml:"new" json:"new,omitempty"`           // and not in the previous electrocardiogram, if there is one
}

// Person restricts a condition to some patients; age is in years.
type Person struct {
	Age Bounds `yaml:"age" json:"age,omitempty"`
	Sex string `yaml:"sex" json:"sex,omitempty"` // M or F
}

// Day is a civil day in China, written YYYY-MM-DD; the zero Day is open.
type Day struct{ at time.Time }

var chinaTime = time.FixedZone("CST", 8*3600)

// IsZero reports an open day.
func (d Day) IsZero() bool { return d.at.IsZero() }

func (d Day) start() time.Time { return d.at }

// String is YYYY-MM-DD, empty if open.
func (d Day) String() string {
	if d.IsZero() {
		return ""
	}
	return d.at.Format(time.DateOnly)
}

// MarshalText writes YYYY-MM-DD.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalYAML reads YYYY-MM-DD.
func (d *Day) UnmarshalYAML(n *yaml.Node) error {
	t, err := time.ParseInLocation(time.DateOnly, n.Value, chinaTime)
	if n.Kind != yaml.ScalarNode || err != nil || t.Year() < 1900 {
		return fmt.Errorf("line %d: want a day as YYYY-MM-DD", n.Line)
	}
	d.at = t
	return nil
}
