package jpegls

import (
	"encoding/binary"
	"math/bits"
)

// line decodes one line of one component (A.2 to A.7). prev and cur have a sample more on either side: the standard's edges
// (A.2.1, figure 3) are made here.
func (d *decoder) line(prev, cur []int32, comp int) bool {
	w := len(cur) - 2
	prev[w+1] = prev[w]
	cur[0] = prev[1]
	if d.whole {
		return d.lineWhole(prev, cur, comp)
	}
	return d.lineAny(prev, cur, comp)
}

// lineWhole is line for lossless coding over the full range of samples, which is nearly all there is. The reader's cache is
// kept in variables; a code that it does not hold as a whole goes the long way round.
func (d *decoder) lineWhole(prev, cur []int32, comp int) bool {
	var (
		r       = &d.reader
		quantum = &d.quantum
		ctx     = &d.ctx
		top     = int32(d.maxVal)
		reset   = int32(d.reset)
		longest = d.limit - d.qbpp - 1
		cache   = r.cache
		n       = r.n
		wild    int32 // errors beyond the range leave a bit here
	)
	prev = prev[:len(cur)]
	a, b, c := cur[0], prev[1], prev[0]
	q2 := int32(quantum[uint32(b-c)%gradients])
	for x := 1; x < len(cur)-1; x++ {
		above := prev[x+1]
		q1 := int32(quantum[uint32(above-b)%gradients])
		q := (q1*9+q2)*9 + int32(quantum[uint32(c-a)%gradients])
		if q == 0 {
			r.cache, r.n = cache, n
			if x = d.runLine(prev, cur, x, comp); x < 0 {
				return false
			}
			cache, n = r.cache, r.n
			if x >= len(cur)-1 {
				break
			}
			a, c, b = cur[x], prev[x], prev[x+1]
			q2 = int32(quantum[uint32(b-c)%gradients])
			continue
		}
		sign := q >> 31
		cx := &ctx[((q^sign)-sign)&511]
		px := min(max(a+b-c, min(a, b)), max(a, b))
		px = min(max(px+(cx.c^sign)-sign, 0), top)
		ca, cb, cn := cx.a, cx.b, cx.n
		k := max(bits.Len32(uint32(ca))-bits.Len32(uint32(cn)), 0)
		k += int(uint32(cn<<(uint(k)&31)-ca) >> 31)
		if n < 32 {
			if r.at+8 <= r.plain && !r.ones {
				cache |= binary.BigEndian.Uint64(r.b[r.at:]) >> (uint(n) & 63)
				more := (64 - n) >> 3
				r.at += more
				n += more << 3
			} else {
				r.cache, r.n = cache, n
				r.fillSlow()
				cache, n = r.cache, r.n
			}
		}
		var m int32
		zeros := bits.LeadingZeros64(cache)
		if zeros+1+k <= n && zeros < longest {
			rest := cache << (uint(zeros) & 63) << 1
			m = int32(zeros<<(uint(k)&63)) | int32(rest>>1>>((63-uint(k))&63))
			cache = rest << (uint(k) & 63)
			n -= zeros + 1 + k
		} else {
			r.cache, r.n = cache, n
			m = r.golomb(k, d.limit, d.qbpp)
			cache, n = r.cache, r.n
		}
		wild |= m
		err := int32(uint32(m)>>1) ^ -(m & 1)
		err ^= (2*cb + cn - 1) >> 31 & (int32(k-1) >> 31) // inverted when k is 0 and 2B at most -N
		abs := err >> 31
		ca += (err ^ abs) - abs
		cb += err
		if cn == reset {
			ca, cb, cn = ca>>1, cb>>1, cn>>1
		}
		cn++
		low, high := (cb+cn-1)>>31, -cb>>31
		cx.a, cx.n = ca, cn
		cx.b = min(max(cb+cn&low-cn&high, 1-cn), 0)
		cx.c = min(max(cx.c+low-high, -128), 127)
		a = (px + (err ^ sign) - sign) & top
		cur[x] = a
		c, b, q2 = b, above, q1
	}
	r.cache, r.n = cache, n
	return wild>>1 <= top && wild >= 0 && !r.exhausted()
}

// lineAny is line for near-lossless coding, and for samples that do not use the whole range of their bits.
func (d *decoder) lineAny(prev, cur []int32, comp int) bool {
	for x := 1; x < len(cur)-1; x++ {
		a, b, c := cur[x-1], prev[x], prev[x-1]
		q := d.index(a, b, c, prev[x+1])
		if q != 0 {
			cur[x] = d.sample(q, predict(a, b, c))
			continue
		}
		if x = d.runLine(prev, cur, x, comp); x < 0 {
			return false
		}
	}
	return !d.wild && !d.exhausted()
}

// sample decodes one sample of neighbourhood q whose edge prediction is px (A.4, A.5).
func (d *decoder) sample(q, px int32) int32 {
	sign := q >> 31
	cx := &d.ctx[((q^sign)-sign)&511]
	px = d.correct(px, cx.c, sign)
	k := golombK(cx.a, cx.n)
	m := d.golomb(k, d.limit, d.qbpp)
	err := d.unmap(m)
	if d.near == 0 && k == 0 && 2*cx.b <= -cx.n {
		err = ^err
	}
	step := int32(2*d.near + 1)
	cx.update(err, err*step, int32(d.reset))
	return d.fix(px + ((err^sign)-sign)*step)
}

// unmap is the error of a mapped one (A.5.2), noting one that no coder makes.
func (d *decoder) unmap(m int32) int32 {
	if int(m) > d.span+1 || m < 0 {
		d.wild = true
		return 0
	}
	return m>>1 ^ -(m & 1)
}

// runLine decodes a run that begins at x and the sample that ends it; it gives the last place it filled, or -1 when the run
// is longer than the line.
func (d *decoder) runLine(prev, cur []int32, x, comp int) int {
	left := len(cur) - 1 - x
	n := d.runLength(left, comp)
	if n > left {
		return -1
	}
	a := cur[x-1]
	for i := range cur[x : x+n] {
		cur[x+i] = a
	}
	x += n
	if n == left {
		return x
	}
	b := prev[x]
	kind := int32(0)
	if abs(a-b) <= int32(d.near) {
		kind = 1
	}
	cur[x] = d.runEnd(a, b, kind, comp)
	d.runIndex[comp] = max(0, d.runIndex[comp]-1)
	return x
}

// runLength decodes how many samples, at most left, a run has (A.7.1.2).
func (d *decoder) runLength(left, comp int) int {
	index := &d.runIndex[comp]
	n := 0
	for d.bits(1) == 1 {
		if n += 1 << runBits[*index]; n <= left {
			*index = min(*index+1, maxRunIndex)
		}
		if n >= left {
			return left
		}
	}
	if d.exhausted() {
		return left + 1
	}
	if n += d.bits(int(runBits[*index])); n >= left {
		return left + 1 // a run to the line's end is told by a one
	}
	return n
}

// runEnd decodes the sample that ends a run (A.7.2).
func (d *decoder) runEnd(a, b, kind int32, comp int) int32 {
	r := &d.run[kind]
	k := r.k(kind)
	m := d.golomb(k, d.limit-int(runBits[d.runIndex[comp]])-1, d.qbpp)
	if int(m) > d.span+1 || m < 0 {
		d.wild = true
		m = 0
	}
	v := m + kind
	odd := v & 1
	err := (v + odd) / 2
	if (k != 0 || 2*r.below >= r.n) == (odd == 1) {
		err = -err
	}
	r.update(err, m, kind, int32(d.reset))
	px := b
	if kind == 1 {
		px = a
	} else if a > b {
		err = -err
	}
	return d.fix(px + err*int32(2*d.near+1))
}

func abs(v int32) int32 {
	if v < 0 {
		return -v
	}
	return v
}
