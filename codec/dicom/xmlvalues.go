package dicom

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"slices"
	"strconv"
)

// xmlValues gathers the values of one attribute.
type xmlValues struct {
	x     *xmlReader
	el    Element
	shape shape
	depth int
	last  int // number of the last value
}

func (v *xmlValues) child(s xml.StartElement) error {
	x := v.x
	if !x.bounds.element() {
		return x.fail(Limit, "more than %d elements", x.lim.Elements)
	}
	switch s.Name.Local {
	case "Value":
		return v.value(s)
	case "PersonName":
		return v.name(s)
	case "Item":
		return v.item()
	case "InlineBinary":
		return v.binary()
	case "BulkData":
		uri := attr(s, "uri")
		if id := attr(s, "uuid"); uri == "" && id != "" {
			uri = "urn:uuid:" + id
		}
		v.el.form, v.el.Value = reference, []byte(uri)
		return x.skip()
	}
	return x.skip()
}

// separate writes the backslashes up to a value, whose number may leave empty ones out.
func (v *xmlValues) separate(s xml.StartElement) error {
	if v.el.form == reference {
		v.el.form, v.el.Value = plainValue, nil
	}
	n := v.last + 1
	if a := attr(s, "number"); a != "" {
		var err error
		if n, err = strconv.Atoi(a); err != nil || n <= v.last || n > v.x.lim.Elements {
			return v.x.fail(Structure, "%v has values out of order", v.el.Tag)
		}
	}
	if v.shape != numbers && v.shape != tags && v.shape != opaque {
		from := max(v.last, 1)
		if !v.x.keep(n - from) {
			return v.x.fail(Limit, "more than %d bytes of values", v.x.lim.HeaderBytes)
		}
		v.el.Value = append(v.el.Value, bytes.Repeat([]byte{'\\'}, n-from)...)
	}
	v.last = n
	return nil
}

func (v *xmlValues) value(s xml.StartElement) error {
	if err := v.separate(s); err != nil {
		return err
	}
	b, err := v.x.text()
	if err != nil {
		return err
	}
	ok := true
	switch {
	case v.shape == numbers, v.shape == tags, v.shape == opaque && v.el.VR != UN:
		if b = bytes.TrimSpace(b); len(b) > 0 {
			v.el.Value, ok = appendBinary(v.el.Value, v.el.VR, string(b))
		}
	case v.shape == decimals:
		v.el.Value = append(v.el.Value, fitNumber(v.el.VR, string(bytes.TrimSpace(b)))...)
	default:
		v.el.Value = append(v.el.Value, b...)
	}
	if !ok {
		return v.x.fail(Structure, "%v %v has a value that is none", v.el.Tag, v.el.VR)
	}
	return nil
}

func (v *xmlValues) name(s xml.StartElement) error {
	if err := v.separate(s); err != nil {
		return err
	}
	var groups [3][]byte
	err := v.x.children(func(s xml.StartElement) error {
		g := slices.Index(nameGroups[:], s.Name.Local)
		if g < 0 {
			return v.x.skip()
		}
		var parts [5][]byte
		err := v.x.children(func(s xml.StartElement) error {
			c := slices.Index(nameComponents[:], s.Name.Local)
			if c < 0 {
				return v.x.skip()
			}
			var err error
			parts[c], err = v.x.text()
			return err
		})
		groups[g] = bytes.TrimRight(bytes.Join(parts[:], []byte{'^'}), "^")
		return err
	})
	v.el.Value = appendGroups(v.el.Value, groups)
	return err
}

func (v *xmlValues) item() error {
	d := NewDataSet()
	if err := v.x.dataSet(d, v.depth+1); err != nil {
		return err
	}
	v.el.Items = append(v.el.Items, *d)
	return nil
}

func (v *xmlValues) binary() error {
	b, err := v.x.text()
	if err != nil {
		return err
	}
	b = slices.DeleteFunc(b, func(c byte) bool { return c == ' ' || c == '\t' })
	v.el.Value, err = base64.StdEncoding.AppendDecode(nil, b)
	if err != nil {
		return v.x.fail(Structure, "%v is not in base 64", v.el.Tag)
	}
	v.el.form = plainValue
	return nil
}
