// From a tracing to a result.

package measure

import (
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/delineate"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/rhythm"
)

// Limits of what is measured.
const (
	lowestRateHz  = 90.0
	highestRateHz = 4000.0
	shortestS     = 1.0
	finestRateHz  = 450.0 // a coarser median beat is interpolated before its limits are looked for
)

// analysis is one call of Analyse.
type analysis struct {
	t      *tracing.Tracing
	group  *tracing.Group
	s      *signal
	beats  []beats.Beat
	rr     float64 // usual interval, samples; 0 if there are not two beats
	main   []int   // dominant beats
	m      *medianBeat
	waves  delineate.Waves   // of the median beat, over all leads
	each   []delineate.Waves // of each of its leads
	shape  map[tracing.Code]shape
	paced  bool
	result *Result
}

// Analyse measures a tracing. What cannot be measured is not in the result, and a finding says why. Leads without calibration are not
// measured. The error is for a tracing that has no samples at all.
func Analyse(t *tracing.Tracing) (*Result, error) {
	a := &analysis{t: t, group: rhythmOf(t), result: &Result{}}
	if a.group == nil {
		return nil, tracing.Errorf(t.Format, -1, "no rhythm leads to measure")
	}
	a.s = signalOf(a.group)
	switch rate := a.s.rate; {
	case len(a.s.leads) == 0:
		a.unmeasurable("no calibrated lead")
	case rate < lowestRateHz || rate > highestRateHz:
		a.unmeasurable("sampling rate is not between 90 and 4000 a second")
	case float64(a.s.n) < shortestS*rate:
		a.unmeasurable("shorter than one second")
	default:
		a.run()
	}
	return a.result, nil
}

// rhythmOf is the group with the most leads that have samples, of equal ones the longest.
func rhythmOf(t *tracing.Tracing) *tracing.Group {
	var best *tracing.Group
	for i := range t.Groups {
		g := &t.Groups[i]
		if g.Kind == tracing.Median || g.Len() == 0 || g.Rate.Float() <= 0 {
			continue
		}
		if best == nil || len(g.Leads) > len(best.Leads) || len(g.Leads) == len(best.Leads) && g.Len() > best.Len() {
			best = g
		}
	}
	return best
}

func (a *analysis) unmeasurable(note string) {
	a.find(finding.Finding{Code: finding.Unmeasurable, Note: note})
}

func (a *analysis) find(f finding.Finding) { a.result.Findings = append(a.result.Findings, f) }

func (a *analysis) run() {
	a.s.judge(make([]bool, a.s.n)) // before beats are known: which leads can be used to find them
	leads := a.s.usable()
	if len(leads) == 0 {
		a.recording()
		a.unmeasurable("no lead can be read")
		return
	}
	sig := beats.Signal{RateHz: a.s.rate, Leads: leads}
	a.beats = beats.Detect(sig)
	a.judgeAgain()
	a.recording()
	a.choose()
	a.rates()
	a.representative()
	if a.m != nil {
		a.intervals()
		a.amplitudes()
		a.shapes()
		a.reversal()
	}
	a.rhythm(sig)
	slices.SortStableFunc(a.result.Findings, func(x, y finding.Finding) int { return int(x.From - y.From) })
}

// judgeAgain measures noise outside of the QRS complexes.
func (a *analysis) judgeAgain() {
	in := make([]bool, a.s.n)
	h := a.s.ms(100)
	for _, b := range a.beats {
		for i := max(0, b.At-h); i < min(a.s.n, b.At+h); i++ {
			in[i] = true
		}
	}
	for i := range a.s.leads {
		q := &a.s.leads[i].quality
		q.Usable = q.Usable || !q.Off && q.NoiseUV > noisyUV // the first judgement counted QRS complexes as noise
	}
	a.s.judge(in)
}

// recording reports what is wrong with electrodes and signals.
func (a *analysis) recording() {
	var off, poor []tracing.Code
	for _, l := range a.s.leads {
		a.result.Quality = append(a.result.Quality, l.quality)
		switch {
		case l.quality.Off:
			off = append(off, l.code)
		case !l.quality.Usable || l.quality.WanderUV > wanderingUV:
			poor = append(poor, l.code)
		}
	}
	if len(off) > 0 {
		a.find(finding.Finding{Code: finding.LeadOff, Leads: off})
	}
	if len(poor) > 0 {
		a.find(finding.Finding{Code: finding.PoorSignal, Leads: poor})
	}
}

// choose picks the beats of the usual shape, and the usual interval.
func (a *analysis) choose() {
	paced := 0
	for i, b := range a.beats {
		if b.Dominant {
			a.main = append(a.main, i)
			if b.Paced {
				paced++
			}
		}
	}
	if len(a.main) == 0 {
		for i := range a.beats {
			a.main = append(a.main, i)
		}
	}
	a.paced = 2*paced > len(a.main)
	var rr []float64
	for i := 1; i < len(a.beats); i++ {
		rr = append(rr, float64(a.beats[i].At-a.beats[i-1].At))
	}
	slices.Sort(rr)
	if len(rr) > 0 {
		a.rr = (rr[(len(rr)-1)/2] + rr[len(rr)/2]) / 2
	}
}

// representative makes the median beat and finds its waves.
func (a *analysis) representative() {
	rr := a.rr
	if rr == 0 {
		rr = 0.8 * a.s.rate
	}
	if len(a.beats) == 0 {
		a.unmeasurable("no beats found")
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
		if slices.Contains(a.main, i) {
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
	if !a.consistentP(fine, finer) {
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
	fine.coarse, fine.finer = a.m.leads, finer
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

// consistentP reports whether the single beats have the P wave of the median beat: in atrial fibrillation they have not.
func (a *analysis) consistentP(fine *medianBeat, finer int) bool {
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
	need := 0.5
	if a.irregular() {
		need = 0.8
	}
	return total/float64(len(a.m.from)) >= need
}

func (a *analysis) signalOf(c tracing.Code) []float64 {
	if l := a.s.lead(c); l != nil {
		return l.x
	}
	return nil
}

// irregular reports whether the median change from one interval to the next is above 8 % of an interval.
func (a *analysis) irregular() bool {
	var d []float64
	for i := 2; i < len(a.beats); i++ {
		d = append(d, math.Abs(float64(a.beats[i].At-2*a.beats[i-1].At+a.beats[i-2].At)))
	}
	slices.Sort(d)
	return len(d) >= 4 && d[len(d)/2] > 0.08*a.rr
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

// rhythm adds the findings of rhythm.
func (a *analysis) rhythm(sig beats.Signal) {
	for _, f := range rhythm.Find(rhythm.Input{Signal: sig, Beats: a.beats}) {
		if f.From != 0 || f.To != 0 {
			f.From += a.time(0)
			f.To += a.time(0)
		}
		a.find(f)
	}
}
