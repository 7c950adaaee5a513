// Samples: from the words of an object to the numbers that JPEG-LS codes, and back.

package compact

import (
	"encoding/binary"
	"math/bits"
)

// turned swaps the bytes of each word.
func turned(b []byte) {
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
}

// span finds the base that needs the fewest bits: the values begin there and go around 2^16.
func span(b []byte) (base uint16, width int) {
	least, most := uint16(0xFFFF), uint16(0)
	lowest, highest := int16(0x7FFF), int16(-0x8000)
	for ; len(b) >= 2; b = b[2:] {
		v := binary.LittleEndian.Uint16(b)
		least, most = min(least, v), max(most, v)
		lowest, highest = min(lowest, int16(v)), max(highest, int16(v))
	}
	unsigned, signed := int(most)-int(least), int(highest)-int(lowest)
	switch {
	case signed < unsigned:
		return uint16(lowest), bits.Len(uint(signed))
	case bits.Len16(most) == bits.Len(uint(unsigned)):
		return 0, bits.Len16(most)
	}
	return least, bits.Len(uint(unsigned))
}

// lowered writes the words of b less base to dst, and tells how many low bits are zero in all of them.
func lowered(dst, b []byte, base uint16) (zeros int) {
	all := uint16(0)
	dst = dst[:len(b)]
	for i := 0; i+1 < len(b); i += 2 {
		v := binary.LittleEndian.Uint16(b[i:]) - base
		all |= v
		binary.LittleEndian.PutUint16(dst[i:], v)
	}
	if all == 0 {
		return 0
	}
	return bits.TrailingZeros16(all)
}

// shifted moves each word down and, where they fit, packs them as bytes.
func shifted(b []byte, by, width int) []byte {
	if by == 0 && width > 8 {
		return b
	}
	if width > 8 {
		for i := 0; i+1 < len(b); i += 2 {
			binary.LittleEndian.PutUint16(b[i:], binary.LittleEndian.Uint16(b[i:])>>by)
		}
		return b
	}
	n := len(b) / 2
	for i := range n {
		b[i] = byte(binary.LittleEndian.Uint16(b[2*i:]) >> by)
	}
	return b[:n]
}

// raised undoes lowered and shifted: samples of one or two bytes become the words of dst.
func raised(dst, samples []byte, base uint16, by int) {
	if len(samples) == len(dst) {
		for i := 0; i+1 < len(dst); i += 2 {
			binary.LittleEndian.PutUint16(dst[i:], binary.LittleEndian.Uint16(samples[i:])<<by+base)
		}
		return
	}
	for i, v := range samples {
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(v)<<by+base)
	}
}

// coloured tells whether differences of the colours are smoother than the colours, from some of the pixels.
func coloured(b []byte) bool {
	plain, differences := 0, 0
	step := 3 * max(1, len(b)/3/4096)
	for i := 0; i+6 <= len(b); i += step {
		r, g, u := int(b[i]), int(b[i+1]), int(b[i+2])
		r2, g2, u2 := int(b[i+3]), int(b[i+4]), int(b[i+5])
		plain += abs(r2-r) + abs(u2-u)
		differences += abs(r2-g2-r+g) + abs(u2-g2-u+g)
	}
	return differences < plain
}

func abs(n int) int { return max(n, -n) }

// differ writes the pixels of b with the first and third byte as differences to the second.
func differ(dst, b []byte) {
	dst = dst[:len(b)]
	for i := 0; i+3 <= len(b); i += 3 {
		g := b[i+1]
		dst[i], dst[i+1], dst[i+2] = b[i]-g+128, g, b[i+2]-g+128
	}
}

// undiffer undoes differ in its place.
func undiffer(b []byte) {
	for i := 0; i+3 <= len(b); i += 3 {
		g := b[i+1]
		b[i], b[i+2] = b[i]+g-128, b[i+2]+g-128
	}
}
