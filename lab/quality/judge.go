// Verdicts: the points of a series in the order of measuring go through a chart; what changes is written, what it replaces is kept.

package quality

import (
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ExpiredLot is why a control proves nothing: its lot is over, or has been open for too long.
const ExpiredLot westgard.Rule = "expired_lot"

// ExpiredLotName is what a person reads of it.
var ExpiredLotName = westgard.Text{ZH: "质控品已过效期或超过开瓶稳定期", EN: "the control lot has expired or was open for too long"}

// enough points before those that are judged, for any rule to look back on.
const enough = 20 * westgard.MaxLevels

// bench is what judging a series needs.
type bench struct {
	plan     Plan
	targets  []Target
	lots     map[LotID]Lot
	restarts []time.Time
	zone     *time.Location
}

func (d *Desk) bench(ctx context.Context, tx *store.Tx, id SeriesID) (*bench, error) {
	b := &bench{lots: map[LotID]Lot{}, zone: d.opt.Zone}
	var err error
	if b.plan, err = planAt(ctx, tx, id, tx.Now()); err != nil {
		return nil, err
	}
	if b.targets, err = targets(ctx, tx, id, tx.Now()); err != nil {
		return nil, err
	}
	found, err := lots(ctx, tx, `id IN (SELECT lot_id FROM qc_points WHERE series_id = $1)`, string(id))
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		b.lots[l.ID] = l
	}
	b.restarts, err = store.Collect(ctx, tx, `SELECT at FROM qc_actions WHERE series_id = $1 AND restart = 1 ORDER BY at`, []any{string(id)},
		func(scan func(...any) error) (time.Time, error) {
			var at int64
			err := scan(&at)
			return record.FromMicros(at), err
		})
	return b, err
}

// judge judges the points of a series that were measured at from or later, and settles what follows for the results.
func (d *Desk) judge(ctx context.Context, tx *store.Tx, of Series, from time.Time) error {
	id := of.ID()
	b, err := d.bench(ctx, tx, id)
	if err != nil {
		return err
	}
	points, first, err := sequence(ctx, tx, id, from)
	if err != nil {
		return err
	}
	chart := westgard.NewChart(b.plan.Rules)
	restarts := b.restarts
	for i := range points {
		p := &points[i]
		for len(restarts) > 0 && restarts[0].Before(p.At) {
			chart.Reset()
			restarts = restarts[1:]
		}
		now := b.verdict(chart, p)
		if i < first || p.replaced > unjudged && now.equals(p) {
			continue
		}
		if err := replace(ctx, tx, p, now); err != nil {
			return err
		}
	}
	return d.settle(ctx, tx, of, b.plan, from, points[first:])
}

// sequence reads the points of a series that are judged again, behind as many as rules look back on. first is the place of the first to judge.
func sequence(ctx context.Context, q store.Querier, id SeriesID, from time.Time) (points []Point, first int, err error) {
	const these = `SELECT ` + pointColumns + pointTables + `WHERE p.series_id = $1 AND p.voided_at = 0 AND p.at `
	points, err = store.Collect(ctx, q, these+`< $2 ORDER BY p.at DESC, p.number DESC LIMIT $3`, []any{string(id), record.Micros(from), enough}, scanPoint)
	if err != nil {
		return nil, 0, err
	}
	slices.Reverse(points)
	rest, err := store.Collect(ctx, q, these+`>= $2 ORDER BY p.at, p.number`, []any{string(id), record.Micros(from)}, scanPoint)
	return append(points, rest...), len(points), err
}

// verdict is what a point gets.
type verdict struct {
	target   TargetID
	z        string
	decision Decision
	hits     []westgard.Hit
}

func (b *bench) verdict(chart *westgard.Chart, p *Point) verdict {
	t := current(b.targets, p.Level, p.Lot, p.At)
	switch {
	case t == nil:
		return verdict{decision: Establishing}
	case !b.lots[p.Lot].usable(p.At, b.zone):
		return verdict{target: t.ID, decision: westgard.Blocked, hits: []westgard.Hit{{Rule: ExpiredLot, Points: []string{string(p.ID)}}}}
	case t.Unit != "" && t.Unit != p.Unit:
		return verdict{target: t.ID, decision: westgard.Blocked, hits: []westgard.Hit{{Rule: westgard.InvalidTarget, Points: []string{string(p.ID)}}}}
	}
	// A level of another lot is a chart of its own: lots run beside each other while they change.
	j := chart.Add(westgard.Point{
		ID: string(p.ID), Level: p.Level + "\x00" + string(p.Lot), Run: p.Run, At: p.At, Value: p.Value, Mean: t.Mean, SD: t.SD,
	})
	return verdict{target: t.ID, z: observation.Digits(westgard.Z(p.Value, t.Mean, t.SD)), decision: j.Decision, hits: j.Hits}
}

func (v verdict) equals(p *Point) bool {
	return v.target == p.Target && v.z == p.Z && v.decision == p.Decision && slices.EqualFunc(v.hits, p.Hits, func(a, b westgard.Hit) bool {
		return a.Rule == b.Rule && a.Across == b.Across && slices.Equal(a.Points, b.Points)
	})
}

// replace gives a point a new verdict. The one before is kept with the instant at which it was made; a point that was never judged has none.
func replace(ctx context.Context, tx *store.Tx, p *Point, now verdict) error {
	hits, err := writeHits(now.hits)
	if err != nil {
		return err
	}
	if p.replaced > unjudged {
		old, err := writeHits(p.Hits)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO qc_verdicts (point_id, number, target_id, z, decision, hits, judged_at) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
			string(p.ID), p.replaced+1, string(p.Target), p.Z, string(p.Decision), old, record.Micros(p.JudgedAt)); err != nil {
			return err
		}
		p.JudgedAt = later(stamp(tx.Now()), p.JudgedAt)
	}
	p.replaced++
	p.Target, p.Z, p.Decision, p.Hits = now.target, now.z, now.decision, now.hits
	_, err = tx.Exec(ctx, `UPDATE qc_points SET target_id = $2, z = $3, decision = $4, hits = $5, judged_at = $6, verdicts = $7 WHERE id = $1`,
		string(p.ID), string(p.Target), p.Z, string(p.Decision), hits, record.Micros(p.JudgedAt), p.replaced)
	return err
}

// later is now, or just behind what was before it when the clock did not move.
func later(now, before time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Microsecond)
}
