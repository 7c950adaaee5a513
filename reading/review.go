// Submitting a text and the second doctor's answer: return it, or sign it (sign.go).

package reading

import (
	"context"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Submit hands the text to a second doctor: t, or the newest draft where t is nil. The caller becomes the author.
func (r *Room) Submit(ctx context.Context, s record.Scope, id record.CaseID, t *Text, etag string) (Case, error) {
	if t != nil {
		if err := t.check(); err != nil {
			return Case{}, err
		}
	}
	d := doing{asking: asking{act: ActSubmit, actor: s.Actor}, event: "case.submitted", etag: etag}
	d.do = func(ctx context.Context, tx *store.Tx, c *Case) error {
		draft, err := toSubmit(ctx, tx, c, t, s.Actor)
		if err != nil {
			return err
		}
		c.submitted, c.Author, c.AuthorName = draft.Number, record.UserID(s.Actor.ID), s.Actor.Display
		c.Reviewer, c.ReturnReason, c.Additions = "", "", false
		c.free()
		return nil
	}
	return r.act(ctx, s, id, d)
}

func toSubmit(ctx context.Context, tx *store.Tx, c *Case, t *Text, a record.Actor) (Draft, error) {
	draft, err := newestDraft(ctx, tx, c.ID)
	if err != nil {
		return Draft{}, err
	}
	if t != nil {
		draft = newDraft(c, draft.Number+1, *t, a, stamp(tx.Now()))
		if err := insertDraft(ctx, tx, draft); err != nil {
			return Draft{}, err
		}
	}
	switch {
	case draft.Number == 0:
		return Draft{}, record.Errorf(record.Precondition, "case %s has no draft to submit", c.ID)
	case blank(draft.Text.Impression):
		return Draft{}, record.Errorf(record.Precondition, "the report of case %s has no impression", c.ID)
	}
	return draft, nil
}

// Return sends a submitted report back to its author, who holds the case for as long as a claim lasts.
func (r *Room) Return(ctx context.Context, s record.Scope, id record.CaseID, reason, etag string) (Case, error) {
	if err := remark("reason", reason, maxReason, true); err != nil {
		return Case{}, err
	}
	d := doing{asking: asking{act: ActReturn, actor: s.Actor, reason: reason}, event: "case.returned", etag: etag}
	d.do = func(_ context.Context, tx *store.Tx, c *Case) error {
		c.rest, c.ReturnReason, c.Reviewer = Returned, reason, record.UserID(s.Actor.ID)
		c.Holder, c.HolderName, c.ClaimExpiresAt = c.Author, c.AuthorName, r.claimUntil(tx)
		return nil
	}
	return r.act(ctx, s, id, d)
}
