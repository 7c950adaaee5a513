// Texts whose character set nobody declared: what carts write into 8-bit fields.

package tracing

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Text reads bytes of an unknown character set: UTF-8 where they are valid UTF-8, else GB18030 (with GBK and GB2312) where they
// decode without a fault, else Latin-1. Control characters become spaces, runs of spaces one, the ends are trimmed, and a text is
// never longer than MaxText characters.
func Text(b []byte) string {
	if len(b) > 4*MaxText { // no character of these sets needs more
		b = b[:4*MaxText]
		for len(b) > 4*MaxText-utf8.UTFMax && !utf8.RuneStart(b[len(b)-1]) { // the cut must not make a good text a bad one
			b = b[:len(b)-1]
		}
		if r, n := utf8.DecodeLastRune(b); r == utf8.RuneError && n == 1 {
			b = b[:len(b)-1]
		}
	}
	if utf8.Valid(b) {
		return CleanText(string(b))
	}
	if s, ok := gb18030(b); ok {
		return CleanText(s)
	}
	return CleanText(latin1(b))
}

// gb18030 decodes b; false if it has a sequence that is none of GB18030, or one that stands for no printable character, or if no two
// bytes beyond ASCII stand together: "Müller" would be GBK too, but no Chinese text is made of such characters alone.
func gb18030(b []byte) (string, bool) {
	if !neighbours(b) {
		return "", false
	}
	s, err := simplifiedchinese.GB18030.NewDecoder().String(string(b))
	if err != nil {
		return "", false
	}
	for _, r := range s {
		if r == utf8.RuneError || unicode.Is(unicode.Co, r) || r >= 0x80 && r < 0xA0 {
			return "", false
		}
	}
	return s, true
}

func neighbours(b []byte) bool {
	for i := 1; i < len(b); i++ {
		if b[i-1] >= 0x80 && b[i] >= 0x80 {
			return true
		}
	}
	return false
}

func latin1(b []byte) string {
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
	}
	return string(out)
}

// CleanText makes a decoded text fit to be kept: no control characters, no runs of white space, at most MaxText characters.
func CleanText(s string) string {
	var out strings.Builder
	n, space := 0, false
	for _, r := range s {
		if r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) {
			continue
		}
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			space = true
			continue
		}
		if space && n > 0 {
			out.WriteByte(' ')
			n++
		}
		space = false
		if n >= MaxText {
			break
		}
		out.WriteRune(r)
		n++
	}
	return out.String()
}
