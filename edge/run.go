// One run of the sender: what is still open, and the moving line from file to centre. Every stage waits on one condition; none
// holds more than a few thousand objects.

package edge

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

const (
	askAtOnce    = 1000 // objects of one Have
	askAhead     = 2000 // hashed and not yet asked about
	queueAhead   = 2000 // to be sent and not yet taken by a stream
	finishers    = 4    // studies finished side by side
	ignoredNamed = 1000 // ignored files kept by name; the rest is counted
)

// errDone ends the context of a run that has nothing left to do.
var errDone = errors.New("done")

// errInterrupted is why an object was not sent when the run ended early.
const errInterrupted = "the run ended before"

type run struct {
	*Sender
	watch    *watcher // nil: everything is sent
	cancel   context.CancelCauseFunc
	patience patience
	meter    meter
	gauge    gauge

	mu         sync.Mutex
	cond       *sync.Cond // something below changed
	studies    []*Study
	open       int       // objects on their way
	busy       int       // studies that are not over
	asking     []*Object // hashed: is it at the centre?
	queue      []*Object // to be sent
	over       []*Study  // all objects settled: to be finished
	ecgs       []*Tracing
	ecgSums    map[string]bool // digests of ECGs on their way
	ecgProblem string          // why no further ECG is tried
	digests    map[Digest]*Object
	bold       int // objects that may still be queued unasked
	ignored    []Finding
	nIgnored   map[string]int
	lost       []Finding
	total      Summary

	receipts sync.Mutex // OnReceipt, one at a time
}

func newRun(s *Sender, w *watcher, cancel context.CancelCauseFunc) *run {
	r := &run{Sender: s, watch: w, cancel: cancel, digests: map[Digest]*Object{}, ecgSums: map[string]bool{}, nIgnored: map[string]int{}}
	r.cond = sync.NewCond(&r.mu)
	r.patience = patience{last: s.cfg.Now(), limit: s.cfg.Timeout, now: s.cfg.Now}
	r.meter.startedAt = s.cfg.Now()
	r.gauge.mode, r.gauge.lanes = s.cfg.Compress, len(s.conns)
	r.gauge.recalled(s.line)
	if s.line.Slow && s.line.Restores {
		r.bold = len(s.conns)
	}
	r.total.StartedAt = r.meter.startedAt
	return r
}

// transfer moves every object until none is open or the context ends.
func (r *run) transfer(ctx context.Context) {
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	defer context.AfterFunc(ctx, r.wake)()
	var wg sync.WaitGroup
	hashing := make(chan *Object)
	wg.Go(func() { r.feed(ctx, hashing) })
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for o := range hashing {
				r.digest(ctx, o)
			}
		})
	}
	wg.Go(func() { r.ask(ctx) })
	for _, conn := range r.conns {
		wg.Go(func() { newLane(r, conn).work(ctx) })
	}
	for range finishers {
		wg.Go(func() { r.finish(ctx, done) })
	}
	wg.Wait()
}

func (r *run) wake() {
	r.mu.Lock()
	r.cond.Broadcast()
	r.mu.Unlock()
}

// wait sleeps, with r.mu held, until ready or the context ends; it reports whether it is ready.
func (r *run) wait(ctx context.Context, ready func() bool) bool {
	for !ready() {
		if ctx.Err() != nil {
			return false
		}
		r.cond.Wait()
	}
	return ctx.Err() == nil
}

func (r *run) feed(ctx context.Context, to chan<- *Object) {
	defer close(to)
	for _, st := range r.studies {
		for _, o := range st.Objects {
			select {
			case to <- o:
			case <-ctx.Done():
				return
			}
		}
	}
}

// digest hashes an object, if it is not known, and hands it on.
func (r *run) digest(ctx context.Context, o *Object) {
	if ctx.Err() != nil {
		return
	}
	if !o.known {
		if err := o.hash(); err != nil {
			state, why := unfit(err)
			r.settle(o, func() { o.State, o.Reason = state, why })
			return
		}
		if err := r.journal.note(o); err != nil {
			r.cfg.OnRetry(err) // hashed again next time
		}
	}
	if r.boldly(o) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wait(ctx, func() bool { return len(r.asking) < askAhead }) {
		return
	}
	r.asking = append(r.asking, o)
	r.cond.Broadcast()
}

// rehash reads an object again whose digest came from an earlier run and was not that of the bytes sent: the file was changed
// without a trace in its size and time.
func (r *run) rehash(o *Object, refused func()) {
	old := o.Digest
	err := o.hash()
	if err == nil && o.Digest != old {
		err = r.journal.note(o)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		state, why := unfit(err)
		r.settled(o, func() { o.State, o.Reason = state, why })
	case o.Digest == old:
		r.settled(o, refused)
	default:
		r.asking = append(r.asking, o)
		r.cond.Broadcast()
	}
}

// settle ends an object's way; say fills in how, with r.mu held.
func (r *run) settle(o *Object, say func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled(o, say)
}

func (r *run) settled(o *Object, say func()) {
	if o.State != Pending {
		return
	}
	say()
	r.watch.settled(o.Path, stamp{o.Size, o.ModifiedAt}, o.State)
	r.total.count(o)
	r.meter.settled(o)
	r.open--
	st := o.study
	if st.open--; st.open == 0 {
		st.answeredAt = r.cfg.Now()
		r.over = append(r.over, st)
	}
	r.cond.Broadcast()
}

// later asks about an object again after a while.
func (r *run) later(o *Object, d time.Duration) {
	time.AfterFunc(d, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asking = append(r.asking, o)
		r.cond.Broadcast()
	})
}

// pause waits before the next try, and ends the run when it has waited too long.
func (r *run) pause(ctx context.Context, b *backoff, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if why := r.distrust.Load(); why != nil {
		r.cancel(*why)
		return *why
	}
	r.cfg.OnRetry(err)
	if r.patience.over() {
		r.cancel(ErrGaveUp)
		return ErrGaveUp
	}
	return sleep(ctx, b.next())
}

// leave writes receipts for the studies that the run did not bring to an end.
func (r *run) leave() {
	for _, st := range r.studies {
		if st.Objects == nil {
			continue
		}
		r.mu.Lock()
		for _, o := range st.Objects {
			r.settled(o, func() { o.State, o.Reason = Failed, errInterrupted })
		}
		r.mu.Unlock()
		r.receipt(st, finished{problem: errInterrupted})
	}
}

func (r *run) summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.total
	s.Ignored, s.IgnoredCount, s.Lost = r.ignored, r.nIgnored, r.lost
	s.Sent, s.Saved = r.meter.wire.Load(), r.meter.saved.Load()
	s.FinishedAt = r.cfg.Now()
	return s
}
