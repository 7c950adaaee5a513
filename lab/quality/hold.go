// Holds: what was measured behind the last good control before a failing one waits, until a good control follows and a person has decided on
// the results between (复查 measure again, 放行 release).

package quality

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// HoldID names a hold.
type HoldID string

// Ruling is what became of the results of a hold.
type Ruling string

// The rulings.
const (
	Waiting   Ruling = ""
	Release   Ruling = "release"   // 放行: they stand
	Repeat    Ruling = "repeat"    // 复查: they are measured again, and stay held as they are
	Withdrawn Ruling = "withdrawn" // the failing point was voided or judged otherwise
)

// Hold keeps back the results of a series that were measured after Since, and before GoodAt once there is one.
type Hold struct {
	ID           HoldID
	Of           Series
	Point        PointID // the first that failed
	Rules        []westgard.Rule
	Since        time.Time // the last good control before
	FailedAt     time.Time
	LastFailedAt time.Time
	OpenedAt     time.Time

	GoodAt     time.Time // zero: no good control has followed
	GoodPoint  PointID
	RestoredAt time.Time // when that was known

	Ruling     Ruling
	RuledAt    time.Time
	RuledBy    string
	RulerName  string
	RuleReason string
}

// Held reports the hold that keeps back a result measured at the given instant, and false when there is none. Without a device it asks for all
// analysers of the laboratory. It is for a transaction of the centre as well as for reading.
func (d *Desk) Held(ctx context.Context, q store.Querier, laboratory record.InstitutionID, device, analyte string, at time.Time) (Hold, bool, error) {
	b := &sqlText{}
	b.And("s.institution_id = " + b.Arg(string(laboratory)))
	b.And("s.analyte = " + b.Arg(analyte))
	b.Equal("s.device", device)
	us := b.Arg(record.Micros(at))
	b.And("h.decision IN ('', 'repeat') AND h.since_at < " + us + " AND (h.good_at = 0 OR h.good_at > " + us + ")")
	found, err := holds(ctx, q, b.String()+` ORDER BY h.failed_at DESC LIMIT 1`, b.Args...)
	if err != nil || len(found) == 0 {
		return Hold{}, false, err
	}
	return found[0], true, nil
}

// episode is a hold as the points of a series tell it.
type episode struct {
	Hold
	first  *Point
	failed map[string]bool // levels
	good   map[string]bool // levels that were good since the last failure
}

// settle makes the holds of a series say what its verdicts say. points are those from the given instant on.
func (d *Desk) settle(ctx context.Context, tx *store.Tx, of Series, plan Plan, from time.Time, points []Point) error {
	// A hold whose good control came before what was judged stays as it is.
	waiting, err := holds(ctx, tx, `h.series_id = $1 AND h.decision = '' AND (h.good_at = 0 OR h.good_at >= $2) ORDER BY h.failed_at, h.id`,
		string(of.ID()), record.Micros(from))
	if err != nil || len(waiting) == 0 && !slices.ContainsFunc(points, Point.failed) {
		return err
	}
	if len(waiting) > 0 && waiting[0].FailedAt.Before(from) {
		from = waiting[0].FailedAt
		if points, err = since(ctx, tx, of.ID(), from); err != nil {
			return err
		}
	}
	ruled, err := holds(ctx, tx, `h.series_id = $1 AND h.decision IN ('release', 'repeat') AND h.last_failed_at >= $2 ORDER BY h.failed_at`,
		string(of.ID()), record.Micros(from))
	if err != nil {
		return err
	}
	for _, e := range episodes(points, plan, ruled) {
		if err := d.lastGood(ctx, tx, plan, &e); err != nil {
			return err
		}
		var was Hold
		if i := slices.IndexFunc(waiting, e.meets); i >= 0 {
			was = waiting[i]
			waiting = slices.Delete(waiting, i, i+1)
		}
		if err := putHold(ctx, tx, of, was, e.Hold); err != nil {
			return err
		}
	}
	for _, h := range waiting {
		h.Of = of
		if err := rule(ctx, tx, h, Withdrawn, record.Actor{}, "the control that failed was voided or judged again"); err != nil {
			return err
		}
	}
	return nil
}

func (p Point) failed() bool { return p.Decision == westgard.Reject || p.Decision == westgard.Blocked }

func (p Point) good() bool { return p.Decision == westgard.Accept || p.Decision == westgard.Warning }

// episodes tells the failures among points in their order. One that a person has ruled on already is over.
func episodes(points []Point, plan Plan, ruled []Hold) []episode {
	var out []episode
	var open *episode
	for i := range points {
		p := &points[i]
		switch {
		case p.failed():
			if slices.ContainsFunc(ruled, func(h Hold) bool { return !p.At.Before(h.FailedAt) && !p.At.After(h.LastFailedAt) }) {
				continue
			}
			if open == nil {
				open = &episode{Hold: Hold{Point: p.ID, FailedAt: p.At}, first: p, failed: map[string]bool{}}
			}
			open.fail(p)
		case p.good() && open != nil && open.recovers(p, plan):
			open.GoodAt, open.GoodPoint = p.At, p.ID
			out = append(out, *open)
			open = nil
		}
	}
	if open != nil {
		out = append(out, *open)
	}
	return out
}

func (e *episode) fail(p *Point) {
	e.LastFailedAt, e.good = p.At, map[string]bool{}
	e.failed[p.Level] = true
	for _, h := range p.Hits {
		if h.Rule != westgard.R12s && !slices.Contains(e.Rules, h.Rule) {
			e.Rules = append(e.Rules, h.Rule)
		}
	}
}

// recovers reports whether with this good point every level that failed, and every level of the plan, has been good since the last failure.
func (e *episode) recovers(p *Point, plan Plan) bool {
	e.good[p.Level] = true
	for _, l := range plan.Levels {
		if !e.good[l] {
			return false
		}
	}
	for l := range e.failed {
		if !e.good[l] {
			return false
		}
	}
	return true
}

// meets reports whether a kept hold is about this episode.
func (e *episode) meets(h Hold) bool {
	return h.Point == e.Point || !h.LastFailedAt.Before(e.FailedAt) && !h.FailedAt.After(e.LastFailedAt)
}

// lastGood finds the last good control before an episode: not one of the same run, which failed as a whole. Without any, the results that a
// control of the plan would have stood for are held.
func (d *Desk) lastGood(ctx context.Context, tx *store.Tx, plan Plan, e *episode) error {
	before := []any{string(e.first.Of.ID()), record.Micros(e.FailedAt)}
	for _, q := range []struct {
		text string
		args []any
	}{
		{
			`SELECT at FROM qc_points WHERE series_id = $1 AND at < $2 AND run <> $3 AND voided_at = 0 AND decision IN ('accept', 'warning') ORDER BY at DESC LIMIT 1`,
			append(before, e.first.Run),
		},
		{`SELECT last_failed_at FROM qc_holds WHERE series_id = $1 AND last_failed_at < $2 AND decision IN ('release', 'repeat')
			ORDER BY last_failed_at DESC LIMIT 1`, before}, // what a person has ruled on is not held again
	} {
		var at int64
		if err := tx.QueryRow(ctx, q.text, q.args...).Scan(&at); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if t := record.FromMicros(at); t.After(e.Since) {
			e.Since = t
		}
	}
	if e.Since.IsZero() {
		e.Since = d.begins(plan, e.FailedAt)
	}
	return nil
}

// putHold writes a hold that is new or has changed, and tells it.
func putHold(ctx context.Context, tx *store.Tx, of Series, was, now Hold) error {
	at := stamp(tx.Now())
	now.ID, now.Of, now.OpenedAt, now.RestoredAt = was.ID, of, was.OpenedAt, was.RestoredAt
	worse := was.ID == "" || now.Since.Before(was.Since) || !was.GoodAt.IsZero() && now.GoodAt.IsZero()
	better := !now.GoodAt.IsZero() && !now.GoodAt.Equal(was.GoodAt)
	if was.ID == "" {
		now.ID, now.OpenedAt = HoldID(record.NewID(at)), at
	}
	switch {
	case now.GoodAt.IsZero():
		now.RestoredAt = time.Time{}
	case better:
		now.RestoredAt = at
	}
	_, err := tx.Exec(ctx, `INSERT INTO qc_holds (id, series_id, institution_id, point_id, rules, since_at, failed_at, last_failed_at, opened_at, good_at, good_point,
		restored_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)
		ON CONFLICT (id) DO UPDATE SET point_id = excluded.point_id, rules = excluded.rules, since_at = excluded.since_at, failed_at = excluded.failed_at,
		last_failed_at = excluded.last_failed_at, good_at = excluded.good_at, good_point = excluded.good_point, restored_at = excluded.restored_at`,
		string(now.ID), string(of.ID()), string(of.Laboratory), string(now.Point), ruleText(now.Rules), record.Micros(now.Since), record.Micros(now.FailedAt),
		record.Micros(now.LastFailedAt), record.Micros(now.OpenedAt), record.Micros(now.GoodAt), string(now.GoodPoint), record.Micros(now.RestoredAt))
	if worse {
		tx.Emit(now.event("qc.rejected"))
	}
	if better {
		tx.Emit(now.event("qc.restored"))
	}
	return err
}

func (h Hold) event(act string) record.Event {
	e := h.Of.event(act, "qc_hold", string(h.ID))
	e.Detail["since"], e.Detail["rules"] = h.Since.Format(time.RFC3339Nano), ruleText(h.Rules)
	if !h.GoodAt.IsZero() {
		e.Detail["good"] = h.GoodAt.Format(time.RFC3339Nano)
	}
	return e
}

// rule ends a hold that waits.
func rule(ctx context.Context, tx *store.Tx, h Hold, r Ruling, by record.Actor, reason string) error {
	res, err := tx.Exec(ctx, `UPDATE qc_holds SET decision = $2, decided_at = $3, decided_by = $4, decided_by_name = $5, reason = $6 WHERE id = $1 AND decision = ''`,
		string(h.ID), string(r), record.Micros(tx.Now()), by.ID, by.Display, reason)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, record.Errorf(record.Precondition, "the hold is over already"))
	}
	tx.Emit(h.event(map[Ruling]string{Release: "qc.released", Repeat: "qc.repeat", Withdrawn: "qc.withdrawn"}[r]))
	return nil
}

// Rule decides on the results of a hold, with a reason. Release is possible at any time; Repeat once a good control has followed, since until
// then nothing can be measured again.
func (d *Desk) Rule(ctx context.Context, s record.Scope, id HoldID, r Ruling, reason string) (Hold, error) {
	if r != Release && r != Repeat {
		return Hold{}, record.Errorf(record.Invalid, "decision: want release or repeat")
	}
	if err := prose("reason", reason, 1, 1000); err != nil {
		return Hold{}, err
	}
	h, err := d.Hold(ctx, s, id)
	if err != nil {
		return h, err
	}
	err = d.act(ctx, s, h.Of.Laboratory, func(tx *store.Tx) error {
		if _, err := d.open(ctx, tx, h.Of); err != nil {
			return err
		}
		if h, err = holdIn(ctx, tx, id); err != nil {
			return err
		}
		if r == Repeat && h.GoodAt.IsZero() {
			return record.Errorf(record.Precondition, "no good control has followed yet")
		}
		if err := rule(ctx, tx, h, r, s.Actor, reason); err != nil {
			return err
		}
		h, err = holdIn(ctx, tx, id)
		return err
	})
	return h, err
}

// Hold gives one hold.
func (d *Desk) Hold(ctx context.Context, s record.Scope, id HoldID) (Hold, error) {
	h, err := holdIn(ctx, d.db, id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !s.Reaches(h.Of.Laboratory) {
		return Hold{}, record.Errorf(record.NotFound, "no hold %s", id)
	}
	return h, err
}

// HoldFilter selects holds; empty fields select nothing out.
type HoldFilter struct {
	Laboratory record.InstitutionID
	Device     string
	Analyte    string
	Waiting    bool // nobody has ruled yet
	Page       store.Page
}

// Holds lists holds, the newest first.
func (d *Desk) Holds(ctx context.Context, s record.Scope, f HoldFilter) ([]Hold, error) {
	b := d.within(s, "h.institution_id", f.Laboratory)
	b.Equal("s.device", f.Device)
	b.Equal("s.analyte", f.Analyte)
	b.before("h.id", f.Page)
	if f.Waiting {
		b.And("h.decision = ''")
	}
	cond := b.String() + ` ORDER BY h.id DESC LIMIT ` + b.Arg(limit(f.Page))
	return holds(ctx, d.db, cond, b.Args...)
}

const holdQuery = `SELECT h.id, s.institution_id, s.device, s.analyte, h.point_id, h.rules, h.since_at, h.failed_at, h.last_failed_at, h.opened_at, h.good_at,
	h.good_point, h.restored_at, h.decision, h.decided_at, h.decided_by, h.decided_by_name, h.reason FROM qc_holds h JOIN qc_series s ON s.id = h.series_id WHERE `

func scanHold(scan func(...any) error) (h Hold, err error) {
	var rules string
	var since, failed, last, opened, good, restored, ruled int64
	err = scan(&h.ID, &h.Of.Laboratory, &h.Of.Device, &h.Of.Analyte, &h.Point, &rules, &since, &failed, &last, &opened, &good,
		&h.GoodPoint, &restored, &h.Ruling, &ruled, &h.RuledBy, &h.RulerName, &h.RuleReason)
	h.Rules = rulesOf(strings.TrimSpace(rules))
	h.Since, h.FailedAt, h.LastFailedAt, h.OpenedAt = record.FromMicros(since), record.FromMicros(failed), record.FromMicros(last), record.FromMicros(opened)
	h.GoodAt, h.RestoredAt, h.RuledAt = record.FromMicros(good), record.FromMicros(restored), record.FromMicros(ruled)
	return h, err
}

func holds(ctx context.Context, q store.Querier, cond string, args ...any) ([]Hold, error) {
	return store.Collect(ctx, q, holdQuery+cond, args, scanHold)
}

func holdIn(ctx context.Context, q store.Querier, id HoldID) (Hold, error) {
	return scanHold(q.QueryRow(ctx, holdQuery+`h.id = $1`, string(id)).Scan)
}
