// What a pen can draw. Lengths are millimetres from the top left of the page.

package paper

// Point is a place on the page, mm.
type Point struct{ X, Y float64 }

// XY is the point there.
func XY(x, y float64) Point { return Point{x, y} }

// Rect is an upright rectangle, mm.
type Rect struct{ X, Y, W, H float64 }

// Box is the rectangle whose top left is there.
func Box(x, y, w, h float64) Rect { return Rect{x, y, w, h} }

// Right is the right edge.
func (r Rect) Right() float64 { return r.X + r.W }

// Bottom is the lower edge.
func (r Rect) Bottom() float64 { return r.Y + r.H }

// Colour is sRGB.
type Colour struct{ R, G, B uint8 }

// The inks of all sheets.
var (
	Black = Colour{0, 0, 0}
	White = Colour{255, 255, 255}
	Grey  = Colour{96, 96, 96}
	Red   = Colour{192, 0, 0}
	// Fine and Strong are the lines of millimetre paper, each millimetre and each fifth.
	Fine   = Colour{255, 214, 214}
	Strong = Colour{240, 160, 160}
)

// Widths of lines, mm.
const (
	fineWidth   = 0.10
	strongWidth = 0.20
	CurveWidth  = 0.25
	RuleWidth   = 0.15
)

// Size of a page, mm.
type Size struct{ W, H float64 }

// The pages of the house.
var (
	A4          = Size{210, 297}
	A4Landscape = Size{297, 210}
	A5          = Size{148, 210}
	A5Landscape = Size{210, 148}
)

// Style of a text.
type Style struct {
	MM   float64 // size of the em
	Bold bool
	Ink  Colour
	Turn float64 // degrees, counter-clockwise about the place of the text
}

// Name of a curve for whoever reads an SVG: its class, and a number in data-slot unless that is negative.
type Name struct {
	Class string
	Slot  int
}

// Pen draws on pages: PDF, SVG, PNG.
type Pen interface {
	Page()                                      // begins the next one
	Grid(r Rect)                                // millimetre paper
	Fill(r Rect, c Colour)                      // an upright rectangle
	Rule(a, b Point, width float64)             // a straight black line
	Curve(clip Rect, runs [][]Point, name Name) // black polylines, CurveWidth wide
	Text(at Point, st Style, s string)          // at is the left end of the base line
}

// Nothing is the pen that only shows how much there is.
type Nothing struct{}

// Page draws nothing.
func (Nothing) Page() {}

// Grid draws nothing.
func (Nothing) Grid(Rect) {}

// Fill draws nothing.
func (Nothing) Fill(Rect, Colour) {}

// Rule draws nothing.
func (Nothing) Rule(_, _ Point, _ float64) {}

// Curve draws nothing.
func (Nothing) Curve(Rect, [][]Point, Name) {}

// Text draws nothing.
func (Nothing) Text(Point, Style, string) {}
