// WADO-RS: frames (PS3.18 §10.4.1.1.6), as they are kept, decoded, or in another transfer syntax.

package dicomweb

import (
	"bytes"
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

// mostFrames bounds the list of one request.
const mostFrames = 10_000

// frameList reads "1,2,5": frames count from 1.
func frameList(s string) ([]int, error) {
	var out []int
	for v := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
		if err != nil || n == 0 {
			return nil, record.Errorf(record.Invalid, "frames: want numbers from 1, with commas between")
		}
		if len(out) == mostFrames {
			return nil, record.Errorf(record.Invalid, "frames: more than %d", mostFrames)
		}
		out = append(out, int(n))
	}
	return out, nil
}

// framesOf finds the instance and the frames that the address names.
func (d *Door) framesOf(r *http.Request, s record.Scope) (*imaging.Located, []int, error) {
	u, err := uidsOf(r)
	if err != nil {
		return nil, nil, err
	}
	list, err := frameList(r.PathValue("frames"))
	if err != nil {
		return nil, nil, err
	}
	all, err := d.centre.Locate(r.Context(), s, u)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range list {
		if n > all[0].Frames {
			return nil, nil, record.Errorf(record.NotFound, "frames: the instance has %d", all[0].Frames)
		}
	}
	return &all[0], list, nil
}

// frames answers with the pixels of frames.
func (d *Door) frames(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	l, list, err := d.framesOf(r, s)
	if err != nil {
		return err
	}
	return d.sendFrames(w, r, l, list, r.PathValue("frames"))
}

func (d *Door) sendFrames(w http.ResponseWriter, r *http.Request, l *imaging.Located, list []int, said string) error {
	form, err := d.pixelForm(r.Context(), l, acceptsOf(r), len(list))
	if err != nil {
		return err
	}
	tag := tagOf(l.SHA256, said, form.media, string(form.syntax), strconv.FormatBool(form.multipart))
	if unchanged(w, r, tag) {
		return nil
	}
	pieces, err := d.framePieces(r, l, list, form)
	if err != nil {
		return err
	}
	if form.multipart {
		return d.sendRelated(w, r, form.media, tag, pieces)
	}
	w.Header().Set("Content-Type", pieces[0].media)
	w.Header().Set("Content-Location", pieces[0].location)
	if n := pieces[0].size; n >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
	if r.Method == http.MethodHead {
		return nil
	}
	return pieces[0].write(w)
}

// pixelForm is how frames are given.
type pixelForm struct {
	offer
	syntax dicom.UID
}

// pixelForm finds the form of frames that the client likes best among those that can be made.
func (d *Door) pixelForm(ctx context.Context, l *imaging.Located, takes accepts, frames int) (pixelForm, error) {
	var why error
	for _, a := range takes {
		if a.quality == 0 {
			break
		}
		if !a.multipart && a.media != anyMedia && frames != 1 {
			continue
		}
		for _, f := range pixelForms(a, dicom.UID(l.Syntax)) {
			if takes.excludes(f.media, f.multipart) {
				continue
			}
			given, err := d.possible(ctx, l, f.syntax)
			if err == nil && given == f.syntax {
				return f, nil
			}
			if why == nil {
				why = err
			}
		}
	}
	if why == nil {
		why = noForm("frames are application/octet-stream, or %s as they are kept; several come in multipart/related", mediaOf(dicom.UID(l.Syntax)))
	}
	return pixelForm{}, why
}

// pixelForms are the forms of frames that a range leaves, the best first. Frames are octets in explicit little endian unless
// something else is asked for (PS3.18 §8.7.3.5.2); who takes an image type takes it as it is kept, else in its default.
func pixelForms(a accepted, kept dicom.UID) []pixelForm {
	var all []pixelForm
	add := func(media string, syntax dicom.UID) {
		all = append(all, pixelForm{offer{media, a.multipart || a.media == anyMedia}, syntax})
	}
	if a.takes(mediaOctets) {
		for _, syntax := range syntaxesOf(a, offer{}, kept) {
			add(mediaOctets, syntax)
		}
	}
	own := mediaOf(kept)
	if a.media == "image/x-dicom-rle" && kept == dicom.RLELossless { // its name before 2017
		own = a.media
	}
	if own != mediaOctets && a.takes(own) && (a.syntax == "" || a.syntax == anySyntax || a.syntax == string(kept)) {
		add(own, kept)
	}
	if usual, ok := defaultSyntax[a.media]; ok && a.syntax != string(kept) {
		switch a.syntax {
		case "", anySyntax:
			add(a.media, usual)
		default:
			if mediaOf(dicom.UID(a.syntax)) == a.media {
				add(a.media, dicom.UID(a.syntax))
			}
		}
	}
	return all
}

// framePieces prepares frames. What has to be made is made for the first before anything is sent, so that a refusal can
// still be told.
func (d *Door) framePieces(r *http.Request, l *imaging.Located, list []int, form pixelForm) ([]piece, error) {
	table, err := d.centre.FrameTable(r.Context(), l.Instance)
	if err != nil {
		return nil, err
	}
	kept := dicom.UID(l.Syntax)
	stored := form.syntax == kept || littleEndian(kept) && littleEndian(form.syntax)
	place := address(d.base(r), l) + "/frames/"
	media := form.media + "; transfer-syntax=" + string(form.syntax)
	pieces := make([]piece, len(list))
	var maker *frameMaker
	for i, n := range list {
		p := &pieces[i]
		p.media, p.location = media, place+strconv.Itoa(n)
		if stored && d.ranges(r.Context(), p, l, table, n) {
			continue
		}
		if maker == nil {
			if maker, err = d.newFrameMaker(r.Context(), l, table); err != nil {
				return nil, err
			}
		}
		p.size = -1
		p.write = func(w io.Writer) error { return maker.write(r.Context(), w, n, form.syntax) }
		if i == 0 {
			b, err := maker.make(r.Context(), n, form.syntax)
			if err != nil {
				return nil, err
			}
			p.size = int64(len(b))
			p.write = func(w io.Writer) error { return d.pour(w, bytes.NewReader(b), -1) }
		}
	}
	return pieces, nil
}

// littleEndian tells the transfer syntaxes in which native frames are the same bytes.
func littleEndian(syntax dicom.UID) bool {
	return syntax == dicom.ExplicitLE || syntax == dicom.ImplicitLE
}

// ranges lets a piece give a frame as it is kept: false if no range of whole bytes of the object is the frame.
func (d *Door) ranges(ctx context.Context, p *piece, l *imaging.Located, table imaging.FrameTable, n int) bool {
	extents, err := table.Frame(n)
	if err != nil {
		return false
	}
	for _, e := range extents {
		p.size += e.Length
	}
	pixels := int64(l.Rows) * int64(l.Columns)
	if dicom.UID(l.Syntax).Native() && p.size < pixels && pixels%8 != 0 { // single bits, packed across frames
		return false
	}
	p.write = func(w io.Writer) error {
		for _, e := range extents {
			if err := d.copyRange(ctx, w, l.Instance, e); err != nil {
				return err
			}
		}
		return nil
	}
	return true
}

func (d *Door) copyRange(ctx context.Context, w io.Writer, i imaging.Instance, e dicom.Extent) error {
	body, err := d.centre.Read(ctx, i, e.Offset, e.Length)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return d.pour(w, body, e.Length)
}

// frameMaker decodes frames of one instance.
type frameMaker struct {
	d      *Door
	l      *imaging.Located
	table  imaging.FrameTable
	head   *dicom.Object
	desc   raster.Desc
	source *raster.Source // when the table says nothing of the frames
}

func (d *Door) newFrameMaker(ctx context.Context, l *imaging.Located, table imaging.FrameTable) (*frameMaker, error) {
	head, err := d.centre.Header(ctx, l.Instance)
	if err != nil {
		return nil, err
	}
	m := &frameMaker{d: d, l: l, table: table, head: head}
	if m.desc, err = raster.DescOf(&head.Header.DataSet); err != nil {
		return nil, err
	}
	if _, err := table.Frame(1); err != nil || dicom.UID(l.Syntax) == dicom.ExplicitBE {
		obj, err := d.centre.Scan(ctx, l.Instance)
		if err != nil {
			return nil, err
		}
		src := d.source(ctx, l.Instance, obj)
		m.source = &src
	}
	return m, nil
}

// native decodes frame n, counted from 1.
func (m *frameMaker) native(ctx context.Context, n int) ([]byte, raster.Desc, error) {
	if m.source != nil {
		return m.source.Native(m.desc, n-1)
	}
	body, size, err := m.d.centre.ReadFrame(ctx, m.l.Instance, m.table, n)
	if err != nil {
		return nil, raster.Desc{}, err
	}
	defer func() { _ = body.Close() }()
	if size > raster.MaxFrameBytes {
		return nil, raster.Desc{}, noForm("a frame of more than %d bytes", raster.MaxFrameBytes)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, raster.Desc{}, err
	}
	return raster.Decode(dicom.UID(m.l.Syntax), m.desc.At(n-1), b)
}

// make gives frame n in a transfer syntax.
func (m *frameMaker) make(ctx context.Context, n int, syntax dicom.UID) ([]byte, error) {
	if err := m.d.work.enter(ctx); err != nil {
		return nil, err
	}
	defer m.d.work.leave()
	native, desc, err := m.native(ctx, n)
	if err != nil || syntax.Native() {
		return native, err
	}
	b, _, err := raster.Encode(syntax, desc, native)
	return b, err
}

func (m *frameMaker) write(ctx context.Context, w io.Writer, n int, syntax dicom.UID) error {
	b, err := m.make(ctx, n, syntax)
	if err != nil {
		return err
	}
	return m.d.pour(w, bytes.NewReader(b), -1)
}
