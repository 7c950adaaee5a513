// The SVG pen: millimetres, no script, nothing fetched.

package paper

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
)

// SVG writes one page (Options.Page) true to size: the width and height are millimetres, and so is the view box. Texts are text; the viewer chooses among the named
// fonts. Every lead is a path with the class "lead" and its slot's number in data-slot.
func SVG(w io.Writer, s *Sheet) error {
	p := &svg{}
	fmt.Fprintf(&p.out, `<svg xmlns="http://www.w3.org/2000/svg" width="%gmm" height="%gmm" viewBox="0 0 %g %g" font-family="Go,'Noto Sans SC','Source Han Sans SC','Microsoft YaHei','PingFang SC',SimHei,'WenQuanYi Zen Hei',sans-serif">`+"\n",
		pageWidth, pageHeight, pageWidth, pageHeight)
	fmt.Fprintf(&p.out, `<defs><clipPath id="f"><rect x="%g" y="%g" width="%g" height="%g"/></clipPath></defs>`+"\n", field.x, field.y, field.w, field.h)
	fmt.Fprintf(&p.out, `<rect width="%g" height="%g" fill="#fff"/>`+"\n", pageWidth, pageHeight)
	s.drawPage(p, s.Options.Page)
	p.out.WriteString("</svg>\n")
	_, err := w.Write(p.out.Bytes())
	return err
}

type svg struct {
	out bytes.Buffer
}

func (p *svg) page() {}

func hex(c colour) string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

func (p *svg) grid(r rect) {
	lines := func(step, skip int, c colour, width float64) {
		p.out.WriteString(`<path class="grid" fill="none" stroke="` + hex(c) + `" stroke-width="` + number(width) + `" d="`)
		for x := 0; x <= int(r.w); x += step {
			if skip == 0 || x%skip != 0 {
				fmt.Fprintf(&p.out, "M%s %sv%s", number(r.x+float64(x)), number(r.y), number(r.h))
			}
		}
		for y := 0; y <= int(r.h); y += step {
			if skip == 0 || y%skip != 0 {
				fmt.Fprintf(&p.out, "M%s %sh%s", number(r.x), number(r.y+float64(y)), number(r.w))
			}
		}
		p.out.WriteString("\"/>\n")
	}
	lines(1, 5, fine, fineWidth)
	lines(5, 0, strong, strongWidth)
}

func (p *svg) fill(r rect, c colour) {
	fmt.Fprintf(&p.out, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", number(r.x), number(r.y), number(r.w), number(r.h), hex(c))
}

func (p *svg) rule(a, b point, width float64) {
	fmt.Fprintf(&p.out, `<path stroke="#000" stroke-width="%s" d="M%s %sL%s %s"/>`+"\n", number(width), number(a.x), number(a.y), number(b.x), number(b.y))
}

// trace writes a path in hundredths of a millimetre, each point counted from the one before.
func (p *svg) trace(_ rect, runs [][]point, id int) {
	class := fmt.Sprintf(`class="lead" data-slot="%d"`, id)
	if id < 0 {
		class = `class="pulse"`
	}
	fmt.Fprintf(&p.out, `<g clip-path="url(#f)"><path %s transform="scale(.01)" fill="none" stroke="#000" stroke-width="%d" stroke-linejoin="round" stroke-linecap="round" d="`, class, unit(traceWidth))
	b := make([]byte, 0, 1<<12)
	for _, run := range runs {
		x, y := unit(run[0].x), unit(run[0].y)
		b = fmt.Appendf(b, "M%d %dl", x, y)
		if len(run) == 1 {
			b = append(b, "0 0"...)
		}
		for i, q := range run[1:] {
			nx, ny := unit(q.x), unit(q.y)
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

func (p *svg) text(at point, st style, s string) {
	if s == "" {
		return
	}
	weight := ""
	if st.bold {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(&p.out, `<text x="%s" y="%s" font-size="%s" fill="%s"%s xml:space="preserve">`, number(at.x), number(at.y), number(st.mm), hex(st.ink), weight)
	xml.EscapeText(&p.out, []byte(s)) // to memory
	p.out.WriteString("</text>\n")
}
