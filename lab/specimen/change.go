// Changing and cancelling orders.

package specimen

import (
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

func orderLock(id OrderID) string { return "lab-order:" + string(id) }

// acting reads an order of the scope, lets do change it, and writes it. etag, where given, is the version that the caller saw.
func (d *Desk) acting(ctx context.Context, s record.Scope, id OrderID, etag string, do func(tx *store.Tx, o *Order) error) (Order, error) {
	err := d.change(ctx, s, []string{orderLock(id)}, func(tx *store.Tx) error {
		o, err := d.orderIn(ctx, tx, s, id)
		if err != nil {
			return err
		}
		if err := writesAt(s, o.Institution); err != nil {
			return err
		}
		if etag != "" && etag != o.Etag() {
			return record.Errorf(record.Conflict, "order %s was changed by somebody else; look again", id)
		}
		if err := do(tx, &o); err != nil {
			return err
		}
		return saveOrder(ctx, tx, &o)
	})
	if err != nil {
		return Order{}, err
	}
	return d.orderIn(ctx, d.db, s, id)
}

// Update lets edit change what is said of an order: priority, visit, ward, orderer, clinical information. Lines that edit appends are
// ordered additionally; an order for the wrong patient is cancelled.
func (d *Desk) Update(ctx context.Context, s record.Scope, id OrderID, etag string, edit func(*Order)) (Order, error) {
	return d.acting(ctx, s, id, etag, func(tx *store.Tx, o *Order) error {
		was := *o
		edit(o)
		o.ID, o.Institution, o.Laboratory, o.Who, o.Patient, o.Grade = was.ID, was.Institution, was.Laboratory, was.Who, was.Patient, was.Grade
		o.Number, o.OrderedAt, o.CreatedAt, o.Version, o.Specimens = was.Number, was.OrderedAt, was.CreatedAt, was.Version, was.Specimens
		if err := o.check(); err != nil {
			return err
		}
		if len(o.Lines) > maxLines {
			return record.Errorf(record.Invalid, "items: want 1 to %d", maxLines)
		}
		more := slices.Clone(o.Lines[min(len(was.Lines), len(o.Lines)):])
		o.Lines = was.Lines
		for i := range more {
			more[i].OrderedAt = stamp(tx.Now())
			if err := more[i].check("items."); err != nil {
				return err
			}
		}
		if err := d.plan(ctx, tx, o, more); err != nil {
			return err
		}
		if o.Priority != was.Priority {
			if err := reprioritise(ctx, tx, o); err != nil {
				return err
			}
		}
		tx.Emit(o.event("changed"))
		return nil
	})
}

func reprioritise(ctx context.Context, tx *store.Tx, o *Order) error {
	_, err := tx.Exec(ctx, `UPDATE specimens SET priority = $2 WHERE order_id = $1`, string(o.ID), string(o.Priority))
	return err
}

// CancelLines ends lines of an order, all that are open where none is named. What is on an analyser already is cancelled only with a reason;
// what was reported stays.
func (d *Desk) CancelLines(ctx context.Context, s record.Scope, id OrderID, etag string, lines []LineID, reason string) (Order, error) {
	if err := tidy(field{name: "reason", text: &reason, most: longText}); err != nil {
		return Order{}, err
	}
	return d.acting(ctx, s, id, etag, func(tx *store.Tx, o *Order) error {
		for _, l := range lines {
			if !slices.ContainsFunc(o.Lines, func(x Line) bool { return x.ID == l }) {
				return record.Errorf(record.NotFound, "no line %s of order %s", l, id)
			}
		}
		n := 0
		for i := range o.Lines {
			l := &o.Lines[i]
			if len(lines) > 0 && !slices.Contains(lines, l.ID) || len(lines) == 0 && !l.Open() {
				continue
			}
			if err := d.cancelLine(ctx, tx, l, reason); err != nil {
				return err
			}
			n++
		}
		if n == 0 {
			return record.Errorf(record.Precondition, "nothing of order %s is open", id)
		}
		tx.Emit(o.event("cancelled"))
		return nil
	})
}

// locked takes the lock of a line's tube and reads the line again: it is written only under that lock.
func locked(ctx context.Context, tx *store.Tx, l *Line) error {
	for l.Specimen != "" {
		if err := tx.Lock(ctx, specimenLock(l.Specimen)); err != nil {
			return err
		}
		now, err := scanLine(tx.QueryRow(ctx, `SELECT `+lineColumns+` FROM lab_order_lines l WHERE l.id = $1`, string(l.ID)).Scan)
		if err != nil {
			return err
		}
		same := now.Specimen == l.Specimen
		if *l = now; same {
			return nil
		}
	}
	return nil
}

// cancelLine ends one line, and the tube that nobody needs any more if it was not collected.
func (d *Desk) cancelLine(ctx context.Context, tx *store.Tx, l *Line, reason string) error {
	if err := locked(ctx, tx, l); err != nil {
		return err
	}
	switch {
	case l.Status == LineCancelled:
		return nil
	case l.Status == LineReported:
		return record.Errorf(record.Precondition, "line %s is reported; a result is withdrawn, not cancelled", l.ID)
	case l.Status == LineAnalysis && reason == "":
		return record.Errorf(record.Precondition, "line %s is being analysed: cancelling it needs a reason", l.ID)
	}
	l.Status, l.CancelReason = LineCancelled, record.Clip(reason, longText)
	if err := saveLine(ctx, tx, l); err != nil {
		return err
	}
	return d.settle(ctx, tx, l.Specimen)
}
