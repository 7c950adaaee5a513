// Delta check: the change since the last result, whichever clinic it was of. And analytes of one specimen beside each other.

package verify

import (
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

func (p *Pack) judgeDelta(v *Verdict, rs *rules) {
	f := &v.Inputs
	for _, d := range rs.delta {
		if !d.inForce(f.At) || !d.Who.holds(f, false) {
			continue
		}
		switch d.judge(f) {
		case Hold:
			v.step(d.ID, d.Version, Hold, "与前次结果差异过大", "differs too much from the last result")
		case Pass:
			v.step(d.ID, d.Version, Pass, "与前次结果相符", "agrees with the last result")
		default:
			v.step(d.ID, d.Version, Skip, "无可比的前次结果", "no earlier result that can be compared")
		}
	}
}

// judge holds a result whose change is not as expected. A value that is known from one side only is not compared; a change that cannot be
// computed (from zero, in percent) holds.
func (d *Delta) judge(f *Facts) Outcome {
	now := f.Value.exact()
	before, ok := d.last(f)
	if !ok || !now.Some() {
		return Skip
	}
	by, err := d.change(before, now, f.At)
	if err != nil {
		if now.Cmp(before.Value.Number.Decimal) == 0 {
			return Pass
		}
		return Hold
	}
	n := packfile.Decimal{Decimal: by}
	if d.Expect.hold(extent{low: n, high: n}) == yes {
		return Pass
	}
	return Hold
}

// last is the newest earlier result that can be compared.
func (d *Delta) last(f *Facts) (Previous, bool) {
	for _, b := range f.Previous {
		age := f.At.Sub(b.At)
		if age <= 0 || age > time.Duration(d.Days)*24*time.Hour || !b.Value.exact().Some() || b.Unit != f.Unit {
			continue
		}
		if !d.AnyMethod && b.Method != f.Method || d.SameLaboratory && b.Laboratory != f.Laboratory {
			continue
		}
		return b, true
	}
	return Previous{}, false
}

func (d *Delta) change(before Previous, now packfile.Decimal, at time.Time) (*apd.Decimal, error) {
	var by *apd.Decimal
	var err error
	if d.Change == Percent || d.Change == PercentPerDay {
		by, err = percent(before.Value.Number, now)
	} else {
		by = new(apd.Decimal)
		_, err = arithmetic.Sub(by, now.Decimal, before.Value.Number.Decimal)
	}
	if err != nil || d.Change == Percent || d.Change == Absolute {
		return by, err
	}
	if _, err = arithmetic.Mul(by, by, apd.New(int64(24*time.Hour/time.Microsecond), 0)); err != nil {
		return nil, err
	}
	_, err = arithmetic.Quo(by, by, apd.New(int64(at.Sub(before.At)/time.Microsecond), 0))
	return by, err
}

func (p *Pack) judgeConsistency(v *Verdict, rs *rules) {
	f := &v.Inputs
	for _, c := range rs.consistency {
		if !c.inForce(f.At) || !c.Who.holds(f, false) {
			continue
		}
		switch c.judge(f) {
		case Hold:
			v.step(c.ID, c.Version, Hold, "项目间关系不符："+c.Name.ZH, "the analytes contradict each other: "+c.Name.EN)
		case Pass:
			v.step(c.ID, c.Version, Pass, "项目间关系相符", "the analytes agree with each other")
		default:
			v.step(c.ID, c.Version, Skip, "缺少相关项目", "an analyte is missing")
		}
	}
}

func (c *Consistency) judge(f *Facts) Outcome {
	holds, known := c.Expect.hold(func(code string) packfile.Decimal {
		if code == f.Analyte {
			return f.Value.exact()
		}
		for i := range f.Beside {
			if f.Beside[i].Analyte == code {
				return f.Beside[i].Value.exact()
			}
		}
		return packfile.Decimal{}
	})
	switch {
	case !known:
		return Skip
	case holds:
		return Pass
	}
	return Hold
}
