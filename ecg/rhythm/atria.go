// What the atria do: whether the stretch before the QRS complexes repeats, and what is left when the complexes are taken away.

package rhythm

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/ecg/beats"
)

const atrialHz = 100.0 // the rate that atrial activity is looked at

// activity is what the atria do.
type activity struct {
	repeats float64 // how alike the stretches before the complexes are; NaN: too few
	train   train   // of P waves with a period that is not that of the beats
	flutter train   // faster
	free    train   // of any slow period, that of the beats too
	saw     train   // that goes on through the whole cycle
	quietUV float64 // the size of what is between T waves and complexes
	waveUV  float64 // the size of the wave before the complexes
	widthMS float64 // rough, of the complexes
	paced   bool
}

// look measures it.
func look(s beats.Signal, bs []beats.Beat) activity {
	leads, hz := decimate(s)
	all := make([]int, len(bs))
	var calm []int
	paced := 0
	for i, b := range bs {
		all[i] = int(float64(b.At) * hz / s.RateHz)
		if !b.Ventricular && (i == 0 || !bs[i-1].Ventricular) {
			calm = append(calm, all[i])
		}
		if b.Paced {
			paced++
		}
	}
	a := activity{paced: paced*3 > len(bs), widthMS: usualWidth(bs)}
	from, to := pBeforeS, pUntilS
	if a.paced { // the spike stands before the complex, and the P wave before the spike
		from, to = pBeforeS+0.08, pUntilS+0.08
	} else if a.widthMS >= earlyMS { // the complex begins farther before its main deflection
		from, to = pBeforeS+0.03, pUntilS+0.03
	}
	a.repeats = repeats(leads, hz, calm, from, to)
	a.waveUV = waveBefore(leads, calm, int(from*hz), int(to*hz))
	a.saw, a.quietUV = sawtooth(leads, hz, all), quiet(leads, hz, all)
	rest := cancel(leads, hz, all, shapesOf(bs))
	a.flutter = trainOf(rest, hz, 0.16, 0.35, 0)
	for _, y := range rest {
		for _, k := range all {
			bridge(y, k-int(0.10*hz), k+int(0.14*hz))
		}
		level(y, int(0.3*hz))
	}
	a.train = trainOf(rest, hz, pFromS, pToS, measureIntervals(bs, s.RateHz).median)
	a.free = trainOf(rest, hz, pFromS, pToS, 0)
	return a
}

// The stretch before a complex that a P wave is in, s before the main deflection.
const pBeforeS, pUntilS = 0.26, 0.06

const earlyMS = 80.0 // rough width from which a complex begins early

// decimate averages to near atrialHz; missing samples hold the last value.
func decimate(s beats.Signal) ([][]float64, float64) {
	by := max(int(s.RateHz/atrialHz), 1)
	n := s.Len() / by
	out := make([][]float64, len(s.Leads))
	for l, x := range s.Leads {
		out[l] = make([]float64, n)
		held := 0.0
		for i := range n {
			sum := 0.0
			for _, v := range x[i*by : (i+1)*by] {
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					held = v
				}
				sum += held
			}
			out[l][i] = sum / float64(by)
		}
	}
	return out, s.RateHz / float64(by)
}

// level takes the moving average over w samples away.
func level(x []float64, w int) {
	n := len(x)
	c := make([]float64, n+1)
	for i, v := range x {
		c[i+1] = c[i] + v
	}
	base := make([]float64, n)
	for i := range x {
		lo, hi := max(i-w/2, 0), min(i+w/2+1, n)
		base[i] = (c[hi] - c[lo]) / float64(hi-lo)
	}
	for i := range x {
		x[i] -= base[i]
	}
}

// repeats is how alike the stretches before the QRS complexes are: 1 the same, near 0 nothing in common. It is the mean of the best leads.
func repeats(leads [][]float64, hz float64, at []int, from, to float64) float64 {
	if len(at) < 4 {
		return math.NaN()
	}
	lo, hi := int(from*hz), int(to*hz)
	n := lo - hi
	var rs []float64
	for _, x := range leads {
		sum := make([]float64, n)
		own, m := 0.0, 0
		for _, a := range at {
			if a-lo < 0 || a >= len(x) {
				continue
			}
			v := straight(x[a-lo : a-hi])
			for i, y := range v {
				sum[i] += y
				own += y * y
			}
			m++
		}
		if m < 4 || own <= 0 {
			continue
		}
		all := 0.0
		for _, y := range sum {
			all += y * y
		}
		rs = append(rs, (all-own)/(float64(m-1)*own))
	}
	if len(rs) == 0 {
		return math.NaN()
	}
	slices.Sort(rs)
	best := rs[len(rs)-(len(rs)+2)/3:]
	sum := 0.0
	for _, r := range best {
		sum += r
	}
	return sum / float64(len(best))
}

// straight takes the line of least squares away.
func straight(x []float64) []float64 {
	n := float64(len(x))
	var sx, sxy float64
	for i, v := range x {
		sx += v
		sxy += (float64(i) - (n-1)/2) * v
	}
	mean, slope := sx/n, sxy/(n*(n*n-1)/12)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - mean - slope*(float64(i)-(n-1)/2)
	}
	return out
}
