// Section 10: what the cart measured in each lead (EN 1064 5.13).

package scp

import "github.com/lianzhen/lianzhen/codec/tracing"

// leadMeasure is the meaning of a number in the block of a lead.
type leadMeasure struct {
	code, unit string
}

// leadMeasures are the numbers of a block in their order (EN 1064 5.13.5). Those without a name of ISO/IEEE 11073-10102 have the one that
// DICOM gave them as SCP-ECG terms.
var leadMeasures = []leadMeasure{
	{tracing.PDuration, "ms"},
	{tracing.PRInterval, "ms"},
	{tracing.QRSDuration, "ms"},
	{tracing.QTInterval, "ms"},
	{"MDC_ECG_TIME_PD_Q", "ms"},
	{"MDC_ECG_TIME_PD_R", "ms"},
	{"MDC_ECG_TIME_PD_S", "ms"},
	{"SCPECG_5.13.5-8", "ms"},  // R' duration
	{"SCPECG_5.13.5-9", "ms"},  // S' duration
	{tracing.QAmplitude, "uV"}, // 10
	{tracing.RAmplitude, "uV"},
	{tracing.SAmplitude, "uV"},
	{"SCPECG_5.13.5-13", "uV"}, // R' amplitude
	{"SCPECG_5.13.5-14", "uV"}, // S' amplitude
	{tracing.STAtJ, "uV"},
	{tracing.PAmplitude, "uV"}, // of the positive part
	{"SCPECG_5.13.5-17", "uV"}, // P, negative part
	{tracing.TAmplitude, "uV"}, // of the positive part
	{"SCPECG_5.13.5-19", "uV"}, // T, negative part
	{tracing.STSlope, "uV/s"},  // 20
	{},                         // P morphology
	{},                         // T morphology
	{"SCPECG_5.13.5-23", "ms"}, // isoelectric segment at the onset of QRS
	{"SCPECG_5.13.5-24", "ms"}, // isoelectric segment at its end
	{"SCPECG_5.13.5-25", "ms"}, // intrinsicoid deflection
	{},                         // quality
	{"SCPECG_5.13.5-27", "uV"}, // ST 20 ms after J
	{tracing.STAtJ60, "uV"},    // 28
	{tracing.STAtJ80, "uV"},    // 29
	{"SCPECG_5.13.5-30", "uV"}, // ST RR/16 after J
	{"SCPECG_5.13.5-31", "uV"}, // ST RR/8 after J
}

// Numbers whose place matters beyond their code, counted from 0. A wave of no duration or height is not there, but a level may be zero.
const (
	pPositive, pNegative = 15, 16
	tPositive, tNegative = 17, 18
	levelJ, firstST      = 14, 26
	inAllVersions        = 9 // the first ones
)

// perLead reads section 10: a block of numbers for each lead.
func (r *record) perLead() {
	b := r.sections[secPerLead].body
	if len(b) < 4 {
		return
	}
	n := int(le.Uint16(b))
	b = b[4:]
	if r.protocol >= 30 {
		r.t.Warn(tracing.Unsupported, "section 10: of version 3 only the intervals and durations are read")
	}
	for i := 0; i < n && len(b) >= 4; i++ {
		id, size := le.Uint16(b), min(int(le.Uint16(b[2:])), len(b)-4)
		if lead := leadOf(byte(id)); id < 256 && lead.Code != "" {
			block := b[4:][:size&^1]
			if r.protocol >= 30 {
				block = block[:min(2*inAllVersions, len(block))]
			}
			r.leadBlock(lead.Code, block)
		}
		b = b[4+size:]
	}
}

// leadBlock reads the numbers of a lead. Where only the negative part of P or T is there, it is the amplitude of the wave.
func (r *record) leadBlock(lead tracing.Code, b []byte) {
	values := make([]int, len(leadMeasures))
	for i := range values {
		values[i] = notComputed
		if len(b) >= 2*i+2 {
			values[i] = int(int16(le.Uint16(b[2*i:])))
		}
	}
	for _, wave := range [][2]int{{pPositive, pNegative}, {tPositive, tNegative}} {
		if v := values[wave[0]]; v == notComputed || v == absentWave || v == 0 {
			values[wave[0]], values[wave[1]] = values[wave[1]], notComputed
		}
	}
	if r.protocol < writtenVersion && noST(values) {
		for i := firstST; i < len(values); i++ {
			values[i] = notComputed
		}
		if values[levelJ] == 0 {
			values[levelJ] = notComputed
		}
	}
	for i, m := range leadMeasures {
		if m.code != "" && (values[i] != 0 || i == levelJ || i >= firstST) {
			r.measure(m.code, values[i], m.unit, lead)
		}
	}
}

// noST reports whether the levels of ST after J are only zeros: carts of version 1 fill the block with them, and that is not a measured
// level of zero.
func noST(values []int) bool {
	for _, v := range values[firstST:] {
		if v != 0 && v != notComputed && v != absentWave && v != rejected {
			return false
		}
	}
	return true
}
