package critical

import (
	"slices"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// madeSeeds is how many persons of each kind are looked at.
const madeSeeds = 20

type raised map[string]int

// made is what wakes a clinic: must are alarms of one of which each of at least so many persons has, may those that so many may have besides. Any other
// alarm is false.
var made = []struct {
	kind  synth.Kind
	must  []string
	least int
	may   raised
}{
	{synth.Normal, nil, 0, nil},
	{synth.SinusBradycardia, nil, 0, nil},
	{synth.SinusTachycardia, nil, 0, nil},
	{synth.AtrialFibrillation, nil, 0, nil},
	{synth.AtrialFlutter, nil, 0, nil},
	{synth.STEMIAnterior, []string{"stemi"}, 20, nil},
	{synth.STEMIInferior, []string{"stemi"}, 20, nil},
	{synth.AVBlock1, nil, 0, nil},
	{synth.AVBlock2, nil, 0, nil},
	{synth.AVBlock3, []string{"av-block-3"}, 20, raised{"bradycardia": 2}}, // at 36/min, the limit is 35
	{synth.LBBB, nil, 0, nil},
	{synth.RBBB, nil, 0, nil},
	{synth.PVCs, nil, 0, nil},
	{synth.VT, []string{"vt", "vt-run", "vf", "wide-tachycardia"}, 20, nil},
	{synth.VF, []string{"vf"}, 20, nil},
	{synth.Pause, []string{"pause"}, 20, nil},
	{synth.Paced, nil, 0, nil},
	{synth.LimbReversal, nil, 0, nil},
	{synth.LeadOff, nil, 0, nil},
	{synth.HyperK, nil, 0, raised{"av-block-3": 1}},
	{synth.STDepression, nil, 0, nil},
	{synth.LongQT, []string{"long-qtc"}, 20, nil},
	{synth.SVT, []string{"svt"}, 20, nil},
}

// TestMadeTracingsRaiseWhatTheyMust goes the whole way: samples, analysis, rules.
func TestMadeTracingsRaiseWhatTheyMust(t *testing.T) {
	if len(made) != len(synth.Kinds) {
		t.Errorf("%d kinds in the table, %d there are", len(made), len(synth.Kinds))
	}
	for _, tt := range made {
		t.Run(string(tt.kind), func(t *testing.T) {
			got, right := raised{}, 0
			for seed := range uint64(madeSeeds) {
				ids := alarmsOf(t, tt.kind, seed)
				one := false
				for _, id := range ids {
					got[id]++
				}
				for _, id := range tt.must {
					one = one || slices.Contains(ids, id)
				}
				if one {
					right++
				}
			}
			if right < tt.least {
				t.Errorf("one of %v in %d of %d, want %d", tt.must, right, madeSeeds, tt.least)
			}
			for id, n := range got {
				if !slices.Contains(tt.must, id) && n > tt.may[id] {
					t.Errorf("%s in %d of %d, want at most %d", id, n, madeSeeds, tt.may[id])
				}
			}
		})
	}
}

func alarmsOf(t *testing.T, k synth.Kind, seed uint64) []string {
	t.Helper()
	s := synth.Spec{Kind: k, Seed: seed, NoiseUV: 8, WanderUV: 40, MainsUV: 4}
	s.Patient.AgeYears, s.Patient.Sex = 62, "M"
	r, err := measure.Analyse(synth.Make(s))
	if err != nil {
		t.Fatalf("%s %d: %v", k, seed, err)
	}
	return ids(Default().Evaluate(FactsOf(r, s.Patient, nil)))
}

// TestFastHeartsWithABlockRaiseNoInfarction: a bundle branch block is one at every rate.
func TestFastHeartsWithABlockRaiseNoInfarction(t *testing.T) {
	for _, k := range []synth.Kind{synth.LBBB, synth.RBBB} {
		for _, rate := range []float64{55, 95, 110} {
			for seed := range uint64(8) {
				r, err := measure.Analyse(synth.Make(synth.Spec{Kind: k, Seed: seed, HeartRate: rate, NoiseUV: 8}))
				if err != nil {
					t.Fatal(err)
				}
				if got := ids(Default().Evaluate(FactsOf(r, synth.Spec{}.Patient, nil))); len(got) > 0 {
					t.Errorf("%s %d at %g: %v", k, seed, rate, got)
				}
			}
		}
	}
}
