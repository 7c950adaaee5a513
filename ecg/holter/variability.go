// What the distances of beats say over hours: variability, and fibrillation.

package holter

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/rhythm"
)

// Variability of the heart rate, ms, by the Task Force of 1996: over intervals of normal beats only.
type Variability struct {
	SDNN  float64 // standard deviation of all intervals
	SDANN float64 // of the means of 5 minutes
	RMSSD float64 // root mean square of the differences of successive ones
	Count int     // intervals
}

// normal intervals: of a plausible length, and within 20 % of the one before.
const (
	shortestNN = 0.30 // s
	longestNN  = 2.00
	changeNN   = 0.20
	partS      = 300.0
)

func variability(bs []beats.Beat, hz float64, apart func(from, to int) bool) Variability {
	var all, parts, part, differences spread
	partNow := 0
	last, lastOK := 0.0, false
	for i := 1; i < len(bs); i++ {
		d := float64(bs[i].At-bs[i-1].At) / hz
		plain := !bs[i].Ventricular && !bs[i-1].Ventricular && d >= shortestNN && d <= longestNN && !apart(bs[i-1].At, bs[i].At)
		ok := plain && (last == 0 || math.Abs(d-last) <= changeNN*last)
		if p := int(float64(bs[i].At) / hz / partS); p != partNow {
			if part.n > 0 {
				parts.add(part.mean)
			}
			part, partNow = spread{}, p
		}
		if ok {
			all.add(1000 * d)
			part.add(1000 * d)
			if lastOK {
				differences.add(1000 * (d - last))
			}
		}
		if plain {
			last = d
		}
		lastOK = ok
	}
	if part.n > 0 {
		parts.add(part.mean)
	}
	return Variability{
		SDNN: all.deviation(), SDANN: parts.deviation(), Count: all.n,
		RMSSD: math.Sqrt(differences.squares()),
	}
}

// spread gathers mean and variance in one pass (Welford).
type spread struct {
	n        int
	mean, m2 float64
}

func (s *spread) add(v float64) {
	s.n++
	d := v - s.mean
	s.mean += d / float64(s.n)
	s.m2 += d * (v - s.mean)
}

func (s *spread) deviation() float64 {
	if s.n < 2 {
		return 0
	}
	return math.Sqrt(s.m2 / float64(s.n-1))
}

// squares is the mean of the squares.
func (s *spread) squares() float64 {
	if s.n == 0 {
		return 0
	}
	return s.m2/float64(s.n) + s.mean*s.mean
}

// span of samples.
type span struct {
	from, to int
	rate     float64
}

const (
	afBeats  = 32   // looked at together
	afJitter = 0.08 // median change of successive intervals, relative
	afTwo    = 0.70 // part of the intervals that two lengths may explain
	afLeastS = 30.0
)

// fibrillations are the stretches of 30 s or more that are irregular beyond what extrasystoles do. It is told from distances alone.
func fibrillations(bs []beats.Beat, hz float64) []span {
	var out []span
	var d, change []float64
	for i := 0; i+afBeats < len(bs); i += afBeats / 4 {
		d, change = d[:0], change[:0]
		w := bs[i : i+afBeats+1]
		for k := 1; k < len(w); k++ {
			if !w[k].Ventricular && !w[k-1].Ventricular {
				d = append(d, float64(w[k].At-w[k-1].At)/hz)
			}
		}
		for k := 1; k < len(d); k++ {
			change = append(change, 2*math.Abs(d[k]-d[k-1])/(d[k]+d[k-1]))
		}
		if len(d) < afBeats/2 {
			continue
		}
		slices.Sort(change)
		if change[len(change)/2] < afJitter || rhythm.TwoLengths(d) > afTwo {
			continue
		}
		from, to := w[0].At, w[afBeats].At
		if n := len(out); n > 0 && from <= out[n-1].to {
			out[n-1].to = to
		} else {
			out = append(out, span{from: from, to: to})
		}
	}
	out = slices.DeleteFunc(out, func(s span) bool { return float64(s.to-s.from)/hz < afLeastS })
	for i := range out {
		out[i].rate = rateWithin(bs, out[i], hz)
	}
	return out
}

func rateWithin(bs []beats.Beat, s span, hz float64) float64 {
	lo, _ := slices.BinarySearchFunc(bs, s.from, func(b beats.Beat, at int) int { return b.At - at })
	hi, _ := slices.BinarySearchFunc(bs, s.to, func(b beats.Beat, at int) int { return b.At - at })
	return 60 * float64(hi-lo) * hz / float64(max(s.to-s.from, 1))
}
