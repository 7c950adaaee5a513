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

	"github.com/lianzhen/lianzhen/record"
)

// MinDPI and MaxDPI bound pictures: at the most 3508 x 2480 pixels.
const (
	MinDPI = 36
	MaxDPI = 300
)

// PNG writes one page (Options.Page), anti-aliased, with its resolution. The error is record.Invalid for a resolution out of bounds.
func PNG(w io.Writer, s *Sheet, dpi int) error {
	if dpi < MinDPI || dpi > MaxDPI {
		return record.Errorf(record.Invalid, "a picture has %d to %d dpi", MinDPI, MaxDPI)
	}
	p := newRaster(dpi)
	s.drawPage(p, s.Options.Page)
	e := png.Encoder{CompressionLevel: png.DefaultCompression}
	return e.Encode(&physical{w: w, dpi: dpi}, p.paletted())
}

// raster draws on pixels of a few colours: a white page, inks over it in sixteen steps.
type raster struct {
	img  *image.RGBA
	px   float64 // pixels a millimetre
	ink  []uint8 // how much of a pixel the trace that is being drawn covers
	area vector.Rasterizer
	buf  sfnt.Buffer
}

func newRaster(dpi int) *raster {
	px := float64(dpi) / 25.4
	r := &raster{px: px, img: image.NewRGBA(image.Rect(0, 0, int(math.Ceil(pageWidth*px)), int(math.Ceil(pageHeight*px))))}
	for i := range r.img.Pix {
		r.img.Pix[i] = 255
	}
	return r
}

func (p *raster) page() {}

func (p *raster) fill(r rect, c colour) { p.box(r, c) }

// blend lays an ink over a pixel; cover is 0 to 255 and counts in sixteenths.
func (p *raster) blend(x, y int, c colour, cover uint8) {
	k := int(cover+8) >> 4
	if cover >= 248 {
		k = 16
	}
	if k == 0 {
		return
	}
	i := p.img.PixOffset(x, y)
	px := p.img.Pix[i : i+3 : i+3]
	for j, v := range [3]uint8{c.r, c.g, c.b} {
		px[j] = uint8((int(px[j])*(16-k) + int(v)*k + 8) >> 4)
	}
}

func (p *raster) bounds(r rect) image.Rectangle {
	return image.Rect(int(math.Floor(r.x*p.px)), int(math.Floor(r.y*p.px)), int(math.Ceil(r.right()*p.px)), int(math.Ceil(r.bottom()*p.px))).Intersect(p.img.Rect)
}

// box fills a rectangle whose edges lie between pixels.
func (p *raster) box(r rect, c colour) {
	x0, y0, x1, y1 := r.x*p.px, r.y*p.px, r.right()*p.px, r.bottom()*p.px
	b := p.bounds(r)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		cy := min(y1, float64(y+1)) - max(y0, float64(y))
		for x := b.Min.X; x < b.Max.X; x++ {
			cx := min(x1, float64(x+1)) - max(x0, float64(x))
			p.blend(x, y, c, uint8(255*max(cx, 0)*max(cy, 0)))
		}
	}
}

func (p *raster) grid(r rect) {
	lines := func(step, skip int, c colour, width float64) {
		width = max(width, 0.7/p.px)
		if float64(step)*p.px < 3 { // finer than a screen can show
			return
		}
		for x := 0; x <= int(r.w); x += step {
			if skip == 0 || x%skip != 0 {
				p.box(rect{r.x + float64(x) - width/2, r.y, width, r.h}, c)
			}
		}
		for y := 0; y <= int(r.h); y += step {
			if skip == 0 || y%skip != 0 {
				p.box(rect{r.x, r.y + float64(y) - width/2, r.w, width}, c)
			}
		}
	}
	lines(1, 5, fine, fineWidth)
	lines(5, 0, strong, strongWidth)
}

func (p *raster) rule(a, b point, width float64) {
	p.stroke(rect{0, 0, pageWidth, pageHeight}, [][]point{{a, b}}, width)
}

func (p *raster) trace(clip rect, runs [][]point, _ int) {
	slim := make([][]point, len(runs))
	for i, run := range runs {
		slim[i] = envelope(run, 0.5/p.px)
	}
	p.stroke(clip, slim, traceWidth)
}

// text fills the outlines of the letters; where there is none, an empty box stands for it.
func (p *raster) text(at point, st style, s string) {
	x := at.x
	for _, g := range letters(s, st.bold) {
		wd := g.advance * st.mm
		switch {
		case g.found():
			p.letter(g, point{x, at.y}, st)
			if st.bold && g.face != bold {
				p.letter(g, point{x + st.mm/30, at.y}, st)
			}
		default:
			p.missing(rect{x + 0.1*wd, at.y - 0.7*st.mm, 0.8 * wd, 0.7 * st.mm}, st)
		}
		x += wd
	}
}

func (p *raster) missing(r rect, st style) {
	line := st.mm / 18
	p.box(rect{r.x, r.y, r.w, line}, st.ink)
	p.box(rect{r.x, r.bottom() - line, r.w, line}, st.ink)
	p.box(rect{r.x, r.y, line, r.h}, st.ink)
	p.box(rect{r.right() - line, r.y, line, r.h}, st.ink)
}

func (p *raster) letter(g glyph, at point, st style) {
	size := st.mm * p.px
	segments, err := g.face.font.LoadGlyph(&p.buf, g.index, fixed.Int26_6(size*64), nil)
	if err != nil || len(segments) == 0 {
		return
	}
	b := segments.Bounds()
	ox, oy := math.Floor(at.x*p.px)+float64(b.Min.X.Floor())-1, math.Floor(at.y*p.px)+float64(b.Min.Y.Floor())-1
	fx, fy := float32(at.x*p.px-ox), float32(at.y*p.px-oy)
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
				p.blend(x+int(ox), y+int(oy), st.ink, v)
			}
		}
	}
}

// paletted is the picture with a byte a pixel. There are few colours; should there be too many, the rest take the nearest.
func (p *raster) paletted() *image.Paletted {
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
