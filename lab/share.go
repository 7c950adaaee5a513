// Share: what other institutions may recognise of a report: one result for each item of recognition, with the state of quality control.

package lab

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// share writes the results that others may recognise, as the rows in view say now.
func (ch *change) share(ctx context.Context, rows []Row) error {
	if len(ch.showed)+len(ch.hid) == 0 && ch.dropped == "" {
		return nil
	}
	items := map[string][]*Row{}
	for i := range rows {
		r := &rows[i]
		if !r.Shown && !r.Latest {
			continue
		}
		for item := range strings.FieldsSeq(r.Item) {
			items[item] = append(items[item], r)
		}
	}
	if err := ch.unshare(ctx, items); err != nil {
		return err
	}
	pack, err := ch.centre.desks.Catalogue.Pack(ctx, ch.tx, ch.rep.Centre)
	if err != nil {
		return err
	}
	var all []record.Result
	for _, item := range sortedKeys(items) {
		if ch.nothingOf(ctx, item, items[item]) {
			continue
		}
		res := ch.rep.itemResult(item, items[item], ch.tx.Now())
		res.Exam.Complete = res.Exam.Complete && covers(pack, item, items[item])
		all = append(all, res)
	}
	return ch.tx.PutResults(ctx, all...)
}

// nothingOf reports an item that was never shared and has nothing in view yet: others learn of it when somebody stands for it.
func (ch *change) nothingOf(ctx context.Context, item string, rows []*Row) bool {
	if slices.ContainsFunc(rows, func(r *Row) bool { return r.Shown }) {
		return false
	}
	var n int
	err := ch.tx.QueryRow(ctx, `SELECT COUNT(*) FROM results WHERE exam_id = $1`, string(itemID(ch.rep.ID, item))).Scan(&n)
	return err == nil && n == 0
}

// unshare adds the items that had a result and have no row any more, so that it is taken back too.
func (ch *change) unshare(ctx context.Context, items map[string][]*Row) error {
	if !ch.rep.known || len(ch.hid) == 0 && ch.dropped == "" {
		return nil
	}
	type row struct{ item string }
	had, err := store.List(ctx, ch.tx, `SELECT DISTINCT item FROM lab_results WHERE report_id = $1 AND item <> '' AND hidden_at > 0`, []any{string(ch.rep.ID)},
		func(r *row) []any { return []any{&r.item} })
	for _, r := range append(had, row{ch.dropped}) {
		for item := range strings.FieldsSeq(r.item) {
			if _, ok := items[item]; !ok {
				items[item] = nil
			}
		}
	}
	return err
}

// covers reports whether rows in view are all of an item: its one analyte, or every member of a panel that is measured for it. A potassium alone is no
// panel of electrolytes.
func covers(pack *catalogue.Pack, item string, rows []*Row) bool {
	of, single := map[string]bool{}, 0
	for i := range pack.Analytes {
		if a := &pack.Analytes[i]; slices.Contains(a.Items, item) {
			of[a.Code] = true
			single++
		}
	}
	if single <= 1 {
		return true
	}
	have := map[string]bool{}
	for _, r := range rows {
		have[r.Analyte] = have[r.Analyte] || r.Shown
	}
	return slices.ContainsFunc(pack.Panels, func(p catalogue.Panel) bool {
		return len(p.Members) > 1 && !slices.ContainsFunc(p.Members, func(m string) bool { return !of[m] || !have[m] })
	})
}

func sortedKeys(m map[string][]*Row) []string { return slices.Sorted(maps.Keys(m)) }

// itemResult is one item of recognition of a report.
func (k *Kept) itemResult(item string, rows []*Row, now time.Time) record.Result {
	e := k.exam(nil)
	e.ID, e.Procedure, e.Title = itemID(k.ID, item), item, itemTitle(rows)
	e.Complete = !slices.ContainsFunc(rows, func(r *Row) bool { return r.awaited() || r.Latest && !r.Shown })
	out := record.Result{ID: record.ResultID(e.ID), Exam: e, Case: k.Case, Laboratory: k.Laboratory, Quality: qualityOf(rows), SignedAt: releasedAt(rows)}
	performed := e.PerformedAt
	out.Exam.PerformedAt = time.Time{}
	shown := observation.Status("")
	for _, r := range rows {
		if r.Shown {
			shown = worse(shown, r.Result.Status)
			out.Positive = out.Positive || r.abnormal()
			if out.Exam.PerformedAt.IsZero() || r.ObservedAt.Before(out.Exam.PerformedAt) { // the earliest: windows count from it
				out.Exam.PerformedAt = r.ObservedAt
			}
		}
	}
	if out.Exam.PerformedAt.IsZero() {
		out.Exam.PerformedAt = performed
	}
	switch {
	case shown == "":
		out.Status = record.Withdrawn
	case shown == observation.Preliminary:
		out.Status = record.Preliminary
	case shown == observation.Final:
		out.Status = record.Final
	default:
		out.Status = record.Corrected
	}
	if out.SignedAt.IsZero() {
		out.SignedAt = now
	}
	return out
}

// itemID is the exam of one item inside a report: nobody opens it, results of an exam have it as their name.
func itemID(report record.ExamID, item string) record.ExamID {
	return record.ExamID(string(report) + ":" + item)
}

// ReportOf is the report that a shared result belongs to.
func ReportOf(exam record.ExamID) record.ExamID {
	id, _, _ := strings.Cut(string(exam), ":")
	return record.ExamID(id)
}

func itemTitle(rows []*Row) string {
	var names []string
	for _, r := range rows {
		if n := r.Result.Code.Display(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return record.Clip(strings.Join(names, "、"), 200)
}

// qualityOf is the quality of the rows in view together.
func qualityOf(rows []*Row) record.Quality {
	var out record.Quality
	first := true
	for _, r := range rows {
		switch {
		case !r.Shown:
		case first:
			out, first = r.Judged.Quality, false
		default:
			out = out.And(r.Judged.Quality)
		}
	}
	return out
}

func releasedAt(rows []*Row) time.Time {
	var at time.Time
	for _, r := range rows {
		if r.Shown && r.ReleasedAt.After(at) {
			at = r.ReleasedAt
		}
	}
	return at
}
