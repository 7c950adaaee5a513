// Committing together: transactions that are ready at the same time become one, so that what a commit costs on the disk is
// paid once.

package store

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/lianzhen/lianzhen/record"
)

// Committer runs one transaction at a time; whoever comes meanwhile waits for the next.
type Committer struct {
	db *DB

	mu      sync.Mutex
	waiting []*commitment
	running bool
}

// NewCommitter makes a committer of a database.
func NewCommitter(db *DB) *Committer { return &Committer{db: db} }

// commitment is one of the transactions that may be committed together. key orders them, so that locks are taken in one order.
type commitment struct {
	key  string
	do   func(tx *Tx) error
	err  error
	done chan struct{}
}

// commitmentsAtOnce bounds one transaction.
const commitmentsAtOnce = 32

// Tx is DB.Tx, perhaps together with others: an error of do undoes what do did, and nothing of the others. Changes that are committed together are
// done in the order of their keys, so that locks are taken in one order. do may be called twice.
func (m *Committer) Tx(ctx context.Context, key string, do func(tx *Tx) error) error {
	c := &commitment{key: key, do: do, done: make(chan struct{})}
	m.mu.Lock()
	m.waiting = append(m.waiting, c)
	leads := !m.running
	m.running = true
	m.mu.Unlock()
	if leads {
		m.run(context.WithoutCancel(ctx), c)
	}
	<-c.done
	return c.err
}

// run commits what waits until nothing does. When its own change is done another goes on, since its caller has an answer to
// give.
func (m *Committer) run(ctx context.Context, own *commitment) {
	for {
		m.mu.Lock()
		some := m.waiting[:min(len(m.waiting), commitmentsAtOnce)]
		m.waiting = m.waiting[len(some):]
		m.running = len(some) > 0
		m.mu.Unlock()
		if len(some) == 0 {
			return
		}
		m.together(ctx, some)
		mine := false
		for _, c := range some {
			mine = mine || c == own
			close(c.done)
		}
		if mine {
			go m.run(ctx, nil)
			return
		}
	}
}

// together commits changes in one transaction. When that fails, each by itself.
func (m *Committer) together(ctx context.Context, all []*commitment) {
	slices.SortStableFunc(all, func(a, b *commitment) int { return strings.Compare(a.key, b.key) })
	err := m.try(ctx, all)
	if err == nil || len(all) == 1 || record.KindOf(err) == record.Unavailable {
		for _, c := range all {
			c.err = err
		}
		return
	}
	for i, c := range all {
		c.err = m.try(ctx, all[i:i+1])
	}
}

func (m *Committer) try(ctx context.Context, all []*commitment) error {
	return m.db.Tx(ctx, func(tx *Tx) error {
		for _, c := range all {
			if err := c.safely(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// safely turns a panic into an error: it must not stop those who wait behind it.
func (c *commitment) safely(tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.do(tx)
}
