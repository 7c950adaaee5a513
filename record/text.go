// Texts of devices and senders, made fit to be kept.

package record

import "strings"

// Clip bounds a text to n runes and takes out control characters, NUL above all: PostgreSQL has no place for it.
func Clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > n {
		s = string(r[:n])
	}
	return strings.TrimSpace(s)
}

// ParseSex reads the letter of DICOM (0010,0040); unknown for all else.
func ParseSex(s string) Sex {
	switch x := Sex(strings.ToUpper(s)); x {
	case Male, Female, OtherSex:
		return x
	}
	return SexUnknown
}
