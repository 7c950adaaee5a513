// Package rhythm says what the rhythm of an electrocardiogram is: from the distances and shapes of its beats, and from what the atria do
// between them. Everything it says is decision support, with the numbers it rests on.
package rhythm

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// PWave is the P wave before a beat, as samples of the signal, if it was measured.
type PWave struct {
	Onset, Peak int
	OK          bool
}

// Input is what Find looks at.
type Input struct {
	Signal beats.Signal
	Beats  []beats.Beat // in order
	PWaves []PWave      // one of each beat, or none at all: they support what is seen here of the atria
}

// Find gives the findings of rhythm of some seconds to some minutes, ordered by code and time; of a longer recording the first five minutes
// name the rhythm. Times count from the first sample.
// A recording of one beat or none has none, except where the ventricles fibrillate.
func Find(in Input) []finding.Finding {
	if !(in.Signal.RateHz > 0) || in.Signal.Len() == 0 {
		return nil
	}
	fs := organised(Undulations(in.Signal), in.Beats, in.Signal.RateHz)
	if fibrillates(fs, in.Signal) {
		return fs
	}
	bs := longest(outside(in.Beats, fs, in.Signal.RateHz))
	for _, part := range outside(in.Beats, fs, in.Signal.RateHz) {
		fs = append(fs, Runs(part, in.Signal.RateHz)...)
		fs = append(fs, Pauses(in.Signal, part)...)
	}
	if len(bs) > 1 {
		iv := measureIntervals(bs, in.Signal.RateHz)
		fs = append(fs, ofBeats(bs, iv, in.Signal.RateHz)...)
		s, first := begin(in.Signal, bs)
		fs = append(fs, named(s, first, steadyP(in))...)
	}
	fs = withinOthers(fs)
	slices.SortStableFunc(fs, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.From, b.From))
	})
	return fs
}

// steadyP reports whether nearly every beat has a measured P wave, at nearly the same distance.
func steadyP(in Input) bool {
	const most, spreadS = 0.8, 0.020
	if len(in.PWaves) != len(in.Beats) || len(in.Beats) < 4 {
		return false
	}
	var sum, squares, n float64
	for i, p := range in.PWaves {
		if p.OK {
			d := float64(in.Beats[i].At-p.Peak) / in.Signal.RateHz
			sum, squares, n = sum+d, squares+d*d, n+1
		}
	}
	return n >= most*float64(len(in.Beats)) && squares/n-(sum/n)*(sum/n) <= spreadS*spreadS
}

const namedS = 300.0 // of a long recording whose rhythm is named: it may have many, and the others are a Holter's

// begin is the beginning of a long recording.
func begin(s beats.Signal, bs []beats.Beat) (beats.Signal, []beats.Beat) {
	n := int(namedS * s.RateHz)
	if s.Len() <= n {
		return s, bs
	}
	out := beats.Signal{RateHz: s.RateHz}
	for _, x := range s.Leads {
		out.Leads = append(out.Leads, x[:n])
	}
	for i, b := range bs {
		if b.At >= n {
			return out, bs[:i]
		}
	}
	return out, bs
}

// fibrillates reports ventricles that fibrillate for more than half of the time: the little beside it says nothing of a rhythm.
func fibrillates(fs []finding.Finding, s beats.Signal) bool {
	var length time.Duration
	for _, f := range fs {
		if f.Code == finding.VentricularFlutter {
			length += f.To - f.From
		}
	}
	return 2*length > when(s.Len(), s.RateHz)
}

// outside are the beats that are not within fibrillation of the ventricles, from one such stretch to the next.
func outside(bs []beats.Beat, fs []finding.Finding, hz float64) [][]beats.Beat {
	var out [][]beats.Beat
	apart := true
	for _, b := range bs {
		t := when(b.At, hz)
		if slices.ContainsFunc(fs, func(f finding.Finding) bool {
			return f.Code == finding.VentricularFlutter && t >= f.From && t <= f.To
		}) {
			apart = true
			continue
		}
		if apart {
			out, apart = append(out, nil), false
		}
		out[len(out)-1] = append(out[len(out)-1], b)
	}
	return out
}

// longest is the part with the most beats.
func longest(parts [][]beats.Beat) []beats.Beat {
	var most []beats.Beat
	for _, p := range parts {
		if len(p) > len(most) {
			most = p
		}
	}
	return most
}

func when(sample int, hz float64) time.Duration {
	return time.Duration(float64(sample) / hz * float64(time.Second))
}

// The limits of a normal rate, /min.
const slowest, fastest = 60, 100

// ofBeats are the findings of rate and of single beats.
func ofBeats(bs []beats.Beat, iv intervals, hz float64) []finding.Finding {
	var out []finding.Finding
	rate := 60 / iv.mean
	evidence := map[string]float64{"rate": rate, "rr_min_ms": iv.all[iv.short] * 1000, "rr_max_ms": iv.all[iv.long] * 1000}
	switch {
	case rate < slowest:
		out = append(out, finding.Finding{Code: finding.Bradycardia, Evidence: evidence})
	case rate > fastest:
		out = append(out, finding.Finding{Code: finding.Tachycardia, Evidence: evidence})
	}
	ventricular, paced, onT := 0, 0, 0
	for i, b := range bs {
		if b.Paced {
			paced++
			continue
		}
		if !b.Ventricular {
			continue
		}
		ventricular++
		if i > 0 && !bs[i-1].Ventricular && iv.all[i-1] < onTWave(iv.median) {
			onT++
		}
	}
	if ventricular > 0 {
		out = append(out, finding.Finding{Code: finding.PVC, Evidence: map[string]float64{"count": float64(ventricular), "beats": float64(len(bs))}})
	}
	if onT > 0 {
		out = append(out, finding.Finding{Code: finding.RonT, Evidence: map[string]float64{"count": float64(onT)}})
	}
	if paced >= 2 && paced*5 >= len(bs) {
		out = append(out, finding.Finding{Code: finding.Paced, Evidence: map[string]float64{"count": float64(paced), "beats": float64(len(bs))}})
	}
	return out
}

// onTWave is the distance, s, at which a ventricular beat begins on the T wave before it: the QT interval of a heart with a median distance
// rr is near 0.4 times its root, and the main deflection of a ventricular beat is some 40 ms further from its onset.
func onTWave(rr float64) float64 { return 0.36 * math.Sqrt(rr) }

// withinOthers drops supraventricular tachycardias within a ventricular one, and ventricular ones within longer ones.
func withinOthers(fs []finding.Finding) []finding.Finding {
	var out []finding.Finding
	for i, s := range fs {
		covered := false
		for k, v := range fs {
			fast := s.Code == finding.SupraventricularT || s.Code == finding.VentricularT && (v.To-v.From > s.To-s.From || k < i)
			covered = covered || k != i && fast && v.Code == finding.VentricularT && v.From <= s.From && v.To >= s.To
		}
		if !covered {
			out = append(out, s)
		}
	}
	return out
}
