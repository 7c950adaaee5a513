package raster

import (
	"image"
	"math"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

const stateImage = "2.25.7"

// stateSet is a presentation state with one of each thing that is read.
func stateSet() *dicom.DataSet {
	s := dicom.NewDataSet()
	ref := item(func(r *dicom.DataSet) { r.SetText(dicom.ReferencedSOPInstanceUID, stateImage) })
	s.SetItems(referencedSeriesSequence, item(func(r *dicom.DataSet) { r.SetItems(referencedImageSequence, ref) }))
	s.SetItems(softcopyVOISequence, item(func(v *dicom.DataSet) {
		v.SetText(dicom.WindowCenter, "2048")
		v.SetText(dicom.WindowWidth, "4096")
	}))
	s.SetItems(displayedAreaSequence, item(func(a *dicom.DataSet) {
		a.SetInt(displayedAreaTopLeft, 1, 1)
		a.SetInt(displayedAreaBottomRight, 8, 8)
		a.SetText(presentationPixelAspect, "1", "1")
	}))
	s.SetItems(graphicLayerSequence, item(func(l *dicom.DataSet) {
		l.SetText(graphicLayer, "A")
		l.SetInt(graphicLayerOrder, 1)
		l.SetInt(graphicLayerGray, 0xFFFF)
	}))
	s.SetItems(graphicAnnotationSequence, item(func(a *dicom.DataSet) {
		a.SetText(graphicLayer, "A")
		a.SetItems(graphicObjectSequence, shape("POLYLINE", 1, 1, 7, 1), shape("CIRCLE", 4, 4, 6, 4), shape("POINT", 4, 4),
			shape("ELLIPSE", 1, 4, 7, 4, 4, 3, 4, 5), shape("INTERPOLATED", 1, 1, 3, 6, 6, 2))
		a.SetItems(textObjectSequence, item(func(t *dicom.DataSet) {
			t.SetText(unformattedText, "AP")
			t.SetText(boundingBoxUnits, "DISPLAY")
			t.SetFloat(boundingBoxTopLeft, 0.1, 0.1)
			t.SetFloat(boundingBoxBottomRight, 0.5, 0.2)
		}))
	}))
	s.SetText(shutterShape, "RECTANGULAR")
	s.SetInt(shutterLeft, 0)
	s.SetInt(shutterRight, 9)
	s.SetInt(shutterUpper, 0)
	s.SetInt(shutterLower, 9)
	s.SetText(dicom.PresentationLUTShape, "INVERSE")
	s.SetInt(imageRotation, 90)
	s.SetText(imageHorizontalFlip, "Y")
	return s
}

func shape(kind string, points ...float64) *dicom.DataSet {
	return item(func(g *dicom.DataSet) {
		g.SetText(graphicUnits, "PIXEL")
		g.SetText(graphicType, kind)
		g.SetFloat(graphicData, points...)
	})
}

func stateOf(t *testing.T, change func(*dicom.DataSet)) *State {
	t.Helper()
	set := stateSet()
	set.Delete(graphicAnnotationSequence)
	change(set)
	s, err := StateOf(set)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Applies(stateImage) || s.Applies("2.25.8") {
		t.Error("applies to the wrong images")
	}
	return s
}

func greyAt(img image.Image, x, y int) byte { return img.(*image.Gray).GrayAt(x, y).Y }

// TestStateTurnsClockwiseThenFlips follows one bright pixel.
func TestStateTurnsClockwiseThenFlips(t *testing.T) {
	d := grey(8, 8, 16, 12)
	b := make([]byte, d.NativeBytes())
	b[2*(1*8+2)], b[2*(1*8+2)+1] = 0xFF, 0x0F // column 2, row 1
	for _, c := range []struct {
		name string
		turn int
		flip string
		view View
		x, y int
	}{
		{"as it is", 0, "N", View{}, 2, 1},
		{"quarter", 90, "N", View{}, 6, 2},
		{"half", 180, "N", View{}, 5, 6},
		{"three quarters", 270, "N", View{}, 1, 5},
		{"flip", 0, "Y", View{}, 5, 1},
		{"quarter and flip", 90, "Y", View{}, 1, 2},
		{"flip, then turned by the view", 0, "Y", View{Rotate: 90}, 6, 5},
		{"quarter and flip, then turned by the view", 90, "Y", View{Rotate: 90}, 5, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.view.Presentation = stateOf(t, func(s *dicom.DataSet) {
				s.SetText(dicom.PresentationLUTShape, "IDENTITY")
				s.SetInt(imageRotation, c.turn)
				s.SetText(imageHorizontalFlip, c.flip)
			})
			img, err := Render(d, b, 0, c.view)
			if err != nil {
				t.Fatal(err)
			}
			if greyAt(img, c.x, c.y) != 255 {
				t.Errorf("%v", img.(*image.Gray).Pix)
			}
		})
	}
}

func TestStateShowsWhatItSays(t *testing.T) {
	d := grey(8, 8, 16, 12)
	black := make([]byte, d.NativeBytes())
	upright := func(s *dicom.DataSet) {
		s.SetInt(imageRotation, 0)
		s.SetText(imageHorizontalFlip, "N")
	}
	render := func(s *State, instance dicom.UID) image.Image {
		img, err := Render(d, black, 0, View{Presentation: s, Instance: instance})
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	if img := render(stateOf(t, upright), stateImage); greyAt(img, 3, 3) != 255 {
		t.Error("INVERSE does not make black white")
	}
	img := render(stateOf(t, func(s *dicom.DataSet) {
		upright(s)
		s.SetText(dicom.PresentationLUTShape, "IDENTITY")
		s.SetItems(graphicAnnotationSequence, item(func(a *dicom.DataSet) {
			a.SetItems(graphicObjectSequence, shape("POLYLINE", 1.5, 2.5, 6.5, 2.5))
		}))
	}), stateImage)
	for x := range 8 {
		if drawn := greyAt(img, x, 2) == 255; drawn != (x >= 1 && x <= 6) {
			t.Errorf("column %d of the line: %v", x, drawn)
		}
	}
	img = render(stateOf(t, func(s *dicom.DataSet) {
		upright(s)
		s.SetInt(shutterRight, 5)
	}), stateImage)
	if greyAt(img, 3, 3) != 255 || greyAt(img, 4, 3) != 0 {
		t.Error("the shutter is not where it should be")
	}
	img = render(stateOf(t, func(s *dicom.DataSet) {
		upright(s)
		s.SetItems(displayedAreaSequence, item(func(a *dicom.DataSet) {
			a.SetInt(displayedAreaTopLeft, -1, -1)
			a.SetInt(displayedAreaBottomRight, 4, 4)
		}))
		s.Delete(shutterShape)
	}), stateImage)
	if img.Bounds().Dx() != 6 || greyAt(img, 1, 1) != 0 || greyAt(img, 2, 2) != 255 {
		t.Error("the displayed area outside of the image is not black", img.(*image.Gray).Pix)
	}
}

// TestLinesFarAway holds that points no picture could have cost nothing.
func TestLinesFarAway(t *testing.T) {
	c := &canvas{plane: newPlane(32, 32, 1), layout: layout{w: 32, h: 32, width: 32, height: 32}, grey: 255}
	for _, p := range [][4]float64{{-1e38, -1e38, 1e38, 1.0001e38}, {1e300, 1, -1e300, 2}, {math.Inf(1), 0, 0, 0}, {math.NaN(), 0, 5, 5}} {
		c.outline([]point{{p[0], p[1]}, {p[2], p[3]}, {4, 4}}, true)
	}
	c.outline(ellipse(point{0, 0}, point{1e30, 0}, point{0, 1e30}), true)
}
