// Holding a case: claim, take over, release; and how pressing it is.

package reading

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const maxReason = 1000

// Claim makes the caller the holder. A case that another doctor holds is a Conflict, unless takeOver with a reason. The
// holder's own claim is prolonged.
func (r *Room) Claim(ctx context.Context, s record.Scope, id record.CaseID, takeOver bool, reason string) (Case, error) {
	if err := remark("reason", reason, maxReason, false); err != nil {
		return Case{}, err
	}
	d := doing{asking: asking{act: ActClaim, actor: s.Actor, takeOver: takeOver, reason: reason}, event: "case.claimed"}
	d.do = func(_ context.Context, tx *store.Tx, c *Case) error {
		c.hold(s.Actor, r.claimUntil(tx))
		return nil
	}
	return r.act(ctx, s, id, d)
}

func (r *Room) claimUntil(tx *store.Tx) time.Time { return stamp(tx.Now()).Add(r.opt.ClaimFor) }

// Release gives the case back. Its drafts stay.
func (r *Room) Release(ctx context.Context, s record.Scope, id record.CaseID) (Case, error) {
	d := doing{asking: asking{act: ActRelease, actor: s.Actor}, event: "case.released", do: leave}
	return r.act(ctx, s, id, d)
}

// leave ends a claim; an amendment that is left is no amendment any more.
func leave(_ context.Context, _ *store.Tx, c *Case) error {
	c.free()
	if !c.open() {
		c.amendReason = ""
	}
	return nil
}

// SetPriority makes a case more or less pressing. The due time follows: from now on when it becomes more pressing, from
// the opening when less.
func (r *Room) SetPriority(ctx context.Context, s record.Scope, id record.CaseID, p record.Priority) (Case, error) {
	if !validPriority(p) {
		return Case{}, record.Errorf(record.Invalid, "priority: want STAT, URGENT or ROUTINE")
	}
	d := doing{asking: asking{act: ActPriority, actor: s.Actor}, event: "case.priority"}
	d.do = func(_ context.Context, tx *store.Tx, c *Case) error {
		r.prioritise(c, p, stamp(tx.Now()))
		return nil
	}
	return r.act(ctx, s, id, d)
}

func validPriority(p record.Priority) bool {
	return p == record.Stat || p == record.Urgent || p == record.Routine
}

func (r *Room) prioritise(c *Case, p record.Priority, now time.Time) {
	before := c.Exam.Priority.Rank()
	c.Exam.Priority = p
	in := r.dueIn(c.Exam.Modality, p)
	switch {
	case p.Rank() > before:
		c.DueAt = c.OpenedAt.Add(in)
	case p.Rank() < before && now.Add(in).Before(c.DueAt):
		c.DueAt = now.Add(in)
	}
}
