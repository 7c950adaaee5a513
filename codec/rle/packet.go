package rle

import (
	"encoding/binary"
	"math/bits"
)

// unpack fills dst from the packets of b; n is how many bytes it made, used how many it read.
func unpack(dst, b []byte) (n, used int) {
	i := 0
	for n < len(dst) && i+1 < len(b) {
		c := int(b[i])
		switch {
		case c < 128:
			k := copy(dst[n:], b[i+1:min(i+2+c, len(b))])
			n += k
			i += 2 + c
		case c > 128:
			run := dst[n:min(n+257-c, len(dst))]
			v := b[i+1]
			for j := range run {
				run[j] = v
			}
			n += len(run)
			i += 2
		default:
			i++
		}
	}
	return n, min(i, len(b))
}

// spread is unpack into every stride-th byte of dst, pixels of them.
func spread(dst, b []byte, pixels, stride int) (n, used int) {
	i, at := 0, 0
	end := (pixels-1)*stride + 1
	dst = dst[:end]
	for at < end && i+1 < len(b) {
		c := int(b[i])
		switch {
		case c < 128:
			for _, v := range b[i+1 : min(i+2+c, len(b))] {
				if at >= len(dst) {
					break
				}
				dst[at] = v
				at += stride
			}
			i += 2 + c
		case c > 128:
			v := b[i+1]
			for stop := min(at+(257-c)*stride, end); at < stop && at < len(dst); at += stride {
				dst[at] = v
			}
			i += 2
		default:
			i++
		}
	}
	return (at + stride - 1) / stride, min(i, len(b))
}

// gather takes every stride-th byte of pix.
func gather(row, pix []byte, stride int) {
	if stride == 1 {
		copy(row, pix)
		return
	}
	at := 0
	for i := range row {
		row[i] = pix[at]
		at += stride
	}
}

// slack is how far beyond the row pack may look.
const slack = 16

// pack appends the packets of the first n bytes of row, which has slack bytes more.
func pack(dst, row []byte, n int) []byte {
	for i := 0; i < n; {
		if k := run(row, i, n); k >= 2 {
			dst = append(dst, byte(257-k), row[i])
			i += k
			continue
		}
		k := literal(row, i, n)
		dst = append(dst, byte(k-1))
		dst = append(dst, row[i:i+k]...)
		i += k
	}
	return dst
}

// run is how often the byte at i is repeated there.
func run(row []byte, i, n int) int {
	stop := min(n, i+maxRun)
	pattern := uint64(row[i]) * 0x0101010101010101
	j := i + 1
	for j < stop {
		if d := binary.LittleEndian.Uint64(row[j:]) ^ pattern; d != 0 {
			j += bits.TrailingZeros64(d) / 8
			break
		}
		j += 8
	}
	return min(j, stop) - i
}

// literal is how many bytes from i stand before the next three equal ones.
func literal(row []byte, i, n int) int {
	stop := min(n, i+maxRun)
	for j := i; j < stop; j += 8 {
		b := row[j : j+10 : j+10]
		x := binary.LittleEndian.Uint64(b)
		pair := x ^ binary.LittleEndian.Uint64(b[1:]) | x ^ binary.LittleEndian.Uint64(b[2:])
		// The lowest zero byte of pair is where three are equal; higher marks may be false, the lowest never is.
		if z := (pair - 0x0101010101010101) &^ pair & 0x8080808080808080; z != 0 {
			j += bits.TrailingZeros64(z) / 8
			if j+2 < n {
				return max(1, min(j, stop)-i)
			}
			break // what looks equal lies beyond the row
		}
	}
	return stop - i
}
