// What a pack would have said of the past.

package verify

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Past is one result of the past with what was decided on it.
type Past struct {
	Facts  Facts
	Auto   bool     // it was released without a person
	Alarms []string // rules that raised an alarm
	Flag   Flag
}

// RuleTrial is how often a rule was asked and what it would have done.
type RuleTrial struct {
	Rule  string
	Fired int // it held a result back, or raised an alarm
	Did   int // alarms of this rule that were raised
}

// Trial is what a pack would have said of the past.
type Trial struct {
	Results    int
	WouldAuto  int
	DidAuto    int
	NewlyAuto  int // would be released without a person and was not
	NewlyHeld  int // was, and would not be
	WouldAlarm int // results with an alarm
	DidAlarm   int
	FlagsOther int // flags that would be others
	Rules      []RuleTrial
}

// DryRun asks a pack about results of the past. Nothing is kept of them but counts.
func DryRun(ctx context.Context, p *Pack, past iter.Seq2[Past, error], convert Convert) (Trial, error) {
	var t Trial
	fired, did := map[string]int{}, map[string]int{}
	for x, err := range past {
		if err != nil {
			return t, fmt.Errorf("dry run: %w", err)
		}
		if t.Results%1000 == 0 && ctx.Err() != nil {
			return t, ctx.Err()
		}
		v := p.Verify(x.Facts, convert)
		t.count(&v, &x)
		for _, s := range v.Steps {
			if s.Outcome == Hold {
				fired[s.Rule]++
			}
		}
		for _, a := range v.Alarms {
			fired[a.Rule]++
		}
		for _, a := range x.Alarms {
			did[a]++
			fired[a] += 0
		}
	}
	for _, id := range slices.Sorted(maps.Keys(fired)) {
		t.Rules = append(t.Rules, RuleTrial{id, fired[id], did[id]})
	}
	return t, nil
}

func (t *Trial) count(v *Verdict, x *Past) {
	add := func(to *int, yes bool) {
		if yes {
			*to++
		}
	}
	t.Results++
	add(&t.WouldAuto, v.Auto)
	add(&t.DidAuto, x.Auto)
	add(&t.NewlyAuto, v.Auto && !x.Auto)
	add(&t.NewlyHeld, !v.Auto && x.Auto)
	add(&t.WouldAlarm, len(v.Alarms) > 0)
	add(&t.DidAlarm, len(x.Alarms) > 0)
	add(&t.FlagsOther, v.Flag != x.Flag)
}
