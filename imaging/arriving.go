// Which small objects are on their way: a pack waits for them, and for nothing else.

package imaging

import (
	"sync"
	"sync/atomic"
)

// arrivals counts the objects that are being received and may go into a pack.
type arrivals struct{ n atomic.Int64 }

// begin counts an object in. The returned function counts it out: when it has come, has failed, or is too large for a
// pack. It may be called more than once.
func (a *arrivals) begin() (here func()) {
	a.n.Add(1)
	return sync.OnceFunc(func() { a.n.Add(-1) })
}

func (a *arrivals) some() bool { return a.n.Load() > 0 }
