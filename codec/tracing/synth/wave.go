// Waves: bumps of finite length along a direction in space.

package synth

import "math"

// vec is a dipole in millivolts: left, feet, back.
type vec [3]float64

func (v vec) times(k float64) vec { return vec{v[0] * k, v[1] * k, v[2] * k} }

// wave rises from a to b, holds to c and falls to d; times in seconds from the onset of its form.
type wave struct {
	a, b, c, d float64
	v          vec
}

// bump is a wave without a plateau.
func bump(from, peak, to float64, v vec) wave { return wave{from, peak, peak, to, v} }

// at is the share of the wave's height at time t. (1-u^2)^3 has two steady derivatives at its ends.
func (w *wave) at(t float64) float64 {
	var u float64
	switch {
	case t <= w.a || t >= w.d:
		return 0
	case t < w.b:
		u = (w.b - t) / (w.b - w.a)
	case t > w.c:
		u = (t - w.c) / (w.d - w.c)
	default:
		return 1
	}
	u = 1 - u*u
	return u * u * u
}

// part is a run of waves that make one wave of the tracing.
type part []wave

// span of a part, of its onset form.
func (p part) span() (from, to float64) {
	from, to = math.Inf(1), math.Inf(-1)
	for _, w := range p {
		from, to = min(from, w.a), max(to, w.d)
	}
	return from, to
}

// turned is the part after a rotation, its size times k.
func (p part) turned(r rotation, k float64) part {
	out := make(part, len(p))
	for i, w := range p {
		w.v = r.turn(w.v).times(k)
		out[i] = w
	}
	return out
}

// form is how a stroke of the heart looks: a P wave, or a QRS complex with what follows. Times count from the onset.
type form struct {
	p, qrs, st, t part
	spike         part    // of a pacemaker
	j             float64 // where ST and T begin to follow the rate, seconds
	qt            float64 // nominal, at 60/min
	wide          bool
	own           bool // starts in the ventricles
	paced         bool
}

// rotation turns vectors: a 3 x 3 matrix.
type rotation [3]vec

func (r rotation) turn(v vec) vec {
	var out vec
	for i := range r {
		out[i] = r[i][0]*v[0] + r[i][1]*v[1] + r[i][2]*v[2]
	}
	return out
}

// rotate turns by small angles in radians about Z (the frontal axis) and about Y (progression over the chest).
func rotate(frontal, horizontal float64) rotation {
	cf, sf, ch, sh := math.Cos(frontal), math.Sin(frontal), math.Cos(horizontal), math.Sin(horizontal)
	return rotation{{cf * ch, -sf, cf * sh}, {sf * ch, cf, sf * sh}, {-sh, 0, ch}}
}
