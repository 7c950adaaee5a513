// Package rle reads and writes the RLE compression of DICOM (PS3.5 annex G), transfer syntax 1.2.840.10008.1.2.5.
//
// A frame is cut into byte planes, one segment each: of every component its most significant bytes first. A segment is a
// row of packets: a byte n of 0 to 127 and n+1 bytes as they are, or n of 129 to 255 and one byte 257-n times; 128 is nothing.
package rle

import (
	"encoding/binary"
	"math"
)

const (
	headerLen   = 64 // number of segments and 15 offsets
	maxSegments = 15
	maxSide     = 65535
	maxFrame    = 2 << 30
	maxRun      = 128 // bytes of one packet
)

// frame is the form of a frame, checked.
type frame struct {
	width, height, components, bytes int
}

func (f frame) pixels() int   { return f.width * f.height }
func (f frame) segments() int { return f.components * f.bytes }
func (f frame) size() int     { return f.pixels() * f.segments() }

// plane is the place in a pixel of segment i: components in turn, the most significant byte first (G.2).
func (f frame) plane(i int) int { return i/f.bytes*f.bytes + f.bytes - 1 - i%f.bytes }

func (f frame) check() error {
	switch {
	case f.width < 1 || f.height < 1 || f.width > maxSide || f.height > maxSide:
		return fail(Limit, 0, "%d×%d pixels", f.width, f.height)
	case f.components < 1 || f.bytes < 1 || f.components > maxSegments || f.bytes > maxSegments || f.segments() > maxSegments:
		return fail(Unsupported, 0, "%d samples of %d bytes in a pixel", f.components, f.bytes)
	case int64(f.pixels())*int64(f.segments()) > maxFrame:
		return fail(Limit, 0, "%d×%d pixels of %d×%d bytes", f.width, f.height, f.components, f.bytes)
	}
	return nil
}

// header reads where each segment lies: from its offset to the next one's.
func (f frame) header(b []byte) ([][2]int, error) {
	if len(b) < headerLen {
		return nil, fail(Truncated, len(b), "a header of %d bytes", len(b))
	}
	if n := binary.LittleEndian.Uint32(b); n != uint32(f.segments()) {
		return nil, fail(Structure, 0, "%d segments, the pixels have %d byte planes", n, f.segments())
	}
	at := make([][2]int, f.segments())
	for i := range at {
		off := binary.LittleEndian.Uint32(b[4+4*i:])
		switch {
		case off < headerLen:
			return nil, fail(Structure, 4+4*i, "segment %d begins at %d, in the header", i, off)
		case int64(off) >= int64(len(b)):
			return nil, fail(Truncated, len(b), "segment %d begins at %d", i, off)
		}
		at[i] = [2]int{int(off), len(b)}
		if i > 0 && at[i-1][0] < at[i][0] {
			at[i-1][1] = at[i][0]
		}
	}
	return at, nil
}

// room is dst with n bytes, whatever they are.
func room(dst []byte, n int) []byte {
	if cap(dst) >= n {
		return dst[:n]
	}
	return make([]byte, n)
}

// Decode makes one frame of width × height pixels from b in the room of dst, whose content is dropped. The samples are
// interleaved by pixel, little endian. Bytes behind the last pixel of a segment are padding and not looked at.
func Decode(dst, b []byte, width, height, components, bytesPerSample int) ([]byte, error) {
	f := frame{width, height, components, bytesPerSample}
	if err := f.check(); err != nil {
		return nil, err
	}
	at, err := f.header(b)
	if err != nil {
		return nil, err
	}
	// Two bytes make at most 128: what cannot be full is refused before it is given room.
	for i, s := range at {
		if int64(s[1]-s[0]+1)/2*maxRun < int64(f.pixels()) {
			return nil, fail(Truncated, s[1], "segment %d has %d bytes for %d pixels", i, s[1]-s[0], f.pixels())
		}
	}
	dst = room(dst, f.size())
	for i, s := range at {
		var n, used int
		if stride := f.segments(); stride == 1 {
			n, used = unpack(dst, b[s[0]:s[1]])
		} else {
			n, used = spread(dst[f.plane(i):], b[s[0]:s[1]], f.pixels(), stride)
		}
		if n < f.pixels() {
			return nil, fail(Truncated, s[0]+used, "segment %d makes %d of %d bytes", i, n, f.pixels())
		}
	}
	return dst, nil
}

// Encode appends to dst the frame whose samples are in pix, interleaved by pixel, little endian.
func Encode(dst, pix []byte, width, height, components, bytesPerSample int) ([]byte, error) {
	f := frame{width, height, components, bytesPerSample}
	if err := f.check(); err != nil {
		return nil, err
	}
	if len(pix) < f.size() {
		return nil, fail(Truncated, len(pix), "%d bytes of samples, the frame has %d", len(pix), f.size())
	}
	start := len(dst)
	dst = append(dst, make([]byte, headerLen)...)
	binary.LittleEndian.PutUint32(dst[start:], uint32(f.segments()))
	row := make([]byte, f.width+slack)
	for i := range f.segments() {
		if int64(len(dst)-start) > math.MaxUint32 {
			return nil, fail(Limit, 0, "segment %d begins beyond 4 GiB", i)
		}
		binary.LittleEndian.PutUint32(dst[start+4+4*i:], uint32(len(dst)-start))
		for y := range f.height { // G.3.1: each row by itself
			gather(row[:f.width], pix[y*f.width*f.segments()+f.plane(i):], f.segments())
			dst = pack(dst, row, f.width)
		}
		if (len(dst)-start)%2 == 1 {
			dst = append(dst, 0)
		}
	}
	return dst, nil
}
