// Forms: how an object under correction is given out. Its header is written anew, the rest are ranges of the stored bytes, so
// that any range of the form can be opened without making the form.

package imaging

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// pieces make up a form: each is new bytes, or a range of the stored object.
type pieces []piece

type piece struct {
	fresh  []byte // nil: a range
	offset int64
	length int64
}

// form is what is given out instead of a stored object.
type form struct {
	chain  string // ids of the corrections
	pieces pieces
	size   int64
	sha256 string
}

// maxFresh bounds the bytes of a form that are no range of the stored object: header, and all of a deflated object.
const maxFresh = 64 << 20

var errForm = record.Errorf(record.Precondition, "an object cannot be corrected: it is deflated, and longer than %d bytes", maxFresh)

// gatherer takes what dicom.Copy writes: bytes as they come, and ranges of the source where it would copy them.
type gatherer struct {
	all   pieces
	fresh int64
}

func (g *gatherer) Write(b []byte) (int, error) {
	if g.fresh += int64(len(b)); g.fresh > maxFresh {
		return 0, errForm
	}
	if n := len(g.all); n > 0 && g.all[n-1].fresh != nil {
		g.all[n-1].fresh = append(g.all[n-1].fresh, b...)
		g.all[n-1].length += int64(len(b))
		return len(b), nil
	}
	g.all = append(g.all, piece{fresh: append([]byte{}, b...), length: int64(len(b))})
	return len(b), nil
}

// at is a range that is noted where it would be copied. What has to be changed on its way is read.
type at struct {
	g              *gatherer
	offset, length int64
	open           func(offset, length int64) (io.ReadCloser, error)
	body           io.ReadCloser
}

// WriteTo implements io.WriterTo, which io.Copy prefers.
func (r *at) WriteTo(io.Writer) (int64, error) {
	last := len(r.g.all) - 1
	if last >= 0 && r.g.all[last].fresh == nil && r.g.all[last].offset+r.g.all[last].length == r.offset {
		r.g.all[last].length += r.length
	} else if r.length > 0 {
		r.g.all = append(r.g.all, piece{offset: r.offset, length: r.length})
	}
	return r.length, nil
}

func (r *at) Read(b []byte) (int, error) {
	if r.body == nil {
		var err error
		if r.body, err = r.open(r.offset, r.length); err != nil {
			return 0, err
		}
	}
	return r.body.Read(b)
}

func (r *at) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// opener opens bytes of a stored object.
type opener func(offset, length int64) (io.ReadCloser, error)

// rewrite lays out an object of size bytes with other attributes.
func rewrite(o *dicom.Object, d *dicom.DataSet, size int64, open opener) (pieces, error) {
	g := &gatherer{}
	ranged := func(off, n int64) (io.ReadCloser, error) {
		if n < 0 {
			n = size - off
		}
		if o.Deflated {
			return open(off, n)
		}
		return &at{g: g, offset: off, length: n, open: open}, nil
	}
	_, err := (&dicom.Copy{Object: o, Open: ranged, DataSet: d, Charset: charsetOf(o)}).WriteTo(g)
	return g.all, err
}

// charsetOf is the character set that the object's readers know to read, if it is one that is written.
func charsetOf(o *dicom.Object) string {
	if sets := o.Header.Strs(dicom.SpecificCharacterSet); len(sets) == 1 {
		return sets[0]
	}
	return ""
}

func (p pieces) size() int64 {
	n := int64(0)
	for _, x := range p {
		n += x.length
	}
	return n
}

// pack writes the pieces for their row: number; for each 0, length, bytes or 1, offset, length.
func (p pieces) pack() ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(p)))
	for _, x := range p {
		if x.fresh != nil {
			b = binary.AppendUvarint(append(b, 0), uint64(x.length))
			b = append(b, x.fresh...)
			continue
		}
		b = binary.AppendUvarint(append(b, 1), uint64(x.offset))
		b = binary.AppendUvarint(b, uint64(x.length))
	}
	var out bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err := z.Close()
	return out.Bytes(), err
}

var errPieces = errors.New("the pieces of a form are damaged")

func unpack(gz []byte) (pieces, error) {
	b, err := unzip(gz)
	if err != nil {
		return nil, err
	}
	v := &varints{b: b}
	n := v.next()
	var out pieces
	for range n {
		if v.bad || len(v.b) == 0 {
			return nil, errPieces
		}
		kind := v.b[0]
		v.b = v.b[1:]
		x := piece{}
		if kind == 1 {
			x.offset = int64(v.next())
		}
		x.length = int64(v.next())
		if kind == 0 {
			if v.bad || x.length < 0 || x.length > int64(len(v.b)) {
				return nil, errPieces
			}
			x.fresh, v.b = v.b[:x.length:x.length], v.b[x.length:]
		}
		if v.bad || x.offset < 0 || x.length < 0 {
			return nil, errPieces
		}
		out = append(out, x)
	}
	return out, nil
}

// cut gives the pieces of a range of the form.
func (p pieces) cut(offset, length int64) pieces {
	var out pieces
	for _, x := range p {
		if offset >= x.length {
			offset -= x.length
			continue
		}
		n := min(x.length-offset, length)
		if n <= 0 {
			break
		}
		y := piece{offset: x.offset + offset, length: n}
		if x.fresh != nil {
			y = piece{fresh: x.fresh[offset : offset+n], length: n}
		}
		out = append(out, y)
		offset, length = 0, length-n
	}
	return out
}

// piecesReader reads one piece after the other; ranges are opened when they are come to.
type piecesReader struct {
	open opener
	left pieces
	now  io.ReadCloser
}

// Read implements io.Reader.
func (r *piecesReader) Read(b []byte) (int, error) {
	for {
		if r.now == nil {
			if len(r.left) == 0 {
				return 0, io.EOF
			}
			x := r.left[0]
			r.left = r.left[1:]
			r.now = io.NopCloser(bytes.NewReader(x.fresh))
			if x.fresh == nil {
				var err error
				if r.now, err = r.open(x.offset, x.length); err != nil {
					r.now = nil
					return 0, err
				}
			}
		}
		n, err := r.now.Read(b)
		if err == io.EOF {
			err = r.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements io.Closer.
func (r *piecesReader) Close() error {
	if r.now == nil {
		return nil
	}
	err := r.now.Close()
	r.now = nil
	return err
}

// stored opens bytes of an instance as they came.
func (c *Centre) stored(ctx context.Context, i Instance) opener {
	return func(offset, length int64) (io.ReadCloser, error) {
		if length == 0 {
			return io.NopCloser(bytes.NewReader(nil)), nil
		}
		return c.rangeOf(ctx, i, offset, length)
	}
}

// openForm opens bytes of an instance under correction. The instance may have been corrected again since it was found: then
// the caller must find it anew.
func (c *Centre) openForm(ctx context.Context, i Instance, offset, length int64) (io.ReadCloser, error) {
	var gz []byte
	var chain string
	err := c.db.QueryRow(ctx, `SELECT f.pieces, i.corrections FROM instance_forms f JOIN instances i ON i.id = f.instance_id WHERE f.instance_id = $1`,
		string(i.ID)).Scan(&gz, &chain)
	if err != nil || chain != i.chain {
		return nil, record.Errorf(record.Unavailable, "the instance was corrected meanwhile: ask again")
	}
	all, err := unpack(gz)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", i.ID, err)
	}
	return &piecesReader{open: c.stored(ctx, i), left: all.cut(offset, length)}, nil
}

// formed makes of an object what the rules say, and knows of it what it knew of the object that came.
func (c *Centre) formed(a *arrival, w whereabouts, o *dicom.Object, open opener) (*arrival, error) {
	all, err := rewrite(o, w.corrected(o), a.size, open)
	if err != nil && !errors.Is(err, errForm) { // some objects must be known to their end: their coding is not what they say
		if o, err = scanAll(open, a.size, c.opt.Limits); err == nil {
			all, err = rewrite(o, w.corrected(o), a.size, open)
		}
	}
	switch {
	case record.KindOf(err) == record.Unavailable:
		return nil, err
	case err != nil:
		return nil, record.Wrap(record.Precondition, err, "an object of the study cannot be written again")
	}
	sum := sha256.New()
	body := &piecesReader{open: open, left: slices.Clone(all)}
	defer func() { _ = body.Close() }()
	out, err := dicom.Scan(io.TeeReader(body, sum), dicom.Options{Limits: c.opt.Limits})
	if err != nil {
		return nil, fmt.Errorf("corrected object: %w", err)
	}
	if _, err := io.Copy(sum, body); err != nil {
		return nil, err
	}
	b := *a
	b.facts = c.factsOf(out, a.site.institution, a.facts.performedAt)
	b.facts.warnings = a.facts.warnings
	b.header, b.frames = &out.Header.DataSet, frameTable(out)
	b.study = studyID(a.site.institution, b.facts.study)
	b.form = &form{chain: w.chain(), pieces: all, size: all.size(), sha256: hex.EncodeToString(sum.Sum(nil))}
	b.meta, err = metadata(out)
	return &b, err
}

// corrected gives the attributes of an object as the rules make them.
func (w *whereabouts) corrected(o *dicom.Object) *dicom.DataSet {
	d := o.Header.Clone()
	for _, r := range w.applied {
		r.apply(d)
	}
	return d
}

func scanAll(open opener, size int64, lim dicom.Limits) (*dicom.Object, error) {
	r, err := open(0, size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return dicom.Scan(r, dicom.Options{Limits: lim})
}

func derivedUID(from string) dicom.UID {
	sum := sha256.Sum256([]byte(from))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // a UUID of version 8 (RFC 9562), so that 2.25 may hold it (PS3.5 §B.2)
	return dicom.UID("2.25." + new(big.Int).SetBytes(sum[:16]).String())
}
