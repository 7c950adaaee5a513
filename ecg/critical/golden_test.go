package critical

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// tracingOf makes an analysis of findings and measurements.
type tracingOf struct {
	findings []finding.Finding
	measures map[string]float64 // name of the vocabulary, "st_j II" for a lead
	length   time.Duration
}

func (x tracingOf) result() *measure.Result {
	r := &measure.Result{Findings: x.findings, Beats: []measure.Beat{{At: max(x.length, 9*time.Second)}}}
	for k, v := range x.measures {
		var name, lead string
		_, _ = fmt.Sscan(k, &name, &lead) // a name alone has no lead
		r.Measurements = append(r.Measurements, tracing.Measurement{Code: measures[name].code, Value: v, Lead: tracing.LeadNamed(lead)})
	}
	return r
}

func found(code finding.Code, evidence ...any) finding.Finding {
	f := finding.Finding{Code: code, Evidence: map[string]float64{}}
	for i := 0; i+1 < len(evidence); i += 2 {
		f.Evidence[evidence[i].(string)] = evidence[i+1].(float64)
	}
	return f
}

func in(f finding.Finding, leads ...tracing.Code) finding.Finding {
	f.Leads = leads
	return f
}

func lasting(f finding.Finding, seconds float64) finding.Finding {
	f.From, f.To = time.Minute, time.Minute+time.Duration(seconds*float64(time.Second))
	return f
}

func all(f ...finding.Finding) []finding.Finding { return f }

var (
	inferior = []tracing.Code{tracing.LeadII, tracing.LeadIII, tracing.LeadAVF}
	anterior = []tracing.Code{tracing.LeadV2, tracing.LeadV3}
	six      = []tracing.Code{tracing.LeadI, tracing.LeadII, tracing.LeadV3, tracing.LeadV4, tracing.LeadV5, tracing.LeadV6}
	normal   = map[string]float64{"heart_rate": 72, "pr": 160, "qrs": 90, "qtc_bazett": 420, "qtc_fridericia": 415, "rr_longest": 900, "rr_shortest": 780}
)

type m = map[string]float64

// but is normal with some measurements changed.
func but(change m) m {
	out := m{}
	for k, v := range normal {
		out[k] = v
	}
	for k, v := range change {
		out[k] = v
	}
	return out
}

const day = 24 * time.Hour

// golden is what the default pack says: every rule at, above and below each of its numbers, and with each of its conditions
// missing. The mutation test takes it as the proof that each word of the pack matters.
var golden = []struct {
	name     string
	now      tracingOf
	before   *tracingOf
	alarms   []string
	suggests []string
}{
	{name: "a normal tracing", now: tracingOf{findings: all(found(finding.SinusRhythm)), measures: normal}},
	{name: "nothing measured", now: tracingOf{}},

	{name: "first ST elevation", now: tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 220.), anterior...))}, alarms: []string{"stemi"}},
	{
		name: "the same ST elevation as before", now: tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 220.), anterior...))},
		before: &tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 210.), anterior...))},
	},
	{
		name: "ST elevation of other leads", now: tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 220.), anterior...))},
		before: &tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 210.), inferior...))}, alarms: []string{"stemi"},
	},
	{
		name: "ST elevation grown by 100", now: tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 310.), anterior...))},
		before: &tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 210.), anterior...))}, alarms: []string{"stemi"},
	},
	{
		name: "ST elevation grown by 99.5", now: tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 309.5), anterior...))},
		before: &tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 210.), anterior...))},
	},
	{
		name: "ST elevation after a tracing without", now: tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 220.), anterior...))},
		before: &tracingOf{findings: all(found(finding.SinusRhythm))}, alarms: []string{"stemi"},
	},
	{
		name: "ST elevation of a new left bundle branch block", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.LeftBundle))},
		suggests: []string{"bundle-block-infarction"},
	},
	{
		name: "ST elevation of a known left bundle branch block", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.LeftBundle))},
		before: &tracingOf{findings: all(found(finding.LeftBundle))},
	},
	{name: "left bundle branch block alone", now: tracingOf{findings: all(found(finding.LeftBundle))}},
	{
		name: "ST elevation of pacing", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.Paced))},
		suggests: []string{"bundle-block-infarction"},
	},
	{
		name: "ST elevation of ventricular tachycardia", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), lasting(found(finding.VentricularT, "rate", 140.), 5))},
		alarms: []string{"vt-run"},
	},
	{
		name: "ST elevation with a run of ventricular tachycardia", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), lasting(found(finding.VentricularT, "rate", 140.), 4.5))},
		alarms: []string{"stemi", "vt-run"},
	},
	{
		name: "QTcF 550 with a run of VT", now: tracingOf{findings: all(lasting(found(finding.VentricularT, "rate", 140.), 4.5)), measures: m{"qtc_fridericia": 550}},
		alarms: []string{"long-qtc", "vt-run"},
	},
	{
		name: "ST elevation of ventricular flutter", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.VentricularFlutter))},
		alarms: []string{"vf"},
	},

	{
		name: "ST elevation of known pacing", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.Paced))},
		before: &tracingOf{findings: all(found(finding.Paced))}, suggests: []string{"bundle-block-infarction"},
	},
	{
		name: "known ST elevation of known pacing", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.Paced))},
		before: &tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.Paced))}, suggests: []string{"bundle-block-infarction"},
	},
	{
		name: "ST elevation of known ventricular tachycardia", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), lasting(found(finding.VentricularT, "rate", 140.), 5))},
		before: &tracingOf{findings: all(lasting(found(finding.VentricularT), 5))}, alarms: []string{"vt-run"},
	},
	{
		name: "ST elevation of known ventricular flutter", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...), found(finding.VentricularFlutter))},
		before: &tracingOf{findings: all(found(finding.VentricularFlutter))}, alarms: []string{"vf"},
	},
	{
		name: "ST elevation far higher than another one, of the same leads", now: tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 420.), anterior...))},
		before: &tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 300.), anterior...), in(found(finding.STElevation, "st_uv", 310.), inferior...))},
		alarms: []string{"stemi"},
	},

	{name: "ventricular fibrillation", now: tracingOf{findings: all(found(finding.VentricularFlutter))}, alarms: []string{"vf"}},

	{name: "VT at 150", now: tracingOf{findings: all(found(finding.VentricularT, "rate", 150.))}, alarms: []string{"vt"}},
	{name: "VT at 149.5", now: tracingOf{findings: all(found(finding.VentricularT, "rate", 149.5))}, alarms: []string{"vt-run"}},
	{name: "VT of unknown rate", now: tracingOf{findings: all(found(finding.VentricularT))}, alarms: []string{"vt-run"}},
	{name: "VT in a Holter, short", now: tracingOf{findings: all(lasting(found(finding.VentricularT, "rate", 190.), 29.5)), length: day}, alarms: []string{"vt-run"}},
	{name: "VT in a Holter, 30 s", now: tracingOf{findings: all(lasting(found(finding.VentricularT, "rate", 120.), 30)), length: day}, alarms: []string{"vt"}},

	{name: "wide at 150", now: tracingOf{measures: m{"heart_rate": 150, "qrs": 120}}, alarms: []string{"wide-tachycardia"}},
	{name: "wide at 149.5", now: tracingOf{measures: m{"heart_rate": 149.5, "qrs": 120}}},
	{name: "119.5 ms at 150", now: tracingOf{measures: m{"heart_rate": 150, "qrs": 119.5}}},
	{name: "wide at 150 in a Holter", now: tracingOf{measures: m{"heart_rate": 150, "qrs": 120}, length: day}},
	{name: "wide at 150, paced", now: tracingOf{findings: all(found(finding.Paced)), measures: m{"heart_rate": 150, "qrs": 120}}},
	{name: "wide at 150, VT", now: tracingOf{findings: all(found(finding.VentricularT, "rate", 150.)), measures: m{"heart_rate": 150, "qrs": 120}}, alarms: []string{"vt"}},
	{name: "wide at 150, VF", now: tracingOf{findings: all(found(finding.VentricularFlutter)), measures: m{"heart_rate": 150, "qrs": 120}}, alarms: []string{"vf"}},
	{
		name: "wide at 150, paced before", now: tracingOf{findings: all(found(finding.Paced)), measures: m{"heart_rate": 150, "qrs": 120}},
		before: &tracingOf{findings: all(found(finding.Paced))},
	},
	{
		name: "ST elevation of a wide tachycardia", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...)), measures: m{"heart_rate": 150, "qrs": 120}},
		alarms: []string{"wide-tachycardia"},
	},
	{
		name: "ST elevation of a wide tachycardia, seen before", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...)), measures: m{"heart_rate": 150, "qrs": 120}},
		before: &tracingOf{measures: m{"heart_rate": 150, "qrs": 120}}, alarms: []string{"wide-tachycardia"},
	},
	{
		name: "ST elevation of a narrow tachycardia", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...)), measures: m{"heart_rate": 150, "qrs": 119.5}},
		alarms: []string{"stemi"},
	},
	{
		name: "ST elevation of a wide slower rhythm", now: tracingOf{findings: all(in(found(finding.STElevation), anterior...)), measures: m{"heart_rate": 149.5, "qrs": 120}},
		alarms: []string{"stemi"},
	},
	{name: "SVT at 200", now: tracingOf{findings: all(found(finding.SupraventricularT, "rate", 200.))}, alarms: []string{"svt"}},
	{name: "SVT at 199.5", now: tracingOf{findings: all(found(finding.SupraventricularT, "rate", 199.5))}},

	{name: "AF at 200", now: tracingOf{findings: all(found(finding.AtrialFibrillation, "rate", 200.))}, alarms: []string{"af-fast"}},
	{name: "AF at 199.5", now: tracingOf{findings: all(found(finding.AtrialFibrillation, "rate", 199.5))}},
	{name: "AFL at 200", now: tracingOf{findings: all(found(finding.AtrialFlutter, "rate", 200.))}, alarms: []string{"af-fast"}},
	{name: "AFL at 199.5", now: tracingOf{findings: all(found(finding.AtrialFlutter, "rate", 199.5))}},
	{name: "AF, heart rate 200", now: tracingOf{findings: all(found(finding.AtrialFibrillation)), measures: m{"heart_rate": 200}}, alarms: []string{"af-fast"}},
	{name: "AF, heart rate 199.5", now: tracingOf{findings: all(found(finding.AtrialFibrillation)), measures: m{"heart_rate": 199.5}}},
	{name: "AFL, heart rate 200", now: tracingOf{findings: all(found(finding.AtrialFlutter)), measures: m{"heart_rate": 200}}, alarms: []string{"af-fast"}},
	{name: "AF in a Holter, mean rate 200", now: tracingOf{findings: all(found(finding.AtrialFibrillation)), measures: m{"heart_rate": 200}, length: day}},
	{name: "heart rate 200 alone", now: tracingOf{measures: m{"heart_rate": 200}}},

	{name: "pre-excited AF, RR 250", now: tracingOf{findings: all(found(finding.PreexcitedAF, "rr_min_ms", 250.))}, alarms: []string{"preexcited-af"}},
	{name: "pre-excited AF, RR 250.5", now: tracingOf{findings: all(found(finding.PreexcitedAF, "rr_min_ms", 250.5))}},
	{name: "wide AF, RR 250", now: tracingOf{findings: all(found(finding.AtrialFibrillation)), measures: m{"rr_shortest": 250, "qrs": 120}}, alarms: []string{"preexcited-af"}},
	{name: "wide AF, RR 250.5", now: tracingOf{findings: all(found(finding.AtrialFibrillation)), measures: m{"rr_shortest": 250.5, "qrs": 120}}},
	{name: "AF of 119.5 ms, RR 250", now: tracingOf{findings: all(found(finding.AtrialFibrillation)), measures: m{"rr_shortest": 250, "qrs": 119.5}}},
	{name: "wide, RR 250, no AF", now: tracingOf{measures: m{"rr_shortest": 250, "qrs": 120}}},
	{name: "wide AF in a Holter, one RR of 250", now: tracingOf{findings: all(found(finding.AtrialFibrillation)), measures: m{"rr_shortest": 250, "qrs": 120}, length: day}},

	{name: "heart rate 35", now: tracingOf{measures: but(m{"heart_rate": 35})}, alarms: []string{"bradycardia"}},
	{name: "heart rate 35.5", now: tracingOf{measures: but(m{"heart_rate": 35.5})}},
	{name: "bradycardia of 35", now: tracingOf{findings: all(found(finding.Bradycardia, "rate", 35.))}, alarms: []string{"bradycardia"}},
	{name: "heart rate 35 in VF", now: tracingOf{findings: all(found(finding.VentricularFlutter)), measures: m{"heart_rate": 35}}, alarms: []string{"vf"}},
	{name: "bradycardia of 35 in VF", now: tracingOf{findings: all(found(finding.VentricularFlutter), found(finding.Bradycardia, "rate", 35.))}, alarms: []string{"vf"}},
	{name: "Holter, bradycardia of 35 and VF", now: tracingOf{findings: all(found(finding.VentricularFlutter), found(finding.Bradycardia, "rate", 35.)), length: day}, alarms: []string{"vf", "bradycardia"}},
	{name: "bradycardia of 35.5", now: tracingOf{findings: all(found(finding.Bradycardia, "rate", 35.5))}},

	{name: "first complete block", now: tracingOf{findings: all(found(finding.AVBlock3)), measures: m{"heart_rate": 45}}, alarms: []string{"av-block-3"}},
	{
		name: "known complete block at 40", now: tracingOf{findings: all(found(finding.AVBlock3)), measures: m{"heart_rate": 40}},
		before: &tracingOf{findings: all(found(finding.AVBlock3))},
	},
	{
		name: "known complete block at 39.5", now: tracingOf{findings: all(found(finding.AVBlock3)), measures: m{"heart_rate": 39.5}},
		before: &tracingOf{findings: all(found(finding.AVBlock3))}, alarms: []string{"av-block-3"},
	},
	{
		name: "known complete block, as slow as before", now: tracingOf{findings: all(found(finding.AVBlock3)), measures: m{"heart_rate": 39.5}},
		before: &tracingOf{findings: all(found(finding.AVBlock3)), measures: m{"heart_rate": 39}}, alarms: []string{"av-block-3"},
	},
	{name: "39.5 without block", now: tracingOf{measures: m{"heart_rate": 39.5}}},

	{name: "pause of 3000", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 3000.))}, alarms: []string{"pause"}},
	{name: "pause of 5000", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 5000.))}, alarms: []string{"pause"}},
	{name: "pause of 2999.5", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 2999.5))}},
	{name: "longest RR 3000", now: tracingOf{measures: but(m{"rr_longest": 3000})}, alarms: []string{"pause"}},
	{name: "longest RR 2999.5", now: tracingOf{measures: but(m{"rr_longest": 2999.5})}},
	{name: "Holter, longest RR 3000", now: tracingOf{measures: but(m{"rr_longest": 3000}), length: day}},
	{name: "Holter, one of 4000", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 4000.)), length: day}, alarms: []string{"pause-holter"}},
	{name: "Holter, one of 3999.5", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 3999.5)), length: day}},
	{name: "Holter, three of 3000", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 3000.), found(finding.Pause, "rr_ms", 3000.), found(finding.Pause, "rr_ms", 3000.)), length: day}, alarms: []string{"pause-holter"}},
	{name: "Holter, two of 3000", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 3000.), found(finding.Pause, "rr_ms", 3000.)), length: day}},
	{name: "Holter, two of 3000 and one of 2999.5", now: tracingOf{findings: all(found(finding.Pause, "rr_ms", 3000.), found(finding.Pause, "rr_ms", 3000.), found(finding.Pause, "rr_ms", 2999.5)), length: day}},
	{name: "Holter, AF, 5000", now: tracingOf{findings: all(found(finding.AtrialFibrillation), found(finding.Pause, "rr_ms", 5000.)), length: day}, alarms: []string{"pause-holter"}},
	{name: "Holter, AF, 4999.5", now: tracingOf{findings: all(found(finding.AtrialFibrillation), found(finding.Pause, "rr_ms", 4999.5)), length: day}},

	{name: "QTcB 550 at 100", now: tracingOf{measures: m{"heart_rate": 100, "qtc_bazett": 550}}, alarms: []string{"long-qtc"}},
	{name: "QTcB 549.5 at 100", now: tracingOf{measures: m{"heart_rate": 100, "qtc_bazett": 549.5}}},
	{name: "QTcB 550 at 100.5", now: tracingOf{measures: m{"heart_rate": 100.5, "qtc_bazett": 550}}, suggests: nil},
	{name: "QTcF 550", now: tracingOf{measures: m{"qtc_fridericia": 550}}, alarms: []string{"long-qtc"}},
	{name: "QTcF 549.5", now: tracingOf{measures: m{"qtc_fridericia": 549.5}}},
	{name: "QTcF 550 in VT", now: tracingOf{findings: all(lasting(found(finding.VentricularT, "rate", 150.), 5)), measures: m{"qtc_fridericia": 550}}, alarms: []string{"vt"}},
	{name: "QTcF 550 in VF", now: tracingOf{findings: all(found(finding.VentricularFlutter)), measures: m{"qtc_fridericia": 550}}, alarms: []string{"vf"}},
	{name: "QTcF 550 of a paced ventricle", now: tracingOf{findings: all(found(finding.Paced)), measures: m{"qtc_fridericia": 550}}},
	{name: "R on T with QTc 500", now: tracingOf{findings: all(found(finding.RonT)), measures: m{"qtc_bazett": 500}}, alarms: []string{"long-qtc-r-on-t"}, suggests: []string{"r-on-t"}},
	{name: "R on T with QTc 499.5", now: tracingOf{findings: all(found(finding.RonT)), measures: m{"qtc_bazett": 499.5}}, suggests: []string{"r-on-t"}},
	{name: "QTc 500 alone", now: tracingOf{measures: m{"qtc_bazett": 500}}},

	{
		name: "depression of six leads with aVR up", now: tracingOf{findings: all(in(found(finding.STDepression), six...)), measures: m{"st_j aVR": 100}},
		suggests: []string{"stemi-equivalent"},
	},
	{name: "depression of five leads with aVR up", now: tracingOf{findings: all(in(found(finding.STDepression), six[1:]...)), measures: m{"st_j aVR": 100}}},
	{name: "depression of six leads, aVR 99.5", now: tracingOf{findings: all(in(found(finding.STDepression), six...)), measures: m{"st_j aVR": 99.5}}},
	{name: "aVR up alone", now: tracingOf{measures: m{"st_j aVR": 100}}},
	{name: "V1 and V4 down 100", now: tracingOf{measures: m{"st_j V1": -100, "st_j V4": -100}}, suggests: []string{"stemi-equivalent"}},
	{name: "V2 and V3 down 100", now: tracingOf{measures: m{"st_j V2": -100, "st_j V3": -100}}, suggests: []string{"stemi-equivalent"}},
	{name: "V2 down 100, V3 down 99.5", now: tracingOf{measures: m{"st_j V2": -100, "st_j V3": -99.5}}},
	{name: "V5 and V6 down 100", now: tracingOf{measures: m{"st_j V5": -100, "st_j V6": -100}}},
	{name: "new tall T", now: tracingOf{findings: all(found(finding.TallT))}, suggests: []string{"hyperkalaemia"}},
	{name: "new tall T with ST elevation", now: tracingOf{findings: all(found(finding.TallT), in(found(finding.STElevation), anterior...))}, alarms: []string{"stemi"}},
	{
		name: "new tall T with known ST elevation", now: tracingOf{findings: all(found(finding.TallT), in(found(finding.STElevation), anterior...))},
		before: &tracingOf{findings: all(in(found(finding.STElevation), anterior...))},
	},
	{name: "known tall T", now: tracingOf{findings: all(found(finding.TallT))}, before: &tracingOf{findings: all(found(finding.TallT))}},
	{name: "wide without P at 60", now: tracingOf{findings: all(found(finding.WideQRS)), measures: m{"heart_rate": 60}}, suggests: []string{"hyperkalaemia"}},
	{
		name: "wide without P, as before", now: tracingOf{findings: all(found(finding.WideQRS)), measures: m{"heart_rate": 60}},
		before: &tracingOf{findings: all(found(finding.WideQRS)), measures: m{"heart_rate": 60}}, suggests: []string{"hyperkalaemia"},
	},
	{
		name: "wide in sinus rhythm, as before", now: tracingOf{findings: all(found(finding.WideQRS), found(finding.SinusRhythm)), measures: m{"heart_rate": 60}},
		before: &tracingOf{findings: all(found(finding.SinusRhythm))},
	},
	{name: "wide without P at 60.5", now: tracingOf{findings: all(found(finding.WideQRS)), measures: m{"heart_rate": 60.5}}},
	{name: "wide sinus rhythm at 60", now: tracingOf{findings: all(found(finding.WideQRS), found(finding.SinusRhythm)), measures: m{"heart_rate": 60}}},
	{name: "60 without P", now: tracingOf{measures: m{"heart_rate": 60}}},
	{name: "long QT and ST depression", now: tracingOf{findings: all(found(finding.LongQT), found(finding.STDepression))}, suggests: []string{"hypokalaemia"}},
	{name: "long QT", now: tracingOf{findings: all(found(finding.LongQT))}},
	{name: "ST depression", now: tracingOf{findings: all(found(finding.STDepression))}},
	{name: "second degree block at 50", now: tracingOf{findings: all(found(finding.AVBlock2)), measures: m{"heart_rate": 50}}, suggests: []string{"high-grade-block"}},
	{name: "second degree block at 50.5", now: tracingOf{findings: all(found(finding.AVBlock2)), measures: m{"heart_rate": 50.5}}},
	{name: "heart rate 50", now: tracingOf{measures: m{"heart_rate": 50}}},
	{name: "new right axis at 100", now: tracingOf{findings: all(found(finding.RightAxis)), measures: m{"heart_rate": 100}}, suggests: []string{"pulmonary-embolism"}},
	{name: "new right axis at 99.5", now: tracingOf{findings: all(found(finding.RightAxis)), measures: m{"heart_rate": 99.5}}},
	{name: "known right axis at 100", now: tracingOf{findings: all(found(finding.RightAxis)), measures: m{"heart_rate": 100}}, before: &tracingOf{findings: all(found(finding.RightAxis))}},
	{name: "new right block at 100", now: tracingOf{findings: all(found(finding.RightBundle)), measures: m{"heart_rate": 100}}, suggests: []string{"pulmonary-embolism"}},
	{name: "known right block at 100", now: tracingOf{findings: all(found(finding.RightBundle)), measures: m{"heart_rate": 100}}, before: &tracingOf{findings: all(found(finding.RightBundle))}},
	{
		name: "new right axis, as fast as before", now: tracingOf{findings: all(found(finding.RightAxis)), measures: m{"heart_rate": 100}},
		before: &tracingOf{measures: m{"heart_rate": 100}}, suggests: []string{"pulmonary-embolism"},
	},
	{name: "heart rate 100", now: tracingOf{measures: m{"heart_rate": 100}}},
	{
		name: "several, the most urgent first", now: tracingOf{findings: all(found(finding.VentricularT, "rate", 120.), found(finding.AVBlock3)), measures: m{"heart_rate": 35}},
		alarms: []string{"bradycardia", "av-block-3", "vt-run"},
	},
}

func ids(as []Alarm) []string {
	var out []string
	for _, a := range as {
		out = append(out, a.Rule)
	}
	return out
}

// wrong names the rows of the table that a pack gets wrong.
func wrong(p *Pack) []string {
	var out []string
	for _, g := range golden {
		var before *measure.Result
		if g.before != nil {
			before = g.before.result()
		}
		f := FactsOf(g.now.result(), tracing.Patient{AgeYears: 60, Sex: "M"}, before)
		if a, s := ids(p.Evaluate(f)), ids(p.Suggest(f)); !slices.Equal(a, g.alarms) || !slices.Equal(s, g.suggests) {
			out = append(out, fmt.Sprintf("%s: alarms %v, want %v; suggests %v, want %v", g.name, a, g.alarms, s, g.suggests))
		}
		out = append(out, wrongAgain(p, g.name, g.now.result(), append(slices.Clone(g.alarms), g.suggests...))...)
	}
	return out
}

// firstOnly are the rules that ask for what is new; all others say the same again of the same tracing.
var firstOnly = []string{"stemi", "av-block-3", "bundle-block-infarction", "hyperkalaemia", "pulmonary-embolism"}

func wrongAgain(p *Pack, name string, r *measure.Result, want []string) []string {
	f := FactsOf(r, tracing.Patient{}, r)
	got := append(ids(p.Evaluate(f)), ids(p.Suggest(f))...)
	first := func(id string) bool { return slices.Contains(firstOnly, id) }
	got, want = slices.DeleteFunc(got, first), slices.DeleteFunc(want, first)
	if slices.Equal(got, want) {
		return nil
	}
	return []string{fmt.Sprintf("%s, again: %v, want %v", name, got, want)}
}

func TestGolden(t *testing.T) {
	for _, w := range wrong(Default()) {
		t.Error(w)
	}
}

func TestEvidenceIsSaid(t *testing.T) {
	for _, tt := range []struct {
		name   string
		now    tracingOf
		before *tracingOf
		want   Text
	}{
		{"a finding with a number", tracingOf{findings: all(found(finding.VentricularT, "rate", 176.))}, nil, Text{
			"室性心动过速（频率 176 次/分 ≥150）", "ventricular tachycardia (rate 176 /min ≥150)",
		}},
		{"a measurement", tracingOf{measures: m{"heart_rate": 32.4}}, nil, Text{"心率 32.4 次/分（≤35）", "heart rate 32.4 /min (≤35)"}},
		{"leads, without a previous one", tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 320.), anterior...))}, nil, Text{
			"ST段抬高（ST偏移 320 μV，V2 V3，无前次心电图可比）", "ST elevation (ST 320 uV, V2 V3, no previous ECG)",
		}},
		{
			"grown",
			tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 320.), anterior...))},
			&tracingOf{findings: all(in(found(finding.STElevation, "st_uv", 120.), anterior...))},
			Text{"ST段抬高（较前次变化 200 μV ≥100，ST偏移 320 μV，V2 V3）", "ST elevation (change since the previous ECG 200 uV ≥100, ST 320 uV, V2 V3)"},
		},
	} {
		var before *measure.Result
		if tt.before != nil {
			before = tt.before.result()
		}
		as := Default().Evaluate(FactsOf(tt.now.result(), tracing.Patient{}, before))
		if len(as) != 1 {
			t.Fatalf("%s: %v", tt.name, ids(as))
		}
		if d := cmp.Diff(tt.want, as[0].Evidence); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

func TestAlarmCarriesItsRule(t *testing.T) {
	vt := lasting(found(finding.VentricularT, "rate", 176.), 4)
	a := Default().Evaluate(FactsOf(tracingOf{findings: all(vt)}.result(), tracing.Patient{}, nil))[0]
	if a.Pack != "cn-default" || a.PackVersion != "2026.1" || a.Version != "1" || a.RespondMinutes != 5 || !a.Auto || a.From != time.Minute || a.To != 64*time.Second {
		t.Errorf("%+v", a)
	}
	if a.Source.ZH == "" || a.Advice.EN == "" || a.TierName.ZH != "危急值" || !slices.Equal(a.Findings, []finding.Code{finding.VentricularT}) {
		t.Errorf("%+v", a)
	}
}
