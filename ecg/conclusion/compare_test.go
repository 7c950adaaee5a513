package conclusion

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

var (
	today  = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	before = time.Date(2026, 1, 31, 17, 0, 0, 0, time.UTC) // the first of February in China
)

type at struct {
	code string
	lead tracing.Code
}

func measured(values map[at]float64, findings ...finding.Finding) *measure.Result {
	r := &measure.Result{Findings: findings}
	units := map[string]string{tracing.HeartRate: "/min", tracing.QRSAxis: "deg", tracing.PAxis: "deg", tracing.TAxis: "deg"}
	keys := slices.SortedFunc(maps.Keys(values), func(a, b at) int {
		return slices.Index(tracing.Twelve, a.lead)*100 + len(a.code) - slices.Index(tracing.Twelve, b.lead)*100 - len(b.code)
	})
	for _, k := range keys {
		u := units[k.code]
		if u == "" && k.lead == "" {
			u = "ms"
		}
		r.Measurements = append(r.Measurements, tracing.Measurement{Code: k.code, Lead: k.lead, Value: values[k], Unit: u})
	}
	return r
}

type v = map[at]float64

func one(code string, x float64) v { return v{{code, ""}: x} }

// comparisons are golden: the comparison statements and the text.
var comparisons = []struct {
	name        string
	now, before *measure.Result
	codes       []string
	text        string
}{
	{"the same", measured(one(tracing.HeartRate, 72)), measured(one(tracing.HeartRate, 72)), []string{"400"}, "无明显变化"},
	{"rate +19.5", measured(one(tracing.HeartRate, 91.5)), measured(one(tracing.HeartRate, 72)), []string{"400"}, "无明显变化"},
	{"rate +20", measured(one(tracing.HeartRate, 92)), measured(one(tracing.HeartRate, 72)), nil, "心率由72变为92次/分（+20）"},
	{"P +29.5", measured(one(tracing.PDuration, 129.5)), measured(one(tracing.PDuration, 100)), []string{"400"}, "无明显变化"},
	{"P +30", measured(one(tracing.PDuration, 130)), measured(one(tracing.PDuration, 100)), nil, "P波时限由100变为130ms（+30）"},
	{"PR +39.5", measured(one(tracing.PRInterval, 199.5)), measured(one(tracing.PRInterval, 160)), []string{"400"}, "无明显变化"},
	{"PR +40", measured(one(tracing.PRInterval, 200)), measured(one(tracing.PRInterval, 160)), []string{"403"}, "PR间期由160变为200ms（+40）"},
	{"PR -40", measured(one(tracing.PRInterval, 160)), measured(one(tracing.PRInterval, 200)), nil, "PR间期由200变为160ms（-40）"},
	{"QRS +19.5", measured(one(tracing.QRSDuration, 109.5)), measured(one(tracing.QRSDuration, 90)), []string{"400"}, "无明显变化"},
	{"QRS +20", measured(one(tracing.QRSDuration, 110)), measured(one(tracing.QRSDuration, 90)), []string{"403"}, "QRS时限由90变为110ms（+20）"},
	{"QT +59.5", measured(one(tracing.QTInterval, 459.5)), measured(one(tracing.QTInterval, 400)), []string{"400"}, "无明显变化"},
	{"QT +60", measured(one(tracing.QTInterval, 460)), measured(one(tracing.QTInterval, 400)), nil, "QT间期由400变为460ms（+60）"},
	{"QTc +59.5", measured(one(tracing.QTcBazett, 479.5)), measured(one(tracing.QTcBazett, 420)), []string{"400"}, "无明显变化"},
	{"QTc +60", measured(one(tracing.QTcBazett, 480)), measured(one(tracing.QTcBazett, 420)), []string{"404"}, "QTc由420变为480ms（+60）"},
	{"QTcF +59.5", measured(one(tracing.QTcFrideric, 479.5)), measured(one(tracing.QTcFrideric, 420)), []string{"400"}, "无明显变化"},
	{"QTcF +60", measured(one(tracing.QTcFrideric, 480)), measured(one(tracing.QTcFrideric, 420)), nil, "QTcF由420变为480ms（+60）"},
	{"P axis +44.5", measured(one(tracing.PAxis, 89.5)), measured(one(tracing.PAxis, 45)), []string{"400"}, "无明显变化"},
	{"P axis +45", measured(one(tracing.PAxis, 90)), measured(one(tracing.PAxis, 45)), nil, "P电轴由45变为90°（+45）"},
	{"QRS axis +29.5", measured(one(tracing.QRSAxis, 59.5)), measured(one(tracing.QRSAxis, 30)), []string{"400"}, "无明显变化"},
	{"QRS axis +30", measured(one(tracing.QRSAxis, 60)), measured(one(tracing.QRSAxis, 30)), nil, "QRS电轴由30变为60°（+30）"},
	{"axis over 180", measured(one(tracing.QRSAxis, -170)), measured(one(tracing.QRSAxis, 170)), []string{"400"}, "无明显变化"},
	{"T axis +44.5", measured(one(tracing.TAxis, 89.5)), measured(one(tracing.TAxis, 45)), []string{"400"}, "无明显变化"},
	{"T axis +45", measured(one(tracing.TAxis, 90)), measured(one(tracing.TAxis, 45)), []string{"404"}, "T电轴由45变为90°（+45）"},
	{"voltage +995", measured(one(tracing.RV5PlusSV1, 3995)), measured(one(tracing.RV5PlusSV1, 3000)), []string{"400"}, "无明显变化"},
	{"voltage +1000", measured(one(tracing.RV5PlusSV1, 4000)), measured(one(tracing.RV5PlusSV1, 3000)), nil, "RV5+SV1由3000变为4000μV（+1000）"},
	{
		"ST up in two leads", measured(v{{tracing.STAtJ, v1}: 160, {tracing.STAtJ, v2}: 250, {tracing.STAtJ, v4}: 99.5}),
		measured(v{{tracing.STAtJ, v1}: 60, {tracing.STAtJ, v2}: 50, {tracing.STAtJ, v4}: 0}),
		[]string{"402", "404"},
		"V1 V2 ST段上移（最大+0.20mV）",
	},
	{"ST back to the line", measured(v{{tracing.STAtJ, v2}: 20}), measured(v{{tracing.STAtJ, v2}: 220}), []string{"404"}, "V2 ST段下移（最大-0.20mV）"},
	{"R +499.5", measured(v{{tracing.RAmplitude, v5}: 1499.5}), measured(v{{tracing.RAmplitude, v5}: 1000}), []string{"400"}, "无明显变化"},
	{"R -500", measured(v{{tracing.RAmplitude, v5}: 500}), measured(v{{tracing.RAmplitude, v5}: 1000}), nil, "V5 R波减低（最大-0.50mV）"},
	{"S 499.5 deeper", measured(v{{tracing.SAmplitude, v1}: -999.5}), measured(v{{tracing.SAmplitude, v1}: -500}), []string{"400"}, "无明显变化"},
	{"S 500 deeper", measured(v{{tracing.SAmplitude, v1}: -1000}), measured(v{{tracing.SAmplitude, v1}: -500}), nil, "V1 S波增高（最大-0.50mV）"},
	{"Q 199.5 deeper", measured(v{{tracing.QAmplitude, iii}: -299.5}), measured(v{{tracing.QAmplitude, iii}: -100}), []string{"400"}, "无明显变化"},
	{"Q 200 deeper", measured(v{{tracing.QAmplitude, iii}: -300}), measured(v{{tracing.QAmplitude, iii}: -100}), nil, "III Q波增高（最大-0.20mV）"},
	{"T +299.5", measured(v{{tracing.TAmplitude, v4}: 599.5}), measured(v{{tracing.TAmplitude, v4}: 300}), []string{"400"}, "无明显变化"},
	{"T +300", measured(v{{tracing.TAmplitude, v4}: 600}), measured(v{{tracing.TAmplitude, v4}: 300}), []string{"404"}, "V4 T波增高（最大+0.30mV）"},
	{"new AF", measured(nil, f(finding.AtrialFibrillation, nil)), measured(nil, f(finding.SinusRhythm, nil)), []string{"401"}, "新出现心房颤动；前次的窦性心律本次未见"},
	{"new LBBB", measured(nil, f(finding.LeftBundle, nil)), measured(nil), []string{"403"}, "新出现完全性左束支传导阻滞"},
	{"LBBB gone", measured(nil), measured(nil, f(finding.LeftBundle, nil)), nil, "前次的完全性左束支传导阻滞本次未见"},
	{"new ST elevation", measured(nil, f(finding.STElevation, nil)), measured(nil), []string{"402", "404"}, "新出现ST段抬高"},
	{"ST elevation gone", measured(nil), measured(nil, f(finding.STElevation, nil)), []string{"404"}, "前次的ST段抬高本次未见"},
	{"nothing to compare", measured(nil), measured(nil), []string{"400"}, "无明显变化"},
	{"no longer measured", measured(nil), measured(one(tracing.HeartRate, 72)), []string{"400"}, "无明显变化"},
}

func init() { // each finding of the sets, new
	sets := []struct {
		code  string
		codes []finding.Code
	}{
		{"401", []finding.Code{finding.SinusRhythm, finding.AtrialFibrillation, finding.AtrialFlutter, finding.SupraventricularT, finding.VentricularT, finding.VentricularFlutter, finding.AVBlock3, finding.AVBlock2, finding.Paced, finding.Pause, finding.PreexcitedAF, finding.Irregular, finding.Bradycardia, finding.Tachycardia}},
		{"402", []finding.Code{finding.STDepression, finding.PathologicalQ}},
		{"403", []finding.Code{finding.RightBundle, finding.AVBlock1, finding.AVBlock2, finding.AVBlock3, finding.WideQRS}},
		{"404", []finding.Code{finding.STDepression, finding.TallT, finding.LongQT}},
	}
	want := map[finding.Code][]string{}
	for _, s := range sets {
		for _, c := range s.codes {
			want[c] = append(want[c], s.code)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(want)) {
		comparisons = append(comparisons, struct {
			name        string
			now, before *measure.Result
			codes       []string
			text        string
		}{"new " + string(c), measured(nil, f(c, nil)), measured(nil), want[c], "*"})
	}
}

func wrongComparisons() []string {
	var out []string
	for _, tt := range comparisons {
		c := Compare(tt.now, tt.before, today, before)
		text := "与2026-02-01心电图比较：" + tt.text + "。"
		if !slices.Equal(c.Statements, tt.codes) || tt.text != "*" && c.Text("zh") != text || c.Text("zh") == "" {
			out = append(out, fmt.Sprintf("%s: %v %s, want %v", tt.name, c.Statements, c.Text("zh"), tt.codes))
		}
	}
	return out
}

func TestCompare(t *testing.T) {
	for _, w := range wrongComparisons() {
		t.Error(w)
	}
	c := Compare(measured(v{{tracing.HeartRate, ""}: 100, {tracing.STAtJ, v2}: 250}, f(finding.AtrialFibrillation, nil)),
		measured(v{{tracing.HeartRate, ""}: 70, {tracing.STAtJ, v2}: 50}, f(finding.SinusRhythm, nil)), today, before)
	want := "Compared with the ECG of 2026-02-01: new: atrial fibrillation; no longer: sinus rhythm; heart rate from 70 to 100 /min (+30); ST in V2 up (up to +0.20 mV)."
	if got := c.Text("en"); got != want {
		t.Error(got)
	}
	diff := []Difference{
		{Code: tracing.HeartRate, Now: 100, Before: 70, Change: 30, Unit: "/min", Significant: true},
		{Code: tracing.STAtJ, Lead: v2, Now: 250, Before: 50, Change: 200, Significant: true},
	}
	if d := cmp.Diff(diff, c.Differences); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]finding.Code{finding.AtrialFibrillation}, c.New); d != "" {
		t.Error(d)
	}
	if c := Compare(nil, measured(nil), today, before); c.Text("zh") != "" || c.Statements != nil {
		t.Errorf("%+v", c)
	}
	if got := Compare(measured(nil), measured(nil), today, time.Time{}).Text("zh"); got != "与前次心电图比较：无明显变化。" {
		t.Error(got)
	}
}

func TestEveryLimitMatters(t *testing.T) {
	kept := words
	defer func() { words = kept }()
	try := func(name string, change func(*serialRules)) {
		b := *kept()
		b.serial.Limits = slices.Clone(b.serial.Limits)
		change(&b.serial)
		words = func() *book { return &b }
		if len(wrongComparisons()) == 0 {
			t.Errorf("nothing notices: %s", name)
		}
	}
	for i, l := range kept().serial.Limits {
		step := math.Max(.5, l.Change/100)
		try(l.Code+" larger", func(s *serialRules) { s.Limits[i].Change += step })
		try(l.Code+" smaller", func(s *serialRules) { s.Limits[i].Change -= step + .1 })
		try(l.Code+" gone", func(s *serialRules) { s.Limits = slices.Delete(s.Limits, i, i+1) })
	}
	for _, set := range []func(*serialRules) *[]finding.Code{
		func(s *serialRules) *[]finding.Code { return &s.Rhythm }, func(s *serialRules) *[]finding.Code { return &s.Conduction },
		func(s *serialRules) *[]finding.Code { return &s.Ischaemia }, func(s *serialRules) *[]finding.Code { return &s.Repolarisation },
	} {
		for i, c := range *set(&kept().serial) {
			try("without "+string(c), func(s *serialRules) { l := set(s); *l = slices.Delete(slices.Clone(*l), i, i+1) })
		}
	}
}

// beatOfSynth is the analysis that a perfect algorithm would give of a made tracing; its QRS onset is late by wrong.
func beatOfSynth(t *testing.T, s synth.Spec, wrong time.Duration) *measure.Result {
	t.Helper()
	s.Median = true
	m := synth.Make(s).MedianBeat()
	if m == nil {
		t.Fatal("no median beat")
	}
	r := &measure.Result{Median: m}
	r.Fiducials.QRS = measure.Wave{On: 350*time.Millisecond + wrong, OK: true}
	return r
}

func TestOverlaysLieOverEachOther(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hz    int
		wrong time.Duration
	}{
		{"the same", 500, 0},
		{"onset 12 ms late", 500, 12 * time.Millisecond},
		{"onset 25 ms early", 500, -25 * time.Millisecond},
		{"another rate", 1000, 8 * time.Millisecond},
		{"an odd rate", 257, -6 * time.Millisecond},
	} {
		c := Compare(beatOfSynth(t, synth.Spec{Seed: 3}, 0), beatOfSynth(t, synth.Spec{Seed: 3, RateHz: tt.hz}, tt.wrong), today, before)
		if len(c.Overlays) != 12 {
			t.Fatalf("%s: %d overlays", tt.name, len(c.Overlays))
		}
		for _, o := range c.Overlays {
			worst := 0.0
			for i := range o.Now {
				worst = math.Max(worst, math.Abs(o.Now[i]-o.Before[i]))
			}
			most := 25.0
			if tt.hz < 500 {
				most = 60 // between samples 4 ms apart
			}
			if len(o.Now) != len(o.Before) || len(o.Now) < 400 || worst > most {
				t.Errorf("%s: %s: %d and %d samples, %.0f uV apart", tt.name, o.Lead.Label(), len(o.Now), len(o.Before), worst)
			}
		}
	}
}

func TestOverlaysShowTheDifference(t *testing.T) {
	c := Compare(beatOfSynth(t, synth.Spec{Seed: 3, Kind: synth.STEMIAnterior, HeartRate: 72}, 0), beatOfSynth(t, synth.Spec{Seed: 3}, 0), today, before)
	for _, o := range c.Overlays {
		if o.Lead != tracing.LeadV2 {
			continue
		}
		at := int((o.QRSAt + 120*time.Millisecond).Seconds() * o.RateHz)
		if d := o.Now[at] - o.Before[at]; d < 150 {
			t.Errorf("ST of V2 differs by %.0f uV", d)
		}
		if i := int(o.QRSAt.Seconds()*o.RateHz) - 3; math.Abs(o.Now[i]) > 20 || math.Abs(o.Before[i]) > 20 {
			t.Errorf("before QRS: %.0f and %.0f uV", o.Now[i], o.Before[i])
		}
		return
	}
	t.Error("no overlay of V2")
}

func TestOverlaysOfNothing(t *testing.T) {
	whole := beatOfSynth(t, synth.Spec{Seed: 3}, 0)
	none := func(name string, change func(*measure.Result)) {
		r := *whole
		g := *whole.Median
		g.Leads = slices.Clone(g.Leads)
		r.Median = &g
		change(&r)
		if c := Compare(whole, &r, today, before); c.Overlays != nil {
			t.Errorf("%s: %d overlays", name, len(c.Overlays))
		}
	}
	none("no median beat", func(r *measure.Result) { r.Median = nil })
	none("no QRS", func(r *measure.Result) { r.Fiducials.QRS.OK = false })
	none("no leads", func(r *measure.Result) { r.Median.Leads = nil })
	none("QRS at the start", func(r *measure.Result) { r.Fiducials.QRS.On = 0 })
	none("QRS behind the end", func(r *measure.Result) { r.Fiducials.QRS.On = time.Hour })
	none("no rate", func(r *measure.Result) { r.Median.Rate = tracing.Ratio{} })
	none("uncalibrated", func(r *measure.Result) {
		for i := range r.Median.Leads {
			r.Median.Leads[i].NVPerLSB = tracing.Ratio{}
		}
	})
}
