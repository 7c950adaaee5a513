// The wavelet: a quadratic spline, as running means and one difference, for any sampling rate.

package delineate

// widthMS is the width of the box of a scale. The quadratic spline wavelet of the a-trous algorithm is, at scale 2^k, three running means
// over 2^(k-1) samples at 250/s and one difference over as many; with the width in time it is the same wavelet at any rate.
func widthMS(scale int) float64 { return float64(int(2) << scale) }

// transform computes wavelets of one signal, with room that is used again.
type transform struct {
	sum, a, b []float64
}

// wavelet is the transform of x at a scale 1, 2, ... (2^1, 2^2, ... at 250 samples a second, as Martinez et al. number them): positive
// where x rises, in units of x. It is in phase with x; beyond its ends x
// is taken to stay as it is there.
func (t *transform) wavelet(dst, x []float64, rateHz float64, scale int) []float64 {
	w := widthMS(scale) * rateHz / 1000
	t.a = t.box(t.a, x, w)
	t.b = t.box(t.b, t.a, w)
	t.a = t.box(t.a, t.b, w)
	return t.difference(dst, t.a, w)
}

// smooth is x after three running means of a width, in phase.
func (t *transform) smooth(dst, x []float64, width float64) []float64 {
	t.a = t.box(t.a, x, width)
	t.b = t.box(t.b, t.a, width)
	return t.box(dst, t.b, width)
}

// box is the running mean over a width in samples, which need not be whole. dst may not be x.
func (t *transform) box(dst, x []float64, width float64) []float64 {
	n := len(x)
	pad := int(width/2) + 2
	t.sum = room(t.sum, n+2*pad+1)
	sum := t.sum
	dst = room(dst, n)
	if n == 0 {
		return dst
	}
	// sum[i] is the integral up to the left side of sample i-pad; sums of differences from x[0] keep their digits.
	base, s := x[0], 0.0
	for i := range sum {
		sum[i] = s
		s += x[min(max(i-pad, 0), n-1)] - base
	}
	lo := 0.5 - width/2 + float64(pad)
	hi := 0.5 + width/2 + float64(pad)
	il, ih := int(lo), int(hi)
	fl, fh := lo-float64(il), hi-float64(ih)
	scale := 1 / width
	for i := range dst {
		l := sum[i+il] + fl*(sum[i+il+1]-sum[i+il])
		h := sum[i+ih] + fh*(sum[i+ih+1]-sum[i+ih])
		dst[i] = (h-l)*scale + base
	}
	return dst
}

// difference is 2(x(t+w/2) - x(t-w/2)), between samples linear.
func (t *transform) difference(dst, x []float64, width float64) []float64 {
	n := len(x)
	dst = room(dst, n)
	half := width / 2
	whole := int(half)
	f := half - float64(whole)
	at := func(i int) float64 { return x[min(max(i, 0), n-1)] }
	edge := whole + 1
	for i := range dst {
		if i < edge || i >= n-edge {
			dst[i] = 2 * ((1-f)*(at(i+whole)-at(i-whole)) + f*(at(i+whole+1)-at(i-whole-1)))
			continue
		}
		dst[i] = 2 * ((1-f)*(x[i+whole]-x[i-whole]) + f*(x[i+whole+1]-x[i-whole-1]))
	}
	return dst
}

// room is s with n elements, of any content.
func room(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}
