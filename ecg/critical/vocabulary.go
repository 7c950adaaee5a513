// The words that rules may use: findings, their evidence, measurements. What is not here is a mistake of the rule.

package critical

import (
	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

var findingNames = map[finding.Code]Text{
	finding.AtrialFibrillation: {"心房颤动", "atrial fibrillation"},
	finding.AtrialFlutter:      {"心房扑动", "atrial flutter"},
	finding.SupraventricularT:  {"室上性心动过速", "supraventricular tachycardia"},
	finding.VentricularT:       {"室性心动过速", "ventricular tachycardia"},
	finding.VentricularFlutter: {"心室扑动/颤动", "ventricular flutter or fibrillation"},
	finding.Pause:              {"长RR间歇", "pause"},
	finding.AVBlock3:           {"三度房室传导阻滞", "complete AV block"},
	finding.AVBlock2:           {"二度房室传导阻滞", "second degree AV block"},
	finding.AVBlock1:           {"一度房室传导阻滞", "first degree AV block"},
	finding.Paced:              {"起搏心律", "paced rhythm"},
	finding.PVC:                {"室性早搏", "ventricular premature complexes"},
	finding.RonT:               {"R-on-T室性早搏", "R-on-T ventricular premature complex"},
	finding.Bradycardia:        {"心动过缓", "bradycardia"},
	finding.Tachycardia:        {"心动过速", "tachycardia"},
	finding.SinusRhythm:        {"窦性心律", "sinus rhythm"},
	finding.Irregular:          {"心律不齐", "irregular rhythm"},
	finding.PreexcitedAF:       {"预激合并心房颤动", "pre-excited atrial fibrillation"},
	finding.STElevation:        {"ST段抬高", "ST elevation"},
	finding.STDepression:       {"ST段压低", "ST depression"},
	finding.LeftBundle:         {"左束支传导阻滞", "left bundle branch block"},
	finding.RightBundle:        {"右束支传导阻滞", "right bundle branch block"},
	finding.WideQRS:            {"QRS波增宽", "wide QRS"},
	finding.LongQT:             {"QT间期延长", "long QT"},
	finding.LeftAxis:           {"电轴左偏", "left axis deviation"},
	finding.RightAxis:          {"电轴右偏", "right axis deviation"},
	finding.LVHVoltage:         {"左心室高电压", "left ventricular high voltage"},
	finding.LowVoltage:         {"低电压", "low voltage"},
	finding.TallT:              {"T波高尖", "tall T waves"},
	finding.PathologicalQ:      {"病理性Q波", "pathological Q waves"},
	finding.LeadOff:            {"导联脱落", "lead off"},
	finding.LimbReversal:       {"肢体导联接反", "limb electrodes exchanged"},
	finding.PoorSignal:         {"信号质量差", "poor signal"},
	finding.Unmeasurable:       {"无法测量", "not measurable"},
}

// quantity is a number with its name and unit.
type quantity struct {
	name   Text
	zhUnit string
	unit   string
}

// evidence is what findings rest on. seconds (also from duration_s), leads and rise_uv are computed here.
var evidence = map[string]quantity{
	"rate":        {Text{"频率", "rate"}, "次/分", "/min"},
	"rr_ms":       {Text{"RR间期", "RR"}, "ms", "ms"},
	"rr_min_ms":   {Text{"最短RR间期", "shortest RR"}, "ms", "ms"},
	"rr_max_ms":   {Text{"最长RR间期", "longest RR"}, "ms", "ms"},
	"atrial_rate": {Text{"心房率", "atrial rate"}, "次/分", "/min"},
	"beats":       {Text{"心搏数", "beats"}, "个", ""},
	"axis_deg":    {Text{"电轴", "axis"}, "°", "deg"},
	"t_uv":        {Text{"T波振幅", "T"}, "μV", "uV"},
	"st_uv":       {Text{"ST偏移", "ST"}, "μV", "uV"},
	"count":       {Text{"个数", "count"}, "个", ""},
	"qtc_ms":      {Text{"QTc", "QTc"}, "ms", "ms"},
	"pr_ms":       {Text{"PR间期", "PR"}, "ms", "ms"},
	"qrs_ms":      {Text{"QRS时限", "QRS"}, "ms", "ms"},
	"seconds":     {Text{"持续", "lasting"}, "秒", "s"},
	"leads":       {Text{"导联数", "leads"}, "个", ""},
	"rise_uv":     {Text{"较前次变化", "change since the previous ECG"}, "μV", "uV"},
}

// measured is a measurement by its name in rules.
type measured struct {
	quantity
	code    string
	perLead bool
}

var measures = map[string]measured{
	"heart_rate":     {quantity{Text{"心率", "heart rate"}, "次/分", "/min"}, tracing.HeartRate, false},
	"atrial_rate":    {quantity{Text{"心房率", "atrial rate"}, "次/分", "/min"}, tracing.AtrialRate, false},
	"rr":             {quantity{Text{"平均RR间期", "mean RR"}, "ms", "ms"}, tracing.RRInterval, false},
	"rr_longest":     {quantity{Text{"最长RR间期", "longest RR"}, "ms", "ms"}, tracing.LongestRR, false},
	"rr_shortest":    {quantity{Text{"最短RR间期", "shortest RR"}, "ms", "ms"}, tracing.ShortestRR, false},
	"p":              {quantity{Text{"P波时限", "P duration"}, "ms", "ms"}, tracing.PDuration, false},
	"pr":             {quantity{Text{"PR间期", "PR"}, "ms", "ms"}, tracing.PRInterval, false},
	"qrs":            {quantity{Text{"QRS时限", "QRS"}, "ms", "ms"}, tracing.QRSDuration, false},
	"qt":             {quantity{Text{"QT间期", "QT"}, "ms", "ms"}, tracing.QTInterval, false},
	"qtc_bazett":     {quantity{Text{"QTc（Bazett）", "QTc (Bazett)"}, "ms", "ms"}, tracing.QTcBazett, false},
	"qtc_fridericia": {quantity{Text{"QTc（Fridericia）", "QTc (Fridericia)"}, "ms", "ms"}, tracing.QTcFrideric, false},
	"qrs_axis":       {quantity{Text{"QRS电轴", "QRS axis"}, "°", "deg"}, tracing.QRSAxis, false},
	"p_axis":         {quantity{Text{"P电轴", "P axis"}, "°", "deg"}, tracing.PAxis, false},
	"t_axis":         {quantity{Text{"T电轴", "T axis"}, "°", "deg"}, tracing.TAxis, false},
	"rv5":            {quantity{Text{"RV5", "RV5"}, "μV", "uV"}, tracing.RV5, false},
	"sv1":            {quantity{Text{"SV1", "SV1"}, "μV", "uV"}, tracing.SV1, false},
	"rv5_sv1":        {quantity{Text{"RV5+SV1", "RV5+SV1"}, "μV", "uV"}, tracing.RV5PlusSV1, false},
	"st_j":           {quantity{Text{"J点ST", "ST at J"}, "μV", "uV"}, tracing.STAtJ, true},
	"st_j60":         {quantity{Text{"J+60ms ST", "ST at J+60 ms"}, "μV", "uV"}, tracing.STAtJ60, true},
	"st_j80":         {quantity{Text{"J+80ms ST", "ST at J+80 ms"}, "μV", "uV"}, tracing.STAtJ80, true},
	"p_amplitude":    {quantity{Text{"P波振幅", "P amplitude"}, "μV", "uV"}, tracing.PAmplitude, true},
	"q_amplitude":    {quantity{Text{"Q波振幅", "Q amplitude"}, "μV", "uV"}, tracing.QAmplitude, true},
	"r_amplitude":    {quantity{Text{"R波振幅", "R amplitude"}, "μV", "uV"}, tracing.RAmplitude, true},
	"s_amplitude":    {quantity{Text{"S波振幅", "S amplitude"}, "μV", "uV"}, tracing.SAmplitude, true},
	"t_amplitude":    {quantity{Text{"T波振幅", "T amplitude"}, "μV", "uV"}, tracing.TAmplitude, true},
}
