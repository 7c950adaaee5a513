// GB 18030, fast for what messages have: ASCII and characters of two bytes. All else is left to the full decoder.

package hl7

import (
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Rows and columns of the two-byte part of GB 18030 (GB 18030-2005 6.2).
const (
	firstLead, lastLead   = 0x81, 0xFE
	firstTrail, lastTrail = 0x40, 0xFE
	columns               = lastTrail - firstTrail + 1
)

// pairs are the characters of two bytes; 0 for what is none, or not one rune of the basic plane.
var pairs = sync.OnceValue(func() *[(lastLead - firstLead + 1) * columns]uint16 {
	var t [(lastLead - firstLead + 1) * columns]uint16
	d := simplifiedchinese.GB18030.NewDecoder()
	for i := range t {
		b, err := d.Bytes([]byte{byte(firstLead + i/columns), byte(firstTrail + i%columns)})
		if r, n := utf8.DecodeRune(b); err == nil && n == len(b) && r != utf8.RuneError && r <= 0xFFFF {
			t[i] = uint16(r)
		}
	}
	return &t
})

// fromGB decodes; false where the full decoder is needed.
func fromGB(b []byte) ([]byte, bool) {
	t := pairs()
	out := make([]byte, 0, len(b)+len(b)/2)
	for i := 0; i < len(b); {
		from := i
		for i < len(b) && b[i] < utf8.RuneSelf {
			i++
		}
		if out = append(out, b[from:i]...); i == len(b) {
			break
		}
		if i+1 == len(b) || b[i] < firstLead || b[i] > lastLead || b[i+1] < firstTrail || b[i+1] > lastTrail {
			return nil, false
		}
		r := t[(int(b[i])-firstLead)*columns+int(b[i+1])-firstTrail]
		if r == 0 {
			return nil, false
		}
		out = utf8.AppendRune(out, rune(r))
		i += 2
	}
	return out, true
}
