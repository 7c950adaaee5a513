// Stability: until when an analyte can be measured from a tube.

package specimen

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// keeping asks for the book of a tube's laboratory, nil if there is none.
func (d *Desk) keeping(ctx context.Context, sp *Specimen) Keeps {
	if d.opt.Stability == nil || sp.CollectedAt.IsZero() {
		return nil
	}
	return d.opt.Stability(ctx, sp.Laboratory)
}

// dated finds the first deadline among the open analytes of a tube. One that was not collected, or of which nobody said when, has none.
func (d *Desk) dated(ctx context.Context, sp *Specimen) {
	sp.DeadlineAt, sp.DeadlineAnalyte = time.Time{}, ""
	if sp.State.Gone() || sp.State == Discarded || sp.State == Cancelled || len(openLines(sp.Lines)) == 0 {
		return
	}
	keeps := d.keeping(ctx, sp)
	for i := range sp.Lines {
		for _, a := range sp.Lines[i].Missing() {
			at, ok := deadline(keeps, sp, a)
			if ok && (sp.DeadlineAt.IsZero() || at.Before(sp.DeadlineAt)) {
				sp.DeadlineAt, sp.DeadlineAnalyte = at, a
			}
		}
	}
}

// deadline is when an analyte can no longer be measured. What a tube kept to that left its range is not known: the shorter time of the open room
// counts.
func deadline(keeps Keeps, sp *Specimen, analyte string) (time.Time, bool) {
	if keeps == nil {
		return time.Time{}, false
	}
	how := []string{cmp.Or(sp.Temperature, ambient), ambient}
	if sp.Has(FlagTemperature) {
		how[0], how[1] = how[1], how[0]
	}
	for _, h := range how {
		if d, ok := keeps(analyte, sp.Type.Code, h); ok {
			return sp.CollectedAt.Add(d), true
		}
	}
	return time.Time{}, false
}

// ambient is the word for a tube that nobody cools.
const ambient = "room"

// Expiry is what a result should know of its tube.
type Expiry struct {
	Expired     bool // measured behind the deadline: no autoverification
	DeadlineAt  time.Time
	OutOfRange  bool // it travelled outside the range of its box
	Uncollected bool // nobody said when it was collected: the deadline is not known
}

// Blocks reports whether a person must look before the result is let out.
func (e Expiry) Blocks() bool { return e.Expired || e.OutOfRange }

// Expired says whether an analyte was measured from a tube in time.
func (d *Desk) Expired(ctx context.Context, q store.Querier, id SpecimenID, analyte string, measuredAt time.Time) (Expiry, error) {
	ask, err := d.Expiries(ctx, q, id)
	if err != nil {
		return Expiry{}, err
	}
	return ask(analyte, measuredAt), nil
}

// Expiries reads a tube once and answers for any of its analytes.
func (d *Desk) Expiries(ctx context.Context, q store.Querier, id SpecimenID) (func(analyte string, measuredAt time.Time) Expiry, error) {
	sp, err := scanSpecimen(q.QueryRow(ctx, `SELECT `+specimenColumns+` FROM specimens p WHERE p.id = $1`, string(id)).Scan)
	if err != nil {
		return nil, missing(err, "no specimen %s", id)
	}
	keeps := d.keeping(ctx, &sp)
	return func(analyte string, measuredAt time.Time) Expiry {
		e := Expiry{OutOfRange: sp.Has(FlagTemperature), Uncollected: sp.CollectedAt.IsZero()}
		if at, ok := deadline(keeps, &sp, analyte); ok {
			e.DeadlineAt, e.Expired = at, measuredAt.After(at)
		}
		return e
	}, nil
}

// Sweep tells once of tubes that nobody has scanned for too long and of those whose deadline passed before they were measured.
func (d *Desk) Sweep(ctx context.Context) error {
	now := stamp(d.db.Now())
	if err := d.tell(ctx, "overdue", `p.told_at = 0 AND p.state IN ('collected', 'packed', 'transport') AND p.state_at < $1`,
		`told_at = $2`, record.Micros(now.Add(-d.opt.LostAfter)), record.Micros(now)); err != nil {
		return err
	}
	if err := d.tell(ctx, "expired", `p.deadline_at > 0 AND p.deadline_at < $1 AND p.marks NOT LIKE '%`+FlagExpired+`%'
		AND p.state IN ('collected', 'packed', 'transport', 'received', 'analysis')`, `marks = marks || $2`, record.Micros(now), " "+FlagExpired+" "); err != nil {
		return err
	}
	return d.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM lab_orders_parked WHERE parked_at < $1`, record.Micros(now.Add(-parkedFor)))
		return err
	})
}

const (
	parkedFor = 90 * 24 * time.Hour
	tellBatch = 200
)

// tell emits an event for every tube of a condition and marks it as told. $1 is the instant of the condition, $2 the mark.
func (d *Desk) tell(ctx context.Context, act, where, set string, at int64, mark any) error {
	for {
		n := 0
		err := d.db.Tx(ctx, func(tx *store.Tx) error {
			found, err := store.Collect(ctx, tx, `SELECT `+specimenColumns+` FROM specimens p WHERE `+where+` ORDER BY p.state_at LIMIT `+itoa(tellBatch)+
				tx.SkipLocked(), []any{at}, scanSpecimen)
			if err != nil {
				return err
			}
			n = len(found)
			for i := range found {
				if _, err := tx.Exec(ctx, `UPDATE specimens SET `+strings.ReplaceAll(set, "$2", "$1")+`, version = version + 1 WHERE id = $2`,
					mark, string(found[i].ID)); err != nil {
					return err
				}
				tx.Emit(found[i].event(act))
			}
			return nil
		})
		if err != nil || n < tellBatch {
			return err
		}
	}
}
