// Orders of other systems: HL7 OML^O21 and ORM^O01 as lab/v2 reads them, one line in each call.

package specimen

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Take keeps one line of an order that another system sent for the caller's institution, inside the caller's transaction; an order without a
// service is a line for each of its items. Lines are told
// apart by institution, placer number and item; those of one group number are one order. The same line again changes nothing. A
// cancellation that comes before its order is kept until that comes, and answers with no id; an older word never undoes a newer one.
// Cancelling what is on an analyser needs a reason, which is the first note of the line.
func (d *Desk) Take(ctx context.Context, tx *store.Tx, s record.Scope, o observation.Order) (OrderID, error) {
	if !o.Service.Empty() || len(o.Items) == 0 {
		return d.take(ctx, tx, s, o)
	}
	if len(o.Items) > maxLines {
		return "", record.Errorf(record.Invalid, "items: want 1 to %d", maxLines)
	}
	var id OrderID
	for _, item := range o.Items {
		one := o
		one.Service = item
		got, err := d.take(ctx, tx, s, one)
		if err != nil {
			return "", err
		}
		id = cmp.Or(got, id)
	}
	return id, nil
}

func (d *Desk) take(ctx context.Context, tx *store.Tx, s record.Scope, o observation.Order) (OrderID, error) {
	at := s.Actor.Institution
	if err := writesAt(s, at); err != nil {
		return "", err
	}
	t, err := taking(at, o)
	if err != nil {
		return "", err
	}
	if err := tx.Lock(ctx, fmt.Sprintf("lab-order:%s/%s", at, t.order.Number)); err != nil {
		return "", err
	}
	known, err := linesOf(ctx, tx, at, t.line.Placer)
	if err != nil {
		return "", err
	}
	switch o.Control {
	case observation.CancelOrder:
		return d.takeCancel(ctx, tx, t, known)
	case observation.NewOrder, observation.ChangeOrder, "":
		return d.takeLine(ctx, tx, t, known)
	}
	return "", record.Errorf(record.Invalid, "order control %s is not one of NW, XO, CA", record.Clip(string(o.Control), 4))
}

// taken is one line as it was sent, in our words.
type taken struct {
	order    Order
	line     Line
	specimen observation.Specimen
	change   bool
	reason   string
}

func taking(at record.InstitutionID, o observation.Order) (*taken, error) {
	t := &taken{
		order: Order{
			Institution: at, Who: o.Patient, Number: cmp.Or(o.Group, o.Placer), Priority: o.Priority, Visit: o.Visit, Ward: o.Ward,
			Orderer: record.Personal(o.Orderer), Clinical: record.Clip(o.Clinical, longText), OrderedAt: o.OrderedAt,
		},
		line:     Line{Placer: o.Placer, Item: o.Service, OrderedAt: stamp(o.OrderedAt), saidAt: record.Micros(stamp(o.OrderedAt))},
		specimen: o.Specimen, change: o.Control == observation.ChangeOrder,
	}
	if len(o.Notes) > 0 {
		t.reason = record.Clip(o.Notes[0], longText)
	}
	if o.OrderedAt.IsZero() {
		t.line.OrderedAt, t.line.saidAt = o.OrderedAt, 0
	}
	if err := tidy(field{name: "placer order number (ORC-2)", text: &t.line.Placer, most: shortText, needed: true}); err != nil {
		return nil, err
	}
	if o.Control == observation.CancelOrder {
		return t, nil
	}
	if err := t.order.check(); err != nil {
		return nil, err
	}
	return t, t.line.check("OBR-4 ")
}

func linesOf(ctx context.Context, q store.Querier, at record.InstitutionID, placer string) ([]Line, error) {
	b := &sqlText{}
	b.And("l.institution_id = " + b.Arg(string(at)))
	b.And("l.placer = " + b.Arg(placer))
	return linesWhere(ctx, q, b)
}

// same finds the line of an item under a number. A change that names another item is of the only line that there is.
func (t *taken) same(code string, known []Line) *Line {
	for i := range known {
		if l := &known[i]; l.Code == code || itemOf(l.Item) == itemOf(t.line.Item) {
			return l
		}
	}
	if t.change && len(known) == 1 {
		return &known[0]
	}
	return nil
}

// takeLine keeps a new line, or changes one that is known.
func (d *Desk) takeLine(ctx context.Context, tx *store.Tx, t *taken, known []Line) (OrderID, error) {
	if err := d.sendTo(ctx, &t.order); err != nil {
		return "", err
	}
	need := d.needOf(ctx, &t.order, &t.line)
	code := cmp.Or(need.Item, itemOf(t.line.Item))
	if l := t.same(code, known); l != nil {
		return l.Order, d.takeChange(ctx, tx, t, l, code)
	}
	o, err := d.orderFor(ctx, tx, t, known)
	if err != nil {
		return "", err
	}
	parked, err := unpark(ctx, tx, t, code)
	if err != nil {
		return "", err
	}
	if parked {
		t.line.Status, t.line.CancelReason = LineCancelled, "cancelled by the sender before the order came"
	}
	if t.specimen.ID != "" && !parked {
		return o.ID, d.planSent(ctx, tx, o, t)
	}
	return o.ID, d.plan(ctx, tx, o, []Line{t.line})
}

// orderFor finds the order of a group, or opens it. A group that names another patient is refused: it is the sender's mistake.
func (d *Desk) orderFor(ctx context.Context, tx *store.Tx, t *taken, known []Line) (*Order, error) {
	b := &sqlText{}
	if len(known) > 0 {
		b.And("o.id = " + b.Arg(string(known[0].Order)))
	} else {
		b.And("o.institution_id = " + b.Arg(string(t.order.Institution)))
		b.And("o.number = " + b.Arg(t.order.Number))
	}
	o, err := orderWhere(ctx, tx, b, "")
	if record.KindOf(err) == record.NotFound {
		o = t.order
		if err := o.checkWho(); err != nil {
			return nil, err
		}
		return &o, d.open(ctx, tx, &o)
	}
	if err != nil {
		return nil, err
	}
	t.order.Who.Issuer = o.Institution
	m, err := tx.MatchPatient(ctx, t.order.Who)
	switch {
	case err != nil:
		return nil, err
	case m.Patient != o.Patient && m.Grade == record.Certain:
		return nil, record.Errorf(record.Conflict, "group %s is of another patient", record.Clip(o.Number, shortText))
	}
	return &o, nil
}

// planSent keeps a line on the tube that the sender names: one of ours, or by its own barcode.
func (d *Desk) planSent(ctx context.Context, tx *store.Tx, o *Order, t *taken) error {
	l := &t.line
	d.ready(ctx, tx, o, l)
	l.Number = o.nextLine(nil)
	barcode := tidyBarcode(t.specimen.ID)
	if barcode == "" {
		return record.Errorf(record.Invalid, "specimen id: want 1 to %d printable characters", maxBarcode)
	}
	sp, err := tubeOf(ctx, tx, o, barcode)
	if err != nil {
		return err
	}
	if sp == nil {
		n := l.need
		if n.Type.Empty() {
			n.Type = t.specimen.Type
		}
		sp, err = d.planTube(ctx, tx, o, Specimen{
			Type: n.Type, Container: n.Container, Volume: n.Volume, Labels: max(n.Labels, 1), Temperature: n.Temperature,
		}, barcode)
		if err != nil {
			return err
		}
	}
	l.Specimen = sp.ID
	if err := insertLine(ctx, tx, l); err != nil {
		return err
	}
	if t.specimen.CollectedAt.IsZero() || sp.State != Planned {
		return d.settle(ctx, tx, sp.ID)
	}
	if err := tx.Lock(ctx, specimenLock(sp.ID)); err != nil {
		return err
	}
	whole, err := specimenOf(ctx, tx, sp.ID)
	if err != nil {
		return err
	}
	w := program(&whole)
	w.by |= clinic
	_, err = d.apply(ctx, tx, &whole, Scan{Act: Collect, At: t.specimen.CollectedAt}, w)
	sp.State = whole.State
	return err
}

// tubeOf finds the tube that an order's institution already uses a barcode for. One of another order is refused.
func tubeOf(ctx context.Context, tx *store.Tx, o *Order, barcode string) (*Specimen, error) {
	var id SpecimenID
	err := tx.QueryRow(ctx, `SELECT c.specimen_id FROM specimen_barcodes c JOIN specimens p ON p.id = c.specimen_id
		WHERE c.barcode = $1 AND c.issuer IN ('', $2) AND p.institution_id = $2 ORDER BY c.issuer LIMIT 1`, barcode, string(o.Institution)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range o.Specimens {
		if o.Specimens[i].ID == id {
			return &o.Specimens[i], nil
		}
	}
	sp, err := specimenOf(ctx, tx, id)
	if err == nil && sp.Patient != o.Patient {
		return nil, record.Errorf(record.Conflict, "barcode %s is on the tube of another patient", barcode)
	}
	return &sp, err
}

// takeChange lets a newer word change what is open: priority, clinical information, and the item before the needle. A line that is known is
// left as it is by the same order again.
func (d *Desk) takeChange(ctx context.Context, tx *store.Tx, t *taken, l *Line, code string) error {
	if !t.change || l.Status == LineCancelled || t.line.saidAt != 0 && t.line.saidAt < l.saidAt {
		return nil
	}
	o, err := orderByID(ctx, tx, l.Order)
	if err != nil {
		return err
	}
	if err := locked(ctx, tx, l); err != nil {
		return err
	}
	l.saidAt = max(l.saidAt, t.line.saidAt)
	if l.Code != code {
		if err := d.exchange(ctx, tx, &o, l, t); err != nil {
			return err
		}
	} else if err := saveLine(ctx, tx, l); err != nil {
		return err
	}
	if priority := t.order.Priority; o.Priority != priority {
		o.Priority = priority
		if err := reprioritise(ctx, tx, &o); err != nil {
			return err
		}
	}
	o.Clinical, o.Ward, o.Visit = cmp.Or(t.order.Clinical, o.Clinical), cmp.Or(t.order.Ward, o.Ward), cmp.Or(t.order.Visit, o.Visit)
	tx.Emit(o.event("changed"))
	return saveOrder(ctx, tx, &o)
}

// exchange puts another item in the place of one that is not begun.
func (d *Desk) exchange(ctx context.Context, tx *store.Tx, o *Order, l *Line, t *taken) error {
	if l.Status != LineOpen {
		return record.Errorf(record.Precondition, "line %s is %s: its item can no longer be changed", l.ID, l.Status)
	}
	if err := d.cancelLine(ctx, tx, l, "changed by the sender"); err != nil {
		return err
	}
	for i := range o.Specimens { // what was cancelled with its last line takes no new one
		if sp := &o.Specimens[i]; sp.ID == l.Specimen {
			var err error
			if *sp, err = specimenOf(ctx, tx, sp.ID); err != nil {
				return err
			}
		}
	}
	return d.plan(ctx, tx, o, []Line{t.line})
}

// takeCancel ends the lines of a number, of one item where it is told, or keeps the cancellation for when the order comes.
func (d *Desk) takeCancel(ctx context.Context, tx *store.Tx, t *taken, known []Line) (OrderID, error) {
	item := itemOf(t.line.Item)
	meant := known
	if item != "" && len(known) > 1 {
		meant = slices.DeleteFunc(slices.Clone(known), func(l Line) bool { return l.Code != item && itemOf(l.Item) != item })
	}
	if len(meant) == 0 {
		_, err := tx.Exec(ctx, `INSERT INTO lab_orders_parked (institution_id, placer, item, said_at, parked_at) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (institution_id, placer, item) DO UPDATE SET said_at = excluded.said_at, parked_at = excluded.parked_at`,
			string(t.order.Institution), t.line.Placer, record.Clip(item, shortText), t.line.saidAt, record.Micros(tx.Now()))
		tx.Emit(record.Event{Act: "lab_order.parked", Institution: t.order.Institution, Kind: "lab_order"})
		return "", err
	}
	o, err := orderByID(ctx, tx, meant[0].Order)
	if err != nil {
		return "", err
	}
	changed := false
	for i := range meant {
		if meant[i].Status == LineCancelled {
			continue
		}
		reason := t.reason
		if reason == "" && meant[i].Status == LineOpen {
			reason = "cancelled by the sender"
		}
		if err := d.cancelLine(ctx, tx, &meant[i], reason); err != nil {
			return "", err
		}
		changed = true
	}
	if !changed {
		return o.ID, nil
	}
	tx.Emit(o.event("cancelled"))
	return o.ID, saveOrder(ctx, tx, &o)
}

// unpark takes a cancellation that came before its order. One that is older than the order was of an earlier use of the number.
func unpark(ctx context.Context, tx *store.Tx, t *taken, code string) (bool, error) {
	items := []string{"", itemOf(t.line.Item), code}
	for i := range items {
		items[i] = record.Clip(items[i], shortText)
	}
	var said int64
	err := tx.QueryRow(ctx, `SELECT MAX(said_at) FROM lab_orders_parked WHERE institution_id = $1 AND placer = $2 AND item IN ($3, $4, $5) HAVING COUNT(*) > 0`,
		string(t.order.Institution), t.line.Placer, items[0], items[1], items[2]).Scan(&said)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM lab_orders_parked WHERE institution_id = $1 AND placer = $2 AND item IN ($3, $4)`,
		string(t.order.Institution), t.line.Placer, items[1], items[2]); err != nil {
		return false, err
	}
	return said == 0 || t.line.saidAt == 0 || said >= t.line.saidAt, nil
}
