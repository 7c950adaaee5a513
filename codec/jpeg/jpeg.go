// Package jpeg reads and writes what image/jpeg lacks of ITU-T T.81 for DICOM: lossless (SOF3) with all predictors, point
// transform and 2 to 16 bits, and sequential DCT of 8 and 12 bits (SOF0, SOF1), with the components as they are stored: no
// colour transform is undone, whatever the markers say.
//
// The inverse DCT is the accurate integer one that libjpeg and DCMTK use by default, so that lossy images come out with the
// same samples. Components subsampled 2:1 across, or 2:1 both ways, are interpolated as libjpeg does by default ("fancy
// upsampling", a triangle filter); other ratios, and components of at most two samples across, are replicated.
//
// Progressive, hierarchical and arithmetic coded images are refused, as is subsampling in a lossless one. Bytes behind the
// last scan, and a missing EOI marker there, do not matter: every sample is there.
package jpeg

const (
	maxComponents = 4
	maxSide       = 65535
	maxSize       = 2 << 30   // bytes of a lossless image
	maxBlocks     = 512 << 20 // bytes of one of blocks, which is held a second time as planes of 16 bits
)

// Info is what the markers say about an image.
type Info struct {
	Width, Height  int
	Components     int    // 1 to 4
	Bits           int    // of a sample: 2 to 16 lossless, 8 or 12 else
	Process        byte   // n of SOFn: 0, 1 or 3
	Predictor      int    // of a lossless image: 1 to 7
	PointTransform int    // of a lossless image: how many low bits were dropped
	ColorTransform int    // of the Adobe APP14 marker: 0 none, 1 YCbCr, 2 YCCK; -1 without the marker
	ComponentIDs   []byte // by which the scans name the components; "RGB" in some images that are
	H, V           []int  // sampling factors of each component
}

// bytes is the length of a sample.
func (i *Info) bytes() int {
	if i.Bits > 8 {
		return 2
	}
	return 1
}

// stride is the length of a line.
func (i *Info) stride() int { return i.Width * i.Components * i.bytes() }

// size is the length of the samples.
func (i *Info) size() int { return i.stride() * i.Height }

// DecodeConfig reads the markers before the first samples.
func DecodeConfig(b []byte) (Info, error) {
	h := headers{b: b}
	ok, err := h.next()
	if err == nil && !ok {
		err = fail(Structure, h.at, "no scan")
	}
	return h.Info, err
}

// Decode gives the samples interleaved by pixel, one byte each when Bits is at most 8, else two, little endian. Lossless
// samples are taken modulo 65536 (H.1.2.1): a sender may have put more bits into them than it declared.
func Decode(b []byte) (pix []byte, info Info, err error) { return DecodeInto(nil, b) }

// DecodeInto is Decode into the room of dst, whose content is dropped.
func DecodeInto(dst, b []byte) ([]byte, Info, error) {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.h = headers{b: b}
	err := d.image(dst[:0])
	pix, info := d.pix, d.h.Info
	d.h, d.pix = headers{}, nil
	if err != nil {
		return nil, Info{}, err
	}
	return pix, info, nil
}
