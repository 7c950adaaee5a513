package rhythm_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/rhythm"
)

func input(s synth.Spec) rhythm.Input {
	g := synth.Make(s).Rhythm()
	out := beats.Signal{RateHz: g.Rate.Float()}
	for l := range g.Leads {
		x := make([]float64, g.Len())
		for i := range x {
			x[i] = g.Leads[l].UV(i)
		}
		out.Leads = append(out.Leads, x)
	}
	return rhythm.Input{Signal: out, Beats: beats.Detect(out)}
}

func codes(fs []finding.Finding) []finding.Code {
	var out []finding.Code
	for _, f := range fs {
		out = append(out, f.Code)
	}
	return slices.Compact(out)
}

// serious are findings that call somebody.
var serious = []finding.Code{
	finding.AtrialFibrillation, finding.AtrialFlutter, finding.SupraventricularT, finding.VentricularT, finding.VentricularFlutter,
	finding.Pause, finding.AVBlock3, finding.AVBlock2, finding.Paced, finding.RonT, finding.PreexcitedAF,
}

func TestRhythmsAreTold(t *testing.T) {
	for _, tc := range []struct {
		kind    synth.Kind
		want    []finding.Code // all of them
		without []finding.Code
	}{
		{synth.Normal, []finding.Code{finding.SinusRhythm}, append(slices.Clone(serious), finding.PVC)},
		{synth.SinusBradycardia, []finding.Code{finding.SinusRhythm, finding.Bradycardia}, serious},
		{synth.SinusTachycardia, []finding.Code{finding.SinusRhythm, finding.Tachycardia}, serious},
		{synth.LBBB, []finding.Code{finding.SinusRhythm}, serious},
		{synth.RBBB, []finding.Code{finding.SinusRhythm}, serious},
		{synth.STEMIInferior, []finding.Code{finding.SinusRhythm}, serious},
		{synth.AVBlock1, []finding.Code{}, serious},
		{synth.AtrialFibrillation, []finding.Code{finding.AtrialFibrillation}, []finding.Code{finding.SinusRhythm, finding.VentricularT}},
		{synth.AVBlock3, []finding.Code{finding.AVBlock3, finding.Bradycardia}, []finding.Code{finding.AtrialFibrillation, finding.SinusRhythm}},
		{synth.AVBlock2, []finding.Code{finding.AVBlock2}, []finding.Code{finding.AtrialFibrillation, finding.AVBlock3, finding.VentricularT}},
		{synth.PVCs, []finding.Code{finding.PVC}, []finding.Code{finding.AtrialFibrillation, finding.VentricularFlutter}},
		{synth.VF, []finding.Code{finding.VentricularFlutter}, []finding.Code{finding.AtrialFibrillation, finding.SinusRhythm}},
		{synth.Pause, []finding.Code{finding.Pause}, []finding.Code{finding.AtrialFibrillation, finding.VentricularFlutter}},
		{synth.Paced, []finding.Code{finding.Paced}, []finding.Code{finding.VentricularT, finding.AtrialFibrillation}},
		{synth.SVT, []finding.Code{finding.SupraventricularT, finding.Tachycardia}, []finding.Code{finding.VentricularT, finding.VentricularFlutter, finding.AtrialFibrillation}},
	} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprintf("%s %d", tc.kind, seed), func(t *testing.T) {
				got := codes(rhythm.Find(input(synth.Spec{Kind: tc.kind, Seed: seed})))
				for _, c := range tc.want {
					if !slices.Contains(got, c) {
						t.Errorf("%s is missing in %v", c, got)
					}
				}
				for _, c := range tc.without {
					if slices.Contains(got, c) {
						t.Errorf("%s is wrong in %v", c, got)
					}
				}
			})
		}
	}
}

func TestMeasuredPWavesDoNotHideFibrillation(t *testing.T) {
	for _, kind := range []synth.Kind{synth.Normal, synth.AtrialFibrillation} {
		in := input(synth.Spec{Kind: kind, Seed: 2})
		for _, b := range in.Beats {
			in.PWaves = append(in.PWaves, rhythm.PWave{Onset: b.At - 90, Peak: b.At - 70, OK: true})
		}
		got := codes(rhythm.Find(in))
		if slices.Contains(got, finding.SinusRhythm) != (kind == synth.Normal) || slices.Contains(got, finding.AtrialFibrillation) == (kind == synth.Normal) {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

func TestVentricularTachycardiaIsFoundAsOneOrTheOther(t *testing.T) {
	for seed := range uint64(6) {
		got := codes(rhythm.Find(input(synth.Spec{Kind: synth.VT, Seed: seed})))
		if !slices.Contains(got, finding.VentricularT) && !slices.Contains(got, finding.VentricularFlutter) {
			t.Errorf("seed %d: %v", seed, got)
		}
	}
}

// beat makes a beat at a time.
func beat(at float64, ventricular bool) beats.Beat {
	return beats.Beat{At: int(at * 500), Ventricular: ventricular, Dominant: !ventricular}
}

func row(from, every float64, n int, ventricular bool) []beats.Beat {
	var out []beats.Beat
	for i := range n {
		out = append(out, beat(from+float64(i)*every, ventricular))
	}
	return out
}

func TestRuns(t *testing.T) {
	for _, tc := range []struct {
		name string
		bs   []beats.Beat
		want []finding.Finding
	}{
		{"three ventricular beats at 120", slices.Concat(row(0, 1, 3, false), row(2.5, 0.5, 3, true), row(5, 1, 3, false)), []finding.Finding{{
			Code: finding.VentricularT, From: 2500 * time.Millisecond, To: 3500 * time.Millisecond,
			Evidence: map[string]float64{"rate": 120, "count": 3, "duration_s": 1},
		}}},
		{"two ventricular beats", slices.Concat(row(0, 1, 3, false), row(2.5, 0.5, 2, true), row(5, 1, 3, false)), nil},
		{"slow ventricular rhythm", row(0, 0.75, 12, true), nil},
		{"five narrow beats at 200", slices.Concat(row(0, 0.8, 4, false), row(3, 0.3, 6, false), row(6, 0.8, 3, false)), []finding.Finding{{
			Code: finding.SupraventricularT, From: 3 * time.Second, To: 4500 * time.Millisecond,
			Evidence: map[string]float64{"rate": 200, "count": 6, "duration_s": 1.5},
		}}},
		{"four narrow beats at 200", slices.Concat(row(0, 0.8, 4, false), row(3, 0.3, 4, false), row(6, 0.8, 3, false)), nil},
		{"paced beats", []beats.Beat{{At: 0, Paced: true}, {At: 200, Paced: true}, {At: 400, Paced: true}}, nil},
		{"none", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opt := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
			if diff := cmp.Diff(tc.want, rhythm.Runs(tc.bs, 500), opt); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPausesNeedASignal(t *testing.T) {
	x := make([]float64, 10*500)
	for i := range x {
		x[i] = 20 * math.Sin(float64(i)/50)
	}
	s := beats.Signal{RateHz: 500, Leads: [][]float64{x}}
	bs := []beats.Beat{beat(1, false), beat(2.5, false), beat(4.7, false), beat(8, false)}
	var got []float64
	for _, f := range rhythm.Pauses(s, bs) {
		got = append(got, math.Round(f.Evidence["rr_ms"]))
	}
	if diff := cmp.Diff([]float64{2200, 3300}, got); diff != "" {
		t.Error(diff)
	}
	for i := 5 * 500; i < 7*500; i++ {
		x[i] = math.NaN()
	}
	if n := len(rhythm.Pauses(s, bs)); n != 1 {
		t.Errorf("%d pauses with a gap in the second", n)
	}
}

func TestFindIsOrderedAndStandsNothing(t *testing.T) {
	if fs := rhythm.Find(rhythm.Input{}); len(fs) != 0 {
		t.Errorf("%v of nothing", fs)
	}
	missing := []float64{math.NaN(), math.NaN(), math.NaN()}
	if fs := rhythm.Find(rhythm.Input{Signal: beats.Signal{RateHz: 500, Leads: [][]float64{missing}}, Beats: row(0, 0.001, 2, false)}); len(fs) > 2 {
		t.Errorf("%v of nothing", fs)
	}
	in := input(synth.Spec{Kind: synth.PVCs, Seconds: 60})
	fs := rhythm.Find(in)
	if !slices.IsSortedFunc(fs, func(a, b finding.Finding) int {
		if a.Code != b.Code {
			if a.Code < b.Code {
				return -1
			}
			return 1
		}
		return int(a.From - b.From)
	}) {
		t.Errorf("not in order: %v", codes(fs))
	}
}

func TestUndulationsAreWithinTheirTimes(t *testing.T) {
	const hz = 250
	calm := input(synth.Spec{RateHz: hz, Seconds: 60}).Signal
	for l := range calm.Leads {
		for i := 20 * hz; i < 30*hz; i++ {
			calm.Leads[l][i] = 600 * math.Sin(2*math.Pi*4.5*float64(i)/hz+float64(l)/5)
		}
	}
	fs := rhythm.Undulations(calm)
	if len(fs) != 1 || fs[0].From < 17*time.Second || fs[0].To > 33*time.Second || fs[0].To-fs[0].From < 8*time.Second {
		t.Errorf("%+v", fs)
	}
	if len(fs) == 1 && math.Abs(fs[0].Evidence["rate"]-270) > 30 {
		t.Errorf("rate %v", fs[0].Evidence["rate"])
	}
}

func FuzzFind(f *testing.F) {
	f.Add(uint16(250), []byte{10, 40, 200, 7, 99})
	f.Fuzz(func(_ *testing.T, hz uint16, raw []byte) {
		x := make([]float64, len(raw)*50)
		for i := range x {
			x[i] = 10 * float64(int(raw[i/50])-128) * math.Sin(float64(i*int(raw[i%len(raw)]))/40)
			if raw[i/50] == 7 {
				x[i] = math.NaN()
			}
		}
		s := beats.Signal{RateHz: float64(hz), Leads: [][]float64{x}}
		rhythm.Find(rhythm.Input{Signal: s, Beats: beats.Detect(s)})
	})
}

func BenchmarkTenSecondsOfTwelveLeads(b *testing.B) {
	in := input(synth.Spec{Kind: synth.PVCs})
	for b.Loop() {
		rhythm.Find(in)
	}
}
