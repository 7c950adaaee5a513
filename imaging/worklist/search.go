package worklist

import (
	"context"
	"fmt"
	"iter"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// WorkitemPage says which matches of a search to give, and how.
type WorkitemPage struct {
	Offset int
	Limit  int  // default and most: FindLimit
	Whole  bool // every attribute; otherwise those that the keys name
}

// FindWorkitems searches workitems by start time (PS3.4 CC.2.8, PS3.18 §11.9), with the matching of Find. The search is noted
// before the first answer.
func (w *Worklist) FindWorkitems(ctx context.Context, s record.Scope, keys *dicom.DataSet, page WorkitemPage) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		if page.Limit <= 0 || page.Limit > FindLimit {
			page.Limit = FindLimit
		}
		m := matcher{zone: w.opt.Zone}
		skip, left := page.Offset, page.Limit
		note := w.noteOnce(ctx, s, "workitem.list")
		var last *workitem
		for left > 0 {
			rows, err := w.workitems(ctx, s, keys, last)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, u := range rows {
				if !m.matches(u.d, keys) {
					continue
				}
				if skip > 0 {
					skip--
					continue
				}
				if err := note(); err != nil {
					yield(nil, err)
					return
				}
				found := u.d
				if !page.Whole {
					found = m.answer(u.d, keys)
				}
				if left--; !yield(found, nil) || left == 0 {
					return
				}
			}
			if len(rows) < findBatch {
				return
			}
			last = rows[len(rows)-1]
		}
	}
}

// noteOnce writes the event of a search when it is first called.
func (w *Worklist) noteOnce(ctx context.Context, s record.Scope, act string) func() error {
	done := false
	return func() error {
		if done {
			return nil
		}
		done = true
		return w.db.NoteSoon(ctx, record.Event{Act: act, Kind: "search", Institution: s.Actor.Institution}.By(s))
	}
}

// workitems reads a batch by start time, narrowed down by the keys that have a column.
func (w *Worklist) workitems(ctx context.Context, s record.Scope, keys *dicom.DataSet, after *workitem) ([]*workitem, error) {
	b := &sqlText{}
	b.And(w.db.ScopeSQL(s, "u.institution_id", "u.patient_id", &b.Args))
	for _, k := range []struct {
		tag    dicom.Tag
		column string
	}{
		{workitemState, "u.state"},
		{workitemPriority, "u.priority"},
		{dicom.SOPInstanceUID, "u.uid"},
	} {
		if v := keys.Strs(k.tag); plainText(v) {
			store.In(&b.Where, k.column, v)
		}
	}
	if text := keys.Str(workitemStart); text != "" {
		if window, ok := parseSpan(dicom.DT, text, w.opt.Zone); ok {
			if !window.from.IsZero() {
				b.And("u.start_at >= " + b.Arg(record.Micros(window.from)))
			}
			if !window.to.IsZero() {
				b.And("u.start_at < " + b.Arg(record.Micros(window.to)))
			}
		}
	}
	if after != nil {
		b.And("(u.start_at, u.id) > (" + b.Arg(after.start) + ", " + b.Arg(string(after.id)) + ")")
	}
	return store.Collect(ctx, w.db, `SELECT `+workitemColumns+` FROM workitems u WHERE `+b.String()+
		` ORDER BY u.start_at, u.id LIMIT `+fmt.Sprint(findBatch), b.Args, scanWorkitem)
}
