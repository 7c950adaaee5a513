package raster

import (
	"math"
	"slices"
)

type point struct{ x, y float64 }

func (p point) middle(q point) point { return point{(p.x + q.x) / 2, (p.y + q.y) / 2} }

// across is q turned a quarter round p.
func (p point) across(q point) point { return point{p.x - (q.y - p.y), p.y + (q.x - p.x)} }

// ellipse is a closed outline round a centre from the ends of two half axes.
func ellipse(centre, a, b point) []point {
	r := math.Hypot(a.x-centre.x, a.y-centre.y) + math.Hypot(b.x-centre.x, b.y-centre.y)
	n := int(max(16, min(512, r)))
	out := make([]point, n+1)
	for i := range out {
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		out[i] = point{
			centre.x + c*(a.x-centre.x) + s*(b.x-centre.x),
			centre.y + c*(a.y-centre.y) + s*(b.y-centre.y),
		}
	}
	return out
}

// interpolated is a smooth curve through the points (Catmull-Rom), eight lines from each to the next.
func interpolated(p []point) []point {
	if len(p) < 3 {
		return p
	}
	closed := p[0] == p[len(p)-1]
	at := func(i int) point {
		if n := len(p) - 1; closed {
			return p[((i%n)+n)%n]
		}
		return p[max(0, min(i, len(p)-1))]
	}
	out := []point{p[0]}
	for i := range len(p) - 1 {
		a, b, c, d := at(i-1), at(i), at(i+1), at(i+2)
		for k := 1; k <= 8; k++ {
			t := float64(k) / 8
			out = append(out, point{spline(a.x, b.x, c.x, d.x, t), spline(a.y, b.y, c.y, d.y, t)})
		}
	}
	return out
}

func spline(a, b, c, d, t float64) float64 {
	return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}

// set colours one pixel in the canvas's grey.
func (c *canvas) set(x, y int) { c.plane.set(x, y, c.grey) }

func (p *plane) set(x, y int, grey byte) {
	if x >= 0 && y >= 0 && x < p.width && y < p.height {
		at := (y*p.width + x) * p.channels
		for i := range p.channels {
			p.pix[at+i] = grey
		}
	}
}

// cross marks a point.
func (c *canvas) cross(p point) {
	n := float64(max(3, c.plane.width/150))
	c.line(point{p.x - n, p.y}, point{p.x + n, p.y})
	c.line(point{p.x, p.y - n}, point{p.x, p.y + n})
}

// outline draws lines from point to point, and what they enclose if it is filled.
func (c *canvas) outline(p []point, filled bool) {
	if len(p) == 1 {
		c.cross(p[0])
	}
	for i := range len(p) - 1 {
		c.line(p[i], p[i+1])
	}
	if filled && len(p) > 2 {
		c.plane.inside(p, func(x, y int) { c.set(x, y) })
	}
}

// line draws a line of a pixel's width, or two on large pictures.
func (c *canvas) line(a, b point) {
	a, b, ok := c.plane.clip(a, b)
	if !ok {
		return
	}
	n := int(max(math.Abs(b.x-a.x), math.Abs(b.y-a.y))) + 1
	thick := c.plane.width >= 1000
	for i := range n + 1 {
		t := float64(i) / float64(n)
		x, y := int(math.Floor(a.x+t*(b.x-a.x))), int(math.Floor(a.y+t*(b.y-a.y)))
		c.set(x, y)
		if thick {
			c.set(x+1, y)
			c.set(x, y+1)
		}
	}
}

// clip cuts a line to the picture and a little more (Liang-Barsky); false if none of it is there, or it comes from so far
// away that nobody meant it.
func (p *plane) clip(a, b point) (point, point, bool) {
	from, to := 0.0, 1.0
	dx, dy := b.x-a.x, b.y-a.y
	if far := math.Abs(dx) + math.Abs(dy) + math.Abs(a.x) + math.Abs(a.y); !(far < 1e15) { // NaN too
		return a, b, false
	}
	for _, e := range [4][2]float64{{-dx, a.x + 2}, {dx, float64(p.width) + 2 - a.x}, {-dy, a.y + 2}, {dy, float64(p.height) + 2 - a.y}} {
		switch t := e[1] / e[0]; {
		case e[0] == 0 && e[1] < 0:
			return a, b, false
		case e[0] < 0:
			from = max(from, t)
		case e[0] > 0:
			to = min(to, t)
		}
	}
	return p.near(point{a.x + from*dx, a.y + from*dy}), p.near(point{a.x + to*dx, a.y + to*dy}), from <= to
}

// near keeps a point by the picture: cutting lines between points far away leaves ends that are off by rounding.
func (p *plane) near(q point) point {
	return point{max(-3, min(q.x, float64(p.width)+3)), max(-3, min(q.y, float64(p.height)+3))}
}

// inside calls see for every pixel whose centre the closed outline holds, by the even-odd rule.
func (p *plane) inside(outline []point, see func(x, y int)) {
	var cuts []float64
	for y := range p.height {
		cuts = crossings(outline, float64(y)+0.5, cuts[:0])
		for i := 0; i+1 < len(cuts); i += 2 {
			from, to := max(0, math.Ceil(cuts[i]-0.5)), min(float64(p.width), math.Ceil(cuts[i+1]-0.5))
			for x := int(from); x < int(to); x++ {
				see(x, y)
			}
		}
	}
}

// crossings gives where the outline crosses the height y, from left to right.
func crossings(outline []point, y float64, cuts []float64) []float64 {
	last := outline[len(outline)-1]
	for _, p := range outline {
		if (p.y > y) != (last.y > y) {
			if x := last.x + (y-last.y)/(p.y-last.y)*(p.x-last.x); !math.IsNaN(x) {
				cuts = append(cuts, x)
			}
		}
		last = p
	}
	slices.Sort(cuts)
	return cuts
}
