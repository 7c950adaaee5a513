// WADO-URI (PS3.18 §9): one object by its identifiers in the query, as a picture or as it is.

package dicomweb

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/raster"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// uriQuery are the parameters of WADO-URI, each said once.
type uriQuery struct{ url.Values }

// wadoURI answers a request of WADO-URI.
func (d *Door) wadoURI(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	values, err := parameters(r.URL.RawQuery)
	if err != nil {
		return err
	}
	q := uriQuery{values}
	u, err := q.uids()
	if err != nil {
		return err
	}
	if strings.EqualFold(q.Get("anonymize"), "yes") {
		return refuse(w, http.StatusNotImplemented, "anonymize: objects are not de-identified on the way")
	}
	all, err := d.centre.Locate(r.Context(), s, u)
	if err != nil {
		return err
	}
	l := &all[0]
	form, ok := q.accepts(r).choose(q.offers(l)...)
	if !ok {
		return noForm("the object is %s", offered(q.offers(l)))
	}
	switch form.media {
	case mediaDICOM:
		return d.uriObject(w, r, q, l)
	case mediaPDF:
		return d.document(w, r, l, mediaPDF)
	}
	one, err := d.uriShot(r, s, q, l)
	if err != nil {
		return err
	}
	one.media = form.media
	return d.sendPicture(w, r, one)
}

func (q uriQuery) uids() (imaging.UIDs, error) {
	var u imaging.UIDs
	for name, values := range q.Values {
		if len(values) > 1 && uriOnce[name] {
			return u, record.Errorf(record.Invalid, "%s: said more than once", name)
		}
	}
	if !strings.EqualFold(q.Get("requestType"), "WADO") {
		return u, record.Errorf(record.Invalid, "requestType: want WADO")
	}
	for _, v := range []struct {
		name string
		to   *dicom.UID
	}{{"studyUID", &u.Study}, {"seriesUID", &u.Series}, {"objectUID", &u.SOP}} {
		*v.to = dicom.UID(q.Get(v.name))
		if !v.to.Valid() {
			return u, record.Errorf(record.Invalid, "%s: want a UID", v.name)
		}
	}
	return u, nil
}

var uriOnce = map[string]bool{
	"requestType": true, "studyUID": true, "seriesUID": true, "objectUID": true, "contentType": true, "transferSyntax": true,
	"frameNumber": true, "rows": true, "columns": true, "region": true, "windowCenter": true, "windowWidth": true,
	"imageQuality": true, "annotation": true, "anonymize": true, "presentationUID": true, "presentationSeriesUID": true,
}

// accepts are the media types of contentType, in the order in which they are liked; without it those of the request.
func (q uriQuery) accepts(r *http.Request) accepts {
	if said := q.Get("contentType"); said != "" {
		return parseAccept(said)
	}
	return acceptsOf(r)
}

// offers are the forms of an object, its usual one first: a picture of an image with one frame (PS3.18 §9.1.2.1.2).
func (q uriQuery) offers(l *imaging.Located) []offer {
	whole, jpeg, png := offer{mediaDICOM, false}, offer{mediaJPEG, false}, offer{mediaPNG, false}
	switch {
	case l.SOPClass == encapsulatedPDF:
		return []offer{{mediaPDF, false}, whole}
	case !showable(l) && l.SOPClass != softcopyState:
		return []offer{whole}
	case l.Frames > 1 && q.Get("frameNumber") == "":
		return []offer{whole, jpeg, png}
	}
	return []offer{jpeg, png, whole}
}

func offered(all []offer) string {
	names := make([]string, len(all))
	for i, o := range all {
		names[i] = o.media
	}
	return strings.Join(names, " or ")
}

// uriObject gives the object itself, in the transfer syntax that is asked for.
func (d *Door) uriObject(w http.ResponseWriter, r *http.Request, q uriQuery, l *imaging.Located) error {
	a := accepted{media: mediaDICOM, syntax: q.Get("transferSyntax"), quality: 1}
	if a.syntax != "" && a.syntax != anySyntax && !dicom.UID(a.syntax).Valid() {
		return record.Errorf(record.Invalid, "transferSyntax: want a UID, or *")
	}
	p, err := d.plan(r.Context(), []imaging.Located{*l}, accepts{a})
	if err != nil {
		return err
	}
	return d.sendObject(w, r, p.objects[0])
}

// uriShot is the picture that is asked for.
func (d *Door) uriShot(r *http.Request, s record.Scope, q uriQuery, l *imaging.Located) (*shot, error) {
	v, err := q.view()
	if err != nil {
		return nil, err
	}
	one := middle(l)
	if said := q.Get("frameNumber"); said != "" {
		n, err := strconv.ParseUint(said, 10, 31)
		if err != nil || n == 0 {
			return nil, record.Errorf(record.Invalid, "frameNumber: want a number from 1")
		}
		if one.frame = int(n); one.frame > l.Frames {
			return nil, record.Errorf(record.NotFound, "frameNumber: the instance has %d", l.Frames)
		}
	}
	if l.SOPClass == softcopyState {
		if one, err = d.presented(r, s, l); err != nil {
			return nil, err
		}
	} else if one.state, err = d.uriState(r, s, q, l); err != nil {
		return nil, err
	}
	one.view = v
	return &one, nil
}

// uriState is the presentation state that is asked for.
func (d *Door) uriState(r *http.Request, s record.Scope, q uriQuery, l *imaging.Located) (*imaging.Located, error) {
	if q.Get("presentationUID") == "" {
		return nil, nil
	}
	u := imaging.UIDs{Study: l.StudyUID, Series: dicom.UID(q.Get("presentationSeriesUID")), SOP: dicom.UID(q.Get("presentationUID"))}
	if !u.Series.Valid() || !u.SOP.Valid() {
		return nil, record.Errorf(record.Invalid, "presentationUID, presentationSeriesUID: want UIDs")
	}
	found, err := d.centre.Locate(r.Context(), s, u)
	if err != nil {
		return nil, err
	}
	if found[0].SOPClass != softcopyState {
		return nil, noForm("presentationUID is not of a greyscale softcopy presentation state")
	}
	return &found[0], nil
}

// view reads how the picture is wanted.
func (q uriQuery) view() (*view, error) {
	v := &view{}
	for _, p := range []struct {
		name string
		to   *int
		most uint64
	}{{"rows", &v.Height, mostPictureSide}, {"columns", &v.Width, mostPictureSide}, {"imageQuality", &v.quality, 100}} {
		said := q.Get(p.name)
		if said == "" {
			continue
		}
		n, err := strconv.ParseUint(said, 10, 31)
		if err != nil || n == 0 || n > p.most {
			return nil, record.Errorf(record.Invalid, "%s: want a whole number from 1 to %d", p.name, p.most)
		}
		*p.to = int(n)
	}
	if v.Width*v.Height > mostPicturePixels {
		return nil, record.Errorf(record.Invalid, "rows, columns: more than %d pixels", mostPicturePixels)
	}
	if c, width := q.Get("windowCenter"), q.Get("windowWidth"); c != "" || width != "" {
		if !v.window(c, width, raster.Linear) {
			return nil, record.Errorf(record.Invalid, "windowCenter, windowWidth: want two numbers, the width at least 1")
		}
	}
	if said := q.Get("annotation"); said != "" {
		if err := v.setAnnotation(said); err != nil {
			return nil, err
		}
	}
	return v, v.setRegion(q.Get("region"))
}

// setRegion reads left,top,right,bottom as fractions of the image (PS3.18 §9.1.2.2.4).
func (v *view) setRegion(s string) error {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	var n [4]float64
	ok := len(parts) == 4
	for i := 0; i < 4 && ok; i++ {
		n[i], ok = finite(parts[i], 1)
		ok = ok && n[i] >= 0
	}
	if !ok || n[2] <= n[0] || n[3] <= n[1] {
		return record.Errorf(record.Invalid, "region: want left,top,right,bottom, each from 0 to 1")
	}
	v.Region = [4]float64{n[0], n[1], n[2] - n[0], n[3] - n[1]}
	return nil
}
