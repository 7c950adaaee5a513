// Reading a pack: strict, bounded, with the place of everything that is wrong.

package critical

import (
	"bytes"
	_ "embed" // the default pack
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
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
	if len(data) > maxBytes {
		return nil, fmt.Errorf("a pack of %d bytes: more than %d", len(data), maxBytes)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, tidy(err)
	}
	nodes := 0
	if err := plain(&root, 0, &nodes); err != nil {
		return nil, err
	}
	p := &Pack{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(p); err != nil {
		return nil, tidy(err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("one pack per file: something follows it")
	}
	c := checker{pack: p, root: &root, used: map[string]bool{}}
	c.check()
	return p, errors.Join(c.errs...)
}

// tidy is the error of the YAML reader in our words.
func tidy(err error) error {
	var te *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the file is empty")
	case errors.As(err, &te):
		var all []error
		for _, e := range te.Errors {
			all = append(all, errors.New(e))
		}
		return errors.Join(all...)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// plain refuses anchors, deep documents and large ones before anything is made of them.
func plain(n *yaml.Node, depth int, count *int) error {
	if *count++; *count > maxNodes || depth > maxDepth {
		return fmt.Errorf("line %d: too large or too deep", n.Line)
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return fmt.Errorf("line %d: anchors and aliases are not taken", n.Line)
	}
	for _, c := range n.Content {
		if err := plain(c, depth+1, count); err != nil {
			return err
		}
	}
	return nil
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
