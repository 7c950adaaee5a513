// The tokens: start tag, end tag, text. Comments, processing instructions and an external document type are passed over.

package xmlin

import (
	"bytes"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// advance reads the next token; false at the end of the root element, of the file, and where it is not to be trusted.
func (r *Reader) advance() bool {
	if r.err != nil || r.cut {
		return false
	}
	if r.closing {
		r.closing = false
		return r.pop(len(r.stack) - 1)
	}
	if r.kind != none && len(r.stack) == 0 {
		return false // behind the root
	}
	for r.pos < len(r.b) {
		if r.b[r.pos] != '<' {
			if r.runText(); len(bytes.TrimSpace(r.text)) > 0 {
				return true
			}
			continue
		}
		known, ok := r.markup()
		if r.err != nil {
			return false
		}
		if known {
			return ok
		}
	}
	r.cut = true
	return false
}

func (r *Reader) runText() {
	n := bytes.IndexByte(r.b[r.pos:], '<')
	if n < 0 {
		n = len(r.b) - r.pos
		r.cutInText = len(r.stack) > 0
	}
	r.text, r.cdata, r.kind = r.b[r.pos:r.pos+n], false, text
	if len(r.stack) == 0 {
		r.text, r.kind = nil, none // between the declaration and the root
	}
	r.pos += n
}

// markup reads what begins with "<". It is known when it made a token.
func (r *Reader) markup() (known, ok bool) {
	rest := r.b[r.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		r.pass(4, "-->")
	case bytes.HasPrefix(rest, []byte("<?")):
		if end := r.pass(2, "?>"); end > 0 && bytes.HasPrefix(rest, []byte("<?xml ")) {
			r.declared(rest[:end])
		}
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return r.characterData()
	case bytes.HasPrefix(rest, []byte("<!")):
		r.documentType(rest)
	case bytes.HasPrefix(rest, []byte("</")):
		return r.endTag(rest)
	default:
		return r.startTag(rest)
	}
	return false, false
}

// pass goes behind the next mark and tells how far that was, 0 if the file ends before.
func (r *Reader) pass(from int, mark string) int {
	n := bytes.Index(r.b[r.pos+from:], []byte(mark))
	if n < 0 {
		r.pos = len(r.b)
		return 0
	}
	r.pos += from + n + len(mark)
	return from + n + len(mark)
}

func (r *Reader) characterData() (known, ok bool) {
	from := r.pos + len("<![CDATA[")
	n := bytes.Index(r.b[from:], []byte("]]>"))
	if n < 0 {
		r.text, r.pos, r.cutInText = r.b[from:], len(r.b), true
	} else {
		r.text, r.pos = r.b[from:from+n], from+n+3
	}
	r.cdata, r.kind = true, text
	return len(r.stack) > 0, true
}

// documentType passes over a reference to an external definition, which is never loaded, and refuses one inside the file: it could
// define entities.
func (r *Reader) documentType(rest []byte) {
	quote := byte(0)
	for i := 2; i < len(rest) && i < maxTag; i++ {
		c := rest[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			inside, _, _ := bytes.Cut(rest[i+1:], []byte("]"))
			if len(bytes.TrimSpace(inside)) > 0 {
				r.fail("a document type definition inside the file")
				return
			}
		case c == '>':
			r.pos += i + 1
			return
		}
	}
	if len(rest) < maxTag {
		r.pos = len(r.b)
		return
	}
	r.fail("a declaration without end")
}

func (r *Reader) endTag(rest []byte) (known, ok bool) {
	n := bytes.IndexByte(rest[:min(len(rest), maxTag)], '>')
	if n < 0 {
		return false, r.unended(rest)
	}
	name := local(bytes.TrimSpace(rest[2:n]))
	r.pos += n + 1
	for i := len(r.stack) - 1; i >= 0; i-- {
		if r.stack[i] == string(name) {
			if i < len(r.stack)-1 {
				r.warn(tracing.Repaired, "an element without end tag was closed")
			}
			return true, r.pop(i)
		}
	}
	r.warn(tracing.Repaired, "an end tag without start tag was passed over")
	return false, false
}

// pop ends elements down to a depth.
func (r *Reader) pop(depth int) bool {
	r.stack = r.stack[:depth]
	r.kind = end
	return true
}

// unended is a tag that the file does not finish.
func (r *Reader) unended(rest []byte) bool {
	if len(rest) >= maxTag {
		r.fail("a tag of more than %d bytes", maxTag)
	}
	r.pos = len(r.b)
	return false
}

func (r *Reader) startTag(rest []byte) (known, ok bool) {
	i := 1
	for i < len(rest) && i < maxTag && !isSpace(rest[i]) && rest[i] != '>' && rest[i] != '/' && rest[i] != '<' {
		i++
	}
	if i >= len(rest) || i >= maxTag {
		return false, r.unended(rest)
	}
	name := local(rest[1:i])
	if !isName(name) { // a bare "<" in a text
		r.warn(tracing.Repaired, "a character that is markup stands in a text")
		r.pos++
		return false, false
	}
	i, whole := r.attributes(rest, i)
	if r.err != nil {
		return true, false
	}
	if !whole {
		return false, r.unended(rest)
	}
	if len(r.stack) >= maxDepth {
		r.fail("elements nested deeper than %d", maxDepth)
		return true, false
	}
	r.pos += i
	r.name = r.intern(name)
	r.stack = append(r.stack, r.name)
	r.kind = start
	return true, true
}

// attributes reads those of a start tag from i on and tells where the tag ends.
func (r *Reader) attributes(b []byte, i int) (end int, whole bool) {
	r.attrs = r.attrs[:0]
	b = b[:min(len(b), maxTag)]
	for {
		i = skipSpace(b, i)
		if i >= len(b) {
			return 0, false
		}
		switch b[i] {
		case '>':
			return i + 1, true
		case '/':
			if i+1 < len(b) && b[i+1] == '>' {
				r.closing = true
				return i + 2, true
			}
			i++
			continue
		}
		var a attribute
		if a, i = oneAttribute(b, i); i < 0 {
			return 0, false
		}
		if len(r.attrs) == maxAttributes {
			r.fail("an element with more than %d attributes", maxAttributes)
			return 0, false
		}
		r.attrs = append(r.attrs, a)
	}
}

// oneAttribute reads name="value"; a place of -1 where the bytes end before it does.
func oneAttribute(b []byte, i int) (attribute, int) {
	from := i
	for i < len(b) && b[i] != '=' && b[i] != '>' && !isSpace(b[i]) && (b[i] != '/' || i == from) {
		i++
	}
	a := attribute{name: b[from:i]}
	if !bytes.HasPrefix(a.name, []byte("xmlns:")) {
		a.name = local(a.name)
	}
	if i = skipSpace(b, i); i >= len(b) {
		return a, -1
	}
	if b[i] != '=' {
		return a, i
	}
	if i = skipSpace(b, i+1); i >= len(b) {
		return a, -1
	}
	if q := b[i]; q == '"' || q == '\'' {
		n := bytes.IndexByte(b[i+1:], q)
		if n < 0 {
			return a, -1
		}
		a.value = b[i+1 : i+1+n]
		return a, i + n + 2
	}
	from = i
	for i < len(b) && b[i] != '>' && !isSpace(b[i]) {
		i++
	}
	a.value = b[from:i]
	return a, i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isName(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	c := b[0] | 0x20
	return c >= 'a' && c <= 'z' || b[0] == '_' || b[0] >= 0x80
}
