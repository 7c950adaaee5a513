// Reader: the original bytes from a container, as it comes.

package compact

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"
)

// Reader restores an object. It reads the container strictly in order and holds one piece. At the end it has compared
// size and, for a whole object, the SHA-256; bytes behind the end of the container are an error. Refusals are
// *FormatError; other errors are those of the underlying reader.
type Reader struct {
	r      io.Reader
	onStep func(Step)
	*rooms
	head   Head
	began  bool
	ranged bool  // pieces only, without head, end and digest
	at     int64 // in the container
	next   int64 // in the object
	digest hash.Hash
	left   []byte // of the piece that was restored
	err    error
}

// NewReader restores what r gives.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: r, rooms: roomsPool.Get().(*rooms), digest: sha256.New()}
}

// rooms are what a reader holds of a piece; they serve the next reader when one has come to its end.
type rooms struct {
	dec   decoder
	coded []byte
	piece []byte // restored
}

var roomsPool = sync.Pool{New: func() any { return new(rooms) }}

// stop notes why nothing more comes.
func (r *Reader) stop(err error) {
	r.err = err
	if err != nil && r.rooms != nil {
		roomsPool.Put(r.rooms)
		r.rooms, r.left = nil, nil
	}
}

// OnStep calls f after each piece that was restored, in order.
func (r *Reader) OnStep(f func(Step)) { r.onStep = f }

// Head reads the container's head, if nothing was read yet, and returns it.
func (r *Reader) Head() (Head, error) {
	if !r.began && r.err == nil {
		r.began = true
		b := make([]byte, headBytes)
		if r.err = r.full(b); r.err == nil {
			r.head, r.err = parseHead(b)
			r.next = r.head.From
		}
	}
	return r.head, r.err
}

// full fills b from the container.
func (r *Reader) full(b []byte) error {
	n, err := io.ReadFull(r.r, b)
	r.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(Truncated, r.at, "the container ends at %d of %d bytes of the object", r.next, r.head.Size)
	}
	return err
}

// Read implements io.Reader.
func (r *Reader) Read(b []byte) (int, error) {
	if _, err := r.Head(); err != nil {
		return 0, err
	}
	for len(r.left) == 0 {
		if r.err == nil {
			r.stop(r.restore())
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

// restore decodes the next piece, or checks the end and gives io.EOF.
func (r *Reader) restore() error {
	at, head := r.at, make([]byte, pieceBytes)
	if err := r.full(head); err != nil {
		return err
	}
	h, err := parsePiece(head, at)
	switch {
	case err != nil:
		return err
	case h.kind == kindEnd:
		return r.finish(head, h, at)
	case int64(h.original) > r.head.Size-r.next:
		return fail(Structure, at, "more than the object's %d bytes", r.head.Size)
	}
	r.coded = grown(r.coded, h.coded)
	if err := r.full(r.coded); err != nil {
		return err
	}
	restored, err := r.dec.decode(r.piece[:0], head, r.coded, at)
	if err != nil {
		return err
	}
	r.piece = restored
	r.left = r.piece
	r.next += int64(len(r.piece))
	if !r.ranged {
		_, _ = r.digest.Write(r.piece)
	}
	if r.onStep != nil {
		r.onStep(Step{int64(len(r.piece)), r.at - at})
	}
	return nil
}

func (r *Reader) finish(head []byte, h pieceHead, at int64) error {
	switch {
	case sum(head, nil) != h.crc:
		return fail(Damaged, at, "a wrong CRC at the end")
	case r.next != r.head.Size:
		return fail(Truncated, at, "the container ends at %d of %d bytes of the object", r.next, r.head.Size)
	case r.head.From == 0 && !bytes.Equal(r.digest.Sum(nil), r.head.SHA256[:]):
		return fail(Damaged, at, "the object has another SHA-256 than announced")
	}
	n, err := io.ReadFull(r.r, make([]byte, 1))
	switch {
	case n > 0:
		return fail(Structure, r.at, "bytes behind the end")
	case !errors.Is(err, io.EOF):
		return err
	}
	return io.EOF
}
