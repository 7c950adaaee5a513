// The SVG pen: millimetres, no script, nothing fetched.

package paper

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// SVG is one page true to size: the width and height are millimetres, and so is the view box. Texts are text; the viewer chooses among the named
// fonts. Every curve is a path with its class and its number in data-slot.
type SVG struct {
	size Size
	clip []Rect // what curves are kept within; that of grids first
	out  bytes.Buffer
}

// NewSVG is a page on which nothing stands.
func NewSVG(size Size) *SVG { return &SVG{size: size} }

// Encode writes the page.
func (p *SVG) Encode(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%gmm" height="%gmm" viewBox="0 0 %g %g" font-family="Go,'Noto Sans SC','Source Han Sans SC','Microsoft YaHei','PingFang SC',SimHei,'WenQuanYi Zen Hei',sans-serif">`+"\n",
		p.size.W, p.size.H, p.size.W, p.size.H)
	for i, r := range p.clip {
		fmt.Fprintf(&b, `<defs><clipPath id="%s"><rect x="%g" y="%g" width="%g" height="%g"/></clipPath></defs>`+"\n", clipName(i), r.X, r.Y, r.W, r.H)
	}
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#fff"/>`+"\n", p.size.W, p.size.H)
	b.Write(p.out.Bytes())
	b.WriteString("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// clipped is the name of a clip, which is made if there is none such.
func (p *SVG) clipped(r Rect) string {
	i := slices.Index(p.clip, r)
	if i < 0 {
		i = len(p.clip)
		p.clip = append(p.clip, r)
	}
	return clipName(i)
}

func clipName(i int) string {
	if i == 0 {
		return "f"
	}
	return "f" + strconv.Itoa(i)
}

// Page does nothing: an SVG has one.
func (p *SVG) Page() {}

func hex(c Colour) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// Grid draws millimetre paper.
func (p *SVG) Grid(r Rect) {
	p.clipped(r)
	lines := func(step, skip int, c Colour, width float64) {
		p.out.WriteString(`<path class="grid" fill="none" stroke="` + hex(c) + `" stroke-width="` + number(width) + `" d="`)
		for x := 0; x <= int(r.W); x += step {
			if skip == 0 || x%skip != 0 {
				fmt.Fprintf(&p.out, "M%s %sv%s", number(r.X+float64(x)), number(r.Y), number(r.H))
			}
		}
		for y := 0; y <= int(r.H); y += step {
			if skip == 0 || y%skip != 0 {
				fmt.Fprintf(&p.out, "M%s %sh%s", number(r.X), number(r.Y+float64(y)), number(r.W))
			}
		}
		p.out.WriteString("\"/>\n")
	}
	lines(1, 5, Fine, fineWidth)
	lines(5, 0, Strong, strongWidth)
}

// Fill fills a rectangle.
func (p *SVG) Fill(r Rect, c Colour) {
	fmt.Fprintf(&p.out, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", number(r.X), number(r.Y), number(r.W), number(r.H), hex(c))
}

// Rule draws a straight line.
func (p *SVG) Rule(a, b Point, width float64) {
	fmt.Fprintf(&p.out, `<path stroke="#000" stroke-width="%s" d="M%s %sL%s %s"/>`+"\n", number(width), number(a.X), number(a.Y), number(b.X), number(b.Y))
}

// Curve writes a path in hundredths of a millimetre, each Point counted from the one before.
func (p *SVG) Curve(clip Rect, runs [][]Point, name Name) {
	class := fmt.Sprintf(`class="%s"`, name.Class)
	if name.Slot >= 0 {
		class += fmt.Sprintf(` data-slot="%d"`, name.Slot)
	}
	fmt.Fprintf(&p.out, `<g clip-path="url(#%s)"><path %s transform="scale(.01)" fill="none" stroke="#000" stroke-width="%d" stroke-linejoin="round" stroke-linecap="round" d="`, p.clipped(clip), class, unit(CurveWidth))
	b := make([]byte, 0, 1<<12)
	for _, run := range runs {
		x, y := unit(run[0].X), unit(run[0].Y)
		b = fmt.Appendf(b, "M%d %dl", x, y)
		if len(run) == 1 {
			b = append(b, "0 0"...)
		}
		for i, q := range run[1:] {
			nx, ny := unit(q.X), unit(q.Y)
			if i > 0 {
				b = append(b, ' ')
			}
			b = strconv.AppendInt(b, int64(nx-x), 10)
			if ny >= y {
				b = append(b, ' ')
			}
			b = strconv.AppendInt(b, int64(ny-y), 10)
			x, y = nx, ny
		}
	}
	p.out.Write(b)
	p.out.WriteString("\"/></g>\n")
}

// Text writes a text as text.
func (p *SVG) Text(at Point, st Style, s string) {
	if s == "" {
		return
	}
	more := ""
	if st.Bold {
		more = ` font-weight="bold"`
	}
	if st.Turn != 0 {
		more += fmt.Sprintf(` transform="rotate(%s %s %s)"`, number(-st.Turn), number(at.X), number(at.Y))
	}
	fmt.Fprintf(&p.out, `<text x="%s" y="%s" font-size="%s" fill="%s"%s xml:space="preserve">`, number(at.X), number(at.Y), number(st.MM), hex(st.Ink), more)
	xml.EscapeText(&p.out, []byte(s)) // to memory
	p.out.WriteString("</text>\n")
}
