package worklist

import (
	"context"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// acting reads an order of the scope, lets do change it, and writes it. etag, where given, is the version that the caller
// saw. An order that has ended changes no more.
func (w *Worklist) acting(ctx context.Context, s record.Scope, id OrderID, etag string, do func(tx *store.Tx, o *Order) error) (Order, error) {
	var o Order
	err := w.change(ctx, s, []string{"order:" + string(id)}, func(tx *store.Tx) (err error) {
		if o, err = w.orderIn(ctx, tx, s, id); err != nil {
			return err
		}
		switch {
		case etag != "" && etag != o.Etag():
			return record.Errorf(record.Conflict, "order %s was changed by somebody else; look again", id)
		case o.Status == OrderCompleted || o.Status == OrderCancelled:
			return record.Errorf(record.Precondition, "order %s is %s", id, o.Status)
		}
		if err := do(tx, &o); err != nil {
			return err
		}
		return saveOrder(ctx, tx, &o)
	})
	if err != nil {
		return Order{}, err
	}
	return o, nil
}

// Update lets edit change what is said of an order. Its patient, institution, accession number, study and steps stay: an
// order for the wrong patient is cancelled.
func (w *Worklist) Update(ctx context.Context, s record.Scope, id OrderID, etag string, edit func(*Order)) (Order, error) {
	return w.acting(ctx, s, id, etag, func(tx *store.Tx, o *Order) error {
		kept := *o
		edit(o)
		o.ID, o.Institution, o.Who, o.Patient, o.Grade = kept.ID, kept.Institution, kept.Who, kept.Patient, kept.Grade
		o.Accession, o.Study, o.Steps, o.Status, o.Version = kept.Accession, kept.Study, kept.Steps, kept.Status, kept.Version
		o.CancelReason, o.CreatedAt = kept.CancelReason, kept.CreatedAt
		if o.Procedure.ID == "" {
			o.Procedure.ID = kept.Procedure.ID
		}
		if err := o.check(); err != nil {
			return err
		}
		tx.Emit(o.event("order.changed"))
		return nil
	})
}

// Cancel ends an order of which no step is under way: what has not begun is discontinued. The reason is kept in the row.
func (w *Worklist) Cancel(ctx context.Context, s record.Scope, id OrderID, etag, reason string) (Order, error) {
	if err := (field{name: "reason", text: &reason, most: longText, needed: true}).tidy(); err != nil {
		return Order{}, err
	}
	return w.acting(ctx, s, id, etag, func(tx *store.Tx, o *Order) error {
		for i := range o.Steps {
			st := &o.Steps[i]
			switch {
			case st.Status == StepStarted:
				return record.Errorf(record.Precondition, "order %s is being performed", id)
			case st.Status.waiting():
				st.Status = StepDiscontinued
				if err := saveStep(ctx, tx, st); err != nil {
					return err
				}
			}
		}
		o.Status, o.CancelReason = OrderCancelled, reason
		tx.Emit(o.event("order.cancelled"))
		return nil
	})
}

// Appointment is where and when a step is to be done; zero fields stay as they are.
type Appointment struct {
	StartAt     time.Time
	Modality    string
	Stations    []string
	StationName string
	Performing  record.Personal
	Location    string
	Status      StepStatus // SCHEDULED, ARRIVED or READY
}

// Reschedule moves a step that has not begun, or says that its patient has arrived.
func (w *Worklist) Reschedule(ctx context.Context, s record.Scope, id OrderID, step StepID, etag string, a Appointment) (Order, error) {
	return w.acting(ctx, s, id, etag, func(tx *store.Tx, o *Order) error {
		st := o.step(step)
		switch {
		case st == nil:
			return record.Errorf(record.NotFound, "no step %s of order %s", step, id)
		case !st.Status.waiting():
			return record.Errorf(record.Precondition, "step %s is %s", step, st.Status)
		}
		a.onto(st)
		if err := st.check(""); err != nil {
			return err
		}
		e := o.event("order.changed")
		e.Detail = map[string]string{"step": string(st.ID), "status": string(st.Status)}
		tx.Emit(e)
		return saveStep(ctx, tx, st)
	})
}

func (a Appointment) onto(st *Step) {
	if !a.StartAt.IsZero() {
		st.StartAt = a.StartAt
	}
	if len(a.Stations) > 0 {
		st.Stations = append([]string(nil), a.Stations...)
	}
	for _, x := range []struct{ from, to *string }{
		{&a.Modality, &st.Modality},
		{&a.StationName, &st.StationName},
		{(*string)(&a.Performing), (*string)(&st.Performing)},
		{&a.Location, &st.Location},
		{(*string)(&a.Status), (*string)(&st.Status)},
	} {
		if *x.from != "" {
			*x.to = *x.from
		}
	}
}

func (o *Order) step(id StepID) *Step {
	for i := range o.Steps {
		if o.Steps[i].ID == id {
			return &o.Steps[i]
		}
	}
	return nil
}

// follow sets the status of an order by its steps.
func (o *Order) follow() {
	if o.Status == OrderCancelled {
		return
	}
	begun, left := false, false
	for i := range o.Steps {
		begun = begun || !o.Steps[i].Status.waiting()
		left = left || !o.Steps[i].Status.Ended()
	}
	switch {
	case !left:
		o.Status = OrderCompleted
	case begun:
		o.Status = OrderInProgress
	default:
		o.Status = OrderScheduled
	}
}

// perform sets the status of a step by what a modality reports of it, whatever it was before: the modality knows. What was
// completed stays so when images are added.
func (w *Worklist) perform(ctx context.Context, tx *store.Tx, o *Order, st *Step, to StepStatus) error {
	if st.Status == to || st.Status == StepCompleted {
		return nil
	}
	st.Status = to
	if err := saveStep(ctx, tx, st); err != nil {
		return err
	}
	o.follow()
	act := map[StepStatus]string{StepStarted: "step.started", StepCompleted: "step.completed", StepDiscontinued: "step.discontinued"}[to]
	tx.Emit(o.stepEvent(act, st))
	if err := saveOrder(ctx, tx, o); err != nil {
		return fmt.Errorf("order of the performed step: %w", err)
	}
	return nil
}
