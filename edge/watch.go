// Watching folders: what is new is sent as soon as nobody writes to it any more.

package edge

import (
	"context"
	"io/fs"
	"sync"
	"time"
)

// Watching says how folders are watched. Zero fields take the default that the comment names.
type Watching struct {
	Every  time.Duration // how often the folders are looked through; 5 s
	Settle time.Duration // a file that was changed more recently is left for the next time; 3 s
	Each   func(Summary) // called after each time that something was sent
}

// handled are files that need not be looked at again while they stay as they are.
type handled struct {
	mu   sync.Mutex
	seen map[pathKey]stamp
}

type stamp struct {
	size int64
	at   time.Time
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }

func (h *handled) has(path string, info fs.FileInfo) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, ok := h.seen[keyOf(path)]
	return ok && was == stampOf(info)
}

func (h *handled) add(path string, s stamp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[pathKey]stamp{}
	}
	h.seen[keyOf(path)] = s
}

// Watch sends what is below paths, and what comes there, until ctx ends or the centre turns it away. A file that was sent, refused or is neither
// DICOM nor an ECG is passed over as long as it stays as it is; one that could not be sent is tried the next time. Studies are not said
// to be whole: the centre completes them when nothing more comes.
func (s *Sender) Watch(ctx context.Context, w Watching, paths ...string) error {
	or(&w.Every, 5*time.Second)
	or(&w.Settle, 3*time.Second)
	if w.Each == nil {
		w.Each = func(Summary) {}
	}
	s.cfg.NoFinish = true
	s.watching, s.settle = &handled{}, w.Settle
	defer func() { s.watching = nil }()
	for {
		sum, err := s.Send(ctx, paths...)
		if sum.Objects > 0 || sum.Tracings > 0 {
			w.Each(sum)
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, w.Every); err != nil {
			return err
		}
	}
}

// pass reports whether a watcher leaves a file alone this time.
func (s *Sender) pass(f file) bool {
	if s.watching == nil {
		return false
	}
	return s.watching.has(f.path, f.info) || s.cfg.Now().Sub(f.info.ModTime()) < s.settle
}

// remember a file that needs no further look.
func (s *Sender) remember(path string, st stamp) {
	if s.watching != nil {
		s.watching.add(path, st)
	}
}
