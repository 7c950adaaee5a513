// Reading multipart/related bodies (RFC 2046 §5.1, PS3.18 §8.6.1.2): one pass, one window of memory, whatever a part's size.

package dicomweb

import (
	"bytes"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

const (
	multipartWindow = 128 << 10
	maxPartHeader   = 16 << 10
	maxPreamble     = 64 << 10
	maxBoundary     = 200 // RFC 2046 §5.1.1 says 70, Orthanc sends 73
)

var (
	errBoundary   = record.Errorf(record.Invalid, "multipart: want a boundary of 1 to %d characters in Content-Type", maxBoundary)
	errNoParts    = record.Errorf(record.Invalid, "multipart: the boundary of Content-Type does not come in the body")
	errUnended    = record.Errorf(record.Invalid, "multipart: the body ends before the boundary that closes the part")
	errPartHeader = record.Errorf(record.Invalid, "multipart: the headers of the part are not well formed, or longer than %d bytes", maxPartHeader)
)

// parts are the parts of a body, one behind the other.
type parts struct {
	r         io.Reader
	window    []byte
	at, end   int
	clear     int   // bytes from at that are known to be of the part
	broken    error // of r, io.EOF at its end
	delimiter []byte
	skip      [256]uint8 // by how much a search may go on, by the byte at the delimiter's end
	over      bool       // the closing boundary was read
	now       *bodyPart
}

// bodyPart is one part. Its headers hold what came, by lower-case name.
type bodyPart struct {
	of     *parts
	header map[string]string
	fault  error // of its headers
	empty  bool
	err    error         // io.EOF at its end
	ended  chan struct{} // closed with err: from then on the part leaves its body to the next
}

// newParts begins to read. The window is the memory of the whole body.
func newParts(r io.Reader, boundary string, window []byte) (*parts, error) {
	if boundary == "" || len(boundary) > maxBoundary || strings.ContainsFunc(boundary, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, errBoundary
	}
	p := &parts{r: r, window: window, delimiter: []byte("\r\n--" + boundary)}
	last := len(p.delimiter) - 1
	for i := range p.skip {
		p.skip[i] = uint8(len(p.delimiter))
	}
	for i, c := range p.delimiter[:last] {
		p.skip[c] = uint8(last - i)
	}
	p.end = copy(p.window, "\r\n") // the first boundary may stand without a line before it
	return p, nil
}

// next passes over what is left of the part before and gives the next; io.EOF behind the closing boundary.
func (p *parts) next() (*bodyPart, error) {
	if p.over {
		return nil, io.EOF
	}
	if err := p.pass(); err != nil {
		return nil, err
	}
	if p.over = p.boundary(); p.over {
		return nil, io.EOF
	}
	p.now = &bodyPart{of: p, ended: make(chan struct{})}
	return p.now, p.now.readHeader()
}

// pass goes to the boundary behind the part in hand, or to the first.
func (p *parts) pass() error {
	passed := 0
	for {
		n, err := p.data()
		switch {
		case err != nil && p.now == nil && err == errUnended:
			return errNoParts
		case err != nil:
			p.now.end(err)
			return err
		case n == 0:
			p.now.end(io.EOF)
			return nil
		}
		p.take(n)
		if passed += n; p.now == nil && passed > maxPreamble {
			return errNoParts
		}
	}
}

func (p *parts) take(n int) { p.at += n; p.clear -= n }

// data says how many bytes from at are of the part; 0 where a boundary stands.
func (p *parts) data() (int, error) {
	for p.clear == 0 {
		w := p.window[p.at:p.end]
		i := p.find(w)
		if i == 0 {
			found, err := p.isBoundary()
			if err != nil || found {
				return 0, err
			}
			i = len(p.delimiter) // a line that only begins like one
		}
		if i < 0 {
			i = len(w) - len(p.delimiter) + 1
		}
		if p.clear = max(i, 0); p.clear > 0 {
			break
		}
		if err := p.more(); err != nil {
			return 0, err
		}
	}
	return p.clear, nil
}

// find gives the place of the delimiter (Horspool): the longer it is, the fewer bytes are looked at.
func (p *parts) find(w []byte) int {
	d, last := p.delimiter, len(p.delimiter)-1
	if len(d) < 16 {
		return bytes.Index(w, d)
	}
	for i := last; i < len(w); i += int(p.skip[w[i]]) {
		if w[i] == d[last] && bytes.Equal(w[i-last:i], d[:last]) {
			return i - last
		}
	}
	return -1
}

// lineEnd looks at what follows the delimiter at the window's begin: the length of the rest of its line.
func (p *parts) lineEnd() (n int, closing, certain bool) {
	rest := p.window[p.at+len(p.delimiter) : p.end]
	if bytes.HasPrefix(rest, []byte("--")) {
		return 2, true, true
	}
	pad := len(rest) - len(bytes.TrimLeft(rest, " \t")) // transport padding
	switch {
	case pad > maxBoundary:
		return -1, false, true
	case bytes.HasPrefix(rest[pad:], []byte("\r\n")):
		return pad, false, true
	case len(rest) < 2 || len(rest)-pad < 2:
		return 0, false, false
	}
	return -1, false, true
}

func (p *parts) isBoundary() (bool, error) {
	for {
		n, _, certain := p.lineEnd()
		if certain {
			return n >= 0, nil
		}
		if err := p.more(); err != nil {
			return false, err
		}
	}
}

// boundary passes over the boundary, which data has found, up to the end of its line.
func (p *parts) boundary() (closing bool) {
	n, closing, _ := p.lineEnd()
	p.at += len(p.delimiter) + n
	return closing
}

// more reads into the window, behind what is not yet used. At the end of the body the part has no end.
func (p *parts) more() error {
	if p.broken == nil && p.end == len(p.window) {
		p.end = copy(p.window, p.window[p.at:p.end])
		p.at = 0
	}
	for p.broken == nil {
		n, err := p.r.Read(p.window[p.end:])
		p.end += n
		p.broken = err
		if n > 0 {
			return nil
		}
	}
	if p.broken == io.EOF {
		return errUnended
	}
	return p.broken
}

// readHeader reads the headers up to the empty line. What is wrong with them is the part's fault; an error is the body's.
func (h *bodyPart) readHeader() error {
	p := h.of
	for {
		w := p.window[p.at:p.end]
		w = w[:min(len(w), maxPartHeader)]
		end, next := bytes.Index(w, []byte("\r\n\r\n")), p.find(w)
		switch {
		case end >= 0 && (next < 0 || end < next):
			h.parse(string(w[:end]))
			return h.begin(end + 2)
		case next >= 0, len(w) == maxPartHeader:
			h.fault = errPartHeader
			return nil
		}
		if err := p.more(); err != nil {
			return err
		}
	}
}

// begin goes behind the empty line; a boundary may begin with the line's own end.
func (h *bodyPart) begin(n int) error {
	p := h.of
	p.at += n
	for p.end-p.at < len(p.delimiter) && p.broken == nil && bytes.HasPrefix(p.delimiter, p.window[p.at:p.end]) {
		if err := p.more(); err != nil {
			break // what is here is looked at first
		}
	}
	if bytes.HasPrefix(p.window[p.at:p.end], p.delimiter) {
		found, err := p.isBoundary()
		if err != nil {
			return err
		}
		h.empty = found
	}
	if !h.empty {
		p.at += 2
		n, err := p.data()
		h.empty = err == nil && n == 0
	}
	return nil
}

func (h *bodyPart) parse(text string) {
	h.header = map[string]string{}
	name := ""
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\r\n"), "\r\n") {
		if name != "" && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			h.header[name] += " " + strings.TrimSpace(line)
			continue
		}
		var value string
		var ok bool
		name, value, ok = strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := h.header[name]; line != "" && (!ok || name == "" || twice || strings.ContainsAny(value, "\x00\n\r")) {
			h.fault = errPartHeader
			return
		}
		if name != "" {
			h.header[name] = strings.TrimSpace(value)
		}
	}
	switch strings.ToLower(h.header["content-transfer-encoding"]) {
	case "", "binary", "8bit", "7bit":
	default:
		h.fault = record.Errorf(record.Invalid, "multipart: want Content-Transfer-Encoding binary")
	}
}

// end ends the part, which is nil before the first.
func (h *bodyPart) end(err error) {
	if h != nil && h.err == nil {
		h.err = err
		close(h.ended)
	}
}

// Read reads the part's body. A line that breaks, or a body that ends without the boundary, is an error other than io.EOF.
func (h *bodyPart) Read(b []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.of.data()
	switch {
	case err != nil:
		h.end(err)
		return 0, err
	case n == 0:
		h.end(io.EOF)
		return 0, io.EOF
	}
	n = copy(b, h.of.window[h.of.at:h.of.at+n])
	h.of.take(n)
	return n, nil
}

// mediaType reads a media type with its parameters. Values with a slash come without quotes from many clients, which
// RFC 2045 forbids and everybody takes: type=application/dicom.
func mediaType(header string) (name string, params map[string]string) {
	params = map[string]string{}
	for field := range quotedSplit(header, ';') {
		key, value, ok := strings.Cut(field, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		switch {
		case name == "":
			name = strings.ToLower(strings.TrimSpace(field))
		case ok && params[key] == "":
			params[key] = unquoted(value)
		}
	}
	return name, params
}
