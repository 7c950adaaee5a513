// Runs of fast beats, and pauses.

package rhythm

import (
	"math"

	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

const (
	runLeast  = 3     // beats of a run
	fastVT    = 100.0 // /min
	fastSVT   = 150.0 // /min
	svtLeast  = 5     // beats
	svtJitter = 0.10  // of the distances, relative
	pauseS    = 2.0
)

// Runs are ventricular tachycardias, three or more ventricular beats in a row at 100/min or more, and supraventricular ones: five or more
// other beats in a row at 150/min or more, at regular distances. Evidence: rate, count, duration_s.
func Runs(bs []beats.Beat, hz float64) []finding.Finding {
	var out []finding.Finding
	for i := 0; i < len(bs); {
		j := i + 1
		if bs[i].Ventricular && !bs[i].Paced {
			for j < len(bs) && (bs[j].Ventricular || j+1 < len(bs) && bs[j+1].Ventricular && strange(bs, j, hz)) {
				j++
			}
			if f, ok := ventricular(bs, i, j, hz); ok {
				out = append(out, f)
			}
		} else {
			for j < len(bs) && !bs[j].Ventricular && fast(bs[j-1], bs[j], hz) {
				j++
			}
			if f, ok := supraventricular(bs[i:j], hz); ok {
				out = append(out, f)
			}
		}
		i = j
	}
	return out
}

func fast(a, b beats.Beat, hz float64) bool { return float64(b.At-a.At)/hz < 60/fastSVT }

// strange is a fast beat that may be of a ventricular run: fusion beats, and the first and the last, resemble the dominant one somewhat.
func strange(bs []beats.Beat, i int, hz float64) bool {
	return !bs[i].Ventricular && !bs[i].Dominant && !bs[i].Paced &&
		(i > 0 && float64(bs[i].At-bs[i-1].At)/hz < 60/fastVT && bs[i-1].Ventricular ||
			i+1 < len(bs) && float64(bs[i+1].At-bs[i].At)/hz < 60/fastVT && bs[i+1].Ventricular)
}

// ventricular is the run of beats from i to j.
func ventricular(bs []beats.Beat, i, j int, hz float64) (finding.Finding, bool) {
	if j-i < runLeast {
		return finding.Finding{}, false
	}
	f := run(bs[i:j], hz)
	f.Code = finding.VentricularT
	return f, f.Evidence["rate"] >= fastVT
}

func supraventricular(bs []beats.Beat, hz float64) (finding.Finding, bool) {
	if len(bs) < svtLeast {
		return finding.Finding{}, false
	}
	f := run(bs, hz)
	f.Code = finding.SupraventricularT
	return f, measureIntervals(bs, hz).jitter < svtJitter
}

func run(bs []beats.Beat, hz float64) finding.Finding {
	n := len(bs)
	span := float64(bs[n-1].At-bs[0].At) / hz
	return finding.Finding{
		From: when(bs[0].At, hz), To: when(bs[n-1].At, hz),
		Evidence: map[string]float64{"rate": 60 * float64(n-1) / max(span, 1e-9), "count": float64(n), "duration_s": span},
	}
}

// Pauses are distances of two seconds or more without a beat, where the signal is there. Evidence: rr_ms.
func Pauses(s beats.Signal, bs []beats.Beat) []finding.Finding {
	var out []finding.Finding
	for i := 1; i < len(bs); i++ {
		d := float64(bs[i].At-bs[i-1].At) / s.RateHz
		if d < pauseS || !there(s, bs[i-1].At, bs[i].At) {
			continue
		}
		out = append(out, finding.Finding{
			Code: finding.Pause, From: when(bs[i-1].At, s.RateHz), To: when(bs[i].At, s.RateHz),
			Evidence: map[string]float64{"rr_ms": 1000 * d},
		})
	}
	return out
}

// there reports whether some lead has nearly all its samples between two, and is not flat.
func there(s beats.Signal, from, to int) bool {
	for _, x := range s.Leads {
		real, lo, hi := 0, math.Inf(1), math.Inf(-1)
		for _, v := range x[max(from, 0):min(to, len(x))] {
			if !math.IsNaN(v) {
				real++
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		if real*20 >= (to-from)*19 && hi > lo {
			return true
		}
	}
	return false
}
