// Texts of any origin made fit for a page.

package paper

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes any text fit for a page: valid, of at most so many characters, without control characters and without those that turn the direction of writing, which
// can make a text read as another. Line breaks stay.
func Clean(s string, most int) string {
	if len(s) <= most && plain(s) {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n':
			b.WriteByte('\n')
		case r == '\t', r == 0xa0, r == 0x2028, r == 0x2029:
			b.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), r >= 0xfff0 && r <= 0xfffc, r&0xfffe == 0xfffe:
		case unicode.Is(unicode.Variation_Selector, r):
		default:
			b.WriteRune(r) // an invalid byte has become U+FFFD
		}
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= utf8.RuneSelf || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// Line is Clean on one line.
func Line(s string, most int) string {
	return strings.TrimSpace(strings.ReplaceAll(Clean(s, most), "\n", " "))
}

// Fit cuts a text that is wider than some ems.
func Fit(s string, ems float64, heavy bool) string {
	if Width(s, heavy) <= ems {
		return s
	}
	runes := []rune(s)
	w := letter('…', heavy).advance
	for i, r := range runes {
		if w += letter(r, heavy).advance; w > ems {
			return string(runes[:i]) + "…"
		}
	}
	return s
}

// number is v with at most two decimals and no needless zeros.
func number(v float64) string {
	s := fmt.Sprintf("%.2f", v)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
