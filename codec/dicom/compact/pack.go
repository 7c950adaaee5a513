// Pack: an object into a container, piece by piece.

package compact

import (
	"errors"
	"io"
	"sync"
)

// Step is a piece that was written: bytes of the object and bytes of the container.
type Step struct{ Original, Container int64 }

// Options of Pack; the zero value is fit for use.
type Options struct {
	Workers int        // pieces coded at the same time, 1 to 8; default 1
	OnStep  func(Step) // called after each piece was written, in order
}

// pieces are kept for the next object: their rooms are large.
var pieces = sync.Pool{New: func() any { return new(piece) }}

// Pack writes the container of an object. src gives the object's bytes from h.From on, which must be a cut of the layout
// (Floor); h.Size must be the layout's. It returns how many bytes it wrote. Errors are those of src and w; a src that ends
// early is io.ErrUnexpectedEOF.
func Pack(w io.Writer, src io.Reader, h Head, l Layout, opt Options) (int64, error) {
	if h.Size != l.Size || h.From != l.Floor(h.From) {
		return 0, errors.New("compact: the layout is of another object, or the offset no cut")
	}
	k := &packer{w: w, src: src, l: l, opt: opt, at: h.From}
	err := k.put(h.append(nil))
	for err == nil && (k.at < l.Size || len(k.coding) > 0) {
		err = k.step()
	}
	for _, p := range k.coding { // after an error
		<-p.done
	}
	if err == nil {
		err = k.put(endPiece())
	}
	return k.written, err
}

func endPiece() []byte {
	b := make([]byte, pieceBytes)
	h := pieceHead{crc: sum(b, nil)}
	h.put(b)
	return b
}

type packer struct {
	w       io.Writer
	src     io.Reader
	l       Layout
	opt     Options
	at      int64 // read up to here
	written int64
	coding  []*piece // in order
}

func (k *packer) put(b []byte) error {
	n, err := k.w.Write(b)
	k.written += int64(n)
	return err
}

// step reads pieces as far as workers are free, and writes the first of those under way.
func (k *packer) step() error {
	for k.at < k.l.Size && len(k.coding) < min(max(k.opt.Workers, 1), 8) {
		p := pieces.Get().(*piece)
		p.start = k.at
		_, p.end, p.pixels = k.l.cut(k.at)
		p.raw = grown(p.raw, int(p.end-p.start))
		if _, err := io.ReadFull(k.src, p.raw); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		k.at = p.end
		p.done = make(chan struct{})
		k.coding = append(k.coding, p)
		go func() {
			defer close(p.done)
			p.encode(k.l.shape)
		}()
	}
	p := k.coding[0]
	<-p.done
	k.coding = k.coding[1:]
	defer pieces.Put(p)
	if err := k.put(p.out); err != nil {
		return err
	}
	if k.opt.OnStep != nil {
		k.opt.OnStep(Step{int64(len(p.raw)), int64(len(p.out))})
	}
	return nil
}
