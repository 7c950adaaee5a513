package conclusion

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

type m = map[string]float64

func result(measures m, findings ...finding.Finding) *measure.Result {
	r := &measure.Result{Findings: findings}
	for _, k := range slices.Sorted(maps.Keys(measures)) {
		code := globals[k]
		if code == "" {
			code = k
		}
		r.Measurements = append(r.Measurements, tracing.Measurement{Code: code, Value: measures[k], Unit: "x"})
	}
	return r
}

func f(code finding.Code, evidence m, leads ...tracing.Code) finding.Finding {
	return finding.Finding{Code: code, Evidence: evidence, Leads: leads}
}

const (
	ii, iii, avf    = tracing.LeadII, tracing.LeadIII, tracing.LeadAVF
	v1, v2, v4, v5  = tracing.LeadV1, tracing.LeadV2, tracing.LeadV4, tracing.LeadV5
	lead1, avl, vv6 = tracing.LeadI, tracing.LeadAVL, tracing.LeadV6
)

// drafts are what each rule drafts, at and beside its numbers; one line "code|urgency|text" for each item.
var drafts = []struct {
	name string
	r    *measure.Result
	want []string
}{
	{"nothing found", result(nil), nil},
	{"normal", result(m{"heart_rate": 71.6}, f(finding.SinusRhythm, nil)), []string{"20|5|窦性心律（72次/分）", "1|5|正常心电图"}},
	{"VF", result(nil, f(finding.VentricularFlutter, nil)), []string{"74|1|心室颤动或扑动", "3|1|异常心电图"}},
	{"pre-excited AF", result(nil, f(finding.PreexcitedAF, m{"rr_min_ms": 240})), []string{"LZ-PREEXCITED-AF|1|预激综合征合并心房颤动（最短RR 0.24秒）", "3|1|异常心电图"}},
	{"a run of VT", result(nil, finding.Finding{Code: finding.VentricularT, To: 29 * time.Second, Evidence: m{"rate": 170, "count": 3}}), []string{"71|1|非持续性室性心动过速（170次/分）", "3|1|异常心电图"}},
	{"a run of two", result(nil, finding.Finding{Code: finding.VentricularT, To: 29 * time.Second, Evidence: m{"count": 2}}), []string{"70|1|室性心动过速", "3|1|异常心电图"}},
	{"VT of 30 s", result(nil, finding.Finding{Code: finding.VentricularT, To: 30 * time.Second, Evidence: m{"rate": 170, "count": 80}}), []string{"70|1|室性心动过速（170次/分）", "3|1|异常心电图"}},
	{"VT of 30 s, in the words of others", result(nil, finding.Finding{Code: finding.VentricularT, To: 5 * time.Second, Evidence: m{"duration_s": 30, "count": 80}}), []string{"70|1|室性心动过速", "3|1|异常心电图"}},
	{"complete block", result(m{"heart_rate": 38}, f(finding.AVBlock3, nil)), []string{"88|1|三度房室传导阻滞（38次/分）", "3|1|异常心电图"}},
	{"inferior ST elevation", result(nil, f(finding.STElevation, m{"st_uv": 210}, ii, iii, avf)), []string{"LZ-STEMI-INFERIOR|1|下壁导联ST段抬高，疑似急性下壁心肌梗死（II III aVF，0.21mV）", "3|1|异常心电图"}},
	{"II and aVF", result(nil, f(finding.STElevation, nil, ii, avf)), []string{"LZ-STEMI-INFERIOR|1|下壁导联ST段抬高，疑似急性下壁心肌梗死（II aVF）", "3|1|异常心电图"}},
	{"III and aVF", result(nil, f(finding.STElevation, nil, iii, avf)), []string{"LZ-STEMI-INFERIOR|1|下壁导联ST段抬高，疑似急性下壁心肌梗死（III aVF）", "3|1|异常心电图"}},
	{"anterior ST elevation", result(nil, f(finding.STElevation, m{"st_uv": 300}, v1, v2)), []string{"LZ-STEMI-ANTERIOR|1|前壁导联ST段抬高，疑似急性前壁心肌梗死（V1 V2，0.30mV）", "3|1|异常心电图"}},
	{"V3 and V4", result(nil, f(finding.STElevation, nil, tracing.LeadV3, v4)), []string{"LZ-STEMI-ANTERIOR|1|前壁导联ST段抬高，疑似急性前壁心肌梗死（V3 V4）", "3|1|异常心电图"}},
	{"high lateral", result(nil, f(finding.STElevation, m{"st_uv": 150}, lead1, avl)), []string{"LZ-STEMI-LATERAL|1|侧壁导联ST段抬高，疑似急性侧壁心肌梗死（I aVL，0.15mV）", "3|1|异常心电图"}},
	{"V5 and V6", result(nil, f(finding.STElevation, nil, v5, vv6)), []string{"LZ-STEMI-LATERAL|1|侧壁导联ST段抬高，疑似急性侧壁心肌梗死（V5 V6）", "3|1|异常心电图"}},
	{"somewhere", result(nil, f(finding.STElevation, m{"st_uv": 150}, v4, v5)), []string{"LZ-STEMI|1|ST段抬高，疑似急性心肌梗死（V4 V5，0.15mV）", "3|1|异常心电图"}},
	{"inferior with tall T", result(nil, f(finding.STElevation, nil, ii, avf), f(finding.TallT, nil)), []string{"LZ-STEMI-INFERIOR|1|下壁导联ST段抬高，疑似急性下壁心肌梗死（II aVF）", "3|1|异常心电图"}},
	{"anterior with tall T", result(nil, f(finding.STElevation, nil, v1, v2), f(finding.TallT, nil)), []string{"LZ-STEMI-ANTERIOR|1|前壁导联ST段抬高，疑似急性前壁心肌梗死（V1 V2）", "3|1|异常心电图"}},
	{"lateral with tall T", result(nil, f(finding.STElevation, nil, lead1, avl), f(finding.TallT, nil)), []string{"LZ-STEMI-LATERAL|1|侧壁导联ST段抬高，疑似急性侧壁心肌梗死（I aVL）", "3|1|异常心电图"}},
	{"somewhere with tall T", result(nil, f(finding.STElevation, nil, v4, v5), f(finding.TallT, nil)), []string{"LZ-STEMI|1|ST段抬高，疑似急性心肌梗死（V4 V5）", "3|1|异常心电图"}},
	{"anterior, in left block", result(nil, f(finding.STElevation, m{"st_uv": 300}, v1, v2), f(finding.LeftBundle, nil)), []string{"LZ-STE|3|ST段抬高（V1 V2，0.30mV）", "104|3|完全性左束支传导阻滞", "3|3|异常心电图"}},
	{"inferior, in left block", result(nil, f(finding.STElevation, nil, ii, avf), f(finding.LeftBundle, nil)), []string{"LZ-STE|3|ST段抬高（II aVF）", "104|3|完全性左束支传导阻滞", "3|3|异常心电图"}},
	{"lateral, in left block", result(nil, f(finding.STElevation, nil, lead1, avl), f(finding.LeftBundle, nil)), []string{"LZ-STE|3|ST段抬高（I aVL）", "104|3|完全性左束支传导阻滞", "3|3|异常心电图"}},
	{"anterior, paced", result(nil, f(finding.STElevation, nil, v1, v2), f(finding.Paced, nil)), []string{"LZ-STE|3|ST段抬高（V1 V2）", "LZ-PACED|3|起搏心律", "3|3|异常心电图"}},
	{"inferior, paced", result(nil, f(finding.STElevation, nil, ii, avf), f(finding.Paced, nil)), []string{"LZ-STE|3|ST段抬高（II aVF）", "LZ-PACED|3|起搏心律", "3|3|异常心电图"}},
	{"lateral, paced", result(nil, f(finding.STElevation, nil, lead1, avl), f(finding.Paced, nil)), []string{"LZ-STE|3|ST段抬高（I aVL）", "LZ-PACED|3|起搏心律", "3|3|异常心电图"}},
	{"pause of 3 s", result(nil, f(finding.Pause, m{"rr_ms": 3000})), []string{"LZ-PAUSE|1|长RR间歇（RR 3.00秒）", "3|1|异常心电图"}},
	{"pause of less", result(nil, f(finding.Pause, m{"rr_ms": 2999})), []string{"LZ-PAUSE|2|长RR间歇（RR 3.00秒）", "3|2|异常心电图"}},
	{"SVT", result(nil, f(finding.SupraventricularT, m{"rate": 188})), []string{"55|2|室上性心动过速（188次/分）", "3|2|异常心电图"}},
	{"fast AF", result(m{"heart_rate": 101}, f(finding.AtrialFibrillation, nil)), []string{"50|2|心房颤动伴快速心室率（101次/分）", "3|2|异常心电图"}},
	{"AF at 100", result(m{"heart_rate": 100}, f(finding.AtrialFibrillation, nil)), []string{"50|2|心房颤动（100次/分）", "3|2|异常心电图"}},
	{"AF at 60", result(m{"heart_rate": 60}, f(finding.AtrialFibrillation, nil)), []string{"50|2|心房颤动（60次/分）", "3|2|异常心电图"}},
	{"slow AF", result(m{"heart_rate": 59}, f(finding.AtrialFibrillation, nil)), []string{"50|2|心房颤动伴缓慢心室率（59次/分）", "3|2|异常心电图"}},
	{"fast flutter", result(m{"heart_rate": 101}, f(finding.AtrialFlutter, nil)), []string{"51|2|心房扑动伴快速心室率（101次/分）", "3|2|异常心电图"}},
	{"flutter at 100", result(m{"heart_rate": 100}, f(finding.AtrialFlutter, nil)), []string{"51|2|心房扑动（100次/分）", "3|2|异常心电图"}},
	{"second degree block", result(nil, f(finding.AVBlock2, nil)), []string{"LZ-AVB2|2|二度房室传导阻滞", "3|2|异常心电图"}},
	{"R on T", result(nil, f(finding.RonT, nil)), []string{"LZ-R-ON-T|2|R-on-T室性早搏", "3|2|异常心电图"}},
	{"QTc 500", result(nil, f(finding.LongQT, m{"qtc_ms": 500})), []string{"148|2|显著QT间期延长（QTc 500ms）", "3|2|异常心电图"}},
	{"QTc 499", result(nil, f(finding.LongQT, m{"qtc_ms": 499})), []string{"148|3|QT间期延长（QTc 499ms）", "3|3|异常心电图"}},
	{"tall T", result(nil, f(finding.TallT, nil, v2)), []string{"LZ-TALL-T|3|T波高尖（V2）", "3|3|异常心电图"}},
	{"four PVCs", result(nil, f(finding.PVC, m{"count": 4})), []string{"60|3|室性早搏（4个）", "3|3|异常心电图"}},
	{"five PVCs", result(nil, f(finding.PVC, m{"count": 5})), []string{"LZ-PVC-FREQUENT|3|频发室性早搏（5个）", "3|3|异常心电图"}},
	{"right block, wide", result(nil, f(finding.RightBundle, nil), f(finding.WideQRS, nil)), []string{"106|3|完全性右束支传导阻滞", "3|3|异常心电图"}},
	{"left block, wide", result(nil, f(finding.LeftBundle, nil), f(finding.WideQRS, nil)), []string{"104|3|完全性左束支传导阻滞", "3|3|异常心电图"}},
	{"paced, wide", result(nil, f(finding.Paced, nil), f(finding.WideQRS, nil)), []string{"LZ-PACED|3|起搏心律", "3|3|异常心电图"}},
	{"VT, wide", result(nil, f(finding.VentricularT, nil), f(finding.WideQRS, nil)), []string{"70|1|室性心动过速", "3|1|异常心电图"}},
	{"wide", result(nil, f(finding.WideQRS, nil)), []string{"LZ-WIDE|3|QRS波增宽", "3|3|异常心电图"}},
	{"ST depression", result(nil, f(finding.STDepression, m{"st_uv": -120}, v5)), []string{"LZ-STD|3|ST段压低（V5，-0.12mV）", "3|3|异常心电图"}},
	{"Q waves", result(nil, f(finding.PathologicalQ, nil, iii)), []string{"LZ-Q|3|异常Q波（III）", "3|3|异常心电图"}},
	{"first degree block", result(m{"pr": 230}, f(finding.AVBlock1, m{"pr_ms": 231}), f(finding.SinusRhythm, nil)), []string{"82|3|一度房室传导阻滞（PR 231ms）", "20|5|窦性心律", "3|3|异常心电图"}},
	{"high voltage", result(nil, f(finding.LVHVoltage, nil)), []string{"LZ-LVHV|4|左心室高电压", "2|4|大致正常心电图"}},
	{"low voltage", result(nil, f(finding.LowVoltage, nil)), []string{"125|4|低电压", "2|4|大致正常心电图"}},
	{"left axis", result(nil, f(finding.LeftAxis, nil)), []string{"121|4|电轴左偏", "2|4|大致正常心电图"}},
	{"right axis", result(nil, f(finding.RightAxis, nil)), []string{"120|4|电轴右偏", "2|4|大致正常心电图"}},
	{"sinus tachycardia", result(m{"heart_rate": 118}, f(finding.SinusRhythm, nil), f(finding.Tachycardia, nil)), []string{"21|4|窦性心动过速（118次/分）", "2|4|大致正常心电图"}},
	{"tachycardia", result(m{"heart_rate": 118}, f(finding.Tachycardia, nil)), []string{"LZ-TACHYCARDIA|3|心动过速（118次/分）", "3|3|异常心电图"}},
	{"sinus bradycardia", result(m{"heart_rate": 48}, f(finding.SinusRhythm, nil), f(finding.Bradycardia, nil)), []string{"22|4|窦性心动过缓（48次/分）", "2|4|大致正常心电图"}},
	{"bradycardia", result(m{"heart_rate": 48}, f(finding.Bradycardia, nil)), []string{"LZ-BRADYCARDIA|3|心动过缓（48次/分）", "3|3|异常心电图"}},
	{"sinus arrhythmia", result(nil, f(finding.SinusRhythm, nil), f(finding.Irregular, nil)), []string{"23|4|窦性心律不齐", "2|4|大致正常心电图"}},
	{"irregular", result(nil, f(finding.Irregular, nil)), []string{"LZ-IRREGULAR|3|心律不齐", "3|3|异常心电图"}},
	{"electrodes exchanged", result(nil, f(finding.SinusRhythm, nil), f(finding.LimbReversal, nil)), []string{"20|5|窦性心律", "10|6|肢体导联电极接反"}},
	{"lead off", result(nil, f(finding.SinusRhythm, nil), f(finding.LeadOff, nil, v4)), []string{"20|5|窦性心律", "12|6|导联缺失（V4）"}},
	{"poor signal", result(nil, f(finding.PoorSignal, nil, v4)), []string{"15|6|信号质量差（V4）"}},
	{"not measurable", result(nil, f(finding.Unmeasurable, nil)), []string{"4|6|无法解释的心电图"}},
	{"lead off in VT", result(nil, f(finding.VentricularT, nil), f(finding.LeadOff, nil)), []string{"70|1|室性心动过速", "12|6|导联缺失", "3|1|异常心电图"}},
}

func init() { // tachycardia, bradycardia and irregularity say nothing beside the rhythms that explain them
	for _, x := range []struct {
		code finding.Code
		by   []finding.Code
	}{
		{finding.Tachycardia, []finding.Code{finding.AtrialFibrillation, finding.AtrialFlutter, finding.SupraventricularT, finding.VentricularT, finding.VentricularFlutter}},
		{finding.Bradycardia, []finding.Code{finding.AtrialFibrillation, finding.AtrialFlutter, finding.AVBlock3, finding.AVBlock2, finding.Paced}},
		{finding.Irregular, []finding.Code{finding.AtrialFibrillation, finding.AtrialFlutter, finding.AVBlock2, finding.PVC, finding.VentricularT, finding.VentricularFlutter}},
	} {
		for _, by := range x.by {
			alone := lines(Draft(result(nil, f(by, nil)), nil, "zh"))
			drafts = append(drafts, struct {
				name string
				r    *measure.Result
				want []string
			}{string(by) + " explains " + string(x.code), result(nil, f(by, nil), f(x.code, nil)), alone})
		}
	}
}

func init() { // fibrillation leaves nothing to be said of shapes
	for _, c := range []finding.Code{
		finding.STElevation, finding.STDepression, finding.TallT, finding.PathologicalQ, finding.LeftBundle, finding.RightBundle, finding.WideQRS,
		finding.LongQT, finding.AVBlock1, finding.LeftAxis, finding.RightAxis, finding.LVHVoltage, finding.LowVoltage, finding.SinusRhythm,
		finding.Bradycardia, finding.Tachycardia, finding.Irregular, finding.LimbReversal,
	} {
		drafts = append(drafts, struct {
			name string
			r    *measure.Result
			want []string
		}{"VF hides " + string(c), result(nil, f(finding.VentricularFlutter, nil), f(c, nil)), []string{"74|1|心室颤动或扑动", "3|1|异常心电图"}})
	}
}

func init() { // nor does a tachycardia that fills the recording
	vt := func(count, seconds float64) finding.Finding {
		return f(finding.VentricularT, m{"count": count, "duration_s": seconds})
	}
	type row = struct {
		name string
		r    *measure.Result
		want []string
	}
	for _, c := range []finding.Code{
		finding.PVC, finding.STElevation, finding.STDepression, finding.TallT, finding.PathologicalQ, finding.LeftBundle, finding.RightBundle, finding.WideQRS,
		finding.LongQT, finding.AVBlock1, finding.LeftAxis, finding.RightAxis, finding.LVHVoltage, finding.LowVoltage,
	} {
		drafts = append(drafts,
			row{"a run hides " + string(c), result(nil, vt(9, 5), f(c, nil)), []string{"71|1|非持续性室性心动过速", "3|1|异常心电图"}},
			row{"a tachycardia hides " + string(c), result(nil, vt(90, 30), f(c, nil)), []string{"70|1|室性心动过速", "3|1|异常心电图"}})
	}
	drafts = append(drafts,
		row{"a short run hides nothing", result(nil, vt(9, 4.5), f(finding.LeftBundle, nil)), []string{"71|1|非持续性室性心动过速", "104|3|完全性左束支传导阻滞", "3|1|异常心电图"}},
		row{"two beats over 4.5 s hide nothing", result(nil, vt(2, 4.5), f(finding.LeftBundle, nil)), []string{"70|1|室性心动过速", "104|3|完全性左束支传导阻滞", "3|1|异常心电图"}},
		row{"two beats over 5 s", result(nil, vt(2, 5), f(finding.LeftBundle, nil)), []string{"70|1|室性心动过速", "3|1|异常心电图"}})
}

func lines(items []Item) []string {
	var out []string
	for _, i := range items {
		out = append(out, fmt.Sprintf("%s|%d|%s", i.Code, i.Urgency, i.Text))
	}
	return out
}

func wrongDrafts() []string {
	var out []string
	for _, d := range drafts {
		if diff := cmp.Diff(d.want, lines(Draft(d.r, nil, "zh"))); diff != "" {
			out = append(out, d.name+":\n"+diff)
		}
	}
	return out
}

func TestDraft(t *testing.T) {
	for _, w := range wrongDrafts() {
		t.Error(w)
	}
	r := result(m{"heart_rate": 120}, f(finding.AtrialFibrillation, nil), f(finding.LongQT, m{"qtc_ms": 510}))
	got := lines(Draft(r, nil, "en"))
	want := []string{"50|2|Atrial fibrillation with a rapid ventricular response (120/min)", "148|2|Prolonged QT interval, marked (QTc 510 ms)", "3|2|Abnormal ECG"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, i := range Draft(r, nil, "zh") {
		if !i.Draft || i.Source != measure.Algorithm {
			t.Errorf("%+v", i)
		}
	}
}

func TestTheDeviceIsHeardToo(t *testing.T) {
	cart := tracing.Source{Kind: tracing.ByDevice, Name: "cart"}
	said := []tracing.Statement{
		{Text: "心房颤动。", Source: cart},
		{Text: " Left Bundle Branch Block", Source: cart},
		{Text: "*** STEMI ***", Source: cart},
		{Text: " ", Source: cart},
		{Text: "A-fib", Code: "164889003", Source: cart},
	}
	got := Draft(result(nil, f(finding.AtrialFibrillation, nil)), said, "zh")
	want := []string{"50|2|心房颤动", "3|2|异常心电图", "104|7| Left Bundle Branch Block", "|7|*** STEMI ***"}
	if d := cmp.Diff(want, lines(got)); d != "" {
		t.Error(d)
	}
	if got[2].Source != cart || !got[3].Draft {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff([]string{"50|7|心房颤动。"}, lines(Draft(nil, said[:1], "zh"))); d != "" {
		t.Error(d)
	}
}

// TestEveryDraftRuleMatters changes each word of each rule once: the table must notice.
func TestEveryDraftRuleMatters(t *testing.T) {
	kept := words
	defer func() { words = kept }()
	n := 0
	for i := range kept().drafts {
		for name, change := range changes(kept().drafts[i]) {
			b := *kept()
			b.drafts = slices.Clone(b.drafts)
			d := change(b.drafts[i])
			if d == nil {
				b.drafts = slices.Delete(b.drafts, i, i+1)
			} else {
				b.drafts[i] = *d
			}
			words = func() *book { return &b }
			if n++; len(wrongDrafts()) == 0 {
				t.Errorf("nothing notices: %s %s: %s", kept().drafts[i].Finding, kept().drafts[i].Code, name)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d changes", n)
	}
}

func changes(d draftRule) map[string]func(draftRule) *draftRule {
	out := map[string]func(draftRule) *draftRule{
		"dropped":  func(draftRule) *draftRule { return nil },
		"urgency":  func(d draftRule) *draftRule { d.Urgency = d.Urgency%technical + 1; return &d },
		"code":     func(d draftRule) *draftRule { d.Code = "228"; return &d },
		"modifier": func(d draftRule) *draftRule { d.Modifiers = append(slices.Clone(d.Modifiers), "LZ-X-OLD"); return &d },
	}
	cut := func(name string, i int, list func(*draftRule) *[]string) {
		out[fmt.Sprintf("%s[%d]", name, i)] = func(d draftRule) *draftRule {
			l := list(&d)
			*l = slices.Delete(slices.Clone(*l), i, i+1)
			return &d
		}
	}
	for i := range d.Say {
		cut("say", i, func(d *draftRule) *[]string { return &d.Say })
	}
	for i := range d.Leads {
		cut("leads", i, func(d *draftRule) *[]string { return &d.Leads })
	}
	for i := range d.Modifiers {
		cut("modifiers", i, func(d *draftRule) *[]string { return &d.Modifiers })
	}
	for i := range d.Unless {
		out[fmt.Sprintf("unless[%d]", i)] = func(d draftRule) *draftRule { d.Unless = slices.Delete(slices.Clone(d.Unless), i, i+1); return &d }
	}
	for _, by := range []float64{1, -1} {
		if d.HidesFrom > 0 {
			out[fmt.Sprintf("hides_from_s %+g", by)] = func(d draftRule) *draftRule { d.HidesFrom += by; return &d }
		}
	}
	for i := range d.Hides {
		out[fmt.Sprintf("hides[%d]", i)] = func(d draftRule) *draftRule { d.Hides = slices.Delete(slices.Clone(d.Hides), i, i+1); return &d }
	}
	for i := range d.With {
		out[fmt.Sprintf("with[%d]", i)] = func(d draftRule) *draftRule { d.With = slices.Delete(slices.Clone(d.With), i, i+1); return &d }
	}
	for k := range d.Min {
		for _, by := range []float64{1, -1} {
			out[fmt.Sprintf("min %s %+g", k, by)] = func(d draftRule) *draftRule { d.Min = m{k: d.Min[k] + by}; return &d }
		}
	}
	for k := range d.Max {
		for _, by := range []float64{1, -1} {
			out[fmt.Sprintf("max %s %+g", k, by)] = func(d draftRule) *draftRule { d.Max = m{k: d.Max[k] + by}; return &d }
		}
	}
	return out
}

func TestTemplates(t *testing.T) {
	ts := Templates()
	if len(ts) != 9 {
		t.Fatalf("%d templates", len(ts))
	}
	for i, x := range ts {
		if x.Key != fmt.Sprint(i+1) || x.Short == "" || len(x.Codes) == 0 {
			t.Errorf("%+v", x)
		}
	}
	r := result(m{"heart_rate": 71.6, "qrs": 134.2})
	for _, tt := range []struct{ got, want string }{
		{ts[0].Text(r, "zh"), "窦性心律，72次/分。正常心电图。"},
		{ts[0].Text(r, "en"), "Sinus rhythm, 72/min. Normal ECG."},
		{ts[7].Text(r, "zh"), "窦性心律，完全性右束支传导阻滞（QRS 134ms）。异常心电图。"},
		{ts[0].Text(nil, "zh"), "窦性心律，—次/分。正常心电图。"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s, want %s", tt.got, tt.want)
		}
	}
}
