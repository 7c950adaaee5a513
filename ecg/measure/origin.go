// Where the measured beats come from: what a shape may be judged by depends on it.

package measure

import (
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// leastOutside is how many beats outside of a tachycardia are enough to be measured instead of its beats.
const leastOutside = 3

// origin of the beats in the median beat.
type origin int

const (
	conducted   origin = iota // from the atria or the AV node, by the bundles
	paced                     // by a pacemaker in a ventricle
	ventricular               // a tachycardia of the ventricles, or their escape rhythm in complete block
)

// over is a stretch of the recording in samples.
type over struct{ from, to int }

func (s over) has(at int) bool { return at >= s.from && at <= s.to }

// stretches are where a rhythm of a code goes on; of a rhythm of no particular time all of the recording.
func (a *analysis) stretches(code finding.Code) []over {
	var out []over
	for _, f := range a.rhythms {
		switch {
		case f.Code != code:
		case f.From == f.To:
			out = append(out, over{0, a.s.n})
		default:
			out = append(out, over{a.sample(f.From), a.sample(f.To)})
		}
	}
	return out
}

// sample at a time of the measured signal.
func (a *analysis) sample(t time.Duration) int { return int(t.Seconds()*a.s.rate + 0.5) }

func within(ss []over, at int) bool {
	return slices.ContainsFunc(ss, func(s over) bool { return s.has(at) })
}

// goesOn reports a rhythm over more than half of the recording.
func (a *analysis) goesOn(codes ...finding.Code) bool {
	for _, c := range codes {
		n := 0
		for _, s := range a.stretches(c) {
			n += s.to - s.from
		}
		if n > 0 && 2*n > a.s.n {
			return true
		}
	}
	return false
}

// withoutUndulation drops what was taken for beats in fibrillation and flutter of the ventricles: there are none. If they last for most of the
// recording, the little beside them is not measured.
func (a *analysis) withoutUndulation() {
	a.silent = a.stretches(finding.VentricularFlutter)
	switch {
	case a.goesOn(finding.VentricularFlutter):
		a.beats = nil
	case len(a.silent) > 0:
		a.beats = slices.DeleteFunc(slices.Clone(a.beats), func(b beats.Beat) bool { return within(a.silent, b.At) })
	}
}

// distances of neighbouring beats in samples, but those across fibrillation of the ventricles.
func (a *analysis) distances() []float64 {
	var out []float64
	for i := 1; i < len(a.beats); i++ {
		from, to := a.beats[i-1].At, a.beats[i].At
		if !slices.ContainsFunc(a.silent, func(s over) bool { return s.from >= from && s.to <= to }) {
			out = append(out, float64(to-from))
		}
	}
	return out
}

// between are the distances of those of some beats that are neighbours.
func (a *analysis) between(chosen []int) []float64 {
	var out []float64
	for k := 1; k < len(chosen); k++ {
		if i := chosen[k]; chosen[k-1] == i-1 {
			out = append(out, float64(a.beats[i].At-a.beats[i-1].At))
		}
	}
	return out
}

// outsideTachycardia are the beats of the most frequent shape outside of ventricular tachycardia; nil if they are few or there is none.
func (a *analysis) outsideTachycardia() []int {
	vt := a.stretches(finding.VentricularT)
	if len(vt) == 0 {
		return nil
	}
	by := map[int][]int{}
	var most []int
	for i, b := range a.beats {
		if !b.Ventricular && !within(vt, b.At) {
			by[b.Template] = append(by[b.Template], i)
			if len(by[b.Template]) > len(most) {
				most = by[b.Template]
			}
		}
	}
	if len(most) < leastOutside {
		return nil
	}
	return most
}

// originate says where the chosen beats come from, as far as the rhythm tells; escapes are known when the QRS complex is measured.
func (a *analysis) originate() {
	spikes, fast := 0, 0
	vt := a.stretches(finding.VentricularT)
	for _, i := range a.main {
		if a.beats[i].Paced {
			spikes++
		}
		if within(vt, a.beats[i].At) {
			fast++
		}
	}
	switch {
	case 2*spikes > len(a.main):
		a.origin = paced
	case 2*fast > len(a.main):
		a.origin = ventricular
	}
}

// reconsider the origin with the duration of the QRS complex: a narrow one is conducted though a spike stands before it, which is then one of
// the atria; a wide one in complete block is an escape beat.
func (a *analysis) reconsider() {
	qrs, ok := a.value(tracing.QRSDuration)
	switch {
	case !ok:
	case a.origin == paced && qrs < wideQRSMS-10:
		a.origin = conducted
	case a.origin == conducted && qrs >= wideQRSMS && a.goesOn(finding.AVBlock3):
		a.origin = ventricular
	}
}

// noPInterval reports a rhythm, for more than half of the recording, in which no P wave belongs to a QRS complex.
func (a *analysis) noPInterval() bool {
	return a.origin == ventricular || a.goesOn(finding.AtrialFibrillation, finding.AtrialFlutter, finding.PreexcitedAF, finding.AVBlock3,
		finding.VentricularFlutter, finding.VentricularT, finding.SupraventricularT)
}

// noQT reports that the end of the T wave cannot be trusted, or has no meaning for repolarisation at rest: flutter waves run through it, or the
// beats are those of a ventricular tachycardia.
func (a *analysis) noQT() bool {
	return a.goesOn(finding.AtrialFlutter) || a.origin == ventricular && !a.goesOn(finding.AVBlock3)
}

// supraventricular reports a rhythm whose wide complexes are conducted ones.
func (a *analysis) supraventricular() bool {
	return a.goesOn(finding.SinusRhythm, finding.AtrialFibrillation, finding.AtrialFlutter, finding.AVBlock2, finding.SupraventricularT)
}
