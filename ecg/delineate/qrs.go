// The QRS complex: where the wavelets stay above a threshold.

package delineate

import "math"

// The threshold is a share of the steepest slope for complexes of ordinary size, a larger one for small and a smaller one for large
// complexes: what the eye takes for flat is partly absolute.
const (
	qrsOnScale, qrsOffScale = 2, 3 // the end is often slurred
	qrsOnShare, qrsOffShare = 0.04, 0.13
	qrsPower                = 0.7   // of the steepest slope in the threshold
	qrsOrdinaryUV           = 300.0 // the wavelet of an ordinary complex at scale 2
	qrsNoise                = 2.0   // times the median of the wavelet: noise
	qrsGapOnMS              = 12    // a longer silence before the complex is not in it
	qrsGapOffMS             = 24
	qrsPlateauMS            = 80     // between two halves of a complex, at most
	qrsHalfShare            = 0.30   // of the steepest slope has the first half
	qrsHalfLeads            = 3      // at least: in one alone, the P wave of a small complex may be as steep
	qrsBeforeMS, qrsAfterMS = 70, 80 // around the QRS position, where the steepest slope is
	qrsLongOnMS             = 150    // from there at most
	qrsLongOffMS            = 180
	qrsEarlierMS            = 10 // by which a lead may start before all leads together
	qrsLaterMS              = 15 // and end after
)

// complexes finds the QRS complex in each lead, drawn towards the others.
func (s *study) complexes(a *average) []Waves {
	each := s.complexesApart(a)
	weights := make([]float64, len(a.leads))
	for l := range each {
		weights[l] = rms(a.leads[l].w[qrsOnScale], each[l].QRS.On, each[l].QRS.Off)
	}
	draw(each, qrsOf, weights)
	return each
}

// complexesApart finds the QRS complex over all leads (a.qrs), then in each by itself.
func (s *study) complexesApart(a *average) []Waves {
	a.qrs = s.together(a)
	each := make([]Waves, len(a.leads))
	within := [2]int{a.qrs.On - s.ms(qrsEarlierMS), a.qrs.Off + s.ms(qrsLaterMS)}
	for l := range each {
		c, w := &a.leads[l], &each[l]
		w.Q, w.R, w.S = -1, -1, -1
		if !a.qrs.OK {
			continue
		}
		w.QRS = s.limits(c.w[qrsOnScale], c.w[qrsOffScale], a.pre, within)
		if !w.QRS.OK {
			w.QRS = a.qrs
		}
	}
	return each
}

// together are the limits in the root mean square of the wavelets of all leads.
func (s *study) together(a *average) Wave {
	n := len(a.leads[0].x)
	on, off := make([]float64, n), make([]float64, n)
	for l := range a.leads {
		for i, v := range a.leads[l].w[qrsOnScale] {
			on[i] += v * v
		}
		for i, v := range a.leads[l].w[qrsOffScale] {
			off[i] += v * v
		}
	}
	for i := range on {
		on[i] = math.Sqrt(on[i] / float64(len(a.leads)))
		off[i] = math.Sqrt(off[i] / float64(len(a.leads)))
	}
	return s.limits(on, off, a.pre, [2]int{1, n - 2})
}

// limits are found from the steepest slope near zero outward, each in its own wavelet.
func (s *study) limits(on, off []float64, zero int, within [2]int) Wave {
	lo, hi := within[0], within[1]
	ps := peaks(on, max(lo, zero-s.ms(qrsBeforeMS)), min(hi, zero+s.ms(qrsAfterMS)))
	b := largest(ps)
	if b < 0 {
		return Wave{}
	}
	at := ps[b].at
	floor := qrsNoise * typical(on)
	ordinary := math.Pow(math.Abs(ps[b].v), qrsPower) * math.Pow(qrsOrdinaryUV, 1-qrsPower)
	back, above := walk{on, -1, max(lo, at-s.ms(qrsLongOnMS))}, max(qrsOnShare*ordinary, floor)
	start := back.extent(at, above, s.ms(qrsGapOnMS))
	for first := start; first >= 0 && len(s.leads) >= qrsHalfLeads; {
		start = back.extent(first, above, s.ms(qrsGapOnMS))
		first = firstHalf(on, max(back.limit, start-s.ms(qrsPlateauMS)), start, qrsHalfShare*math.Abs(ps[b].v))
	}
	return Wave{
		On:   start,
		Peak: at,
		Off:  walk{off, 1, min(hi, at+s.ms(qrsLongOffMS))}.extent(at, qrsOffShare*ordinary, s.ms(qrsGapOffMS)),
		OK:   true,
	}
}

// firstHalf is where a wavelet is above a threshold before a place, the nearest; -1 if it is not. The two halves of a wide complex may have a
// plateau between them; no P wave is as steep.
func firstHalf(w []float64, from, to int, above float64) int {
	for i := to - 1; i >= max(from, 0); i-- {
		if math.Abs(w[i]) > above {
			return i
		}
	}
	return -1
}

// typical is the median of |w|.
func typical(w []float64) float64 {
	v := make([]float64, len(w))
	for i := range w {
		v[i] = math.Abs(w[i])
	}
	return median(v)
}

// peakShare of the largest deflection is the least of a Q, R or S wave.
const peakShare = 0.04

// within finds the peaks within the QRS complex of a lead, against the line between its limits.
func (w *Waves) within(x []float64) {
	if !w.QRS.OK {
		return
	}
	on, off := w.QRS.On, w.QRS.Off
	slope := (x[off] - x[on]) / float64(max(1, off-on))
	d := func(i int) float64 { return x[i] - x[on] - slope*float64(i-on) }
	farthest := func(from, to int, sign float64) int {
		at := from
		for i := from; i <= to; i++ {
			if sign*d(i) > sign*d(at) {
				at = i
			}
		}
		return at
	}
	r, low := farthest(on, off, 1), farthest(on, off, -1)
	w.QRS.Peak = r
	if -d(low) > d(r) {
		w.QRS.Peak = low
	}
	least := peakShare * math.Abs(d(w.QRS.Peak))
	if d(r) <= least {
		w.S = low // a QS complex
		return
	}
	w.R = r
	if q := farthest(on, r, -1); -d(q) > least {
		w.Q = q
	}
	if s := farthest(r, off, -1); -d(s) > least {
		w.S = s
	}
}
