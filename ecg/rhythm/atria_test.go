package rhythm_test

import (
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/rhythm"
)

// TestAtriaOfManyPersons wants a finding in most of twenty persons, others in none or hardly any.
func TestAtriaOfManyPersons(t *testing.T) {
	for _, tc := range []struct {
		name    string
		spec    synth.Spec
		even    bool // only even seeds
		want    finding.Code
		least   int
		without []finding.Code
		most    int // of each of without
	}{
		{
			"flutter at a fixed ratio is no sinus rhythm",
			synth.Spec{Kind: synth.AtrialFlutter, NoiseUV: 8},
			true,
			finding.AtrialFlutter, 9,
			[]finding.Code{finding.SinusRhythm, finding.AVBlock3},
			1,
		},
		{
			"a tachycardia of one shape is no fibrillation",
			synth.Spec{Kind: synth.VT, NoiseUV: 8},
			true,
			finding.VentricularT, 9,
			[]finding.Code{finding.VentricularFlutter, finding.SinusRhythm},
			1,
		},
		{
			"fibrillating ventricles have nothing else",
			synth.Spec{Kind: synth.VF},
			false,
			finding.VentricularFlutter, 20,
			[]finding.Code{finding.VentricularT, finding.PVC, finding.Tachycardia, finding.Bradycardia, finding.Pause},
			0,
		},
		{
			"extrasystoles leave a sinus rhythm",
			synth.Spec{Kind: synth.PVCs, NoiseUV: 8},
			false,
			finding.SinusRhythm, 19,
			[]finding.Code{finding.AtrialFibrillation, finding.AVBlock2, finding.AVBlock3},
			0,
		},
		{
			"mains and noise are no P waves",
			synth.Spec{Kind: synth.HyperK, NoiseUV: 8, WanderUV: 40, MainsUV: 6},
			false,
			finding.Bradycardia, 20,
			[]finding.Code{finding.SinusRhythm, finding.AVBlock3, finding.AtrialFibrillation},
			1,
		},
		{
			"a paced ventricle without atrial activity",
			synth.Spec{Kind: synth.Paced, NoiseUV: 8, WanderUV: 40, MainsUV: 4},
			false,
			finding.Paced, 20,
			[]finding.Code{finding.AtrialFibrillation, finding.AtrialFlutter, finding.AVBlock3},
			1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := map[finding.Code]int{}
			for seed := range uint64(20) {
				if tc.even && seed%2 == 1 {
					continue
				}
				tc.spec.Seed = seed
				for _, c := range codes(rhythm.Find(input(tc.spec))) {
					got[c]++
				}
			}
			if got[tc.want] < tc.least {
				t.Errorf("%s in %d, want %d", tc.want, got[tc.want], tc.least)
			}
			for _, c := range tc.without {
				if got[c] > tc.most {
					t.Errorf("%s in %d, want at most %d", c, got[c], tc.most)
				}
			}
		})
	}
}

func TestARunWithinASinusRhythmIsOneTachycardia(t *testing.T) {
	for seed := uint64(1); seed < 20; seed += 2 { // odd seeds begin and end in sinus rhythm
		var vt []finding.Finding
		for _, f := range rhythm.Find(input(synth.Spec{Kind: synth.VT, Seed: seed})) {
			if f.Code == finding.VentricularT {
				vt = append(vt, f)
			}
		}
		if len(vt) != 1 || vt[0].To-vt[0].From > vt[0].To*9/10 {
			t.Errorf("seed %d: %v", seed, vt)
		}
	}
}
