// The same item a few days ago: told before the needle, and never in the way of it.

package specimen

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const maxTested = 50

// Check tells what of the items a person has had ordered or reported in the last days, anywhere in the region: item, institution and day, no
// value. It keeps nothing.
func (d *Desk) Check(ctx context.Context, s record.Scope, patient record.PatientID, o Order) ([]Tested, error) {
	o.Institution = cmp.Or(o.Institution, s.Actor.Institution)
	if err := writesAt(s, o.Institution); err != nil {
		return nil, err
	}
	o.Lines = slices.Clone(o.Lines)
	if err := o.checkLines(); err != nil {
		return nil, err
	}
	if _, err := d.db.PatientIn(ctx, s, patient); err != nil {
		return nil, err
	}
	if err := d.sendTo(ctx, &o); err != nil {
		return nil, err
	}
	o.Patient, o.Grade = patient, record.Certain
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Code = cmp.Or(d.needOf(ctx, &o, l).Item, itemOf(l.Item))
	}
	before, err := d.ordersBefore(ctx, d.db, &o)
	if err != nil {
		return nil, err
	}
	e := record.Event{Act: "lab_order.checked", Institution: o.Institution, Patient: patient, Kind: "patient", Object: string(patient)}
	return d.withResults(ctx, s, &o, before), d.db.NoteSoon(ctx, e.By(s))
}

func (d *Desk) recentDays() time.Duration { return time.Duration(d.opt.RecentDays) * 24 * time.Hour }

// ordersBefore looks for open or reported lines of the same items and the same person. Other institutions' orders are told only of a patient
// who is certain and has not withdrawn consent to sharing.
func (d *Desk) ordersBefore(ctx context.Context, q store.Querier, o *Order) ([]Tested, error) {
	items := make([]string, 0, len(o.Lines))
	for i := range o.Lines {
		l := &o.Lines[i]
		items = append(items, cmp.Or(l.Code, d.needOf(ctx, o, l).Item, itemOf(l.Item)))
	}
	b := &sqlText{}
	me := b.Arg(string(o.Patient))
	b.And("l.patient_id IN (SELECT CAST(" + me + " AS TEXT) UNION SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = " + me + ")")
	store.In(b, "l.item", items)
	b.And("l.status <> 'cancelled'")
	b.And("l.ordered_at >= " + b.Arg(record.Micros(d.db.Now().Add(-d.recentDays()))))
	b.And("l.order_id <> " + b.Arg(string(o.ID)))
	at := b.Arg(string(o.Institution))
	if o.Grade == record.Certain {
		b.And("(l.institution_id = " + at + " OR NOT EXISTS (SELECT 1 FROM scope_withdrawals WHERE scope_patient = l.patient_id))")
	} else {
		b.And("l.institution_id = " + at)
	}
	return store.Collect(ctx, q, `SELECT l.item, l.institution_id, l.status, l.ordered_at, l.reported_at FROM lab_order_lines l WHERE `+b.String()+
		` ORDER BY l.ordered_at DESC LIMIT `+b.Arg(maxTested), b.Args, func(scan func(...any) error) (t Tested, err error) {
		var status LineStatus
		var ordered, reported int64
		err = scan(&t.Item, &t.Institution, &status, &ordered, &reported)
		t.Reported, t.At = status == LineReported, record.FromMicros(ordered)
		if t.Reported {
			t.At = record.FromMicros(reported)
		}
		return t, err
	})
}

// withResults adds the results that came without an order of ours. What cannot be asked is left out: a warning is no condition.
func (d *Desk) withResults(ctx context.Context, s record.Scope, o *Order, before []Tested) []Tested {
	if d.opt.Recent != nil {
		items := make([]string, len(o.Lines))
		for i := range o.Lines {
			items[i] = o.Lines[i].Code
		}
		more, err := d.opt.Recent(ctx, s, o.Patient, items, d.db.Now().Add(-d.recentDays()))
		if err == nil {
			before = append(before, more...)
		}
	}
	for i := range before {
		for j := range o.Lines {
			if o.Lines[j].Code == before[i].Item {
				before[i].Title = cmp.Or(before[i].Title, o.Lines[j].Title, o.Lines[j].Item.Display())
			}
		}
	}
	slices.SortStableFunc(before, func(a, b Tested) int { return b.At.Compare(a.At) })
	before = slices.CompactFunc(before, func(a, b Tested) bool {
		return a.Item == b.Item && a.Institution == b.Institution && a.At.Equal(b.At)
	})
	return before[:min(len(before), maxTested)]
}
