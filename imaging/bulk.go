// Bulk: values that the metadata only refers to, and the header they are found by.

package imaging

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// Bulk is the value of one attribute of an instance: its bytes, little endian.
type Bulk struct {
	Tag  dicom.Tag
	VR   dicom.VR
	Size int64 // bytes, padding included

	// Encapsulated: pixel data in fragments, which is no value of its own. Its frames are read by ReadFrame.
	Encapsulated bool

	open func(offset, length int64) (io.ReadCloser, error)
}

// Open opens bytes [offset, offset+length) of the value.
func (b *Bulk) Open(offset, length int64) (io.ReadCloser, error) {
	if b.open == nil || offset < 0 || length < 0 || offset+length > b.Size {
		return nil, record.Errorf(record.Invalid, "the value has %d bytes", b.Size)
	}
	return b.open(offset, length)
}

// Header reads an instance that was located or found up to its pixel data; see dicom.ScanHeader.
func (c *Centre) Header(ctx context.Context, i Instance) (*dicom.Object, error) {
	return c.header(ctx, i, c.opt.Limits)
}

func (c *Centre) header(ctx context.Context, i Instance, lim dicom.Limits) (*dicom.Object, error) {
	r, err := c.open(ctx, i, 0, i.Size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return dicom.ScanHeader(r, dicom.Options{Limits: lim})
}

// Scan reads an instance that was located or found to its end, and knows then where each frame lies.
func (c *Centre) Scan(ctx context.Context, i Instance) (*dicom.Object, error) {
	r, err := c.open(ctx, i, 0, i.Size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return dicom.Scan(r, dicom.Options{Limits: c.opt.Limits})
}

// bulkPath reads what the metadata's addresses end with: tags with the number of the item, from 1, between them.
func bulkPath(path string) ([]dicom.Tag, []int, bool) {
	parts := strings.Split(path, "/")
	if len(parts)%2 == 0 || len(parts) > 64 {
		return nil, nil, false
	}
	var tags []dicom.Tag
	var items []int
	for k, p := range parts {
		if k%2 == 1 {
			n, err := strconv.ParseUint(p, 10, 31)
			if err != nil || n == 0 {
				return nil, nil, false
			}
			items = append(items, int(n))
			continue
		}
		n, err := strconv.ParseUint(p, 16, 32)
		if err != nil || len(p) != 8 {
			return nil, nil, false
		}
		tags = append(tags, dicom.Tag(n))
	}
	return tags, items, true
}

// Bulk finds a value of an instance that was located or found, by the path that its metadata gives: "7FE00010",
// "54000100/1/54001010". NotFound when there is none.
func (c *Centre) Bulk(ctx context.Context, i Instance, path string) (*Bulk, error) {
	tags, items, ok := bulkPath(path)
	if !ok {
		return nil, errNoBulk
	}
	o, err := c.Header(ctx, i)
	if err != nil {
		return nil, err
	}
	if p := o.Pixels; p != nil && len(tags) == 1 && p.Tag == tags[0] {
		return c.bulkPixels(ctx, i, o)
	}
	el, err := findBulk(o, tags, items)
	if err != nil {
		return nil, err
	}
	if !el.Kept() && (o.Deflated || o.TransferSyntax == dicom.ExplicitBE) { // no range of the object is the value
		lim := c.opt.Limits
		lim.ValueBytes = bulkInMemory
		lim.HeaderBytes = 2 * bulkInMemory
		if o, err = c.header(ctx, i, lim); err != nil {
			return nil, err
		}
		if el, err = findBulk(o, tags, items); err != nil {
			return nil, err
		}
	}
	return c.bulkOf(ctx, i, el), nil
}

// bulkInMemory is the longest value that is read whole, because the object is deflated or big endian.
const bulkInMemory = 32 << 20

var errNoBulk = record.Errorf(record.NotFound, "no value that is referred to has this address")

func findBulk(o *dicom.Object, tags []dicom.Tag, items []int) (*dicom.Element, error) {
	d := &o.Header.DataSet
	for k, t := range tags {
		el := d.Find(t)
		if el == nil {
			return nil, errNoBulk
		}
		if k == len(tags)-1 {
			if el.Items != nil || el.Length == 0 {
				return nil, errNoBulk
			}
			return el, nil
		}
		if items[k] > len(el.Items) {
			return nil, errNoBulk
		}
		d = &el.Items[items[k]-1]
	}
	return nil, errNoBulk
}

func (c *Centre) bulkOf(ctx context.Context, i Instance, el *dicom.Element) *Bulk {
	b := &Bulk{Tag: el.Tag, VR: el.VR, Size: el.Length}
	if el.Kept() {
		v := el.Value
		b.open = func(off, n int64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(v[off : off+n])), nil
		}
		return b
	}
	from := el.Offset
	b.open = func(off, n int64) (io.ReadCloser, error) { return c.open(ctx, i, from+off, n) }
	return b
}

// bulkPixels is the native pixel data as a whole.
func (c *Centre) bulkPixels(ctx context.Context, i Instance, o *dicom.Object) (*Bulk, error) {
	p := o.Pixels
	b := &Bulk{Tag: p.Tag, VR: p.VR, Size: p.Length, Encapsulated: p.Encapsulated}
	if p.Encapsulated {
		return b, nil
	}
	from := p.Offset
	b.open = func(off, n int64) (io.ReadCloser, error) { return c.open(ctx, i, from+off, n) }
	if o.Deflated || o.TransferSyntax == dicom.ExplicitBE {
		b.Encapsulated, b.open = true, nil // frames are decoded one by one
	}
	return b, nil
}
