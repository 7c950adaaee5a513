package tracing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

func TestWindowCountsFromItsOwnFirstSample(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	head := &tracing.Tracing{
		RecordedAt: at,
		Groups: []tracing.Group{
			{Kind: tracing.Rhythm, Rate: tracing.Whole(100), Leads: []tracing.Lead{{Code: tracing.LeadII, Samples: make([]int32, 1000)}}},
			{Kind: tracing.Rhythm, Rate: tracing.Whole(100), Offset: 8 * time.Second},
			{Kind: tracing.Median, Rate: tracing.Whole(100)},
		},
		Annotations: []tracing.Annotation{
			{At: time.Second, Code: "before"},
			{At: time.Second, For: 2 * time.Second, Code: "into it"},
			{At: 3 * time.Second, Code: "inside"},
			{At: 4 * time.Second, Code: "behind"},
			{Group: 1, At: time.Second, Code: "of another group"},
			{Group: 2, At: 200 * time.Millisecond, Code: "of the beat"},
		},
	}
	r := tracing.Loaded(head)
	got, err := r.Window(200, 200)
	if err != nil {
		t.Fatal(err)
	}
	want := []tracing.Annotation{
		{At: -time.Second, For: 2 * time.Second, Code: "into it"},
		{At: time.Second, Code: "inside"},
		{Group: 1, At: time.Second, Code: "of another group"},
		{Group: 2, At: 200 * time.Millisecond, Code: "of the beat"},
	}
	if diff := cmp.Diff(want, got.Annotations); diff != "" {
		t.Error(diff)
	}
	if !got.RecordedAt.Equal(at.Add(2*time.Second)) || got.Groups[1].Offset != 6*time.Second || got.Groups[2].Offset != 0 {
		t.Errorf("%v %v %v", got.RecordedAt, got.Groups[1].Offset, got.Groups[2].Offset)
	}
	whole, err := r.Load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(head.Annotations, whole.Annotations); diff != "" || !whole.RecordedAt.Equal(at) {
		t.Error(diff)
	}
}

func TestWindowsOfOneHeadAreWarnedOfApart(t *testing.T) {
	head := &tracing.Tracing{
		Groups:   []tracing.Group{{Kind: tracing.Rhythm, Rate: tracing.Whole(100), Leads: []tracing.Lead{{Samples: make([]int32, 10)}}}},
		Warnings: make([]tracing.Warning, 0, 4),
	}
	r := tracing.Loaded(head)
	a, err := r.Window(0, 5)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Window(5, 5)
	if err != nil {
		t.Fatal(err)
	}
	a.Warn(tracing.Truncated, "a")
	b.Warn(tracing.BadValue, "b")
	if a.Warnings[0].Code != tracing.Truncated || b.Warnings[0].Code != tracing.BadValue || len(head.Warnings) != 0 {
		t.Errorf("%v %v %v", a.Warnings, b.Warnings, head.Warnings)
	}
}

func TestLimbLeadsAreOfOneTime(t *testing.T) {
	for _, c := range []struct {
		name string
		skew time.Duration
		want int
	}{
		{"together", 0, 6},
		{"one channel after the other", 100 * time.Microsecond, 6},
		{"a sample apart", 2 * time.Millisecond, 2},
		{"a sample before", -2 * time.Millisecond, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := tracing.Group{Rate: tracing.Whole(500), Leads: []tracing.Lead{
				{Code: tracing.LeadI, NVPerLSB: tracing.Whole(5000), Samples: []int32{1, 2}},
				{Code: tracing.LeadII, NVPerLSB: tracing.Whole(5000), Skew: c.skew, Samples: []int32{3, tracing.Missing}},
			}}
			g.DeriveLimb()
			if len(g.Leads) != c.want {
				t.Fatalf("%d leads", len(g.Leads))
			}
			for _, l := range g.Leads[2:] {
				if l.Samples[1] != tracing.Missing || !l.Derived {
					t.Errorf("%s of a missing sample: %v", l.Label, l.Samples)
				}
			}
		})
	}
}

func TestEachLeadIsThereOnce(t *testing.T) {
	tr := &tracing.Tracing{Groups: []tracing.Group{{Leads: []tracing.Lead{
		{Code: tracing.LeadI, Label: "I"}, {Label: "x"}, {Label: "y"}, {Code: tracing.LeadI, Label: "I"}, {Code: tracing.LeadII, Label: "II"},
	}}}}
	tr.Single(&tr.Groups[0])
	var codes []tracing.Code
	for _, l := range tr.Groups[0].Leads {
		codes = append(codes, l.Code)
	}
	if diff := cmp.Diff([]tracing.Code{tracing.LeadI, "", "", "", tracing.LeadII}, codes); diff != "" || len(tr.Warnings) != 1 {
		t.Error(diff, tr.Warnings)
	}
}

func TestLeadNamed(t *testing.T) {
	for in, want := range map[string]tracing.Code{
		"II": tracing.LeadII, " avr ": tracing.LeadAVR, "Lead V1": tracing.LeadV1, "ECG II": tracing.LeadII, "ECG Lead II": tracing.LeadII,
		"MDC_ECG_LEAD_AVF": tracing.LeadAVF, "mlii": tracing.LeadML2, "ECG": "", "IV": "", "": "",
	} {
		if got := tracing.LeadNamed(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
