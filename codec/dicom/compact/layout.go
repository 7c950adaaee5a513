// Layout: where an object is cut into pieces.

package compact

import "github.com/lianzhen/lianzhen/codec/dicom"

// Layout says where the native frames of an object lie and how they are cut. The zero Layout with a Size is an object
// without pixels that JPEG-LS fits.
type Layout struct {
	Size int64

	from, to int64 // of the frames
	frame    int64 // bytes of one
	strip    int64 // bytes of a cut of it, whole rows
	shape    shape
}

// shape is how the samples of a strip lie.
type shape struct {
	width, components int
	words, big        bool
}

func (s shape) stride() int64 {
	if s.words {
		return int64(s.width * s.components * 2)
	}
	return int64(s.width * s.components)
}

const (
	smallestFrame = 4 << 10 // below it a JPEG-LS image costs more than it saves
	maxRows       = 65535   // of a JPEG-LS image
)

// LayoutOf plans an object of size bytes whose header was read, by dicom.Scan or dicom.ScanHeader.
func LayoutOf(o *dicom.Object, size int64) Layout {
	l := Layout{Size: size}
	p := o.Pixels
	if p == nil || p.Encapsulated || o.Deflated || p.Tag != dicom.PixelDataTag || p.Offset < 0 || p.FrameBits%8 != 0 {
		return l
	}
	h := o.Header
	rows, okRows := h.Int(dicom.Rows)
	columns, okColumns := h.Int(dicom.Columns)
	bits, okBits := h.Int(dicom.BitsAllocated)
	samples, ok := h.Int(dicom.SamplesPerPixel)
	if !ok {
		samples = 1
	}
	if !okRows || !okColumns || !okBits || bits != 8 && bits != 16 || samples != 1 && samples != 3 {
		return l
	}
	sh := shape{width: columns, components: samples, words: bits == 16, big: bits == 16 && bigEndian[o.TransferSyntax]}
	if planar, _ := h.Int(dicom.PlanarConfiguration); planar == 1 && samples > 1 {
		sh.components, rows = 1, rows*samples
	}
	frame := p.FrameBits / 8
	frames := int64(p.NumFrames)
	switch {
	case rows < 1 || columns < 1 || columns > maxRows || frames < 1, frame != sh.stride()*int64(rows), frame < smallestFrame:
		return l
	case frames > (size-p.Offset)/frame:
		return l
	}
	l.from, l.to, l.frame, l.shape = p.Offset, p.Offset+frames*frame, frame, sh
	strips := max((frame+usualPiece-1)/usualPiece, int64(rows+maxRows-1)/maxRows)
	l.strip = (int64(rows) + strips - 1) / strips * sh.stride()
	return l
}

// bigEndian are the transfer syntaxes whose native words are big endian (PS3.5 A.3, and GE's private one).
var bigEndian = map[dicom.UID]bool{dicom.ExplicitBE: true, "1.2.840.113619.5.2": true}

// Pixels tells how many bytes of the object are frames that JPEG-LS fits.
func (l Layout) Pixels() int64 { return l.to - l.from }

// Floor is the last cut at or before offset: where a container for a broken transfer begins.
func (l Layout) Floor(at int64) int64 {
	if at <= 0 || at >= l.Size {
		return min(max(at, 0), l.Size)
	}
	start, _, _ := l.cut(at)
	return start
}

// cut gives the piece that holds the byte at, and whether it is a strip of pixels.
func (l Layout) cut(at int64) (start, end int64, pixels bool) {
	switch {
	case at < l.from || l.frame == 0:
		limit := l.from
		if l.frame == 0 {
			limit = l.Size
		}
		start = at / usualPiece * usualPiece
		return start, min(start+usualPiece, limit), false
	case at < l.to:
		frame := l.from + (at-l.from)/l.frame*l.frame
		start = frame + (at-frame)/l.strip*l.strip
		return start, min(start+l.strip, frame+l.frame), true
	}
	start = l.to + (at-l.to)/usualPiece*usualPiece
	return start, min(start+usualPiece, l.Size), false
}
