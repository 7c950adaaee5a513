// Watching the worklist: events of cases, each with the case as it is now.

package reading

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// CaseChange is one thing that happened to a case.
type CaseChange struct {
	Seq  int64 // the cursor: go on after it
	Act  string
	At   time.Time
	Case Case // as it is now
}

// caseActs are the events that change a worklist. Reading a case is none of them, or a watcher would wake itself.
var caseActs = []string{
	"case.opened", "case.updated", "case.addition", "case.claimed", "case.taken_over", "case.released",
	"case.expired", "case.priority", "case.drafted", "case.submitted", "case.returned", "case.signed", "case.amending",
	"case.withdrawn", "case.critical",
}

const watchPage = 200

// Watch hands every change after a cursor to send, until ctx ends or send fails; a negative cursor means from now on. Of
// the filter only kind, centre, modalities, institution and patient count: a case that leaves a worklist is a change of it.
func (r *Room) Watch(ctx context.Context, s record.Scope, after int64, f CaseFilter, send func(CaseChange) error) error {
	if after < 0 {
		head, err := r.db.Head(ctx)
		if err != nil {
			return err
		}
		after = head
	}
	page := func(after int64) ([]CaseChange, int64, error) { return r.caseChanges(ctx, s, after, f) }
	return follow(ctx, r, after, page, send)
}

// follow hands on page after page and waits where the log ends. The cursor moves with every page, also over events that
// are not for this reader.
func follow[T any](ctx context.Context, r *Room, after int64, page func(after int64) ([]T, int64, error), send func(T) error) error {
	for {
		some, next, err := page(after)
		if err != nil {
			return err
		}
		for _, x := range some {
			if err := send(x); err != nil {
				return err
			}
		}
		idle := len(some) == 0 && next > after // woken by what is not for us: rest, so that a busy log does not spin us
		after = next
		if idle {
			if err := rest(ctx, r.opt.Lag); err != nil {
				return err
			}
		}
		if err := r.db.Wait(ctx, after); err != nil {
			return err
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (r *Room) caseChanges(ctx context.Context, s record.Scope, after int64, f CaseFilter) ([]CaseChange, int64, error) {
	evs, next, err := r.db.EventPage(ctx, store.EventFilter{After: after, Limit: watchPage, Acts: caseActs, Scope: &s})
	if err != nil || len(evs) == 0 {
		return nil, next, err
	}
	q := &query{}
	in(q, "c.id", objects(evs))
	q.conds = append(q.conds, r.db.ScopeSQL(s, "c.institution_id", "c.patient_id", &q.args))
	r.steady(q, f)
	cs, err := r.listCases(ctx, r.db, "WHERE "+strings.Join(q.conds, " AND "), q.args)
	if err != nil {
		return nil, 0, err
	}
	now := make(map[string]Case, len(cs))
	for _, c := range cs {
		now[string(c.ID)] = c
	}
	var out []CaseChange
	for _, e := range evs {
		if c, ok := now[e.Object]; ok {
			out = append(out, CaseChange{e.Seq, e.Act, e.At, c})
		}
	}
	if len(out) == 0 {
		return nil, next, nil
	}
	return out, next, r.db.Note(ctx, delivered("case.list", len(out), evs).By(s))
}

// objects lists the different objects of events.
func objects(evs []record.Event) []string {
	seen := make(map[string]bool, len(evs))
	var ids []string
	for _, e := range evs {
		if !seen[e.Object] {
			seen[e.Object] = true
			ids = append(ids, e.Object)
		}
	}
	return ids
}

// delivered is the event for one page of changes that somebody is shown.
func delivered(act string, n int, evs []record.Event) record.Event {
	e := record.Event{Act: act, Kind: "feed", Institution: evs[0].Institution, Patient: evs[0].Patient, Detail: map[string]string{
		"count": strconv.Itoa(n), "from": strconv.FormatInt(evs[0].Seq, 10), "to": strconv.FormatInt(evs[len(evs)-1].Seq, 10),
	}}
	for _, x := range evs {
		if x.Patient != e.Patient {
			e.Patient = ""
		}
		if x.Institution != e.Institution {
			e.Institution = ""
		}
	}
	return e
}
