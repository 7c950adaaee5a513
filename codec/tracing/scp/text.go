// Character sets of texts: the language support code of the acquiring device (EN 1064 annex A), and what carts do instead.

package scp

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Language support codes.
const (
	languageASCII   = 0x00
	languageLatin1  = 0x01
	languageUnicode = 0x07
	languageChinese = 0x27
)

var languages = map[byte]encoding.Encoding{
	0x03: charmap.ISO8859_2, 0x0B: charmap.ISO8859_4, 0x13: charmap.ISO8859_5, 0x1B: charmap.ISO8859_6, 0x23: charmap.ISO8859_7,
	0x2B: charmap.ISO8859_8, 0x33: charmap.Windows874, 0x3B: charmap.ISO8859_15, 0x0F: japanese.EUCJP, 0x17: japanese.EUCJP,
	0x1F: japanese.EUCJP, languageChinese: simplifiedchinese.GB18030, 0x2F: korean.EUCKR,
}

// text reads a text up to its NUL.
func (r *record) text(b []byte) string {
	if r.language == languageUnicode && bytes.IndexByte(b, 0) == 1 { // 16 bits a character
		s, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(b[:len(b)&^1])
		b = s
	}
	b, _ = untilNUL(b)
	if len(b) == 0 || ascii(b) {
		return tracing.CleanText(string(b))
	}
	if e, ok := languages[r.language]; ok {
		if s, err := e.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(s, utf8.RuneError) {
			return tracing.CleanText(string(s))
		}
	}
	if r.language == languageLatin1 && !utf8.Valid(b) && !paired(b) {
		s, _ := charmap.ISO8859_1.NewDecoder().Bytes(b)
		return tracing.CleanText(string(s))
	}
	if r.language != languageUnicode || !utf8.Valid(b) {
		r.t.Warn(tracing.BadText, "a text is not of the character set that the file declares")
	}
	return tracing.Text(b)
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// paired reports whether every byte beyond ASCII has a neighbour as GB2312 has them. Carts of China declare Latin-1 and write GBK; European
// names seldom have their accents in pairs only.
func paired(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] < 0x80 {
			continue
		}
		if i+1 == len(b) || b[i] < 0xA1 || b[i+1] < 0xA1 {
			return false
		}
		i++
	}
	return true
}
