// Version: which version of a row counts, and which is shown. A result that has been shown is never changed: a later version stands beside it.

package lab

import (
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
)

// rowState is what is kept of a version of a row.
type rowState struct {
	id         string
	version    int
	latest     bool
	shown      bool
	status     observation.Status
	value      string
	unit       string
	flags      string // as sent, joined
	at         time.Time
	validation validation
	analyte    string
	critical   bool
}

// fate is what becomes of an arriving version of a row.
type fate int

// The fates.
const (
	fresh fate = iota // the first, or a newer one: it counts
	same              // nothing in it is new
	stale             // older than what is kept: kept beside it, never shown

)

// fateOf compares an arriving version with the last that counts. An instant orders versions; where it does not, the status does: a corrected result is
// newer than the final one it corrects, however late the final one arrives (HL7 v2.5.1 4.5.3.22, 7.4.2.11).
func fateOf(old *rowState, in rowState) fate {
	if old == nil {
		return fresh
	}
	if old.status == in.status && old.value == in.value && old.unit == in.unit && old.flags == in.flags {
		return same
	}
	switch {
	case in.at.Before(old.at):
		if in.status == observation.Withdrawn && old.status != observation.Withdrawn && in.value == old.value {
			return fresh // the value that is kept is taken back
		}
		return stale
	case in.at.After(old.at):
		if old.status == observation.Withdrawn && in.status.Rank() < observation.Final.Rank() {
			return stale
		}
		return fresh
	case in.status.Rank() < old.status.Rank():
		return stale
	case in.status.Rank() == old.status.Rank() && in.status == observation.Withdrawn:
		return same
	}
	return fresh
}

// supersededAs is the status of a version that replaces one which somebody may have seen: a changed final result is a corrected one, whether its
// sender says so or not.
func supersededAs(old *rowState, in rowState) (observation.Status, bool) {
	if old == nil || !old.shown || !old.status.Settled() || in.status != observation.Final || old.value == in.value && old.unit == in.unit {
		return in.status, false
	}
	return observation.Corrected, true
}

// orderedBy is the instant by which versions of a row follow each other: the report's, the analysis's, else when the message was sent, else when it
// came. The instant at which a value was true of the patient stays the same through all corrections and tells nothing.
func orderedBy(r *observation.Report, row *observation.Result, sent, received time.Time) time.Time {
	at := r.ReportedAt
	if row.AnalysedAt.After(at) {
		at = row.AnalysedAt
	}
	if at.IsZero() {
		at = sent
	}
	if at.IsZero() {
		at = received
	}
	return at
}

// validation says who stands for a version of a row.
type validation string

// The validations.
const (
	bySender  validation = "sender"
	byRules   validation = "auto"
	waiting   validation = "waiting"
	technical validation = "technical" // one person has: the second is awaited
	released  validation = "released"  // two persons have
	setAside  validation = "set-aside" // a person has refused it: measure again
)

// done reports a validation after which a value may be seen.
func (v validation) done() bool { return v == bySender || v == byRules || v == released }
