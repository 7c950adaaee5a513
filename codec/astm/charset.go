// Character sets. The bytes of a message are decoded before they are split: 464 characters of GB18030 carry | ^ ~ or \ as their
// second byte.

package astm

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Charset is a character set of messages.
type Charset string

// The character sets. Unknown is UTF-8 where the bytes are UTF-8, else GB18030, else Latin-1.
const (
	Unknown Charset = ""
	UTF8    Charset = "UTF-8"
	GB18030 Charset = "GB18030"
	Latin1  Charset = "ISO-8859-1"
)

var bom = []byte{0xEF, 0xBB, 0xBF}

func (c Charset) encoding() encoding.Encoding {
	switch c {
	case GB18030:
		return simplifiedchinese.GB18030
	case Latin1:
		return charmap.ISO8859_1
	}
	return nil
}

// Valid reports a character set that is known here.
func (c Charset) Valid() bool { return c == Unknown || c == UTF8 || c.encoding() != nil }

// decode gives the text and the set that it was in. Where the bytes are not of the set that was agreed, the others are tried.
func (c Charset) decode(b []byte) (string, Charset) {
	if rest, ok := bytes.CutPrefix(b, bom); ok && utf8.Valid(rest) {
		return string(rest), UTF8
	}
	for _, try := range []Charset{c, UTF8, GB18030} {
		switch {
		case try == Unknown:
		case try == UTF8:
			if utf8.Valid(b) {
				return string(b), UTF8
			}
		default:
			if s, err := try.encoding().NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(s, utf8.RuneError) {
				return string(s), try
			}
		}
	}
	s, _ := charmap.ISO8859_1.NewDecoder().Bytes(b)
	return string(s), Latin1
}

// encode writes text; characters that the set lacks become "?".
func (c Charset) encode(s string) []byte {
	e := c.encoding()
	if e == nil {
		return []byte(s)
	}
	out := make([]byte, 0, len(s))
	enc := e.NewEncoder()
	if b, err := enc.Bytes([]byte(s)); err == nil {
		return b
	}
	for _, r := range s {
		b, err := enc.Bytes(utf8.AppendRune(nil, r))
		if err != nil {
			b = []byte{'?'}
		}
		out = append(out, b...)
	}
	return out
}
