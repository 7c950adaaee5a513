// From samples to lines on paper.

package paper

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	tolerance = 0.03 // mm that a left-out sample may lie off the line: 3 uV at 10 mm/mV, an eighth of the line's width
	farAway   = 2000 // mm: what lies beyond is as far as that
)

// scale is the paper's, for one lead.
type scale struct {
	rate    float64 // samples a second
	speed   float64 // mm a second
	gain    float64 // mm a unit of what values gives
	level   float64 // the value that lies on the base line
	skew    float64 // seconds
	upright float64 // 1, or -1 for an inverted lead
}

// values are samples [from, to) of a lead in microvolts, NaN where they are missing; in units of its samples where it is not calibrated.
func values(l *tracing.Lead, from, to int) []float64 {
	size, offset := 1.0, 0.0
	if l.Calibrated() {
		size, offset = l.NVPerLSB.Float()/1000, l.OffsetNV.Float()/1000
	}
	out := make([]float64, to-from)
	for i, v := range l.Samples[from:to] {
		if v == tracing.Missing {
			out[i] = math.NaN()
			continue
		}
		out[i] = float64(v)*size + offset
	}
	return out
}

// level is the median of what is there: an electrocardiogram has no zero of its own, and its base line is where it is most of the time.
func level(uv []float64) float64 {
	step := max(1, len(uv)/512)
	some := make([]float64, 0, 1024)
	for i := 0; i < len(uv); i += step {
		if !math.IsNaN(uv[i]) {
			some = append(some, uv[i])
		}
	}
	if len(some) == 0 {
		return 0
	}
	slices.Sort(some)
	return some[len(some)/2]
}

// fit is the gain that shows a lead of unknown size 12 mm high.
func fit(v []float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if !math.IsNaN(x) {
			low, high = min(low, x), max(high, x)
		}
	}
	if !(high > low) {
		return 1
	}
	return 12 / (high - low)
}

// runs turns uv, whose first value is sample first of the recording, into polylines: time start lies at origin.x, the level at origin.y. A gap
// in the samples is a gap in the line.
func (s scale) runs(uv []float64, first int, start float64, origin point) [][]point {
	var out [][]point
	run := make([]point, 0, len(uv))
	dx := s.speed / s.rate
	x0 := origin.X + (float64(first)/s.rate+s.skew-start)*s.speed
	flush := func() {
		if len(run) > 0 {
			out = append(out, run)
			run = make([]point, 0, 64)
		}
	}
	for i, v := range uv {
		if math.IsNaN(v) {
			flush()
			continue
		}
		y := origin.Y - min(max((v-s.level)*s.gain*s.upright, -farAway), farAway)
		run = append(run, paper.XY(x0+float64(i)*dx, y))
	}
	flush()
	for i := range out {
		if dx < tolerance/2 {
			out[i] = paper.Envelope(out[i], tolerance)
		}
		out[i] = thin(out[i])
	}
	return out
}

// thin leaves out points that lie within tolerance, measured upright, of the line between those that stay. What stays was measured: no point is moved.
func thin(in []point) []point {
	if len(in) < 3 {
		return in
	}
	out := append(make([]point, 0, len(in)/2+2), in[0])
	anchor, last := in[0], in[1]
	low, high := cone(anchor, last)
	for _, p := range in[2:] {
		slope := (p.Y - anchor.Y) / (p.X - anchor.X)
		if slope >= low && slope <= high {
			l, h := cone(anchor, p)
			low, high, last = max(low, l), min(high, h), p
			continue
		}
		out = append(out, last)
		anchor, last = last, p
		low, high = cone(anchor, last)
	}
	return append(out, last)
}

// cone are the slopes from a that pass within tolerance of p.
func cone(a, p point) (low, high float64) {
	dx := p.X - a.X
	return (p.Y - tolerance - a.Y) / dx, (p.Y + tolerance - a.Y) / dx
}
