// Filters for display: zero phase, so that no wave moves, and never for measuring.

package paper

import (
	"fmt"
	"math"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Filter is what the doctor chose to look through. Zero corners do nothing. Each is second order and runs forth and back, which doubles its
// order and takes its phase away.
type Filter struct {
	HighPassHz float64 // 0.05 to 5
	LowPassHz  float64 // 10 to 150
	NotchHz    float64 // 50 or 60
}

func (f Filter) none() bool { return f == Filter{} }

// settled leaves out corners that the sampling rate or sense do not allow.
func (f Filter) settled(rate float64) Filter {
	usable := func(v, low, high float64) float64 {
		if v >= low && v <= high && v < 0.45*rate {
			return v
		}
		return 0
	}
	return Filter{HighPassHz: usable(f.HighPassHz, 0.01, 5), LowPassHz: usable(f.LowPassHz, 10, 500), NotchHz: usable(f.NotchHz, 45, 65)}
}

// String names it: "0.67-40Hz AC50Hz".
func (f Filter) String() string { return band(f.HighPassHz, f.LowPassHz, f.NotchHz) }

func band(high, low, notch float64) string {
	var parts []string
	switch {
	case high > 0 && low > 0:
		parts = append(parts, fmt.Sprintf("%s-%sHz", number(high), number(low)))
	case high > 0:
		parts = append(parts, fmt.Sprintf("≥%sHz", number(high)))
	case low > 0:
		parts = append(parts, fmt.Sprintf("≤%sHz", number(low)))
	}
	if notch > 0 {
		parts = append(parts, fmt.Sprintf("AC%sHz", number(notch)))
	}
	return strings.Join(parts, " ")
}

// number is v with at most two decimals and no needless zeros.
func number(v float64) string {
	s := fmt.Sprintf("%.2f", v)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// biquad is a second order section, a0 = 1.
type biquad struct{ b0, b1, b2, a1, a2 float64 }

// Bilinear transforms of the analogue prototypes, with the corner prewarped; Butterworth for the passes.
func newBiquad(kind byte, corner, rate float64) biquad {
	w := 2 * math.Pi * corner / rate
	sin, cos := math.Sincos(w)
	q := math.Sqrt2 / 2
	if kind == 'n' {
		q = 25 // 50 Hz: 2 Hz wide
	}
	alpha := sin / (2 * q)
	a0 := 1 + alpha
	f := biquad{a1: -2 * cos / a0, a2: (1 - alpha) / a0}
	switch kind {
	case 'h':
		f.b0, f.b1, f.b2 = (1+cos)/2/a0, -(1+cos)/a0, (1+cos)/2/a0
	case 'l':
		f.b0, f.b1, f.b2 = (1-cos)/2/a0, (1-cos)/a0, (1-cos)/2/a0
	default:
		f.b0, f.b1, f.b2 = 1/a0, -2*cos/a0, 1/a0
	}
	return f
}

// run filters x in place, as if its first value had lasted for ever.
func (f biquad) run(x []float64) {
	dc := x[0]
	y := dc * (f.b0 + f.b1 + f.b2) / (1 + f.a1 + f.a2)
	s1 := y - f.b0*dc
	s2 := f.b2*dc - f.a2*y
	for i, v := range x {
		out := f.b0*v + s1
		s1 = f.b1*v - f.a1*out + s2
		s2 = f.b2*v - f.a2*out
		x[i] = out
	}
}

// apply filters the stretches between gaps (NaN) in place.
func (f Filter) apply(uv []float64, rate float64) {
	var chain []biquad
	if f.HighPassHz > 0 {
		chain = append(chain, newBiquad('h', f.HighPassHz, rate))
	}
	if f.LowPassHz > 0 {
		chain = append(chain, newBiquad('l', f.LowPassHz, rate))
	}
	if f.NotchHz > 0 {
		chain = append(chain, newBiquad('n', f.NotchHz, rate))
	}
	for from := 0; from < len(uv); from++ {
		to := from
		for to < len(uv) && !math.IsNaN(uv[to]) {
			to++
		}
		if to-from > 3 {
			bothWays(chain, uv[from:to], rate)
		}
		from = to
	}
}

// bothWays pads with the point reflection of the ends, so that the filters settle outside of what is seen.
func bothWays(chain []biquad, x []float64, rate float64) {
	pad := int(min(2*rate, float64(len(x)-1)))
	wide := make([]float64, 0, len(x)+2*pad)
	for i := pad; i > 0; i-- {
		wide = append(wide, 2*x[0]-x[i])
	}
	wide = append(wide, x...)
	last := len(x) - 1
	for i := 1; i <= pad; i++ {
		wide = append(wide, 2*x[last]-x[last-i])
	}
	for range 2 {
		for _, f := range chain {
			f.run(wide)
		}
		for i, j := 0, len(wide)-1; i < j; i, j = i+1, j-1 {
			wide[i], wide[j] = wide[j], wide[i]
		}
	}
	copy(x, wide[pad:pad+len(x)])
}

// recordedBand names what the device kept.
func recordedBand(f tracing.Filters) string { return band(f.HighPassHz, f.LowPassHz, f.NotchHz) }
