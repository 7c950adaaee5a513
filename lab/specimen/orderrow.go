// Orders and lines as rows. What no query asks for is one JSON column.

package specimen

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// orderDetails and lineDetails are the JSON columns. Names in them are plain text: record.Personal would be kept as a mask.
type orderDetails struct {
	Laboratory record.InstitutionID `json:"laboratory,omitempty"`
	Visit      string               `json:"visit,omitempty"`
	Ward       string               `json:"ward,omitempty"`
	Orderer    string               `json:"orderer,omitempty"`
	Clinical   string               `json:"clinical,omitempty"`
	Preprinted bool                 `json:"preprinted,omitempty"`
}

type lineDetails struct {
	Item     observation.Coding `json:"item"`
	Title    string             `json:"title,omitempty"`
	Analytes []string           `json:"analytes,omitempty"`
	Done     []string           `json:"done,omitempty"`
}

func (o *Order) details() (string, error) {
	b, err := json.Marshal(orderDetails{o.Laboratory, o.Visit, o.Ward, o.Orderer.Reveal(), o.Clinical, o.Preprinted})
	return string(b), err
}

const orderColumns = `o.id, o.institution_id, o.patient_id, o.grade, o.number, o.priority, o.local_number, o.name, o.latin, o.birth_date, o.sex,
	o.details, o.ordered_at, o.created_at, o.changed_at, o.version`

func scanOrder(scan func(...any) error) (Order, error) {
	var o Order
	var birth, details string
	var ordered, created, changed int64
	err := scan(&o.ID, &o.Institution, &o.Patient, &o.Grade, &o.Number, &o.Priority, &o.Who.LocalID, &o.Who.Name, &o.Who.Latin, &birth, &o.Who.Sex,
		&details, &ordered, &created, &changed, &o.Version)
	if err != nil {
		return o, err
	}
	var d orderDetails
	if err := json.Unmarshal([]byte(details), &d); err != nil {
		return o, err
	}
	o.Laboratory, o.Visit, o.Ward, o.Orderer, o.Clinical, o.Preprinted = d.Laboratory, d.Visit, d.Ward, record.Personal(d.Orderer), d.Clinical, d.Preprinted
	o.OrderedAt, o.CreatedAt, o.ChangedAt = record.FromMicros(ordered), record.FromMicros(created), record.FromMicros(changed)
	o.Who.Issuer = o.Institution
	o.Who.BirthDate, err = record.ParseDate(birth)
	return o, err
}

const lineColumns = `l.id, l.number, l.order_id, l.institution_id, l.patient_id, l.placer, l.item, l.status, l.specimen_id, l.details, l.cancel_reason, l.said_at,
	l.ordered_at, l.reported_at`

func scanLine(scan func(...any) error) (Line, error) {
	var l Line
	var details string
	var ordered, reported int64
	err := scan(&l.ID, &l.Number, &l.Order, &l.institution, &l.patient, &l.Placer, &l.Code, &l.Status, &l.Specimen, &details, &l.CancelReason, &l.saidAt,
		&ordered, &reported)
	if err != nil {
		return l, err
	}
	var d lineDetails
	if err := json.Unmarshal([]byte(details), &d); err != nil {
		return l, err
	}
	l.Item, l.Title, l.Analytes, l.Done = d.Item, d.Title, d.Analytes, d.Done
	l.OrderedAt, l.ReportedAt = record.FromMicros(ordered), record.FromMicros(reported)
	return l, nil
}

func linesWhere(ctx context.Context, q store.Querier, b *sqlText) ([]Line, error) {
	return store.Collect(ctx, q, `SELECT `+lineColumns+` FROM lab_order_lines l WHERE `+b.String()+` ORDER BY l.order_id, l.number`, b.Args, scanLine)
}

// orderIn reads one order of the scope with its lines and tubes.
func (d *Desk) orderIn(ctx context.Context, q store.Querier, s record.Scope, id OrderID) (Order, error) {
	b := &sqlText{}
	b.And("o.id = " + b.Arg(string(id)))
	b.And(d.db.ScopeSQL(s, "o.institution_id", "o.patient_id", &b.Args))
	return orderWhere(ctx, q, b, fmt.Sprintf("no order %s", id))
}

func orderWhere(ctx context.Context, q store.Querier, b *sqlText, missing string) (Order, error) {
	o, err := scanOrder(q.QueryRow(ctx, `SELECT `+orderColumns+` FROM lab_orders o WHERE `+b.String(), b.Args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Order{}, record.Errorf(record.NotFound, "%s", missing)
	}
	if err != nil {
		return Order{}, err
	}
	return o, withParts(ctx, q, []*Order{&o})
}

// withParts reads the lines and tubes of orders.
func withParts(ctx context.Context, q store.Querier, orders []*Order) error {
	if len(orders) == 0 {
		return nil
	}
	at := make(map[OrderID]*Order, len(orders))
	ids := make([]OrderID, 0, len(orders))
	for _, o := range orders {
		at[o.ID] = o
		ids = append(ids, o.ID)
	}
	b := &sqlText{}
	store.In(b, "l.order_id", ids)
	lines, err := linesWhere(ctx, q, b)
	if err != nil {
		return err
	}
	for _, l := range lines {
		at[l.Order].Lines = append(at[l.Order].Lines, l)
	}
	b = &sqlText{}
	store.In(b, "p.order_id", ids)
	tubes, err := store.Collect(ctx, q, `SELECT `+specimenColumns+` FROM specimens p WHERE `+b.String()+` ORDER BY p.order_id, p.number`, b.Args, scanSpecimen)
	if err != nil {
		return err
	}
	for _, sp := range tubes {
		for _, l := range at[sp.Order].Lines {
			if l.Specimen == sp.ID {
				sp.Lines = append(sp.Lines, l)
			}
		}
		at[sp.Order].Specimens = append(at[sp.Order].Specimens, sp)
	}
	return nil
}

func insertOrder(ctx context.Context, tx *store.Tx, o *Order) error {
	details, err := o.details()
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `INSERT INTO lab_orders (id, institution_id, patient_id, grade, number, priority, local_number, name, latin, birth_date, sex,
		details, ordered_at, created_at, changed_at, version) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$14,1) ON CONFLICT DO NOTHING`,
		string(o.ID), string(o.Institution), string(o.Patient), string(o.Grade), o.Number, string(o.Priority), o.Who.LocalID.Reveal(),
		o.Who.Name.Reveal(), o.Who.Latin.Reveal(), o.Who.BirthDate, string(o.Who.Sex), details, record.Micros(o.OrderedAt), record.Micros(o.CreatedAt))
	if err := exactlyOne(res, err); !errors.Is(err, errLost) {
		return err
	}
	return record.Errorf(record.Conflict, "an order with this number is kept already")
}

// saveOrder writes what may change of an order, if nobody else did since it was read.
func saveOrder(ctx context.Context, tx *store.Tx, o *Order) error {
	details, err := o.details()
	if err != nil {
		return err
	}
	o.ChangedAt = stamp(tx.Now())
	res, err := tx.Exec(ctx, `UPDATE lab_orders SET priority = $3, details = $4, changed_at = $5, version = version + 1 WHERE id = $1 AND version = $2`,
		string(o.ID), o.Version, string(o.Priority), details, record.Micros(o.ChangedAt))
	o.Version++
	return exactlyOne(res, err)
}

func (l *Line) details() (string, error) {
	b, err := json.Marshal(lineDetails{l.Item, l.Title, l.Analytes, l.Done})
	return string(b), err
}

func insertLine(ctx context.Context, tx *store.Tx, l *Line) error {
	details, err := l.details()
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `INSERT INTO lab_order_lines (id, order_id, institution_id, patient_id, placer, item, status, specimen_id, details,
		cancel_reason, said_at, ordered_at, number) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13) ON CONFLICT DO NOTHING`,
		string(l.ID), string(l.Order), string(l.institution), string(l.patient), l.Placer, l.Code, string(l.Status), string(l.Specimen), details,
		l.CancelReason, l.saidAt, record.Micros(l.OrderedAt), l.Number)
	if err := exactlyOne(res, err); !errors.Is(err, errLost) {
		return err
	}
	return record.Errorf(record.Conflict, "this item is ordered already under this number")
}

func saveLine(ctx context.Context, tx *store.Tx, l *Line) error {
	details, err := l.details()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE lab_order_lines SET item = $2, status = $3, specimen_id = $4, details = $5, cancel_reason = $6, said_at = $7,
		reported_at = $8 WHERE id = $1`, string(l.ID), l.Code, string(l.Status), string(l.Specimen), details, l.CancelReason, l.saidAt,
		record.Micros(l.ReportedAt))
	return err
}

func (o *Order) event(act string) record.Event {
	return record.Event{Act: "lab_order." + act, Institution: o.Institution, Patient: o.Patient, Kind: "lab_order", Object: string(o.ID)}
}
