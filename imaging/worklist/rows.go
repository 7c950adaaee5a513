// Orders and steps as rows. What no query asks for is one JSON column.

package worklist

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// orderDetails and stepDetails are the JSON columns. Names in them are plain text: record.Personal would be kept as a mask.
type orderDetails struct {
	Placer     string    `json:"placer,omitempty"`
	Procedure  Procedure `json:"procedure"`
	Reason     string    `json:"reason,omitempty"`
	Referring  string    `json:"referring,omitempty"`
	Requesting string    `json:"requesting,omitempty"`
	Service    string    `json:"service,omitempty"`
	Visit      Visit     `json:"visit"`
}

type stepDetails struct {
	StationName   string `json:"station_name,omitempty"`
	Description   string `json:"description,omitempty"`
	Protocol      Code   `json:"protocol"`
	Performing    string `json:"performing,omitempty"`
	Location      string `json:"location,omitempty"`
	ContrastAgent string `json:"contrast_agent,omitempty"`
	PreMedication string `json:"pre_medication,omitempty"`
	Comments      string `json:"comments,omitempty"`
}

func (o *Order) details() (string, error) {
	b, err := json.Marshal(orderDetails{
		o.Placer, o.Procedure, o.Reason, o.Referring.Reveal(), o.Requesting.Reveal(), o.Service, o.Visit,
	})
	return string(b), err
}

func (st *Step) details() (string, error) {
	b, err := json.Marshal(stepDetails{
		st.StationName, st.Description, st.Protocol, st.Performing.Reveal(), st.Location, st.ContrastAgent, st.PreMedication, st.Comments,
	})
	return string(b), err
}

const orderColumns = `o.id, o.institution_id, o.patient_id, o.grade, o.accession, o.study_uid, o.status, o.priority, o.local_number,
	o.name, o.latin, o.birth_date, o.sex, o.details, o.cancel_reason, o.created_at, o.changed_at, o.version`

const stepColumns = `s.order_id, s.id, s.number, s.modality, s.stations, s.start_at, s.status, s.details`

// orderRow and stepRow are what the columns are read into.
type orderRow struct {
	o                *Order
	birth, details   string
	created, changed int64
}

func (r *orderRow) fields() []any {
	o := r.o
	return []any{
		&o.ID, &o.Institution, &o.Patient, &o.Grade, &o.Accession, &o.Study, &o.Status, &o.Priority, &o.Who.LocalID,
		&o.Who.Name, &o.Who.Latin, &r.birth, &o.Who.Sex, &r.details, &o.CancelReason, &r.created, &r.changed, &o.Version,
	}
}

func (r *orderRow) finish() (err error) {
	var d orderDetails
	if err := json.Unmarshal([]byte(r.details), &d); err != nil {
		return err
	}
	o := r.o
	o.Placer, o.Procedure, o.Reason, o.Service, o.Visit = d.Placer, d.Procedure, d.Reason, d.Service, d.Visit
	o.Referring, o.Requesting = record.Personal(d.Referring), record.Personal(d.Requesting)
	o.CreatedAt, o.ChangedAt = record.FromMicros(r.created), record.FromMicros(r.changed)
	o.Who.Issuer = o.Institution
	o.Who.BirthDate, err = record.ParseDate(r.birth)
	return err
}

type stepRow struct {
	order             OrderID
	st                *Step
	stations, details string
	start             int64
}

func (r *stepRow) fields() []any {
	st := r.st
	return []any{&r.order, &st.ID, &st.Number, &st.Modality, &r.stations, &r.start, &st.Status, &r.details}
}

func (r *stepRow) finish() error {
	var d stepDetails
	if err := json.Unmarshal([]byte(r.details), &d); err != nil {
		return err
	}
	st := r.st
	st.StationName, st.Description, st.Protocol, st.Performing = d.StationName, d.Description, d.Protocol, record.Personal(d.Performing)
	st.Location, st.ContrastAgent, st.PreMedication, st.Comments = d.Location, d.ContrastAgent, d.PreMedication, d.Comments
	st.StartAt = record.FromMicros(r.start)
	if t := strings.Trim(r.stations, `\`); t != "" {
		st.Stations = strings.Split(t, `\`)
	}
	return nil
}

// stationText puts a backslash, which no AE title has, around every one.
func stationText(aes []string) string {
	if len(aes) == 0 {
		return ""
	}
	return `\` + strings.Join(aes, `\`) + `\`
}

func scanOrder(scan func(...any) error) (Order, error) {
	var o Order
	r := orderRow{o: &o}
	if err := scan(r.fields()...); err != nil {
		return o, err
	}
	return o, r.finish()
}

// orderIn reads one order of the scope with its steps.
func (w *Worklist) orderIn(ctx context.Context, q store.Querier, s record.Scope, id OrderID) (Order, error) {
	args := []any{string(id)}
	cond := w.db.ScopeSQL(s, "o.institution_id", "o.patient_id", &args)
	o, err := scanOrder(q.QueryRow(ctx, `SELECT `+orderColumns+` FROM imaging_orders o WHERE o.id = $1 AND `+cond, args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Order{}, record.Errorf(record.NotFound, "no order %s", id)
	}
	if err != nil {
		return Order{}, err
	}
	steps, err := stepsOf(ctx, q, o.ID)
	o.Steps = steps[o.ID]
	return o, err
}

// stepsOf reads the steps of orders, each order's by time.
func stepsOf(ctx context.Context, q store.Querier, ids ...OrderID) (map[OrderID][]Step, error) {
	out := map[OrderID][]Step{}
	if len(ids) == 0 {
		return out, nil
	}
	b := &sqlText{}
	store.In(&b.Where, "s.order_id", ids)
	_, err := store.Collect(ctx, q, `SELECT `+stepColumns+` FROM scheduled_steps s WHERE `+b.String()+` ORDER BY s.start_at, s.id`, b.Args,
		func(scan func(...any) error) (struct{}, error) {
			var st Step
			r := stepRow{st: &st}
			err := scan(r.fields()...)
			if err == nil {
				err = r.finish()
			}
			out[r.order] = append(out[r.order], st)
			return struct{}{}, err
		})
	return out, err
}

func insertOrder(ctx context.Context, tx *store.Tx, o *Order) error {
	details, err := o.details()
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `INSERT INTO imaging_orders (id, institution_id, patient_id, grade, accession, study_uid, status, priority,
		local_number, name, latin, birth_date, sex, details, created_at, changed_at, version)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$15,1) ON CONFLICT DO NOTHING`,
		string(o.ID), string(o.Institution), string(o.Patient), string(o.Grade), o.Accession, string(o.Study), string(o.Status), string(o.Priority),
		o.Who.LocalID.Reveal(), o.Who.Name.Reveal(), o.Who.Latin.Reveal(), o.Who.BirthDate, string(o.Who.Sex), details, record.Micros(o.CreatedAt))
	if err := exactlyOne(res, err); !errors.Is(err, errLost) {
		return err
	}
	return record.Errorf(record.Conflict, "an order with this accession number or study is kept already")
}

func insertStep(ctx context.Context, tx *store.Tx, o *Order, st *Step) error {
	details, err := st.details()
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `INSERT INTO scheduled_steps (id, order_id, institution_id, patient_id, number, modality, stations, start_at,
		status, ended, details) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,0,$10) ON CONFLICT DO NOTHING`,
		string(st.ID), string(o.ID), string(o.Institution), string(o.Patient), st.Number, st.Modality, stationText(st.Stations),
		record.Micros(st.StartAt), string(st.Status), details)
	if err := exactlyOne(res, err); !errors.Is(err, errLost) {
		return err
	}
	return record.Errorf(record.Conflict, "a scheduled step with this id is kept already")
}

// saveOrder writes what may change of an order, if nobody else did since it was read.
func saveOrder(ctx context.Context, tx *store.Tx, o *Order) error {
	details, err := o.details()
	if err != nil {
		return err
	}
	o.ChangedAt = stamp(tx.Now())
	res, err := tx.Exec(ctx, `UPDATE imaging_orders SET status = $3, priority = $4, details = $5, cancel_reason = $6, changed_at = $7,
		version = version + 1 WHERE id = $1 AND version = $2`, string(o.ID), o.Version, string(o.Status), string(o.Priority), details,
		o.CancelReason, record.Micros(o.ChangedAt))
	o.Version++
	return exactlyOne(res, err)
}

func saveStep(ctx context.Context, tx *store.Tx, st *Step) error {
	details, err := st.details()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE scheduled_steps SET modality = $2, stations = $3, start_at = $4, status = $5, ended = $6, details = $7 WHERE id = $1`,
		string(st.ID), st.Modality, stationText(st.Stations), record.Micros(st.StartAt), string(st.Status), st.Status.Ended(), details)
	return err
}

func (o *Order) event(act string) record.Event {
	return record.Event{Act: act, Institution: o.Institution, Patient: o.Patient, Kind: "order", Object: string(o.ID)}
}

func (o *Order) stepEvent(act string, st *Step) record.Event {
	return record.Event{
		Act: act, Institution: o.Institution, Patient: o.Patient, Kind: "step", Object: string(st.ID),
		Detail: map[string]string{"order": string(o.ID), "modality": st.Modality},
	}
}
