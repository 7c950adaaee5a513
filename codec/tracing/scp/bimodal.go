// Bimodal compression: between the protected areas only every fourth sample was kept, of the low-passed signal (EN 1064 5.9 and annex C).

package scp

import "math"

// stretch is a run of samples that are all kept, or all decimated.
type stretch struct {
	count     int
	decimated bool
}

// stretches cuts n samples from number first on at the protected areas.
func stretches(areas []span, first int64, n int) []stretch {
	var out []stretch
	at, end := first, first+int64(n)
	put := func(to int64, decimated bool) {
		if to = min(to, end); to > at {
			out = append(out, stretch{int(to - at), decimated})
			at = to
		}
	}
	for _, p := range areas {
		put(p.first, true)
		if p.last >= at {
			put(p.last+1, false)
		}
	}
	put(end, true)
	return out
}

// packed is how many values are stored for the stretches: one for every full factor of samples of a decimated stretch, and the samples
// left over as they are.
func packed(s []stretch, factor int) int {
	n := 0
	for _, x := range s {
		if x.decimated {
			n += x.count/factor + x.count%factor
		} else {
			n += x.count
		}
	}
	return n
}

// expand makes samples of stored values: straight lines between those of a decimated stretch, level for half a factor at both of its ends.
// It ends where the values end.
func expand(in []int32, s []stretch, factor int) []int32 {
	n := 0
	for _, x := range s {
		n += x.count
	}
	out := make([]int32, 0, min(n, factor*len(in)))
	for _, x := range s {
		if x.decimated {
			k := min(x.count/factor, len(in))
			out = lines(out, in[:k], factor, k == x.count/factor)
			in = in[k:]
			if k < x.count/factor {
				return out
			}
			x.count %= factor
		}
		k := min(x.count, len(in))
		out = append(out, in[:k]...)
		in = in[k:]
		if k < x.count {
			return out
		}
	}
	return out
}

// lines appends factor samples for each value; where the stretch is not whole, the last value stands for its own sample only.
func lines(out, in []int32, factor int, whole bool) []int32 {
	for k, v := range in {
		if k == 0 {
			for range factor / 2 {
				out = append(out, v)
			}
		}
		switch {
		case k+1 < len(in):
			step := float64(int64(in[k+1]) - int64(v))
			for j := range factor {
				out = append(out, narrow(int64(v)+int64(math.Floor(step*float64(j)/float64(factor)+0.5))))
			}
		case whole:
			for range factor - factor/2 {
				out = append(out, v)
			}
		default:
			out = append(out, v)
		}
	}
	return out
}
