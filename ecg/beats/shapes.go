// Shapes of beats: which look alike, which is the dominant one, which are ventricular.

package beats

import (
	"math"
	"slices"
)

const (
	beforeS     = 0.12 // of the window that is compared, s before the main deflection
	afterS      = 0.16
	shiftS      = 0.08 // greatest correction of a fiducial
	alike       = 0.86 // correlation of beats of one shape
	shapesMax   = 32
	narrower    = 0.65 // in widths of the most frequent shape
	faster      = 0.75 // intervals of the most frequent shape, in those of the narrower
	fastRR      = 0.55 // s
	notRare     = 3    // beats
	notRarePart = 0.15 // of the most frequent shape's
	shapeLead   = 4    // leads that are compared, the best
	searched    = 4    // shapes that all shifts are tried against
)

// shape is the mean of the beats that look alike.
type shape struct {
	id    int
	v     []float64 // of each lead in turn, mean 0
	n     int       // beats
	seen  int       // working index of the last one
	width float64   // ms
	rr    float64   // mean distance from the beat before, s
	off   float64   // mean shift of its beats: its fiducial is that much beside their main deflection
}

// shapes are those of a recording.
type shapes struct {
	leads []int     // compared
	gain  []float64 // of each of them
	all   []shape
	next  int // id
	buf   []float64
	near  []float64
}

// choose takes the best leads of the first frame, and others where all of them were lost.
func (sh *shapes) choose(fr *frame, leads []front) {
	for _, l := range sh.leads {
		if fr.size[l] > 0 {
			return
		}
	}
	order := make([]int, len(leads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case fr.crest[a] > fr.crest[b]:
			return -1
		case fr.crest[a] < fr.crest[b]:
			return 1
		}
		return 0
	})
	sh.leads, sh.gain, sh.all = nil, nil, nil
	for _, l := range order[:min(shapeLead, len(order))] {
		if fr.size[l] > 0 {
			sh.leads = append(sh.leads, l)
			sh.gain = append(sh.gain, 1/math.Sqrt(fr.size[l]))
		}
	}
}

// cut is the beat at a working index of the frame as one vector of mean 0 in each lead.
func (sh *shapes) cut(dst []float64, leads []front, hz float64, at int) []float64 {
	lo, hi := at-int(beforeS*hz), at+int(afterS*hz)
	dst = dst[:0]
	for k, l := range sh.leads {
		x := leads[l].x
		from, sum := len(dst), 0.0
		for i := lo; i < hi; i++ {
			v := x[min(max(i, 0), len(x)-1)]
			dst = append(dst, v)
			sum += v
		}
		mean := sum / float64(hi-lo)
		for i := from; i < len(dst); i++ {
			dst[i] = (dst[i] - mean) * sh.gain[k]
		}
	}
	return dst
}

func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i, v := range a {
		w := b[i]
		ab += v * w
		aa += v * v
		bb += w * w
	}
	return ab / (math.Sqrt(aa*bb) + 1e-30)
}

// place finds the shape of a beat, or makes one, and says how far its fiducial is from that of the shape.
func (sh *shapes) place(leads []front, hz float64, at, seen int, rr float64) (id, shift int) {
	sh.buf = sh.cut(sh.buf, leads, hz, at)
	best, top := -1, -1.0
	for i := range sh.all {
		if r := correlation(sh.buf, sh.all[i].v); r > top {
			best, top = i, r
		}
	}
	if best >= 0 && top >= alike {
		shift, top = sh.align(leads, hz, at, best, top)
	} else {
		best, shift, top = sh.search(leads, hz, at)
	}
	if best < 0 || top < alike {
		return sh.add(seen, rr), 0
	}
	s := &sh.all[best]
	sh.buf = sh.cut(sh.buf, leads, hz, at+shift)
	s.n++
	s.seen = seen
	part := max(1/float64(s.n), 0.05)
	for i, v := range sh.buf {
		s.v[i] += part * (v - s.v[i])
	}
	s.rr += part * (rr - s.rr)
	s.off += 0.05 * (float64(shift) - s.off)
	return s.id, shift - int(math.Round(s.off))
}

// align climbs to the shift of greatest correlation.
func (sh *shapes) align(leads []front, hz float64, at, which int, top float64) (int, float64) {
	shift := 0
	for _, way := range []int{1, -1} {
		for d := way; d*way <= int(shiftS*hz); d += way {
			sh.near = sh.cut(sh.near, leads, hz, at+d)
			r := correlation(sh.near, sh.all[which].v)
			if r <= top {
				break
			}
			shift, top = d, r
		}
		if shift != 0 {
			break
		}
	}
	return shift, top
}

// search tries all shifts against the most frequent shapes: the main deflection of a wide beat may be another one each time.
func (sh *shapes) search(leads []front, hz float64, at int) (best, shift int, top float64) {
	often := make([]int, 0, shapesMax)
	for i := range sh.all {
		if sh.all[i].n >= 2 || len(sh.all) < searched {
			often = append(often, i)
		}
	}
	slices.SortStableFunc(often, func(a, b int) int { return sh.all[b].n - sh.all[a].n })
	best, top = -1, -1
	step := max(int(0.008*hz), 1)
	for d := -int(shiftS * hz); d <= int(shiftS*hz); d += step {
		sh.near = sh.cut(sh.near, leads, hz, at+d)
		for _, i := range often[:min(searched, len(often))] {
			if r := correlation(sh.near, sh.all[i].v); r > top {
				best, shift, top = i, d, r
			}
		}
	}
	if best >= 0 && top > 0.7 {
		by, r := sh.align(leads, hz, at+shift, best, top)
		return best, shift + by, r
	}
	return best, shift, top
}

// add makes a shape of the vector in buf, in place of the rarest that was not seen for longest if there are too many.
func (sh *shapes) add(seen int, rr float64) int {
	s := shape{id: sh.next, v: slices.Clone(sh.buf), n: 1, seen: seen, rr: rr}
	sh.next++
	if len(sh.all) < shapesMax {
		sh.all = append(sh.all, s)
		return s.id
	}
	worst := 0
	for i, o := range sh.all {
		w := sh.all[worst]
		if o.n < w.n || o.n == w.n && o.seen < w.seen {
			worst = i
		}
	}
	sh.all[worst] = s
	return s.id
}

func (sh *shapes) byID(id int) *shape {
	for i := range sh.all {
		if sh.all[i].id == id {
			return &sh.all[i]
		}
	}
	return nil
}

// dominant is the shape of most beats; but a much narrower and slower one
// that is not rare comes before it: a ventricular tachycardia may have more beats than all others.
func (sh *shapes) dominant() *shape {
	var d *shape
	for i := range sh.all {
		if d == nil || sh.all[i].n > d.n {
			d = &sh.all[i]
		}
	}
	if d == nil {
		return nil
	}
	most := *d
	for i := range sh.all {
		s := &sh.all[i]
		if s.n >= notRare && float64(s.n) >= notRarePart*float64(most.n) && s.width < narrower*most.width && most.rr < min(fastRR, faster*s.rr) && (d.id == most.id || s.n > d.n) {
			d = s
		}
	}
	return d
}

// measure gives each shape its width.
func (sh *shapes) measure(hz float64) {
	for i := range sh.all {
		sh.extent(&sh.all[i], hz)
	}
}

// extent measures the rough width: how long the leads together change by more than a fifth of the fastest change.
func (sh *shapes) extent(s *shape, hz float64) {
	w := int(beforeS*hz) + int(afterS*hz)
	sh.near = grow(sh.near, w)
	speed := sh.near
	clear(speed)
	for k := range sh.leads {
		v := s.v[k*w:][:w]
		for j := 1; j+1 < w; j++ {
			speed[j] += math.Abs(v[j+1] - v[j-1])
		}
	}
	s.width = extent(speed, int(beforeS*hz), int(0.03*hz)) * 1000 / hz
}

// extent is how far around mid values stay over a fifth of the greatest, gaps up to gap bridged.
func extent(v []float64, mid, gap int) float64 {
	top := 0.0
	for _, x := range v {
		top = max(top, x)
	}
	lo, hi := mid, mid
	for i := mid; i >= 0 && lo-i <= gap; i-- {
		if v[i] > 0.2*top {
			lo = i
		}
	}
	for i := mid; i < len(v) && i-hi <= gap; i++ {
		if v[i] > 0.2*top {
			hi = i
		}
	}
	return float64(hi - lo + 1)
}
