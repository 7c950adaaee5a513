// Deliveries as people see them, and what they decide.

package dispatch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// DeliveryID names a row of an outbox.
type DeliveryID string

// State is where a delivery is.
type State string

// The states.
const (
	Waiting   State = "waiting"   // for its report to be complete
	Pending   State = "pending"   // to be sent, once or again
	Refused   State = "refused"   // the receiver does not want this message: a person decides
	Stuck     State = "stuck"     // tried for too long: a person decides
	Delivered State = "delivered" // the receiver has said that it has it
	Skipped   State = "skipped"   // a person has said that it is not to be delivered, or there is nothing to say any more
)

// Delivery is one report, or order, on its way to one receiver.
type Delivery struct {
	ID           DeliveryID
	Subscription SubscriptionID
	Institution  record.InstitutionID
	Seq          int64 // of the event: its place in the line
	Subject      string
	Report       record.ExamID
	Patient      record.PatientID
	Act          string
	Version      int // of the report, at least
	SentVersion  int // that the receiver has taken
	State        State
	Attempts     int
	Tries        int // in vain, of this content
	FailingSince time.Time
	NextAt       time.Time
	Code         string // of the last answer: "AE", "422"
	Error        string // no personal data
	Reason       string // of who skipped it, or of a recall
	DecidedBy    record.UserID
	CreatedAt    time.Time
	ChangedAt    time.Time
	AttemptedAt  time.Time
	EndedAt      time.Time

	noted      int
	told       string // of an order
	unanswered int
}

const deliveryColumns = `d.id, d.subscription_id, d.institution_id, d.seq, d.subject, d.report_id, d.patient_id, d.act, d.version, d.sent_version,
	d.noted_version, d.told, d.state, d.attempts, d.tries, d.unanswered, d.failing_since, d.next_at, d.code, d.error, d.reason, d.decided_by, d.created_at,
	d.changed_at, d.attempted_at, d.ended_at`

func scanDelivery(scan func(...any) error) (d Delivery, err error) {
	var failing, next, created, changed, attempted, ended int64
	err = scan(&d.ID, &d.Subscription, &d.Institution, &d.Seq, &d.Subject, &d.Report, &d.Patient, &d.Act, &d.Version, &d.SentVersion, &d.noted, &d.told, &d.State,
		&d.Attempts, &d.Tries, &d.unanswered, &failing, &next, &d.Code, &d.Error, &d.Reason, &d.DecidedBy, &created, &changed, &attempted, &ended)
	d.FailingSince, d.NextAt, d.CreatedAt = record.FromMicros(failing), record.FromMicros(next), record.FromMicros(created)
	d.ChangedAt, d.AttemptedAt, d.EndedAt = record.FromMicros(changed), record.FromMicros(attempted), record.FromMicros(ended)
	return d, err
}

func deliveries(ctx context.Context, q store.Querier, where string, args []any) ([]Delivery, error) {
	out, err := store.Collect(ctx, q, `SELECT `+deliveryColumns+` FROM lab_deliveries d WHERE `+where, args, scanDelivery)
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	return out, nil
}

// Filter says which deliveries to list. Zero fields do not count.
type Filter struct {
	Subscription SubscriptionID
	Report       record.ExamID
	Order        specimen.OrderID
	State        State
	Attention    bool       // those that need a person
	Before       DeliveryID // for the next page
	Limit        int
}

// Deliveries lists those of the scope's institutions, the newest first.
func (d *Desk) Deliveries(ctx context.Context, s record.Scope, f Filter) ([]Delivery, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	order := ""
	if f.Order != "" {
		order = orderMark + string(f.Order)
	}
	where := []string{d.db.ScopeSQL(s, "d.institution_id", "", &args)}
	for _, e := range []struct{ column, v string }{
		{"d.subscription_id =", string(f.Subscription)}, {"d.report_id =", string(f.Report)}, {"d.subject =", order}, {"d.state =", string(f.State)}, {"d.id <", string(f.Before)},
	} {
		if e.v != "" {
			where = append(where, e.column+" "+arg(e.v))
		}
	}
	if f.Attention {
		where = append(where, "d.state IN ('refused', 'stuck')")
	}
	return deliveries(ctx, d.db, strings.Join(where, " AND ")+` ORDER BY d.id DESC LIMIT `+arg(f.Limit), args)
}

// Delivery reads one inside a scope.
func (d *Desk) delivery(ctx context.Context, q store.Querier, s record.Scope, id DeliveryID) (Delivery, error) {
	args := []any{string(id)}
	all, err := deliveries(ctx, q, `d.id = $1 AND `+d.db.ScopeSQL(s, "d.institution_id", "", &args), args)
	if err != nil {
		return Delivery{}, err
	}
	if len(all) == 0 {
		return Delivery{}, record.Errorf(record.NotFound, "no delivery %s", id)
	}
	return all[0], nil
}

// decide changes an open delivery as a person says.
func (d *Desk) decide(ctx context.Context, s record.Scope, id DeliveryID, act string, change func(ctx context.Context, tx *store.Tx, x *Delivery) error) (out Delivery, err error) {
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		x, err := d.delivery(ctx, tx, s, id)
		if err != nil {
			return err
		}
		if !x.EndedAt.IsZero() {
			return record.Errorf(record.Precondition, "delivery %s is %s", id, x.State)
		}
		if err := change(ctx, tx, &x); err != nil {
			return err
		}
		tx.Emit(x.event(act).By(s))
		out, err = d.delivery(ctx, tx, s, id)
		return err
	})
	return out, err
}

func (x *Delivery) event(act string) record.Event {
	e := record.Event{
		Act: act, Institution: x.Institution, Patient: x.Patient, Kind: "lab-delivery", Object: string(x.ID), Outcome: record.Success,
		Detail: map[string]string{"subscription": string(x.Subscription), "report": string(x.Report), "version": fmt.Sprint(x.Version)},
	}
	if id := x.Order(); id != "" {
		delete(e.Detail, "report")
		e.Detail["order"] = string(id)
	}
	if x.Code != "" {
		e.Detail["code"] = x.Code
	}
	return e
}

// Retry sends a delivery again, at once: what is sent is the report as it is then.
func (d *Desk) Retry(ctx context.Context, s record.Scope, id DeliveryID) (Delivery, error) {
	return d.decide(ctx, s, id, "lab.dispatch.retried", func(ctx context.Context, tx *store.Tx, x *Delivery) error {
		_, err := tx.Exec(ctx, `UPDATE lab_deliveries SET state = 'pending', tries = 0, unanswered = 0, failing_since = 0, next_at = $2, changed_at = $2,
			decided_by = $3 WHERE id = $1`, string(id), record.Micros(tx.Now()), s.Actor.ID)
		if err != nil {
			return fmt.Errorf("retry delivery: %w", err)
		}
		return nil
	})
}

const maxReason = 500

// Skip says that a delivery is not to be made, and why. A later change of the report is delivered again.
func (d *Desk) Skip(ctx context.Context, s record.Scope, id DeliveryID, reason string) (Delivery, error) {
	if reason = record.Clip(reason, maxReason); reason == "" {
		return Delivery{}, record.Errorf(record.Invalid, "reason: say why")
	}
	return d.decide(ctx, s, id, "lab.dispatch.skipped", func(ctx context.Context, tx *store.Tx, x *Delivery) error {
		_, err := tx.Exec(ctx, `UPDATE lab_deliveries SET state = 'skipped', reason = $3, decided_by = $4, changed_at = $2, ended_at = $2 WHERE id = $1`,
			string(id), record.Micros(tx.Now()), reason, s.Actor.ID)
		if err != nil {
			return fmt.Errorf("skip delivery: %w", err)
		}
		return nil
	})
}
