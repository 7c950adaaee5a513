package raster

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// State is a greyscale softcopy presentation state (PS3.3 A.33.1): how somebody wanted images to be seen. Masks are not
// applied.
type State struct {
	values  *Values // modality transformation instead of the image's
	inverse bool
	lut     *LUT // presentation LUT

	flip   bool
	rotate int // clockwise, before flipping
	aspect float64

	voi      []softcopyVOI
	areas    []displayedArea
	graphics []annotation
	shutter  shutter
	images   references
}

// references are the images, and frames of them, that a part of the state is for; none means all.
type references []reference

type reference struct {
	instance dicom.UID
	frames   []int // counted from 1; none means all
}

func (r references) include(instance dicom.UID, frame int) bool {
	return len(r) == 0 || instance == "" || slices.ContainsFunc(r, func(r reference) bool {
		return r.instance == instance && (len(r.frames) == 0 || slices.Contains(r.frames, frame+1))
	})
}

func referencesOf(d *dicom.DataSet) references {
	var out references
	items := d.Items(referencedImageSequence)
	for i := range items {
		r := reference{instance: items[i].UID(dicom.ReferencedSOPInstanceUID)}
		for _, f := range floats(&items[i], referencedFrameNumber) {
			r.frames = append(r.frames, int(f))
		}
		out = append(out, r)
	}
	return out
}

type softcopyVOI struct {
	references
	windows []Window
	luts    []*LUT
}

type displayedArea struct {
	references
	region [4]float64 // left, top, width, height
	aspect float64    // height by width of a pixel; 0 when not said
}

// StateOf reads a presentation state. It refuses objects that are none.
func StateOf(d *dicom.DataSet) (*State, error) {
	if d.Find(displayedAreaSequence) == nil && d.Find(referencedSeriesSequence) == nil {
		return nil, refuse(dicom.Missing, "no presentation state: neither displayed area nor referenced series")
	}
	s := &State{inverse: d.Str(dicom.PresentationLUTShape) == "INVERSE", flip: d.Str(imageHorizontalFlip) == "Y"}
	if n, ok := d.Int(imageRotation); ok && n%90 == 0 {
		s.rotate = (n%360 + 360) % 360
	}
	if d.Find(modalityLUTSequence) != nil || d.Find(dicom.RescaleSlope) != nil {
		v := valuesOf(d, true)
		s.values = &v
	}
	if it := d.Items(presentationLUTSequence); len(it) > 0 {
		s.lut = lutOf(&it[0], false)
	}
	series := d.Items(referencedSeriesSequence)
	for i := range series {
		s.images = append(s.images, referencesOf(&series[i])...)
	}
	s.shutter = shutterOf(d)
	s.readVOI(d)
	s.readAreas(d)
	s.readGraphics(d)
	return s, nil
}

// Applies tells whether the state is for the image, or one of its frames.
func (s *State) Applies(instance dicom.UID) bool {
	return slices.ContainsFunc(s.images, func(r reference) bool { return r.instance == instance })
}

func (s *State) readVOI(d *dicom.DataSet) {
	items := d.Items(softcopyVOISequence)
	for i := range items {
		var v Values
		v.interest(&items[i], true)
		if len(v.Windows)+len(v.VOILUTs) > 0 {
			s.voi = append(s.voi, softcopyVOI{referencesOf(&items[i]), v.Windows, v.VOILUTs})
		}
	}
}

// readAreas reads the displayed areas; their corners count pixels from 1 and are those of the image before it is turned, in
// whichever order turning makes them upper left and lower right (PS3.3 C.10.4).
func (s *State) readAreas(d *dicom.DataSet) {
	items := d.Items(displayedAreaSequence)
	for i := range items {
		a, b := floats(&items[i], displayedAreaTopLeft), floats(&items[i], displayedAreaBottomRight)
		if len(a) != 2 || len(b) != 2 {
			continue
		}
		area := displayedArea{references: referencesOf(&items[i])}
		x, y := min(a[0], b[0])-1, min(a[1], b[1])-1
		area.region = [4]float64{x, y, math.Abs(a[0]-b[0]) + 1, math.Abs(a[1]-b[1]) + 1}
		for _, t := range []dicom.Tag{presentationPixelSpacing, presentationPixelAspect} {
			if v := floats(&items[i], t); len(v) == 2 && v[0] > 0 && v[1] > 0 {
				area.aspect = sane(v[0] / v[1])
				break
			}
		}
		s.areas = append(s.areas, area)
	}
}

// interest gives the windows and tables for one frame; nil for what the image itself says.
func (s *State) interest(instance dicom.UID, frame int) ([]Window, []*LUT) {
	for _, v := range s.voi {
		if v.include(instance, frame) {
			return v.windows, v.luts
		}
	}
	return nil, nil
}

// arrange puts area, rotation and flip of the state into the view, where the view does not ask for another part.
func (s *State) arrange(v View, frame int) View {
	own := *s
	for _, a := range s.areas {
		if a.include(v.Instance, frame) {
			if own.aspect = a.aspect; v.Region == ([4]float64{}) {
				v.Region = a.region
			}
			break
		}
	}
	// The view turns what the state shows: its own rotation comes after the state's flip, which makes it run the other way.
	turn := v.Rotate
	if s.flip {
		turn = -turn
	}
	v.Rotate = ((s.rotate+turn)%360 + 360) % 360
	v.FlipH = v.FlipH != s.flip
	v.Presentation = &own
	return v
}
