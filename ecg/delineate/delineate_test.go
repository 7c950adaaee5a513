package delineate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A beat is made of raised cosines: they begin and end at known times.
type part struct{ fromMS, toMS, uv float64 }

var (
	partP = part{-180, -80, 150}
	partQ = part{-45, -22, -120}
	partR = part{-26, 22, 1200}
	partS = part{16, 48, -300}
	partT = part{140, 330, 350}
)

// ecg is a signal with a beat at each time (seconds).
func ecg(rateHz, seconds float64, beats []float64, parts ...part) []float64 {
	x := make([]float64, int(rateHz*seconds))
	for _, b := range beats {
		for _, p := range parts {
			for i := range x {
				t := (float64(i)/rateHz - b) * 1000
				if t > p.fromMS && t < p.toMS {
					x[i] += p.uv / 2 * (1 - math.Cos(2*math.Pi*(t-p.fromMS)/(p.toMS-p.fromMS)))
				}
			}
		}
	}
	return x
}

func every(seconds, until float64) []float64 {
	var out []float64
	for t := 0.6; t < until; t += seconds {
		out = append(out, t)
	}
	return out
}

func samples(at []float64, rateHz float64) []int {
	out := make([]int, len(at))
	for i, t := range at {
		out[i] = int(math.Round(t * rateHz))
	}
	return out
}

func noise(x []float64, uv float64, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range x {
		x[i] += r.NormFloat64() * uv
	}
}

func near(t *testing.T, what string, gotMS, wantMS, within float64) {
	t.Helper()
	if math.Abs(gotMS-wantMS) > within {
		t.Errorf("%s at %.0f ms, want %.0f within %.0f", what, gotMS, wantMS, within)
	}
}

// check compares one beat with the parts it was made of.
func check(t *testing.T, w Waves, at, rateHz, within float64) {
	t.Helper()
	ms := func(i int) float64 { return (float64(i)/rateHz - at) * 1000 }
	if !w.P.OK || !w.QRS.OK || !w.T.OK {
		t.Fatalf("waves missing: %+v", w)
	}
	near(t, "P onset", ms(w.P.On), partP.fromMS, within+15)
	near(t, "P peak", ms(w.P.Peak), (partP.fromMS+partP.toMS)/2, within)
	near(t, "P offset", ms(w.P.Off), partP.toMS, within+15)
	near(t, "QRS onset", ms(w.QRS.On), partQ.fromMS, within)
	near(t, "QRS peak", ms(w.QRS.Peak), 0, within)
	near(t, "QRS offset", ms(w.QRS.Off), partS.toMS, within)
	near(t, "T peak", ms(w.T.Peak), (partT.fromMS+partT.toMS)/2, within)
	near(t, "T offset", ms(w.T.Off), partT.toMS, within+20)
	near(t, "R", ms(w.R), 0, within)
	near(t, "Q", ms(w.Q), -35, within)
	near(t, "S", ms(w.S), 32, within)
}

func TestLeadFindsKnownLimitsAtEveryRate(t *testing.T) {
	for _, rate := range []float64{100, 128, 250, 360, 500, 800, 1000, 2000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			at := every(0.85, 9)
			x := ecg(rate, 10, at, partP, partQ, partR, partS, partT)
			noise(x, 5, 1)
			for i, w := range Lead(x, rate, samples(at, rate)) {
				check(t, w, at[i], rate, 10+1000/rate)
			}
		})
	}
}

func TestLeadKeepsLimitsWhen(t *testing.T) {
	const rate = 500
	at := every(0.8, 9)
	plain := func() []float64 { return ecg(rate, 10, at, partP, partQ, partR, partS, partT) }
	for _, c := range []struct {
		name   string
		change func(x []float64)
	}{
		{"twice as large", func(x []float64) { scale(x, 2) }},
		{"half as large", func(x []float64) { scale(x, 0.5) }},
		{"upside down", func(x []float64) { scale(x, -1) }},
		{"on another level", func(x []float64) { add(x, func(float64) float64 { return 1e5 }) }},
		{"the baseline wanders", func(x []float64) { add(x, func(s float64) float64 { return 200 * math.Sin(2*math.Pi*0.2*s) }) }},
		{"there is muscle noise", func(x []float64) { noise(x, 20, 7) }},
		{"there is mains hum", func(x []float64) { add(x, func(s float64) float64 { return 20 * math.Sin(2*math.Pi*50*s) }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := plain()
			c.change(x)
			want := Lead(plain(), rate, samples(at, rate))
			for i, w := range Lead(x, rate, samples(at, rate)) {
				for k, pair := range [][2]Wave{{w.P, want[i].P}, {w.QRS, want[i].QRS}, {w.T, want[i].T}} {
					got, was := pair[0], pair[1]
					if got.OK != was.OK || abs(got.On-was.On) > 8 || abs(got.Off-was.Off) > 10 {
						t.Errorf("beat %d, wave %d: %+v, was %+v", i, k, got, was)
					}
				}
			}
		})
	}
}

func scale(x []float64, by float64) {
	for i := range x {
		x[i] *= by
	}
}

func add(x []float64, f func(seconds float64) float64) {
	for i := range x {
		x[i] += f(float64(i) / 500)
	}
}

func abs(i int) int { return max(i, -i) }

func TestFibrillationHasNoPWaves(t *testing.T) {
	const rate = 500
	r := rand.New(rand.NewPCG(3, 4))
	var at []float64
	for s := 0.6; s < 19; s += 0.55 + 0.4*r.Float64() {
		at = append(at, s)
	}
	x := ecg(rate, 20, at, partQ, partR, partS, partT)
	phase := 0.0
	for i := range x { // f waves of 5 to 7 a second
		phase += 2 * math.Pi * (6 + math.Sin(float64(i)/900)) / rate
		x[i] += 70 * math.Sin(phase)
	}
	n := 0
	for _, w := range Lead(x, rate, samples(at, rate)) {
		if w.P.OK {
			n++
		}
	}
	if n > len(at)/10 {
		t.Errorf("%d P waves in %d beats of atrial fibrillation", n, len(at))
	}
}

func TestLeadsSupportEachOther(t *testing.T) {
	const rate = 500
	at := every(0.8, 9)
	weak := partP
	weak.uv = 12
	one := ecg(rate, 10, at, partP, partQ, partR, partS, partT)
	two := ecg(rate, 10, at, weak, partQ, partR, partS, partT)
	noise(one, 4, 5)
	noise(two, 12, 6)
	got := Leads([][]float64{one, one, two}, rate, samples(at, rate))
	for i, w := range got[2] {
		if !w.P.OK {
			t.Fatalf("beat %d: no P wave in the weak lead", i)
		}
		near(t, "P onset", (float64(w.P.On)/rate-at[i])*1000, partP.fromMS, 30)
	}
}

func TestVentricularBeatHasNoPWave(t *testing.T) {
	const rate = 500
	at := every(0.8, 9)
	wide := len(at) / 2
	x := ecg(rate, 10, append(append([]float64{}, at[:wide]...), at[wide+1:]...), partP, partQ, partR, partS, partT)
	v := ecg(rate, 10, at[wide:wide+1], part{-90, 70, -1500}, part{60, 330, 600})
	for i := range x {
		x[i] += v[i]
	}
	for i, w := range Lead(x, rate, samples(at, rate)) {
		if w.P.OK != (i != wide) {
			t.Errorf("beat %d of %d: P %v", i, wide, w.P.OK)
		}
	}
}

func TestPacingSpikeIsNotInTheComplex(t *testing.T) {
	const rate = 1000
	at := every(0.9, 9)
	parts := []part{{-80, 80, 1500}, {160, 380, -400}}
	x := ecg(rate, 10, at, parts...)
	for _, s := range at {
		i := int((s - 0.110) * rate)
		x[i], x[i+1] = x[i]+1500, x[i+1]+1500
	}
	for i, w := range Lead(x, rate, samples(at, rate)) {
		near(t, "QRS onset", (float64(w.QRS.On)/rate-at[i])*1000, -80, 20)
	}
}

func TestBeatTakesTheOutermostLimits(t *testing.T) {
	const rate = 500
	late := part{-10, 48, 900}
	at := []float64{0.5}
	leads := [][]float64{
		ecg(rate, 1.2, at, partP, partQ, partR, partS, partT),
		ecg(rate, 1.2, at, partP, late, partT),
		ecg(rate, 1.2, at, partP, late, partT),
	}
	all, each := Beat(leads, rate, 250, 400)
	ms := func(i int) float64 { return float64(i)*1000/rate - 500 }
	near(t, "QRS onset", ms(all.QRS.On), partQ.fromMS, 12)
	near(t, "QRS onset of a lead that starts late", ms(each[1].QRS.On), late.fromMS, 15)
	near(t, "QRS offset", ms(all.QRS.Off), 48, 12)
	near(t, "P onset", ms(all.P.On), partP.fromMS, 20)
	near(t, "T offset", ms(all.T.Off), partT.toMS, 25)
}

func TestOddInputGivesNoWaves(t *testing.T) {
	flat := make([]float64, 5000)
	nan := make([]float64, 5000)
	for i := range nan {
		nan[i] = math.NaN()
	}
	for _, c := range []struct {
		name string
		x    []float64
		rate float64
		qrs  []int
	}{
		{"nothing", nil, 500, nil},
		{"no samples but beats", nil, 500, []int{1, 2}},
		{"one sample", []float64{1}, 500, []int{0}},
		{"no beats", flat, 500, nil},
		{"flat", flat, 500, []int{500, 1000, 1500}},
		{"not a number", nan, 500, []int{500, 1000, 1500}},
		{"beats outside", flat, 500, []int{-100, 9000}},
		{"beats at one place", flat, 500, []int{100, 100, 100, 100}},
		{"no rate", flat, 0, []int{100}},
		{"slow", flat[:300], 10, []int{100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Lead(c.x, c.rate, c.qrs)
			if len(got) != len(c.qrs) {
				t.Fatalf("%d beats, want %d", len(got), len(c.qrs))
			}
			for _, w := range got {
				if w.P.OK || w.QRS.OK || w.T.OK {
					t.Errorf("waves of nothing: %+v", w)
				}
			}
			Beat([][]float64{c.x}, c.rate, len(c.x)/2, 400)
		})
	}
	if got := Leads(nil, 500, []int{1}); len(got) != 0 {
		t.Errorf("%d leads of none", len(got))
	}
}

func TestOneBeatIsDelineated(t *testing.T) {
	const rate = 500
	x := ecg(rate, 1.4, []float64{0.6}, partP, partQ, partR, partS, partT)
	w := Lead(x, rate, []int{300})[0]
	if !w.QRS.OK || !w.T.OK {
		t.Fatalf("waves missing: %+v", w)
	}
	near(t, "QRS onset", float64(w.QRS.On)*2-600, partQ.fromMS, 12)
}

func TestWaveletOfARampIsItsSlope(t *testing.T) {
	for _, rate := range []float64{100, 250, 360, 1000} {
		x := make([]float64, 2000)
		for i := range x {
			x[i] = 3 * float64(i) / rate * 1000 // 3 uV in a millisecond
		}
		var tr transform
		for scale := 1; scale <= 4; scale++ {
			w := tr.wavelet(nil, x, rate, scale)
			if want := 2 * 3 * widthMS(scale); math.Abs(w[1000]-want) > 1e-6*want {
				t.Errorf("rate %g, scale %d: %g, want %g", rate, scale, w[1000], want)
			}
		}
	}
}

func FuzzLead(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 100}, 250.0, 2, 3)
	f.Add([]byte{}, 100.0, 0, 0)
	f.Fuzz(func(t *testing.T, b []byte, rate float64, first, second int) {
		if !(rate > 1 && rate < 5000) {
			return
		}
		x := make([]float64, len(b))
		for i, v := range b {
			x[i] = float64(v)*10 - 1280
		}
		for _, w := range Lead(x, rate, []int{first, second}) {
			for _, v := range []Wave{w.P, w.QRS, w.T} {
				if v.OK && (v.On < 0 || v.Off >= len(x) || v.On > v.Peak || v.Peak > v.Off) {
					t.Errorf("%+v in %d samples", v, len(x))
				}
			}
		}
	})
}

func BenchmarkLeads(b *testing.B) {
	const rate = 500
	at := every(0.8, 9.5)
	var leads [][]float64
	for l := range 12 {
		x := ecg(rate, 10, at, partP, partQ, partR, partS, partT)
		noise(x, 10, uint64(l))
		leads = append(leads, x)
	}
	b.ReportAllocs()
	for b.Loop() {
		Leads(leads, rate, samples(at, rate))
	}
}
