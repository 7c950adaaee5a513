package dicom

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// unicodeSet is the character set of data sets that we build: UTF-8, labelled when they are written. It is never altered.
var unicodeSet = &charset{family: utf, g0: setASCII, g1: setNone}

// UTF8 is the Specific Character Set of texts in UTF-8 (PS3.3 C.12.1.1.2).
const UTF8 = "ISO_IR 192"

// NewDataSet starts an empty data set whose texts are UTF-8. Specific Character Set is the writer's business: AppendDataSet
// adds it where text needs it.
func NewDataSet() *DataSet { return &DataSet{charset: unicodeSet} }

// Set puts the attribute in its place, instead of one with the same tag. VR 0 becomes the dictionary's. The value is taken as
// it is: little endian, and text in the data set's own character set, so that an attribute of another data set goes over by
// CopyFrom. A Specific Character Set is not taken over; it turns all texts into UTF-8 instead.
func (d *DataSet) Set(el Element) {
	if el.VR == 0 {
		el.VR = el.Tag.implicitVR(d.signed)
	}
	switch {
	case el.VR == SQ && el.Items == nil:
		el.Items = []DataSet{}
	case el.Value != nil:
		el.Length = int64(len(el.Value))
	}
	switch el.Tag {
	case SpecificCharacterSet:
		d.convert()
		el.Value, el.Length = []byte(UTF8), int64(len(UTF8))
	case PixelRepresentation:
		d.signed = len(el.Value) > 0 && el.Value[0] == 1
	}
	d.put(el)
}

func (d *DataSet) put(el Element) {
	i, found := d.search(el.Tag)
	if found {
		d.Elements[i] = el
		return
	}
	d.Elements = slices.Insert(d.Elements, i, el)
}

// SetText sets values, in UTF-8, in the VR of the dictionary. Numbers may be given as text too; what is none, is left out.
// Nothing given makes the attribute empty.
func (d *DataSet) SetText(t Tag, values ...string) { d.SetTextAs(t, t.implicitVR(d.signed), values...) }

// SetTextAs is SetText where the dictionary leaves a choice of VR, or does not know the attribute.
func (d *DataSet) SetTextAs(t Tag, vr VR, values ...string) {
	switch vr.traits().shape {
	case numbers, tags:
		var b []byte
		for _, v := range values {
			b, _ = appendBinary(b, vr, v)
		}
		d.Set(Element{Tag: t, VR: vr, Value: b})
		return
	case sequence:
		d.Set(Element{Tag: t, VR: vr})
		return
	}
	v := []byte(strings.Join(values, `\`))
	if vr.text() && !simple(v) {
		d.recode()
	}
	d.Set(Element{Tag: t, VR: vr, Value: vr.repertoire(v)})
}

// repertoire puts "?" for characters beyond ASCII where the VR has no others.
func (vr VR) repertoire(v []byte) []byte {
	if s := vr.traits().shape; s != strings8 && s != decimals && vr != UR || simple(v) {
		return v
	}
	return bytes.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, v)
}

// SetInt sets whole numbers in the VR of the dictionary; a binary VR keeps as many of their bits as it has.
func (d *DataSet) SetInt(t Tag, values ...int) {
	vr := t.implicitVR(d.signed)
	var b []byte
	for i, v := range values {
		b = appendInt(b, vr, i, v)
	}
	d.Set(Element{Tag: t, VR: vr, Value: b})
}

// SetFloat sets numbers in the VR of the dictionary; a DS gets the digits that fit its 16 characters.
func (d *DataSet) SetFloat(t Tag, values ...float64) {
	vr := t.implicitVR(d.signed)
	var b []byte
	for i, v := range values {
		b = appendFloat(b, vr, i, v)
	}
	d.Set(Element{Tag: t, VR: vr, Value: b})
}

// SetBytes sets a value as it is, little endian. The bytes must not change afterwards.
func (d *DataSet) SetBytes(t Tag, vr VR, v []byte) {
	if v == nil {
		v = []byte{}
	}
	d.Set(Element{Tag: t, VR: vr, Value: v})
}

// SetEmpty makes the attribute present without a value: a return key of a query, or an attribute of type 2.
func (d *DataSet) SetEmpty(t Tag) { d.Set(Element{Tag: t}) }

// SetItems sets a sequence of copies of the items, none of which makes it empty.
func (d *DataSet) SetItems(t Tag, items ...*DataSet) {
	own := make([]DataSet, len(items))
	foreign := false
	for i, it := range items {
		own[i] = *it.Clone()
		foreign = foreign || !own[i].simple()
	}
	if foreign {
		d.recode()
	}
	for i := range own {
		own[i].join(d.charset)
	}
	d.Set(Element{Tag: t, VR: SQ, Items: own})
}

// SetBulk sets an attribute whose value lies elsewhere (PS3.18 §F.2.6). It must be resolved before it can be written.
func (d *DataSet) SetBulk(t Tag, vr VR, uri string) {
	d.Set(Element{Tag: t, VR: vr, Value: []byte(uri), form: reference})
}

// CopyFrom copies attributes of another data set, all of them when no tag is given; those it has not are left as they are.
func (d *DataSet) CopyFrom(from *DataSet, tags ...Tag) {
	part := DataSet{charset: from.charset, signed: from.signed}
	for i := range from.Elements {
		if len(tags) == 0 || slices.Contains(tags, from.Elements[i].Tag) {
			part.Elements = append(part.Elements, from.Elements[i])
		}
	}
	part = *part.Clone()
	if part.charset != d.charset && !part.simple() {
		d.recode()
	}
	part.join(d.charset)
	for _, el := range part.Elements {
		if el.Tag != SpecificCharacterSet {
			d.Set(el)
		}
	}
}

// join makes the data set one that can stand in another with the given character set, which is UTF-8 unless the text here is
// the same in all.
func (d *DataSet) join(c *charset) {
	if d.charset == c {
		return
	}
	d.convert()
	d.Delete(SpecificCharacterSet)
	d.adoptAll(c)
}

func (d *DataSet) adoptAll(c *charset) {
	d.charset = c
	for i := range d.Elements {
		for j := range d.Elements[i].Items {
			d.Elements[i].Items[j].adoptAll(c)
		}
	}
}

// Delete removes the attribute if it is there.
func (d *DataSet) Delete(t Tag) {
	if i, found := d.search(t); found {
		d.Elements = slices.Delete(d.Elements, i, i+1)
	}
}

// Clone copies the data set with all its items. Values are shared, since none of ours changes one in place.
func (d *DataSet) Clone() *DataSet {
	c := *d
	c.Elements = slices.Clone(d.Elements)
	for i := range c.Elements {
		if items := c.Elements[i].Items; items != nil {
			own := make([]DataSet, len(items))
			for j := range items {
				own[j] = *items[j].Clone()
			}
			c.Elements[i].Items = own
		}
	}
	return &c
}

// recode turns the data set into UTF-8, and says so for those who read it as an item of another.
func (d *DataSet) recode() {
	if d.charset == unicodeSet {
		return
	}
	d.convert()
	d.put(Element{Tag: SpecificCharacterSet, VR: CS, Value: []byte(UTF8), Length: int64(len(UTF8))})
}

// convert turns all texts, those of items too, into UTF-8. Items need no label of their own then.
func (d *DataSet) convert() {
	for i := range d.Elements {
		el := &d.Elements[i]
		for j := range el.Items {
			el.Items[j].convert()
			el.Items[j].Delete(SpecificCharacterSet)
		}
		switch {
		case el.Tag == SpecificCharacterSet:
			el.Value, el.Length = []byte(UTF8), int64(len(UTF8))
		case d.charset != unicodeSet && el.textual() && !simple(el.Value):
			el.Value = []byte(d.decode(el))
			el.Length = int64(len(el.Value))
		}
	}
	d.charset = unicodeSet
}

// textual tells whether the element holds text, here, to which Specific Character Set applies.
func (e *Element) textual() bool {
	return e.form == plainValue && len(e.Value) > 0 && (e.VR.text() || e.VR == UN && e.Tag.VR().text())
}

// simple tells whether all texts, those of items too, are the same in every character set.
func (d *DataSet) simple() bool {
	for i := range d.Elements {
		el := &d.Elements[i]
		if el.textual() && !simple(el.Value) {
			return false
		}
		for j := range el.Items {
			if !el.Items[j].simple() {
				return false
			}
		}
	}
	return true
}

// Equal tells whether two data sets have the same attributes with the same VRs and values, padding apart. Texts are compared
// as they are stored, and offsets not at all.
func (d *DataSet) Equal(other *DataSet) bool {
	return slices.EqualFunc(d.Elements, other.Elements, func(a, b Element) bool { return a.equal(&b) })
}

func (e *Element) equal(other *Element) bool {
	if e.Tag != other.Tag || e.VR != other.VR || e.form != other.form || e.Kept() != other.Kept() {
		return false
	}
	if e.Items != nil || other.Items != nil {
		return slices.EqualFunc(e.Items, other.Items, func(a, b DataSet) bool { return a.Equal(&b) })
	}
	pad := string(rune(e.VR.pad()))
	return bytes.Equal(bytes.TrimRight(e.Value, pad), bytes.TrimRight(other.Value, pad)) && (e.Kept() || e.Length == other.Length)
}
