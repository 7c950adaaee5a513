// One representative beat of many leads: the limits that hold for all of them.

package delineate

import (
	"math"
	"slices"
)

// Over all leads a wave is between these quantiles of the limits in the leads in which it is at least of this share of the largest.
const (
	earliest   = 0.25
	latest     = 0.85
	largeShare = 0.25
)

// Beat delineates one representative beat, such as the median of many: leads of the same length in microvolts, at a sample within the QRS
// complex, and the usual interval between beats in samples. It returns the limits over all leads (the earliest onset and the
// latest offset, but not those of a single lead that differs) and those of each lead by itself.
func Beat(leads [][]float64, rateHz float64, at int, interval float64) (all Waves, each []Waves) {
	if len(leads) == 0 || at < 0 || at >= len(leads[0]) || rateHz <= 0 {
		return Waves{Q: -1, R: -1, S: -1}, make([]Waves, len(leads))
	}
	s := &study{rate: rateHz, n: len(leads[0]), beats: []beat{{at: at}}}
	s.transform(leads)
	a := &average{pre: at, leads: s.leads, before: interval, after: interval}
	each = s.complexesApart(a)
	for l := range each {
		each[l].within(a.leads[l].x)
	}
	t := s.tWaves(a, each)
	p := s.pWaves(a, each)
	all = Waves{P: over(each, pOf, p), QRS: a.qrs, T: over(each, tOf, t), Q: -1, R: -1, S: -1}
	return all, each
}

// over is a wave over all leads.
func over(each []Waves, of func(*Waves) *Wave, sizes []float64) Wave {
	most := 0.0
	for l := range each {
		if of(&each[l]).OK {
			most = max(most, sizes[l])
		}
	}
	var ons, offs []float64
	var peaks []vote
	for l := range each {
		if w := of(&each[l]); w.OK && sizes[l] >= largeShare*most {
			ons = append(ons, float64(w.On))
			offs = append(offs, float64(w.Off))
			peaks = append(peaks, vote{float64(w.Peak), sizes[l]})
		}
	}
	if len(ons) == 0 {
		return Wave{}
	}
	w := Wave{On: int(math.Round(quantile(ons, earliest))), Off: int(math.Round(quantile(offs, latest))), OK: true}
	w.Peak = min(max(int(middle(peaks)), w.On), w.Off)
	return w
}

// quantile sorts v; between its elements linear.
func quantile(v []float64, q float64) float64 {
	slices.Sort(v)
	p := q * float64(len(v)-1)
	i := int(p)
	j := min(i+1, len(v)-1)
	return v[i] + (p-float64(i))*(v[j]-v[i])
}

// median sorts v; 0 if it is empty.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return quantile(v, 0.5)
}
