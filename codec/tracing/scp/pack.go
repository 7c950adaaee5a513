// Coding of samples, the way back of decode.

package scp

import (
	"math"
)

// packing is the coded data of leads.
type packing struct {
	difference byte
	leads      [][]byte
}

// section is the body of section 5 or 6.
func (p *packing) section(unit int64, interval int) []byte {
	b := append(u16(nil, int(unit), interval), p.difference, 0)
	for _, l := range p.leads {
		b = u16(b, len(l))
	}
	for _, l := range p.leads {
		b = append(b, l...)
	}
	return b
}

// pack codes leads with the difference that takes the fewest bytes, or as plain numbers; nil where a lead needs more than the format has
// room for.
func pack(leads [][]int32, coded bool) *packing {
	if !coded {
		return packWith(leads, 0, plainNumbers)
	}
	var best *packing
	size := math.MaxInt
	for difference := byte(0); difference <= 2; difference++ {
		p := packWith(leads, difference, encodeStandard)
		if p == nil {
			continue
		}
		n := 0
		for _, l := range p.leads {
			n += len(l)
		}
		if n < size {
			best, size = p, n
		}
	}
	return best
}

func packWith(leads [][]int32, difference byte, code func([]int32) []byte) *packing {
	p := &packing{difference: difference}
	for _, x := range leads {
		d := differentiate(x, difference)
		if d == nil && len(x) > 0 {
			return nil
		}
		b := code(d)
		if len(b) > math.MaxUint16 {
			return nil
		}
		p.leads = append(p.leads, b)
	}
	return p
}

// differentiate is x, or its first or second differences behind the first one or two amplitudes; nil where one needs more than 16 bits.
func differentiate(x []int32, difference byte) []int32 {
	out := make([]int32, len(x))
	for i, v := range x {
		switch {
		case difference == 1 && i >= 1:
			v -= x[i-1]
		case difference == 2 && i >= 2:
			v -= 2*x[i-1] - x[i-2]
		}
		if v < math.MinInt16 || v > math.MaxInt16 {
			return nil
		}
		out[i] = v
	}
	return out
}

func plainNumbers(x []int32) []byte {
	b := make([]byte, 0, 2*len(x))
	for _, v := range x {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

// bitWriter puts bits together, first one highest.
type bitWriter struct {
	b    []byte
	acc  uint64
	have int
}

func (w *bitWriter) put(bits uint32, n int) {
	w.acc = w.acc<<n | uint64(bits)
	for w.have += n; w.have >= 8; w.have -= 8 {
		w.b = append(w.b, byte(w.acc>>(w.have-8)))
	}
}

// bytes fills the last byte with ones, which decode as no sample.
func (w *bitWriter) bytes() []byte {
	if n := (8 - w.have) % 8; n > 0 {
		w.put(1<<n-1, n)
	}
	return w.b
}

// encodeStandard codes with the default table.
func encodeStandard(x []int32) []byte {
	w := &bitWriter{b: make([]byte, 0, len(x))}
	for _, v := range x {
		size := max(v, -v)
		sign := uint32(0)
		if v < 0 {
			sign = 1
		}
		switch {
		case v == 0:
			w.put(0, 1)
		case size <= 8:
			w.put((1<<size-1)<<2|sign, int(size)+2)
		case v >= math.MinInt8 && v <= math.MaxInt8:
			w.put(0b1111111110<<8|uint32(uint8(v)), 18)
		default:
			w.put(0b1111111111<<16|uint32(uint16(v)), 26)
		}
	}
	return w.bytes()
}
