package jpeg

import "encoding/binary"

// lossless decodes a scan of SOF3 (annex H). Restart intervals are whole lines (H.1.1).
func (d *decoder) lossless() error {
	h := &d.h
	rows := h.Height
	if h.restart > 0 {
		if h.restart%h.Width != 0 {
			return fail(Unsupported, h.at, "restart intervals of %d samples in lines of %d", h.restart, h.Width)
		}
		rows = h.restart / h.Width
	}
	for i := range h.scan {
		for j := range d.lines[i] {
			d.lines[i][j] = cleared(d.lines[i][j], h.Width+1)
		}
		table := &d.tables[0][i]
		table.read(h.huffman[0][h.scan[i].dc])
		table.prepare()
	}
	for y := range h.Height {
		first := y%rows == 0
		if first {
			if err := d.interval(y / rows); err != nil {
				return err
			}
		}
		d.losslessLine(y, first)
		if err := d.damaged(y); err != nil {
			return err
		}
	}
	return nil
}

func cleared(line []uint16, n int) []uint16 {
	if cap(line) < n {
		return make([]uint16, n)
	}
	line = line[:n]
	clear(line)
	return line
}

// losslessLine decodes a line of each component of the scan; first begins the scan or a restart interval.
func (d *decoder) losslessLine(y int, first bool) {
	h := &d.h
	for i := range h.scan {
		l := &d.lines[i]
		l[0], l[1] = l[1], l[0]
	}
	if len(h.scan) == 1 {
		l, table := &d.lines[0], &d.tables[0][0]
		start, predictor := d.start(l, first)
		if predictor == 1 {
			d.lineLeft(table, l[1][1:], start)
		} else {
			d.lineAny(table, l, start, predictor)
		}
	} else {
		d.lineMixed(first)
	}
	for i, c := range h.scan {
		d.store(d.lines[i][1][1:], y, c.index)
	}
}

// start is what the first sample of a line is predicted from, and the predictor of the others (H.1.2.1): the first line of
// an interval has only the sample to the left.
func (d *decoder) start(l *[2][]uint16, first bool) (sample uint16, predictor int) {
	if first {
		return 1 << (d.h.Bits - d.h.PointTransform - 1), 1
	}
	return l[0][1], d.h.Predictor
}

// lineLeft decodes a line of one component by predictor 1, which is nearly all there is in DICOM.
func (d *decoder) lineLeft(table *huffman, line []uint16, start uint16) {
	r := &d.reader
	cache, n, a := r.cache, r.n, uint32(start)
	b := r.b
	for x := range line {
		if n < 32 {
			if r.at+8 <= len(b) {
				cache |= binary.BigEndian.Uint64(b[r.at:]) >> (uint(n) & 63)
			}
			r.at += (63 - n) >> 3
			n |= 56
		}
		if v := table.whole[cache>>(64-lookBits)]; v != 0 {
			size := v & 0xFF
			cache <<= uint(size) & 63
			n -= int(size)
			a += uint32(v >> 8)
		} else {
			r.cache, r.n = cache, n
			a += uint32(r.difference(table))
			cache, n = r.cache, r.n
		}
		line[x] = uint16(a)
	}
	r.cache, r.n = cache, n
}

// lineAny decodes a line of one component by any predictor. The lines begin with a sample that is not there.
func (d *decoder) lineAny(table *huffman, l *[2][]uint16, start uint16, predictor int) {
	above, line := l[0], l[1]
	line[1] = start + uint16(d.whole(table))
	above = above[:len(line)]
	for x := 2; x < len(line); x++ {
		px := predict(predictor, int32(line[x-1]), int32(above[x]), int32(above[x-1]))
		line[x] = uint16(px + d.whole(table))
	}
}

// lineMixed decodes a line of components that take turns by sample.
func (d *decoder) lineMixed(first bool) {
	predictor := 1
	scan := d.h.scan
	for i := range scan {
		var start uint16
		start, predictor = d.start(&d.lines[i], first)
		line := d.lines[i][1]
		line[0] = start // the place of the sample that is not there
	}
	for x := 1; x <= d.h.Width; x++ {
		for i := range scan {
			l := &d.lines[i]
			px := int32(l[1][x-1])
			if x > 1 && predictor > 1 {
				px = predict(predictor, px, int32(l[0][x]), int32(l[0][x-1]))
			}
			l[1][x] = uint16(px + d.whole(&d.tables[0][i&3]))
		}
	}
}

// predict is table H.1: a is the sample to the left, b above, c above to the left.
func predict(predictor int, a, b, c int32) int32 {
	switch predictor {
	case 1:
		return a
	case 2:
		return b
	case 3:
		return c
	case 4:
		return a + b - c
	case 5:
		return a + (b-c)>>1
	case 6:
		return b + (a-c)>>1
	}
	return (a + b) >> 1
}

// store puts a line of component c in its place, the point transform undone.
func (d *decoder) store(line []uint16, y, c int) {
	h := &d.h
	row := d.pix[y*h.stride():][:h.stride()]
	step, shift := h.Components, uint(h.PointTransform)
	if h.bytes() == 1 {
		row = row[c:]
		for i, v := range line {
			row[i*step] = byte(v << shift)
		}
		return
	}
	row = row[2*c:]
	if step == 1 {
		for _, v := range line {
			binary.LittleEndian.PutUint16(row, v<<shift)
			row = row[2:]
		}
		return
	}
	for i, v := range line {
		binary.LittleEndian.PutUint16(row[2*i*step:], v<<shift)
	}
}
