// Messages: the records of a text, one after the other.

package astm

import "strings"

// Bounds of what is parsed at once.
const (
	MaxRecords  = 50_000
	MaxFields   = 1000 // of one record
	MaxMessages = 1000 // of one text
)

// Message is one message: from its header to the record before the next header.
type Message struct {
	Delimiters Delimiters
	Charset    Charset // that the bytes were in
	Records    []Record
	Terminated bool // it ends with an L record
	Warnings   []Warning
}

// Header is the H record.
func (m *Message) Header() Record {
	if len(m.Records) == 0 {
		return Record{}
	}
	return m.Records[0]
}

// Parse reads the messages of a text: records end with CR, LF or both. Records before the first header, or none at all, are a
// *FormatError, as are delimiters that cannot be ones.
func Parse(b []byte, charset Charset) ([]Message, error) {
	text, set := charset.decode(b)
	p := parser{charset: set}
	for from := 0; from < len(text); {
		end := recordEnd(text, from)
		if err := p.line(text[from:end], from); err != nil {
			return nil, err
		}
		from = end + 1
	}
	if len(p.messages) == 0 {
		return nil, &FormatError{Reason: "no header record"}
	}
	for i := range p.messages {
		p.messages[i].finish()
	}
	return p.messages, nil
}

// recordEnd is where the record ends that begins at from.
func recordEnd(text string, from int) int {
	for i := from; i < len(text); i++ {
		if text[i] == cr || text[i] == lf {
			return i
		}
	}
	return len(text)
}

type parser struct {
	charset  Charset
	messages []Message
	records  int
}

func (p *parser) line(line string, at int) error {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	if p.records++; p.records > MaxRecords {
		return &FormatError{Offset: at, Record: p.records, Reason: "too many records"}
	}
	line = strings.TrimLeft(line, " \t")
	if isHeader(line) {
		if len(p.messages) >= MaxMessages {
			return &FormatError{Offset: at, Record: p.records, Reason: "too many messages"}
		}
		d, w, err := delimiters(line)
		if err != "" {
			return &FormatError{Offset: at, Record: p.records, Reason: err}
		}
		p.messages = append(p.messages, Message{Delimiters: d, Charset: p.charset, Warnings: w})
	}
	if len(p.messages) == 0 {
		return &FormatError{Offset: at, Record: p.records, Reason: "a record before the header"}
	}
	if reason := p.messages[len(p.messages)-1].add(line); reason != "" {
		return &FormatError{Offset: at, Record: p.records, Reason: reason}
	}
	return nil
}

func isHeader(line string) bool {
	return len(line) > 1 && (line[0] == 'H' || line[0] == 'h') && !isWord(line[1]) && line[1] > ' '
}

// delimiters reads field 2 of a header: repeat, component and escape, after the field delimiter itself (LIS2-A2 7.1.2).
func delimiters(line string) (d Delimiters, w []Warning, reason string) {
	field := line[1]
	named, _, _ := strings.Cut(line[2:], string(field))
	switch {
	case named == "":
		d = Standard
		d.Field = field
		w = append(w, Warning{Code: "no-delimiters", Record: 1, Note: "the header names none: the standard's are taken"})
	case len(named) < 3:
		return d, nil, "the header names fewer than three delimiters"
	default:
		d = Delimiters{field, named[0], named[1], named[2]}
	}
	if !d.valid() {
		return d, nil, "the header names delimiters that cannot be ones"
	}
	return d, w, ""
}

// known are the types of LIS2-A2.
const known = "HPORCLQSM"

// add appends a record to the message.
func (m *Message) add(line string) (reason string) {
	r := Record{Number: len(m.Records) + 1, d: &m.Delimiters}
	if strings.Count(line, string(m.Delimiters.Field)) >= MaxFields {
		return "too many fields"
	}
	if r.Number == 1 { // the delimiters stand in the second field and are no content
		second, rest, more := strings.Cut(line[2:], string(m.Delimiters.Field))
		r.fields = []string{line[:1], second}
		if more {
			r.fields = append(r.fields, strings.Split(rest, string(m.Delimiters.Field))...)
		}
	} else {
		r.fields = strings.Split(line, string(m.Delimiters.Field))
	}
	r.Type = strings.TrimSpace(r.fields[0])
	if up := strings.ToUpper(r.Type); len(up) == 1 && strings.Contains(known, up) {
		if up != r.Type {
			m.warn("lower-case", r.Number, "the type of the record is in lower case")
		}
		r.Type = up
	} else {
		m.warn("unknown-record", r.Number, "kept, not read")
	}
	m.Records = append(m.Records, r)
	return ""
}

// maxWarnings bounds what is said of one message.
const maxWarnings = 1000

func (m *Message) warn(code string, record int, note string) {
	if len(m.Warnings) < maxWarnings {
		m.Warnings = append(m.Warnings, Warning{code, record, note})
	}
}

// finish looks at the whole: the records of a message point at its own delimiters from now on.
func (m *Message) finish() {
	for i := range m.Records {
		m.Records[i].d = &m.Delimiters
		if m.Records[i].Type == "L" {
			m.Terminated = true
		}
	}
	if !m.Terminated {
		m.warn("no-terminator", len(m.Records), "the message has no L record: it may be incomplete")
	}
}
