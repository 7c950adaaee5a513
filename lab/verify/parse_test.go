package verify

import (
	"errors"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

func TestParseRefuses(t *testing.T) {
	mustParse(t, small)
	swap := func(from, to string) string {
		if !strings.Contains(small, from) {
			t.Fatalf("the pack has no %q", from)
		}
		return strings.Replace(small, from, to, 1)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "empty"},
		{"an unknown field", small + "colour: red\n", "colour"},
		{"two documents", small + "---\npack: b\n", "one"},
		{"no version", swap(`version: "1"`, `version: ""`), "line 2: version"},
		{"no day", swap("from: 2026-01-01\ntitle", "title"), "from: want a day"},
		{"an unknown mode", swap("autoverification: on", "autoverification: yes-please"), "line 6: autoverification"},
		{"an unknown state of control", swap("qc_accept: [in]", "qc_accept: [good]"), "line 7: qc_accept"},
		{"an analyte without a unit", swap("of: [K], within", "of: [CA], within"), `line 11: limits auto-k: "CA" has no unit`},
		{"a unit that nothing uses", swap(`"NA": mmol/L,`, `"NA": mmol/L, CL: mmol/L,`), "no rule speaks of CL"},
		{"a wrong comparison", swap(`">= 3.0"`, `"= 3.0"`), "line 11: want a comparison"},
		{"code instead of a number", swap(`">= 6.5"`, `">= 6.5; drop"`), "want a comparison"},
		{"two rules of one id", swap("id: delta-k", "id: auto-k"), "there twice"},
		{"an id of ours", swap("id: delta-k", "id: gate-k"), "reserved"},
		{"an unknown source", swap("hil: {haemolysis: 50}, source: s", "source: t"), `no source "t"`},
		{"an end before the start", swap("from: 2026-01-01, of: [K], within", "from: 2026-01-01, to: 2025-01-01, of: [K], within"), "before to"},
		{"an unknown change", swap("change: absolute", "change: log"), "line 13: delta delta-k: change"},
		{"no window", swap("days: 3", "days: 0"), "days: want"},
		{"half an expression", swap("NA > K * 20", "NA > K *"), "expression"},
		{"an expression of nothing", swap("NA > K * 20", "NA + K"), "comparisons"},
		{"an expression that is no sum", swap("NA > K * 20", "NA > K @ 20"), "not understood"},
		{"an open bracket", swap("NA > K * 20", "NA > (K * 20"), "bracket"},
		{"a deep expression", swap("NA > K * 20", "NA > "+strings.Repeat("(", 12)+"K"+strings.Repeat(")", 12)), "too deep"},
		{"an expression of an unknown analyte", swap("NA > K * 20", "NA > XX * 20"), `"XX" has no unit`},
		{"both bounds and words", swap(`is: ">= 6.5"`, `is: ">= 6.5", says: [positive]`), "either comparisons or words"},
		{"an unknown word", swap("says: [positive]", "says: [maybe]"), "says: want"},
		{"no time to respond", swap("respond_min: 10, escalate", "respond_min: 0, escalate"), "respond_min"},
		{"escalation backwards", swap("escalate_min: [10, 20]", "escalate_min: [20, 10]"), "growing minutes"},
		{"a repeat without hours", swap("escalate_min: [10, 20]", "escalate_min: [10, 20], repeat: {hours: 0}"), "repeat"},
		{"a bad age", swap("of: [K], within", "of: [K], who: {age: [18]}, within"), "want an age"},
		{"an unknown sex", swap("of: [K], within", "of: [K], who: {sex: W}, within"), "sex M or F"},
		{"every department", swap("of: [K], within", "of: [K], who: {departments: ['']}, within"), "empty word"},
		{"a test of no rule", swap("{rule: auto-k,", "{rule: auto-x,"), `no rule "auto-x"`},
		{"a test of no analyte", swap("{rule: auto-k, of: K,", "{rule: auto-k, of: X,"), `no analyte "X"`},
		{"a test that fails", swap(`fires: ["6.1"]`, `fires: ["5.9"]`), "line 20: tests: auto-k is quiet for 5.9"},
		{"a test that fails the other way", swap(`quiet: ["6.4"]`, `quiet: ["6.5"]`), "k-high fires for 6.5"},
		{"a rule without a test", swap("  - {rule: hiv, of: HIV, fires: [\"阳性\"], quiet: [\"阴性\"]}\n", ""), "critical hiv: want a test that fires"},
		{"a rule that is never quiet", swap(`fires: ["阳性"], quiet: ["阴性"]`, `fires: ["阳性"]`), "one that does not"},
		{"a promise of release that is not kept", small + "  - {of: K, auto: [\"6.2\"]}\n", "held back by"},
	} {
		_, err := Parse([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(strings.Replace(small, "NA > K * 20", "1 <= (NA - K) / K + 2 * NA <= 3000", 1)))
	f.Add([]byte("pack: &a [*a]"))
	f.Add([]byte("tests:\n- {rule: [[]]}\n"))
	facts := potassium(f, "6.8")
	facts.Beside = []Beside{{Analyte: "NA", Value: value("<140"), Unit: "mmol/L"}}
	facts.Previous = []Previous{{Value: value("0"), Unit: "mmol/L", At: noon.AddDate(0, 0, -1)}}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		v := p.Verify(facts, nil)
		again, err := p.Replay(v)
		if err != nil || text(t, v) != text(t, again) {
			t.Errorf("not replayed: %v", err)
		}
	})
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"TP > ALB", "0 <= NA - CL - TCO2 <= 25", "280 <= HGB / HCT * 100 <= 380", "(A)*(B)/(C)>1", "A/0>B", "-A>B"} {
		f.Add(s)
	}
	of := func(code string) packfile.Decimal {
		d, _ := packfile.ParseDecimal(strings.Repeat("9", len(code)))
		return d
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := parseExpression(s)
		if err != nil {
			return
		}
		x.hold(of)
		again, err := parseExpression(x.String())
		if err != nil || strings.Join(again.codes, " ") != strings.Join(x.codes, " ") {
			t.Errorf("%q: %v", s, errors.Join(err))
		}
	})
}

func FuzzOrdinal(f *testing.F) {
	for _, s := range []string{"阳性(+)", "neg", "±", "1+", "＋", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		switch Ordinal(s) {
		case "", Negative, Borderline, Positive:
		default:
			t.Error(s)
		}
	})
}
