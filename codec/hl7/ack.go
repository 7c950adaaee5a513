// Acknowledgements: original and enhanced mode (HL7 v2.5.1 2.9.2, 2.9.3), in the sender's characters.

package hl7

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// AckCode is MSA-1 (table 0008).
type AckCode string

// The codes. C is the accept acknowledgement: kept, not yet judged. A is that of the application.
const (
	AA AckCode = "AA"
	AE AckCode = "AE" // mend and send again
	AR AckCode = "AR" // not of this kind, not from there, not now
	CA AckCode = "CA"
	CE AckCode = "CE"
	CR AckCode = "CR"
)

// Positive reports a code after which the sender forgets the message.
func (c AckCode) Positive() bool { return c == AA || c == CA }

// Accept is the accept acknowledgement that says the same.
func (c AckCode) Accept() AckCode {
	return map[AckCode]AckCode{AA: CA, AE: CE, AR: CR, CA: CA, CE: CE, CR: CR}[c]
}

// Problem is one ERR segment.
type Problem struct {
	Place    string // "OBX[3]-5", "MSH-18"
	Code     Code
	Severity string // E (default), W, I
	Text     string // for a person; no personal data
}

// Ack is what is answered.
type Ack struct {
	Code     AckCode
	Text     string // MSA-3
	Problems []Problem
}

// Reply is who answers.
type Reply struct {
	ControlID string // MSH-10 of the answer, new for every one
	At        time.Time
	Zone      *time.Location
}

// Modes says what a message asks for (MSH-15, MSH-16): an accept acknowledgement, one of the application, for success and for failure.
// Both fields empty is the original mode: one acknowledgement of the application.
func (h Header) Modes(good bool) (accept, application bool) {
	if h.AcceptAck == "" && h.ApplicationAck == "" {
		return false, true
	}
	return asked(h.AcceptAck, good), asked(h.ApplicationAck, good)
}

// asked reads a condition of table 0155. Empty beside a stated one counts as never (HL7 v2.5.1 2.9.3).
func asked(condition string, good bool) bool {
	switch strings.ToUpper(condition) {
	case "AL":
		return true
	case "ER":
		return !good
	case "SU":
		return good
	}
	return false
}

// Acknowledge writes the answer to a message with a header: places 3, 4 and 5, 6 change sides; its characters and version are the message's.
func (h Header) Acknowledge(a Ack, r Reply) []byte {
	out := h.Answer([3]string{"ACK", echo(h.Type[1]), "ACK"}, r)
	if !atLeast(h.Version, 2, 4) {
		out.Type[2] = ""
	}
	b := NewBuilder(out)
	b.Acknowledge(h, a)
	raw, err := b.Bytes()
	if err != nil { // a set that has no Chinese: the letters that it has
		raw = []byte(strings.Map(func(r rune) rune {
			if r > '~' {
				return '?'
			}
			return r
		}, b.Text()))
	}
	return raw
}

// Answer is the header of an answer to a message.
func (h Header) Answer(kind [3]string, r Reply) Header {
	if h.Charset == UTF16 { // its bytes could be those of a frame
		h.Charset = UTF8
	}
	return Header{
		SendingApplication: echo(h.ReceivingApplication), SendingFacility: echo(h.ReceivingFacility),
		ReceivingApplication: echo(h.SendingApplication), ReceivingFacility: echo(h.SendingFacility),
		At: r.At, Zone: r.Zone, Type: kind, ControlID: r.ControlID, Processing: echo(h.Processing), Version: echo(h.Version), Charset: h.Charset,
	}
}

// echo makes a text of the sender fit to be sent back: what could not be decoded would damage the answer too.
func echo(s string) string { return strings.ReplaceAll(s, "\uFFFD", "?") }

// Acknowledge adds MSA and ERR for the message with header h.
func (b *Builder) Acknowledge(h Header, a Ack) {
	b.Add("MSA").Set(1, string(a.Code)).Set(2, echo(h.ControlID)).Set(3, cut(a.Text, 80))
	for _, p := range a.Problems {
		l := b.Add("ERR")
		segment, seq, field := splitPlace(p.Place)
		if !atLeast(h.Version, 2, 5) { // ERR-1 is a list of segment^sequence^field^code
			l.Set(1, segment, seq, field, "").SetSub(1, 4, strconv.Itoa(int(p.Code)), p.Code.String(), "HL70357")
			continue
		}
		if segment != "" {
			l.Set(2, segment, seq, field)
		}
		severity := p.Severity
		if severity == "" {
			severity = "E"
		}
		l.Set(3, strconv.Itoa(int(p.Code)), p.Code.String(), "HL70357").Set(4, severity).Set(8, cut(p.Text, 250))
	}
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// splitPlace reads "OBX[3]-5": segment, sequence, field.
func splitPlace(place string) (segment, sequence, field string) {
	segment, field, _ = strings.Cut(place, "-")
	segment, sequence, _ = strings.Cut(segment, "[")
	sequence = strings.TrimSuffix(sequence, "]")
	if segment != "" && sequence == "" {
		sequence = "1"
	}
	return segment, sequence, field
}

// atLeast compares MSH-12. What is no version counts as the newest.
func atLeast(version string, major, minor int) bool {
	parts := strings.Split(version, ".")
	a, err := strconv.Atoi(parts[0])
	if err != nil || len(parts) < 2 {
		return true
	}
	b, err := strconv.Atoi(parts[1])
	return err != nil || a > major || a == major && b >= minor
}

// Glimpse reads the header of bytes without looking at the rest, also of bytes that could not be parsed: an answer needs to name what it
// answers. False where there is no header at all.
func Glimpse(raw []byte, o Options) (Header, bool) {
	line := bytes.TrimLeft(raw, "\r\n \t")
	if end := bytes.IndexAny(line[:min(len(line), maxGlimpse)], "\r\n"); end >= 0 && isASCII(line[:end]) && !bytes.Contains(line[:end], []byte{0}) {
		line = line[:end]
	} else {
		line = raw // the header has characters of its own: all bytes together say of which set
	}
	t, err := decode(line, o.Charset, true)
	if err != nil {
		return Header{}, false
	}
	m := &Message{Text: t.s, Charset: t.charset}
	m.clean()
	if end := strings.IndexAny(m.Text, "\r\n"); end >= 0 {
		m.Text = m.Text[:end]
	}
	m.Text = m.Text[:min(len(m.Text), maxGlimpse)]
	if m.readDelimiters() != nil || m.index(1) != nil {
		return Header{}, false
	}
	return m.Header(), true
}

// maxGlimpse is how long a header may be.
const maxGlimpse = 16 << 10
