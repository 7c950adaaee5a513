// The rules of critical values as each county keeps them: the pack that came with the program until it keeps its own.

package ecg

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/ecg/critical"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Rules is a pack with its place in the history of a centre.
type Rules = store.RulePack

var rulePacks = store.RulePacks{Table: "ecg_rule_packs", Default: func() (version, yaml string) {
	return critical.Default().Version, string(critical.DefaultYAML())
}}

// CriticalRules gives the pack of a centre that the scope reaches; an empty centre is that of the caller.
func (c *Centre) CriticalRules(ctx context.Context, s record.Scope, centre record.CentreID) (Rules, error) {
	centre, err := c.reachedCentre(ctx, s, centre)
	if err != nil {
		return Rules{}, err
	}
	return rulePacks.Newest(ctx, c.db, centre)
}

// reachedCentre is an ECG centre whose host the scope reaches.
func (c *Centre) reachedCentre(ctx context.Context, s record.Scope, id record.CentreID) (record.CentreID, error) {
	all, err := c.db.Centres(ctx)
	if err != nil {
		return "", err
	}
	for _, x := range all {
		if x.Kind == record.ECG && s.Reaches(x.Host) && (x.ID == id || id == "" && x.Host == s.Actor.Institution) {
			return x.ID, nil
		}
	}
	return "", record.Errorf(record.NotFound, "no ECG centre %s", id)
}

// Buttons are the critical values of a tracing that only a doctor raises, by the county's rules; those that the numbers suggest have evidence.
func (c *Centre) Buttons(ctx context.Context, t Kept) ([]critical.Alarm, error) {
	pack, _, err := c.rules.Of(ctx, c.db, t.Centre)
	if err != nil {
		return nil, err
	}
	var out []critical.Alarm
	if t.analysis != nil {
		if r := t.analysis.asked(); r != nil {
			out = pack.Suggest(factsFor(r, t.patient(), nil, t.RecordedAt, t.Duration))
		}
	}
	for _, r := range pack.Buttons(t.RecordedAt) {
		if !slices.ContainsFunc(out, func(a critical.Alarm) bool { return a.Rule == r.ID }) {
			if a, ok := pack.Raise(r.ID, t.RecordedAt, ""); ok {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// Trial is how often a rule would have raised an alarm in the past, and did.
type Trial struct {
	Rule                    string
	Tracings, Would, Raised int
}

// UpdateRules replaces the pack of a centre. base is the number that the caller saw; a newer one is a Conflict. A dry run changes nothing and asks
// the pack about the tracings of the past days.
func (c *Centre) UpdateRules(ctx context.Context, s record.Scope, r Rules, base int, dryRun bool, days int) (Rules, []Trial, error) {
	centre, err := c.reachedCentre(ctx, s, r.Centre)
	if err != nil {
		return Rules{}, nil, err
	}
	pack, err := critical.Parse([]byte(r.YAML))
	if err != nil {
		return Rules{}, nil, record.Wrap(record.Invalid, nil, err.Error())
	}
	r.Centre, r.Version = centre, pack.Version
	if dryRun {
		trials, err := c.tryRules(ctx, centre, pack, days)
		return r, trials, err
	}
	r.RecordedBy = s.Actor.Display
	var kept Rules
	err = c.db.Tx(ctx, func(tx *store.Tx) (err error) {
		tx.As(s)
		if kept, err = rulePacks.Put(ctx, tx, r, base); err != nil {
			return err
		}
		tx.Emit(record.Event{
			Act: "ecg.rules.changed", Institution: s.Actor.Institution, Kind: "rules", Object: string(centre), Outcome: record.Success,
			Detail: map[string]string{"version": kept.Version, "number": strconv.Itoa(kept.Number)},
		}.By(s))
		return nil
	})
	return kept, nil, err
}

const trialPage = 200

// tryRules asks a pack about the past. What was before each tracing counts as it would have.
func (c *Centre) tryRules(ctx context.Context, centre record.CentreID, pack *critical.Pack, days int) ([]Trial, error) {
	since := c.db.Now().Add(-time.Duration(days) * 24 * time.Hour)
	count := map[string]*Trial{}
	var order []string
	of := func(rule string) *Trial {
		if count[rule] == nil {
			count[rule] = &Trial{Rule: rule}
			order = append(order, rule)
		}
		return count[rule]
	}
	for _, r := range pack.Rules {
		of(r.ID)
	}
	tracings := 0
	for last := ""; ; {
		all, err := c.getWhere(ctx, `t.centre_id = $1 AND t.received_at >= $2 AND t.id > $3 AND t.analysis_state = 'done' ORDER BY t.id LIMIT `+strconv.Itoa(trialPage),
			[]any{string(centre), record.Micros(since), last})
		if err != nil {
			return nil, fmt.Errorf("try rules: %w", err)
		}
		for _, t := range all {
			tracings++
			last = string(t.ID)
			if t.analysis == nil {
				continue
			}
			r := t.analysis.asked()
			if r == nil {
				continue
			}
			before, err := c.previousResult(ctx, c.db, t)
			if err != nil {
				return nil, err
			}
			for _, x := range pack.Evaluate(factsFor(r, t.patient(), before, t.RecordedAt, t.Duration)) {
				of(x.Rule).Would++
			}
			for _, x := range t.Alarms {
				of(x.Rule).Raised++
			}
		}
		if len(all) < trialPage {
			break
		}
	}
	out := make([]Trial, len(order))
	for i, rule := range order {
		out[i] = *count[rule]
		out[i].Tracings = tracings
	}
	return out, nil
}
