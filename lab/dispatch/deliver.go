// One delivery: read what is so now, note that it leaves, send it, write what became of it.

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// fate is what became of an attempt.
type fate int

// The fates.
const (
	taken       fate = iota // the receiver has it
	unreachable             // nothing has left
	unanswered              // it may have arrived
	deferred                // the receiver could not take it now (AE)
	declined                // it will never take this message (AR)
	broken                  // it cannot be made here now
	held                    // the report is not complete: later
	void                    // there is nothing to say
)

// outcome is what became of an attempt, in words without personal data.
type outcome struct {
	fate    fate
	code    string
	text    string
	version int // of the report, that was sent
	asOf    time.Time
	told    *string // what the receiver knows of the lines of an order, where its answer says so
	strange bool    // an answer came that is not the message's own
}

// sender speaks to one receiver. begin is called when the line stands and before anything of the message leaves; its error keeps the message back.
type sender interface {
	send(ctx context.Context, m message, begin func() error) outcome
	close()
}

// message is what is sent. Its number is the same for the same content.
type message struct {
	number string
	body   []byte
}

// open makes the sender of a subscription; it connects when it is used.
func (d *Desk) open(s *Subscription) (sender, error) {
	if s.Kind == Webhook {
		return d.newHook(s)
	}
	return d.newLine(s)
}

// errChanged is a report that has changed since it was read.
var errChanged = record.Errorf(record.Conflict, "the report has changed")

// attempt sends one delivery. The error is ours, the outcome the receiver's, or that the message could not be made.
func (d *Desk) attempt(ctx context.Context, s *Subscription, to sender, x *Delivery) (outcome, error) {
	for {
		asOf := d.db.Now()
		c, err := d.compose(ctx, s, x)
		if err != nil || c.instead != nil {
			return c.outcome(), err
		}
		var ours error                                                       // of noting
		limited, cancel := context.WithTimeout(ctx, d.opt.Dial+d.opt.Answer) // shorter than the lease: nothing leaves after it
		out := to.send(limited, c.message, func() error {
			ours = d.noteAll(ctx, s, x, &c)
			return ours
		})
		cancel()
		if errors.Is(ours, errChanged) && ctx.Err() == nil {
			continue // it is read again
		}
		out.asOf, out.version = asOf, c.version
		out.told = c.order.knows(out.fate)
		return out, ours
	}
}

// composed is the message of a delivery, or what becomes of it instead.
type composed struct {
	message
	version int       // of the report
	values  *lab.Kept // the report, where the message has values of it
	order   *sentOrder
	instead *outcome
}

func (c *composed) outcome() outcome {
	if c.instead == nil {
		return outcome{fate: broken, version: c.version, text: "the message could not be made here"}
	}
	out := *c.instead
	out.version = c.version
	return out
}

// compose makes the message of a delivery from what is so now.
func (d *Desk) compose(ctx context.Context, s *Subscription, x *Delivery) (composed, error) {
	if x.Act == recalled {
		m, err := recallMessage(s, x)
		return composed{message: m, version: x.Version}, err
	}
	if x.Order() != "" {
		return declinedIf(d.composeOrder(ctx, s, x))
	}
	k, err := d.centre.Outward(ctx, s.scope(), x.Report)
	if record.KindOf(err) == record.NotFound {
		return composed{version: x.Version, instead: &outcome{fate: void, text: "the report is no longer of this institution"}}, nil
	}
	if err != nil {
		return composed{version: x.Version}, err
	}
	c, rep := composed{version: k.Version}, k.Report()
	hold, err := s.holds(ctx, d.db, x.Act, x.Subject, k.Status)
	switch {
	case err != nil:
		return c, err
	case hold:
		c.instead = &outcome{fate: held}
		return c, nil
	case len(rep.Results) == 0:
		c.instead = &outcome{fate: void, text: "nothing of the report was ever shown"}
		return c, nil
	case s.Kind == Webhook:
		c.message, err = reportMessage(s, x, &k, &rep)
	default:
		c.message, err = d.oru(ctx, s, x, &k)
	}
	if !s.Thin && hasValues(&rep) {
		c.values = &k
	}
	return declinedIf(c, err)
}

// declinedIf makes a message that cannot be written one that a person must look at.
func declinedIf(c composed, err error) (composed, error) {
	if err != nil && record.KindOf(err) != record.Internal && record.KindOf(err) != record.Unavailable {
		c.instead, err = &outcome{fate: declined, text: "the message cannot be written: " + record.Public(err)}, nil
	}
	return c, err
}

func hasValues(r *observation.Report) bool {
	for i := range r.Results {
		if r.Results[i].Status != observation.Withdrawn {
			return true
		}
	}
	return false
}

// noteAll writes that something of a person is about to leave.
func (d *Desk) noteAll(ctx context.Context, s *Subscription, x *Delivery, c *composed) error {
	if c.order != nil {
		return d.noteOrder(ctx, s, x, c)
	}
	return d.note(ctx, s, x, c.values)
}

// note writes that the receiver is about to be given values, once for each version: readers must be known when one is taken back.
func (d *Desk) note(ctx context.Context, s *Subscription, x *Delivery, k *lab.Kept) error {
	if k == nil || x.noted >= k.Version {
		return nil
	}
	err := d.db.Tx(ctx, func(tx *store.Tx) error {
		ok, err := d.centre.NoteDelivery(ctx, tx, s.scope(), k)
		if err != nil {
			return err
		}
		if !ok {
			return errChanged
		}
		_, err = tx.Exec(ctx, `UPDATE lab_deliveries SET noted_version = $2 WHERE id = $1`, string(x.ID), k.Version)
		return err
	})
	if err == nil {
		x.noted = k.Version
	}
	return err
}

// settle writes what became of an attempt and renews the lease. False where the subscription is no longer ours, or not what it was.
func (d *Desk) settle(ctx context.Context, s *Subscription, x *Delivery, out outcome) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		if err := d.settleDelivery(ctx, tx, s, x, out, now); err != nil {
			return err
		}
		if err := d.settleReceiver(ctx, tx, s, out, now); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `UPDATE lab_subscriptions SET lease_until = $4 WHERE id = $1 AND owner = $2 AND version = $3 AND active = 1 AND stuck = 0`,
			string(s.ID), s.owner, s.Version, record.Micros(now.Add(d.opt.Lease)))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		mine = n == 1
		return err
	})
	return mine, err
}

// ends are the states that fates lead to, where one does.
var ends = map[fate]State{taken: Delivered, declined: Refused, held: Waiting, void: Skipped}

// settleDelivery writes the row. News that came while the message was in the air are still to be sent, whatever became of it.
func (d *Desk) settleDelivery(ctx context.Context, tx *store.Tx, s *Subscription, x *Delivery, out outcome, now time.Time) error {
	at := record.Micros(now)
	if _, ok := ends[out.fate]; !ok {
		return d.tryAgain(ctx, tx, s, x, out, now)
	}
	state, ended := ends[out.fate], int64(0)
	if out.fate == taken || out.fate == void {
		ended = at
	}
	took := 0
	if out.fate == taken {
		took = out.version
	}
	res, err := tx.Exec(ctx, `UPDATE lab_deliveries SET state = CASE WHEN version > $2 THEN 'pending' ELSE $3 END,
		ended_at = CASE WHEN version > $2 THEN 0 ELSE CAST($4 AS BIGINT) END, sent_version = CASE WHEN sent_version < $5 THEN $5 ELSE sent_version END,
		attempts = attempts + 1, tries = 0, unanswered = 0, failing_since = 0, next_at = $6, attempted_at = $6, changed_at = $6, code = $7, error = $8,
		told = COALESCE($9, told)
		WHERE id = $1 AND state = 'pending'`, string(x.ID), max(out.version, x.Version), string(state), ended, took, at, out.code, out.text, out.told)
	if err != nil {
		return fmt.Errorf("settle delivery: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err // a person has decided meanwhile
	}
	x.Code = out.code
	switch out.fate {
	case taken:
		tx.Emit(x.event("lab.dispatched").By(s.scope()))
		if x.Act != recalled && x.Order() == "" {
			return d.centre.Superseded(ctx, tx, s.scope(), x.Report, out.asOf)
		}
	case declined:
		x.tell(tx, s, "lab.dispatch.refused")
	}
	return nil
}

// tell says that a delivery needs somebody's eye.
func (x *Delivery) tell(tx *store.Tx, s *Subscription, act string) {
	e := x.event(act).By(s.scope())
	e.Outcome = record.Failed
	tx.Emit(e)
}

// isolateAfter is how often a message may stay without an answer before it stands aside: it may be the message, and others are taken.
const isolateAfter = 3

// tryAgain puts a delivery back. One that was answered waits by itself; where the receiver is out of reach all wait, in their order.
func (d *Desk) tryAgain(ctx context.Context, tx *store.Tx, s *Subscription, x *Delivery, out outcome, now time.Time) error {
	x.Code = out.code
	tries, silent, state, next := x.Tries, x.unanswered, Pending, x.NextAt
	since := x.FailingSince
	if since.IsZero() {
		since = now
	}
	alone := out.fate == deferred || out.fate == broken
	switch out.fate {
	case deferred, broken:
		next, tries, silent = now.Add(d.pause(x.Tries)), tries+1, 0
	case unanswered:
		if tries, silent = tries+1, silent+1; silent >= isolateAfter {
			next, alone = now.Add(d.pause(silent)), s.DeliveredAt.After(since)
		}
	case unreachable:
		since = x.FailingSince
	}
	if alone && now.Sub(since) > d.opt.GiveUp {
		state = Stuck
	}
	res, err := tx.Exec(ctx, `UPDATE lab_deliveries SET state = $2, attempts = attempts + 1, tries = $3, unanswered = $4, failing_since = $5, next_at = $6,
		attempted_at = $7, changed_at = $7, code = $8, error = $9 WHERE id = $1 AND state = 'pending' AND version <= $10`, string(x.ID), string(state), tries, silent,
		record.Micros(since), record.Micros(next), record.Micros(now), out.code, out.text, max(out.version, x.Version))
	if err != nil {
		return fmt.Errorf("put delivery back: %w", err)
	}
	n, err := res.RowsAffected()
	switch {
	case err != nil || n == 0:
	case state == Stuck:
		x.tell(tx, s, "lab.dispatch.stuck")
	case out.fate == deferred && x.Tries == 0:
		x.tell(tx, s, "lab.dispatch.deferred")
	}
	return err
}

// settleReceiver writes how the receiver is: an answer of any kind shows that it is there.
func (d *Desk) settleReceiver(ctx context.Context, tx *store.Tx, s *Subscription, out outcome, now time.Time) error {
	switch out.fate {
	case held, void, broken:
		return nil
	case unreachable, unanswered:
		return d.backOff(ctx, tx, s, out, now)
	}
	trouble := ""
	if out.fate != taken {
		trouble = out.text
	} else {
		s.DeliveredAt = now
	}
	s.Tries, s.FailingSince = 0, time.Time{}
	_, err := tx.Exec(ctx, `UPDATE lab_subscriptions SET tries = 0, failing_since = 0, next_at = 0, trouble = $2, delivered_at = $3 WHERE id = $1`,
		string(s.ID), trouble, record.Micros(s.DeliveredAt))
	if err != nil {
		return fmt.Errorf("settle receiver: %w", err)
	}
	return nil
}

// backOff lets a receiver that is out of reach alone for a while, and gives it to a person after too long.
func (d *Desk) backOff(ctx context.Context, tx *store.Tx, s *Subscription, out outcome, now time.Time) error {
	since := s.FailingSince
	if since.IsZero() {
		since = now
	}
	gaveUp := now.Sub(since) > d.opt.GiveUp
	res, err := tx.Exec(ctx, `UPDATE lab_subscriptions SET tries = tries + 1, failing_since = $2, next_at = $3, trouble = $4, stuck = $5
		WHERE id = $1 AND version = $6 AND owner = $7`, string(s.ID), record.Micros(since), record.Micros(now.Add(d.pause(s.Tries))), out.text, gaveUp, s.Version, s.owner)
	if err != nil {
		return fmt.Errorf("back off: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err // it is somebody else's, or another address was set
	}
	if gaveUp || s.Tries == 0 {
		act := map[bool]string{true: "lab.receiver.stuck", false: "lab.receiver.lost"}[gaveUp]
		e := s.event(act).By(s.scope())
		e.Outcome = record.Failed
		tx.Emit(e)
	}
	return nil
}
