package quality

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// PointID names a point.
type PointID string

// Decision of a point: those of westgard, and Establishing.
type Decision = westgard.Decision

// Establishing is a point of a level and lot without a target: nothing judges it yet, and it holds nothing.
const Establishing Decision = "establishing"

// Origin says who entered a point.
type Origin string

// The origins.
const (
	ByPerson   Origin = "person"
	ByAnalyser Origin = "analyser"
)

// Entry is a control measurement as it is entered.
type Entry struct {
	Of         Series
	Level      string
	Lot        LotID
	Run        string // points of one run; without it controls measured together are one run
	Value      *apd.Decimal
	Unit       string // that of the plan when empty
	At         time.Time
	Operator   string
	ReagentLot string
	Comment    string
	ClientID   string // of the sender: the same entry again is taken once
}

// Point is a control measurement with its verdict.
type Point struct {
	Entry
	ID         PointID
	Number     int64
	Origin     Origin
	RecordedAt time.Time
	RecordedBy string

	Target   TargetID // that it was judged by
	Z        string   // three decimals, for display
	Decision Decision
	Hits     []westgard.Hit
	JudgedAt time.Time

	VoidedAt   time.Time
	VoidedBy   string
	VoidReason string

	Already bool // of an entry: it was kept before

	replaced int // verdicts before this one
}

// unjudged is the count of replaced verdicts of a point without any.
const unjudged = -1

const (
	// MaxEntries is how many points one call may enter.
	MaxEntries = 500
	ahead      = 10 * time.Minute // clocks of analysers
)

func (e *Entry) check(now time.Time) error {
	for _, err := range []error{
		e.Of.check(), checkLevel(e.Level), word("run", e.Run, 0, 64), word("unit", e.Unit, 0, 32), word("operator", e.Operator, 0, 64),
		word("reagent_lot", e.ReagentLot, 0, 64), prose("comment", e.Comment, 0, 1000), word("client_id", e.ClientID, 0, 64),
	} {
		if err != nil {
			return err
		}
	}
	if e.Value == nil || e.Value.Form != apd.Finite || e.Value.NumDigits() > 40 || e.Value.Exponent > 40 || e.Value.Exponent < -40 {
		return record.Errorf(record.Invalid, "value: want a decimal number")
	}
	if e.At.IsZero() || e.At.Year() < 1990 || e.At.After(now.Add(ahead)) {
		return record.Errorf(record.Invalid, "at: missing, or in the future")
	}
	return nil
}

// Enter takes points of one laboratory, all or none, and judges them in the same transaction. An entry whose client id is kept already answers
// what is kept; other content under the same client id is a Conflict.
func (d *Desk) Enter(ctx context.Context, s record.Scope, laboratory record.InstitutionID, entries []Entry) ([]Point, error) {
	if len(entries) == 0 || len(entries) > MaxEntries {
		return nil, record.Errorf(record.Invalid, "points: want 1 to %d", MaxEntries)
	}
	for i := range entries {
		entries[i].Of.Laboratory = laboratory
		if err := entries[i].check(d.db.Now()); err != nil {
			return nil, placed(i, err)
		}
	}
	var out []Point
	err := d.act(ctx, s, laboratory, func(tx *store.Tx) (err error) {
		out, err = d.enter(ctx, tx, s, ByPerson, entries)
		return err
	})
	return out, err
}

// placed names the entry that an error is about.
func placed(i int, err error) error {
	if text := record.Public(err); text != "" {
		return record.Errorf(record.KindOf(err), "points[%d].%s", i, text)
	}
	return fmt.Errorf("points[%d]: %w", i, err)
}

// enter writes entries and judges each series once, from its earliest new point on.
func (d *Desk) enter(ctx context.Context, tx *store.Tx, s record.Scope, origin Origin, entries []Entry) ([]Point, error) {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	// One order of locks for everybody; within a series in the order of measuring.
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := entries[a], entries[b]
		if c := strings.Compare(string(x.Of.ID()), string(y.Of.ID())); c != 0 {
			return c
		}
		return x.At.Compare(y.At)
	})
	out := make([]Point, len(entries))
	for n := 0; n < len(order); {
		of := entries[order[n]].Of
		end := n
		for end < len(order) && entries[order[end]].Of == of {
			end++
		}
		if err := d.enterSeries(ctx, tx, s, origin, of, entries, order[n:end], out); err != nil {
			return nil, err
		}
		n = end
	}
	return out, nil
}

func (d *Desk) enterSeries(ctx context.Context, tx *store.Tx, s record.Scope, origin Origin, of Series, entries []Entry, which []int, out []Point) error {
	id, err := d.open(ctx, tx, of)
	if err != nil {
		return err
	}
	plan, err := planAt(ctx, tx, id, tx.Now())
	if err != nil {
		return err
	}
	var from time.Time
	count := 0
	for _, i := range which {
		p, err := d.put(ctx, tx, s, id, plan, Point{Entry: entries[i], Origin: origin})
		if err != nil {
			return placed(i, err)
		}
		out[i] = p
		if !p.Already {
			count++
			if from.IsZero() || p.At.Before(from) {
				from = p.At
			}
		}
	}
	if count > 0 {
		e := of.event("qc.entered", "qc_series", string(id))
		e.Detail["points"] = fmt.Sprint(count)
		tx.Emit(e)
		if err := d.judge(ctx, tx, of, from); err != nil {
			return err
		}
	}
	for _, i := range which {
		already := out[i].Already
		if out[i], err = pointIn(ctx, tx, out[i].ID); err != nil {
			return err
		}
		out[i].Already = already
	}
	return nil
}

// put writes one point without a verdict, or finds the one that is kept under its client id.
func (d *Desk) put(ctx context.Context, tx *store.Tx, s record.Scope, id SeriesID, plan Plan, p Point) (Point, error) {
	p.At = stamp(p.At)
	if p.Unit == "" {
		p.Unit = plan.Unit
	}
	if kept, err := keptUnder(ctx, tx, p.Of.Laboratory, p.ClientID); err != nil || kept.ID != "" {
		if err == nil && !kept.same(p.Entry) {
			err = record.Errorf(record.Conflict, "client_id: another point was entered under it")
		}
		kept.Already = true
		return kept, err
	}
	if plan.Unit != "" && p.Unit != plan.Unit {
		return p, record.Errorf(record.Invalid, "unit: points of this analyte are in another unit")
	}
	known, err := lots(ctx, tx, `id = $1 AND institution_id = $2`, string(p.Lot), string(p.Of.Laboratory))
	if err != nil {
		return p, err
	}
	if len(known) == 0 {
		return p, record.Errorf(record.NotFound, "lot: not one of this laboratory")
	}
	if closed := known[0].ClosedAt; p.Origin == ByPerson && !closed.IsZero() && !p.At.Before(closed) {
		return p, record.Errorf(record.Precondition, "lot: it is no longer used")
	}
	if levels := known[0].Levels; len(levels) > 0 && !slices.Contains(levels, p.Level) {
		return p, record.Errorf(record.Invalid, "level: the lot has no such level")
	}
	if p.Run == "" {
		if p.Run, err = d.runOf(ctx, tx, id, p.Entry); err != nil {
			return p, err
		}
	}
	p.RecordedAt, p.RecordedBy, p.Decision = stamp(tx.Now()), s.Actor.ID, Establishing
	p.ID = PointID(record.NewID(p.RecordedAt))
	if err := tx.QueryRow(ctx, `UPDATE qc_series SET last = last + 1 WHERE id = $1 RETURNING last`, string(id)).Scan(&p.Number); err != nil {
		return p, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO qc_points (id, series_id, institution_id, number, level, lot_id, run, value, unit, at, recorded_at, recorded_by, operator,
		reagent_lot, comment, client_id, origin, decision, judged_at, verdicts) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$11,$19)`,
		string(p.ID), string(id), string(p.Of.Laboratory), p.Number, p.Level, string(p.Lot), p.Run, observation.Digits(p.Value), p.Unit, record.Micros(p.At),
		record.Micros(p.RecordedAt), p.RecordedBy, p.Operator, p.ReagentLot, p.Comment, p.ClientID, string(p.Origin), string(p.Decision), unjudged)
	return p, err
}

// same reports whether an entry says what is kept. Run and unit may have been added when it was kept.
func (p Point) same(e Entry) bool {
	return p.Of == e.Of && p.Level == e.Level && p.Lot == e.Lot && p.At.Equal(e.At) && observation.Digits(p.Value) == observation.Digits(e.Value) &&
		(e.Run == "" || e.Run == p.Run)
}

// runOf finds the run that a control without one belongs to: that of the last control of the series, if it was measured together with it and
// has no point of this level and lot yet.
func (d *Desk) runOf(ctx context.Context, tx *store.Tx, id SeriesID, e Entry) (string, error) {
	var run string
	var at int64
	err := tx.QueryRow(ctx, `SELECT run, at FROM qc_points WHERE series_id = $1 AND at <= $2 AND voided_at = 0 ORDER BY at DESC, number DESC LIMIT 1`,
		string(id), record.Micros(e.At)).Scan(&run, &at)
	if err == nil && e.At.Sub(record.FromMicros(at)) <= d.opt.Together {
		var same int
		err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM qc_points WHERE series_id = $1 AND run = $2 AND level = $3 AND lot_id = $4 AND at >= $5 AND voided_at = 0`,
			string(id), run, e.Level, string(e.Lot), record.Micros(e.At.Add(-24*time.Hour))).Scan(&same)
		if err != nil || same == 0 {
			return run, err
		}
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	return "@" + e.At.UTC().Format("20060102T150405.000000"), nil
}

// Void takes a wrong entry out of the chart, with a reason. The point stays visible; points behind it are judged again.
func (d *Desk) Void(ctx context.Context, s record.Scope, id PointID, reason string) (Point, error) {
	if err := prose("reason", reason, 1, 1000); err != nil {
		return Point{}, err
	}
	p, err := d.Point(ctx, s, id)
	if err != nil {
		return p, err
	}
	err = d.act(ctx, s, p.Of.Laboratory, func(tx *store.Tx) error {
		if _, err := d.open(ctx, tx, p.Of); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `UPDATE qc_points SET voided_at = $2, voided_by = $3, void_reason = $4 WHERE id = $1 AND voided_at = 0`,
			string(id), record.Micros(tx.Now()), s.Actor.ID, reason)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, record.Errorf(record.Precondition, "the point is voided already"))
		}
		e := p.Of.event("qc.voided", "qc_point", string(id))
		tx.Emit(e)
		if err := d.judge(ctx, tx, p.Of, p.At); err != nil {
			return err
		}
		p, err = pointIn(ctx, tx, id)
		return err
	})
	return p, err
}

// Point gives one point.
func (d *Desk) Point(ctx context.Context, s record.Scope, id PointID) (Point, error) {
	p, err := pointIn(ctx, d.db, id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !s.Reaches(p.Of.Laboratory) {
		return Point{}, record.Errorf(record.NotFound, "no point %s", id)
	}
	return p, err
}

const pointColumns = `p.id, s.institution_id, s.device, s.analyte, p.number, p.level, p.lot_id, p.run, p.value, p.unit, p.at, p.recorded_at, p.recorded_by,
	p.operator, p.reagent_lot, p.comment, p.client_id, p.origin, p.target_id, p.z, p.decision, p.hits, p.judged_at, p.verdicts,
	p.voided_at, p.voided_by, p.void_reason`

const pointTables = ` FROM qc_points p JOIN qc_series s ON s.id = p.series_id `

func scanPoint(scan func(...any) error) (p Point, err error) {
	var value, hits string
	var at, recorded, judged, voided int64
	if err = scan(&p.ID, &p.Of.Laboratory, &p.Of.Device, &p.Of.Analyte, &p.Number, &p.Level, &p.Lot, &p.Run, &value, &p.Unit, &at, &recorded, &p.RecordedBy,
		&p.Operator, &p.ReagentLot, &p.Comment, &p.ClientID, &p.Origin, &p.Target, &p.Z, &p.Decision, &hits, &judged, &p.replaced,
		&voided, &p.VoidedBy, &p.VoidReason); err != nil {
		return p, err
	}
	p.Value, p.At, p.RecordedAt = number(value), record.FromMicros(at), record.FromMicros(recorded)
	p.JudgedAt, p.VoidedAt = record.FromMicros(judged), record.FromMicros(voided)
	p.Hits, err = readHits(hits)
	return p, err
}

func pointIn(ctx context.Context, q store.Querier, id PointID) (Point, error) {
	return scanPoint(q.QueryRow(ctx, `SELECT `+pointColumns+pointTables+`WHERE p.id = $1`, string(id)).Scan)
}

func keptUnder(ctx context.Context, tx *store.Tx, laboratory record.InstitutionID, client string) (Point, error) {
	if client == "" {
		return Point{}, nil
	}
	p, err := scanPoint(tx.QueryRow(ctx, `SELECT `+pointColumns+pointTables+`WHERE p.institution_id = $1 AND p.client_id = $2`, string(laboratory), client).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Point{}, nil
	}
	return p, err
}

// hitRow is a hit as it is kept.
type hitRow struct {
	Rule   westgard.Rule `json:"rule"`
	Across bool          `json:"across,omitempty"`
	Points []string      `json:"points"`
}

func writeHits(hits []westgard.Hit) (string, error) {
	rows := make([]hitRow, len(hits))
	for i, h := range hits {
		rows[i] = hitRow(h)
	}
	b, err := json.Marshal(rows)
	return string(b), err
}

func readHits(text string) ([]westgard.Hit, error) {
	var rows []hitRow
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	out := make([]westgard.Hit, len(rows))
	for i, r := range rows {
		out[i] = westgard.Hit(r)
	}
	return out, nil
}
