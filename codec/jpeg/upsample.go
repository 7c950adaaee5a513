package jpeg

import "encoding/binary"

// upsample brings the planes to the image's size and interleaves them by pixel.
func (d *decoder) upsample() {
	h := &d.h
	top, bottom := h.factors()
	rows := scaler{top: top, bottom: bottom, line: make([]uint16, h.Width+8*top), sum: make([]int32, h.Width+8)}
	for c := range h.Components {
		p := &d.planes[c]
		for y := range h.Height {
			d.put(rows.row(p, y), y, c)
		}
	}
}

// put puts a line of component c in its place.
func (d *decoder) put(line []uint16, y, c int) {
	h := &d.h
	row, step := d.pix[y*h.stride():][:h.stride()], h.Components
	if h.bytes() == 1 {
		for i, v := range line[:h.Width] {
			row[i*step+c] = byte(v)
		}
		return
	}
	for i, v := range line[:h.Width] {
		binary.LittleEndian.PutUint16(row[2*(i*step+c):], v)
	}
}

// scaler makes lines of the image's width.
type scaler struct {
	top, bottom int
	line        []uint16
	sum         []int32
}

// least is the width from which on components are interpolated.
const least = 3

// row is line y of the image for component p.
func (s *scaler) row(p *plane, y int) []uint16 {
	across, down := s.top/p.across, s.bottom/p.down
	own := y / down
	in := p.pix[own*p.stride:][:p.width]
	smooth := across == 2 && p.width >= least
	switch {
	case across == 1:
		return in
	case smooth && down == 1:
		s.double(in)
	case smooth && down == 2:
		other := own - 1 + 2*(y&1)
		other = min(max(other, 0), p.height-1)
		s.doubleBoth(in, p.pix[other*p.stride:][:p.width])
	default:
		for i, v := range in {
			for j := range across {
				s.line[i*across+j] = v
			}
		}
	}
	return s.line
}

// double makes of each sample two, each three quarters of it and a quarter of its neighbour; halves are rounded down and up
// in turn.
func (s *scaler) double(in []uint16) {
	out, last := s.line[:2*len(in)], len(in)-1
	for i, v := range in {
		v3 := 3 * uint32(v)
		out[2*i] = uint16((v3 + uint32(in[max(i-1, 0)]) + 1) >> 2)
		out[2*i+1] = uint16((v3 + uint32(in[min(i+1, last)]) + 2) >> 2)
	}
	out[0], out[2*last+1] = in[0], in[last]
}

// doubleBoth is double with the nearer line three quarters and the other a quarter.
func (s *scaler) doubleBoth(in, other []uint16) {
	out, last := s.line[:2*len(in)], len(in)-1
	sum := s.sum[:len(in)]
	for i, v := range in {
		sum[i] = 3*int32(v) + int32(other[i])
	}
	for i, v := range sum {
		out[2*i] = uint16((3*v + sum[max(i-1, 0)] + 8) >> 4)
		out[2*i+1] = uint16((3*v + sum[min(i+1, last)] + 7) >> 4)
	}
}
