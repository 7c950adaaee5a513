// WADO-RS: rendered resources and thumbnails (PS3.18 §10.4.1.1.3, §10.4.1.1.4).

package dicomweb

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/raster"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

const (
	encapsulatedPDF  = "1.2.840.10008.5.1.4.1.1.104.1"
	softcopyState    = "1.2.840.10008.5.1.4.1.1.11.1"
	reports          = "1.2.840.10008.5.1.4.1.1.88." // all structured reports begin so
	mostPictures     = 1000                          // in one answer
	referencedSeries = dicom.Tag(0x00081115)
	referencedImages = dicom.Tag(0x00081140)
	referencedFrames = dicom.Tag(0x00081160)
)

func dicomUID(s string) dicom.UID { return dicom.UID(s) }

// rendered answers with pictures: of frames, of an instance, or of what represents a series or study. In multipart/related it
// is a picture of each.
func (d *Door) rendered(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	q, err := parameters(r.URL.RawQuery)
	if err != nil {
		return err
	}
	v, err := parseView(q)
	if err != nil {
		return err
	}
	return d.show(w, r, s, v, true)
}

// thumbnail answers with one small picture.
func (d *Door) thumbnail(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	q, err := parameters(r.URL.RawQuery)
	if err != nil {
		return err
	}
	v, err := parseThumbnail(q)
	if err != nil {
		return err
	}
	return d.show(w, r, s, v, false)
}

func (d *Door) show(w http.ResponseWriter, r *http.Request, s record.Scope, v *view, parts bool) error {
	u, err := uidsOf(r)
	if err != nil {
		return err
	}
	var list []int
	var all []imaging.Located
	if r.PathValue("frames") != "" {
		l, frames, err := d.framesOf(r, s)
		if err != nil {
			return err
		}
		all, list = []imaging.Located{*l}, frames
	} else if all, err = d.centre.Locate(r.Context(), s, u); err != nil {
		return err
	}
	if u.SOP != "" && all[0].SOPClass == encapsulatedPDF && parts {
		return d.pdf(w, r, &all[0])
	}
	offers := []offer{{mediaJPEG, false}, {mediaPNG, false}, {mediaJPEG, true}, {mediaPNG, true}}
	if !parts {
		offers = offers[:2]
	}
	form, ok := acceptsOf(r).choose(offers...)
	if !ok {
		return noForm("pictures are image/jpeg or image/png")
	}
	shots, err := d.shots(r, s, all, list, form.multipart)
	if err != nil {
		return err
	}
	for i := range shots {
		shots[i].media, shots[i].view = form.media, v
	}
	if form.multipart {
		return d.sendPictures(w, r, shots)
	}
	if len(shots) > 1 {
		return noForm("several frames are pictures in multipart/related")
	}
	return d.sendPicture(w, r, &shots[0])
}

func (d *Door) pdf(w http.ResponseWriter, r *http.Request, l *imaging.Located) error {
	if _, ok := acceptsOf(r).choose(offer{mediaPDF, false}); !ok {
		return noForm("the document is application/pdf")
	}
	return d.document(w, r, l, mediaPDF)
}

// shots says which pictures are meant.
func (d *Door) shots(r *http.Request, s record.Scope, all []imaging.Located, list []int, each bool) ([]shot, error) {
	switch {
	case list != nil:
		return framesShown(&all[0], list), nil
	case len(all) == 1 && r.PathValue("instance") != "":
		return d.instanceShown(r, s, &all[0], each)
	case !each:
		one, err := representative(all)
		if err != nil {
			return nil, err
		}
		return []shot{middle(one)}, nil
	}
	var out []shot
	for i := range all {
		if showable(&all[i]) && len(out) < mostPictures {
			out = append(out, middle(&all[i]))
		}
	}
	if len(out) == 0 {
		return nil, noForm("nothing here can be shown as a picture")
	}
	return out, nil
}

func framesShown(l *imaging.Located, list []int) []shot {
	out := make([]shot, 0, min(len(list), mostPictures))
	for _, n := range list[:min(len(list), mostPictures)] {
		out = append(out, shot{Located: l, frame: n})
	}
	return out
}

// instanceShown is the middle frame of an instance, or each; of a presentation state the image it is for.
func (d *Door) instanceShown(r *http.Request, s record.Scope, l *imaging.Located, each bool) ([]shot, error) {
	switch {
	case l.SOPClass == softcopyState:
		one, err := d.presented(r, s, l)
		return []shot{one}, err
	case strings.HasPrefix(l.SOPClass, reports):
		return nil, noForm("a structured report is no picture: retrieve it as application/dicom")
	case each && l.Frames > 1:
		list := make([]int, l.Frames)
		for i := range list {
			list[i] = i + 1
		}
		return framesShown(l, list), nil
	}
	return []shot{middle(l)}, nil
}

// presented is the first image that a presentation state is for and that is kept.
func (d *Door) presented(r *http.Request, s record.Scope, state *imaging.Located) (shot, error) {
	o, err := d.centre.Header(r.Context(), state.Instance)
	if err != nil {
		return shot{}, err
	}
	series := o.Header.Items(referencedSeries)
	for i := range series {
		images := series[i].Items(referencedImages)
		for k := range images {
			u := imaging.UIDs{Study: state.StudyUID, Series: series[i].UID(dicom.SeriesInstanceUID), SOP: images[k].UID(dicom.ReferencedSOPInstanceUID)}
			if !u.Series.Valid() || !u.SOP.Valid() {
				continue
			}
			found, err := d.centre.Locate(r.Context(), s, u)
			if record.KindOf(err) == record.NotFound {
				continue
			}
			if err != nil {
				return shot{}, err
			}
			one := middle(&found[0])
			if n, ok := images[k].Int(referencedFrames); ok && n >= 1 && n <= found[0].Frames {
				one.frame = n
			}
			one.state = state
			return one, nil
		}
	}
	return shot{}, noForm("no image that the presentation state is for is kept")
}

func middle(l *imaging.Located) shot { return shot{Located: l, frame: (l.Frames-1)/2 + 1} }

func showable(l *imaging.Located) bool { return l.Frames > 0 && raster.CanDecode(dicomUID(l.Syntax)) }

// representative is the middle image of the series that has most of them.
func representative(all []imaging.Located) (*imaging.Located, error) {
	var images []*imaging.Located
	most := map[dicom.UID]int{}
	kept := ""
	for i := range all {
		if showable(&all[i]) {
			images = append(images, &all[i])
			most[all[i].SeriesUID]++
		} else if all[i].Frames > 0 {
			kept = all[i].Syntax
		}
	}
	if len(images) == 0 && kept != "" {
		return nil, noForm("pixels are kept in transfer syntax %s, which is not decoded here", kept)
	}
	if len(images) == 0 {
		return nil, noForm("nothing here can be shown as a picture")
	}
	best := images[0].SeriesUID
	for _, l := range images {
		if most[l.SeriesUID] > most[best] {
			best = l.SeriesUID
		}
	}
	images = slices.DeleteFunc(images, func(l *imaging.Located) bool { return l.SeriesUID != best })
	return images[(len(images)-1)/2], nil
}

func (d *Door) sendPicture(w http.ResponseWriter, r *http.Request, s *shot) error {
	if unchanged(w, r, s.tag()) {
		return nil
	}
	b, err := d.picture(r.Context(), s)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", s.media)
	h.Set("Content-Location", address(d.base(r), s.Located)+"/frames/"+strconv.Itoa(s.frame)+"/rendered")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	_, err = w.Write(b)
	d.sent(int64(len(b)))
	return err
}

// sendPictures answers with one after the other; the first is drawn before anything is sent.
func (d *Door) sendPictures(w http.ResponseWriter, r *http.Request, shots []shot) error {
	parts := make([]string, len(shots))
	for i := range shots {
		parts[i] = shots[i].tag()
	}
	tag := tagOf(parts...)
	if unchanged(w, r, tag) {
		return nil
	}
	base := d.base(r)
	pieces := make([]piece, len(shots))
	for i := range shots {
		s := &shots[i]
		pieces[i] = piece{media: s.media, location: address(base, s.Located) + "/frames/" + strconv.Itoa(s.frame) + "/rendered", size: -1}
		pieces[i].write = func(w io.Writer) error {
			b, err := d.picture(r.Context(), s)
			if err != nil {
				return err
			}
			return d.pour(w, bytes.NewReader(b), int64(len(b)))
		}
	}
	if _, err := d.picture(r.Context(), &shots[0]); err != nil {
		return err
	}
	return d.sendRelated(w, r, shots[0].media, tag, pieces)
}
