// Replay: an old check judged again by the rules and facts of its time must say the same.

package recognition

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lianzhen/lianzhen/record"
)

// Replayed is one reminder of a check as it was kept and as it is judged again.
type Replayed struct {
	Order      OrderID
	Result     record.ResultID
	Kept, Now  Verdict
	Ask        Ask
	Prior      Prior
	SameAnswer bool
}

// Replay judges a check of the caller's institution again, by the packs and marks of its time.
func (d *Desk) Replay(ctx context.Context, s record.Scope, id CheckID) ([]Replayed, error) {
	c, err := checkOf(ctx, d.db, id, s.Actor.Institution)
	if err != nil {
		return nil, err
	}
	ed, err := d.editionAt(ctx, c.Packs, c.Marks)
	if err != nil {
		return nil, err
	}
	if ed.Version() != c.Version {
		return nil, fmt.Errorf("check %s was made by rules %s, kept are %s", id, c.Version, ed.Version())
	}
	pairs, err := queryPairs(ctx, d.db, `check_id = $1`, string(id))
	if err != nil {
		return nil, err
	}
	out, err := replay(ed.Rulebook, c, pairs)
	if err != nil {
		return nil, err
	}
	if err := d.note(ctx, s, c.Patient, len(out)); err != nil {
		return nil, err
	}
	return out, nil
}

func replay(rb *Rulebook, c checkRow, pairs []pairRow) ([]Replayed, error) {
	var kept []Prior
	if err := json.Unmarshal(c.Priors, &kept); err != nil {
		return nil, fmt.Errorf("facts of check %s: %w", c.ID, err)
	}
	priors := make(map[record.ResultID]Prior, len(kept))
	for _, p := range kept {
		priors[p.Result] = p
	}
	asks := make(map[OrderID]Ask, len(c.Lines))
	for _, l := range c.Lines {
		a := c.Ask
		a.Item, a.Modality, a.BodyPart = l.Item, l.Modality, l.BodyPart
		asks[l.Order] = a
	}
	out := make([]Replayed, len(pairs))
	for i, p := range pairs {
		prior, a := priors[p.Result], asks[p.Order]
		v := rb.Decide(a, &prior)
		out[i] = Replayed{p.Order, p.Result, p.Verdict, v, a, prior, v == p.Verdict}
	}
	return out, nil
}
