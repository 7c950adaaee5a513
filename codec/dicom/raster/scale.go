package raster

// plane is a picture in the making: rows of pixels of one or three bytes.
type plane struct {
	pix                     []byte
	width, height, channels int
}

func newPlane(width, height, channels int) *plane {
	return &plane{pix: make([]byte, width*height*channels), width: width, height: height, channels: channels}
}

// tap is what goes into one pixel along one axis: n source pixels from a first one. The first and the last have weights of
// their own, those between are whole. Smaller pictures are made by the mean over the area that a pixel covers, larger ones
// by the line between two neighbours.
type tap struct {
	at, n       int
	first, last uint32  // in 1024ths
	norm        float32 // one by the sum of weights, in 1024ths
}

const whole = 1024

// newTaps spreads the stretch [from, to) of a source of the given size over n pixels.
func newTaps(from, to float64, size, n int) []tap {
	step := (to - from) / float64(n)
	taps := make([]tap, n)
	for i := range taps {
		if step > 1 {
			taps[i] = areaTap(from+float64(i)*step, from+float64(i+1)*step, size)
		} else {
			taps[i] = lineTap(from+(float64(i)+0.5)*step-0.5, size)
		}
	}
	return taps
}

func areaTap(a, b float64, size int) tap {
	first := min(max(int(a), 0), size-1)
	end := min(max(int(b), first), size) // pixels [first, end) and a part of end
	t := tap{at: first, n: end - first, first: uint32((float64(first+1)-a)*whole + 0.5), last: whole}
	if part := uint32((b-float64(end))*whole + 0.5); part > 0 && end < size {
		t.n, t.last = t.n+1, part
	}
	return t.normed()
}

func lineTap(at float64, size int) tap {
	at = max(0, min(at, float64(size-1)))
	i := int(at)
	part := uint32((at-float64(i))*whole + 0.5)
	if part == 0 || i+1 >= size {
		return tap{at: i, n: 1, first: whole}.normed()
	}
	return tap{at: i, n: 2, first: whole - part, last: part}.normed()
}

func (t tap) normed() tap {
	sum := t.first
	switch {
	case t.n <= 1:
		t.n, t.first, sum = 1, whole, whole
	default:
		sum += t.last + uint32(t.n-2)*whole
	}
	t.norm = 1 / float32(sum)
	return t
}

// weight of the i-th source pixel.
func (t *tap) weight(i int) float32 {
	switch i {
	case 0:
		return float32(t.first)
	case t.n - 1:
		return float32(t.last)
	}
	return whole
}

// scaled shows the part [x0,x1)×[y0,y1) of the rows in width×height pixels.
func scaled(r rows, x0, y0, x1, y1 float64, width, height int) *plane {
	out := newPlane(width, height, r.channels)
	if x0 == float64(int(x0)) && y0 == float64(int(y0)) && x1-x0 == float64(width) && y1-y0 == float64(height) {
		stride := width * r.channels
		for y := range height {
			r.read(int(y0)+y, int(x0), int(x1), out.pix[y*stride:(y+1)*stride])
		}
		return out
	}
	s := newScaler(r, newTaps(x0, x1, r.width, width))
	down := newTaps(y0, y1, r.height, height)
	sum := make([]float32, width*r.channels)
	for y := range down {
		s.row(&down[y], sum, out.pix[y*len(sum):(y+1)*len(sum)])
	}
	return out
}

// scaler makes rows shorter or longer and keeps the last two, which two rows of the result may share.
type scaler struct {
	rows
	taps   []tap
	left   int // first source pixel that any tap needs
	raw    []byte
	kept   [2][]float32
	keptAt [2]int
}

func newScaler(r rows, taps []tap) *scaler {
	last := taps[len(taps)-1]
	s := &scaler{rows: r, taps: taps, left: taps[0].at, keptAt: [2]int{-1, -1}}
	s.raw = make([]byte, (last.at+last.n-s.left)*r.channels)
	for i := range s.kept {
		s.kept[i] = make([]float32, len(taps)*r.channels)
	}
	return s
}

// row makes one row of the result.
func (s *scaler) row(t *tap, sum []float32, to []byte) {
	clear(sum)
	for i := range t.n {
		w := t.weight(i) * t.norm
		for x, v := range s.source(t.at + i) {
			sum[x] += v * w
		}
	}
	for x, v := range sum {
		to[x] = byte(v + 0.5)
	}
}

// source is row y of the source in the width of the result.
func (s *scaler) source(y int) []float32 {
	slot := y & 1
	if s.keptAt[slot] != y {
		s.read(y, s.left, s.left+len(s.raw)/s.channels, s.raw)
		if s.channels == 1 {
			s.grey(s.kept[slot])
		} else {
			s.colour(s.kept[slot])
		}
		s.keptAt[slot] = y
	}
	return s.kept[slot]
}

func (s *scaler) grey(to []float32) {
	for x := range s.taps {
		t := &s.taps[x]
		part := s.raw[t.at-s.left : t.at-s.left+t.n]
		v := uint64(part[0]) * uint64(t.first)
		if last := len(part) - 1; last > 0 {
			mid := uint32(0)
			for _, p := range part[1:last] {
				mid += uint32(p)
			}
			v += uint64(mid)*whole + uint64(part[last])*uint64(t.last)
		}
		to[x] = float32(v) * t.norm
	}
}

func (s *scaler) colour(to []float32) {
	for x := range s.taps {
		t := &s.taps[x]
		part := s.raw[3*(t.at-s.left) : 3*(t.at-s.left+t.n)]
		w := uint64(t.first)
		r, g, b := uint64(part[0])*w, uint64(part[1])*w, uint64(part[2])*w
		if last := len(part) - 3; last > 0 {
			var mr, mg, mb uint32
			for p := part[3:last]; len(p) >= 3; p = p[3:] {
				mr, mg, mb = mr+uint32(p[0]), mg+uint32(p[1]), mb+uint32(p[2])
			}
			w = uint64(t.last)
			r += uint64(mr)*whole + uint64(part[last])*w
			g += uint64(mg)*whole + uint64(part[last+1])*w
			b += uint64(mb)*whole + uint64(part[last+2])*w
		}
		to[3*x], to[3*x+1], to[3*x+2] = float32(r)*t.norm, float32(g)*t.norm, float32(b)*t.norm
	}
}
