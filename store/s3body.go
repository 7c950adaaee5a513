// The bodies that travel to and from the S3 server.

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// known is a reader whose sum was computed on the way in, so that the server can keep it beside the object.
type known struct {
	io.ReadSeeker
	sum string
}

// sentBody counts and hashes what is sent, and gives up when nothing moves. The HTTP client may go on reading a body
// after it has given us the answer: detach ends that, so that nobody touches the source once Put has returned.
type sentBody struct {
	mu       sync.Mutex
	detached bool
	r        io.Reader
	h        hash.Hash
	n        int64
	err      error // of the source
	stall    *time.Timer
}

var errStalled = record.Errorf(record.Unavailable, "the object store takes nothing any more")

// watch wraps the body of a put. The clock runs only while the server has the turn, not while the source is read.
func watch(ctx context.Context, r io.Reader) (context.Context, *sentBody, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	b := &sentBody{r: r, h: sha256.New()}
	b.stall = time.AfterFunc(s3Stall, func() { cancel(errStalled) })
	return ctx, b, func() { b.stall.Stop(); cancel(nil) }
}

// Read implements io.Reader for the client.
func (b *sentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detached {
		return 0, io.ErrClosedPipe
	}
	b.stall.Stop()
	defer b.stall.Reset(s3Stall)
	return b.take(p)
}

func (b *sentBody) take(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	_, _ = b.h.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func (b *sentBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.detached = true
	b.stall.Stop()
}

// drain reads the rest of the source after detach.
func (b *sentBody) drain() error {
	buf := pourBuffers.Get().(*[]byte)
	defer pourBuffers.Put(buf)
	for {
		_, err := b.take(*buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (b *sentBody) sum() string { return hex.EncodeToString(b.h.Sum(nil)) }

// receivedBody gives errors in the middle of a body their kind.
type receivedBody struct{ io.ReadCloser }

func (b receivedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = s3Fault(err)
	}
	return n, err
}
