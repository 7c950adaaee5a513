// The median beat of a recording, its waves, and what they are worth.

package measure

import (
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/delineate"
)

// representative makes the median beat and finds its waves.
func (a *analysis) representative() {
	rr := a.rr
	if rr == 0 {
		rr = 0.8 * a.s.rate
	}
	if len(a.beats) == 0 {
		note := "no beats found"
		if len(a.silent) > 0 {
			note = "fibrillation or flutter of the ventricles: no separate beats"
		}
		a.unmeasurable(note)
		return
	}
	a.m = a.s.medianOf(a.beats, a.main, rr)
	inMedian := map[int]bool{}
	if a.m == nil {
		a.unmeasurable("no whole beat in the recording")
	} else {
		a.delineate(rr)
		a.result.Median = a.m.group(a.group.Rate)
		for _, f := range a.m.from {
			inMedian[f+a.m.at] = true
		}
	}
	near := a.s.ms(alignMS)
	for i, b := range a.beats {
		dominant := false
		if _, main := slices.BinarySearch(a.main, i); main {
			for p := range inMedian {
				dominant = dominant || max(p-b.At, b.At-p) <= near
			}
		}
		a.result.Beats = append(a.result.Beats, Beat{
			At: a.time(b.At), Ventricular: b.Ventricular, Paced: b.Paced, Dominant: dominant,
		})
	}
}

// time of a sample in the recording.
func (a *analysis) time(sample int) time.Duration {
	return a.group.Offset + a.group.Rate.Duration(int64(sample+a.s.first))
}

// delineate finds the waves of the median beat and moves each lead so that zero is the level before the QRS complex.
func (a *analysis) delineate(rr float64) {
	finer := 1
	for a.s.rate*float64(finer) < finestRateHz {
		finer++
	}
	fine := &medianBeat{rate: a.m.rate * float64(finer), at: a.m.at * finer, from: a.m.from}
	for _, l := range a.m.leads {
		fine.leads = append(fine.leads, medianLead{l.code, interpolate(l.x, finer)})
	}
	a.waves, a.each = delineate.Beat(fine.signals(), fine.rate, fine.at, rr*float64(finer))
	if a.noPInterval() || !a.consistentP(finer) {
		a.waves.P = delineate.Wave{}
		for i := range a.each {
			a.each[i].P = delineate.Wave{}
		}
	}
	if a.waves.QRS.OK {
		on := a.waves.QRS.On
		gap := int(fine.rate * 0.016)
		for i := range fine.leads {
			x := fine.leads[i].x
			level := meanOf(x, on-gap, on-gap/8)
			for k := range x {
				x[k] -= level
			}
			for k := range a.m.leads[i].x {
				a.m.leads[i].x[k] -= level
			}
		}
	}
	fine.recorded = a.m.leads
	a.m = fine
	a.result.Fiducials = Fiducials{P: a.wave(a.waves.P), QRS: a.wave(a.waves.QRS), T: a.wave(a.waves.T)}
}

func (a *analysis) wave(w delineate.Wave) Wave {
	if !w.OK {
		return Wave{}
	}
	d := func(i int) time.Duration {
		return time.Duration(math.Round(float64(i) / a.m.rate * float64(time.Second)))
	}
	return Wave{On: d(w.On), Peak: d(w.Peak), Off: d(w.Off), OK: true}
}

// interpolate gives n samples for each, on a cubic through the neighbours.
func interpolate(x []float64, n int) []float64 {
	if n == 1 {
		return slices.Clone(x)
	}
	out := make([]float64, len(x)*n)
	at := func(i int) float64 { return x[min(max(i, 0), len(x)-1)] }
	for i := range x {
		p, q, r, s := at(i-1), at(i), at(i+1), at(i+2)
		for k := range n {
			f := float64(k) / float64(n)
			out[i*n+k] = q + 0.5*f*(r-p+f*(2*p-5*q+4*r-s+f*(3*(q-r)+s-p)))
		}
	}
	return out
}

func meanOf(x []float64, from, to int) float64 {
	from, to = max(from, 0), min(to, len(x)-1)
	if to < from {
		return 0
	}
	sum := 0.0
	for i := from; i <= to; i++ {
		sum += x[i]
	}
	return sum / float64(to-from+1)
}

// What the single beats' P waves have to have in common with the one of the median beat: mean correlation.
const (
	leastLikeP      = 0.5
	leastIrregularP = 0.8  // where intervals change as in atrial fibrillation
	irregularShare  = 0.08 // of an interval that the next one differs by, median
)

// consistentP reports whether the single beats have the P wave of the median beat: in atrial fibrillation they have not.
func (a *analysis) consistentP(finer int) bool {
	p := a.waves.P
	if !p.OK {
		return false
	}
	if len(a.m.from) < 3 {
		return true
	}
	on, off := p.On/finer, p.Off/finer
	total := 0.0
	for _, f := range a.m.from {
		var xy, xx, yy float64
		for i := range a.m.leads {
			src := a.signalOf(a.m.leads[i].code)
			if src == nil {
				continue
			}
			xs, ys := a.m.leads[i].x[on:off+1], src[f+on:f+off+1]
			lx, ly := lineOf(xs), lineOf(ys)
			for k := range xs {
				x, y := xs[k]-lx.at(k), ys[k]-ly.at(k)
				xy += x * y
				xx += x * x
				yy += y * y
			}
		}
		if xx > 0 && yy > 0 {
			total += xy / math.Sqrt(xx*yy)
		}
	}
	need := leastLikeP
	if a.irregular() {
		need = leastIrregularP
	}
	return total/float64(len(a.m.from)) >= need
}

func (a *analysis) signalOf(c tracing.Code) []float64 {
	if l := a.s.lead(c); l != nil {
		return l.x
	}
	return nil
}

// irregular reports whether the median change from one interval to the next is above a share of an interval.
func (a *analysis) irregular() bool {
	var d []float64
	for i := 2; i < len(a.beats); i++ {
		d = append(d, math.Abs(float64(a.beats[i].At-2*a.beats[i-1].At+a.beats[i-2].At)))
	}
	slices.Sort(d)
	return len(d) >= 4 && d[len(d)/2] > irregularShare*a.rr
}

// line through the means of the two ends of some samples.
type line struct{ level, slope float64 }

func (l line) at(k int) float64 { return l.level + l.slope*float64(k) }

func lineOf(x []float64) line {
	n := len(x)
	e := max(1, n/8)
	var p, q float64
	for i := range e {
		p += x[i]
		q += x[n-1-i]
	}
	p, q = p/float64(e), q/float64(e)
	if n <= e {
		return line{p, 0}
	}
	return line{p, (q - p) / float64(n-e)}
}
