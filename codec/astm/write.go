// Making messages.

package astm

import (
	"strconv"
	"strings"
)

// Value is a field that is to be written: repeats of components, without escapes.
type Value [][]string

// Text is a field of one component.
func Text(s string) Value {
	if s == "" {
		return nil
	}
	return Value{{s}}
}

// Components is a field of several components.
func Components(c ...string) Value { return Value{c} }

// Repeat joins fields as repeats of one.
func Repeat(all ...Value) Value {
	var out Value
	for _, v := range all {
		out = append(out, v...)
	}
	return out
}

// Writer makes a message, record by record. Begin with Header, end with Terminator.
type Writer struct {
	d    Delimiters
	text strings.Builder
}

// NewWriter returns a writer of messages with these delimiters, the standard's if they cannot be ones.
func NewWriter(d Delimiters) *Writer {
	if !d.valid() {
		d = Standard
	}
	return &Writer{d: d}
}

// Header writes the H record. The fields begin with field 3.
func (w *Writer) Header(fields ...Value) {
	w.text.WriteString("H" + string([]byte{w.d.Field, w.d.Repeat, w.d.Component, w.d.Escape}))
	w.fields(fields)
}

// Record writes a record. The fields begin with field 2.
func (w *Writer) Record(kind string, fields ...Value) {
	w.text.WriteString(kind)
	w.fields(fields)
}

// Terminator writes the L record: N normal, I no information available from the last query, Q error in the last query, F last
// request finished (LIS2-A2 12.1.3).
func (w *Writer) Terminator(code string) { w.Record("L", Text("1"), Text(code)) }

func (w *Writer) fields(fields []Value) {
	for len(fields) > 0 && len(fields[len(fields)-1]) == 0 {
		fields = fields[:len(fields)-1]
	}
	for _, f := range fields {
		w.text.WriteByte(w.d.Field)
		w.field(f)
	}
	w.text.WriteByte(cr)
}

func (w *Writer) field(v Value) {
	for i, components := range v {
		if i > 0 {
			w.text.WriteByte(w.d.Repeat)
		}
		for j, c := range components {
			if j > 0 {
				w.text.WriteByte(w.d.Component)
			}
			w.text.WriteString(w.d.escaped(c))
		}
	}
}

// Bytes is the message so far, records ending with CR.
func (w *Writer) Bytes(c Charset) []byte { return c.encode(w.text.String()) }

// Bytes writes the message as Parse reads it, in a character set.
func (m *Message) Bytes(c Charset) []byte {
	var out strings.Builder
	for _, r := range m.Records {
		out.WriteString(r.Text())
		out.WriteByte(cr)
	}
	return c.encode(out.String())
}

// Sequence is the number of a record among its like, as field 2.
func Sequence(n int) Value { return Text(strconv.Itoa(n)) }
