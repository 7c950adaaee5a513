// What every result must pass before a machine releases it, and the spans of single analytes.

package verify

import (
	"slices"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

// gates are the questions of every pack. Their version is the engine's.
func (p *Pack) gates(v *Verdict, critical truth) {
	f := &v.Inputs
	for _, g := range []struct {
		id     string
		ok     bool
		zh, en string
	}{
		{"gate-patient", f.AgeDays >= 0 && (f.Sex == "M" || f.Sex == "F"), "年龄或性别未知", "age or sex is not known"},
		{"gate-unit", p.comparable(f) || !f.Value.Number.Some(), "单位无法换算", "the unit cannot be converted"},
		{"gate-qc", slices.Contains(p.QCAccept, f.QC), "室内质控未在控", "internal quality control is not in control"},
		{"gate-instrument", !slices.ContainsFunc(f.InstrumentFlags, p.counts), "仪器报警", "the analyser raised a flag"},
		{"gate-specimen", len(f.Conditions) == 0, "标本状态异常", "the specimen has a condition"},
		{"gate-critical", critical == no, "危急值或不能排除危急值", "a critical value, or one that cannot be excluded"},
		{"gate-flags", !v.disagrees(), "异常标志不一致", "the flags disagree"},
	} {
		if g.ok {
			v.step(g.id, Engine, Pass, "通过", "passed")
		} else {
			v.step(g.id, Engine, Hold, g.zh, g.en)
		}
	}
}

func (p *Pack) counts(flag string) bool { return !slices.Contains(p.IgnoreFlags, flag) }

// judgeLimits asks the first limit in force that is for this person.
func (p *Pack) judgeLimits(v *Verdict, rs *rules) {
	f := &v.Inputs
	for _, l := range rs.limits {
		if !l.inForce(f.At) || !l.Who.holds(f, false) {
			continue
		}
		if why := l.fault(f); why != (packfile.Text{}) {
			v.step(l.ID, l.Version, Hold, why.ZH, why.EN)
		} else {
			v.step(l.ID, l.Version, Pass, "在自动审核范围内", "inside the limits of autoverification")
		}
		return
	}
	v.step("gate-limits", Engine, Hold, "该项目或人群未设自动审核范围", "no limits of autoverification for this analyte and person")
}

// fault is why a result may not be released, nothing if it may.
func (l *Limit) fault(f *Facts) packfile.Text {
	if len(l.Says) > 0 {
		if !said(l.Says, f.Value.Text) {
			return packfile.Text{ZH: "定性结果须人工审核", EN: "the qualitative result is for a person"}
		}
		return l.HIL.fault(f.HIL, l.HILRequired)
	}
	e, ok := f.Value.extent()
	switch {
	case !ok:
		return packfile.Text{ZH: "结果不是数值", EN: "the result is no number"}
	case l.Within.hold(e) != yes:
		return packfile.Text{ZH: "超出自动审核范围（" + l.Within.String() + "）", EN: "outside the limits of autoverification (" + l.Within.String() + ")"}
	}
	return l.HIL.fault(f.HIL, l.HILRequired)
}

// fault compares indices with what they must be below.
func (limits HIL) fault(measured HIL, required bool) packfile.Text {
	for _, x := range []struct {
		limit, index packfile.Decimal
		zh, en       string
	}{
		{limits.Haemolysis, measured.Haemolysis, "溶血", "haemolysis"},
		{limits.Icterus, measured.Icterus, "黄疸", "icterus"},
		{limits.Lipaemia, measured.Lipaemia, "脂血", "lipaemia"},
	} {
		switch {
		case !x.limit.Some():
		case !x.index.Some() && required:
			return packfile.Text{ZH: "未测" + x.zh + "指数", EN: "the index of " + x.en + " was not measured"}
		case x.index.Some() && x.index.Cmp(x.limit.Decimal) >= 0:
			return packfile.Text{ZH: x.zh + "指数过高", EN: "the index of " + x.en + " is too high"}
		}
	}
	return packfile.Text{}
}
