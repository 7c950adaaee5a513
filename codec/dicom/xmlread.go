package dicom

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// ParseXML reads a document in the Native DICOM Model (PS3.19 §A.1), in UTF-8. There is no document type, and no entity but
// the five of XML. BulkData makes an element that refers to its value, by uri or as urn:uuid. The bounds are Limits'
// HeaderBytes for all values and, four times, for the document, Depth and Elements; what breaks them, or is no such
// document, is refused with a *FormatError. Errors of the reader are passed on.
func ParseXML(r io.Reader, lim Limits) (*DataSet, error) {
	lim = lim.orDefault()
	in := &capped{r: r, left: 4 * lim.HeaderBytes}
	x := &xmlReader{dec: xml.NewDecoder(in), bounds: bounds{lim: lim}}
	d := NewDataSet()
	if err := x.document(d); err != nil {
		return nil, x.cause(err)
	}
	return d, nil
}

// capped ends with an error where a document is too long.
type capped struct {
	r    io.Reader
	left int64
}

var errTooLong = errors.New("too long")

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLong
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("dicom: read: %w", err)
	}
	return n, err
}

type xmlReader struct {
	dec *xml.Decoder
	bounds
}

func (x *xmlReader) fail(kind Kind, format string, args ...any) error {
	return &FormatError{Offset: x.dec.InputOffset(), Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

// cause turns what the decoder says, which may quote the document, into a refusal of ours.
func (x *xmlReader) cause(err error) error {
	var refused *FormatError
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, errTooLong):
		return x.fail(Limit, "the document is longer than %d bytes", 4*x.lim.HeaderBytes)
	case errors.As(err, &syntax), errors.Is(err, io.EOF):
		return x.fail(Structure, "not well-formed XML")
	case errors.Unwrap(err) == nil: // an encoding that the decoder does not know
		return x.fail(Unsupported, "XML that is not in UTF-8")
	}
	return err
}

const maxXMLAttributes = 16

// token gives the next start, end or text.
func (x *xmlReader) token() (xml.Token, error) {
	for {
		t, err := x.dec.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, x.fail(Unsupported, "a document type")
		case xml.StartElement:
			if len(t.Attr) > maxXMLAttributes {
				return nil, x.fail(Limit, "more than %d XML attributes", maxXMLAttributes)
			}
			return t, nil
		case xml.EndElement, xml.CharData:
			return t, nil
		}
	}
}

func (x *xmlReader) document(d *DataSet) error {
	for {
		t, err := x.token()
		if err != nil {
			return err
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != "NativeDicomModel" {
			return x.fail(Structure, "no NativeDicomModel")
		}
		if err := x.dataSet(d, 0); err != nil {
			return err
		}
		return x.rest()
	}
}

// rest holds that only white space and comments follow.
func (x *xmlReader) rest() error {
	for {
		t, err := x.token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if text, ok := t.(xml.CharData); !ok || len(bytes.TrimSpace(text)) > 0 {
			return x.fail(Structure, "text behind the data set")
		}
	}
}

// children calls see for each element within the one just begun, and consumes its end. see must consume its own.
func (x *xmlReader) children(see func(xml.StartElement) error) error {
	for {
		t, err := x.token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := see(t); err != nil {
				return err
			}
		}
	}
}

// skip passes over an element without recursion.
func (x *xmlReader) skip() error {
	for depth := 1; depth > 0; {
		t, err := x.token()
		if err != nil {
			return err
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		if depth > deepest {
			return x.fail(Limit, "XML is nested deeper than %d", deepest)
		}
	}
	return nil
}

func attr(s xml.StartElement, name string) string {
	for _, a := range s.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (x *xmlReader) dataSet(d *DataSet, depth int) error {
	if depth > x.lim.Depth {
		return x.fail(Limit, "sequences are nested deeper than %d", x.lim.Depth)
	}
	var private []inBlock
	err := x.children(func(s xml.StartElement) error {
		if s.Name.Local != "DicomAttribute" {
			return x.skip()
		}
		if creator := attr(s, "privateCreator"); creator != "" {
			private = append(private, inBlock{len(d.Elements), creator})
		}
		return x.dicomAttribute(d, s, depth)
	})
	if err != nil {
		return err
	}
	if !d.place(private) {
		return x.fail(Limit, "a private group has no block left")
	}
	if t, twice := d.settle(); twice {
		return x.fail(Structure, "%v is there twice in one data set", t)
	}
	return nil
}

func (x *xmlReader) dicomAttribute(d *DataSet, s xml.StartElement, depth int) error {
	t, ok := hexTag([]byte(attr(s, "tag")))
	if !ok {
		return x.fail(Structure, "a DicomAttribute without its tag")
	}
	v := xmlValues{el: Element{Tag: t, VR: t.implicitVR(d.signed)}, x: x, depth: depth}
	if vr := attr(s, "vr"); len(vr) == 2 && (VR(vr[0])<<8 | VR(vr[1])).letters() {
		v.el.VR = VR(vr[0])<<8 | VR(vr[1])
	} else if vr != "" {
		return x.fail(Structure, "no value representation")
	}
	v.shape = v.el.VR.traits().shape
	if err := x.children(v.child); err != nil {
		return err
	}
	if v.shape == sequence {
		v.el.Value, v.el.form = nil, plainValue
	} else {
		v.el.Items = nil
	}
	d.take(v.el)
	return nil
}

// text reads the character data of an element up to its end.
func (x *xmlReader) text() ([]byte, error) {
	var b []byte
	for {
		t, err := x.token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.CharData:
			if !x.keep(len(t)) {
				return nil, x.fail(Limit, "more than %d bytes of values", x.lim.HeaderBytes)
			}
			b = append(b, t...)
		case xml.StartElement:
			if err := x.skip(); err != nil {
				return nil, err
			}
		case xml.EndElement:
			return b, nil
		}
	}
}
