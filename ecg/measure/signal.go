// The samples of a tracing as microvolts, and how well each lead can be read.

package measure

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// What is no longer a usable lead.
const (
	flatUV       = 20.0   // less than this from lowest to highest in ten seconds is no electrocardiogram
	stillShare   = 0.80   // of samples that repeat the one before
	railShare    = 0.15   // of samples at the highest or the lowest value
	railUV       = 1500.0 // from zero: nearer, it is the level of a recording without noise
	missingShare = 0.20   // of samples
	noisyUV      = 60.0   // root mean square above 40 Hz
	hopelessUV   = 300.0  // the same: nothing to be measured even where all leads are noisy
	wanderingUV  = 1500.0 // under 0.5 Hz, peak to peak
)

// leadSignal is one calibrated lead.
type leadSignal struct {
	code    tracing.Code
	x       []float64 // microvolts, every value finite
	derived bool
	read    bool // it is measured
	quality LeadQuality
}

// signal is what is measured: the calibrated leads of one group.
type signal struct {
	rate  float64
	first int // sample of the group that is sample 0 here
	n     int
	leads []leadSignal
}

func (s *signal) ms(t float64) int { return int(math.Round(t * s.rate / 1000)) }

// lead finds a lead that is measured; nil if there is none.
func (s *signal) lead(c tracing.Code) *leadSignal {
	for i := range s.leads {
		if s.leads[i].code == c && s.leads[i].read {
			return &s.leads[i]
		}
	}
	return nil
}

// usable are the signals of the leads that can be read; of the limb leads that follow from others only where nothing else is there.
func (s *signal) usable() [][]float64 {
	var out [][]float64
	for _, derived := range []bool{false, true} {
		for i := range s.leads {
			if l := &s.leads[i]; l.read && l.derived == derived {
				out = append(out, l.x)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// signalOf takes the calibrated leads of a group.
func signalOf(g *tracing.Group) *signal {
	s := &signal{rate: g.Rate.Float(), n: g.Len()}
	s.n = min(s.n, int(longestS*min(s.rate, highestRateHz)))
	room := make([]float64, s.n*len(g.Leads))
	for i := range g.Leads {
		l := &g.Leads[i]
		if !l.Calibrated() || len(l.Samples) != g.Len() {
			continue
		}
		samples := l.Samples[:s.n]
		x := room[:s.n:s.n]
		room = room[s.n:]
		missing := microvolts(x, l, samples)
		code := l.Code
		if code == "" {
			code = tracing.Code(l.Label)
		}
		q := LeadQuality{Lead: code, Off: l.Off || silent(x, samples), Usable: float64(missing) <= missingShare*float64(s.n)}
		s.leads = append(s.leads, leadSignal{code: code, x: x, derived: l.Derived, read: q.Usable && !q.Off, quality: q})
	}
	s.trim()
	return s
}

// leastAlikeS is how long all leads have to be alike at an end of a recording to be cut off.
const leastAlikeS = 0.05

// trim cuts off ends where all leads have the same value: padding, or the calibration pulse that some carts append.
func (s *signal) trim() {
	if len(s.leads) < 3 {
		return
	}
	alike := func(i int) bool {
		for _, l := range s.leads[1:] {
			if l.x[i] != s.leads[0].x[i] {
				return false
			}
		}
		return true
	}
	from, to := 0, s.n
	for from < to && alike(from) {
		from++
	}
	for to > from && alike(to-1) {
		to--
	}
	least := int(leastAlikeS * s.rate)
	if from < least {
		from = 0
	}
	if s.n-to < least {
		to = s.n
	}
	s.first, s.n = from, to-from
	for i := range s.leads {
		s.leads[i].x = s.leads[i].x[from:to]
	}
}

// microvolts fills x and bridges missing samples by straight lines; it returns how many there were.
func microvolts(x []float64, l *tracing.Lead, samples []int32) (missing int) {
	scale, offset := l.NVPerLSB.Float()/1000, l.OffsetNV.Float()/1000
	last := -1
	for i, v := range samples {
		if v == tracing.Missing {
			missing++
			continue
		}
		x[i] = float64(v)*scale + offset
		if last < i-1 {
			bridge(x, last, i)
		}
		last = i
	}
	if last >= 0 {
		bridge(x, last, len(x))
	}
	return missing
}

// bridge fills the samples between two known ones; beyond the ends the nearest is repeated.
func bridge(x []float64, from, to int) {
	for i := from + 1; i < to; i++ {
		switch {
		case from < 0:
			x[i] = x[to]
		case to == len(x):
			x[i] = x[from]
		default:
			x[i] = x[from] + (x[to]-x[from])*float64(i-from)/float64(to-from)
		}
	}
}

// silent reports a lead that is flat, stands still, or is at the rail.
func silent(x []float64, samples []int32) bool {
	if len(x) == 0 {
		return true
	}
	lo, hi := x[0], x[0]
	for _, v := range x {
		if v < lo {
			lo = v
		} else if v > hi {
			hi = v
		}
	}
	if hi-lo < flatUV {
		return true
	}
	still, rail := 0, 0
	for i := 1; i < len(x); i++ {
		if samples[i] == samples[i-1] {
			still++
			if (x[i] == lo || x[i] == hi) && math.Abs(x[i]) >= railUV {
				rail++
			}
		}
	}
	n := float64(len(x))
	return float64(rail) > railShare*n || float64(still) > stillShare*n && hi-lo < 5*flatUV
}

// judge measures noise and wander of every lead; inQRS marks samples that are not noise. Noisy leads are not read, unless all are noisy.
func (s *signal) judge(inQRS []bool) {
	var fine, a, b []float64
	slow := make([]float64, 0, s.n)
	step := max(1, int(s.rate/50))
	for i := range s.leads {
		l := &s.leads[i]
		fine, a, b = fit(fine, s.n), fit(a, s.n), fit(b, s.n)
		// Three running means of 9 ms pass half the power at 40 Hz.
		width := s.ms(9) | 1
		runningMean(a, l.x, width)
		runningMean(b, a, width)
		runningMean(fine, b, width)
		var e, n float64
		for k, in := range inQRS {
			if !in {
				e += (l.x[k] - fine[k]) * (l.x[k] - fine[k])
				n++
			}
		}
		l.quality.NoiseUV = math.Round(math.Sqrt(e/max(1, n))*10) / 10
		slow = slow[:0]
		for k := 0; k < s.n; k += step {
			slow = append(slow, fine[k])
		}
		l.quality.WanderUV = math.Round(wander(slow, s.rate/float64(step)))
		l.quality.Usable = l.read && l.quality.NoiseUV <= noisyUV
		l.read = l.read && l.quality.NoiseUV <= hopelessUV
	}
	if slices.ContainsFunc(s.leads, func(l leadSignal) bool { return l.quality.Usable }) {
		for i := range s.leads {
			s.leads[i].read = s.leads[i].quality.Usable
		}
	}
}

// wander is the range of x under 0.5 Hz within ten seconds; of longer recordings the median.
func wander(x []float64, rate float64) float64 {
	a, b := make([]float64, len(x)), make([]float64, len(x))
	width := int(0.73*rate) | 1 // three running means of 0.73 s pass half the power at 0.5 Hz
	runningMean(a, x, width)
	runningMean(b, a, width)
	runningMean(a, b, width)
	var ranges []float64
	for part := range slices.Chunk(a, max(1, int(10*rate))) {
		ranges = append(ranges, slices.Max(part)-slices.Min(part))
	}
	if len(ranges) == 0 {
		return 0
	}
	slices.Sort(ranges)
	return ranges[len(ranges)/2]
}

// runningMean of an odd width; at the ends over what is there.
func runningMean(dst, x []float64, width int) {
	h := width / 2
	var sum float64
	n := 0
	for i := 0; i < min(h, len(x)); i++ {
		sum += x[i]
		n++
	}
	for i := range x {
		if j := i + h; j < len(x) {
			sum += x[j]
			n++
		}
		if j := i - h - 1; j >= 0 {
			sum -= x[j]
			n--
		}
		dst[i] = sum / float64(n)
	}
}

func fit(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}
