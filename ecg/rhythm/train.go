// A train of P waves of its own: what repeats when the complexes are taken away.

package rhythm

import "math"

// train is the period that repeats best among leads without complexes.
type train struct {
	period float64 // s; 0: none
	score  float64 // correlation with itself one period later, 1 perfect
}

// trainOf looks for a period between two, s, that is not near but nor twice but. The leads count by how much of their energy repeats.
func trainOf(leads [][]float64, hz, from, to, but float64) train {
	if len(leads) == 0 {
		return train{}
	}
	lo, hi := int(from*hz), min(int(to*hz), len(leads[0])/3)
	if hi <= lo+2 {
		return train{}
	}
	sum := make([]float64, hi+2)
	total := 0.0
	for _, x := range leads {
		c := make([]float64, hi+2)
		top := 0.0
		for lag := lo - 1; lag <= hi+1; lag++ {
			if c[lag] = itself(x, lag); !near(float64(lag)/hz, but) {
				top = max(top, c[lag])
			}
		}
		w := top * top * top * top
		total += w
		for lag := range c {
			sum[lag] += w * c[lag]
		}
	}
	var best train
	for lag := lo; lag <= hi; lag++ {
		v := sum[lag] / (total + 1e-30)
		if sum[lag] >= sum[lag-1] && sum[lag] >= sum[lag+1] && v > best.score+0.03 && !near(float64(lag)/hz, but) {
			best = train{float64(lag) / hz, v}
		}
	}
	return best
}

func near(period, but float64) bool {
	return but > 0 && (math.Abs(period-but) < 0.10*but || math.Abs(period-but/2) < 0.05*but)
}

// itself is the correlation of a signal with itself a lag later.
func itself(x []float64, lag int) float64 {
	var ab, aa, bb float64
	for i := 0; i+lag < len(x); i++ {
		ab += x[i] * x[i+lag]
		aa += x[i] * x[i]
		bb += x[i+lag] * x[i+lag]
	}
	return ab / (math.Sqrt(aa*bb) + 1e-30)
}
