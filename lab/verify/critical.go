// Critical values.

package verify

import (
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

// judgeCritical raises the alarms of a result. side is where the first rule that holds lies; found, what there is of critical values: none, only
// perhaps, or certainly.
func (p *Pack) judgeCritical(v *Verdict, rs *rules) (side string, found truth) {
	f := &v.Inputs
	if len(rs.critical) == 0 {
		return "", no
	}
	if !p.comparable(f) && f.Value.Number.Some() {
		v.warn(UnitUnknown, "单位无法换算为规则所用单位，未进行比较", "the unit cannot be converted into that of the rules: nothing was compared")
		return "", perhaps
	}
	for _, c := range rs.critical {
		if !c.inForce(f.At) {
			continue
		}
		t := c.meets(f)
		if len(c.Is) > 0 && !f.Value.Number.Some() && f.Value.Text != "" {
			v.warn(NotNumeric, "结果不是数值，未与危急值界限比较", "the result is no number: it was not compared with critical limits")
			t = perhaps
		}
		found = max(found, t)
		switch t {
		case perhaps:
			if !f.Value.Number.Some() {
				continue
			}
			v.warn(Uncertain, "结果可能为危急值，但不能确定", "the result may be a critical value, and may not")
		case yes:
			if side == "" {
				side = c.side()
			}
			p.raise(v, c)
		}
	}
	return side, found
}

// meets reports whether a result is the critical value.
func (c *Critical) meets(f *Facts) truth {
	if !c.Who.holds(f, true) {
		return no
	}
	return c.met(f.Value)
}

func (c *Critical) met(v Value) truth {
	if len(c.Says) > 0 {
		if said(c.Says, v.Text) {
			return yes
		}
		return no
	}
	e, ok := v.extent()
	if !ok {
		return no
	}
	return c.Is.hold(e)
}

func (c *Critical) side() string {
	if len(c.Says) > 0 {
		return "A"
	}
	return c.Is.side()
}

func (p *Pack) raise(v *Verdict, c *Critical) {
	f := &v.Inputs
	if f.AgeDays < 0 && !c.Who.Ages.All() {
		v.warn(AgeAssumed, "年龄未知，危急值按成人判断", "of unknown age: critical values were judged as of an adult")
	}
	if c.Who.Sex != "" && f.Sex != c.Who.Sex {
		v.warn(SexAssumed, "性别未知，危急值按两性判断", "of unknown sex: critical values were judged as of both")
	}
	if c.known(f) {
		v.Known = append(v.Known, c.ID)
		v.step(c.ID, c.Version, Hold, "危急值（近期已报告，未再次报警）", "a critical value that is known: no new alarm")
		return
	}
	source, status := p.source(c.Source)
	said := f.Value.String()
	if f.Unit != "" && f.Value.Number.Some() {
		said += " " + f.Unit
	}
	limit := ""
	if len(c.Is) > 0 {
		limit = " (" + c.Is.String() + ")"
	}
	v.Alarms = append(v.Alarms, Alarm{
		Rule: c.ID, Version: c.Version, Name: c.Name, Advice: c.Advice, Minutes: c.RespondMinutes, Escalate: slices.Clone(c.Escalate),
		Text:   packfile.Text{ZH: said + limit, EN: said + limit},
		Source: source, Status: status,
	})
}

// known reports a critical value that was told already and has not become so much worse that it is told again. What was told follows from the
// results themselves: the first of those that met the rule without interruption, and of the later ones each that was so much worse than the last that
// was told, or came so long after it. A value that creeps up is told again, however small its steps.
func (c *Critical) known(f *Facts) bool {
	if c.Repeat == nil {
		return false
	}
	run := c.run(f)
	if len(run) == 0 {
		return false
	}
	told := run[len(run)-1]
	for i := len(run) - 2; i >= 0; i-- {
		if c.again(told, run[i].At, run[i].Value) {
			told = run[i]
		}
	}
	return !c.again(told, f.At, f.Value)
}

// run are the results before this one that met the rule without interruption, the newest first. Those of another institution told this one nothing, and
// neither did those whose alarm a person has dismissed: the next specimen may confirm what the first was not believed for.
func (c *Critical) run(f *Facts) []Previous {
	var out []Previous
	for _, b := range f.Previous {
		if !b.At.Before(f.At) {
			continue
		}
		if c.met(b.Value) != yes {
			break
		}
		if !b.Untold && b.Institution == f.Institution {
			out = append(out, b)
		}
	}
	return out
}

// again reports whether a value is told although an earlier one was.
func (c *Critical) again(told Previous, at time.Time, v Value) bool {
	return at.Sub(told.At) > time.Duration(c.Repeat.Hours)*time.Hour || c.worse(told.Value, v)
}

func (c *Critical) worse(before, now Value) bool {
	a, b := before.Number, now.Number
	if !c.Repeat.AgainPercent.Some() || !a.Some() || !b.Some() {
		return false
	}
	by, err := percent(a, b)
	if err != nil {
		return true
	}
	limit := new(apd.Decimal).Set(c.Repeat.AgainPercent.Decimal)
	if c.side() == "L" {
		limit.Neg(limit)
		return by.Cmp(limit) <= 0
	}
	return by.Cmp(limit) >= 0
}

// percent is by how much b differs from a, of the size of a.
func percent(a, b packfile.Decimal) (*apd.Decimal, error) {
	out, size := new(apd.Decimal), new(apd.Decimal)
	size.Abs(a.Decimal)
	if _, err := arithmetic.Sub(out, b.Decimal, a.Decimal); err != nil {
		return nil, err
	}
	if _, err := arithmetic.Mul(out, out, apd.New(100, 0)); err != nil {
		return nil, err
	}
	_, err := arithmetic.Quo(out, out, size)
	return out, err
}
