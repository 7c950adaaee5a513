// Results on their way back: a durable feed for the institution that examined, read from the event table.

package reading

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ResultChange is one thing that the institution must learn of. Result and Report are as the event left them, so that a
// receiver that was away goes through what happened in order; Critical is as it is now.
type ResultChange struct {
	Seq      int64 // the cursor: go on after it
	Act      string
	At       time.Time
	Result   *record.Result // the exam; preliminary with a critical value of an unsigned case
	Report   *Report        // with report.*
	Critical *Critical      // with critical.*
	Damaged  bool           // the kept report does not agree with its hash: it is not shown, ask the centre
}

var resultActs = []string{"report.signed", "report.corrected", "report.withdrawn", "critical.raised", "critical.escalated", "critical.dismissed"}

var statusOf = map[string]record.ResultStatus{
	"report.signed": record.Final, "report.corrected": record.Corrected,
	"report.withdrawn": record.Withdrawn,
}

// Results is one page of the feed after a cursor, 0 for the first, and the cursor to ask on with: it moves over events of
// others, so that it always comes closer to the end. Only the institutions of the scope count, not treatment
// relationships, which come and go and would make the past of the feed change.
func (r *Room) Results(ctx context.Context, s record.Scope, after int64, limit int) ([]ResultChange, int64, error) {
	s.RelatedAt = ""
	evs, next, err := r.db.EventPage(ctx, store.EventFilter{After: after, Limit: pageSize(limit), Acts: resultActs, Scope: &s})
	if err != nil || len(evs) == 0 {
		return nil, next, err
	}
	out, err := r.resultChanges(ctx, s, evs)
	if err != nil {
		return nil, 0, err
	}
	if err := r.db.Note(ctx, delivered("result.feed", len(out), evs).By(s)); err != nil {
		return nil, 0, err
	}
	return out, next, nil
}

// WatchResults hands every change after a cursor to send, until ctx ends or send fails: at least once, in order. A
// receiver keeps Seq of the last change that it took and begins there the next time.
func (r *Room) WatchResults(ctx context.Context, s record.Scope, after int64, send func(ResultChange) error) error {
	page := func(after int64) ([]ResultChange, int64, error) { return r.Results(ctx, s, after, watchPage) }
	return follow(ctx, r, after, page, send)
}

func (r *Room) resultChanges(ctx context.Context, s record.Scope, evs []record.Event) ([]ResultChange, error) {
	var reports, values []record.Event
	for _, e := range evs {
		if e.Kind == "report" {
			reports = append(reports, e)
		} else {
			values = append(values, e)
		}
	}
	reps, err := r.reportsOf(ctx, reports)
	if err != nil {
		return nil, err
	}
	vals, cases, err := r.criticalsOf(ctx, values)
	if err != nil {
		return nil, err
	}
	out := make([]ResultChange, 0, len(evs))
	for _, e := range evs {
		ch := ResultChange{Seq: e.Seq, Act: e.Act, At: e.At}
		if e.Kind == "report" {
			err = r.fillReport(ctx, s, &ch, reps[e.Object])
		} else {
			ch.fillCritical(vals[e.Object], cases)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, ch)
	}
	return out, nil
}

func (r *Room) reportsOf(ctx context.Context, evs []record.Event) (map[string]*reportRow, error) {
	out := make(map[string]*reportRow, len(evs))
	if len(evs) == 0 {
		return out, nil
	}
	var args []any
	rows, err := reportRows(ctx, r.db, `WHERE r.id IN (`+marks(objects(evs), &args)+`)`, args)
	for i := range rows {
		out[string(rows[i].id)] = &rows[i]
	}
	return out, err
}

func (r *Room) criticalsOf(ctx context.Context, evs []record.Event) (map[string]*Critical, map[record.CaseID]*Case, error) {
	vals, cases := make(map[string]*Critical, len(evs)), make(map[record.CaseID]*Case, len(evs))
	if len(evs) == 0 {
		return vals, cases, nil
	}
	var args, ids []any
	found, err := criticals(ctx, r.db, `WHERE v.id IN (`+marks(objects(evs), &args)+`)`, args)
	if err != nil || len(found) == 0 {
		return vals, cases, err
	}
	of := make([]record.CaseID, len(found))
	for i := range found {
		vals[string(found[i].ID)] = &found[i]
		of[i] = found[i].Case
	}
	cs, err := r.listCases(ctx, r.db, `WHERE c.id IN (`+marks(of, &ids)+`)`, ids)
	for i := range cs {
		cases[cs[i].ID] = &cs[i]
	}
	return vals, cases, err
}

// fillReport puts the version of the event into the change. A damaged one is told without its text: the feed must not
// stop for all others, nor show what nobody signed.
func (r *Room) fillReport(ctx context.Context, s record.Scope, ch *ResultChange, w *reportRow) error {
	if w == nil {
		ch.Damaged = true
		return nil
	}
	rep, err := w.report()
	if err != nil {
		ch.Damaged = true
		return r.db.Note(ctx, w.event("report.damaged", record.Failed).By(s))
	}
	rep.Status = statusOf[ch.Act]
	res := rep.result(rep.Status)
	ch.Result, ch.Report = &res, &rep
	return nil
}

func (ch *ResultChange) fillCritical(v *Critical, cases map[record.CaseID]*Case) {
	ch.Critical = v
	if v == nil {
		ch.Damaged = true
		return
	}
	if c := cases[v.Case]; c != nil {
		res := c.result()
		ch.Result = &res
	}
}

// result is the exam of a case as others see it now, without what a report says.
func (c *Case) result() record.Result {
	res := record.Result{ID: resultOf(c.ID), Exam: c.Exam, Case: c.ID, Report: c.Report, Status: record.Preliminary}
	switch {
	case c.withdrawn:
		res.Status = record.Withdrawn
	case c.ReportVersion == 1:
		res.Status = record.Final
	case c.ReportVersion > 1:
		res.Status = record.Corrected
	}
	return res
}
