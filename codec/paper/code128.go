// Code 128 (ISO/IEC 15417): the bars of tubes, boxes and report sheets.

package paper

import (
	"errors"
	"strings"
)

// Errors of bar codes.
var (
	ErrBarcodeText  = errors.New("paper: a bar code has 1 to 48 characters of ASCII from space to tilde")
	ErrBarcodeWidth = errors.New("paper: no room for a bar code that can be read")
)

const (
	maxBarcode = 48
	quiet      = 10   // modules of white on either side
	narrowest  = 0.19 // mm a module: what hand scanners read without fail
)

// Values of the symbols that are no characters.
const (
	code128C      = 99
	code128B      = 100
	code128StartB = 104
	code128StartC = 105
	code128Stop   = 106
)

// Widths of the bars and spaces of each symbol, in modules.
var code128Widths = strings.Fields(`
212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221
223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321
112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131
311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114
122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141
214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112`)

// Code128 gives the widths of the bars and spaces in turn, in modules, beginning with a bar, without the white at the sides. Digits go in pairs
// where that is shorter.
func Code128(text string) ([]int, error) {
	symbols, err := code128Symbols(text)
	if err != nil {
		return nil, err
	}
	sum := symbols[0]
	for i, s := range symbols[1:] {
		sum += (i + 1) * s
	}
	symbols = append(symbols, sum%103, code128Stop)
	out := make([]int, 0, 6*len(symbols)+1)
	for _, s := range symbols {
		for _, w := range code128Widths[s] {
			out = append(out, int(w-'0'))
		}
	}
	return out, nil
}

// code128Symbols are those of the text with the start and the changes of code set.
func code128Symbols(text string) ([]int, error) {
	if text == "" || len(text) > maxBarcode {
		return nil, ErrBarcodeText
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return nil, ErrBarcodeText
		}
	}
	var out []int
	pairs := false
	for i := 0; i < len(text); {
		n := leadingDigits(text[i:])
		want := n >= 4 && (n%2 == 0 || pairs) || pairs && n >= 2 || i == 0 && n == len(text) && n == 2
		out = code128Change(out, pairs, want)
		pairs = want
		if pairs {
			out = append(out, int(text[i]-'0')*10+int(text[i+1]-'0'))
			i += 2
		} else {
			out = append(out, int(text[i]-' '))
			i++
		}
	}
	return out, nil
}

func code128Change(out []int, from, to bool) []int {
	switch {
	case len(out) == 0 && to:
		return append(out, code128StartC)
	case len(out) == 0:
		return append(out, code128StartB)
	case from == to:
		return out
	case to:
		return append(out, code128C)
	}
	return append(out, code128B)
}

func leadingDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// Barcode draws a text as Code 128 in the middle of r with the white that it needs at its sides; modules are at most 0.33 mm wide.
func Barcode(p Pen, r Rect, text string) error {
	widths, err := Code128(text)
	if err != nil {
		return err
	}
	modules := 2 * quiet
	for _, w := range widths {
		modules += w
	}
	module := min(r.W/float64(modules), 0.33)
	if module < narrowest {
		return ErrBarcodeWidth
	}
	x := r.X + (r.W-module*float64(modules))/2 + quiet*module
	for i, w := range widths {
		if i%2 == 0 {
			p.Fill(Box(x, r.Y, module*float64(w), r.H), Black)
		}
		x += module * float64(w)
	}
	return nil
}
