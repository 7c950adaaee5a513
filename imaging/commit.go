// Committing together: transactions that are ready at the same time become one, so that what a commit costs on the disk is
// paid once.

package imaging

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// committer runs one transaction at a time; whoever comes meanwhile waits for the next.
type committer struct {
	db *store.DB

	mu      sync.Mutex
	waiting []*commitment
	running bool
}

// commitment is one of the transactions that may be committed together. key orders them, so that locks are taken in one order.
type commitment struct {
	key  string
	do   func(tx *store.Tx) error
	err  error
	done chan struct{}
}

// commitmentsAtOnce bounds one transaction.
const commitmentsAtOnce = 32

// tx is DB.Tx, perhaps together with others: an error of do undoes what do did, and nothing of the others.
func (m *committer) tx(ctx context.Context, key string, do func(tx *store.Tx) error) error {
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
func (m *committer) run(ctx context.Context, own *commitment) {
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
func (m *committer) together(ctx context.Context, all []*commitment) {
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

func (m *committer) try(ctx context.Context, all []*commitment) error {
	return m.db.Tx(ctx, func(tx *store.Tx) error {
		for _, c := range all {
			if err := c.safely(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// safely turns a panic into an error: it must not stop those who wait behind it.
func (c *commitment) safely(tx *store.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.do(tx)
}
