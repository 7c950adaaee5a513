// A case: one exam waiting for, or having, a report.

package reading

import (
	"context"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Case is one exam on its way to a report, with what a worklist shows of its patient.
type Case struct {
	ID           record.CaseID
	Exam         record.Exam
	ClinicalInfo string

	PatientName      record.Personal
	PatientSex       record.Sex
	PatientBirthDate record.Date
	Priors           int // other results of the same person

	State          State
	Holder         record.UserID
	HolderName     string
	ClaimExpiresAt time.Time
	Author         record.UserID // who submitted last
	AuthorName     string
	Reviewer       record.UserID // who signed or returned last
	ReturnReason   string
	Report         record.ReportID // newest signed version
	ReportVersion  int

	Critical       bool // a critical value was raised
	Unacknowledged int  // critical values that nobody acknowledged yet
	Additions      bool // more of the exam arrived after it was reported: somebody should look

	OpenedAt time.Time
	DueAt    time.Time
	Overdue  bool
	Version  int64 // grows with every act except drafts and critical values

	rest        State
	submitted   int
	amendReason string
	withdrawn   bool
}

// Etag changes with every act on the case, so that a caller can be sure that nobody acted between. Drafts have numbers
// of their own and critical values run on their own: they leave it as it is.
func (c Case) Etag() string { return strconv.FormatInt(c.Version, 10) }

// Incomplete reports whether parts of the exam that were announced have not arrived.
func (c Case) Incomplete() bool { return !c.Exam.Complete }

func (c *Case) mine(a record.Actor) bool { return c.Holder != "" && c.Holder == record.UserID(a.ID) }

func (c *Case) held(now time.Time) bool { return c.Holder != "" && now.Before(c.ClaimExpiresAt) }

// open reports whether somebody still has to do something about it.
func (c *Case) open() bool { return c.State != Signed && c.State != Withdrawn }

// listed reports whether the default worklist shows it.
func (c *Case) listed() bool { return c.open() || c.Additions }

func (c *Case) hold(a record.Actor, until time.Time) {
	c.Holder, c.HolderName, c.ClaimExpiresAt = record.UserID(a.ID), a.Display, until
}

func (c *Case) free() { c.Holder, c.HolderName, c.ClaimExpiresAt = "", "", time.Time{} }

func (c *Case) event(act string) record.Event {
	return record.Event{Act: act, Institution: c.Exam.Institution, Patient: c.Exam.Patient, Kind: "case", Object: string(c.ID)}
}

// Case reads one case.
func (r *Room) Case(ctx context.Context, s record.Scope, id record.CaseID) (Case, error) {
	c, err := r.caseIn(ctx, r.db, s, id)
	if err != nil {
		return Case{}, err
	}
	return noted(ctx, r.db, c, c.event("case.read").By(s))
}

// Done is one act in the history of a case.
type Done struct {
	Version   int64
	Act       string // as in the event: "case.claimed"
	State     State  // after it
	Actor     string
	ActorName string
	At        time.Time
	Reason    string
}

// History lists the acts on a case, oldest first.
func (r *Room) History(ctx context.Context, s record.Scope, id record.CaseID) ([]Done, error) {
	c, err := r.caseIn(ctx, r.db, s, id)
	if err != nil {
		return nil, err
	}
	type row struct {
		Done
		at int64
	}
	rows, err := store.List(ctx, r.db, `SELECT version, act, state, actor_id, actor_name, at, reason FROM case_acts
		WHERE case_id = $1 ORDER BY version`, []any{string(id)}, func(d *row) []any {
		return []any{&d.Version, &d.Act, &d.State, &d.Actor, &d.ActorName, &d.at, &d.Reason}
	})
	if err != nil {
		return nil, err
	}
	out := make([]Done, len(rows))
	for i, d := range rows {
		d.At = record.FromMicros(d.at)
		out[i] = d.Done
	}
	return noted(ctx, r.db, out, c.event("case.read").By(s))
}
