// WADO-RS: metadata (PS3.18 §10.4.1.1.2) in JSON and XML.

package dicomweb

import (
	"net/http"
	"strconv"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// metadata answers with the attributes of instances, long values by address.
func (d *Door) metadata(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	u, err := uidsOf(r)
	if err != nil {
		return err
	}
	form, ok := acceptsOf(r).choose(offer{mediaJSON, false}, offer{mediaPlainJSON, false}, offer{mediaXML, true}, offer{mediaXML, false})
	if !ok {
		return noForm("metadata is application/dicom+json, or application/dicom+xml in multipart/related")
	}
	if form.media != mediaXML && u.Series != "" && u.SOP == "" {
		return d.seriesMetadata(w, r, s, u, form.media)
	}
	all, err := d.centre.Locate(r.Context(), s, u)
	if err != nil {
		return err
	}
	base := d.base(r)
	parts := []string{form.media, base, strconv.FormatBool(takesGzip(r))}
	for i := range all {
		parts = append(parts, all[i].SHA256)
	}
	tag := tagOf(parts...)
	if unchanged(w, r, tag) {
		return nil
	}
	if form.media == mediaXML {
		return d.metadataXML(w, r, all, base, "lz"+tag[1:33])
	}
	return d.metadataJSON(w, r, s, all, base, form.media)
}

// seriesMetadata answers with what imaging keeps ready.
func (d *Door) seriesMetadata(w http.ResponseWriter, r *http.Request, s record.Scope, u imaging.UIDs, media string) error {
	m, err := d.centre.SeriesMetadata(r.Context(), s, u.Study, u.Series, d.base(r))
	if err != nil {
		return err
	}
	zips := takesGzip(r)
	if unchanged(w, r, tagOf(m.Version, media, strconv.FormatBool(zips))) {
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", media)
	if zips {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(m.GZ)))
		_, err := w.Write(m.GZ)
		return err
	}
	text, err := m.Text()
	if err != nil {
		return err
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	_, err = w.Write(text)
	return err
}

// metadataJSON answers with an array: of one instance, or of all series from what imaging keeps ready of each.
func (d *Door) metadataJSON(w http.ResponseWriter, r *http.Request, s record.Scope, all []imaging.Located, base, media string) error {
	t := newText(w, r, media)
	t.buf = append(t.buf, '[')
	if r.PathValue("instance") != "" {
		one, err := d.instanceJSON(r, &all[0], base)
		if err != nil {
			return err
		}
		t.buf = append(append(t.buf, one...), ']')
		return t.end()
	}
	done := map[dicom.UID]bool{}
	for i := range all {
		series := all[i].SeriesUID
		if done[series] {
			continue
		}
		done[series] = true
		m, err := d.centre.SeriesMetadata(r.Context(), s, all[i].StudyUID, series, base)
		if err != nil {
			return err
		}
		text, err := m.Text()
		if err != nil {
			return err
		}
		if i > 0 {
			t.buf = append(t.buf, ',')
		}
		t.buf = append(t.buf, text[1:len(text)-1]...)
		if err := t.room(); err != nil {
			return err
		}
	}
	t.buf = append(t.buf, ']')
	return t.end()
}

func (d *Door) instanceJSON(r *http.Request, l *imaging.Located, base string) ([]byte, error) {
	js, err := d.centre.MetadataOf(r.Context(), l.ID)
	if err != nil {
		return nil, err
	}
	return imaging.Addressed(js, address(base, l)+"/", l.Syntax), nil
}

func (d *Door) metadataXML(w http.ResponseWriter, r *http.Request, all []imaging.Located, base, boundary string) error {
	t := newText(w, r, related(mediaXML, boundary))
	for i := range all {
		js, err := d.instanceJSON(r, &all[i], base)
		if err != nil {
			return err
		}
		ds, err := dicom.ParseJSON(js, dicom.Limits{})
		if err != nil {
			return err
		}
		p := piece{media: mediaXML, location: address(base, &all[i]) + "/metadata", size: -1}
		t.buf = append(t.buf, p.head(boundary, i == 0)...)
		t.buf = ds.AppendXML(t.buf, dicom.JSONOptions{})
		if err := t.room(); err != nil {
			return err
		}
	}
	t.buf = append(t.buf, "\r\n--"+boundary+"--\r\n"...)
	return t.end()
}
