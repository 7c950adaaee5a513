// Writing messages: values are escaped as they are set, the whole is encoded at the end.

package hl7

import (
	"strings"
	"time"
)

// Header is what MSH says.
type Header struct {
	SendingApplication, SendingFacility     string
	ReceivingApplication, ReceivingFacility string
	At                                      time.Time
	Zone                                    *time.Location
	Type                                    [3]string // "ORU", "R01", "ORU_R01"
	ControlID                               string
	Processing                              string // P, T or D; default P
	Version                                 string // default 2.5.1
	AcceptAck, ApplicationAck               string // MSH-15, MSH-16: AL NE ER SU
	Charset                                 Charset
	Profile                                 string // MSH-21.1
}

// Header reads MSH. HD are given by their names.
func (m *Message) Header() Header {
	s, _ := m.First("MSH")
	at, _ := ParseDTM(s.Get(7), time.UTC)
	return Header{
		SendingApplication: s.Get(3), SendingFacility: s.Get(4), ReceivingApplication: s.Get(5), ReceivingFacility: s.Get(6), At: at.At,
		Type: [3]string{s.Get(9, 1), s.Get(9, 2), s.Get(9, 3)}, ControlID: s.Get(10), Processing: s.Get(11), Version: s.Get(12),
		AcceptAck: s.Get(15), ApplicationAck: s.Get(16), Charset: m.Charset, Profile: s.Get(21),
	}
}

// Builder writes one message.
type Builder struct {
	d       Delimiters
	charset Charset
	b       strings.Builder
	open    *Line
}

// Line is a segment that is being written.
type Line struct {
	d      Delimiters
	name   string
	fields []string // from field 1, escaped
}

// Null is the explicit null: what is known of a field is to be deleted.
const Null = `""`

// NewBuilder begins a message with its MSH, with the standard delimiters.
func NewBuilder(h Header) *Builder {
	b := &Builder{d: Standard, charset: h.Charset}
	b.header(h)
	return b
}

func (b *Builder) header(h Header) {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	l := b.Add("MSH") // fields of a header are one lower: MSH-1 is the separator
	l.fields = []string{string([]byte{b.d.Component, b.d.Repetition, b.d.Escape, b.d.Subcomponent})}
	l.Set(2, h.SendingApplication).Set(3, h.SendingFacility).Set(4, h.ReceivingApplication).Set(5, h.ReceivingFacility)
	l.Set(6, FormatDTM(h.At, h.Zone)).Set(8, trimmed(h.Type[:])...).Set(9, h.ControlID).Set(10, or(h.Processing, "P"))
	l.Set(11, or(h.Version, "2.5.1")).Set(14, h.AcceptAck).Set(15, h.ApplicationAck)
	if h.Charset != "" && h.Charset != ASCII {
		l.Set(17, string(h.Charset))
	}
	l.Set(20, h.Profile)
}

// Add begins a segment.
func (b *Builder) Add(name string) *Line {
	b.end()
	b.open = &Line{d: b.d, name: name}
	return b.open
}

// Copy takes over a segment of another message, with its own delimiters translated.
func (b *Builder) Copy(s Segment) {
	l := b.Add(s.Name())
	for n := 1; n <= s.Len(); n++ {
		l.fields = append(l.fields, translate(s.Field(n), b.d))
	}
}

// translate writes a field by other delimiters. Where they are the same the text stays as it is.
func translate(f Field, d Delimiters) string {
	if from := f.delims(); from == d || f.m == nil {
		return f.s
	}
	var reps []string
	for _, r := range f.Reps() {
		var comps []string
		for i := 1; i <= r.Components(); i++ {
			c := r.Component(i)
			var subs []string
			for j := 1; j <= strings.Count(c.s, string(rune(f.delims().Subcomponent)))+1; j++ {
				if sub := c.Sub(j); sub.Null() {
					subs = append(subs, Null)
				} else {
					subs = append(subs, escape(sub.Whole(), d))
				}
			}
			comps = append(comps, strings.Join(subs, string(rune(d.Subcomponent))))
		}
		reps = append(reps, strings.Join(comps, string(rune(d.Component))))
	}
	return strings.Join(reps, string(rune(d.Repetition)))
}

func (b *Builder) end() {
	if b.open == nil {
		return
	}
	sep := string(rune(b.d.Field))
	b.b.WriteString(b.open.name)
	said := b.open.fields[:lastSaid(b.open.fields)]
	if len(said) == 0 {
		b.b.WriteString(sep) // three letters alone could be a line of text
	}
	for _, f := range said {
		b.b.WriteString(sep)
		b.b.WriteString(f)
	}
	b.b.WriteByte('\r')
	b.open = nil
}

func lastSaid(list []string) int {
	n := len(list)
	for n > 0 && list[n-1] == "" {
		n--
	}
	return n
}

func trimmed(list []string) []string { return list[:lastSaid(list)] }

// Text is the message so far, each segment ended by a carriage return.
func (b *Builder) Text() string {
	b.end()
	return b.b.String()
}

// Bytes is the message in its character set.
func (b *Builder) Bytes() ([]byte, error) { return b.charset.Encode(b.Text()) }

// Set writes field n: one value, or its components. Values are escaped; Null is kept.
func (l *Line) Set(n int, components ...string) *Line { return l.put(n, l.join(components)) }

// Again adds a repetition to field n.
func (l *Line) Again(n int, components ...string) *Line {
	if n > len(l.fields) || l.fields[n-1] == "" {
		return l.Set(n, components...)
	}
	return l.put(n, l.fields[n-1]+string(rune(l.d.Repetition))+l.join(components))
}

// SetSub writes one component of field n as subcomponents, leaving the components before it as they are.
func (l *Line) SetSub(n, component int, subs ...string) *Line {
	parts := make([]string, 0, len(subs))
	for _, s := range subs {
		parts = append(parts, escape(s, l.d))
	}
	var have []string
	if n <= len(l.fields) && l.fields[n-1] != "" {
		have = strings.Split(l.fields[n-1], string(rune(l.d.Component)))
	}
	for len(have) < component {
		have = append(have, "")
	}
	have[component-1] = strings.Join(parts[:lastSaid(parts)], string(rune(l.d.Subcomponent)))
	return l.put(n, strings.Join(have[:lastSaid(have)], string(rune(l.d.Component))))
}

func (l *Line) join(components []string) string {
	parts := make([]string, len(components))
	for i, c := range components {
		if c == Null {
			parts[i] = Null
		} else {
			parts[i] = escape(c, l.d)
		}
	}
	return strings.Join(parts[:lastSaid(parts)], string(rune(l.d.Component)))
}

func (l *Line) put(n int, escaped string) *Line {
	for len(l.fields) < n {
		l.fields = append(l.fields, "")
	}
	l.fields[n-1] = escaped
	return l
}
