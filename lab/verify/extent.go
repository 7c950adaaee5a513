// Comparing values that are known exactly or only from one side.

package verify

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

// truth is what a comparison says of a value that may be known from one side only.
type truth int

const (
	no truth = iota
	perhaps
	yes
)

// extent is every number that a value may be. A side that is none is open.
type extent struct {
	low, high         packfile.Decimal
	lowOpen, highOpen bool // the number itself is outside
}

// extent of a value; false where there is no number to compare.
func (v Value) extent() (extent, bool) {
	n := v.Number
	if !n.Some() {
		return extent{}, false
	}
	switch v.Comparator {
	case "":
		return extent{low: n, high: n}, true
	case "<":
		return extent{high: n, highOpen: true}, true
	case "<=":
		return extent{high: n}, true
	case ">":
		return extent{low: n, lowOpen: true}, true
	case ">=":
		return extent{low: n}, true
	}
	return extent{}, false
}

// atLeast reports whether all, some or no number of the extent is >= x, or > x.
func (e extent) atLeast(x packfile.Decimal, strictly bool) truth {
	if e.low.Some() {
		c := e.low.Cmp(x.Decimal)
		if c > 0 || c == 0 && (!strictly || e.lowOpen) {
			return yes
		}
	}
	if e.high.Some() {
		c := e.high.Cmp(x.Decimal)
		if c < 0 || c == 0 && (strictly || e.highOpen) {
			return no
		}
	}
	return perhaps
}

// atMost reports whether all, some or no number of the extent is <= x, or < x.
func (e extent) atMost(x packfile.Decimal, strictly bool) truth {
	return yes - e.atLeast(x, !strictly)
}

// Bound is one comparison with a number.
type Bound struct {
	Op    string // >=, >, <=, <
	Value packfile.Decimal
}

// Bounds all hold together.
type Bounds []Bound

var boundText = regexp.MustCompile(`^(>=|>|<=|<) ?(-?[0-9]{1,12}(?:\.[0-9]{1,9})?)$`)

func parseBound(text string) (Bound, error) {
	m := boundText.FindStringSubmatch(text)
	if m == nil {
		return Bound{}, fmt.Errorf(`%q is no comparison: write ">= 6.5"`, packfile.Clip(text))
	}
	v, err := packfile.ParseDecimal(m[2])
	return Bound{Op: m[1], Value: v}, err
}

// UnmarshalYAML reads one comparison or a list of at most four.
func (b *Bounds) UnmarshalYAML(n *yaml.Node) error {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	if len(items) == 0 || len(items) > 4 {
		return fmt.Errorf("line %d: want one to four comparisons", n.Line)
	}
	for _, x := range items {
		one, err := parseBound(x.Value)
		if x.Kind != yaml.ScalarNode || err != nil {
			return fmt.Errorf(`line %d: want a comparison such as ">= 6.5"`, x.Line)
		}
		*b = append(*b, one)
	}
	return nil
}

// MarshalJSON writes the comparisons as they are written in YAML.
func (b Bounds) MarshalJSON() ([]byte, error) {
	var out []string
	for _, x := range b {
		out = append(out, x.Op+" "+x.Value.String())
	}
	return json.Marshal(out)
}

func (b Bound) hold(e extent) truth {
	switch b.Op {
	case ">=":
		return e.atLeast(b.Value, false)
	case ">":
		return e.atLeast(b.Value, true)
	case "<=":
		return e.atMost(b.Value, false)
	}
	return e.atMost(b.Value, true)
}

// hold is the least certain of the comparisons.
func (bs Bounds) hold(e extent) truth {
	out := yes
	for _, b := range bs {
		out = min(out, b.hold(e))
	}
	return out
}

var signs = strings.NewReplacer(">=", "≥", "<=", "≤")

// String is "≥3.0, ≤5.8" for people.
func (bs Bounds) String() string {
	var parts []string
	for _, b := range bs {
		parts = append(parts, signs.Replace(b.Op)+b.Value.String())
	}
	return strings.Join(parts, ", ")
}

// side is "L" for bounds that only something small can meet, "H" for large, nothing for both.
func (bs Bounds) side() string {
	low, high := false, false
	for _, b := range bs {
		low = low || b.Op[0] == '<'
		high = high || b.Op[0] == '>'
	}
	switch {
	case low && !high:
		return "L"
	case high && !low:
		return "H"
	}
	return ""
}
