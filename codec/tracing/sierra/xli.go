// XLI, the compression of Philips' waveforms: fixed-width LZW over the bytes of second differences.

package sierra

import (
	"encoding/binary"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	xliHeader = 8 // of a lead: bytes that follow, two bytes unused, first difference
	codeBits  = 10
	maxCode   = 1<<codeBits - 1 // ends a lead
	xliBias   = 64              // of every difference behind the first
	maxFlat   = 1 << 20         // samples that a file may have beyond one for each packed byte
)

// packed is a lead after LZW: the high bytes of its samples and then the low ones.
type packed struct {
	bytes []byte
	first int32 // difference
}

// fault is what was wrong with compressed leads.
type fault struct {
	cut     bool // they end early
	another bool // they have another number of samples than is said
	damaged bool // one has another number than the others
}

// unpackXLI decodes lead after lead until the data or the number of leads is used up. want is the number of samples of a lead, 0 if not
// known. Where high bytes end and low ones begin is known from the number of samples alone: it is what leads have, or most of them.
func unpackXLI(b []byte, leads, want int) (out [][]int32, f fault) {
	all, cut := expandAll(b, leads)
	n := agreed(all, cut, want)
	f = fault{cut: cut || len(all) < leads, another: want > 0 && n != want}
	for i, p := range all {
		there := len(p.bytes) - n
		if there != n && !(cut && i == len(all)-1) {
			f.damaged = true
		}
		if there = min(there, n); there > 0 {
			out = append(out, undo(p.bytes, n, there, p.first))
		} else if !cut || i < len(all)-1 {
			out = append(out, nil) // the next keep their places
		}
	}
	return out, f
}

// expandAll undoes the LZW of all leads; cut tells that the last of them is not whole.
func expandAll(b []byte, leads int) (out []packed, cut bool) {
	room := 2*maxFlat + 2*len(b) // bytes of all leads: a flat lead packs into next to nothing, but not all leads of a long recording are flat
	for len(out) < leads && len(b) >= xliHeader && !cut {
		n := int64(int32(binary.LittleEndian.Uint32(b)))
		p := packed{first: int32(int16(binary.LittleEndian.Uint16(b[6:])))}
		b = b[xliHeader:]
		if cut = n < 0 || n > int64(len(b)); cut {
			n = int64(len(b))
		}
		p.bytes = expand(b[:n], min(2*tracing.MaxSamples, room))
		room -= len(p.bytes)
		b = b[n:]
		out = append(out, p)
	}
	return out, cut
}

// agreed is the number of samples of a lead: that which is said, where a lead has as many, else that of most whole leads.
func agreed(all []packed, cut bool, want int) int {
	votes, best := map[int]int{}, 0
	for i, p := range all {
		if cut && i == len(all)-1 || len(p.bytes)%2 == 1 {
			continue
		}
		n := len(p.bytes) / 2
		if votes[n]++; n == want {
			return want
		}
		if n > 0 && (best == 0 || votes[n] > votes[best]) {
			best = n
		}
	}
	if best == 0 {
		return want
	}
	return best
}

// undo joins n samples of high bytes and low bytes, which begin at half, and integrates them twice.
func undo(packed []byte, half, n int, first int32) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(int16(uint16(packed[i])<<8 | uint16(packed[half+i])))
	}
	if n < 3 {
		return out
	}
	x, y, last := out[0], out[1], first
	for i := 2; i < n; i++ {
		z := int32(int16(2*y - x - last))
		last = out[i] - xliBias
		out[i] = z
		x, y = y, z
	}
	return out
}

// expand is LZW with codes of ten bits, the most significant first. At most limit bytes.
func expand(b []byte, limit int) []byte {
	var prefix [maxCode + 1]int16
	var last, firstByte [maxCode + 1]byte
	var length [maxCode + 1]int32
	for i := range 256 {
		prefix[i], last[i], firstByte[i], length[i] = -1, byte(i), byte(i), 1
	}
	out := make([]byte, 0, min(limit, 8*len(b)+16))
	next, previous := 256, -1
	acc, bits := uint32(0), 0
	for i := 0; ; {
		for bits < codeBits {
			if i >= len(b) {
				return out
			}
			acc, bits, i = acc<<8|uint32(b[i]), bits+8, i+1
		}
		bits -= codeBits
		code := int(acc >> bits & maxCode)
		if code == maxCode || previous < 0 && code > 255 || code > next || len(out) >= limit {
			return out
		}
		if previous >= 0 && next < maxCode {
			first := firstByte[previous]
			if code < next {
				first = firstByte[code]
			}
			prefix[next], last[next], firstByte[next], length[next] = int16(previous), first, firstByte[previous], length[previous]+1
			next++
		}
		if code >= next { // the table is full, and the code is none of it
			return out
		}
		out = put(out, code, int(length[code]), limit, &prefix, &last)
		previous = code
	}
}

// put appends the bytes that a code stands for, the last first.
func put(out []byte, code, n, limit int, prefix *[maxCode + 1]int16, last *[maxCode + 1]byte) []byte {
	from := len(out)
	for range n {
		out = append(out, 0)
	}
	for i := from + n - 1; code >= 0 && i >= from; i-- {
		out[i] = last[code]
		code = int(prefix[code])
	}
	if len(out) > limit {
		out = out[:limit]
	}
	return out
}
