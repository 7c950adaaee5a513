// What the distances of beats say.

package rhythm

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/ecg/beats"
)

// intervals are the distances of successive beats.
type intervals struct {
	all    []float64 // s
	quiet  []float64 // those between two beats that are not ventricular, and not after one
	ratios []float64 // of successive quiet ones, the change against their mean
	median float64   // s
	mean   float64
	short  int // index of the shortest in all
	long   int
	jitter float64 // median relative change of quiet ones: 0 regular
	spread float64 // root mean square of the relative change
}

func measureIntervals(bs []beats.Beat, hz float64) intervals {
	var iv intervals
	last := math.NaN()
	for i := 1; i < len(bs); i++ {
		d := float64(bs[i].At-bs[i-1].At) / hz
		iv.all = append(iv.all, d)
		if d < iv.all[iv.short] {
			iv.short = i - 1
		}
		if d > iv.all[iv.long] {
			iv.long = i - 1
		}
		if bs[i].Ventricular || bs[i-1].Ventricular {
			last = math.NaN()
			continue
		}
		iv.quiet = append(iv.quiet, d)
		if !math.IsNaN(last) {
			iv.ratios = append(iv.ratios, 2*(d-last)/(d+last))
		}
		last = d
	}
	iv.median = median(iv.all)
	for _, d := range iv.all {
		iv.mean += d / float64(len(iv.all))
	}
	change := make([]float64, len(iv.ratios))
	for i, r := range iv.ratios {
		change[i] = math.Abs(r)
		iv.spread += r * r / float64(len(iv.ratios))
	}
	iv.spread = math.Sqrt(iv.spread)
	iv.jitter = median(change)
	return iv
}

// median of values; 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
