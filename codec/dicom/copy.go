package dicom

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// Copy writes a scanned object again: as it is, or with other attributes, in another transfer syntax or with other frames.
// Pixel data and long values go through in pieces; no more than one frame is held. Group 2 is ours, but for the source
// application entity title.
type Copy struct {
	// Object is what Scan or ScanHeader found; nil makes a new object of DataSet and Frames. Of an object that was not scanned
	// to its end, what is behind the pixel data is copied unseen: not with Frames, not where its coding changes, and not
	// where DataSet says that the patient's identity is removed.
	Object *Object

	// Open gives length bytes of the scanned object, as it is stored, from offset; a negative length means to its end.
	Open func(offset, length int64) (io.ReadCloser, error)

	// DataSet has the attributes to write, nil for those of Object. Values that are only located are copied through Open, so
	// they must be Object's. Pixel data in it counts only if there is no Object.
	DataSet *DataSet

	Charset string // what texts are converted to, as AppendDataSet does
	Syntax  UID    // of the new object; "" as it is

	// Frames are the frames encoded for Syntax, in its byte order; each encapsulated one becomes one fragment. nil copies the
	// pixel data, which only native transfer syntaxes can do between each other.
	Frames iter.Seq2[[]byte, error]

	// Lengths of the encapsulated frames, if known before. Without them the basic offset table of more than one frame is
	// empty, which PS3.5 §A.4 allows; with them it is full, or above 4 GiB there is an extended one.
	Lengths []int64
}

// Size is how many bytes WriteTo will write; false if that depends on the frames, or on deflate.
func (c *Copy) Size() (int64, bool) {
	l, err := c.layout()
	if err != nil || l.code.deflated || l.pixels.size < 0 {
		return 0, false
	}
	return int64(len(l.meta)) + l.head.size() + l.pixels.size + l.tail.size(), true
}

// WriteTo writes the object and returns how many bytes that were. What cannot be written is refused before the first byte,
// as far as that can be known.
func (c *Copy) WriteTo(w io.Writer) (int64, error) {
	l, err := c.layout()
	if err != nil {
		return 0, err
	}
	out := &tally{w: w}
	src := &origin{c: c}
	defer src.close()
	err = l.write(out, src)
	return out.n, err
}

type tally struct {
	w io.Writer
	n int64
}

func (t *tally) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.n += int64(n)
	return n, err
}

// layout is a new object before it is written.
type layout struct {
	code       coding
	meta       []byte
	head, tail appender
	pixels     pixelPlan
}

func (l *layout) write(out *tally, src *origin) error {
	if _, err := out.Write(l.meta); err != nil {
		return err
	}
	if !l.code.deflated {
		return l.body(out, src)
	}
	deflater, err := flate.NewWriter(out, flate.DefaultCompression)
	if err != nil {
		return err
	}
	if err := l.body(deflater, src); err != nil {
		return err
	}
	if err := deflater.Close(); err != nil {
		return err
	}
	if out.n%2 == 1 { // PS3.5 §A.5
		_, err = out.Write([]byte{0})
	}
	return err
}

func (l *layout) body(w io.Writer, src *origin) error {
	if err := l.head.write(w, src); err != nil {
		return err
	}
	if l.pixels.write != nil {
		if err := l.pixels.write(w, src); err != nil {
			return err
		}
	}
	return l.tail.write(w, src)
}

// layout checks what is asked for and lays it out.
func (c *Copy) layout() (*layout, error) {
	d, from := c.DataSet, UID("")
	if c.Object != nil {
		from = c.Object.TransferSyntax
		if d == nil {
			d = &c.Object.Header.DataSet
		}
	}
	syntax := c.Syntax
	if syntax == "" {
		syntax = from
	}
	if d == nil || !syntax.Valid() {
		return nil, errors.New("dicom: copy: no attributes or no transfer syntax")
	}
	l := &layout{code: codings[syntax]}
	l.head = appender{code: l.code, from: codings[from], locate: c.Object != nil && c.Open != nil}
	l.tail = l.head
	var err error
	if l.pixels, err = c.pixels(d, syntax, from); err != nil {
		return nil, err
	}
	c.attributes(l, d)
	if err := errors.Join(l.head.err, l.tail.err); err != nil {
		return nil, err
	}
	if l.meta, err = c.meta(d, syntax); err != nil {
		return nil, err
	}
	return l, nil
}

// attributes writes what stands before and behind the pixel data.
func (c *Copy) attributes(l *layout, d *DataSet) {
	at, _ := d.search(l.pixels.tag)
	before, behind := d.Elements[:at], d.Elements[at:]
	if l.pixels.write != nil {
		before = slices.DeleteFunc(slices.Clone(before), l.pixels.replaces)
		behind = slices.DeleteFunc(slices.Clone(behind), l.pixels.replaces)
	}
	into, label := plan(d, c.Charset)
	l.head.into, l.tail.into = into, into
	l.head.top(d, before, label)
	if l.pixels.table != nil {
		for _, el := range l.pixels.table {
			l.head.element(d, &el)
		}
	}
	if !l.pixels.rest {
		l.tail.top(d, behind, "")
	}
}

const patientIdentityRemoved Tag = 0x00120062

// cleaned tells whether the attributes to write are no longer the patient's, so that nothing else of the object may be either.
func (c *Copy) cleaned() bool {
	return c.DataSet != nil && c.DataSet.Str(patientIdentityRemoved) == "YES"
}

// meta writes preamble and group 2 for the identity in the data set.
func (c *Copy) meta(d *DataSet, syntax UID) ([]byte, error) {
	e := Encoder{syntax: syntax, class: d.UID(SOPClassUID), object: d.UID(SOPInstanceUID)}
	if !e.class.Valid() || !e.object.Valid() {
		return nil, errors.New("dicom: copy: no SOP Class or SOP Instance UID")
	}
	if c.Object != nil && !c.cleaned() {
		e.source = c.Object.Header.SourceAE
	}
	return e.group2(), nil
}

// size is how many bytes will be written.
func (a *appender) size() int64 {
	n := int64(len(a.b))
	for _, h := range a.holes {
		n += h.n
		if h.pad {
			n++
		}
	}
	return n
}

// write writes the bytes, and what the holes stand for.
func (a *appender) write(w io.Writer, src *origin) error {
	at := 0
	for _, h := range a.holes {
		if _, err := w.Write(a.b[at:h.at]); err != nil {
			return err
		}
		at = h.at
		if err := src.copy(w, h.off, h.n, h.turn); err != nil {
			return err
		}
		if h.pad {
			if _, err := w.Write([]byte{h.with}); err != nil {
				return err
			}
		}
	}
	_, err := w.Write(a.b[at:])
	return err
}

// origin is the scanned object.
type origin struct {
	c        *Copy
	stored   io.ReadCloser // of a deflated object, while it is read on
	inflated io.Reader
	at       int64
}

func (o *origin) close() {
	if o.stored != nil {
		o.stored.Close()
		o.stored = nil
	}
}

// copy copies n bytes from off, all to the end if n is negative, and turns the byte order of a VR round.
func (o *origin) copy(w io.Writer, off, n int64, turn VR) error {
	if n == 0 {
		return nil
	}
	r, err := o.open(off, n)
	if err != nil {
		return err
	}
	defer r.Close()
	var from io.Reader = r
	if turn.traits().unit > 1 && turn != 0 {
		from = &turner{r: r, vr: turn}
	}
	got, err := io.Copy(w, from)
	if o.c.Object.Deflated {
		o.at += got
	}
	if err == nil && n >= 0 && got != n {
		err = &FormatError{Offset: off + got, Kind: Truncated, Reason: fmt.Sprintf("%d bytes are there of %d", got, n)}
	}
	return err
}

func (o *origin) open(off, n int64) (io.ReadCloser, error) {
	if !o.c.Object.Deflated {
		return o.c.Open(off, n)
	}
	if o.stored == nil || off < o.at {
		o.close()
		r, err := o.c.Open(o.c.Object.body, -1)
		if err != nil {
			return nil, err
		}
		o.stored, o.inflated, o.at = r, flate.NewReader(r), o.c.Object.body
	}
	skipped, err := io.CopyN(io.Discard, o.inflated, off-o.at)
	o.at += skipped
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return io.NopCloser(o.inflated), nil
	}
	return io.NopCloser(io.LimitReader(o.inflated, n)), nil
}

// turner turns the byte order of what it reads.
type turner struct {
	r    io.Reader
	vr   VR
	b    [4 << 10]byte
	rest []byte
}

func (t *turner) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		n, err := io.ReadFull(t.r, t.b[:])
		if n == 0 {
			return 0, err
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return 0, err
		}
		t.rest = t.b[:n]
		t.vr.swap(t.rest)
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}
