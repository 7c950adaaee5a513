// P waves that no QRS complex follows: single ones in a sinus rhythm are an AV block of the second degree.

package rhythm

import (
	"math"

	"github.com/lianzhen/lianzhen/ecg/beats"
)

const (
	dropLong    = 1.35 // of the median distance: where a beat may be missing
	dropAlways  = 1.10 // s: a distance that may itself be two
	dropAlike   = 0.80 // correlation with the P wave of the other beats
	dropSmall   = 0.50 // of its size
	dropAfterS  = 0.45 // after a complex: its T wave is over
	dropEarlyPP = 0.78 // of the usual distance of P waves: earlier is an extrasystole that was not conducted
	dropLatePP  = 1.25
)

// dropped are the samples of P waves without a QRS complex.
func dropped(s beats.Signal, bs []beats.Beat, iv intervals) []int {
	leads, hz := decimate(s)
	lo, hi := int(pBeforeS*hz), int(pUntilS*hz)
	at := make([]int, len(bs))
	var calm []int
	for i, b := range bs {
		at[i] = int(float64(b.At) * hz / s.RateHz)
		if !b.Ventricular && !b.Paced && at[i] >= lo && at[i] < len(leads[0]) {
			calm = append(calm, at[i])
		}
	}
	if len(calm) < 4 {
		return nil
	}
	wave := meanBefore(leads, calm, lo, hi)
	var out []int
	for i := 1; i < len(at); i++ {
		d := iv.all[i-1]
		if bs[i].Ventricular || bs[i-1].Ventricular || d < dropLong*iv.median && d < dropAlways {
			continue
		}
		usual := iv.median
		if d < dropLong*iv.median {
			usual = d / 2
		}
		best, top := 0, 0.0
		for t := at[i-1] + int(dropAfterS*hz) + lo; t < at[i]-int(0.30*hz); t++ {
			// t stands where the main deflection of the complex would be
			if pp := float64(t-at[i-1]) / hz / usual; pp < dropEarlyPP || pp > dropLatePP {
				continue
			}
			if r, size := resemblance(leads, wave, t, lo, hi); r > top && size > dropSmall {
				best, top = t, r
			}
		}
		if top >= dropAlike {
			out = append(out, int(float64(best-(lo+hi)/2)*s.RateHz/hz))
		}
	}
	return out
}

func meanBefore(leads [][]float64, at []int, lo, hi int) [][]float64 {
	out := make([][]float64, len(leads))
	for l, x := range leads {
		sum := make([]float64, lo-hi)
		for _, a := range at {
			for i, v := range straight(x[a-lo : a-hi]) {
				sum[i] += v / float64(len(at))
			}
		}
		out[l] = sum
	}
	return out
}

// resemblance of the stretch before t to a wave, over all leads, and its size against it.
func resemblance(leads, wave [][]float64, t, lo, hi int) (r, size float64) {
	var ab, aa, bb float64
	for l, x := range leads {
		if t-lo < 0 || t-hi > len(x) {
			return 0, 0
		}
		for i, v := range straight(x[t-lo : t-hi]) {
			w := wave[l][i]
			ab += v * w
			aa += v * v
			bb += w * w
		}
	}
	return ab / (math.Sqrt(aa*bb) + 1e-30), ab / (bb + 1e-30)
}
