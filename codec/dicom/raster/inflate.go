package raster

import (
	"bytes"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// inflated is the pixel data of a deflated object, which can only be read forward: the object is written again in explicit
// little endian, and what comes behind the header of that is kept at hand.
type inflated struct {
	pipe *io.PipeReader
	r    io.Reader
	at   int64 // in the inflated form, as Extents count
}

func (i *inflated) close() {
	if i != nil && i.pipe != nil {
		i.pipe.Close()
		i.pipe = nil
	}
}

var errClosed = errors.New("raster: no more frames are wanted")

// open begins at the first byte of the pixel data.
func (i *inflated) open(s Source) error {
	i.close()
	r, w := io.Pipe()
	go func() {
		c := dicom.Copy{Object: s.Object, Open: s.Open, Syntax: dicom.ExplicitLE}
		_, err := c.WriteTo(w)
		w.CloseWithError(err)
	}()
	var seen bytes.Buffer
	head, err := dicom.ScanHeader(io.TeeReader(r, &seen), dicom.Options{})
	if err == nil && head.Pixels == nil {
		err = refuse(dicom.Missing, "the object has no pixel data")
	}
	if err != nil {
		r.CloseWithError(errClosed)
		return err
	}
	seen.Next(int(head.Pixels.Offset))
	i.pipe, i.r, i.at = r, io.MultiReader(&seen, r), s.Object.Pixels.Offset
	return nil
}

// inflate reads len(b) bytes from an offset of the inflated form, going on from the last ones where it can.
func (s Source) inflate(b []byte, offset int64) error {
	i := s.inflated
	if i == nil {
		i = &inflated{}
		defer i.close()
	}
	if i.pipe == nil || i.at > offset {
		if err := i.open(s); err != nil {
			return err
		}
	}
	skipped, err := io.CopyN(io.Discard, i.r, offset-i.at)
	i.at += skipped
	if err != nil {
		return err
	}
	n, err := io.ReadFull(i.r, b)
	i.at += int64(n)
	return err
}
