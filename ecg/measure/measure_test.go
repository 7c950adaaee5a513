package measure

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

func analyse(t *testing.T, tr *tracing.Tracing) *Result {
	t.Helper()
	r, err := Analyse(tr)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// value of a global measurement of ours.
func value(t *testing.T, r *Result, code string) float64 {
	t.Helper()
	for _, m := range r.Measurements {
		if m.Code == code && m.Lead == "" {
			if m.Source != Algorithm {
				t.Errorf("%s has source %v", code, m.Source)
			}
			return m.Value
		}
	}
	t.Fatalf("no %s", code)
	return 0
}

func lookup(r *Result, c finding.Code) (finding.Finding, bool) {
	for _, f := range r.Findings {
		if f.Code == c {
			return f, true
		}
	}
	return finding.Finding{}, false
}

func found(r *Result, c finding.Code) bool {
	_, ok := lookup(r, c)
	return ok
}

func TestGlobalMeasurementsOfAKnownHeart(t *testing.T) {
	for _, c := range []struct {
		name string
		spec synth.Spec
	}{
		{"normal", synth.Spec{}},
		{"another person", synth.Spec{Seed: 2}},
		{"a third", synth.Spec{Seed: 3, HeartRate: 92}},
		{"slow", synth.Spec{Kind: synth.SinusBradycardia}},
		{"fast", synth.Spec{Kind: synth.SinusTachycardia}},
		{"muscle noise and wander", synth.Spec{NoiseUV: 15, WanderUV: 150}},
		{"mains", synth.Spec{MainsUV: 15}},
		{"250 a second", synth.Spec{RateHz: 250}},
		{"1000 a second", synth.Spec{RateHz: 1000}},
		{"long PR", synth.Spec{Kind: synth.AVBlock1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			truth := synth.Truth(c.spec).Global
			r := analyse(t, synth.Make(c.spec))
			for _, m := range []struct {
				code         string
				want, within float64
			}{
				{tracing.HeartRate, truth.HeartRate, 1},
				{tracing.PRInterval, truth.PRMS, 20},
				{tracing.QRSDuration, truth.QRSMS, 22},
				{tracing.QTInterval, truth.QTMS, 24},
				{tracing.PAxis, truth.PAxis, 10},
				{tracing.QRSAxis, truth.QRSAxis, 10},
				{tracing.TAxis, truth.TAxis, 10},
			} {
				got := value(t, r, m.code)
				d := got - m.want
				if m.code == tracing.QRSAxis || m.code == tracing.TAxis || m.code == tracing.PAxis {
					d = math.Remainder(d, 360)
				}
				if math.Abs(d) > m.within {
					t.Errorf("%s is %g, want %.1f within %g", m.code, got, m.want, m.within)
				}
			}
		})
	}
}

func TestFindingsOfSickHearts(t *testing.T) {
	for _, c := range []struct {
		kind synth.Kind
		want finding.Code
	}{
		{synth.STEMIAnterior, finding.STElevation},
		{synth.STEMIInferior, finding.STElevation},
		{synth.STDepression, finding.STDepression},
		{synth.LBBB, finding.LeftBundle},
		{synth.RBBB, finding.RightBundle},
		{synth.AVBlock1, finding.AVBlock1},
		{synth.LongQT, finding.LongQT},
		{synth.HyperK, finding.TallT},
		{synth.LimbReversal, finding.LimbReversal},
		{synth.LeadOff, finding.LeadOff},
		{synth.AtrialFibrillation, finding.AtrialFibrillation},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			for seed := uint64(1); seed <= 3; seed++ {
				r := analyse(t, synth.Make(synth.Spec{Kind: c.kind, Seed: seed}))
				if !found(r, c.want) {
					t.Errorf("seed %d: no %s in %v", seed, c.want, r.Findings)
				}
			}
		})
	}
}

func TestNormalHeartsHaveNoAlarmingFindings(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		r := analyse(t, synth.Make(synth.Spec{Seed: seed, NoiseUV: 8, WanderUV: 60}))
		for _, f := range r.Findings {
			switch f.Code {
			case finding.SinusRhythm, finding.Bradycardia, finding.Tachycardia, finding.LeftAxis, finding.RightAxis:
			default:
				t.Errorf("seed %d: %s %v %s", seed, f.Code, f.Evidence, f.Note)
			}
		}
	}
}

func TestFibrillationHasNoPRInterval(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		r := analyse(t, synth.Make(synth.Spec{Kind: synth.AtrialFibrillation, Seed: seed}))
		if r.Fiducials.P.OK {
			t.Errorf("seed %d: a P wave in atrial fibrillation", seed)
		}
		for _, m := range r.Measurements {
			if m.Code == tracing.PRInterval || m.Code == tracing.PAmplitude {
				t.Errorf("seed %d: %s %g in atrial fibrillation", seed, m.Code, m.Value)
			}
		}
	}
}

func TestSizeOfASampleDoesNotMatter(t *testing.T) {
	fine := analyse(t, synth.Make(synth.Spec{StepNV: 1000}))
	coarse := analyse(t, synth.Make(synth.Spec{StepNV: 4880}))
	for _, code := range []string{tracing.PRInterval, tracing.QRSDuration, tracing.QTInterval, tracing.HeartRate} {
		if a, b := value(t, fine, code), value(t, coarse, code); math.Abs(a-b) > 6 {
			t.Errorf("%s is %g and %g", code, a, b)
		}
	}
}

func TestWhatIsMeasuredIsInOneOrder(t *testing.T) {
	var first []tracing.Measurement
	for range 3 {
		r := analyse(t, synth.Make(synth.Spec{Seed: 5}))
		if first == nil {
			first = r.Measurements
		}
		if !slices.Equal(first, r.Measurements) {
			t.Fatal("two analyses of one tracing differ")
		}
	}
	leads := false
	for _, m := range first {
		if m.Lead == "" && leads {
			t.Errorf("%s stands after the numbers of single leads", m.Code)
		}
		leads = leads || m.Lead != ""
	}
}

func TestMedianBeatIsInMicrovolts(t *testing.T) {
	tr := synth.Make(synth.Spec{})
	r := analyse(t, tr)
	g := r.Median
	if g == nil || g.Kind != tracing.Median || len(g.Leads) != 12 || g.Rate != tr.Rhythm().Rate {
		t.Fatalf("median beat %+v", g)
	}
	for i := range g.Leads {
		if g.Leads[i].NVPerLSB != tracing.Whole(1000) {
			t.Errorf("%s has %v nV a unit", g.Leads[i].Label, g.Leads[i].NVPerLSB)
		}
	}
	one, two, three := g.Lead(tracing.LeadI), g.Lead(tracing.LeadII), g.Lead(tracing.LeadIII)
	for i := range one.Samples {
		if d := two.Samples[i] - one.Samples[i] - three.Samples[i]; d < -40 || d > 40 {
			t.Fatalf("sample %d breaks Einthoven's law by %d uV", i, d)
		}
	}
	if f := r.Fiducials; f.P.On >= f.P.Off || f.P.Off > f.QRS.On || f.QRS.Off > f.T.Off || f.T.Off > g.Duration() {
		t.Errorf("fiducials out of order: %+v", f)
	}
}

func TestBeatsAreThoseOfTheHeart(t *testing.T) {
	spec := synth.Spec{Kind: synth.PVCs}
	truth := synth.Truth(spec)
	r := analyse(t, synth.Make(spec))
	if len(r.Beats) != len(truth.Beats) {
		t.Fatalf("%d beats, want %d", len(r.Beats), len(truth.Beats))
	}
	for i, b := range r.Beats {
		if d := b.At - truth.Beats[i].At; d < -80*time.Millisecond || d > 80*time.Millisecond {
			t.Errorf("beat %d at %v, want %v", i, b.At, truth.Beats[i].At)
		}
		if b.Ventricular && b.Dominant {
			t.Errorf("beat %d is ventricular and in the median beat", i)
		}
	}
}

// only keeps some leads of a tracing.
func only(tr *tracing.Tracing, leads ...tracing.Code) *tracing.Tracing {
	g := tr.Rhythm()
	g.Leads = slices.DeleteFunc(g.Leads, func(l tracing.Lead) bool { return !slices.Contains(leads, l.Code) })
	return tr
}

func TestFewerOrMoreLeads(t *testing.T) {
	fifteen := synth.Make(synth.Spec{})
	for i, c := range []tracing.Code{tracing.LeadV7, tracing.LeadV8, tracing.LeadV3R} {
		l := fifteen.Rhythm().Leads[6+i]
		l.Code, l.Label = c, c.Label()
		fifteen.Rhythm().Leads = append(fifteen.Rhythm().Leads, l)
	}
	for _, c := range []struct {
		name string
		tr   *tracing.Tracing
	}{
		{"eight leads", only(synth.Make(synth.Spec{}), tracing.Eight...)},
		{"three leads", only(synth.Make(synth.Spec{}), tracing.LeadI, tracing.LeadII, tracing.LeadIII)},
		{"one lead", only(synth.Make(synth.Spec{}), tracing.LeadV5)},
		{"fifteen leads", fifteen},
		{"100 a second", synth.Make(synth.Spec{RateHz: 100})},
	} {
		t.Run(c.name, func(t *testing.T) {
			truth := synth.Truth(synth.Spec{}).Global
			r := analyse(t, c.tr)
			if d := value(t, r, tracing.HeartRate) - truth.HeartRate; math.Abs(d) > 1.5 {
				t.Errorf("heart rate differs by %g", d)
			}
			if d := value(t, r, tracing.QRSDuration) - truth.QRSMS; math.Abs(d) > 30 {
				t.Errorf("QRS duration differs by %g", d)
			}
		})
	}
}

// whole makes a tracing of one group.
func whole(rate int64, leads ...tracing.Lead) *tracing.Tracing {
	return &tracing.Tracing{Groups: []tracing.Group{{Kind: tracing.Rhythm, Rate: tracing.Whole(rate), Leads: leads}}}
}

func lead(c tracing.Code, samples []int32) tracing.Lead {
	return tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(2500), Samples: samples}
}

func TestWhatCannotBeMeasuredIsSaid(t *testing.T) {
	flat := make([]int32, 5000)
	missing := slices.Repeat([]int32{tracing.Missing}, 5000)
	wild := make([]int32, 5000)
	for i := range wild {
		wild[i] = int32(i*7919%65536) - 32768
	}
	uncalibrated := synth.Make(synth.Spec{})
	for i := range uncalibrated.Rhythm().Leads {
		uncalibrated.Rhythm().Leads[i].NVPerLSB = tracing.Ratio{}
	}
	short := synth.Make(synth.Spec{})
	for i := range short.Rhythm().Leads {
		short.Rhythm().Leads[i].Samples = short.Rhythm().Leads[i].Samples[:300]
	}
	for _, c := range []struct {
		name string
		tr   *tracing.Tracing
	}{
		{"flat leads", whole(500, lead(tracing.LeadI, flat), lead(tracing.LeadII, flat))},
		{"missing samples", whole(500, lead(tracing.LeadI, missing))},
		{"noise only", whole(500, lead(tracing.LeadII, wild))},
		{"not calibrated", uncalibrated},
		{"too short", short},
		{"too slow", whole(10, lead(tracing.LeadII, flat))},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := analyse(t, c.tr)
			f, ok := lookup(r, finding.Unmeasurable)
			if !ok || f.Note == "" {
				t.Errorf("findings %v", r.Findings)
			}
			for _, m := range r.Measurements {
				if m.Code == tracing.QRSDuration {
					t.Errorf("%s %g of nothing", m.Code, m.Value)
				}
			}
		})
	}
}

func TestNoSamplesIsAnError(t *testing.T) {
	for _, tr := range []*tracing.Tracing{
		{},
		whole(500),
		whole(0, lead(tracing.LeadI, make([]int32, 10))),
		{Groups: []tracing.Group{{Kind: tracing.Median, Rate: tracing.Whole(500), Leads: []tracing.Lead{lead(tracing.LeadI, make([]int32, 10))}}}},
	} {
		var fe *tracing.FormatError
		if _, err := Analyse(tr); !errors.As(err, &fe) {
			t.Errorf("error %v", err)
		}
	}
}

func TestOneBeatHasNoRate(t *testing.T) {
	tr := synth.Make(synth.Spec{HeartRate: 60})
	at := int(synth.Truth(synth.Spec{HeartRate: 60}).Beats[3].At.Seconds() * 500)
	for i := range tr.Rhythm().Leads {
		l := &tr.Rhythm().Leads[i]
		l.Samples = l.Samples[at-300 : at+330]
	}
	r := analyse(t, tr)
	for _, m := range r.Measurements {
		if m.Code == tracing.HeartRate || m.Code == tracing.QTcBazett {
			t.Errorf("%s %g of one beat", m.Code, m.Value)
		}
	}
}

func TestMissingSamplesAreBridged(t *testing.T) {
	tr := synth.Make(synth.Spec{})
	for i := range tr.Rhythm().Leads {
		l := &tr.Rhythm().Leads[i]
		for k := 1000; k < 1040; k++ {
			l.Samples[k] = tracing.Missing
		}
	}
	truth := synth.Truth(synth.Spec{}).Global
	if d := value(t, analyse(t, tr), tracing.QRSDuration) - truth.QRSMS; math.Abs(d) > 20 {
		t.Errorf("QRS duration differs by %g", d)
	}
}

func TestCalibrationPulseAtTheEndIsCutOff(t *testing.T) {
	tr := synth.Make(synth.Spec{})
	want := len(analyse(t, tr).Beats)
	for i := range tr.Rhythm().Leads {
		l := &tr.Rhythm().Leads[i]
		unit := int32(1_000_000 / l.NVPerLSB.Float())
		l.Samples = append(l.Samples, make([]int32, 100)...)
		l.Samples = append(l.Samples, slices.Repeat([]int32{unit}, 100)...)
		l.Samples = append(l.Samples, make([]int32, 50)...)
	}
	if got := len(analyse(t, tr).Beats); got != want {
		t.Errorf("%d beats with a calibration pulse, %d without", got, want)
	}
}

func TestExchangedElectrodesAreNamed(t *testing.T) {
	negate := func(l *tracing.Lead) {
		for i := range l.Samples {
			l.Samples[i] = -l.Samples[i]
		}
	}
	swap := func(a, b *tracing.Lead) {
		a.Samples, b.Samples = b.Samples, a.Samples
		a.NVPerLSB, b.NVPerLSB = b.NVPerLSB, a.NVPerLSB
	}
	for _, c := range []struct {
		name, note string
		exchange   func(g *tracing.Group)
	}{
		{"arms", "right and left arm electrodes may be exchanged", func(g *tracing.Group) {
			negate(g.Lead(tracing.LeadI))
			swap(g.Lead(tracing.LeadII), g.Lead(tracing.LeadIII))
			swap(g.Lead(tracing.LeadAVR), g.Lead(tracing.LeadAVL))
		}},
		{"right arm and left leg", "right arm and left leg electrodes may be exchanged", func(g *tracing.Group) {
			negate(g.Lead(tracing.LeadI))
			negate(g.Lead(tracing.LeadII))
			negate(g.Lead(tracing.LeadIII))
			swap(g.Lead(tracing.LeadI), g.Lead(tracing.LeadIII))
			swap(g.Lead(tracing.LeadAVR), g.Lead(tracing.LeadAVF))
		}},
		{"V2 and V5", "", func(g *tracing.Group) { swap(g.Lead(tracing.LeadV2), g.Lead(tracing.LeadV5)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := synth.Make(synth.Spec{})
			c.exchange(tr.Rhythm())
			f, ok := lookup(analyse(t, tr), finding.LimbReversal)
			if c.note != "" && (!ok || f.Note != c.note) {
				t.Errorf("note %q, want %q", f.Note, c.note)
			}
		})
	}
}

func TestAxisPointsWhereTheVectorDoes(t *testing.T) {
	for _, want := range []float64{-150, -60, 0, 30, 60, 90, 120} {
		rad := want * math.Pi / 180
		one, three := math.Cos(rad), math.Cos(rad-2*math.Pi/3)
		a := &analysis{result: &Result{}, m: &medianBeat{rate: 500, leads: []medianLead{
			{tracing.LeadI, slices.Repeat([]float64{100 * one}, 50)},
			{tracing.LeadIII, slices.Repeat([]float64{100 * three}, 50)},
		}}}
		a.waves.QRS.On, a.waves.QRS.Off, a.waves.QRS.OK = 10, 40, true
		a.axis(tracing.QRSAxis, a.waves.QRS)
		if got, _ := a.value(tracing.QRSAxis); math.Abs(got-want) > 1 {
			t.Errorf("axis %g, want %g", got, want)
		}
	}
}

func TestCorrectedQT(t *testing.T) {
	a := &analysis{result: &Result{}}
	a.corrected(400, 0.64)
	for code, want := range map[string]float64{
		tracing.QTcBazett: 500, tracing.QTcFrideric: 464, tracing.QTcFraming: 455, tracing.QTcHodges: 459,
	} {
		if got, _ := a.value(code); got != want {
			t.Errorf("%s %g, want %g", code, got, want)
		}
	}
}

func TestThresholdsOfElevationByAgeAndSex(t *testing.T) {
	for _, c := range []struct {
		lead tracing.Code
		sex  string
		age  float64
		want float64
	}{
		{tracing.LeadV2, "M", 60, 200},
		{tracing.LeadV3, "M", 30, 250},
		{tracing.LeadV2, "F", 60, 150},
		{tracing.LeadV2, "", 0, 200},
		{tracing.LeadV4, "M", 30, 100},
		{tracing.LeadII, "F", 30, 100},
		{tracing.LeadV8, "F", 60, 50},
		{tracing.LeadV8, "M", 30, 100},
		{tracing.LeadV4R, "M", 25, 100},
		{tracing.LeadV4R, "M", 60, 50},
	} {
		if got := elevationUV(c.lead, tracing.Patient{Sex: c.sex, AgeYears: c.age}); got != c.want {
			t.Errorf("%s %s %g: %g, want %g", c.lead.Label(), c.sex, c.age, got, c.want)
		}
	}
}

func TestContiguousLeads(t *testing.T) {
	for _, c := range []struct {
		name       string
		high, want []tracing.Code
	}{
		{"one lead is not enough", []tracing.Code{tracing.LeadV2}, nil},
		{"beside each other", []tracing.Code{tracing.LeadV2, tracing.LeadV3}, []tracing.Code{tracing.LeadV2, tracing.LeadV3}},
		{"apart", []tracing.Code{tracing.LeadV2, tracing.LeadV4}, nil},
		{"inferior", []tracing.Code{tracing.LeadIII, tracing.LeadAVF}, []tracing.Code{tracing.LeadAVF, tracing.LeadIII}},
		{"a limb lead and a chest lead", []tracing.Code{tracing.LeadIII, tracing.LeadV1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := neighbours(func(l tracing.Code) bool { return slices.Contains(c.high, l) })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func FuzzAnalyse(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 0, 9}, 500, 2, 20)
	f.Add([]byte("an electrocardiogram that is none"), 100, 12, 100)
	f.Fuzz(func(t *testing.T, b []byte, rate, leads, times int) {
		if len(b) == 0 || len(b) > 1000 || rate < 1 || rate > 1000 || leads < 1 || leads > 12 || times < 1 || times > 100 {
			return
		}
		tr := whole(int64(rate))
		for l := range leads {
			samples := make([]int32, len(b)*times)
			for i := range samples {
				samples[i] = int32(b[(i+l)%len(b)]) << (i % 7)
				if samples[i] == 0 {
					samples[i] = tracing.Missing
				}
			}
			tr.Groups[0].Leads = append(tr.Groups[0].Leads, lead(tracing.Twelve[l], samples))
		}
		r, err := Analyse(tr)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Measurements {
			if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
				t.Errorf("%s is %g", m.Code, m.Value)
			}
		}
	})
}

func BenchmarkAnalyse(b *testing.B) {
	tr := synth.Make(synth.Spec{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Analyse(tr); err != nil {
			b.Fatal(err)
		}
	}
}
