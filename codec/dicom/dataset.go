package dicom

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/suyashkumar/dicom/pkg/dcmtime"
)

// Element is one attribute. Binary values are little endian whatever the stream was.
type Element struct {
	Tag    Tag
	VR     VR
	form   form
	Offset int64 // of the value in the stream
	Length int64 // of the value in the stream
	Value  []byte
	Items  []DataSet // of a sequence, never nil then
}

// form says what an element's value is made of.
type form uint8

const (
	plainValue form = iota
	fragments       // items with fragments and a delimiter, of undefined length (PS3.5 §A.4)
	reference       // the address of a value that is elsewhere
)

// Kept tells whether the value is here; long ones and pixel data are only located by Offset and Length.
func (e *Element) Kept() bool {
	return e.form != reference && (e.Items != nil || int64(len(e.Value)) == e.Length)
}

// BulkURI is where a value lies that a data set in JSON or XML only refers to, else "".
func (e *Element) BulkURI() string {
	if e.form != reference {
		return ""
	}
	return string(e.Value)
}

// Fragmented tells whether the value has undefined length and consists of fragments, as compressed pixels of an icon do.
func (e *Element) Fragmented() bool { return e.form == fragments }

// Resolve gives the element the value that it referred to.
func (e *Element) Resolve(v []byte) { e.Value, e.Length, e.form = v, int64(len(v)), plainValue }

// Away gives every element, those of items too, whose value is not here: located in the stream, or referred to.
func (d *DataSet) Away() iter.Seq[*Element] {
	return func(yield func(*Element) bool) { d.away(yield) }
}

func (d *DataSet) away(yield func(*Element) bool) bool {
	for i := range d.Elements {
		el := &d.Elements[i]
		if !el.Kept() && !yield(el) {
			return false
		}
		for j := range el.Items {
			if !el.Items[j].away(yield) {
				return false
			}
		}
	}
	return true
}

// DataSet is an ordered set of attributes with the character set that holds for them.
type DataSet struct {
	Elements []Element

	charset   *charset
	signed    bool // Pixel Representation
	unordered bool
}

// note remembers what the reading of later elements depends on.
func (d *DataSet) note(el *Element, s *scanner) {
	switch el.Tag {
	case SpecificCharacterSet:
		d.charset = newCharset(el.Value, s.warn)
	case PixelRepresentation:
		d.signed = len(el.Value) > 0 && el.Value[0] == 1
	}
}

func byTag(a, b Element) int { return cmp.Compare(a.Tag, b.Tag) }

// Find gives the attribute, or nil.
func (d *DataSet) Find(t Tag) *Element {
	i, ok := d.search(t)
	if !ok {
		return nil
	}
	return &d.Elements[i]
}

func (d *DataSet) search(t Tag) (int, bool) {
	return slices.BinarySearchFunc(d.Elements, t, func(e Element, t Tag) int { return cmp.Compare(e.Tag, t) })
}

// Items gives the data sets of a sequence, none if it is absent.
func (d *DataSet) Items(t Tag) []DataSet {
	if el := d.Find(t); el != nil {
		return el.Items
	}
	return nil
}

// Str is the attribute's first value as UTF-8 without its padding; "" if it has none.
func (d *DataSet) Str(t Tag) string {
	if v := d.Strs(t); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Strs gives all values as UTF-8 without their padding; nil if there are none.
func (d *DataSet) Strs(t Tag) []string {
	el := d.Find(t)
	if el == nil || len(el.Value) == 0 || el.form != plainValue {
		return nil
	}
	return d.values(el)
}

func (d *DataSet) values(el *Element) []string {
	vr := el.VR
	if vr == UN { // a known attribute whose VR was lost on the way
		vr = el.Tag.VR()
	}
	switch vr.traits().shape {
	case numbers:
		return numerals(vr, el.Value)
	case text:
		return []string{strings.TrimRight(d.decode(el), " \x00")}
	case strings8, texts, names, decimals:
		s := d.decode(el)
		if strings.IndexByte(s, '\\') < 0 {
			return []string{strings.Trim(s, " \x00")}
		}
		v := strings.Split(s, `\`)
		for i := range v {
			v[i] = strings.Trim(v[i], " \x00")
		}
		return v
	}
	return nil
}

// decode gives the whole value, backslashes and all, in UTF-8. Splitting comes after decoding: the second byte of a Chinese
// character may be a backslash, ^ or = (PS3.5 §6.1.2.3).
func (d *DataSet) decode(el *Element) string {
	if el.VR.text() || el.VR == UN {
		return d.charset.decode(el.Value, el.VR == PN)
	}
	return plain.decode(el.Value, false)
}

func numerals(vr VR, b []byte) []string {
	var v []string
	unit := int(vr.traits().unit)
	for ; len(b) >= unit; b = b[unit:] {
		v = append(v, string(appendNumber(nil, vr, b)))
	}
	return v
}

// appendNumber writes the first binary value of b as text.
func appendNumber(to []byte, vr VR, b []byte) []byte {
	switch vr {
	case US:
		return strconv.AppendUint(to, uint64(u16(b)), 10)
	case SS:
		return strconv.AppendInt(to, int64(int16(u16(b))), 10)
	case UL:
		return strconv.AppendUint(to, uint64(u32(b)), 10)
	case SL:
		return strconv.AppendInt(to, int64(int32(u32(b))), 10)
	case UV:
		return strconv.AppendUint(to, binary.LittleEndian.Uint64(b), 10)
	case SV:
		return strconv.AppendInt(to, int64(binary.LittleEndian.Uint64(b)), 10)
	case FL:
		return strconv.AppendFloat(to, float64(math.Float32frombits(u32(b))), 'g', -1, 32)
	case FD:
		return strconv.AppendFloat(to, math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', -1, 64)
	}
	return to
}

// Int is the first value of a whole-number attribute; false if there is none or it is no whole number.
func (d *DataSet) Int(t Tag) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(d.Str(t), "+"))
	return n, err == nil
}

// Float is the first value of a numeric attribute; false if there is none or it is no number.
func (d *DataSet) Float(t Tag) (float64, bool) {
	f, err := strconv.ParseFloat(d.Str(t), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// UID is the attribute as an identifier.
func (d *DataSet) UID(t Tag) UID { return UID(d.Str(t)) }

// Date is the day of a DA or DT attribute, at midnight UTC; false if it is absent or not a whole date.
func (d *DataSet) Date(t Tag) (time.Time, bool) {
	s := strings.ReplaceAll(d.Str(t), ".", "") // ACR-NEMA wrote 1997.04.24
	if len(s) < 8 {
		return time.Time{}, false
	}
	da, err := dcmtime.ParseDate(s[:8])
	if err != nil || da.Precision != dcmtime.PrecisionFull {
		return time.Time{}, false
	}
	return da.Time, true
}

// Time is the time of day of a TM attribute since midnight; false if it is absent or not a time. The hour suffices.
func (d *DataSet) Time(t Tag) (time.Duration, bool) {
	s := strings.ReplaceAll(d.Str(t), ":", "") // ACR-NEMA wrote 10:02:03
	tm, err := dcmtime.ParseTime(s)
	if err != nil {
		return 0, false
	}
	return tm.Time.Sub(tm.Time.Truncate(24 * time.Hour)), true
}

// PersonName is a PN value: up to three ways of writing one name, each family^given^middle^prefix^suffix (PS3.5 §6.2.1).
type PersonName struct{ Alphabetic, Ideographic, Phonetic string }

// Person is the first name of a PN attribute.
func (d *DataSet) Person(t Tag) PersonName { return parsePerson(d.Str(t)) }

// parsePerson parts a decoded name. Anything behind a third "=" belongs to no group and is dropped, as viewers do.
func parsePerson(s string) PersonName {
	var p PersonName
	var more bool
	p.Alphabetic, s, more = strings.Cut(s, "=")
	if more {
		p.Ideographic, s, _ = strings.Cut(s, "=")
		p.Phonetic, _, _ = strings.Cut(s, "=")
	}
	for _, g := range []*string{&p.Alphabetic, &p.Ideographic, &p.Phonetic} {
		*g = strings.TrimRight(*g, " ^")
	}
	return p
}
