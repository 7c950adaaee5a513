// What a back end can draw. Lengths are millimetres from the top left of the page.

package paper

type point struct{ x, y float64 }

type rect struct{ x, y, w, h float64 }

func (r rect) right() float64  { return r.x + r.w }
func (r rect) bottom() float64 { return r.y + r.h }

type colour struct{ r, g, b uint8 }

var (
	black  = colour{0, 0, 0}
	white  = colour{255, 255, 255}
	grey   = colour{96, 96, 96}
	red    = colour{192, 0, 0}
	fine   = colour{255, 214, 214} // of the 1 mm grid
	strong = colour{240, 160, 160} // of the 5 mm grid
)

// Widths of lines, mm.
const (
	fineWidth   = 0.10
	strongWidth = 0.20
	traceWidth  = 0.25
	ruleWidth   = 0.15
)

// A4, landscape.
const (
	pageWidth  = 297.0
	pageHeight = 210.0
)

// style of a text.
type style struct {
	mm   float64 // size of the em
	bold bool
	ink  colour
}

// pen is a back end: pdf, svg, png.
type pen interface {
	page()                                   // begins the next one
	grid(r rect)                             // 1 mm and 5 mm lines
	fill(r rect, c colour)                   //
	rule(a, b point, width float64)          // a straight black line
	trace(clip rect, runs [][]point, id int) // polylines of one lead, or a calibration pulse
	text(at point, st style, s string)       // at is the left end of the base line
}
