// What an analysis says of a tracing.

package measure

import (
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// Algorithm is the source of every number here. Version grows with every change of any number.
var Algorithm = tracing.Source{Kind: tracing.ByAlgorithm, Name: "lianzhen-ecg", Version: "1.1"}

// Result is decision support: a doctor decides.
type Result struct {
	Measurements []tracing.Measurement // global ones, then those of single leads; what could not be measured is not there
	Findings     []finding.Finding
	Beats        []Beat
	Median       *tracing.Group // the representative beat, 1 uV a unit; nil if there is none
	Fiducials    Fiducials      // of Median
	Quality      []LeadQuality
}

// Beat is one QRS complex.
type Beat struct {
	At          time.Duration // of the recording
	Ventricular bool          // wide and unlike the main beat
	Paced       bool
	Dominant    bool // in Median
}

// Fiducials are times from the first sample of the median beat. A wave that was not found has OK false.
type Fiducials struct{ P, QRS, T Wave }

// Wave is one wave's onset, peak and offset.
type Wave struct {
	On, Peak, Off time.Duration
	OK            bool
}

// LeadQuality says how well one lead can be read.
type LeadQuality struct {
	Lead     tracing.Code
	Off      bool    // flat or at the rail
	NoiseUV  float64 // root mean square above 40 Hz outside QRS complexes
	WanderUV float64 // of the baseline, peak to peak under 0.5 Hz
	Usable   bool
}
