// The rhythm that the whole stretch has: sinus, fibrillation, flutter, block.

package rhythm

import (
	"math"

	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// What separates the rhythms. repeats: how alike the stretches before the QRS complexes are.
const (
	sinusRepeats   = 0.60 // at least
	surelyRepeats  = 0.80
	noPRepeats     = 0.20 // at most: nothing there that repeats
	fewPRepeats    = 0.33
	byTwoLengths   = 0.75 // part of the distances that two lengths explain: extrasystoles, not fibrillation
	irregular      = 0.055
	irregularRMS   = 0.12
	regular        = 0.03
	trainLeast     = 0.30
	trainSure      = 0.48
	driftRepeats   = 0.40
	flutterLeast   = 0.20
	flutterSure    = 0.55
	flutterFollows = 0.35 // of the stretches before the complexes, that follow the waves
	flutterFromS   = 0.17
	flutterToS     = 0.30
	flutterRepeats = 0.75
	pFromS, pToS   = 0.40, 1.40
	sawSure        = 0.35 // of the whole cycle repeats at the period of the waves
	sawUneven      = 0.30
	sawLeastUV     = 180.0 // waves of that size where a P wave and a level line would be
	sawLeastN      = 2.6   // waves to a complex: of two, one may be the T wave
	pLeastUV       = 20.0  // a P wave that can be told from the rest of a complex taken away
	blockLeastUV   = 45.0  // P waves of a complete block, between T waves and complexes
)

// named gives the one finding that names the rhythm, and blocks beside it.
func named(s beats.Signal, bs []beats.Beat, steadyP bool) []finding.Finding {
	if len(bs) < 2 {
		return nil
	}
	hz := s.RateHz
	iv := measureIntervals(bs, hz)
	a := look(s, bs)
	if steadyP && a.repeats >= fewPRepeats {
		a.repeats = max(a.repeats, sinusRepeats)
	}
	evidence := map[string]float64{
		"rate": 60 / iv.mean, "rr_min_ms": iv.all[iv.short] * 1000, "rr_max_ms": iv.all[iv.long] * 1000,
		"irregularity": iv.spread, "p_repeats": a.repeats,
	}
	if math.IsNaN(a.repeats) {
		delete(evidence, "p_repeats")
	}
	var out []finding.Finding
	if f, ok := wideTachycardia(bs, iv, a, hz); ok {
		return []finding.Finding{f}
	}
	if len(Runs(bs, hz)) > 0 && iv.median < 60/fastSVT {
		return nil // the tachycardia is the rhythm, and there is no room for P waves
	}
	add := func(c finding.Code, note string) {
		out = append(out, finding.Finding{Code: c, Evidence: evidence, Note: note})
	}
	uneven := iv.jitter > irregular || iv.spread > irregularRMS
	switch {
	case math.IsNaN(a.repeats):
		if uneven {
			add(finding.Irregular, "")
		}
	case len(iv.ratios) < 3: // extrasystoles leave too few distances to judge, but the P waves of the others may be seen
		if a.repeats >= surelyRepeats && a.waveUV >= pLeastUV {
			add(finding.SinusRhythm, "")
		}
		if uneven {
			add(finding.Irregular, "")
		}
	case flutters(a, iv, uneven):
		evidence["atrial_rate"] = 60 / a.flutterPeriod()
		add(finding.AtrialFlutter, "regular atrial waves between the complexes")
	case uneven && a.repeats < driftRepeats && a.free.score >= trainSure && a.free.period < 0.97*iv.mean:
		evidence["atrial_rate"] = 60 / a.free.period
		add(finding.AVBlock2, "a regular train of P waves, faster than the complexes and at changing distances from them")
	case iv.jitter > irregular && (a.repeats < noPRepeats || a.repeats < fewPRepeats && max(TwoLengths(iv.quiet), TwoLengths(iv.all)) < byTwoLengths):
		add(finding.AtrialFibrillation, "irregular, without P waves of one shape")
		if iv.all[iv.short] <= 0.25 && wideShare(bs) > 0.5 {
			add(finding.PreexcitedAF, "wide complexes, shortest distance 250 ms or less")
		}
	case iv.jitter < regular && a.repeats < sinusRepeats && independent(a, iv):
		evidence["atrial_rate"] = 60 / a.train.period
		add(finding.AVBlock3, "a train of P waves without relation to the complexes")
	case iv.jitter < regular && a.repeats < noPRepeats+0.05 && a.paced && a.quietUV >= blockLeastUV:
		add(finding.AtrialFibrillation, "paced, without P waves of one shape")
	case a.repeats >= sinusRepeats && a.waveUV >= pLeastUV:
		add(finding.SinusRhythm, "")
		out = append(out, blocked(s, bs, iv)...)
		if uneven {
			add(finding.Irregular, "")
		}
	case uneven:
		add(finding.Irregular, "")
	}
	return out
}

// flutters reports whether regular fast waves go on between the complexes. Those of fibrillation do not keep their time to the complexes.
func flutters(a activity, iv intervals, uneven bool) bool {
	keep := a.repeats >= flutterFollows
	if a.widthMS < wideMS && a.quietUV >= sawLeastUV && keep && iv.median >= sawLeastN*a.saw.period && a.saw.period > 0 {
		if a.saw.score >= sawSure || uneven && a.saw.score >= sawUneven {
			return true
		}
	}
	f := a.flutter
	if f.period < flutterFromS || f.period > flutterToS {
		return false
	}
	return f.score >= flutterSure || uneven && f.score >= flutterLeast && keep && a.repeats < flutterRepeats
}

// flutterPeriod is that of the waves, s.
func (a *activity) flutterPeriod() float64 {
	if a.flutter.period > 0 {
		return a.flutter.period
	}
	return a.saw.period
}

// blocked is the block of the second degree: P waves that no complex follows, at the distance of the others.
func blocked(s beats.Signal, bs []beats.Beat, iv intervals) []finding.Finding {
	ps := dropped(s, bs, iv)
	whole := 0 // distances that may be two
	for _, d := range iv.all {
		if d < dropLong*iv.median && d >= dropAlways {
			whole++
		}
	}
	if len(ps) == 0 || whole > 0 && 2*len(ps) < whole {
		return nil
	}
	return []finding.Finding{{
		Code: finding.AVBlock2, From: when(ps[0], s.RateHz), To: when(ps[len(ps)-1], s.RateHz),
		Evidence: map[string]float64{"count": float64(len(ps)), "beats": float64(len(bs))},
	}}
}

// independent reports whether the atria have a rate of their own, faster than that of the ventricles.
func independent(a activity, iv intervals) bool {
	return a.quietUV >= blockLeastUV && a.train.score >= trainLeast && a.train.period < 0.90*iv.median && iv.spread < irregularRMS
}

const (
	wideMS   = 95.0  // rough width of a dominant beat that is wide
	wideSlow = 120.0 // /min
	wideOnly = 0.80  // of the beats
)

// wideTachycardia is a fast regular rhythm of wide beats only, which is ventricular until something else is known: there are no other beats to
// compare with. Below 150/min P waves before the complexes speak against it.
func wideTachycardia(bs []beats.Beat, iv intervals, a activity, hz float64) (finding.Finding, bool) {
	wide := 0
	for _, b := range bs {
		if b.WidthMS >= wideMS {
			wide++
		}
	}
	rate := 60 / iv.median
	if a.paced || float64(wide) < wideOnly*float64(len(bs)) || rate < wideSlow || iv.jitter > svtJitter || rate < fastSVT && a.repeats >= sinusRepeats {
		return finding.Finding{}, false
	}
	f := run(bs, hz)
	f.Code, f.Note = finding.VentricularT, "wide complexes only"
	return f, true
}

func wideShare(bs []beats.Beat) float64 {
	n := 0
	for _, b := range bs {
		if b.Ventricular || b.WidthMS >= 100 {
			n++
		}
	}
	return float64(n) / float64(len(bs))
}

const mostDistances = 100 // that TwoLengths looks at

// TwoLengths is the part of the distances (of any unit) within 6 % of one of the two lengths that explain most, of the first 100; 0 of none.
func TwoLengths(d []float64) float64 {
	if len(d) == 0 {
		return 0
	}
	d = d[:min(len(d), mostDistances)]
	best := 0
	for a := range d {
		for b := a; b < len(d); b++ {
			n := 0
			for _, x := range d {
				if math.Abs(x-d[a]) < 0.06*d[a] || math.Abs(x-d[b]) < 0.06*d[b] {
					n++
				}
			}
			best = max(best, n)
		}
	}
	return float64(best) / float64(len(d))
}
