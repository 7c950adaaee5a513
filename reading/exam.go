// What a centre asks of the room about its own exam.

package reading

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Pathway tells a case inside the centre's transaction of the first medical contact of an emergency: its clock runs on the worklist, and the
// case is STAT from then on.
func (r *Room) Pathway(ctx context.Context, tx *store.Tx, id record.CaseID, firstContact time.Time) error {
	s := record.Scope{All: true, Actor: system}
	c, err := r.caseIn(ctx, tx, s, id)
	if err != nil {
		return err
	}
	old := c
	c.Exam.FirstContactAt = stamp(firstContact)
	if c.open() && c.Exam.Priority != record.Stat {
		r.prioritise(&c, record.Stat, stamp(tx.Now()))
	}
	if c == old {
		return nil
	}
	c.Version++
	return r.keep(ctx, tx, s, &old, &c, doing{asking: asking{actor: s.Actor, now: stamp(tx.Now())}, event: "case.updated"})
}

// SignedAt is when the first version of the case's report was signed, zero if none was.
func (r *Room) SignedAt(ctx context.Context, id record.CaseID) (time.Time, error) {
	rows, err := reportRows(ctx, r.db, `WHERE r.case_id = $1 ORDER BY r.version LIMIT 1`, []any{string(id)})
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	rep, err := rows[0].report()
	return rep.SignedAt, err
}

// Current is the signed version of a case that counts, false while there is none or when it was withdrawn.
func (r *Room) Current(ctx context.Context, s record.Scope, id record.CaseID) (Report, bool, error) {
	args := []any{string(id)}
	rows, err := reportRows(ctx, r.db, `WHERE r.case_id = $1 AND `+r.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args)+
		` ORDER BY r.version DESC LIMIT 1`, args)
	if err != nil || len(rows) == 0 {
		return Report{}, false, err
	}
	rep, err := rows[0].report()
	if err != nil || !rep.WithdrawnAt.IsZero() {
		return Report{}, false, err
	}
	out, err := noted(ctx, r.db, rep, rows[0].event("report.read", record.Success).By(s))
	return out, err == nil, err
}
