package jpeg

// zigzag is the place in the block of each coefficient in the order of the stream (figure A.6).
var zigzag = [64]byte{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// plane is a component as it is stored, in whole blocks.
type plane struct {
	pix           []uint16
	width, height int // of the component (A.1.1)
	stride        int
	across, down  int // sampling factors
	dc            int32
}

// prepare makes room for the planes.
func (d *decoder) prepare() error {
	h := &d.h
	top, bottom := h.factors()
	unitsX, unitsY := h.units()
	for i := range h.Components {
		p := &d.planes[i]
		p.across, p.down = h.H[i], h.V[i]
		p.width = (h.Width*p.across + top - 1) / top
		p.height = (h.Height*p.down + bottom - 1) / bottom
		p.stride = unitsX * p.across * 8
		size := p.stride * unitsY * p.down * 8
		if size > maxBlocks {
			return fail(Limit, h.at, "%d×%d samples in blocks", p.stride, size/p.stride)
		}
		if cap(p.pix) < size {
			p.pix = make([]uint16, size)
		}
		p.pix = p.pix[:size]
	}
	return nil
}

// units is how many MCUs of an interleaved scan the image has in each direction (A.2.3).
func (h *headers) units() (x, y int) {
	top, bottom := h.factors()
	return (h.Width + 8*top - 1) / (8 * top), (h.Height + 8*bottom - 1) / (8 * bottom)
}

// blocks decodes a scan of SOF0 or SOF1 (F.2).
func (d *decoder) blocks() error {
	h := &d.h
	unitsX, unitsY := h.units()
	single := len(h.scan) == 1
	if single { // A.2.2: the MCU is a block
		p := &d.planes[h.scan[0].index]
		unitsX, unitsY = (p.width+7)/8, (p.height+7)/8
	}
	for i, c := range h.scan {
		d.tables[0][i].read(h.huffman[0][c.dc])
		d.tables[1][i].read(h.huffman[1][c.ac])
	}
	every := h.restart
	if every == 0 {
		every = unitsX * unitsY
	}
	for y := range unitsY {
		for x := range unitsX {
			if i := y*unitsX + x; i%every == 0 {
				if err := d.damaged(y); err != nil && i > 0 {
					return err
				}
				if err := d.interval(i / every); err != nil {
					return err
				}
				for c := range d.planes {
					d.planes[c].dc = 0
				}
			}
			for i := range h.scan {
				d.unit(i, x, y, single)
			}
		}
		if err := d.damaged(y); err != nil {
			return err
		}
	}
	return nil
}

// unit decodes the blocks that component i of the scan has in an MCU.
func (d *decoder) unit(i, x, y int, single bool) {
	c := d.h.scan[i]
	p := &d.planes[c.index]
	across, down := p.across, p.down
	if single {
		across, down = 1, 1
	}
	quant := d.h.quant[d.h.tq[c.index]]
	for v := range down {
		for u := range across {
			var block [64]int32
			flat := d.block(&block, p, quant, &d.tables[0][i], &d.tables[1][i])
			at := ((y*down+v)*p.stride + x*across + u) * 8
			inverse(&block, p.pix[at:], p.stride, d.h.Bits, flat)
		}
	}
}

// block decodes the coefficients of a block, times their quantisation steps; flat when only the first is not zero.
func (d *decoder) block(block *[64]int32, p *plane, quant *[64]uint16, dc, ac *huffman) (flat bool) {
	size := d.code(dc)
	if size > 15 {
		d.bad = true
		size = 0
	}
	p.dc += d.value(size)
	block[0] = p.dc * int32(quant[0])
	flat = true
	for k := 1; k < 64; k++ {
		s := d.code(ac)
		run, size := s>>4, s&15
		if size == 0 {
			if run != 15 {
				break
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			d.bad = true
			break
		}
		place := zigzag[k] & 63
		block[place] = d.value(size) * int32(quant[place])
		flat = false
	}
	return flat
}
