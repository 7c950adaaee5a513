// Text becomes an index: where segments begin, where their fields begin. Nothing is copied and nothing unescaped here.

package hl7

import (
	"strconv"
	"strings"
)

// Options of Parse. The zero value takes what the message says of itself.
type Options struct {
	Charset     Charset // of the link; it overrules the message
	Lenient     bool    // bytes that are not of the character set become U+FFFD instead of refusing the message
	MaxBytes    int     // default 64 MiB
	MaxSegments int     // default 100 000
}

func (o Options) filled() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxSegments == 0 {
		o.MaxSegments = 100_000
	}
	return o
}

// Delimiters of one message: MSH-1 and MSH-2. A zero byte is a delimiter that the message does not have.
type Delimiters struct {
	Field, Component, Repetition, Escape, Subcomponent, Truncation byte
}

// Standard are the delimiters that are recommended (HL7 v2.5.1 2.5.4).
var Standard = Delimiters{'|', '^', '~', '\\', '&', 0}

// Message is one message. It is safe for many readers at once.
type Message struct {
	Raw      []byte // as it came
	Text     string // decoded, without byte order mark and control characters
	Charset  Charset
	Reason   Reason // what decided the character set
	Delims   Delimiters
	Warnings []Warning

	segments []span
	fields   []uint32 // where fields begin, of all segments one after the other
}

// span is a segment: where it stands in the text, which of the fields are its own.
type span struct {
	start, end   uint32
	first, count uint32
	nth          uint32 // of its name, from 1
}

// Parse reads one message. A FormatError says why it cannot be one; batches are for ParseBatch.
func Parse(raw []byte, o Options) (*Message, error) {
	o = o.filled()
	if len(raw) > o.MaxBytes {
		return nil, formatError(o.MaxBytes, "MSH", ValueTooLong, "the message is larger than "+strconv.Itoa(o.MaxBytes)+" bytes")
	}
	t, err := decode(raw, o.Charset, o.Lenient)
	m := &Message{Raw: raw, Text: t.s, Charset: t.charset, Reason: t.reason, Warnings: t.warnings}
	if err != nil {
		return nil, err
	}
	m.clean()
	if err := m.readDelimiters(); err != nil {
		return nil, err
	}
	if err := m.index(o.MaxSegments); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Message) warn(code, place string) {
	if len(m.Warnings) < maxWarnings {
		m.Warnings = append(m.Warnings, Warning{code, place})
	}
}

// clean takes out control characters that no text has (NUL above all) and what stands before the first segment.
func (m *Message) clean() {
	if hasControl(m.Text) {
		m.warn("control-characters", "MSH")
		m.Text = strings.Map(func(r rune) rune {
			if isControl(r) {
				return -1
			}
			return r
		}, m.Text)
	}
	if trimmed := strings.TrimLeft(m.Text, "\r\n \t\uFEFF"); len(trimmed) != len(m.Text) {
		m.warn("leading-space", "MSH")
		m.Text = trimmed
	}
}

// hasControl looks at bytes: control characters are never a part of another one.
func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\r' && c != '\n' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

func isControl(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' || r == 0x7f }

// readDelimiters reads MSH-1 and MSH-2 (HL7 v2.5.1 2.5.4; the fifth character is 2.7's truncation).
func (m *Message) readDelimiters() error {
	switch {
	case len(m.Text) < 3 || m.Text[:3] != "MSH":
		return formatError(0, "MSH", SegmentSequence, "the message does not begin with MSH")
	case len(m.Text) < 5:
		return formatError(3, "MSH-2", RequiredMissing, "the header ends before its delimiters")
	}
	field := m.Text[3]
	rest := m.Text[4:min(len(m.Text), 12)]
	end := strings.IndexByte(rest, field)
	if stop := strings.IndexAny(rest, "\r\n"); end < 0 || stop >= 0 && stop < end {
		end = stop
	}
	if end < 0 {
		return formatError(4, "MSH-2", ValueTooLong, "no end of the delimiters")
	}
	chars := m.Text[3 : 4+end]
	if len(chars) < 3 || len(chars) > 6 {
		return formatError(4, "MSH-2", RequiredMissing, "want two to five delimiters")
	}
	for i := range len(chars) {
		c := chars[i]
		if c <= ' ' || c >= 0x7f || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return formatError(3+i, "MSH-2", WrongDataType, "a delimiter is a letter, a digit or no printable character")
		}
		if strings.IndexByte(chars[:i], c) >= 0 {
			return formatError(3+i, "MSH-2", WrongDataType, "a delimiter stands for two things")
		}
	}
	d := &m.Delims
	for i, to := range []*byte{&d.Field, &d.Component, &d.Repetition, &d.Escape, &d.Subcomponent, &d.Truncation} {
		if i < len(chars) {
			*to = chars[i]
		}
	}
	return nil
}

// index finds segments and fields in one walk. Carriage returns end segments; line feeds do so too where the sender knows no better. A line
// that does not look like a segment belongs to the field before it.
func (m *Message) index(maxSegments int) error {
	t, sep := m.Text, m.Delims.Field
	if strings.IndexByte(t, '\n') >= 0 {
		m.warn("line-feeds", "MSH")
	}
	m.segments = make([]span, 0, min(len(t)/60+4, maxSegments))
	m.fields = make([]uint32, 0, strings.Count(t, string(rune(sep)))+8)
	counts := map[string]uint32{}
	returns, feeds := finder{c: '\r'}, finder{c: '\n'}
	for at := 0; at < len(t); {
		end := min(returns.from(t, at), feeds.from(t, at))
		line := t[at:end]
		switch {
		case strings.TrimSpace(line) == "":
		case isSegment(line, sep):
			if len(m.segments) == maxSegments {
				return formatError(at, "MSH", ValueTooLong, "more segments than are taken")
			}
			if err := m.add(at, end, counts); err != nil {
				return err
			}
		default:
			if err := m.join(at, end); err != nil {
				return err
			}
		}
		at = end + 1
	}
	return nil
}

// finder finds the next of one character, without looking twice at what it has seen.
type finder struct {
	c     byte
	next  int
	begun bool
}

func (f *finder) from(t string, at int) int {
	if f.begun && f.next >= at {
		return f.next
	}
	f.begun, f.next = true, len(t)
	if i := strings.IndexByte(t[at:], f.c); i >= 0 {
		f.next = at + i
	}
	return f.next
}

func (m *Message) add(at, end int, counts map[string]uint32) error {
	name := m.Text[at : at+3]
	if !isUpper(name) {
		name = strings.ToUpper(name)
		m.warn("lower-case", name)
	}
	counts[name]++
	if name == "MSH" && len(m.segments) > 0 {
		return formatError(at, "MSH", SegmentSequence, "a second message begins inside the message")
	}
	s := span{start: uint32(at), end: uint32(end), first: uint32(len(m.fields)), nth: counts[name]}
	if err := m.fieldsOf(&s, at+3, end); err != nil {
		return err
	}
	m.segments = append(m.segments, s)
	return nil
}

// maxFields is far beyond what any segment has; OBX of 2.8 has 33.
const maxFields = 2000

// fieldsOf appends where the fields between at and end begin.
func (m *Message) fieldsOf(s *span, at, end int) error {
	t, sep := m.Text, m.Delims.Field
	for at < end {
		i := strings.IndexByte(t[at:end], sep)
		if i < 0 {
			break
		}
		at += i + 1
		if s.count == maxFields {
			return formatError(at, m.place(s), ValueTooLong, "more fields than a segment has")
		}
		m.fields = append(m.fields, uint32(at))
		s.count++
	}
	return nil
}

// join gives a line to the field before it: a sender wrote a line break without escaping it.
func (m *Message) join(at, end int) error {
	if len(m.segments) == 0 {
		return nil
	}
	s := &m.segments[len(m.segments)-1]
	if len(m.Warnings) < maxWarnings {
		m.warn("joined-line", m.place(s))
	}
	s.end = uint32(end)
	return m.fieldsOf(s, at, end)
}

func (m *Message) place(s *span) string {
	return strings.ToUpper(m.Text[s.start:s.start+3]) + "[" + strconv.Itoa(int(s.nth)) + "]"
}

// bare are segments that may stand without any field.
var bare = map[string]bool{"FHS": true, "BHS": true, "BTS": true, "FTS": true, "DSC": true, "SFT": true, "PV1": true, "PV2": true, "PD1": true, "NTE": true, "EVN": true}

// isSegment tells whether a line begins like a segment: a letter, two letters or digits, then the field separator or nothing.
func isSegment(line string, sep byte) bool {
	if len(line) < 3 || !isLetter(line[0]) || !isLetterOrDigit(line[1]) || !isLetterOrDigit(line[2]) {
		return false
	}
	if len(line) == 3 {
		return bare[line]
	}
	if line[3] != sep {
		return len(strings.TrimRight(line, " \t")) == 3 && bare[line[:3]]
	}
	return isUpper(line[:3]) || known[strings.ToUpper(line[:3])]
}

// isUpper tells whether letters and digits have no lower case among them.
func isUpper(name string) bool { return name[0] < 'a' && name[1] < 'a' && name[2] < 'a' }

// known are segments that are taken in lower case too.
var known = map[string]bool{
	"PID": true, "PV1": true, "PV2": true, "ORC": true, "OBR": true, "OBX": true, "NTE": true, "SPM": true, "TQ1": true, "SAC": true, "EVN": true,
	"MRG": true, "QPD": true, "RCP": true, "QRD": true, "QRF": true, "DG1": true, "AL1": true, "NK1": true, "PD1": true, "INV": true,
}

func isLetter(c byte) bool        { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }
func isLetterOrDigit(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' }
