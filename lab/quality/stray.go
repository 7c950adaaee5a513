package quality

import (
	"context"
	"errors"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// StrayID names a stray.
type StrayID string

// Reason says why a control result of an analyser is in no chart.
type Reason string

// The reasons.
const (
	NoCode    Reason = "code"  // the catalogue does not know the analyser's code
	NoNumber  Reason = "value" // not a plain number
	OtherUnit Reason = "unit"  // not the unit of the plan
	NoLevel   Reason = "level" // none, or none of the lot
)

// Stray is a control result of an analyser that no chart could take. It waits for a person.
type Stray struct {
	ID         StrayID
	Laboratory record.InstitutionID
	Device     string
	Reason     Reason
	Code       string
	System     string
	Text       string
	Value      string
	Unit       string
	Lot        string
	Level      string
	ReagentLot string
	At         time.Time
	RecordedAt time.Time

	Point         PointID // what became of it
	Resolution    string  // entered dismissed; empty: it waits
	ResolvedAt    time.Time
	ResolvedBy    string
	ResolveReason string

	client string
}

func (d *Desk) stray(ctx context.Context, tx *store.Tx, t Stray, why Reason) error {
	t.RecordedAt = stamp(tx.Now())
	t.ID = StrayID(record.NewID(t.RecordedAt))
	res, err := tx.Exec(ctx, `INSERT INTO qc_strays (id, institution_id, device, reason, code, code_system, code_text, value, unit, lot, level, reagent_lot, at, recorded_at,
		client_id) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15) ON CONFLICT DO NOTHING`, string(t.ID), string(t.Laboratory), t.Device, string(why),
		t.Code, t.System, t.Text, t.Value, t.Unit, t.Lot, t.Level, t.ReagentLot, record.Micros(t.At), record.Micros(t.RecordedAt), t.client)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err // the same again
	}
	tx.Emit(record.Event{
		Act: "qc.stray", Institution: t.Laboratory, Kind: "qc_stray", Object: string(t.ID), Detail: map[string]string{"device": t.Device, "reason": string(why)},
	})
	return nil
}

// Strays lists strays, the newest first; waiting leaves out those a person has dealt with.
func (d *Desk) Strays(ctx context.Context, s record.Scope, laboratory record.InstitutionID, waiting bool, page store.Page) ([]Stray, error) {
	b := d.within(s, "institution_id", laboratory)
	b.before("id", page)
	if waiting {
		b.And("resolution = ''")
	}
	cond := b.String() + ` ORDER BY id DESC LIMIT ` + b.Arg(limit(page))
	return strays(ctx, d.db, cond, b.Args...)
}

func strays(ctx context.Context, q store.Querier, cond string, args ...any) ([]Stray, error) {
	return store.Collect(ctx, q, `SELECT id, institution_id, device, reason, code, code_system, code_text, value, unit, lot, level, reagent_lot, at, recorded_at, client_id,
		point_id, resolution, resolved_at, resolved_by, resolve_reason FROM qc_strays WHERE `+cond, args, func(scan func(...any) error) (t Stray, err error) {
		var at, recorded, resolved int64
		err = scan(&t.ID, &t.Laboratory, &t.Device, &t.Reason, &t.Code, &t.System, &t.Text, &t.Value, &t.Unit, &t.Lot, &t.Level, &t.ReagentLot, &at, &recorded, &t.client,
			&t.Point, &t.Resolution, &resolved, &t.ResolvedBy, &t.ResolveReason)
		t.At, t.RecordedAt, t.ResolvedAt = record.FromMicros(at), record.FromMicros(recorded), record.FromMicros(resolved)
		return t, err
	})
}

// EnterStray makes a stray a point: of this analyte, level and lot, and in this unit. The value and the instant stay as the analyser told them.
func (d *Desk) EnterStray(ctx context.Context, s record.Scope, id StrayID, analyte, level string, lot LotID, unit string) (Stray, error) {
	return d.resolve(ctx, s, id, "", func(tx *store.Tx, t *Stray) error {
		v := observation.ParseValue(t.Value).Exact()
		if v == nil {
			return record.Errorf(record.Precondition, "the stray is not a plain number: it can only be dismissed")
		}
		e := Entry{
			Of: Series{t.Laboratory, t.Device, analyte}, Level: level, Lot: lot, Value: v, Unit: unit, At: t.At, ReagentLot: t.ReagentLot, ClientID: t.client,
		}
		if err := e.check(tx.Now()); err != nil {
			return err
		}
		points, err := d.enter(ctx, tx, s, ByAnalyser, []Entry{e})
		if err != nil {
			return err
		}
		t.Point, t.Resolution = points[0].ID, "entered"
		return nil
	})
}

// DismissStray puts a stray away, with a reason.
func (d *Desk) DismissStray(ctx context.Context, s record.Scope, id StrayID, reason string) (Stray, error) {
	if err := prose("reason", reason, 1, 1000); err != nil {
		return Stray{}, err
	}
	return d.resolve(ctx, s, id, reason, func(_ *store.Tx, t *Stray) error {
		t.Resolution = "dismissed"
		return nil
	})
}

func (d *Desk) resolve(ctx context.Context, s record.Scope, id StrayID, reason string, how func(*store.Tx, *Stray) error) (Stray, error) {
	found, err := strays(ctx, d.db, `id = $1`, string(id))
	if err != nil {
		return Stray{}, err
	}
	if len(found) == 0 || !s.Reaches(found[0].Laboratory) {
		return Stray{}, record.Errorf(record.NotFound, "no stray %s", id)
	}
	t := found[0]
	err = d.act(ctx, s, t.Laboratory, func(tx *store.Tx) error {
		if err := how(tx, &t); err != nil {
			return err
		}
		t.ResolvedAt, t.ResolvedBy, t.ResolveReason = stamp(tx.Now()), s.Actor.ID, reason
		res, err := tx.Exec(ctx, `UPDATE qc_strays SET point_id = $2, resolution = $3, resolved_at = $4, resolved_by = $5, resolve_reason = $6
			WHERE id = $1 AND resolution = ''`, string(id), string(t.Point), t.Resolution, record.Micros(t.ResolvedAt), t.ResolvedBy, reason)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, record.Errorf(record.Precondition, "somebody has dealt with it already"))
		}
		tx.Emit(record.Event{Act: "qc.resolved", Institution: t.Laboratory, Kind: "qc_stray", Object: string(id)})
		return nil
	})
	return t, err
}
