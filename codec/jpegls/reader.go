package jpegls

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// reader takes bits from the entropy coded bytes of a scan, dropping the zero bit that follows each byte of ones (A.1).
type reader struct {
	b     []byte
	at    int
	plain int    // no byte of ones before it, beginning with at
	cache uint64 // the next bits, from the highest
	n     int    // how many of them count
	over  int    // how many of them were made up behind the end
	ones  bool   // the byte before at was all ones
}

func newReader(b []byte) reader {
	r := reader{b: b}
	r.look()
	return r
}

// look finds the next byte of ones.
func (r *reader) look() {
	if i := bytes.IndexByte(r.b[r.at:], 0xFF); i >= 0 {
		r.plain = r.at + i
	} else {
		r.plain = len(r.b)
	}
}

// fill brings n to at least 57.
func (r *reader) fill() {
	if r.at+8 <= r.plain && !r.ones {
		// Bits beyond n are right too, they only do not count: or-ing them again is harmless.
		r.cache |= binary.BigEndian.Uint64(r.b[r.at:]) >> (uint(r.n) & 63)
		k := (64 - r.n) >> 3
		r.at += k
		r.n += k << 3
		return
	}
	r.fillSlow()
}

func (r *reader) fillSlow() {
	for r.n <= 56 {
		if r.at >= len(r.b) {
			r.over += 8
			r.n += 8
			continue
		}
		c := r.b[r.at]
		if r.ones {
			r.cache |= uint64(c) << 57 >> uint(r.n)
			r.n += 7
		} else {
			r.cache |= uint64(c) << 56 >> uint(r.n)
			r.n += 8
		}
		r.at++
		r.ones = c == 0xFF
	}
	if r.at > r.plain {
		r.look()
	}
}

// drop takes k bits that are there.
func (r *reader) drop(k int) {
	r.cache <<= uint(k)
	r.n -= k
}

// bits takes k bits, at most 32.
func (r *reader) bits(k int) int {
	if r.n < k {
		r.fill()
	}
	v := int(r.cache >> 1 >> (63 - uint(k)))
	r.drop(k)
	return v
}

// golomb takes a code of parameter k and greatest length limit (A.5.3).
func (r *reader) golomb(k, limit, qbpp int) int32 {
	if r.n < 57 {
		r.fill()
	}
	zeros := bits.LeadingZeros64(r.cache)
	if longest := limit - qbpp - 1; zeros >= longest {
		r.drop(longest + 1)
		return int32(r.bits(qbpp)) + 1
	}
	r.drop(zeros + 1)
	if k > 24 { // no valid stream has such errors
		r.drop(r.n)
		r.over++
		return 0
	}
	return int32(zeros<<uint(k)) | int32(r.bits(k))
}

// exhausted tells whether bits behind the end were used.
func (r *reader) exhausted() bool { return r.n < r.over }
