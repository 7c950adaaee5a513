// The pipe between the stream and the reader of one object, and which objects are in such pipes now.

package gateway

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"github.com/lianzhen/lianzhen/record"
)

// pipe carries the pieces of one object to its reader. It holds pieces, not copies: at most pipeBytes wait, or one piece.
type pipe struct {
	mu      sync.Mutex
	moved   sync.Cond
	pieces  [][]byte
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

// put waits until there is room for b. It keeps b.
func (p *pipe) put(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.waiting > 0 && p.waiting+len(b) > pipeBytes && !p.deaf {
		p.moved.Wait()
	}
	if p.deaf || p.end != nil || len(b) == 0 {
		return
	}
	p.pieces = append(p.pieces, b)
	p.waiting += len(b)
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

// next returns at most limit bytes of the next piece.
func (p *pipe) next(limit int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.pieces) == 0 && p.end == nil {
			p.moved.Wait()
		}
		if len(p.pieces) == 0 {
			return nil, p.end
		}
		first := p.pieces[0]
		n := min(len(first), limit)
		if p.left > 0 {
			n = int(min(int64(len(first)), p.left))
		}
		if n == len(first) {
			p.pieces = p.pieces[1:]
		} else {
			p.pieces[0] = first[n:]
		}
		p.waiting -= n
		p.moved.Broadcast()
		if p.left > 0 {
			p.left -= int64(n)
			continue
		}
		p.out += int64(n)
		return first[:n], nil
	}
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	piece, err := p.next(len(b))
	return copy(b, piece), err
}

// WriteTo implements io.WriterTo: pieces go on as they came.
func (p *pipe) WriteTo(w io.Writer) (n int64, err error) {
	for {
		piece, err := p.next(math.MaxInt)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		k, err := w.Write(piece)
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
