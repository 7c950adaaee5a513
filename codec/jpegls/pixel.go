package jpegls

// pixels decodes one line of components that take turns by sample (ILV 2): a run goes on only while all components do.
// prev and cur are the lines of each component.
func (d *decoder) pixels(prev, cur [][]int32) bool {
	w := len(cur[0]) - 2
	for i := range cur {
		prev[i][w+1] = prev[i][w]
		cur[i][0] = prev[i][1]
	}
	var q [maxComponents]int32
	for x := 1; x <= w; x++ {
		some := int32(0)
		for i, p := range prev {
			q[i&3] = d.index(cur[i][x-1], p[x], p[x-1], p[x+1])
			some |= q[i&3]
		}
		if some == 0 {
			if x = d.runPixels(prev, cur, x); x < 0 {
				return false
			}
			continue
		}
		for i, p := range prev {
			cur[i][x] = d.sample(q[i&3], predict(cur[i][x-1], p[x], p[x-1]))
		}
	}
	return !d.wild && !d.exhausted()
}

// runPixels is runLine for all components at once.
func (d *decoder) runPixels(prev, cur [][]int32, x int) int {
	left := len(cur[0]) - 1 - x
	n := d.runLength(left, 0)
	if n > left {
		return -1
	}
	for _, line := range cur {
		a := line[x-1]
		for i := range line[x : x+n] {
			line[x+i] = a
		}
	}
	x += n
	if n == left {
		return x
	}
	for i, line := range cur { // A.7.2 with RItype 0, whatever the samples
		line[x] = d.runEnd(line[x-1], prev[i][x], 0, 0)
	}
	d.runIndex[0] = max(0, d.runIndex[0]-1)
	return x
}
