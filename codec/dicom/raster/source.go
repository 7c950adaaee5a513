package raster

import (
	"fmt"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Source is a scanned object and where its bytes are.
type Source struct {
	Object *dicom.Object

	// Open gives length bytes of the object, as it is stored, from offset; a negative length means to its end. Transcoding
	// calls it from two goroutines at once.
	Open func(offset, length int64) (io.ReadCloser, error)

	inflated *inflated // of a deflated object, while its frames are read in turn
}

// Frame reads frame i, counted from 0, as it is encoded in the object.
func (s Source) Frame(i int) ([]byte, error) {
	p := s.Object.Pixels
	if p == nil {
		return nil, refuse(dicom.Missing, "the object has no pixel data")
	}
	extents := p.Frame(i)
	if len(extents) == 0 {
		if i < 0 || i >= p.NumFrames {
			return nil, refuse(dicom.Missing, "no frame %d of %d", i+1, p.NumFrames)
		}
		return nil, unsupported(s.Object.TransferSyntax, "its frames cannot be told apart")
	}
	return s.read(extents)
}

func (s Source) read(extents []dicom.Extent) ([]byte, error) {
	total := int64(0)
	for _, e := range extents {
		if total += e.Length; e.Length > MaxFrameBytes || total > MaxFrameBytes {
			return nil, refuse(dicom.Limit, "a frame of more than %d bytes", MaxFrameBytes)
		}
	}
	b := make([]byte, total)
	at := b
	for _, e := range extents {
		if err := s.fill(at[:e.Length], e.Offset); err != nil {
			return nil, err
		}
		at = at[e.Length:]
	}
	return b, nil
}

func (s Source) fill(b []byte, offset int64) error {
	if len(b) == 0 {
		return nil
	}
	if s.Object.Deflated {
		return s.inflate(b, offset)
	}
	r, err := s.Open(offset, int64(len(b)))
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("raster: read %d bytes at %d: %w", len(b), offset, err)
	}
	return nil
}

// Native reads frame i, counted from 0, and decodes it. d is the object's description.
func (s Source) Native(d Desc, i int) (native []byte, out Desc, err error) {
	syntax := s.Object.TransferSyntax
	if !CanDecode(syntax) {
		return nil, d, unsupported(syntax, "pixels in it are not decoded here")
	}
	d = d.At(i)
	p := s.Object.Pixels
	if big(syntax) && p != nil && d.BitsAllocated == 8 && d.unit() == 2 && p.FrameBits%16 != 0 {
		return s.halfWords(d, i)
	}
	frame, err := s.Frame(i)
	if err != nil {
		return nil, d, err
	}
	return Decode(syntax, d, frame)
}

// big tells the transfer syntaxes whose pixels are big endian.
func big(syntax dicom.UID) bool { return syntax == dicom.ExplicitBE || syntax == gePrivateImplicit }

// halfWords reads a frame of bytes in big-endian words that begins or ends within a word.
func (s Source) halfWords(d Desc, i int) ([]byte, Desc, error) {
	extents := s.Object.Pixels.Frame(i)
	if len(extents) != 1 {
		return nil, d, refuse(dicom.Missing, "no frame %d", i+1)
	}
	e, p := extents[0], s.Object.Pixels
	from := (e.Offset - p.Offset) &^ 1
	to := min((e.Offset-p.Offset+e.Length+1)&^1, p.Length)
	b, err := s.read([]dicom.Extent{{Offset: p.Offset + from, Length: to - from}})
	if err != nil {
		return nil, d, err
	}
	b = swapped(b, 2, nil)[e.Offset-p.Offset-from:]
	return Decode(dicom.ExplicitLE, d, b[:min(int64(len(b)), e.Length)])
}
