package raster

import (
	"math"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// shutter hides what lies outside of all its shapes (PS3.3 C.7.6.11).
type shutter struct {
	outlines [][]point // in pixels of the image
	grey     byte
}

// shutterOf reads rectangular, circular and polygonal shutters. Rows and columns count from 1.
func shutterOf(d *dicom.DataSet) shutter {
	var s shutter
	for _, shape := range d.Strs(shutterShape) {
		var outline []point
		switch shape {
		case "RECTANGULAR":
			outline = rectangle(d)
		case "CIRCULAR":
			c, r := floats(d, shutterCentre), floats(d, shutterRadius)
			if len(c) == 2 && len(r) == 1 && r[0] > 0 {
				centre := point{c[1] - 0.5, c[0] - 0.5}
				outline = ellipse(centre, point{centre.x + r[0], centre.y}, point{centre.x, centre.y + r[0]})
			}
		case "POLYGONAL":
			v := floats(d, shutterVertices)
			for i := 0; i+1 < len(v) && i < 2*maxPoints; i += 2 {
				outline = append(outline, point{v[i+1] - 0.5, v[i] - 0.5})
			}
		}
		if len(outline) > 2 {
			s.outlines = append(s.outlines, outline)
		}
	}
	if n, ok := d.Int(shutterValue); ok {
		s.grey = byte(uint16(n) >> 8)
	}
	return s
}

// rectangle takes edges as the first and last columns and rows that are shut away (PS3.3 C.7.6.11).
func rectangle(d *dicom.DataSet) []point {
	var e [4]float64
	for i, t := range []dicom.Tag{shutterLeft, shutterRight, shutterUpper, shutterLower} {
		n, ok := d.Int(t)
		if !ok {
			return nil
		}
		e[i] = float64(n)
	}
	left, right, top, bottom := e[0], e[1]-1, e[2], e[3]-1
	return []point{{left, top}, {right, top}, {right, bottom}, {left, bottom}}
}

// shut greys what the shutter hides, on a picture that is not turned yet.
func (s *State) shut(p *plane, l layout) {
	for _, outline := range s.shutter.outlines {
		at := make([]point, len(outline))
		for i, o := range outline {
			at[i].x, at[i].y = l.place(o.x, o.y)
			if math.IsNaN(at[i].x + at[i].y) {
				return
			}
		}
		open := make([]bool, p.width*p.height)
		p.inside(at, func(x, y int) { open[y*p.width+x] = true })
		for i, o := range open {
			if !o {
				p.set(i%p.width, i/p.width, s.shutter.grey)
			}
		}
	}
}
