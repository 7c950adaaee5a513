// Package codectest is what the tests of the image codecs share: pictures, DICOM files around them, and DCMTK and GDCM to
// judge what we make of them.
package codectest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// Image is one frame, or several of one form: samples interleaved by pixel, one byte each for at most 8 bits, else two,
// little endian.
type Image struct {
	Name             string
	Width, Height    int
	Components, Bits int
	Signed           bool
	Photometric      string // by default what the number of components suggests
	Frames           int    // 0 is one
	Pix              []byte
}

// Bytes is the length of a sample.
func (m Image) Bytes() int { return (m.Bits + 7) / 8 }

// Content is a kind of picture.
type Content func(r *rand.Rand, x, y, c, top int) int

// Contents are the kinds of picture: what codecs find easy, hard, and what they trip over.
var Contents = map[string]Content{
	"constant": func(_ *rand.Rand, _, _, c, top int) int { return top / (c + 2) },
	"zero":     func(_ *rand.Rand, _, _, _, _ int) int { return 0 },
	"top":      func(_ *rand.Rand, _, _, _, top int) int { return top },
	"noise":    func(r *rand.Rand, _, _, _, top int) int { return r.IntN(top + 1) },
	"extremes": func(r *rand.Rand, _, _, _, top int) int { return r.IntN(2) * top },
	"gradient": func(_ *rand.Rand, x, y, c, top int) int { return (x*3 + y*2 + c*17) % (top + 1) },
	"smooth":   smooth,
	"runs": func(r *rand.Rand, x, y, c, top int) int { // long runs broken by single pixels
		if r.IntN(40) == 0 {
			return r.IntN(top + 1)
		}
		return (x/37 + y/11 + c) * 977 % (top + 1)
	},
	"sparse": func(r *rand.Rand, _, _, _, top int) int {
		if r.IntN(200) == 0 {
			return r.IntN(top + 1)
		}
		return 0
	},
}

func smooth(r *rand.Rand, x, y, c, top int) int {
	f := 0.5 + 0.3*math.Sin(float64(x)/29+float64(c))*math.Cos(float64(y)/41)
	return min(max(int(f*float64(top)+r.NormFloat64()*float64(top)/400), 0), top)
}

// Make draws an image.
func Make(content string, width, height, components, bits int, seed uint64) Image {
	m := Image{Name: content, Width: width, Height: height, Components: components, Bits: bits}
	r := rand.New(rand.NewPCG(seed, 7))
	draw, top := Contents[content], 1<<bits-1
	for y := range height {
		for x := range width {
			for c := range components {
				v := draw(r, x, y, c, top)
				m.Pix = append(m.Pix, byte(v))
				if bits > 8 {
					m.Pix = append(m.Pix, byte(v>>8))
				}
			}
		}
	}
	return m
}

// Series is an image of several frames, one of each content.
func Series(width, height, components, bits int) Image {
	m := Image{
		Name:  fmt.Sprintf("%d×%d×%d %d bits", width, height, components, bits),
		Width: width, Height: height, Components: components, Bits: bits, Frames: len(Contents),
	}
	for _, content := range slices.Sorted(maps.Keys(Contents)) {
		m.Pix = append(m.Pix, Make(content, width, height, components, bits, 5).Pix...)
	}
	return m
}

// Frame is frame i as an image of its own.
func (m Image) Frame(i int) Image {
	n := len(m.Pix) / max(1, m.Frames)
	m.Name = fmt.Sprintf("%s frame %d", m.Name, i)
	m.Pix, m.Frames = m.Pix[i*n:(i+1)*n], 1
	return m
}

// Sign makes signed samples of those of a 16-bit image that has values of m.Bits: the sign fills the bits above them, and the
// codecs are given all 16.
func (m Image) Sign() Image {
	m.Pix, m.Signed = bytes.Clone(m.Pix), true
	for i := 0; i+1 < len(m.Pix); i += 2 {
		v := int16(binary.LittleEndian.Uint16(m.Pix[i:])<<(16-m.Bits)) >> (16 - m.Bits)
		binary.LittleEndian.PutUint16(m.Pix[i:], uint16(v))
	}
	m.Bits = 16
	return m
}

// Phantom is one frame of a phantom: 16-bit grey as a modality stores it, or colour ultrasound.
func Phantom(t testing.TB, kind phantom.Kind, rows, columns int) Image {
	t.Helper()
	for name, write := range phantom.Study(phantom.Spec{Kind: kind, Seed: 3, Rows: rows, Columns: columns}) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		m, frames := Read(t, b.Bytes())
		m.Name, m.Pix = name, frames[0]
		return m
	}
	return Image{}
}

// Read gives an object's geometry and its frames as they are stored.
func Read(t testing.TB, file []byte) (Image, [][]byte) {
	t.Helper()
	obj, err := dicom.Scan(bytes.NewReader(file), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Geometry(obj), Frames(obj, file)
}

// Geometry is an object's image without its pixels.
func Geometry(obj *dicom.Object) Image {
	h := obj.Header
	m := Image{Components: 1, Photometric: h.Str(dicom.PhotometricInterpretation)}
	for _, a := range []struct {
		tag dicom.Tag
		to  *int
	}{{dicom.Rows, &m.Height}, {dicom.Columns, &m.Width}, {dicom.SamplesPerPixel, &m.Components}, {dicom.BitsAllocated, &m.Bits}} {
		if n, ok := h.Int(a.tag); ok {
			*a.to = n
		}
	}
	n, _ := h.Int(dicom.PixelRepresentation)
	m.Signed = n == 1
	return m
}

// Frames are an object's frames, fragments joined; none when they are not addressable.
func Frames(obj *dicom.Object, file []byte) [][]byte {
	if obj.Pixels == nil {
		return nil
	}
	var frames [][]byte
	for _, extents := range obj.Pixels.Frames() {
		var f []byte
		for _, e := range extents {
			f = append(f, file[e.Offset:e.Offset+e.Length]...)
		}
		frames = append(frames, f)
	}
	return frames
}

// header writes what an image needs so that tools take it.
func (m Image) header(syntax dicom.UID) *dicom.Encoder {
	e := dicom.NewEncoder(syntax, "")
	e.Text(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
	e.Text(dicom.SOPInstanceUID, "2.25.7")
	e.Text(dicom.Modality, "OT")
	e.Text(dicom.PatientName, "Wang^Xiaoming")
	e.Text(dicom.PatientID, "P1")
	e.Text(dicom.StudyInstanceUID, "2.25.8")
	e.Text(dicom.SeriesInstanceUID, "2.25.9")
	e.Int(dicom.SamplesPerPixel, m.Components)
	photometric := m.Photometric
	switch {
	case photometric != "":
	case m.Components == 1:
		photometric = "MONOCHROME2"
	default:
		photometric = "RGB"
	}
	e.Text(dicom.PhotometricInterpretation, photometric)
	if m.Components > 1 {
		e.Int(dicom.PlanarConfiguration, 0)
	}
	if m.Frames > 1 {
		e.Int(dicom.NumberOfFrames, m.Frames)
	}
	e.Int(dicom.Rows, m.Height)
	e.Int(dicom.Columns, m.Width)
	e.Int(dicom.BitsAllocated, 8*m.Bytes())
	e.Int(dicom.BitsStored, m.Bits)
	e.Int(dicom.HighBit, m.Bits-1)
	signed := 0
	if m.Signed {
		signed = 1
	}
	e.Int(dicom.PixelRepresentation, signed)
	return e
}

// Native is a DICOM file of the image, explicit VR little endian.
func (m Image) Native(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	vr := dicom.OW
	if m.Bits <= 8 {
		vr = dicom.OB
	}
	if err := m.header(dicom.ExplicitLE).NativePixels(&b, vr, int64(len(m.Pix))); err != nil {
		t.Fatal(err)
	}
	b.Write(m.Pix)
	if len(m.Pix)%2 == 1 {
		b.WriteByte(0)
	}
	return b.Bytes()
}

// Encapsulated is a DICOM file of the image with its compressed frames.
func (m Image) Encapsulated(t testing.TB, syntax dicom.UID, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.header(syntax).Encapsulated(&b, frames); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Planar turns an image stored by plane into one stored by pixel.
func (m Image) Planar(pix []byte) []byte {
	n, k, w := m.Width*m.Height, m.Components, m.Bytes()
	out := make([]byte, 0, len(pix))
	for i := range n {
		for c := range k {
			out = append(out, pix[(c*n+i)*w:(c*n+i+1)*w]...)
		}
	}
	return out
}
