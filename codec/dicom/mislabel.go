package dicom

import (
	"bytes"
	"unicode/utf8"
)

// relabel finds text that is not in the character set it claims: Chinese devices write GBK, and newer ones UTF-8, under
// ISO_IR 100 or under nothing. All such text of the data set must agree, or the label stands.
func (s *scanner) relabel() {
	c := s.head.charset
	if c != nil && c.g1 == setGBK || c != nil && c.family == latin && c.g1 != setLatin1 && c.g1 != setNone {
		return
	}
	ev := evidence{utf: true, chinese: true}
	ev.weigh(&s.head.DataSet)
	if ev.values == 0 || ev.escaped {
		return
	}
	if c == nil {
		c = &charset{family: latin, g0: setASCII, g1: setNone}
		s.head.adopt(c)
	}
	switch {
	case ev.utf && (c.family == latin || c.family == chinese && ev.wide):
		c.family = utf
		s.warn("text is UTF-8 and not in its Specific Character Set")
	case ev.chinese && c.family != chinese && !(c.family == utf && ev.utf):
		c.family = chinese
		s.warn("text is GB18030 and not in its Specific Character Set")
	case c.family == latin && c.g1 == setNone: // nothing better is left to try
		c.g1 = setLatin1
		s.warn("text beyond ASCII without a Specific Character Set was read as ISO_IR 100")
	case c.family == utf && !ev.utf:
		s.warn("text is not the UTF-8 it claims to be")
	}
}

// adopt gives the character set to this data set and to the items that had none either.
func (d *DataSet) adopt(c *charset) {
	if d.charset != nil {
		return
	}
	d.charset = c
	for i := range d.Elements {
		for j := range d.Elements[i].Items {
			d.Elements[i].Items[j].adopt(c)
		}
	}
}

// evidence is what the text beyond ASCII of a data set can be.
type evidence struct {
	values  int
	escaped bool // some of it switches its character set itself
	utf     bool // all of it is UTF-8
	wide    bool // and Chinese, in characters of three bytes throughout
	chinese bool // all of it is GBK, common characters prevailing
}

func (ev *evidence) weigh(d *DataSet) {
	ev.wide = true
	for i := range d.Elements {
		if el := &d.Elements[i]; el.VR.text() && !simple(el.Value) {
			ev.values++
			ev.escaped = ev.escaped || bytes.IndexByte(el.Value, esc) >= 0
			ev.utf = ev.utf && utf8.Valid(el.Value)
			ev.wide = ev.wide && allWide(el.Value)
			ev.chinese = ev.chinese && likelyChinese(el.Value)
		}
	}
}

func allWide(b []byte) bool {
	for _, r := range string(b) {
		if r >= utf8.RuneSelf && (r < 0x4E00 || r > 0x9FFF) {
			return false
		}
	}
	return true
}

// likelyChinese tells whether the bytes are GBK throughout and at least half of the characters are among the 3755 common
// ones (GB 2312 level 1: rows B0 to D7), which Western text in ISO 8859-1 practically never is.
func likelyChinese(b []byte) bool {
	common, rare := 0, 0
	for i := 0; i < len(b); i++ {
		lead := b[i]
		switch {
		case lead < utf8.RuneSelf:
			continue
		case lead == 0x80 || lead == 0xFF || i+1 == len(b):
			return false
		}
		i++
		switch trail := b[i]; {
		case trail < 0x40 || trail == 0x7F || trail == 0xFF:
			return false
		case lead >= 0xB0 && lead <= 0xD7 && trail >= 0xA1:
			common++
		case lead >= 0xA1 && lead <= 0xA3 && trail >= 0xA1: // punctuation and full-width letters
		default:
			rare++
		}
	}
	return common > 0 && common >= rare
}
