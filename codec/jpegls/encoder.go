package jpegls

import (
	"encoding/binary"
	"slices"
	"sync"
)

// encoder is the state of encoding one image; they are kept for the next since their tables are large.
type encoder struct {
	state
	writer

	info  Info
	asked preset // zeros for the default ones
	pix   []byte
	lines [2 * maxComponents][]int32
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// check holds what Encode can be asked for.
func (i Info) check(samples int) error {
	p := preset{}.orDefault(i.Bits, i.Near)
	switch {
	case i.Width < 1 || i.Height < 1 || i.Width > maxSide || i.Height > maxSide:
		return fail(Limit, 0, "%d×%d pixels", i.Width, i.Height)
	case i.Components < 1 || i.Components > maxComponents:
		return fail(Unsupported, 0, "%d components", i.Components)
	case i.Bits < 2 || i.Bits > 16:
		return fail(Unsupported, 0, "samples of %d bits", i.Bits)
	case i.Near < 0 || !p.valid(i.Bits, i.Near):
		return fail(Unsupported, 0, "NEAR %d of %d bits", i.Near, i.Bits)
	case i.Interleave < InterleaveNone || i.Interleave > InterleaveSample:
		return fail(Unsupported, 0, "interleave mode %d", i.Interleave)
	case int64(i.Width)*int64(i.Height)*int64(i.Components*i.bytes()) > maxSize:
		return fail(Limit, 0, "%d×%d×%d samples of %d bits", i.Width, i.Height, i.Components, i.Bits)
	case samples < i.size():
		return fail(Truncated, samples, "%d bytes of samples, the image has %d", samples, i.size())
	}
	return nil
}

// Encode appends to dst the image whose samples are in pix as Decode gives them. Bits above info.Bits are not stored. The
// preset parameters are the default ones.
func Encode(dst, pix []byte, info Info) ([]byte, error) {
	if err := info.check(len(pix)); err != nil {
		return nil, err
	}
	if info.Components == 1 {
		info.Interleave = InterleaveNone
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.info, e.pix, e.out = info, pix, dst
	e.image()
	dst = e.out
	e.pix, e.out = nil, nil
	return dst, nil
}

func (e *encoder) image() {
	i := e.info
	start := len(e.out)
	e.out = append(e.out, 0xFF, markSOI, 0xFF, markSOF55, 0, byte(8+3*i.Components), byte(i.Bits))
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(i.Height))
	e.out = append(binary.BigEndian.AppendUint16(e.out, uint16(i.Width)), byte(i.Components))
	for c := range i.Components {
		e.out = append(e.out, byte(c+1), 0x11, 0)
	}
	e.presets()
	if i.Interleave == InterleaveNone {
		for c := range i.Components {
			e.scan(c, 1)
		}
	} else {
		e.scan(0, i.Components)
	}
	e.out = append(e.out, 0xFF)
	if (len(e.out)-start)%2 == 0 {
		e.out = append(e.out, 0xFF) // an even length, as DICOM wants it, by a fill byte
	}
	e.out = append(e.out, markEOI)
}

// presets writes an LSE marker segment (C.2.4.1.1) where the parameters are not the default ones.
func (e *encoder) presets() {
	p := e.asked
	if p == (preset{}) {
		return
	}
	e.out = append(e.out, 0xFF, markLSE, 0, 13, 1)
	for _, v := range []int{p.maxVal, p.t1, p.t2, p.t3, p.reset} {
		e.out = binary.BigEndian.AppendUint16(e.out, uint16(v))
	}
}

// scan writes n components from the first, which is more than one only when they are interleaved.
func (e *encoder) scan(first, n int) {
	e.out = append(e.out, 0xFF, markSOS, 0, byte(6+2*n), byte(n))
	for c := range n {
		e.out = append(e.out, byte(first+c+1), 0)
	}
	e.out = append(e.out, byte(e.info.Near), byte(e.info.Interleave), 0)
	e.begin(newModel(e.asked.orDefault(e.info.Bits, e.info.Near), e.info.Near))
	e.writer = writer{out: e.out}
	for i := range 2 * n {
		e.lines[i] = cleared(e.lines[i], e.info.Width+2)
	}
	prev, cur := e.lines[:n], e.lines[n:2*n]
	for y := range e.info.Height {
		e.out = slices.Grow(e.out, e.info.stride()+64)
		for i := range cur {
			e.load(cur[i], y, first+i)
		}
		if n > 1 && e.info.Interleave == InterleaveSample {
			e.pixels(prev, cur)
		} else {
			for i := range cur {
				e.line(prev[i], cur[i], i)
			}
		}
		prev, cur = cur, prev
	}
	e.finish()
}

// load takes line y of component c.
func (e *encoder) load(line []int32, y, c int) {
	line = line[1 : len(line)-1]
	row := e.pix[y*e.info.stride():][:e.info.stride()]
	step, mask := e.info.Components, int32(1)<<e.info.Bits-1
	switch {
	case e.info.bytes() == 1:
		row = row[c:]
		for i := range line {
			line[i] = int32(row[i*step]) & mask
		}
	case step == 1:
		for i := range line {
			line[i] = int32(binary.LittleEndian.Uint16(row)) & mask
			row = row[2:]
		}
	default:
		row = row[2*c:]
		for i := range line {
			line[i] = int32(binary.LittleEndian.Uint16(row[2*i*step:])) & mask
		}
	}
}
