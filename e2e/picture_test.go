package e2e

import (
	"image"
	"math"
)

// colours is a point as shown, 0 to 255.
type colours [3]float64

func (c colours) mean() float64 { return (c[0] + c[1] + c[2]) / 3 }

// stored is the pixel: its one value three times, or its three colours.
func (f frame) stored(x, y int) colours {
	i := y*f.columns + x
	if f.colour {
		return colours{float64(f.px[3*i]), float64(f.px[3*i+1]), float64(f.px[3*i+2])}
	}
	raw := uint16(f.px[2*i]) | uint16(f.px[2*i+1])<<8
	v := float64(raw)
	if f.signed {
		v = float64(int16(raw))
	}
	return colours{v, v, v}
}

// at is how the frame appears between its pixels: linear interpolation of what is stored, then the window (PS3.3
// C.11.2.1.2.1); the phantoms' rescale is 1 and 0. x and y count from the edge of the first pixel.
func (f frame) at(x, y, center, width float64) colours {
	x, y = x-.5, y-.5
	x0, y0 := math.Floor(x), math.Floor(y)
	fx, fy := x-x0, y-y0
	clip := func(v float64, n int) int { return min(n-1, max(0, int(v))) }
	xs, ys := [2]int{clip(x0, f.columns), clip(x0+1, f.columns)}, [2]int{clip(y0, f.rows), clip(y0+1, f.rows)}
	var sum colours
	for j, wy := range [2]float64{1 - fy, fy} {
		for i, wx := range [2]float64{1 - fx, fx} {
			c := f.stored(xs[i], ys[j])
			for k := range sum {
				sum[k] += wx * wy * c[k]
			}
		}
	}
	if f.colour {
		return sum
	}
	for k, v := range sum {
		sum[k] = min(255, max(0, ((v-(center-.5))/(width-1)+.5)*255))
	}
	return sum
}

// fit is how a viewer lays a picture into a canvas: as large as it goes, in the middle.
type fit struct{ scale, left, top float64 }

func fitting(f frame, canvas image.Rectangle) fit {
	w, h := float64(canvas.Dx()), float64(canvas.Dy())
	scale := min(w/float64(f.columns), h/float64(f.rows))
	return fit{scale, (w - scale*float64(f.columns)) / 2, (h - scale*float64(f.rows)) / 2}
}

func pixel(img image.Image, x, y int) colours {
	b := img.Bounds()
	r, g, bl, _ := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
	return colours{float64(r >> 8), float64(g >> 8), float64(bl >> 8)}
}

// distance is the root of the mean square of the differences, 0 to 255, between the canvas and the frame as it should be
// shown there, taken at every step-th point of the picture. Squares, since what is wrong may be wrong in few places.
func distance(img image.Image, f frame, center, width float64, step int) float64 {
	p := fitting(f, img.Bounds())
	sum, n := 0.0, 0
	for y := int(p.top) + 2; float64(y) < p.top+p.scale*float64(f.rows)-2; y += step {
		for x := int(p.left) + 2; float64(x) < p.left+p.scale*float64(f.columns)-2; x += step {
			want := f.at((float64(x)+.5-p.left)/p.scale, (float64(y)+.5-p.top)/p.scale, center, width)
			got := pixel(img, x, y)
			for k := range got {
				sum += (got[k] - want[k]) * (got[k] - want[k])
				n++
			}
		}
	}
	return math.Sqrt(sum / float64(n))
}

// nearest tells which of the frames the canvas shows, and how far it is from it.
func nearest(img image.Image, frames []frame, center, width float64) (int, float64) {
	best, least := -1, math.Inf(1)
	for i, f := range frames {
		if d := distance(img, f, center, width, 7); d < least {
			best, least = i, d
		}
	}
	return best, least
}

// spot is the mean of a small square of the canvas at a place given in shares of the picture.
func spot(img image.Image, f frame, x, y float64) float64 {
	const half = 2
	p := fitting(f, img.Bounds())
	cx, cy := int(p.left+x*p.scale*float64(f.columns)), int(p.top+y*p.scale*float64(f.rows))
	sum := 0.0
	for dy := -half; dy <= half; dy++ {
		for dx := -half; dx <= half; dx++ {
			sum += pixel(img, cx+dx, cy+dy).mean()
		}
	}
	return sum / ((2*half + 1) * (2*half + 1))
}
