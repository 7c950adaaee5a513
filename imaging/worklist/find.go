package worklist

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// FindLimit bounds the answers to one query for which the caller gives no limit.
const FindLimit = 5000

// findBatch is how many rows one SQL statement of a query reads.
const findBatch = 200

// Find answers a Modality Worklist query (PS3.4 K.4.1): one data set for each scheduled step that matches, by start time,
// with exactly the attributes that the keys name. Without a status key only steps that have not ended are found. Start date
// and time given together are one period (table K.6-1). The texts are UTF-8; the character set of an answer is the door's
// business. The query is noted before the first answer.
func (w *Worklist) Find(ctx context.Context, s record.Scope, keys *dicom.DataSet, limit int) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		if limit <= 0 || limit > FindLimit {
			limit = FindLimit
		}
		q, err := w.query(keys)
		if err != nil {
			yield(nil, err)
			return
		}
		note := w.noteOnce(ctx, s, "order.list")
		for n := 0; n < limit; {
			rows, err := w.todo(ctx, s, q)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range rows {
				thing := entry(&rows[i].order, &rows[i].step, w.opt.Zone)
				if !q.window.holds(rows[i].step.StartAt) || !q.match.matches(thing, q.keys) {
					continue
				}
				if err := note(); err != nil {
					yield(nil, err)
					return
				}
				if !yield(q.match.answer(thing, keys), nil) {
					return
				}
				if n++; n == limit {
					return
				}
			}
			if len(rows) < findBatch {
				return
			}
			last := &rows[len(rows)-1].step
			q.start, q.after = record.Micros(last.StartAt), string(last.ID)
		}
	}
}

// stepQuery is a worklist query made ready: what SQL narrows down, and what is compared afterwards.
type stepQuery struct {
	match  matcher
	keys   *dicom.DataSet // without the dates that window holds
	item   *dicom.DataSet // keys of the step
	window span
	start  int64 // go on after this step
	after  string
}

func (w *Worklist) query(keys *dicom.DataSet) (*stepQuery, error) {
	q := &stepQuery{match: matcher{zone: w.opt.Zone, absent: true}, keys: keys, item: dicom.NewDataSet()}
	items := keys.Items(scheduledStepSequence)
	if len(items) > 1 {
		return nil, refuse(StatusInvalidAttribute, scheduledStepSequence)
	}
	if len(items) == 0 {
		return q, nil
	}
	q.item = items[0].Clone()
	if err := q.setWindow(w.opt.Zone); err != nil {
		return nil, err
	}
	q.keys = keys.Clone()
	q.keys.SetItems(scheduledStepSequence, q.item)
	return q, nil
}

// setWindow takes the date, and the time with it where both are ranges or the time says more of a day, out of the keys.
func (q *stepQuery) setWindow(zone *time.Location) error {
	date, clock := q.item.Str(stepStartDate), q.item.Str(stepStartTime)
	if strings.Trim(date, "*") == "" {
		return nil
	}
	days, ok := parseSpan(dicom.DA, date, zone)
	if !ok {
		return refuse(StatusInvalidAttribute, stepStartDate)
	}
	q.window = days
	q.item.Delete(stepStartDate)
	if strings.Trim(clock, "*") == "" {
		return nil
	}
	times, ok := parseSpan(dicom.TM, clock, time.UTC)
	if !ok {
		return refuse(StatusInvalidAttribute, stepStartTime)
	}
	if !strings.Contains(date, "-") || !strings.Contains(clock, "-") {
		return nil // a time of the day: on one day, or on each
	}
	q.item.Delete(stepStartTime)
	midnight := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if !days.from.IsZero() && !times.from.IsZero() {
		q.window.from = days.from.Add(times.from.Sub(midnight))
	}
	if !days.to.IsZero() && !times.to.IsZero() {
		q.window.to = days.to.AddDate(0, 0, -1).Add(times.to.Sub(midnight))
	}
	return nil
}

// todoRow is a step with its order.
type todoRow struct {
	order Order
	step  Step
}

func (w *Worklist) todo(ctx context.Context, s record.Scope, q *stepQuery) ([]todoRow, error) {
	b := &sqlText{}
	b.And(w.db.ScopeSQL(s, "s.institution_id", "s.patient_id", &b.Args))
	if !q.window.from.IsZero() {
		b.And("s.start_at >= " + b.Arg(record.Micros(q.window.from)))
	}
	if !q.window.to.IsZero() {
		b.And("s.start_at < " + b.Arg(record.Micros(q.window.to)))
	}
	if universalText(q.item.Strs(stepStatus)) {
		b.And("s.ended = 0")
	}
	q.narrow(b)
	if q.after != "" {
		b.And("(s.start_at, s.id) > (" + b.Arg(q.start) + ", " + b.Arg(q.after) + ")")
	}
	text := `SELECT ` + orderColumns + `, ` + stepColumns + ` FROM scheduled_steps s JOIN imaging_orders o ON o.id = s.order_id WHERE ` +
		b.String() + ` ORDER BY s.start_at, s.id LIMIT ` + fmt.Sprint(findBatch)
	return store.Collect(ctx, w.db, text, b.Args, scanTodo)
}

func scanTodo(scan func(...any) error) (t todoRow, err error) {
	o, st := orderRow{o: &t.order}, stepRow{st: &t.step}
	if err := scan(append(o.fields(), st.fields()...)...); err != nil {
		return t, err
	}
	if err := o.finish(); err != nil {
		return t, err
	}
	return t, st.finish()
}

// narrow adds the keys that are plain values and have a column.
func (q *stepQuery) narrow(b *sqlText) {
	for _, k := range []struct {
		keys   *dicom.DataSet
		tag    dicom.Tag
		column string
	}{
		{q.item, dicom.Modality, "s.modality"},
		{q.item, stepStatus, "s.status"},
		{q.item, stepID, "s.number"},
		{q.keys, dicom.AccessionNumber, "o.accession"},
		{q.keys, dicom.StudyInstanceUID, "o.study_uid"},
		{q.keys, dicom.PatientID, "o.local_number"},
	} {
		if v := k.keys.Strs(k.tag); plainText(v) {
			store.In(&b.Where, k.column, v)
		}
	}
	if v := q.item.Strs(scheduledStationAE); plainText(v) && len(v) == 1 {
		b.contains("s.stations", `\`+v[0]+`\`)
	}
}

func plainText(values []string) bool {
	const most = 100
	return len(values) > 0 && len(values) <= most &&
		!slices.ContainsFunc(values, func(v string) bool { return v == "" || strings.ContainsAny(v, "*?") })
}

func universalText(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return strings.Trim(v, "*") != "" })
}
