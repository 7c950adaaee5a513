// Index: where the pieces of a kept container lie, so that a range of the object is read without the rest.

package compact

import (
	"encoding/binary"
	"errors"
	"io"
)

// Index lists the pieces of a container of a whole object: for each, the bytes it restores and the bytes it has, as
// unsigned varints.
type Index []byte

// Add appends a piece; it can be the OnStep of Pack or Reader.
func (x *Index) Add(s Step) {
	*x = binary.AppendUvarint(binary.AppendUvarint(*x, uint64(s.Original)), uint64(s.Container))
}

// Span is the part of a container that restores a range of the object.
type Span struct {
	Offset, Length int64 // in the container
	Skip           int64 // restored bytes before the range
}

var errIndex = errors.New("compact: the index has no such range")

// Find gives the pieces that hold bytes [offset, offset+length) of the object.
func (x Index) Find(offset, length int64) (s Span, err error) {
	if offset < 0 || length <= 0 {
		return s, errIndex
	}
	original, at := int64(0), int64(headBytes)
	for b := []byte(x); len(b) > 0; {
		o, n := binary.Uvarint(b)
		if n <= 0 || o > MaxPiece {
			return s, errIndex
		}
		k, m := binary.Uvarint(b[n:])
		if m <= 0 || k > MaxPiece+pieceBytes {
			return s, errIndex
		}
		b = b[n+m:]
		end := original + int64(o)
		if end > offset {
			if s.Length == 0 {
				s.Offset, s.Skip = at, offset-original
			}
			s.Length = at + int64(k) - s.Offset
			if end >= offset+length {
				return s, nil
			}
		}
		original, at = end, at+int64(k)
	}
	return s, errIndex
}

// NewRangeReader restores length bytes of the object from the pieces of a Span that r gives. Each piece's CRC is checked,
// the object's SHA-256 is not.
func NewRangeReader(r io.Reader, s Span, length int64) io.Reader {
	in := &Reader{r: r, rooms: roomsPool.Get().(*rooms), ranged: true, began: true, head: Head{Size: s.Skip + length + MaxPiece}}
	return io.LimitReader(&skipping{in, s.Skip}, length)
}

// skipping leaves bytes at the beginning out.
type skipping struct {
	r    io.Reader
	left int64
}

func (s *skipping) Read(b []byte) (int, error) {
	if s.left > 0 {
		_, err := io.CopyN(io.Discard, s.r, s.left)
		if err != nil {
			return 0, err
		}
		s.left = 0
	}
	return s.r.Read(b)
}

// Skip gives what r restores from offset on: what went before is there already, as far as the container's head says.
// Invalid offsets are a FormatError.
func (r *Reader) Skip(offset int64) (io.Reader, error) {
	h, err := r.Head()
	if err != nil {
		return nil, err
	}
	if offset < h.From {
		return nil, fail(Structure, 16, "the container begins at byte %d, wanted from %d", h.From, offset)
	}
	return &skipping{r, offset - h.From}, nil
}
