// Which places are beats: the most plausible sequence of a frame.

package beats

import (
	"math"
	"slices"
)

// place is a candidate.
type place struct {
	at       int     // in the frame, of the main deflection
	peak     int     // in the frame, of the smoothed energy
	strength float64 // against the level of beats around it
	sharp    float64 // its fastest change
}

// The scores of the sequence. They are natural logarithms of strengths and of distances, added up over the beats; the values lie on
// a broad optimum that two halves of the MIT-BIH records share: a tenth more or less changes some twenty beats in 50 000.
const (
	threshold  = 0.27 // strength that counts nothing: stronger places gain, weaker ones cost
	floorCost  = -3.0 // of the weakest
	gainMost   = 1.0  // of the strongest
	refractory = 0.20 // s
	farS       = 8.0  // s: beats so far apart are neighbours only where nothing is between them
	gapFrom    = 1.3  // usual distances: a longer one costs
	gapCost    = 1.0
	earlyFrom  = 0.75 // usual distances: a shorter one costs
	earlyCost  = 0.5
	weakest    = 0.12 // strength of a place that is added between two beats like it
	alikePart  = 0.60 // of their strength, and of how sharp they are
	tWaveS     = 0.40 // s after a complex: its T wave may be there
	tWavePart  = 0.45 // of how sharp the complex is: a T wave is not sharper
	tWaveCost  = 2.5
)

// places are the maxima of the excess, with their strength.
func (fr *frame) places() []place {
	x := fr.excess
	reach := int(0.09 * fr.hz)
	var out []place
	for i := range x {
		if !(x[i] > 0) || (i > 0 && x[i] < x[i-1]) || (i+1 < len(x) && x[i] <= x[i+1]) {
			continue
		}
		if n := len(out); n > 0 && i-out[n-1].peak <= reach {
			if x[i] > x[out[n-1].peak] {
				out[n-1].peak = i
			}
			continue
		}
		out = append(out, place{peak: i})
	}
	fr.strengths(out)
	for i := range out {
		out[i].at = fr.deflection(out[i].peak)
		out[i].sharp = fr.fast(out[i].peak)
	}
	return out
}

// strengths divides by the median of the strongest of each 1.2 s within 6 s of the place.
func (fr *frame) strengths(ps []place) {
	step := int(1.2 * fr.hz)
	tops := make([]float64, fr.n/step+1)
	for _, p := range ps {
		b := &tops[p.peak/step]
		*b = max(*b, fr.excess[p.peak])
	}
	if len(tops) > 1 && fr.n%step < step/2 {
		tops = tops[:len(tops)-1]
	}
	around := make([]float64, 0, 16)
	level := make([]float64, len(tops))
	for b := range tops {
		around = append(around[:0], tops[max(b-5, 0):min(b+6, len(tops))]...)
		slices.Sort(around)
		level[b] = around[len(around)/2]
	}
	for i := range ps {
		l := level[min(ps[i].peak/step, len(level)-1)]
		ps[i].strength = fr.excess[ps[i].peak] / (l + 1e-30)
	}
}

// deflection is where the unsmoothed energy is greatest around a peak of the smoothed.
func (fr *frame) deflection(peak int) int {
	reach := int(0.07 * fr.hz)
	best := peak
	for i := max(peak-reach, 0); i <= min(peak+reach, fr.n-1); i++ {
		if fr.energy[i] > fr.energy[best] {
			best = i
		}
	}
	return best
}

// fast is the amplitude of what is fast around a peak.
func (fr *frame) fast(peak int) float64 {
	reach := int(0.07 * fr.hz)
	top := 0.0
	for _, v := range fr.sharp[max(peak-reach, 0):min(peak+reach+1, fr.n)] {
		if v > top {
			top = v
		}
	}
	return math.Sqrt(top)
}

// sequence chooses among the places. before is the frame index of the last beat already reported, any whether there is one.
func (fr *frame) sequence(ps []place, before int, any bool) (chosen []place, usual []float64) {
	for any && len(ps) > 0 && float64(ps[0].at-before) < refractory*fr.hz {
		ps = ps[1:]
	}
	rr := fr.rhythm(fr.best(ps, nil))
	return fr.between(ps, fr.best(ps, rr)), rr
}

// between adds places between two beats that are as strong as these, as every second beat of a fast run of weak ones.
func (fr *frame) between(ps, chosen []place) []place {
	out := chosen[:0:0]
	k := 0
	for i, b := range chosen {
		if i > 0 {
			a := chosen[i-1]
			best := -1
			for ; k < len(ps) && ps[k].at < b.at; k++ {
				c := ps[k]
				if float64(c.at-a.at) < refractory*fr.hz || float64(b.at-c.at) < refractory*fr.hz || c.strength < weakest ||
					c.strength < alikePart*min(a.strength, b.strength) || c.sharp < alikePart*min(a.sharp, b.sharp) {
					continue
				}
				if best < 0 || c.strength > ps[best].strength {
					best = k
				}
			}
			if best >= 0 {
				out = append(out, ps[best])
			}
		}
		out = append(out, b)
	}
	return out
}

// rhythm is the median distance around each beat, as a function of the frame's seconds.
func (fr *frame) rhythm(bs []place) []float64 {
	out := make([]float64, int(float64(fr.n)/fr.hz)+1)
	var near []float64
	for s := range out {
		near = near[:0]
		for i := 1; i < len(bs); i++ {
			if d := float64(bs[i].at)/fr.hz - float64(s); d > -6 && d < 7 {
				near = append(near, float64(bs[i].at-bs[i-1].at)/fr.hz)
			}
		}
		if len(near) > 0 {
			slices.Sort(near)
			out[s] = near[len(near)/2]
		}
	}
	return out
}

// best is the sequence of greatest score. Without a rhythm only strength, the refractory time and T waves count.
func (fr *frame) best(ps []place, rr []float64) []place {
	score := make([]float64, len(ps))
	from := make([]int, len(ps))
	end, top := -1, 0.0
	for j, p := range ps {
		own := min(max(math.Log(p.strength/threshold), floorCost), gainMost)
		if fr.follows(ps, j) {
			own -= tWaveCost
		}
		score[j], from[j] = own, -1
		for i := j - 1; i >= 0; i-- {
			d := float64(p.at-ps[i].at) / fr.hz
			if d < refractory {
				continue
			}
			if d > farS && from[j] >= 0 {
				break
			}
			v := score[i] + own + step(ps[i], p, d, rr, fr.hz)
			if v > score[j] {
				score[j], from[j] = v, i
			}
		}
		if score[j] > top {
			end, top = j, score[j]
		}
	}
	var out []place
	for ; end >= 0; end = from[end] {
		out = append(out, ps[end])
	}
	slices.Reverse(out)
	return out
}

// follows reports whether a place looks like the T wave of another: slow, soon after a fast one.
func (fr *frame) follows(ps []place, j int) bool {
	for i := j - 1; i >= 0; i-- {
		d := float64(ps[j].at-ps[i].at) / fr.hz
		if d >= tWaveS {
			return false
		}
		if d >= refractory && ps[j].sharp < tWavePart*ps[i].sharp && ps[i].strength > threshold/2 {
			return true
		}
	}
	return false
}

// step is what the distance d, s, of two beats counts.
func step(a, b place, d float64, rr []float64, hz float64) float64 {
	v := 0.0
	if rr == nil {
		return v
	}
	usual := rr[int(float64(b.at)/hz)]
	if !(usual > 0) {
		return v
	}
	if r := d / usual; r > gapFrom {
		v -= gapCost * math.Log(r/gapFrom)
	} else if r < earlyFrom {
		v -= earlyCost * math.Log(earlyFrom/r)
	}
	return v
}
