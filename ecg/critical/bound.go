// Comparisons: ">= 200", "< $bradycardia_rate", or a list of them that all hold.

package critical

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bound is one comparison with a number, or with the limit of a name.
type Bound struct {
	Op    string // >=, >, <=, <
	Value float64
	Limit string
}

// Bounds all hold together.
type Bounds []Bound

var boundText = regexp.MustCompile(`^(>=|>|<=|<) ?(?:(-?[0-9]{1,6}(?:\.[0-9]{1,3})?)|\$([a-z][a-z0-9_]{0,40}))$`)

func parseBound(text string) (Bound, error) {
	m := boundText.FindStringSubmatch(text)
	if m == nil {
		return Bound{}, fmt.Errorf(`%q is no comparison: write ">= 200" or ">= $name_of_a_limit"`, clip(text))
	}
	b := Bound{Op: m[1], Limit: m[3]}
	if b.Limit == "" {
		b.Value, _ = strconv.ParseFloat(m[2], 64) // the expression leaves nothing else
	}
	return b, nil
}

// clip keeps messages short.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}

// UnmarshalYAML reads one comparison or a list.
func (b *Bounds) UnmarshalYAML(n *yaml.Node) error {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	if len(items) == 0 || len(items) > 4 {
		return fmt.Errorf("line %d: want one to four comparisons", n.Line)
	}
	for _, x := range items {
		if x.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: want a comparison", x.Line)
		}
		one, err := parseBound(x.Value)
		if err != nil {
			return fmt.Errorf("line %d: %w", x.Line, err)
		}
		*b = append(*b, one)
	}
	return nil
}

// String is the comparison as written.
func (b Bound) String() string {
	if b.Limit != "" {
		return b.Op + " $" + b.Limit
	}
	return b.Op + " " + number(b.Value)
}

// MarshalJSON writes the comparisons as they are written in YAML.
func (b Bounds) MarshalJSON() ([]byte, error) {
	var out []string
	for _, x := range b {
		out = append(out, x.String())
	}
	return json.Marshal(out)
}

func number(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0")
}

// number of a bound, once limits are known.
func (p *Pack) number(b Bound) float64 {
	if b.Limit == "" {
		return b.Value
	}
	for i := range p.Limits {
		if p.Limits[i].ID == b.Limit {
			return p.Limits[i].Value
		}
	}
	return b.Value
}

// hold compares. No value is NaN here.
func (p *Pack) hold(bs Bounds, v float64) bool {
	for _, b := range bs {
		x := p.number(b)
		ok := false
		switch b.Op {
		case ">=":
			ok = v >= x
		case ">":
			ok = v > x
		case "<=":
			ok = v <= x
		case "<":
			ok = v < x
		}
		if !ok {
			return false
		}
	}
	return true
}

var signs = strings.NewReplacer(">=", "≥", "<=", "≤")

// limitText is "≥150, <200" for people.
func (p *Pack) limitText(bs Bounds) string {
	var parts []string
	for _, b := range bs {
		parts = append(parts, signs.Replace(b.Op)+number(p.number(b)))
	}
	return strings.Join(parts, ", ")
}
