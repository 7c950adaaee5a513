package jpeg

import "sync"

// decoder is the state of decoding one image; they are kept for the next because of their rooms.
type decoder struct {
	reader
	h      headers
	tables [2][maxComponents]huffman // of the components of a scan: DC and lossless; AC
	pix    []byte
	planes [maxComponents]plane
	lines  [maxComponents][2][]uint16 // of a lossless scan: the one before and this
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) image(dst []byte) error {
	var done [maxComponents]bool
	h := &d.h
	for n := 0; n == 0 || n < h.Components; n += len(h.scan) {
		ok, err := h.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return fail(Truncated, h.at, "scans of %d of %d components", n, h.Components)
		}
		if n == 0 {
			if err := d.admit(dst); err != nil {
				return err
			}
		}
		for _, c := range h.scan {
			if done[c.index] {
				return fail(Structure, h.at, "a second scan of component %d", c.index)
			}
			done[c.index] = true
		}
		if h.Process == 3 {
			err = d.lossless()
		} else {
			err = d.blocks()
		}
		if err != nil {
			return err
		}
	}
	if h.Process != 3 {
		d.upsample()
	}
	return nil
}

// admit looks at the size before room is given: a lossless sample needs a bit, a block of 64 samples two.
func (d *decoder) admit(dst []byte) error {
	h := &d.h
	left := int64(len(h.b)-h.at) * 8
	samples := int64(h.Width) * int64(h.Height)
	need, most := samples*int64(h.Components), int64(maxSize)
	if h.Process != 3 {
		need, most = samples/32, maxBlocks
	}
	switch size := samples * int64(h.Components*h.bytes()); {
	case size > most:
		return fail(Limit, h.at, "%d×%d×%d samples of %d bits", h.Width, h.Height, h.Components, h.Bits)
	case need > left:
		return fail(Truncated, len(h.b), "%d bytes for %d×%d×%d samples", left/8, h.Width, h.Height, h.Components)
	}
	if size := h.size(); cap(dst) < size {
		dst = make([]byte, size)
	}
	d.pix = dst[:h.size()]
	if h.Process != 3 {
		return d.prepare()
	}
	return nil
}

// interval opens the next restart interval, which has number i in its scan and begins at h.at, and leaves h.at behind it.
func (d *decoder) interval(i int) error {
	h := &d.h
	if i > 0 {
		m, err := h.marker()
		if err != nil {
			return err
		}
		if want := markRST0 + (i-1)%8; int(m) != want {
			return fail(Structure, h.at, "marker %#02x instead of RST%d", m, want-markRST0)
		}
	}
	end := entropyEnd(h.b, h.at)
	d.open(h.b[h.at:end])
	h.at = end
	return nil
}

// damaged says what is wrong in the interval that ends at h.at, if anything is.
func (d *decoder) damaged(line int) error {
	switch {
	case d.exhausted():
		return fail(Truncated, d.h.at, "line %d of %d", line, d.h.Height)
	case d.bad:
		return fail(Structure, d.h.at, "a code of no symbol before line %d", line)
	}
	return nil
}
