// Reads of patient data are noted before they are answered. A viewer that fetches the 200 slices of a study one by one
// reads one study: the same caller, study and act within a minute are one event.

package store

import (
	"context"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

const (
	noteEvery = time.Minute
	notesKept = 10_000
)

type readKey struct {
	actor   string
	purpose record.Purpose
	act     string
	object  string
}

// ReadNotes notes reads of patient data, each once a minute for a caller and an object.
type ReadNotes struct {
	db   *DB
	mu   sync.Mutex
	seen map[readKey]time.Time
}

// NewReadNotes makes one for a room.
func NewReadNotes(db *DB) *ReadNotes {
	return &ReadNotes{db: db, seen: map[readKey]time.Time{}}
}

// Note writes the event, durable when it returns, unless the same was written within the minute.
func (n *ReadNotes) Note(ctx context.Context, s record.Scope, e record.Event) error {
	_, err := n.Noted(ctx, s, e)
	return err
}

// Noted is Note that says whether it has written an event.
func (n *ReadNotes) Noted(ctx context.Context, s record.Scope, e record.Event) (bool, error) {
	k := readKey{string(s.Actor.Kind) + ":" + s.Actor.ID + "@" + string(s.Actor.Institution), s.Purpose, e.Act, e.Object}
	now := n.db.Now()
	n.mu.Lock()
	at, ok := n.seen[k]
	n.mu.Unlock()
	if ok && now.Sub(at) < noteEvery && s.Reason == "" {
		return false, nil
	}
	e.Outcome = record.Success
	if err := n.db.Note(ctx, e.By(s)); err != nil {
		return false, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.seen) >= notesKept {
		clear(n.seen)
	}
	n.seen[k] = now
	return true, nil
}
