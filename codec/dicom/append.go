package dicom

import (
	"compress/flate"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// AppendDataSet appends the data set in a transfer syntax, as a DIMSE message carries it: no preamble, no group 2, no group
// lengths, sequences and items of undefined length. A value too long for the short form of its VR becomes UN (PS3.5 §6.2.2).
//
// charset "" leaves texts as they are stored; one that we built is in UTF-8 and says so where it needs to. Else texts are
// converted to "ISO_IR 192", "GB18030", "ISO_IR 100" or another single-byte set, "ISO_IR 6" for ASCII; where a character
// is not in it, or we do not write it, to ISO_IR 192. Values that are not here are an error.
func AppendDataSet(to []byte, d *DataSet, syntax UID, charset string) ([]byte, error) {
	a := appender{b: to, code: codings[syntax]}
	if a.code.deflated {
		a.b = nil
	}
	var label string
	a.into, label = plan(d, charset)
	a.top(d, d.Elements, label)
	if a.err != nil {
		return to, a.err
	}
	if a.code.deflated {
		return deflate(to, a.b)
	}
	return a.b, nil
}

func deflate(to, b []byte) ([]byte, error) {
	out := sink{to}
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return to, err
	}
	if _, err := w.Write(b); err != nil {
		return to, err
	}
	if err := w.Close(); err != nil {
		return to, err
	}
	if len(out.b)%2 == 1 { // PS3.5 §A.5
		out.b = append(out.b, 0)
	}
	return out.b, nil
}

type sink struct{ b []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}

// appender writes one data set.
type appender struct {
	b      []byte
	code   coding
	into   *repertoire // what texts are converted to; nil: they are written as they are stored
	holes  []hole      // values to be copied from elsewhere
	locate bool        // whether there may be holes
	from   coding      // how the values are coded that the holes stand for
	err    error
}

// hole stands for a value of n bytes at off of the scanned stream, which belongs at the place at of the bytes written.
type hole struct {
	at     int
	off, n int64
	turn   VR // whose byte order is turned round; 0 leaves it
	pad    bool
	with   byte // what to pad with
}

func (a *appender) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("dicom: write: "+format, args...)
	}
}

// top writes elements of the outermost data set, and its Specific Character Set unless the label is "".
func (a *appender) top(d *DataSet, elements []Element, label string) {
	for i := range elements {
		el := &elements[i]
		if label != "" && el.Tag > SpecificCharacterSet {
			a.label(label)
			label = ""
		}
		switch {
		case el.Tag.Group() == 2, el.Tag == DataSetTrailingPadding:
		case a.into != nil && el.Tag == SpecificCharacterSet:
		default:
			a.element(d, el)
		}
	}
	if label != "" {
		a.label(label)
	}
}

func (a *appender) label(s string) {
	v := []byte(s)
	a.value(&Element{Tag: SpecificCharacterSet, VR: CS}, v)
}

func (a *appender) element(d *DataSet, el *Element) {
	switch {
	case el.Tag.Element() == 0 && el.Tag.Group() != 0:
	case el.form == reference:
		a.fail("%v is only referred to", el.Tag)
	case el.Items != nil:
		a.items(el)
	case !el.Kept():
		a.located(el)
	case el.form == fragments:
		if a.code.big {
			a.fail("%v is in fragments, which big endian has none of", el.Tag)
		}
		a.b = append(appendLead(a.b, a.code, el.Tag, el.VR, undefined), el.Value...)
	case a.into != nil && el.textual() && !simple(el.Value):
		v, ok := a.into.encode(d.decode(el))
		if !ok {
			a.fail("%v cannot be written in %s", el.Tag, a.into.label)
		}
		a.value(el, v)
	default:
		a.value(el, el.Value)
	}
}

// value writes a value that is here.
func (a *appender) value(el *Element, v []byte) {
	n := (len(v) + 1) &^ 1
	if int64(n) >= undefined {
		a.fail("%v is longer than a value can be", el.Tag)
		return
	}
	vr := a.writtenVR(el.VR, int64(n))
	a.b = appendLead(a.b, a.code, el.Tag, vr, uint32(n))
	at := len(a.b)
	a.b = append(a.b, v...)
	if a.code.big {
		vr.swap(a.b[at:])
	}
	if len(v)%2 == 1 {
		a.b = append(a.b, el.VR.pad())
	}
}

// writtenVR is UN for a value that the short form has no room for. Its bytes are then little endian (PS3.5 §6.2.2).
func (a *appender) writtenVR(vr VR, n int64) VR {
	if vr == 0 || !a.code.implicit && !vr.traits().long && n > math.MaxUint16 {
		return UN
	}
	return vr
}

func (a *appender) located(el *Element) {
	if !a.locate {
		a.fail("the value of %v is not here", el.Tag)
		return
	}
	n := (el.Length + 1) &^ 1
	if n >= undefined {
		a.fail("%v is longer than a value can be", el.Tag)
		return
	}
	length := uint32(n)
	if el.form == fragments {
		length = undefined
	}
	vr := a.writtenVR(el.VR, n)
	a.b = appendLead(a.b, a.code, el.Tag, vr, length)
	h := hole{at: len(a.b), off: el.Offset, n: el.Length, pad: n > el.Length && el.form != fragments, with: el.VR.pad()}
	if a.from.big != (a.code.big && vr != UN) {
		h.turn = el.VR
	}
	a.holes = append(a.holes, h)
}

// items writes a sequence; an empty one has the length 0, which queries use.
func (a *appender) items(el *Element) {
	if len(el.Items) == 0 {
		a.b = appendLead(a.b, a.code, el.Tag, SQ, 0)
		return
	}
	a.b = appendLead(a.b, a.code, el.Tag, SQ, undefined)
	for i := range el.Items {
		a.b = appendLead(a.b, a.code, item, 0, undefined)
		for j := range el.Items[i].Elements {
			in := &el.Items[i].Elements[j]
			if a.into == nil || in.Tag != SpecificCharacterSet {
				a.element(&el.Items[i], in)
			}
		}
		a.b = appendLead(a.b, a.code, itemDelimitation, 0, 0)
	}
	a.b = appendLead(a.b, a.code, sequenceDelimitation, 0, 0)
}

// repertoire is a character set that we write.
type repertoire struct {
	label string
	set   encoding.Encoding // nil: UTF-8, or ASCII
}

var unicodeText = &repertoire{label: UTF8}

// written are the character sets that we write beside UTF-8, by their spelling without blanks and dashes.
var written = map[string]*repertoire{
	"GB18030": {"GB18030", simplifiedchinese.GB18030}, "GBK": {"GBK", simplifiedchinese.GBK},
	"6": {"", nil}, "100": {"ISO_IR 100", charmap.ISO8859_1}, "101": {"ISO_IR 101", charmap.ISO8859_2},
	"109": {"ISO_IR 109", charmap.ISO8859_3}, "110": {"ISO_IR 110", charmap.ISO8859_4},
	"144": {"ISO_IR 144", charmap.ISO8859_5}, "127": {"ISO_IR 127", charmap.ISO8859_6},
	"126": {"ISO_IR 126", charmap.ISO8859_7}, "138": {"ISO_IR 138", charmap.ISO8859_8},
	"148": {"ISO_IR 148", charmap.ISO8859_9}, "203": {"ISO_IR 203", charmap.ISO8859_15},
}

// plan says what texts are converted to, nil for not at all, and the label to write.
func plan(d *DataSet, charset string) (*repertoire, string) {
	if charset == "" {
		if d.charset != unicodeSet && d.agrees(d.charset) {
			return nil, ""
		}
		if d.Find(SpecificCharacterSet) != nil || !d.simple() {
			return unicodeText, UTF8
		}
		return unicodeText, ""
	}
	name := spelling.Replace(strings.ToUpper(strings.TrimSpace(charset)))
	r := written[strings.TrimPrefix(strings.TrimPrefix(name, "ISO2022IR"), "ISOIR")]
	if r == nil || !d.fits(r) {
		r = unicodeText
	}
	return r, r.label
}

// agrees tells whether a reader who follows the labels that stand in the data set reads its items as we do.
func (d *DataSet) agrees(c *charset) bool {
	if d.charset != c && d.Find(SpecificCharacterSet) == nil {
		for i := range d.Elements {
			if el := &d.Elements[i]; el.textual() && !simple(el.Value) {
				return false
			}
		}
	} else {
		c = d.charset
	}
	for i := range d.Elements {
		for j := range d.Elements[i].Items {
			if !d.Elements[i].Items[j].agrees(c) {
				return false
			}
		}
	}
	return true
}

// fits tells whether all texts can be written.
func (d *DataSet) fits(r *repertoire) bool {
	for i := range d.Elements {
		el := &d.Elements[i]
		if el.textual() && !simple(el.Value) {
			if _, ok := r.encode(d.decode(el)); !ok {
				return false
			}
		}
		for j := range el.Items {
			if !el.Items[j].fits(r) {
				return false
			}
		}
	}
	return true
}

func (r *repertoire) encode(s string) ([]byte, bool) {
	switch {
	case r.set != nil:
		b, err := r.set.NewEncoder().String(s)
		return []byte(b), err == nil
	case r.label == UTF8:
		return []byte(s), true
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return nil, false
		}
	}
	return []byte(s), true
}
