package catalogue

import (
	"strings"
	"testing"
)

const small = `pack: county
version: "1"
from: 2026-01-01
title: {zh: 县, en: county}
sources: [{id: s, text: {zh: 甲, en: a}, status: local}]
specimens: [{code: SER, name: {zh: 血清, en: Serum}, words: [血]}, {code: UR, name: {zh: 尿, en: Urine}}]
tubes: [{code: sst, name: {zh: 黄, en: yellow}, colour: "#e8c22e"}]
groups: [{code: g, name: {zh: 组, en: group}}]
analytes:
  - {code: K, name: {zh: 钾, en: Potassium}, short: K, loinc: 2823-3, specimens: [SER], unit: mmol/L, decimals: 2, kind: quantity, group: g, items: [LAB.K], formula: K}
  - {code: HIV, name: {zh: 艾滋, en: HIV}, short: HIV, specimens: [SER], kind: ordinal, group: g}
methods: [{code: ise, of: [K], name: {zh: 电极, en: electrode}, words: [ISE]}]
intervals:
  - {id: k, of: K, low: "3.5", high: "5.3", age: [18y], source: s}
  - {id: k-child, of: K, low: "3.4", high: "5.8", age: [28d, 18y], source: s}
  - {id: hiv, of: HIV, expect: negative, source: s}
stability: [{of: [K], specimens: [SER], hours: {room: 8}, source: s}]
panels: [{code: EL, name: {zh: 电, en: el}, group: g, members: [K], specimen: SER, tube: sst, volume_ml: "3.5"}]
`

func TestParseRefuses(t *testing.T) {
	if _, err := Parse([]byte(small)); err != nil {
		t.Fatal(err)
	}
	swap := func(from, to string) string {
		if !strings.Contains(small, from) {
			t.Fatalf("the pack has no %q", from)
		}
		return strings.Replace(small, from, to, 1)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "empty"},
		{"an unknown field", swap("short: K,", "short: K, colour: red,"), "line 10"},
		{"no day", swap("from: 2026-01-01\n", ""), "from: want a day"},
		{"no analytes", swap("analytes:\n", "analytes: []\nrest:\n"), "rest"},
		{"a code twice", swap("code: HIV", "code: K"), `line 11: analytes: "K" is malformed or there twice`},
		{"a code that is none", swap("code: HIV", "code: hiv"), "malformed"},
		{"a LOINC with a wrong check digit", swap("2823-3", "2823-4"), `line 10: K: loinc: "2823-4"`},
		{"a LOINC twice", swap("loinc: 2823-3", "loinc: 2823-3, loincs: [2823-3]"), "there twice"},
		{"an unknown specimen", swap("specimens: [SER], unit", "specimens: [SWEAT], unit"), `no "SWEAT"`},
		{"no specimen", swap("specimens: [SER], unit", "unit"), "want at least one"},
		{"an unknown group", swap("kind: ordinal, group: g", "kind: ordinal, group: h"), `no "h"`},
		{"an unknown kind", swap("kind: ordinal", "kind: odd"), "kind: want"},
		{"a quantity without a unit", swap("unit: mmol/L, ", ""), "unit: a quantity has one"},
		{"too many decimals", swap("decimals: 2", "decimals: 7"), "decimals"},
		{"an item of something else", swap("LAB.K", "CT.CHEST"), "items"},
		{"a formula that is none", swap("formula: K", "formula: k+"), "formula"},
		{"a method of no analyte", swap("of: [K], name: {zh: 电极", "of: [X], name: {zh: 电极"), `no "X"`},
		{"an interval of no analyte", swap("id: k, of: K", "id: k, of: X"), `no "X"`},
		{"an interval without a limit", swap(`low: "3.5", high: "5.3", `, ""), "want a limit"},
		{"an interval upside down", swap(`low: "3.5", high: "5.3"`, `low: "5.3", high: "3.5"`), "not below"},
		{"a limit inside and outside", swap(`high: "5.3"`, `high: "5.3", below: "5.3"`), "not both"},
		{"limits and words", swap("expect: negative", `expect: negative, low: "1"`), "no limits"},
		{"an unknown word", swap("expect: negative", "expect: perhaps"), "want negative or positive"},
		{"a pregnant man", swap("age: [18y], source", "age: [18y], sex: M, pregnant: true, source"), "sex"},
		{"intervals that clash", swap("age: [28d, 18y]", "age: [28d, 19y]"), "line 15: k-child: clashes with k"},
		{"a method that the analyte has not", swap("age: [18y], source", "age: [18y], method: flame, source"), "has none such"},
		{"an unknown source", swap("age: [18y], source: s", "age: [18y], source: t"), `no source "t"`},
		{"a wrong storage", swap("{room: 8}", "{oven: 8}"), "hours: want"},
		{"a panel of an unknown analyte", swap("members: [K]", "members: [X]"), `no "X"`},
		{"a panel in the wrong specimen", swap("members: [K], specimen: SER", "members: [K], specimen: UR"), "not measured in UR"},
		{"a panel in an unknown tube", swap("tube: sst", "tube: cup"), `no "cup"`},
		{"a volume of nothing", swap(`volume_ml: "3.5"`, `volume_ml: "0"`), "volume_ml"},
		{"a colour that is none", swap("#e8c22e", "yellow"), "colour"},
		{"a word of two specimens", swap("en: Urine}", "en: Urine}, words: [血]"), "a word of SER too"},
	} {
		_, err := Parse([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestValidLOINC(t *testing.T) {
	for code, want := range map[string]bool{
		"2823-3": true, "6690-2": true, "94500-6": true, "8867-4": true, "2823-4": false, "0823-3": false, "2823": false, "": false, "2823-33": false, "12345-6": false,
	} {
		if ValidLOINC(code) != want {
			t.Error(code)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("analytes:\n- {code: [[]]}\n"))
	f.Add([]byte("pack: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		for _, a := range p.Analytes {
			if i, ok := p.Interval(a.Code, Subject{AgeDays: 9000, Sex: "F"}); ok && i.Text == "" {
				t.Errorf("%s: an interval without text", a.Code)
			}
			p.Suggest(UnmappedCode{Key: Key{Code: a.Code}, Text: a.Name.ZH})
		}
		p.Search("K", "")
	})
}
