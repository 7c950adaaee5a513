// What to make, and the defaults.

package synth

import (
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Kind is what the heart, or the electrodes, do.
type Kind string

// The kinds.
const (
	Normal             Kind = "NORMAL"
	SinusBradycardia   Kind = "SINUS_BRADYCARDIA"
	SinusTachycardia   Kind = "SINUS_TACHYCARDIA"
	AtrialFibrillation Kind = "ATRIAL_FIBRILLATION"
	AtrialFlutter      Kind = "ATRIAL_FLUTTER"
	STEMIAnterior      Kind = "STEMI_ANTERIOR"
	STEMIInferior      Kind = "STEMI_INFERIOR" // with reciprocal depression
	AVBlock1           Kind = "AV_BLOCK_1"
	AVBlock2           Kind = "AV_BLOCK_2" // Wenckebach for even seeds, Mobitz II for odd ones
	AVBlock3           Kind = "AV_BLOCK_3" // P waves and a slow escape rhythm, each in its own time
	LBBB               Kind = "LBBB"
	RBBB               Kind = "RBBB"
	PVCs               Kind = "PVCS"
	VT                 Kind = "VT"
	VF                 Kind = "VF"
	Pause              Kind = "PAUSE"         // one of over 3 s in the middle
	Paced              Kind = "PACED"         // ventricular spikes
	LimbReversal       Kind = "LIMB_REVERSAL" // electrodes of the arms exchanged
	LeadOff            Kind = "LEAD_OFF"      // one chest electrode off; odd seeds say so (Lead.Off)
	HyperK             Kind = "HYPERKALAEMIA"
	STDepression       Kind = "ST_DEPRESSION" // level, in the left chest leads
	LongQT             Kind = "LONG_QT"
	SVT                Kind = "SVT"
)

// Kinds are all of them.
var Kinds = []Kind{
	Normal, SinusBradycardia, SinusTachycardia, AtrialFibrillation, AtrialFlutter, STEMIAnterior, STEMIInferior, AVBlock1, AVBlock2,
	AVBlock3, LBBB, RBBB, PVCs, VT, VF, Pause, Paced, LimbReversal, LeadOff, HyperK, STDepression, LongQT, SVT,
}

// Spec is one electrocardiogram to make. The zero value of a field stands for its default.
type Spec struct {
	Kind      Kind // Normal
	Seed      uint64
	RateHz    int     // 500 samples a second
	Seconds   int     // 10
	HeartRate float64 // ventricular, /min; by kind
	StepNV    int     // nanovolts a unit of sample; 2500
	English   bool    // the device speaks English; otherwise Chinese
	Median    bool    // with the device's representative beat as a second group

	Patient tracing.Patient
	At      time.Time      // of the first sample; 2026-03-02 00:30 UTC
	Device  tracing.Device // an invented cart

	NoiseUV  float64 // muscle noise, root mean square
	WanderUV float64 // of the baseline, from the middle
	MainsUV  float64 // 50 Hz, from the middle
}

var rates = map[Kind]float64{
	SinusBradycardia: 44, SinusTachycardia: 124, AtrialFibrillation: 96, AtrialFlutter: 75, STEMIAnterior: 92, STEMIInferior: 64,
	AVBlock2: 60, AVBlock3: 36, PVCs: 76, VT: 176, Pause: 62, Paced: 70, HyperK: 56, STDepression: 88, LongQT: 60, SVT: 210,
}

func (s Spec) filled() Spec {
	if s.Kind == "" {
		s.Kind = Normal
	}
	if s.RateHz <= 0 {
		s.RateHz = 500
	}
	if s.Seconds <= 0 {
		s.Seconds = 10
	}
	if s.StepNV <= 0 {
		s.StepNV = 2500
	}
	if s.HeartRate <= 0 {
		s.HeartRate = rates[s.Kind]
	}
	if s.HeartRate <= 0 {
		s.HeartRate = 72
	}
	if s.At.IsZero() {
		s.At = time.Date(2026, 3, 2, 0, 30, 0, 0, time.UTC)
	}
	if s.Device == (tracing.Device{}) {
		s.Device = tracing.Device{Manufacturer: "Lianzhen", Model: "Synth 12", Serial: "LZ-ECG-0001", Software: "1.0", AcquiredBy: "Synth 1.0"}
	}
	return s
}
