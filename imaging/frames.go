// Where each frame of an object lies, in a few bytes beside its row.

package imaging

import (
	"encoding/binary"
	"errors"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// The table begins with its form. All numbers are unsigned varints; offsets count from the first byte of the object.
const (
	framesNone    = 0 // no pixels, or no range of the object is a frame
	framesNative  = 1 // offset, bits of a frame, number of frames
	framesEncaps  = 2 // number of frames; for each: number of fragments; for each: gap since the last, length
	framesNothing = 3 // encapsulated, not addressable: number of frames
)

func frameTable(o *dicom.Object) []byte {
	p := o.Pixels
	switch {
	case p == nil || o.Deflated:
		return []byte{framesNone}
	case !p.Encapsulated:
		b := binary.AppendUvarint([]byte{framesNative}, uint64(p.Offset))
		b = binary.AppendUvarint(b, uint64(p.FrameBits))
		return binary.AppendUvarint(b, uint64(p.NumFrames))
	case !p.Addressable():
		return binary.AppendUvarint([]byte{framesNothing}, uint64(p.NumFrames))
	}
	b := binary.AppendUvarint([]byte{framesEncaps}, uint64(p.NumFrames))
	at := int64(0)
	for _, frags := range p.Frames() {
		b = binary.AppendUvarint(b, uint64(len(frags)))
		for _, f := range frags {
			b = binary.AppendUvarint(b, uint64(f.Offset-at))
			b = binary.AppendUvarint(b, uint64(f.Length))
			at = f.Offset + f.Length
		}
	}
	return b
}

var errFrames = errors.New("frame table is damaged")

// frameExtents gives the ranges that make up frame i, counted from 0.
func frameExtents(table []byte, i int) ([]dicom.Extent, error) {
	if len(table) == 0 {
		return nil, errFrames
	}
	r := &varints{b: table[1:]}
	switch table[0] {
	case framesNative:
		off, bits, n := r.next(), r.next(), r.next()
		if r.bad || i < 0 || uint64(i) >= n {
			return nil, errFrames
		}
		first := uint64(i) * bits
		last := first + bits
		return []dicom.Extent{{Offset: int64(off + first/8), Length: int64((last+7)/8 - first/8)}}, nil
	case framesEncaps:
		n, at := r.next(), int64(0)
		for k := uint64(0); k < n && !r.bad; k++ {
			frags := r.next()
			var out []dicom.Extent
			for ; frags > 0 && !r.bad; frags-- {
				at += int64(r.next())
				l := int64(r.next())
				if k == uint64(i) {
					out = append(out, dicom.Extent{Offset: at, Length: l})
				}
				at += l
			}
			if k == uint64(i) && !r.bad {
				return out, nil
			}
		}
	}
	return nil, errFrames
}

type varints struct {
	b   []byte
	bad bool
}

func (v *varints) next() uint64 {
	x, n := binary.Uvarint(v.b)
	if n <= 0 {
		v.bad, v.b = true, nil
		return 0
	}
	v.b = v.b[n:]
	return x
}
