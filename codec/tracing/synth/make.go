// Tracings.

package synth

import (
	"math"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

func short(s Spec) *player {
	b := newBody(s.Seed)
	score := compose(s, &b)
	if s.Kind == LimbReversal {
		b.exchanged()
	}
	return newPlayer(s, b, score)
}

// Make is the tracing of a spec: the twelve leads, of which four are derived, with what a cart would have measured and said.
// Samples beyond what a loaded tracing may have are not made.
func Make(s Spec) *tracing.Tracing {
	s = s.filled()
	p := short(s)
	g := p.head()
	n := int(min(int64(s.RateHz)*int64(s.Seconds), tracing.MaxSamples))
	blocks := make([][]int32, len(g.Leads))
	for i := range g.Leads {
		blocks[i] = make([]int32, n)
		g.Leads[i].Samples = blocks[i]
	}
	_ = p.read(0, blocks) // nothing is read, so nothing fails
	t := p.tracing(g)
	truth := p.truth(g.Duration())
	if s.Median {
		p.addMedian(t)
	}
	t.Groups[0].Complete()
	p.measurements(t, truth.Global)
	p.statements(t)
	return t
}

// tracing is the frame around a group.
func (p *player) tracing(g tracing.Group) *tracing.Tracing {
	s := p.spec
	return &tracing.Tracing{
		Format: tracing.DICOM, Patient: s.Patient, RecordedAt: s.At, ZoneKnown: true, Device: s.Device, Groups: []tracing.Group{g},
	}
}

// addMedian adds the commonest beat without noise, from 350 ms before to 650 ms after the QRS onset.
func (p *player) addMedian(t *tracing.Tracing) {
	s := p.commonest()
	if s == nil {
		return
	}
	quiet := *p
	quiet.noises, quiet.body.breath = [8]noise{}, 0
	only := *s
	only.pAt, only.vAt = .35+s.pAt-s.vAt, .35
	quiet.score = &score{strokes: []stroke{only}}
	g := quiet.head()
	g.Kind, g.Label = tracing.Median, "MEDIAN BEAT"
	blocks := make([][]int32, len(g.Leads))
	for i := range blocks {
		blocks[i] = make([]int32, p.spec.RateHz)
		g.Leads[i].Samples = blocks[i]
	}
	_ = quiet.read(0, blocks)
	g.Complete()
	t.Groups = append(t.Groups, g)
}

func (p *player) measurements(t *tracing.Tracing, g Global) {
	source := tracing.Source{Kind: tracing.ByDevice, Name: p.spec.Device.AcquiredBy}
	for _, m := range []struct {
		code  string
		value float64
		unit  string
		has   bool
	}{
		{tracing.HeartRate, g.HeartRate, "/min", true},
		{tracing.RRInterval, g.RRMS, "ms", true},
		{tracing.PDuration, g.PMS, "ms", g.PMS > 0},
		{tracing.PRInterval, g.PRMS, "ms", g.PRMS > 0},
		{tracing.QRSDuration, g.QRSMS, "ms", true},
		{tracing.QTInterval, g.QTMS, "ms", true},
		{tracing.QTcBazett, g.QTcBazettMS, "ms", true},
		{tracing.QTcFrideric, g.QTcFridericiaMS, "ms", true},
		{tracing.PAxis, g.PAxis, "deg", g.PMS > 0},
		{tracing.QRSAxis, g.QRSAxis, "deg", true},
		{tracing.TAxis, g.TAxis, "deg", true},
		{tracing.RV5, g.RV5UV, "uV", true},
		{tracing.SV1, g.SV1UV, "uV", true},
		{tracing.RV5PlusSV1, g.RV5UV - g.SV1UV, "uV", true},
	} {
		if m.has && g.HeartRate > 0 {
			t.Measurements = append(t.Measurements, tracing.Measurement{Code: m.code, Value: math.Round(m.value), Unit: m.unit, Source: source})
		}
	}
}

// said are the words of the invented cart: Chinese, English.
var said = map[Kind][][2]string{
	Normal:             {{"窦性心律", "Sinus rhythm"}, {"正常心电图", "Normal ECG"}},
	SinusBradycardia:   {{"窦性心动过缓", "Sinus bradycardia"}, {"大致正常心电图", "Otherwise normal ECG"}},
	SinusTachycardia:   {{"窦性心动过速", "Sinus tachycardia"}, {"大致正常心电图", "Otherwise normal ECG"}},
	AtrialFibrillation: {{"心房颤动", "Atrial fibrillation"}, {"异常心电图", "Abnormal ECG"}},
	AtrialFlutter:      {{"心房扑动", "Atrial flutter"}, {"异常心电图", "Abnormal ECG"}},
	STEMIAnterior:      {{"窦性心律", "Sinus rhythm"}, {"急性前壁心肌梗死？", "Consider acute anterior infarct"}, {"异常心电图", "Abnormal ECG"}},
	STEMIInferior:      {{"窦性心律", "Sinus rhythm"}, {"急性下壁心肌梗死？", "Consider acute inferior infarct"}, {"异常心电图", "Abnormal ECG"}},
	AVBlock1:           {{"窦性心律", "Sinus rhythm"}, {"一度房室传导阻滞", "First degree AV block"}},
	AVBlock2:           {{"窦性心律", "Sinus rhythm"}, {"二度房室传导阻滞", "Second degree AV block"}, {"异常心电图", "Abnormal ECG"}},
	AVBlock3:           {{"三度房室传导阻滞", "Complete AV block"}, {"异常心电图", "Abnormal ECG"}},
	LBBB:               {{"窦性心律", "Sinus rhythm"}, {"完全性左束支传导阻滞", "Left bundle branch block"}, {"异常心电图", "Abnormal ECG"}},
	RBBB:               {{"窦性心律", "Sinus rhythm"}, {"完全性右束支传导阻滞", "Right bundle branch block"}, {"异常心电图", "Abnormal ECG"}},
	PVCs:               {{"窦性心律", "Sinus rhythm"}, {"频发室性早搏", "Frequent ventricular premature complexes"}, {"异常心电图", "Abnormal ECG"}},
	VT:                 {{"室性心动过速", "Ventricular tachycardia"}, {"异常心电图", "Abnormal ECG"}},
	VF:                 {{"无法分析", "Analysis not possible"}},
	Pause:              {{"窦性心律", "Sinus rhythm"}, {"窦性停搏", "Sinus pause"}, {"异常心电图", "Abnormal ECG"}},
	Paced:              {{"心室起搏心律", "Ventricular paced rhythm"}, {"异常心电图", "Abnormal ECG"}},
	LimbReversal:       {{"可能肢体导联接反", "Suspect arm lead reversal"}},
	LeadOff:            {{"导联脱落", "Lead off"}},
	HyperK:             {{"T波高尖，提示高钾血症", "Tall T waves, consider hyperkalaemia"}, {"异常心电图", "Abnormal ECG"}},
	STDepression:       {{"窦性心律", "Sinus rhythm"}, {"ST段压低", "ST depression"}, {"异常心电图", "Abnormal ECG"}},
	LongQT:             {{"窦性心律", "Sinus rhythm"}, {"QT间期延长", "Prolonged QT"}, {"异常心电图", "Abnormal ECG"}},
	SVT:                {{"室上性心动过速", "Supraventricular tachycardia"}, {"异常心电图", "Abnormal ECG"}},
}

func (p *player) statements(t *tracing.Tracing) {
	source := tracing.Source{Kind: tracing.ByDevice, Name: p.spec.Device.AcquiredBy}
	for _, s := range said[p.spec.Kind] {
		text := s[0]
		if p.spec.English {
			text = s[1]
		}
		t.Statements = append(t.Statements, tracing.Statement{Text: text, Source: source})
	}
	if p.off >= 0 {
		t.Warn(tracing.LeadsOff, "lead "+tracing.Eight[p.off].Label())
	}
}
