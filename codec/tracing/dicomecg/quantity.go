package dicomecg

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// ppInterval is a measurement that codes.go of tracing has no name for.
const ppInterval = "MDC_ECG_TIME_PD_PP"

// quantities are the measurements by their code: those of SCP-ECG (clause and field), which carts write, of MDC (PS3.16 CID 3227 to
// 3229, 3689 and TID 3713) and of LOINC.
var quantities = map[string]string{
	"5.10.2.1-3": tracing.RRInterval, "5.10.2.1-5": ppInterval, "5.10.2.5-1": tracing.HeartRate, "5.10.2.5-3": tracing.AtrialRate,
	"5.10.2.5-5": tracing.QTcUnsaid, "5.13.5-5": tracing.PDuration, "5.13.5-7": tracing.PRInterval, "5.13.5-9": tracing.QRSDuration,
	"5.13.5-11": tracing.QTInterval, "5.10.3-11": tracing.PAxis, "5.10.3-13": tracing.QRSAxis, "5.10.3-15": tracing.TAxis,

	"2:16016": tracing.HeartRate, "2:16770": tracing.HeartRate, "2:16020": tracing.AtrialRate, "2:16168": tracing.RRInterval,
	"2:33024": tracing.RRInterval, "2:16140": ppInterval, "2:32768": ppInterval, "2:16184": tracing.PDuration, "2:6656": tracing.PDuration,
	"2:15872": tracing.PRInterval, "2:7168": tracing.PRInterval, "2:16156": tracing.QRSDuration, "2:7936": tracing.QRSDuration,
	"2:16160": tracing.QTInterval, "2:8192": tracing.QTInterval, "2:15876": tracing.QTcUnsaid, "2:33792": tracing.QTcUnsaid,
	"2:15880": tracing.QTcBazett, "2:34048": tracing.QTcBazett, "2:15892": tracing.QTcFrideric, "2:34304": tracing.QTcFrideric,
	"2:16128": tracing.PAxis, "2:16132": tracing.QRSAxis, "2:16136": tracing.TAxis,

	"8867-4": tracing.HeartRate, "8626-4": tracing.PAxis, "9997-8": tracing.QRSAxis, "8632-2": tracing.QRSAxis, "8638-9": tracing.TAxis,
}

// wordings are measurements by what carts call them, in lower case, without "interval", "global" and the like.
var wordings = map[string]string{
	"heart rate": tracing.HeartRate, "ventricular rate": tracing.HeartRate, "ventricular heart rate": tracing.HeartRate, "vent rate": tracing.HeartRate,
	"hr": tracing.HeartRate, "vr": tracing.HeartRate, "atrial rate": tracing.AtrialRate, "atrial heart rate": tracing.AtrialRate,
	"rr": tracing.RRInterval, "pp": ppInterval, "p": tracing.PDuration, "pr": tracing.PRInterval, "pq": tracing.PRInterval,
	"qrs": tracing.QRSDuration, "qrsd": tracing.QRSDuration, "qt": tracing.QTInterval, "qtc": tracing.QTcUnsaid, "qtcb": tracing.QTcBazett,
	"qtc bazett": tracing.QTcBazett, "qtcf": tracing.QTcFrideric, "qtc fridericia": tracing.QTcFrideric, "p axis": tracing.PAxis,
	"p wave axis": tracing.PAxis, "qrs axis": tracing.QRSAxis, "r axis": tracing.QRSAxis, "r wave axis": tracing.QRSAxis,
	"t axis": tracing.TAxis, "t wave axis": tracing.TAxis, "rv5": tracing.RV5, "sv1": tracing.SV1, "rv5+sv1": tracing.RV5PlusSV1,
}

var wording = strings.NewReplacer("interval", "", "duration", "", "global", "", "per lead", "", "-", "", "using", "", "formula", "", ".", "")

// quantityOf is the MDC code of a measurement; the file's own code where we know none.
func quantityOf(c concept) string {
	if c.scheme == private {
		return c.meaning
	}
	words := strings.ToLower(c.meaning)
	code := quantities[strings.ReplaceAll(c.value, " ", "")]
	switch { // the standard gives these in pairs of one code
	case code == tracing.QTcBazett && strings.Contains(words, "framingham"):
		return tracing.QTcFraming
	case code == tracing.QTcFrideric && strings.Contains(words, "hodges"):
		return tracing.QTcHodges
	case code != "":
		return code
	case strings.HasPrefix(c.value, "MDC_ECG_"):
		return c.value
	}
	if code = wordings[strings.Join(strings.Fields(wording.Replace(words)), " ")]; code != "" {
		return code
	}
	return c.value
}

// usualUnit is what a measurement is given in, empty if that is not known.
func usualUnit(code string) string {
	switch {
	case code == tracing.HeartRate || code == tracing.AtrialRate:
		return "/min"
	case strings.Contains(code, "_TIME_PD_"):
		return "ms"
	case strings.Contains(code, "_ANGLE_"):
		return "deg"
	case strings.Contains(code, "_AMPL_"):
		return "uV"
	}
	return ""
}

// scales are units of the same kind as a usual one, and how many of it each is.
var scales = map[string]struct {
	unit string
	per  float64
}{
	"ms": {"ms", 1}, "s": {"ms", 1000}, "us": {"ms", 0.001}, "deg": {"deg", 1}, "/min": {"/min", 1}, "{H.B.}/min": {"/min", 1},
	"{beats}/min": {"/min", 1}, "bpm": {"/min", 1}, "{h.b.}/min": {"/min", 1}, "uV": {"uV", 1}, "mV": {"uV", 1000}, "nV": {"uV", 0.001},
}

// notMeasured tells the values by which SCP-ECG, and carts after it, say that there is none (EN 1064 5.10.2).
func notMeasured(unit string, v float64) bool {
	switch unit {
	case "ms", "/min":
		return v <= 0 || v >= 29998
	case "deg":
		return v < -360 || v > 360
	case "uV":
		return v >= 29998 && v <= 29999 || v == 19999
	}
	return false
}

// conceptsOf are the codes that we write, in the wording of PS3.16.
var conceptsOf = map[string]concept{
	tracing.HeartRate:   {"2:16016", "MDC", "", "Ventricular Heart Rate"},
	tracing.AtrialRate:  {"2:16020", "MDC", "", "Atrial Heart Rate"},
	tracing.RRInterval:  {"2:16168", "MDC", "", "RR interval global"},
	ppInterval:          {"2:16140", "MDC", "", "PP interval global"},
	tracing.PDuration:   {"2:16184", "MDC", "", "P duration global"},
	tracing.PRInterval:  {"2:15872", "MDC", "", "PR interval global"},
	tracing.QRSDuration: {"2:16156", "MDC", "", "QRS duration global"},
	tracing.QTInterval:  {"2:16160", "MDC", "", "QT interval global"},
	tracing.QTcUnsaid:   {"2:15876", "MDC", "", "QTc interval global"},
	tracing.QTcBazett:   {"2:15880", "MDC", "", "QTc global using Bazett formula"},
	tracing.QTcFraming:  {"2:15880", "MDC", "", "QTc global using Framingham formula"},
	tracing.QTcFrideric: {"2:15892", "MDC", "", "QTc global using Fredericia formula"},
	tracing.QTcHodges:   {"2:15892", "MDC", "", "QTc global using Hodges formula"},
	tracing.PAxis:       {"2:16128", "MDC", "", "P Axis"},
	tracing.QRSAxis:     {"2:16132", "MDC", "", "QRS axis"},
	tracing.TAxis:       {"2:16136", "MDC", "", "T axis"},
}

// unitConcepts are the units that we write (PS3.16 CID 82).
var unitConcepts = map[string]concept{
	"ms": {"ms", "UCUM", "1.4", "millisecond"}, "deg": {"deg", "UCUM", "1.4", "degree"}, "uV": {"uV", "UCUM", "1.4", "microvolt"},
	"/min": {"{H.B.}/min", "UCUM", "1.4", "heart beats per minute"},
}
