package dicomecg

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

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

func TestSourcesThatContradictThemselves(t *testing.T) {
	for _, c := range []struct {
		name, first, second, meaning string
	}{
		{"code and name", "2:1", "2:2", "Lead V6"},
		{"one lead twice", "2:2", "2:2", "Lead II"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ramp(10, "1", "2")
			w.channels = []*dicom.DataSet{
				channelDef(code(c.first, "MDC", c.meaning), "1", "uV"), channelDef(code(c.second, "MDC", c.meaning), "1", "uV"),
			}
			got := mustRead(t, file(t, dataSet(General, w), dicom.ExplicitLE, ""))
			if !warned(got, tracing.Inconsistent) {
				t.Errorf("warnings %v", got.Warnings)
			}
			if g := got.Groups[0]; c.first == c.second && (g.Leads[0].Code != tracing.LeadII || g.Leads[0].Samples[1] == g.Leads[1].Samples[1] || g.Leads[1].Code != "") {
				t.Errorf("%+v", g.Leads)
			}
		})
	}
}

func TestSamplesBeyondTheModelAreTold(t *testing.T) {
	w := wave{interpretation: "UL", bits: 32, data: []byte{1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}, samples: 2, rate: "200"}
	w.channels = []*dicom.DataSet{channelDef(code("2:2", "MDC", "Lead II"), "1", "uV")}
	if got := mustRead(t, file(t, dataSet(General, w), dicom.ExplicitLE, "")); !warned(got, tracing.Unsupported) {
		t.Errorf("warnings %v", got.Warnings)
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
		{"more channels than defined", func(d *dicom.DataSet) { d.SetInt(numberOfWaveformChannels, 4) }, 100, tracing.Inconsistent},
		{"more channels than defined, and data for them", func(d *dicom.DataSet) {
			d.SetInt(numberOfWaveformChannels, 4)
			d.SetInt(numberOfWaveformSamples, 75)
		}, 75, tracing.Inconsistent},
		{"fewer channels than defined", func(d *dicom.DataSet) { d.SetInt(numberOfWaveformChannels, 2) }, 100, tracing.Inconsistent},
		{"data cut within a sample", func(d *dicom.DataSet) { d.SetBytes(dicom.WaveformData, dicom.OW, make([]byte, 598)) }, 99, tracing.Truncated},
		{"too many channels, data for those defined", func(d *dicom.DataSet) { d.SetInt(numberOfWaveformChannels, 60_000) }, 100, tracing.Inconsistent},
		{"too many channels", func(d *dicom.DataSet) {
			d.SetInt(numberOfWaveformChannels, 60_000)
			d.SetInt(numberOfWaveformSamples, 1)
		}, 0, ""},
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
