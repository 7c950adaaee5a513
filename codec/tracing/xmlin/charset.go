// Character sets: what the declaration says, what the bytes say, and what a text needs to be kept.

package xmlin

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

type charset uint8

const (
	unknown charset = iota
	utf8Set         // said, or made from UTF-16
	chinese         // GBK, GB2312, GB18030
	latin           // ISO 8859-1 and what carts call so
)

// unicodeOf takes the byte order mark away and makes UTF-8 of UTF-16. All other sets that occur have ASCII's markup as single bytes, so
// their texts are decoded one by one.
func unicodeOf(b []byte) ([]byte, charset) {
	switch {
	case bytes.HasPrefix(b, []byte{0xEF, 0xBB, 0xBF}):
		return b[3:], utf8Set
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		return fromUTF16(b[2:], binary.LittleEndian), utf8Set
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		return fromUTF16(b[2:], binary.BigEndian), utf8Set
	case bytes.HasPrefix(b, []byte{'<', 0}):
		return fromUTF16(b, binary.LittleEndian), utf8Set
	case bytes.HasPrefix(b, []byte{0, '<'}):
		return fromUTF16(b, binary.BigEndian), utf8Set
	}
	return b, unknown
}

func fromUTF16(b []byte, order binary.ByteOrder) []byte {
	out := make([]byte, 0, len(b)/2+len(b)/16)
	for i := 0; i+1 < len(b); i += 2 {
		c := rune(order.Uint16(b[i:]))
		switch {
		case c < 0x80:
			out = append(out, byte(c))
			continue
		case utf16.IsSurrogate(c) && i+3 < len(b):
			if full := utf16.DecodeRune(c, rune(order.Uint16(b[i+2:]))); full != utf8.RuneError {
				c, i = full, i+2
			}
		}
		out = utf8.AppendRune(out, c)
	}
	return out
}

// declared takes the encoding of the XML declaration, unless the bytes have already told.
func (r *Reader) declared(d []byte) {
	if r.charset != unknown {
		return
	}
	i := bytes.Index(d, []byte("encoding"))
	if i < 0 {
		return
	}
	a, end := oneAttribute(d, i)
	if end < 0 {
		return
	}
	switch name := strings.ToLower(string(bytes.TrimSpace(a.value))); {
	case name == "utf-8" || name == "utf8":
		r.charset = utf8Set
	case strings.HasPrefix(name, "gb") || name == "hz-gb-2312" || name == "cp936" || name == "x-gbk" || name == "euc-cn":
		r.charset = chinese
	case strings.HasPrefix(name, "iso-8859") || strings.HasPrefix(name, "iso8859") || strings.HasPrefix(name, "latin") ||
		strings.HasPrefix(name, "windows-125") || name == "us-ascii" || name == "ascii":
		r.charset = latin
	case strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "ucs-2"):
		r.warn(tracing.Deviates, "the declaration says UTF-16, the file is not")
	default:
		r.warn(tracing.BadText, "the declared character set is not known")
	}
}

// decode makes a text of bytes of the file fit to be kept.
func (r *Reader) decode(b []byte, entities bool) string {
	if len(b) > maxTextBytes {
		b = b[:maxTextBytes]
	}
	if plain(b) {
		return string(b)
	}
	s := r.characters(b)
	if entities && strings.IndexByte(s, '&') >= 0 {
		s = tracing.CleanText(r.unescape(s))
	}
	return s
}

// plain reports whether b needs nothing done: printing ASCII without entities, single spaces inside.
func plain(b []byte) bool {
	space := true
	for _, c := range b {
		if c < ' ' || c > '~' || c == '&' || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return len(b) == 0 || !space
}

func (r *Reader) characters(b []byte) string {
	ascii := true
	for _, c := range b {
		ascii = ascii && c < 0x80
	}
	switch valid := ascii || utf8.Valid(b); {
	case ascii:
		return tracing.CleanText(string(b))
	case r.charset == chinese:
		if s, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(s, utf8.RuneError) {
			return tracing.CleanText(string(s))
		}
		r.warn(tracing.BadText, "a text is not in the declared character set")
	case r.charset == utf8Set && !valid, r.charset == latin && valid:
		r.warn(tracing.BadText, "a text is not in the declared character set")
	}
	return tracing.Text(b)
}

// unescape resolves the five entities of XML and character references. Others cannot be defined here and stay as they are.
func (r *Reader) unescape(s string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		out.WriteString(s[:i])
		s = s[i:]
		n := strings.IndexByte(s[:min(len(s), 12)], ';')
		c := rune(-1)
		if n > 0 {
			c = reference(s[1:n])
		}
		if c < 0 {
			r.warn(tracing.BadText, "a text has an ampersand that is no reference")
			out.WriteByte('&')
			s = s[1:]
			continue
		}
		out.WriteRune(c)
		s = s[n+1:]
	}
}

var entities = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

// reference is the character that a reference without its & and ; stands for, -1 if it is none.
func reference(name string) rune {
	if c, ok := entities[name]; ok {
		return c
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return -1
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return -1
	}
	return rune(n)
}
