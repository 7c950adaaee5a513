// Which beats have one shape: correlation of their QRS complexes over all leads.

package delineate

import "math"

// shape is the QRS complex of some beats at scale 3, all leads after another, decimated to about 250/s.
type shape struct {
	v []float64
	n float64
}

const (
	shapeFrom = -80 // ms around the QRS position that make its shape
	shapeTo   = 120
	shapeLag  = 48   // ms by which positions of like beats may differ
	shapeLike = 0.90 // correlation of one shape
	shapeMany = 24   // a beat is compared with the first and the last so many shapes: noise has no end of them
)

// classify puts each beat to the beats that it is like, and aligns it with them.
func (s *study) classify() {
	step := max(1, int(s.rate/250+0.5))
	var shapes []shape
	for i := range s.beats {
		best, at, class := shapeLike, 0, -1
		for c := range shapes {
			if c >= shapeMany && c < len(shapes)-shapeMany {
				continue
			}
			r, p := s.align(&shapes[c], s.beats[i].at, step)
			if r > best {
				best, at, class = r, p, c
			}
		}
		if class < 0 {
			class, at = len(shapes), s.beats[i].at
			shapes = append(shapes, shape{})
			s.classes = append(s.classes, nil)
		}
		at = min(max(at, 0), s.n-1)
		s.beats[i].at = at
		s.classes[class] = append(s.classes[class], i)
		s.join(&shapes[class], at, step)
	}
}

// align finds the position around at where the signal is most like a shape, and its correlation there.
func (s *study) align(h *shape, at, step int) (float64, int) {
	best, where := math.Inf(-1), at
	try := func(p int) {
		if r := s.like(h, p, step); r > best {
			best, where = r, p
		}
	}
	for lag := -s.ms(shapeLag); lag <= s.ms(shapeLag); lag += step {
		try(at + lag)
	}
	for p, coarse := where-step+1, where; p < coarse+step; p++ {
		try(p)
	}
	return best, where
}

// like is the correlation of the signal at a place with a shape.
func (s *study) like(h *shape, at, step int) float64 {
	var xy, xx, yy float64
	k := 0
	from, to := s.ms(shapeFrom), s.ms(shapeTo)
	for l := range s.leads {
		w := s.leads[l].w[3]
		for i := at + from; i <= at+to; i += step {
			y := h.v[k]
			k++
			yy += y * y
			if i >= 0 && i < s.n {
				xy += w[i] * y
				xx += w[i] * w[i]
			}
		}
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// join takes a beat into the running mean of a shape.
func (s *study) join(h *shape, at, step int) {
	from, to := s.ms(shapeFrom), s.ms(shapeTo)
	k := 0
	h.n = min(h.n+1, chunk)
	for l := range s.leads {
		w := s.leads[l].w[3]
		for i := at + from; i <= at+to; i += step {
			if k == len(h.v) {
				h.v = append(h.v, 0)
			}
			if i >= 0 && i < s.n {
				h.v[k] += (w[i] - h.v[k]) / h.n
			}
			k++
		}
	}
}
