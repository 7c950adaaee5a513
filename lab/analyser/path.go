// Paths: where in the records of a message a thing stands.

package analyser

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/codec/astm"
)

// Path names places: "R-3.4" is component 4 of field 3 of the result, "R-4" the whole field. "A | B" is B where A is empty, "A + B" is
// both with "/" between; "+" binds closer. "-" is nothing, for what a model does not send where LIS2-A2 has it.
type Path struct {
	alternatives [][]place
	text         string
}

type place struct {
	record           string
	field, component int // component 0: the whole field
}

var placeForm = regexp.MustCompile(`^([HPORQCM])-([0-9]{1,3})(?:\.([0-9]{1,2}))?$`)

// ParsePath reads a path; "-" and an empty text are the path of nothing.
func ParsePath(s string) (Path, error) {
	p := Path{text: s}
	if t := strings.TrimSpace(s); t == "" || t == "-" {
		return p, nil
	}
	for _, alternative := range strings.Split(s, "|") {
		var joined []place
		for _, one := range strings.Split(alternative, "+") {
			m := placeForm.FindStringSubmatch(strings.TrimSpace(one))
			if m == nil {
				return p, fmt.Errorf("%q is no path: want for example R-3.4", strings.TrimSpace(one))
			}
			field, _ := strconv.Atoi(m[2])
			component, _ := strconv.Atoi(m[3])
			joined = append(joined, place{m[1], field, component})
		}
		p.alternatives = append(p.alternatives, joined)
	}
	return p, nil
}

// UnmarshalYAML reads a path from its text.
func (p *Path) UnmarshalYAML(n *yaml.Node) error {
	parsed, err := ParsePath(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: path: %w", n.Line, err)
	}
	*p = parsed
	return nil
}

// String is the path as it was written.
func (p Path) String() string { return p.text }

func (p Path) empty() bool { return len(p.alternatives) == 0 }

// records are those that a path may look into: the message's header and the chain of records down to a result.
type records map[string]astm.Record

func (in records) with(kind string, r astm.Record) records {
	out := make(records, len(in)+1)
	for k, v := range in {
		out[k] = v
	}
	out[kind] = r
	return out
}

// get is what stands at the path; nothing where nothing does.
func (p Path) get(in records) string {
	for _, joined := range p.alternatives {
		var found []string
		for _, at := range joined {
			if s := at.get(in); s != "" {
				found = append(found, s)
			}
		}
		if len(found) > 0 {
			return strings.Join(found, "/")
		}
	}
	return ""
}

func (at place) get(in records) string {
	f := in[at.record].Field(at.field)
	switch {
	case at.component > 0:
		return f.Component(at.component)
	case f.Empty():
		return ""
	case f.Several():
		return f.String()
	}
	parts := f.Components()
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "^")
}

// each is what stands at the path in every repeat of its field.
func (p Path) each(in records) []string {
	if len(p.alternatives) == 0 || len(p.alternatives[0]) != 1 {
		return nil
	}
	at := p.alternatives[0][0]
	var out []string
	for _, f := range in[at.record].Field(at.field).Repeats() {
		if s := f.Component(max(at.component, 1)); s != "" {
			out = append(out, s)
		}
	}
	return out
}
