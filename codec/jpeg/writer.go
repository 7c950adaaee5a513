package jpeg

import "encoding/binary"

// writer puts bits into bytes, with a zero behind each byte of ones (F.1.2.3).
type writer struct {
	out   []byte
	cache uint64 // the lowest n bits are not written yet
	n     int    // at most 31 between calls
}

// put writes the lowest k bits of v, at most 32; v has no others.
func (w *writer) put(v uint32, k int) {
	w.cache = w.cache<<(uint(k)&63) | uint64(v)
	if w.n += k; w.n >= 32 {
		w.flush()
	}
}

// flush writes 32 bits.
func (w *writer) flush() {
	w.n -= 32
	v := uint32(w.cache >> (uint(w.n) & 63))
	if (^v-0x01010101)&v&0x80808080 == 0 {
		w.out = binary.BigEndian.AppendUint32(w.out, v)
		return
	}
	for i := 24; i >= 0; i -= 8 {
		w.byte(byte(v >> i))
	}
}

func (w *writer) byte(c byte) {
	if w.out = append(w.out, c); c == 0xFF {
		w.out = append(w.out, 0)
	}
}

// finish fills up the last byte with ones.
func (w *writer) finish() {
	for ; w.n >= 8; w.n -= 8 {
		w.byte(byte(w.cache >> (w.n - 8)))
	}
	if w.n > 0 {
		w.byte(byte(w.cache<<(8-w.n)) | (1<<(8-w.n) - 1))
	}
	w.cache, w.n = 0, 0
}
