// Changes: what happened to studies, in order, from a cursor on: read from the event table, as the reading room's feeds are.

package imaging

import (
	"context"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Change is one thing that happened to a study. It tells no personal data; the counts are as they are now.
type Change struct {
	Seq         int64 // the cursor: go on after it
	Act         string
	At          time.Time
	Study       record.ExamID
	Institution record.InstitutionID
	Added       int // instances that came, or were corrected

	// With study.corrected and study.correction_undone:
	Correction CorrectionID
	Kind       CorrectionKind
	Source     record.ExamID
	Target     record.ExamID

	UID                  string // "" when nothing of the study is known any more
	Modalities           []string
	NumSeries, Instances int
	Gone                 bool // the study is part of others now
}

var changeActs = []string{"study.received", "study.completed", "study.corrected", "study.correction_undone"}

// Changes is one page of the feed after a cursor, 0 for the first, and the cursor to ask on with, which moves over events of
// others too. Only the institutions of the scope count, not treatment relationships, which come and go and would make the past
// of the feed change.
func (c *Centre) Changes(ctx context.Context, s record.Scope, after int64, limit int) ([]Change, int64, error) {
	s.RelatedAt = ""
	evs, next, err := c.db.EventPage(ctx, store.EventFilter{After: after, Limit: limit, Acts: changeActs, Scope: &s})
	if err != nil || len(evs) == 0 {
		return nil, next, err
	}
	out, err := c.changesOf(ctx, evs)
	if err != nil {
		return nil, 0, err
	}
	first, last := evs[0], evs[len(evs)-1]
	err = c.db.Note(ctx, record.Event{
		Act: "study.feed", Kind: "feed", Outcome: record.Success, Detail: map[string]string{
			"count": strconv.Itoa(len(out)), "from": strconv.FormatInt(first.Seq, 10), "to": strconv.FormatInt(last.Seq, 10),
		},
	}.By(s))
	return out, next, err
}

// WaitChanges is Changes that waits up to d for something to happen.
func (c *Centre) WaitChanges(ctx context.Context, s record.Scope, after int64, limit int, d time.Duration) ([]Change, int64, error) {
	out, next, err := c.Changes(ctx, s, after, limit)
	if d <= 0 || err != nil || len(out) > 0 {
		return out, next, err
	}
	patient, stop := context.WithTimeout(ctx, d)
	defer stop()
	for {
		err := c.db.Wait(patient, next)
		if patient.Err() != nil && ctx.Err() == nil {
			return nil, next, nil
		}
		if err != nil {
			return nil, 0, err
		}
		out, seen, err := c.Changes(ctx, s, next, limit)
		if err != nil || len(out) > 0 {
			return out, seen, err
		}
		next = seen
		if err := rest(patient); err != nil && ctx.Err() == nil {
			return nil, next, nil
		}
	}
}

const (
	changesPage = 200
	changesLag  = 20 * time.Millisecond // woken by what is not for us: rest, so that a busy log does not spin us
)

func rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(changesLag):
		return nil
	}
}

// WatchChanges hands every change after a cursor to send, until ctx ends or send fails: at least once, in order. A receiver
// keeps Seq of the last change that it took and begins there the next time.
func (c *Centre) WatchChanges(ctx context.Context, s record.Scope, after int64, send func(Change) error) error {
	for {
		some, next, err := c.Changes(ctx, s, after, changesPage)
		if err != nil {
			return err
		}
		for _, x := range some {
			if err := send(x); err != nil {
				return err
			}
		}
		idle := len(some) == 0 && next > after
		after = next
		if idle {
			if err := rest(ctx); err != nil {
				return err
			}
		}
		if err := c.db.Wait(ctx, after); err != nil {
			return err
		}
	}
}

// changesOf adds to events what the studies are now.
func (c *Centre) changesOf(ctx context.Context, evs []record.Event) ([]Change, error) {
	var ids []record.ExamID
	seen := map[record.ExamID]bool{}
	for _, e := range evs {
		if id := record.ExamID(e.Object); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	now, err := c.studiesNow(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Change, len(evs))
	for i, e := range evs {
		ch := Change{
			Seq: e.Seq, Act: e.Act, At: e.At, Study: record.ExamID(e.Object), Institution: e.Institution,
			Correction: CorrectionID(e.Detail["correction"]), Kind: CorrectionKind(e.Detail["kind"]),
			Source: record.ExamID(e.Detail["source"]), Target: record.ExamID(e.Detail["target"]),
		}
		if e.Act != "study.completed" {
			ch.Added, _ = strconv.Atoi(e.Detail["instances"])
		}
		st := now[ch.Study]
		ch.UID, ch.Modalities, ch.NumSeries, ch.Instances = st.UID, st.Modalities, st.NumSeries, st.Instances
		ch.Gone = st.Instances == 0
		out[i] = ch
	}
	return out, nil
}

// studiesNow are the studies that are there, and the UIDs of those that a correction has made part of others.
func (c *Centre) studiesNow(ctx context.Context, ids []record.ExamID) (map[record.ExamID]Study, error) {
	out := make(map[record.ExamID]Study, len(ids))
	b := &sqlText{}
	type gone struct {
		id, uid string
	}
	left, err := store.List(ctx, c.db, `SELECT study_id, study_uid FROM corrections WHERE `+b.list("study_id", texts(ids))+
		` UNION SELECT target_id, target_uid FROM corrections WHERE `+b.list("target_id", texts(ids)), b.Args, func(g *gone) []any {
		return []any{&g.id, &g.uid}
	})
	if err != nil {
		return nil, err
	}
	for _, g := range left {
		out[record.ExamID(g.id)] = Study{UID: g.uid}
	}
	b = &sqlText{}
	all, err := store.Collect(ctx, c.db, "SELECT "+studyColumns+" FROM studies st WHERE "+b.list("st.id", texts(ids)), b.Args, scanStudy)
	for _, st := range all {
		out[st.ID] = st
	}
	return out, err
}
