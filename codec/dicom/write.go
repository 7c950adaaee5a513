package dicom

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Encoder builds an object of our own: attributes in ascending order, then optionally its pixel data. What others sent is
// never written by it. The first mistake is kept and told by the method that ends the object.
type Encoder struct {
	syntax UID
	code   coding
	gb     bool
	b      []byte
	class  UID
	object UID
	source string // application entity title of group 2
	last   Tag
	err    error
}

// Names under which we are known in group 2 (PS3.7 §D.3.3.2).
const (
	ImplementationUID  UID    = "2.25.40897556902345292477271135537175848895"
	ImplementationName string = "LIANZHEN"
)

// NewEncoder starts an object in the given transfer syntax (deflate excepted) with the character set "ISO_IR 192",
// "GB18030" or "" for ASCII, which it writes as the first attribute.
func NewEncoder(syntax UID, charset string) *Encoder {
	e := &Encoder{syntax: syntax, code: codings[syntax], gb: charset == "GB18030"}
	if e.code.deflated {
		e.fail("transfer syntax %s is not written", syntax)
	}
	if charset != "" {
		e.Text(SpecificCharacterSet, charset)
	}
	return e
}

func (e *Encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("dicom: encode: "+format, args...)
	}
}

// head writes tag, VR and length.
func (e *Encoder) head(t Tag, vr VR, n int) {
	if t <= e.last {
		e.fail("%v after %v", t, e.last)
	}
	e.last = t
	e.lead(t, vr, uint32(n))
}

func (e *Encoder) lead(t Tag, vr VR, n uint32) {
	if !e.code.implicit && vr != 0 && !vr.traits().long && n > math.MaxUint16 {
		e.fail("%v %v is longer than 65535 bytes", t, vr)
	}
	e.b = appendLead(e.b, e.code, t, vr, n)
}

// appendLead writes tag, VR and length (PS3.5 §7.1); items and delimiters have VR 0 and so none.
func appendLead(b []byte, c coding, t Tag, vr VR, n uint32) []byte {
	var o binary.AppendByteOrder = binary.LittleEndian
	if c.big {
		o = binary.BigEndian
	}
	b = o.AppendUint16(o.AppendUint16(b, t.Group()), t.Element())
	switch {
	case c.implicit || vr == 0:
		return o.AppendUint32(b, n)
	case vr.traits().long:
		return o.AppendUint32(append(b, byte(vr>>8), byte(vr), 0, 0), n)
	}
	return o.AppendUint16(append(b, byte(vr>>8), byte(vr)), uint16(n))
}

// Bytes writes a value as it is, little endian, padded to even length.
func (e *Encoder) Bytes(t Tag, vr VR, v []byte) {
	e.head(t, vr, (len(v)+1)&^1)
	at := len(e.b)
	e.b = append(e.b, v...)
	if e.code.big {
		vr.swap(e.b[at:])
	}
	if len(v)%2 == 1 {
		e.b = append(e.b, vr.pad())
	}
}

// pad is what fills a value to even length (PS3.5 §6.2).
func (vr VR) pad() byte {
	if vr == UI || vr.traits().shape == opaque {
		return 0
	}
	return ' '
}

// Text writes values of a text VR, taken from the dictionary, in the object's character set.
func (e *Encoder) Text(t Tag, values ...string) {
	v, vr := strings.Join(values, `\`), t.VR()
	switch t {
	case SOPClassUID:
		e.class = UID(v)
	case SOPInstanceUID:
		if e.object == "" {
			e.object = UID(v)
		}
	}
	if e.gb && vr.text() {
		gb, err := simplifiedchinese.GB18030.NewEncoder().String(v)
		if err != nil {
			e.fail("%v cannot be written in GB18030", t)
		}
		v = gb
	}
	e.Bytes(t, vr, []byte(v))
}

// Int writes whole numbers in the VR of the dictionary: US, SS, UL, SL or IS.
func (e *Encoder) Int(t Tag, values ...int) { e.IntAs(t, t.VR(), values...) }

// IntAs is Int where the dictionary leaves a choice of VR.
func (e *Encoder) IntAs(t Tag, vr VR, values ...int) {
	var b []byte
	for i, v := range values {
		switch vr {
		case US, SS:
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		case UL, SL:
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		case IS, DS:
			if i > 0 {
				b = append(b, '\\')
			}
			b = strconv.AppendInt(b, int64(v), 10)
		default:
			e.fail("%v %v holds no whole numbers", t, vr)
		}
	}
	e.Bytes(t, vr, b)
}

// Float writes numbers in the VR of the dictionary: FL, FD or DS, which has room for 16 characters.
func (e *Encoder) Float(t Tag, values ...float64) {
	var b []byte
	vr := t.VR()
	for i, v := range values {
		switch vr {
		case FL:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		case FD:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		case DS:
			if i > 0 {
				b = append(b, '\\')
			}
			b = strconv.AppendFloat(b, v, 'g', 9, 64)
		default:
			e.fail("%v %v holds no decimals", t, vr)
		}
	}
	e.Bytes(t, vr, b)
}

// Seq writes a sequence of undefined length; each function writes one item.
func (e *Encoder) Seq(t Tag, items ...func(*Encoder)) {
	e.head(t, SQ, undefined)
	class, object := e.class, e.object
	for _, write := range items {
		e.lead(item, 0, undefined)
		e.last = 0
		write(e)
		e.lead(itemDelimitation, 0, 0)
	}
	e.lead(sequenceDelimitation, 0, 0)
	e.last, e.class, e.object = t, class, object
}

// Part10 writes preamble, group 2 and the attributes given so far.
func (e *Encoder) Part10(w io.Writer) error {
	if e.class == "" || e.object == "" {
		e.fail("no SOP Class or SOP Instance UID")
	}
	if e.err != nil {
		return e.err
	}
	if _, err := w.Write(e.group2()); err != nil {
		return err
	}
	_, err := w.Write(e.b)
	return err
}

// group2 is the preamble and the file meta information (PS3.10 §7.1).
func (e *Encoder) group2() []byte {
	m := Encoder{code: codings[ExplicitLE], b: make([]byte, preambleBytes, 512)}
	m.b = append(m.b, "DICM"...)
	m.IntAs(FileMetaInformationGroupLength, UL, 0)
	from := len(m.b)
	m.Bytes(FileMetaInformationVersion, OB, []byte{0, 1})
	m.Bytes(MediaStorageSOPClassUID, UI, []byte(e.class))
	m.Bytes(MediaStorageSOPInstanceUID, UI, []byte(e.object))
	m.Bytes(TransferSyntaxUID, UI, []byte(e.syntax))
	m.Bytes(ImplementationClassUID, UI, []byte(ImplementationUID))
	m.Bytes(ImplementationVersionName, SH, []byte(ImplementationName))
	if e.source != "" {
		m.Bytes(SourceApplicationEntityTitle, AE, []byte(e.source))
	}
	binary.LittleEndian.PutUint32(m.b[from-4:], uint32(len(m.b)-from))
	return m.b
}

// NativePixels ends the attributes with the head of native pixel data: Part10 is written and the caller sends n bytes, in
// the object's byte order, and a zero if n is odd.
func (e *Encoder) NativePixels(w io.Writer, vr VR, n int64) error {
	if n >= undefined-1 {
		e.fail("native pixel data of %d bytes", n)
	}
	e.head(PixelDataTag, vr, int(n+1)&^1)
	return e.Part10(w)
}

// Encapsulated ends the object with pixel data of one fragment for each frame behind a basic offset table.
func (e *Encoder) Encapsulated(w io.Writer, frames [][]byte) error {
	e.head(PixelDataTag, OB, undefined)
	e.lead(item, 0, uint32(4*len(frames)))
	off := 0
	for _, f := range frames {
		e.b = binary.LittleEndian.AppendUint32(e.b, uint32(off))
		off += itemHeader + (len(f)+1)&^1
	}
	if off > math.MaxUint32 {
		e.fail("frames beyond a basic offset table")
	}
	if err := e.Part10(w); err != nil {
		return err
	}
	for _, f := range frames {
		e.b = e.b[:0]
		e.lead(item, 0, uint32(len(f)+1)&^1)
		e.b = append(e.b, f...)
		if len(f)%2 == 1 {
			e.b = append(e.b, 0)
		}
		if _, err := w.Write(e.b); err != nil {
			return err
		}
	}
	e.b = e.b[:0]
	e.lead(sequenceDelimitation, 0, 0)
	_, err := w.Write(e.b)
	return err
}
