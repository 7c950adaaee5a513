// Escape sequences (HL7 v2.5.1 2.7): leaves are unescaped after splitting, and what is not known stays as it stands.

package hl7

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// maxSkip bounds \.sp n\ and its kin: fourteen bytes must not become gigabytes.
const maxSkip = 100

// maxSequence bounds how far the end of a sequence is looked for: hexadecimal data may be long.
const maxSequence = 4096

// maxSkips bounds them together in one leaf.
const maxSkips = 2000

// unescape replaces the sequences of a leaf. unknown counts those that stayed: not known, not ended, or not of the character set.
func unescape(s string, d Delimiters, c Charset) (out string, unknown int) {
	var b strings.Builder
	b.Grow(len(s))
	unknown = walkEscapes(s, d, c, func(part string) { b.WriteString(part) })
	return b.String(), unknown
}

// walkEscapes hands the parts of a leaf on, unescaped.
func walkEscapes(s string, d Delimiters, c Charset, put func(string)) (unknown int) {
	for skips := 0; ; {
		i := strings.IndexByte(s, d.Escape)
		if i < 0 {
			put(s)
			return unknown
		}
		put(s[:i])
		s = s[i:]
		end := strings.IndexByte(s[1:min(len(s), maxSequence)], d.Escape)
		var text string
		ok := false
		if end >= 0 {
			text, ok = sequence(s[1:1+end], d, c)
		}
		if !ok { // it may be a lone escape character whose "end" begins the next sequence
			put(s[:1])
			s = s[1:]
			unknown++
			continue
		}
		if strings.HasPrefix(s[1:], ".s") {
			if skips += len(text); skips > maxSkips {
				text = text[:1]
			}
		}
		put(text)
		s = s[end+2:]
	}
}

// sequence reads what stands between two escape characters.
func sequence(q string, d Delimiters, c Charset) (string, bool) {
	switch q {
	case "F":
		return string(rune(d.Field)), true
	case "S":
		return string(rune(d.Component)), true
	case "T":
		return orByte(d.Subcomponent, '&'), true
	case "R":
		return string(rune(d.Repetition)), true
	case "E":
		return string(rune(d.Escape)), true
	case "P", "L":
		return orByte(d.Truncation, '#'), true
	case "H", "N": // highlighting begins and ends
		return "", true
	}
	switch {
	case strings.HasPrefix(q, "X") && len(q) > 1:
		raw, err := hex.DecodeString(q[1:])
		if err != nil {
			return "", false
		}
		text, ok := c.decodePart(raw)
		return strings.Map(dropControl, text), ok
	case strings.HasPrefix(q, "."):
		return format(q[1:])
	}
	return "", false
}

func orByte(c, otherwise byte) string {
	if c == 0 {
		c = otherwise
	}
	return string(rune(c))
}

func dropControl(r rune) rune {
	if isControl(r) {
		return -1
	}
	return r
}

var manyLines, manySpaces = strings.Repeat("\n", maxSkip), strings.Repeat(" ", maxSkip)

// format reads the formatting commands of FT (HL7 v2.5.1 2.7.6).
func format(q string) (string, bool) {
	name, number := q, 0
	if len(q) > 2 {
		name = q[:2]
		n, err := strconv.Atoi(strings.TrimSpace(q[2:]))
		if err != nil {
			return "", false
		}
		number = min(max(n, 0), maxSkip)
	}
	switch name {
	case "br", "ce":
		return "\n", true
	case "sp":
		return manyLines[:max(number, 1)], true
	case "sk":
		return manySpaces[:max(number, 1)], true
	case "in", "ti", "fi", "nf":
		return "", true
	}
	return "", false
}

// escape writes a text so that it can stand as a leaf: delimiters as sequences, line breaks as \.br\, no other control characters.
func escape(s string, d Delimiters) string {
	special := func(r rune) bool {
		return r < ' ' || r == 0x7f || r < 0x80 && d.letter(byte(r)) != 0
	}
	if !strings.ContainsFunc(s, special) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i, r := range s {
		switch {
		case r == '\n' && i > 0 && s[i-1] == '\r': // \r\n is one break
		case r == '\n' || r == '\r':
			b.WriteString(string(rune(d.Escape)) + ".br" + string(rune(d.Escape)))
		case r < ' ' && r != '\t' || r == 0x7f:
		case r < 0x80 && d.letter(byte(r)) != 0:
			b.Write([]byte{d.Escape, d.letter(byte(r)), d.Escape})
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// letter is the escape letter of a delimiter, 0 for any other character.
func (d Delimiters) letter(c byte) byte {
	switch c {
	case 0:
		return 0
	case d.Field:
		return 'F'
	case d.Component:
		return 'S'
	case d.Subcomponent:
		return 'T'
	case d.Repetition:
		return 'R'
	case d.Escape:
		return 'E'
	case d.Truncation:
		return 'P'
	}
	return 0
}

// EscapeFaults finds the fields with sequences that are not known or not ended; their text keeps them as they stand.
func (m *Message) EscapeFaults() []Warning {
	d := m.Delims
	if d.Escape == 0 || strings.Count(m.Text, string(rune(d.Escape))) < 2 {
		return nil
	}
	var out []Warning
	for s := range m.Segments() {
		if s.isHeader() || strings.IndexByte(s.Raw(), d.Escape) < 0 {
			continue
		}
		for n := 1; n <= s.Len() && len(out) < maxWarnings; n++ {
			if f := s.Field(n).s; strings.IndexByte(f, d.Escape) >= 0 {
				if walkEscapes(f, d, m.Charset, func(string) {}) > 0 {
					out = append(out, Warning{"unknown-escape", s.Place(n)})
				}
			}
		}
	}
	return out
}
