// Records: fields, repeats, components, escapes (LIS2-A2 6.4 to 6.6).

package astm

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Delimiters are those of one message, from its header (LIS2-A2 6.4.1).
type Delimiters struct {
	Field, Repeat, Component, Escape byte
}

// Standard delimiters, as LIS2-A2 has them.
var Standard = Delimiters{Field: '|', Repeat: '\\', Component: '^', Escape: '&'}

func (d Delimiters) valid() bool {
	all := [...]byte{d.Field, d.Repeat, d.Component, d.Escape}
	for i, x := range all {
		if x <= ' ' || x >= 0x7f || isWord(x) {
			return false
		}
		for _, y := range all[:i] {
			if x == y {
				return false
			}
		}
	}
	return true
}

// Record is one record of a message.
type Record struct {
	Type   string // H P O R C L Q S M in upper case; what else was sent as it is
	Number int    // place in the message, from 1

	fields []string
	d      *Delimiters
}

// Field is field n, counted from 1 as LIS2-A2 does: field 1 is the type. A record that has fewer gives an empty one.
func (r Record) Field(n int) Field {
	if n < 1 || n > len(r.fields) {
		return Field{}
	}
	return Field{text: r.fields[n-1], d: r.d}
}

// Fields is how many fields the record has.
func (r Record) Fields() int { return len(r.fields) }

// Text is the record as it was sent, without its CR, in UTF-8.
func (r Record) Text() string {
	if r.d == nil {
		return ""
	}
	return strings.Join(r.fields, string(r.d.Field))
}

// Field is one field, or one repeat of it.
type Field struct {
	text string
	d    *Delimiters
}

// Empty reports a field in which nothing stands but delimiters and spaces.
func (f Field) Empty() bool {
	return f.d == nil || strings.Trim(f.text, " "+string([]byte{f.d.Repeat, f.d.Component})) == ""
}

// Bounds of one field: what is beyond stays in the last repeat or component.
const (
	maxRepeats    = 5000
	maxComponents = 500
)

// Several reports a field of more than one repeat.
func (f Field) Several() bool { return f.d != nil && strings.IndexByte(f.text, f.d.Repeat) >= 0 }

// Repeats cuts the field at its repeat delimiters; at least one.
func (f Field) Repeats() []Field {
	if !f.Several() {
		return []Field{f}
	}
	parts := strings.SplitN(f.text, string(f.d.Repeat), maxRepeats)
	out := make([]Field, len(parts))
	for i, p := range parts {
		out[i] = Field{p, f.d}
	}
	return out
}

// Component is component n, from 1, of the first repeat: unescaped, and without spaces around it.
func (f Field) Component(n int) string {
	if f.d == nil || n < 1 {
		return ""
	}
	rest := f.text
	if at := strings.IndexByte(rest, f.d.Repeat); at >= 0 {
		rest = rest[:at]
	}
	for ; n > 1; n-- {
		at := strings.IndexByte(rest, f.d.Component)
		if at < 0 {
			return ""
		}
		rest = rest[at+1:]
	}
	if at := strings.IndexByte(rest, f.d.Component); at >= 0 {
		rest = rest[:at]
	}
	return strings.TrimSpace(f.unescape(rest))
}

// Components are all components of the first repeat.
func (f Field) Components() []string {
	if f.d == nil {
		return nil
	}
	rest, _, _ := strings.Cut(f.text, string(f.d.Repeat))
	parts := strings.SplitN(rest, string(f.d.Component), maxComponents)
	for i, p := range parts {
		parts[i] = strings.TrimSpace(f.unescape(p))
	}
	return parts
}

// String is the whole field, unescaped, with the delimiters of repeats and components that stand in it.
func (f Field) String() string { return strings.TrimSpace(f.unescape(f.text)) }

// maxEscape is how long an escape may be, with what stands in it.
const maxEscape = 130

// maxEscaped is how long a text may be in which escapes are read; longer ones are pictures and curves, without any.
const maxEscaped = 128 << 10

// unescape reads the escapes of LIS2-A2 6.6. One that is none stays as it was sent.
func (f Field) unescape(s string) string {
	if f.d == nil || len(s) > maxEscaped || strings.IndexByte(s, f.d.Escape) < 0 {
		return s
	}
	var out strings.Builder
	for {
		at := strings.IndexByte(s, f.d.Escape)
		if at < 0 {
			break
		}
		end := strings.IndexByte(s[at+1:min(len(s), at+maxEscape)], f.d.Escape)
		if end < 0 {
			break
		}
		text, ok := f.escape(s[at+1 : at+1+end])
		if !ok { // the second may be the first of the next
			out.WriteString(s[:at+1+end])
			s = s[at+1+end:]
			continue
		}
		out.WriteString(s[:at])
		out.WriteString(text)
		s = s[at+end+2:]
	}
	out.WriteString(s)
	return out.String()
}

// escape is what stands between two escape delimiters.
func (f Field) escape(s string) (string, bool) {
	switch s {
	case "F":
		return string(f.d.Field), true
	case "S":
		return string(f.d.Component), true
	case "R":
		return string(f.d.Repeat), true
	case "E":
		return string(f.d.Escape), true
	case "H", "N": // highlighting begins and ends
		return "", true
	}
	if len(s) < 3 || s[0] != 'X' {
		return "", false
	}
	b, err := hex.DecodeString(s[1:])
	if err != nil || !utf8.Valid(b) {
		return "", false
	}
	return string(b), true
}

// escaped writes text as a component.
func (d Delimiters) escaped(s string) string {
	if !strings.ContainsAny(s, string([]byte{d.Field, d.Repeat, d.Component, d.Escape, cr, lf})) {
		return s
	}
	var out strings.Builder
	for i := range len(s) {
		switch c := s[i]; c {
		case d.Field:
			out.WriteString(string([]byte{d.Escape, 'F', d.Escape}))
		case d.Repeat:
			out.WriteString(string([]byte{d.Escape, 'R', d.Escape}))
		case d.Component:
			out.WriteString(string([]byte{d.Escape, 'S', d.Escape}))
		case d.Escape:
			out.WriteString(string([]byte{d.Escape, 'E', d.Escape}))
		case cr, lf:
			out.WriteByte(' ')
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
