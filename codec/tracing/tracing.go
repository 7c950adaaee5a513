// Package tracing is the one model of an electrocardiogram 心电图: what every cart's file becomes, whatever its dialect. The
// readers and writers of the dialects stand in the folders below it, one each; formats chooses among them by content.
//
// A sample is an integer as the file has it; (sample x NVPerLSB + OffsetNV) is its value in nanovolts. Nothing is filtered,
// resampled or rounded here. What a reader could not understand is a Warning, never a silent change.
package tracing

import (
	"math"
	"time"
)

// Missing marks a sample that the device says it does not have (a lead off, padding).
const Missing = math.MinInt32

// Format names a dialect, as people know it.
type Format string

// The formats.
const (
	DICOM   Format = "DICOM"
	SCP     Format = "SCP-ECG"
	AECG    Format = "HL7 aECG"
	MUSE    Format = "GE MUSE XML"
	Sierra  Format = "Philips Sierra XML"
	EDF     Format = "EDF"
	BDF     Format = "BDF"
	WFDB    Format = "WFDB"
	ISHNE   Format = "ISHNE"
	MFER    Format = "MFER"
	Contec  Format = "Contec ECG"
	Mindray Format = "Mindray BeneHeart XML"
	Edan    Format = "Edan DAT"
	Zoncare Format = "Zoncare zqecg XML"
)

// Tracing is one recording of one patient.
type Tracing struct {
	Format  Format
	Version string // of the format, as the file says it; "1.3", "EDF+C", empty if it does not

	Patient    Patient
	RecordedAt time.Time // of the first sample; zero if not said
	ZoneKnown  bool      // false: RecordedAt is a wall clock in an unknown zone, given as if it were UTC
	Device     Device
	Site       Site
	Indication string // why it was taken; as sent
	Order      string // accession or order number

	Groups       []Group // simultaneous leads each; rhythm first, then median beats
	Measurements []Measurement
	Statements   []Statement
	Annotations  []Annotation
	Warnings     []Warning
}

// Kind of a group.
type Kind string

// The kinds of group.
const (
	Rhythm Kind = "RHYTHM" // what was recorded
	Median Kind = "MEDIAN" // one representative beat, made by the device
)

// Group is a set of leads that were sampled together.
type Group struct {
	Kind    Kind
	Label   string
	Rate    Ratio         // samples a second, exact
	Offset  time.Duration // of its first sample after RecordedAt
	Filters Filters
	Leads   []Lead // all of the same number of samples, or none of them loaded
}

// Lead is one channel.
type Lead struct {
	Code     Code   // LeadII; empty: not one of the known
	Label    string // as the file names it, or the usual name
	NVPerLSB Ratio  // nanovolts a unit of sample; zero: not calibrated, may be shown but not measured
	OffsetNV Ratio  // value of sample 0
	Skew     time.Duration
	Samples  []int32
	Derived  bool // computed from others, by the format's rule or by DeriveLimb
	Off      bool // the device says that the electrode was off for the whole recording
}

// Calibrated reports whether samples have a known size.
func (l *Lead) Calibrated() bool { return l.NVPerLSB.Num != 0 && l.NVPerLSB.Den != 0 }

// UV is sample i in microvolts; NaN where it is missing or the lead is not calibrated.
func (l *Lead) UV(i int) float64 {
	if l.Samples[i] == Missing || !l.Calibrated() {
		return math.NaN()
	}
	return (float64(l.Samples[i])*l.NVPerLSB.Float() + l.OffsetNV.Float()) / 1000
}

// Lead finds a lead by its code, nil if the group has none.
func (g *Group) Lead(c Code) *Lead {
	for i := range g.Leads {
		if g.Leads[i].Code == c {
			return &g.Leads[i]
		}
	}
	return nil
}

// Len is the number of samples of each lead.
func (g *Group) Len() int {
	if len(g.Leads) == 0 {
		return 0
	}
	return len(g.Leads[0].Samples)
}

// Duration of the group.
func (g *Group) Duration() time.Duration { return g.Rate.Duration(int64(g.Len())) }

// Rhythm is the first group of kind Rhythm, nil if there is none.
func (t *Tracing) Rhythm() *Group { return t.group(Rhythm) }

// MedianBeat is the device's representative beat, nil if it sent none.
func (t *Tracing) MedianBeat() *Group { return t.group(Median) }

func (t *Tracing) group(k Kind) *Group {
	for i := range t.Groups {
		if t.Groups[i].Kind == k {
			return &t.Groups[i]
		}
	}
	return nil
}

// Warn adds a warning once.
func (t *Tracing) Warn(code WarningCode, detail string) {
	w := Warning{code, detail}
	for _, x := range t.Warnings {
		if x == w {
			return
		}
	}
	t.Warnings = append(t.Warnings, w)
}

// Filters are what the device applied to the stored samples. Zero: not said.
type Filters struct {
	HighPassHz float64 // lower corner, -3 dB
	LowPassHz  float64 // upper corner
	NotchHz    float64
}

// Patient is what the file says of the patient, raw. It prints as a mask.
type Patient struct {
	ID        string
	Name      string // in the script that was sent; family and given name as one text
	BirthDate string // YYYYMMDD, empty if not said
	Sex       string // DICOM letters M, F, O; empty: not said
	AgeYears  float64
	HeightCM  float64
	WeightKG  float64
	Race      string
	Pacemaker bool
	Drugs     []string
}

// String tells nothing.
func (Patient) String() string { return "(patient)" }

// GoString tells nothing.
func (Patient) GoString() string { return "tracing.Patient{}" }

// Device made the recording.
type Device struct {
	Manufacturer, Model, Serial, Software string
	AcquiredBy                            string // the software or algorithm that measured, with its version
}

// Site is where it was made.
type Site struct {
	Institution, Department, Room string
}

// Source says who states something.
type Source struct {
	Kind    SourceKind
	Name    string // of the algorithm or device
	Version string
}

// SourceKind is a device, our own algorithm, or a person.
type SourceKind string

// The kinds of source.
const (
	ByDevice    SourceKind = "device"
	ByAlgorithm SourceKind = "algorithm"
	ByPerson    SourceKind = "person"
)

// Measurement is one number. Code is an MDC code of codes.go or the device's own; Unit is UCUM ("ms", "/min", "deg", "uV").
type Measurement struct {
	Code   string
	Value  float64
	Unit   string
	Lead   Code // empty: global
	Source Source
}

// Statement is a conclusion as text, with its code where it has one.
type Statement struct {
	Code, System string
	Text         string
	Confirmed    bool // a person overread it
	Source       Source
}

// Annotation marks a time or a span of a group's samples.
type Annotation struct {
	Group int
	Lead  Code // empty: all leads
	At    time.Duration
	For   time.Duration // zero: a point
	Code  string        // MDC_ECG_WAVC_QRSWAVE, or the format's own (a WFDB letter)
	Text  string
}

// Measured finds a global measurement of a kind of source, false if it has none.
func (t *Tracing) Measured(k SourceKind, code string) (Measurement, bool) {
	for _, m := range t.Measurements {
		if m.Source.Kind == k && m.Code == code && m.Lead == "" {
			return m, true
		}
	}
	return Measurement{}, false
}
