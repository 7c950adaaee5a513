package dicom

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonText reads JSON (RFC 8259) from memory, piece by piece.
type jsonText struct {
	b []byte
	i int
}

func (j *jsonText) fail(kind Kind, format string, args ...any) error {
	return &FormatError{Offset: int64(j.i), Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

func (j *jsonText) bad() error { return j.fail(Structure, "not well-formed JSON") }

// peek passes over white space and shows what comes, 0 at the end.
func (j *jsonText) peek() byte {
	for j.i < len(j.b) {
		switch c := j.b[j.i]; c {
		case ' ', '\t', '\n', '\r':
			j.i++
		default:
			return c
		}
	}
	return 0
}

func (j *jsonText) next(c byte) bool {
	if j.peek() != c {
		return false
	}
	j.i++
	return true
}

// object calls see for each member, with the reader before its value.
func (j *jsonText) object(see func(name []byte) error) error {
	if !j.next('{') {
		return j.bad()
	}
	if j.next('}') {
		return nil
	}
	for {
		name, err := j.text()
		if err != nil {
			return err
		}
		if !j.next(':') {
			return j.bad()
		}
		if err := see(name); err != nil {
			return err
		}
		if j.next('}') {
			return nil
		}
		if !j.next(',') {
			return j.bad()
		}
	}
}

// array calls see for each member, with the reader before it.
func (j *jsonText) array(see func() error) error {
	if !j.next('[') {
		return j.bad()
	}
	if j.next(']') {
		return nil
	}
	for {
		if err := see(); err != nil {
			return err
		}
		if j.next(']') {
			return nil
		}
		if !j.next(',') {
			return j.bad()
		}
	}
}

// deepest is how deep a value may be that is passed over.
const deepest = 256

func (j *jsonText) skip(depth int) error {
	if depth > deepest {
		return j.fail(Limit, "JSON is nested deeper than %d", deepest)
	}
	switch j.peek() {
	case '{':
		return j.object(func([]byte) error { return j.skip(depth + 1) })
	case '[':
		return j.array(func() error { return j.skip(depth + 1) })
	case 'n':
		return j.word("null")
	}
	_, err := j.scalar()
	return err
}

func (j *jsonText) word(w string) error {
	if len(j.b)-j.i < len(w) || string(j.b[j.i:j.i+len(w)]) != w {
		return j.bad()
	}
	j.i += len(w)
	return nil
}

// scalar reads a string, or the text of a number or truth value.
func (j *jsonText) scalar() ([]byte, error) {
	switch c := j.peek(); {
	case c == '"':
		return j.text()
	case c == 't':
		return []byte("true"), j.word("true")
	case c == 'f':
		return []byte("false"), j.word("false")
	case c == '-', c >= '0' && c <= '9':
		return j.number()
	}
	return nil, j.bad()
}

func (j *jsonText) number() ([]byte, error) {
	from := j.i
	if j.b[j.i] == '-' {
		j.i++
	}
	if j.run() == 0 {
		return nil, j.bad()
	}
	if j.i < len(j.b) && j.b[j.i] == '.' {
		j.i++
		if j.run() == 0 {
			return nil, j.bad()
		}
	}
	if j.i < len(j.b) && j.b[j.i]|0x20 == 'e' {
		j.i++
		if j.i < len(j.b) && (j.b[j.i] == '+' || j.b[j.i] == '-') {
			j.i++
		}
		if j.run() == 0 {
			return nil, j.bad()
		}
	}
	return j.b[from:j.i], nil
}

func (j *jsonText) run() int {
	r, _ := digits(j.b[j.i:])
	j.i += len(r)
	return len(r)
}

// text reads a string. The result is part of the input if there is nothing to unescape, and always UTF-8.
func (j *jsonText) text() ([]byte, error) {
	if !j.next('"') {
		return nil, j.bad()
	}
	from := j.i
	plain := true
	for ; j.i < len(j.b); j.i++ {
		switch c := j.b[j.i]; {
		case c == '"':
			s := j.b[from:j.i]
			j.i++
			if plain || utf8.Valid(s) {
				return s, nil
			}
			return []byte(string([]rune(string(s)))), nil
		case c == '\\':
			return j.unescape(from)
		case c < ' ':
			return nil, j.bad()
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	return nil, j.bad()
}

func (j *jsonText) unescape(from int) ([]byte, error) {
	out := append([]byte(nil), j.b[from:j.i]...)
	for j.i < len(j.b) {
		c := j.b[j.i]
		j.i++
		switch {
		case c == '"':
			return []byte(string([]rune(string(out)))), nil
		case c < ' ':
			return nil, j.bad()
		case c != '\\':
			out = append(out, c)
			continue
		case j.i == len(j.b):
			return nil, j.bad()
		}
		c = j.b[j.i]
		j.i++
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, err := j.escaped()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, j.bad()
		}
	}
	return nil, j.bad()
}

// escaped reads the digits behind \u, and the second half of a pair if there is one.
func (j *jsonText) escaped() (rune, error) {
	r, ok := j.four(j.i)
	if !ok {
		return 0, j.bad()
	}
	j.i += 4
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if j.i+6 <= len(j.b) && j.b[j.i] == '\\' && j.b[j.i+1] == 'u' {
		if low, ok := j.four(j.i + 2); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				j.i += 6
				return both, nil
			}
		}
	}
	return utf8.RuneError, nil
}

func (j *jsonText) four(at int) (rune, bool) {
	if at+4 > len(j.b) {
		return 0, false
	}
	var r rune
	for _, c := range j.b[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
