package jpeg

import (
	"bytes"
	"encoding/binary"
)

// reader takes bits from entropy coded bytes whose stuffing has been taken out.
type reader struct {
	b     []byte // with eight zeros behind the end
	at    int
	end   int    // of the bytes that were there
	cache uint64 // the next bits, from the highest
	n     int    // how many of them count
	bad   bool   // a code of no symbol was met
}

// open takes the entropy coded bytes, dropping the zero behind each byte of ones (F.1.2.3). It uses the room of before.
func (r *reader) open(coded []byte) {
	room := r.b[:0]
	for {
		i := bytes.IndexByte(coded, 0xFF)
		if i < 0 || i+2 > len(coded) {
			break
		}
		room = append(room, coded[:i+1]...)
		coded = coded[i+2:]
	}
	room = append(room, coded...)
	*r = reader{b: append(room, 0, 0, 0, 0, 0, 0, 0, 0), end: len(room)}
}

// fill brings n to at least 56; behind the end come zeros.
func (r *reader) fill() {
	if r.at+8 <= len(r.b) {
		// Bits beyond n are right too, they only do not count: or-ing them again is harmless.
		r.cache |= binary.BigEndian.Uint64(r.b[r.at:]) >> (uint(r.n) & 63)
	}
	r.at += (63 - r.n) >> 3
	r.n |= 56
}

// exhausted tells whether bits behind the end were used.
func (r *reader) exhausted() bool { return r.at*8-r.n > r.end*8 }

// code takes a symbol.
func (r *reader) code(h *huffman) int {
	if r.n < 32 {
		r.fill()
	}
	if v := h.look[r.cache>>(64-lookBits)]; v != 0 {
		n := int(v & 0xFF)
		r.cache <<= uint(n) & 63
		r.n -= n
		return int(v >> 8)
	}
	return r.long(h)
}

// long takes a symbol whose code is longer than the table's index.
func (r *reader) long(h *huffman) int {
	for n := lookBits + 1; n <= 16; n++ {
		if c := int32(r.cache >> uint(64-n)); c <= h.last[n] {
			r.cache <<= uint(n)
			r.n -= n
			return int(h.symbol[c+h.offset[n]])
		}
	}
	r.bad = true
	return 0
}

// value takes size bits, at most 16, as EXTEND makes a number of them.
func (r *reader) value(size int) int32 {
	if r.n < size {
		r.fill()
	}
	v := int32(r.cache >> 1 >> (uint(63-size) & 63))
	r.cache <<= uint(size) & 63
	r.n -= size
	return extend(v, size)
}

// whole takes a difference, at once if it is short.
func (r *reader) whole(h *huffman) int32 {
	if r.n < 32 {
		r.fill()
	}
	v := h.whole[r.cache>>(64-lookBits)]
	if v == 0 {
		return r.difference(h)
	}
	r.cache <<= uint(v) & 63
	r.n -= int(v & 0xFF)
	return v >> 8
}

// difference takes a difference of a lossless scan (H.1.2.2): 16 means 32768 and has no bits of its own.
func (r *reader) difference(h *huffman) int32 {
	size := r.code(h)
	switch {
	case size < 16:
		return r.value(size)
	case size > 16:
		r.bad = true
	}
	return 1 << 15
}
