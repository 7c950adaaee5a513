// Waves that go on through the whole cycle, as in flutter that is conducted at a fixed ratio: they keep their place to the complexes, so that
// taking these away with their T waves takes the waves too.

package rhythm

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/ecg/beats"
)

const (
	sawBeforeS = 0.07 // of a complex before its main deflection
	sawAfterS  = 0.09
	quietFromS = 0.45 // after a main deflection, at one second between beats: the T wave is over; it goes with the root of the distance
	quietEndS  = 0.12 // before the next
	quietMostS = 1.2  // distance of beats beyond which the T wave does not come later
)

// sawtooth is the period at which the leads repeat when nothing but the complexes is bridged: the mean of the best quarter of the leads. The
// T waves of wide complexes repeat too.
func sawtooth(leads [][]float64, hz float64, at []int) (best train) {
	lo, hi := int(flutterFromS*hz), int(flutterToS*hz)
	rows := make([][]float64, hi+2)
	for _, x := range leads {
		y := slices.Clone(x)
		for _, k := range at {
			bridge(y, k-int(sawBeforeS*hz), k+int(sawAfterS*hz))
		}
		smooth(y, int(0.04*hz))
		level(y, int(0.4*hz))
		for lag := lo - 1; lag <= hi+1; lag++ {
			rows[lag] = append(rows[lag], itself(y, lag))
		}
	}
	c := make([]float64, hi+2)
	for lag := lo - 1; lag <= hi+1; lag++ {
		slices.Sort(rows[lag])
		top := rows[lag][len(rows[lag])-(len(rows[lag])+3)/4:]
		for _, r := range top {
			c[lag] += r / float64(len(top))
		}
	}
	for lag := lo; lag <= hi; lag++ {
		if c[lag] > best.score && c[lag] >= c[lag-1] && c[lag] >= c[lag+1] {
			best = train{float64(lag) / hz, c[lag]}
		}
	}
	return best
}

// quiet is the size of what happens between T waves and complexes, from lowest to highest in microvolts: of the lead that shows most,
// in three of four beats less.
func quiet(leads [][]float64, hz float64, at []int) float64 {
	most := 0.0
	for _, x := range leads {
		var sizes []float64
		for i := 1; i < len(at); i++ {
			rr := min(float64(at[i]-at[i-1])/hz, quietMostS)
			from, to := at[i-1]+int(quietFromS*math.Sqrt(rr)*hz), at[i]-int(quietEndS*hz)
			if from < 0 || to > len(x) || to-from < int(0.1*hz) {
				continue
			}
			y := straight(x[from:to])
			sizes = append(sizes, slices.Max(y)-slices.Min(y))
		}
		if slices.Sort(sizes); len(sizes) > 0 {
			most = max(most, sizes[len(sizes)*3/4])
		}
	}
	return most
}

// waveBefore is the size of the wave that the stretches before the complexes have in common, microvolts, of the lead that shows most.
func waveBefore(leads [][]float64, at []int, from, to int) float64 {
	at = slices.DeleteFunc(slices.Clone(at), func(a int) bool { return a < from || a-to > len(leads[0]) })
	if len(at) == 0 || from-to < 2 {
		return 0
	}
	most := 0.0
	for _, w := range meanBefore(leads, at, from, to) {
		most = max(most, slices.Max(w)-slices.Min(w))
	}
	return most
}

// usualWidth is the median of the rough widths, ms.
func usualWidth(bs []beats.Beat) float64 {
	widths := make([]float64, len(bs))
	for i, b := range bs {
		widths[i] = b.WidthMS
	}
	return median(widths)
}
