package jpegls

import (
	"encoding/binary"
	"sync"
)

// decoder is the state of decoding one image; they are kept for the next since their tables are large.
type decoder struct {
	state
	reader
	wild bool // an error beyond the range was read

	info  Info
	pix   []byte // of the lines decoded so far
	lines [2 * maxComponents][]int32
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) image(dst, b []byte) ([]byte, Info, error) {
	h := headers{b: b}
	defer func() { d.reader, d.pix = reader{}, nil }()
	var done [maxComponents]bool
	near := 0
	for n := 0; ; {
		ok, err := h.next()
		switch {
		case err != nil:
			return nil, Info{}, err
		case !ok:
			return nil, Info{}, fail(Truncated, h.at, "scans of %d of %d components", n, h.Components)
		}
		if n == 0 {
			if err := d.admit(dst, &h); err != nil {
				return nil, Info{}, err
			}
		}
		for _, c := range h.scan {
			if done[c] {
				return nil, Info{}, fail(Structure, h.at, "a second scan of component %d", c)
			}
			done[c] = true
		}
		if err := d.decodeScan(&h); err != nil {
			return nil, Info{}, err
		}
		near = max(near, h.Near)
		if n += len(h.scan); n == h.Components {
			break
		}
	}
	h.Near = near
	return d.pix, h.Info, nil
}

// admit looks at the size before room is given: each line of a scan needs a bit for every 32768 pixels of its width (A.7.1).
func (d *decoder) admit(dst []byte, h *headers) error {
	d.info = h.Info
	size := int64(h.Width) * int64(h.Height) * int64(h.Components*h.bytes())
	left := int64(len(h.b) - h.at)
	switch {
	case size > maxSize, size > freeSize && size/maxRatio > left:
		return fail(Limit, h.at, "%d×%d×%d samples of %d bits from %d bytes", h.Width, h.Height, h.Components, h.Bits, left)
	case int64(h.Height)*int64((h.Width+1<<15-1)>>15) > left*8:
		return fail(Truncated, len(h.b), "%d bytes for %d×%d samples", left, h.Width, h.Height)
	}
	if cap(dst) < int(size) {
		dst = make([]byte, size)
	}
	d.pix = dst[:size]
	return nil
}

// decodeScan decodes the scan whose header was read, and leaves h.at at the marker behind it.
func (d *decoder) decodeScan(h *headers) error {
	p := h.preset.orDefault(h.Bits, h.Near)
	if !p.valid(h.Bits, h.Near) {
		return fail(Structure, h.at, "preset parameters %v for NEAR %d", p, h.Near)
	}
	d.begin(newModel(p, h.Near))
	d.wild = false
	interval := h.Height
	if h.restart > 0 {
		interval = min(interval, h.restart)
	}
	for y := 0; y < h.Height; y += interval {
		if y > 0 {
			m, err := h.marker()
			if err != nil {
				return err
			}
			if want := markRST0 + (y/interval-1)%8; int(m) != want {
				return fail(Structure, h.at, "marker %#02x instead of RST%d", m, want-markRST0)
			}
			d.restart()
		}
		end := entropyEnd(h.b, h.at)
		d.reader = newReader(h.b[h.at:end])
		last := min(y+interval, h.Height)
		if bad := d.rows(h, y, last); bad < last {
			if d.exhausted() {
				return fail(Truncated, end, "line %d of %d", bad, h.Height)
			}
			return fail(Structure, h.at+d.at, "line %d of %d is no JPEG-LS code", bad, h.Height)
		}
		h.at = end
	}
	return nil
}

// rows decodes the lines from y to last; it gives last, or the line that is damaged.
func (d *decoder) rows(h *headers, y, last int) int {
	n := len(h.scan)
	for i := range 2 * n {
		d.lines[i] = cleared(d.lines[i], h.Width+2)
	}
	prev, cur := d.lines[:n], d.lines[n:2*n]
	for ; y < last; y++ {
		ok := true
		switch {
		case n > 1 && h.Interleave == InterleaveSample:
			ok = d.pixels(prev, cur)
		default:
			for i := range cur {
				ok = ok && d.line(prev[i], cur[i], i)
			}
		}
		if !ok {
			return y
		}
		for i, c := range h.scan {
			d.store(cur[i], y, c)
		}
		prev, cur = cur, prev
	}
	return y
}

// cleared is line with n zeros.
func cleared(line []int32, n int) []int32 {
	if cap(line) < n {
		return make([]int32, n)
	}
	line = line[:n]
	clear(line)
	return line
}

// store puts a decoded line of component c in its place.
func (d *decoder) store(line []int32, y, c int) {
	line = line[1 : len(line)-1]
	row := d.pix[y*d.info.stride():][:d.info.stride()]
	step := d.info.Components
	if d.info.bytes() == 1 {
		row = row[c:]
		for i, v := range line {
			row[i*step] = byte(v)
		}
		return
	}
	row = row[2*c:]
	if step == 1 {
		for _, v := range line {
			binary.LittleEndian.PutUint16(row, uint16(v))
			row = row[2:]
		}
		return
	}
	for i, v := range line {
		binary.LittleEndian.PutUint16(row[2*i*step:], uint16(v))
	}
}
