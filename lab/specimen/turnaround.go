// Turnaround: how long each part of the way took.

package specimen

import (
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Segment is a part of a tube's way.
type Segment string

// The segments.
const (
	OrderToCollect   Segment = "order_to_collect"
	CollectToReceive Segment = "collect_to_receive"
	ReceiveToStart   Segment = "receive_to_start"
	StartToReport    Segment = "start_to_report"
	OrderToReport    Segment = "order_to_report"
)

// Segments are all of them, in their order.
var Segments = []Segment{OrderToCollect, CollectToReceive, ReceiveToStart, StartToReport, OrderToReport}

// Turnaround gives the segments of a tube that have both their ends. One that clocks turned round is left out.
func (sp *Specimen) Turnaround() map[Segment]time.Duration {
	started := sp.StartedAt
	if started.IsZero() && !sp.ReportedAt.IsZero() { // results came from an analyser that never asked
		started = sp.ReceivedAt
	}
	out := map[Segment]time.Duration{}
	for _, x := range []struct {
		of       Segment
		from, to time.Time
	}{
		{OrderToCollect, sp.OrderedAt, sp.CollectedAt},
		{CollectToReceive, sp.CollectedAt, sp.ReceivedAt},
		{ReceiveToStart, sp.ReceivedAt, started},
		{StartToReport, started, sp.ReportedAt},
		{OrderToReport, sp.OrderedAt, sp.ReportedAt},
	} {
		if !x.from.IsZero() && !x.to.IsZero() && !x.to.Before(x.from) {
			out[x.of] = x.to.Sub(x.from)
		}
	}
	return out
}

// Summary is how long one segment took over many tubes.
type Summary struct {
	Institution record.InstitutionID
	Laboratory  record.InstitutionID
	Priority    record.Priority
	Segment     Segment
	Count       int
	Median      time.Duration
	P90         time.Duration
	Longest     time.Duration
}

// MaxTurnaround is how many tubes one summary looks at, the newest ordered first.
const MaxTurnaround = 50_000

// Turnarounds sums up the tubes ordered in a time, by collecting institution, laboratory and priority.
func (d *Desk) Turnarounds(ctx context.Context, s record.Scope, from, to time.Time) ([]Summary, error) {
	if from.IsZero() || !to.After(from) {
		return nil, record.Errorf(record.Invalid, "want a time from and a later time to")
	}
	b := &sqlText{}
	b.And(d.reach(b, s, "p", false))
	b.And("p.ordered_at >= " + b.Arg(record.Micros(from)))
	b.And("p.ordered_at < " + b.Arg(record.Micros(to)))
	rows, err := store.Collect(ctx, d.db, `SELECT p.institution_id, p.laboratory_id, p.priority, p.ordered_at, p.collected_at, p.received_at, p.started_at, p.reported_at
		FROM specimens p WHERE `+b.String()+` ORDER BY p.ordered_at DESC LIMIT `+itoa(MaxTurnaround), b.Args, func(scan func(...any) error) (sp Specimen, err error) {
		var at [5]int64
		err = scan(&sp.Institution, &sp.Laboratory, &sp.Priority, &at[0], &at[1], &at[2], &at[3], &at[4])
		for i, to := range []*time.Time{&sp.OrderedAt, &sp.CollectedAt, &sp.ReceivedAt, &sp.StartedAt, &sp.ReportedAt} {
			*to = record.FromMicros(at[i])
		}
		return sp, err
	})
	if err != nil {
		return nil, err
	}
	return summed(rows), nil
}

func summed(rows []Specimen) []Summary {
	all := map[Summary][]time.Duration{}
	for i := range rows {
		sp := &rows[i]
		for seg, took := range sp.Turnaround() {
			k := Summary{Institution: sp.Institution, Laboratory: sp.Laboratory, Priority: sp.Priority, Segment: seg}
			all[k] = append(all[k], took)
		}
	}
	out := make([]Summary, 0, len(all))
	for k, took := range all {
		slices.Sort(took)
		k.Count, k.Median, k.P90, k.Longest = len(took), rank(took, 50), rank(took, 90), took[len(took)-1]
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b Summary) int {
		return slices.Compare([]string{string(a.Institution), string(a.Laboratory), string(rune('0' + a.Priority.Rank())), string(rune('0' + slices.Index(Segments, a.Segment)))},
			[]string{string(b.Institution), string(b.Laboratory), string(rune('0' + b.Priority.Rank())), string(rune('0' + slices.Index(Segments, b.Segment)))})
	})
	return out
}

// rank is the nearest-rank percentile of sorted durations.
func rank(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100-1, 0)]
}
