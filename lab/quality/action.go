package quality

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ActionID names an entry of the action log.
type ActionID string

// Action is an entry of the log of what was done about a control 失控处理.
type Action struct {
	ID         ActionID
	Of         Series
	Hold       HoldID  // that it answers; may be empty
	Point      PointID // the control that was measured again; may be empty
	At         time.Time
	RecordedAt time.Time
	RecordedBy string
	ByName     string
	Cause      string
	Correction string
	Comment    string

	// Restart says that the cause was corrected (calibration, reagent, part): rules do not look behind At any more.
	Restart bool
}

// Log enters an action. One that restarts judges the points behind it again.
func (d *Desk) Log(ctx context.Context, s record.Scope, a Action) (Action, error) {
	for _, err := range []error{prose("cause", a.Cause, 1, 2000), prose("correction", a.Correction, 1, 2000), prose("comment", a.Comment, 0, 2000)} {
		if err != nil {
			return a, err
		}
	}
	err := d.act(ctx, s, a.Of.Laboratory, func(tx *store.Tx) error {
		id, err := d.open(ctx, tx, a.Of)
		if err != nil {
			return err
		}
		if err := a.refersTo(ctx, tx); err != nil {
			return err
		}
		a.RecordedAt, a.RecordedBy, a.ByName = stamp(tx.Now()), s.Actor.ID, s.Actor.Display
		if a.At.IsZero() {
			a.At = a.RecordedAt
		}
		if a.At = stamp(a.At); a.At.After(a.RecordedAt.Add(ahead)) {
			return record.Errorf(record.Invalid, "at: in the future")
		}
		a.ID = ActionID(record.NewID(a.RecordedAt))
		if _, err := tx.Exec(ctx, `INSERT INTO qc_actions (id, series_id, institution_id, hold_id, point_id, at, recorded_at, recorded_by, by_name, cause, correction,
			comment, restart) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)`, string(a.ID), string(id), string(a.Of.Laboratory), string(a.Hold), string(a.Point),
			record.Micros(a.At), record.Micros(a.RecordedAt), a.RecordedBy, a.ByName, a.Cause, a.Correction, a.Comment, a.Restart); err != nil {
			return err
		}
		tx.Emit(a.Of.event("qc.action", "qc_action", string(a.ID)))
		if a.Restart {
			return d.judge(ctx, tx, a.Of, a.At)
		}
		return nil
	})
	return a, err
}

// refersTo checks that the hold and the point that an action names are of its series.
func (a Action) refersTo(ctx context.Context, tx *store.Tx) error {
	for _, r := range []struct{ table, id string }{{"qc_holds", string(a.Hold)}, {"qc_points", string(a.Point)}} {
		if r.id == "" {
			continue
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+r.table+` WHERE id = $1 AND series_id = $2`, r.id, string(a.Of.ID())).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return record.Errorf(record.NotFound, "the action names a hold or point that is not of its series")
		}
	}
	return nil
}

// ActionFilter selects actions; empty fields select nothing out.
type ActionFilter struct {
	Laboratory record.InstitutionID
	Device     string
	Analyte    string
	Hold       HoldID
	From, To   time.Time // From <= At < To
	Page       store.Page
}

// Actions lists the action log, the newest entries first.
func (d *Desk) Actions(ctx context.Context, s record.Scope, f ActionFilter) ([]Action, error) {
	b := d.within(s, "a.institution_id", f.Laboratory)
	b.Equal("s.device", f.Device)
	b.Equal("s.analyte", f.Analyte)
	b.Equal("a.hold_id", string(f.Hold))
	b.between("a.at", f.From, f.To)
	b.before("a.id", f.Page)
	query := `SELECT a.id, s.institution_id, s.device, s.analyte, a.hold_id, a.point_id, a.at, a.recorded_at, a.recorded_by, a.by_name, a.cause, a.correction, a.comment,
		a.restart FROM qc_actions a JOIN qc_series s ON s.id = a.series_id WHERE ` + b.String() + ` ORDER BY a.id DESC LIMIT ` + b.Arg(limit(f.Page))
	return store.Collect(ctx, d.db, query, b.Args, func(scan func(...any) error) (a Action, err error) {
		var at, recorded int64
		var restart int
		err = scan(&a.ID, &a.Of.Laboratory, &a.Of.Device, &a.Of.Analyte, &a.Hold, &a.Point, &at, &recorded, &a.RecordedBy, &a.ByName, &a.Cause, &a.Correction,
			&a.Comment, &restart)
		a.At, a.RecordedAt, a.Restart = record.FromMicros(at), record.FromMicros(recorded), restart == 1
		return a, err
	})
}

func (b *sqlText) between(column string, from, to time.Time) {
	if !from.IsZero() {
		b.And(column + " >= " + b.Arg(record.Micros(from)))
	}
	if !to.IsZero() {
		b.And(column + " < " + b.Arg(record.Micros(to)))
	}
}
