// Package xmlin reads the XML of electrocardiographs: a bounded pull reader over the bytes of one file. It has no document type
// definitions and no entities but XML's own five, keeps no tree, and looks at each byte once; a lead's half megabyte of digits is handed
// out as it stands in the file.
//
// It is more patient than encoding/xml, because carts are careless: a file that ends early, a text in an undeclared Chinese character set,
// a bare ampersand or a missing end tag still give what is there, with a warning.
package xmlin

import (
	"bytes"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Limits, whatever a file holds.
const (
	maxDepth      = 128
	maxAttributes = 64
	maxTag        = 64 << 10 // bytes of one tag with its attributes
	maxNames      = 4096     // different names of elements in one file
	maxTextBytes  = 4 * tracing.MaxText
)

// Reader stands at one element of a file. After Root or in the function given to Children it stands behind the start tag of that
// element: Attr reads its attributes; exactly one of Children, Text and Raw then reads its content. What is not read is skipped.
type Reader struct {
	format tracing.Format
	b      []byte
	pos    int

	kind    token
	text    []byte // of a text token, as in the file
	cdata   bool
	name    string
	attrs   []attribute
	closing bool // the start tag was an empty element's: its end comes next

	stack     []string
	names     map[string]string
	charset   charset
	err       error
	cut       bool // the file ended before its root did
	cutInText bool
	warnings  []tracing.Warning
}

type attribute struct{ name, value []byte }

type token uint8

const (
	none token = iota
	start
	end
	text
)

// New begins to read a file. A FormatError where it has an internal document type definition; UTF-16 is turned into UTF-8 here.
func New(f tracing.Format, b []byte) *Reader {
	r := &Reader{format: f, names: map[string]string{}, attrs: make([]attribute, 0, 8), stack: make([]string, 0, 16)}
	if len(b) > tracing.MaxFile {
		r.fail("longer than %d bytes", tracing.MaxFile)
		return r
	}
	r.b, r.charset = unicodeOf(b)
	return r
}

// Root goes to the root element and tells its name without prefix; empty where there is none.
func (r *Reader) Root() string {
	for r.advance() {
		if r.kind == start {
			return r.name
		}
	}
	return ""
}

// Children calls visit at each child element of the present one, with its name without prefix, until the present one ends.
func (r *Reader) Children(visit func(name string)) {
	own := len(r.stack)
	for len(r.stack) >= own && r.advance() {
		if r.kind == start && len(r.stack) > own {
			depth := len(r.stack)
			visit(r.name)
			r.leave(depth)
		}
	}
}

// ChildrenAndText is Children for an element that may have a text of its own as well: its pieces as they stand in the file.
func (r *Reader) ChildrenAndText(visit func(name string)) (own []byte) {
	depth := len(r.stack)
	for len(r.stack) >= depth && r.advance() {
		switch {
		case r.kind == start && len(r.stack) > depth:
			inner := len(r.stack)
			visit(r.name)
			r.leave(inner)
		case r.kind == text && len(r.stack) == depth:
			own = append(append(own, ' '), r.text...)
		}
	}
	return own
}

// Decode makes a text fit to be kept of bytes as they stand in the file.
func (r *Reader) Decode(b []byte) string { return r.decode(b, true) }

// leave reads on until the element at this depth has ended.
func (r *Reader) leave(depth int) {
	for len(r.stack) >= depth && r.advance() {
	}
}

// Text is the text of the present element and those inside it, fit to be kept, at most tracing.MaxText characters.
func (r *Reader) Text() string {
	own := len(r.stack)
	var out string
	for len(r.stack) >= own && r.advance() {
		if r.kind != text || len(out) > maxTextBytes {
			continue
		}
		if s := r.decode(r.text, !r.cdata); s != "" && out != "" {
			out += " " + s
		} else if s != "" {
			out = s
		}
	}
	if len(out) > tracing.MaxText {
		out = tracing.CleanText(out)
	}
	return out
}

// Raw is the text of the present element as it stands in the file, for digits and base64, which have no entities. It may be a part of
// the file itself: it must not be changed. Cut tells whether the file ended in it.
func (r *Reader) Raw() (content []byte, cut bool) {
	own := len(r.stack)
	for len(r.stack) >= own && r.advance() {
		if r.kind != text {
			continue
		}
		if content == nil {
			content = r.text[:len(r.text):len(r.text)]
		} else if len(bytes.TrimSpace(r.text)) > 0 {
			content = append(content, r.text...)
		}
	}
	return content, r.cutInText
}

// Attr is an attribute of the present element by its name without prefix, fit to be kept; empty if it has none. It must be asked before
// the content is read.
func (r *Reader) Attr(name string) string {
	if r.kind != start {
		return ""
	}
	for _, a := range r.attrs {
		if string(a.name) == name {
			return r.decode(a.value, true)
		}
	}
	return ""
}

// RawAttr is an attribute as it stands in the file, nil if there is none.
func (r *Reader) RawAttr(name string) []byte {
	if r.kind != start {
		return nil
	}
	for _, a := range r.attrs {
		if string(a.name) == name {
			return a.value
		}
	}
	return nil
}

// Expect goes to the root element, which must have this name, or one that is takes. Otherwise the FormatError of Finish, or that there is no such element.
func (r *Reader) Expect(t *tracing.Tracing, name string, is func(name string) bool) error {
	if root := r.Root(); root == name || is != nil && is(root) {
		return nil
	}
	if err := r.Finish(t); err != nil {
		return err
	}
	return tracing.Errorf(t.Format, -1, "no %s element", name)
}

// Truncated reports whether the file has ended before its root element.
func (r *Reader) Truncated() bool { return r.cut }

// Finish adds what was wrong with the file to the tracing. A FormatError if it is not to be trusted at all.
func (r *Reader) Finish(t *tracing.Tracing) error {
	if r.err != nil {
		return r.err
	}
	for _, w := range r.warnings {
		t.Warn(w.Code, w.Detail)
	}
	if r.cut {
		t.Warn(tracing.Truncated, "the file ends before its root element: what was read until there is shown")
	}
	return nil
}

func (r *Reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = tracing.Errorf(r.format, int64(r.pos), format, args...)
	}
	r.stack = r.stack[:0]
}

func (r *Reader) warn(code tracing.WarningCode, detail string) {
	for _, w := range r.warnings {
		if w.Code == code {
			return
		}
	}
	r.warnings = append(r.warnings, tracing.Warning{Code: code, Detail: detail})
}

// intern makes a string of a name once.
func (r *Reader) intern(b []byte) string {
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(r.names) < maxNames {
		r.names[s] = s
	}
	return s
}

func local(name []byte) []byte {
	if i := bytes.LastIndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// RootName tells the name without prefix of the root element of a file that begins with head, empty if head is no XML or ends before it.
// It is the question that the Sniff functions ask.
func RootName(head []byte) string {
	b, _ := unicodeOf(head)
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != '<' {
		return ""
	}
	r := &Reader{b: b, names: map[string]string{}, charset: unknown}
	name := r.Root()
	if r.err != nil || strings.ContainsFunc(name, func(c rune) bool { return c > 0x7E }) {
		return ""
	}
	return name
}
