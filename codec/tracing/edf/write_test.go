package edf_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/edf"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

func rewritten(t *testing.T, tr *tracing.Tracing) *tracing.Tracing {
	t.Helper()
	var out bytes.Buffer
	if err := edf.Write(&out, tr); err != nil {
		t.Fatal(err)
	}
	got, err := edf.Read(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWrittenIsReadExactly(t *testing.T) {
	for name, size := range map[string]tracing.Ratio{
		"2.5 uV": tracing.Whole(2500), "4.88 uV": tracing.Whole(4880), "183 nV": tracing.Whole(183), "1 nV": tracing.Whole(1), "5 uV": tracing.Whole(5000),
		"397/mV": tracing.NewRatio(1_000_000, 397), "half of 4.88": tracing.Whole(2440), "half of 183 nV": tracing.NewRatio(183, 2), "200/mV": tracing.Whole(5000),
		"1 mV": tracing.Whole(1_000_000), "inverted": tracing.Whole(-2500), "none": {},
	} {
		for _, n := range []int{5000, 1, 4999} {
			want := tracingtest.Rhythm(n, tracing.Twelve...)
			for i := range want.Groups[0].Leads {
				want.Groups[0].Leads[i].NVPerLSB = size
			}
			got := rewritten(t, want)
			g := got.Rhythm()
			for i := range g.Leads {
				s := g.Leads[i].Samples
				for k := n; k < len(s); k++ {
					if s[k] != tracing.Missing {
						t.Errorf("%s: padding is %d", name, s[k])
					}
				}
				g.Leads[i].Samples = s[:n]
			}
			t.Run(name, func(t *testing.T) { tracingtest.Same(t, want.Rhythm(), g) })
		}
	}
}

func TestWrittenKeepsOffsetsAndTexts(t *testing.T) {
	want := tracingtest.Rhythm(2000, tracing.LeadI, tracing.LeadV1)
	want.Groups[0].Leads[1].OffsetNV = tracing.Whole(-17_500)
	want.Groups[0].Filters = tracing.Filters{HighPassHz: 0.05, LowPassHz: 150}
	want.RecordedAt = time.Date(2024, 2, 29, 23, 59, 59, 250_000_000, time.UTC)
	want.Patient = tracing.Patient{ID: "a 1", Name: "王 芳", Sex: "F", BirthDate: "19600302"}
	want.Annotations = []tracing.Annotation{
		{At: 0, Text: "start"}, {At: 1250 * time.Millisecond, For: 500 * time.Millisecond, Text: "室早"}, {At: 3 * time.Second, Code: "N"},
	}
	got := rewritten(t, want)
	tracingtest.Same(t, want.Rhythm(), got.Rhythm())
	if got.Patient.ID != "a 1" || got.Patient.Name != "王 芳" || got.Patient.Sex != "F" || got.Patient.BirthDate != "19600302" {
		t.Error("the patient is another")
	}
	if !got.RecordedAt.Equal(want.RecordedAt) || got.Rhythm().Filters != want.Groups[0].Filters || got.Version != "EDF+C" {
		t.Errorf("%v %v", got.RecordedAt, got.Rhythm().Filters)
	}
	want.Annotations[2] = tracing.Annotation{At: 3 * time.Second, Text: "N"}
	if d := cmp.Diff(want.Annotations, got.Annotations); d != "" {
		t.Error(d)
	}
	if len(got.Warnings) > 0 {
		t.Error(got.Warnings)
	}
}

func TestOddRates(t *testing.T) {
	for _, rate := range []tracing.Ratio{tracing.Whole(360), tracing.NewRatio(1000, 3), tracing.NewRatio(2567, 10), tracing.Whole(997), tracing.Whole(8000)} {
		want := tracingtest.Rhythm(6007, tracing.LeadI, tracing.LeadII)
		want.Groups[0].Rate = rate
		got := rewritten(t, want)
		if g := got.Rhythm(); g.Rate != rate || g.Leads[0].Samples[6006] != want.Groups[0].Leads[0].Samples[6006] {
			t.Errorf("%v became %v", rate, g.Rate)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, change := range map[string]func(t *tracing.Tracing){
		"17 bits": func(t *tracing.Tracing) { t.Groups[0].Leads[0].Samples[5] = 40_000 },
		"missing": func(t *tracing.Tracing) { t.Groups[0].Leads[0].Samples[5] = tracing.Missing },
		"all missing": func(t *tracing.Tracing) {
			for i := range t.Groups[0].Leads[0].Samples {
				t.Groups[0].Leads[0].Samples[i] = tracing.Missing
			}
		},
		"no rate":      func(t *tracing.Tracing) { t.Groups[0].Rate = tracing.Ratio{} },
		"odd rate":     func(t *tracing.Tracing) { t.Groups[0].Rate = tracing.NewRatio(1_000_003, 7919) },
		"odd size":     func(t *tracing.Tracing) { t.Groups[0].Leads[0].NVPerLSB = tracing.NewRatio(1_000_003, 99_991) },
		"no samples":   func(t *tracing.Tracing) { t.Groups = nil },
		"endless name": func(t *tracing.Tracing) { t.Patient.Name = string(bytes.Repeat([]byte("x"), 90)) },
	} {
		tr := tracingtest.Rhythm(100, tracing.LeadI)
		change(tr)
		var out bytes.Buffer
		if err := edf.Write(&out, tr); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}
