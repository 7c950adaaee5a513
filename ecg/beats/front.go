// The front end of one lead: missing samples held, the rate brought down, pacing spikes noted before they are averaged away.

package beats

import (
	"math"
	"slices"
)

// front brings one lead to the working rate. x, spike and gone begin at the same working sample.
type front struct {
	x     []float64
	spike []float64 // strongest narrow pulse of each working sample, uV
	gone  []bool    // a working sample without a sample of its own

	by    int
	lag   int // half the width of a pulse, input samples
	part  int // input samples in sum
	sum   float64
	real  int // of them not missing
	held  float64
	begun bool
	taken int       // input samples
	off   int       // working samples dropped
	raw   []float64 // the last 6 lags and the block
}

// pulseS is half the width of the widest pacing spike, as carts show it after their filters, s.
const pulseS = 0.004

func newFront(by int, rateHz float64) front {
	return front{by: by, lag: max(1, int(math.Round(pulseS*rateHz)))}
}

func (f *front) take(in []float64) {
	old := len(f.raw)
	f.raw = slices.Grow(f.raw, len(in))
	more := len(in)/f.by + 1
	f.x, f.spike, f.gone = slices.Grow(f.x, more), slices.Grow(f.spike, more), slices.Grow(f.gone, more)
	for _, v := range in {
		if v > -limitUV && v < limitUV {
			f.held = v
			f.real++
			if !f.begun {
				f.begin(v)
			}
		} else {
			v = f.held
		}
		f.raw = append(f.raw, v)
		f.sum += v
		f.part++
		if f.part == f.by {
			f.close()
		}
	}
	f.taken += len(in)
	f.pulses(old)
	if keep := 6 * f.lag; len(f.raw) > keep {
		f.raw = f.raw[:copy(f.raw, f.raw[len(f.raw)-keep:])]
	}
}

// begin gives the samples before the first real one its value, so that it is no step.
func (f *front) begin(v float64) {
	f.begun = true
	for i := range f.x {
		f.x[i] = v
	}
	for i := range f.raw {
		f.raw[i] = v
	}
	f.sum = v * float64(f.part)
}

// pulses notes where a sample differs from both neighbours of one lag almost as much as from those of three: a peak of a
// QRS complex does not.
func (f *front) pulses(old int) {
	k := f.lag
	first := f.taken - len(f.raw) // input index of raw[0]
	for c := max(old-3*k, 3*k); c+3*k < len(f.raw); c++ {
		v := f.raw[c]
		near := math.Abs(v - (f.raw[c-k]+f.raw[c+k])/2)
		far := math.Abs(v - (f.raw[c-3*k]+f.raw[c+3*k])/2)
		s := near - 0.5*far
		if s <= 0 {
			continue
		}
		if w := (first+c)/f.by - f.off; w >= 0 && w < len(f.spike) && s > f.spike[w] {
			f.spike[w] = s
		}
	}
}

func (f *front) close() {
	f.x = append(f.x, f.sum/float64(f.part))
	f.spike = append(f.spike, 0)
	f.gone = append(f.gone, f.real == 0)
	f.sum, f.part, f.real = 0, 0, 0
}

// finish closes a last, shorter working sample.
func (f *front) finish() {
	if f.part > 0 {
		f.close()
	}
}

// drop forgets n working samples.
func (f *front) drop(n int) {
	f.x = f.x[:copy(f.x, f.x[n:])]
	f.spike = f.spike[:copy(f.spike, f.spike[n:])]
	f.gone = f.gone[:copy(f.gone, f.gone[n:])]
	f.off += n
}
