// Numbers of the whole recording: rates, intervals, axes.

package measure

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/delineate"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

func (a *analysis) add(code string, value float64, unit string, lead tracing.Code) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	if value == 0 {
		value = 0 // not minus zero
	}
	a.result.Measurements = append(a.result.Measurements, tracing.Measurement{
		Code: code, Value: value, Unit: unit, Lead: lead, Source: Algorithm,
	})
}

// value is a global measurement made before; false if it is not there.
func (a *analysis) value(code string) (float64, bool) {
	for _, m := range a.result.Measurements {
		if m.Code == code && m.Lead == "" {
			return m.Value, true
		}
	}
	return 0, false
}

// mean of values; 0 of none.
func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / max(float64(len(v)), 1)
}

func (a *analysis) rates() {
	ds := a.distances()
	if len(ds) == 0 {
		if len(a.beats) == 1 {
			a.unmeasurable("a single beat: no rate")
		}
		return
	}
	rr := mean(ds) / a.s.rate * 1000
	least, most := slices.Min(ds)/a.s.rate*1000, slices.Max(ds)/a.s.rate*1000
	a.add(tracing.HeartRate, math.Round(60000/rr*10)/10, "/min", "")
	a.add(tracing.RRInterval, math.Round(rr), "ms", "")
	a.add(tracing.ShortestRR, math.Round(least), "ms", "")
	a.add(tracing.LongestRR, math.Round(most), "ms", "")
}

// intervals of the median beat, QT corrected for rate, and axes.
func (a *analysis) intervals() {
	ms := func(from, to int) float64 { return math.Round(float64(to-from) / a.m.rate * 1000) }
	p, q, t := a.waves.P, a.waves.QRS, a.waves.T
	if p.OK {
		a.add(tracing.PDuration, ms(p.On, p.Off), "ms", "")
	}
	if p.OK && q.OK {
		a.add(tracing.PRInterval, ms(p.On, q.On), "ms", "")
	}
	if q.OK {
		a.add(tracing.QRSDuration, ms(q.On, q.Off), "ms", "")
	}
	a.reconsider()
	if q.OK && t.OK && !a.noQT() {
		qt := ms(q.On, t.Off)
		a.add(tracing.QTInterval, qt, "ms", "")
		if a.around > 0 {
			a.corrected(qt, a.around/a.s.rate)
		}
	}
	a.axis(tracing.PAxis, p)
	a.axis(tracing.QRSAxis, q)
	a.axis(tracing.TAxis, t)
}

// corrected QT: Bazett 1920, Fridericia 1920, Framingham (Sagie 1992), Hodges 1983; rr in seconds.
func (a *analysis) corrected(qt, rr float64) {
	a.add(tracing.QTcBazett, math.Round(qt/math.Sqrt(rr)), "ms", "")
	a.add(tracing.QTcFrideric, math.Round(qt/math.Cbrt(rr)), "ms", "")
	a.add(tracing.QTcFraming, math.Round(qt+154*(1-rr)), "ms", "")
	a.add(tracing.QTcHodges, math.Round(qt+1.75*(60/rr-60)), "ms", "")
}

// across is the line from the onset of a wave to its offset.
func across(x []float64, w delineate.Wave) line {
	if w.Off <= w.On {
		return line{}
	}
	slope := (x[w.Off] - x[w.On]) / float64(w.Off-w.On)
	return line{x[w.On] - slope*float64(w.On), slope}
}

// axis in the frontal plane from the net areas of a wave in I and III: aVF is (I + 2 III)/2, and its vector is as long as that of I if it is
// taken 2/sqrt(3) times. In atrial flutter the areas are above a line from onset to offset: the waves go on below.
func (a *analysis) axis(code string, w delineate.Wave) {
	one, three := a.m.lead(tracing.LeadI), a.m.lead(tracing.LeadIII)
	if !w.OK || one == nil {
		return
	}
	flutters := a.goesOn(finding.AtrialFlutter)
	area := func(x []float64) float64 {
		var base line
		if flutters {
			base = across(x, w)
		}
		sum := 0.0
		for i := w.On; i <= w.Off; i++ {
			sum += x[i] - base.at(i)
		}
		return sum
	}
	i := area(one)
	var iii float64
	switch two := a.m.lead(tracing.LeadII); {
	case three != nil:
		iii = area(three)
	case two != nil:
		iii = area(two) - i
	default:
		return
	}
	y := (i + 2*iii) / math.Sqrt(3)
	if n := float64(w.Off - w.On + 1); math.Hypot(i, y)/n < 3 { // microvolts: no direction
		return
	}
	a.add(code, math.Round(math.Atan2(y, i)*180/math.Pi), "deg", "")
}
