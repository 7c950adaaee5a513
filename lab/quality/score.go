package quality

import (
	"context"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// passing is the score at which an analyte passes (WS/T 644: at least 80 % of its samples are acceptable).
const passing = 80

// Graded is one submitted value beside its target.
type Graded struct {
	Sample     Sample
	Submitted  bool // nothing that came in time is not acceptable
	Value      *apd.Decimal
	Method     string
	Device     string
	Acceptable bool
	Deviation  *apd.Decimal // percent of the target, with its sign; nil where the target is zero
	Z          *apd.Decimal // nil without the SD of the group
}

// Score is what a laboratory reached in a round for one analyte.
type Score struct {
	Laboratory record.InstitutionID
	Analyte    string
	Samples    []Graded
	Acceptable int
	Percent    *apd.Decimal
	Passed     bool
}

// Scores grades the laboratories of the scope that took part in a round whose targets were told, one after the other. They are computed from the
// rows each time.
func (d *Desk) Scores(ctx context.Context, s record.Scope, id RoundID, laboratory record.InstitutionID) ([]Score, error) {
	r, err := d.Round(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if r.PublishedAt.IsZero() {
		return nil, record.Errorf(record.Precondition, "the targets of the round are not told yet")
	}
	var out []Score
	for _, l := range r.Laboratories {
		if laboratory != "" && l != laboratory {
			continue
		}
		some, err := d.scoresOf(ctx, r, l)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func (d *Desk) scoresOf(ctx context.Context, r Round, l record.InstitutionID) ([]Score, error) {
	type key struct{ analyte, sample string }
	type value struct {
		key
		value, method, device string
	}
	rows, err := store.List(ctx, d.db, `SELECT analyte, sample, value, method, device FROM eqa_values WHERE round_id = $1 AND institution_id = $2
		ORDER BY analyte, sample, number`, []any{string(r.ID), string(l)},
		func(v *value) []any { return []any{&v.analyte, &v.sample, &v.value, &v.method, &v.device} })
	if err != nil {
		return nil, err
	}
	last := map[key]value{} // the newest of each comes last
	for _, v := range rows {
		last[v.key] = v
	}
	var out []Score
	for _, x := range r.Samples {
		if len(out) == 0 || out[len(out)-1].Analyte != x.Analyte {
			out = append(out, Score{Laboratory: l, Analyte: x.Analyte})
		}
		sc := &out[len(out)-1]
		v, submitted := last[key{x.Analyte, x.Sample}]
		g := Graded{Sample: x, Submitted: submitted, Value: number(v.value), Method: v.method, Device: v.device}
		g.grade()
		if g.Acceptable {
			sc.Acceptable++
		}
		sc.Samples = append(sc.Samples, g)
	}
	for i := range out {
		out[i].Percent = westgard.Percent(out[i].Acceptable, len(out[i].Samples))
		out[i].Passed = out[i].Acceptable*100 >= passing*len(out[i].Samples)
	}
	return out, nil
}

// grade compares in exact decimals: a value exactly at the limit is acceptable.
func (g *Graded) grade() {
	x := g.Sample
	if g.Value == nil || x.Target == nil || x.TEa == nil {
		return
	}
	e := apd.MakeErrDecimal(apd.BaseContext.WithPrecision(0))
	var off, limit apd.Decimal
	e.Sub(&off, g.Value, x.Target)
	off.Abs(&off)
	limit.Set(x.TEa)
	if !x.Absolute { // |value - target| x 100 <= TEa x |target|
		limit.Abs(x.Target)
		e.Mul(&limit, &limit, x.TEa)
		e.Mul(&off, &off, apd.New(100, 0))
	}
	g.Acceptable = e.Err() == nil && off.Cmp(&limit) <= 0
	g.Deviation = westgard.Bias(g.Value, x.Target)
	if x.SD != nil {
		g.Z = westgard.Z(g.Value, x.Target, x.SD)
	}
}
