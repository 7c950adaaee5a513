// WADO-RS: values that the metadata only refers to (PS3.18 §10.4.1.1.5).

package dicomweb

import (
	"io"
	"net/http"
	"strconv"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

const encapsulatedDocumentLength dicom.Tag = 0x00420015

// bulk answers with one value: alone with ranges, or in multipart/related as older clients ask. Compressed pixel data is given
// as all its frames.
func (d *Door) bulk(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	u, err := uidsOf(r)
	if err != nil {
		return err
	}
	all, err := d.centre.Locate(r.Context(), s, u)
	if err != nil {
		return err
	}
	l, path := &all[0], r.PathValue("path")
	b, err := d.centre.Bulk(r.Context(), l.Instance, path)
	if err != nil {
		return err
	}
	if b.Encapsulated {
		return d.bulkFrames(w, r, l)
	}
	form, ok := acceptsOf(r).choose(offer{mediaOctets, false}, offer{mediaOctets, true})
	if !ok {
		return noForm("the value is application/octet-stream, alone or in multipart/related")
	}
	tag := tagOf(l.SHA256, path, strconv.FormatBool(form.multipart))
	if unchanged(w, r, tag) {
		return nil
	}
	place := address(d.base(r), l) + "/bulkdata/" + path
	if !form.multipart {
		w.Header().Set("Content-Location", place)
		return d.sendRange(w, r, mediaOctets, b.Size, b.Open)
	}
	return d.sendRelated(w, r, mediaOctets, tag, []piece{{
		media: mediaOctets, location: place, size: b.Size,
		write: func(w io.Writer) error { return d.writeBulk(w, b, b.Size) },
	}})
}

func (d *Door) writeBulk(w io.Writer, b *imaging.Bulk, n int64) error {
	body, err := b.Open(0, n)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return d.pour(w, body, n)
}

func (d *Door) bulkFrames(w http.ResponseWriter, r *http.Request, l *imaging.Located) error {
	if l.Frames > mostFrames {
		return noForm("the pixel data has %d frames: ask for them", l.Frames)
	}
	list := make([]int, l.Frames)
	for i := range list {
		list[i] = i + 1
	}
	return d.sendFrames(w, r, l, list, "all")
}

// document answers with the document that an object encapsulates (PS3.3 A.45).
func (d *Door) document(w http.ResponseWriter, r *http.Request, l *imaging.Located, media string) error {
	if unchanged(w, r, tagOf(l.SHA256, "document")) {
		return nil
	}
	b, err := d.centre.Bulk(r.Context(), l.Instance, dicom.EncapsulatedDocument.Hex())
	if err != nil {
		return err
	}
	o, err := d.centre.Header(r.Context(), l.Instance)
	if err != nil {
		return err
	}
	size := b.Size
	if n, ok := o.Header.Int(encapsulatedDocumentLength); ok && n > 0 && int64(n) < size { // without the padding
		size = int64(n)
	}
	w.Header().Set("Content-Disposition", `inline; filename="`+l.SOPUID+`.pdf"`)
	return d.sendRange(w, r, media, size, b.Open)
}
