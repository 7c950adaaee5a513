// Package delineate finds the limits and peaks of the P wave, the QRS complex and the T wave of every beat: a wavelet delineation
// (Martinez, Almeida, Olmos, Rocha, Laguna: IEEE Trans Biomed Eng 51, 2004) of coherent averages of like beats, with the end of the T wave
// by the area of a trapezium (Vazquez-Seisdedos et al.: BioMed Eng OnLine 10:77, 2011).
//
// Beats of one shape are aligned and averaged first, so that a wave that every beat has stands out of noise, and one that has no relation
// to the QRS complexes, like those of atrial fibrillation, vanishes. Where several leads are given, they decide together which
// waves there are and about where; each lead keeps limits of its own.
package delineate

import (
	"cmp"
	"slices"
)

// Wave is one wave as sample numbers of the signal.
type Wave struct {
	On, Peak, Off int
	OK            bool // false: there is no such wave, or it cannot be seen
}

// Waves are those of one beat in one lead.
type Waves struct {
	P, QRS, T Wave // QRS.Peak is its largest deflection
	Q, R, S   int  // peaks within the QRS complex, -1 where there is none
}

// Lead delineates one lead. x is in microvolts, every value finite, at 100 to 2000 samples a second; qrs are samples within the complexes in
// rising order. It returns one Waves for each of them.
func Lead(x []float64, rateHz float64, qrs []int) []Waves {
	return Leads([][]float64{x}, rateHz, qrs)[0]
}

// Leads delineates simultaneous leads of the same length; the result has one row for each.
func Leads(leads [][]float64, rateHz float64, qrs []int) [][]Waves {
	out := make([][]Waves, len(leads))
	for l := range out {
		out[l] = make([]Waves, len(qrs))
	}
	if len(leads) == 0 || len(leads[0]) == 0 || len(qrs) == 0 || rateHz <= 0 {
		return out
	}
	s := newStudy(leads, rateHz, qrs)
	slices.SortStableFunc(s.classes, func(a, b []int) int { return cmp.Compare(len(b), len(a)) })
	for _, class := range s.classes {
		for len(class) > 0 {
			n := len(class)
			if n >= 2*chunk {
				n = chunk
			} else if n > chunk {
				n /= 2
			}
			s.delineate(class[:n], out)
			class = class[n:]
		}
	}
	return out
}

// delineate finds the waves of some like beats in their average.
func (s *study) delineate(members []int, out [][]Waves) {
	a := s.average(members)
	each := s.complexes(a)
	for l := range each {
		each[l].within(a.leads[l].x)
	}
	weights := s.tWaves(a, each)
	draw(each, tOf, weights)
	weights = s.pWaves(a, each)
	draw(each, pOf, weights)
	s.gate(a, each)
	if s.usual == nil {
		s.usual, s.usualWaves = a, each
	}
	for l := range s.leads {
		for _, m := range members {
			out[l][m] = each[l].moved(s.beats[m].at-a.pre, s.n)
		}
	}
}

// moved are waves of an average in a signal of n samples.
func (w Waves) moved(by, n int) Waves {
	for _, v := range []*Wave{&w.P, &w.QRS, &w.T} {
		if !v.OK {
			continue
		}
		*v = Wave{On: max(v.On+by, 0), Peak: v.Peak + by, Off: min(v.Off+by, n-1), OK: true}
		if v.Peak < 0 || v.Peak >= n {
			*v = Wave{}
		}
	}
	for _, p := range []*int{&w.Q, &w.R, &w.S} {
		if *p >= 0 {
			*p += by
		}
		if *p >= n || *p < 0 {
			*p = -1
		}
	}
	return w
}

func pOf(w *Waves) *Wave   { return &w.P }
func qrsOf(w *Waves) *Wave { return &w.QRS }
func tOf(w *Waves) *Wave   { return &w.T }
