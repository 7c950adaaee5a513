// The verdict on one result, and how it is made again.

package verify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

// Engine names the meaning of packs: another number, another meaning. Verdicts of another engine are not replayed.
const Engine = "verify-1"

// Flag is where a result lies (HL7 table 0078).
type Flag string

// The flags.
const (
	NoFlag       Flag = "" // no interval, or not comparable
	Normal       Flag = "N"
	Low          Flag = "L"
	High         Flag = "H"
	CriticalLow  Flag = "LL"
	CriticalHigh Flag = "HH"
	Abnormal     Flag = "A"
	VeryAbnormal Flag = "AA"
)

// Verdict is all that the rules say of one result, with all that they were asked.
type Verdict struct {
	Engine   string    `json:"engine"`
	Pack     string    `json:"pack"`
	Version  string    `json:"version"`
	Digest   string    `json:"digest"` // of the pack
	Inputs   Facts     `json:"inputs"`
	Flag     Flag      `json:"flag"`
	Auto     bool      `json:"auto"`            // every step passed
	Release  bool      `json:"release"`         // Auto, and the pack lets it be released without a person
	Steps    []Step    `json:"steps,omitempty"` // in the order in which they were taken
	Alarms   []Alarm   `json:"alarms,omitempty"`
	Known    []string  `json:"known,omitempty"` // rules of critical values that were told before and are not told again
	Warnings []Warning `json:"warnings,omitempty"`
}

// Outcome of a step.
type Outcome string

// The outcomes.
const (
	Pass Outcome = "pass"
	Hold Outcome = "hold" // a person decides
	Skip Outcome = "skip" // it could not be asked: no earlier result, no other analyte
)

// Step is one question that was asked before a release.
type Step struct {
	Rule    string        `json:"rule"` // of the pack, or one of the gates that every result passes
	Version string        `json:"version"`
	Outcome Outcome       `json:"outcome"`
	Why     packfile.Text `json:"why"`
}

// Alarm is one critical value.
type Alarm struct {
	Rule     string          `json:"rule"`
	Version  string          `json:"version"`
	Name     packfile.Text   `json:"name"`
	Text     packfile.Text   `json:"text"` // what was measured and the limit
	Advice   packfile.Text   `json:"advice,omitzero"`
	Minutes  int             `json:"minutes"`  // within which it is acknowledged
	Escalate []int           `json:"escalate"` // minutes after which further people are told
	Source   packfile.Text   `json:"source"`
	Status   packfile.Status `json:"status"`
}

// Warning is what a person should know of the verdict; it holds no value.
type Warning struct {
	Code string        `json:"code"`
	Text packfile.Text `json:"text"`
}

// Codes of warnings.
const (
	FlagDisagrees = "flag-disagrees" // the sender's flag says otherwise
	UnitUnknown   = "unit-unknown"   // the unit cannot be converted into that of the rules: nothing was compared
	AgeAssumed    = "age-assumed"    // critical values were judged as of an adult
	SexAssumed    = "sex-assumed"    // critical values were judged as of both sexes
	Uncertain     = "uncertain"      // a critical value holds only perhaps: "<3.0"
	NotNumeric    = "not-numeric"    // a text where the rules want a number
)

func (v *Verdict) warn(code, zh, en string) {
	if !slices.ContainsFunc(v.Warnings, func(w Warning) bool { return w.Code == code }) {
		v.Warnings = append(v.Warnings, Warning{code, packfile.Text{ZH: zh, EN: en}})
	}
}

func (v *Verdict) step(rule, version string, o Outcome, zh, en string) {
	v.Steps = append(v.Steps, Step{rule, version, o, packfile.Text{ZH: zh, EN: en}})
}

// Held reports whether a step held the result back.
func (v *Verdict) held() bool {
	return slices.ContainsFunc(v.Steps, func(s Step) bool { return s.Outcome == Hold })
}

// Verify judges a result as it came: Prepare, then Judge.
func (p *Pack) Verify(f Facts, convert Convert) Verdict { return p.Judge(p.Prepare(f, convert)) }

// Judge judges facts that are prepared. The same facts and the same pack give the same verdict, always and everywhere.
func (p *Pack) Judge(f Facts) Verdict {
	v := Verdict{Engine: Engine, Pack: p.ID, Version: p.Version, Digest: p.digest, Inputs: f}
	rs := p.rulesOf(f.Analyte)
	side, critical := p.judgeCritical(&v, rs)
	v.Flag = flagOf(&f, side)
	p.compareFlags(&v)
	if p.Autoverification == Off {
		return v
	}
	p.gates(&v, critical)
	p.judgeLimits(&v, rs)
	p.judgeDelta(&v, rs)
	p.judgeConsistency(&v, rs)
	v.Auto = !v.held()
	v.Release = v.Auto && p.Autoverification == On
	return v
}

// Replay makes a verdict again from its inputs. The pack must be the one that made it.
func (p *Pack) Replay(v Verdict) (Verdict, error) {
	if v.Engine != Engine {
		return Verdict{}, fmt.Errorf("a verdict of engine %q: this is %s", packfile.Clip(v.Engine), Engine)
	}
	if v.Digest != p.digest {
		return Verdict{}, errors.New("a verdict of another pack")
	}
	return p.Judge(v.Inputs), nil
}

// comparable reports whether the number is in the unit of the rules.
func (p *Pack) comparable(f *Facts) bool { return f.Unit == p.unitOf(*f) }
