package raster

import (
	"iter"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Transcode writes a whole object in another transfer syntax, frame by frame: no more than three frames, native and encoded,
// are held at a time.
//
// Native pixels come back bit by bit from every lossless transfer syntax; only halved chrominance (YBR_FULL_422) is made full
// and stays so, which adds nothing. What is decoded from lossy JPEG becomes RGB. Lossy
// JPEG is only made when Syntax asks for it; the caller then decides whether the result is a new instance (PS3.3
// C.7.6.1.1.5) and gives it a UID of its own.
type Transcode struct {
	Source
	Syntax   dicom.UID
	Encoding Encoding
}

// Possible tells whether the object can be written in the syntax; nil, or an error as Copy gives it, without reading pixels.
func (t Transcode) Possible() error {
	if t.Object.Pixels == nil || t.straight() {
		return nil
	}
	d, err := DescOf(&t.Object.Header.DataSet)
	if err != nil {
		return err
	}
	return t.possible(d)
}

func (t Transcode) possible(d Desc) error {
	from := t.Object.TransferSyntax
	switch {
	case !CanDecode(from):
		return unsupported(from, "pixels in it are not decoded here")
	case !t.Object.Pixels.Addressable():
		return unsupported(from, "its frames cannot be told apart")
	case d.Photometric == YBRPartial422 || d.Photometric == YBRPartial420:
		return unsupported(from, "colour in %s cannot be encoded again without loss", d.Photometric)
	}
	return CanEncode(t.Syntax, d.decoded())
}

// decoded is a guess of what decoding will make of the description, for asking before any pixel is read.
func (d Desc) decoded() Desc {
	d.FirstBit = 0
	return d.interleaved()
}

// Copy gives the object in the new transfer syntax, to be written once. An object without pixel data is written in explicit
// little endian where an encapsulated syntax is asked for; Copy.Syntax says so. The first frame is decoded and encoded
// here, so that what cannot be done is known before anything is sent; errors are those of Decode and Encode, and of Open.
func (t Transcode) Copy() (*dicom.Copy, error) {
	c := &dicom.Copy{Object: t.Object, Open: t.Open, Syntax: t.Syntax}
	if t.Object.Pixels == nil {
		if _, known := encoders[t.Syntax]; !known && t.Syntax != t.Object.TransferSyntax {
			return nil, unsupported(t.Syntax, "objects are not written in it here")
		}
		if !t.Syntax.Native() && t.Syntax != t.Object.TransferSyntax {
			c.Syntax = dicom.ExplicitLE
		}
		return c, nil
	}
	if t.straight() {
		return c, nil
	}
	was, err := DescOf(&t.Object.Header.DataSet)
	if err != nil {
		return nil, err
	}
	if err := t.possible(was); err != nil {
		return nil, err
	}
	if t.Object.Deflated {
		t.inflated = &inflated{}
	}
	first := t.one(was, 0)
	t.inflated.close()
	if first.err != nil {
		return nil, first.err
	}
	c.DataSet = t.Object.Header.Clone()
	first.out.Apply(was, c.DataSet)
	c.Frames = t.frames(was, first)
	if was.Frames == 1 && !t.Syntax.Native() {
		c.Lengths = []int64{int64(len(first.frame))}
	}
	return c, nil
}

// straight tells whether the pixel data can go over as it is. Between byte orders samples of 32 bits cannot: they are turned
// as a whole, which a copy by value representation does not know.
func (t Transcode) straight() bool {
	from, to := t.Object.TransferSyntax, t.Syntax
	if from == to {
		return true
	}
	_, known := encoders[to]
	if !known || !from.Native() || !to.Native() || decoders[from] == nil {
		return false
	}
	bits, _ := t.Object.Header.Int(dicom.BitsAllocated)
	return big(from) == big(to) || bits <= 16
}

// done is one frame in the new transfer syntax.
type done struct {
	frame []byte
	out   Desc
	err   error
}

// one decodes and encodes frame i.
func (t Transcode) one(d Desc, i int) done {
	native, mid, err := t.Native(d, i)
	if err != nil {
		return done{err: err}
	}
	frame, out, err := t.Encoding.Encode(t.Syntax, mid, native)
	return done{frame, out, err}
}

// frames gives all frames in turn. While one is written, the next two are made.
func (t Transcode) frames(d Desc, first done) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var bits joiner
		ahead := make(chan chan done, t.ahead())
		stop := make(chan struct{})
		defer func() {
			close(stop)
			for range ahead { // until the maker has stopped
			}
			t.inflated.close()
		}()
		go t.make(d, first, ahead, stop)
		first.frame = nil // it is the maker's now
		for ready := range ahead {
			f := <-ready
			if f.err == nil && f.out.Photometric != first.out.Photometric {
				f.err = refuse(dicom.Structure, "frames of %s and of %s in one object", first.out.Photometric, f.out.Photometric)
			}
			if d.BitsAllocated == 1 && t.Syntax.Native() && f.err == nil {
				f.frame = bits.add(f.frame, d.Rows*d.Columns)
			}
			if !yield(f.frame, f.err) || f.err != nil {
				return
			}
		}
		if rest := bits.rest(); rest != nil {
			yield(rest, nil)
		}
	}
}

// ahead is how many frames may be in the making besides the one that is written.
func (t Transcode) ahead() int {
	if t.Object.Deflated {
		return 0
	}
	return 1
}

// make starts frames in turn, no more than fit the channel and one.
func (t Transcode) make(d Desc, first done, ahead chan<- chan done, stop <-chan struct{}) {
	defer close(ahead)
	for i := range t.Object.Pixels.NumFrames {
		ready := make(chan done, 1)
		switch {
		case i == 0:
			ready <- first
			first = done{}
		case t.Object.Deflated: // can only be read forward
			ready <- t.one(d, i)
		default:
			go func() { ready <- t.one(d, i) }()
		}
		select {
		case ahead <- ready:
		case <-stop:
			return
		}
	}
}
