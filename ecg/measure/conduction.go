// Conduction, axis, voltage and intervals as findings.

package measure

import (
	"math"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// Thresholds: AHA/ACCF/HRS recommendations 2009 unless said.
const (
	wideQRSMS     = 120
	longPRMS      = 200
	longQTMaleMS  = 450
	longQTMS      = 460  // women, and where the sex is not said
	sokolowUV     = 3500 // Sokolow and Lyon 1949
	cornellMaleUV = 2800 // Casale 1985
	cornellUV     = 2000
	aVLUV         = 1100
	lowLimbUV     = 500
	lowChestUV    = 1000
	tallLimbUV    = 500
	tallChestUV   = 1000
)

// shapes adds what the shape of the median beat says. Of beats that come from the ventricles or a pacemaker only the duration of the QRS complex
// says something: axis, voltage, ST segment, Q and T waves follow from their origin.
func (a *analysis) shapes() {
	a.conduction()
	if a.origin != conducted {
		return
	}
	a.prolonged()
	a.axes()
	a.voltage()
	a.st()
	a.qWaves()
	a.tallT()
}

func evidence(key string, v float64) map[string]float64 { return map[string]float64{key: v} }

// conduction of a wide QRS complex: which bundle branch, if one.
func (a *analysis) conduction() {
	qrs, ok := a.value(tracing.QRSDuration)
	if !ok || qrs < wideQRSMS {
		return
	}
	code := finding.WideQRS
	v1, ok1 := a.shape[tracing.LeadV1]
	v6, ok6 := a.shape[tracing.LeadV6]
	i, okI := a.shape[tracing.LeadI]
	switch {
	case a.origin != conducted || !ok1 || !ok6 || !okI:
	case v1.late > 0 && v1.tallest() > 0 && (v1.r2 > 0 || v1.net > 0) && (i.late < 0 || v6.late < 0):
		code = finding.RightBundle
	case v1.net < 0 && v1.late < 0 && i.net > 0 && v6.tallest() > -v6.s && v6.q > -smallestWaveUV && max(v6.peakMS, i.peakMS) >= 50:
		code = finding.LeftBundle
	}
	a.find(finding.Finding{Code: code, Evidence: evidence("qrs_ms", qrs)})
}

func (a *analysis) prolonged() {
	if pr, ok := a.value(tracing.PRInterval); ok && pr > longPRMS && !a.goesOn(finding.AVBlock2) {
		a.find(finding.Finding{Code: finding.AVBlock1, Evidence: evidence("pr_ms", pr)})
	}
	if !(a.around > 0) {
		return
	}
	rate := 60 * a.s.rate / a.around
	code := tracing.QTcBazett
	if rate < 60 || rate > 100 { // where Bazett's formula over- and undercorrects
		code = tracing.QTcFrideric
	}
	limit := float64(longQTMS)
	if a.t.Patient.Sex == "M" {
		limit = longQTMaleMS
	}
	qtc, ok := a.value(code)
	if qrs, wide := a.value(tracing.QRSDuration); wide && qrs > wideQRSMS {
		limit += qrs - wideQRSMS // a long depolarisation is no long repolarisation
	}
	if ok && qtc > limit {
		a.find(finding.Finding{Code: finding.LongQT, Evidence: evidence("qtc_ms", qtc)})
	}
}

func (a *analysis) axes() {
	axis, ok := a.value(tracing.QRSAxis)
	switch {
	case !ok:
	case axis < -30 && axis >= -90:
		a.find(finding.Finding{Code: finding.LeftAxis, Evidence: evidence("axis_deg", axis)})
	case axis > 90 || axis < -150:
		a.find(finding.Finding{Code: finding.RightAxis, Evidence: evidence("axis_deg", axis)})
	}
}

// voltage of a hypertrophied left ventricle, or a low one.
func (a *analysis) voltage() {
	r := func(c tracing.Code) float64 { s := a.shape[c]; return s.tallest() }
	s := func(c tracing.Code) float64 { return -a.shape[c].s }
	cornell := float64(cornellUV)
	if a.t.Patient.Sex == "M" {
		cornell = cornellMaleUV
	}
	sokolow := s(tracing.LeadV1) + max(r(tracing.LeadV5), r(tracing.LeadV6))
	if !a.hasFinding(finding.LeftBundle) {
		switch vl := r(tracing.LeadAVL); {
		case sokolow >= sokolowUV:
			a.find(finding.Finding{Code: finding.LVHVoltage, Evidence: evidence("sokolow_uv", math.Round(sokolow))})
		case s(tracing.LeadV3) > 0 && vl+s(tracing.LeadV3) > cornell:
			a.find(finding.Finding{Code: finding.LVHVoltage, Evidence: evidence("cornell_uv", math.Round(vl+s(tracing.LeadV3)))})
		case vl > aVLUV:
			a.find(finding.Finding{Code: finding.LVHVoltage, Evidence: evidence("r_avl_uv", math.Round(vl))})
		}
	}
	if a.allBelow(tracing.Twelve[:6], lowLimbUV) || a.allBelow(tracing.Twelve[6:], lowChestUV) {
		a.find(finding.Finding{Code: finding.LowVoltage})
	}
}

// allBelow reports whether the QRS complex of all those leads, which must be there, is smaller from lowest to highest.
func (a *analysis) allBelow(leads []tracing.Code, uv float64) bool {
	for _, c := range leads {
		s, ok := a.shape[c]
		if !ok || !s.hasQRS || s.tallest()-min(s.q, s.s) >= uv {
			return false
		}
	}
	return true
}

func (a *analysis) tallT() {
	if a.hasFinding(finding.LeftBundle) {
		return
	}
	var leads []tracing.Code
	most := 0.0
	for i, c := range tracing.Twelve {
		limit := float64(tallLimbUV)
		if i >= 6 {
			limit = tallChestUV
		}
		if s, ok := a.shape[c]; ok && s.hasT && s.t > limit {
			leads = append(leads, c)
			most = max(most, s.t)
		}
	}
	if len(leads) >= 2 {
		a.find(finding.Finding{Code: finding.TallT, Leads: leads, Evidence: evidence("t_uv", math.Round(most))})
	}
}
