package jpeg

import "bytes"

// Marker codes (B.1.1.3).
const (
	markSOF0  = 0xC0
	markSOF1  = 0xC1
	markSOF3  = 0xC3
	markDHT   = 0xC4
	markJPG   = 0xC8
	markDAC   = 0xCC
	markSOF15 = 0xCF
	markRST0  = 0xD0
	markRST7  = 0xD7
	markSOI   = 0xD8
	markEOI   = 0xD9
	markSOS   = 0xDA
	markDQT   = 0xDB
	markDNL   = 0xDC
	markDRI   = 0xDD
	markAPP14 = 0xEE
	markTEM   = 0x01
)

// headers are the marker segments seen so far.
type headers struct {
	b  []byte
	at int
	Info
	tq      [maxComponents]byte // quantisation table of each component
	quant   [4]*[64]uint16      // in the order of the block, not of the zigzag
	huffman [2][4]codes         // DC and lossless; AC
	restart int                 // MCUs of a restart interval, 0 without
	scan    []scanComponent     // of the latest scan
	scans   int
}

// scanComponent is one component's part of a scan header.
type scanComponent struct{ index, dc, ac int }

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

// marker finds the next marker; fill bytes of ones before it are allowed (B.1.1.2).
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
		h.at, h.ColorTransform = 2, -1
	}
	for {
		m, err := h.marker()
		if err != nil {
			return false, err
		}
		switch {
		case m == markEOI:
			return false, nil
		case m == 0, m == markTEM, m >= markRST0 && m <= markSOI:
			return false, fail(Structure, h.at-2, "marker %#02x between segments", m)
		}
		at := h.at
		s, err := h.segment()
		if err != nil {
			return false, err
		}
		if m == markSOS {
			return true, h.scanHeader(s, at)
		}
		if err := h.table(m, s, at); err != nil {
			return false, err
		}
	}
}

// table reads a marker segment that is not a scan header.
func (h *headers) table(m byte, s []byte, at int) error {
	switch {
	case m == markSOF0 || m == markSOF1 || m == markSOF3:
		h.Process = m - markSOF0
		return h.frame(s, at)
	case m == markDHT:
		return h.huffmanTables(s, at)
	case m == markDQT:
		return h.quantTables(s, at)
	case m == markDRI && len(s) >= 2:
		h.restart = int(s[0])<<8 | int(s[1])
	case m == markDNL:
		return h.lines(s, at)
	case m == markAPP14 && len(s) >= 12 && string(s[:5]) == "Adobe":
		h.ColorTransform = int(s[11])
	case m == markDAC, m >= markSOF0 && m <= markSOF15 && m != markJPG:
		return fail(Unsupported, at-2, "marker %#02x: progressive, hierarchical or arithmetic coding", m)
	case m == 0xF7:
		return fail(Unsupported, at-2, "JPEG-LS")
	}
	return nil
}

// frame reads SOFn (B.2.2).
func (h *headers) frame(s []byte, at int) error {
	switch {
	case h.Components != 0:
		return fail(Structure, at, "a second frame")
	case len(s) < 6 || len(s) < 6+3*int(s[5]):
		return fail(Structure, at, "a frame header of %d bytes", len(s))
	case s[5] < 1 || s[5] > maxComponents:
		return fail(Unsupported, at, "%d components", s[5])
	case h.Process == 3 && (s[0] < 2 || s[0] > 16), h.Process != 3 && s[0] != 8 && s[0] != 12:
		return fail(Structure, at, "samples of %d bits", s[0])
	}
	h.Bits, h.Components = int(s[0]), int(s[5])
	h.Height, h.Width = int(s[1])<<8|int(s[2]), int(s[3])<<8|int(s[4])
	if h.Width == 0 {
		return fail(Structure, at, "no width")
	}
	for i := range h.Components {
		c := s[6+3*i:]
		x, y := int(c[1]>>4), int(c[1]&15)
		switch {
		case x < 1 || x > 4 || y < 1 || y > 4 || c[2] > 3:
			return fail(Structure, at, "component %d: sampling %d×%d, quantisation table %d", i, x, y, c[2])
		case bytes.IndexByte(h.ComponentIDs, c[0]) >= 0:
			return fail(Structure, at, "two components %d", c[0])
		}
		h.ComponentIDs = append(h.ComponentIDs, c[0])
		h.H, h.V, h.tq[i] = append(h.H, x), append(h.V, y), c[2]
	}
	return h.sampling(at)
}

// sampling refuses what cannot be brought to the image's size by whole factors.
func (h *headers) sampling(at int) error {
	top, bottom := h.factors()
	for i := range h.Components {
		switch {
		case h.Process == 3 && (h.H[i] != top || h.V[i] != bottom):
			return fail(Unsupported, at, "a lossless image with a subsampled component")
		case top%h.H[i] != 0 || bottom%h.V[i] != 0:
			return fail(Unsupported, at, "sampling %d×%d of %d×%d", h.H[i], h.V[i], top, bottom)
		}
	}
	return nil
}

// factors are the greatest sampling factors.
func (h *headers) factors() (x, y int) {
	for i := range h.H {
		x, y = max(x, h.H[i]), max(y, h.V[i])
	}
	return x, y
}

// quantTables reads DQT (B.2.4.1).
func (h *headers) quantTables(s []byte, at int) error {
	for len(s) > 0 {
		wide, id := int(s[0]>>4), s[0]&15
		if wide > 1 || id > 3 || len(s) < 1+64*(1+wide) {
			return fail(Structure, at, "quantisation table %d of %d bytes", id, len(s))
		}
		q := new([64]uint16)
		for i, place := range zigzag {
			if wide == 1 {
				q[place] = uint16(s[1+2*i])<<8 | uint16(s[2+2*i])
			} else {
				q[place] = uint16(s[1+i])
			}
		}
		h.quant[id] = q
		s = s[1+64*(1+wide):]
	}
	return nil
}

// huffmanTables reads DHT (B.2.4.2).
func (h *headers) huffmanTables(s []byte, at int) error {
	for len(s) > 0 {
		if len(s) < 17 || s[0]>>4 > 1 || s[0]&15 > 3 {
			return fail(Structure, at, "a Huffman table of %d bytes", len(s))
		}
		n := 0
		for _, c := range s[1:17] {
			n += int(c)
		}
		if n > 256 || len(s) < 17+n {
			return fail(Structure, at, "a Huffman table of %d symbols", n)
		}
		h.huffman[s[0]>>4][s[0]&3] = codes{s[1:17], s[17 : 17+n]}
		s = s[17+n:]
	}
	return nil
}

// lines reads DNL, the height of a frame that had none in its header (B.2.5).
func (h *headers) lines(s []byte, at int) error {
	if len(s) < 2 {
		return fail(Structure, at, "a DNL segment of %d bytes", len(s))
	}
	n := int(s[0])<<8 | int(s[1])
	if n == 0 || h.Height != 0 && h.Height != n {
		return fail(Structure, at, "%d lines, the frame header says %d", n, h.Height)
	}
	h.Height = n
	return nil
}

// scanHeader reads SOS (B.2.3).
func (h *headers) scanHeader(s []byte, at int) error {
	if h.Components == 0 {
		return fail(Structure, at, "a scan before the frame header")
	}
	if len(s) < 1 || s[0] < 1 || int(s[0]) > h.Components || len(s) < 4+2*int(s[0]) {
		return fail(Structure, at, "a scan header of %d bytes", len(s))
	}
	h.scan = h.scan[:0]
	for i := range int(s[0]) {
		c := bytes.IndexByte(h.ComponentIDs, s[1+2*i])
		sc := scanComponent{c, int(s[2+2*i] >> 4), int(s[2+2*i] & 15)}
		if c < 0 || sc.dc > 3 || sc.ac > 3 {
			return fail(Structure, at, "a scan of component %d with tables %#02x", s[1+2*i], s[2+2*i])
		}
		if h.huffman[0][sc.dc].count == nil || h.Process != 3 && (h.huffman[1][sc.ac].count == nil || h.quant[h.tq[c]] == nil) {
			return fail(Structure, at, "a table of component %d is missing", s[1+2*i])
		}
		h.scan = append(h.scan, sc)
	}
	if p := s[1+2*len(h.scan):]; h.Process == 3 {
		if p[0] < 1 || p[0] > 7 || int(p[2]&15) >= h.Bits {
			return fail(Structure, at, "predictor %d, point transform %d", p[0], p[2]&15)
		}
		h.Predictor, h.PointTransform = int(p[0]), int(p[2]&15)
	}
	h.scans++
	return h.findLines(at)
}

// findLines looks behind the first scan for the height that the frame header left open.
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

// entropyEnd is where the entropy coded bytes that begin at at end: before a byte of ones that no zero follows.
func entropyEnd(b []byte, at int) int {
	for {
		i := bytes.IndexByte(b[at:], 0xFF)
		if i < 0 || at+i+1 >= len(b) {
			return len(b)
		}
		if at += i; b[at+1] != 0 {
			return at
		}
		at += 2
	}
}
