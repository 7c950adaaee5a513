// Critical values 危急值: raised by a doctor, acknowledged where the patient is, passed on until somebody does.

package reading

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// CriticalID names one critical value.
type CriticalID string

// Critical is one critical value.
type Critical struct {
	ID             CriticalID
	Case           record.CaseID
	Institution    record.InstitutionID // that must act
	Patient        record.PatientID
	Finding        string
	RaisedBy       record.UserID
	RaisedByName   string
	RaisedAt       time.Time
	DueAt          time.Time // of the acknowledgement, then of the next escalation
	Escalations    int
	AcknowledgedBy record.UserID // empty: nobody yet

	AcknowledgedByName string
	AcknowledgedAt     time.Time
	Handling           string // what was done

	Rule            string // of an algorithm's alarm: id and version; empty: a doctor raised it
	DismissedAt     time.Time
	DismissedBy     record.UserID
	DismissedByName string
	DismissReason   string
	Calls           []Call // oldest first

	Steps string // minutes after the raising at which it is passed on
}

// Acknowledged reports whether somebody answered for it.
func (v Critical) Acknowledged() bool { return !v.AcknowledgedAt.IsZero() }

const criticalSelect = `SELECT v.id, v.case_id, v.institution_id, v.patient_id, v.finding, v.raised_by, v.raised_by_name,
	v.raised_at, v.due_at, v.escalations, v.acknowledged_by, v.acknowledged_by_name, v.acknowledged_at, v.handling,
	v.rule, v.dismissed_at, v.dismissed_by, v.dismissed_by_name, v.dismiss_reason, v.steps
	FROM critical_values v `

type criticalRow struct {
	Critical
	raised, due, acknowledged, dismissed int64
}

func criticals(ctx context.Context, q store.Querier, tail string, args []any) ([]Critical, error) {
	rows, err := store.List(ctx, q, criticalSelect+tail, args, func(v *criticalRow) []any {
		return []any{
			&v.ID, &v.Case, &v.Institution, &v.Patient, &v.Finding, &v.RaisedBy, &v.RaisedByName,
			&v.raised, &v.due, &v.Escalations, &v.AcknowledgedBy, &v.AcknowledgedByName, &v.acknowledged, &v.Handling,
			&v.Rule, &v.dismissed, &v.DismissedBy, &v.DismissedByName, &v.DismissReason, &v.Steps,
		}
	})
	if err != nil {
		return nil, fmt.Errorf("critical values: %w", err)
	}
	out := make([]Critical, len(rows))
	for i, v := range rows {
		v.RaisedAt, v.DueAt, v.AcknowledgedAt = record.FromMicros(v.raised), record.FromMicros(v.due), record.FromMicros(v.acknowledged)
		v.DismissedAt = record.FromMicros(v.dismissed)
		out[i] = v.Critical
	}
	return out, withCalls(ctx, q, out)
}

// errRaised: the request raised it before.
var errRaised = errors.New("raised already")

// RaiseCritical tells the institution of the patient. A second call with the same requestID on the same case answers
// what the first did; an empty one is always new.
func (r *Room) RaiseCritical(ctx context.Context, s record.Scope, id record.CaseID, finding, requestID string) (Critical, error) {
	if err := remark("finding", finding, maxReason, true); err != nil {
		return Critical{}, err
	}
	if requestID != "" && !record.ValidID(requestID) {
		return Critical{}, record.Errorf(record.Invalid, "request id: want letters, digits, . _ - or :, at most 64")
	}
	if v, err := r.raised(ctx, s, id, requestID); err != nil || v.ID != "" {
		return v, err
	}
	var v Critical
	d := doing{asking: asking{act: ActRaise, actor: s.Actor}, event: "case.critical", quiet: true}
	d.do = func(ctx context.Context, tx *store.Tx, c *Case) error {
		found, err := criticals(ctx, tx, `WHERE v.case_id = $1 AND v.request_id = $2 AND v.request_id <> ''`, []any{string(id), requestID})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			v = found[0]
			return errRaised
		}
		v = r.newCritical(tx, s, c, finding)
		c.Critical = true
		c.Unacknowledged++
		return insertCritical(ctx, tx, s, c, &v, requestID)
	}
	if _, err := r.act(ctx, s, id, d); err != nil && !errors.Is(err, errRaised) {
		return Critical{}, err
	}
	return v, nil
}

// raised finds what a request raised before, also when the case went on since and would not allow it any more.
func (r *Room) raised(ctx context.Context, s record.Scope, id record.CaseID, requestID string) (Critical, error) {
	if requestID == "" {
		return Critical{}, nil
	}
	args := []any{string(id), requestID, s.Actor.ID}
	found, err := criticals(ctx, r.db, `WHERE v.case_id = $1 AND v.request_id = $2 AND v.raised_by = $3 AND `+
		r.db.ScopeSQL(s, "v.institution_id", "v.patient_id", &args), args)
	if err != nil || len(found) == 0 {
		return Critical{}, err
	}
	return found[0], nil
}

func (r *Room) newCritical(tx *store.Tx, s record.Scope, c *Case, finding string) Critical {
	now := stamp(tx.Now())
	return Critical{
		ID: CriticalID(record.NewID(now)), Case: c.ID, Institution: c.Exam.Institution, Patient: c.Exam.Patient,
		Finding: finding, RaisedBy: record.UserID(s.Actor.ID), RaisedByName: s.Actor.Display, RaisedAt: now, DueAt: now.Add(r.opt.CriticalAck),
	}
}

func insertCritical(ctx context.Context, tx *store.Tx, s record.Scope, c *Case, v *Critical, requestID string) error {
	_, err := tx.Exec(ctx, `INSERT INTO critical_values (id, case_id, institution_id, patient_id, request_id, finding,
		raised_by, raised_by_name, raised_at, due_at, rule, steps) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)`,
		string(v.ID), string(v.Case), string(v.Institution), string(v.Patient), requestID, v.Finding,
		string(v.RaisedBy), v.RaisedByName, record.Micros(v.RaisedAt), record.Micros(v.DueAt), v.Rule, v.Steps)
	if err != nil {
		return fmt.Errorf("raise critical value: %w", err)
	}
	emit(tx, s, c, "critical.raised", "critical", string(v.ID), nil)
	return nil
}

// tell emits what became of a critical value, for its institution and for those who watch the case.
func (v *Critical) tell(tx *store.Tx, s record.Scope, act string) {
	e := record.Event{
		Act: act, Institution: v.Institution, Patient: v.Patient, Kind: "critical", Object: string(v.ID),
		Detail: map[string]string{"case": string(v.Case), "escalations": strconv.Itoa(v.Escalations)},
	}
	tx.Emit(e.By(s))
	e.Act, e.Kind, e.Object = "case.critical", "case", string(v.Case)
	e.Detail = map[string]string{"critical": string(v.ID), "what": act}
	tx.Emit(e.By(s))
}

// AcknowledgeCritical is the answer of a person at the institution of the patient: what was done. The same person may
// send the same answer again.
func (r *Room) AcknowledgeCritical(ctx context.Context, s record.Scope, id CriticalID, handling string) (Critical, error) {
	if err := remark("handling", handling, maxReason, true); err != nil {
		return Critical{}, err
	}
	return r.changeCritical(ctx, s, id, func(ctx context.Context, tx *store.Tx, v *Critical) error {
		if err := v.mayAcknowledge(s.Actor); err != nil {
			return err
		}
		switch {
		case !v.DismissedAt.IsZero():
			return record.Errorf(record.Precondition, "critical value %s was dismissed as a false alarm at %s", v.ID, v.DismissedAt.Format(time.RFC3339))
		case v.Acknowledged():
			return v.again(s.Actor, handling)
		}
		return v.acknowledge(ctx, tx, s, handling)
	})
}

func (v *Critical) mayAcknowledge(a record.Actor) error {
	switch {
	case a.Kind != record.ActorUser || a.Institution != v.Institution:
		return record.Errorf(record.Denied, "only a person of %s may acknowledge critical value %s", v.Institution, v.ID)
	case v.RaisedBy == record.UserID(a.ID):
		return record.Errorf(record.Denied, "critical value %s was raised by yourself; somebody else must acknowledge it", v.ID)
	}
	return nil
}

func (v *Critical) again(a record.Actor, handling string) error {
	if v.AcknowledgedBy == record.UserID(a.ID) && v.Handling == handling {
		return nil
	}
	return record.Errorf(record.Precondition, "critical value %s was acknowledged at %s", v.ID, v.AcknowledgedAt.Format(time.RFC3339))
}

func (v *Critical) acknowledge(ctx context.Context, tx *store.Tx, s record.Scope, handling string) error {
	v.AcknowledgedBy, v.AcknowledgedByName = record.UserID(s.Actor.ID), s.Actor.Display
	v.AcknowledgedAt, v.Handling = stamp(tx.Now()), handling
	var escalations int
	err := tx.QueryRow(ctx, `UPDATE critical_values SET acknowledged_by = $1, acknowledged_by_name = $2, acknowledged_at = $3,
		handling = $4 WHERE id = $5 AND acknowledged_at = 0 RETURNING escalations`, string(v.AcknowledgedBy), v.AcknowledgedByName,
		record.Micros(v.AcknowledgedAt), handling, string(v.ID)).Scan(&escalations)
	if err != nil {
		return fmt.Errorf("acknowledge critical value: %w", err)
	}
	v.Escalations = escalations
	v.tell(tx, s, "critical.acknowledged")
	return nil
}

// CriticalFilter says which critical values to list.
type CriticalFilter struct {
	OpenOnly  bool
	Case      record.CaseID
	PageSize  int    // default 100, at most 1000
	PageToken string // as given with the page before
}

// Criticals lists critical values, newest first.
func (r *Room) Criticals(ctx context.Context, s record.Scope, f CriticalFilter) ([]Critical, string, error) {
	where, args, size, err := r.criticalsWhere(s, f)
	if err != nil {
		return nil, "", err
	}
	out, err := criticals(ctx, r.db, where, args)
	if err != nil {
		return nil, "", err
	}
	token := ""
	if len(out) > size {
		out = out[:size]
		token = string(out[size-1].ID)
	}
	e := record.Event{Act: "critical.list", Kind: "search", Detail: map[string]string{"count": strconv.Itoa(len(out))}}
	out, err = noted(ctx, r.db, out, e.By(s))
	return out, token, err
}

func (r *Room) criticalsWhere(s record.Scope, f CriticalFilter) (string, []any, int, error) {
	var args []any
	where := `WHERE ` + r.db.ScopeSQL(s, "v.institution_id", "v.patient_id", &args)
	if f.OpenOnly {
		where += ` AND v.acknowledged_at = 0 AND v.dismissed_at = 0`
	}
	if f.Case != "" {
		args = append(args, string(f.Case))
		where += fmt.Sprintf(` AND v.case_id = $%d`, len(args))
	}
	if f.PageToken != "" {
		if !record.ValidID(f.PageToken) {
			return "", nil, 0, record.Errorf(record.Invalid, "page token: not one of ours")
		}
		args = append(args, f.PageToken)
		where += fmt.Sprintf(` AND v.id < $%d`, len(args))
	}
	size := pageSize(f.PageSize)
	args = append(args, size+1)
	return where + fmt.Sprintf(` ORDER BY v.id DESC LIMIT $%d`, len(args)), args, size, nil
}
