package jpeg

// Constants of Loeffler, Ligtenberg and Moschytz's DCT with 11 multiplications, times 1<<fraction.
const (
	fraction = 13

	c0298631336 = 2446
	c0390180644 = 3196
	c0541196100 = 4433
	c0765366865 = 6270
	c0899976223 = 7373
	c1175875602 = 9633
	c1501321110 = 12299
	c1847759065 = 15137
	c1961570560 = 16069
	c2053119869 = 16819
	c2562915447 = 20995
	c3072711026 = 25172
)

// inverse puts the samples of a block into to, whose lines are stride apart. The steps and their rounding are those of
// libjpeg's accurate integer method, so that the samples are the same: columns with two bits more than wanted (one for 12
// bits), then lines.
func inverse(b *[64]int32, to []uint16, stride, bits int, flat bool) {
	more := uint(2)
	if bits > 8 {
		more = 1
	}
	middle, top := int32(1)<<(bits-1), int32(1)<<bits-1
	if flat { // all samples are alike, by the same rounding
		v := uint16(min(max((b[0]<<more+1<<(more+2))>>(more+3)+middle, 0), top))
		for y := range 8 {
			line := to[y*stride:][:8]
			for x := range line {
				line[x] = v
			}
		}
		return
	}
	for x := range 8 {
		inverse8(b, x, 8, fraction-more)
	}
	for y := range 8 {
		inverse8(b, y*8, 1, fraction+more+3)
		line := to[y*stride:][:8]
		for x := range line {
			line[x] = uint16(min(max(b[y*8+x]+middle, 0), top))
		}
	}
}

// inverse8 is the DCT of eight values from at, step apart, divided by 1<<down.
func inverse8(b *[64]int32, at, step int, down uint) {
	v := func(i int) int { return int(b[(at+i*step)&63]) }
	z := (v(2) + v(6)) * c0541196100
	t2, t3 := z-v(6)*c1847759065, z+v(2)*c0765366865
	t0, t1 := (v(0)+v(4))<<fraction, (v(0)-v(4))<<fraction
	e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

	o0, o1, o2, o3 := v(7), v(5), v(3), v(1)
	z5 := (o0 + o2 + o1 + o3) * c1175875602
	z1, z2 := -(o0+o3)*c0899976223, -(o1+o2)*c2562915447
	z3, z4 := z5-(o0+o2)*c1961570560, z5-(o1+o3)*c0390180644
	o0 = o0*c0298631336 + z1 + z3
	o1 = o1*c2053119869 + z2 + z4
	o2 = o2*c3072711026 + z2 + z3
	o3 = o3*c1501321110 + z1 + z4

	half := 1 << (down - 1)
	for i, s := range [8]int{e0 + o3, e1 + o2, e2 + o1, e3 + o0, e3 - o0, e2 - o1, e1 - o2, e0 - o3} {
		b[(at+i*step)&63] = int32((s + half) >> down)
	}
}
