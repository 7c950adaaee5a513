// The P wave.

package delineate

import (
	"math"
	"slices"
)

const (
	pScale      = 4
	pFineScale  = 3   // its limits
	pRRShare    = 0.5 // of the interval, in which a P wave lies
	pEarliestMS = 380
	pAfterTMS   = 60  // it may begin so long before the T wave seems to end
	pBeforeMS   = 8   // it ends before the QRS complex
	pSlopesMS   = 130 // from steepest rise to steepest fall
	pNearMS     = 60  // peaks of the leads lie together
	pUpright    = 2.0 // an upright wave counts more
	pUsualMS    = 105 // from its peak to the QRS complex
	pAboutMS    = 120 // farther from there a wave counts less and less
	pSecond     = 0.5 // of its steepest slope has a second hump
	pLongestMS  = 120 // from the first steep place to the last
	pRefineMS   = 16
	pOnShare    = 0.4 // of the steepest slope
	pOffShare   = 0.6
	pFootMS     = 80
)

// pWaves finds the P wave of each lead and gives the sizes. A bump counts by what of it all beats have.
func (s *study) pWaves(a *average, each []Waves) []float64 {
	rr := s.interval(a.before, a.after)
	from := a.pre - int(min(pRRShare*rr, float64(s.ms(pEarliestMS))))
	var ends []float64
	for l := range each {
		if each[l].T.OK {
			ends = append(ends, float64(each[l].T.Off))
		}
	}
	if len(ends) > 0 {
		from = max(from, int(median(ends)-rr)-s.ms(pAfterTMS))
	}
	all := make([][]bump, len(each))
	for l := range each {
		if !each[l].QRS.OK {
			continue
		}
		all[l] = bumps(a.leads[l].w[pScale], from, a.qrs.On-s.ms(pBeforeMS), s.ms(pSlopesMS))
		for i := range all[l] {
			b := &all[l][i]
			b.size *= s.coherence(a, l, b.rise.at, b.fall.at)
			d := (float64(a.qrs.On-b.at) - float64(s.ms(pUsualMS))) / float64(s.ms(pAboutMS))
			b.size *= math.Exp(-d * d)
			if b.rise.v > 0 {
				b.size *= pUpright
			}
		}
	}
	sizes := make([]float64, len(each))
	for l, i := range agree(all, float64(s.ms(pNearMS))) {
		if i >= 0 {
			sizes[l] = all[l][i].size
			each[l].P = s.pLimits(a, l, all[l][i], from, each[l].QRS.On)
		}
	}
	return sizes
}

// pLimits are those of a bump, with a second hump before or after it.
func (s *study) pLimits(a *average, l int, b bump, from, qrs int) Wave {
	first, last := b.rise, b.fall
	ps := peaks(a.leads[l].w[pScale], from, a.qrs.On)
	like := func(p, q peak) bool { return p.v*q.v > 0 && math.Abs(p.v) > pSecond*math.Abs(q.v) }
	for _, p := range slices.Backward(ps) {
		if p.at < first.at && b.fall.at-p.at < s.ms(pLongestMS) && like(p, b.rise) {
			first = p
		}
	}
	for _, p := range ps {
		if p.at > last.at && p.at-b.rise.at < s.ms(pLongestMS) && like(p, b.fall) {
			last = p
		}
	}
	fine := a.leads[l].w[pFineScale]
	first, last = s.refine(fine, first), s.refine(fine, last)
	return Wave{
		On:   walk{fine, -1, max(0, first.at-s.ms(pFootMS))}.foot(first, pOnShare),
		Peak: b.at,
		Off:  walk{fine, 1, min(qrs, last.at+s.ms(pFootMS))}.foot(last, pOffShare),
		OK:   true,
	}
}

// refine is the largest maximum of a finer scale near one of a coarser.
func (s *study) refine(w []float64, p peak) peak {
	ps := peaks(w, p.at-s.ms(pRefineMS), p.at+s.ms(pRefineMS))
	if b := largest(ps); b >= 0 {
		return ps[b]
	}
	return p
}

// coherence is the share of the energy of the single beats in a span of a lead that their average keeps: near 1 for a wave that all have, near
// 0 for what has no relation to the QRS complexes. What n beats keep by chance is taken off; of five and more the largest does not count.
func (s *study) coherence(a *average, l, from, to int) float64 {
	if len(a.members) < fewBeats {
		return 1
	}
	w := s.leads[l].w[pScale]
	var common, single float64
	for i := from; i <= to; i++ {
		var sum, most float64
		n := 0
		for k, m := range a.members {
			if j := s.beats[m].at - a.pre + i; j >= a.spans[k][0] && j <= a.spans[k][1] {
				sum += w[j] * w[j]
				most = max(most, w[j]*w[j])
				n++
			}
		}
		if n >= trimmedBeats {
			sum -= most
			n--
		}
		if n > 0 {
			v := a.leads[l].w[pScale][i]
			common += v * v
			single += sum / float64(n)
		}
	}
	if single == 0 {
		return 0
	}
	chance := 1 / float64(len(a.members))
	return max(0, (common/single-chance)/(1-chance))
}
