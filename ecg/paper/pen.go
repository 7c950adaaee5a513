// The words of the floor below that this package draws with, and the three files that it draws.

package paper

import (
	"io"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/record"
)

type (
	point  = paper.Point
	rect   = paper.Rect
	colour = paper.Colour
	style  = paper.Style
	pen    = paper.Pen
)

var (
	black = paper.Black
	white = paper.White
	grey  = paper.Grey
	red   = paper.Red
)

const ruleWidth = paper.RuleWidth

// Millimetres of the page, A4 landscape.
var pageWidth = paper.A4Landscape.W

// MinDPI and MaxDPI bound pictures: at the most 3508 x 2480 pixels.
const (
	MinDPI = paper.MinDPI
	MaxDPI = paper.MaxDPI
)

// HasChinese reports whether the build embedded Chinese outlines.
func HasChinese() bool { return paper.HasChinese() }

// PDF writes the sheet true to size on A4 landscape: the pages of the tracing, then those of the report or of texts that are too
// long for the first page. It embeds the letters that it uses; a Chinese letter that the build has no outline of is in a font that
// every viewer has or replaces (Adobe-GB1, STSong-Light). Equal sheets give equal bytes.
func PDF(w io.Writer, s *Sheet) error {
	lang := "zh-CN"
	if s.Language == English {
		lang = "en"
	}
	p := paper.NewPDF(paper.A4Landscape, lang)
	s.draw(p)
	return p.Encode(w)
}

// SVG writes one page (Options.Page) true to size: the width and height are millimetres, and so is the view box. Texts are text; the viewer chooses among the named
// fonts. Every lead is a path with the class "lead" and its slot's number in data-slot.
func SVG(w io.Writer, s *Sheet) error {
	p := paper.NewSVG(paper.A4Landscape)
	s.drawPage(p, s.Options.Page)
	return p.Encode(w)
}

// PNG writes one page (Options.Page), anti-aliased, with its resolution. The error is record.Invalid for a resolution out of bounds.
func PNG(w io.Writer, s *Sheet, dpi int) error {
	if dpi < MinDPI || dpi > MaxDPI {
		return record.Errorf(record.Invalid, "a picture has %d to %d dpi", MinDPI, MaxDPI)
	}
	p := paper.NewPNG(paper.A4Landscape, dpi)
	s.drawPage(p, s.Options.Page)
	return p.Encode(w)
}
