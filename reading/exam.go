// What a centre asks of the room about its own exam.

package reading

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Pathway tells a case inside the centre's transaction of the first medical contact of an emergency: its clock runs on the worklist, and the
// case is STAT from then on.
func (r *Room) Pathway(ctx context.Context, tx *store.Tx, id record.CaseID, firstContact time.Time) error {
	for range casTries {
		if err := r.pathway(ctx, tx, id, firstContact); !errors.Is(err, errLost) {
			return err
		}
	}
	return record.Errorf(record.Unavailable, "case %s is being changed; try again", id)
}

func (r *Room) pathway(ctx context.Context, tx *store.Tx, id record.CaseID, firstContact time.Time) error {
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

// CaseOf is the case of an exam, empty while there is none.
func (r *Room) CaseOf(ctx context.Context, q store.Querier, exam record.ExamID) (record.CaseID, error) {
	c, _, err := r.caseOf(ctx, q, exam)
	return c.ID, err
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

// StandingOf are the rules whose alarms of an exam were raised and not dismissed, inside the centre's transaction.
func (r *Room) StandingOf(ctx context.Context, q store.Querier, exam record.ExamID) (map[string]bool, error) {
	all, err := criticals(ctx, q, `WHERE v.case_id IN (SELECT id FROM cases WHERE exam_id = $1) AND v.rule <> '' AND v.dismissed_at = 0`, []any{string(exam)})
	if err != nil {
		return nil, err
	}
	return rulesOf(all), nil
}

func rulesOf(all []Critical) map[string]bool {
	out := map[string]bool{}
	for _, v := range all {
		rule, _, _ := strings.Cut(v.Rule, ":")
		out[rule] = true
	}
	return out
}

// Dismissed are the ids of the rules whose alarms on a case a doctor has dismissed as false for a patient.
func (r *Room) Dismissed(ctx context.Context, id record.CaseID, patient record.PatientID) (map[string]bool, error) {
	all, err := criticals(ctx, r.db, `WHERE v.case_id = $1 AND v.patient_id = $2 AND v.rule <> '' AND v.dismissed_at > 0`, []any{string(id), string(patient)})
	if err != nil {
		return nil, err
	}
	return rulesOf(all), nil
}
