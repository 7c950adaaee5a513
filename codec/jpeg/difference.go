package jpeg

import "encoding/binary"

// differences makes those of line y of component c. Lines are asked for in order.
func (e *encoder) differences(y, c int) {
	if cap(e.diff[c]) < e.Width {
		e.diff[c] = make([]int16, e.Width)
	}
	diff := e.diff[c][:e.Width]
	e.diff[c] = diff
	line := e.lines[1][1:]
	e.load(line, y, c)
	predictor, start := e.Predictor, uint16(1)<<(e.Bits-e.PointTransform-1)
	if y == 0 || e.every > 0 && y%e.every == 0 {
		predictor = 1
	} else {
		start = e.sample(y-1, c)
	}
	diff[0] = int16(line[0] - start)
	if predictor == 1 {
		before := line[0]
		for x := 1; x < len(diff) && x < len(line); x++ {
			v := line[x]
			diff[x] = int16(v - before)
			before = v
		}
		return
	}
	above := e.lines[0][1:]
	e.load(above, y-1, c)
	for x := 1; x < len(diff); x++ {
		diff[x] = int16(int32(line[x]) - predict(predictor, int32(line[x-1]), int32(above[x]), int32(above[x-1])))
	}
}

// sample is the first of line y of component c.
func (e *encoder) sample(y, c int) uint16 {
	var first [1]uint16
	e.load(first[:], y, c)
	return first[0]
}

// load takes the first samples of line y of component c, after the point transform.
func (e *encoder) load(line []uint16, y, c int) {
	row := e.pix[y*e.stride():][:e.stride()]
	step, shift, mask := e.Components, uint(e.PointTransform)&15, uint16(1<<e.Bits-1)
	switch {
	case e.bytes() == 1:
		row = row[c:]
		for i := range line {
			line[i] = uint16(row[i*step]) & mask >> shift
		}
	case step == 1:
		for i := range line {
			line[i] = binary.LittleEndian.Uint16(row) & mask >> shift
			row = row[2:]
		}
	default:
		row = row[2*c:]
		for i := range line {
			line[i] = binary.LittleEndian.Uint16(row[2*i*step:]) & mask >> shift
		}
	}
}
