package raster

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/jpeg"
	"github.com/lianzhen/lianzhen/codec/jpegls"
	"github.com/lianzhen/lianzhen/codec/rle"
)

// Transfer syntaxes that codec/dicom does not name (PS3.5 annex A).
const (
	EncapsulatedLE    dicom.UID = "1.2.840.10008.1.2.1.98" // native frames in fragments
	DeflatedFrame     dicom.UID = "1.2.840.10008.1.2.8.1"  // native frames, each deflated
	JPEGExtended      dicom.UID = "1.2.840.10008.1.2.4.51" // lossy, 8 or 12 bits
	JPEGLossless14    dicom.UID = "1.2.840.10008.1.2.4.57" // process 14, any predictor
	JPEGLSNear        dicom.UID = "1.2.840.10008.1.2.4.81" // near-lossless
	jpegProgressive   dicom.UID = "1.2.840.10008.1.2.4.55" // full progression, retired
	jpegSpectral      dicom.UID = "1.2.840.10008.1.2.4.53" // spectral selection, retired
	gePrivateImplicit dicom.UID = "1.2.840.113619.5.2"     // implicit little endian, pixels big endian
	papyrus           dicom.UID = "1.2.840.10008.1.20"     // implicit little endian, retired
)

type decoder func(syntax dicom.UID, d Desc, frame []byte) ([]byte, Desc, error)

var decoders = map[dicom.UID]decoder{
	dicom.ImplicitLE:     decodeNative,
	dicom.ExplicitLE:     decodeNative,
	dicom.DeflatedLE:     decodeNative,
	dicom.ExplicitBE:     decodeBig,
	gePrivateImplicit:    decodeBig,
	papyrus:              decodeNative,
	EncapsulatedLE:       decodeNative,
	DeflatedFrame:        decodeDeflated,
	dicom.RLELossless:    decodeRLE,
	dicom.JPEGBaseline:   decodeDCT,
	JPEGExtended:         decodeDCT,
	jpegSpectral:         decodeDCT,
	jpegProgressive:      decodeDCT,
	JPEGLossless14:       decodeLossless,
	dicom.JPEGLossless:   decodeLossless,
	dicom.JPEGLSLossless: decodeJPEGLS,
	JPEGLSNear:           decodeJPEGLS,
}

// CanDecode tells whether frames of the transfer syntax can be made native.
func CanDecode(syntax dicom.UID) bool { return decoders[syntax] != nil }

// Decode makes one frame native: little endian, colour by pixel, full chrominance, the bits above Bits Stored as they were.
// Frames of single bits stay packed and begin with bit 0. out describes the result. frame is the value of the fragments of
// the frame in a row, or its bytes in native pixel data, where d.At says with which bit it begins. The result may share
// frame's memory. Errors are *dicom.FormatError, *Unsupported or those of the codec.
func Decode(syntax dicom.UID, d Desc, frame []byte) (native []byte, out Desc, err error) {
	if err := d.check(); err != nil {
		return nil, d, err
	}
	decode := decoders[syntax]
	if decode == nil {
		return nil, d, unsupported(syntax, "pixels in it are not decoded here")
	}
	native, out, err = decode(syntax, d, frame)
	if err != nil {
		return nil, d, known(syntax, err)
	}
	if int64(len(native)) != out.NativeBytes() {
		return nil, d, refuse(dicom.Structure, "a frame of %d bytes, not %d", len(native), out.NativeBytes())
	}
	return native, out, nil
}

// known turns what codecs do not read into *Unsupported.
func known(syntax dicom.UID, err error) error {
	var (
		j *jpeg.FormatError
		l *jpegls.FormatError
		r *rle.FormatError
	)
	switch {
	case errors.As(err, &j) && j.Kind == jpeg.Unsupported:
		return unsupported(syntax, "%s", j.Reason)
	case errors.As(err, &l) && l.Kind == jpegls.Unsupported:
		return unsupported(syntax, "%s", l.Reason)
	case errors.As(err, &r) && r.Kind == rle.Unsupported:
		return unsupported(syntax, "%s", r.Reason)
	}
	return err
}

// decodeDeflated inflates a frame, which may not be longer than it should.
func decodeDeflated(syntax dicom.UID, d Desc, frame []byte) ([]byte, Desc, error) {
	d.FirstBit = 0
	need := (d.frameBits() + 7) / 8
	r := flate.NewReader(bytes.NewReader(frame))
	b, err := io.ReadAll(io.LimitReader(r, need+2))
	if err != nil {
		return nil, d, refuse(dicom.Structure, "the deflated frame is corrupt")
	}
	return decodeNative(syntax, d, b)
}

func decodeRLE(_ dicom.UID, d Desc, frame []byte) ([]byte, Desc, error) {
	d.Planar = 0
	if d.BitsAllocated == 1 {
		return nil, d, unsupported(dicom.RLELossless, "single bits in RLE")
	}
	if d.Photometric == YBRFull422 || d.Photometric == YBRPartial422 { // RLE has no subsampling (PS3.5 §8.2.2)
		d.Photometric = YBRFull
	}
	b, err := rle.Decode(nil, frame, d.Columns, d.Rows, d.Samples, d.BitsAllocated/8)
	return b, d, err
}

func decodeJPEGLS(_ dicom.UID, d Desc, frame []byte) ([]byte, Desc, error) {
	c, err := jpegls.DecodeConfig(frame)
	if err != nil {
		return nil, d, err
	}
	if err := d.agrees(c.Width, c.Height, c.Components, c.Bits); err != nil {
		return nil, d, err
	}
	b, c, err := jpegls.Decode(frame)
	if err != nil {
		return nil, d, err
	}
	out := d.interleaved()
	if c.Near > 0 {
		out.Lossy = out.Lossy.by(lossyJPEGLS)
	}
	return d.samples(b, c.Bits), out, nil
}

func decodeLossless(_ dicom.UID, d Desc, frame []byte) ([]byte, Desc, error) {
	c, err := jpeg.DecodeConfig(frame)
	if err != nil {
		return nil, d, err
	}
	if err := d.agrees(c.Width, c.Height, c.Components, c.Bits); err != nil {
		return nil, d, err
	}
	b, c, err := jpeg.Decode(frame)
	if err != nil {
		return nil, d, err
	}
	return d.samples(b, c.Bits), d.interleaved(), nil
}

// agrees compares what the codestream says with the data set, before memory is asked for.
func (d *Desc) agrees(columns, rows, samples, bits int) error {
	switch {
	case columns != d.Columns || rows != d.Rows || samples != d.Samples:
		return refuse(dicom.Structure, "the frame has %d×%d pixels of %d samples, the data set says %d×%d of %d",
			rows, columns, samples, d.Rows, d.Columns, d.Samples)
	case d.BitsAllocated == 1 || d.Float:
		return unsupported("", "%d bits allocated in a compressed frame", d.BitsAllocated)
	case bits > d.BitsAllocated:
		return refuse(dicom.Structure, "the frame has samples of %d bits, the data set allocates %d", bits, d.BitsAllocated)
	}
	return nil
}

// interleaved is the description behind a codec that gives colour by pixel with full chrominance.
func (d Desc) interleaved() Desc {
	d.Planar = 0
	if d.Photometric == YBRFull422 || d.Photometric == YBRPartial422 || d.Photometric == YBRPartial420 {
		d.Photometric = YBRFull
	}
	return d
}

// samples brings what a codec gave, one or two bytes for each sample, to Bits Allocated. Signed samples whose codestream has
// Bits Stored bits get their sign back in the bits above.
func (d *Desc) samples(b []byte, bits int) []byte {
	b = widen(b, (bits+7)/8, d.BitsAllocated/8)
	if d.Signed && bits == d.BitsStored && bits < d.BitsAllocated && d.HighBit == bits-1 {
		d.extend(b)
	}
	return b
}

// widen gives unsigned samples more bytes.
func widen(b []byte, from, to int) []byte {
	if from >= to {
		return b
	}
	out := make([]byte, len(b)/from*to)
	for i, j := 0, 0; i+from <= len(b); i, j = i+from, j+to {
		copy(out[j:j+from], b[i:])
	}
	return out
}

// extend repeats the sign in the bits above Bits Stored.
func (d *Desc) extend(b []byte) {
	switch d.BitsAllocated {
	case 8:
		shift := 8 - d.BitsStored
		for i := range b {
			b[i] = byte(int8(b[i]<<shift) >> shift)
		}
	case 16:
		shift := 16 - d.BitsStored
		for i := 0; i+1 < len(b); i += 2 {
			v := int16(u16(b[i:])<<shift) >> shift
			b[i], b[i+1] = byte(v), byte(v>>8)
		}
	}
}

func u16(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }

func short(need, got int64) error {
	return &dicom.FormatError{Offset: got, Kind: dicom.Truncated, Reason: fmt.Sprintf("a frame of %d bytes, not %d", got, need)}
}
