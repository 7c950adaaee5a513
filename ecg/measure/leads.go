// Numbers of single leads: amplitudes and the ST segment, against the level before the QRS complex.

package measure

import (
	"math"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/delineate"
)

const (
	smallestWaveUV = 20 // a deflection within the QRS complex that is a wave of its own
	shortestWaveMS = 8
	staysMS        = 40
	levelShare     = 0.15 // of the level at J, by which a lobe that leads to it may be higher
)

// shape is one lead of the median beat in numbers; microvolts, ms.
type shape struct {
	p, q, r, s, t       float64
	r2                  float64 // a second positive deflection, R'
	qMS, rMS, sMS       float64 // durations
	net                 float64 // area of the QRS complex, uV ms
	late                float64 // mean of its last third
	peakMS              float64 // from QRS onset to the last positive peak
	j, j60, j80, slope  float64 // slope in mV/s from J to J + 80 ms
	hasP, hasQRS, hasST bool
	hasT                bool
}

// lobe is a part of the QRS complex on one side of zero.
type lobe struct {
	peak float64
	at   int
	n    int
	open bool // it goes on behind the complex
}

func (a *analysis) shapeOf(x []float64) shape {
	var s shape
	ms := 1000 / a.m.rate
	if p := a.waves.P; p.OK {
		l := across(x, p)
		s.p, s.hasP = extreme(x, p, l), true
	}
	if w := a.waves.QRS; w.OK {
		s.hasQRS = true
		ls := lobes(x, w, int(math.Ceil(shortestWaveMS/ms)))
		s.deflections(settled(x, w, ls, int(staysMS/ms)), w.On, ms)
		for i := w.On; i <= w.Off; i++ {
			s.net += x[i] * ms
		}
		s.late = meanOf(x, w.Off-(w.Off-w.On)/3, w.Off)
		after := func(t float64) float64 { i := w.Off + int(math.Round(t/ms)); return meanOf(x, i-1, i+1) }
		if w.Off+int(80/ms) < len(x) {
			s.j, s.j60, s.j80, s.hasST = after(0), after(60), after(80), true
			s.slope = (s.j80 - s.j) / 80
		}
	}
	if t := a.waves.T; t.OK {
		s.t, s.hasT = extreme(x, t, line{}), true
	}
	return s
}

// extreme is the value farthest from a line within a wave.
func extreme(x []float64, w delineate.Wave, base line) float64 {
	v := 0.0
	for i := w.On; i <= w.Off && i < len(x); i++ {
		if d := x[i] - base.at(i); math.Abs(d) > math.Abs(v) {
			v = d
		}
	}
	return v
}

// lobes are the deflections of a QRS complex that are large and long enough, in order.
func lobes(x []float64, w delineate.Wave, shortest int) []lobe {
	var out []lobe
	for i := w.On; i <= w.Off; {
		l := lobe{at: i}
		j := i
		for ; j <= w.Off && (x[j] >= 0) == (x[i] >= 0); j++ {
			if math.Abs(x[j]) > math.Abs(l.peak) {
				l.peak, l.at = x[j], j
			}
		}
		l.n, l.open = j-i, j > w.Off
		if l.n >= shortest && math.Abs(l.peak) >= smallestWaveUV {
			out = append(out, l)
		}
		i = j
	}
	return out
}

// settled are the lobes without a last one that only leads to a shifted ST segment: it is largest at the end of the complex, and stays so.
func settled(x []float64, w delineate.Wave, ls []lobe, after int) []lobe {
	n := len(ls)
	if n < 2 || !ls[n-1].open || w.Off+after >= len(x) {
		return ls
	}
	peak, end, stays := ls[n-1].peak, x[w.Off], x[w.Off+after]
	if math.Abs(peak-end) < max(smallestWaveUV, levelShare*math.Abs(end)) && stays/end > 1-2*levelShare {
		return ls[:n-1]
	}
	return ls
}

// deflections names the lobes: Q before the first positive one, R, S after it, R'. A complex that is only negative is a QS: it has no R, and counts
// as Q, by which infarctions are known, and as S, whose depth hypertrophy is known by.
func (s *shape) deflections(ls []lobe, on int, ms float64) {
	positive := false
	for _, l := range ls {
		d := float64(l.n) * ms
		switch {
		case l.peak > 0 && !positive:
			positive, s.r, s.rMS = true, l.peak, d
			s.peakMS = float64(l.at-on) * ms
		case l.peak > 0:
			s.r2 = max(s.r2, l.peak)
			s.peakMS = float64(l.at-on) * ms
		case !positive && l.peak < s.q:
			s.q, s.qMS = l.peak, d
		case l.peak < s.s:
			s.s, s.sMS = l.peak, d
		}
	}
	if !positive {
		s.s, s.sMS = s.q, s.qMS
	}
}

// tallest is the larger of R and R'.
func (s *shape) tallest() float64 { return max(s.r, s.r2) }

func (a *analysis) amplitudes() {
	a.shape = map[tracing.Code]shape{}
	for _, l := range a.m.leads {
		a.shape[l.code] = a.shapeOf(l.x)
	}
	v1, has1 := a.shape[tracing.LeadV1]
	v5, has5 := a.shape[tracing.LeadV5]
	if has5 && v5.hasQRS {
		a.add(tracing.RV5, math.Round(v5.tallest()), "uV", "")
	}
	if has1 && v1.hasQRS {
		a.add(tracing.SV1, math.Round(math.Abs(v1.s)), "uV", "")
	}
	if has1 && has5 && v1.hasQRS && v5.hasQRS {
		a.add(tracing.RV5PlusSV1, math.Round(v5.tallest())+math.Round(math.Abs(v1.s)), "uV", "")
	}
	for _, l := range a.m.leads {
		a.leadNumbers(l.code, a.shape[l.code])
	}
}

func (a *analysis) leadNumbers(c tracing.Code, s shape) {
	uv := func(code string, v float64, ok bool) {
		if ok {
			a.add(code, math.Round(v), "uV", c)
		}
	}
	uv(tracing.PAmplitude, s.p, s.hasP)
	uv(tracing.QAmplitude, s.q, s.hasQRS)
	uv(tracing.RAmplitude, s.tallest(), s.hasQRS)
	uv(tracing.SAmplitude, s.s, s.hasQRS)
	uv(tracing.TAmplitude, s.t, s.hasT)
	uv(tracing.STAtJ, s.j, s.hasST)
	uv(tracing.STAtJ60, s.j60, s.hasST)
	uv(tracing.STAtJ80, s.j80, s.hasST)
	if s.hasST {
		a.add(tracing.STSlope, math.Round(s.slope*100)/100, "mV/s", c)
	}
}
