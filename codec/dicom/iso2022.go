package dicom

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const esc = 0x1B

// codeSet is a graphic set that can stand in G0 (bytes 21-7E) or G1 (A1-FE). The zero set is ASCII in G0, nothing in G1.
type codeSet struct {
	single func(byte) rune
	double encoding.Encoding // reads two bytes with the high bits set
	prefix []byte            // what double wants before them
	loose  bool              // second bytes below A1 too: GBK
}

var (
	setKanji    = &codeSet{double: japanese.EUCJP}
	setKanjiSup = &codeSet{double: japanese.EUCJP, prefix: []byte{0x8F}}
	setKorean   = &codeSet{double: korean.EUCKR}
	setGB2312   = &codeSet{double: simplifiedchinese.GBK}
	setGBK      = &codeSet{double: simplifiedchinese.GBK, loose: true}
)

// escapes are the sequences of PS3.3 tables C.12-3 and C.12-4, without their ESC.
var escapes = []struct {
	seq string
	g1  bool
	set *codeSet
}{
	{"(B", false, setASCII},
	{"(J", false, setRomaji},
	{")I", true, setKatakana},
	{"-A", true, setLatin1},
	{"-B", true, setLatin2},
	{"-C", true, setLatin3},
	{"-D", true, setLatin4},
	{"-F", true, setGreek},
	{"-G", true, setArabic},
	{"-H", true, setHebrew},
	{"-L", true, setCyrillic},
	{"-M", true, setLatin5},
	{"-T", true, setThai},
	{"-b", true, setLatin9},
	{"$B", false, setKanji},
	{"$(D", false, setKanjiSup},
	{"$)C", true, setKorean},
	{"$)A", true, setGB2312},
}

// reader2022 decodes one value with code extension techniques (PS3.5 §6.1.2.5). Escape sequences are followed even where
// Specific Character Set did not announce them.
type reader2022 struct {
	start  *charset
	person bool
	g0, g1 *codeSet
	code   []byte
	out    strings.Builder
}

func decode2022(c *charset, b []byte, person bool) string {
	r := &reader2022{start: c, person: person}
	r.out.Grow(len(b) * 2)
	r.reset()
	for len(b) > 0 {
		b = b[r.step(b):]
	}
	return r.out.String()
}

// reset returns to the sets the value began with (PS3.5 §6.1.2.5.3).
func (r *reader2022) reset() { r.g0, r.g1 = r.start.g0, r.start.g1 }

// step decodes what stands first in b and returns how many bytes that was.
func (r *reader2022) step(b []byte) int {
	c := b[0]
	switch {
	case c == esc:
		return r.escape(b)
	case c <= ' ' || c == 0x7F:
		r.out.WriteByte(c)
		if c == '\n' || c == '\r' || c == '\f' || c == '\t' {
			r.reset()
		}
		return 1
	case c < utf8.RuneSelf && r.g0.double != nil:
		return r.pair(r.g0, b, 0x21)
	case c < utf8.RuneSelf:
		if c == '\\' || r.person && (c == '^' || c == '=') {
			r.reset()
		}
		r.one(r.g0, c, rune(c))
		return 1
	case r.g1.double != nil && r.g1.loose:
		return r.pair(r.g1, b, 0x40)
	case r.g1.double != nil:
		return r.pair(r.g1, b, 0xA1)
	}
	r.one(r.g1, c, utf8.RuneError)
	return 1
}

func (r *reader2022) one(set *codeSet, c byte, otherwise rune) {
	if set.single != nil {
		otherwise = set.single(c)
	}
	r.out.WriteRune(otherwise)
}

// pair decodes the double-byte characters that stand first in b, whose second bytes are at least low.
func (r *reader2022) pair(set *codeSet, b []byte, low byte) int {
	n := 0
	r.code = r.code[:0]
	for ; n+1 < len(b) && set.leads(b[n]) && b[n+1] >= low && b[n+1] != 0x7F; n += 2 {
		second := b[n+1]
		if !set.loose {
			second |= 0x80
		}
		r.code = append(append(r.code, set.prefix...), b[n]|0x80, second)
	}
	if n == 0 {
		r.out.WriteRune(utf8.RuneError)
		return 1
	}
	s, err := set.double.NewDecoder().Bytes(r.code)
	if err != nil {
		s = []byte("\uFFFD")
	}
	r.out.Write(s)
	return n
}

// leads tells whether a byte can begin a character of the set: in G0 (kanji) one below 80, in G1 one above.
func (c *codeSet) leads(b byte) bool {
	if c == setKanji || c == setKanjiSup {
		return b > ' ' && b < 0x7F
	}
	return b >= utf8.RuneSelf
}

func (r *reader2022) escape(b []byte) int {
	for _, e := range escapes {
		if bytes.HasPrefix(b[1:], []byte(e.seq)) {
			if e.g1 {
				r.g1 = e.set
			} else {
				r.g0 = e.set
			}
			return 1 + len(e.seq)
		}
	}
	r.out.WriteRune(utf8.RuneError)
	return 1
}
