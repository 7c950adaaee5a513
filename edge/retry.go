// When to try again: what an error means for an upload, and how long to wait.

package edge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fatal are the statuses of a whole call after which nothing of the run will be taken: the key, the address or the program is
// wrong. After any other a call is tried again.
var fatal = map[codes.Code]bool{
	codes.Unauthenticated:  true,
	codes.PermissionDenied: true,
	codes.Unimplemented:    true,
	codes.InvalidArgument:  true,
}

// passing are the answers about one object or study that mean "later". Any other is final.
var passing = map[codes.Code]bool{
	codes.Unavailable:       true,
	codes.ResourceExhausted: true,
	codes.Aborted:           true,
	codes.Canceled:          true,
	codes.DeadlineExceeded:  true,
	codes.Internal:          true,
	codes.Unknown:           true,
}

// doubtful answers may be the object's fault after all: it is set aside after a few.
var doubtful = map[codes.Code]bool{codes.Internal: true, codes.Unknown: true}

const (
	doubtfulTries = 5
	// An object that came in over a stream that has just broken is held by it until the centre notices: at most minutes.
	heldTries = 12
)

// ErrGaveUp says that the centre could not be reached for as long as the run was told to try.
var ErrGaveUp = errors.New("gave up")

// StopError says that the centre turns the whole run away; waiting does not help.
type StopError struct {
	Code codes.Code
	Text string
}

// Error tells the reason in the words of the centre or of TLS.
func (e *StopError) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Text) }

// stopped wraps err if it ends the run.
func stopped(err error) error {
	s := status.Convert(err)
	if !fatal[s.Code()] {
		return nil
	}
	return &StopError{s.Code(), s.Message()}
}

// patience counts how long nothing has gone forward, for the whole run.
type patience struct {
	mu    sync.Mutex
	last  time.Time
	limit time.Duration // 0: for ever
	now   func() time.Time
}

// progress says that the centre acknowledged something.
func (p *patience) progress() {
	p.mu.Lock()
	p.last = p.now()
	p.mu.Unlock()
}

func (p *patience) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit > 0 && p.now().Sub(p.last) > p.limit
}

// backoff is one loop's waiting: doubled each time, with jitter, and short again after a success.
type backoff struct {
	base, max time.Duration
	n         int
}

func (b *backoff) reset() { b.n = 0 }

// next is the time to wait now.
func (b *backoff) next() time.Duration {
	d := b.base << min(b.n, 20)
	if d > b.max || d <= 0 {
		d = b.max
	}
	b.n++
	return d/2 + rand.N(d/2+1)
}

// sleep waits or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
