// How a picture is asked for (PS3.18 §8.3.5): quality, viewport, window, annotation.

package dicomweb

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom/raster"
	"github.com/lianzhen/lianzhen/record"
)

const (
	mostPictureSide   = 1 << 14
	mostPicturePixels = 1 << 24
	thumbnailSide     = 200
	thumbnailQuality  = 80
)

// view is how a picture is wanted.
type view struct {
	raster.View
	area               [4]*float64 // left, top, width, height in pixels of the image; nil: as far as it goes
	quality            int
	patient, technique bool
}

// key is what the picture depends on, of what was asked.
func (v *view) key() string {
	var b strings.Builder
	n := func(f float64) { b.WriteString(strconv.FormatFloat(f, 'g', -1, 64) + ",") }
	n(float64(v.Width))
	n(float64(v.Height))
	n(float64(v.quality))
	for _, a := range append(v.area[:], corners(v.Region)...) {
		if a == nil {
			b.WriteString("-,")
			continue
		}
		n(*a)
	}
	if v.Window != nil {
		n(v.Window.Center)
		n(v.Window.Width)
		n(float64(v.Window.Function))
	}
	b.WriteString(strconv.FormatBool(v.patient) + strconv.FormatBool(v.technique))
	return b.String()
}

func corners(r [4]float64) []*float64 {
	if r[2] == 0 {
		return nil
	}
	return []*float64{&r[0], &r[1], &r[2], &r[3]}
}

// parameters reads those of an address. A semicolon parts none: media types have it.
func parameters(raw string) (url.Values, error) {
	q := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil || len(q) > mostParams {
			return q, record.Errorf(record.Invalid, "query: want at most %d parameters, percent-encoded", mostParams)
		}
		q[name] = append(q[name], value)
	}
	return q, nil
}

// parseView reads the parameters of /rendered.
func parseView(q url.Values) (*view, error) {
	v := &view{}
	for _, p := range []struct {
		name string
		read func(*view, string) error
	}{{"quality", (*view).setQuality}, {"viewport", (*view).setViewport}, {"window", (*view).setWindow}, {"annotation", (*view).setAnnotation}} {
		values := q[p.name]
		if len(values) > 1 {
			return nil, record.Errorf(record.Invalid, "%s: said more than once", p.name)
		}
		if len(values) == 1 && values[0] != "" {
			if err := p.read(v, values[0]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// parseThumbnail reads those of /thumbnail: only the size is the client's choice (PS3.18 §10.4.1.1.4).
func parseThumbnail(q url.Values) (*view, error) {
	v := &view{quality: thumbnailQuality}
	v.Width, v.Height = thumbnailSide, thumbnailSide
	if said := q.Get("viewport"); said != "" {
		if err := v.setViewport(said); err != nil {
			return nil, err
		}
		v.area = [4]*float64{}
		v.FlipH, v.FlipV = false, false
	}
	return v, nil
}

func (v *view) setQuality(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 100 {
		return record.Errorf(record.Invalid, "quality: want a whole number from 1 to 100")
	}
	v.quality = n
	return nil
}

// setViewport reads vw,vh[,sx,sy,sw,sh]: the room for the picture, and the part of the image it shows. A negative width or
// height of the part turns it round (PS3.18 §8.3.5.1.3).
func (v *view) setViewport(s string) error {
	parts := strings.Split(s, ",")
	bad := record.Errorf(record.Invalid, "viewport: want width,height of at most %d pixels together, and perhaps left,top,width,height of the part", mostPicturePixels)
	if len(parts) != 2 && len(parts) != 6 {
		return bad
	}
	w, errW := strconv.ParseUint(parts[0], 10, 31)
	h, errH := strconv.ParseUint(parts[1], 10, 31)
	if errW != nil || errH != nil || w == 0 || h == 0 || w > mostPictureSide || h > mostPictureSide || w*h > mostPicturePixels {
		return bad
	}
	v.Width, v.Height = int(w), int(h)
	for i, p := range parts[2:] {
		if p == "" {
			continue
		}
		n, ok := finite(p, 1<<17)
		if !ok || i < 2 && n < 0 || i >= 2 && n == 0 {
			return bad
		}
		v.area[i] = &n
	}
	for i, flip := range []*bool{&v.FlipH, &v.FlipV} {
		if n := v.area[2+i]; n != nil && *n < 0 {
			*flip, *n = true, -*n
		}
	}
	return nil
}

// finite reads a number of at most so much.
func finite(s string, most float64) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && math.Abs(n) <= most
}

// setWindow reads center,width[,function].
func (v *view) setWindow(s string) error {
	parts := strings.Split(s, ",")
	function := raster.Linear
	ok := len(parts) == 2
	if len(parts) == 3 {
		function, ok = raster.FunctionOf(parts[2])
	}
	if ok {
		ok = v.window(parts[0], parts[1], function)
	}
	if !ok {
		return record.Errorf(record.Invalid, "window: want center,width and perhaps linear, linear-exact or sigmoid")
	}
	return nil
}

func (v *view) window(center, width string, f raster.Function) bool {
	c, okC := finite(strings.TrimSpace(center), 1e9)
	w, okW := finite(strings.TrimSpace(width), 1e9)
	v.Window = &raster.Window{Center: c, Width: w, Function: f}
	return okC && okW && v.Window.Valid()
}

func (v *view) setAnnotation(s string) error {
	for a := range strings.SplitSeq(s, ",") {
		switch strings.ToLower(strings.TrimSpace(a)) {
		case "patient":
			v.patient = true
		case "technique":
			v.technique = true
		default:
			return record.Errorf(record.Invalid, "annotation: want patient, technique or both")
		}
	}
	return nil
}

// show settles what depends on the image.
func (v *view) show(desc *raster.Desc) (raster.View, error) {
	out := v.View
	if v.area != ([4]*float64{}) {
		size := [2]float64{float64(desc.Columns), float64(desc.Rows)}
		for i := range 2 {
			if v.area[i] != nil {
				out.Region[i] = *v.area[i]
			}
			out.Region[2+i] = size[i] - out.Region[i]
			if v.area[2+i] != nil {
				out.Region[2+i] = *v.area[2+i]
			}
			if out.Region[i] >= size[i] || out.Region[2+i] <= 0 {
				return out, record.Errorf(record.Invalid, "viewport: the part lies outside of the image")
			}
		}
	} else if v.Region[2] != 0 { // of the image, as WADO-URI says it
		out.Region = [4]float64{
			v.Region[0] * float64(desc.Columns), v.Region[1] * float64(desc.Rows),
			v.Region[2] * float64(desc.Columns), v.Region[3] * float64(desc.Rows),
		}
	}
	return out, fits(out, desc)
}

// fits refuses pictures that would be too large: as large as the image, or stretched along the side that is not given.
func fits(v raster.View, desc *raster.Desc) error {
	w, h := float64(desc.Columns), float64(desc.Rows)
	if v.Region[2] > 0 {
		w, h = v.Region[2], v.Region[3]
	}
	most := 2.0 * mostPicturePixels
	switch {
	case v.Width > 0 && v.Height > 0: // was looked at before
		return nil
	case v.Width > 0:
		w, h = float64(v.Width), h*float64(v.Width)/w
	case v.Height > 0:
		w, h = w*float64(v.Height)/h, float64(v.Height)
	}
	if w*h > most {
		return noForm("a picture of %.0f pixels: ask for a smaller one", w*h)
	}
	return nil
}
