package jpegls

import "encoding/binary"

// writer puts bits into bytes, with a zero bit behind each byte of ones (A.1).
type writer struct {
	out   []byte
	cache uint64 // the lowest n bits are not written yet
	n     int    // at most 32 between calls
	ones  bool   // the last byte was all ones
}

// put writes the lowest k bits of v, at most 32; v has no others.
func (w *writer) put(v uint32, k int) {
	w.cache = w.cache<<uint(k) | uint64(v)
	if w.n += k; w.n >= 32 {
		w.flush()
	}
}

// flush writes 32 bits, or with stuffing a little less, to leave fewer than 32.
func (w *writer) flush() {
	v := uint32(w.cache >> uint(w.n-32))
	if (^v-0x01010101)&v&0x80808080 == 0 && !w.ones {
		w.out = binary.BigEndian.AppendUint32(w.out, v)
		w.n -= 32
		return
	}
	w.flushSlow(31)
}

// flushSlow writes bytes while more than left bits wait.
func (w *writer) flushSlow(left int) {
	for w.n > left {
		k := 8
		if w.ones {
			k = 7
		}
		if w.n < k { // the end of a scan
			w.cache <<= uint(k - w.n)
			w.n = k
		}
		w.n -= k
		c := byte(w.cache>>uint(w.n)) & (1<<k - 1)
		w.out = append(w.out, c)
		w.ones = c == 0xFF
	}
}

// finish fills up the last byte, and closes one of ones as T.87 A.1 wants it.
func (w *writer) finish() {
	w.flushSlow(0)
	if w.ones {
		w.out = append(w.out, 0)
	}
	w.ones, w.cache = false, 0
}

// golomb writes a code of parameter k and greatest length limit (A.5.3).
func (w *writer) golomb(m int32, k, limit, qbpp int) {
	zeros := int(m >> uint(k))
	longest := limit - qbpp - 1
	if zeros < longest {
		w.zeros(zeros)
		w.put(1, 1)
		w.put(uint32(m)&(1<<uint(k)-1), k)
		return
	}
	w.zeros(longest)
	w.put(1, 1)
	w.put(uint32(m-1)&(1<<uint(qbpp)-1), qbpp)
}

func (w *writer) zeros(n int) {
	for ; n > 32; n -= 32 {
		w.put(0, 32)
	}
	w.put(0, n)
}
