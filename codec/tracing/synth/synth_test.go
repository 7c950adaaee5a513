package synth

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// uv is a lead of a tracing in microvolts.
func uv(t *testing.T, tr *tracing.Tracing, c tracing.Code) []float64 {
	t.Helper()
	l := tr.Rhythm().Lead(c)
	if l == nil {
		t.Fatalf("no lead %s", c)
	}
	out := make([]float64, len(l.Samples))
	for i := range out {
		out[i] = l.UV(i)
	}
	return out
}

func TestEveryKindIsWhole(t *testing.T) {
	for _, k := range Kinds {
		for seed := range uint64(6) {
			s := Spec{Kind: k, Seed: seed, NoiseUV: 6, WanderUV: 40, MainsUV: 5, Median: true}
			tr := Make(s)
			if !reflect.DeepEqual(tr, Make(s)) { // cmp takes seconds over so many numbers
				t.Fatalf("%s %d: made twice, two different tracings", k, seed)
			}
			g := tr.Rhythm()
			if len(g.Leads) != 12 || g.Len() != 5000 || g.Duration() != 10*time.Second {
				t.Fatalf("%s: %d leads of %d samples", k, len(g.Leads), g.Len())
			}
			for i, c := range tracing.Twelve {
				if g.Leads[i].Code != c || !g.Leads[i].Calibrated() || g.Leads[i].Derived != (i >= 2 && i < 6) {
					t.Fatalf("%s: lead %d is %s", k, i, g.Leads[i].Code)
				}
			}
			if len(tr.Statements) == 0 {
				t.Errorf("%s: the cart says nothing", k)
			}
			if (tr.MedianBeat() == nil) != (k == VF) {
				t.Errorf("%s: median beat %v", k, tr.MedianBeat() != nil)
			}
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, b := uv(t, Make(Spec{Seed: 1}), tracing.LeadV2), uv(t, Make(Spec{Seed: 2}), tracing.LeadV2)
	if cmp.Equal(a, b) {
		t.Error("two seeds, one heart")
	}
}

// TestWavesStandWhereTheTruthSays looks at the samples themselves: still before P, moving within it, the peak of QRS at its time.
func TestWavesStandWhereTheTruthSays(t *testing.T) {
	for _, k := range []Kind{Normal, SinusBradycardia, AVBlock1, LBBB, RBBB, LongQT, HyperK, STEMIAnterior} {
		for seed := range uint64(8) {
			s := Spec{Kind: k, Seed: seed, RateHz: 1000, StepNV: 100}
			tr, truth := Make(s), Truth(s)
			var leads [][]float64
			for _, c := range tracing.Eight {
				leads = append(leads, uv(t, tr, c))
			}
			for _, b := range truth.Beats {
				if b.QRS.On < 100*time.Millisecond || b.T.Off > 9800*time.Millisecond || b.P.OK && b.P.On < 30*time.Millisecond {
					continue
				}
				if b.P.OK && b.P.Off < b.QRS.On {
					rising(t, k, "P", leads, b.P.On, b.P.Peak)
				}
				rising(t, k, "QRS", leads, b.QRS.On, b.QRS.Peak)
				if d := peak(leads, b.QRS) - b.At; d.Abs() > 5*time.Millisecond && k != LBBB { // whose two humps are of one height
					t.Errorf("%s %d: QRS peaks %v from its time", k, seed, d)
				}
			}
		}
	}
}

// rising wants a wave that is at its edge: much smaller 15 ms before than at its peak.
func rising(t *testing.T, k Kind, name string, leads [][]float64, on, top time.Duration) {
	t.Helper()
	before, edge, high := 0.0, 0.0, 0.0
	for _, l := range leads {
		ms := func(d time.Duration) int { return int(d / time.Millisecond) }
		zero := l[ms(on)-15]
		before = max(before, math.Abs(l[ms(on)-8]-zero))
		edge = max(edge, math.Abs(l[ms(on)+1]-zero))
		high = max(high, math.Abs(l[ms(top)]-zero))
	}
	if before > .035*high || edge > .12*high || high < 40 {
		t.Errorf("%s: %s at %v: %.0f before, %.0f at its edge, %.0f uV at its peak", k, name, on, before, edge, high)
	}
}

// peak is where the leads together are largest within a wave.
func peak(leads [][]float64, w Wave) time.Duration {
	best, at := 0.0, 0
	for i := int(w.On / time.Millisecond); i < int(w.Off/time.Millisecond); i++ {
		sum := 0.0
		for _, l := range leads {
			sum += l[i] * l[i]
		}
		if sum > best {
			best, at = sum, i
		}
	}
	return time.Duration(at) * time.Millisecond
}

func TestKindsAreWhatTheySay(t *testing.T) {
	within := func(g, lo, hi float64) bool { return g >= lo && g <= hi }
	for _, tt := range []struct {
		kind Kind
		ok   func(Truths) bool
	}{
		{Normal, func(x Truths) bool {
			g := x.Global
			return within(g.HeartRate, 65, 80) && within(g.PRMS, 120, 200) && within(g.QRSMS, 70, 100) && within(g.QTcBazettMS, 350, 440) && within(g.QRSAxis, 0, 90)
		}},
		{SinusBradycardia, func(x Truths) bool { return within(x.Global.HeartRate, 40, 48) }},
		{SinusTachycardia, func(x Truths) bool { return within(x.Global.HeartRate, 118, 130) }},
		{AtrialFibrillation, func(x Truths) bool { return len(x.Spells) == 1 && !x.Beats[3].P.OK && rough(x) > .1 }},
		{AtrialFlutter, func(x Truths) bool { return len(x.Spells) == 1 && x.Spells[0].Kind == AtrialFlutter }},
		{STEMIAnterior, func(x Truths) bool { return x.Global.STJUV > 250 }},
		{STEMIInferior, func(x Truths) bool { return math.Abs(x.Global.STJUV) > 130 }},
		{AVBlock1, func(x Truths) bool { return x.Global.PRMS > 220 }},
		{AVBlock2, func(x Truths) bool { return within(float64(len(x.LoneP)), 2, 4) && x.Global.LongestRRS < 2 }},
		{AVBlock3, func(x Truths) bool {
			return within(float64(len(x.Beats)), 5, 7) && within(float64(len(x.LoneP)), 13, 15)
		}},
		{LBBB, func(x Truths) bool { return x.Global.QRSMS > 125 && x.Global.SV1UV < -700 }},
		{RBBB, func(x Truths) bool { return x.Global.QRSMS > 125 }},
		{PVCs, func(x Truths) bool {
			return within(float64(count(x, func(b Beat) bool { return b.Ventricular })), 2, 4)
		}},
		{VT, func(x Truths) bool { return count(x, func(b Beat) bool { return b.Ventricular }) >= 10 }},
		{VF, func(x Truths) bool { return len(x.Beats) == 0 && len(x.Spells) == 1 && x.Spells[0].Kind == VF }},
		{Pause, func(x Truths) bool { return within(x.Global.LongestRRS, 3, 5.5) }},
		{Paced, func(x Truths) bool { return count(x, func(b Beat) bool { return b.Paced }) == len(x.Beats) }},
		{HyperK, func(x Truths) bool { return !x.Beats[0].P.OK && x.Global.QRSMS > 120 }},
		{LongQT, func(x Truths) bool { return x.Global.QTcBazettMS > 530 }},
		{SVT, func(x Truths) bool { return x.Global.HeartRate > 200 && x.Global.QRSMS < 100 }},
		{STDepression, func(x Truths) bool { return x.Global.STJUV < -120 }},
		{LimbReversal, func(x Truths) bool { return x.Global.PAxis > 90 || x.Global.PAxis < -90 }},
	} {
		for seed := range uint64(12) {
			if x := Truth(Spec{Kind: tt.kind, Seed: seed}); !tt.ok(x) {
				t.Errorf("%s %d: %d beats, %d lone P, %+v", tt.kind, seed, len(x.Beats), len(x.LoneP), x.Global)
			}
		}
	}
}

func count(x Truths, f func(Beat) bool) (n int) {
	for _, b := range x.Beats {
		if f(b) {
			n++
		}
	}
	return n
}

// rough is how much RR intervals differ from one to the next, as a share of their mean.
func rough(x Truths) float64 {
	sum, n := 0.0, 0.0
	for i := 2; i < len(x.Beats); i++ {
		a, b := (x.Beats[i-1].At - x.Beats[i-2].At).Seconds(), (x.Beats[i].At - x.Beats[i-1].At).Seconds()
		sum, n = sum+math.Abs(a-b)/(a+b)*2, n+1
	}
	return sum / n
}

func TestLeadsOfInfarction(t *testing.T) {
	at := func(k Kind, c tracing.Code) float64 { // 30 ms behind J
		s := Spec{Kind: k, Seed: 4}
		tr, b := Make(s), Truth(s).Beats[3]
		l := uv(t, tr, c)
		return l[int((b.QRS.On+110*time.Millisecond).Seconds()*500)] - l[int((b.P.On-10*time.Millisecond).Seconds()*500)]
	}
	for _, tt := range []struct {
		kind Kind
		lead tracing.Code
		up   bool
	}{
		{STEMIAnterior, tracing.LeadV2, true},
		{STEMIAnterior, tracing.LeadV3, true},
		{STEMIAnterior, tracing.LeadV4, true},
		{STEMIAnterior, tracing.LeadIII, false},
		{STEMIInferior, tracing.LeadII, true},
		{STEMIInferior, tracing.LeadIII, true},
		{STEMIInferior, tracing.LeadAVF, true},
		{STEMIInferior, tracing.LeadAVL, false},
		{STEMIInferior, tracing.LeadI, false},
	} {
		if st := at(tt.kind, tt.lead); tt.up != (st > 0) || math.Abs(st) < 50 {
			t.Errorf("%s: ST of %s is %.0f uV", tt.kind, tt.lead.Label(), st)
		}
	}
}

func TestDisturbancesHaveTheirSize(t *testing.T) {
	quiet := uv(t, Make(Spec{Seed: 9, Seconds: 60, StepNV: 100}), tracing.LeadV5)
	for _, tt := range []struct {
		name   string
		s      Spec
		lo, hi float64 // root mean square
	}{
		{"muscles", Spec{NoiseUV: 20}, 19, 21},
		{"wander", Spec{WanderUV: 100}, 30, 60},
		{"mains", Spec{MainsUV: 50}, 34, 37},
	} {
		s := tt.s
		s.Seed, s.Seconds, s.StepNV = 9, 60, 100
		sum := 0.0
		for i, v := range uv(t, Make(s), tracing.LeadV5) {
			sum += (v - quiet[i]) * (v - quiet[i])
		}
		if rms := math.Sqrt(sum / float64(len(quiet))); rms < tt.lo || rms > tt.hi {
			t.Errorf("%s: %.1f uV", tt.name, rms)
		}
	}
}

func TestLeadOff(t *testing.T) {
	for seed := range uint64(12) {
		tr := Make(Spec{Kind: LeadOff, Seed: seed, NoiseUV: 5})
		flat := 0
		for _, l := range tr.Rhythm().Leads {
			still := true
			for _, v := range l.Samples {
				still = still && v == l.Samples[0]
			}
			if still {
				flat++
			}
			if l.Off != (still && seed%2 == 1) {
				t.Errorf("seed %d: lead %s off: %v, flat: %v", seed, l.Label, l.Off, still)
			}
		}
		if flat != 1 || len(tr.Warnings) != 1 {
			t.Errorf("seed %d: %d flat leads, %v", seed, flat, tr.Warnings)
		}
	}
}

func TestHolterReadsAlikeFromAnywhere(t *testing.T) {
	r := Holter(Spec{Seed: 5, NoiseUV: 4, WanderUV: 30}, time.Hour)
	if r.Count != 900_000 || len(r.Head.Rhythm().Leads) != 8 || r.Head.Rhythm().Leads[0].Samples != nil {
		t.Fatalf("%d samples of %d leads", r.Count, len(r.Head.Rhythm().Leads))
	}
	whole, err := r.Window(400_000, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []int64{0, 1, 4095, 4097, 13_371} {
		part, err := r.Window(400_000+first, 500)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range part.Rhythm().Leads {
			if d := cmp.Diff(whole.Rhythm().Leads[i].Samples[first:first+500], l.Samples); d != "" {
				t.Fatalf("lead %d at %d differs from one reading to the other", i, first)
			}
		}
	}
}

func TestHolterDiary(t *testing.T) {
	for _, length := range []time.Duration{20 * time.Minute, 6 * time.Hour} {
		d := HolterTruth(Spec{Seed: 8}, length)
		if len(d.Events) != len(episodes) {
			t.Fatalf("%d events", len(d.Events))
		}
		rate := float64(len(d.Beats)) / length.Minutes()
		if rate < 55 || rate > 100 {
			t.Errorf("%v: %.0f beats a minute", length, rate)
		}
		for i, b := range d.Beats[1:] {
			if rr := b.At - d.Beats[i].At; rr < 200*time.Millisecond || rr > 4500*time.Millisecond {
				t.Errorf("%v: RR of %v at %v", length, rr, b.At)
			}
		}
		for _, e := range d.Events {
			n, wide := 0, 0
			for _, b := range d.Beats {
				if b.At >= e.From && b.At < e.To {
					n++
					if b.Ventricular {
						wide++
					}
				}
			}
			if n != e.Beats || e.To <= e.From || e.From < 0 || e.To > length || e.Kind == VT && (wide != n || n < 3) {
				t.Errorf("%v: %+v: %d beats, %d ventricular", length, e, n, wide)
			}
		}
	}
}

func BenchmarkHolter(b *testing.B) {
	r := Holter(Spec{Seed: 5, NoiseUV: 4, WanderUV: 30}, time.Hour)
	for b.Loop() {
		for _, err := range r.Blocks(b.Context(), 1<<15) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
