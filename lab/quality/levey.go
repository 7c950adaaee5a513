package quality

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// LeveyFilter selects the points of a chart.
type LeveyFilter struct {
	Of       Series
	Level    string    // empty: all
	Lot      LotID     // empty: all
	From, To time.Time // From <= At < To; zero: open
	Voided   bool      // with those that were voided
	Page     store.Page
}

// Levey is a page of a Levey-Jennings chart: points in the order of measuring, and what they are drawn against. Targets and lots are those of the
// points, actions those that fall between the first and the last of them.
type Levey struct {
	Points  []Point
	Targets []Target
	Lots    []Lot
	Actions []Action
}

// Band is a limit of a chart.
type Band struct {
	SD    int // -3 to 3
	Value *apd.Decimal
}

// Bands are mean and limits of a target, in exact decimals.
func (t Target) Bands() []Band {
	var out []Band
	for k := -3; k <= 3; k++ {
		e := apd.MakeErrDecimal(apd.BaseContext.WithPrecision(0))
		v := new(apd.Decimal)
		e.Mul(v, t.SD, apd.New(int64(k), 0))
		e.Add(v, v, t.Mean)
		if e.Err() == nil {
			out = append(out, Band{k, v})
		}
	}
	return out
}

// Levey reads a page of a chart. The page goes on behind the point named in it.
func (d *Desk) Levey(ctx context.Context, s record.Scope, f LeveyFilter) (Levey, error) {
	var out Levey
	if !s.Reaches(f.Of.Laboratory) {
		return out, record.Errorf(record.NotFound, "no such series")
	}
	b := &sqlText{}
	b.And("p.series_id = " + b.Arg(string(f.Of.ID())))
	b.Equal("p.level", f.Level)
	b.Equal("p.lot_id", string(f.Lot))
	b.between("p.at", f.From, f.To)
	if !f.Voided {
		b.And("p.voided_at = 0")
	}
	if f.Page.After != "" {
		last, err := d.Point(ctx, s, PointID(f.Page.After))
		if err != nil {
			return out, err
		}
		b.And("(p.at, p.number) > (" + b.Arg(record.Micros(last.At)) + ", " + b.Arg(last.Number) + ")")
	}
	query := `SELECT ` + pointColumns + pointTables + `WHERE ` + b.String() + ` ORDER BY p.at, p.number LIMIT ` + b.Arg(limit(f.Page))
	var err error
	if out.Points, err = store.Collect(ctx, d.db, query, b.Args, scanPoint); err != nil || len(out.Points) == 0 {
		return out, err
	}
	return out, d.against(ctx, s, f, &out)
}

// against adds what the points of a page are drawn against.
func (d *Desk) against(ctx context.Context, s record.Scope, f LeveyFilter, out *Levey) error {
	targeted := map[TargetID]bool{}
	for _, p := range out.Points {
		targeted[p.Target] = true
	}
	all, err := targets(ctx, d.db, f.Of.ID(), d.db.Now())
	if err != nil {
		return err
	}
	for _, t := range all {
		if targeted[t.ID] {
			t.Of = f.Of
			out.Targets = append(out.Targets, t)
		}
	}
	used, err := lotsOf(ctx, d.db, out.Points)
	if err != nil {
		return err
	}
	out.Lots = slices.SortedFunc(maps.Values(used), func(a, b Lot) int { return cmp.Compare(a.ID, b.ID) })
	out.Actions, err = d.Actions(ctx, s, ActionFilter{
		Laboratory: f.Of.Laboratory, Device: f.Of.Device, Analyte: f.Of.Analyte, From: out.Points[0].At, To: out.Points[len(out.Points)-1].At.Add(time.Microsecond),
		Page: store.Page{Limit: mostPage},
	})
	return err
}

// RunVerdict is what a run of a series came to: the gravest decision of its points.
type RunVerdict struct {
	Of       Series
	Run      string
	Decision Decision
	Points   []PointID
}

// Runs gathers points by series and run, in the order in which the runs begin among them.
func Runs(points []Point) []RunVerdict {
	type key struct {
		of  Series
		run string
	}
	var out []RunVerdict
	at := map[key]int{}
	for _, p := range points {
		k := key{p.Of, p.Run}
		i, seen := at[k]
		if !seen {
			i = len(out)
			at[k], out = i, append(out, RunVerdict{Of: p.Of, Run: p.Run, Decision: p.Decision})
		}
		out[i].Points = append(out[i].Points, p.ID)
		out[i].Decision = worse(out[i].Decision, p.Decision)
	}
	return out
}
