// A frame from its samples to its beats.

package beats

import (
	"math"
	"slices"
)

// analyse reports the beats of the buffers before the working index end.
func (s *Stream) analyse(end int) []Beat {
	if len(s.leads[0].x) < int(0.5*s.hz) {
		return nil
	}
	fr := &s.frame
	fr.load(s.leads, s.hz)
	s.shapes.choose(fr, s.leads)
	places := slices.DeleteFunc(fr.places(), func(p place) bool { return s.gone(p.at) })
	chosen, usual := fr.sequence(places, s.last-s.base, s.any)
	var out []Beat
	var early []bool
	for _, p := range chosen {
		at := p.at + s.base
		if at < s.next || at >= end {
			continue
		}
		normal := usual[int(float64(p.at)/s.hz)]
		rr := normal
		if s.any {
			rr = float64(at-s.last) / s.hz
		}
		early = append(early, rr < premature*normal)
		s.last, s.any = at, true
		id, shift := s.shapes.place(s.leads, s.hz, p.at, at, rr)
		out = append(out, Beat{At: at + shift, Strength: p.strength, Template: id})
	}
	s.classify(out, early)
	s.pace(out)
	for i := range out {
		out[i].At = max(s.sample(out[i].At), 0)
	}
	return out
}

// gone reports whether no lead has a sample at an index of the buffers.
func (s *Stream) gone(i int) bool {
	for l := range s.leads {
		if !s.leads[l].gone[i] {
			return false
		}
	}
	return true
}

// kinds are the ways in which a ventricular beat differs from the dominant one: the less it resembles it, the less wide it has to be.
var kinds = []struct {
	early  bool    // only a premature beat
	unlike float64 // greatest correlation
	wider  float64 // least width, in widths of the dominant beat
}{
	{false, 0.60, 1.25},
	{true, 0.85, 1.25},
	{true, 0.60, 1.00},
	{true, 0.20, 0.85},
	{false, -0.20, 0.85},
}

const (
	premature = 0.90 // of the usual distance
	wideMS    = 70.0 // rough width at least
)

// classify sorts the beats of a frame by their shapes, as they are known after it.
func (s *Stream) classify(bs []Beat, early []bool) {
	sh := &s.shapes
	sh.measure(s.hz)
	dom := sh.dominant()
	for i := range bs {
		b := &bs[i]
		own := sh.byID(b.Template)
		if own == nil { // one of many that came once
			own = &shape{v: sh.cut(nil, s.leads, s.hz, b.At-s.base)}
			sh.extent(own, s.hz)
		}
		r, ratio := correlation(own.v, dom.v), own.width/dom.width
		b.WidthMS = own.width
		b.Dominant = own == dom || r > 0.9
		if b.Dominant || own.width < wideMS {
			continue
		}
		for _, k := range kinds {
			b.Ventricular = b.Ventricular || (early[i] || !k.early) && r < k.unlike && ratio >= k.wider
		}
	}
}

// Where a spike stands from the main deflection, s, and how it compares with the noise and with the complex itself.
const (
	spikeBeforeS = 0.16
	spikeAfterS  = -0.03
	spikeLeast   = 20.0
	spikeOver    = 2.0
)

// pace marks beats with a pacing spike shortly before.
func (s *Stream) pace(bs []Beat) {
	if len(bs) == 0 {
		return
	}
	n := s.frame.n
	sum := grow(s.frame.a, n)
	clear(sum)
	const every = 7 // of the working samples are enough for a median
	med := grow(s.frame.c, n)[:0]
	for _, l := range s.leads {
		med = med[:0]
		for i := 0; i < n; i += every {
			med = append(med, l.spike[i])
		}
		slices.Sort(med)
		g := 1 / (med[len(med)/2] + 3)
		for i, v := range l.spike {
			sum[i] += g * v
		}
	}
	g := 1 / math.Sqrt(float64(len(s.leads)))
	for i := range bs {
		at := bs[i].At - s.base
		top := 0.0
		for j := max(at-int(spikeBeforeS*s.hz), 0); j <= min(at+int(spikeAfterS*s.hz), n-1); j++ {
			top = max(top, sum[j]*g)
		}
		in := 0.0
		for j := max(at+int(spikeAfterS*s.hz), 0); j <= min(at+int(0.08*s.hz), n-1); j++ {
			in = max(in, sum[j]*g)
		}
		bs[i].Paced = top > spikeLeast && top > spikeOver*in
	}
}
