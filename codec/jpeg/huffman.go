package jpeg

// lookBits is how many bits a table is asked with at once; longer codes are rare.
const lookBits = 12

// codes is a Huffman table as DHT has it; only those that a scan names are made ready.
type codes struct{ count, symbol []byte }

// huffman decodes one table.
type huffman struct {
	look   [1 << lookBits]uint16 // symbol<<8 | length of the code these bits begin with; 0 for longer ones
	whole  [1 << lookBits]int32  // difference<<8 | length of code and difference, where both are in these bits; else 0
	last   [17]int32             // greatest code of each length, -1 without
	offset [17]int32             // place of a symbol is its code plus this
	symbol []byte
}

// read makes the table of annex C. Codes that do not fit their length, as some old 16-bit encoders declare, are never met.
func (h *huffman) read(t codes) {
	clear(h.look[:])
	h.symbol = t.symbol
	code, place := int32(0), int32(0)
	for n := int32(1); n <= 16; n++ {
		h.offset[n], h.last[n] = place-code, -1
		for range t.count[n-1] {
			if code < 1<<n {
				h.last[n] = code
				h.fill(code, n, t.symbol[place])
			}
			code++
			place++
		}
		code <<= 1
	}
}

func (h *huffman) fill(code, n int32, symbol byte) {
	if n > lookBits {
		return
	}
	free := lookBits - n
	for i := code << free; i < (code+1)<<free; i++ {
		h.look[i] = uint16(symbol)<<8 | uint16(n)
	}
}

// prepare fills the table of whole differences, for lossless scans.
func (h *huffman) prepare() {
	for i, v := range h.look {
		n, size := int(v&0xFF), int(v>>8)
		h.whole[i] = 0
		if n == 0 || size >= 16 || n+size > lookBits {
			continue
		}
		extra := i >> (lookBits - n - size) & (1<<size - 1)
		h.whole[i] = extend(int32(extra), size)<<8 | int32(n+size)
	}
}

// extend is EXTEND of F.2.2.1: the value that size bits stand for.
func extend(v int32, size int) int32 {
	if size == 0 {
		return 0
	}
	low := v>>(uint(size-1)&31) - 1 // -1 when the first bit is 0
	return v + low&(1-1<<(uint(size)&31))
}
