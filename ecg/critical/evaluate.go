// Asking the rules.

package critical

import (
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// Alarm is a rule that holds.
type Alarm struct {
	Rule           string         `json:"rule"`
	Version        string         `json:"version"` // of the rule
	Pack           string         `json:"pack"`
	PackVersion    string         `json:"pack_version"`
	Name           Text           `json:"name"`
	Tier           string         `json:"tier"`
	TierName       Text           `json:"tier_name"`
	RespondMinutes int            `json:"respond_min"`
	Auto           bool           `json:"auto"`
	Evidence       Text           `json:"evidence"` // the numbers that it rests on
	Advice         Text           `json:"advice"`
	Source         Text           `json:"source"`
	Findings       []finding.Code `json:"findings,omitempty"`
	Leads          []tracing.Code `json:"leads,omitempty"`
	From           time.Duration  `json:"from,omitempty"` // of the first finding that has a place; both zero: the whole recording
	To             time.Duration  `json:"to,omitempty"`
}

// Evaluate gives the alarms of the automatic rules, the most urgent first. It is a pure function.
func (p *Pack) Evaluate(f Facts) []Alarm { return p.ask(f, true) }

// Suggest gives the doctor's buttons that the facts light up.
func (p *Pack) Suggest(f Facts) []Alarm { return p.ask(f, false) }

// Buttons are the rules in force at an instant that only a doctor raises, in order of the pack.
func (p *Pack) Buttons(at time.Time) []Rule {
	var out []Rule
	for i := range p.Rules {
		if r := &p.Rules[i]; !r.Auto && r.inForce(at) {
			out = append(out, *r)
		}
	}
	return out
}

// Raise is the alarm of a doctor's button, with what the doctor saw as its evidence; false if there is no such rule in force.
func (p *Pack) Raise(rule string, at time.Time, seen string) (Alarm, bool) {
	for i := range p.Rules {
		if r := &p.Rules[i]; r.ID == rule && r.inForce(at) {
			a := p.alarm(r, nil)
			a.Evidence = Text{seen, seen}
			return a, true
		}
	}
	return Alarm{}, false
}

func (p *Pack) ask(f Facts, auto bool) []Alarm {
	var out []Alarm
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Auto != auto || r.When == nil || !r.inForce(f.At) {
			continue
		}
		if ok, ws := p.holds(r.When, &f); ok {
			out = append(out, p.alarm(r, ws))
		}
	}
	slices.SortStableFunc(out, func(a, b Alarm) int { return p.urgency(a.Tier) - p.urgency(b.Tier) })
	return out
}

func (p *Pack) urgency(tier string) int {
	return slices.IndexFunc(p.Tiers, func(t Tier) bool { return t.ID == tier })
}

func (p *Pack) alarm(r *Rule, ws []witness) Alarm {
	t := p.Tiers[p.urgency(r.Tier)]
	a := Alarm{
		Rule: r.ID, Version: r.Version, Pack: p.ID, PackVersion: p.Version, Name: r.Name, Tier: t.ID, TierName: t.Name,
		RespondMinutes: t.RespondMinutes, Auto: r.Auto, Advice: r.Advice, Source: p.source(r.Source),
	}
	var zh, en []string
	for _, w := range ws {
		zh, en = appendNew(zh, w.text.ZH), appendNew(en, w.text.EN)
		if w.finding == nil {
			continue
		}
		a.Findings = appendNew(a.Findings, w.finding.Code)
		for _, l := range w.finding.Leads {
			a.Leads = appendNew(a.Leads, l)
		}
		if a.From == 0 && a.To == 0 {
			a.From, a.To = w.finding.From, w.finding.To
		}
	}
	a.Evidence = Text{strings.Join(zh, "；"), strings.Join(en, "; ")}
	return a
}

func appendNew[T comparable](list []T, x T) []T {
	if slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

func (p *Pack) source(id string) Text {
	for _, s := range p.Sources {
		if s.ID == id {
			return s.Text
		}
	}
	return Text{}
}
