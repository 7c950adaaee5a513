// WADO-RS: objects of a study, a series or one instance (PS3.18 §10.4), as they are kept or in another transfer syntax.

package dicomweb

import (
	"archive/zip"
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/raster"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// retrieve answers with objects.
func (d *Door) retrieve(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	u, err := uidsOf(r)
	if err != nil {
		return err
	}
	all, err := d.centre.Locate(r.Context(), s, u)
	if err != nil {
		return err
	}
	p, err := d.plan(r.Context(), all, acceptsOf(r))
	if err != nil {
		return err
	}
	switch p.media {
	case mediaZip:
		return d.sendZip(w, r, p)
	case mediaDICOM:
		if !p.multipart {
			return d.sendObject(w, r, p.objects[0])
		}
	}
	if unchanged(w, r, p.tag()) {
		return nil
	}
	base := d.base(r)
	pieces := make([]piece, len(p.objects))
	for i, o := range p.objects {
		pieces[i] = piece{
			media: mediaDICOM + "; transfer-syntax=" + string(o.syntax), location: address(base, o.Located), size: o.size(),
			write: func(w io.Writer) error { return d.writeObject(r.Context(), w, o) },
		}
	}
	return d.sendRelated(w, r, mediaDICOM, p.tag(), pieces)
}

// object is an instance and the transfer syntax in which it is given.
type object struct {
	*imaging.Located
	syntax dicom.UID
}

func (o object) asKept() bool { return o.syntax == dicom.UID(o.Syntax) }

// size is how many bytes will be sent, -1 when that is not known before.
func (o object) size() int64 {
	if o.asKept() {
		return o.Size
	}
	return -1
}

// tag is the entity tag of the object alone.
func (o object) tag() string {
	if o.asKept() {
		return `"` + o.SHA256 + `"`
	}
	return tagOf(o.SHA256, string(o.syntax))
}

// plan is how objects are given.
type plan struct {
	offer
	objects []object
}

func (p *plan) tag() string {
	parts := []string{p.media, strconv.FormatBool(p.multipart)}
	for _, o := range p.objects {
		parts = append(parts, o.SHA256, string(o.syntax))
	}
	return tagOf(parts...)
}

// plan finds the form that the client likes best among those in which every object can be given.
func (d *Door) plan(ctx context.Context, all []imaging.Located, takes accepts) (*plan, error) {
	var why error
	for i, a := range takes {
		if a.quality == 0 {
			break
		}
		form, ok := formOf(a, len(all))
		if !ok || takes.excludes(form.media, form.multipart) {
			continue
		}
		p := &plan{offer: form}
		err := d.fill(ctx, p, all, takes[i:])
		if err == nil {
			return p, nil
		}
		if _, isForm := err.(*unacceptable); !isForm {
			return nil, err
		}
		if why == nil {
			why = err
		}
	}
	if why == nil {
		why = noForm("objects are application/dicom in multipart/related, application/zip, or application/dicom alone when it is one instance")
	}
	return nil, why
}

func formOf(a accepted, objects int) (offer, bool) {
	switch {
	case a.media == mediaZip && !a.multipart:
		return offer{mediaZip, false}, true
	case !a.takes(mediaDICOM):
		return offer{}, false
	case a.multipart || a.media == anyMedia:
		return offer{mediaDICOM, true}, true
	}
	return offer{mediaDICOM, false}, objects == 1
}

// fill chooses the transfer syntax of each object: the first that the ranges of the same form leave and that can be made.
func (d *Door) fill(ctx context.Context, p *plan, all []imaging.Located, takes accepts) error {
	for i := range all {
		l := &all[i]
		var why error
		found := false
		for _, a := range takes {
			if form, ok := formOf(a, len(all)); !ok || form != p.offer || a.quality == 0 {
				continue
			}
			for _, syntax := range syntaxesOf(a, p.offer, dicom.UID(l.Syntax)) {
				given, err := d.possible(ctx, l, syntax)
				if err == nil {
					p.objects = append(p.objects, object{l, given})
					found = true
					break
				}
				if why == nil {
					why = err
				}
			}
			if found {
				break
			}
		}
		if !found {
			return why
		}
	}
	return nil
}

// syntaxesOf are the transfer syntaxes that a range leaves, the best first. Where nothing is said it is explicit little endian
// (PS3.18 §8.7.3.5.2); an archive keeps what it is given.
func syntaxesOf(a accepted, form offer, kept dicom.UID) []dicom.UID {
	switch {
	case a.syntax == anySyntax, a.syntax == "" && form.media == mediaZip:
		return []dicom.UID{kept, dicom.ExplicitLE}
	case a.syntax == "":
		return []dicom.UID{dicom.ExplicitLE}
	}
	return []dicom.UID{dicom.UID(a.syntax)}
}

// possible tells in which transfer syntax the instance is given to who wants this one: itself, or for an object without
// pixels explicit little endian. An *unacceptable error says why it is not possible.
func (d *Door) possible(ctx context.Context, l *imaging.Located, want dicom.UID) (dicom.UID, error) {
	kept := dicom.UID(l.Syntax)
	if want == kept {
		return want, nil
	}
	if l.Frames == 0 {
		if want.Native() || want == dicom.DeflatedLE {
			return want, nil
		}
		if kept != dicom.ExplicitLE && !raster.CanDecode(kept) {
			return "", noForm("an object is kept in transfer syntax %s and cannot be given in %s", kept, want)
		}
		return dicom.ExplicitLE, nil
	}
	if !raster.CanDecode(kept) {
		return "", noForm("pixels are kept in transfer syntax %s, which is not decoded here: accept it with transfer-syntax=%s or transfer-syntax=*", kept, kept)
	}
	if want.Native() || want == dicom.DeflatedLE {
		return want, nil
	}
	desc, err := d.descOf(ctx, l)
	if err != nil {
		return "", noForm("the pixels cannot be described: %s", reasonOf(err))
	}
	if err := raster.CanEncode(want, desc); err != nil {
		return "", noForm("%s", reasonOf(err))
	}
	return want, nil
}

// descOf reads the description of an instance's pixels from its metadata, without the object.
func (d *Door) descOf(ctx context.Context, l *imaging.Located) (raster.Desc, error) {
	js, err := d.centre.MetadataOf(ctx, l.ID)
	if err != nil {
		return raster.Desc{}, err
	}
	ds, err := dicom.ParseJSON(js, dicom.Limits{})
	if err != nil {
		return raster.Desc{}, err
	}
	return raster.DescOf(ds)
}

// reasonOf is what a codec says of pixels: tags, lengths and transfer syntaxes.
func reasonOf(err error) string {
	switch e := err.(type) {
	case *raster.Unsupported:
		return e.Error()
	case *dicom.FormatError:
		return e.Reason
	}
	return "they are not well formed"
}

// sendObject answers with one object alone.
func (d *Door) sendObject(w http.ResponseWriter, r *http.Request, o object) error {
	if unchanged(w, r, o.tag()) {
		return nil
	}
	media := mediaDICOM + "; transfer-syntax=" + string(o.syntax)
	w.Header().Set("Content-Location", address(d.base(r), o.Located))
	if o.asKept() {
		return d.sendRange(w, r, media, o.Size, func(off, n int64) (io.ReadCloser, error) {
			return d.centre.Read(r.Context(), o.Instance, off, n)
		})
	}
	w.Header().Set("Content-Type", media)
	if r.Method == http.MethodHead {
		return nil
	}
	c, err := d.transcoded(r.Context(), o)
	if err != nil {
		return err
	}
	if n, ok := c.Size(); ok {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
	return d.writeCopy(r.Context(), w, c)
}

// writeObject writes the bytes of an object.
func (d *Door) writeObject(ctx context.Context, w io.Writer, o object) error {
	if !o.asKept() {
		c, err := d.transcoded(ctx, o)
		if err != nil {
			return err
		}
		return d.writeCopy(ctx, w, c)
	}
	body, err := d.centre.Read(ctx, o.Instance, 0, o.Size)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return d.pour(w, body, o.Size)
}

// transcoded prepares the object in its new transfer syntax.
func (d *Door) transcoded(ctx context.Context, o object) (*dicom.Copy, error) {
	if err := d.work.enter(ctx); err != nil {
		return nil, err
	}
	defer d.work.leave()
	obj, err := d.centre.Scan(ctx, o.Instance)
	if err != nil {
		return nil, err
	}
	return raster.Transcode{Source: d.source(ctx, o.Instance, obj), Syntax: o.syntax}.Copy()
}

// source lets the codecs read an instance.
func (d *Door) source(ctx context.Context, i imaging.Instance, obj *dicom.Object) raster.Source {
	return raster.Source{Object: obj, Open: func(off, n int64) (io.ReadCloser, error) {
		if n < 0 {
			n = i.Size - off
		}
		return d.centre.Read(ctx, i, off, n)
	}}
}

func (d *Door) writeCopy(ctx context.Context, w io.Writer, c *dicom.Copy) error {
	if err := d.work.enter(ctx); err != nil {
		return err
	}
	defer d.work.leave()
	out := bufio.NewWriterSize(&breather{w: w, work: d.work}, 256<<10)
	n, err := c.WriteTo(out)
	d.sent(n)
	if err != nil {
		return err
	}
	return out.Flush()
}

// sendZip answers with an archive of the objects, by series.
func (d *Door) sendZip(w http.ResponseWriter, r *http.Request, p *plan) error {
	if unchanged(w, r, p.tag()) {
		return nil
	}
	w.Header().Set("Content-Type", mediaZip)
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(p.objects[0].StudyUID)+`.zip"`)
	if r.Method == http.MethodHead {
		return nil
	}
	z := zip.NewWriter(w)
	for _, o := range p.objects {
		name := strings.Join([]string{string(o.StudyUID), string(o.SeriesUID), o.SOPUID + ".dcm"}, "/")
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			err = d.writeObject(r.Context(), f, o)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}
