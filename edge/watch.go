// Watching folders: what is new is sent as soon as nobody writes to it any more.

package edge

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

// Watching says how folders are watched. Zero fields take the default that the comment names, but for Settle.
type Watching struct {
	Every  time.Duration // how often the folders are looked through; 5 s
	Settle time.Duration // a file is sent when it was seen to stay as it is for so long
	Each   func(Summary) // called after each look that something came of, one at a time
}

// longestPut is how long a file that could not be sent waits at most.
const longestPut = 10 * time.Minute

// Watch sends what is below paths, and what comes there, until ctx ends or the centre does not know the key. A file that was sent, refused
// or is neither DICOM nor an ECG is passed over as long as it stays as it is; one that could not be sent is tried again, less and less often.
// ECGs do not wait behind images. Studies are not said to be whole: the centre completes them when nothing more comes.
func (s *Sender) Watch(ctx context.Context, w Watching, paths ...string) error {
	or(&w.Every, 5*time.Second)
	each, one := w.Each, sync.Mutex{}
	w.Each = func(sum Summary) {
		one.Lock()
		defer one.Unlock()
		if each != nil {
			each(sum)
		}
	}
	s.cfg.NoFinish = true
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, tracings := range []bool{true, false} {
		wg.Go(func() {
			cancel(s.keepLooking(ctx, &watcher{Watching: w, now: s.cfg.Now, tracings: tracings, seen: map[pathKey]*glance{}}, paths))
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (s *Sender) keepLooking(ctx context.Context, w *watcher, paths []string) error {
	var lost []Finding
	for {
		w.begin()
		sum, err := s.send(ctx, w, paths)
		if sum.Objects > 0 || sum.Tracings > 0 || len(sum.Lost) > 0 && !w.tracings && !slices.Equal(sum.Lost, lost) {
			w.Each(sum)
		}
		lost = sum.Lost
		var stop *StopError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &stop) && stop.Code != codes.Unauthenticated:
			s.cfg.OnRetry(err) // a key for ECGs only goes on with ECGs
		case err != nil:
			return err
		}
		if err := sleep(ctx, w.end(sum)); err != nil {
			return err
		}
	}
}

// watcher remembers files between looks. Its methods take a nil one: nothing is watched, everything is sent.
type watcher struct {
	Watching
	now      func() time.Time
	tracings bool // looks for ECGs; the other one for objects

	mu       sync.Mutex
	seen     map[pathKey]*glance
	look     int
	settling bool // a file was seen that may still be written to
}

type stamp struct {
	size int64
	at   time.Time
}

// glance is a file as it was seen.
type glance struct {
	stamp
	since time.Time // it is like this
	again time.Time // not to be tried before
	fails int
	done  bool
	look  int // the last one that saw it
}

func (w *watcher) begin() {
	w.look++
	w.settling = false
}

// end forgets files that are gone and gives the time until the next look.
func (w *watcher) end(sum Summary) time.Duration {
	if sum.Unreadable == 0 { // a folder that cannot be read may come back with its files
		for k, g := range w.seen {
			if g.look < w.look {
				delete(w.seen, k)
			}
		}
	}
	if w.settling {
		return min(w.Every, max(w.Settle, time.Second/10))
	}
	return w.Every
}

// ready reports whether a file is to be looked into now. That it stays as it is is seen here, not by its time: the clock of a cart or of
// another computer's folder may be anywhere.
func (w *watcher) ready(f file) bool {
	if w == nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	is, now, k := stamp{f.info.Size(), f.info.ModTime()}, w.now(), keyOf(f.path)
	g := w.seen[k]
	if g == nil || !g.is(is) {
		g = &glance{stamp: is, since: now}
		w.seen[k] = g
	}
	g.look = w.look
	if !g.done && now.Sub(g.since) < w.Settle {
		w.settling = true
		return false
	}
	return !g.done && !now.Before(g.again)
}

func (g *glance) is(s stamp) bool { return g.size == s.size && g.at.Equal(s.at) }

// settled notes how it went with a file.
func (w *watcher) settled(path string, was stamp, how State) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.seen[keyOf(path)]
	if g == nil || !g.is(was) {
		return
	}
	if how != Failed {
		g.done = true
		return
	}
	g.again = w.now().Add(min(w.Every<<min(g.fails, 10), longestPut))
	g.fails++
}

// leaves reports whether the file is the other watcher's. One that could not be looked into may yet be ours.
func (w *watcher) leaves(o *Object, tracing bool, err error) bool {
	if w == nil || w.tracings == tracing {
		return false
	}
	var skip ignored
	how := Stored
	if err != nil && !errors.As(err, &skip) {
		how, _ = unfit(err)
	}
	w.settled(o.Path, stamp{o.Size, o.ModifiedAt}, how)
	return true
}
