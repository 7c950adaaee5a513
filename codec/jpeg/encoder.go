package jpeg

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// encoder is the state of encoding one image.
type encoder struct {
	writer
	Info
	pix   []byte
	every int // lines of a restart interval, 0 for none
	diff  [maxComponents][]int16
	lines [2][]uint16
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// check holds what EncodeLossless can be asked for.
func (i *Info) check(samples int) error {
	switch {
	case i.Width < 1 || i.Height < 1 || i.Width > maxSide || i.Height > maxSide:
		return fail(Limit, 0, "%d×%d pixels", i.Width, i.Height)
	case i.Components < 1 || i.Components > maxComponents:
		return fail(Unsupported, 0, "%d components", i.Components)
	case i.Bits < 2 || i.Bits > 16:
		return fail(Unsupported, 0, "samples of %d bits", i.Bits)
	case i.Predictor < 0 || i.Predictor > 7 || i.PointTransform < 0 || i.PointTransform >= i.Bits:
		return fail(Unsupported, 0, "predictor %d, point transform %d", i.Predictor, i.PointTransform)
	case int64(i.Width)*int64(i.Height)*int64(i.Components*i.bytes()) > maxSize:
		return fail(Limit, 0, "%d×%d×%d samples of %d bits", i.Width, i.Height, i.Components, i.Bits)
	case samples < i.size():
		return fail(Truncated, samples, "%d bytes of samples, the image has %d", samples, i.size())
	}
	return nil
}

// EncodeLossless appends to dst the image whose samples are in pix as Decode gives them (SOF3), with the predictor that info
// says, or 1, and Huffman tables of its own. Bits above info.Bits are not stored, nor those below info.PointTransform. The
// components share one scan.
func EncodeLossless(dst, pix []byte, info Info) ([]byte, error) {
	if err := info.check(len(pix)); err != nil {
		return nil, err
	}
	if info.Predictor == 0 {
		info.Predictor = 1
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.writer, e.Info, e.pix, e.every = writer{out: dst}, info, pix, 0
	dst = e.image()
	e.pix, e.out = nil, nil
	return dst, nil
}

// image writes the whole stream: the differences are made twice, first to count them.
func (e *encoder) image() []byte {
	start := len(e.out)
	for i := range e.lines {
		if cap(e.lines[i]) < e.Width+1 {
			e.lines[i] = make([]uint16, e.Width+1)
		}
		e.lines[i] = e.lines[i][:e.Width+1]
	}
	tables := e.tables()
	e.header(tables)
	for y := range e.Height {
		if e.every > 0 && y > 0 && y%e.every == 0 {
			e.finish()
			e.out = append(e.out, 0xFF, byte(markRST0+(y/e.every-1)%8))
		}
		e.out = slices.Grow(e.out, e.stride()+64)
		for c := range e.Components {
			e.differences(y, c)
		}
		e.code(tables)
	}
	e.finish()
	e.out = append(e.out, 0xFF)
	if (len(e.out)-start)%2 == 0 {
		e.out = append(e.out, 0xFF) // an even length, as DICOM wants it, by a fill byte
	}
	return append(e.out, markEOI)
}

// header writes what stands before the coded differences.
func (e *encoder) header(tables []*optimal) {
	e.out = append(e.out, 0xFF, markSOI, 0xFF, markSOF3, 0, byte(8+3*e.Components), byte(e.Bits))
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(e.Height))
	e.out = append(binary.BigEndian.AppendUint16(e.out, uint16(e.Width)), byte(e.Components))
	for c := range e.Components {
		e.out = append(e.out, byte(c+1), 0x11, 0)
	}
	for c, t := range tables {
		e.out = append(e.out, 0xFF, markDHT, 0, byte(19+len(t.symbol)), byte(c))
		e.out = append(append(e.out, t.count[:]...), t.symbol...)
	}
	if e.every > 0 {
		e.out = append(e.out, 0xFF, markDRI, 0, 4)
		e.out = binary.BigEndian.AppendUint16(e.out, uint16(e.every*e.Width))
	}
	e.out = append(e.out, 0xFF, markSOS, 0, byte(6+2*e.Components), byte(e.Components))
	for c := range e.Components {
		e.out = append(e.out, byte(c+1), byte(c<<4))
	}
	e.out = append(e.out, byte(e.Predictor), 0, byte(e.PointTransform))
}

// tables counts the classes of all differences of each component.
func (e *encoder) tables() []*optimal {
	var freq [maxComponents][32]int
	for y := range e.Height {
		for c := range e.Components {
			e.differences(y, c)
			f := &freq[c]
			for _, d := range e.diff[c] {
				f[class(d)&31]++
			}
		}
	}
	tables := make([]*optimal, e.Components)
	for c := range tables {
		tables[c] = newOptimal([classes]int(freq[c][:classes]))
	}
	return tables
}

// class is SSSS of H.1.2.2: how many bits tell a difference from others of its class.
func class(d int16) int {
	v := int32(d)
	sign := v >> 31
	return bits.Len32(uint32((v ^ sign) - sign))
}

// code writes a line of differences.
func (e *encoder) code(tables []*optimal) {
	if len(tables) == 1 {
		e.codeOne(tables[0], e.diff[0])
		return
	}
	for x := range e.Width {
		for c, t := range tables {
			e.codeOne(t, e.diff[c][x:x+1])
		}
	}
}

func (e *encoder) codeOne(t *optimal, diff []int16) {
	for _, d := range diff {
		v := int32(d)
		sign := v >> 31
		n := bits.Len32(uint32((v^sign)-sign)) & 31
		e.put(t.lead[n]|uint32(v+sign)&t.own[n], int(t.total[n]))
	}
}
