package specimen

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// OrderFilter selects orders; empty fields select nothing out.
type OrderFilter struct {
	From, To    time.Time // ordered, From <= t < To
	Status      LineStatus
	Patient     record.PatientID
	Institution record.InstitutionID
	LocalNumber string          // exact
	Name        record.Personal // its beginning
	Number      string          // of the sender, of the order or a line
	Limit       int             // default 50, at most 500
	Page        string
}

// Order gives one order with its lines and tubes.
func (d *Desk) Order(ctx context.Context, s record.Scope, id OrderID) (Order, error) {
	o, err := d.orderIn(ctx, d.db, s, id)
	if err != nil {
		return Order{}, err
	}
	return o, d.notes.Note(ctx, s, o.event("read"))
}

// Orders lists orders, the newest first, and the token of the next page, empty at the end.
func (d *Desk) Orders(ctx context.Context, s record.Scope, f OrderFilter) ([]Order, string, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 500)
	b, err := d.ordersQuery(s, f)
	if err != nil {
		return nil, "", err
	}
	found, err := store.Collect(ctx, d.db, `SELECT `+orderColumns+` FROM lab_orders o WHERE `+b.String()+` ORDER BY o.ordered_at DESC, o.id DESC LIMIT `+
		b.Arg(f.Limit+1), b.Args, scanOrder)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > f.Limit {
		found = found[:f.Limit]
		last := found[len(found)-1]
		next = pageAt(record.Micros(last.OrderedAt), string(last.ID))
	}
	all := make([]*Order, len(found))
	for i := range found {
		all[i] = &found[i]
	}
	if err := withParts(ctx, d.db, all); err != nil {
		return nil, "", err
	}
	e := record.Event{
		Act: "lab_order.list", Kind: "search", Institution: f.Institution, Patient: f.Patient,
		Detail: map[string]string{"count": strconv.Itoa(len(found))},
	}
	return found, next, d.db.NoteSoon(ctx, e.By(s))
}

func (d *Desk) ordersQuery(s record.Scope, f OrderFilter) (*sqlText, error) {
	b := &sqlText{}
	b.And(d.db.ScopeSQL(s, "o.institution_id", "o.patient_id", &b.Args))
	if !f.From.IsZero() {
		b.And("o.ordered_at >= " + b.Arg(record.Micros(f.From)))
	}
	if !f.To.IsZero() {
		b.And("o.ordered_at < " + b.Arg(record.Micros(f.To)))
	}
	b.Equal("o.patient_id", string(f.Patient))
	b.Equal("o.institution_id", string(f.Institution))
	b.Equal("o.local_number", f.LocalNumber)
	if f.Status != "" {
		b.And("EXISTS (SELECT 1 FROM lab_order_lines l WHERE l.order_id = o.id AND l.status = " + b.Arg(string(f.Status)) + ")")
	}
	if f.Number != "" {
		n := b.Arg(f.Number)
		b.And("(o.number = " + n + " OR EXISTS (SELECT 1 FROM lab_order_lines l WHERE l.order_id = o.id AND l.placer = " + n + "))")
	}
	if name := strings.TrimSpace(f.Name.Reveal()); name != "" {
		like := b.Arg(store.LikeText(strings.ToLower(name)) + "%")
		b.And(`(LOWER(o.name) LIKE ` + like + ` ESCAPE '\' OR LOWER(o.latin) LIKE ` + like + ` ESCAPE '\')`)
	}
	if f.Page != "" {
		at, id, err := openPage(f.Page)
		if err != nil {
			return nil, err
		}
		b.And("(o.ordered_at, o.id) < (" + b.Arg(at) + ", " + b.Arg(id) + ")")
	}
	return b, nil
}
