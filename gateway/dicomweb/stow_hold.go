// Bulk data while they wait for the rest of their object: small ones in memory, large ones in a file that has no name.

package dicomweb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"sync/atomic"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
)

const (
	holdMemory = 32 << 20 // of one request
	smallHold  = 1 << 20
	frameWhole = 64 << 20 // longest frame, and longest value that is not pixels, that is held at once
	framePiece = 1 << 20
)

// holds bounds what one request holds.
type holds struct {
	lock         sync.Mutex
	memory, disk int64 // left
}

// spend takes from what is left, or gives back.
func (s *holds) spend(memory, disk int64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.memory -= memory
	s.disk -= disk
}

func (s *holds) left() (memory, disk int64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.memory, s.disk
}

// held is one value. It is of so many drafts.
type held struct {
	of    *holds
	small []byte
	file  *os.File
	size  int64
	users atomic.Int32
}

// hold reads a value whole.
func (s *holds) hold(r io.Reader, users int) (*held, error) {
	h := &held{of: s}
	h.users.Store(int32(users))
	memory, disk := s.left()
	var head bytes.Buffer
	n, err := io.CopyN(&head, r, min(smallHold, memory)+1)
	switch {
	case errors.Is(err, io.EOF):
		h.small, h.size = head.Bytes(), n
		s.spend(n, 0)
		return h, nil
	case err != nil:
		return nil, err
	}
	if h.file, err = unnamed(); err != nil {
		return nil, err
	}
	h.size, err = io.Copy(h.file, io.LimitReader(io.MultiReader(&head, r), disk+1))
	if err == nil && h.size > disk {
		err = errBulkSize
	}
	s.spend(0, h.size)
	if err != nil {
		h.users.Store(1)
		h.release()
		return nil, err
	}
	return h, nil
}

// unnamed makes a file that is gone when it is closed, or when the program ends in any way.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "lianzhen-bulk-*")
	if err != nil {
		return nil, fmt.Errorf("hold bulk data: %w", err)
	}
	_ = os.Remove(f.Name()) // where a file in use cannot be removed, release does it
	return f, nil
}

// release gives up one user's share.
func (h *held) release() {
	if h.users.Add(-1) != 0 {
		return
	}
	if h.file == nil {
		h.of.spend(-h.size, 0)
		return
	}
	h.of.spend(0, -h.size)
	_ = h.file.Close()
	_ = os.Remove(h.file.Name())
}

// bytes is the whole value.
func (h *held) bytes() ([]byte, error) {
	switch {
	case h.file == nil:
		return h.small, nil
	case h.size > frameWhole:
		return nil, imaging.TooLarge(frameWhole)
	}
	b := make([]byte, h.size)
	_, err := h.file.ReadAt(b, 0)
	return b, err
}

func (h *held) reader() io.Reader {
	if h.file == nil {
		return bytes.NewReader(h.small)
	}
	return io.NewSectionReader(h.file, 0, h.size)
}

// shows is the transfer syntax that the bytes tell, "" if they do not.
func (h *held) shows() dicom.UID {
	head := make([]byte, min(h.size, 64<<10))
	n, _ := io.ReadFull(h.reader(), head)
	return jpegSyntax(head[:n])
}

// all gives the frames as they are written: native ones in pieces, a compressed one whole, or in pieces where it is the
// only one and long, which are fragments then.
func (p *pixels) all(d *dicom.DataSet) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, h := range p.frames {
			r, piece := h.reader(), int64(framePiece)
			if !p.syntax.Native() && (h.size <= frameWhole || len(p.frames) > 1) {
				piece = h.size
			}
			left := h.size
			if p.syntax.Native() {
				left -= padding(d, h.size)
			}
			for left > 0 {
				b := make([]byte, min(left, piece))
				_, err := io.ReadFull(r, b)
				left -= int64(len(b))
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
}

// padding is 1 where native pixels of odd length came padded, which the writer does itself.
func padding(d *dicom.DataSet, size int64) int64 {
	need := int64(8)
	for _, t := range []dicom.Tag{dicom.Rows, dicom.Columns, dicom.SamplesPerPixel, dicom.BitsAllocated, dicom.NumberOfFrames} {
		n, ok := d.Int(t)
		if !ok && (t == dicom.SamplesPerPixel || t == dicom.NumberOfFrames) {
			n = 1
		}
		if n <= 0 || need > 1<<40 {
			return 0
		}
		need *= int64(n)
	}
	if need = (need/8 + 7) / 8; need%2 == 1 && size == need+1 {
		return 1
	}
	return 0
}
