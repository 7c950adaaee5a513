// What all packs say alike: texts, sources, days, ages, decimals.

package packfile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"
	"go.yaml.in/yaml/v3"
)

// Text is a text in both languages.
type Text struct {
	ZH string `yaml:"zh" json:"zh"`
	EN string `yaml:"en" json:"en"`
}

// Status says how sure we are of a source.
type Status string

// The statuses of a source.
const (
	Verified     Status = "verified"     // its full text was read
	Secondary    Status = "secondary"    // others cite it so
	Recollection Status = "recollection" // from memory: have it confirmed before it is relied on
	Local        Status = "local"        // a proposal of this house or of a county
)

var statuses = []Status{Verified, Secondary, Recollection, Local}

func (s Status) known() bool { return slices.Contains(statuses, s) }

// Source is where a rule comes from.
type Source struct {
	ID     string `yaml:"id" json:"id"`
	Text   Text   `yaml:"text" json:"text"`
	Status Status `yaml:"status" json:"status"`
}

// SourceOf finds a source by its id.
func SourceOf(all []Source, id string) (Source, bool) {
	i := slices.IndexFunc(all, func(s Source) bool { return s.ID == id })
	if i < 0 {
		return Source{}, false
	}
	return all[i], true
}

// Day is a civil day in China, written YYYY-MM-DD; the zero Day is open.
type Day struct{ at time.Time }

var chinaTime = time.FixedZone("CST", 8*3600)

// IsZero reports an open day.
func (d Day) IsZero() bool { return d.at.IsZero() }

// Start is the instant at which the day begins in China.
func (d Day) Start() time.Time { return d.at }

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

// InForce reports whether from <= at < to; the zero instant asks for what has no end.
func InForce(from, to Day, at time.Time) bool {
	if at.IsZero() {
		return to.IsZero()
	}
	return !at.Before(from.at) && (to.IsZero() || at.Before(to.at))
}

// Age is an age in whole days, written "28d", "6m" (months of 365.25/12 days), "18y" (years of 365.25 days), rounded down.
type Age int

var ageText = regexp.MustCompile(`^([0-9]{1,5})(d|m|y)$`)

// ParseAge reads an age.
func ParseAge(s string) (Age, error) {
	m := ageText.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is no age: write 28d, 6m or 18y", Clip(s))
	}
	n, _ := strconv.Atoi(m[1]) // the expression leaves nothing else
	switch m[2] {
	case "m":
		return Age(n * 36525 / 1200), nil
	case "y":
		return Age(n * 36525 / 100), nil
	}
	return Age(n), nil
}

// UnmarshalYAML reads an age.
func (a *Age) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseAge(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return fmt.Errorf("line %d: want an age as 28d, 6m or 18y", n.Line)
	}
	*a = v
	return nil
}

// Ages is a span of ages, [From, To) in days; a zero To is open. Written as a list: [18y], [0d, 28d].
type Ages struct {
	From Age `json:"from_days"`
	To   Age `json:"to_days,omitempty"`
}

// All reports a span that is open on both sides.
func (a Ages) All() bool { return a == Ages{} }

// Hold reports whether an age in days lies inside; an unknown age (below zero) lies in no span but the open one.
func (a Ages) Hold(days int) bool {
	return a.All() || days >= int(a.From) && (a.To == 0 || days < int(a.To))
}

// UnmarshalYAML reads [from] or [from, to].
func (a *Ages) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) < 1 || len(n.Content) > 2 {
		return fmt.Errorf("line %d: want ages as [18y] or [0d, 28d]", n.Line)
	}
	if err := a.From.UnmarshalYAML(n.Content[0]); err != nil {
		return err
	}
	if len(n.Content) == 2 {
		if err := a.To.UnmarshalYAML(n.Content[1]); err != nil {
			return err
		}
		if a.To <= a.From {
			return fmt.Errorf("line %d: the ages end before they begin", n.Line)
		}
	}
	return nil
}

// Decimal is an exact number that keeps its digits. The zero Decimal is none.
type Decimal struct{ *apd.Decimal }

var decimalText = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,15})?$`)

// ParseDecimal reads digits with an optional sign and point.
func ParseDecimal(s string) (Decimal, error) {
	if !decimalText.MatchString(s) {
		return Decimal{}, fmt.Errorf("%q is no decimal number", Clip(s))
	}
	d, _, err := apd.NewFromString(s)
	return Decimal{d}, err
}

// Some reports a number that is there.
func (d Decimal) Some() bool { return d.Decimal != nil }

// String is the number in its digits, nothing for none.
func (d Decimal) String() string {
	if d.Decimal == nil {
		return ""
	}
	return d.Text('f')
}

// MarshalJSON writes the digits as a text, so that no reader makes a float of them.
func (d Decimal) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a text of digits.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == "" {
		*d = Decimal{}
		return nil
	}
	v, _, err := apd.NewFromString(s)
	*d = Decimal{v}
	return err
}

// UnmarshalYAML reads a number by its digits as written.
func (d *Decimal) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseDecimal(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return fmt.Errorf("line %d: want a decimal number", n.Line)
	}
	*d = v
	return nil
}

// Equal reports the same number, whatever its digits.
func (d Decimal) Equal(e Decimal) bool {
	if d.Decimal == nil || e.Decimal == nil {
		return d.Decimal == e.Decimal
	}
	return d.Cmp(e.Decimal) == 0
}
