package quality

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Establishment of a target (WS/T 641, CLSI C24): at least twenty points, and not all of one day.
const (
	leastPoints = 20
	usualDays   = 10
	usualEvery  = 24 * time.Hour
)

// Plan says how a series is controlled.
type Plan struct {
	Unit   string // of points and targets
	Rules  westgard.Set
	Levels []string // that every control must have; none: whatever is measured

	// Every is how long a control stands for the results behind it. Daily means instead: once in each calendar day.
	Every time.Duration
	Daily bool

	TEa    *apd.Decimal // total allowable error in percent, for sigma; nil: none is set
	Points int          // that an establishment needs, at least 20
	Days   int          // over how many days
}

func usualPlan() Plan {
	return Plan{Rules: westgard.Default, Every: usualEvery, Points: leastPoints, Days: usualDays}
}

func (p Plan) check() error {
	if p.Points < leastPoints || p.Points > 1000 || p.Days < 1 || p.Days > 366 {
		return record.Errorf(record.Invalid, "establishment: want 20 to 1000 points over 1 to 366 days")
	}
	if p.Daily == (p.Every != 0) || p.Every < 0 || p.Every > 366*24*time.Hour {
		return record.Errorf(record.Invalid, "frequency: want a length of time, or daily")
	}
	if p.TEa != nil && (p.TEa.Sign() <= 0 || p.TEa.NumDigits() > 10) {
		return record.Errorf(record.Invalid, "tea: want a percentage above zero")
	}
	if err := checkLevels(p.Levels); err != nil {
		return err
	}
	return word("unit", p.Unit, 0, 32)
}

func checkLevels(levels []string) error {
	if len(levels) > westgard.MaxLevels {
		return record.Errorf(record.Invalid, "levels: at most %d", westgard.MaxLevels)
	}
	for i, l := range levels {
		if err := checkLevel(l); err != nil {
			return err
		}
		for _, before := range levels[:i] {
			if before == l {
				return record.Errorf(record.Invalid, "levels: one is named twice")
			}
		}
	}
	return nil
}

func checkLevel(l string) error {
	if strings.Contains(l, ",") {
		return record.Errorf(record.Invalid, "level: without a comma")
	}
	return word("level", l, 1, 16)
}

// SetPlan says from now on how a series is controlled. Zero fields take the usual: the default rules, 24 hours, 20 points over 10 days. Verdicts
// that stand are not changed by it.
func (d *Desk) SetPlan(ctx context.Context, s record.Scope, of Series, p Plan) (Plan, error) {
	usual := usualPlan()
	if p.Rules == 0 {
		p.Rules = usual.Rules
	}
	if p.Every == 0 && !p.Daily {
		p.Every = usual.Every
	}
	if p.Points == 0 {
		p.Points = usual.Points
	}
	if p.Days == 0 {
		p.Days = usual.Days
	}
	if err := p.check(); err != nil {
		return p, err
	}
	err := d.act(ctx, s, of.Laboratory, func(tx *store.Tx) error {
		id, err := d.open(ctx, tx, of)
		if err != nil {
			return err
		}
		tx.Emit(of.event("qc.plan", "qc_series", string(id)))
		_, err = tx.Exec(ctx, `INSERT INTO qc_plans (series_id, number, institution_id, unit, rules, levels, every_us, tea, points, days, recorded_at, recorded_by)
			SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM qc_plans WHERE series_id = $1`,
			string(id), string(of.Laboratory), p.Unit, ruleText(p.Rules.Rules()), strings.Join(p.Levels, ","), p.Every.Microseconds(), observation.Digits(p.TEa),
			p.Points, p.Days, record.Micros(tx.Now()), s.Actor.ID)
		return err
	})
	return p, err
}

// PlanOf gives how a series is controlled; the usual plan where nobody said.
func (d *Desk) PlanOf(ctx context.Context, s record.Scope, of Series) (Plan, error) {
	if !s.Reaches(of.Laboratory) {
		return Plan{}, record.Errorf(record.NotFound, "no such series")
	}
	return planAt(ctx, d.db, of.ID(), d.db.Now())
}

// planAt reads the plan as it was known at an instant.
func planAt(ctx context.Context, q store.Querier, id SeriesID, known time.Time) (Plan, error) {
	var p Plan
	var rules, levels, tea string
	var every int64
	err := q.QueryRow(ctx, `SELECT unit, rules, levels, every_us, tea, points, days FROM qc_plans WHERE series_id = $1 AND recorded_at <= $2
		ORDER BY number DESC LIMIT 1`, string(id), record.Micros(known)).Scan(&p.Unit, &rules, &levels, &every, &tea, &p.Points, &p.Days)
	if errors.Is(err, sql.ErrNoRows) {
		return usualPlan(), nil
	}
	if err != nil {
		return p, err
	}
	p.Levels, p.Every, p.Daily = list(levels), time.Duration(every)*time.Microsecond, every == 0
	p.TEa = number(tea)
	p.Rules, err = westgard.NewSet(rulesOf(rules)...)
	return p, err
}

// number reads a decimal of a column; nil for none.
func number(s string) *apd.Decimal {
	d, err := observation.ParseNumber(s)
	if err != nil {
		return nil
	}
	return d
}

func ruleText(rules []westgard.Rule) string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = string(r)
	}
	return strings.Join(out, ",")
}

func rulesOf(s string) []westgard.Rule {
	var out []westgard.Rule
	for _, r := range list(s) {
		out = append(out, westgard.Rule(r))
	}
	return out
}

// begins is the first instant whose controls still stand for a result at t.
func (d *Desk) begins(p Plan, t time.Time) time.Time {
	if p.Daily {
		y, m, day := t.In(d.opt.Zone).Date()
		return time.Date(y, m, day, 0, 0, 0, 0, d.opt.Zone)
	}
	return t.Add(-p.Every)
}
