package dicom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// pixelPlan says how the pixel data of a copy is written.
type pixelPlan struct {
	tag   Tag
	size  int64 // with its tag and delimiter; -1 if unknown
	rest  bool  // what follows is copied with it
	fresh bool  // the frames are not those of Object, so neither are its offset tables
	table []Element
	write func(w io.Writer, src *origin) error // nil: there is none
}

// replaces tells whether the plan writes the element itself, or makes it untrue.
func (p *pixelPlan) replaces(el Element) bool {
	switch el.Tag {
	case PixelDataTag, FloatPixelData, DoubleFloatPixelData:
		return true
	case ExtendedOffsetTable, ExtendedOffsetTableLengths:
		return p.fresh
	}
	return false
}

func (c *Copy) pixels(d *DataSet, syntax, from UID) (pixelPlan, error) {
	to := codings[syntax]
	var p *PixelData
	if c.Object != nil {
		p = c.Object.Pixels
	}
	switch {
	case c.Frames != nil && to.native:
		return c.nativeFrames(d, to)
	case c.Frames != nil:
		return c.fragments(d, to)
	case p == nil:
		return pixelPlan{tag: PixelDataTag}, nil
	case c.Open == nil:
		return pixelPlan{}, errors.New("dicom: copy: pixel data without a way to read it")
	case !p.Encapsulated && to.native:
		return c.native(d, p, to, codings[from])
	case p.Encapsulated && syntax == from:
		return c.encapsulated(p, to)
	}
	return pixelPlan{}, fmt.Errorf("dicom: copy: pixel data of %s must be encoded again for %s", from, syntax)
}

// sameCoding tells whether elements of one transfer syntax can stand in the other as they are.
func sameCoding(a, b coding) bool { return a.implicit == b.implicit && a.big == b.big }

var errBehind = errors.New("dicom: copy: what is behind the pixel data is not known; the object must be scanned to its end")

// native copies pixel data between native transfer syntaxes.
func (c *Copy) native(d *DataSet, p *PixelData, to, from coding) (pixelPlan, error) {
	vr := p.VR
	switch bits, ok := d.Int(BitsAllocated); {
	case vr == OB, vr == OF, vr == OD:
	case from.implicit && ok && bits <= 8 && p.Tag == PixelDataTag: // OW for want of a VR; in little endian both are the same
		vr = OB
	default:
		vr = OW
	}
	n := (p.Length + 1) &^ 1
	if n >= undefined {
		return pixelPlan{}, errors.New("dicom: copy: native pixel data beyond 4 GiB")
	}
	var turn VR
	if (from.big || from.turned) != (to.big || to.turned) {
		turn = vr
	}
	lead := appendLead(nil, to, p.Tag, vr, uint32(n))
	plan := pixelPlan{tag: p.Tag, size: int64(len(lead)) + n}
	brief := c.Object.Size == 0 && !c.cleaned() // what was not seen was not cleaned
	if brief {
		if !sameCoding(to, from) {
			return plan, errBehind
		}
		plan.rest, plan.size = true, -1
	}
	plan.write = func(w io.Writer, src *origin) error {
		if _, err := w.Write(lead); err != nil {
			return err
		}
		if err := src.copy(w, p.Offset, p.Length, turn); err != nil {
			return err
		}
		if n > p.Length {
			if _, err := w.Write([]byte{0}); err != nil {
				return err
			}
		}
		if brief {
			return src.copy(w, p.Offset+p.Length, -1, 0)
		}
		return nil
	}
	return plan, nil
}

// encapsulated copies fragments, and writes a basic offset table where the frames are known and it can hold them.
func (c *Copy) encapsulated(p *PixelData, to coding) (pixelPlan, error) {
	lead := appendLead(nil, to, p.Tag, OB, undefined)
	plan := pixelPlan{tag: p.Tag, size: -1}
	from, n := p.Offset, int64(-1)
	plan.rest = c.Object.Size == 0
	switch {
	case plan.rest && c.cleaned(): // what was not seen was not cleaned
		return plan, errBehind
	case !plan.rest:
		from = p.fragments[0].Offset - itemHeader
		n = p.Offset + p.Length - from
		lead = appendTable(lead, p.offsets())
		plan.size = int64(len(lead)) + n
	}
	plan.write = func(w io.Writer, src *origin) error {
		if _, err := w.Write(lead); err != nil {
			return err
		}
		return src.copy(w, from, n, 0)
	}
	return plan, nil
}

// offsets are where the frames begin, counted from the first fragment; none if that is unknown or too far for 32 bits.
func (p *PixelData) offsets() []uint32 {
	table := make([]uint32, 0, len(p.first))
	for _, i := range p.first {
		off := p.fragments[i].Offset - p.fragments[0].Offset
		if off > math.MaxUint32 {
			return nil
		}
		table = append(table, uint32(off))
	}
	return table
}

// appendTable writes a basic offset table (PS3.5 §A.4).
func appendTable(b []byte, table []uint32) []byte {
	b = appendLead(b, coding{}, item, 0, uint32(4*len(table)))
	for _, off := range table {
		b = binary.LittleEndian.AppendUint32(b, off)
	}
	return b
}

// nativeFrames writes frames one behind the other.
func (c *Copy) nativeFrames(d *DataSet, to coding) (pixelPlan, error) {
	g, err := d.geometry(PixelDataTag, func(_ Kind, format string, args ...any) error {
		return fmt.Errorf("dicom: copy: "+format, args...)
	})
	if err != nil {
		return pixelPlan{}, err
	}
	frames, ok := d.Int(NumberOfFrames)
	if !ok {
		frames = 1
	}
	if frames < 1 || g.frameBits() > 8*(undefined-2)/int64(frames) {
		return pixelPlan{}, errors.New("dicom: copy: native pixel data beyond 4 GiB")
	}
	need := (g.frameBits()*int64(frames) + 7) / 8
	n := (need + 1) &^ 1
	vr := OW
	if g.bits <= 8 && !to.implicit {
		vr = OB
	}
	lead := appendLead(nil, to, PixelDataTag, vr, uint32(n))
	plan := pixelPlan{tag: PixelDataTag, size: int64(len(lead)) + n, fresh: true}
	plan.write = func(w io.Writer, _ *origin) error {
		if _, err := w.Write(lead); err != nil {
			return err
		}
		left := need
		for frame, err := range c.Frames {
			if err != nil {
				return err
			}
			if left -= int64(len(frame)); left < 0 {
				return errors.New("dicom: copy: the frames are longer than their attributes say")
			}
			if _, err := w.Write(frame); err != nil {
				return err
			}
		}
		if left > 0 {
			return errors.New("dicom: copy: the frames are shorter than their attributes say")
		}
		if n > need {
			_, err := w.Write([]byte{0})
			return err
		}
		return nil
	}
	return plan, nil
}

// fragments writes each frame as one fragment.
func (c *Copy) fragments(d *DataSet, to coding) (pixelPlan, error) {
	plan := pixelPlan{tag: PixelDataTag, size: -1, fresh: true}
	lead := appendLead(nil, to, PixelDataTag, OB, undefined)
	var table []uint32
	var extended, lengths []byte
	off := int64(0)
	for _, n := range c.Lengths {
		if n < 0 || n >= undefined-1 {
			return plan, errors.New("dicom: copy: a frame beyond 4 GiB")
		}
		table = append(table, uint32(off))
		extended = binary.LittleEndian.AppendUint64(extended, uint64(off))
		lengths = binary.LittleEndian.AppendUint64(lengths, uint64(n))
		off += itemHeader + (n+1)&^1
	}
	if off > math.MaxUint32 { // PS3.3 C.7.6.3.1.8
		plan.table = []Element{
			{Tag: ExtendedOffsetTable, VR: OV, Value: extended, Length: int64(len(extended))},
			{Tag: ExtendedOffsetTableLengths, VR: OV, Value: lengths, Length: int64(len(lengths))},
		}
		table = nil
	}
	if frames, ok := d.Int(NumberOfFrames); c.Lengths == nil && (!ok || frames == 1) {
		table = []uint32{0}
	}
	lead = appendTable(lead, table)
	if c.Lengths != nil {
		plan.size = int64(len(lead)) + off + itemHeader
	}
	plan.write = func(w io.Writer, _ *origin) error {
		if _, err := w.Write(lead); err != nil {
			return err
		}
		return c.writeFragments(w)
	}
	return plan, nil
}

func (c *Copy) writeFragments(w io.Writer) error {
	i := 0
	for frame, err := range c.Frames {
		switch {
		case err != nil:
			return err
		case int64(len(frame)) >= undefined-1:
			return errors.New("dicom: copy: a frame beyond 4 GiB")
		case c.Lengths != nil && (i >= len(c.Lengths) || c.Lengths[i] != int64(len(frame))):
			return fmt.Errorf("dicom: copy: frame %d has another length than was said", i)
		}
		i++
		if _, err := w.Write(appendLead(nil, coding{}, item, 0, uint32(len(frame)+1)&^1)); err != nil {
			return err
		}
		if _, err := w.Write(frame); err != nil {
			return err
		}
		if len(frame)%2 == 1 {
			if _, err := w.Write([]byte{0}); err != nil {
				return err
			}
		}
	}
	if i == 0 || c.Lengths != nil && i != len(c.Lengths) {
		return errors.New("dicom: copy: fewer frames than were said")
	}
	_, err := w.Write(appendLead(nil, coding{}, sequenceDelimitation, 0, 0))
	return err
}
