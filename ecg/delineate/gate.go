// Whether what stands before the QRS complexes is a P wave.

package delineate

import "math"

const (
	fewBeats       = 3    // of fewer nothing can be said by comparison
	leastLike      = 0.72 // mean correlation of single P waves with their average
	leastIrregular = 0.93 // where the beats are irregular as in atrial fibrillation
	irregularShare = 0.08 // of an interval that the next one differs by, median
	leastPRMS      = 90   // what starts later belongs to the QRS complex
)

// gate takes the P waves away where the beats do not share them.
func (s *study) gate(a *average, each []Waves) {
	if len(a.members) < fewBeats {
		s.borrow(a, each)
		return
	}
	need := leastLike
	if s.irregular() {
		need = leastIrregular
	}
	if s.pInterval(each) >= float64(s.ms(leastPRMS)) && s.alike(a, each) >= need {
		return
	}
	for l := range each {
		each[l].P = Wave{}
	}
}

// pInterval is the mean of the leads from P to QRS, in samples.
func (s *study) pInterval(each []Waves) float64 {
	sum, n := 0.0, 0.0
	for _, w := range each {
		if w.P.OK {
			sum += float64(w.QRS.On - w.P.On)
			n++
		}
	}
	return sum / max(n, 1)
}

// alike is the correlation of each beat's P wave, over all leads, with the average; the mean of it.
func (s *study) alike(a *average, each []Waves) float64 {
	total := 0.0
	for k, m := range a.members {
		var c correlation
		at := s.beats[m].at - a.pre
		for l := range each {
			if p := each[l].P; p.OK {
				for i := max(p.On, a.spans[k][0]-at); i <= min(p.Off, a.spans[k][1]-at); i++ {
					c.add(s.leads[l].w[pScale][at+i], a.leads[l].w[pScale][i])
				}
			}
		}
		total += c.value()
	}
	return total / float64(len(a.members))
}

// irregular reports whether the intervals change as much as in atrial fibrillation.
func (s *study) irregular() bool {
	var d []float64
	for i := 2; i < len(s.beats); i++ {
		d = append(d, math.Abs(float64(s.beats[i].at-2*s.beats[i-1].at+s.beats[i-2].at)))
	}
	return len(d) >= 4 && median(d) > irregularShare*s.rr
}

// borrow gives a rare shape of beat the P wave of the usual one, where it has the same.
func (s *study) borrow(a *average, each []Waves) {
	var c correlation
	if s.usual != nil {
		for l := range each {
			if p := s.usualWaves[l].P; p.OK {
				for i := p.On; i <= p.Off; i++ {
					c.add(a.leads[l].w[pScale][i], s.usual.leads[l].w[pScale][i])
				}
			}
		}
	}
	for l := range each {
		each[l].P = Wave{}
		if c.value() > leastLike {
			each[l].P = s.usualWaves[l].P
		}
	}
}

// correlation of two rows without their means.
type correlation struct{ xy, xx, yy float64 }

func (c *correlation) add(x, y float64) {
	c.xy += x * y
	c.xx += x * x
	c.yy += y * y
}

// value is 0 if one of the rows is.
func (c *correlation) value() float64 {
	if c.xx == 0 || c.yy == 0 {
		return 0
	}
	return c.xy / math.Sqrt(c.xx*c.yy)
}
