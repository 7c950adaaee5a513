package critical

import (
	"slices"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// TestMadeTracingsRaiseWhatTheyMust goes the whole way: samples, analysis, rules.
func TestMadeTracingsRaiseWhatTheyMust(t *testing.T) {
	for _, tt := range []struct {
		kind synth.Kind
		want []string // one of them; none: no alarm at all
	}{
		{synth.Normal, nil},
		{synth.SinusBradycardia, nil},
		{synth.SinusTachycardia, nil},
		{synth.AVBlock1, nil},
		{synth.RBBB, nil},
		{synth.LBBB, nil},
		{synth.PVCs, nil},
		{synth.LeadOff, nil},
		{synth.LimbReversal, nil},
		{synth.STEMIAnterior, []string{"stemi"}},
		{synth.STEMIInferior, []string{"stemi"}},
		{synth.VF, []string{"vf"}},
		{synth.VT, []string{"vt", "vt-run", "vf", "wide-tachycardia"}},
		{synth.SVT, []string{"svt"}},
		{synth.Pause, []string{"pause"}},
		{synth.LongQT, []string{"long-qtc"}},
	} {
		for seed := range uint64(8) {
			s := synth.Spec{Kind: tt.kind, Seed: seed, NoiseUV: 8, WanderUV: 40, MainsUV: 4}
			s.Patient.AgeYears, s.Patient.Sex = 62, "M"
			r, err := measure.Analyse(synth.Make(s))
			if err != nil {
				t.Errorf("%s %d: %v", tt.kind, seed, err)
				continue
			}
			got := ids(Default().Evaluate(FactsOf(r, s.Patient, nil)))
			one := slices.ContainsFunc(got, func(id string) bool { return slices.Contains(tt.want, id) })
			if len(tt.want) == 0 && len(got) > 0 || len(tt.want) > 0 && !one {
				t.Errorf("%s %d: alarms %v, want %v", tt.kind, seed, got, tt.want)
			}
		}
	}
}
