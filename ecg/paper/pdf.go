// The PDF pen: vectors, one content stream a page, in hundredths of a millimetre (ISO 32000-1).

package paper

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// PDF writes the sheet true to size on A4 landscape: the pages of the tracing, then those of the report or of texts that are too
// long for the first page. It embeds the letters that it uses; a Chinese letter that the build has no outline of is in a font that
// every viewer has or replaces (Adobe-GB1, STSong-Light). Equal sheets give equal bytes.
func PDF(w io.Writer, s *Sheet) error {
	p := &pdf{latin: newSubset(), heavy: newSubset(), han: newSubset(), song: map[rune]bool{}}
	s.draw(p)
	_, err := w.Write(p.document(s.Language))
	return err
}

type pdf struct {
	pages []*bytes.Buffer
	out   *bytes.Buffer // of the page
	num   []byte

	latin, heavy, han *subset
	song              map[rune]bool
}

// PDF points of a hundredth of a millimetre.
const pointsAUnit = 72 / 25.4 / 100

func (p *pdf) page() {
	p.out = &bytes.Buffer{}
	p.pages = append(p.pages, p.out)
	fmt.Fprintf(p.out, "%.8f 0 0 %.8f 0 %.4f cm 1 J 1 j\n", pointsAUnit, -pointsAUnit, pageHeight*100*pointsAUnit)
}

// unit is a length in hundredths of a millimetre.
func unit(mm float64) int {
	if math.IsNaN(mm) {
		return 0
	}
	return int(math.Round(min(max(mm, -4*farAway), 4*farAway) * 100))
}

func (p *pdf) put(op string, v ...float64) {
	for _, mm := range v {
		p.num = append(strconv.AppendInt(p.num[:0], int64(unit(mm)), 10), ' ')
		p.out.Write(p.num)
	}
	p.out.WriteString(op)
	p.out.WriteByte('\n')
}

func (p *pdf) grid(r rect) {
	p.out.WriteString("q 1 0 0 1 ")
	p.put("cm /G Do Q", r.x, r.y)
}

func ink(c colour) string {
	return fmt.Sprintf("%s %s %s", number(float64(c.r)/255), number(float64(c.g)/255), number(float64(c.b)/255))
}

func (p *pdf) fill(r rect, c colour) {
	p.out.WriteString("q " + ink(c) + " rg ")
	p.put("re f Q", r.x, r.y, r.w, r.h)
}

func (p *pdf) rule(a, b point, width float64) {
	p.put("w", width)
	p.put("m", a.x, a.y)
	p.put("l S", b.x, b.y)
}

func (p *pdf) trace(clip rect, runs [][]point, _ int) {
	p.out.WriteString("q ")
	p.put("re W n", clip.x, clip.y, clip.w, clip.h)
	for _, run := range runs {
		p.path(run)
	}
	p.out.WriteString("Q\n")
}

// A path is written in fortieths of a millimetre, 2.5 uV at 10 mm/mV, and begins anew each millimetre, counted from there: small numbers that come
// again deflate to half of what those of the whole page need. Round caps hide where it happens.
const (
	grain  = 40 // a millimetre
	stride = grain
)

func grains(mm float64) int { return int(math.Round(min(max(mm, -4*farAway), 4*farAway) * grain)) }

// path strokes a polyline.
func (p *pdf) path(run []point) {
	x, y := grains(run[0].x), grains(run[0].y)
	b := append(p.num[:0], "q 2.5 0 0 2.5 "...)
	b = strconv.AppendFloat(b, float64(x)*100/grain, 'f', -1, 64)
	b = append(b, ' ')
	b = strconv.AppendFloat(b, float64(y)*100/grain, 'f', -1, 64)
	b = fmt.Appendf(b, " cm %d w 0 0 m\n", int(traceWidth*grain))
	if len(run) == 1 {
		b = append(b, "0 0 l\n"...)
	}
	for i, q := range run[1:] {
		dx, dy := grains(q.x)-x, grains(q.y)-y
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

// text sets each stretch of letters of one font; the widths in the fonts carry from one to the next.
func (p *pdf) text(at point, st style, s string) {
	gs := letters(s, st.bold)
	if len(gs) == 0 {
		return
	}
	p.out.WriteString("BT " + ink(st.ink) + " rg 1 0 0 -1 ")
	p.put("Tm", at.x, at.y)
	size, now := unit(st.mm), ""
	for _, g := range gs {
		font, code := p.code(g, st.bold)
		if font != now {
			if now != "" {
				p.out.WriteString("> Tj\n")
			}
			fmt.Fprintf(p.out, "/%s %d Tf", font, size)
			if st.bold && (font == "H" || font == "S") { // there is no bold Chinese: its outline is drawn too
				fmt.Fprintf(p.out, " 2 Tr %d w %s RG", max(size/28, 1), ink(st.ink))
			} else {
				p.out.WriteString(" 0 Tr")
			}
			p.out.WriteString(" <")
			now = font
		}
		p.out.WriteString(code)
	}
	p.out.WriteString("> Tj 0 Tr ET 0 G\n")
}

// code is the font of a letter and its hexadecimal code there.
func (p *pdf) code(g glyph, heavy bool) (font, code string) {
	switch {
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
func (p *pdf) document(l Language) []byte {
	d := &document{}
	catalog, tree := d.reserve(), d.reserve()
	grid := d.packed(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [-50 -50 %d %d]", unit(field.w)+50, unit(field.h)+50), gridStream())
	fonts := d.fonts(p)
	var kids bytes.Buffer
	for _, content := range p.pages {
		body := d.stream("", content.Bytes())
		page := d.reserve()
		d.put(page, fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.3f %.3f] /Contents %d 0 R /Resources << /XObject << /G %d 0 R >> /Font << %s >> >> >>",
			tree, pageWidth*100*pointsAUnit, pageHeight*100*pointsAUnit, body, grid, fonts))
		fmt.Fprintf(&kids, "%d 0 R ", page)
	}
	d.put(tree, fmt.Sprintf("<< /Type /Pages /Count %d /Kids [ %s] >>", len(p.pages), kids.String()))
	lang := "zh-CN"
	if l == English {
		lang = "en"
	}
	d.put(catalog, fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /Lang (%s) /ViewerPreferences << /PrintScaling /None >> >>", tree, lang))
	return d.finish(catalog)
}

// gridStream is the same in all documents.
var gridStream = sync.OnceValue(func() []byte { return deflated(gridContent(field.w, field.h)) })

// gridContent draws the grid once; every page refers to it.
func gridContent(w, h float64) []byte {
	var b bytes.Buffer
	lines := func(step, skip int, c colour, width float64) {
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
	lines(1, 5, fine, fineWidth)
	lines(5, 0, strong, strongWidth)
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
