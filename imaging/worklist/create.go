package worklist

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Create keeps a new order, whose steps from then on stand on the worklists of their modalities. Numbers and the Study
// Instance UID that the sender leaves out are made. A second order under the same accession number of the institution is
// a Conflict.
func (w *Worklist) Create(ctx context.Context, s record.Scope, o Order) (Order, error) {
	o.Institution = cmp.Or(o.Institution, s.Actor.Institution)
	if err := writesAt(s, o.Institution); err != nil {
		return Order{}, err
	}
	o.Steps = slices.Clone(o.Steps)
	for i := range o.Steps {
		o.Steps[i].Stations = slices.Clone(o.Steps[i].Stations)
	}
	for _, check := range []func() error{o.check, o.checkWho, o.checkSteps} {
		if err := check(); err != nil {
			return Order{}, err
		}
	}
	o.Who.Issuer = o.Institution
	sent := o
	err := w.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		o = sent
		o.Steps = slices.Clone(sent.Steps)
		return w.create(ctx, tx, &o)
	})
	if err != nil {
		return Order{}, fmt.Errorf("create order: %w", err)
	}
	return o, nil
}

func (w *Worklist) create(ctx context.Context, tx *store.Tx, o *Order) error {
	m, err := tx.MatchPatient(ctx, o.Who)
	if err != nil {
		return err
	}
	o.Patient, o.Grade, o.Status, o.Version = m.Patient, m.Grade, OrderScheduled, 1
	o.CreatedAt = stamp(tx.Now())
	o.ChangedAt = o.CreatedAt
	o.ID = OrderID(record.NewID(o.CreatedAt))
	o.Study = cmp.Or(o.Study, NewUID())
	if err := w.number(ctx, tx, &o.Accession, "accession"); err != nil {
		return err
	}
	o.Procedure.ID = cmp.Or(o.Procedure.ID, o.Accession)
	if err := insertOrder(ctx, tx, o); err != nil {
		return err
	}
	for i := range o.Steps {
		st := &o.Steps[i]
		st.ID = StepID(record.NewID(o.CreatedAt))
		if err := w.number(ctx, tx, &st.Number, "step"); err != nil {
			return err
		}
		if err := insertStep(ctx, tx, o, st); err != nil {
			return err
		}
	}
	e := o.event("order.created")
	e.Detail = map[string]string{"grade": string(o.Grade), "steps": fmt.Sprint(len(o.Steps))}
	tx.Emit(e)
	return nil
}

// number makes an accession number or the id of a step where none was given: the day and a count, 15 characters, unique
// in the whole exchange, so that the centre that reads for many never meets one twice.
func (w *Worklist) number(ctx context.Context, tx *store.Tx, to *string, what string) error {
	if *to != "" {
		return nil
	}
	day := tx.Now().In(w.opt.Zone).Format("20060102")
	var last int64
	err := tx.QueryRow(ctx, `INSERT INTO worklist_numbers (day, last) VALUES ($1, 1)
		ON CONFLICT (day) DO UPDATE SET last = worklist_numbers.last + 1 RETURNING last`, what+" "+day).Scan(&last)
	if err != nil {
		return fmt.Errorf("%s number: %w", what, err)
	}
	letter := map[string]string{"accession": "A", "step": "S"}[what]
	*to = fmt.Sprintf("%s%s%06d", letter, day, last)
	return nil
}
