package aecg_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/aecg"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin/xmlintest"
)

func samples(lead, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(400*math.Sin(float64(i*(lead+1))/50)) + int32(lead)
	}
	return out
}

func group(k tracing.Kind, n int, rate tracing.Ratio) tracing.Group {
	g := tracing.Group{Kind: k, Rate: rate}
	for i, c := range tracing.Twelve {
		g.Leads = append(g.Leads, tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(2500), Samples: samples(i, n)})
	}
	return g
}

// example has everything that the format can hold.
func example() *tracing.Tracing {
	ms := time.Millisecond
	device := tracing.Source{Kind: tracing.ByDevice, Name: "ELI250", Version: "5.3"}
	ours := tracing.Source{Kind: tracing.ByAlgorithm, Name: "lianzhen", Version: "1"}
	person := tracing.Source{Kind: tracing.ByPerson, Name: "王医生"}
	rhythm := group(tracing.Rhythm, 5000, tracing.Whole(500))
	rhythm.Filters = tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50}
	return &tracing.Tracing{
		Format: tracing.AECG, RecordedAt: time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.FixedZone("", 8*3600)), ZoneKnown: true,
		Patient: tracing.Patient{
			ID: "T-1", Name: `欧阳 <"三"> & Co`, BirthDate: "19530508", Sex: "F", AgeYears: 72.5, HeightCM: 160.5, WeightKG: 55, Race: "汉", Pacemaker: true,
			Drugs: []string{"aspirin", "美托洛尔"},
		},
		Device: tracing.Device{Manufacturer: "Mortara", Model: "ELI250", Serial: "S7", Software: "5.3"},
		Site:   tracing.Site{Institution: "North"}, Indication: "胸痛",
		Groups: []tracing.Group{rhythm, group(tracing.Median, 600, tracing.Whole(1000))},
		Measurements: []tracing.Measurement{
			{Code: tracing.HeartRate, Value: 61.5, Unit: "/min", Source: device},
			{Code: tracing.QTcBazett, Value: 443, Unit: "ms", Source: device},
			{Code: tracing.QTcUnsaid, Value: 440, Unit: "ms", Source: device},
			{Code: tracing.QRSAxis, Value: -61, Unit: "deg", Source: device},
			{Code: tracing.RAmplitude, Value: 1234.5, Unit: "uV", Lead: tracing.LeadV5, Source: device},
			{Code: tracing.RV5PlusSV1, Value: 2100, Unit: "uV", Source: ours},
			{Code: "OWN_THING", Value: 7, Unit: "%", Source: ours},
			{Code: tracing.HeartRate, Value: 62, Unit: "/min", Source: ours},
		},
		Statements: []tracing.Statement{
			{Text: "Sinus rhythm", Source: device}, {Code: "MDC_ECG_RHY_SINUS_RHY", System: "MDC", Text: "窦性心律", Confirmed: true, Source: person},
		},
		Annotations: []tracing.Annotation{
			{At: 122 * ms, For: 102 * ms, Code: tracing.WaveP},
			{At: 270 * ms, For: 120 * ms, Code: tracing.WaveQRS},
			{At: 690 * ms, Code: tracing.WaveT, Text: "offset"},
			{At: 332 * ms, Code: "MDC_ECG_WAVC_RWAVE", Text: "peak", Lead: tracing.LeadI},
			{At: 5 * time.Second, Code: tracing.Beat, Text: "V"},
			{At: 1234567 * time.Microsecond, Code: "N"},
			{Group: 1, At: 200 * ms, For: 90 * ms, Code: tracing.WaveQRS},
			{Group: 1, At: 100 * ms, Code: tracing.WaveP, Text: "onset", Lead: tracing.LeadII},
		},
	}
}

func write(t testing.TB, tr *tracing.Tracing) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := aecg.Write(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t *testing.T, b []byte) *tracing.Tracing {
	t.Helper()
	got, err := aecg.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// sameSamples compares the samples of a lead as a whole: cmp would look for the shortest list of changes.
var sameSamples = cmp.Comparer(func(a, b []int32) bool { return slices.Equal(a, b) })

func TestGolden(t *testing.T) { xmlintest.Golden(t, "aecg", aecg.Read) }

func TestRoundTripIsExact(t *testing.T) {
	few := func(rate tracing.Ratio) *tracing.Tracing {
		return &tracing.Tracing{Format: tracing.AECG, Groups: []tracing.Group{group(tracing.Rhythm, 50, rate)}}
	}
	gaps := few(tracing.Whole(500))
	for i := range 7 {
		gaps.Groups[0].Leads[3].Samples[10+i] = tracing.Missing
		gaps.Groups[0].Leads[7].Samples[20+i] = tracing.Missing
		gaps.Groups[0].Leads[4].Samples[43+i] = tracing.Missing
	}
	gaps.Groups[0].Leads = gaps.Groups[0].Leads[:8]
	gaps.Groups[0].Leads[6].Code, gaps.Groups[0].Leads[6].Label = "", "Q6"
	gaps.Groups[0].Leads[7].Code, gaps.Groups[0].Leads[7].Label = "", "Q7"
	odd := few(tracing.Whole(500))
	odd.Groups[0].Leads[0].NVPerLSB = tracing.NewRatio(4880, 3)
	odd.Groups[0].Leads[1].NVPerLSB = tracing.NewRatio(1, 8)
	odd.Groups[0].Leads[1].OffsetNV = tracing.NewRatio(-12345, 4)
	odd.Groups[0].Leads[2].NVPerLSB, odd.Groups[0].Leads[2].OffsetNV = tracing.Ratio{}, tracing.Ratio{}
	odd.Groups[0].Leads[2].Samples[0], odd.Groups[0].Leads[2].Samples[1] = math.MaxInt32, math.MinInt32+1
	parts := few(tracing.Whole(500))
	parts.RecordedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	second := group(tracing.Rhythm, 50, tracing.Whole(250))
	second.Offset = 2500 * time.Millisecond
	parts.Groups = append(parts.Groups, second)
	parts.Annotations = []tracing.Annotation{{Group: 1, At: 40 * time.Millisecond, Code: tracing.Beat}}
	ambulatory := few(tracing.Whole(500))
	for i, c := range []tracing.Code{tracing.LeadML2, tracing.LeadD, tracing.LeadV3R, tracing.LeadX} {
		ambulatory.Groups[0].Leads[i].Code, ambulatory.Groups[0].Leads[i].Label = c, c.Label()
	}
	ambulatory.Groups[0].Leads = ambulatory.Groups[0].Leads[:4]
	later := few(tracing.Whole(500))
	later.Groups[0].Offset = 1500 * time.Millisecond
	later.Annotations = []tracing.Annotation{{At: 20 * time.Millisecond, For: 30 * time.Millisecond, Code: tracing.WaveP}}
	for _, c := range []struct {
		name string
		in   *tracing.Tracing
	}{
		{"everything", example()},
		{"360 a second", few(tracing.Whole(360))},
		{"128.5 a second", few(tracing.NewRatio(257, 2))},
		{"977.5 a second", few(tracing.NewRatio(1955, 2))},
		{"a third of a thousand a second", few(tracing.NewRatio(1000, 3))},
		{"missing samples", gaps},
		{"two parts", parts},
		{"later than its time", later},
		{"other leads", ambulatory},
		{"median alone", &tracing.Tracing{Format: tracing.AECG, Groups: []tracing.Group{group(tracing.Median, 50, tracing.Whole(500))}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, write(t, c.in))
			if diff := cmp.Diff(c.in, got, cmpopts.EquateEmpty(), sameSamples); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("odd sizes of a sample", func(t *testing.T) {
		got := read(t, write(t, odd)).Groups[0]
		for i, l := range odd.Groups[0].Leads {
			if diff := cmp.Diff(l.Samples, got.Leads[i].Samples); diff != "" {
				t.Error(diff)
			}
			if i > 0 && (l.NVPerLSB != got.Leads[i].NVPerLSB || l.OffsetNV != got.Leads[i].OffsetNV && i != 2) {
				t.Errorf("lead %d: %v %v, want %v %v", i, got.Leads[i].NVPerLSB, got.Leads[i].OffsetNV, l.NVPerLSB, l.OffsetNV)
			}
		}
		if r := got.Leads[0].NVPerLSB.Float() / (4880.0 / 3); math.Abs(r-1) > 1e-15 { // a third has no end in decimals
			t.Error(r)
		}
	})
}

func TestRealFilesComeBackExactly(t *testing.T) {
	for _, name := range []string{"aecg/fda_hl7_Example_aECG.xml", "aecg/fda_minimum_aecg.xml", "derived/Example.aecg"} {
		t.Run(name, func(t *testing.T) {
			first := read(t, xmlintest.File(t, name))
			again := read(t, write(t, first))
			order := cmpopts.SortSlices(func(a, b tracing.Annotation) bool {
				return a.At < b.At || a.At == b.At && (a.Code < b.Code || a.Code == b.Code && a.Text < b.Text)
			})
			if diff := cmp.Diff(first, again, order, sameSamples, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(tracing.Tracing{}, "Warnings")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWrittenIsWellFormed(t *testing.T) {
	d := xml.NewDecoder(bytes.NewReader(write(t, example())))
	seen := map[string]int{}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			if e.Name.Space != "urn:hl7-org:v3" {
				t.Fatalf("%s is in %q", e.Name.Local, e.Name.Space)
			}
			seen[e.Name.Local]++
		}
	}
	for name, n := range map[string]int{"AnnotatedECG": 1, "series": 1, "derivedSeries": 1, "sequenceSet": 2, "digits": 24} {
		if seen[name] != n {
			t.Errorf("%d %s, want %d", seen[name], name, n)
		}
	}
}

const top = `<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><effectiveTime><low value="20250923103600"/></effectiveTime>
<component><series><code code="RHYTHM"/>`

const bottom = `</series></component></AnnotatedECG>`

func sequences(timing string, leads ...string) string {
	return "<component><sequenceSet><component><sequence>" + timing + "</sequence></component><component><sequence>" +
		strings.Join(leads, "</sequence></component><component><sequence>") + "</sequence></component></sequenceSet></component>"
}

func relative(increment, unit string) string {
	return `<code code="TIME_RELATIVE"/><value xsi:type="GLIST_PQ"><head value="0" unit="s"/><increment value="` + increment + `" unit="` + unit + `"/></value>`
}

func lead(code, scale, unit, digits string) string {
	return `<code code="` + code + `"/><value xsi:type="SLIST_PQ"><origin value="0" unit="` + unit + `"/><scale value="` + scale + `" unit="` + unit + `"/><digits>` + digits + `</digits></value>`
}

func TestSequences(t *testing.T) {
	usual := relative("0.002", "s")
	ii := lead("MDC_ECG_LEAD_II", "2.5", "uV", "1 2 3")
	const m = tracing.Missing
	for _, c := range []struct {
		name string
		doc  string
		rate tracing.Ratio
		want tracing.Lead // the last
		warn tracing.WarningCode
	}{
		{"seconds", sequences(usual, ii), tracing.Whole(500), tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, ""},
		{"milliseconds", sequences(relative("1", "ms"), ii), tracing.Whole(1000), tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, ""},
		{"microseconds", sequences(relative("4000", "us"), ii), tracing.Whole(250), tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, ""},
		{"rounded step", sequences(relative("0.0027778", "s"), ii), tracing.Whole(360), tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, ""},
		{"millivolts", sequences(usual, lead("MDC_ECG_LEAD_aVR", "0.005", "mV", "-1")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadAVR, Label: "aVR", NVPerLSB: tracing.Whole(5000), Samples: []int32{-1}}, ""},
		{"nanovolts", sequences(usual, lead("MDC_ECG_LEAD_AVR", "5000", "nV", "-1")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadAVR, Label: "aVR", NVPerLSB: tracing.Whole(5000), Samples: []int32{-1}}, ""},
		{"no unit", sequences(usual, `<code code="MDC_ECG_LEAD_V1"/><value xsi:type="SLIST_INT"><digits>7 8</digits></value>`), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", Samples: []int32{7, 8}}, tracing.Uncalibrated},
		{"scale NaN", sequences(usual, lead("MDC_ECG_LEAD_V1", "NaN", "uV", "7")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", Samples: []int32{7}}, tracing.BadValue},
		{"scale with an exponent", sequences(usual, lead("MDC_ECG_LEAD_V1", "1e300", "uV", "7")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", Samples: []int32{7}}, tracing.BadValue},
		{"digits with decimals", sequences(usual, lead("MDC_ECG_LEAD_V1", "1", "uV", "7.5 -0.25 3")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", NVPerLSB: tracing.Whole(10), Samples: []int32{750, -25, 300}}, tracing.Deviates},
		{"digits with decimals before their scale", sequences(usual, `<code code="MDC_ECG_LEAD_V1"/><value xsi:type="SLIST_PQ"><digits>7.5 -0.25 3</digits><scale value="1" unit="uV"/></value>`), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", NVPerLSB: tracing.Whole(10), Samples: []int32{750, -25, 300}}, tracing.Deviates},
		{"long decimals of a high wave", sequences(usual, lead("MDC_ECG_LEAD_V1", "1", "uV", "3500.123456 -0.5")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", NVPerLSB: tracing.NewRatio(1, 100), Samples: []int32{350012346, -50000}}, tracing.Deviates},
		{"origin without a unit", sequences(usual, `<code code="MDC_ECG_LEAD_V1"/><value xsi:type="SLIST_PQ"><origin value="7"/><scale value="1" unit="uV"/><digits>3</digits></value>`), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", NVPerLSB: tracing.Whole(1000), Samples: []int32{3}}, tracing.BadValue},
		{"step without a unit", sequences(relative("2", ""), ii), tracing.Ratio{}, tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, tracing.BadValue},
		{"digits that are none", sequences(usual, lead("MDC_ECG_LEAD_V1", "1", "uV", "7 NaN 3 4294967296")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", NVPerLSB: tracing.Whole(1000), Samples: []int32{7, m, 3, m}}, tracing.BadValue},
		{"lead twice", sequences(usual, ii, lead("MDC_ECG_LEAD_II", "5", "uV", "9 9 9")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, tracing.Inconsistent},
		{"another length", sequences(usual, ii, lead("MDC_ECG_LEAD_V1", "5", "uV", "9 9")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadV1, Label: "V1", NVPerLSB: tracing.Whole(5000), Samples: []int32{9, 9, m}}, tracing.Inconsistent},
		{"unknown lead", sequences(usual, lead("MDC_ECG_LEAD_Q7", "5", "uV", "9")), tracing.Whole(500), tracing.Lead{Label: "Q7", NVPerLSB: tracing.Whole(5000), Samples: []int32{9}}, ""},
		{"two times", sequences(`<code code="TIME_ABSOLUTE"/><value><head value="20250923103600"/></value></sequence></component><component><sequence>`+usual, ii), tracing.Whole(500), tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, ""},
		{"no step", sequences(relative("0", "s"), ii), tracing.Ratio{}, tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, tracing.BadValue},
		{"not a lead", sequences(usual, ii, lead("MDC_RESP", "5", "uV", "9 9 9")), tracing.Whole(500), tracing.Lead{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{1, 2, 3}}, tracing.Unsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, []byte(top+c.doc+bottom))
			g := got.Rhythm()
			if g.Rate != c.rate {
				t.Errorf("rate %v, want %v", g.Rate, c.rate)
			}
			last := g.Leads[len(g.Leads)-1]
			last.OffsetNV = tracing.Ratio{}
			if diff := cmp.Diff(c.want, last); diff != "" {
				t.Error(diff)
			}
			found := c.warn == ""
			for _, w := range got.Warnings {
				found = found || w.Code == c.warn
			}
			if !found || c.warn == "" && len(got.Warnings) > 0 {
				t.Errorf("warnings %v", got.Warnings)
			}
		})
	}
}

// A cart's flavour: prefixes, GBK, local codes, a lead's measurements nested below the lead, a rate in an invented unit.
const mindray = `<?xml version="1.0" encoding="GBK"?><!-- before the root -->
<a:AnnotatedECG xmlns:a="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><a:effectiveTime><a:low value="20250923103600+0800"/><a:high value="20250923103610+0800"/></a:effectiveTime>
<a:componentOf><a:timepointEvent><a:componentOf><a:subjectAssignment><a:subject><a:trialSubject><a:id root="1" extension="T-9"/><a:subjectDemographicPerson>
<a:name><a:family>张</a:family><a:given>三</a:given></a:name><a:administrativeGenderCode code="F"/><a:birthTime value="19600102"/></a:subjectDemographicPerson></a:trialSubject></a:subject></a:subjectAssignment></a:componentOf></a:timepointEvent></a:componentOf>
<a:component><a:series><a:code code="RHYTHM"/><a:effectiveTime><a:low value="20250923103600+0800"/></a:effectiveTime><a:component><a:sequenceSet>
<a:component><a:sequence><a:code code="TIME_RELATIVE"/><a:value xsi:type="GLIST_PQ"><a:head value="0" unit="s"/><a:increment value="10" unit="ms"/></a:value></a:sequence></a:component>
<a:component><a:sequence><a:code code="MDC_ECG_LEAD_I"/><a:value xsi:type="SLIST_PQ"><a:origin value="0" unit="uV"/><a:scale value="5" unit="uV"/><a:digits>1 2 3</a:digits></a:value></a:sequence></a:component></a:sequenceSet></a:component>
<a:subjectOf><a:annotationSet>
<a:component><a:annotation><a:code code="MDC_ECG_HEART_RATE"/><a:value xsi:type="PQ" value="57" unit="bmp"/></a:annotation></a:component>
<a:component><a:annotation><a:code code="MDC_ECG_TIME_PD_RR"/><a:value xsi:type="PQ" value="1052"/></a:annotation></a:component>
<a:component><a:annotation><a:code code="MDC_ECG_TIME_PD_QTc"/><a:value xsi:type="PQ" value="0" unit=""/><a:component><a:annotation><a:code code="ECG_TIME_PD_QTcH" codeSystemName="MINDRAY"/><a:value xsi:type="PQ" value="413" unit="ms"/></a:annotation></a:component></a:annotation></a:component>
<a:component><a:annotation><a:code code="MINDRAY_ECG_RV5" codeSystemName="MINDRAY"/><a:value xsi:type="PQ" value="1.2" unit="mV"/></a:annotation></a:component>
<a:component><a:annotation><a:code code="MINDRAY_ECG_NEW" codeSystemName="MINDRAY"/><a:value xsi:type="PQ" value="3" unit="x"/></a:annotation></a:component>
<a:component><a:annotation><a:code code="MEASUREMENT_MATRIX" codeSystemName="MINDRAY"/><a:support><a:supportingROI classCode="ROIBND"><a:code code="ROIPS"/><a:component><a:boundary><a:code code="MDC_ECG_LEAD_I"/></a:boundary></a:component></a:supportingROI></a:support>
<a:component><a:annotation><a:code code="P_ONSET" codeSystemName="MINDRAY"/><a:value xsi:type="PQ" value="234" unit="ms"/></a:annotation></a:component></a:annotation></a:component>
<a:component><a:annotation><a:code code="MDC_ECG_INTERPRETATION"/><a:component><a:annotation><a:code code="MDC_ECG_INTERPRETATION_STATEMENT"/><a:value xsi:type="ST">窦性心动过缓</a:value></a:annotation></a:component></a:annotation></a:component>
</a:annotationSet></a:subjectOf></a:series></a:component></a:AnnotatedECG>`

func TestFlavourOfACart(t *testing.T) {
	got := read(t, []byte(mindray)) // UTF-8 where GBK is said: the text decides
	if got.Patient.ID != "T-9" || got.Patient.Sex != "F" || got.Patient.BirthDate != "19600102" {
		t.Error("the patient")
	}
	if !got.ZoneKnown || !got.RecordedAt.Equal(time.Date(2025, 9, 23, 2, 36, 0, 0, time.UTC)) || got.Rhythm().Rate != tracing.Whole(100) {
		t.Errorf("%v %v", got.RecordedAt, got.Rhythm().Rate)
	}
	src := tracing.Source{Kind: tracing.ByDevice}
	want := []tracing.Measurement{
		{Code: tracing.HeartRate, Value: 57, Unit: "/min", Source: src},
		{Code: tracing.RRInterval, Value: 1052, Unit: "ms", Source: src},
		{Code: tracing.QTcHodges, Value: 413, Unit: "ms", Source: src},
		{Code: tracing.RV5, Value: 1200, Unit: "uV", Source: src},
		{Code: "MINDRAY_ECG_NEW", Value: 3, Unit: "x", Source: src},
		{Code: "P_ONSET", Value: 234, Unit: "ms", Lead: tracing.LeadI, Source: src},
	}
	if diff := cmp.Diff(want, got.Measurements, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Error(diff)
	}
	if len(got.Statements) != 1 {
		t.Errorf("%v", got.Statements)
	}
}

func TestRealMeasurements(t *testing.T) {
	got := read(t, xmlintest.File(t, "aecg/ecgtoolkit_Example.xml"))
	for code, want := range map[string]float64{
		tracing.PRInterval: 148, tracing.QRSDuration: 120, tracing.QTInterval: 420, tracing.QTcUnsaid: 443, tracing.PAxis: 44, tracing.QRSAxis: -61, tracing.TAxis: 86,
	} {
		if m, _ := got.Measured(tracing.ByDevice, code); m.Value != want {
			t.Errorf("%s %v, want %v", code, m.Value, want)
		}
	}
	if p := got.Patient; p.ID != "SBJ-123" || p.Name != "Clark" || p.Sex != "M" || p.BirthDate != "19530508" || p.AgeYears != 46 {
		t.Error("the patient")
	}
	if m := got.MedianBeat(); m == nil || m.Len() != 599 || len(m.Leads) != 12 {
		t.Error("the median beat")
	}
}

func TestExportsOfOneRecordingAreEqual(t *testing.T) {
	a, b := read(t, xmlintest.File(t, "aecg/ecgtoolkit_Example.xml")), read(t, xmlintest.File(t, "derived/Example.aecg"))
	if diff := cmp.Diff(a.Rhythm().Leads, b.Rhythm().Leads, sameSamples); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutWaveformIsRefused(t *testing.T) {
	for name, doc := range map[string][]byte{
		"no series":       []byte(`<AnnotatedECG xmlns="urn:hl7-org:v3"></AnnotatedECG>`),
		"no digits":       []byte(top + sequences(relative("1", "ms"), lead("MDC_ECG_LEAD_I", "1", "uV", "")) + bottom),
		"only statements": []byte(top + `<subjectOf><annotationSet><component><annotation><value>x</value></annotation></component></annotationSet></subjectOf>` + bottom),
	} {
		if _, err := aecg.Read(doc); err == nil || !strings.Contains(err.Error(), "no waveform") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCutEverywhere(t *testing.T) { xmlintest.Cuts(t, write(t, example()), aecg.Read, 95) }

func TestCutRealFile(t *testing.T) {
	xmlintest.Cuts(t, xmlintest.File(t, "aecg/fda_hl7_Example_aECG.xml"), aecg.Read, 95)
	xmlintest.Cuts(t, xmlintest.File(t, "derived/Example.aecg"), aecg.Read, 95)
}

func TestHostile(t *testing.T) { xmlintest.Hostile(t, "AnnotatedECG", aecg.Read) }

func TestSniff(t *testing.T) {
	if !aecg.Sniff([]byte(mindray)[:400]) || aecg.Sniff([]byte("<RestingECG>")) {
		t.Error("sniffed wrong")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(mindray))
	f.Add([]byte(top + sequences(relative("1", "ms"), lead("MDC_ECG_LEAD_I", "1", "uV", "1 2.5 3"), lead("MDC_ECG_LEAD_II", "1", "uV", "1 2 3")) + bottom))
	small := example()
	for i := range small.Groups {
		for k := range small.Groups[i].Leads {
			small.Groups[i].Leads[k].Samples = small.Groups[i].Leads[k].Samples[:20]
		}
	}
	f.Add(write(f, small))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := aecg.Read(b)
		xmlintest.Sound(t, got, err)
		if err != nil {
			return
		}
		if len(got.Groups) == 0 { // cut before the samples
			return
		}
		again, err := aecg.Read(write(t, got))
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		if len(again.Groups) != len(got.Groups) {
			t.Fatalf("%d groups came back of %d", len(again.Groups), len(got.Groups))
		}
	})
}

func BenchmarkRead(b *testing.B) {
	doc := write(b, example())
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := aecg.Read(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	tr := example()
	b.ReportAllocs()
	for b.Loop() {
		if err := aecg.Write(io.Discard, tr); err != nil {
			b.Fatal(err)
		}
	}
}
