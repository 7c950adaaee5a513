package beats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/beats"
)

// signal is a made tracing in microvolts.
func signal(s synth.Spec) beats.Signal {
	g := synth.Make(s).Rhythm()
	out := beats.Signal{RateHz: g.Rate.Float()}
	for l := range g.Leads {
		x := make([]float64, g.Len())
		for i := range x {
			x[i] = g.Leads[l].UV(i)
		}
		out.Leads = append(out.Leads, x)
	}
	return out
}

// compare counts the beats of the truth that were not found within 150 ms, and those found that are not true; a beat within 0.2 s of an end
// of the recording may be found or not.
func compare(s beats.Signal, truth synth.Truths, found []beats.Beat) (missed, wrong int) {
	near := 0.150 * s.RateHz
	inside := func(at float64) bool { return at > 0.2*s.RateHz && at < float64(s.Len())-0.2*s.RateHz }
	used := map[int]bool{}
	for _, b := range truth.Beats {
		at := b.At.Seconds() * s.RateHz
		i := slices.IndexFunc(found, func(f beats.Beat) bool { return !used[f.At] && math.Abs(float64(f.At)-at) <= near })
		if i >= 0 {
			used[found[i].At] = true
		} else if inside(at) {
			missed++
		}
	}
	for _, f := range found {
		if !used[f.At] && inside(float64(f.At)) {
			wrong++
		}
	}
	return missed, wrong
}

func expectAll(t *testing.T, s beats.Signal, truth synth.Truths) {
	t.Helper()
	if missed, wrong := compare(s, truth, beats.Detect(s)); missed+wrong > 0 {
		t.Errorf("of %d beats %d were missed, %d are wrong", len(truth.Beats), missed, wrong)
	}
}

func TestBeatsOfEveryKindAreFound(t *testing.T) {
	for _, kind := range synth.Kinds {
		if kind == synth.VF { // it has no separate beats
			continue
		}
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s %d", kind, seed), func(t *testing.T) {
				spec := synth.Spec{Kind: kind, Seed: seed, Seconds: 20}
				expectAll(t, signal(spec), synth.Truth(spec))
			})
		}
	}
}

func TestBeatsAreFoundAtEverySamplingRate(t *testing.T) {
	for _, hz := range []int{100, 128, 200, 240, 250, 360, 400, 500, 800, 1000, 2000} {
		for _, kind := range []synth.Kind{synth.Normal, synth.PVCs, synth.AtrialFibrillation, synth.SVT} {
			t.Run(fmt.Sprintf("%d Hz %s", hz, kind), func(t *testing.T) {
				spec := synth.Spec{Kind: kind, RateHz: hz, Seconds: 15}
				expectAll(t, signal(spec), synth.Truth(spec))
			})
		}
	}
}

func TestBeatsAreFoundAtEveryHeartRate(t *testing.T) {
	for rate := 30.0; rate <= 250; rate += 20 {
		kind := synth.Normal
		if rate > 140 {
			kind = synth.SVT
		}
		t.Run(fmt.Sprintf("%.0f", rate), func(t *testing.T) {
			spec := synth.Spec{Kind: kind, HeartRate: rate, Seconds: 20}
			expectAll(t, signal(spec), synth.Truth(spec))
		})
	}
}

func TestBeatsAreFoundInDisturbedLeads(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		noise, wander, mains float64
	}{
		{"muscle noise", 60, 0, 0},
		{"baseline", 0, 2000, 0},
		{"mains", 0, 0, 400},
		{"all", 40, 800, 150},
	} {
		for _, kind := range []synth.Kind{synth.Normal, synth.AtrialFibrillation, synth.PVCs} {
			t.Run(tc.name+" "+string(kind), func(t *testing.T) {
				spec := synth.Spec{Kind: kind, Seed: 5, Seconds: 30, NoiseUV: tc.noise, WanderUV: tc.wander, MainsUV: tc.mains}
				expectAll(t, signal(spec), synth.Truth(spec))
			})
		}
	}
}

func TestBeatsAreFoundInEachLeadAlone(t *testing.T) {
	for _, kind := range []synth.Kind{synth.Normal, synth.AtrialFibrillation, synth.LBBB, synth.STEMIInferior} {
		spec := synth.Spec{Kind: kind, Seconds: 20}
		all, truth := signal(spec), synth.Truth(spec)
		for l := range all.Leads {
			span := slices.Max(all.Leads[l]) - slices.Min(all.Leads[l])
			if span < 500 { // a lead across the heart's axis shows next to nothing
				continue
			}
			t.Run(fmt.Sprintf("%s %d", kind, l), func(t *testing.T) {
				expectAll(t, beats.Signal{RateHz: all.RateHz, Leads: all.Leads[l : l+1]}, truth)
			})
		}
	}
}

func TestMissingLeadsAndSamplesDoNotHideBeats(t *testing.T) {
	spec := synth.Spec{Seconds: 30}
	truth := synth.Truth(spec)
	blank := func(x []float64, with float64) {
		for i := range x {
			x[i] = with
		}
	}
	for _, tc := range []struct {
		name string
		do   func(beats.Signal)
	}{
		{"all leads but one missing", func(s beats.Signal) {
			for l := range s.Leads {
				if l != 1 {
					blank(s.Leads[l], math.NaN())
				}
			}
		}},
		{"six leads flat", func(s beats.Signal) {
			for l := range 6 {
				blank(s.Leads[l], 0)
			}
		}},
		{"one lead at the rail", func(s beats.Signal) { blank(s.Leads[3], 32767*2.5) }},
		{"one lead full of noise", func(s beats.Signal) {
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range s.Leads[0] {
				s.Leads[0][i] = 2000 * rng.NormFloat64()
			}
		}},
		{"single samples missing", func(s beats.Signal) {
			for l := range s.Leads {
				for i := l; i < len(s.Leads[l]); i += 37 {
					s.Leads[l][i] = math.NaN()
				}
			}
		}},
		{"infinite and absurd samples", func(s beats.Signal) {
			s.Leads[0][500], s.Leads[1][777], s.Leads[2][900] = math.Inf(1), -1e30, math.Inf(-1)
		}},
		{"begins missing", func(s beats.Signal) {
			for l := range s.Leads {
				blank(s.Leads[l][:70], math.NaN())
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := signal(spec)
			tc.do(s)
			expectAll(t, s, truth)
		})
	}
}

func TestAGapOfAllLeadsMakesNoBeats(t *testing.T) {
	s := signal(synth.Spec{Seconds: 30})
	from, to := int(10*s.RateHz), int(18*s.RateHz)
	for l := range s.Leads {
		for i := from; i < to; i++ {
			s.Leads[l][i] = math.NaN()
		}
	}
	for _, b := range beats.Detect(s) {
		if b.At > from+int(0.3*s.RateHz) && b.At < to-int(0.3*s.RateHz) {
			t.Errorf("a beat at %d, where no lead has samples", b.At)
		}
	}
}

func places(bs []beats.Beat) []int {
	out := make([]int, len(bs))
	for i, b := range bs {
		out[i] = b.At
	}
	return out
}

func TestBeatsDoNotDependOnSizeSignOrOrderOfLeads(t *testing.T) {
	for _, kind := range []synth.Kind{synth.Normal, synth.PVCs, synth.AtrialFibrillation, synth.Paced} {
		s := signal(synth.Spec{Kind: kind, Seed: 3, Seconds: 30, NoiseUV: 10})
		want := places(beats.Detect(s))
		scaled := func(k float64) beats.Signal {
			out := beats.Signal{RateHz: s.RateHz}
			for _, x := range s.Leads {
				y := make([]float64, len(x))
				for i := range x {
					y[i] = k * x[i]
				}
				out.Leads = append(out.Leads, y)
			}
			return out
		}
		turned := beats.Signal{RateHz: s.RateHz, Leads: slices.Clone(s.Leads)}
		slices.Reverse(turned.Leads)
		for _, tc := range []struct {
			name string
			s    beats.Signal
		}{{"a quarter", scaled(0.25)}, {"sixteen times", scaled(16)}, {"upside down", scaled(-1)}, {"other order", turned}} {
			t.Run(string(kind)+" "+tc.name, func(t *testing.T) {
				if diff := cmp.Diff(want, places(beats.Detect(tc.s))); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestStreamOfAnyBlocksEqualsBatch(t *testing.T) {
	for _, hz := range []int{128, 250, 1000} {
		s := signal(synth.Spec{Kind: synth.PVCs, RateHz: hz, Seconds: 130, NoiseUV: 20})
		s.Leads = s.Leads[:2]
		want := beats.Detect(s)
		for _, most := range []int{1, 7, 1000, 1 << 20} {
			t.Run(fmt.Sprintf("%d Hz, blocks up to %d", hz, most), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(most), 1))
				st := beats.NewStream(s.RateHz, len(s.Leads))
				var got []beats.Beat
				for at := 0; at < s.Len(); {
					n := min(1+rng.IntN(most), s.Len()-at)
					got = append(got, st.Push([][]float64{s.Leads[0][at : at+n], s.Leads[1][at : at+n]})...)
					at += n
				}
				got = append(got, st.Flush()...)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestVentricularBeatsAreTold(t *testing.T) {
	for seed := range uint64(6) {
		spec := synth.Spec{Kind: synth.PVCs, Seed: seed, Seconds: 60}
		s, truth := signal(spec), synth.Truth(spec)
		found := beats.Detect(s)
		for _, b := range truth.Beats {
			at := b.At.Seconds() * s.RateHz
			i := slices.IndexFunc(found, func(f beats.Beat) bool { return math.Abs(float64(f.At)-at) <= 0.15*s.RateHz })
			if i >= 0 && found[i].Ventricular != b.Ventricular {
				t.Errorf("seed %d: beat at %v: ventricular %v", seed, b.At, found[i].Ventricular)
			}
		}
	}
}

func TestPacedBeatsAreTold(t *testing.T) {
	for _, kind := range []synth.Kind{synth.Paced, synth.Normal, synth.LBBB, synth.PVCs, synth.STEMIInferior} {
		spec := synth.Spec{Kind: kind, Seconds: 20}
		paced := 0
		found := beats.Detect(signal(spec))
		for _, b := range found {
			if b.Paced {
				paced++
			}
		}
		if kind == synth.Paced && paced < len(found)-1 || kind != synth.Paced && paced > 0 {
			t.Errorf("%s: %d of %d beats paced", kind, paced, len(found))
		}
	}
}

func TestNothingIsNothing(t *testing.T) {
	constant := make([]float64, 5000)
	missing := make([]float64, 5000)
	for i := range missing {
		missing[i] = math.NaN()
	}
	for _, tc := range []struct {
		name string
		s    beats.Signal
	}{
		{"no leads", beats.Signal{RateHz: 500}},
		{"no samples", beats.Signal{RateHz: 500, Leads: [][]float64{nil, nil}}},
		{"no rate", beats.Signal{Leads: [][]float64{constant}}},
		{"rate NaN", beats.Signal{RateHz: math.NaN(), Leads: [][]float64{constant}}},
		{"few samples", beats.Signal{RateHz: 500, Leads: [][]float64{{1, 2, 3}}}},
		{"constant", beats.Signal{RateHz: 500, Leads: [][]float64{constant}}},
		{"missing", beats.Signal{RateHz: 500, Leads: [][]float64{missing}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := beats.Detect(tc.s); len(got) != 0 {
				t.Errorf("%d beats", len(got))
			}
		})
	}
}

func FuzzDetect(f *testing.F) {
	f.Add(uint16(500), uint8(2), []byte{1, 2, 3, 250, 4, 5, 6})
	f.Add(uint16(100), uint8(1), []byte("a longer piece of nothing much, repeated until it is long enough"))
	f.Fuzz(func(t *testing.T, hz uint16, leads uint8, raw []byte) {
		n := int(leads%4) + 1
		s := beats.Signal{RateHz: float64(hz)}
		for l := range n {
			x := make([]float64, len(raw)*20)
			for i := range x {
				v := raw[(i/3+l)%max(len(raw), 1)]
				x[i] = (float64(v) - 128) * 50
				if v == 0 {
					x[i] = math.NaN()
				}
			}
			s.Leads = append(s.Leads, x)
		}
		last := -1
		for _, b := range beats.Detect(s) {
			if b.At < last || b.At >= s.Len() {
				t.Fatalf("beat at %d after %d of %d", b.At, last, s.Len())
			}
			last = b.At
		}
	})
}

func BenchmarkTenSecondsOfTwelveLeads(b *testing.B) {
	s := signal(synth.Spec{Kind: synth.PVCs})
	for b.Loop() {
		beats.Detect(s)
	}
}

func BenchmarkHourOfOneLead(b *testing.B) {
	s := signal(synth.Spec{RateHz: 250, Seconds: 3600})
	s.Leads = s.Leads[1:2]
	b.SetBytes(int64(s.Len()))
	for b.Loop() {
		beats.Detect(s)
	}
}
