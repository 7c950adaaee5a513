package packfile

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Pack    string   `yaml:"pack"`
	Version string   `yaml:"version"`
	Title   Text     `yaml:"title"`
	Sources []Source `yaml:"sources"`
	From    Day      `yaml:"from"`
	Ages    Ages     `yaml:"age"`
	Value   Decimal  `yaml:"value"`
}

const good = `pack: a-pack
version: "1"
title: {zh: 甲, en: a}
sources: [{id: s, text: {zh: 乙, en: b}, status: local}]
from: 2026-01-01
age: [28d, 18y]
value: 1.10
`

func read(text string) (sample, error) {
	var s sample
	f, err := Read([]byte(text), &s)
	if err != nil {
		return s, err
	}
	f.Head(s.Pack, s.Version, s.Title, s.Sources)
	return s, f.Err()
}

func TestRead(t *testing.T) {
	s, err := read(good)
	if err != nil || s.Value.String() != "1.10" || s.Ages != (Ages{28, 6574}) || s.From.String() != "2026-01-01" {
		t.Fatalf("%v %+v", err, s)
	}
	for _, tt := range []struct{ name, from, to, want string }{
		{"a bad id", "a-pack", "A Pack", "line 1: pack"},
		{"a bad version", `"1"`, `"1 2"`, "line 2: version"},
		{"one language", ", en: a}", "}", "line 3: title: want both"},
		{"a long text", "en: a}", "en: " + strings.Repeat("x", 601) + "}", "longer than 600"},
		{"an unknown status", "status: local", "status: sure", "line 4: status"},
		{"a source twice", "status: local}]", "status: local}, {id: s, text: {zh: 乙, en: b}, status: local}]", "there twice"},
		{"a bad day", "2026-01-01", "2026-13-01", "line 5: want a day"},
		{"a bad age", "28d", "28", "line 6: want an age"},
		{"ages backwards", "[28d, 18y]", "[18y, 28d]", "end before they begin"},
		{"a number with an exponent", "1.10", "1e5", "line 7: want a decimal"},
		{"an anchor", "version: \"1\"", "version: &v \"1\"", "anchors"},
		{"too much", "pack:", strings.Repeat("#", MaxBytes) + "\npack:", "more than"},
	} {
		_, err := read(strings.Replace(good, tt.from, tt.to, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]Age{"0d": 0, "28d": 28, "1m": 30, "6m": 182, "1y": 365, "18y": 6574, "60y": 21915} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, tt := range []struct {
		span Ages
		days int
		want bool
	}{{Ages{}, -1, true}, {Ages{}, 5, true}, {Ages{0, 28}, -1, false}, {Ages{0, 28}, 0, true}, {Ages{0, 28}, 28, false}, {Ages{28, 0}, 28, true}, {Ages{28, 0}, 99999, true}} {
		if tt.span.Hold(tt.days) != tt.want {
			t.Errorf("%v holds %d", tt.span, tt.days)
		}
	}
}

func TestDaysAreChinas(t *testing.T) {
	s, err := read(good)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]bool{start.Add(-1): false, start: true, {}: true} {
		if InForce(s.From, Day{}, at) != want {
			t.Error(at)
		}
	}
	if InForce(Day{}, s.From, start) || InForce(Day{}, s.From, time.Time{}) {
		t.Error("in force after its end")
	}
}

func TestDecimalsKeepTheirDigits(t *testing.T) {
	for _, text := range []string{"1.10", "-0.500", "0", "123456789012345.123456789012345"} {
		d, err := ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Decimal
		if err := json.Unmarshal(b, &back); err != nil || back.String() != text || !back.Equal(d) {
			t.Errorf("%s became %s: %v", text, back, err)
		}
	}
	var none Decimal
	if b, err := json.Marshal(none); err != nil || string(b) != `""` || json.Unmarshal(b, &none) != nil || none.Some() {
		t.Error("none is not none")
	}
}
