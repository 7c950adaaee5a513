package jpegls

// pixels encodes one line of components that take turns by sample (ILV 2), the mirror of the decoder's.
func (e *encoder) pixels(prev, cur [][]int32) {
	w := len(cur[0]) - 2
	for i := range cur {
		prev[i][w+1] = prev[i][w]
		cur[i][0] = prev[i][1]
	}
	var q [maxComponents]int32
	for x := 1; x <= w; x++ {
		some := int32(0)
		for i, p := range prev {
			q[i&3] = e.index(cur[i][x-1], p[x], p[x-1], p[x+1])
			some |= q[i&3]
		}
		if some == 0 {
			x = e.runPixels(prev, cur, x)
			continue
		}
		for i, p := range prev {
			cur[i][x] = e.sample(cur[i][x], q[i&3], predict(cur[i][x-1], p[x], p[x-1]))
		}
	}
}

// runPixels is runLine for all components at once.
func (e *encoder) runPixels(prev, cur [][]int32, x int) int {
	left := len(cur[0]) - 1 - x
	n := 0
	for n < left && e.alike(cur, x, x+n) {
		for _, line := range cur {
			line[x+n] = line[x-1]
		}
		n++
	}
	e.runLength(n, left, 0)
	x += n
	if n == left {
		return x
	}
	for i, line := range cur { // A.7.2 with RItype 0, whatever the samples
		line[x] = e.runEnd(line[x], line[x-1], prev[i][x], 0, 0)
	}
	e.runIndex[0] = max(0, e.runIndex[0]-1)
	return x
}

// alike tells whether the pixel at y goes on with a run that began at x.
func (e *encoder) alike(cur [][]int32, x, y int) bool {
	for _, line := range cur {
		if abs(line[y]-line[x-1]) > int32(e.near) {
			return false
		}
	}
	return true
}
