package raster

import (
	"math"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// annotation is what is drawn over some images in one layer (PS3.3 C.10.5).
type annotation struct {
	references
	order int
	grey  byte
	lines []graphic
	texts []caption
}

// graphic is one graphic object: points in pairs of x and y.
type graphic struct {
	kind    string // POINT, POLYLINE, INTERPOLATED, CIRCLE, ELLIPSE
	filled  bool
	display bool // points are fractions of the displayed area instead of pixels of the image
	points  []float64
}

// caption is one text object.
type caption struct {
	lines         []string
	box           []float64 // left, top, right, bottom
	boxDisplay    bool
	anchor        []float64 // x, y
	anchorDisplay bool
	anchorVisible bool
}

// What a presentation state may cost to draw: points of one graphic object, of all, and text objects.
const (
	maxPoints    = 1 << 14
	maxAllPoints = 1 << 16
	maxTexts     = 1 << 10
)

func (s *State) readGraphics(d *dicom.DataSet) {
	layers := map[string]*annotation{}
	items := d.Items(graphicLayerSequence)
	for i := range items {
		a := &annotation{grey: 0xFF}
		a.order, _ = items[i].Int(graphicLayerOrder)
		if g, ok := items[i].Int(graphicLayerGray); ok {
			a.grey = byte(uint16(g) >> 8)
		}
		layers[items[i].Str(graphicLayer)] = a
	}
	items = d.Items(graphicAnnotationSequence)
	points, texts := 0, 0
	for i := range items {
		a := annotation{references: referencesOf(&items[i]), grey: 0xFF}
		if l := layers[items[i].Str(graphicLayer)]; l != nil {
			a.order, a.grey = l.order, l.grey
		}
		a.read(&items[i])
		for _, g := range a.lines {
			points += len(g.points) / 2
		}
		if texts += len(a.texts); points > maxAllPoints || texts > maxTexts {
			break
		}
		s.graphics = append(s.graphics, a)
	}
	slices.SortStableFunc(s.graphics, func(a, b annotation) int { return a.order - b.order })
}

func (a *annotation) read(d *dicom.DataSet) {
	objects := d.Items(graphicObjectSequence)
	for i := range objects {
		o := &objects[i]
		points := floats(o, graphicData)
		if n := len(points) &^ 1; n >= 2 {
			a.lines = append(a.lines, graphic{
				kind: o.Str(graphicType), filled: o.Str(graphicFilled) == "Y",
				display: o.Str(graphicUnits) == "DISPLAY", points: points[:min(n, 2*maxPoints)],
			})
		}
	}
	objects = d.Items(textObjectSequence)
	for i := range objects {
		a.texts = append(a.texts, captionOf(&objects[i]))
	}
}

func captionOf(o *dicom.DataSet) caption {
	c := caption{
		lines:         strings.FieldsFunc(o.Str(unformattedText), func(r rune) bool { return r == '\r' || r == '\n' }),
		boxDisplay:    o.Str(boundingBoxUnits) == "DISPLAY",
		anchorDisplay: o.Str(anchorPointUnits) == "DISPLAY",
		anchorVisible: o.Str(anchorPointVisibility) == "Y",
	}
	if a, b := floats(o, boundingBoxTopLeft), floats(o, boundingBoxBottomRight); len(a) == 2 && len(b) == 2 {
		c.box = append(a, b...)
	}
	if a := floats(o, anchorPoint); len(a) == 2 {
		c.anchor = a
	}
	return c
}

// canvas places points of the image, or of the displayed area, on the finished picture.
type canvas struct {
	*plane
	layout
	orientation
	grey byte
}

// at gives the picture's point for an annotation's.
func (c *canvas) at(x, y float64, display bool) (float64, float64) {
	if display {
		return x * float64(c.plane.width), y * float64(c.plane.height)
	}
	x, y = c.layout.place(x, y)
	return c.orientation.place(x, y, float64(c.layout.width), float64(c.layout.height))
}

// draw draws all annotations of the frame, the lowest layer first.
func (s *State) draw(p *plane, l layout, v View, frame int) {
	for _, a := range s.graphics {
		if !a.include(v.Instance, frame) {
			continue
		}
		c := &canvas{plane: p, layout: l, orientation: orientation{v.Rotate / 90, v.FlipH, v.FlipV}, grey: a.grey}
		for _, g := range a.lines {
			c.graphic(g)
		}
		for _, t := range a.texts {
			c.caption(t)
		}
	}
}

func (c *canvas) graphic(g graphic) {
	points := make([]point, 0, len(g.points)/2)
	for i := 0; i+1 < len(g.points); i += 2 {
		x, y := c.at(g.points[i], g.points[i+1], g.display)
		points = append(points, point{x, y})
	}
	switch {
	case g.kind == "POINT":
		c.cross(points[0])
	case g.kind == "CIRCLE" && len(points) >= 2:
		c.outline(ellipse(points[0], points[1], points[0].across(points[1])), g.filled)
	case g.kind == "ELLIPSE" && len(points) >= 4:
		centre := points[0].middle(points[1])
		c.outline(ellipse(centre, points[1], points[3]), g.filled)
	case g.kind == "INTERPOLATED":
		c.outline(interpolated(points), g.filled)
	default:
		c.outline(points, g.filled)
	}
}

// caption writes the text into its box, or beside its anchor, and joins the two.
func (c *canvas) caption(t caption) {
	size := textSize(c.plane.width)
	var at point
	switch {
	case t.box != nil:
		ax, ay := c.at(t.box[0], t.box[1], t.boxDisplay)
		bx, by := c.at(t.box[2], t.box[3], t.boxDisplay)
		at = point{min(ax, bx), min(ay, by)}
	case t.anchor != nil:
		ax, ay := c.at(t.anchor[0], t.anchor[1], t.anchorDisplay)
		at = point{ax + float64(4*size), ay}
	default:
		return
	}
	if t.anchor != nil && t.anchorVisible {
		ax, ay := c.at(t.anchor[0], t.anchor[1], t.anchorDisplay)
		c.line(point{ax, ay}, at)
	}
	for i, line := range t.lines {
		if i < maxLines && within(at) {
			c.plane.text(int(at.x), int(at.y)+i*size*lineHeight, size, c.grey, Spell(line))
		}
	}
}

func within(p point) bool { return math.Abs(p.x) < 1<<20 && math.Abs(p.y) < 1<<20 }
