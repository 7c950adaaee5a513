package dicomweb

import (
	"context"
	"io"
	"runtime"

	"github.com/lianzhen/lianzhen/record"
)

// work bounds how many pictures and objects are decoded or encoded at once: as many as there are processors. Who waits for
// the client's line does not work.
type work chan struct{}

func newWork() work { return make(work, max(1, runtime.GOMAXPROCS(0))) }

func (k work) enter(ctx context.Context) error {
	select {
	case k <- struct{}{}:
		return nil
	case <-ctx.Done():
		return record.Wrap(record.Unavailable, ctx.Err(), "the server is busy: try again")
	}
}

func (k work) leave() { <-k }

// breather lets others work while a write waits for the client.
type breather struct {
	w    io.Writer
	work work
}

// Write implements io.Writer.
func (b *breather) Write(p []byte) (int, error) {
	b.work.leave()
	defer func() { b.work <- struct{}{} }()
	return b.w.Write(p)
}
