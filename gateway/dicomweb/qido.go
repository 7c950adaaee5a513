// QIDO-RS: searches (PS3.18 §10.6).

package dicomweb

import (
	"crypto/rand"
	"net/http"
	"strconv"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// search answers the searches for one level: over everything in the scope, or below the study and series of the address.
func (d *Door) search(level imaging.Level) handler {
	return func(w http.ResponseWriter, r *http.Request, s record.Scope) error {
		above, err := uidsOf(r)
		if err != nil {
			return err
		}
		q, err := parseQuery(r.URL.RawQuery, level, above)
		if err != nil {
			return err
		}
		form, ok := acceptsOf(r).choose(offer{mediaJSON, false}, offer{mediaPlainJSON, false}, offer{mediaXML, true}, offer{mediaXML, false})
		if !ok {
			return refuse(w, http.StatusNotAcceptable, "answers of searches are application/dicom+json, or application/dicom+xml in multipart/related")
		}
		w.Header().Add("Vary", "Accept, Accept-Encoding")
		a := &answers{query: q, level: level, base: d.base(r), w: w}
		if form.media == mediaXML {
			a.boundary = "lz" + rand.Text()
			a.text = newText(w, r, related(mediaXML, a.boundary))
		} else {
			a.text = newText(w, r, form.media)
		}
		return a.give(d.centre.Query(r.Context(), s, q.ask()))
	}
}

// answers writes what a query finds, while it finds it.
type answers struct {
	*text
	query    *query
	level    imaging.Level
	base     string
	boundary string // of parts in XML; empty: JSON
	w        http.ResponseWriter
	n        int
	more     bool // than the limit of our own
}

func (a *answers) give(found func(yield func(imaging.Match, error) bool)) error {
	for m, err := range found {
		if err != nil {
			return err
		}
		if !a.query.empties(m.Attributes) {
			continue
		}
		if a.query.left > 0 {
			a.query.left--
			continue
		}
		if a.n == a.query.limit {
			a.more = true
			break
		}
		a.one(m.Attributes)
		if a.tooMuch() {
			a.w.Header().Set("Trailer", "Warning")
		}
		if err := a.room(); err != nil {
			return err
		}
	}
	switch {
	case a.boundary != "":
		a.buf = append(a.buf, "\r\n--"+a.boundary+"--\r\n"...)
	case a.n == 0:
		a.buf = append(a.buf, "[]"...)
	default:
		a.buf = append(a.buf, ']')
	}
	a.warn()
	return a.end()
}

// tooMuch tells whether the headers will go before it is known that there is more than our limit.
func (a *answers) tooMuch() bool { return !a.begun && a.query.ours && len(a.buf) >= textKept }

// warn tells what was not done as asked (PS3.18 §8.3.4.4, §10.6.3.1).
func (a *answers) warn() {
	if a.more && a.query.ours {
		a.w.Header().Add("Warning", `299 lianzhen "there are more results than `+strconv.Itoa(a.n)+`: ask for the rest with offset"`)
	}
	if a.begun {
		return
	}
	for _, ignored := range a.query.warnings {
		a.w.Header().Add("Warning", `299 lianzhen "`+ignored+`"`)
	}
}

// one writes one result.
func (a *answers) one(d *dicom.DataSet) {
	if a.query.wants(retrieveURL) {
		d.SetTextAs(retrieveURL, dicom.UR, a.url(d))
	}
	switch {
	case a.boundary != "":
		a.buf = append(a.buf, "\r\n--"+a.boundary+"\r\nContent-Type: "+mediaXML+"\r\n\r\n"...)
		a.buf = d.AppendXML(a.buf, dicom.JSONOptions{})
	case a.n == 0:
		a.buf = d.AppendJSON(append(a.buf, '['), dicom.JSONOptions{})
	default:
		a.buf = d.AppendJSON(append(a.buf, ','), dicom.JSONOptions{})
	}
	a.n++
}

func (a *answers) url(d *dicom.DataSet) string {
	u := a.base + "/studies/" + d.Str(dicom.StudyInstanceUID)
	if a.level >= imaging.SeriesLevel {
		u += "/series/" + d.Str(dicom.SeriesInstanceUID)
	}
	if a.level == imaging.ImageLevel {
		u += "/instances/" + d.Str(dicom.SOPInstanceUID)
	}
	return u
}
