// Characters: which set a message is written in, and why we think so (HL7 v2.5.1 2.15.9.18, table 0211).

package hl7

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// Charset names a character set as MSH-18 does (table 0211).
type Charset string

// The character sets that are met here.
const (
	ASCII   Charset = "ASCII"
	UTF8    Charset = "UNICODE UTF-8"
	UTF16   Charset = "UNICODE UTF-16"
	GB18030 Charset = "GB 18030-2000"
	Big5    Charset = "BIG-5"
	Latin1  Charset = "8859/1"
)

// Reason says what decided the character set of a message.
type Reason string

// The reasons, the strongest first.
const (
	BySetting  Reason = "link setting"
	ByHeader   Reason = "MSH-18"
	ByMark     Reason = "byte order mark"
	ByBytes    Reason = "valid UTF-8"
	ByFallback Reason = "fallback"
)

// setNames are the spellings of table 0211 and those that senders use, folded by foldSet.
var setNames = map[string]Charset{
	"ASCII": ASCII, "USASCII": ASCII, "UNICODEUTF8": UTF8, "UTF8": UTF8, "UNICODE": UTF8, "UNICODEUTF16": UTF16, "UTF16": UTF16,
	"GB180302000": GB18030, "GB18030": GB18030, "GB180302005": GB18030, "GBK": GB18030, "GB2312": GB18030, "CP936": GB18030, "CHINESE": GB18030,
	"BIG5":  Big5,
	"88591": "8859/1", "88592": "8859/2", "88593": "8859/3", "88594": "8859/4", "88595": "8859/5", "88596": "8859/6", "88597": "8859/7",
	"88598": "8859/8", "88599": "8859/9", "885915": "8859/15", "ISO88591": "8859/1", "ISO885915": "8859/15",
}

var codings = map[Charset]encoding.Encoding{
	GB18030: simplifiedchinese.GB18030, Big5: traditionalchinese.Big5, "8859/1": charmap.ISO8859_1, "8859/2": charmap.ISO8859_2,
	"8859/3": charmap.ISO8859_3, "8859/4": charmap.ISO8859_4, "8859/5": charmap.ISO8859_5, "8859/6": charmap.ISO8859_6, "8859/7": charmap.ISO8859_7,
	"8859/8": charmap.ISO8859_8, "8859/9": charmap.ISO8859_9, "8859/15": charmap.ISO8859_15,
	UTF16: unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
}

var foldSet = strings.NewReplacer(" ", "", "-", "", "_", "", "/", "")

// CharsetOf reads a name of table 0211 or a usual spelling of one; false for what cannot be decoded here.
func CharsetOf(name string) (Charset, bool) {
	c, ok := setNames[foldSet.Replace(strings.ToUpper(strings.TrimSpace(name)))]
	return c, ok
}

var (
	mark8   = []byte{0xEF, 0xBB, 0xBF}
	mark16B = []byte{0xFE, 0xFF}
	mark16L = []byte{0xFF, 0xFE}
)

// text is decoded input and what is known of how it was decoded.
type text struct {
	s        string
	charset  Charset
	reason   Reason
	warnings []Warning
}

// decode makes text of raw. What is declared and contradicted by the bytes is refused: a guess could change a name.
func decode(raw []byte, setting Charset, lenient bool) (text, error) {
	if t, ok := decodeWide(raw); ok {
		return t, nil
	}
	marked := bytes.HasPrefix(raw, mark8)
	body := bytes.TrimPrefix(raw, mark8)
	if setting != "" {
		return decodeAs(body, setting, BySetting, lenient, nil)
	}
	if isASCII(body) { // every set of table 0211 has ASCII inside
		return text{s: string(body), charset: declaredOr(body, ASCII), reason: reasonOf(declaredOr(body, ASCII), marked)}, nil
	}
	name := declared(body)
	c, known := CharsetOf(name)
	var warnings []Warning
	switch {
	case known && c == ASCII:
		warnings = append(warnings, Warning{"charset-conflict", "MSH-18"})
	case known && c == UTF16: // no byte order mark and no zero bytes: it is not
		warnings = append(warnings, Warning{"charset-conflict", "MSH-18"})
	case known:
		return decodeAs(body, c, ByHeader, lenient, nil)
	case name != "":
		warnings = append(warnings, Warning{"charset-unknown", "MSH-18"})
	}
	switch {
	case marked:
		return decodeAs(body, UTF8, ByMark, lenient, warnings)
	case utf8.Valid(body):
		return text{s: string(body), charset: UTF8, reason: ByBytes, warnings: warnings}, nil
	}
	return decodeAs(body, GB18030, ByFallback, lenient, warnings)
}

func declaredOr(body []byte, otherwise Charset) Charset {
	if c, ok := CharsetOf(declared(body)); ok && c != UTF16 {
		return c
	}
	return otherwise
}

func reasonOf(c Charset, marked bool) Reason {
	switch {
	case c != ASCII:
		return ByHeader
	case marked:
		return ByMark
	}
	return ByBytes
}

// decodeWide reads UTF-16, which only its marks or its zero bytes tell.
func decodeWide(raw []byte) (text, bool) {
	if len(raw) < 4 {
		return text{}, false
	}
	order, found := unicode.BigEndian, bytes.HasPrefix(raw, mark16B)
	switch {
	case bytes.HasPrefix(raw, mark16L), raw[0] == 'M' && raw[1] == 0 && raw[2] == 'S' && raw[3] == 0:
		order, found = unicode.LittleEndian, true
	case raw[0] == 0 && raw[1] == 'M' && raw[2] == 0 && raw[3] == 'S':
		found = true
	}
	if !found {
		return text{}, false
	}
	b, err := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(raw)
	return text{s: string(b), charset: UTF16, reason: ByMark}, err == nil
}

func decodeAs(body []byte, c Charset, why Reason, lenient bool, warnings []Warning) (text, error) {
	t := text{charset: c, reason: why, warnings: warnings}
	valid := true
	switch coding := codings[c]; {
	case c == UTF8:
		valid = utf8.Valid(body)
		t.s = string(body)
	case c == ASCII:
		valid = isASCII(body)
		t.s = string(body)
	default:
		if c == GB18030 {
			if b, ok := fromGB(body); ok {
				t.s = unsafe.String(unsafe.SliceData(b), len(b)) // nobody else has b
				return t, nil
			}
		}
		b, err := coding.NewDecoder().Bytes(body)
		valid = err == nil && !bytes.ContainsRune(b, utf8.RuneError)
		t.s = string(b)
	}
	if valid {
		return t, nil
	}
	if !lenient {
		return t, formatError(-1, "MSH-18", WrongDataType, "the bytes are not of the character set "+string(c)+" ("+string(why)+")")
	}
	t.s = strings.ToValidUTF8(t.s, string(utf8.RuneError))
	t.warnings = append(t.warnings, Warning{"charset-damaged", "MSH-18"})
	return t, nil
}

// declared finds MSH-18 in bytes that are not decoded yet. Chinese in MSH-3 to 6 can hide or forge a delimiter, so that a reading counts
// only where it names the set that it was read with; else the bytes are taken as they stand.
func declared(body []byte) string {
	line := bytes.TrimLeft(body[:min(len(body), 4096)], "\r\n \t")
	if end := bytes.IndexAny(line, "\r\n"); end >= 0 {
		line = line[:end]
	}
	if len(line) < 4 || string(line[:3]) != "MSH" {
		return ""
	}
	plain := setField(line, line[3])
	if isASCII(line) || utf8.Valid(line) {
		return plain
	}
	if wide, err := simplifiedchinese.GB18030.NewDecoder().Bytes(line); err == nil {
		if name := setField(wide, line[3]); name != "" {
			if c, ok := CharsetOf(name); ok && (c == GB18030 || c == ASCII || c == UTF8) {
				return name
			}
		}
	}
	if c, ok := CharsetOf(plain); ok && c != GB18030 {
		return plain
	}
	return ""
}

// setField is MSH-18, its first repetition.
func setField(line []byte, sep byte) string {
	for range 17 {
		at := bytes.IndexByte(line, sep)
		if at < 0 {
			return ""
		}
		line = line[at+1:]
	}
	if end := bytes.IndexByte(line, sep); end >= 0 {
		line = line[:end]
	}
	if end := bytes.IndexByte(line, '~'); end >= 0 {
		line = line[:end]
	}
	return string(line[:min(len(line), 64)])
}

func isASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Encode writes s in a character set. What the set has no place for is an error.
func (c Charset) Encode(s string) ([]byte, error) {
	if c == UTF8 || c == "" {
		return []byte(s), nil
	}
	if isASCII([]byte(s)) && c != UTF16 {
		return []byte(s), nil
	}
	coding := codings[c]
	if coding == nil {
		return nil, formatError(-1, "MSH-18", WrongDataType, "text cannot be written in the character set "+string(c))
	}
	b, err := coding.NewEncoder().Bytes([]byte(s))
	if err != nil {
		return nil, formatError(-1, "MSH-18", WrongDataType, "text cannot be written in the character set "+string(c))
	}
	return b, nil
}

// decodePart reads bytes that stand inside a message as \X..\; false where they are not of its character set.
func (c Charset) decodePart(b []byte) (string, bool) {
	if isASCII(b) {
		return string(b), true
	}
	if coding := codings[c]; coding != nil && c != UTF16 {
		out, err := coding.NewDecoder().Bytes(b)
		return string(out), err == nil && !bytes.ContainsRune(out, utf8.RuneError)
	}
	return string(b), utf8.Valid(b)
}
