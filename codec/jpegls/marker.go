package jpegls

import "bytes"

// Marker codes (T.81 table B.1, T.87 C.1.1).
const (
	markSOI   = 0xD8
	markEOI   = 0xD9
	markSOS   = 0xDA
	markDNL   = 0xDC
	markDRI   = 0xDD
	markRST0  = 0xD0
	markRST7  = 0xD7
	markTEM   = 0x01
	markAPP8  = 0xE8
	markSOF55 = 0xF7
	markLSE   = 0xF8
)

// headers are the marker segments seen so far.
type headers struct {
	b       []byte
	at      int
	Info    // of the frame; Near and Interleave of the latest scan
	ids     [maxComponents]byte
	preset  preset
	restart int   // lines of a restart interval, 0 without
	scan    []int // components of the latest scan
	scans   int
}

// segment is the content of the marker segment at h.at, which is left behind it.
func (h *headers) segment() ([]byte, error) {
	if h.at+2 > len(h.b) {
		return nil, fail(Truncated, len(h.b), "no length of a marker segment")
	}
	n := int(h.b[h.at])<<8 | int(h.b[h.at+1])
	if n < 2 {
		return nil, fail(Structure, h.at, "a marker segment of length %d", n)
	}
	if h.at+n > len(h.b) {
		return nil, fail(Truncated, len(h.b), "a marker segment of %d bytes at %d", n, h.at)
	}
	s := h.b[h.at+2 : h.at+n]
	h.at += n
	return s, nil
}

// marker finds the next marker; fill bytes of ones before it are allowed (T.81 B.1.1.2).
func (h *headers) marker() (byte, error) {
	if h.at+2 > len(h.b) {
		return 0, fail(Truncated, len(h.b), "no marker")
	}
	if h.b[h.at] != 0xFF {
		return 0, fail(Structure, h.at, "%#02x instead of a marker", h.b[h.at])
	}
	for h.at < len(h.b) && h.b[h.at] == 0xFF {
		h.at++
	}
	if h.at == len(h.b) {
		return 0, fail(Truncated, h.at, "no marker")
	}
	h.at++
	return h.b[h.at-1], nil
}

// next reads up to and with the next scan header; false at the end of the image.
func (h *headers) next() (bool, error) {
	if h.at == 0 {
		if len(h.b) < 2 || h.b[0] != 0xFF || h.b[1] != markSOI {
			return false, fail(Structure, 0, "no SOI marker")
		}
		h.at = 2
	}
	for {
		m, err := h.marker()
		if err != nil {
			return false, err
		}
		switch {
		case m == markEOI:
			return false, nil
		case m == markTEM || m >= markRST0 && m <= markSOI:
			return false, fail(Structure, h.at-2, "marker %#02x between segments", m)
		case m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC:
			return false, fail(Unsupported, h.at-2, "SOF%d, not JPEG-LS", m-0xC0)
		}
		at := h.at
		s, err := h.segment()
		if err != nil {
			return false, err
		}
		switch m {
		case markAPP8:
			err = colourTransform(s, at)
		case markSOF55:
			err = h.frame(s, at)
		case markLSE:
			err = h.lse(s, at)
		case markDRI:
			err = h.interval(s, at)
		case markDNL:
			err = h.lines(s, at)
		case markSOS:
			return true, h.scanHeader(s, at)
		}
		if err != nil {
			return false, err
		}
	}
}

// colourTransform refuses colours in HP's reversible transforms, which some encoders of other trades use: the samples would
// come out, but mean something else.
func colourTransform(s []byte, at int) error {
	if len(s) >= 5 && string(s[:4]) == "mrfx" && s[4] != 0 {
		return fail(Unsupported, at, "colour transform %d of an mrfx segment", s[4])
	}
	return nil
}

// frame reads SOF55 (C.2.2).
func (h *headers) frame(s []byte, at int) error {
	switch {
	case h.Components != 0:
		return fail(Structure, at, "a second frame")
	case len(s) < 6 || len(s) < 6+3*int(s[5]):
		return fail(Structure, at, "a frame header of %d bytes", len(s))
	case s[5] < 1 || s[5] > maxComponents:
		return fail(Unsupported, at, "%d components", s[5])
	case s[0] < 2 || s[0] > 16:
		return fail(Structure, at, "samples of %d bits", s[0])
	}
	h.Bits, h.Components = int(s[0]), int(s[5])
	h.Height, h.Width = int(s[1])<<8|int(s[2]), int(s[3])<<8|int(s[4])
	if h.Width == 0 {
		return fail(Unsupported, at, "no width in the frame header")
	}
	for i := range h.Components {
		c := s[6+3*i:]
		h.ids[i] = c[0]
		if c[1] != 0x11 && h.Components > 1 {
			return fail(Unsupported, at, "component %d is subsampled", i)
		}
	}
	return nil
}

// lse reads JPEG-LS parameters (C.2.4.1).
func (h *headers) lse(s []byte, at int) error {
	if len(s) < 1 {
		return fail(Structure, at, "an empty LSE segment")
	}
	switch s[0] {
	case 1:
	case 2, 3:
		return fail(Unsupported, at, "a mapping table")
	default:
		return fail(Unsupported, at, "an LSE segment of type %d", s[0])
	}
	if len(s) < 11 {
		return fail(Structure, at, "preset parameters of %d bytes", len(s))
	}
	var v [5]int
	for i := range v {
		v[i] = int(s[1+2*i])<<8 | int(s[2+2*i])
	}
	h.preset = preset{v[0], v[1], v[2], v[3], v[4]}
	return nil
}

// interval reads DRI, which may be longer than in T.81 (C.2.5): lines of a restart interval.
func (h *headers) interval(s []byte, at int) error {
	n, err := number(s, at)
	h.restart = n
	return err
}

func number(s []byte, at int) (int, error) {
	if len(s) < 2 || len(s) > 4 {
		return 0, fail(Structure, at, "a number of %d bytes", len(s))
	}
	n := 0
	for _, c := range s {
		n = n<<8 | int(c)
	}
	return n, nil
}

// lines reads DNL, the height of a frame that had none in its header.
func (h *headers) lines(s []byte, at int) error {
	n, err := number(s, at)
	switch {
	case err != nil:
		return err
	case n < 1 || n > 65535:
		return fail(Unsupported, at, "%d lines", n)
	case h.Height != 0 && h.Height != n:
		return fail(Structure, at, "%d lines, the frame header says %d", n, h.Height)
	}
	h.Height = n
	return nil
}

// scanHeader reads SOS (C.2.3).
func (h *headers) scanHeader(s []byte, at int) error {
	if h.Components == 0 {
		return fail(Structure, at, "a scan before the frame header")
	}
	if len(s) < 1 || s[0] < 1 || s[0] > maxComponents || len(s) < 4+2*int(s[0]) {
		return fail(Structure, at, "a scan header of %d bytes", len(s))
	}
	h.scan = h.scan[:0]
	for i := range int(s[0]) {
		c := bytes.IndexByte(h.ids[:h.Components], s[1+2*i])
		switch {
		case c < 0:
			return fail(Structure, at, "a scan of component %d, which the frame does not have", s[1+2*i])
		case s[2+2*i] != 0:
			return fail(Unsupported, at, "a mapping table")
		}
		h.scan = append(h.scan, c)
	}
	p := s[1+2*len(h.scan):]
	near, mode := int(p[0]), int(p[1])
	switch {
	case mode > InterleaveSample || mode == InterleaveNone && len(h.scan) > 1:
		return fail(Structure, at, "interleave mode %d of %d components", mode, len(h.scan))
	case p[2] != 0:
		return fail(Unsupported, at, "a point transform")
	}
	if h.scans == 0 {
		h.Near = 0
	}
	h.Near, h.Interleave = near, mode
	h.scans++
	return h.findLines(at)
}

// findLines looks behind the first scan for the height that the frame header left open (T.81 B.2.5).
func (h *headers) findLines(at int) error {
	if h.Height > 0 {
		return nil
	}
	ahead := *h
	for {
		ahead.at = entropyEnd(h.b, ahead.at)
		m, err := ahead.marker()
		if err != nil {
			return err
		}
		if m >= markRST0 && m <= markRST7 {
			continue
		}
		if m != markDNL {
			return fail(Structure, at, "no height in the frame header, and no DNL marker")
		}
		s, err := ahead.segment()
		if err == nil {
			err = h.lines(s, ahead.at)
		}
		return err
	}
}

// entropyEnd is where the entropy coded bytes that begin at at end: before a byte of ones that no zero bit follows.
func entropyEnd(b []byte, at int) int {
	for {
		i := bytes.IndexByte(b[at:], 0xFF)
		if i < 0 || at+i+1 >= len(b) {
			return len(b)
		}
		if at += i; b[at+1] >= 0x80 {
			return at
		}
		at += 2
	}
}
