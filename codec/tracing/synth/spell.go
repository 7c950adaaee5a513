// What has no separate beats: fibrillation and flutter.

package synth

import (
	"math"
	"math/rand/v2"
)

type spellKind int

const (
	fibrillatingAtria spellKind = iota
	flutteringAtria
	fibrillatingVentricles
)

// flutterRate is that of the atria, /min.
const flutterRate = 300

// spell is a time of it.
type spell struct {
	kind     spellKind
	from, to float64
	turns    [4]oscillator
}

// oscillator turns in a plane of space at a wandering frequency.
type oscillator struct {
	hz, phase, wobble, wobbleHz, swellHz float64
	a, b                                 vec
}

func (o *oscillator) at(t float64) vec {
	x := 2*math.Pi*o.hz*t + o.phase + o.wobble*math.Sin(2*math.Pi*o.wobbleHz*t+2*o.phase)
	swell := 1 + .45*math.Sin(2*math.Pi*o.swellHz*t+3*o.phase)
	s, c := math.Sincos(x)
	var v vec
	for i := range v {
		v[i] = swell * (o.a[i]*c + o.b[i]*s)
	}
	return v
}

func newSpell(kind spellKind, from, to float64, r *rand.Rand) spell {
	s := spell{kind: kind, from: from, to: to}
	base, spread, wobble, size := 6.4, 3.4, 2.4, vec{.020, .018, .050}
	if kind == fibrillatingVentricles {
		base, spread, wobble, size = 4.8, 3.6, 1.3, vec{.30, .34, .30}
	}
	for i := range s.turns {
		o := oscillator{
			hz: base + spread*(r.Float64()-.5), phase: 2 * math.Pi * r.Float64(),
			wobble: wobble, wobbleHz: .3 + .5*r.Float64(), swellHz: .15 + .35*r.Float64(),
		}
		for k := range 3 {
			o.a[k], o.b[k] = size[k]*(r.Float64()*2-1), size[k]*(r.Float64()*2-1)
		}
		s.turns[i] = o
	}
	return s
}

// at is the dipole at time t; it comes and goes within a fifth of a second.
func (s *spell) at(t float64) vec {
	if t <= s.from || t >= s.to {
		return vec{}
	}
	fade := min(1, (t-s.from)/.2, (s.to-t)/.2)
	if s.kind == flutteringAtria {
		return vec{.02, .19, -.045}.times(fade * saw((t-s.from)*flutterRate/60))
	}
	var v vec
	for i := range s.turns {
		o := s.turns[i].at(t)
		for k := range v {
			v[k] += fade * o[k]
		}
	}
	return v
}

// saw is the flutter wave: slowly down, quickly up, in the inferior leads negative; mean zero, rounded corners.
func saw(x float64) float64 {
	x = 2 * math.Pi * (x - math.Floor(x))
	return -.62 * (math.Sin(x) + .42*math.Sin(2*x) + .2*math.Sin(3*x) + .08*math.Sin(4*x))
}
