// Verdicts: the points of a series in the order of measuring go through a chart; what changes is written, what it replaces is kept.

package quality

import (
	"cmp"
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

// How many points before those that are judged are read: more than rules look back on over all levels and within a run, and as many as they
// look back on within a level.
const (
	lookBack      = 48
	lookBackLevel = 12
)

// bench is what judging a series needs.
type bench struct {
	plan     Plan
	targets  []Target
	lots     map[LotID]Lot
	restarts []time.Time
	zone     *time.Location
}

func (d *Desk) bench(ctx context.Context, tx *store.Tx, id SeriesID) (*bench, error) {
	b := &bench{zone: d.opt.Zone}
	var err error
	if b.plan, err = planAt(ctx, tx, id, tx.Now()); err != nil {
		return nil, err
	}
	if b.targets, err = targets(ctx, tx, id, tx.Now()); err != nil {
		return nil, err
	}
	b.restarts, err = store.Collect(ctx, tx, `SELECT at FROM qc_actions WHERE series_id = $1 AND restart = 1 ORDER BY at`, []any{string(id)},
		func(scan func(...any) error) (time.Time, error) {
			var at int64
			err := scan(&at)
			return record.FromMicros(at), err
		})
	return b, err
}

// lotsOf reads the lots of points.
func lotsOf(ctx context.Context, q store.Querier, points []Point) (map[LotID]Lot, error) {
	out := map[LotID]Lot{}
	for _, p := range points {
		if _, known := out[p.Lot]; known {
			continue
		}
		found, err := lots(ctx, q, `id = $1`, string(p.Lot))
		if err != nil {
			return nil, err
		}
		out[p.Lot] = append(found, Lot{})[0]
	}
	return out, nil
}

// judge judges the points of a series that were measured at from or later, and settles what follows for the results.
func (d *Desk) judge(ctx context.Context, tx *store.Tx, of Series, from time.Time) error {
	id := of.ID()
	b, err := d.bench(ctx, tx, id)
	if err != nil {
		return err
	}
	judged, err := since(ctx, tx, id, from)
	if err != nil {
		return err
	}
	earlier, err := behind(ctx, tx, id, from, judged)
	if err != nil {
		return err
	}
	points, first := append(earlier, judged...), len(earlier)
	if b.lots, err = lotsOf(ctx, tx, points); err != nil {
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

// since reads the points of a series that were measured at from or later, in their order.
func since(ctx context.Context, q store.Querier, id SeriesID, from time.Time) ([]Point, error) {
	return store.Collect(ctx, q, `SELECT `+pointColumns+pointTables+`WHERE p.series_id = $1 AND p.voided_at = 0 AND p.at >= $2 ORDER BY p.at, p.number`,
		[]any{string(id), record.Micros(from)}, scanPoint)
}

// levelLot is a level of a lot: a sequence of its own.
type levelLot struct {
	level string
	lot   LotID
}

// behind reads what rules look back on from the points judged: the last points of the series before from, and of each level and lot that is
// rarer than the others its own last ones.
func behind(ctx context.Context, q store.Querier, id SeriesID, from time.Time, judged []Point) ([]Point, error) {
	out, err := earlier(ctx, q, id, from, nil, lookBack)
	if err != nil || len(out) < lookBack {
		return out, err
	}
	count, known := map[levelLot]int{}, map[PointID]bool{}
	for _, p := range out {
		count[levelLot{p.Level, p.Lot}]++
		known[p.ID] = true
	}
	for _, p := range judged {
		k := levelLot{p.Level, p.Lot}
		if count[k] >= lookBackLevel {
			continue
		}
		count[k] = lookBackLevel
		own, err := earlier(ctx, q, id, from, &k, lookBackLevel)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(own, func(p Point) bool { return known[p.ID] })...)
	}
	slices.SortFunc(out, func(a, b Point) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number, b.Number)) })
	return out, nil
}

// earlier reads the last points before an instant, of all levels or of one, with what a chart needs of them.
func earlier(ctx context.Context, q store.Querier, id SeriesID, from time.Time, of *levelLot, n int) ([]Point, error) {
	b := &sqlText{}
	b.And("series_id = " + b.Arg(string(id)))
	b.And("at < " + b.Arg(record.Micros(from)))
	b.And("voided_at = 0")
	if of != nil {
		b.And("level = " + b.Arg(of.level))
		b.And("lot_id = " + b.Arg(string(of.lot)))
	}
	query := `SELECT id, number, level, lot_id, run, value, unit, at FROM qc_points WHERE ` + b.String() + ` ORDER BY at DESC, number DESC LIMIT ` + b.Arg(n)
	out, err := store.Collect(ctx, q, query, b.Args, func(scan func(...any) error) (p Point, err error) {
		var value string
		var at int64
		err = scan(&p.ID, &p.Number, &p.Level, &p.Lot, &p.Run, &value, &p.Unit, &at)
		p.Value, p.At = number(value), record.FromMicros(at)
		return p, err
	})
	slices.Reverse(out)
	return out, err
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
