// Barcodes: twelve digits that analysers, printers and people can carry, with a check digit that catches the two commonest errors of hands.

package specimen

import (
	"fmt"
	"strings"
)

// A tube's barcode is three digits of prefix, eight of number and one check digit. The first digit is never 0, since some analysers read
// barcodes as numbers. A box has "BX", three digits, six digits and a check character, so that neither is taken for the other.
const (
	lowestPrefix   = 100
	highestPrefix  = 999
	tubeDigits     = 8
	boxDigits      = 6
	tubeLength     = 3 + tubeDigits + 1
	boxMark        = "BX"
	boxLength      = len(boxMark) + 3 + boxDigits + 1
	lastTubeNumber = 99_999_999
	lastBoxNumber  = 999_999
	maxBarcode     = 40
)

// damm is a totally anti-symmetric quasigroup of order 10 (H. M. Damm, 2004): every single wrong digit and every swap of neighbours is seen.
var damm = [10][10]byte{
	{0, 3, 1, 7, 5, 9, 8, 6, 4, 2},
	{7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
	{4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
	{1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
	{6, 1, 2, 3, 0, 4, 5, 9, 7, 8},
	{3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
	{5, 8, 6, 9, 7, 2, 0, 1, 3, 4},
	{8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
	{9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
	{2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
}

// dammDigit is the check digit of digits; '0' over digits that end in their own.
func dammDigit(digits string) byte {
	var at byte
	for i := range len(digits) {
		at = damm[at][digits[i]-'0']
	}
	return '0' + at
}

// iso37 is the alphabet of ISO 7064 MOD 37-2.
const iso37 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"

// mod37 is the check character of ISO 7064 MOD 37-2.
func mod37(s string) byte {
	p := 0
	for i := range len(s) {
		p = (p + strings.IndexByte(iso37, s[i])) * 2 % 37
	}
	return iso37[(38-p)%37]
}

// TubeBarcode writes number n under a prefix.
func TubeBarcode(prefix int, n int64) string {
	body := fmt.Sprintf("%03d%0*d", prefix, tubeDigits, n)
	return body + string(dammDigit(body))
}

// BoxBarcode writes the number of a box.
func BoxBarcode(prefix int, n int64) string {
	body := fmt.Sprintf("%s%03d%0*d", boxMark, prefix, boxDigits, n)
	return body + string(mod37(body))
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// ParseTube reads a barcode that has the form of ours: whether one of our prefixes has given it is a matter of rows.
func ParseTube(s string) (prefix int, number int64, ok bool) {
	if len(s) != tubeLength || !allDigits(s) || s[0] == '0' || dammDigit(s) != '0' {
		return 0, 0, false
	}
	_, err := fmt.Sscanf(s[:3], "%d", &prefix)
	if err == nil {
		_, err = fmt.Sscanf(s[3:3+tubeDigits], "%d", &number)
	}
	return prefix, number, err == nil
}

// isTube reports whether s has the form of our barcode of a tube.
func isTube(s string) bool {
	_, _, ok := ParseTube(s)
	return ok
}

// validBox reports whether s has the form of our barcode of a box.
func validBox(s string) bool {
	return len(s) == boxLength && strings.HasPrefix(s, boxMark) && allDigits(s[len(boxMark):boxLength-1]) && mod37(s[:boxLength-1]) == s[boxLength-1]
}

// tidyBarcode takes what scanners put around a code; nothing for what no barcode of a tube can be.
func tidyBarcode(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxBarcode || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}
