package observation

import "testing"

func TestParseValue(t *testing.T) {
	for _, x := range []struct {
		in   string
		kind Kind
		out  string
	}{
		{"1.10", Quantity, "1.10"},
		{"-0.50", Quantity, "-0.50"},
		{"+3", Quantity, "3"},
		{"<0.01", Quantity, "<0.01"},
		{"＞１０００", Quantity, ">1000"},
		{"≤ 5.0", Quantity, "<=5.0"},
		{"1:128", Ratio, "1:128"},
		{">1:64", Ratio, ">1:64"},
		{"3-5", Range, "3-5"},
		{"-3--1", Range, "-3--1"},
		{"1e5", Text, "1e5"},
		{"阴性(-)", Text, "阴性(-)"},
		{"2026-11-22", Text, "2026-11-22"},
		{".", Text, "."},
		{"1.2.3", Text, "1.2.3"},
		{"", Empty, ""},
	} {
		v := ParseValue(x.in)
		if v.Kind != x.kind || v.String() != x.out {
			t.Errorf("ParseValue(%q) = %s %q, want %s %q", x.in, v.Kind, v.String(), x.kind, x.out)
		}
	}
}

func TestDigitsStay(t *testing.T) {
	for _, s := range []string{"1.10", "0.000", "100", "-0.0", "007.50", "123456789012345678901234567890.123"} {
		d, err := ParseNumber(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := Digits(d); got != s && s != "007.50" {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"1.10", "<0.01", "1:128", "3-5", "-3--1", "", "＜5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := ParseValue(s)
		if again := ParseValue(v.String()); v.Kind != Text && v.Kind != Empty && again.String() != v.String() {
			t.Fatalf("%q: %q then %q", s, v.String(), again.String())
		}
	})
}
