// The pipe between the stream and the reader of one object, and which objects are in such pipes now.

package gateway

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"google.golang.org/grpc/mem"

	"github.com/lianzhen/lianzhen/record"
)

// piece is some bytes of an object and the buffer they lie in, which is freed when they were read.
type piece struct {
	b   []byte
	buf mem.Buffer
}

func (p piece) free() {
	if p.buf != nil {
		p.buf.Free()
	}
}

// pipe carries the pieces of one object to its reader. It holds pieces, not copies: at most pipeBytes wait, or one piece.
type pipe struct {
	mu      sync.Mutex
	moved   sync.Cond
	pieces  []piece
	waiting int   // bytes in pieces
	left    int64 // bytes to skip before the first is passed on
	out     int64
	end     error // why no more comes, io.EOF when all came
	deaf    bool  // nobody reads any more
}

const pipeBytes = 1 << 20

func newPipe() *pipe {
	p := &pipe{}
	p.moved.L = &p.mu
	return p
}

// put waits until there is room for x. It frees x, now or later.
func (p *pipe) put(x piece) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.waiting > 0 && p.waiting+len(x.b) > pipeBytes && !p.deaf {
		p.moved.Wait()
	}
	if p.deaf || p.end != nil || len(x.b) == 0 {
		x.free()
		return
	}
	p.pieces = append(p.pieces, x)
	p.waiting += len(x.b)
	p.moved.Broadcast()
}

func (p *pipe) close(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		p.end = why
	}
	p.moved.Broadcast()
}

// drain lets the sender run on without a reader.
func (p *pipe) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.pieces {
		x.free()
	}
	p.deaf, p.pieces, p.waiting = true, nil, 0
	p.moved.Broadcast()
}

func (p *pipe) skip(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = n
}

func (p *pipe) passed() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(p.out)
}

// next returns at most limit bytes of the next piece, to be freed by the caller, who is the only reader.
func (p *pipe) next(limit int) (piece, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.pieces) == 0 && p.end == nil {
			p.moved.Wait()
		}
		if len(p.pieces) == 0 {
			return piece{}, p.end
		}
		first := p.pieces[0]
		n := min(len(first.b), limit)
		if p.left > 0 {
			n = int(min(int64(len(first.b)), p.left))
		}
		taken := piece{b: first.b[:n]}
		if n == len(first.b) {
			taken.buf = first.buf
			p.pieces[0] = piece{}
			p.pieces = p.pieces[1:]
		} else {
			p.pieces[0].b = first.b[n:]
		}
		p.waiting -= n
		p.moved.Broadcast()
		if p.left > 0 {
			p.left -= int64(n)
			taken.free()
			continue
		}
		p.out += int64(n)
		return taken, nil
	}
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	x, err := p.next(len(b))
	defer x.free()
	return copy(b, x.b), err
}

// WriteTo implements io.WriterTo: pieces go on as they came.
func (p *pipe) WriteTo(w io.Writer) (n int64, err error) {
	for {
		x, err := p.next(math.MaxInt)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		k, err := w.Write(x.b)
		x.free()
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
}

// underway are the objects with a known digest that arrive now. A sender whose line broke comes back before the server
// has noticed: the newer upload of an object ends the older one and goes on where it stopped.
type underway struct {
	mu sync.Mutex
	of map[string]*arriving
}

type arriving struct {
	pipe *pipe
	done chan struct{}
}

var errContinued = record.Errorf(record.Unavailable, "the same object is being sent again over another stream")

func (u *underway) enter(ctx context.Context, key string, p *pipe) (leave func(), err error) {
	me := &arriving{p, make(chan struct{})}
	for {
		u.mu.Lock()
		before, busy := u.of[key]
		if !busy {
			if u.of == nil {
				u.of = map[string]*arriving{}
			}
			u.of[key] = me
		}
		u.mu.Unlock()
		if !busy {
			break
		}
		before.pipe.close(errContinued)
		select {
		case <-before.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.of, key)
		close(me.done)
	}, nil
}
