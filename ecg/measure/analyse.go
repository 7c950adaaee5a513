// From a tracing to a result.

package measure

import (
	"cmp"
	"slices"

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
	longestS      = 600.0 // more is not looked at: long recordings are another work
	finestRateHz  = 450.0 // a coarser median beat is interpolated before its limits are looked for
)

// analysis is one call of Analyse.
type analysis struct {
	t       *tracing.Tracing
	group   *tracing.Group
	s       *signal
	beats   []beats.Beat
	rr      float64 // usual interval, samples; 0 if there are not two beats
	around  float64 // mean interval around the measured beats, samples
	main    []int   // those in the median beat: the dominant ones
	m       *medianBeat
	waves   delineate.Waves   // of the median beat, over all leads
	each    []delineate.Waves // of each of its leads
	shape   map[tracing.Code]shape
	rhythms []finding.Finding
	silent  []over // fibrillation of the ventricles: there are no beats
	origin  origin // of the beats in m
	result  *Result
}

// Analyse measures a tracing. What cannot be measured is not in the result, and a finding says why. Leads without calibration are not
// measured, nor is what comes after the first ten minutes. The error is for a tracing that has no samples at all.
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
	sig := beats.Signal{RateHz: a.s.rate, Leads: a.s.usable()}
	a.beats = beats.Detect(sig)
	a.cut()
	a.judge()
	a.recording()
	if len(a.s.usable()) == 0 {
		a.unmeasurable("no lead can be read")
		return
	}
	a.rhythms = rhythm.Find(rhythm.Input{Signal: sig, Beats: a.beats})
	a.withoutUndulation()
	a.choose()
	a.rates()
	a.representative()
	if a.m != nil {
		a.intervals()
		a.amplitudes()
		a.shapes()
		a.reversal()
	}
	a.rhythm()
	slices.SortStableFunc(a.result.Findings, func(x, y finding.Finding) int { return cmp.Compare(x.From, y.From) })
}

// cutMS is how near to an end of the recording a QRS complex is not whole.
const cutMS = 120

// cut takes the judgement back that a beat is ventricular where the recording begins or ends in it: half a complex is unlike all others.
func (a *analysis) cut() {
	near := a.s.ms(cutMS)
	for i := range a.beats {
		if b := &a.beats[i]; b.At < near || b.At >= a.s.n-near {
			b.Ventricular = false
		}
	}
}

// judge measures noise outside of the QRS complexes and of the pacing spikes before them. Where every lead is noisy, noisy leads are measured.
func (a *analysis) judge() {
	in := make([]bool, a.s.n)
	h := a.s.ms(100)
	for _, b := range a.beats {
		before := h
		if b.Paced {
			before = 2 * h
		}
		for i := max(0, b.At-before); i < min(a.s.n, b.At+h); i++ {
			in[i] = true
		}
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

// choose picks the beats of the usual shape, and the usual interval. Where a tachycardia of the ventricles comes and goes, they are those of
// the rhythm beside it.
func (a *analysis) choose() {
	for i, b := range a.beats {
		if b.Dominant {
			a.main = append(a.main, i)
		}
	}
	rr := a.distances()
	if outside := a.outsideTachycardia(); outside != nil {
		a.main, rr = outside, a.between(outside)
	}
	a.around = mean(rr)
	if len(a.main) == 0 {
		for i := range a.beats {
			a.main = append(a.main, i)
		}
	}
	a.originate()
	slices.Sort(rr)
	if len(rr) > 0 {
		a.rr = (rr[(len(rr)-1)/2] + rr[len(rr)/2]) / 2
	}
}

// rhythm adds the findings of rhythm.
func (a *analysis) rhythm() {
	for _, f := range a.rhythms {
		if f.From != 0 || f.To != 0 {
			f.From += a.time(0)
			f.To += a.time(0)
		}
		a.find(f)
	}
}
