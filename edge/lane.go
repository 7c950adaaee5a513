// One stream to the centre: objects leave one after the other without waiting for answers, as far as the window reaches; what
// is unanswered when the stream breaks is asked about again.

package edge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// The centre bounds what a stream may have in the air; these stay well below.
const (
	maxFlights = 512 // objects without an answer, however small they are
	maxBegun   = 16  // of these, objects that wait to hear their offset
)

var (
	errStalled = errors.New("the stream does not move")
	errEnded   = errors.New("the centre ended the stream")
)

type uploadStream = grpc.BidiStreamingClient[pb.UploadRequest, pb.UploadResponse]

// flight is an object on a stream.
type flight struct {
	*Object
	handle  uint32
	resume  bool        // the centre names the offset
	started bool        // the centre named it
	begun   bool        // its begin is sent
	offset  int64       // of the first byte wanted
	sent    int64       // bytes handed to the stream
	landed  atomic.Bool // answered

	packed bool // sent in a container
	layout compact.Layout
	saved  int64 // bytes that the container spared, with run.mu held
}

// lane is one connection and, while it lives, its stream.
type lane struct {
	*run
	conn   *grpc.ClientConn
	client pb.UploadServiceClient
	chunk  []byte
	moved  atomic.Int64 // when bytes or answers last went through, nanoseconds

	// With run.mu held:
	flights map[uint32]*flight
	ready   []*flight // the centre named their offset
	bytes   int64     // of the flights
	begun   int       // flights that wait for their offset
	last    uint32    // handle
	broken  error
	good    bool // something was answered
}

func newLane(r *run, conn *grpc.ClientConn) *lane {
	return &lane{run: r, conn: conn, client: pb.NewUploadServiceClient(conn), chunk: make([]byte, r.cfg.Chunk)}
}

// work keeps a stream open as long as there is something to send.
func (l *lane) work(ctx context.Context) {
	b := backoff{base: l.cfg.RetryBase, max: l.cfg.RetryMax}
	for l.needed(ctx) {
		err := l.session(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if end := stopped(err); end != nil {
			l.cancel(end)
			return
		}
		if l.good {
			b.reset()
		}
		if l.pause(ctx, &b, err) != nil {
			return
		}
		l.conn.ResetConnectBackoff()
	}
}

// needed waits until there is something to send, or nothing ever again.
func (l *lane) needed(ctx context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wait(ctx, func() bool { return l.open == 0 || len(l.queue) > 0 }) && l.open > 0
}

// session is the life of one stream. It returns nil when nothing is left to send.
func (l *lane) session(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, l.wake)()
	l.mu.Lock()
	l.flights, l.ready, l.bytes, l.begun, l.broken, l.good = map[uint32]*flight{}, nil, 0, 0, nil, false
	l.mu.Unlock()
	l.touch()

	stream, err := l.client.Upload(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { l.receive(stream) })
	wg.Go(func() { l.watch(ctx, cancel) })
	err = l.pump(ctx, stream)
	if err == nil {
		_ = stream.CloseSend()
	}
	stalled := errors.Is(context.Cause(ctx), errStalled)
	cancel(nil)
	wg.Wait()
	l.returnFlights()
	switch {
	case err == nil:
		return nil
	case stalled:
		return errStalled
	}
	return l.broken
}

func (l *lane) touch() { l.moved.Store(l.cfg.Now().UnixNano()) }

// watch cuts a stream on which nothing moves though something is on its way: a dead line may look open for many minutes.
func (l *lane) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	t := time.NewTicker(max(l.cfg.Stall/8, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		l.mu.Lock()
		waiting := len(l.flights) > 0
		l.mu.Unlock()
		if !waiting {
			l.touch()
		} else if l.cfg.Now().UnixNano()-l.moved.Load() > int64(l.cfg.Stall) {
			cancel(errStalled)
			return
		}
	}
}

// pump sends until nothing is left (nil) or the stream is broken.
func (l *lane) pump(ctx context.Context, stream uploadStream) error {
	for {
		f := l.next(ctx)
		if f == nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.broken == nil && ctx.Err() != nil {
				l.broken = context.Cause(ctx)
			}
			return l.broken
		}
		if err := l.send(stream, f); err != nil {
			return err // the reason is with the receiver
		}
	}
}

// next waits for an object that may go on the line: one whose offset is known, or a new one if the window has room.
func (l *lane) next(ctx context.Context) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := func() bool {
		return len(l.queue) > 0 && l.bytes < l.cfg.Window && len(l.flights) < maxFlights && l.begun < maxBegun
	}
	l.wait(ctx, func() bool { return l.broken != nil || l.open == 0 || len(l.ready) > 0 || room() })
	switch {
	case ctx.Err() != nil || l.broken != nil || l.open == 0:
		return nil
	case len(l.ready) > 0:
		f := l.ready[0]
		l.ready = l.ready[1:]
		return f
	}
	o := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.last++
	f := &flight{Object: o, handle: l.last, resume: !o.whole && (o.Size >= l.cfg.ResumeFrom || o.held > 0)}
	if f.resume {
		l.begun++
	}
	l.flights[f.handle] = f
	l.bytes += o.Size
	l.cond.Broadcast() // there is room in the queue
	return f
}

// returnFlights asks about everything that had no answer: it may have been stored all the same.
func (l *lane) returnFlights() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.flights {
		l.meter.flying.Add(-f.sent)
		f.tries++
		l.asking = append(l.asking, f.Object)
	}
	l.flights, l.ready = nil, nil
	l.cond.Broadcast()
}

// land takes a flight off the stream; nil if it is not on it.
func (l *lane) land(handle uint32) *flight {
	f := l.flights[handle]
	if f == nil {
		return nil
	}
	f.landed.Store(true)
	if f.resume && !f.started {
		l.begun--
	}
	delete(l.flights, handle)
	l.bytes -= f.Size
	l.meter.flying.Add(-f.sent)
	return f
}
