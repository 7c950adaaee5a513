// Alarms: critical values that a centre's algorithm raises when an exam arrives. A doctor confirms by reading, or dismisses them.

package reading

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Alarm is what a rule of a centre found.
type Alarm struct {
	Rule    string        // id:version; one alarm of an id for each case and patient
	Finding string        // what and on what numbers it rests; no personal data
	Within  time.Duration // that it should be answered in; zero: as any critical value

	// Escalate are the instants after the raising at which it is passed on, in order; behind the last the room's own interval counts.
	Escalate []time.Duration
}

// steps is how the instants of passing on are kept: minutes, commas between.
func (a Alarm) steps() string {
	var out []string
	for _, d := range a.Escalate {
		out = append(out, strconv.Itoa(int(d/time.Minute)))
	}
	return strings.Join(out, ",")
}

// next is when a critical value is passed on again.
func (v *Critical) next(now time.Time, every time.Duration) time.Time {
	for step := range strings.SplitSeq(v.Steps, ",") {
		minutes, err := strconv.Atoi(step)
		if at := v.RaisedAt.Add(time.Duration(minutes) * time.Minute); err == nil && at.After(now) {
			return at
		}
	}
	return now.Add(every)
}

// maxRule bounds id and version of a rule together.
const maxRule = 200

// Alarm raises critical values on a case inside the centre's transaction, as the centre itself. Raising the same rule again does
// nothing, also in another version of it, unless what was raised was answered when the exam was another patient's. The case becomes STAT.
func (r *Room) Alarm(ctx context.Context, tx *store.Tx, by record.Actor, id record.CaseID, alarms ...Alarm) error {
	s := record.Scope{All: true, Actor: by, Purpose: record.Operations}
	for _, a := range alarms {
		if err := typed("rule of an alarm", a.Rule, maxRule, true); err != nil {
			return err
		}
		err := errLost
		for try := 0; try < casTries && errors.Is(err, errLost); try++ {
			err = r.alarm(ctx, tx, s, id, a)
		}
		if errors.Is(err, errLost) {
			err = record.Errorf(record.Unavailable, "case %s is being changed; try again", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) alarm(ctx context.Context, tx *store.Tx, s record.Scope, id record.CaseID, a Alarm) error {
	c, err := r.caseIn(ctx, tx, s, id)
	if err != nil {
		return err
	}
	rule, _, _ := strings.Cut(a.Rule, ":")
	had, err := criticals(ctx, tx, `WHERE v.case_id = $1 AND v.patient_id = $2 AND (v.rule = $3 OR v.rule LIKE $4 ESCAPE '\')
		AND (v.dismissed_at = 0 OR v.dismissed_by <> $5)`, []any{string(id), string(c.Exam.Patient), rule, store.LikeText(rule) + ":%", s.Actor.ID})
	if err != nil || len(had) > 0 {
		return err
	}
	old := c
	v := r.newCritical(tx, s, &c, plainText(a.Finding, maxReason))
	v.Rule, v.DueAt, v.Steps = a.Rule, v.RaisedAt.Add(cmp.Or(a.Within, r.opt.CriticalAck)), a.steps()
	c.Critical = true
	r.prioritise(&c, record.Stat, stamp(tx.Now()))
	c.Version++
	if err := r.keep(ctx, tx, s, &old, &c, doing{asking: asking{actor: s.Actor, now: stamp(tx.Now())}, event: "case.critical"}); err != nil {
		return err
	}
	return insertCritical(ctx, tx, s, &c, &v, "")
}

// Retract ends the open alarms of a case whose finding the centre itself no longer says, inside its transaction: it was corrected or taken back.
// standing are the ids of the rules that still hold. Who must act is told as of a dismissal; what was acknowledged stays, and a finding that comes
// back is an alarm again.
func (r *Room) Retract(ctx context.Context, tx *store.Tx, by record.Actor, id record.CaseID, standing map[string]bool, reason string) error {
	s := record.Scope{All: true, Actor: by, Purpose: record.Operations}
	open, err := criticals(ctx, tx, `WHERE v.case_id = $1 AND v.rule <> '' AND v.acknowledged_at = 0 AND v.dismissed_at = 0`, []any{string(id)})
	if err != nil {
		return err
	}
	for i := range open {
		v := &open[i]
		if rule, _, _ := strings.Cut(v.Rule, ":"); standing[rule] {
			continue
		}
		if err := tx.Lock(ctx, "critical:"+string(v.ID)); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, `UPDATE critical_values SET dismissed_at = $1, dismissed_by = $2, dismissed_by_name = $3, dismiss_reason = $4
			WHERE id = $5 AND acknowledged_at = 0 AND dismissed_at = 0`, record.Micros(stamp(tx.Now())), by.ID, by.Display, reason, string(v.ID))
		if err != nil {
			return fmt.Errorf("retract critical value: %w", err)
		}
		if n, err := done.RowsAffected(); err == nil && n > 0 { // nobody answered meanwhile
			v.tell(tx, s, "critical.dismissed")
		}
	}
	return nil
}

// DismissCritical ends an algorithm's alarm as false: a reader of the case says why. What was acknowledged stays.
func (r *Room) DismissCritical(ctx context.Context, s record.Scope, id CriticalID, reason string) (Critical, error) {
	if err := remark("reason", reason, maxReason, true); err != nil {
		return Critical{}, err
	}
	return r.changeCritical(ctx, s, id, func(ctx context.Context, tx *store.Tx, v *Critical) error {
		switch {
		case s.Actor.Kind != record.ActorUser:
			return record.Errorf(record.Denied, "only a doctor may dismiss critical value %s", id)
		case v.Rule == "":
			return record.Errorf(record.Precondition, "critical value %s was raised by a doctor; only an algorithm's alarm can be dismissed", id)
		case v.Acknowledged():
			return record.Errorf(record.Precondition, "critical value %s was acknowledged at %s", id, v.AcknowledgedAt.Format(time.RFC3339))
		case !v.DismissedAt.IsZero():
			if v.DismissedBy == record.UserID(s.Actor.ID) && v.DismissReason == reason {
				return nil
			}
			return record.Errorf(record.Precondition, "critical value %s was dismissed at %s", id, v.DismissedAt.Format(time.RFC3339))
		}
		v.DismissedAt, v.DismissedBy, v.DismissedByName, v.DismissReason = stamp(tx.Now()), record.UserID(s.Actor.ID), s.Actor.Display, reason
		_, err := tx.Exec(ctx, `UPDATE critical_values SET dismissed_at = $1, dismissed_by = $2, dismissed_by_name = $3, dismiss_reason = $4 WHERE id = $5`,
			record.Micros(v.DismissedAt), string(v.DismissedBy), v.DismissedByName, reason, string(id))
		if err != nil {
			return fmt.Errorf("dismiss critical value: %w", err)
		}
		v.tell(tx, s, "critical.dismissed")
		return nil
	})
}

// Call is a note that somebody was called 电话通知: who was told, what they answered.
type Call struct {
	At     time.Time
	By     record.UserID
	ByName string
	Note   string
}

const maxCalls = 50

// NoteCall keeps such a note with a critical value, also after it was acknowledged.
func (r *Room) NoteCall(ctx context.Context, s record.Scope, id CriticalID, note string) (Critical, error) {
	if err := remark("note", note, maxReason, true); err != nil {
		return Critical{}, err
	}
	return r.changeCritical(ctx, s, id, func(ctx context.Context, tx *store.Tx, v *Critical) error {
		if len(v.Calls) >= maxCalls {
			return record.Errorf(record.Precondition, "critical value %s has %d notes already", id, maxCalls)
		}
		c := Call{At: stamp(tx.Now()), By: record.UserID(s.Actor.ID), ByName: s.Actor.Display, Note: note}
		v.Calls = append(v.Calls, c)
		_, err := tx.Exec(ctx, `INSERT INTO critical_calls (critical_id, number, at, by_id, by_name, note) VALUES ($1,$2,$3,$4,$5,$6)`,
			string(id), len(v.Calls), record.Micros(c.At), string(c.By), c.ByName, note)
		if err != nil {
			return fmt.Errorf("note call: %w", err)
		}
		v.tell(tx, s, "critical.called")
		return nil
	})
}

// changeCritical reads a critical value inside the scope under its lock and changes it.
func (r *Room) changeCritical(ctx context.Context, s record.Scope, id CriticalID, change func(context.Context, *store.Tx, *Critical) error) (Critical, error) {
	var v Critical
	err := r.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "critical:"+string(id)); err != nil {
			return err
		}
		args := []any{string(id)}
		found, err := criticals(ctx, tx, `WHERE v.id = $1 AND `+r.db.ScopeSQL(s, "v.institution_id", "v.patient_id", &args), args)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return record.Errorf(record.NotFound, "critical value %s", id)
		}
		v = found[0]
		return change(ctx, tx, &v)
	})
	if err != nil {
		return Critical{}, err
	}
	return v, nil
}

// withCalls adds to each critical value the notes of calls.
func withCalls(ctx context.Context, q store.Querier, all []Critical) error {
	for part := range slices.Chunk(all, 200) {
		ids := make([]CriticalID, len(part))
		at := make(map[CriticalID]*Critical, len(part))
		for i := range part {
			ids[i], at[part[i].ID] = part[i].ID, &part[i]
		}
		type row struct {
			Call
			id CriticalID
			at int64
		}
		var args []any
		rows, err := store.List(ctx, q, `SELECT critical_id, at, by_id, by_name, note FROM critical_calls WHERE critical_id IN (`+marks(ids, &args)+`)
			ORDER BY critical_id, number`, args, func(c *row) []any { return []any{&c.id, &c.at, &c.By, &c.ByName, &c.Note} })
		if err != nil {
			return fmt.Errorf("calls: %w", err)
		}
		for _, c := range rows {
			c.At = record.FromMicros(c.at)
			at[c.id].Calls = append(at[c.id].Calls, c.Call)
		}
	}
	return nil
}
