package quality

import (
	"context"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// TargetID names a target.
type TargetID string

// Source says where a target comes from.
type Source string

// The sources, in the order in which a laboratory comes to them.
const (
	Assigned    Source = "assigned"    // of the manufacturer, or decided
	Provisional Source = "provisional" // 暂定: of the points of the establishment phase
	Fixed       Source = "fixed"       // 常用: of all points since, when there are enough
	Cumulative  Source = "cumulative"  // 累积: of all points of the lot until now
)

// Target is what a level of a lot should measure in a series, from an instant on.
type Target struct {
	ID         TargetID
	Of         Series
	Level      string
	Lot        LotID
	Mean, SD   *apd.Decimal
	Unit       string
	Source     Source
	N, Dropped int // points that it was computed from; points beyond 3s that were left out
	From       time.Time
	RecordedAt time.Time
	RecordedBy string
	Reason     string
}

// SetTarget sets an assigned target. Points of the level and lot that were measured since From are judged by it; From is now when zero.
func (d *Desk) SetTarget(ctx context.Context, s record.Scope, t Target) (Target, error) {
	t.Source, t.N, t.Dropped = Assigned, 0, 0
	if t.Mean == nil || t.SD == nil || t.SD.Sign() <= 0 || t.Mean.NumDigits() > 30 || t.SD.NumDigits() > 30 {
		return t, record.Errorf(record.Invalid, "target: want a mean and an SD above zero")
	}
	if err := checkLevel(t.Level); err != nil {
		return t, err
	}
	if err := prose("reason", t.Reason, 0, 1000); err != nil {
		return t, err
	}
	err := d.act(ctx, s, t.Of.Laboratory, func(tx *store.Tx) error { return d.putTarget(ctx, tx, s, &t) })
	return t, err
}

func (d *Desk) putTarget(ctx context.Context, tx *store.Tx, s record.Scope, t *Target) error {
	id, err := d.open(ctx, tx, t.Of)
	if err != nil {
		return err
	}
	known, err := lots(ctx, tx, `id = $1 AND institution_id = $2`, string(t.Lot), string(t.Of.Laboratory))
	if err != nil {
		return err
	}
	if len(known) == 0 {
		return record.Errorf(record.NotFound, "no such lot at this laboratory")
	}
	plan, err := planAt(ctx, tx, id, tx.Now())
	if err != nil {
		return err
	}
	if t.Unit == "" {
		t.Unit = plan.Unit
	}
	if plan.Unit != "" && t.Unit != plan.Unit {
		return record.Errorf(record.Invalid, "unit: points of this analyte are in another unit")
	}
	t.RecordedAt, t.RecordedBy = stamp(tx.Now()), s.Actor.ID
	if t.From.IsZero() {
		t.From = t.RecordedAt
	}
	t.ID, t.From = TargetID(record.NewID(t.RecordedAt)), stamp(t.From)
	_, err = tx.Exec(ctx, `INSERT INTO qc_targets (id, series_id, institution_id, level, lot_id, mean, sd, unit, source, n, dropped, from_at, recorded_at, recorded_by, reason)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)`, string(t.ID), string(id), string(t.Of.Laboratory), t.Level, string(t.Lot),
		observation.Digits(t.Mean), observation.Digits(t.SD), t.Unit, string(t.Source), t.N, t.Dropped, record.Micros(t.From), record.Micros(t.RecordedAt), t.RecordedBy, t.Reason)
	if err != nil {
		return err
	}
	tx.Emit(t.Of.event("qc.target", "qc_target", string(t.ID)))
	return d.judge(ctx, tx, t.Of, t.From)
}

// before says which target a computed one must follow; none: it is the first step.
var before = map[Source][]Source{
	Provisional: nil,
	Fixed:       {Provisional},
	Cumulative:  {Fixed, Cumulative},
}

// Establish computes a target from the points of a level and lot that were not voided: all that were measured until now, without those that the
// rules rejected and, repeatedly, without those beyond 3s of the rest (WS/T 641 6.4). It needs as many points over as many days as the plan
// says. It counts from now on.
func (d *Desk) Establish(ctx context.Context, s record.Scope, t Target) (Target, error) {
	follows, ok := before[t.Source]
	if !ok {
		return t, record.Errorf(record.Invalid, "source: want provisional, fixed or cumulative")
	}
	if err := checkLevel(t.Level); err != nil {
		return t, err
	}
	t.From = time.Time{}
	err := d.act(ctx, s, t.Of.Laboratory, func(tx *store.Tx) error {
		id, err := d.open(ctx, tx, t.Of)
		if err != nil {
			return err
		}
		all, err := targets(ctx, tx, id, tx.Now())
		if err != nil {
			return err
		}
		if now := current(all, t.Level, t.Lot, tx.Now()); follows != nil && (now == nil || !slices.Contains(follows, now.Source)) {
			return record.Errorf(record.Precondition, "a %s target follows a %s one", t.Source, follows[0])
		}
		if err := d.compute(ctx, tx, id, &t); err != nil {
			return err
		}
		return d.putTarget(ctx, tx, s, &t)
	})
	return t, err
}

const mostEstablishing = 20000

func (d *Desk) compute(ctx context.Context, tx *store.Tx, id SeriesID, t *Target) error {
	plan, err := planAt(ctx, tx, id, tx.Now())
	if err != nil {
		return err
	}
	type one struct {
		at          int64
		value, unit string
	}
	rows, err := store.List(ctx, tx, `SELECT at, value, unit FROM qc_points WHERE series_id = $1 AND level = $2 AND lot_id = $3 AND voided_at = 0
		AND decision IN ('establishing', 'accept', 'warning') ORDER BY at DESC LIMIT $4`,
		[]any{string(id), t.Level, string(t.Lot), mostEstablishing}, func(o *one) []any { return []any{&o.at, &o.value, &o.unit} })
	if err != nil {
		return err
	}
	values := make([]*apd.Decimal, 0, len(rows))
	days := map[string]bool{}
	for _, r := range rows {
		if t.Unit = rows[0].unit; r.unit != t.Unit {
			return record.Errorf(record.Precondition, "the points are in several units: say in the plan which it is, and void the others")
		}
		values = append(values, number(r.value))
		days[record.FromMicros(r.at).In(d.opt.Zone).Format(time.DateOnly)] = true
	}
	st, dropped, err := steady(values)
	if err != nil {
		return err
	}
	if st.N < plan.Points || len(days) < plan.Days {
		return record.Errorf(record.Precondition, "%d points over %d days: an establishment needs %d over %d days", st.N, len(days), plan.Points, plan.Days)
	}
	if st.SD.Sign() <= 0 {
		return record.Errorf(record.Precondition, "all points are alike: there is no SD to judge by")
	}
	t.Mean, t.SD, t.N, t.Dropped = st.Mean, st.SD, st.N, dropped
	return nil
}

// steady summarises values without those beyond 3s of the rest.
func steady(values []*apd.Decimal) (westgard.Statistics, int, error) {
	total := len(values)
	for {
		st, err := westgard.Summarise(values)
		if err != nil || st.SD == nil {
			return st, total - len(values), err
		}
		kept := slices.DeleteFunc(slices.Clone(values), func(v *apd.Decimal) bool { return beyond(v, st) })
		if len(kept) == len(values) {
			return st, total - len(values), nil
		}
		values = kept
	}
}

func beyond(v *apd.Decimal, st westgard.Statistics) bool {
	e := apd.MakeErrDecimal(apd.BaseContext.WithPrecision(60))
	var d, limit apd.Decimal
	e.Sub(&d, v, st.Mean)
	e.Mul(&limit, st.SD, apd.New(3, 0))
	d.Abs(&d)
	return e.Err() == nil && d.Cmp(&limit) > 0
}

// Targets lists the targets of a series, the newest first.
func (d *Desk) Targets(ctx context.Context, s record.Scope, of Series) ([]Target, error) {
	if !s.Reaches(of.Laboratory) {
		return nil, record.Errorf(record.NotFound, "no such series")
	}
	out, err := targets(ctx, d.db, of.ID(), d.db.Now())
	slices.Reverse(out)
	for i := range out {
		out[i].Of = of
	}
	return out, err
}

// targets reads those of a series as they were known at an instant, in the order in which they begin.
func targets(ctx context.Context, q store.Querier, id SeriesID, known time.Time) ([]Target, error) {
	return store.Collect(ctx, q, `SELECT id, level, lot_id, mean, sd, unit, source, n, dropped, from_at, recorded_at, recorded_by, reason FROM qc_targets
		WHERE series_id = $1 AND recorded_at <= $2 ORDER BY from_at, recorded_at, id`, []any{string(id), record.Micros(known)},
		func(scan func(...any) error) (t Target, err error) {
			var mean, sd string
			var from, at int64
			err = scan(&t.ID, &t.Level, &t.Lot, &mean, &sd, &t.Unit, &t.Source, &t.N, &t.Dropped, &from, &at, &t.RecordedBy, &t.Reason)
			t.Mean, t.SD, t.From, t.RecordedAt = number(mean), number(sd), record.FromMicros(from), record.FromMicros(at)
			return t, err
		})
}

// current is the target of a level and lot for what is measured at t; nil while it is being established.
func current(all []Target, level string, lot LotID, t time.Time) *Target {
	for i := len(all) - 1; i >= 0; i-- {
		if x := &all[i]; x.Level == level && x.Lot == lot && !x.From.After(t) {
			return x
		}
	}
	return nil
}
