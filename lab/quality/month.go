package quality

import (
	"context"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// MonthFilter selects the series of a monthly summary.
type MonthFilter struct {
	Laboratory record.InstitutionID
	Device     string
	Analyte    string
	Year       int
	Month      time.Month
	Page       store.Page
}

// Month is what a level and lot of a series did in a calendar month. Statistics are of the points in control (在控), as they are reported to
// the centre of clinical laboratories; N counts all that were judged.
type Month struct {
	Of       Series
	Level    string
	Lot      LotID
	Target   *Target // that of the last point; nil: it is being established
	N        int     // judged
	Warnings int
	Rejected int // and blocked
	Open     int // not judged yet
	Voided   int
	In       westgard.Statistics // of the points in control, or of those not judged yet where there is no target
	All      westgard.Statistics // of all
	Rate     *apd.Decimal        // 在控率: percent of the judged that were not rejected; nil without any
	Bias     *apd.Decimal        // percent, of the mean in control from the target
	TEa      *apd.Decimal
	Sigma    *apd.Decimal
}

// monthKey is a level and lot of a series.
type monthKey struct {
	level string
	lot   LotID
}

// monthly gathers the values of one.
type monthly struct {
	Month
	in, all []*apd.Decimal
	target  TargetID
}

// Months summarises a calendar month, series by series; next is the id of the series behind which to ask on.
func (d *Desk) Months(ctx context.Context, s record.Scope, f MonthFilter) (out []Month, next string, err error) {
	if f.Year < 1990 || f.Year > 9998 || f.Month < time.January || f.Month > time.December {
		return nil, "", record.Errorf(record.Invalid, "month: want a year and a month")
	}
	from := d.day(record.Date{Year: f.Year, Month: f.Month, Day: 1})
	to := d.day(record.Date{Year: f.Year, Month: f.Month + 1, Day: 1})
	b := d.within(s, "s.institution_id", f.Laboratory)
	b.Equal("s.device", f.Device)
	b.Equal("s.analyte", f.Analyte)
	b.after("s.id", f.Page)
	b.And("EXISTS (SELECT 1 FROM qc_points p WHERE p.series_id = s.id AND p.at >= " + b.Arg(record.Micros(from)) + " AND p.at < " + b.Arg(record.Micros(to)) + ")")
	n := min(limit(f.Page), mostPage)
	query := `SELECT s.institution_id, s.device, s.analyte FROM qc_series s WHERE ` + b.String() + ` ORDER BY s.id LIMIT ` + b.Arg(n+1)
	all, err := store.List(ctx, d.db, query, b.Args, func(x *Series) []any { return []any{&x.Laboratory, &x.Device, &x.Analyte} })
	if err != nil {
		return nil, "", err
	}
	if len(all) > n {
		all, next = all[:n], string(all[n-1].ID())
	}
	for _, x := range all {
		some, err := d.month(ctx, x, from, to)
		if err != nil {
			return nil, "", err
		}
		out = append(out, some...)
	}
	return out, next, nil
}

const mostOfAMonth = 50000

func (d *Desk) month(ctx context.Context, of Series, from, to time.Time) ([]Month, error) {
	type row struct {
		key      monthKey
		value    string
		decision Decision
		target   TargetID
		voided   int64
	}
	rows, err := store.List(ctx, d.db, `SELECT level, lot_id, value, decision, target_id, voided_at FROM qc_points WHERE series_id = $1 AND at >= $2 AND at < $3
		ORDER BY at, number LIMIT $4`, []any{string(of.ID()), record.Micros(from), record.Micros(to), mostOfAMonth},
		func(r *row) []any {
			return []any{&r.key.level, &r.key.lot, &r.value, &r.decision, &r.target, &r.voided}
		})
	if err != nil {
		return nil, err
	}
	var keys []monthKey
	by := map[monthKey]*monthly{}
	for _, r := range rows {
		m := by[r.key]
		if m == nil {
			m = &monthly{Month: Month{Of: of, Level: r.key.level, Lot: r.key.lot}}
			by[r.key], keys = m, append(keys, r.key)
		}
		m.count(r.value, r.decision, r.target, r.voided != 0)
	}
	plan, err := planAt(ctx, d.db, of.ID(), d.db.Now())
	if err != nil {
		return nil, err
	}
	known, err := targets(ctx, d.db, of.ID(), d.db.Now())
	if err != nil {
		return nil, err
	}
	var out []Month
	for _, k := range keys {
		if err := by[k].finish(plan, known); err != nil {
			return nil, err
		}
		out = append(out, by[k].Month)
	}
	return out, nil
}

func (m *monthly) count(value string, decision Decision, target TargetID, voided bool) {
	if voided {
		m.Voided++
		return
	}
	v := number(value)
	m.all = append(m.all, v)
	if decision == Establishing {
		m.Open++
		return
	}
	m.N, m.target = m.N+1, target
	switch decision {
	case westgard.Reject, westgard.Blocked:
		m.Rejected++
		return
	case westgard.Warning:
		m.Warnings++
	}
	m.in = append(m.in, v)
}

func (m *monthly) finish(plan Plan, known []Target) (err error) {
	if m.All, err = westgard.Summarise(m.all); err != nil {
		return err
	}
	if m.N == 0 {
		m.in = m.all
	}
	if m.In, err = westgard.Summarise(m.in); err != nil {
		return err
	}
	for i := range known {
		if known[i].ID == m.target {
			m.Target = &known[i]
			m.Target.Of = m.Of
		}
	}
	m.TEa = plan.TEa
	if m.N > 0 {
		m.Rate = westgard.Percent(m.N-m.Rejected, m.N)
	}
	if m.Target != nil {
		m.Bias = westgard.Bias(m.In.Mean, m.Target.Mean)
		m.Sigma = westgard.Sigma(m.TEa, m.Bias, m.In.CV)
	}
	return nil
}
