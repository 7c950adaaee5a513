// Taking the complexes away: what is left is what the atria did, and noise.

package rhythm

import (
	"slices"

	"github.com/lianzhen/lianzhen/ecg/beats"
)

const (
	qrsBeforeS = 0.06 // of a complex before its main deflection
	qrstMostS  = 0.52 // of a complex and its T wave after it
)

// cancel subtracts from each lead the median beat, at every beat of a shape, between the QRS onset and the T end. What is between
// that and the next beat stays as it is, on a level base. Beats of a shape that came once or twice are bridged by a line.
func cancel(leads [][]float64, hz float64, at []int, shape []int) [][]float64 {
	lo := int(qrsBeforeS * hz)
	out := make([][]float64, len(leads))
	for l, x := range leads {
		y := slices.Clone(x)
		level(y, int(1.2*hz))
		out[l] = y
	}
	for _, group := range groups(shape) {
		span := int(qrstMostS * hz)
		for _, k := range group {
			if k+1 < len(at) {
				span = min(span, max(int(0.7*float64(at[k+1]-at[k])), int(0.2*hz)))
			}
		}
		for _, y := range out {
			if len(group) < 3 {
				for _, k := range group {
					bridge(y, at[k]-lo, at[k]+int(0.36*hz))
				}
				continue
			}
			subtract(y, at, group, lo, span)
		}
	}
	return out
}

// groups are the indices of beats of one shape.
func groups(shape []int) [][]int {
	by := map[int][]int{}
	var order []int
	for i, s := range shape {
		if by[s] == nil {
			order = append(order, s)
		}
		by[s] = append(by[s], i)
	}
	out := make([][]int, len(order))
	for i, s := range order {
		out[i] = by[s]
	}
	return out
}

func bridge(y []float64, lo, hi int) {
	lo, hi = max(lo, 0), min(hi, len(y)-1)
	for i := lo; i <= hi; i++ {
		y[i] = y[lo] + (y[hi]-y[lo])*float64(i-lo)/float64(max(hi-lo, 1))
	}
}

// subtract takes the median over the group away, fading out at its end.
func subtract(y []float64, at, group []int, lo, span int) {
	med := make([]float64, lo+span)
	var v []float64
	for i := range med {
		v = v[:0]
		for _, k := range group {
			if j := at[k] - lo + i; j >= 0 && j < len(y) {
				v = append(v, y[j])
			}
		}
		med[i] = median(v)
	}
	fade := max(len(med)/5, 1)
	for _, k := range group {
		for i, m := range med {
			if left := len(med) - i; left < fade {
				m *= float64(left) / float64(fade)
			}
			if j := at[k] - lo + i; j >= 0 && j < len(y) {
				y[j] -= m
			}
		}
	}
}

// shapesOf numbers the beats by their template, the ventricular ones apart.
func shapesOf(bs []beats.Beat) []int {
	out := make([]int, len(bs))
	for i, b := range bs {
		switch {
		case b.Dominant:
			out[i] = -1
		default:
			out[i] = b.Template
		}
	}
	return out
}
