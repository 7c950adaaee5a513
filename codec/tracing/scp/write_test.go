package scp_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/scp"
)

// full is a tracing with all that the format holds, of so many samples a lead.
func full(count int, rng *rand.Rand) *tracing.Tracing {
	by := tracing.Source{Kind: tracing.ByDevice, Name: "CardioPlus 12"}
	m := func(code string, v float64, unit string, lead tracing.Code) tracing.Measurement {
		return tracing.Measurement{Code: code, Value: v, Unit: unit, Lead: lead, Source: by}
	}
	t := &tracing.Tracing{
		Format: tracing.SCP, Version: "2.0",
		Patient: tracing.Patient{
			ID: "P-0815", Name: "欧阳 Test", BirthDate: "19610228", Sex: "F", AgeYears: 63, HeightCM: 162, WeightKG: 58, Race: "Oriental",
			Pacemaker: true, Drugs: []string{"阿司匹林", "Digoxin"},
		},
		RecordedAt: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), ZoneKnown: true,
		Device:     tracing.Device{Manufacturer: "某厂", Model: "CardioPlus 12", Serial: "S1", Software: "2.1", AcquiredBy: "Glasgow 28"},
		Site:       tracing.Site{Institution: "县医院", Department: "心电图室", Room: "2"},
		Indication: "胸痛\nsince noon", Order: "ORD-7",
		Measurements: []tracing.Measurement{
			m(tracing.RRInterval, 812, "ms", ""), m(tracing.PDuration, 102, "ms", ""), m(tracing.PRInterval, 148, "ms", ""),
			m(tracing.QRSDuration, 96, "ms", ""), m(tracing.QTInterval, 388, "ms", ""), m(tracing.PAxis, 44, "deg", ""),
			m(tracing.QRSAxis, -61, "deg", ""), m(tracing.TAxis, 0, "deg", ""), m(tracing.HeartRate, 74, "/min", ""),
			m(tracing.AtrialRate, 75, "/min", ""), m(tracing.QTcHodges, 413, "ms", ""),
			m(tracing.QAmplitude, -85, "uV", tracing.LeadI), m(tracing.RAmplitude, 1130, "uV", tracing.LeadI),
			m(tracing.STAtJ, 0, "uV", tracing.LeadI), m(tracing.PAmplitude, -40, "uV", tracing.LeadI), m(tracing.STAtJ60, 0, "uV", tracing.LeadI),
			m(tracing.TAmplitude, 210, "uV", tracing.LeadV2), m(tracing.STAtJ80, 120, "uV", tracing.LeadV2),
			m(tracing.STAtJ, -55, "uV", tracing.LeadAVF),
		},
		Statements: []tracing.Statement{
			{Text: "窦性心律", Confirmed: true, Source: by},
			{Text: "Left axis deviation", Confirmed: true, Source: by},
			{Code: "MI_ANT_PROB", System: scp.CodeSystem, Text: "MI_ANT_PROB", Confirmed: true, Source: by},
		},
		Annotations: []tracing.Annotation{
			{At: 600 * time.Millisecond, Code: tracing.Beat},
			{At: 1412 * time.Millisecond, Code: tracing.Beat, Text: "type 2"},
			{Group: 1, At: 80 * time.Millisecond, For: 102 * time.Millisecond, Code: tracing.WaveP},
			{Group: 1, At: 228 * time.Millisecond, For: 96 * time.Millisecond, Code: tracing.WaveQRS},
			{At: 590 * time.Millisecond, For: 400 * time.Microsecond, Code: tracing.Pace, Text: "-1800 uV"},
		},
	}
	for _, n := range []int{count, 601} {
		g := tracing.Group{
			Kind: tracing.Rhythm, Rate: tracing.Whole(500), Filters: tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50},
		}
		if n == 601 {
			g.Kind = tracing.Median
		}
		for i, c := range tracing.Eight {
			g.Leads = append(g.Leads, tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(4880), Samples: ecg(n, i, rng)})
		}
		g.Complete()
		t.Groups = append(t.Groups, g)
	}
	return t
}

func write(t *testing.T, x *tracing.Tracing) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := scp.Write(&b, x); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var sameSet = cmp.Options{
	cmp.Comparer(slices.Equal[[]int32]),
	cmpopts.SortSlices(func(a, b tracing.Measurement) bool { return a.Code+string(a.Lead) < b.Code+string(b.Lead) }),
	cmpopts.SortSlices(func(a, b tracing.Annotation) bool { return a.Code+a.At.String() < b.Code+b.At.String() }),
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	want := full(5000, rand.New(rand.NewPCG(13, 14)))
	b := write(t, want)
	if d := cmp.Diff(want, mustRead(t, b), sameSet); d != "" {
		t.Error(d)
	}
	if bitCRC(b[2:]) != le.Uint16(b) {
		t.Error("the CRC of the record is wrong")
	}
	if again := write(t, mustRead(t, b)); !bytes.Equal(b, again) {
		t.Error("a second round trip differs")
	}
}

func TestSamplesSurviveAnyShape(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	noise := func(n, size int) []int32 {
		x := make([]int32, n)
		for i := range x {
			x[i] = int32(rng.IntN(2*size) - size)
		}
		return x
	}
	lead := func(c tracing.Code, size int64, x []int32) tracing.Lead {
		return tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(size), Samples: x}
	}
	gap := noise(300, 100)
	for i := range 20 {
		gap[i], gap[299-i] = tracing.Missing, tracing.Missing
	}
	off := make([]int32, 300)
	for i := range off {
		off[i] = tracing.Missing
	}
	for _, c := range []struct {
		name  string
		rate  int64
		leads []tracing.Lead
		want  []tracing.Lead // nil: the same
	}{
		{"noise that no table helps", 1000, []tracing.Lead{lead(tracing.LeadV1, 1000, noise(30_000, 30_000))}, nil},
		{"extremes", 500, []tracing.Lead{lead(tracing.LeadII, 5000, []int32{32767, -32768, 32767, 0, -32768})}, nil},
		{"one sample", 250, []tracing.Lead{lead(tracing.LeadII, 5000, []int32{7})}, nil},
		{"a long flat line", 100, []tracing.Lead{lead(tracing.LeadII, 5000, make([]int32, 400_000))}, nil},
		{"missing at both ends", 500, []tracing.Lead{lead(tracing.LeadI, 5000, noise(300, 100)), lead(tracing.LeadV6, 5000, gap)}, nil},
		{"a lead that was off", 500, []tracing.Lead{lead(tracing.LeadI, 5000, noise(300, 100)), lead(tracing.LeadV6, 5000, off)}, nil},
		{
			"two sizes", 500,
			[]tracing.Lead{lead(tracing.LeadI, 2500, []int32{1, 2}), lead(tracing.LeadV1, 5000, []int32{3, -4})},
			[]tracing.Lead{lead(tracing.LeadI, 2500, []int32{1, 2}), lead(tracing.LeadV1, 2500, []int32{6, -8})},
		},
		{
			"a size beyond 16 bits", 500,
			[]tracing.Lead{lead(tracing.LeadI, 100_000, []int32{1, 2})},
			[]tracing.Lead{lead(tracing.LeadI, 50_000, []int32{2, 4})},
		},
		{
			"an offset", 500,
			[]tracing.Lead{{Code: tracing.LeadI, Label: "I", NVPerLSB: tracing.Whole(5000), OffsetNV: tracing.Whole(-10_000), Samples: []int32{1, 2}}},
			[]tracing.Lead{lead(tracing.LeadI, 5000, []int32{-1, 0})},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := &tracing.Tracing{Groups: []tracing.Group{{Kind: tracing.Rhythm, Rate: tracing.Whole(c.rate), Leads: c.leads}}}
			got := mustRead(t, write(t, x))
			want := c.want
			if want == nil {
				want = c.leads
			}
			if d := cmp.Diff(want, got.Groups[0].Leads, sameSet); d != "" {
				t.Error(d)
			}
			if got.Groups[0].Rate != tracing.Whole(c.rate) || len(got.Warnings) > 0 {
				t.Error(got.Groups[0].Rate, got.Warnings)
			}
		})
	}
}

func TestDerivedLeadsOfAnotherRuleAreKept(t *testing.T) {
	x := full(5000, rand.New(rand.NewPCG(17, 18)))
	iii := x.Rhythm().Lead(tracing.LeadIII)
	iii.Samples = append([]int32(nil), iii.Samples...)
	iii.Samples[100]++ // rounded by the cart
	got := mustRead(t, write(t, x)).Rhythm().Lead(tracing.LeadIII)
	if got.Derived || got.Samples[100] != iii.Samples[100] {
		t.Error("III was derived anew")
	}
}

func TestDurationsWithoutMarksMakeNoMarks(t *testing.T) {
	x := full(5000, rand.New(rand.NewPCG(19, 20)))
	x.Annotations = nil
	got := mustRead(t, write(t, x))
	if len(got.Annotations) > 0 {
		t.Error(got.Annotations)
	}
	if d := cmp.Diff(x.Measurements, got.Measurements, sameSet); d != "" {
		t.Error(d)
	}
}

func TestWriteRefusesWhatTheFormatCannotHold(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *tracing.Tracing)
		want  string
	}{
		{"no rhythm", func(t *tracing.Tracing) { t.Groups = t.Groups[1:] }, "no rhythm"},
		{"parts of nanovolts", func(t *tracing.Tracing) { t.Groups[0].Leads[0].NVPerLSB = tracing.NewRatio(1, 3) }, "whole nanovolts"},
		{"no size", func(t *tracing.Tracing) { t.Groups[0].Leads[0].NVPerLSB = tracing.Ratio{} }, "not calibrated"},
		{"parts of microseconds", func(t *tracing.Tracing) { t.Groups[0].Rate = tracing.Whole(360) }, "whole microseconds"},
		{"24 bits", func(t *tracing.Tracing) { t.Groups[0].Leads[0].Samples[3] = 1 << 20 }, "16 bits"},
		{"a gap", func(t *tracing.Tracing) { t.Groups[0].Leads[0].Samples[3] = tracing.Missing }, "missing inside"},
		{"no sample", func(t *tracing.Tracing) {
			t.Groups = t.Groups[:1]
			t.Groups[0].Leads = []tracing.Lead{{Code: tracing.LeadI, NVPerLSB: tracing.Whole(5000), Samples: []int32{tracing.Missing}}}
		}, "no sample"},
		{"a median of another rate", func(t *tracing.Tracing) { t.Groups[1].Rate = tracing.Whole(1000) }, "of 1000 samples a second"},
		{"two medians", func(t *tracing.Tracing) { t.Groups = append(t.Groups, t.Groups[1]) }, "more than one median"},
		{"too long", func(t *tracing.Tracing) {
			x := make([]int32, 100_000)
			for i := range x {
				x[i] = int32(i*i) % 9973
			}
			t.Groups[0].Leads = []tracing.Lead{{Code: tracing.LeadI, NVPerLSB: tracing.Whole(1000), Samples: x}}
			t.Groups = t.Groups[:1]
		}, "too long"},
		{"too many statements", func(t *tracing.Tracing) {
			for range 256 {
				t.Statements = append(t.Statements, tracing.Statement{Text: "x"})
			}
		}, "statements"},
		{"a number beyond 16 bits", func(t *tracing.Tracing) { t.Measurements[0].Value = 1e6 }, "no number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := full(5000, rand.New(rand.NewPCG(21, 22)))
			c.spoil(x)
			var b bytes.Buffer
			err := scp.Write(&b, x)
			var e *tracing.FormatError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || b.Len() > 0 {
				t.Errorf("%v, %d bytes", err, b.Len())
			}
		})
	}
}
