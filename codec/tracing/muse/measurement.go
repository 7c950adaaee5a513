// Measurements, the points of the median beat that they were taken from, and the matrix of the single leads.

package muse

import (
	"encoding/binary"
	"math"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// named are the global measurements. MUSE corrects QT by Bazett unless the site has chosen otherwise, which the file does not tell; it
// writes the other correction with this name.
var named = []struct{ element, code, unit string }{
	{"VentricularRate", tracing.HeartRate, "/min"},
	{"AtrialRate", tracing.AtrialRate, "/min"},
	{"PRInterval", tracing.PRInterval, "ms"},
	{"QRSDuration", tracing.QRSDuration, "ms"},
	{"QTInterval", tracing.QTInterval, "ms"},
	{"QTCorrected", tracing.QTcBazett, "ms"},
	{"QTcFrederica", tracing.QTcFrideric, "ms"},
	{"QTcFridericia", tracing.QTcFrideric, "ms"},
	{"QTcFramingham", tracing.QTcFraming, "ms"},
	{"QTcHodges", tracing.QTcHodges, "ms"},
	{"PAxis", tracing.PAxis, "deg"},
	{"RAxis", tracing.QRSAxis, "deg"},
	{"TAxis", tracing.TAxis, "deg"},
}

// measurements gives those that MUSE shows, and behind them the cart's own where they differ.
func (d *document) measurements() {
	shown := d.current
	if shown == nil {
		shown = d.original
	}
	d.globals(shown, nil, d.source())
	if rr, ok := xmlin.Number(d.globalRR); ok {
		xmlin.Measure(d.t, tracing.Measurement{Code: tracing.RRInterval, Value: rr, Unit: "ms", Source: d.source()})
	}
	if on, off, ok := points(shown, "POnset", "POffset"); ok && sampleMS(shown) > 0 {
		xmlin.Measure(d.t, tracing.Measurement{Code: tracing.PDuration, Value: (off - on) * sampleMS(shown), Unit: "ms", Source: d.source()})
	}
	if d.current != nil && d.original != nil {
		s := d.source()
		s.Name = "original"
		d.globals(d.original, d.current, s)
	}
	d.leadMeasurements()
}

func (d *document) globals(f, besides map[string]string, s tracing.Source) {
	for _, n := range named {
		text := f[n.element]
		if text == "" || besides != nil && besides[n.element] == text {
			continue
		}
		if v, ok := xmlin.Number(text); ok {
			xmlin.Measure(d.t, tracing.Measurement{Code: n.code, Value: v, Unit: n.unit, Source: s})
		}
	}
}

// sampleMS is how long a sample is that the points are counted in.
func sampleMS(f map[string]string) float64 {
	r := rate(f["ECGSampleBase"], f["ECGSampleExponent"])
	if r.Num <= 0 {
		return 0
	}
	return 1000 / r.Float()
}

// points are two fiducial points in their order; false where the beat has none.
func points(f map[string]string, on, off string) (a, b float64, ok bool) {
	a, ok1 := xmlin.Number(f[on])
	b, ok2 := xmlin.Number(f[off])
	return a, b, ok1 && ok2 && a > 0 && a < b && b < 1e6
}

// marks puts the points on the median beat and the beats on the rhythm.
func (d *document) marks() {
	median, rhythm := -1, -1
	for i := range d.t.Groups {
		switch k := d.t.Groups[i].Kind; {
		case k == tracing.Median && median < 0:
			median = i
		case k == tracing.Rhythm && rhythm < 0:
			rhythm = i
		}
	}
	if ms := sampleMS(d.current); median >= 0 && ms > 0 {
		for _, w := range []struct{ on, off, code string }{{"POnset", "POffset", tracing.WaveP}, {"QOnset", "QOffset", tracing.WaveQRS}} {
			if a, b, ok := points(d.current, w.on, w.off); ok {
				xmlin.Mark(d.t, tracing.Annotation{Group: median, At: milliseconds(a * ms), For: milliseconds((b - a) * ms), Code: w.code})
			}
		}
		if v, ok := xmlin.Number(d.current["TOffset"]); ok && v > 0 {
			xmlin.Mark(d.t, tracing.Annotation{Group: median, At: milliseconds(v * ms), Code: tracing.WaveT, Text: "offset"})
		}
	}
	if rhythm < 0 {
		return
	}
	for _, b := range d.beats {
		xmlin.Mark(d.t, tracing.Annotation{Group: rhythm, At: milliseconds(b.at), Code: tracing.Beat, Text: b.kind})
	}
}

// The matrix: a header of as many bytes as its first word says, its last word the number of entries; an entry is a lead, a quantity, and
// a value in microvolts or milliseconds. Amplitudes of Q and S are without sign. The layout is not published; it was found by comparing
// the values with the median beats, and what does not fit it is left out.
var (
	matrixLeads = []tracing.Code{
		tracing.LeadI, tracing.LeadII, tracing.LeadV1, tracing.LeadV2, tracing.LeadV3, tracing.LeadV4, tracing.LeadV5, tracing.LeadV6,
		tracing.LeadIII, tracing.LeadAVR, tracing.LeadAVL, tracing.LeadAVF,
	}
	matrixQuantities = map[byte]struct {
		code string
		sign float64
	}{
		1: {tracing.PAmplitude, 1}, 9: {tracing.QAmplitude, -1}, 13: {tracing.RAmplitude, 1}, 17: {tracing.SAmplitude, -1},
		29: {tracing.STAtJ, 1}, 39: {tracing.TAmplitude, 1},
	}
)

const matrixHeader = 36

func (d *document) leadMeasurements() {
	m := d.matrix
	if len(m) < matrixHeader || binary.LittleEndian.Uint16(m) != matrixHeader {
		return
	}
	n := int(binary.LittleEndian.Uint16(m[matrixHeader-2:]))
	if m = m[matrixHeader:]; n != len(m)/4 || n > len(matrixLeads)*256 {
		d.t.Warn(tracing.Unsupported, "a matrix of measurements that is not understood was left out")
		return
	}
	for ; len(m) >= 4; m = m[4:] {
		q, ok := matrixQuantities[m[1]]
		v := float64(int16(binary.LittleEndian.Uint16(m[2:])))
		if !ok || int(m[0]) >= len(matrixLeads) || v == math.MinInt16 || q.sign < 0 && v < 0 {
			continue
		}
		if v != 0 {
			v *= q.sign
		}
		xmlin.Measure(d.t, tracing.Measurement{Code: q.code, Value: v, Unit: "uV", Lead: matrixLeads[m[0]], Source: d.source()})
	}
}
