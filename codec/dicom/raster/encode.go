package raster

import (
	"bytes"
	"compress/flate"
	"image"
	stdjpeg "image/jpeg"
	"slices"
	"strconv"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/jpeg"
	"github.com/lianzhen/lianzhen/codec/jpegls"
	"github.com/lianzhen/lianzhen/codec/rle"
)

// DefaultQuality is that of lossy JPEG when none is asked for.
const DefaultQuality = 90

// Encoding says how frames are encoded; the zero value is fit for use.
type Encoding struct {
	Quality int // of lossy JPEG, 1 to 100; 0 takes DefaultQuality
}

type encoder struct {
	encode func(e Encoding, d Desc, native []byte) ([]byte, Desc, error)
	cannot func(d Desc) string // why pixels of this form cannot be put into it; "" if they can
}

var encoders = map[dicom.UID]encoder{
	dicom.ImplicitLE:     {encodeNative, anything},
	dicom.ExplicitLE:     {encodeNative, anything},
	dicom.DeflatedLE:     {encodeNative, anything},
	dicom.ExplicitBE:     {encodeBig, anything},
	EncapsulatedLE:       {encodeNative, wholeBytes},
	DeflatedFrame:        {encodeDeflated, wholeBytes},
	dicom.RLELossless:    {encodeRLE, bySegments},
	dicom.JPEGLossless:   {encodeLossless, bySamples},
	JPEGLossless14:       {encodeLossless, bySamples},
	dicom.JPEGLSLossless: {encodeJPEGLS, bySamples},
	dicom.JPEGBaseline:   {encodeBaseline, byEight},
}

// CanEncode tells whether pixels of this description can be put into the transfer syntax; nil, or an *Unsupported error that
// says why not.
func CanEncode(syntax dicom.UID, d Desc) error {
	if err := d.check(); err != nil {
		return err
	}
	e, ok := encoders[syntax]
	if !ok {
		return unsupported(syntax, "pixels are not encoded in it here")
	}
	if why := e.cannot(d); why != "" {
		return unsupported(syntax, "%s", why)
	}
	return nil
}

// Encode puts a native frame, as Decode gives it, into the transfer syntax. out describes the result: what of it differs from
// d the caller writes into the data set with out.Apply. The result may share native's memory.
func Encode(syntax dicom.UID, d Desc, native []byte) (frame []byte, out Desc, err error) {
	return Encoding{}.Encode(syntax, d, native)
}

// Encode is the function Encode with its settings.
func (e Encoding) Encode(syntax dicom.UID, d Desc, native []byte) (frame []byte, out Desc, err error) {
	if err := CanEncode(syntax, d); err != nil {
		return nil, d, err
	}
	if int64(len(native)) != d.NativeBytes() {
		return nil, d, short(d.NativeBytes(), int64(len(native)))
	}
	d.Planar, d.FirstBit = 0, 0
	return encoders[syntax].encode(e, d, native)
}

func anything(d Desc) string { return "" }

func wholeBytes(d Desc) string {
	if d.Float {
		return "floating point has no encapsulated form"
	}
	if d.BitsAllocated == 1 && d.Frames > 1 && int64(d.Rows)*int64(d.Columns)%8 != 0 {
		return "frames of single bits that do not end with a byte"
	}
	return ""
}

func bySegments(d Desc) string {
	switch {
	case d.Float:
		return "floating point has no encapsulated form"
	case d.BitsAllocated == 1:
		return "single bits have no byte planes"
	case d.BitsAllocated/8*d.Samples > 15:
		return "more than 15 byte planes"
	}
	return ""
}

func bySamples(d Desc) string {
	switch {
	case d.Float:
		return "floating point is not written in it"
	case d.BitsAllocated != 8 && d.BitsAllocated != 16:
		return strconv.Itoa(d.BitsAllocated) + " bits allocated; it takes 8 or 16"
	case d.significant() < 2:
		return "samples of a single bit"
	}
	return ""
}

func byEight(d Desc) string {
	switch {
	case d.Float || d.BitsAllocated != 8 || d.BitsStored != 8 || d.Signed:
		return "it takes unsigned samples of 8 bits; a picture for viewing is made by rendering"
	case d.Photometric == PaletteColor:
		return "indices of a palette do not survive a lossy process"
	case d.Samples == 3 && d.Photometric != RGB && d.Photometric != YBRFull && d.Photometric != YBRFull422:
		return "colour in " + d.Photometric
	}
	return ""
}

func encodeNative(_ Encoding, d Desc, native []byte) ([]byte, Desc, error) {
	d.VR = d.nativeVR()
	return native, d, nil
}

// nativeVR is that of uncompressed pixel data with a VR of its own (PS3.5 §8.1.1, §A.2).
func (d *Desc) nativeVR() dicom.VR {
	switch {
	case d.Float:
		return d.VR
	case d.BitsAllocated <= 8:
		return dicom.OB
	}
	return dicom.OW
}

// encodeBig turns samples round. Eight bits are written as OB, which has no byte order.
func encodeBig(_ Encoding, d Desc, native []byte) ([]byte, Desc, error) {
	d.VR = d.nativeVR()
	return swapped(native, d.unit(), nil), d, nil
}

func encodeDeflated(_ Encoding, d Desc, native []byte) ([]byte, Desc, error) {
	d.VR = dicom.OB
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, d, err
	}
	if _, err := w.Write(native); err != nil {
		return nil, d, err
	}
	if err := w.Close(); err != nil {
		return nil, d, err
	}
	return b.Bytes(), d, nil
}

func encodeRLE(_ Encoding, d Desc, native []byte) ([]byte, Desc, error) {
	d.VR = dicom.OB
	b, err := rle.Encode(make([]byte, 0, len(native)/2), native, d.Columns, d.Rows, d.Samples, d.BitsAllocated/8)
	return b, d, err
}

func encodeLossless(_ Encoding, d Desc, native []byte) ([]byte, Desc, error) {
	d.VR = dicom.OB
	bits := d.precision(native)
	b, err := jpeg.EncodeLossless(make([]byte, 0, len(native)/2), d.narrow(native, bits), jpeg.Info{
		Width: d.Columns, Height: d.Rows, Components: d.Samples, Bits: bits, Predictor: 1, ColorTransform: -1,
	})
	return b, d, err
}

func encodeJPEGLS(_ Encoding, d Desc, native []byte) ([]byte, Desc, error) {
	d.VR = dicom.OB
	bits := d.precision(native)
	interleave := jpegls.InterleaveNone
	if d.Samples > 1 {
		interleave = jpegls.InterleaveLine
	}
	b, err := jpegls.Encode(make([]byte, 0, len(native)/2), d.narrow(native, bits), jpegls.Info{
		Width: d.Columns, Height: d.Rows, Components: d.Samples, Bits: bits, Interleave: interleave,
	})
	return b, d, err
}

// significant is the precision that says all there is to say about proper samples.
func (d *Desc) significant() int {
	if d.HighBit != d.BitsStored-1 {
		return d.BitsAllocated
	}
	return d.BitsStored
}

// precision is Bits Stored if what lies above comes back by itself when the frame is decoded: zeros, or the sign. Otherwise
// something else is kept there, an overlay for instance, and all bits allocated are encoded.
func (d *Desc) precision(native []byte) int {
	bits := d.significant()
	if bits == d.BitsAllocated {
		return bits
	}
	for i := 0; i < len(native); i += d.BitsAllocated / 8 {
		v := uint16(native[i])
		if d.BitsAllocated == 16 {
			v |= uint16(native[i+1]) << 8
		} else if d.Signed {
			v = uint16(int8(v))
		}
		above := v >> bits
		if d.Signed && v>>(bits-1)&1 == 1 {
			above ^= 0xFFFF >> bits
		}
		if above != 0 {
			return d.BitsAllocated
		}
	}
	return bits
}

// narrow gives samples as the codecs take them: one byte up to eight bits, and nothing above the precision.
func (d *Desc) narrow(native []byte, bits int) []byte {
	if bits == d.BitsAllocated || bits > 8 && !d.Signed {
		return native
	}
	if d.BitsAllocated == 8 {
		out := slices.Clone(native)
		for i := range out {
			out[i] &= 1<<bits - 1
		}
		return out
	}
	if bits <= 8 {
		out := make([]byte, len(native)/2)
		for i := range out {
			out[i] = native[2*i] & (1<<bits - 1)
		}
		return out
	}
	out, mask := slices.Clone(native), byte(1<<(bits-8)-1)
	for i := 1; i < len(out); i += 2 {
		out[i] &= mask
	}
	return out
}

// encodeBaseline is lossy: the description tells what was lost.
func encodeBaseline(e Encoding, d Desc, native []byte) ([]byte, Desc, error) {
	quality := e.Quality
	if quality <= 0 || quality > 100 {
		quality = DefaultQuality
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, d.picture(native), &stdjpeg.Options{Quality: quality}); err != nil {
		return nil, d, err
	}
	if d.VR = dicom.OB; d.Samples == 3 {
		d.Photometric = YBRFull422
	}
	d.Lossy = d.Lossy.again(lossyJPEG, float64(len(native))/float64(b.Len()))
	return b.Bytes(), d, nil
}

// again adds a step of compression to the history (PS3.3 C.7.6.1.1.5).
func (l Lossy) again(method string, ratio float64) Lossy {
	return Lossy{
		Compressed: true,
		Ratios:     append(slices.Clone(l.Ratios), strconv.FormatFloat(ratio, 'f', 2, 64)),
		Methods:    append(slices.Clone(l.Methods), method),
	}
}

// picture shows eight-bit samples to an encoder as they are.
func (d *Desc) picture(native []byte) image.Image {
	r := image.Rect(0, 0, d.Columns, d.Rows)
	if d.Samples == 1 {
		return &image.Gray{Pix: native, Stride: d.Columns, Rect: r}
	}
	if d.Photometric == RGB {
		out := image.NewRGBA(r)
		for i, j := 0, 0; j < len(native); i, j = i+4, j+3 {
			out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = native[j], native[j+1], native[j+2], 0xFF
		}
		return out
	}
	out := image.NewYCbCr(r, image.YCbCrSubsampleRatio444)
	for i, j := 0, 0; j < len(native); i, j = i+1, j+3 {
		out.Y[i], out.Cb[i], out.Cr[i] = native[j], native[j+1], native[j+2]
	}
	return out
}

// Apply writes into the data set what an encoding has changed of its description, and what decoders want to find there and
// senders leave out. was is the description before.
func (d Desc) Apply(was Desc, ds *dicom.DataSet) {
	for t, n := range map[dicom.Tag]int{dicom.SamplesPerPixel: d.Samples, dicom.BitsStored: d.BitsStored, dicom.HighBit: d.HighBit, dicom.PixelRepresentation: 0} {
		if ds.Find(t) == nil && !d.Float {
			ds.SetInt(t, n)
		}
	}
	if d.Photometric != was.Photometric {
		ds.SetText(dicom.PhotometricInterpretation, d.Photometric)
	}
	if d.Samples == 3 && (d.Planar != was.Planar || ds.Find(dicom.PlanarConfiguration) == nil) {
		ds.SetInt(dicom.PlanarConfiguration, d.Planar)
	}
	if d.Samples == 1 && d.Planar != was.Planar {
		ds.Delete(dicom.PlanarConfiguration)
	}
	if d.Lossy.Compressed {
		d.Lossy.apply(was.Lossy, ds)
	}
}

func (l Lossy) apply(was Lossy, ds *dicom.DataSet) {
	if !was.Compressed {
		ds.SetText(dicom.LossyImageCompression, "01")
	}
	if !slices.Equal(l.Ratios, was.Ratios) {
		ds.SetText(dicom.LossyImageCompressionRatio, l.Ratios...)
	}
	if !slices.Equal(l.Methods, was.Methods) {
		ds.SetText(lossyMethod, l.Methods...)
	}
}
