// Sections 8 and 11: what the cart or a physician says of the recording (EN 1064 5.11, 5.14).

package scp

import (
	"bytes"
	"fmt"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// CodeSystem is the system of the universal statement codes of section 11 ("MI_ANT_PROB").
const CodeSystem = "SCP-ECG"

const (
	reportHead = 9 // status, date, time, count
	confirmed  = 1 // status: a physician confirmed it

	kindCode = 1 // in section 11: a universal statement code with its modifiers
	kindText = 2 // full text
)

// report calls each with the statements of section 8 or 11.
func (r *record) report(id int, each func(b []byte, confirmed bool)) {
	s := r.sections[id]
	if len(s.body) < reportHead {
		return
	}
	ok, n, b := s.body[0] == confirmed, int(s.body[8]), s.body[reportHead:]
	for range n {
		if len(b) < 3 {
			if !s.cut {
				r.t.Warn(tracing.Truncated, fmt.Sprintf("section %d: the statements are not whole", id))
			}
			return
		}
		size := min(int(le.Uint16(b[1:])), len(b)-3)
		each(b[3:][:size], ok)
		b = b[3+size:]
	}
}

func (r *record) statements() {
	r.report(secText, func(b []byte, ok bool) {
		r.state(tracing.Statement{Text: r.text(b), Confirmed: ok})
	})
	r.report(secCodes, func(b []byte, ok bool) {
		switch firstOf(b) {
		case kindCode:
			code := r.text(bytes.ReplaceAll(bytes.TrimRight(b[1:], "\x00"), []byte{0}, []byte{' '}))
			r.state(tracing.Statement{Code: code, System: CodeSystem, Text: code, Confirmed: ok})
		case kindText:
			r.state(tracing.Statement{Text: r.text(b[1:]), Confirmed: ok})
		}
	})
}

// state keeps a statement unless it is empty or there already.
func (r *record) state(s tracing.Statement) {
	s.Source = r.source()
	if s.Text == "" || len(r.t.Statements) >= tracing.MaxTexts {
		return
	}
	for _, x := range r.t.Statements {
		if x == s {
			return
		}
	}
	r.t.Statements = append(r.t.Statements, s)
}
