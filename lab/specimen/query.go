// Host query: an analyser has a tube under its reader and asks what to measure (ASTM Q record, HL7 QBP^Q11).

package specimen

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Waiting gives the open lines of a barcode, a line each with the analytes that are missing, and marks the tube as being analysed. None, for a
// tube of which nothing is to be measured; NotFound, for one that nobody knows.
func (d *Desk) Waiting(ctx context.Context, s record.Scope, barcode string) ([]observation.Order, error) {
	id, err := d.reached(ctx, d.db, s, barcode)
	if err != nil {
		return nil, err
	}
	sp, err := d.specimenIn(ctx, d.db, s, id, false)
	if err != nil {
		return nil, err
	}
	if !measurable(&sp) {
		return nil, nil
	}
	begins := sp.State != Analysis && s.Actor.Institution == sp.Laboratory
	if begins {
		if err := d.begin(ctx, s, &sp); err != nil {
			return nil, err
		}
	}
	out, err := d.asked(ctx, []Specimen{sp})
	if err != nil || begins { // beginning was an event by itself
		return out, err
	}
	return out, d.notes.Note(ctx, s, sp.event("queried"))
}

// measurable reports a tube of which something is open, and that can be there.
func measurable(sp *Specimen) bool {
	_, ok := moveOf[moveKey{sp.State, Start}]
	return (ok || sp.State == Analysis) && len(openLines(sp.Lines)) > 0
}

func (d *Desk) begin(ctx context.Context, s record.Scope, sp *Specimen) error {
	return d.change(ctx, s, []string{specimenLock(sp.ID)}, func(tx *store.Tx) (err error) {
		if *sp, err = specimenOf(ctx, tx, sp.ID); err != nil || sp.State == Analysis || !measurable(sp) {
			return err
		}
		w := program(sp)
		w.actor = s.Actor
		_, err = d.apply(ctx, tx, sp, Scan{Act: Start, Device: record.Clip(s.Actor.ID, shortText)}, w)
		return err
	})
}

// WaitingSince gives the open lines of the tubes that came to the caller's laboratory since an instant, for analysers that ask for everything.
// It marks nothing, since nobody knows which of them the analyser has. At most limit tubes, the oldest first.
func (d *Desk) WaitingSince(ctx context.Context, s record.Scope, since time.Time, limit int) ([]observation.Order, error) {
	at := atWork(s)
	if len(at) == 0 {
		return nil, record.Errorf(record.Denied, "not permitted for institution %s", s.Actor.Institution)
	}
	b := &sqlText{}
	b.And("p.laboratory_id = " + b.Arg(string(at[0])))
	b.And("p.state IN ('received', 'analysis')")
	b.And("p.received_at > 0 AND p.received_at >= " + b.Arg(record.Micros(since)))
	b.And("EXISTS (SELECT 1 FROM lab_order_lines l WHERE l.specimen_id = p.id AND l.status IN ('open', 'in_analysis'))")
	found, err := specimensWhere(ctx, d.db, b, `ORDER BY p.received_at, p.id LIMIT `+b.Arg(min(max(limit, 1), 1000)))
	if err != nil {
		return nil, err
	}
	out, err := d.asked(ctx, found)
	if err != nil {
		return nil, err
	}
	e := record.Event{Act: "specimen.queried", Kind: "search", Institution: at[0], Detail: map[string]string{"count": itoa(len(found))}}
	return out, d.db.NoteSoon(ctx, e.By(s))
}

// asked writes tubes as orders of the model.
func (d *Desk) asked(ctx context.Context, tubes []Specimen) ([]observation.Order, error) {
	orders, err := d.ordersOf(ctx, tubes)
	if err != nil {
		return nil, err
	}
	var out []observation.Order
	for i := range tubes {
		sp := &tubes[i]
		o, ok := orders[sp.Order]
		if !ok {
			return nil, fmt.Errorf("order of specimen %s is missing", sp.ID)
		}
		for _, l := range openLines(sp.Lines) {
			out = append(out, askedLine(o, sp, l))
		}
	}
	return out, nil
}

func (d *Desk) ordersOf(ctx context.Context, tubes []Specimen) (map[OrderID]*Order, error) {
	out := map[OrderID]*Order{}
	for some := range slices.Chunk(tubes, linesAtOnce) {
		ids := make([]OrderID, len(some))
		for i := range some {
			ids[i] = some[i].Order
		}
		b := &sqlText{}
		store.In(b, "o.id", ids)
		found, err := store.Collect(ctx, d.db, `SELECT `+orderColumns+` FROM lab_orders o WHERE `+b.String(), b.Args, scanOrder)
		if err != nil {
			return nil, err
		}
		for i := range found {
			out[found[i].ID] = &found[i]
		}
	}
	return out, nil
}

// Outward is a line as it is written to the laboratory that measures, open or not. What is to be done with it says the caller.
func (o *Order) Outward(l *Line) observation.Order {
	tube := &Specimen{}
	for i := range o.Specimens {
		if o.Specimens[i].ID == l.Specimen {
			tube = &o.Specimens[i]
		}
	}
	out := askedLine(o, tube, l)
	out.Placer = cmp.Or(l.Placer, o.Number) // lines that were added here have none of their own
	if l.Item.Code == l.Code {
		out.Service.System = l.Item.System
	}
	return out
}

func askedLine(o *Order, sp *Specimen, l *Line) observation.Order {
	out := observation.Order{
		Control: observation.NewOrder, Patient: o.Who, Visit: o.Visit, Ward: o.Ward, Placer: l.Placer, Filler: string(l.ID), Group: o.Number,
		Service: observation.Coding{Code: l.Code, Text: l.Title}, Priority: o.Priority, Orderer: o.Orderer.Reveal(), Clinical: o.Clinical, OrderedAt: l.OrderedAt,
		Specimen: observation.Specimen{
			ID: sp.Barcode, Placer: sp.Barcode, Filler: string(sp.ID), Type: sp.Type, Volume: sp.Volume, CollectedAt: sp.CollectedAt, ReceivedAt: sp.ReceivedAt,
		},
	}
	if l.Item.Code != l.Code {
		out.Service.Alternates = []observation.Coding{l.Item}
	}
	for _, a := range l.Missing() {
		out.Items = append(out.Items, observation.Coding{Code: a})
	}
	return out
}
