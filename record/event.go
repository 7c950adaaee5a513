// What happened: one append-only, ordered table is audit trail and change feed in one.

package record

import "time"

// Outcome of an act.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Refused Outcome = "refused" // permission or state said no
	Failed  Outcome = "failed"  // it was tried and went wrong
)

// Event is one thing that happened. It carries ids only, never personal data.
type Event struct {
	Seq         int64 // given by the store: gapless, in commit order
	At          time.Time
	Act         string // dotted: "study.received", "case.signed", "patient.read"
	Actor       Actor
	Purpose     Purpose
	Institution InstitutionID // whose data it is about
	Patient     PatientID
	Kind        string // of the object: "study", "case", "report", ...
	Object      string // its id
	Outcome     Outcome
	Rule        string            // the policy row that allowed it
	Detail      map[string]string // counts, codes, reasons
}

// By fills actor, purpose, rule and justification from the scope.
func (e Event) By(s Scope) Event {
	e.Actor, e.Purpose, e.Rule = s.Actor, s.Purpose, s.Rule
	if s.Reason != "" {
		d := map[string]string{"justification": s.Reason}
		for k, v := range e.Detail {
			d[k] = v
		}
		e.Detail = d
	}
	return e
}
