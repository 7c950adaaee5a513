// Ventricular fibrillation, flutter and torsades: no separate complexes, but an undulation. It is found by how completely the signal
// cancels itself half a period later (Kuo and Dillman 1978), at a rate that no sinus node has.

package rhythm

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

const (
	waveWindowS = 3.0
	waveStepS   = 1.0
	waveLeak    = 0.48 // greatest part that does not cancel
	waveSlowHz  = 2.3
	waveFastHz  = 9.0
	waveLeastUV = 100.0 // root mean square
)

// Undulations are the stretches without separate beats, code VF. Evidence: rate of the waves /min, leak (0 a pure wave).
func Undulations(s beats.Signal) []finding.Finding {
	leads, hz := decimate(s)
	if len(leads) == 0 {
		return nil
	}
	for _, x := range leads {
		level(x, int(0.7*hz))
		smooth(x, int(0.03*hz))
	}
	w, step := int(waveWindowS*hz), int(waveStepS*hz)
	var out []finding.Finding
	for at := 0; at+w <= len(leads[0]); at += step {
		rate, leak := undulation(leads, hz, at, w)
		if !(leak < waveLeak) {
			continue
		}
		from, to := when(at, hz), when(at+w, hz)
		if n := len(out); n > 0 && from <= out[n-1].To {
			out[n-1].To = to
			if e := out[n-1].Evidence; leak < e["leak"] {
				e["leak"], e["rate"] = leak, rate
			}
			continue
		}
		out = append(out, finding.Finding{
			Code: finding.VentricularFlutter, From: from, To: to, Evidence: map[string]float64{"rate": rate, "leak": leak},
		})
	}
	return out
}

// What an undulation with beats looks like.
const (
	organisedBeats  = 5    // at least
	organisedAlike  = 0.80 // of them of the usual shape
	organisedJitter = 0.05 // of the distances, relative, median
	organisedRate   = 240.0
)

// organised makes a tachycardia of a stretch whose waves come at regular distances, have one shape and are not faster than a monomorphic
// tachycardia: wide complexes without a level line between them cancel themselves as fibrillation does.
func organised(fs []finding.Finding, bs []beats.Beat, hz float64) []finding.Finding {
	for i, f := range fs {
		var in []beats.Beat
		alike := 0
		for _, b := range bs {
			if t := when(b.At, hz); t >= f.From && t <= f.To {
				in = append(in, b)
				if b.Dominant || b.Template == in[0].Template {
					alike++
				}
			}
		}
		if len(in) < organisedBeats || float64(alike) < organisedAlike*float64(len(in)) {
			continue
		}
		g := run(in, hz)
		if iv := measureIntervals(unjudged(in), hz); iv.jitter > organisedJitter || len(iv.ratios) < organisedBeats-2 || 60/iv.median > organisedRate {
			continue
		}
		if rate := g.Evidence["rate"]; rate >= fastVT && rate <= organisedRate {
			g.Code, g.Note = finding.VentricularT, "wide complexes that run into each other"
			fs[i] = g
		}
	}
	return fs
}

// unjudged are beats without what is known of their origin: all their distances count.
func unjudged(bs []beats.Beat) []beats.Beat {
	out := slices.Clone(bs)
	for i := range out {
		out[i].Ventricular = false
	}
	return out
}

// undulation is the rate and the leak of a window: the median over the leads that have a signal.
func undulation(leads [][]float64, hz float64, at, w int) (rate, leak float64) {
	var leaks, rates []float64
	for _, x := range leads {
		x = x[at : at+w]
		var size, change, power float64
		for i := 1; i < w; i++ {
			size += math.Abs(x[i])
			change += math.Abs(x[i] - x[i-1])
			power += x[i] * x[i]
		}
		if math.Sqrt(power/float64(w)) < waveLeastUV {
			continue
		}
		half := math.Pi * size / change // samples of half a period of a sine with that ratio
		f := hz / (2 * half)
		l := 1.0
		if f >= waveSlowHz && f <= waveFastHz {
			l = leakOf(x, int(math.Round(half)))
		}
		leaks, rates = append(leaks, l), append(rates, 60*f)
	}
	if len(leaks) == 0 {
		return 0, math.NaN()
	}
	return median(rates), slices.Max(leaks)*0.5 + median(leaks)*0.5
}

func leakOf(x []float64, half int) float64 {
	var sum, all float64
	for i := half; i < len(x); i++ {
		sum += math.Abs(x[i] + x[i-half])
		all += math.Abs(x[i]) + math.Abs(x[i-half])
	}
	return sum / (all + 1e-30)
}

func smooth(x []float64, w int) {
	if w < 2 {
		return
	}
	c := make([]float64, len(x)+1)
	for i, v := range x {
		c[i+1] = c[i] + v
	}
	for i := range x {
		lo, hi := max(i-w/2, 0), min(i+w/2+1, len(x))
		x[i] = (c[hi] - c[lo]) / float64(hi-lo)
	}
}
