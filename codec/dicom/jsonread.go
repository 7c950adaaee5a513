package dicom

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// ParseJSON reads a data set in the DICOM JSON model (PS3.18 annex F): an object, or an array with one. Numbers may be
// strings and the other way round, values may be null, names of attributes that are not eight hexadecimal digits and members
// that the standard does not know are passed over. A BulkDataURI makes an element that refers to its value: BulkURI, Away and
// Resolve. The bounds are Limits' HeaderBytes for all values, Depth and Elements; what breaks them, or is no such JSON, is
// refused with a *FormatError. Texts are UTF-8 then, whatever Specific Character Set said.
func ParseJSON(b []byte, lim Limits) (*DataSet, error) {
	all, err := ParseJSONList(b, lim)
	switch {
	case err != nil:
		return nil, err
	case len(all) != 1:
		return nil, &FormatError{Kind: Structure, Reason: "not one data set"}
	}
	return all[0], nil
}

// ParseJSONList reads an array of data sets, as metadata and query answers are (PS3.18 §F.2.1); an object counts as an array
// of one. The bounds hold for all of them together.
func ParseJSONList(b []byte, lim Limits) ([]*DataSet, error) {
	j := &jsonReader{jsonText: jsonText{b: b}, bounds: bounds{lim: lim.orDefault()}}
	var all []*DataSet
	read := func() error {
		d := NewDataSet()
		all = append(all, d)
		return j.dataSet(d, 0)
	}
	var err error
	if j.peek() == '[' {
		err = j.array(read)
	} else {
		err = read()
	}
	if err != nil {
		return nil, err
	}
	if j.peek() != 0 || j.i < len(b) {
		return nil, j.fail(Structure, "text behind the data set")
	}
	return all, nil
}

// bounds counts what a data set costs that comes as text.
type bounds struct {
	lim      Limits
	elements int
	kept     int64
}

func (b *bounds) element() bool {
	b.elements++
	return b.elements <= b.lim.Elements
}

func (b *bounds) keep(n int) bool {
	b.kept += int64(n)
	return b.kept <= b.lim.HeaderBytes
}

type jsonReader struct {
	jsonText
	bounds
}

func (j *jsonReader) dataSet(d *DataSet, depth int) error {
	if depth > j.lim.Depth {
		return j.fail(Limit, "sequences are nested deeper than %d", j.lim.Depth)
	}
	if !j.bounds.element() {
		return j.fail(Limit, "more than %d elements", j.lim.Elements)
	}
	err := j.object(func(name []byte) error {
		t, ok := hexTag(name)
		if !ok {
			return j.skip(0)
		}
		return j.attribute(d, t, depth)
	})
	if err != nil {
		return err
	}
	if t, twice := d.settle(); twice {
		return j.fail(Structure, "%v is there twice in one data set", t)
	}
	return nil
}

func hexTag(s []byte) (t Tag, ok bool) {
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		t = t<<4 | Tag(c)
	}
	return t, len(s) == 8
}

// settle puts elements in order that came in any, and tells of one that is there twice.
func (d *DataSet) settle() (Tag, bool) {
	if !slices.IsSortedFunc(d.Elements, byTag) {
		slices.SortStableFunc(d.Elements, byTag)
	}
	for i := 1; i < len(d.Elements); i++ {
		if d.Elements[i].Tag == d.Elements[i-1].Tag {
			return d.Elements[i].Tag, true
		}
	}
	return 0, false
}

// take adds an element, whose place settle finds.
func (d *DataSet) take(el Element) {
	if el.VR == SQ && el.Items == nil {
		el.Items = []DataSet{}
	}
	switch el.Tag {
	case SpecificCharacterSet:
		if el.VR = CS; len(el.Value) > 0 {
			el.Value = []byte(UTF8)
		}
	case PixelRepresentation:
		d.signed = len(el.Value) > 0 && el.Value[0] == 1
	}
	if el.form == plainValue {
		el.Value = el.VR.repertoire(el.Value)
	}
	el.Length = int64(len(el.Value))
	d.Elements = append(d.Elements, el)
}

// attribute reads one attribute's object. Its VR may come behind its values, which are then read a second time.
func (j *jsonReader) attribute(d *DataSet, t Tag, depth int) error {
	if !j.bounds.element() {
		return j.fail(Limit, "more than %d elements", j.lim.Elements)
	}
	el := Element{Tag: t}
	values := -1
	err := j.object(func(name []byte) (err error) {
		switch string(name) {
		case "vr":
			el.VR, err = j.vr()
		case "Value":
			if el.VR != 0 {
				return j.values(&el, depth)
			}
			values = j.i
			err = j.skip(depth)
		case "InlineBinary":
			err = j.binary(&el)
		case "BulkDataURI":
			var uri []byte
			uri, err = j.text()
			el.form, el.Value = reference, bytes.Clone(uri)
		default:
			err = j.skip(depth)
		}
		return err
	})
	if err != nil {
		return err
	}
	if el.VR == 0 {
		el.VR = t.implicitVR(d.signed)
	}
	if values >= 0 {
		end := j.i
		j.i = values
		if err := j.values(&el, depth); err != nil {
			return err
		}
		j.i = end
	}
	if el.VR == SQ {
		el.Value, el.form = nil, plainValue
	} else {
		el.Items = nil
	}
	if !j.keep(len(el.Value)) {
		return j.fail(Limit, "more than %d bytes of values", j.lim.HeaderBytes)
	}
	d.take(el)
	return nil
}

func (j *jsonReader) vr() (VR, error) {
	s, err := j.text()
	if err != nil {
		return 0, err
	}
	if len(s) != 2 || !(VR(s[0])<<8 | VR(s[1])).letters() {
		return 0, j.fail(Structure, "no value representation")
	}
	return VR(s[0])<<8 | VR(s[1]), nil
}

func (j *jsonReader) binary(el *Element) error {
	s, err := j.text()
	if err != nil {
		return err
	}
	el.Value, err = base64.StdEncoding.AppendDecode(make([]byte, 0, len(s)/4*3), s)
	if err != nil {
		return j.fail(Structure, "%v is not in base 64", el.Tag)
	}
	el.form = plainValue
	return nil
}

// values reads the array of values.
func (j *jsonReader) values(el *Element, depth int) error {
	if j.peek() == 'n' {
		return j.skip(depth)
	}
	shape := el.VR.traits().shape
	n := 0
	var b []byte
	el.form = plainValue
	el.Items = nil
	err := j.array(func() error {
		if shape == sequence {
			return j.item(el, depth)
		}
		if n++; n > 1 && shape != numbers && shape != tags && shape != opaque {
			b = append(b, '\\')
		}
		var err error
		if b, err = j.value(b, el, shape); err == nil && j.kept+int64(len(b)) > j.lim.HeaderBytes {
			err = j.fail(Limit, "more than %d bytes of values", j.lim.HeaderBytes)
		}
		return err
	})
	el.Value = b
	return err
}

func (j *jsonReader) item(el *Element, depth int) error {
	d := NewDataSet()
	if j.peek() == 'n' {
		if err := j.skip(depth); err != nil {
			return err
		}
	} else if err := j.dataSet(d, depth+1); err != nil {
		return err
	}
	el.Items = append(el.Items, *d)
	return nil
}

// value reads one value and appends it as it is stored.
func (j *jsonReader) value(to []byte, el *Element, shape shape) ([]byte, error) {
	switch j.peek() {
	case 'n':
		return to, j.skip(0)
	case '{':
		if shape != names {
			return to, j.fail(Structure, "%v %v has an object as its value", el.Tag, el.VR)
		}
		return j.name(to)
	}
	s, err := j.scalar()
	if err != nil {
		return to, err
	}
	ok := true
	switch {
	case shape == numbers, shape == tags, shape == opaque && el.VR != UN:
		if len(s) > 0 {
			to, ok = appendBinary(to, el.VR, string(s))
		}
	case shape == decimals:
		to = append(to, fitNumber(el.VR, string(s))...)
	default:
		to = append(to, s...)
	}
	if !ok {
		return to, j.fail(Structure, "%v %v has a value that is none", el.Tag, el.VR)
	}
	return to, nil
}

// name reads a person name: an object with up to three groups (PS3.18 §F.2.2).
func (j *jsonReader) name(to []byte) ([]byte, error) {
	var groups [3][]byte
	err := j.object(func(name []byte) error {
		i := slices.Index([]string{"Alphabetic", "Ideographic", "Phonetic"}, string(name))
		if i < 0 || j.peek() == 'n' {
			return j.skip(0)
		}
		s, err := j.text()
		groups[i] = bytes.Clone(s)
		return err
	})
	return appendGroups(to, groups), err
}

// appendGroups writes the groups of a person name, without empty ones at the end (PS3.5 §6.2.1).
func appendGroups(to []byte, groups [3][]byte) []byte {
	mark := len(to)
	to = append(append(append(append(append(to, groups[0]...), '='), groups[1]...), '='), groups[2]...)
	return append(to[:mark], bytes.TrimRight(to[mark:], "=")...)
}
