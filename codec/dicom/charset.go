package dicom

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"
)

// family says how the bytes of a character set are read.
type family uint8

const (
	ascii   family = iota
	latin          // ISO 2022 with single-byte sets, and the multi-byte ones it can switch to
	utf            // ISO_IR 192
	chinese        // GB18030 and GBK: no code extension
)

// charset decodes the text of one data set (PS3.3 C.12.1.1.2). nil is the default repertoire.
type charset struct {
	family family
	g0, g1 *codeSet // at the beginning of each value
}

// plain decodes text that is in the default repertoire whatever the data set says.
var plain = &charset{g0: setASCII, g1: setNone}

// term is what a defined term of Specific Character Set brings: the sets it starts with as the first value.
type term struct {
	name   string
	family family
	g0, g1 *codeSet
}

// terms are the defined terms, spelt without what senders vary: "ISO_IR 100", "ISO-IR 100", "iso ir 100", and with
// "ISO 2022 IR" for "ISO_IR". PS3.3 tables C.12-2 to C.12-5.
var terms = []term{
	{"", latin, setASCII, setNone},
	{"6", latin, setASCII, setNone},
	{"13", latin, setRomaji, setKatakana},
	{"100", latin, setASCII, setLatin1},
	{"101", latin, setASCII, setLatin2},
	{"109", latin, setASCII, setLatin3},
	{"110", latin, setASCII, setLatin4},
	{"126", latin, setASCII, setGreek},
	{"127", latin, setASCII, setArabic},
	{"138", latin, setASCII, setHebrew},
	{"144", latin, setASCII, setCyrillic},
	{"148", latin, setASCII, setLatin5},
	{"166", latin, setASCII, setThai},
	{"203", latin, setASCII, setLatin9},
	{"58", latin, setASCII, setGBK}, // not allowed as first value, but written by devices without any escape sequence
	{"87", latin, setASCII, setNone},
	{"149", latin, setASCII, setKorean},
	{"159", latin, setASCII, setNone},
	{"192", utf, setASCII, setNone},
	{"GB18030", chinese, setASCII, setNone},
	{"GBK", chinese, setASCII, setNone},
	{"GB2312", chinese, setASCII, setNone},
	{"UTF8", utf, setASCII, setNone},
}

// A Specific Character Set longer than this is nonsense, and reading all of it would cost time.
const (
	maxTermBytes = 512
	maxTerms     = 16
)

// spelling takes out of a defined term what senders vary.
var spelling = strings.NewReplacer(" ", "", "_", "", "-", "")

// newCharset reads a Specific Character Set. Unknown terms count as the default repertoire.
func newCharset(value []byte, warn func(string)) *charset {
	names := strings.SplitN(trimmed(value[:min(len(value), maxTermBytes)]), `\`, maxTerms)
	first, known := findTerm(names[0])
	c := &charset{family: first.family, g0: first.g0, g1: first.g1}
	for _, name := range names[1:] {
		_, ok := findTerm(name)
		known = known && ok
	}
	if !known {
		warn("an unknown Specific Character Set was read as the default repertoire")
	}
	if len(names) > 1 && c.family != latin {
		warn("Specific Character Set has more values than its first allows")
	}
	return c
}

func findTerm(name string) (term, bool) {
	name = spelling.Replace(strings.ToUpper(strings.TrimSpace(name)))
	name, iso := strings.CutPrefix(name, "ISO2022IR")
	if !iso {
		name = strings.TrimPrefix(name, "ISOIR")
	}
	for _, t := range terms {
		if t.name == name {
			return t, true
		}
	}
	return terms[0], false
}

// decode turns a value into UTF-8, which the result always is. person resets code extension at ^ and = too.
func (c *charset) decode(b []byte, person bool) string {
	if simple(b) {
		return string(b)
	}
	if c == nil {
		c = plain
	}
	switch c.family {
	case utf:
		return strings.ToValidUTF8(string(b), "\uFFFD")
	case chinese:
		return decodeAll(simplifiedchinese.GB18030, b)
	}
	if c.g1 == setKatakana && shiftJIS(b) {
		return decodeAll(japanese.ShiftJIS, b)
	}
	return decode2022(c, b, person)
}

// simple tells whether the bytes mean the same in all character sets.
func simple(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == esc {
			return false
		}
	}
	return true
}

// shiftJIS tells whether text labelled ISO_IR 13 has the lead bytes of Shift JIS, which some devices write under that name.
func shiftJIS(b []byte) bool {
	lead := false
	for _, c := range b {
		if c == esc {
			return false
		}
		lead = lead || c >= 0x81 && c <= 0x9F || c >= 0xE0 && c <= 0xFC
	}
	return lead
}

func decodeAll(e encoding.Encoding, b []byte) string {
	s, _, err := transform.Bytes(e.NewDecoder(), b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(s)
}

var (
	setASCII    = &codeSet{}
	setNone     = &codeSet{}
	setRomaji   = &codeSet{single: romaji}
	setKatakana = &codeSet{single: katakana}
	setLatin1   = &codeSet{single: charmap.ISO8859_1.DecodeByte}
	setLatin2   = &codeSet{single: charmap.ISO8859_2.DecodeByte}
	setLatin3   = &codeSet{single: charmap.ISO8859_3.DecodeByte}
	setLatin4   = &codeSet{single: charmap.ISO8859_4.DecodeByte}
	setLatin5   = &codeSet{single: charmap.ISO8859_9.DecodeByte}
	setLatin9   = &codeSet{single: charmap.ISO8859_15.DecodeByte}
	setGreek    = &codeSet{single: charmap.ISO8859_7.DecodeByte}
	setArabic   = &codeSet{single: charmap.ISO8859_6.DecodeByte}
	setHebrew   = &codeSet{single: charmap.ISO8859_8.DecodeByte}
	setCyrillic = &codeSet{single: charmap.ISO8859_5.DecodeByte}
	setThai     = &codeSet{single: charmap.Windows874.DecodeByte}
)

// romaji is JIS X 0201 left: the yen sign stands where others have the backslash, which stays DICOM's delimiter.
func romaji(b byte) rune {
	if b == '~' {
		return '‾'
	}
	return rune(b)
}

// katakana is JIS X 0201 right.
func katakana(b byte) rune {
	if b < 0xA1 || b > 0xDF {
		return utf8.RuneError
	}
	return 'ｱ' + rune(b) - 0xB1
}
