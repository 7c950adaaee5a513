package critical

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// small is a pack with one rule, whose condition and more are put in.
func small(when, more string) string {
	return fmt.Sprintf(`pack: county
version: "1"
title: {zh: 县, en: county}
sources: [{id: s, text: {zh: 甲, en: a}, status: local}]
tiers: [{id: top, name: {zh: 乙, en: b}, respond_min: 5}]
limits: [{id: slow, name: {zh: 慢, en: slow}, value: 40, unit: /min, min: 30, max: 50}]
rules:
  - id: other
    version: "1"
    from: 2026-01-01
    name: {zh: 丁, en: d}
    tier: top
    auto: true
    when: {measure: heart_rate, is: "< $slow"}
    advice: {zh: 丙, en: c}
    source: s
  - id: one
    version: "1"
    from: 2026-01-01
    name: {zh: 丁, en: d}
    tier: top
    auto: true
    when: %s
    advice: {zh: 丙, en: c}
    source: s
%s`, when, more)
}

func TestParseRefuses(t *testing.T) {
	good := small("{finding: VF}", "")
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	swap := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("the pack has no %q", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	when := func(w string) string { return small(w, "") }
	deep := strings.Repeat("{not: ", 12) + "{finding: VF}" + strings.Repeat("}", 12)
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "empty"},
		{"no map", "[1, 2]", "line 1"},
		{"an unknown field", good + "colour: red\n", "field colour not found"},
		{"a key twice", good + "version: \"2\"\n", "already defined"},
		{"two documents", good + "---\npack: b\n", "something follows"},
		{"anchors", strings.Replace(good, "{zh: 县", "&a {zh: 县", 1), "anchors"},
		{"too large", good + "#" + strings.Repeat("x", maxBytes), "more than"},
		{"a bad pack id", swap("pack: county", "pack: The County"), "line 1: pack"},
		{"no version", swap("version: \"1\"\ntitle", "title"), "version"},
		{"no Chinese title", swap("{zh: 县, en: county}", "{en: county}"), "line 3: title: want both"},
		{"a long text", swap("en: county}", "en: "+strings.Repeat("x", 700)+"}"), "longer than 600"},
		{"an unknown status", swap("status: local", "status: sure"), "line 4: status"},
		{"no time to respond", swap("respond_min: 5", "respond_min: 0"), "line 5: respond_min"},
		{"a limit outside its bounds", swap("value: 40", "value: 60"), "line 6: limit slow"},
		{"a limit without a unit", swap("unit: /min", "unit: ''"), "want a unit"},
		{"a limit that is infinite", swap("max: 50", "max: .inf"), "limit slow"},
		{"a limit that nothing uses", swap("< $slow", "< 40"), "no rule uses it"},
		{"an unknown limit", when(`{measure: heart_rate, is: "< $fast"}`), "line 17: rule one: when.is: no limit $fast"},
		{"rules of one id", swap("id: one", "id: other"), "there twice"},
		{"a bad day", swap("from: 2026-01-01", "from: 2026-13-01"), "want a day"},
		{"an end before the start", swap("from: 2026-01-01", "from: 2026-01-01\n    to: 2025-01-01"), "before to"},
		{"no day", swap("    from: 2026-01-01\n", ""), "from: want a day"},
		{"an unknown tier", swap("tier: top", "tier: low"), `no tier "low"`},
		{"an unknown source", swap("source: s", "source: t"), `no source "t"`},
		{"no advice", swap("advice: {zh: 丙, en: c}", "advice: {zh: 丙, en: ''}"), "advice: want both"},
		{"no condition", when("{}"), "exactly one of"},
		{"automatic without a condition", strings.Replace(good, "    when: {finding: VF}\n", "", 1), "needs a condition"},
		{"two conditions in one", when("{finding: VF, measure: qrs}"), "exactly one of"},
		{"an empty list", when("{all: []}"), "want 1 to 40"},
		{"too deep", when(deep), "too deep"},
		{"an unknown finding", when("{finding: STEMI}"), `no finding "STEMI"`},
		{"an unknown finding within", when("{any: [{finding: VF}, {all: [{finding: X}]}]}"), `when.any[1].all[0]: no finding "X"`},
		{"unknown evidence", when(`{finding: VT, with: {speed: "> 3"}}`), `no evidence "speed"`},
		{"evidence of nothing", when("{finding: VT, with: {}}"), "with is empty"},
		{"evidence of a measure", when(`{measure: qrs, is: "> 3", with: {rate: "> 3"}}`), "with belongs to a finding"},
		{"a comparison of a finding", when(`{finding: VT, is: "> 3"}`), "belong to a measure"},
		{"new of a list", when("{all: [{finding: VT}], new: true}"), "new and at_least belong"},
		{"an unknown measure", when(`{measure: heartrate, is: "> 3"}`), `no measure "heartrate"`},
		{"no comparison", when("{measure: qrs}"), "want a comparison"},
		{"a wrong comparison", when(`{measure: qrs, is: "= 3"}`), "is no comparison"},
		{"a number alone", when("{measure: qrs, is: 120}"), "is no comparison"},
		{"an enormous number", when(`{measure: qrs, is: "> 12345678901"}`), "is no comparison"},
		{"code instead of a number", when(`{measure: qrs, is: "> 1; drop table"}`), "is no comparison"},
		{"leads of a global measure", when(`{measure: qrs, leads: [II], is: "> 3"}`), "of single leads: false"},
		{"no leads", when(`{measure: st_j, is: "> 3"}`), "of single leads: true"},
		{"a lead that is none", when(`{measure: st_j, leads: [V12], is: "> 3"}`), `"V12" is no lead`},
		{"a lead twice", when(`{measure: st_j, leads: [V2, v2], is: "> 3"}`), `there twice`},
		{"more leads than there are", when(`{measure: st_j, leads: [V2, V3], at_least: 3, is: "> 3"}`), "more than there are"},
		{"a negative count", when("{finding: VT, at_least: -1}"), "at_least: want"},
		{"an unknown sex", when("{patient: {sex: W}}"), "sex M or F"},
		{"nobody", when("{patient: {}}"), "want age"},
		{"an unknown recording", when("{recording: medium}"), "long or short"},
		{"a clock of one moment", small("{finding: VF}", "clocks: [{id: c, name: {zh: 钟, en: c}, from: wire, to: wire, target_min: 5, source: s}]\n"), "two moments"},
		{"a clock of an unknown moment", small("{finding: VF}", "clocks: [{id: c, name: {zh: 钟, en: c}, from: wire, to: home, target_min: 5, source: s}]\n"), "two moments"},
		{"a clock without a target", small("{finding: VF}", "clocks: [{id: c, name: {zh: 钟, en: c}, from: wire, to: needle, source: s}]\n"), "target_min"},
		{"a clock of no source", small("{finding: VF}", "clocks: [{id: c, name: {zh: 钟, en: c}, from: wire, to: needle, target_min: 5}]\n"), "no source"},
	} {
		_, err := Parse([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestConditionsOfAPack(t *testing.T) {
	old := tracingOf{measures: m{"qrs": 130}}.result()
	facts := func(x tracingOf) Facts { return FactsOf(x.result(), tracing.Patient{AgeYears: 39.5, Sex: "F"}, nil) }
	for _, tt := range []struct {
		name, when string
		facts      Facts
		want       bool
	}{
		{"between", `{measure: qrs, is: [">= 120", "< 150"]}`, facts(tracingOf{measures: m{"qrs": 120}}), true},
		{"not between", `{measure: qrs, is: [">= 120", "< 150"]}`, facts(tracingOf{measures: m{"qrs": 150}}), false},
		{"not measured", `{measure: qrs, is: ">= -999"}`, facts(tracingOf{}), false},
		{"a decimal", `{measure: qrs, is: "> 119.5"}`, facts(tracingOf{measures: m{"qrs": 119.6}}), true},
		{"younger", `{patient: {age: "< 40"}}`, facts(tracingOf{}), true},
		{"older", `{patient: {age: ">= 40"}}`, facts(tracingOf{}), false},
		{"of unknown age", `{patient: {age: "< 40"}}`, FactsOf(nil, tracing.Patient{}, nil), false},
		{"a woman", `{patient: {sex: F}}`, facts(tracingOf{}), true},
		{"no man", `{patient: {sex: M}}`, facts(tracingOf{}), false},
		{"of unknown sex", `{patient: {sex: M}}`, FactsOf(nil, tracing.Patient{}, nil), false},
		{"a young woman", `{patient: {sex: F, age: "< 40"}}`, facts(tracingOf{}), true},
		{"an old woman", `{patient: {sex: F, age: ">= 40"}}`, facts(tracingOf{}), false},
		{"a measure that is new", `{measure: qrs, is: ">= 140", new: true}`, FactsOf(tracingOf{measures: m{"qrs": 140}}.result(), tracing.Patient{}, old), true},
		{"a measure that is not", `{measure: qrs, is: ">= 120", new: true}`, FactsOf(tracingOf{measures: m{"qrs": 140}}.result(), tracing.Patient{}, old), false},
		{"29 minutes", `{recording: long}`, facts(tracingOf{length: 29 * time.Minute}), false},
		{"30 minutes", `{recording: long}`, facts(tracingOf{length: 30 * time.Minute}), true},
		{"several leads of one finding", `{finding: ST_DEPRESSION, with: {leads: ">= 2"}}`, facts(tracingOf{findings: all(in(found(finding.STDepression), anterior...))}), true},
		{"a leaf of two findings", `{finding: PVC, at_least: 2}`, facts(tracingOf{findings: all(found(finding.PVC), found(finding.PVC))}), true},
		{"a leaf of one finding", `{finding: PVC, at_least: 2}`, facts(tracingOf{findings: all(found(finding.PVC))}), false},
		{"how long it lasted, as the finding says", `{finding: VT, with: {seconds: ">= 40"}}`, facts(tracingOf{findings: all(lasting(found(finding.VentricularT, "seconds", 41.), 5))}), true},
		{"how long it lasted, in the words of others", `{finding: VT, with: {seconds: ">= 40"}}`, facts(tracingOf{findings: all(lasting(found(finding.VentricularT, "duration_s", 41.), 5))}), true},
		{"how long it lasted, by its times", `{finding: VT, with: {seconds: ">= 5"}}`, facts(tracingOf{findings: all(lasting(found(finding.VentricularT), 5))}), true},
	} {
		p, err := Parse([]byte(small(tt.when, "")))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := slices.Contains(ids(p.Evaluate(tt.facts)), "one"); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestRulesHaveTheirDays(t *testing.T) {
	p, err := Parse([]byte(strings.ReplaceAll(small("{finding: VF}", ""), "from: 2026-01-01\n    name", "from: 2026-01-01\n    to: 2027-01-01\n    name")))
	if err != nil {
		t.Fatal(err)
	}
	f := FactsOf(tracingOf{findings: all(found(finding.VentricularFlutter))}.result(), tracing.Patient{}, nil)
	for _, tt := range []struct {
		at   string
		want bool
	}{
		{"2025-12-31T23:59:59+08:00", false},
		{"2026-01-01T00:00:00+08:00", true},
		{"2026-12-31T23:59:59+08:00", true},
		{"2027-01-01T00:00:00+08:00", false},
	} {
		f.At, err = time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(p.Evaluate(f)) == 1; got != tt.want {
			t.Errorf("%s: %v", tt.at, got)
		}
	}
	f.At = time.Time{}
	if len(p.Evaluate(f)) != 0 {
		t.Error("without a time, a rule that ends is asked")
	}
	if _, ok := p.Raise("one", time.Time{}, ""); ok {
		t.Error("a rule that ended is raised")
	}
}

func TestLimitsOfACounty(t *testing.T) {
	p, err := Default().With(map[string]float64{"slow_rate": 40})
	if err != nil {
		t.Fatal(err)
	}
	f := FactsOf(tracingOf{measures: m{"heart_rate": 38}}.result(), tracing.Patient{}, nil)
	if d := cmp.Diff([]string{"bradycardia"}, ids(p.Evaluate(f))); d != "" {
		t.Error(d)
	}
	if got := ids(Default().Evaluate(f)); got != nil {
		t.Errorf("the default pack changed: %v", got)
	}
	if !strings.Contains(p.Evaluate(f)[0].Evidence.ZH, "≤40") {
		t.Error(p.Evaluate(f)[0].Evidence.ZH)
	}
	for name, values := range map[string]map[string]float64{
		"unknown": {"speed": 3}, "below": {"slow_rate": 24}, "above": {"slow_rate": 46},
	} {
		if _, err := Default().With(values); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestButtons(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var got []string
	for _, r := range Default().Buttons(now) {
		got = append(got, r.ID)
	}
	want := []string{
		"stemi-equivalent", "bundle-block-infarction", "hyperkalaemia", "hypokalaemia", "r-on-t", "high-grade-block",
		"pulmonary-embolism", "t-alternans", "pacemaker-failure",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	a, ok := Default().Raise("t-alternans", now, "V2导联")
	if !ok || a.Evidence.ZH != "V2导联" || a.Auto || a.RespondMinutes != 5 {
		t.Errorf("%v %+v", ok, a)
	}
	if _, ok := Default().Raise("t-alternans", now.AddDate(-1, 0, 0), ""); ok {
		t.Error("raised before it was in force")
	}
	if _, ok := Default().Raise("unheard-of", now, ""); ok {
		t.Error("an unknown rule was raised")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(DefaultYAML())
	f.Add([]byte(small(`{all: [{finding: VT, with: {rate: [">= 100", "< $slow"]}, new: true}, {not: {patient: {sex: F}}}]}`, "")))
	f.Add([]byte(small(`{measure: st_j, leads: [V2, V3], at_least: 2, is: "> 3"}`, "")))
	f.Add([]byte("pack: &a [*a]"))
	f.Add([]byte("rules:\n- when:\n    all: [[]]\n"))
	facts := FactsOf(tracingOf{
		findings: all(found(finding.VentricularT, "rate", 160.), in(found(finding.STElevation, "st_uv", 200.), anterior...)), measures: normal,
	}.result(), tracing.Patient{AgeYears: 50, Sex: "M"}, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		for _, a := range append(p.Evaluate(facts), p.Suggest(facts)...) {
			if a.Rule == "" || a.TierName == (Text{}) || a.Source == (Text{}) {
				t.Errorf("an alarm without its rule: %+v", a)
			}
		}
		p.ChestPain(ChestPainTimes{FirstContactAt: time.Unix(0, 0)}, time.Unix(1000, 0))
	})
}
