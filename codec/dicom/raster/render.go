package raster

import (
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"sync"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// View says how a frame is to be shown; the zero value shows all of it, pixel by pixel, as the data set wants it.
type View struct {
	Window *Window // instead of the data set's

	// Region is the part shown: left, top, width and height in pixels of the image. Zero is all of it. What lies outside the
	// image is black.
	Region [4]float64

	// Width and Height are the room there is, in pixels; the picture fills it as far as its proportions allow. Where one is
	// zero the other decides, where both are, a pixel of the image becomes a pixel of the picture (more along one axis if
	// pixels are not square).
	Width, Height int

	FlipH, FlipV bool
	Rotate       int // clockwise, before flipping: 0, 90, 180 or 270 degrees

	Overlays     bool   // show overlay planes (PS3.3 C.9.2)
	Notes        []Note // text in the corners
	Presentation *State
	Instance     dicom.UID // of the image, to find its part of the presentation state
}

// maxPicture is the most pixels of a picture.
const maxPicture = 1 << 26

// Render shows native pixels, as Decode gives them, as a picture: *image.Gray or *image.RGBA. frame, counted from 0, chooses
// the values of multi-frame objects. Without a window in view, presentation state or data set, eight bits are shown as they
// are and more from the least to the greatest value that is not padding. Padding is black.
func Render(d Desc, native []byte, frame int, v View) (image.Image, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if int64(len(native)) != d.NativeBytes() {
		return nil, short(d.NativeBytes(), int64(len(native)))
	}
	if s := v.Presentation; s != nil {
		v = s.arrange(v, frame)
	}
	l, err := d.layout(v)
	if err != nil {
		return nil, err
	}
	r, err := newRows(&d, native, frame, v)
	if err != nil {
		return nil, err
	}
	p := l.fill(r)
	if v.Overlays {
		d.drawOverlays(p, l, native, frame)
	}
	if v.Presentation != nil {
		v.Presentation.shut(p, l)
	}
	p = p.turned(v)
	if v.Presentation != nil {
		v.Presentation.draw(p, l, v, frame)
	}
	for _, n := range v.Notes {
		n.draw(p)
	}
	return p.image(), nil
}

// layout is where the shown part of the image lies and how large it becomes, before it is turned.
type layout struct {
	x, y, w, h    float64 // the part, in pixels of the image
	width, height int     // of the picture
}

// layout finds the size of the picture.
func (d *Desc) layout(v View) (layout, error) {
	l := layout{w: float64(d.Columns), h: float64(d.Rows)}
	if v.Region != ([4]float64{}) {
		l = layout{x: v.Region[0], y: v.Region[1], w: v.Region[2], h: v.Region[3]}
	}
	if !(l.w >= 1.0/64 && l.h >= 1.0/64 && l.w <= 1<<17 && l.h <= 1<<17 && math.Abs(l.x) <= 1<<17 && math.Abs(l.y) <= 1<<17) {
		return l, refuse(dicom.Structure, "a region of %g×%g pixels", l.w, l.h)
	}
	aspect := d.Aspect
	if s := v.Presentation; s != nil && s.aspect > 0 {
		aspect = s.aspect
	}
	if !(aspect > 0) {
		aspect = 1
	}
	w, h := l.w*max(1, 1/aspect), l.h*max(1, aspect)
	wide, high := float64(v.Width), float64(v.Height)
	if v.Rotate%180 != 0 {
		wide, high = high, wide
	}
	scale := 1.0
	switch {
	case v.Width < 0 || v.Height < 0:
		return l, refuse(dicom.Structure, "a picture of %d×%d pixels", v.Width, v.Height)
	case wide > 0 && high > 0:
		scale = min(wide/w, high/h)
	case wide > 0:
		scale = wide / w
	case high > 0:
		scale = high / h
	}
	w, h = max(1, math.Round(w*scale)), max(1, math.Round(h*scale))
	if w*h > maxPicture {
		return l, refuse(dicom.Limit, "a picture of %.0f×%.0f pixels", w, h)
	}
	l.width, l.height = int(w), int(h)
	return l, nil
}

// place gives where a point of the image, 0\0 being the upper left corner of its first pixel, falls in the picture.
func (l layout) place(x, y float64) (px, py float64) {
	return (x - l.x) / l.w * float64(l.width), (y - l.y) / l.h * float64(l.height)
}

// fill shows the part; where there is no image the picture stays black.
func (l layout) fill(r rows) *plane {
	x0, y0 := max(0, l.x), max(0, l.y)
	x1, y1 := min(float64(r.width), l.x+l.w), min(float64(r.height), l.y+l.h)
	if x0 == l.x && y0 == l.y && x1 == l.x+l.w && y1 == l.y+l.h {
		return scaled(r, x0, y0, x1, y1, l.width, l.height)
	}
	out := newPlane(l.width, l.height, r.channels)
	if x1 <= x0 || y1 <= y0 {
		return out
	}
	left, top := l.place(x0, y0)
	right, bottom := l.place(x1, y1)
	at := image.Rect(int(left+0.5), int(top+0.5), int(right+0.5), int(bottom+0.5)).Intersect(image.Rect(0, 0, l.width, l.height))
	if at.Empty() {
		return out
	}
	part := scaled(r, x0, y0, x1, y1, at.Dx(), at.Dy())
	for y := range part.height {
		n := part.width * part.channels
		copy(out.pix[((at.Min.Y+y)*out.width+at.Min.X)*out.channels:], part.pix[y*n:(y+1)*n])
	}
	return out
}

// turned rotates and flips.
func (p *plane) turned(v View) *plane {
	turn := ((v.Rotate%360 + 360) % 360) / 90
	if turn == 0 && !v.FlipH && !v.FlipV {
		return p
	}
	out := newPlane(p.width, p.height, p.channels)
	if turn%2 == 1 {
		out.width, out.height = p.height, p.width
	}
	o := orientation{turn, v.FlipH, v.FlipV}
	for y := range p.height {
		for x := range p.width {
			u, w := o.place(float64(x), float64(y), float64(p.width-1), float64(p.height-1))
			to, from := (int(w)*out.width+int(u))*p.channels, (y*p.width+x)*p.channels
			copy(out.pix[to:to+p.channels], p.pix[from:from+p.channels])
		}
	}
	return out
}

// orientation is a rotation in quarters, clockwise, and then flips.
type orientation struct {
	turn         int
	flipH, flipV bool
}

// place gives where a point of a w×h area comes to lie.
func (o orientation) place(x, y, w, h float64) (float64, float64) {
	switch o.turn {
	case 1:
		x, y, w, h = h-y, x, h, w
	case 2:
		x, y = w-x, h-y
	case 3:
		x, y, w, h = y, w-x, h, w
	}
	if o.flipH {
		x = w - x
	}
	if o.flipV {
		y = h - y
	}
	return x, y
}

func (p *plane) image() image.Image {
	r := image.Rect(0, 0, p.width, p.height)
	if p.channels == 1 {
		return &image.Gray{Pix: p.pix, Stride: p.width, Rect: r}
	}
	out := image.NewRGBA(r)
	for i, j := 0, 0; j < len(p.pix); i, j = i+4, j+3 {
		out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = p.pix[j], p.pix[j+1], p.pix[j+2], 0xFF
	}
	return out
}

// WriteJPEG writes a rendered picture as image/jpeg; quality 1 to 100, 0 takes DefaultQuality.
func WriteJPEG(w io.Writer, img image.Image, quality int) error {
	if quality <= 0 || quality > 100 {
		quality = DefaultQuality
	}
	return jpeg.Encode(w, img, &jpeg.Options{Quality: quality})
}

// WritePNG writes a rendered picture as image/png, quickly rather than small.
func WritePNG(w io.Writer, img image.Image) error {
	e := png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: &pngBuffers}
	return e.Encode(w, img)
}

var pngBuffers pngPool

// pngPool keeps the encoder's buffers, which are large.
type pngPool struct{ sync.Pool }

// Get gives a kept buffer, or nil.
func (p *pngPool) Get() *png.EncoderBuffer {
	b, _ := p.Pool.Get().(*png.EncoderBuffer)
	return b
}

// Put keeps a buffer.
func (p *pngPool) Put(b *png.EncoderBuffer) { p.Pool.Put(b) }
