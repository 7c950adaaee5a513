package raster

import (
	"encoding/binary"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// overlay is one graphic plane over an image (PS3.3 C.9.2).
type overlay struct {
	rows, columns int
	top, left     int // of its first pixel, from 0
	frames, first int // first is the image frame, from 0, that its first frame belongs to
	bit           int // of the pixel data where it is kept; data is nil then
	data          []byte
}

const overlayGroups = 16

// overlaysOf reads the overlay groups 6000 to 601E. Planes too long to be kept with a header are left out.
func overlaysOf(d *dicom.DataSet, desc *Desc) []overlay {
	var out []overlay
	for g := range dicom.Tag(overlayGroups) {
		base := 0x60000000 + g<<17
		o := overlay{rows: desc.Rows, columns: desc.Columns, frames: 1}
		if d.Find(base+0x10) == nil && d.Find(base+0x3000) == nil {
			continue
		}
		if n, ok := d.Int(base + 0x10); ok {
			o.rows = n
		}
		if n, ok := d.Int(base + 0x11); ok {
			o.columns = n
		}
		if n, ok := d.Int(base + 0x15); ok && n > 0 {
			o.frames = n
		}
		if n, ok := d.Int(base + 0x51); ok && n > 0 {
			o.first = n - 1
		}
		if at := floats(d, base+0x50); len(at) == 2 {
			o.top, o.left = int(at[0])-1, int(at[1])-1
		}
		o.bit, _ = d.Int(base + 0x102)
		if el := d.Find(base + 0x3000); el != nil {
			o.data = el.Value
		}
		if o.usable(desc) {
			out = append(out, o)
		}
	}
	return out
}

// usable tells whether the plane's bits are here.
func (o *overlay) usable(d *Desc) bool {
	if o.rows < 1 || o.columns < 1 || o.rows > 1<<16 || o.columns > 1<<16 {
		return false
	}
	if o.data != nil {
		return int64(len(o.data))*8 >= int64(o.rows)*int64(o.columns)*int64(o.frames)
	}
	unused := o.bit > d.HighBit || o.bit < d.HighBit+1-d.BitsStored
	return d.Samples == 1 && d.BitsAllocated == 16 && o.bit < 16 && unused && o.rows <= d.Rows && o.columns <= d.Columns
}

// set tells whether a pixel of the plane is drawn on a frame.
func (o *overlay) set(d *Desc, native []byte, frame, x, y int) bool {
	if o.data == nil {
		return binary.LittleEndian.Uint16(native[2*(y*d.Columns+x):])>>o.bit&1 == 1
	}
	i := 0
	if o.frames > 1 {
		i = frame - o.first
	}
	if i < 0 || i >= o.frames {
		return false
	}
	at := int64(i)*int64(o.rows)*int64(o.columns) + int64(y)*int64(o.columns) + int64(x)
	return o.data[at>>3]>>(at&7)&1 == 1
}

// drawOverlays draws all overlay planes in white on a picture that is not turned yet.
func (d *Desc) drawOverlays(p *plane, l layout, native []byte, frame int) {
	for i := range d.overlays {
		o := &d.overlays[i]
		for y := range o.rows {
			for x := range o.columns {
				if o.set(d, native, frame, x, y) {
					o.dot(p, l, x, y)
				}
			}
		}
	}
}

// dot fills what a pixel of the plane covers, at least one pixel of the picture.
func (o *overlay) dot(p *plane, l layout, x, y int) {
	ax, ay := l.place(float64(o.left+x), float64(o.top+y))
	bx, by := l.place(float64(o.left+x+1), float64(o.top+y+1))
	if bx < 0 || by < 0 || ax >= float64(p.width) || ay >= float64(p.height) {
		return
	}
	u0, v0 := int(max(0, ax)), int(max(0, ay))
	u1, v1 := int(min(bx, float64(p.width))), int(min(by, float64(p.height)))
	for v := v0; v < max(v1, v0+1); v++ {
		for u := u0; u < max(u1, u0+1); u++ {
			p.set(u, v, 0xFF)
		}
	}
}
