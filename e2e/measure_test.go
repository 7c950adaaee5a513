package e2e

import (
	"image"
	"image/color"
	"testing"
)

// drawn is the canvas of a viewer that does everything right, but for what tamper does to a point.
func drawn(f frame, center, width float64, tamper func(x, y float64, c colours) colours) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	p := fitting(f, img.Bounds())
	for y := range 480 {
		for x := range 640 {
			u, v := (float64(x)+.5-p.left)/p.scale, (float64(y)+.5-p.top)/p.scale
			c := tamper(u, v, f.at(u, v, center, width))
			img.Set(x, y, color.RGBA{uint8(c[0] + .5), uint8(c[1] + .5), uint8(c[2] + .5), 255})
		}
	}
	return img
}

// TestWrongPicturesAreFar holds the measure to what it is for: a picture that is right is near, one that is wrong in any of
// the ways that services and viewers get wrong is far.
func TestWrongPicturesAreFar(t *testing.T) {
	all := testStudies()
	ct, us := all[0], all[2]
	ct.make(t)
	us.make(t)
	as := func(x, y float64, c colours) colours { return c }
	f, beat := ct.frames[9], us.frames[12]
	tests := []struct {
		name  string
		img   image.Image
		of    study
		frame frame
		near  bool
	}{
		{"right", drawn(f, 40, 400, as), ct, f, true},
		{"right in colour", drawn(beat, 0, 0, as), us, beat, true},
		{"next slice", drawn(ct.frames[10], 40, 400, as), ct, f, false},
		{"next frame", drawn(us.frames[13], 0, 0, as), us, beat, false},
		{"wider window", drawn(f, 40, 450, as), ct, f, false},
		{"brighter", drawn(f, 20, 400, as), ct, f, false},
		{"moved by two pixels", drawn(f, 40, 400, func(x, y float64, _ colours) colours { return f.at(x+2, y, 40, 400) }), ct, f, false},
		{"mirrored", drawn(f, 40, 400, func(x, y float64, _ colours) colours { return f.at(512-x, y, 40, 400) }), ct, f, false},
		{"upside down", drawn(f, 40, 400, func(x, y float64, _ colours) colours { return f.at(x, 512-y, 40, 400) }), ct, f, false},
		{"inverted", drawn(f, 40, 400, func(_, _ float64, c colours) colours { return colours{255 - c[0], 255 - c[1], 255 - c[2]} }), ct, f, false},
		{"red and blue exchanged", drawn(beat, 0, 0, func(_, _ float64, c colours) colours { return colours{c[2], c[1], c[0]} }), us, beat, false},
		{"black", image.NewRGBA(image.Rect(0, 0, 640, 480)), ct, f, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := distance(tt.img, tt.frame, tt.of.center, tt.of.width, 7); (d < faithful) != tt.near {
				t.Errorf("distance %.2f", d)
			}
		})
	}
}
