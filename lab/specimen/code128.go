// Code 128 (ISO/IEC 15417) as bars, for labels that are drawn and not printed by the printer itself.

package specimen

import (
	"fmt"
	"strings"
)

// bars are the widths of bar, space, bar, space, bar, space of each symbol character; the last is the stop pattern.
var bars = strings.Fields(`212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221
	223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311
	211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111
	314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242
	121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141
	411131 211412 211214 211232 2331112`)

const (
	startB = 104
	startC = 105
	stop   = 106
)

// code128 gives the symbol characters of a text of printable ASCII: pairs of digits where it is nothing else, else one for each character.
func code128(s string) []int {
	var out []int
	if allDigits(s) && len(s)%2 == 0 {
		out = append(out, startC)
		for i := 0; i < len(s); i += 2 {
			out = append(out, int(s[i]-'0')*10+int(s[i+1]-'0'))
		}
	} else {
		out = append(out, startB)
		for i := range len(s) {
			out = append(out, int(s[i]-' '))
		}
	}
	sum := out[0]
	for i, v := range out[1:] {
		sum += (i + 1) * v
	}
	return append(out, sum%103, stop)
}

// barcodeSVG draws a code as a path in units of one module, height modules high, at x and y.
func barcodeSVG(s string, x, y, height int) (path string, width int) {
	var b strings.Builder
	at := x
	for _, symbol := range code128(s) {
		for i, w := range bars[symbol] {
			if n := int(w - '0'); i%2 == 0 {
				fmt.Fprintf(&b, "M%d %dh%dv%dh-%dz", at, y, n, height, n)
				at += n
			} else {
				at += n
			}
		}
	}
	return b.String(), at - x
}
