// Reading: segments, fields, repetitions, components. What is not there is empty, so that readers need no conditions.

package hl7

import (
	"iter"
	"strconv"
	"strings"
)

// Segment is one segment of a message. The zero Segment has no fields.
type Segment struct {
	m *Message
	i int
}

// Field is a field, or one repetition or component of it: text that is still escaped, with the delimiters that it is read by.
type Field struct {
	m *Message
	s string
}

// Len is the number of segments.
func (m *Message) Len() int { return len(m.segments) }

// At is segment i, from 0.
func (m *Message) At(i int) Segment { return Segment{m, i} }

// Segments walks all segments in their order.
func (m *Message) Segments() iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		for i := range m.segments {
			if !yield(Segment{m, i}) {
				return
			}
		}
	}
}

// All walks the segments of one name.
func (m *Message) All(name string) iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		for s := range m.Segments() {
			if s.Name() == name && !yield(s) {
				return
			}
		}
	}
}

// First is the first segment of a name; false if there is none.
func (m *Message) First(name string) (Segment, bool) {
	for s := range m.All(name) {
		return s, true
	}
	return Segment{}, false
}

// Get is the text of a leaf of the first segment of a name: m.Get("PID", 5, 1, 2) is the second subcomponent of the family name in PID-5.
func (m *Message) Get(name string, field int, path ...int) string {
	s, _ := m.First(name)
	return s.Get(field, path...)
}

// Name is the segment's id in upper case.
func (s Segment) Name() string {
	if s.m == nil {
		return ""
	}
	start := s.m.segments[s.i].start
	return strings.ToUpper(s.m.Text[start : start+3])
}

// Raw is the segment as text, without its end.
func (s Segment) Raw() string {
	if s.m == nil {
		return ""
	}
	x := s.m.segments[s.i]
	return s.m.Text[x.start:x.end]
}

// Nth is the segment's number among those of its name, from 1.
func (s Segment) Nth() int {
	if s.m == nil {
		return 0
	}
	return int(s.m.segments[s.i].nth)
}

// Place names a field of the segment: "OBX[3]-5"; field 0 names the segment.
func (s Segment) Place(field int) string {
	if s.m == nil {
		return ""
	}
	p := s.m.place(&s.m.segments[s.i])
	if field > 0 {
		p += "-" + strconv.Itoa(field)
	}
	return p
}

// Len is the number of the last field.
func (s Segment) Len() int {
	if s.m == nil {
		return 0
	}
	n := int(s.m.segments[s.i].count)
	if s.isHeader() && n > 0 {
		n++
	}
	return n
}

func (s Segment) isHeader() bool {
	switch s.Name() {
	case "MSH", "FHS", "BHS":
		return true
	}
	return false
}

// Field is field n, from 1. MSH-1 is the field separator itself (HL7 v2.5.1 2.15.9.1).
func (s Segment) Field(n int) Field {
	if s.m == nil || n < 1 {
		return Field{}
	}
	if s.isHeader() {
		if n == 1 {
			return Field{nil, string(rune(s.m.Delims.Field))}
		}
		n--
		if n == 1 {
			return Field{nil, s.slice(1)} // MSH-2 is read by no delimiters
		}
	}
	return Field{s.m, s.slice(n)}
}

func (s Segment) slice(n int) string {
	x := s.m.segments[s.i]
	if n > int(x.count) {
		return ""
	}
	at := int(x.first) + n - 1
	end := x.end
	if n < int(x.count) {
		end = s.m.fields[at+1] - 1
	}
	return s.m.Text[s.m.fields[at]:end]
}

// Get is the text of a leaf: field, component, subcomponent of the first repetition.
func (s Segment) Get(field int, path ...int) string {
	f := s.Field(field)
	switch len(path) {
	case 0:
		return f.String()
	case 1:
		return f.Rep(1).Component(path[0]).String()
	}
	return f.Rep(1).Component(path[0]).Sub(path[1]).String()
}

// Raw is the text as it stands, still escaped.
func (f Field) Raw() string { return f.s }

// Empty reports a field that says nothing: what is known of it stays as it is.
func (f Field) Empty() bool { return f.s == "" }

// Null reports the explicit null `""`: what is known of it is to be deleted (HL7 v2.5.1 2.5.3).
func (f Field) Null() bool { return f.s == `""` }

// Said reports a field with a value, neither empty nor null.
func (f Field) Said() bool { return f.s != "" && f.s != `""` }

func (f Field) delims() Delimiters {
	if f.m == nil {
		return Delimiters{}
	}
	return f.m.Delims
}

// nth cuts the nth part, from 1.
func nth(s string, sep byte, n int) string {
	if sep == 0 {
		if n == 1 {
			return s
		}
		return ""
	}
	for ; n > 1; n-- {
		i := strings.IndexByte(s, sep)
		if i < 0 {
			return ""
		}
		s = s[i+1:]
	}
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i]
	}
	return s
}

// Reps walks the repetitions; an empty field has none.
func (f Field) Reps() iter.Seq2[int, Field] {
	return func(yield func(int, Field) bool) {
		if f.s == "" {
			return
		}
		rest, sep := f.s, f.delims().Repetition
		for n := 1; ; n++ {
			i := -1
			if sep != 0 {
				i = strings.IndexByte(rest, sep)
			}
			if i < 0 {
				yield(n, Field{f.m, rest})
				return
			}
			if !yield(n, Field{f.m, rest[:i]}) {
				return
			}
			rest = rest[i+1:]
		}
	}
}

// Count is the number of repetitions.
func (f Field) Count() int {
	if f.s == "" {
		return 0
	}
	if f.delims().Repetition == 0 {
		return 1
	}
	return strings.Count(f.s, string(rune(f.delims().Repetition))) + 1
}

// Rep is repetition n, from 1.
func (f Field) Rep(n int) Field { return Field{f.m, nth(f.s, f.delims().Repetition, n)} }

// Component is component n of the first repetition, from 1.
func (f Field) Component(n int) Field {
	return Field{f.m, nth(f.Rep(1).s, f.delims().Component, n)}
}

// Components is the number of components of the first repetition.
func (f Field) Components() int {
	s := f.Rep(1).s
	if s == "" || f.delims().Component == 0 {
		return min(len(s), 1)
	}
	return strings.Count(s, string(rune(f.delims().Component))) + 1
}

// Sub is subcomponent n, from 1, of a component.
func (f Field) Sub(n int) Field { return Field{f.m, nth(f.s, f.delims().Subcomponent, n)} }

// String is the first leaf, unescaped: the first subcomponent of the first component of the first repetition. Null is empty.
func (f Field) String() string {
	leaf := f.Component(1).Sub(1).s
	if leaf == `""` {
		return ""
	}
	return f.unescape(leaf)
}

// Whole is all of the field as one text, unescaped, with the delimiters that a sender forgot to escape.
func (f Field) Whole() string {
	if f.s == `""` {
		return ""
	}
	return f.unescape(f.s)
}

func (f Field) unescape(s string) string {
	if f.m == nil || f.m.Delims.Escape == 0 || strings.IndexByte(s, f.m.Delims.Escape) < 0 {
		return s
	}
	out, _ := unescape(s, f.m.Delims, f.m.Charset)
	return out
}
