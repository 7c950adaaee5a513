// Objects that come as metadata with bulk data (PS3.18 §8.6.1.2.2): the metadata first, then the values that they refer to,
// each in a part of its own. An object is put together as soon as the last of its values is here.

package dicomweb

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

const (
	maxMetadata = 64 << 20 // bytes of metadata in one request
	maxElements = 1_000_000

	longMetadata = 1 << 20 // beyond this, requests wait for one another: read, metadata take several times their length
	longAtOnce   = 2
)

var (
	errMetadata   = record.Errorf(record.Invalid, "metadata: no DICOM JSON, no Native DICOM Model, or more than %d bytes of it in one request", maxMetadata)
	errNoBulk     = record.Errorf(record.Invalid, "metadata: bulk data that they refer to did not come")
	errBulkSyntax = record.Errorf(record.Invalid, "bulk data: the transfer syntax is none of the media type")
	errBulkSize   = record.Errorf(record.Unavailable, "bulk data: more than can wait for the rest of their objects")
)

// drafts are the objects of a request whose bulk data have not all come.
type drafts struct {
	*inbound
	holds
	wanted   map[string][]*want
	waiting  []*draft
	metaLeft int64
	long     bool // the request has one of the places for much metadata
}

// draft is one object.
type draft struct {
	place  int // among the outcomes
	data   *dicom.DataSet
	wants  int
	failed bool
	pixels *pixels
	held   []*held
}

// want is a value that a draft refers to.
type want struct {
	*draft
	el   *dicom.Element
	left int // parts to come: one, or one for each compressed frame
}

// pixels are the frames of a draft, or all of them in one where they are native or a video.
type pixels struct {
	syntax dicom.UID
	frames []*held
}

func newDrafts(in *inbound) *drafts {
	return &drafts{
		inbound: in, wanted: map[string][]*want{}, metaLeft: maxMetadata,
		holds: holds{memory: holdMemory, disk: in.maxObject()},
	}
}

// metadata reads a part with one or, in JSON, many objects.
func (d *drafts) metadata(part *bodyPart, media string) error {
	text := &lengthening{LimitedReader: io.LimitedReader{R: part, N: d.metaLeft + 1}, of: d}
	lim := dicom.Limits{HeaderBytes: maxMetadata, ValueBytes: maxMetadata, Elements: maxElements}
	var all []*dicom.DataSet
	var err error
	if media == mediaXML {
		var one *dicom.DataSet
		one, err = dicom.ParseXML(text, lim)
		all = append(all, one)
	} else {
		var b []byte
		if b, err = io.ReadAll(text); err == nil {
			all, err = dicom.ParseJSONList(b, lim)
		}
	}
	d.metaLeft = text.N - 1
	if err != nil || d.metaLeft < 0 {
		d.metaLeft = max(d.metaLeft, 0)
		switch {
		case part.err != nil && part.err != io.EOF:
			err = brokenRequest(part.err) // it is not the metadata that are wrong
		case d.ctx.Err() != nil:
			return d.ctx.Err()
		default:
			err = errMetadata
		}
		d.done(d.begin(), outcome{err: err})
		return nil
	}
	for _, data := range all {
		if err := d.add(data); err != nil {
			return err
		}
	}
	return nil
}

// lengthening reads metadata, and waits for a place once they are long.
type lengthening struct {
	io.LimitedReader
	of *drafts
}

// Read implements io.Reader.
func (l *lengthening) Read(b []byte) (int, error) {
	if d := l.of; !d.long && maxMetadata-l.N >= longMetadata {
		if err := d.Door.long.enter(d.ctx); err != nil {
			return 0, err
		}
		d.long = true
	}
	return l.LimitedReader.Read(b)
}

// add notes what an object waits for.
func (d *drafts) add(data *dicom.DataSet) error {
	dr := &draft{place: d.begin(), data: data}
	d.mu.Lock()
	d.outcomes[dr.place].draft = data
	d.mu.Unlock()
	for el := range data.Away() {
		uri := el.BulkURI()
		d.wanted[uri] = append(d.wanted[uri], &want{draft: dr, el: el, left: 1})
		dr.wants++
	}
	if dr.wants == 0 {
		return d.submit(dr)
	}
	d.waiting = append(d.waiting, dr)
	return nil
}

// bulk reads a part with a value, or a frame, and gives it to all who refer to it.
func (d *drafts) bulk(part *bodyPart, media string, params map[string]string) error {
	uri := part.header["content-location"]
	if id := strings.Trim(part.header["content-id"], "<>"); len(d.wanted[uri]) == 0 && id != "" {
		uri = "cid:" + id
	}
	wants := d.wanted[uri]
	if len(wants) == 0 {
		d.done(d.begin(), outcome{err: errPartType})
		return nil
	}
	h, err := d.hold(part, len(wants))
	if err != nil {
		for _, w := range wants {
			d.fail(w.draft, err)
		}
		return nil
	}
	var left []*want
	for _, w := range wants {
		if err := w.take(h, media, params); err != nil {
			d.fail(w.draft, err)
		}
		if w.failed {
			h.release()
			continue
		}
		if w.left--; w.left > 0 {
			left = append(left, w)
		} else if w.wants--; w.wants == 0 {
			if err := d.submit(w.draft); err != nil {
				return err
			}
		}
	}
	if d.wanted[uri] = left; len(left) == 0 {
		delete(d.wanted, uri)
	}
	return nil
}

// take gives the value to the draft, which holds it from then on.
func (w *want) take(h *held, media string, params map[string]string) error {
	if w.failed {
		return nil
	}
	if w.data.Find(dicom.PixelDataTag) != w.el {
		v, err := h.bytes()
		if err == nil {
			w.held = append(w.held, h)
			w.el.Resolve(v)
		}
		return err
	}
	if w.pixels == nil {
		syntax, err := syntaxOf(w.data, h, media, params)
		if err != nil {
			return err
		}
		w.pixels = &pixels{syntax: syntax}
		if n, ok := w.data.Int(dicom.NumberOfFrames); ok && n > 1 && !syntax.Native() && !strings.HasPrefix(pixelMedia[syntax], "video/") {
			w.left = min(n, maxParts)
		}
	}
	w.held = append(w.held, h)
	w.pixels.frames = append(w.pixels.frames, h)
	return nil
}

// fail ends a draft.
func (d *drafts) fail(dr *draft, err error) {
	if dr.failed {
		return
	}
	dr.failed = true
	dr.release()
	d.done(dr.place, outcome{err: brokenRequest(err)})
}

func (dr *draft) release() {
	for _, h := range dr.held {
		h.release()
	}
	dr.held, dr.pixels = nil, nil
}

// submit gives a whole object to the centre. One with a value in a file is waited for: such files are large.
func (d *drafts) submit(dr *draft) error {
	if err := d.enter(); err != nil {
		return err
	}
	d.waiting = slices.DeleteFunc(d.waiting, func(w *draft) bool { return w == dr })
	dr.failed = true // nothing more is taken
	stored := make(chan struct{})
	large := slices.ContainsFunc(dr.held, func(h *held) bool { return h.file != nil })
	d.working.Go(func() {
		defer func() { <-d.slots }()
		defer close(stored)
		defer dr.release()
		out, write := io.Pipe()
		written := make(chan struct{})
		go func() {
			defer close(written)
			_ = write.CloseWithError(dr.write(write))
		}()
		d.accept(dr.place, imaging.Source{Reader: out, Size: -1})
		_ = out.Close()
		<-written
	})
	if large {
		<-stored
	}
	return nil
}

// write writes the object of Part 10.
func (dr *draft) write(w io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = record.Errorf(record.Invalid, "metadata: cannot be written as an object")
		}
	}()
	c := dicom.Copy{DataSet: dr.data, Syntax: dicom.ExplicitLE}
	if dr.pixels != nil {
		c.Syntax, c.Frames = dr.pixels.syntax, dr.pixels.all(dr.data)
	}
	out := bytesWriter{w: w}
	_, err = c.WriteTo(&out)
	if err != nil && out.err == nil {
		return record.Wrap(record.Invalid, nil, "metadata and bulk data do not make an object: "+strings.TrimPrefix(err.Error(), "dicom: "))
	}
	return err
}

// bytesWriter remembers that the reader has gone: such an error is none of the object's.
type bytesWriter struct {
	w   io.Writer
	err error
}

func (b *bytesWriter) Write(p []byte) (int, error) {
	n, err := b.w.Write(p)
	if err != nil {
		b.err = err
	}
	return n, err
}

// close fails what still waits.
func (d *drafts) close() {
	for _, dr := range d.waiting {
		d.fail(dr, errNoBulk)
	}
	d.working.Wait()
	if d.long {
		d.Door.long.leave()
	}
}

// syntaxOf is the transfer syntax of pixels in a part: what the part says, what the metadata say, what the bytes show, or
// what the media type means (PS3.18 §8.7.3.3).
func syntaxOf(data *dicom.DataSet, h *held, media string, params map[string]string) (dicom.UID, error) {
	said := dicom.UID(params["transfer-syntax"])
	of := func(u dicom.UID) bool { return u.Valid() && sameMedia(pixelMedia[u], media) }
	hint := cmp.Or(data.UID(dicom.TransferSyntaxUID), data.UID(availableSyntax))
	switch {
	case of(said):
		return said, nil
	case media == mediaOctets && pixelMedia[said] != "":
		return said, nil // compressed, under the name of octets
	case media == mediaOctets && (said == "" || said == "*" || said.Native() && said != dicom.ExplicitBE):
		return dicom.ExplicitLE, nil
	case said != "" && said != "*":
		return "", errBulkSyntax
	case of(hint):
		return hint, nil
	}
	if u := h.shows(); of(u) {
		return u, nil
	}
	if u := meant[media]; u != "" {
		return u, nil
	}
	return "", errBulkSyntax
}

const availableSyntax dicom.Tag = 0x00083002

func sameMedia(a, b string) bool {
	short := strings.NewReplacer("x-", "", "mpeg2", "mpeg")
	return a != "" && strings.EqualFold(short.Replace(a), short.Replace(b))
}

// meant are the transfer syntaxes of media types that say none and show none.
var meant = map[string]dicom.UID{
	mediaJPEG: dicom.JPEGLossless, "image/jls": dicom.JPEGLSLossless, "image/x-jls": dicom.JPEGLSLossless, "image/jp2": dicom.JPEG2000,
	"image/jpx": "1.2.840.10008.1.2.4.92", "image/jphc": "1.2.840.10008.1.2.4.201",
	"image/dicom-rle": dicom.RLELossless, "image/x-dicom-rle": dicom.RLELossless,
	"video/mpeg": "1.2.840.10008.1.2.4.100", "video/mpeg2": "1.2.840.10008.1.2.4.100", "video/mp4": "1.2.840.10008.1.2.4.102",
	"video/h265": "1.2.840.10008.1.2.4.107",
}

// jpegSyntax reads the transfer syntax off the markers of a JPEG or JPEG-LS stream (ITU-T T.81 annex B, T.87 annex C).
func jpegSyntax(b []byte) dicom.UID {
	frame := byte(0)
	for bytes.HasPrefix(b, []byte{0xFF, 0xD8}) || len(b) >= 4 && b[0] == 0xFF {
		if b[1] == 0xD8 {
			b = b[2:]
			continue
		}
		n := int(b[2])<<8 | int(b[3])
		switch m := b[1]; {
		case m == 0xDA && n >= 6 && len(b) >= 2+n:
			select3 := b[2+n-3] // Ss: the predictor, or NEAR
			return jpegKinds[[2]byte{frame, min(select3, 2)}]
		case m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC, m == 0xF7:
			frame = m
		}
		if n < 2 || len(b) < 2+n {
			return ""
		}
		b = b[2+n:]
	}
	return ""
}

// jpegKinds are the transfer syntaxes by frame marker and by Ss: 0, 1 or more.
var jpegKinds = map[[2]byte]dicom.UID{
	{0xC0, 0}: dicom.JPEGBaseline,
	{0xC1, 0}: "1.2.840.10008.1.2.4.51",
	{0xC3, 1}: dicom.JPEGLossless, {0xC3, 2}: "1.2.840.10008.1.2.4.57",
	{0xF7, 0}: dicom.JPEGLSLossless, {0xF7, 1}: "1.2.840.10008.1.2.4.81", {0xF7, 2}: "1.2.840.10008.1.2.4.81",
}
