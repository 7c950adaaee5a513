// The T wave.

package delineate

import "math"

const (
	tScale     = 4
	tRRShare   = 0.7 // of the interval, in which a T wave lies
	tLatestMS  = 620
	tNextMS    = 120 // it ends so long before the next QRS position
	tLongestMS = 260 // from steepest rise to steepest fall
	tAfterMS   = 40  // its peak is so long after the QRS complex
	tNearMS    = 80  // peaks of the leads lie together
	tUpright   = 1.2 // an upright wave counts more
	tUsualS    = 0.3 // from the QRS position to its peak, where beats are one second apart; it goes with the root of the interval
	tAboutMS   = 200 // farther from there a wave counts less and less
	tOnShare   = 0.4 // of the steepest slope
	tOffShare  = 0.4
	tFootMS    = 160
	usualRRMS  = 800 // where there is a single beat
)

// interval between beats, in samples: the first that is known.
func (s *study) interval(known ...float64) float64 {
	for _, rr := range known {
		if rr > 0 {
			return rr
		}
	}
	return float64(s.ms(usualRRMS))
}

// tWaves finds the T wave of each lead and gives the sizes.
func (s *study) tWaves(a *average, each []Waves) []float64 {
	rr := s.interval(a.after, a.before)
	next := a.pre + int(rr) - s.ms(tNextMS)
	to := min(a.pre+int(min(tRRShare*rr, float64(s.ms(tLatestMS)))), next)
	all := make([][]bump, len(each))
	for l := range each {
		if each[l].QRS.OK {
			all[l] = s.tBumps(a.leads[l].w[tScale], each[l].QRS, to)
			for i := range all[l] {
				b := &all[l][i]
				d := (float64(b.at-a.pre) - tUsualS*math.Sqrt(rr*s.rate)) / float64(s.ms(tAboutMS))
				b.size *= math.Exp(-d * d)
			}
		}
	}
	sizes := make([]float64, len(each))
	for l, i := range agree(all, float64(s.ms(tNearMS))) {
		if i < 0 {
			continue
		}
		b, w4, w := all[l][i], a.leads[l].w[tScale], &each[l]
		sizes[l] = b.size
		end := len(w4) - 1
		slope := walk{w4, 1, min(end, b.fall.at+s.ms(tFootMS))}.foot(b.fall, tOffShare)
		// The far side is as long after the steepest fall as the steepest rise is before it.
		area := trapezium(a.leads[l].x, b.fall.at, min(end, 2*b.fall.at-b.rise.at, next))
		w.T = Wave{
			On:   walk{w4, -1, max(w.QRS.Off, b.rise.at-s.ms(tFootMS))}.foot(b.rise, tOnShare),
			Peak: b.at,
			Off:  (slope + area) / 2, // both err to different sides
			OK:   true,
		}
	}
	return sizes
}

// tBumps are the bumps after a QRS complex. A T wave that rises out of the complex has its steepest rise in
// it: it counts, less, by its fall.
func (s *study) tBumps(w []float64, qrs Wave, to int) []bump {
	var out []bump
	for _, b := range bumps(w, qrs.Peak, to, s.ms(tLongestMS)) {
		if b.at < qrs.Off+s.ms(tAfterMS) {
			continue
		}
		if b.rise.at < qrs.Off {
			b.size = b.lesser()
		}
		if b.rise.v > 0 {
			b.size *= tUpright
		}
		out = append(out, b)
	}
	return out
}

// trapezium is where the area between a wave's steepest place, its end and a place beyond is largest.
func trapezium(x []float64, steep, beyond int) int {
	best, at := -1.0, steep
	for i := steep; i < beyond; i++ {
		if v := math.Abs(x[steep]-x[i]) * float64(2*beyond-i-steep); v > best {
			best, at = v, i
		}
	}
	return at
}
