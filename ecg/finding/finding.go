// Package finding names what the algorithms see in a tracing: rhythms, beats, ST segments, electrodes. A finding is decision support
// for a doctor, with the numbers it rests on; critical rules and draft conclusions are data over these codes.
package finding

import (
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Code of a finding.
type Code string

// Rhythms.
const (
	AtrialFibrillation Code = "AF"
	AtrialFlutter      Code = "AFL"
	SupraventricularT  Code = "SVT"
	VentricularT       Code = "VT"        // three or more wide beats at 100/min or more
	VentricularFlutter Code = "VF"        // ventricular flutter or fibrillation, torsades: no separate beats
	Pause              Code = "PAUSE"     // evidence rr_ms
	AVBlock3           Code = "AVB3"      // P waves and QRS complexes independent
	AVBlock2           Code = "AVB2"      // single P waves without a QRS complex
	AVBlock1           Code = "AVB1"      // PR over 200 ms
	Paced              Code = "PACED"     // pacing spikes
	PVC                Code = "PVC"       // evidence count
	RonT               Code = "R_ON_T"    // a ventricular beat on the T wave before it
	Bradycardia        Code = "BRADY"     // evidence rate
	Tachycardia        Code = "TACHY"     // evidence rate
	SinusRhythm        Code = "SINUS"     // a P wave of one shape before every QRS complex
	Irregular          Code = "IRREGULAR" // none of the named, but not regular
	PreexcitedAF       Code = "PREEXCITED_AF"
)

// Shapes.
const (
	STElevation   Code = "ST_ELEVATION" // at J in two contiguous leads, by age and sex (Fourth Universal Definition of MI); Leads
	STDepression  Code = "ST_DEPRESSION"
	LeftBundle    Code = "LBBB"
	RightBundle   Code = "RBBB"
	WideQRS       Code = "WIDE_QRS"
	LongQT        Code = "LONG_QT" // evidence qtc_ms
	LeftAxis      Code = "LEFT_AXIS"
	RightAxis     Code = "RIGHT_AXIS"
	LVHVoltage    Code = "LVH_VOLTAGE"
	LowVoltage    Code = "LOW_VOLTAGE"
	TallT         Code = "TALL_T"
	PathologicalQ Code = "PATHOLOGICAL_Q"
)

// Recording.
const (
	LeadOff      Code = "LEAD_OFF"      // Leads
	LimbReversal Code = "LIMB_REVERSAL" // electrodes exchanged; Note says which
	PoorSignal   Code = "POOR_SIGNAL"   // Leads
	Unmeasurable Code = "UNMEASURABLE"  // Note says why
)

// Finding is one of them.
type Finding struct {
	Code     Code
	From, To time.Duration // of the recording; both zero: all of it
	Leads    []tracing.Code
	Evidence map[string]float64 // what it rests on: "rate" /min, "rr_ms", "st_uv", "count", "qtc_ms"
	Note     string             // English, without personal data
}
