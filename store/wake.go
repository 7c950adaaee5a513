// Waking those who wait for events, and noting many small events in one transaction.

package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// wake is a channel that closes whenever something new is known.
type wake struct {
	mu   sync.Mutex
	seq  int64
	next chan struct{}
}

func newWake() *wake { return &wake{next: make(chan struct{})} }

// upTo says that events up to seq are committed; 0 says that somebody should look.
func (w *wake) upTo(seq int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if seq != 0 && seq <= w.seq {
		return
	}
	w.seq = max(w.seq, seq)
	close(w.next)
	w.next = make(chan struct{})
}

func (w *wake) all() { w.upTo(0) }

func (w *wake) state() (int64, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq, w.next
}

// Wait returns when an event after the given number exists, or with the error of ctx. The channel is taken before the
// head is read, so that no commit falls between; the poll covers writers that cannot notify (another process on the
// same SQLite file, a broken LISTEN connection).
func (db *DB) Wait(ctx context.Context, after int64) error {
	poll := time.NewTimer(time.Second)
	defer poll.Stop()
	for {
		seq, woken := db.wake.state()
		if seq > after {
			return nil
		}
		head, err := db.Head(ctx)
		if err != nil || head > after {
			return err
		}
		poll.Reset(time.Second)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-db.done:
			return record.Errorf(record.Unavailable, "the database is closed")
		case <-woken:
		case <-poll.C:
		}
	}
}

// notes is the one committer behind Note: it takes whatever came in while the former commit ran.
type notes struct {
	db    *DB
	queue chan note
	quit  chan struct{}
	ended chan struct{}
	once  sync.Once
}

type note struct {
	events []record.Event
	soft   bool // the commit need not wait for the disk
	done   chan error
}

// notesAtOnce bounds one transaction of notes.
const notesAtOnce = 512

func newNotes(db *DB) *notes {
	n := &notes{db: db, queue: make(chan note, notesAtOnce), quit: make(chan struct{}), ended: make(chan struct{})}
	go n.run()
	return n
}

// Note writes events that belong to no other change, above all reads of patient data, and returns when they are
// durable. Calls at the same time share one transaction. When ctx ends early the events may still be written.
func (db *DB) Note(ctx context.Context, events ...record.Event) error {
	return db.note(ctx, note{}, events)
}

// NoteSoon is Note without waiting for the disk: the event is written and outlives the program, but the last ones before
// the machine itself loses power may be missing. For searches, of which there are many and which open no record.
func (db *DB) NoteSoon(ctx context.Context, events ...record.Event) error {
	return db.note(ctx, note{soft: true}, events)
}

func (db *DB) note(ctx context.Context, n note, events []record.Event) error {
	if len(events) == 0 {
		return nil
	}
	n.events, n.done = make([]record.Event, len(events)), make(chan error, 1)
	for i, e := range events {
		n.events[i] = db.filled(e)
	}
	select {
	case <-db.notes.quit:
		return record.Errorf(record.Unavailable, "the database is closed")
	default:
	}
	select {
	case db.notes.queue <- n:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.notes.ended:
		return record.Errorf(record.Unavailable, "the database is closed")
	}
	select {
	case err := <-n.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-db.notes.ended:
	}
	select { // it may have been answered in the last moment
	case err := <-n.done:
		return err
	default:
		return record.Errorf(record.Unavailable, "the database is closed")
	}
}

func (n *notes) run() {
	defer close(n.ended)
	for {
		select {
		case first := <-n.queue:
			n.write(n.gather(first))
		case <-n.quit:
			for {
				select {
				case first := <-n.queue:
					n.write(n.gather(first))
				default:
					return
				}
			}
		}
	}
}

func (n *notes) gather(first note) []note {
	all := []note{first}
	for len(all) < notesAtOnce {
		select {
		case next := <-n.queue:
			all = append(all, next)
		default:
			return all
		}
	}
	return all
}

// write commits all notes together; when that fails for another reason than the database being away, each by itself,
// so that one bad note spoils no other.
func (n *notes) write(all []note) {
	err := n.commit(all)
	if err == nil || len(all) == 1 || record.KindOf(err) == record.Unavailable {
		for _, one := range all {
			one.done <- err
		}
		return
	}
	for i := range all {
		all[i].done <- n.commit(all[i : i+1])
	}
}

func (n *notes) commit(all []note) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	commit := n.db.softTx
	if slices.ContainsFunc(all, func(n note) bool { return !n.soft }) {
		commit = n.db.Tx
	}
	return commit(ctx, func(tx *Tx) error {
		for _, one := range all {
			for _, e := range one.events {
				tx.Emit(e)
			}
		}
		return nil
	})
}

func (n *notes) close() {
	n.once.Do(func() { close(n.quit) })
	<-n.ended
}
