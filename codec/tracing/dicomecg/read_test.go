package dicomecg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

func mustRead(t *testing.T, b []byte) *tracing.Tracing {
	t.Helper()
	out, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func warned(t *tracing.Tracing, code tracing.WarningCode) bool {
	return slices.ContainsFunc(t.Warnings, func(w tracing.Warning) bool { return w.Code == code })
}

func TestTransferSyntaxesGiveTheSame(t *testing.T) {
	d := dataSet(TwelveLead, ramp(700, "1", "2", "3"))
	want := mustRead(t, file(t, d, dicom.ExplicitLE, ""))
	if n := len(want.Groups[0].Leads); n != 7 {
		t.Fatalf("%d leads, want I, II, V1 and the four derived", n)
	}
	if v := want.Groups[0].Lead(tracing.LeadII).Samples[3]; v != 30+1-100 {
		t.Fatalf("sample 3 of II is %d", v)
	}
	for _, c := range []struct {
		name   string
		syntax dicom.UID
	}{
		{"implicit little endian", dicom.ImplicitLE},
		{"explicit big endian", dicom.ExplicitBE},
		{"deflated", dicom.DeflatedLE},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(want, mustRead(t, file(t, d, c.syntax, "")), alike); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("long, big endian, left in the file", func(t *testing.T) {
		long := dataSet(General, ramp(70_000, "1", "2", "3"))
		if diff := cmp.Diff(mustRead(t, file(t, long, dicom.ExplicitLE, "")), mustRead(t, file(t, long, dicom.ExplicitBE, "")), alike); diff != "" {
			t.Error(diff[:min(len(diff), 500)])
		}
	})
	for name, syntax := range map[string]dicom.UID{"without group 2, explicit": dicom.ExplicitLE, "without group 2, implicit": dicom.ImplicitLE} {
		t.Run(name, func(t *testing.T) {
			b, err := dicom.AppendDataSet(nil, d, syntax, "")
			if err != nil {
				t.Fatal(err)
			}
			if !Sniff(b[:200]) {
				t.Error("not recognised")
			}
			if diff := cmp.Diff(want, mustRead(t, b), alike); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSampleForms(t *testing.T) {
	for _, c := range []struct {
		name, interpretation string
		bits                 int
		data                 []byte
		want                 []int32
	}{
		{"signed bytes", "SB", 8, []byte{0, 1, 0x7F, 0x80, 0xFF}, []int32{0, 1, 127, -128, -1}},
		{"unsigned bytes", "UB", 8, []byte{0, 1, 0x7F, 0x80, 0xFF}, []int32{0, 1, 127, 128, 255}},
		{"mu-law", "MB", 8, []byte{0xFF, 0x7F, 0x80, 0x00, 0xCF}, []int32{0, 0, 8031, -8031, 231}},
		{"A-law", "AB", 8, []byte{0xD5, 0x55, 0xAA, 0x2A, 0x80}, []int32{1, -1, 4032, -4032, 688}},
		{"signed words", "SS", 16, []byte{0, 0, 1, 0, 0xFF, 0x7F, 0, 0x80, 0xFF, 0xFF}, []int32{0, 1, 32767, -32768, -1}},
		{"unsigned words", "US", 16, []byte{0, 0, 1, 0, 0xFF, 0x7F, 0, 0x80, 0xFF, 0xFF}, []int32{0, 1, 32767, 32768, 65535}},
		{"signed long words", "SL", 32, []byte{1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x40}, []int32{1, -1, 1 << 30}},
		{"unsigned long words", "UL", 32, []byte{1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}, []int32{1, tracing.Missing}},
		{"interpretation lost", "", 16, []byte{1, 0, 0xFF, 0xFF}, []int32{1, -1}},
		{"interpretation and size do not agree", "SB", 16, []byte{1, 0, 0xFF, 0xFF}, []int32{1, -1}},
	} {
		for _, syntax := range []dicom.UID{dicom.ExplicitLE, dicom.ImplicitLE, dicom.ExplicitBE} {
			t.Run(c.name+" "+string(syntax), func(t *testing.T) {
				if syntax == dicom.ExplicitBE && c.bits == 32 {
					t.Skip("words of 32 bits came after big endian was retired")
				}
				w := wave{interpretation: c.interpretation, bits: c.bits, data: c.data, samples: len(c.want), rate: "200"}
				w.channels = []*dicom.DataSet{channelDef(code("2:2", "MDC", "Lead II"), "1", "uV")}
				if c.bits == 8 && len(c.data)%2 == 1 {
					w.data = append(slices.Clone(c.data), 0)
				}
				got := mustRead(t, file(t, dataSet(General, w), syntax, ""))
				if diff := cmp.Diff(c.want, got.Groups[0].Leads[0].Samples); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestPadding(t *testing.T) {
	for _, c := range []struct {
		name    string
		padding []byte
		want    []int32
	}{
		{"8000 stands for a missing sample", []byte{0, 0x80}, []int32{0, tracing.Missing, 5}},
		{"zero never does", []byte{0, 0}, []int32{0, math.MinInt16, 5}},
		{"none declared", nil, []int32{0, math.MinInt16, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := wave{interpretation: "SS", bits: 16, data: []byte{0, 0, 0, 0x80, 5, 0}, samples: 3, rate: "200"}
			w.channels = []*dicom.DataSet{channelDef(code("2:2", "MDC", "Lead II"), "1", "uV")}
			w.set = func(d *dicom.DataSet) {
				if c.padding != nil {
					d.SetBytes(waveformPaddingValue, dicom.OW, c.padding)
				}
			}
			got := mustRead(t, file(t, dataSet(General, w), dicom.ExplicitLE, ""))
			if diff := cmp.Diff(c.want, got.Groups[0].Leads[0].Samples); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSizeOfASample(t *testing.T) {
	for _, c := range []struct {
		name, sensitivity, unit, correction, baseline string
		size, offset                                  tracing.Ratio
	}{
		{"microvolts", "4.88", "uV", "1", "0", tracing.Whole(4880), tracing.Ratio{}},
		{"millivolts", "0.00244140625", "mV", "1", "0", tracing.NewRatio(1220703125, 500_000), tracing.Ratio{}},
		{"volts with an exponent", "1e-06", "V", "1", "0", tracing.Whole(1000), tracing.Ratio{}},
		{"corrected", "2.5", "uV", "1.0125", "0", tracing.NewRatio(10125, 4), tracing.Ratio{}},
		{"baseline", "1", "uV", "1", "-12.5", tracing.Whole(1000), tracing.Whole(-12500)},
		{"correction of zero", "1", "uV", "0", "0", tracing.Whole(1000), tracing.Ratio{}},
		{"decimal comma", "2,5", "uV", "1", "0", tracing.Whole(2500), tracing.Ratio{}},
		{"no sensitivity", "", "", "", "", tracing.Ratio{}, tracing.Ratio{}},
		{"no number", "abc", "uV", "1", "0", tracing.Ratio{}, tracing.Ratio{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			def := channelDef(code("2:2", "MDC", "Lead II"), c.sensitivity, c.unit)
			if c.sensitivity != "" {
				def.SetText(channelSensitivityCorrection, c.correction)
				def.SetText(channelBaseline, c.baseline)
			}
			w := wave{interpretation: "SS", bits: 16, data: []byte{1, 0}, samples: 1, rate: "200", channels: []*dicom.DataSet{def}}
			got := mustRead(t, file(t, dataSet(General, w), dicom.ExplicitLE, ""))
			l := got.Groups[0].Leads[0]
			if l.NVPerLSB != c.size || l.OffsetNV != c.offset {
				t.Errorf("got %v and %v, want %v and %v", l.NVPerLSB, l.OffsetNV, c.size, c.offset)
			}
			if l.Calibrated() == warned(got, tracing.Uncalibrated) {
				t.Error("a warning must tell that there is no sensitivity, and only then")
			}
		})
	}
}

func TestLeadNames(t *testing.T) {
	for _, c := range []struct {
		value, scheme, meaning string
		want                   tracing.Code
		label                  string
	}{
		{"2:1", "MDC", "Lead I", tracing.LeadI, "I"},
		{"5.6.3-9-61", "SCPECG", "Lead III (Einthoven)", tracing.LeadIII, "III"},
		{"131133", "MDC", "", tracing.LeadIII, "III"},
		{"MDC_ECG_LEAD_AVR", "MDC", "", tracing.LeadAVR, "aVR"},
		{"X", "99VENDOR", "aVF, augmented voltage, foot", tracing.LeadAVF, "aVF"},
		{"X", "99VENDOR", "Lead V3R", tracing.LeadV3R, "V3R"},
		{"X", "99VENDOR", "Oesophagus", "", "Oesophagus"},
		{"", "", "", "", "channel 1"},
	} {
		t.Run(c.value+" "+c.meaning, func(t *testing.T) {
			w := ramp(10, "1")
			w.channels = []*dicom.DataSet{channelDef(code(c.value, c.scheme, c.meaning), "1", "uV")}
			got := mustRead(t, file(t, dataSet(General, w), dicom.ExplicitLE, "")).Groups[0].Leads[0]
			if got.Code != c.want || got.Label != c.label {
				t.Errorf("got %q %q, want %q %q", got.Code, got.Label, c.want, c.label)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	late := ramp(1250, "61", "62", "63")
	late.set = func(d *dicom.DataSet) { d.SetText(multiplexGroupTimeOffset, "2500") }
	short := ramp(600, "1", "2")
	short.label = ""
	slow := ramp(150, "1", "2")
	slow.label, slow.rate = "Average beat", "250"
	b := file(t, dataSet(General, slow, ramp(5000, "1", "2"), late, short), dicom.ImplicitLE, "")
	got := mustRead(t, b)
	type row struct {
		Kind   tracing.Kind
		Rate   string
		N      int
		Offset time.Duration
	}
	var rows []row
	for _, g := range got.Groups {
		rows = append(rows, row{g.Kind, g.Rate.String(), g.Len(), g.Offset})
	}
	want := []row{
		{tracing.Rhythm, "500", 5000, 0},
		{tracing.Rhythm, "500", 1250, 2500 * time.Millisecond},
		{tracing.Median, "250", 150, 0},
		{tracing.Median, "500", 600, 0},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

func TestChannels(t *testing.T) {
	var leads []string
	for range 20 {
		leads = append(leads, "2")
	}
	w := ramp(50, leads...)
	w.channels[3] = channelDef(code("109016", "SRT", "Aortic pressure"), "1", "mm[Hg]")
	w.channels[5].SetText(channelTimeSkew, "0.0005")
	w.channels[6].SetText(channelSampleSkew, "0.5")
	w.channels[7].SetText(channelStatus, "DISCONNECTED")
	w.channels[8].SetText(filterLowFrequency, ".05")
	w.channels[8].SetText(filterHighFrequency, "150")
	w.channels[8].SetText(notchFilterFrequency, "50")
	got := mustRead(t, file(t, dataSet(Hemodynamic, w), dicom.ExplicitLE, ""))
	g := got.Groups[0]
	if len(g.Leads) != 19 {
		t.Fatalf("%d leads, want all but the pressure", len(g.Leads))
	}
	if v := g.Leads[3].Samples[2]; v != 20+4-100 {
		t.Errorf("behind the channel left out: %d", v)
	}
	if g.Leads[4].Skew != 500*time.Microsecond || g.Leads[5].Skew != time.Millisecond {
		t.Errorf("skew %v and %v", g.Leads[4].Skew, g.Leads[5].Skew)
	}
	if !g.Leads[6].Off || !warned(got, tracing.LeadsOff) {
		t.Error("a disconnected channel is a lead off")
	}
	if want := (tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50}); g.Filters != want {
		t.Errorf("filters %+v", g.Filters)
	}
	pressure := ramp(10, "1")
	pressure.channels = []*dicom.DataSet{channelDef(code("109016", "SRT", "Aortic pressure"), "1", "mm[Hg]")}
	if _, err := Read(file(t, dataSet(Hemodynamic, pressure), dicom.ExplicitLE, "")); err == nil {
		t.Error("pressures alone are no ECG")
	}
}

func TestNumbersThatDoNotAgree(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(d *dicom.DataSet)
		n    int // samples; 0: refused
		warn tracing.WarningCode
	}{
		{"more samples than data", func(d *dicom.DataSet) { d.SetInt(numberOfWaveformSamples, 1<<31) }, 100, tracing.Truncated},
		{"fewer", func(d *dicom.DataSet) { d.SetInt(numberOfWaveformSamples, 90) }, 90, tracing.Inconsistent},
		{"no number of samples", func(d *dicom.DataSet) { d.Delete(numberOfWaveformSamples) }, 100, tracing.BadValue},
		{"no number of channels", func(d *dicom.DataSet) { d.Delete(numberOfWaveformChannels) }, 100, tracing.BadValue},
		{"more channels than defined", func(d *dicom.DataSet) { d.SetInt(numberOfWaveformChannels, 4) }, 75, tracing.Inconsistent},
		{"data cut within a sample", func(d *dicom.DataSet) { d.SetBytes(dicom.WaveformData, dicom.OW, make([]byte, 598)) }, 99, tracing.Truncated},
		{"too many channels", func(d *dicom.DataSet) { d.SetInt(numberOfWaveformChannels, 60_000) }, 0, ""},
		{"no rate", func(d *dicom.DataSet) { d.SetText(samplingFrequency, "0") }, 0, ""},
		{"endless rate", func(d *dicom.DataSet) { d.SetText(samplingFrequency, "NaN") }, 0, ""},
		{"no data", func(d *dicom.DataSet) { d.Delete(dicom.WaveformData) }, 0, ""},
		{"64 bits", func(d *dicom.DataSet) {
			d.SetInt(waveformBitsAllocated, 64)
			d.SetText(waveformSampleInterpretation, "SV")
		}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ramp(100, "1", "2", "3")
			w.set = c.set
			got, err := Read(file(t, dataSet(TwelveLead, w), dicom.ExplicitLE, ""))
			if c.n == 0 {
				var refused *tracing.FormatError
				if !errors.As(err, &refused) {
					t.Fatalf("got %v, want a refusal", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Groups[0].Len() != c.n || !warned(got, c.warn) {
				t.Errorf("%d samples, warnings %v", got.Groups[0].Len(), got.Warnings)
			}
		})
	}
}

func TestPatientAndDevice(t *testing.T) {
	d := dataSet(TwelveLead, ramp(10, "1", "2"))
	for tag, v := range map[dicom.Tag]string{
		dicom.PatientName: "Zhang^San=张^三=", dicom.PatientID: "SYN-1", dicom.PatientBirthDate: "19600229", dicom.PatientSex: "F",
		dicom.PatientAge: "064Y", dicom.PatientSize: "1.62", dicom.PatientWeight: "58.5", dicom.Manufacturer: "某厂", ethnicGroup: "汉族",
		dicom.ManufacturerModelName: "M12", dicom.DeviceSerialNumber: "0001", dicom.InstitutionName: "乡镇卫生院", currentPatientLocation: "2床",
		dicom.AccessionNumber: "A1", reasonForTheRequested: "胸痛", acquisitionDateTime: "20240102030405.25+0800", medicalAlerts: "Cardiac pacemaker",
	} {
		d.SetText(tag, v)
	}
	d.SetText(dicom.SoftwareVersions, "1.0", "2.0")
	for _, charset := range []string{"GB18030", "ISO_IR 192"} {
		t.Run(charset, func(t *testing.T) {
			got := mustRead(t, file(t, d, dicom.ExplicitLE, charset))
			want := &tracing.Tracing{
				Format: tracing.DICOM, Version: "12-Lead ECG", Groups: got.Groups, ZoneKnown: true,
				RecordedAt: time.Date(2024, 1, 1, 19, 4, 5, 250_000_000, time.UTC), Indication: "胸痛", Order: "A1",
				Patient: tracing.Patient{
					ID: "SYN-1", Name: "张三", BirthDate: "19600229", Sex: "F", AgeYears: 64, HeightCM: 162, WeightKG: 58.5, Race: "汉族", Pacemaker: true,
				},
				Device: tracing.Device{Manufacturer: "某厂", Model: "M12", Serial: "0001", Software: "1.0 2.0"},
				Site:   tracing.Site{Institution: "乡镇卫生院", Room: "2床"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("GB18030 without saying so", func(t *testing.T) {
		b := file(t, d, dicom.ExplicitLE, "GB18030")
		b = bytes.Replace(b, []byte("GB18030 "), []byte("ISO_IR 6"), 1)
		got := mustRead(t, b)
		if got.Patient.Name != "张三" || !warned(got, tracing.BadText) {
			t.Errorf("got %q, %v", got.Patient.Name, got.Warnings)
		}
	})
}

func TestRecordedAt(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[dicom.Tag]string
		want string
		zone bool
	}{
		{"acquisition", map[dicom.Tag]string{acquisitionDateTime: "20240102030405"}, "2024-01-02T03:04:05Z", false},
		{"to the minute", map[dicom.Tag]string{acquisitionDateTime: "202401020304"}, "2024-01-02T03:04:00Z", false},
		{"zone in the time", map[dicom.Tag]string{acquisitionDateTime: "20240102030405.5-0330"}, "2024-01-02T06:34:05.5Z", true},
		{"zone apart", map[dicom.Tag]string{acquisitionDateTime: "20240102030405", dicom.TimezoneOffsetFromUTC: "+0800"}, "2024-01-01T19:04:05Z", true},
		{"date and time", map[dicom.Tag]string{dicom.AcquisitionDate: "20240102", dicom.AcquisitionTime: "0304"}, "2024-01-02T03:04:00Z", false},
		{"content", map[dicom.Tag]string{dicom.ContentDate: "20240102", dicom.ContentTime: "030405"}, "2024-01-02T03:04:05Z", false},
		{"nonsense, then the study", map[dicom.Tag]string{acquisitionDateTime: "00000000", dicom.StudyDate: "20240102"}, "2024-01-02T00:00:00Z", false},
		{"nothing", nil, "0001-01-01T00:00:00Z", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dataSet(TwelveLead, ramp(10, "1", "2"))
			for tag, v := range c.set {
				d.SetText(tag, v)
			}
			got := mustRead(t, file(t, d, dicom.ExplicitLE, ""))
			if at := got.RecordedAt.UTC().Format(time.RFC3339Nano); at != c.want || got.ZoneKnown != c.zone {
				t.Errorf("got %v (zone known: %v), want %v", at, got.ZoneKnown, c.want)
			}
		})
	}
}

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

func TestOpenReadsTheSameFromAnywhere(t *testing.T) {
	b := file(t, dataSet(Ambulatory, ramp(200_000, "1", "2", "3")), dicom.ExplicitLE, "")
	rec, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if g := rec.Head.Rhythm(); rec.Count != 200_000 || len(g.Leads) != 3 || g.Leads[0].Samples != nil {
		t.Fatalf("%d samples of %d leads", rec.Count, len(g.Leads))
	}
	for _, at := range []int64{0, 1, 99_999, 200_000 - 7} {
		out := [][]int32{make([]int32, 7), make([]int32, 7), make([]int32, 7)}
		if err := rec.Read(at, out); err != nil {
			t.Fatal(err)
		}
		for c := range out {
			for k, v := range out[c] {
				if want := int32(int16(uint16(int(at)+k)*10 + uint16(c) - 100)); v != want {
					t.Fatalf("sample %d of lead %d is %d, want %d", int(at)+k, c, v, want)
				}
			}
		}
	}
}

func TestIdentityThatIsMissing(t *testing.T) {
	d := dataSet(TwelveLead, ramp(100, "1", "2"))
	b := file(t, d, dicom.ExplicitLE, "")
	d.Delete(dicom.StudyInstanceUID)
	head := b[:bytes.Index(b, []byte{8, 0, 0x16, 0})]
	without, err := dicom.AppendDataSet(slices.Clone(head), d, dicom.ExplicitLE, "")
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, without)
	if got.Groups[0].Len() != 100 || !warned(got, tracing.Deviates) {
		t.Errorf("warnings %v", got.Warnings)
	}
}

func TestDamage(t *testing.T) {
	b := file(t, dataSet(TwelveLead, ramp(5000, "1", "2", "3")), dicom.ExplicitLE, "")
	i := bytes.Index(b, binary.LittleEndian.AppendUint32([]byte{0x00, 0x54, 0x10, 0x10, 'O', 'W', 0, 0}, 30_000))
	if i < 0 {
		t.Fatal("no waveform data")
	}
	tail := append(slices.Clone(b[:i+12+30_000]), "garbage that is no element"...)
	got := mustRead(t, tail)
	if got.Groups[0].Len() != 5000 || !warned(got, tracing.Inconsistent) {
		t.Errorf("%d samples, %v", got.Groups[0].Len(), got.Warnings)
	}
}

func TestSeveralReadAtOnce(t *testing.T) {
	b := file(t, dataSet(Ambulatory, ramp(100_000, "1", "2")), dicom.ExplicitBE, "")
	rec, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for at := range int64(8) {
		all.Go(func() {
			out := [][]int32{make([]int32, 5000), make([]int32, 5000)}
			if err := rec.Read(at*5000, out); err != nil {
				t.Error(err)
			}
			if want := int32(int16(uint16(at*5000*10) - 100)); out[0][0] != want {
				t.Errorf("sample %d is %d, want %d", at*5000, out[0][0], want)
			}
		})
	}
	all.Wait()
}

func TestWhatIsAnECG(t *testing.T) {
	b := file(t, dataSet(TwelveLead, ramp(10, "1", "2")), dicom.ExplicitLE, "")
	image := file(t, dataSet("1.2.840.10008.5.1.4.1.1.2", ramp(10, "1", "2")), dicom.ExplicitLE, "")
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"12-lead ECG", b, true},
		{"only its beginning", b[:132], true},
		{"an image", image, false},
		{"shorter than a preamble", b[:100], false},
		{"text", []byte("Dear colleague, this is no tracing at all, but a letter."), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if Sniff(c.b) != c.want {
				t.Errorf("want %v", c.want)
			}
		})
	}
	for class, want := range map[dicom.UID]bool{TwelveLead: true, General: true, Ambulatory: true, General32: true, Hemodynamic: true, PDF: false, "": false} {
		if IsECG(string(class)) != want {
			t.Errorf("%s: want %v", class, want)
		}
	}
}
