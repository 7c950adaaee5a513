package jpegls

import (
	"encoding/binary"
	"math/bits"
)

// line encodes one line of one component (A.2 to A.7), the mirror of the decoder's. After it cur is what a decoder will have.
func (e *encoder) line(prev, cur []int32, comp int) {
	w := len(cur) - 2
	prev[w+1] = prev[w]
	cur[0] = prev[1]
	if e.whole {
		e.lineWhole(prev, cur, comp)
		return
	}
	for x := 1; x <= w; x++ {
		a, b, c := cur[x-1], prev[x], prev[x-1]
		if q := e.index(a, b, c, prev[x+1]); q != 0 {
			cur[x] = e.sample(cur[x], q, predict(a, b, c))
			continue
		}
		x = e.runLine(prev, cur, x, comp)
	}
}

// lineWhole is line for lossless coding over the full range of samples. The writer's cache is kept in variables.
func (e *encoder) lineWhole(prev, cur []int32, comp int) {
	var (
		quantum = &e.quantum
		ctx     = &e.ctx
		top     = int32(e.maxVal)
		reset   = int32(e.reset)
		spare   = uint(32-e.qbpp) & 31
		longest = int32(e.limit - e.qbpp - 1)
		cache   = e.cache
		n       = e.n
	)
	prev = prev[:len(cur)]
	a, b, c := cur[0], prev[1], prev[0]
	q2 := int32(quantum[uint32(b-c)%gradients])
	for x := 1; x < len(cur)-1; x++ {
		above := prev[x+1]
		q1 := int32(quantum[uint32(above-b)%gradients])
		q := (q1*9+q2)*9 + int32(quantum[uint32(c-a)%gradients])
		if q == 0 {
			e.cache, e.n = cache, n
			x = e.runLine(prev, cur, x, comp)
			cache, n = e.cache, e.n
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
		a = cur[x]
		err := a - px
		err = (err ^ sign) - sign
		err = err << spare >> spare
		ca, cb, cn := cx.a, cx.b, cx.n
		k := bits.Len32(uint32(ca)) - bits.Len32(uint32(cn))
		if k < 0 {
			k = 0
		}
		if cn<<(uint(k)&31) < ca {
			k++
		}
		m := err<<1 ^ err>>31
		if k == 0 && 2*cb <= -cn {
			m ^= 1
		}
		zeros := m >> (uint(k) & 31)
		if size := int(zeros) + 1 + k; size <= 32 && zeros < longest {
			one := uint64(1) << (uint(k) & 63)
			cache = cache<<(uint(size)&63) | one | uint64(m)&(one-1)
			if n += size; n >= 32 {
				v := uint32(cache >> (uint(n-32) & 63))
				if (^v-0x01010101)&v&0x80808080 == 0 && !e.ones {
					e.out = binary.BigEndian.AppendUint32(e.out, v)
					n -= 32
				} else {
					e.cache, e.n = cache, n
					e.flushSlow(31)
					n = e.n
				}
			}
		} else {
			e.cache, e.n = cache, n
			e.golomb(m, k, e.limit, e.qbpp)
			cache, n = e.cache, e.n
		}
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
		c, b, q2 = b, above, q1
	}
	e.cache, e.n = cache, n
}

// sample encodes one sample of neighbourhood q whose edge prediction is px, and gives what a decoder will have.
func (e *encoder) sample(v, q, px int32) int32 {
	sign := q >> 31
	cx := &e.ctx[((q^sign)-sign)&511]
	px = e.correct(px, cx.c, sign)
	err := e.shrink((v - px ^ sign) - sign)
	step := int32(2*e.near + 1)
	out := e.fix(px + ((err^sign)-sign)*step)
	err = e.wrap(err)
	k := golombK(cx.a, cx.n)
	m := err<<1 ^ err>>31
	if e.near == 0 && k == 0 && 2*cx.b <= -cx.n {
		m ^= 1
	}
	e.golomb(m, k, e.limit, e.qbpp)
	cx.update(err, err*step, int32(e.reset))
	return out
}

// shrink divides an error by the step (A.4.4).
func (e *encoder) shrink(err int32) int32 {
	near := int32(e.near)
	switch {
	case near == 0:
		return err
	case err > 0:
		return (err + near) / (2*near + 1)
	}
	return -((near - err) / (2*near + 1))
}

// wrap brings an error into the range, to what the decoder's own wrapping undoes (A.4.5).
func (e *encoder) wrap(err int32) int32 {
	span := int32(e.span)
	if err < 0 {
		err += span
	}
	if err >= (span+1)/2 {
		err -= span
	}
	return err
}

// runLine encodes a run that begins at x and the sample that ends it; it gives the last place it has coded.
func (e *encoder) runLine(prev, cur []int32, x, comp int) int {
	a, left := cur[x-1], len(cur)-1-x
	n := 0
	for n < left && abs(cur[x+n]-a) <= int32(e.near) {
		cur[x+n] = a
		n++
	}
	e.runLength(n, left, comp)
	x += n
	if n == left {
		return x
	}
	b := prev[x]
	kind := int32(0)
	if abs(a-b) <= int32(e.near) {
		kind = 1
	}
	cur[x] = e.runEnd(cur[x], a, b, kind, comp)
	e.runIndex[comp] = max(0, e.runIndex[comp]-1)
	return x
}

// runLength encodes a run of n of at most left samples (A.7.1.2).
func (e *encoder) runLength(n, left, comp int) {
	index := &e.runIndex[comp]
	whole := n == left
	for unit := 1 << runBits[*index]; n >= unit; unit = 1 << runBits[*index] {
		e.put(1, 1)
		n -= unit
		*index = min(*index+1, maxRunIndex)
	}
	switch {
	case !whole:
		e.put(0, 1)
		e.put(uint32(n), int(runBits[*index]))
	case n > 0:
		e.put(1, 1)
	}
}

// runEnd encodes the sample that ends a run (A.7.2), and gives what a decoder will have.
func (e *encoder) runEnd(v, a, b, kind int32, comp int) int32 {
	px, sign := b, int32(1)
	if kind == 1 {
		px = a
	} else if a > b {
		sign = -1
	}
	err := e.shrink((v - px) * sign)
	out := e.fix(px + err*sign*int32(2*e.near+1))
	err = e.wrap(err)
	r := &e.run[kind]
	k := r.k(kind)
	odd := int32(0)
	if err < 0 && (k != 0 || 2*r.below >= r.n) || err > 0 && k == 0 && 2*r.below < r.n {
		odd = 1
	}
	m := 2*abs(err) - kind - odd
	e.golomb(m, k, e.limit-int(runBits[e.runIndex[comp]])-1, e.qbpp)
	r.update(err, m, kind, int32(e.reset))
	return out
}
