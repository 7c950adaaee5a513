// Package yamlfile reads a YAML file that people write and a program obeys, as rule packs are: one document, strictly, within bounds, and
// with the line of everything that is wrong in it.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits bound a file. Without Nodes its tree is not looked at: anchors are taken, as far as the decoder bears them.
type Limits struct {
	Bytes int
	Nodes int // of the tree; anchors and aliases are refused
	Depth int
}

// Fault is something wrong, at a line from 1; 0: with the whole file.
type Fault struct {
	Line int
	Text string
}

func (f Fault) Error() string {
	if f.Line == 0 {
		return f.Text
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Text)
}

// Faults are all that is wrong, one line of text each.
type Faults []Fault

func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// maxFaults are enough to be told at once.
const maxFaults = 50

// File is a document that was read: it knows the line of every part and collects what else is wrong.
type File struct {
	root   yaml.Node
	faults Faults
}

// Read decodes one document into a struct. Unknown fields, repeated keys, a second document and what is beyond the limits are Faults.
func Read(data []byte, into any, limits Limits) (*File, error) {
	if len(data) > limits.Bytes {
		return nil, Faults{{Text: fmt.Sprintf("a file of %d bytes: more than %d", len(data), limits.Bytes)}}
	}
	f := &File{}
	if err := yaml.Unmarshal(data, &f.root); err != nil {
		return nil, faultsOf(err)
	}
	if limits.Nodes > 0 {
		left := limits.Nodes
		if err := plain(&f.root, limits.Depth, &left); err != nil {
			return nil, err
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return nil, faultsOf(err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Faults{{max(more.Line, 1), "one document to a file: something follows it"}}
	}
	return f, nil
}

var lineText = regexp.MustCompile(`^line (\d+): (.*)$`)

// faultsOf is what the decoder says, in our words.
func faultsOf(err error) Faults {
	if errors.Is(err, io.EOF) {
		return Faults{{1, "the file is empty"}}
	}
	lines := []string{err.Error()}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		lines = te.Errors
	}
	out := make(Faults, len(lines))
	for i, l := range lines {
		out[i] = Fault{1, strings.TrimPrefix(l, "yaml: ")}
		if m := lineText.FindStringSubmatch(out[i].Text); m != nil {
			out[i].Line, _ = strconv.Atoi(m[1])
			out[i].Text = m[2]
		}
	}
	return out
}

// plain refuses anchors, deep documents and large ones before anything is made of them.
func plain(n *yaml.Node, depth int, left *int) error {
	if *left--; *left < 0 || depth < 0 {
		return Faults{{n.Line, "too large or too deep"}}
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return Faults{{n.Line, "anchors and aliases are not taken"}}
	}
	for _, c := range n.Content {
		if err := plain(c, depth-1, left); err != nil {
			return err
		}
	}
	return nil
}

// At names a part of a file: names of fields and places in lists, from the top.
func At(path ...any) []any { return path }

// Line is the line of a part. One that is not there has the line of what it would be in.
func (f *File) Line(path ...any) int {
	if len(f.root.Content) == 0 {
		return 1
	}
	n := f.root.Content[0]
	line := n.Line
	for _, p := range path {
		next, at := child(n, p)
		if next == nil {
			break
		}
		n, line = next, at
	}
	return line
}

func child(n *yaml.Node, part any) (next *yaml.Node, line int) {
	switch k := part.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && k >= 0 && k < len(n.Content) {
			return n.Content[k], n.Content[k].Line
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == k {
				return n.Content[i+1], n.Content[i].Line
			}
		}
	}
	return nil, 0
}

// Fault notes that something is wrong with a part; the first fifty are kept.
func (f *File) Fault(path []any, format string, args ...any) {
	if len(f.faults) < maxFaults {
		f.faults = append(f.faults, Fault{f.Line(path...), fmt.Sprintf(format, args...)})
	}
}

// Err is what was noted, nil for nothing.
func (f *File) Err() error {
	if len(f.faults) == 0 {
		return nil
	}
	return f.faults
}
