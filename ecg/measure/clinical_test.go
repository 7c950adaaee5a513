package measure

import (
	"math"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// clinicalSeeds is how many persons of each kind are looked at, with clean and with disturbed leads.
const clinicalSeeds = 20

type counts map[finding.Code]int

// clinical is what a cardiologist would read: must are findings in at least so many of the persons, may those in at most so many. Every finding that
// is in neither must not be given to any.
var clinical = []struct {
	kind synth.Kind
	must counts
	may  counts
}{
	{synth.Normal, counts{finding.SinusRhythm: 20}, nil},
	{synth.SinusBradycardia, counts{finding.SinusRhythm: 20, finding.Bradycardia: 20}, nil},
	{synth.SinusTachycardia, counts{finding.SinusRhythm: 20, finding.Tachycardia: 20}, nil},
	{synth.AtrialFibrillation, counts{finding.AtrialFibrillation: 20}, counts{finding.Tachycardia: 20, finding.LongQT: 2, finding.PathologicalQ: 2}},
	{synth.AtrialFlutter, counts{finding.AtrialFlutter: 18}, counts{finding.SinusRhythm: 2, finding.Irregular: 2, finding.LongQT: 2, finding.PathologicalQ: 2}},
	{
		synth.STEMIAnterior,
		counts{finding.SinusRhythm: 20, finding.STElevation: 20, finding.PathologicalQ: 18},
		counts{finding.STDepression: 20, finding.TallT: 20}, // of the inferior leads; of the first hours
	},
	{
		synth.STEMIInferior,
		counts{finding.SinusRhythm: 20, finding.STElevation: 20, finding.STDepression: 18},
		counts{finding.TallT: 20, finding.PathologicalQ: 20, finding.LowVoltage: 2},
	},
	{synth.AVBlock1, counts{finding.SinusRhythm: 20, finding.AVBlock1: 20}, nil},
	{
		synth.AVBlock2, counts{finding.AVBlock2: 20, finding.RightBundle: 9}, // Mobitz II with a bundle branch block in half
		counts{finding.SinusRhythm: 20, finding.Irregular: 20, finding.Bradycardia: 20, finding.RightAxis: 5},
	},
	{synth.AVBlock3, counts{finding.AVBlock3: 20, finding.Bradycardia: 20, finding.WideQRS: 9}, counts{finding.WideQRS: 10}},
	{synth.LBBB, counts{finding.LeftBundle: 20, finding.SinusRhythm: 19}, nil},
	{synth.RBBB, counts{finding.RightBundle: 20, finding.SinusRhythm: 20}, counts{finding.RightAxis: 8}},
	{synth.PVCs, counts{finding.PVC: 20, finding.SinusRhythm: 19}, nil},
	{
		// Half have the tachycardia from end to end, half a run of it in a sinus rhythm.
		synth.VT,
		counts{finding.VentricularT: 18},
		counts{
			finding.VentricularFlutter: 2, finding.Unmeasurable: 2, finding.Tachycardia: 20, finding.WideQRS: 10, finding.PVC: 11,
			finding.SinusRhythm: 10,
		},
	},
	{synth.VF, counts{finding.VentricularFlutter: 20, finding.Unmeasurable: 20}, nil},
	{
		synth.Pause,
		counts{finding.Pause: 20, finding.SinusRhythm: 18},
		counts{finding.Bradycardia: 20, finding.Irregular: 20},
	},
	{synth.Paced, counts{finding.Paced: 20, finding.WideQRS: 20, finding.SinusRhythm: 9}, counts{finding.SinusRhythm: 10, finding.AtrialFibrillation: 1}},
	{synth.LimbReversal, counts{finding.LimbReversal: 20, finding.SinusRhythm: 20}, counts{finding.RightAxis: 20}},
	{synth.LeadOff, counts{finding.LeadOff: 20, finding.SinusRhythm: 20}, nil},
	{synth.HyperK, counts{finding.TallT: 19, finding.WideQRS: 20, finding.Bradycardia: 20}, counts{finding.AVBlock3: 1}},
	{synth.STDepression, counts{finding.STDepression: 20, finding.SinusRhythm: 20}, nil},
	{synth.LongQT, counts{finding.LongQT: 20, finding.SinusRhythm: 20}, counts{finding.Bradycardia: 20}},
	{synth.SVT, counts{finding.SupraventricularT: 20, finding.Tachycardia: 20}, nil},
}

// leadsAre are recordings without and with disturbance, microvolts.
var leadsAre = []struct {
	name                string
	noise, wander, hums float64
}{
	{"clean", 0, 0, 0},
	{"disturbed", 8, 40, 4},
}

func TestFindingsOfEachKindOfHeart(t *testing.T) {
	if len(clinical) != len(synth.Kinds) {
		t.Errorf("%d kinds in the table, %d there are", len(clinical), len(synth.Kinds))
	}
	for _, q := range leadsAre {
		for _, c := range clinical {
			t.Run(q.name+" "+string(c.kind), func(t *testing.T) {
				got := counts{}
				for seed := range uint64(clinicalSeeds) {
					s := synth.Spec{Kind: c.kind, Seed: seed, NoiseUV: q.noise, WanderUV: q.wander, MainsUV: q.hums}
					s.Patient.AgeYears, s.Patient.Sex = 62, "M"
					r := analyse(t, synth.Make(s))
					for code := range codesOf(r) {
						got[code]++
					}
					contradictions(t, c.kind, seed, r)
				}
				for code, least := range c.must {
					if got[code] < least {
						t.Errorf("%s in %d of %d, want %d", code, got[code], clinicalSeeds, least)
					}
				}
				for code, n := range got {
					if most, ok := c.may[code]; n > most && (ok || c.must[code] == 0) {
						t.Errorf("%s in %d of %d, want at most %d", code, n, clinicalSeeds, most)
					}
				}
			})
		}
	}
}

func codesOf(r *Result) map[finding.Code]bool {
	out := map[finding.Code]bool{}
	for _, f := range r.Findings {
		out[f.Code] = true
	}
	return out
}

// excluding are findings of the whole recording that cannot both be true.
var excluding = [][2]finding.Code{
	{finding.SinusRhythm, finding.AtrialFibrillation},
	{finding.SinusRhythm, finding.AtrialFlutter},
	{finding.SinusRhythm, finding.AVBlock3},
	{finding.SinusRhythm, finding.VentricularFlutter},
	{finding.SinusRhythm, finding.SupraventricularT},
	{finding.AtrialFibrillation, finding.AtrialFlutter},
	{finding.AtrialFibrillation, finding.AVBlock1},
	{finding.AtrialFlutter, finding.AVBlock1},
	{finding.AtrialFlutter, finding.LongQT},
	{finding.AtrialFlutter, finding.PathologicalQ},
	{finding.AVBlock3, finding.AVBlock1},
	{finding.VentricularFlutter, finding.STElevation},
	{finding.VentricularFlutter, finding.LongQT},
	{finding.Paced, finding.STElevation},
	{finding.Paced, finding.LeftAxis},
	{finding.Paced, finding.LeftBundle},
	{finding.LeftBundle, finding.RightBundle},
	{finding.LeftBundle, finding.PathologicalQ},
	{finding.Bradycardia, finding.Tachycardia},
}

func contradictions(t *testing.T, k synth.Kind, seed uint64, r *Result) {
	t.Helper()
	codes := codesOf(r)
	for _, pair := range excluding {
		if codes[pair[0]] && codes[pair[1]] {
			t.Errorf("%s %d: %s and %s", k, seed, pair[0], pair[1])
		}
	}
	for _, m := range r.Measurements {
		noP := codes[finding.AtrialFibrillation] || codes[finding.AtrialFlutter] || codes[finding.AVBlock3] || codes[finding.SupraventricularT]
		if noP && (m.Code == tracing.PRInterval || m.Code == tracing.PDuration || m.Code == tracing.PAmplitude) {
			t.Errorf("%s %d: %s %g without a P wave that leads to a beat", k, seed, m.Code, m.Value)
		}
		if math.Signbit(m.Value) && m.Value == 0 {
			t.Errorf("%s %d: %s is minus zero", k, seed, m.Code)
		}
	}
}

func TestQSInV1IsItsDepth(t *testing.T) {
	for _, kind := range []synth.Kind{synth.STEMIAnterior, synth.LBBB, synth.Normal} {
		for seed := range uint64(6) {
			s := synth.Spec{Kind: kind, Seed: seed}
			truth, r := synth.Truth(s).Global, analyse(t, synth.Make(s))
			sv1, rv5 := value(t, r, tracing.SV1), value(t, r, tracing.RV5)
			if math.Abs(sv1+truth.SV1UV) > 40+0.08*sv1 {
				t.Errorf("%s %d: S of V1 %g, want %.0f", kind, seed, sv1, -truth.SV1UV)
			}
			if sum := value(t, r, tracing.RV5PlusSV1); sum != rv5+sv1 {
				t.Errorf("%s %d: sum %g of %g and %g", kind, seed, sum, rv5, sv1)
			}
		}
	}
}

func TestALevelLineIsNoElectrodeOff(t *testing.T) {
	for _, kind := range []synth.Kind{synth.STEMIAnterior, synth.LBBB, synth.Paced, synth.AVBlock3} {
		for seed := range uint64(6) {
			if f, off := lookup(analyse(t, synth.Make(synth.Spec{Kind: kind, Seed: seed})), finding.LeadOff); off {
				t.Errorf("%s %d: %v off", kind, seed, f.Leads)
			}
		}
	}
}

func TestBeatCutByTheEndIsNotVentricular(t *testing.T) {
	tr, truth := synth.Make(synth.Spec{Kind: synth.LBBB}), synth.Truth(synth.Spec{Kind: synth.LBBB})
	rate := tr.Rhythm().Rate.Float()
	from := int(truth.Beats[1].At.Seconds() * rate)
	for i := range tr.Rhythm().Leads {
		l := &tr.Rhythm().Leads[i]
		l.Samples = l.Samples[from:]
	}
	if r := analyse(t, tr); found(r, finding.PVC) {
		t.Errorf("findings %v", r.Findings)
	}
}
