// The codes of leads and measurements: ISO/IEEE 11073-10102 (MDC), as HL7 aECG and DICOM (CID 3001) use them.

package tracing

import "strings"

// Code is an MDC reference id of a lead.
type Code string

// The leads.
const (
	LeadI   Code = "MDC_ECG_LEAD_I"
	LeadII  Code = "MDC_ECG_LEAD_II"
	LeadIII Code = "MDC_ECG_LEAD_III"
	LeadAVR Code = "MDC_ECG_LEAD_AVR"
	LeadAVL Code = "MDC_ECG_LEAD_AVL"
	LeadAVF Code = "MDC_ECG_LEAD_AVF"
	LeadV1  Code = "MDC_ECG_LEAD_V1"
	LeadV2  Code = "MDC_ECG_LEAD_V2"
	LeadV3  Code = "MDC_ECG_LEAD_V3"
	LeadV4  Code = "MDC_ECG_LEAD_V4"
	LeadV5  Code = "MDC_ECG_LEAD_V5"
	LeadV6  Code = "MDC_ECG_LEAD_V6"
	LeadV7  Code = "MDC_ECG_LEAD_V7"
	LeadV8  Code = "MDC_ECG_LEAD_V8"
	LeadV9  Code = "MDC_ECG_LEAD_V9"
	LeadV2R Code = "MDC_ECG_LEAD_V2R"
	LeadV3R Code = "MDC_ECG_LEAD_V3R"
	LeadV4R Code = "MDC_ECG_LEAD_V4R"
	LeadV5R Code = "MDC_ECG_LEAD_V5R"
	LeadV6R Code = "MDC_ECG_LEAD_V6R"
	LeadV7R Code = "MDC_ECG_LEAD_V7R"
	LeadX   Code = "MDC_ECG_LEAD_X"
	LeadY   Code = "MDC_ECG_LEAD_Y"
	LeadZ   Code = "MDC_ECG_LEAD_Z"
	LeadCM5 Code = "MDC_ECG_LEAD_CM5"
	LeadML2 Code = "MDC_ECG_LEAD_ML" // modified limb lead II of ambulatory recordings (MLII)
	LeadD   Code = "MDC_ECG_LEAD_D"  // Nehb dorsal
	LeadA   Code = "MDC_ECG_LEAD_A"
	LeadJ   Code = "MDC_ECG_LEAD_J"
)

// Twelve are the leads of a standard recording in their usual order.
var Twelve = []Code{LeadI, LeadII, LeadIII, LeadAVR, LeadAVL, LeadAVF, LeadV1, LeadV2, LeadV3, LeadV4, LeadV5, LeadV6}

// Eight are those of the twelve that are independent; the others follow from I and II.
var Eight = []Code{LeadI, LeadII, LeadV1, LeadV2, LeadV3, LeadV4, LeadV5, LeadV6}

var labels = map[Code]string{
	LeadAVR: "aVR", LeadAVL: "aVL", LeadAVF: "aVF", LeadML2: "MLII",
}

// Label is the usual short name of a lead: "II", "aVR", "V1".
func (c Code) Label() string {
	if l, ok := labels[c]; ok {
		return l
	}
	return strings.TrimPrefix(string(c), "MDC_ECG_LEAD_")
}

var byName = func() map[string]Code {
	m := map[string]Code{"MLII": LeadML2, "VX": LeadX, "VY": LeadY, "VZ": LeadZ}
	for _, c := range []Code{
		LeadI, LeadII, LeadIII, LeadAVR, LeadAVL, LeadAVF, LeadV1, LeadV2, LeadV3, LeadV4, LeadV5, LeadV6, LeadV7, LeadV8, LeadV9,
		LeadV2R, LeadV3R, LeadV4R, LeadV5R, LeadV6R, LeadV7R, LeadX, LeadY, LeadZ, LeadCM5,
	} {
		m[strings.ToUpper(c.Label())] = c
	}
	return m
}()

// LeadNamed finds a lead by a name as files write it: "II", "avr", "Lead V1", "ECG II", "ECG Lead II", "MDC_ECG_LEAD_AVR". It is empty for others.
func LeadNamed(name string) Code {
	n := strings.ToUpper(strings.TrimSpace(name))
	for _, prefix := range []string{"MDC_ECG_LEAD_", "ECG ", "EKG ", "LEAD ", "LEAD_"} {
		n = strings.TrimPrefix(n, prefix)
	}
	return byName[strings.TrimSpace(n)]
}

// Measurements, global ones. ISO/IEEE 11073-10102 names where there is one.
const (
	HeartRate   = "MDC_ECG_HEART_RATE"              // /min
	RRInterval  = "MDC_ECG_TIME_PD_RR"              // ms
	PDuration   = "MDC_ECG_TIME_PD_P"               // ms
	PRInterval  = "MDC_ECG_TIME_PD_PR"              // ms
	QRSDuration = "MDC_ECG_TIME_PD_QRS"             // ms
	QTInterval  = "MDC_ECG_TIME_PD_QT"              // ms
	QTcBazett   = "MDC_ECG_TIME_PD_QTcB"            // ms
	QTcFrideric = "MDC_ECG_TIME_PD_QTcF"            // ms
	QTcFraming  = "MDC_ECG_TIME_PD_QTc_Framingham"  // ms
	QTcHodges   = "MDC_ECG_TIME_PD_QTc_Hodges"      // ms
	QTcUnsaid   = "MDC_ECG_TIME_PD_QTc"             // ms, by a formula that the device does not name
	PAxis       = "MDC_ECG_ANGLE_P_FRONT"           // deg
	QRSAxis     = "MDC_ECG_ANGLE_QRS_FRONT"         // deg
	TAxis       = "MDC_ECG_ANGLE_T_FRONT"           // deg
	RV5         = "LIANZHEN_ECG_AMPL_R_V5"          // uV
	SV1         = "LIANZHEN_ECG_AMPL_S_V1"          // uV
	RV5PlusSV1  = "LIANZHEN_ECG_AMPL_R_V5_PLUS_SV1" // uV
	AtrialRate  = "LIANZHEN_ECG_ATRIAL_RATE"        // /min
	LongestRR   = "LIANZHEN_ECG_TIME_PD_RR_MAX"     // ms
	ShortestRR  = "LIANZHEN_ECG_TIME_PD_RR_MIN"     // ms
)

// Measurements of one lead: Measurement.Lead says which.
const (
	PAmplitude = "MDC_ECG_AMPL_P"   // uV
	QAmplitude = "MDC_ECG_AMPL_Q"   // uV, not positive
	RAmplitude = "MDC_ECG_AMPL_R"   // uV
	SAmplitude = "MDC_ECG_AMPL_S"   // uV, not positive
	TAmplitude = "MDC_ECG_AMPL_T"   // uV
	STAtJ      = "MDC_ECG_AMPL_ST"  // uV, at the J point against the level before the QRS
	STAtJ60    = "MDC_ECG_AMPL_J60" // uV, 60 ms after J
	STAtJ80    = "MDC_ECG_AMPL_J80" // uV
	STSlope    = "LIANZHEN_ECG_ST_SLOPE"
)

// Marks of waves, for annotations.
const (
	WaveP   = "MDC_ECG_WAVC_PWAVE"
	WaveQRS = "MDC_ECG_WAVC_QRSWAVE"
	WaveT   = "MDC_ECG_WAVC_TWAVE"
	Beat    = "MDC_ECG_BEAT"
	Pace    = "MDC_ECG_PACED"
	Pulse   = "LIANZHEN_ECG_CALIBRATION" // a calibration pulse and its rest, in place of the patient's signal
)
