// Changes: what became visible, was corrected or withdrawn, in order: a durable feed for the institutions that ordered and for those that send results on.

package lab

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Change is one thing that somebody must learn of.
type Change struct {
	Seq         int64
	Act         string // lab.released lab.corrected lab.withdrawn lab.recalled
	At          time.Time
	Report      record.ExamID
	Patient     record.PatientID
	Institution record.InstitutionID
	Version     int
}

var changeActs = []string{"lab.released", "lab.corrected", "lab.withdrawn", "lab.recalled"}

// Changes is one page of the feed after a cursor, 0 for the first, and the cursor to ask on with: it moves over events of others, so that it
// always comes closer to the end.
func (c *Centre) Changes(ctx context.Context, s record.Scope, after int64, limit int) ([]Change, int64, error) {
	s.RelatedAt = ""
	evs, next, err := c.db.EventPage(ctx, store.EventFilter{After: after, Limit: limit, Acts: changeActs, Scope: &s})
	if err != nil || len(evs) == 0 {
		return nil, next, err
	}
	out := make([]Change, len(evs))
	for i, e := range evs {
		out[i] = Change{Seq: e.Seq, Act: e.Act, At: e.At, Report: record.ExamID(e.Object), Patient: e.Patient, Institution: e.Institution}
		if e.Act == "lab.recalled" {
			out[i].Report = record.ExamID(e.Detail["report"])
		}
		out[i].Version, _ = strconv.Atoi(e.Detail["version"])
	}
	return out, next, c.db.NoteSoon(ctx, record.Event{
		Act: "lab.feed", Kind: "feed", Institution: s.Actor.Institution, Outcome: record.Success, Detail: map[string]string{"count": strconv.Itoa(len(out))},
	}.By(s))
}

const (
	feedPage = 200
	feedRest = 20 * time.Millisecond
)

// WatchChanges hands every change after a cursor to send, until ctx ends or send fails: at least once, in order.
func (c *Centre) WatchChanges(ctx context.Context, s record.Scope, after int64, send func(Change) error) error {
	for {
		page, next, err := c.Changes(ctx, s, after, feedPage)
		if err != nil {
			return ended(ctx, err)
		}
		for _, x := range page {
			if err := send(x); err != nil {
				return err
			}
		}
		if len(page) == 0 && next > after { // woken by what is not for us: rest, so that a busy log does not spin us
			select {
			case <-ctx.Done():
			case <-time.After(feedRest):
			}
		}
		after = next
		if err := c.db.Wait(ctx, after); err != nil {
			return ended(ctx, err)
		}
	}
}

// ended is the reason that the caller's context ended with, where it did.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
