package specimen

import (
	"context"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// changeActs are what the feed tells: what happened to orders, tubes and boxes, not who looked at them.
var changeActs = func() []string {
	out := []string{
		"lab_order.created", "lab_order.changed", "lab_order.cancelled", "specimen.planned", "specimen.recollect", "specimen.missing", "specimen.settled",
		"specimen.overdue", "specimen.expired", "specimen.temperature", "specimen_box.created", "specimen_box.sealed", "specimen_box.handed",
		"specimen_box.arrived", "specimen_box.closed", "specimen_box.temperature",
	}
	for _, m := range moves {
		if act := "specimen." + done[m.act]; out[len(out)-1] != act {
			out = append(out, act)
		}
	}
	return out
}()

// Changes gives what happened in the institutions of the scope after a cursor, in order and at least once, and the cursor to ask on with. A
// clinic learns here that it collects again ("specimen.recollect").
func (d *Desk) Changes(ctx context.Context, s record.Scope, after int64, limit int) ([]record.Event, int64, error) {
	return d.db.EventPage(ctx, store.EventFilter{After: after, Limit: min(max(limit, 1), 1000), Acts: changeActs, Scope: &s})
}
