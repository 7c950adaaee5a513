// One frame: from the leads at the working rate to the energy of QRS complexes.

package beats

import (
	"math"
	"slices"
)

// frame is the room that analysis works in, used again for each frame.
type frame struct {
	hz          float64
	n           int
	cum         []float64
	a, b, c     []float64
	band        [][]float64 // of each lead: 8 to 20 Hz
	energy      []float64   // of all leads
	sharp       []float64   // of all leads: how fast the band of 8 to 20 Hz changes
	f           []float64   // its square root, smoothed over a complex
	excess      []float64   // f above its surroundings
	weights     []float64   // of each spell, summed over the leads
	size, crest []float64   // of each lead: energy of its complexes, and against its mean
}

const (
	hatS       = 0.034 // width of the box of the band-pass, s: its middle is at 1/(2 hatS) = 15 Hz
	wideS      = 0.062 // the same of a second band, of wide complexes: 8 Hz
	wideGain   = 0.7   // of the second band's energy
	qrsS       = 0.090 // smoothing over a complex
	beatS      = 0.500 // its surroundings
	crestPower = 1.5   // how a lead's weight grows with how far its complexes stand out
	floorPower = 1.0   // how it falls with the noise of the moment
	floorLeast = 0.003 // noise, in energies of a complex, that is as good as none
	floorS     = 0.10  // part whose mean energy is one sample of the noise
)

func odd(s, hz float64) int { return int(s*hz/2)*2 + 1 }

func grow(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}

// box is the moving average of an odd width, the ends continued with their own value.
func (fr *frame) box(dst, x []float64, w int) {
	n := len(x)
	h := w / 2
	c := grow(fr.cum, n+w)
	fr.cum = c
	sum := 0.0
	c[0] = 0
	first, last := x[0], x[n-1]
	for i := range h {
		sum += first
		c[i+1] = sum
	}
	for i, v := range x {
		sum += v
		c[h+i+1] = sum
	}
	for i := h + n; i < n+w-1; i++ {
		sum += last
		c[i+1] = sum
	}
	g := 1 / float64(w)
	for i := range dst[:n] {
		dst[i] = (c[i+w] - c[i]) * g
	}
}

// hat is twice a moving average minus its neighbours: a zero-phase band-pass without gain at 0 Hz and at 1/hatS.
func (fr *frame) hat(dst, x []float64, w int) {
	n := len(x)
	m := grow(fr.b, n)
	fr.b = m
	fr.box(m, x, w)
	for i := range n {
		dst[i] = 2*m[i] - m[max(i-w, 0)] - m[min(i+w, n-1)]
	}
}

// load computes band, energy and excess of the leads.
func (fr *frame) load(leads []front, hz float64) {
	n := len(leads[0].x)
	fr.n, fr.hz = n, hz
	for len(fr.band) < len(leads) {
		fr.band = append(fr.band, nil)
	}
	fr.a, fr.c = grow(fr.a, n), grow(fr.c, n)
	fr.f, fr.excess, fr.energy = grow(fr.f, n), grow(fr.excess, n), grow(fr.energy, n)
	clear(fr.energy)
	fr.sharp = grow(fr.sharp, n)
	clear(fr.sharp)
	fr.weights = grow(fr.weights, n/fr.spell()+1)
	clear(fr.weights)
	fr.size, fr.crest = fr.size[:0], fr.crest[:0]
	for i := range leads {
		fr.band[i] = grow(fr.band[i], n)
		fr.hat(fr.a, leads[i].x, odd(hatS, hz))
		fr.hat(fr.band[i], fr.a, odd(hatS, hz))
		fr.hat(fr.a, leads[i].x, odd(wideS, hz))
		fr.hat(fr.c, fr.a, odd(wideS, hz))
		fr.add(fr.band[i], fr.c)
	}
	fr.share()
	fr.box(fr.f, fr.energy, odd(qrsS, hz))
	for i, v := range fr.f {
		fr.f[i] = math.Sqrt(max(v, 0))
	}
	fr.box(fr.a, fr.f, odd(beatS, hz))
	for i := range fr.f {
		fr.excess[i] = max(fr.f[i]-fr.a[i], 0)
	}
}

// spell is the length of a part whose noise is measured, samples.
func (fr *frame) spell() int { return int(0.5 * fr.hz) }

// add sums a lead's energy into the frame's: of complexes near 1, weighted by how far they stand out of the noise of the moment.
func (fr *frame) add(y, z []float64) {
	e := fr.a
	for i, v := range y {
		e[i] = v*v + wideGain*z[i]*z[i]
	}
	size, mean := fr.peaks(e)
	crest := size / mean
	fr.size, fr.crest = append(fr.size, size), append(fr.crest, crest)
	if !(size > 0) {
		return
	}
	for k, floor := range fr.floors(e) {
		w := math.Pow(crest, crestPower) / math.Pow(floor/size+floorLeast, floorPower)
		fr.weights[k] += w
		g := w / size
		lo := k * fr.spell()
		for i := lo; i < min(lo+fr.spell(), len(e)); i++ {
			fr.energy[i] += g * e[i]
			d := y[min(i+1, len(y)-1)] - y[max(i-1, 0)]
			fr.sharp[i] += g * d * d
		}
	}
}

// share divides the sum by the weights.
func (fr *frame) share() {
	for k, w := range fr.weights {
		g := 1 / (w + 1e-30)
		lo := k * fr.spell()
		for i := range fr.energy[lo:min(lo+fr.spell(), fr.n)] {
			fr.energy[lo+i] *= g
			fr.sharp[lo+i] *= g
		}
	}
}

// floors are the medians of the energy, in parts of floorS, within a second of each spell.
func (fr *frame) floors(e []float64) []float64 {
	part := max(int(floorS*fr.hz), 1)
	means := make([]float64, 0, len(e)/part+1)
	for at := 0; at < len(e); at += part {
		sum := 0.0
		end := min(at+part, len(e))
		for _, v := range e[at:end] {
			sum += v
		}
		means = append(means, sum/float64(end-at))
	}
	out := make([]float64, len(fr.weights))
	var near []float64
	for k := range out {
		mid := (k*fr.spell() + fr.spell()/2) / part
		reach := int(fr.hz) / part
		near = append(near[:0], means[min(max(mid-reach, 0), len(means)-1):min(mid+reach, len(means))]...)
		slices.Sort(near)
		out[k] = near[len(near)/2]
	}
	return out
}

// peaks are the median of the greatest values of 1.5 s each, and the mean.
func (fr *frame) peaks(e []float64) (size, mean float64) {
	step := int(1.5 * fr.hz)
	var tops []float64
	for at := 0; at < len(e); at += step {
		end := min(at+step, len(e))
		if end-at < step/2 && len(tops) > 0 {
			break
		}
		top := 0.0
		for _, v := range e[at:end] {
			if v > top {
				top = v
			}
			mean += v
		}
		tops = append(tops, top)
	}
	slices.Sort(tops)
	return tops[len(tops)/2], mean/float64(len(e)) + 1e-30
}
