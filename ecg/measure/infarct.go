// ST segment and Q waves: the Fourth Universal Definition of Myocardial Infarction (Thygesen et al. 2018), tables 3 and 4.

package measure

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// contiguous leads stand beside each other; the limb leads in the order of Cabrera.
var contiguous = [][]tracing.Code{
	{tracing.LeadAVL, tracing.LeadI, invertedAVR, tracing.LeadII, tracing.LeadAVF, tracing.LeadIII},
	{tracing.LeadV1, tracing.LeadV2, tracing.LeadV3, tracing.LeadV4, tracing.LeadV5, tracing.LeadV6, tracing.LeadV7, tracing.LeadV8, tracing.LeadV9},
	{tracing.LeadV3R, tracing.LeadV4R, tracing.LeadV5R, tracing.LeadV6R},
}

// invertedAVR has a place in the order of the limb leads, but no threshold of its own.
const invertedAVR tracing.Code = "-aVR"

// neighbours are those leads that pass a test and stand beside another one that does.
func neighbours(passes func(tracing.Code) bool) []tracing.Code {
	var out []tracing.Code
	for _, chain := range contiguous {
		for i, c := range chain {
			if !passes(c) {
				continue
			}
			if i > 0 && passes(chain[i-1]) || i+1 < len(chain) && passes(chain[i+1]) {
				out = append(out, c)
			}
		}
	}
	return out
}

// elevationUV is the threshold of ST elevation at J in a lead.
func elevationUV(c tracing.Code, p tracing.Patient) float64 {
	switch c {
	case tracing.LeadV2, tracing.LeadV3:
		switch {
		case p.Sex == "F":
			return 150
		case p.AgeYears > 0 && p.AgeYears < 40:
			return 250
		}
		return 200
	case tracing.LeadV7, tracing.LeadV8, tracing.LeadV9:
		if p.Sex == "M" && p.AgeYears > 0 && p.AgeYears < 40 {
			return 100
		}
		return 50
	case tracing.LeadV3R, tracing.LeadV4R, tracing.LeadV5R, tracing.LeadV6R:
		if p.Sex == "M" && p.AgeYears > 0 && p.AgeYears < 30 {
			return 100
		}
		return 50
	}
	return 100
}

const (
	depressionUV  = 50
	discordantMax = 0.25 // of ST against the S wave that it opposes: more is not explained by the conduction (Smith et al. 2012)
	concordantUV  = 100
	flutterWaveMS = 220 // a whole wave
)

// st finds elevation and depression of the ST segment. Behind a bundle branch block ST is shifted against the QRS complex: only what this does
// not explain counts there. With a pathological Q wave half of the threshold counts, 60 ms after J: an infarction that
// develops or is some days old. Flutter waves shift it too: what counts is more than their size.
func (a *analysis) st() {
	secondary := a.hasFinding(finding.LeftBundle) || a.hasFinding(finding.WideQRS)
	flutters := a.goesOn(finding.AtrialFlutter)
	waves := func(c tracing.Code) float64 {
		if !flutters {
			return 0
		}
		return a.flutterUV(c)
	}
	up := neighbours(func(c tracing.Code) bool {
		s, ok := a.shape[c]
		limit := elevationUV(c, a.t.Patient) + waves(c)
		switch {
		case !ok || !s.hasST:
			return false
		case secondary:
			return s.j >= limit && !explained(s)
		}
		return s.j >= limit || !flutters && pathological(c, s) && remains(c, s, limit)
	})
	if len(up) > 0 {
		a.find(finding.Finding{Code: finding.STElevation, Leads: up, Evidence: map[string]float64{"st_uv": a.extremeST(up, 1)}})
	}
	down := neighbours(func(c tracing.Code) bool {
		s, ok := a.shape[c]
		return ok && s.hasST && !secondary && max(s.j, s.j80) <= -depressionUV-waves(c)
	})
	if len(down) > 0 {
		a.find(finding.Finding{Code: finding.STDepression, Leads: down, Evidence: map[string]float64{"st_uv": a.extremeST(down, -1)}})
	}
}

// remains reports half of an elevation 60 ms after J. The segment may rise from a lower J in chest leads, where it is steep; not in limb leads,
// whose complexes and thresholds are small.
func remains(c tracing.Code, s shape, limit float64) bool {
	least := limit / 2
	if slices.Contains(tracing.Twelve[6:], c) {
		least = limit / 4
	}
	return s.j >= least && s.j60 >= limit/2
}

// flutterUV is the size of flutter waves in a lead, from lowest to highest before the QRS complex.
func (a *analysis) flutterUV(c tracing.Code) float64 {
	x, q := a.m.lead(c), a.waves.QRS
	if x == nil || !q.OK {
		return 0
	}
	before := x[max(0, q.On-int(flutterWaveMS*a.m.rate/1000)) : q.On+1]
	return slices.Max(before) - slices.Min(before)
}

// explained reports an elevation that follows from abnormal conduction: against the QRS complex and up to a quarter of its S wave, or with
// the complex and small.
func explained(s shape) bool {
	if s.net < 0 {
		return s.j < discordantMax*-s.s
	}
	return s.j < concordantUV
}

// pathological reports a Q wave of an infarction: in V1 to V3 one of 20 ms or a QS, elsewhere at least 30 ms and 100 uV, or a QS.
func pathological(c tracing.Code, s shape) bool {
	switch {
	case !s.hasQRS:
		return false
	case c == tracing.LeadV1 || c == tracing.LeadV2 || c == tracing.LeadV3:
		return s.q < -smallestWaveUV && (s.qMS >= 20 || s.tallest() == 0)
	}
	return s.q <= -100 && (s.qMS >= 30 || s.tallest() == 0)
}

func (a *analysis) extremeST(leads []tracing.Code, sign float64) float64 {
	v := 0.0
	for _, c := range leads {
		if j := a.shape[c].j; j*sign > v*sign {
			v = j
		}
	}
	return math.Round(v)
}

func (a *analysis) hasFinding(c finding.Code) bool {
	return slices.ContainsFunc(a.result.Findings, func(f finding.Finding) bool { return f.Code == c })
}

// qWaves finds the Q waves of an old infarction: in V2 and V3 any of 20 ms or a QS; elsewhere at least 30 ms and 100 uV, or a QS, in two
// contiguous leads of I, aVL, V6; V4 to V6; II, III, aVF.
func (a *analysis) qWaves() {
	if a.hasFinding(finding.LeftBundle) || a.goesOn(finding.AtrialFlutter) || a.hasFinding(finding.WideQRS) && !a.supraventricular() {
		return
	}
	var leads []tracing.Code
	for _, group := range [][]tracing.Code{
		{tracing.LeadI, tracing.LeadAVL, tracing.LeadV6},
		{tracing.LeadV4, tracing.LeadV5, tracing.LeadV6},
		{tracing.LeadII, tracing.LeadIII, tracing.LeadAVF},
	} {
		var in []tracing.Code
		for _, c := range group {
			if s, ok := a.shape[c]; ok && pathological(c, s) {
				in = append(in, c)
			}
		}
		if len(in) >= 2 {
			leads = append(leads, in...)
		}
	}
	for _, c := range []tracing.Code{tracing.LeadV2, tracing.LeadV3} {
		if s, ok := a.shape[c]; ok && pathological(c, s) {
			leads = append(leads, c)
		}
	}
	if len(leads) > 0 {
		slices.Sort(leads)
		a.find(finding.Finding{Code: finding.PathologicalQ, Leads: slices.Compact(leads)})
	}
}
