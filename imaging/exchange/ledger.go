// The ledger of a run: what became of each object is durable soon after it is known, many objects in one transaction
// while the next ones already go.

package exchange

import (
	"context"
	"sync"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// entry is one line: an object that is at a position of the transfer, and what is known of it now.
type entry struct {
	position int
	state    string // sent, refused, failed; queued: to be tried again
	status   uint16
}

type ledger struct {
	run  *run
	lost context.CancelCauseFunc

	mu      sync.Mutex
	pending []entry
	more    chan struct{}
	quit    chan struct{}
	ended   chan struct{}
}

// open starts a ledger. When it cannot be written any more, lost ends the run.
func (r *run) open(ctx context.Context, lost context.CancelCauseFunc) *ledger {
	l := &ledger{run: r, lost: lost, more: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	go l.write(context.WithoutCancel(ctx))
	return l
}

func (l *ledger) add(e entry) {
	l.mu.Lock()
	l.pending = append(l.pending, e)
	l.mu.Unlock()
	nudge(l.more)
}

// close writes the rest.
func (l *ledger) close() {
	close(l.quit)
	<-l.ended
}

func (l *ledger) write(ctx context.Context) {
	defer close(l.ended)
	for stop := false; !stop; {
		select {
		case <-l.more:
		case <-l.quit:
			stop = true
		}
		l.mu.Lock()
		some := l.pending
		l.pending = nil
		l.mu.Unlock()
		if len(some) == 0 {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, settleFor)
		err := l.run.x.db.Tx(limited, func(tx *store.Tx) error { return l.run.enter(limited, tx, some) })
		cancel()
		if err != nil { // what was not written is sent once more, by the next run
			l.lost(err)
		}
	}
}

// enter writes entries and counts. What has happened is written whoever has the transfer now.
func (r *run) enter(ctx context.Context, tx *store.Tx, some []entry) error {
	counts := map[string]int{}
	for _, e := range some {
		res, err := tx.Exec(ctx, `UPDATE transfer_objects SET state = $3, status = $4, tries = tries + 1
			WHERE transfer_id = $1 AND position = $2 AND state = 'queued'`, string(r.t.ID), e.position, e.state, int(e.status))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		counts[e.state] += int(n)
	}
	now := record.Micros(tx.Now())
	if _, err := tx.Exec(ctx, `UPDATE transfers SET sent = sent + $2, refused = refused + $3, failed = failed + $4, changed_at = $5 WHERE id = $1`,
		string(r.t.ID), counts["sent"], counts["refused"], counts["failed"], now); err != nil {
		return err
	}
	if counts["sent"] == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE transfers SET tries = 0, moved_at = $2 WHERE id = $1`, string(r.t.ID), now)
	return err
}
