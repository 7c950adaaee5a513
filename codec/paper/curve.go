// Polylines with more points than can be seen.

package paper

// Envelope keeps the lowest and the highest point of every stretch of a width, in their order: no amplitude is lost.
func Envelope(in []Point, width float64) []Point {
	if len(in) < 3 {
		return in
	}
	out := in[:0:0]
	for i := 0; i < len(in); {
		end := in[i].X + width
		low, high := i, i
		j := i
		for ; j < len(in) && in[j].X < end; j++ {
			if in[j].Y < in[low].Y {
				low = j
			}
			if in[j].Y > in[high].Y {
				high = j
			}
		}
		a, b := min(low, high), max(low, high)
		out = append(out, in[a])
		if b != a {
			out = append(out, in[b])
		}
		i = max(j, i+1)
	}
	return out
}
