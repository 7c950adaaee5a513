package raster

import (
	"bytes"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/jpeg"
)

// lossyJPEG is the Lossy Image Compression Method of every DCT process (PS3.3 C.7.6.1.1.5.1).
const lossyJPEG = "ISO_10918_1"

// lossyJPEGLS is that of near-lossless JPEG-LS.
const lossyJPEGLS = "ISO_14495_1"

// decodeDCT decodes lossy JPEG. Colour becomes RGB if it is of eight bits.
func decodeDCT(_ dicom.UID, d Desc, frame []byte) ([]byte, Desc, error) {
	c, err := jpeg.DecodeConfig(frame)
	var refusal *jpeg.FormatError
	if errors.As(err, &refusal) && refusal.Kind == jpeg.Unsupported {
		return decodeProgressive(d, frame, err)
	}
	if err != nil {
		return nil, d, err
	}
	if err := d.agrees(c.Width, c.Height, c.Components, c.Bits); err != nil {
		return nil, d, err
	}
	b, c, err := jpeg.Decode(frame)
	if err != nil {
		if errors.As(err, &refusal) && refusal.Kind == jpeg.Unsupported {
			return decodeProgressive(d, frame, err)
		}
		return nil, d, err
	}
	if c.Process == losslessProcess {
		return d.samples(b, c.Bits), d.interleaved(), nil
	}
	out := d.interleaved()
	if d.Samples == 3 {
		ybr := inYBR(c, d.Photometric, frame)
		if out.Photometric = RGB; ybr && d.BitsAllocated == 8 {
			fullToRGB(b)
		} else if ybr {
			out.Photometric = YBRFull
		}
	}
	out.Lossy = out.Lossy.by(lossyJPEG)
	return d.samples(b, c.Bits), out, nil
}

// losslessProcess is n of the start-of-frame marker SOFn of T.81 annex H; some senders call it extended.
const losslessProcess = 3

// by marks the pixels as lossy. A method is only added where none is known: the data set knows its own history better.
func (l Lossy) by(method string) Lossy {
	l.Compressed = true
	if len(l.Methods) == 0 && len(l.Ratios) <= 1 {
		l.Methods = []string{method}
	}
	return l
}

// inYBR decides whether three components are luminance and chrominance. The codestream knows better than the data set, in
// this order: Adobe's marker, components named R, G, B, a JFIF marker, then Photometric Interpretation. Devices write RGB
// there and mean what comes out of their decoder.
func inYBR(c jpeg.Info, photometric string, frame []byte) bool {
	switch {
	case c.ColorTransform >= 0:
		return c.ColorTransform == 1
	case slices.Equal(c.ComponentIDs, []byte("RGB")):
		return false
	case jfif(frame):
		return true
	}
	return photometric != RGB
}

// jfif looks for the APP0 marker behind the start of image, where the format wants it.
func jfif(b []byte) bool {
	return len(b) > 11 && b[2] == 0xFF && b[3] == 0xE0 && string(b[6:11]) == "JFIF\x00"
}

// decodeProgressive lets the standard library try what our own decoder does not read: eight bits in several scans.
func decodeProgressive(d Desc, frame []byte, because error) ([]byte, Desc, error) {
	c, err := stdjpeg.DecodeConfig(bytes.NewReader(frame))
	if err != nil {
		return nil, d, because
	}
	if err := d.agrees(c.Width, c.Height, d.Samples, 8); err != nil {
		return nil, d, err
	}
	img, err := stdjpeg.Decode(bytes.NewReader(frame))
	if err != nil {
		return nil, d, refuse(dicom.Structure, "the JPEG frame is damaged")
	}
	b, ok := pixelsOf(img, d)
	if !ok {
		return nil, d, refuse(dicom.Structure, "the frame has not the %d samples per pixel that the data set says", d.Samples)
	}
	out := d.interleaved()
	if d.Samples == 3 {
		out.Photometric = RGB
	}
	out.Lossy = out.Lossy.by(lossyJPEG)
	return d.samples(b, 8), out, nil
}

// pixelsOf takes the samples of a decoded picture, in RGB if it is one of colour.
func pixelsOf(img image.Image, d Desc) ([]byte, bool) {
	b := make([]byte, 0, d.Rows*d.Columns*d.Samples)
	switch img := img.(type) {
	case *image.Gray:
		for y := range d.Rows {
			b = append(b, img.Pix[y*img.Stride:][:d.Columns]...)
		}
		return b, d.Samples == 1
	case *image.RGBA:
		for y := range d.Rows {
			for row := img.Pix[y*img.Stride:][:4*d.Columns]; len(row) > 0; row = row[4:] {
				b = append(b, row[:3]...)
			}
		}
		return b, d.Samples == 3
	case *image.YCbCr:
		for y := range d.Rows {
			for x := range d.Columns {
				at := img.COffset(x, y)
				b = append(b, img.Y[y*img.YStride+x], img.Cb[at], img.Cr[at])
			}
		}
		fullToRGB(b)
		return b, d.Samples == 3
	}
	return nil, false
}
