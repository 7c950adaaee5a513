package dicom

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"
)

// nativeModel is the namespace of the Native DICOM Model (PS3.19 §A.1).
const nativeModel = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

// AppendXML appends the data set as a document in the Native DICOM Model (PS3.19 §A.1): in order, in UTF-8, without group 2
// and group lengths. Large values are referred to as AppendJSON does. Characters that XML 1.0 has not become U+FFFD.
func (d *DataSet) AppendXML(to []byte, opt JSONOptions) []byte {
	if opt.BulkBytes <= 0 {
		opt.BulkBytes = defaultBulk
	}
	x := xmlWriter{b: to, opt: opt}
	x.b = append(x.b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<NativeDicomModel xml:space="preserve" xmlns="`+nativeModel+`">`...)
	x.dataSet(d)
	x.b = append(x.b, "</NativeDicomModel>\n"...)
	return x.b
}

type xmlWriter struct {
	b    []byte
	opt  JSONOptions
	path []byte
}

func (x *xmlWriter) dataSet(d *DataSet) {
	for i := range d.Elements {
		el := &d.Elements[i]
		if len(x.path) == 0 && el.Tag.Group() <= 2 || el.Tag.Element() == 0 || el.Tag == DataSetTrailingPadding {
			continue
		}
		x.element(d, el)
	}
}

func (x *xmlWriter) element(d *DataSet, el *Element) {
	x.b = append(x.b, `<DicomAttribute tag="`...)
	creator := d.Creator(el.Tag)
	if creator != "" { // the creator's name stands for the block
		x.b = appendHex(x.b, el.Tag&^0xFF00)
	} else {
		x.b = appendHex(x.b, el.Tag)
	}
	x.b = append(x.b, `" vr="`...)
	x.b = append(x.b, byte(el.VR>>8), byte(el.VR), '"')
	if name := el.Tag.Keyword(); name != "" {
		x.attribute("keyword", name)
	}
	if creator != "" {
		x.attribute("privateCreator", creator)
	}
	x.b = append(x.b, '>')
	outer := len(x.path)
	x.path = appendHex(x.path, el.Tag)
	x.content(d, el)
	x.path = x.path[:outer]
	x.b = append(x.b, "</DicomAttribute>"...)
}

// Creator is the private creator that has reserved the block of a private attribute in this data set (PS3.5 §7.8.1), else "".
func (d *DataSet) Creator(t Tag) string {
	if !t.Private() || t.Element() < 0x1000 {
		return ""
	}
	return d.Str(t&0xFFFF0000 | Tag(t.Element()>>8))
}

func (x *xmlWriter) attribute(name, v string) {
	x.b = append(append(append(x.b, ' '), name...), `="`...)
	x.text(v)
	x.b = append(x.b, '"')
}

func (x *xmlWriter) content(d *DataSet, el *Element) {
	shape := el.VR.traits().shape
	switch {
	case el.form == reference:
		x.bulk(string(el.Value))
	case shape == sequence:
		x.items(el)
	case el.Length == 0:
	case !el.Kept(), el.form == fragments, el.Length > x.opt.BulkBytes && shape != names:
		if x.opt.BulkURI != nil {
			x.bulk(x.opt.BulkURI(string(x.path), el.Offset, el.Length))
		}
	case el.Tag == SpecificCharacterSet:
		x.value(0, UTF8)
	case shape == opaque:
		x.b = append(x.b, "<InlineBinary>"...)
		x.b = base64.StdEncoding.AppendEncode(x.b, el.Value)
		x.b = append(x.b, "</InlineBinary>"...)
	case shape == tags:
		for i, v := 0, el.Value; len(v) >= 4; i, v = i+1, v[4:] {
			x.value(i, (Tag(u16(v))<<16 | Tag(u16(v[2:]))).Hex())
		}
	default:
		x.values(d, el, shape)
	}
}

func (x *xmlWriter) values(d *DataSet, el *Element, shape shape) {
	all := d.values(el)
	if len(strings.Join(all, "")) == 0 {
		return
	}
	for i, v := range all {
		switch {
		case shape == names:
			x.name(i, v)
		case v != "":
			x.value(i, v)
		default:
			x.open("Value", i)
			x.b = append(x.b, "</Value>"...)
		}
	}
}

func (x *xmlWriter) bulk(uri string) {
	x.b = append(x.b, "<BulkData"...)
	x.attribute("uri", uri)
	x.b = append(x.b, "/>"...)
}

func (x *xmlWriter) items(el *Element) {
	outer := len(x.path)
	for i := range el.Items {
		x.path = append(x.path[:outer], '/')
		x.path = strconv.AppendInt(x.path, int64(i+1), 10)
		x.path = append(x.path, '/')
		x.open("Item", i)
		x.dataSet(&el.Items[i])
		x.b = append(x.b, "</Item>"...)
	}
}

func (x *xmlWriter) open(name string, i int) {
	x.b = append(append(append(x.b, '<'), name...), ` number="`...)
	x.b = strconv.AppendInt(x.b, int64(i+1), 10)
	x.b = append(x.b, `">`...)
}

func (x *xmlWriter) value(i int, v string) {
	x.open("Value", i)
	x.text(v)
	x.b = append(x.b, "</Value>"...)
}

var (
	nameGroups     = [...]string{"Alphabetic", "Ideographic", "Phonetic"}
	nameComponents = [...]string{"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"}
)

// name writes a person name by group and component.
func (x *xmlWriter) name(i int, v string) {
	x.open("PersonName", i)
	for g, group := range strings.SplitN(v, "=", len(nameGroups)) {
		group = strings.TrimRight(group, " ^=")
		if group == "" {
			continue
		}
		x.tag("<", nameGroups[g])
		for c, part := range strings.SplitN(group, "^", len(nameComponents)) {
			if part == "" {
				continue
			}
			x.tag("<", nameComponents[c])
			x.text(part)
			x.tag("</", nameComponents[c])
		}
		x.tag("</", nameGroups[g])
	}
	x.b = append(x.b, "</PersonName>"...)
}

func (x *xmlWriter) tag(open, name string) {
	x.b = append(append(append(x.b, open...), name...), '>')
}

// text writes character data, fit for an attribute too.
func (x *xmlWriter) text(s string) {
	for _, r := range s {
		switch {
		case r == '&':
			x.b = append(x.b, "&amp;"...)
		case r == '<':
			x.b = append(x.b, "&lt;"...)
		case r == '>':
			x.b = append(x.b, "&gt;"...)
		case r == '"':
			x.b = append(x.b, "&#34;"...)
		case r == '\r', r == '\n', r == '\t': // which readers of XML otherwise change
			x.b = append(x.b, "&#"...)
			x.b = strconv.AppendInt(x.b, int64(r), 10)
			x.b = append(x.b, ';')
		case r < ' ', r == 0xFFFE, r == 0xFFFF:
			x.b = utf8.AppendRune(x.b, utf8.RuneError)
		default:
			x.b = utf8.AppendRune(x.b, r)
		}
	}
}
