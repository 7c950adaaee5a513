package muse_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/aecg"
	"github.com/lianzhen/lianzhen/codec/tracing/muse"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin/xmlintest"
)

// wave are samples of a lead, different for each.
func wave(lead, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(1000*math.Sin(float64(i*(lead+1))/50)) + int16(lead)
	}
	return out
}

func bytesOf(s []int16) []byte {
	b := make([]byte, 2*len(s))
	for i, v := range s {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(v))
	}
	return b
}

// leadData is a LeadData element; more are elements besides the usual, which override them.
func leadData(id string, s []int16, more string) string {
	b := bytesOf(s)
	text := base64.StdEncoding.EncodeToString(b)
	var lines strings.Builder
	for len(text) > 76 {
		lines.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return fmt.Sprintf(`<LeadData>%s<LeadByteCountTotal>%d</LeadByteCountTotal><LeadTimeOffset>0</LeadTimeOffset>
<LeadSampleCountTotal>%d</LeadSampleCountTotal><LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit>
<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>%s</LeadID><LeadOffsetFirstSample>0</LeadOffsetFirstSample>
<LeadSampleSize>2</LeadSampleSize><LeadOff>FALSE</LeadOff><LeadDataCRC32>%d</LeadDataCRC32>
<WaveFormData>
%s%s
</WaveFormData></LeadData>
`, more, len(b), len(s), id, crc32.ChecksumIEEE(b), lines.String(), text)
}

func waveform(kind, leads string) string {
	return `<Waveform><WaveformType>` + kind + `</WaveformType><WaveformStartTime>0</WaveformStartTime><NumberofLeads>8</NumberofLeads>
<SampleBase>500</SampleBase><SampleExponent>0</SampleExponent><HighPassFilter>16</HighPassFilter><LowPassFilter>150</LowPassFilter>
<ACFilter>50</ACFilter>` + leads + `</Waveform>
`
}

func eight(n int) string {
	out := ""
	for i, id := range []string{"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"} {
		out += leadData(id, wave(i, n), "")
	}
	return out
}

const head = `<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE RestingECG SYSTEM "restecg.dtd">
<RestingECG><MuseInfo><MuseVersion>9.0.7</MuseVersion></MuseInfo>
`

const patient = `<PatientDemographics><PatientID>T-1</PatientID><PatientAge>46</PatientAge><AgeUnits>YEARS</AgeUnits><DateofBirth>05-08-1953</DateofBirth>
<Gender>FEMALE</Gender><Race>ASIAN</Race><HeightCM>160</HeightCM><WeightLBS>110</WeightLBS><PatientLastName>%n</PatientLastName>
<PatientFirstName>Erika</PatientFirstName></PatientDemographics>
<TestDemographics><Status>%s</Status><SiteName>North</SiteName><LocationName>Ward</LocationName><AcquisitionDevice>MAC55</AcquisitionDevice>
<AcquisitionTime>09:10:11</AcquisitionTime><AcquisitionDate>11-22-2002</AcquisitionDate><AnalysisSoftwareVersion>239</AnalysisSoftwareVersion>
</TestDemographics>
`

const measurements = `<RestingECGMeasurements><VentricularRate>48</VentricularRate><AtrialRate>48</AtrialRate><PRInterval>138</PRInterval>
<QRSDuration>96</QRSDuration><QTInterval>452</QTInterval><QTCorrected>404</QTCorrected><PAxis>51</PAxis><RAxis>-20</RAxis><TAxis>0</TAxis>
<QOnset>216</QOnset><QOffset>264</QOffset><POnset>147</POnset><POffset>200</POffset><TOffset>442</TOffset>
<ECGSampleBase>500</ECGSampleBase><ECGSampleExponent>0</ECGSampleExponent><QTcFrederica>419</QTcFrederica></RestingECGMeasurements>
<OriginalRestingECGMeasurements><VentricularRate>48</VentricularRate><QTCorrected>403</QTCorrected></OriginalRestingECGMeasurements>
<QRSTimesTypes><QRS><Number>1</Number><Type>0</Type><Time>614</Time></QRS><QRS><Number>2</Number><Type>1</Type><Time>1914</Time></QRS>
<GlobalRR>1242</GlobalRR></QRSTimesTypes>
`

func statements(element string, lines ...string) string {
	out := "<" + element + "><Modality>RESTING</Modality>"
	for _, l := range lines {
		out += l
	}
	return out + "</" + element + ">\n"
}

func piece(text string, ends bool) string {
	flag := ""
	if ends {
		flag = "<StmtFlag>ENDSLINE</StmtFlag>"
	}
	return "<DiagnosisStatement>" + flag + "<StmtText>" + text + "</StmtText></DiagnosisStatement>"
}

func document(status, diagnosis string) []byte {
	who := strings.NewReplacer("%s", status, "%n", "Pr\xfcfer").Replace(patient) // as the declaration says
	return []byte(head + who + measurements + diagnosis +
		waveform("Median", eight(600)) + waveform("Rhythm", eight(5000)) + "</RestingECG>")
}

func read(t *testing.T, b []byte) *tracing.Tracing {
	t.Helper()
	got, err := muse.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGolden(t *testing.T) { xmlintest.Golden(t, "muse", muse.Read) }

func TestMeasurementsOfRealFiles(t *testing.T) {
	for name, want := range map[string][]float64{ // as printed
		"muse/braveheart_example1.xml": {48, 138, 96, 452, 403, 51, 20, 40},
		"muse/braveheart_example2.xml": {65, 184, 100, 420, 437, 42, -2, 12},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, xmlintest.File(t, name))
			for i, code := range []string{
				tracing.HeartRate, tracing.PRInterval, tracing.QRSDuration, tracing.QTInterval, tracing.QTcBazett, tracing.PAxis, tracing.QRSAxis, tracing.TAxis,
			} {
				if m, _ := got.Measured(tracing.ByDevice, code); m.Value != want[i] {
					t.Errorf("%s %v, want %v", code, m.Value, want[i])
				}
			}
			matrix(t, got)
		})
	}
}

// The converter that made the file cut every sample to whole steps of 4.88 uV, toward zero.
func TestConvertedFileIsTheOriginalCutToSteps(t *testing.T) {
	original, err := aecg.Read(xmlintest.File(t, "aecg/ecgtoolkit_Example.xml"))
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, xmlintest.File(t, "derived/Example.muse-xml")).Rhythm()
	for _, code := range tracing.Eight {
		l, o := got.Lead(code), original.Rhythm().Lead(code)
		if len(l.Samples) != len(o.Samples) {
			t.Fatalf("%s: %d samples", code, len(l.Samples))
		}
		for k := range l.Samples {
			if want := int32(o.UV(k) / 4.88); l.Samples[k] != want {
				t.Fatalf("%s sample %d is %d, want %d", code, k, l.Samples[k], want)
			}
		}
	}
}

// matrix compares the amplitudes of the single leads with the median beat that the file has.
func matrix(t *testing.T, got *tracing.Tracing) {
	t.Helper()
	var qrs tracing.Annotation
	for _, a := range got.Annotations {
		if a.Group == 1 && a.Code == tracing.WaveQRS {
			qrs = a
		}
	}
	g := got.MedianBeat()
	from := int(qrs.At.Seconds() * 500)
	to := from + int(qrs.For.Seconds()*500)
	checked := 0
	for _, m := range got.Measurements {
		l := g.Lead(m.Lead)
		if m.Code != tracing.RAmplitude || m.Lead == "" || m.Value < 200 {
			continue
		}
		top := math.Inf(-1)
		for i := from; i <= to; i++ {
			top = max(top, l.UV(i)-l.UV(from))
		}
		if math.Abs(top-m.Value) > 25 {
			t.Errorf("R of %s is %v, in the median beat %v", m.Lead, m.Value, top)
		}
		checked++
	}
	if checked < 4 {
		t.Errorf("%d amplitudes of single leads", checked)
	}
}

func TestWhole(t *testing.T) {
	got := read(t, document("UNCONFIRMED", statements("Diagnosis", piece("Sinus rhythm", false), piece("with 1st degree block", true), piece("Abnormal ECG", true))))
	if len(got.Warnings) > 0 {
		t.Errorf("warnings %v", got.Warnings)
	}
	g := got.Rhythm()
	if len(g.Leads) != 12 || g.Len() != 5000 || g.Rate != tracing.Whole(500) || g.Filters != (tracing.Filters{HighPassHz: 0.16, LowPassHz: 150, NotchHz: 50}) {
		t.Fatalf("%d leads of %d at %v, %v", len(g.Leads), g.Len(), g.Rate, g.Filters)
	}
	i, ii, avr := g.Lead(tracing.LeadI), g.Lead(tracing.LeadII), g.Lead(tracing.LeadAVR)
	for k, v := range wave(0, 5000) {
		if i.Samples[k] != int32(v) || avr.Samples[k] != -(i.Samples[k]+ii.Samples[k]) {
			t.Fatalf("sample %d", k)
		}
	}
	if i.NVPerLSB != tracing.Whole(4880) || avr.NVPerLSB != tracing.Whole(2440) || !avr.Derived {
		t.Error("sizes of samples")
	}
	if m := got.MedianBeat(); m == nil || m.Len() != 600 || len(m.Leads) != 12 {
		t.Error("no median beat")
	}
	device := tracing.Source{Kind: tracing.ByDevice, Name: "12SL", Version: "239"}
	want := []tracing.Statement{{Text: "Sinus rhythm with 1st degree block", Source: device}, {Text: "Abnormal ECG", Source: device}}
	if diff := cmp.Diff(want, got.Statements); diff != "" {
		t.Error(diff)
	}
	ms := time.Millisecond
	marks := []tracing.Annotation{
		{Group: 1, At: 294 * ms, For: 106 * ms, Code: tracing.WaveP},
		{Group: 1, At: 432 * ms, For: 96 * ms, Code: tracing.WaveQRS},
		{Group: 1, At: 884 * ms, Code: tracing.WaveT, Text: "offset"},
		{At: 614 * ms, Code: tracing.Beat, Text: "0"},
		{At: 1914 * ms, Code: tracing.Beat, Text: "1"},
	}
	if diff := cmp.Diff(marks, got.Annotations); diff != "" {
		t.Error(diff)
	}
	patient := tracing.Patient{ID: "T-1", Name: "Prüfer Erika", BirthDate: "19530508", Sex: "F", AgeYears: 46, HeightCM: 160, WeightKG: 110 * 0.45359237, Race: "ASIAN"}
	if diff := cmp.Diff(patient, got.Patient, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	if at := time.Date(2002, 11, 22, 9, 10, 11, 0, time.UTC); !got.RecordedAt.Equal(at) || got.ZoneKnown {
		t.Error(got.RecordedAt)
	}
	if m, ok := got.Measured(tracing.ByDevice, tracing.QTcBazett); !ok || m.Value != 404 || m.Source.Name == "original" {
		t.Error("the measurement that the cart had changed is not the first")
	}
	if m, ok := got.Measured(tracing.ByDevice, tracing.TAxis); !ok || m.Value != 0 {
		t.Error("an axis of 0 degrees is one")
	}
}

func TestConfirmedStatementsAreAPersons(t *testing.T) {
	got := read(t, document("CONFIRMED", statements("Diagnosis", piece("Normal", true))+statements("OriginalDiagnosis", piece("Abnormal", true))))
	if len(got.Statements) != 2 || !got.Statements[0].Confirmed || got.Statements[0].Source.Kind != tracing.ByPerson || got.Statements[1].Confirmed {
		t.Errorf("%v", got.Statements)
	}
}

func TestOddities(t *testing.T) {
	plain := string(document("", ""))
	one := func(leads string) string { return head + waveform("Rhythm", leads) + "</RestingECG>" }
	for _, c := range []struct {
		name, doc string
		warn      tracing.WarningCode
		check     func(g *tracing.Group) bool
	}{
		{
			"rate of 1000 by exponent", strings.ReplaceAll(plain, "<SampleBase>500</SampleBase><SampleExponent>0<", "<SampleBase>1</SampleBase><SampleExponent>3<"), "",
			func(g *tracing.Group) bool { return g.Rate == tracing.Whole(1000) },
		},
		{"wrong check sum", strings.Replace(plain, "<LeadDataCRC32>", "<LeadDataCRC32>1", 1), tracing.BadChecksum, nil},
		{"wrong base64", strings.Replace(plain, "<WaveFormData>\n", "<WaveFormData>\n$", 1), tracing.BadValue, nil},
		{
			"count of 2^31", strings.ReplaceAll(plain, "<LeadSampleCountTotal>5000<", "<LeadSampleCountTotal>2147483648<"), tracing.Inconsistent,
			func(g *tracing.Group) bool { return g.Len() == 5000 },
		},
		{"size that is no number", strings.ReplaceAll(plain, ">4.88<", ">NaN<"), tracing.Uncalibrated, func(g *tracing.Group) bool { return !g.Leads[0].Calibrated() }},
		{"size with an exponent", strings.ReplaceAll(plain, ">4.88<", ">4.88e300<"), tracing.Uncalibrated, nil},
		{"unit that is none", strings.ReplaceAll(plain, "MICROVOLTS", "FURLONGS"), tracing.Uncalibrated, nil},
		{"rate of nothing", strings.ReplaceAll(plain, "<SampleBase>500", "<SampleBase>0"), tracing.BadValue, func(g *tracing.Group) bool { return g.Rate.Num == 0 }},
		{
			"lead twice", one(leadData("I", wave(0, 50), "") + leadData("I", wave(1, 50), "")), tracing.Inconsistent,
			func(g *tracing.Group) bool {
				return len(g.Leads) == 1 && g.Leads[0].Samples[1] == int32(wave(0, 50)[1])
			},
		},
		{"lead off", one(strings.ReplaceAll(leadData("V1", wave(0, 50), ""), ">FALSE<", ">TRUE<")), tracing.LeadsOff, func(g *tracing.Group) bool { return g.Leads[0].Off }},
		{
			"lead later", one(leadData("V1", wave(0, 50), "") + strings.Replace(leadData("V2", wave(0, 40), ""), "FirstSample>0", "FirstSample>10", 1)), "",
			func(g *tracing.Group) bool {
				return g.Leads[1].Samples[9] == tracing.Missing && g.Leads[1].Samples[10] == int32(wave(0, 1)[0])
			},
		},
		{"lead far away", one(strings.Replace(leadData("V2", wave(0, 40), ""), "FirstSample>0", "FirstSample>2147483647", 1)), tracing.BadValue, nil},
		{
			"fifteen leads", one(eight(50) + leadData("V3R", wave(9, 50), "") + leadData("V4R", wave(10, 50), "") + leadData("V7", wave(11, 50), "")), "",
			func(g *tracing.Group) bool { return len(g.Leads) == 15 && g.Lead(tracing.LeadV4R) != nil },
		},
		{"unknown lead", one(leadData("Q9", wave(0, 50), "")), "", func(g *tracing.Group) bool { return g.Leads[0].Code == "" && g.Leads[0].Label == "Q9" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, []byte(c.doc))
			found := c.warn == ""
			for _, w := range got.Warnings {
				found = found || w.Code == c.warn
			}
			if !found || c.warn == "" && len(got.Warnings) > 0 {
				t.Errorf("warnings %v", got.Warnings)
			}
			if c.check != nil && !c.check(got.Rhythm()) {
				t.Error("not as it should be")
			}
		})
	}
}

func TestCutEverywhere(t *testing.T) {
	xmlintest.Cuts(t, document("", statements("Diagnosis", piece("x", true))), muse.Read, 95)
}

func TestCutRealFile(t *testing.T) {
	xmlintest.Cuts(t, xmlintest.File(t, "muse/braveheart_example2.xml"), muse.Read, 95)
}

func TestHostile(t *testing.T) { xmlintest.Hostile(t, "RestingECG", muse.Read) }

func TestSniff(t *testing.T) {
	if !muse.Sniff(document("", "")[:400]) || muse.Sniff([]byte("<restingecgdata>")) {
		t.Error("sniffed wrong")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(head + measurements + waveform("Rhythm", leadData("I", wave(0, 20), "")+leadData("II", wave(1, 20), "")) + "</RestingECG>"))
	f.Add([]byte(head + waveform("Median", leadData("V1", wave(0, 20), "<LeadOffsetFirstSample>7</LeadOffsetFirstSample>"))))
	f.Add([]byte("<RestingECG><MeasurementMatrix>JACTAMgA2AAIAVUBugEIAGAAxACTAYoAMADaBP////8BAAABAQ==</MeasurementMatrix>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := muse.Read(b)
		xmlintest.Sound(t, got, err)
	})
}

func BenchmarkRead(b *testing.B) {
	doc := document("", "")
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := muse.Read(doc); err != nil {
			b.Fatal(err)
		}
	}
}
