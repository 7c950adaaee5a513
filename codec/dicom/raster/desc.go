package raster

import (
	"math"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Photometric interpretations that the code names (PS3.3 C.7.6.3.1.2).
const (
	Monochrome1   = "MONOCHROME1"
	Monochrome2   = "MONOCHROME2"
	PaletteColor  = "PALETTE COLOR"
	RGB           = "RGB"
	YBRFull       = "YBR_FULL"
	YBRFull422    = "YBR_FULL_422"
	YBRPartial422 = "YBR_PARTIAL_422"
	YBRPartial420 = "YBR_PARTIAL_420"
)

// MaxFrameBytes is the largest native frame that is decoded.
const MaxFrameBytes = 512 << 20

// Desc is what a data set says about its pixels: how they are stored (PS3.3 C.7.6.3) and how they want to be shown.
type Desc struct {
	Rows, Columns int
	Samples       int // of a pixel: 1, or 3 for colour
	BitsAllocated int // of a sample: 1, 8, 16, 32; 64 for DoubleFloatPixelData
	BitsStored    int
	HighBit       int
	Signed        bool
	Float         bool // of IEEE 754 in 32 or 64 bits
	Photometric   string
	Planar        int // 1: colour by plane
	Frames        int // at least 1

	VR       dicom.VR // of the pixel data: OW of eight bits is turned round in big endian
	FirstBit int      // of the first byte, where the frame begins; 0 unless frames are not whole bytes

	Aspect  float64 // height of a pixel by its width; 1 when square or unknown
	Padding Range   // stored values that are no picture (PS3.3 C.7.5.1.1.2)
	Values  Values  // from stored to display values, for all frames that do not bring their own
	Palette *Palette
	Inverse bool // Presentation LUT Shape INVERSE

	Lossy Lossy

	groups   []dicom.DataSet // per-frame functional groups
	overlays []overlay
}

// Range is a range of stored values, both ends of it in.
type Range struct {
	Low, High int
	Set       bool
}

// In tells whether the stored value is one of the range.
func (r Range) In(v int) bool { return r.Set && r.Low <= v && v <= r.High }

// Lossy is what was lost so far (PS3.3 C.7.6.1.1.5).
type Lossy struct {
	Compressed bool
	Ratios     []string
	Methods    []string
}

// DescOf reads the image pixel module and what rendering needs from a data set. It refuses with a *dicom.FormatError what
// cannot be pixels, and with *Unsupported the photometric interpretations and bit depths that nothing here knows.
func DescOf(d *dicom.DataSet) (Desc, error) {
	desc := Desc{Samples: 1, Frames: 1}
	if err := desc.geometry(d); err != nil {
		return Desc{}, err
	}
	if err := desc.depth(d); err != nil {
		return Desc{}, err
	}
	if err := desc.check(); err != nil {
		return Desc{}, err
	}
	desc.Aspect = aspectOf(d)
	desc.Padding = desc.paddingOf(d)
	desc.Lossy = lossyOf(d)
	desc.Inverse = d.Str(dicom.PresentationLUTShape) == "INVERSE"
	desc.Values = valuesOf(d, desc.Signed)
	if xRayIntensity(d) {
		desc.Values.Slope, desc.Values.Intercept, desc.Values.Modality = 1, 0, nil
	}
	if shared := d.Items(sharedFunctionalGroups); len(shared) > 0 {
		desc.Values = desc.Values.override(&shared[0], desc.Signed)
		if m := shared[0].Items(pixelMeasuresSequence); len(m) > 0 {
			desc.Aspect = aspectOf(&m[0])
		}
	}
	desc.groups = d.Items(perFrameFunctionalGroups)
	desc.overlays = overlaysOf(d, &desc)
	if desc.Photometric == PaletteColor {
		p, err := paletteOf(d, desc.Signed)
		if err != nil {
			return Desc{}, err
		}
		desc.Palette = p
	}
	return desc, nil
}

// geometry reads size, samples and number of frames.
func (d *Desc) geometry(ds *dicom.DataSet) error {
	for _, a := range []struct {
		tag      dicom.Tag
		to       *int
		most     int
		optional bool
	}{
		{dicom.Rows, &d.Rows, math.MaxUint16, false},
		{dicom.Columns, &d.Columns, math.MaxUint16, false},
		{dicom.SamplesPerPixel, &d.Samples, 4, true},
		{dicom.NumberOfFrames, &d.Frames, math.MaxInt32, true},
		{dicom.BitsAllocated, &d.BitsAllocated, 64, false},
	} {
		n, ok := ds.Int(a.tag)
		switch {
		case !ok && a.optional:
		case !ok:
			return refuse(dicom.Missing, "no %v %s", a.tag, a.tag.Keyword())
		case n < 1 || n > a.most:
			return refuse(dicom.Structure, "%v %s is %d", a.tag, a.tag.Keyword(), n)
		default:
			*a.to = n
		}
	}
	return nil
}

// depth reads how a sample is stored, with what is usual where it is not said.
func (d *Desc) depth(ds *dicom.DataSet) error {
	d.VR = dicom.OW
	for _, t := range []dicom.Tag{dicom.PixelDataTag, dicom.FloatPixelData, dicom.DoubleFloatPixelData} {
		if el := ds.Find(t); el != nil {
			d.VR, d.Float = el.VR, t != dicom.PixelDataTag
		}
	}
	d.BitsStored = d.BitsAllocated
	if n, ok := ds.Int(dicom.BitsStored); ok && n >= 1 && n <= d.BitsAllocated {
		d.BitsStored = n
	}
	d.HighBit = d.BitsStored - 1
	if n, ok := ds.Int(dicom.HighBit); ok && n >= d.BitsStored-1 && n < d.BitsAllocated {
		d.HighBit = n
	}
	if n, ok := ds.Int(dicom.PixelRepresentation); ok {
		d.Signed = n == 1
	}
	d.Planar, _ = ds.Int(dicom.PlanarConfiguration)
	d.Photometric = strings.ToUpper(strings.Join(strings.Fields(ds.Str(dicom.PhotometricInterpretation)), " "))
	if d.Photometric == "" {
		if d.Photometric = Monochrome2; d.Samples == 3 {
			d.Photometric = RGB
		}
	}
	return nil
}

// check holds what every function here relies on.
func (d *Desc) check() error {
	switch {
	case d.Rows < 1 || d.Columns < 1 || d.Rows > math.MaxUint16 || d.Columns > math.MaxUint16 || d.Frames < 1:
		return refuse(dicom.Structure, "%d×%d pixels in %d frames", d.Rows, d.Columns, d.Frames)
	case d.BitsStored < 1 || d.BitsStored > d.BitsAllocated || d.HighBit < d.BitsStored-1 || d.HighBit >= d.BitsAllocated:
		return refuse(dicom.Structure, "%d bits stored up to bit %d of %d", d.BitsStored, d.HighBit, d.BitsAllocated)
	case d.FirstBit < 0 || d.FirstBit > 7 || d.FirstBit > 0 && d.BitsAllocated != 1:
		return refuse(dicom.Structure, "a frame from bit %d", d.FirstBit)
	case d.Samples != 1 && d.Samples != 3:
		return unsupported("", "%d samples per pixel", d.Samples)
	case d.Samples == 3 && d.BitsAllocated%8 != 0:
		return unsupported("", "colour of %d bits allocated", d.BitsAllocated)
	}
	switch d.BitsAllocated {
	case 1, 8, 16, 32:
		if d.Float && d.BitsAllocated != 32 {
			return refuse(dicom.Structure, "floating point in %d bits", d.BitsAllocated)
		}
	case 64:
		if !d.Float {
			return unsupported("", "%d bits allocated", d.BitsAllocated)
		}
	default:
		return unsupported("", "%d bits allocated", d.BitsAllocated)
	}
	if n := d.NativeBytes(); n > MaxFrameBytes {
		return refuse(dicom.Limit, "a frame of %d bytes", n)
	}
	return nil
}

// Colour tells whether a pixel has three samples.
func (d *Desc) Colour() bool { return d.Samples == 3 }

// pixelBits tells how many bits a pixel has in native pixel data, where chrominance may be shared (PS3.3 C.7.6.3.1.2).
func (d *Desc) pixelBits() int64 {
	if d.Samples == 3 {
		switch d.Photometric {
		case YBRFull422, YBRPartial422:
			return 2 * int64(d.BitsAllocated)
		case YBRPartial420:
			return int64(d.BitsAllocated) * 3 / 2
		}
	}
	return int64(d.Samples) * int64(d.BitsAllocated)
}

// frameBits is the length of a frame in native pixel data as the data set describes it.
func (d *Desc) frameBits() int64 { return int64(d.Rows) * int64(d.Columns) * d.pixelBits() }

// NativeBytes is the length of a frame as Decode gives it: every pixel with all its samples, single bits packed.
func (d *Desc) NativeBytes() int64 {
	return (int64(d.Rows)*int64(d.Columns)*int64(d.Samples)*int64(d.BitsAllocated) + 7) / 8
}

// At is the description of frame i, counted from 0, of native pixel data: it begins where the frame before it ended.
func (d Desc) At(i int) Desc {
	if bits := d.frameBits(); d.BitsAllocated == 1 {
		d.FirstBit = int(int64(i) % 8 * (bits % 8) % 8)
	}
	return d
}

// paddingOf reads the stored values that are no picture; their VR follows Pixel Representation, which a sender may have got
// wrong, so they are read as stored values are.
func (d *Desc) paddingOf(ds *dicom.DataSet) Range {
	if d.Colour() || d.Float || d.BitsAllocated > 16 {
		return Range{}
	}
	low, ok := ds.Int(pixelPaddingValue)
	if !ok {
		return Range{}
	}
	high := low
	if n, ok := ds.Int(pixelPaddingRangeLimit); ok {
		high = n
	}
	low, high = d.reading(low), d.reading(high)
	return Range{Low: min(low, high), High: max(low, high), Set: true}
}

// reading takes a 16-bit number as the pixels are: signed or not.
func (d *Desc) reading(n int) int {
	if d.Signed {
		return int(int16(n))
	}
	return int(uint16(n))
}

func lossyOf(ds *dicom.DataSet) Lossy {
	return Lossy{
		Compressed: ds.Str(dicom.LossyImageCompression) == "01",
		Ratios:     ds.Strs(dicom.LossyImageCompressionRatio),
		Methods:    ds.Strs(lossyMethod),
	}
}

// aspectOf is the height of a pixel by its width, from Pixel Aspect Ratio or the spacings (PS3.3 C.7.6.3.1.7).
func aspectOf(ds *dicom.DataSet) float64 {
	for _, t := range []dicom.Tag{dicom.PixelAspectRatio, dicom.PixelSpacing, dicom.ImagerPixelSpacing, nominalPixelSpacing} {
		if v := floats(ds, t); len(v) == 2 && v[0] > 0 && v[1] > 0 {
			return sane(v[0] / v[1])
		}
	}
	return 1
}

// sane takes a ratio of sides for 1 where none could be meant or it is square up to rounding.
func sane(r float64) float64 {
	if r < 1.0/16 || r > 16 || math.Abs(r-1) < 1e-3 {
		return 1
	}
	return r
}
