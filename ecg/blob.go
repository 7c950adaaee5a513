// A kept blob as something that can be read anywhere.

package ecg

import (
	"context"
	"io"
	"sync"

	"github.com/lianzhen/lianzhen/store"
)

// blobReader reads ranges of a blob, a block at a time: readers of headers ask for few bytes often.
type blobReader struct {
	ctx   context.Context
	blobs store.Blobs
	key   string
	size  int64

	mu    sync.Mutex
	at    int64
	block []byte
}

const blobBlock = 256 << 10

// ReadAt implements io.ReaderAt.
func (r *blobReader) ReadAt(b []byte, off int64) (int, error) {
	if off >= r.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), r.size-off))
	if err := r.fill(b[:n], off); err != nil {
		return 0, err
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (r *blobReader) fill(b []byte, off int64) error {
	if len(b) >= blobBlock {
		return r.fetch(b, off)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if off < r.at || off+int64(len(b)) > r.at+int64(len(r.block)) {
		block := make([]byte, min(blobBlock, r.size-off))
		if err := r.fetch(block, off); err != nil {
			return err
		}
		r.at, r.block = off, block
	}
	copy(b, r.block[off-r.at:])
	return nil
}

func (r *blobReader) fetch(b []byte, off int64) error {
	in, err := r.blobs.Range(r.ctx, r.key, off, int64(len(b)))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	_, err = io.ReadFull(in, b)
	return err
}
