package dicomecg

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// note is an annotation of the first group.
func note(set func(d *dicom.DataSet)) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetInt(referencedWaveformChannels, 1, 0)
	d.SetInt(annotationGroupNumber, 0)
	set(d)
	return d
}

func TestAnnotations(t *testing.T) {
	number := func(value, scheme, meaning, v, unit string) *dicom.DataSet {
		return note(func(d *dicom.DataSet) {
			d.SetItems(conceptNameCodeSequence, code(value, scheme, meaning))
			d.SetText(numericValue, v)
			d.SetItems(measurementUnitsCodeSequence, code(unit, "UCUM", unit))
		})
	}
	point := func(value string, set int, at ...int) *dicom.DataSet {
		return note(func(d *dicom.DataSet) {
			d.SetItems(conceptNameCodeSequence, code(value, "SCPECG", ""))
			d.SetText(temporalRangeType, "POINT")
			d.SetInt(referencedSamplePositions, at...)
			d.SetInt(annotationGroupNumber, set)
		})
	}
	lead := number("2:8192", "MDC", "QT interval per lead", "400", "ms")
	lead.SetInt(referencedWaveformChannels, 1, 2)
	segment := point("10:256", 7, 11, 21)
	segment.SetText(temporalRangeType, "SEGMENT")
	d := dataSet(TwelveLead, ramp(1000, "1", "2"), func() wave { w := ramp(300, "1", "2"); w.label = "MEDIAN BEAT"; return w }())
	d.SetItems(waveformAnnotationSequence,
		note(func(d *dicom.DataSet) { d.SetText(unformattedTextValue, "窦性心律\r\n正常心电图") }),
		note(func(d *dicom.DataSet) {
			d.SetItems(conceptNameCodeSequence, code("18844-1", "LN", "Impression"))
			d.SetItems(conceptCodeSequence, code("164889003", "SCT", "Atrial fibrillation"))
		}),
		number("5.13.5-7", "SCPECG", "PR Interval", "148", "ms"), number("5.10.3-13", "SCPECG", "QRS Axis", "-61", "ms"),
		number("5.10.2.1-5", "SCPECG", "PP Interval", "0", "ms"), number("2:16160", "MDC", "", "0.42", "s"),
		number("2:15880", "MDC", "QTc global using Framingham formula", "443", "ms"), number("X1", "99V", "Vent. rate", "71", "bpm"),
		number("X2", "99V", "Frobnication", "3", "kPa"), number("5.13.5-9", "SCPECG", "QRS Duration", "90", "deg"),
		number("5.13.5-11", "SCPECG", "QT", "29999", "ms"), lead,
		point("5.10.3-1", 1, 11), point("5.10.3-2", 1, 21), point("5.10.3-5", 1, 201), // of the median beat
		point("5.10.3-3", 100, 501), point("5.10.3-4", 100, 551), point("5.7.1-3", 100, 520), segment, point("5.10.3-1", 101, 99999),
	)
	got := mustRead(t, file(t, d, dicom.ImplicitLE, ""))
	dev := tracing.Source{Kind: tracing.ByDevice}
	want := &tracing.Tracing{
		Statements: []tracing.Statement{
			{Text: "窦性心律", Source: dev},
			{Text: "正常心电图", Source: dev},
			{Code: "164889003", System: "SCT", Text: "Atrial fibrillation", Source: dev},
		},
		Measurements: []tracing.Measurement{
			{Code: tracing.PRInterval, Value: 148, Unit: "ms", Source: dev},
			{Code: tracing.QRSAxis, Value: -61, Unit: "deg", Source: dev},
			{Code: tracing.QTInterval, Value: 420, Unit: "ms", Source: dev},
			{Code: tracing.QTcFraming, Value: 443, Unit: "ms", Source: dev},
			{Code: tracing.HeartRate, Value: 71, Unit: "/min", Source: dev},
			{Code: "X2", Value: 3, Unit: "kPa", Source: dev},
			{Code: tracing.QTInterval, Value: 400, Unit: "ms", Lead: tracing.LeadII, Source: dev},
		},
		Annotations: []tracing.Annotation{
			{Group: 1, Code: tracing.WaveP, At: 20 * time.Millisecond, For: 20 * time.Millisecond},
			{Group: 1, Code: tracing.WaveT, At: 400 * time.Millisecond, Text: "offset"},
			{Code: tracing.WaveQRS, At: time.Second, For: 100 * time.Millisecond},
			{Code: tracing.Beat, At: 1038 * time.Millisecond},
			{Code: tracing.WaveP, At: 20 * time.Millisecond, For: 20 * time.Millisecond},
		},
	}
	if diff := cmp.Diff(want.Statements, got.Statements); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.Measurements, got.Measurements); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.Annotations, got.Annotations); diff != "" {
		t.Error(diff)
	}
	for _, code := range []tracing.WarningCode{tracing.Repaired, tracing.BadValue} {
		if !warned(got, code) {
			t.Errorf("no warning %q", code)
		}
	}
}
