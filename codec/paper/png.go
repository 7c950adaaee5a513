// The PNG pen: an own stroker for lines, outlines of letters by x/image/vector.

package paper

import (
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// MinDPI and MaxDPI bound pictures: at the most 3508 x 2480 pixels of an A4 page.
const (
	MinDPI = 36
	MaxDPI = 300
)

// PNG is one page on pixels of a few colours: white, inks over it in sixteen steps, anti-aliased.
type PNG struct {
	dpi  int
	img  *image.RGBA
	px   float64 // pixels a millimetre
	ink  []uint8 // how much of a pixel the trace that is being drawn covers
	area vector.Rasterizer
	buf  sfnt.Buffer
}

// NewPNG is a white page of so many pixels an inch, kept within MinDPI and MaxDPI.
func NewPNG(size Size, dpi int) *PNG {
	dpi = min(max(dpi, MinDPI), MaxDPI)
	px := float64(dpi) / 25.4
	r := &PNG{dpi: dpi, px: px, img: image.NewRGBA(image.Rect(0, 0, int(math.Ceil(size.W*px)), int(math.Ceil(size.H*px))))}
	for i := range r.img.Pix {
		r.img.Pix[i] = 255
	}
	return r
}

// Encode writes the picture with its resolution.
func (p *PNG) Encode(w io.Writer) error {
	e := png.Encoder{CompressionLevel: png.DefaultCompression}
	return e.Encode(&physical{w: w, dpi: p.dpi}, p.paletted())
}

// Page does nothing: a picture has one.
func (p *PNG) Page() {}

// Fill fills a rectangle.
func (p *PNG) Fill(r Rect, c Colour) { p.box(r, c) }

// blend lays an ink over a pixel; cover is 0 to 255 and counts in sixteenths.
func (p *PNG) blend(x, y int, c Colour, cover uint8) {
	k := int(cover+8) >> 4
	if cover >= 248 {
		k = 16
	}
	if k == 0 {
		return
	}
	i := p.img.PixOffset(x, y)
	px := p.img.Pix[i : i+3 : i+3]
	for j, v := range [3]uint8{c.R, c.G, c.B} {
		px[j] = uint8((int(px[j])*(16-k) + int(v)*k + 8) >> 4)
	}
}

func (p *PNG) bounds(r Rect) image.Rectangle {
	return image.Rect(int(math.Floor(r.X*p.px)), int(math.Floor(r.Y*p.px)), int(math.Ceil(r.Right()*p.px)), int(math.Ceil(r.Bottom()*p.px))).Intersect(p.img.Rect)
}

// box fills a rectangle whose edges lie between pixels.
func (p *PNG) box(r Rect, c Colour) {
	x0, y0, x1, y1 := r.X*p.px, r.Y*p.px, r.Right()*p.px, r.Bottom()*p.px
	b := p.bounds(r)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		cy := min(y1, float64(y+1)) - max(y0, float64(y))
		for x := b.Min.X; x < b.Max.X; x++ {
			cx := min(x1, float64(x+1)) - max(x0, float64(x))
			p.blend(x, y, c, uint8(255*max(cx, 0)*max(cy, 0)))
		}
	}
}

// Grid draws millimetre paper as far as the pixels can show it.
func (p *PNG) Grid(r Rect) {
	lines := func(step, skip int, c Colour, width float64) {
		width = max(width, 0.7/p.px)
		if float64(step)*p.px < 3 { // finer than a screen can show
			return
		}
		for x := 0; x <= int(r.W); x += step {
			if skip == 0 || x%skip != 0 {
				p.box(Rect{r.X + float64(x) - width/2, r.Y, width, r.H}, c)
			}
		}
		for y := 0; y <= int(r.H); y += step {
			if skip == 0 || y%skip != 0 {
				p.box(Rect{r.X, r.Y + float64(y) - width/2, r.W, width}, c)
			}
		}
	}
	lines(1, 5, Fine, fineWidth)
	lines(5, 0, Strong, strongWidth)
}

// Rule draws a straight line.
func (p *PNG) Rule(a, b Point, width float64) {
	p.stroke(Rect{0, 0, float64(p.img.Rect.Dx()) / p.px, float64(p.img.Rect.Dy()) / p.px}, [][]Point{{a, b}}, width)
}

// Curve draws polylines.
func (p *PNG) Curve(clip Rect, runs [][]Point, _ Name) {
	slim := make([][]Point, len(runs))
	for i, run := range runs {
		slim[i] = Envelope(run, 0.5/p.px)
	}
	p.stroke(clip, slim, CurveWidth)
}

// Text fills the outlines of the letters; where there is none, an empty box stands for it.
func (p *PNG) Text(at Point, st Style, s string) {
	x := 0.0
	along := turn(st.Turn)
	on := func(x float64) Point { return Point{at.X + x*along.X, at.Y - x*along.Y} }
	for _, g := range letters(s, st.Bold) {
		wd := g.advance * st.MM
		switch {
		case g.found():
			p.letter(g, on(x), st, along)
			if st.Bold && g.face != bold {
				p.letter(g, on(x+st.MM/30), st, along)
			}
		default:
			at := on(x)
			for _, side := range box(at.X, at.Y, wd, st.MM) {
				p.box(side, st.Ink)
			}
		}
		x += wd
	}
}

// turn is the direction of a base line, counter-clockwise: its cosine and sine.
func turn(degrees float64) Point {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return Point{cos, sin}
}

// turned26 turns an outline about its place; y grows downwards.
func turned26(q fixed.Point26_6, along Point) fixed.Point26_6 {
	x, y := float64(q.X), float64(q.Y)
	return fixed.Point26_6{X: fixed.Int26_6(math.Round(x*along.X + y*along.Y)), Y: fixed.Int26_6(math.Round(y*along.X - x*along.Y))}
}

func (p *PNG) letter(g glyph, at Point, st Style, along Point) {
	size := st.MM * p.px
	segments, err := g.face.font.LoadGlyph(&p.buf, g.index, fixed.Int26_6(size*64), nil)
	if err != nil || len(segments) == 0 {
		return
	}
	if along.Y != 0 {
		for i := range segments {
			for k := range segments[i].Args {
				segments[i].Args[k] = turned26(segments[i].Args[k], along)
			}
		}
	}
	b := segments.Bounds()
	ox, oy := math.Floor(at.X*p.px)+float64(b.Min.X.Floor())-1, math.Floor(at.Y*p.px)+float64(b.Min.Y.Floor())-1
	fx, fy := float32(at.X*p.px-ox), float32(at.Y*p.px-oy)
	w, h := b.Max.X.Ceil()-b.Min.X.Floor()+3, b.Max.Y.Ceil()-b.Min.Y.Floor()+3
	p.area.Reset(w, h)
	on := func(q fixed.Point26_6) (float32, float32) { return fx + float32(q.X)/64, fy + float32(q.Y)/64 }
	for _, s := range segments {
		x, y := on(s.Args[0])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			p.area.MoveTo(x, y)
		case sfnt.SegmentOpLineTo:
			p.area.LineTo(x, y)
		case sfnt.SegmentOpQuadTo:
			x1, y1 := on(s.Args[1])
			p.area.QuadTo(x, y, x1, y1)
		case sfnt.SegmentOpCubeTo:
			x1, y1 := on(s.Args[1])
			x2, y2 := on(s.Args[2])
			p.area.CubeTo(x, y, x1, y1, x2, y2)
		}
	}
	mask := image.NewAlpha(image.Rect(0, 0, w, h))
	p.area.Draw(mask, mask.Rect, image.Opaque, image.Point{})
	for y := range h {
		for x := range w {
			if v := mask.Pix[y*mask.Stride+x]; v > 8 && (image.Point{x + int(ox), y + int(oy)}).In(p.img.Rect) {
				p.blend(x+int(ox), y+int(oy), st.Ink, v)
			}
		}
	}
}

// paletted is the picture with a byte a pixel. There are few colours; should there be too many, the rest take the nearest.
func (p *PNG) paletted() *image.Paletted {
	out := image.NewPaletted(p.img.Rect, nil)
	index := make(map[[3]uint8]uint8, 256)
	var cache [1 << 10]struct { // in front of the map: most pixels are of a few colours
		of    [3]uint8
		index uint8
		full  bool
	}
	for i := range out.Pix {
		c := [3]uint8(p.img.Pix[4*i : 4*i+3])
		e := &cache[(uint(c[0])*67^uint(c[1])*29^uint(c[2])*13)%uint(len(cache))]
		if !e.full || e.of != c {
			k, ok := index[c]
			if !ok {
				k = place(out, c)
				index[c] = k
			}
			e.of, e.index, e.full = c, k, true
		}
		out.Pix[i] = e.index
	}
	return out
}

// place gives a colour its number in the palette.
func place(img *image.Paletted, c [3]uint8) uint8 {
	rgba := color.RGBA{c[0], c[1], c[2], 255}
	if len(img.Palette) == 256 {
		return uint8(img.Palette.Index(rgba))
	}
	img.Palette = append(img.Palette, rgba)
	return uint8(len(img.Palette) - 1)
}

// physical adds the resolution to a PNG that is being written, after its header (PNG, 11.3.5.3).
type physical struct {
	w    io.Writer
	dpi  int
	seen int
}

const headerEnd = 8 + 25 // signature and IHDR

func (p *physical) Write(b []byte) (int, error) {
	n := 0
	if p.seen < headerEnd {
		n = min(headerEnd-p.seen, len(b))
		if _, err := p.w.Write(b[:n]); err != nil {
			return 0, err
		}
		if p.seen += n; p.seen == headerEnd {
			if _, err := p.w.Write(physicalChunk(p.dpi)); err != nil {
				return n, err
			}
		}
	}
	if n == len(b) {
		return n, nil
	}
	m, err := p.w.Write(b[n:])
	return n + m, err
}

func physicalChunk(dpi int) []byte {
	metre := uint32(math.Round(float64(dpi) / 0.0254))
	c := append([]byte{0, 0, 0, 9}, "pHYs"...)
	c = be.AppendUint32(be.AppendUint32(c, metre), metre)
	c = append(c, 1) // pixels a metre
	return be.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
}
