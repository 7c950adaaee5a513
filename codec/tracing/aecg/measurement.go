// Measurements: what a code and a unit mean, whoever wrote them.

package aecg

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// meanings are the measurements by their codes in capitals, without the prefixes that say whose code it is.
var meanings = map[string]struct{ code, unit string }{
	"HEART_RATE": {tracing.HeartRate, "/min"}, "HR": {tracing.HeartRate, "/min"}, "VENT_RATE": {tracing.HeartRate, "/min"},
	"VENTRICULAR_RATE": {tracing.HeartRate, "/min"}, "ATRIAL_RATE": {tracing.AtrialRate, "/min"},
	"TIME_PD_RR": {tracing.RRInterval, "ms"}, "RR": {tracing.RRInterval, "ms"}, "RR_INTERVAL": {tracing.RRInterval, "ms"},
	"TIME_PD_RR_MAX": {tracing.LongestRR, "ms"}, "TIME_PD_RR_MIN": {tracing.ShortestRR, "ms"},
	"TIME_PD_P": {tracing.PDuration, "ms"}, "P_DURATION": {tracing.PDuration, "ms"}, "PD": {tracing.PDuration, "ms"},
	"TIME_PD_PR": {tracing.PRInterval, "ms"}, "TIME_PD_PQ": {tracing.PRInterval, "ms"}, "PR": {tracing.PRInterval, "ms"}, "PR_INTERVAL": {tracing.PRInterval, "ms"},
	"TIME_PD_QRS": {tracing.QRSDuration, "ms"}, "QRS_DURATION": {tracing.QRSDuration, "ms"}, "QRSD": {tracing.QRSDuration, "ms"}, "QRS": {tracing.QRSDuration, "ms"},
	"TIME_PD_QT": {tracing.QTInterval, "ms"}, "QT": {tracing.QTInterval, "ms"}, "QT_INTERVAL": {tracing.QTInterval, "ms"},
	"TIME_PD_QTC": {tracing.QTcUnsaid, "ms"}, "QTC": {tracing.QTcUnsaid, "ms"},
	"TIME_PD_QTCB": {tracing.QTcBazett, "ms"}, "QTCB": {tracing.QTcBazett, "ms"}, "TIME_PD_QTC_BAZETT": {tracing.QTcBazett, "ms"},
	"TIME_PD_QTCF": {tracing.QTcFrideric, "ms"}, "QTCF": {tracing.QTcFrideric, "ms"}, "TIME_PD_QTC_FRIDERICIA": {tracing.QTcFrideric, "ms"},
	"TIME_PD_QTCH": {tracing.QTcHodges, "ms"}, "QTCH": {tracing.QTcHodges, "ms"}, "TIME_PD_QTC_HODGES": {tracing.QTcHodges, "ms"},
	"TIME_PD_QTCFM": {tracing.QTcFraming, "ms"}, "QTCFM": {tracing.QTcFraming, "ms"}, "TIME_PD_QTC_FRAMINGHAM": {tracing.QTcFraming, "ms"},
	"ANGLE_P_FRONT": {tracing.PAxis, "deg"}, "P_AXIS": {tracing.PAxis, "deg"},
	"ANGLE_QRS_FRONT": {tracing.QRSAxis, "deg"}, "QRS_AXIS": {tracing.QRSAxis, "deg"}, "R_AXIS": {tracing.QRSAxis, "deg"},
	"ANGLE_T_FRONT": {tracing.TAxis, "deg"}, "T_AXIS": {tracing.TAxis, "deg"},
	"AMPL_R_V5": {tracing.RV5, "uV"}, "RV5": {tracing.RV5, "uV"}, "AMPL_S_V1": {tracing.SV1, "uV"}, "SV1": {tracing.SV1, "uV"},
	"AMPL_R_V5_PLUS_SV1": {tracing.RV5PlusSV1, "uV"}, "RV5_PLUS_SV1": {tracing.RV5PlusSV1, "uV"}, "RV5_SV1": {tracing.RV5PlusSV1, "uV"},
	"RV5+SV1": {tracing.RV5PlusSV1, "uV"}, "RV5SV1": {tracing.RV5PlusSV1, "uV"},
	"AMPL_P": {tracing.PAmplitude, "uV"}, "AMPL_Q": {tracing.QAmplitude, "uV"}, "AMPL_R": {tracing.RAmplitude, "uV"},
	"AMPL_S": {tracing.SAmplitude, "uV"}, "AMPL_T": {tracing.TAmplitude, "uV"}, "AMPL_ST": {tracing.STAtJ, "uV"},
	"AMPL_J60": {tracing.STAtJ60, "uV"}, "AMPL_J80": {tracing.STAtJ80, "uV"},
}

// units are what carts write, and what it is in the units of the model; the typing error is a known one.
var units = map[string]struct {
	unit   string
	factor float64
}{
	"ms": {"ms", 1}, "s": {"ms", 1000}, "us": {"ms", 0.001}, "min": {"ms", 60_000},
	"/min": {"/min", 1}, "bpm": {"/min", 1}, "bmp": {"/min", 1}, "1/min": {"/min", 1}, "{beats}/min": {"/min", 1}, "{h.b.}/min": {"/min", 1}, "beats/min": {"/min", 1},
	"deg": {"deg", 1}, "°": {"deg", 1}, "degree": {"deg", 1}, "degrees": {"deg", 1},
	"uv": {"uV", 1}, "µv": {"uV", 1}, "μv": {"uV", 1}, "mv": {"uV", 1000}, "nv": {"uV", 0.001}, "v": {"uV", 1e6},
}

// said is a measurement that was there before.
type said struct {
	code  string
	lead  tracing.Code
	value float64
	kind  tracing.SourceKind
}

func (s *series) measurement(n note, sc scope) {
	v, ok := xmlin.Number(n.value)
	if !ok {
		s.d.t.Warn(tracing.BadValue, "a measurement that is no number was left out")
		return
	}
	m := tracing.Measurement{Code: n.code, Value: v, Unit: n.unit, Lead: sc.lead, Source: sc.source}
	u, knownUnit := units[strings.ToLower(n.unit)]
	if knownUnit {
		m.Unit, m.Value = u.unit, v*u.factor
	}
	if meaning, ok := meanings[bareCode(n.code)]; ok {
		m.Code = meaning.code
		switch {
		case n.unit == "":
			s.d.t.Warn(tracing.Deviates, "a measurement without unit: the usual one is taken")
			if m.Unit = meaning.unit; meaning.unit == "ms" && v > 0 && v < 10 {
				m.Value *= 1000 // no interval of a heart lasts less than 10 ms
			}
		case m.Unit != meaning.unit && (!knownUnit || m.Value != 0):
			s.d.t.Warn(tracing.BadValue, "a measurement in a unit that it cannot have was left out")
			return
		}
	}
	if m.Unit == "" && m.Value == 0 {
		return
	}
	if sc.beat != nil {
		if len(s.d.beats) < tracing.MaxTexts {
			s.d.beats = append(s.d.beats, m)
		}
		return
	}
	k := said{m.Code, m.Lead, m.Value, m.Source.Kind}
	if s.d.said[k] || len(s.d.said) >= 2*tracing.MaxTexts {
		return // said again of the representative beat
	}
	s.d.said[k] = true
	xmlin.Measure(s.d.t, m)
}

func bareCode(code string) string {
	c := strings.ToUpper(code)
	for _, prefix := range []string{"MDC_", "MINDRAY_", "LIANZHEN_", "ECG_"} {
		c = strings.TrimPrefix(c, prefix)
	}
	return c
}
