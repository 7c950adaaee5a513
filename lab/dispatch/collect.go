// Collect: events of the laboratory become rows of the outboxes that they match.

package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// The acts that somebody must learn of.
const (
	released  = "lab.released"
	corrected = "lab.corrected"
	withdrawn = "lab.withdrawn"
	recalled  = "lab.recalled"
)

var acts = []string{released, corrected, withdrawn, recalled, orderCreated, orderChanged, orderCancelled, recollect, collected}

// weight orders acts: of two that become one delivery the heavier names it.
var weight = map[string]int{recalled: 0, released: 1, corrected: 2, withdrawn: 3, orderChanged: 1, orderCancelled: 2}

const (
	feedLock    = "lab-dispatch" // one reads events and makes rows of them at a time
	eventsAtOne = 200
	cursorEvery = 1000 // bounds how far the kept cursor lies behind when nothing was for us
)

// collect goes on from a place in the event table, or from the kept cursor, and gives where it is then.
func (d *Desk) collect(ctx context.Context, at int64) (int64, error) {
	kept, err := d.cursor(ctx, d.db)
	if err != nil {
		return at, err
	}
	at = max(at, kept)
	for {
		head, err := d.db.Head(ctx)
		if err != nil || at >= head {
			return at, err
		}
		evs, err := d.db.Events(ctx, store.EventFilter{After: at, Limit: eventsAtOne, Acts: acts})
		if err != nil {
			return at, err
		}
		next := head
		if n := len(evs); n == eventsAtOne || n > 0 && evs[n-1].Seq > head {
			next = evs[n-1].Seq
		}
		if len(evs) > 0 || next-kept >= cursorEvery {
			if err := d.take(ctx, evs, at, next); err != nil {
				return at, err
			}
			kept = next
		}
		at = next
	}
}

func (d *Desk) cursor(ctx context.Context, q store.Querier) (int64, error) {
	var seq int64
	err := q.QueryRow(ctx, `SELECT seq FROM lab_dispatch_cursor WHERE one = 1`).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, err
}

// take makes rows of a page of events, unless another server has.
func (d *Desk) take(ctx context.Context, evs []record.Event, after, next int64) error {
	return d.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, feedLock); err != nil {
			return err
		}
		kept, err := d.cursor(ctx, tx)
		if err != nil || kept >= next {
			return err
		}
		all, err := d.subscriptions(ctx, tx, `1 = 1 ORDER BY s.id`, nil)
		if err != nil {
			return err
		}
		of, orders := map[record.InstitutionID][]Subscription{}, false
		for _, s := range all {
			of[s.Institution] = append(of[s.Institution], s)
			orders = orders || s.Orders
		}
		for _, e := range evs {
			if e.Seq <= max(kept, after) {
				continue
			}
			if ofOrder(e.Act) && !orders {
				continue
			}
			if err := d.enqueueAll(ctx, tx, of, e); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO lab_dispatch_cursor (one, seq) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq`, next)
		return err
	})
}

// enqueueAll puts an event into the outboxes of its institution, one of an order into those of the laboratory.
func (d *Desk) enqueueAll(ctx context.Context, tx *store.Tx, of map[record.InstitutionID][]Subscription, e record.Event) error {
	if ofOrder(e.Act) {
		n, err := d.orderNews(ctx, tx, e)
		if err != nil {
			return err
		}
		return enqueueFor(ctx, tx, of[n.laboratory], n, e)
	}
	to := of[e.Institution]
	if len(to) == 0 {
		return nil
	}
	n, err := newsOf(ctx, tx, e)
	if err != nil {
		return err
	}
	if e.Act == recalled && slices.ContainsFunc(to, func(s Subscription) bool { return string(s.ID) == n.reader }) {
		return nil // a receiver gets the new state of the report and needs no other word
	}
	return enqueueFor(ctx, tx, to, n, e)
}

func enqueueFor(ctx context.Context, tx *store.Tx, to []Subscription, n news, e record.Event) error {
	for i := range to {
		if s := &to[i]; e.Seq > s.since && s.wants(n, e) {
			if err := enqueue(ctx, tx, s, n, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// news is an event with what must be known of its report.
type news struct {
	subject    string
	report     record.ExamID
	version    int
	laboratory record.InstitutionID
	status     observation.Status
	reader     string // of a recall
	reason     string
}

func newsOf(ctx context.Context, tx *store.Tx, e record.Event) (news, error) {
	n := news{subject: e.Object, report: record.ExamID(e.Object)}
	n.version, _ = strconv.Atoi(e.Detail["version"])
	if e.Act == recalled {
		n.subject, n.report, n.reader, n.reason = recallMark+e.Object, record.ExamID(e.Detail["report"]), e.Detail["reader"], e.Detail["reason"]
		return n, nil
	}
	err := tx.QueryRow(ctx, `SELECT laboratory_id, status FROM lab_reports WHERE id = $1`, string(n.report)).Scan(&n.laboratory, &n.status)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // it is asked for again when it is delivered
	}
	return n, err
}

const recallMark = "recall:"

// wants reports whether a subscription is told of an event.
func (s *Subscription) wants(n news, e record.Event) bool {
	switch {
	case ofOrder(e.Act):
		return s.Orders
	case s.Orders && !s.Results:
		return false
	case e.Act == recalled:
		return s.Kind == Webhook
	}
	return !s.Elsewhere || n.laboratory != s.Institution
}

// holds reports whether a report of a status waits until it is complete: not where what was given before no longer stands.
func (s *Subscription) holds(ctx context.Context, q store.Querier, act, subject string, status observation.Status) (bool, error) {
	if s.Preliminary || !incomplete(status) || act == withdrawn || act == recalled {
		return false, nil
	}
	if act == released {
		return true, nil
	}
	var before int
	err := q.QueryRow(ctx, `SELECT COUNT(*) FROM lab_deliveries WHERE subscription_id = $1 AND subject = $2 AND (sent_version > 0 OR noted_version > 0)`,
		string(s.ID), subject).Scan(&before)
	return before == 0, err
}

// incomplete reports a report of which more is to come.
func incomplete(status observation.Status) bool {
	return status == observation.Preliminary || status == observation.Registered
}

// enqueue makes the row of a delivery, or makes a row that has not left yet one with the news.
func enqueue(ctx context.Context, tx *store.Tx, s *Subscription, n news, e record.Event) error {
	merged, err := merge(ctx, tx, s, n, e)
	if err != nil || merged {
		return err
	}
	state, err := s.stateFor(ctx, tx, e.Act, n)
	if err != nil {
		return err
	}
	var newer int
	err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM lab_deliveries WHERE subscription_id = $1 AND subject = $2 AND state = 'delivered' AND sent_version >= $3`,
		string(s.ID), n.subject, n.version).Scan(&newer)
	if err != nil || newer > 0 && e.Act != recalled { // what was delivered was this state already
		return err
	}
	known, err := toldBefore(ctx, tx, s, n.subject)
	if err != nil {
		return err
	}
	now := tx.Now()
	_, err = tx.Exec(ctx, `INSERT INTO lab_deliveries (id, subscription_id, institution_id, seq, subject, report_id, patient_id, act, version, state, next_at,
		reason, told, created_at, changed_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$11,$11)`, record.NewID(now), string(s.ID), string(s.Institution), e.Seq,
		n.subject, string(n.report), string(e.Patient), e.Act, n.version, string(state), record.Micros(now), n.reason, known)
	if err != nil {
		return fmt.Errorf("queue delivery: %w", err)
	}
	return nil
}

func (s *Subscription) stateFor(ctx context.Context, tx *store.Tx, act string, n news) (State, error) {
	hold, err := s.holds(ctx, tx, act, n.subject, n.status)
	if hold {
		return Waiting, err
	}
	return Pending, err
}

// merge makes a delivery of the same report that is open one with the news. What a person had to look at begins anew: it is another message now.
func merge(ctx context.Context, tx *store.Tx, s *Subscription, n news, e record.Event) (bool, error) {
	all, err := deliveries(ctx, tx, `d.subscription_id = $1 AND d.subject = $2 AND d.ended_at = 0`, []any{string(s.ID), n.subject})
	if err != nil || len(all) == 0 {
		return false, err
	}
	old := all[0]
	if n.version <= old.Version {
		return true, nil
	}
	act := old.Act
	if weight[e.Act] > weight[act] {
		act = e.Act
	}
	state, err := s.stateFor(ctx, tx, act, n)
	if err != nil {
		return true, err
	}
	_, err = tx.Exec(ctx, `UPDATE lab_deliveries SET version = $2, act = $3, state = $4, tries = 0, unanswered = 0, failing_since = 0, next_at = $5, changed_at = $5
		WHERE id = $1`, string(old.ID), n.version, act, string(state), record.Micros(tx.Now()))
	if err != nil {
		return true, fmt.Errorf("merge delivery: %w", err)
	}
	return true, nil
}

// complete sends on what waited for its report to be complete, which may also happen without an event: the last row that was missing was set aside.
func (d *Desk) complete(ctx context.Context) error {
	const ready = `state = 'waiting' AND report_id IN (SELECT r.id FROM lab_reports r WHERE r.id = lab_deliveries.report_id AND r.status IN ('final', 'corrected', 'withdrawn'))`
	var n int
	if err := d.db.QueryRow(ctx, `SELECT COUNT(*) FROM lab_deliveries WHERE `+ready).Scan(&n); err != nil || n == 0 {
		return err
	}
	return d.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE lab_deliveries SET state = 'pending', next_at = $1, changed_at = $1 WHERE `+ready, record.Micros(tx.Now()))
		return err
	})
}

// sweep forgets what ended long ago.
func (d *Desk) sweep(ctx context.Context) error {
	return d.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM lab_deliveries WHERE ended_at > 0 AND ended_at < $1`, record.Micros(tx.Now().Add(-d.opt.Keep)))
		return err
	})
}

const sweepEvery = time.Hour
