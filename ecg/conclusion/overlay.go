// Median beats of two recordings, one over the other.

package conclusion

import (
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// Overlay is one lead of both median beats in microvolts, of one length, aligned at the QRS complex; the level before it is zero. NaN
// never appears: what one of them has not is cut from both.
type Overlay struct {
	Lead   tracing.Code
	RateHz float64
	QRSAt  time.Duration // onset of QRS from the first sample
	Now    []float64
	Before []float64
}

// span around the onset of QRS, and how far the alignment may move.
const (
	beforeQRS = .35
	afterQRS  = .60
	shiftMost = .040
	level     = .012 // seconds before QRS that are zero
)

// beat is a median beat ready to be read at any time from its QRS onset.
type beat struct {
	group *tracing.Group
	hz    float64
	onset float64 // seconds
}

func beatOf(r *measure.Result) (beat, bool) {
	if r.Median == nil || !r.Fiducials.QRS.OK || r.Median.Len() == 0 {
		return beat{}, false
	}
	hz := r.Median.Rate.Float()
	return beat{r.Median, hz, r.Fiducials.QRS.On.Seconds()}, hz > 0 && hz <= 1e5
}

// span is from when to when the beat is there, seconds from its QRS onset.
func (b beat) span() (from, to float64) {
	return -b.onset, float64(b.group.Len()-1)/b.hz - b.onset
}

// at is a lead at time t after the onset of QRS; straight between samples.
func (b beat) at(l *tracing.Lead, t float64) float64 {
	x := (t + b.onset) * b.hz
	i := min(max(int(x), 0), len(l.Samples)-1)
	j := min(i+1, len(l.Samples)-1)
	f := min(max(x-float64(i), 0), 1)
	return l.UV(i)*(1-f) + l.UV(j)*f
}

func overlays(now, before *measure.Result) []Overlay {
	a, okA := beatOf(now)
	b, okB := beatOf(before)
	if !okA || !okB {
		return nil
	}
	b.onset += align(a, b)
	fromA, toA := a.span()
	fromB, toB := b.span()
	from, to := max(-beforeQRS, fromA, fromB), min(afterQRS, toA, toB)
	n := int((to-from)*a.hz) + 1
	if n < 2 || from > -level {
		return nil
	}
	var out []Overlay
	for i := range a.group.Leads {
		la := &a.group.Leads[i]
		lb := b.group.Lead(la.Code)
		if la.Code == "" || lb == nil || len(la.Samples) != a.group.Len() || len(lb.Samples) != b.group.Len() {
			continue
		}
		o := Overlay{Lead: la.Code, RateHz: a.hz, QRSAt: time.Duration(-from * 1e9), Now: a.curve(la, from, n, a.hz), Before: b.curve(lb, from, n, a.hz)}
		if !slices.ContainsFunc(append(slices.Clone(o.Now), o.Before...), math.IsNaN) {
			out = append(out, o)
		}
	}
	return out
}

// curve is a lead from a time on, less its level before QRS.
func (b beat) curve(l *tracing.Lead, from float64, n int, hz float64) []float64 {
	zero, count := 0.0, 0.0
	for t := -level; t < 0; t += .002 {
		zero, count = zero+b.at(l, t), count+1
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = b.at(l, from+float64(i)/hz) - zero/count
	}
	return out
}

// align is how much later than its onset the QRS complex of b must be taken to lie best under that of a: the fiducials of two recordings differ by
// a few milliseconds, the slopes do not.
func align(a, b beat) float64 {
	best, at := math.Inf(1), 0.0
	for shift := -shiftMost; shift <= shiftMost+1e-9; shift += .001 {
		moved := b
		moved.onset += shift
		if sum := distance(a, moved); sum < best-1e-9 || sum < best+1e-9 && math.Abs(shift) < math.Abs(at) {
			best, at = sum, shift
		}
	}
	return at
}

// distance of the slopes of all leads in the QRS complex.
func distance(a, b beat) float64 {
	sum := 0.0
	for i := range a.group.Leads {
		la := &a.group.Leads[i]
		lb := b.group.Lead(la.Code)
		if lb == nil || len(la.Samples) == 0 || len(lb.Samples) == 0 {
			continue
		}
		for t := -.04; t < .14; t += .004 {
			d := a.at(la, t+.004) - a.at(la, t) - b.at(lb, t+.004) + b.at(lb, t)
			if !math.IsNaN(d) {
				sum += d * d
			}
		}
	}
	return sum
}
