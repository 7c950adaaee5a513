package scp_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/scp"
)

func words(values ...int) []byte {
	var b []byte
	for _, v := range values {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

// withSections is what is read of a small record with more sections.
func withSections(t *testing.T, protocol byte, more map[int][]byte) *tracing.Tracing {
	t.Helper()
	s := variant{}.sections(eightLeads(500, rand.New(rand.NewPCG(1, 1))), nil)
	for id, b := range more {
		s[id] = b
	}
	return mustRead(t, record{sections: s, protocol: protocol}.bytes())
}

func measured(x *tracing.Tracing, lead tracing.Code) map[string]float64 {
	out := map[string]float64{}
	for _, m := range x.Measurements {
		if m.Lead == lead {
			out[m.Code] = m.Value
		}
	}
	return out
}

func TestGlobalMeasurements(t *testing.T) {
	const no = 29999
	first := words(286, 388, 434, 554, 854, 44, -61, 86)
	other := words(1, 2, 3, 4, 5, 6, 7, 8)
	spike := slices.Concat(words(150, -1800, 700, 900), []byte{2, 1}, words(1, 400), []byte{0, 0}, words(0, no))
	types := append(words(3), 0, 1, 0)
	for _, c := range []struct {
		name   string
		body   []byte
		want   map[string]float64
		spikes int
	}{
		{
			"blocks, spikes and rates", slices.Concat([]byte{2, 2}, words(800, 790), first, other, spike, types, words(75, no, 443), []byte{1}, words(0)),
			map[string]float64{
				tracing.RRInterval: 800, tracing.PDuration: 102, tracing.PRInterval: 148, tracing.QRSDuration: 120, tracing.QTInterval: 420,
				tracing.PAxis: 44, tracing.QRSAxis: -61, tracing.TAxis: 86, tracing.HeartRate: 75, tracing.QTcBazett: 443,
			},
			2,
		},
		{"nothing known", slices.Concat([]byte{1, 0}, words(no, no, no, no, no, no, no, 999, 999, 999, 0, no, no, no), []byte{0}), map[string]float64{}, 0},
		{
			"atrial fibrillation", slices.Concat([]byte{1, 0}, words(no, no, no, no, 400, 490, 800, 999, 12, 999)),
			map[string]float64{tracing.QRSDuration: 90, tracing.QTInterval: 400, tracing.QRSAxis: 12},
			0,
		},
		{"an end within a block", slices.Concat([]byte{1, 0}, words(812, no, 1, 2)), map[string]float64{tracing.RRInterval: 812}, 0},
		{"more spikes than there are", slices.Concat([]byte{0, 200}, words(812, no, 1, 2)), map[string]float64{tracing.RRInterval: 812}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := withSections(t, 20, map[int][]byte{7: c.body})
			if d := cmp.Diff(c.want, measured(got, "")); d != "" {
				t.Error(d)
			}
			if len(got.Annotations) != c.spikes {
				t.Fatal(got.Annotations)
			}
			if c.spikes > 0 {
				want := tracing.Annotation{At: 150 * time.Millisecond, For: 400 * time.Microsecond, Code: tracing.Pace, Text: "-1800 uV"}
				if d := cmp.Diff(want, got.Annotations[0]); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// leadNumbers are the 31 numbers of a lead, none but those given.
func leadNumbers(id int, fill int, given map[int]int) []byte {
	values := make([]int, 31)
	for i := range values {
		values[i] = fill
		if v, ok := given[i+1]; ok {
			values[i] = v
		}
	}
	return append(words(id, 62), words(values...)...)
}

func TestMeasurementsOfLeads(t *testing.T) {
	const no, absent = 29999, 19999
	body := slices.Concat(words(4, 0),
		leadNumbers(2, no, map[int]int{1: 102, 10: -80, 11: 900, 15: 0, 16: absent, 17: -60, 28: 150}),
		leadNumbers(3, 0, map[int]int{3: 96, 12: -1200, 18: 300, 19: -20}),
		leadNumbers(250, no, map[int]int{1: 1}),
		leadNumbers(4, no, map[int]int{9: 30, 11: 700})[:30])
	got := withSections(t, 10, map[int][]byte{10: body})
	for lead, want := range map[tracing.Code]map[string]float64{
		tracing.LeadII: {
			tracing.PDuration: 102, tracing.QAmplitude: -80, tracing.RAmplitude: 900, tracing.STAtJ: 0, tracing.PAmplitude: -60, tracing.STAtJ60: 150,
		},
		tracing.LeadV1: { // zeros behind what was measured are fill, not levels of zero
			tracing.QRSDuration: 96, tracing.SAmplitude: -1200, tracing.TAmplitude: 300, "SCPECG_5.13.5-19": -20,
		},
		tracing.LeadV2: {"SCPECG_5.13.5-9": 30, tracing.RAmplitude: 700}, // the section ends within it
	} {
		if d := cmp.Diff(want, measured(got, lead)); d != "" {
			t.Error(lead, d)
		}
	}
	three := withSections(t, 30, map[int][]byte{10: body})
	if d := cmp.Diff(map[string]float64{tracing.PDuration: 102}, measured(three, tracing.LeadII)); d != "" || !warned(three, tracing.Unsupported) {
		t.Error(d, three.Warnings)
	}
}

func TestStatements(t *testing.T) {
	report := func(status byte, list ...string) []byte {
		b := append([]byte{status, 0xE8, 7, 5, 6, 7, 8, 9}, byte(len(list)))
		for i, s := range list {
			b = append(le.AppendUint16(append(b, byte(i)), uint16(len(s))), s...)
		}
		return b
	}
	got := withSections(t, 20, map[int][]byte{
		8:  report(1, "Sinus rhythm\x00", "\x00", "\xD0\xC4\xB7\xBF\xB2\xFC\xB6\xAF\x00", "Sinus rhythm\x00"),
		11: report(0, "\x01AFIB\x00PROB\x00", "\x02In words\x00", "\x03logic", ""),
	})
	want := []tracing.Statement{
		{Text: "Sinus rhythm", Confirmed: true},
		{Text: "心房颤动", Confirmed: true},
		{Code: "AFIB PROB", System: scp.CodeSystem, Text: "AFIB PROB"},
		{Text: "In words"},
	}
	for i := range want {
		want[i].Source.Kind = tracing.ByDevice
	}
	if d := cmp.Diff(want, got.Statements); d != "" {
		t.Error(d)
	}
	cut := report(0, "Sinus rhythm\x00", "Bigeminy\x00")
	got = withSections(t, 20, map[int][]byte{8: cut[:len(cut)-12]})
	if len(got.Statements) != 1 || !warned(got, tracing.Truncated) {
		t.Error(got.Statements, got.Warnings)
	}
}

func TestHuffmanTablesThatMakeNoSense(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	v := variant{tables: [][]symbol{defaultSymbols}}
	for _, c := range []struct {
		name   string
		tables []byte
	}{
		{"no code", section2([][]symbol{{}})},
		{"a change to a table that is not there", section2([][]symbol{{{bits: "0", next: 9}, {bits: "1"}}})},
		{"the end within the table", section2([][]symbol{custom})[:30]},
		{"more tables than anybody has", words(19998, 1)},
		{"no bits", section2([][]symbol{{{bits: ""}}})},
		{"no table", words(0)},
		{"an empty section", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := v.sections(eightLeads(100, rng), rng)
			s[2] = c.tables
			got, err := scp.Read(record{sections: s, protocol: 20}.bytes())
			if err == nil && len(got.Warnings) == 0 {
				t.Error("read without a warning")
			}
		})
	}
}
