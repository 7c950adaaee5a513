// What the doctor decided: the earlier result is used, or the examination is repeated and why.

package recognition

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// DecisionID names a decision.
type DecisionID string

// Choice is what a doctor does with an earlier result.
type Choice string

// The choices.
const (
	Adopted  Choice = "adopt"
	Repeated Choice = "repeat"
)

// Decision is what a doctor decided about one result for one line of an order.
type Decision struct {
	ID          DecisionID
	Check       CheckID
	Order       OrderID
	Result      record.ResultID
	Patient     record.PatientID
	Institution record.InstitutionID // who decided
	Source      record.InstitutionID // whose result it is
	Choice      Choice
	Reason      string
	Explanation string // free text of the doctor: for those who may read the decision, never for a log
	Verdict     State
	Item        string
	RuleID      string
	Version     string
	Actor       record.Actor
	At          time.Time
}

const (
	checkLife         = 24 * time.Hour
	minExplanation    = 4
	maxExplanation    = 1000
	decidedOtherwise  = "decided otherwise already for this line of the order: check the order again to decide anew"
	resultIsWithdrawn = "the result was withdrawn after the check: check the order again"
)

// choice is one call of Adopt or Repeat.
type choice struct {
	check       CheckID
	order       OrderID
	result      record.ResultID
	choice      Choice
	reason      string
	explanation string
}

// Adopt keeps that the doctor uses the earlier result. The same call again answers the same decision.
func (d *Desk) Adopt(ctx context.Context, s record.Scope, check CheckID, order OrderID, result record.ResultID) (Decision, error) {
	return d.decide(ctx, s, choice{check: check, order: order, result: result, choice: Adopted})
}

// Repeat keeps that the doctor repeats the examination although the result is known, and why. A result to be recognised
// demands a reason; some reasons demand an explanation.
func (d *Desk) Repeat(ctx context.Context, s record.Scope, check CheckID, order OrderID, result record.ResultID, reason, explanation string) (Decision, error) {
	return d.decide(ctx, s, choice{check, order, result, Repeated, strings.TrimSpace(reason), strings.TrimSpace(explanation)})
}

func (d *Desk) decide(ctx context.Context, s record.Scope, c choice) (Decision, error) {
	row, err := checkOf(ctx, d.db, c.check, s.Actor.Institution)
	if err != nil {
		return Decision{}, err
	}
	if c.choice == Adopted {
		if _, err := d.db.Result(ctx, s, c.result); err != nil { // consent or relationship may have ended since
			return Decision{}, err
		}
	}
	reasons := d.rb.Reasons(row.Ask.Scopes, d.db.Now())
	var out Decision
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "recognition:"+string(c.check)+"/"+string(c.order)); err != nil {
			return err
		}
		var fresh bool
		if out, fresh, err = c.settle(ctx, tx, row, reasons, s); err != nil || !fresh {
			return err
		}
		if err := putDecision(ctx, tx, out); err != nil {
			return err
		}
		tx.Emit(out.event(s))
		return nil
	})
	return out, err
}

// settle answers the decision, and whether it is a new one.
func (c choice) settle(ctx context.Context, tx *store.Tx, row checkRow, reasons []Reason, s record.Scope) (Decision, bool, error) {
	pair, err := pairOf(ctx, tx, c)
	if err != nil {
		return Decision{}, false, err
	}
	before, err := queryDecisions(ctx, tx, `check_id = $1 AND order_id = $2 ORDER BY id`, string(c.check), string(c.order))
	if err != nil {
		return Decision{}, false, err
	}
	if old, err := c.decided(before); err != nil || old != nil {
		if err != nil {
			return Decision{}, false, err
		}
		return *old, false, nil
	}
	now := tx.Now()
	if now.Sub(row.At) > checkLife {
		return Decision{}, false, record.Errorf(record.Precondition, "the check is older than 24 hours: check the order again")
	}
	status, source, err := resultNow(ctx, tx, c.result)
	if err != nil {
		return Decision{}, false, err
	}
	if err := c.allowed(pair.Verdict, status, reasons); err != nil {
		return Decision{}, false, err
	}
	return Decision{
		ID: DecisionID(record.NewID(now)), Check: c.check, Order: c.order, Result: c.result, Patient: row.Patient,
		Institution: row.Institution, Source: source, Choice: c.choice, Reason: c.reason, Explanation: c.explanation,
		Verdict: pair.Verdict.State, Item: pair.Verdict.Item, RuleID: pair.Verdict.RuleID, Version: row.Version, Actor: s.Actor,
		At: now.Truncate(time.Microsecond),
	}, true, nil
}

func pairOf(ctx context.Context, tx *store.Tx, c choice) (pairRow, error) {
	pairs, err := queryPairs(ctx, tx, `check_id = $1 AND order_id = $2 AND result_id = $3`, string(c.check), string(c.order), string(c.result))
	if err != nil {
		return pairRow{}, err
	}
	if len(pairs) == 0 {
		return pairRow{}, record.Errorf(record.NotFound, "check %s: no such result for that line", c.check)
	}
	return pairs[0], nil
}

// decided compares with what was decided for the line before: the same again is answered, anything else is a conflict.
// Several results may be used, or passed over, together.
func (c choice) decided(before []Decision) (*Decision, error) {
	for i := range before {
		b := &before[i]
		if b.Choice != c.choice {
			return nil, record.Errorf(record.Conflict, decidedOtherwise)
		}
		if b.Result != c.result {
			continue
		}
		if b.Reason != c.reason || b.Explanation != c.explanation {
			return nil, record.Errorf(record.Conflict, decidedOtherwise)
		}
		return b, nil
	}
	return nil, nil
}

func (c choice) allowed(v Verdict, status record.ResultStatus, reasons []Reason) error {
	if c.choice == Repeated {
		return c.reasoned(v, reasons)
	}
	switch {
	case status != record.Final && status != record.Corrected:
		return record.Errorf(record.Precondition, resultIsWithdrawn)
	case v.State == NotEligible:
		return record.Errorf(record.Precondition, "the result cannot be recognised: %s", strings.Join(v.Failed.Codes(), ", "))
	}
	return nil
}

func (c choice) reasoned(v Verdict, reasons []Reason) error {
	if c.reason == "" {
		if v.State == Recognise {
			return record.Errorf(record.Invalid, "the result is to be recognised: repeating the examination needs a reason")
		}
		return nil
	}
	i := slices.IndexFunc(reasons, func(r Reason) bool { return r.Code == c.reason })
	n := utf8.RuneCountInString(c.explanation)
	switch {
	case i < 0:
		return record.Errorf(record.Invalid, "reason: no such code in force here")
	case n > maxExplanation || !utf8.ValidString(c.explanation):
		return record.Errorf(record.Invalid, "explanation: at most %d characters of text", maxExplanation)
	case reasons[i].ExplanationRequired && n < minExplanation:
		return record.Errorf(record.Invalid, "reason %s needs an explanation of at least %d characters", c.reason, minExplanation)
	}
	return nil
}

// event tells what was decided, about whose data; the explanation stays in the row.
func (d Decision) event(s record.Scope) record.Event {
	act := "recognition.adopted"
	if d.Choice == Repeated {
		act = "recognition.repeated"
	}
	detail := map[string]string{
		"check": string(d.Check), "decision": string(d.ID), "verdict": d.Verdict.String(), "rule": d.RuleID,
		"item": d.Item, "receiver": string(d.Institution),
	}
	if d.Reason != "" {
		detail["reason"] = d.Reason
	}
	return record.Event{
		At: d.At, Act: act, Institution: d.Source, Patient: d.Patient, Kind: "result", Object: string(d.Result),
		Detail: detail,
	}.By(s)
}

// DecisionFilter says which decisions to list.
type DecisionFilter struct {
	Patient  record.PatientID
	From, To time.Time // From <= At < To
	Page     store.Page
}

// Decisions pages through what was decided within the scope, the newest first.
func (d *Desk) Decisions(ctx context.Context, s record.Scope, f DecisionFilter) (list []Decision, next string, err error) {
	var args []any
	conds := []string{d.db.ScopeSQL(s, "institution_id", "patient_id", &args)}
	add := func(format string, v any) {
		args = append(args, v)
		conds = append(conds, fmt.Sprintf(format, len(args)))
	}
	if f.Patient != "" {
		add("patient_id = $%d", string(f.Patient))
	}
	if !f.From.IsZero() {
		add("decided_at >= $%d", record.Micros(f.From))
	}
	if !f.To.IsZero() {
		add("decided_at < $%d", record.Micros(f.To))
	}
	if f.Page.After != "" {
		add("id < $%d", f.Page.After)
	}
	limit := limitOf(f.Page)
	list, err = queryDecisions(ctx, d.db, fmt.Sprintf("%s ORDER BY id DESC LIMIT %d", strings.Join(conds, " AND "), limit+1), args...)
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = string(list[limit-1].ID)
	}
	if err := d.note(ctx, s, f.Patient, len(list)); err != nil {
		return nil, "", err
	}
	return list, next, nil
}
