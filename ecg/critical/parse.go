// Reading a pack: strict, bounded, with the place of everything that is wrong.

package critical

import (
	_ "embed" // the default pack
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/lianzhen/lianzhen/codec/yamlfile"
)

// Limits of a pack.
const (
	maxBytes = 256 << 10
	maxNodes = 20_000
	maxDepth = 24 // of the document
	maxItems = 200
	maxText  = 600 // characters
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

// Parse reads a pack. Unknown fields, repeated keys, anchors, words that are not in the vocabulary and limits that no rule uses are
// errors; every one of them is reported, joined, with its line.
func Parse(data []byte) (*Pack, error) {
	p := &Pack{}
	f, err := yamlfile.Read(data, p, yamlfile.Limits{Bytes: maxBytes, Nodes: maxNodes, Depth: maxDepth})
	if err != nil {
		return nil, err
	}
	c := checker{pack: p, file: f, used: map[string]bool{}}
	c.check()
	return p, f.Err()
}

// With is the pack with other values of its limits. Unknown names and values outside a limit's bounds are errors.
func (p *Pack) With(values map[string]float64) (*Pack, error) {
	out := *p
	out.Limits = slices.Clone(p.Limits)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		i := slices.IndexFunc(out.Limits, func(l Limit) bool { return l.ID == name })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("no limit %q", clip(name)))
		case math.IsNaN(v) || v < out.Limits[i].Min || v > out.Limits[i].Max:
			errs = append(errs, fmt.Errorf("limit %s: want %s to %s", name, number(out.Limits[i].Min), number(out.Limits[i].Max)))
		default:
			out.Limits[i].Value = v
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &out, nil
}
