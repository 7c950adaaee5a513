// Lines on pixels.

package paper

import (
	"image"
	"math"
)

// stroke draws polylines with round joints: a pixel is covered by its distance to the nearest segment, so that crossing lines do not
// add up and ends are not lost.
func (p *PNG) stroke(clip Rect, runs [][]Point, width float64) {
	if p.ink == nil {
		p.ink = make([]uint8, p.img.Rect.Dx()*p.img.Rect.Dy())
	}
	half := max(width*p.px, 1.1) / 2
	inside := p.bounds(clip)
	touched := image.Rectangle{}
	for _, run := range runs {
		a := run[0]
		if len(run) == 1 {
			touched = touched.Union(p.segment(a, a, half, inside))
		}
		for _, b := range run[1:] {
			touched = touched.Union(p.segment(a, b, half, inside))
			a = b
		}
	}
	wd := p.img.Rect.Dx()
	for y := touched.Min.Y; y < touched.Max.Y; y++ {
		row := p.ink[y*wd : (y+1)*wd]
		for x := touched.Min.X; x < touched.Max.X; x++ {
			if row[x] != 0 {
				p.blend(x, y, Black, row[x])
				row[x] = 0
			}
		}
	}
}

// segment marks what one line covers, and says where.
func (p *PNG) segment(a, b Point, half float64, inside image.Rectangle) image.Rectangle {
	ax, ay, bx, by := a.X*p.px, a.Y*p.px, b.X*p.px, b.Y*p.px
	reach := half + 1
	box := image.Rect(floor(min(ax, bx)-reach), floor(min(ay, by)-reach), floor(max(ax, bx)+reach)+1, floor(max(ay, by)+reach)+1).Intersect(inside)
	if box.Empty() {
		return image.Rectangle{}
	}
	dx, dy := bx-ax, by-ay
	long := dx*dx + dy*dy
	wd := p.img.Rect.Dx()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			qx, qy := float64(x)+0.5-ax, float64(y)+0.5-ay
			t := 0.0
			if long > 0 {
				t = min(max((qx*dx+qy*dy)/long, 0), 1)
			}
			qx, qy = qx-t*dx, qy-t*dy
			d := half + 0.5 - math.Sqrt(qx*qx+qy*qy)
			if d <= 0 {
				continue
			}
			cover := uint8(255 * min(d, 1))
			if i := y*wd + x; cover > p.ink[i] {
				p.ink[i] = cover
			}
		}
	}
	return box
}

func floor(v float64) int { return int(math.Floor(min(max(v, -1e6), 1e6))) }
