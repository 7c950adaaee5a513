// The PDF pen: vectors, one content stream a page, in hundredths of a millimetre (ISO 32000-1).

package paper

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/klauspost/compress/zlib"
)

// PDF is a document true to size. It embeds the letters that it uses; a Chinese letter that the build has no outline of is in a font that
// every viewer has or replaces (Adobe-GB1, STSong-Light). Equal drawings give equal bytes.
type PDF struct {
	size  Size
	lang  string
	grids []Size
	pages []*bytes.Buffer
	out   *bytes.Buffer // of the page
	num   []byte

	latin, heavy, han *subset
	song              map[rune]bool
}

// NewPDF is a document without pages in a language (BCP 47).
func NewPDF(size Size, lang string) *PDF {
	return &PDF{size: size, lang: lang, latin: newSubset(), heavy: newSubset(), han: newSubset(), song: map[rune]bool{}}
}

// Encode writes the document.
func (p *PDF) Encode(w io.Writer) error {
	_, err := w.Write(p.document())
	return err
}

// PDF points of a hundredth of a millimetre.
const pointsAUnit = 72 / 25.4 / 100

// Page begins the next page.
func (p *PDF) Page() {
	p.out = &bytes.Buffer{}
	p.pages = append(p.pages, p.out)
	fmt.Fprintf(p.out, "%.8f 0 0 %.8f 0 %.4f cm 1 J 1 j\n", pointsAUnit, -pointsAUnit, p.size.H*100*pointsAUnit)
}

const farAway = 8000 // mm: what lies beyond is as far as that

// unit is a length in hundredths of a millimetre.
func unit(mm float64) int {
	if math.IsNaN(mm) {
		return 0
	}
	return int(math.Round(min(max(mm, -farAway), farAway) * 100))
}

func (p *PDF) put(op string, v ...float64) {
	for _, mm := range v {
		p.num = append(strconv.AppendInt(p.num[:0], int64(unit(mm)), 10), ' ')
		p.out.Write(p.num)
	}
	p.out.WriteString(op)
	p.out.WriteByte('\n')
}

// Grid draws millimetre paper; what is drawn of one size is in the file once.
func (p *PDF) Grid(r Rect) {
	size := Size{r.W, r.H}
	i := slices.Index(p.grids, size)
	if i < 0 {
		i = len(p.grids)
		p.grids = append(p.grids, size)
	}
	p.out.WriteString("q 1 0 0 1 ")
	p.put("cm /"+gridName(i)+" Do Q", r.X, r.Y)
}

func gridName(i int) string {
	if i == 0 {
		return "G"
	}
	return "G" + strconv.Itoa(i)
}

func ink(c Colour) string {
	return fmt.Sprintf("%s %s %s", number(float64(c.R)/255), number(float64(c.G)/255), number(float64(c.B)/255))
}

// Fill fills a rectangle.
func (p *PDF) Fill(r Rect, c Colour) {
	p.out.WriteString("q " + ink(c) + " rg ")
	p.put("re f Q", r.X, r.Y, r.W, r.H)
}

// Rule draws a straight line.
func (p *PDF) Rule(a, b Point, width float64) {
	p.put("w", width)
	p.put("m", a.X, a.Y)
	p.put("l S", b.X, b.Y)
}

// Curve draws polylines.
func (p *PDF) Curve(clip Rect, runs [][]Point, _ Name) {
	p.out.WriteString("q ")
	p.put("re W n", clip.X, clip.Y, clip.W, clip.H)
	for _, run := range runs {
		p.path(run)
	}
	p.out.WriteString("Q\n")
}

// A path is written in fortieths of a millimetre, and begins anew each millimetre, counted from there: small numbers that come
// again deflate to half of what those of the whole page need. Round caps hide where it happens.
const (
	grain  = 40 // a millimetre
	stride = grain
)

func grains(mm float64) int { return int(math.Round(min(max(mm, -farAway), farAway) * grain)) }

// path strokes a polyline.
func (p *PDF) path(run []Point) {
	x, y := grains(run[0].X), grains(run[0].Y)
	b := append(p.num[:0], "q 2.5 0 0 2.5 "...)
	b = strconv.AppendFloat(b, float64(x)*100/grain, 'f', -1, 64)
	b = append(b, ' ')
	b = strconv.AppendFloat(b, float64(y)*100/grain, 'f', -1, 64)
	b = fmt.Appendf(b, " cm %d w 0 0 m\n", int(CurveWidth*grain))
	if len(run) == 1 {
		b = append(b, "0 0 l\n"...)
	}
	for i, q := range run[1:] {
		dx, dy := grains(q.X)-x, grains(q.Y)-y
		b = pair(b, dx, dy, "l\n")
		if dx >= stride && i+2 < len(run) {
			b = append(b, "S 1 0 0 1 "...)
			b = pair(b, dx, dy, "cm 0 0 m\n")
			x, y = x+dx, y+dy
		}
	}
	b = append(b, "S Q\n"...)
	p.out.Write(b)
	p.num = b
}

func pair(b []byte, x, y int, op string) []byte {
	b = append(strconv.AppendInt(b, int64(x), 10), ' ')
	b = append(strconv.AppendInt(b, int64(y), 10), ' ')
	return append(b, op...)
}

// Text sets each stretch of letters of one font; the widths in the fonts carry from one to the next.
func (p *PDF) Text(at Point, st Style, s string) {
	gs := letters(s, st.Bold)
	if len(gs) == 0 {
		return
	}
	p.out.WriteString("BT " + ink(st.Ink) + " rg " + turned(st.Turn))
	p.put("Tm", at.X, at.Y)
	size, now := unit(st.MM), ""
	for _, g := range gs {
		font, code := p.code(g, st.Bold)
		if font != now {
			if now != "" {
				p.out.WriteString("> Tj\n")
			}
			fmt.Fprintf(p.out, "/%s %d Tf", strings.Replace(font, "X", "S", 1), size) // X: unseen
			switch {
			case font == "X":
				p.out.WriteString(" 3 Tr")
			case st.Bold && (font == "H" || font == "S"): // there is no bold Chinese: its outline is drawn too
				fmt.Fprintf(p.out, " 2 Tr %d w %s RG", max(size/28, 1), ink(st.Ink))
			default:
				p.out.WriteString(" 0 Tr")
			}
			p.out.WriteString(" <")
			now = font
		}
		p.out.WriteString(code)
	}
	p.out.WriteString("> Tj 0 Tr ET 0 G\n")
	p.boxes(at, st, gs)
}

// unknown is a letter of a script that no font here has, nor the one that viewers put in the place of Adobe-GB1: they would show another letter
// for it. It is in the file for whoever searches, unseen under a box.
func (g glyph) unknown() bool {
	return !g.found() && (g.rune < firstHan || g.rune > 0xffff && !unicode.Is(unicode.Han, g.rune))
}

// boxes stand for letters that nobody can show.
func (p *PDF) boxes(at Point, st Style, gs []glyph) {
	x := at.X
	for _, g := range gs {
		wd := g.advance * st.MM
		if g.unknown() && st.Turn == 0 && !unicode.IsSpace(g.rune) {
			for _, r := range box(x, at.Y, wd, st.MM) {
				p.Fill(r, st.Ink)
			}
		}
		x += wd
	}
}

// box is the four sides of the box that stands for a letter as wide as wd.
func box(x, y, wd, size float64) [4]Rect {
	r, line := Rect{x + 0.1*wd, y - 0.7*size, 0.8 * wd, 0.7 * size}, size/18
	return [4]Rect{{r.X, r.Y, r.W, line}, {r.X, r.Bottom() - line, r.W, line}, {r.X, r.Y, line, r.H}, {r.Right() - line, r.Y, line, r.H}}
}

// turned are the first four numbers of a text's matrix; y grows downwards.
func turned(degrees float64) string {
	if degrees == 0 {
		return "1 0 0 -1 "
	}
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return fmt.Sprintf("%.4f %.4f %.4f %.4f ", cos, -sin, -sin, -cos)
}

// code is the font of a letter and its hexadecimal code there.
func (p *PDF) code(g glyph, heavy bool) (font, code string) {
	switch {
	case g.unknown():
		p.song[g.rune] = true
		return "X", utf16Hex(g.rune)
	case !g.found():
		p.song[g.rune] = true
		return "S", utf16Hex(g.rune)
	case g.face != regular && g.face != bold:
		return "H", fmt.Sprintf("%04X", p.han.add(g))
	case heavy:
		return "B", fmt.Sprintf("%04X", p.heavy.add(g))
	}
	return "R", fmt.Sprintf("%04X", p.latin.add(g))
}

// document puts the objects together.
func (p *PDF) document() []byte {
	d := &document{}
	catalog, tree := d.reserve(), d.reserve()
	resources := d.gridForms(p.grids) + fmt.Sprintf("/Font << %s >> ", d.fonts(p))
	var kids bytes.Buffer
	for _, content := range p.pages {
		body := d.stream("", content.Bytes())
		page := d.reserve()
		d.put(page, fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.3f %.3f] /Contents %d 0 R /Resources << %s>> >>",
			tree, p.size.W*100*pointsAUnit, p.size.H*100*pointsAUnit, body, resources))
		fmt.Fprintf(&kids, "%d 0 R ", page)
	}
	d.put(tree, fmt.Sprintf("<< /Type /Pages /Count %d /Kids [ %s] >>", len(p.pages), kids.String()))
	d.put(catalog, fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /Lang (%s) /ViewerPreferences << /PrintScaling /None >> >>", tree, p.lang))
	return d.finish(catalog)
}

// gridForms adds the grids and gives their resource entry.
func (d *document) gridForms(sizes []Size) string {
	if len(sizes) == 0 {
		return ""
	}
	var out strings.Builder
	for i, s := range sizes {
		n := d.packed(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [-50 -50 %d %d]", unit(s.W)+50, unit(s.H)+50), gridStream(s))
		fmt.Fprintf(&out, "/%s %d 0 R ", gridName(i), n)
	}
	return "/XObject << " + out.String() + ">> "
}

var gridStreams sync.Map // Size to its deflated content: sheets of one kind have one size

func gridStream(s Size) []byte {
	if b, ok := gridStreams.Load(s); ok {
		return b.([]byte)
	}
	b := deflated(gridContent(s.W, s.H))
	gridStreams.Store(s, b)
	return b
}

// gridContent draws the grid once; every page refers to it.
func gridContent(w, h float64) []byte {
	var b bytes.Buffer
	lines := func(step, skip int, c Colour, width float64) {
		fmt.Fprintf(&b, "%s RG %d w 0 J\n", ink(c), unit(width))
		for x := 0; x <= int(w); x += step {
			if skip == 0 || x%skip != 0 {
				fmt.Fprintf(&b, "%d 0 m %d %d l\n", x*100, x*100, unit(h))
			}
		}
		for y := 0; y <= int(h); y += step {
			if skip == 0 || y%skip != 0 {
				fmt.Fprintf(&b, "0 %d m %d %d l\n", y*100, unit(w), y*100)
			}
		}
		b.WriteString("S\n")
	}
	lines(1, 5, Fine, fineWidth)
	lines(5, 0, Strong, strongWidth)
	return b.Bytes()
}

// document is a file being written.
type document struct {
	objects [][]byte
}

func (d *document) reserve() int {
	d.objects = append(d.objects, nil)
	return len(d.objects)
}

func (d *document) put(n int, body string) { d.objects[n-1] = []byte(body) }

func (d *document) add(body string) int {
	n := d.reserve()
	d.put(n, body)
	return n
}

var deflaters = sync.Pool{New: func() any {
	z, _ := zlib.NewWriterLevel(nil, 6) // a valid level
	return z
}}

// stream adds a compressed stream.
func (d *document) stream(entries string, data []byte) int { return d.packed(entries, deflated(data)) }

func (d *document) packed(entries string, data []byte) int {
	n := d.reserve()
	d.objects[n-1] = fmt.Appendf(make([]byte, 0, len(data)+200), "<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", entries, len(data), data)
	return n
}

func deflated(data []byte) []byte {
	z := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(z)
	var b bytes.Buffer
	z.Reset(&b)
	z.Write(data) // to memory: cannot fail
	z.Close()
	return b.Bytes()
}

func (d *document) finish(catalog int) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
	at := make([]int, len(d.objects))
	for i, o := range d.objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, catalog, start)
	return b.Bytes()
}
