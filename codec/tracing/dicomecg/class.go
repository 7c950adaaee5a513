package dicomecg

import (
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// What the classes allow (PS3.3 A.34.3.4, A.34.4.4, A.34.5.4).
const (
	twelveLeadGroups   = 5
	twelveLeadChannels = 13 // of all groups together
	twelveLeadSamples  = 16384
	generalGroups      = 4
	generalChannels    = 24 // of each group
	ambulatoryChannels = 12
	restingRateLow     = 200 // Hz, of the 12-lead and the general class
	ambulatoryRateLow  = 50
	rateHigh           = 1000
	ambulatoryFrom     = 5 * time.Minute // what is longer is no resting ECG
)

// classOf is the SOP class that a tracing is written as: the narrowest that it fits. What fits none because of its rate or its number
// of channels is written as General 32-bit ECG, the least bounded.
func classOf(t *tracing.Tracing) dicom.UID {
	s := survey(t)
	rhythm := t.Rhythm()
	long := rhythm != nil && rhythm.Duration() > ambulatoryFrom
	resting := s.slowest >= restingRateLow && s.fastest <= rateHigh
	switch {
	case s.wide:
		return General32
	case (long || !resting) && s.groups == 1 && s.widest <= ambulatoryChannels && s.slowest >= ambulatoryRateLow && s.fastest <= rateHigh:
		return Ambulatory
	case !resting || s.groups > twelveLeadGroups || s.widest > generalChannels:
		return General32
	case s.channels <= twelveLeadChannels && s.longest <= twelveLeadSamples && twelve(t):
		return TwelveLead
	case s.groups > generalGroups:
		return General32
	}
	return General
}

// extent is what decides the class.
type extent struct {
	groups, channels, widest, longest int
	slowest, fastest                  float64
	wide                              bool // a sample needs more than 16 bits
}

func survey(t *tracing.Tracing) extent {
	s := extent{slowest: math.Inf(1)}
	for i := range t.Groups {
		g := &t.Groups[i]
		s.groups++
		s.channels += len(g.Leads)
		s.widest, s.longest = max(s.widest, len(g.Leads)), max(s.longest, g.Len())
		s.slowest, s.fastest = min(s.slowest, g.Rate.Float()), max(s.fastest, g.Rate.Float())
		s.wide = s.wide || wide(g)
	}
	return s
}

// wide tells whether samples need 32 bits: beyond 16, or -32768 beside missing ones, which it stands for.
func wide(g *tracing.Group) bool {
	lowest, missing := false, false
	for i := range g.Leads {
		for _, v := range g.Leads[i].Samples {
			switch {
			case v == tracing.Missing:
				missing = true
			case v < math.MinInt16 || v > math.MaxInt16:
				return true
			case v == math.MinInt16:
				lowest = true
			}
		}
	}
	return lowest && missing
}

// twelve tells whether there are leads of a standard recording and no others.
func twelve(t *tracing.Tracing) bool {
	for i := range t.Groups {
		for j := range t.Groups[i].Leads {
			if n := numberOfLead[t.Groups[i].Leads[j].Code]; n == 0 {
				return false
			}
		}
	}
	rhythm := t.Rhythm()
	return rhythm != nil && rhythm.Lead(tracing.LeadI) != nil && rhythm.Lead(tracing.LeadII) != nil && rhythm.Lead(tracing.LeadV1) != nil
}
