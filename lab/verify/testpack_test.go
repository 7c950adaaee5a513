package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/packfile"
)

// small is a pack with one rule of each kind.
const small = `pack: county
version: "1"
from: 2026-01-01
title: {zh: 县, en: county}
sources: [{id: s, text: {zh: 甲, en: a}, status: local}]
autoverification: on
qc_accept: [in]
ignore_flags: [N]
units: {K: mmol/L, "NA": mmol/L, HIV: ""}
limits:
  - {id: auto-k, version: "1", from: 2026-01-01, of: [K], within: [">= 3.0", "<= 6.0"], hil: {haemolysis: 50}, source: s}
delta:
  - {id: delta-k, version: "1", from: 2026-01-01, of: [K], change: absolute, expect: [">= -1.0", "<= 1.0"], days: 3, source: s}
consistency:
  - {id: agree, version: "1", from: 2026-01-01, name: {zh: 丁, en: d}, expect: "NA > K * 20", source: s}
critical:
  - {id: k-high, version: "1", from: 2026-01-01, name: {zh: 钾高, en: k high}, of: [K], is: ">= 6.5", respond_min: 10, escalate_min: [10, 20], source: s}
  - {id: hiv, version: "1", from: 2026-01-01, name: {zh: 丙, en: c}, of: [HIV], says: [positive], respond_min: 10, source: s}
tests:
  - {rule: auto-k, of: K, fires: ["6.1"], quiet: ["6.0"]}
  - {rule: delta-k, of: K, fires: ["5.1"], quiet: ["5.0"], before: [{value: "4.0", hours: 24}]}
  - {rule: agree, of: K, fires: ["7.0"], quiet: ["6.9"], beside: {"NA": "140"}}
  - {rule: k-high, of: K, fires: ["6.5"], quiet: ["6.4"]}
  - {rule: hiv, of: HIV, fires: ["阳性"], quiet: ["阴性"]}
`

func mustParse(t testing.TB, text string) *Pack {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func value(s string) Value { return ValueOf(observation.ParseValue(s)) }

func number(t testing.TB, s string) packfile.Decimal {
	t.Helper()
	d, err := packfile.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// potassium are facts that pass every question of the small pack.
func potassium(t testing.TB, v string) Facts {
	return Facts{
		At: noon, Analyte: "K", Value: value(v), Unit: "mmol/L", AgeDays: 40 * 365, Sex: "M", QC: QCIn,
		Interval: &Interval{ID: "k", Low: number(t, "3.5"), High: number(t, "5.3"), Unit: "mmol/L", Text: "3.5-5.3"},
	}
}

func holders(v Verdict) string { return strings.TrimSpace(v.holders()) }

func alarms(v Verdict) string {
	var out []string
	for _, a := range v.Alarms {
		out = append(out, a.Rule)
	}
	return strings.Join(out, " ")
}

func warnings(v Verdict) string {
	var out []string
	for _, w := range v.Warnings {
		out = append(out, w.Code)
	}
	return strings.Join(out, " ")
}
