package sierra_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/sierra"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin/xmlintest"
)

const samples = 1500 // of a lead: 3 s

var labels = []string{"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"}

// leads are twelve leads of which the limb leads follow from I and II to a rounding.
func leads(n int) [][]int32 {
	out := make([][]int32, 12)
	for i := range out {
		out[i] = make([]int32, n)
		for k := range out[i] {
			out[i][k] = int32(200*math.Sin(float64(k*(i+2))/60)) + int32((k*7919+i)%3)
		}
	}
	for k := range n {
		i, ii := out[0][k], out[1][k]
		out[2][k] = ii - i + int32(k%2)
		out[3][k] = -(i+ii)/2 + int32(k%3)
		out[4][k] = (i-out[2][k])/2 - int32(k%2)
		out[5][k] = (ii + out[2][k]) / 2
	}
	return out
}

// stored are the leads as a compressed file has them.
func stored(l [][]int32) [][]int32 {
	out := make([][]int32, len(l))
	for i := range l {
		out[i] = slices.Clone(l[i])
	}
	for k := range l[0] {
		i, ii, iii := l[0][k], l[1][k], l[2][k]
		out[2][k] = ii - i - iii
		out[3][k] = -l[3][k] - (i+ii)>>1
		out[4][k] = (i-iii)>>1 - l[4][k]
		out[5][k] = (ii+iii)>>1 - l[5][k]
	}
	return out
}

// pack is XLI, written from its description.
func pack(l []int32) []byte {
	n := len(l)
	d := make([]int32, n)
	copy(d, l[:2])
	first := int32(0)
	for i := 2; i < n; i++ { // l[i] = 2 l[i-1] - l[i-2] - previous difference
		e := 2*l[i-1] - l[i-2] - l[i]
		if i == 2 {
			first = e
		} else {
			d[i-1] = e + 64
		}
	}
	d[n-1] = 64
	halves := make([]byte, 2*n)
	for i, v := range d {
		halves[i], halves[n+i] = byte(uint16(v)>>8), byte(v)
	}
	body := lzw(halves)
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	out = append(out, 0, 0)
	out = binary.LittleEndian.AppendUint16(out, uint16(first))
	return append(out, body...)
}

func lzw(b []byte) []byte {
	table := map[string]int{}
	for i := range 256 {
		table[string([]byte{byte(i)})] = i
	}
	var out []byte
	acc, bits := uint64(0), 0
	put := func(code int) {
		acc, bits = acc<<10|uint64(code), bits+10
		for bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	w := ""
	for _, c := range b {
		next := w + string([]byte{c})
		if _, ok := table[next]; ok {
			w = next
			continue
		}
		put(table[w])
		if len(table) < 1023 {
			table[next] = len(table)
		}
		w = string([]byte{c})
	}
	put(table[w])
	put(1023)
	if bits > 0 {
		out = append(out, byte(acc<<(8-bits)))
	}
	return out
}

func packed(l [][]int32) string {
	var b []byte
	for _, s := range stored(l) {
		b = append(b, pack(s)...)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func plain(l [][]int32) string {
	var b []byte
	for _, s := range l {
		for _, v := range s {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
	}
	return base64.StdEncoding.EncodeToString(b)
}

const before = `<?xml version="1.0" encoding="%s"?>
<restingecgdata xmlns="http://www3.medical.philips.com" status="New" lang="en">
<documentinfo><documentname>x.xml</documentname><documenttype>SierraECG</documenttype><documentversion>%s</documentversion></documentinfo>
<orderinfo><ordernumber>A-1</ordernumber><reasonfororder>chest pain</reasonfororder></orderinfo>
<reportinfo date="2020-05-18" time="15:48:11"><reportformat><waveformformat><mainwaveformformat nrow="3" ncolumn="4">aVL I aVR II aVF III V1 V2 V3 V4 V5 V6 </mainwaveformformat></waveformformat></reportformat></reportinfo>
<dataacquisition date="2020-05-18" time="15:48:11" statflag="False"><machine machineid="S-1" detaildescription="Philips Medical Products:860315:A.07">PageWriter TC</machine>
<acquirer><departmentname>Ward</departmentname><institutionname>North</institutionname></acquirer>
<signalcharacteristics><samplingrate>500</samplingrate>%s<signaloffset>0</signaloffset><numberchannelsvalid>12</numberchannelsvalid></signalcharacteristics></dataacquisition>
<patient><generalpatientdata><patientid>T-1</patientid><name><lastname>张</lastname><firstname>三</firstname></name><age><years>50</years><dateofbirth>1970-01-31</dateofbirth></age>
<pacestatus>Not paced</pacestatus><sex>Male</sex><height><cm>170</cm></height><weight><kg>70</kg></weight></generalpatientdata></patient>
`

const measured = `<internalmeasurements measurementversion="10"><crossleadmeasurements><atrialrate>64</atrialrate><meanventrate>63</meanventrate><meanqtc>415</meanqtc></crossleadmeasurements>
<leadmeasurements><leadmeasurement leadname="V2" pexistflag="False" stexistflag="True"><pamp>10</pamp><qamp>-48</qamp><ramp>584</ramp><samp>-12</samp><ston>20</ston><st80>9</st80><tamp>Failed</tamp>
<namedmeasurement><name>stj</name><value>21</value></namedmeasurement><namedmeasurement><name>st60</name><value/></namedmeasurement></leadmeasurement></leadmeasurements>
</internalmeasurements>
<interpretations><interpretation><globalmeasurements><heartrate>64</heartrate><rrint>938</rrint><print>164</print><qrsdur>102</qrsdur><qtint>399</qtint><qtcb>412</qtcb>
<qtcf>408</qtcf><qtco methodname="Framingham">405</qtco><pfrontaxis>27</pfrontaxis><qrsfrontaxis>Indeterminate</qrsfrontaxis><tfrontaxis>80</tfrontaxis></globalmeasurements>
<mdsignatureline>%s</mdsignatureline><severity code="ON">- OTHERWISE NORMAL ECG -</severity>
<statement><statementcode>SR</statementcode><leftstatement>Sinus rhythm</leftstatement><rightstatement>V-rate 50-99</rightstatement></statement></interpretation></interpretations>
`

const repbeats = `<repbeats dataencoding="Base64" samplespersec="1000" resolution="1.0" repbeatmethod="mean"><repbeat leadname="I"><pdur>104</pdur><print>164</print><qonset>505</qonset><qrsdur>102</qrsdur>
<tonset>712</tonset><qtint>399</qtint><waveform duration="4">AQACAP7//f8=</waveform></repbeat><repbeat leadname="II"><waveform duration="4">AQACAP7//f8=</waveform></repbeat></repbeats>
`

func document(version, encoding, waveforms string) []byte {
	resolution := "<resolution>5</resolution><hipass>0.05</hipass><lowpass>150</lowpass>"
	if version == "1.03" {
		resolution = "<signalresolution>5</signalresolution><signalbandwidth>0.05-150</signalbandwidth>"
	}
	doc := fmt.Sprintf(before, encoding, version, resolution) + fmt.Sprintf(measured, "Unconfirmed Diagnosis") +
		"<waveforms>" + waveforms + "</waveforms></restingecgdata>"
	if encoding != "utf-16" {
		return []byte(doc)
	}
	out := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(doc)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

func form103(data string) string {
	return `<parsedwaveforms compressflag="True" compressmethod="XLI" dataencoding="Base64" durationperchannel="3000" nbitspersample="16">` + data + `</parsedwaveforms>`
}

func form104(more, data string) string {
	return `<parsedwaveforms dataencoding="Base64" ` + more + ` numberofleads="12" leadlabels="` + strings.Join(labels, " ") +
		`" durationperchannel="3000" samplespersecond="500" resolution="5">` + data + `</parsedwaveforms>` + repbeats
}

func numbers(l [][]int32) string {
	var out strings.Builder
	for _, s := range l {
		for _, v := range s {
			fmt.Fprintf(&out, "%d ", v)
		}
		out.WriteString("\n")
	}
	return out.String()
}

func TestGolden(t *testing.T) { xmlintest.Golden(t, "philips", sierra.Read) }

func TestMeasurementsOfRealFiles(t *testing.T) {
	for name, want := range map[string][]float64{ // as printed
		"philips/129DYPRG_1_03.xml": {41, 151, 135, 393, 66, -21, 59},
		"philips/2020_1_04_01.xml":  {64, 164, 102, 412, 27, 22, 80},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sierra.Read(xmlintest.File(t, name))
			if err != nil {
				t.Fatal(err)
			}
			for i, code := range []string{
				tracing.HeartRate, tracing.PRInterval, tracing.QRSDuration, tracing.QTcBazett, tracing.PAxis, tracing.QRSAxis, tracing.TAxis,
			} {
				if m, _ := got.Measured(tracing.ByDevice, code); m.Value != want[i] {
					t.Errorf("%s %v, want %v", code, m.Value, want[i])
				}
			}
		})
	}
}

func TestVersions(t *testing.T) {
	l := leads(samples)
	for _, c := range []struct {
		name                string
		version, encoding   string
		waveforms           string
		withRepresentatives bool
	}{
		{"1.03", "1.03", "UTF-8", form103(packed(l)), false},
		{"1.04", "1.04", "utf-16", form104(`compression="XLI"`, packed(l)), true},
		{"1.04.01 in UTF-8", "1.04.01", "UTF-8", form104(`compression="XLI"`, packed(l)), true},
		{"1.04.02", "1.04.02", "utf-16", form104(`compression="XLI"`, packed(l)), true},
		{"not compressed", "1.04", "UTF-8", form104(`compression="Uncompressed"`, plain(l)), true},
		{"not compressed 1.03", "1.03", "UTF-8", strings.Replace(form103(plain(l)), `flag="True" compressmethod="XLI"`, `flag="False" compressmethod="Uncompressed"`, 1), false},
		{"numbers", "1.03", "UTF-8", strings.Replace(strings.Replace(form103(numbers(l)), `flag="True" compressmethod="XLI"`, `flag="False"`, 1), "Base64", "Plain", 1), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sierra.Read(document(c.version, c.encoding, c.waveforms))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Warnings) > 0 || got.Version != c.version {
				t.Errorf("version %s, warnings %v", got.Version, got.Warnings)
			}
			g := got.Rhythm()
			if g == nil || len(g.Leads) != 12 || g.Rate != tracing.Whole(500) || g.Filters != (tracing.Filters{HighPassHz: 0.05, LowPassHz: 150}) {
				t.Fatalf("%v", g)
			}
			for i, label := range labels {
				if diff := cmp.Diff(l[i], g.Lead(tracing.LeadNamed(label)).Samples); diff != "" {
					t.Fatalf("%s: %s", label, diff)
				}
			}
			if g.Leads[0].NVPerLSB != tracing.Whole(5000) {
				t.Error("size of a sample")
			}
			if (got.MedianBeat() != nil) != c.withRepresentatives {
				t.Error("representative beats")
			}
			described(t, got)
		})
	}
}

// described compares what is not the waveform.
func described(t *testing.T, got *tracing.Tracing) {
	t.Helper()
	p := tracing.Patient{ID: "T-1", Name: "张三", BirthDate: "19700131", Sex: "M", AgeYears: 50, HeightCM: 170, WeightKG: 70}
	if diff := cmp.Diff(p, got.Patient); diff != "" {
		t.Error(diff)
	}
	if got.Order != "A-1" || got.Indication != "chest pain" || got.Site != (tracing.Site{Institution: "North", Department: "Ward"}) ||
		got.Device != (tracing.Device{Manufacturer: "Philips", Model: "PageWriter TC", Serial: "S-1", Software: "A.07"}) {
		t.Errorf("%v %v %v", got.Order, got.Site, got.Device)
	}
	if at := time.Date(2020, 5, 18, 15, 48, 11, 0, time.UTC); !got.RecordedAt.Equal(at) {
		t.Error(got.RecordedAt)
	}
	src := tracing.Source{Kind: tracing.ByDevice, Name: "DXL", Version: "10"}
	global := func(code string, v float64, unit string) tracing.Measurement {
		return tracing.Measurement{Code: code, Value: v, Unit: unit, Source: src}
	}
	lead := func(code string, v float64) tracing.Measurement {
		return tracing.Measurement{Code: code, Value: v, Unit: "uV", Lead: tracing.LeadV2, Source: src}
	}
	want := []tracing.Measurement{
		lead(tracing.QAmplitude, -48), lead(tracing.RAmplitude, 584), lead(tracing.SAmplitude, -12), lead(tracing.STAtJ, 21), lead(tracing.STAtJ80, 9),
		global(tracing.HeartRate, 64, "/min"), global(tracing.AtrialRate, 64, "/min"), global(tracing.RRInterval, 938, "ms"),
		global(tracing.PRInterval, 164, "ms"), global(tracing.QRSDuration, 102, "ms"), global(tracing.QTInterval, 399, "ms"),
		global(tracing.QTcBazett, 412, "ms"), global(tracing.QTcFrideric, 408, "ms"), global(tracing.QTcFraming, 405, "ms"),
		global(tracing.PAxis, 27, "deg"), global(tracing.TAxis, 80, "deg"),
	}
	if diff := cmp.Diff(want, got.Measurements); diff != "" {
		t.Error(diff)
	}
	st := []tracing.Statement{
		{Code: "ON", System: "Philips severity", Text: "- OTHERWISE NORMAL ECG -", Source: src},
		{Code: "SR", System: "Philips DXL", Text: "Sinus rhythm (V-rate 50-99)", Source: src},
	}
	if diff := cmp.Diff(st, got.Statements); diff != "" {
		t.Error(diff)
	}
}

func TestRepresentativeBeats(t *testing.T) {
	got, err := sierra.Read(document("1.04", "UTF-8", form104(`compression="XLI"`, packed(leads(samples)))))
	if err != nil {
		t.Fatal(err)
	}
	m := got.MedianBeat()
	if m.Rate != tracing.Whole(1000) || m.Lead(tracing.LeadI).NVPerLSB != tracing.Whole(1000) || len(m.Leads) != 6 {
		t.Errorf("%v", m)
	}
	if diff := cmp.Diff([]int32{1, 2, -2, -3}, m.Lead(tracing.LeadII).Samples); diff != "" {
		t.Error(diff)
	}
	ms := time.Millisecond
	marks := []tracing.Annotation{
		{Group: 1, At: 341 * ms, For: 104 * ms, Code: tracing.WaveP},
		{Group: 1, At: 505 * ms, For: 102 * ms, Code: tracing.WaveQRS},
		{Group: 1, At: 712 * ms, For: 192 * ms, Code: tracing.WaveT},
	}
	if diff := cmp.Diff(marks, got.Annotations); diff != "" {
		t.Error(diff)
	}
}

func TestCalibrationPulseIsMarked(t *testing.T) {
	l := leads(samples)
	for i := range l {
		for k := 1250; k < samples; k++ {
			l[i][k] = 0
			if k >= 1300 && k < 1400 {
				l[i][k] = 200
			}
		}
	}
	got, err := sierra.Read(document("1.03", "UTF-8", form103(packed(l))))
	if err != nil {
		t.Fatal(err)
	}
	want := []tracing.Annotation{{At: 2500 * time.Millisecond, For: 500 * time.Millisecond, Code: tracing.Pulse}}
	if diff := cmp.Diff(want, got.Annotations); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"philips/129DYPRG_1_03.xml", "philips/2020_1_04_01.xml"} {
		got, err := sierra.Read(xmlintest.File(t, name))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, a := range got.Annotations {
			found = found || a.Code == tracing.Pulse && a.At > 10*time.Second
		}
		if !found {
			t.Errorf("%s: %v", name, got.Annotations)
		}
	}
}

func TestConfirmedStatementsAreAPersons(t *testing.T) {
	doc := strings.Replace(string(document("1.03", "UTF-8", form103(packed(leads(samples))))), "Unconfirmed Diagnosis", "Confirmed by a doctor", 1)
	got, err := sierra.Read([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got.Statements {
		if !s.Confirmed || s.Source.Kind != tracing.ByPerson {
			t.Errorf("%v", s)
		}
	}
}

func TestOddities(t *testing.T) {
	whole := string(document("1.03", "UTF-8", form103(packed(leads(samples)))))
	for _, c := range []struct {
		name, doc string
		warn      tracing.WarningCode
	}{
		{"size that is no number", strings.Replace(whole, "resolution>5<", "resolution>NaN<", 1), tracing.Uncalibrated},
		{"size with an exponent", strings.Replace(whole, "resolution>5<", "resolution>5e99<", 1), tracing.Uncalibrated},
		{"time of a century", strings.Replace(whole, `channel="3000"`, `channel="3e12"`, 1), ""},
		{"lead of 2^31 bytes", strings.Replace(whole, base64.StdEncoding.EncodeToString(pack(stored(leads(samples))[0])[:6]), "////f///", 1), tracing.Truncated},
		{"rate of nothing", strings.Replace(whole, "<samplingrate>500", "<samplingrate>0", 1), tracing.BadValue},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sierra.Read([]byte(c.doc))
			if err != nil {
				t.Fatal(err)
			}
			found := c.warn == ""
			for _, w := range got.Warnings {
				found = found || w.Code == c.warn
			}
			if !found {
				t.Errorf("warnings %v", got.Warnings)
			}
		})
	}
	if _, err := sierra.Read([]byte(strings.Replace(whole, `"XLI"`, `"ZIP"`, 1))); err == nil {
		t.Error("an unknown compression was read")
	}
}

func TestWrongDurationDoesNotMixTheHalvesOfSamples(t *testing.T) {
	whole := string(document("1.03", "UTF-8", form103(packed(leads(samples)))))
	for _, ms := range []string{"2500", "3500", "30"} {
		got, err := sierra.Read([]byte(strings.Replace(whole, `channel="3000"`, `channel="`+ms+`"`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range leads(samples) {
			if !slices.Equal(got.Rhythm().Leads[i].Samples, want) {
				t.Errorf("%s ms: lead %s is not what was stored", ms, labels[i])
			}
		}
		if !tracingtest.Warned(got, tracing.Inconsistent) {
			t.Errorf("%s ms: %v", ms, got.Warnings)
		}
	}
}

func TestDamagedLeadIsTold(t *testing.T) {
	var b []byte
	for i, s := range stored(leads(samples)) {
		p := pack(s)
		if i == 7 { // V2 loses its end
			p = p[:len(p)-40]
			binary.LittleEndian.PutUint32(p, uint32(len(p)-8))
		}
		b = append(b, p...)
	}
	got, err := sierra.Read(document("1.03", "UTF-8", form103(base64.StdEncoding.EncodeToString(b))))
	if err != nil {
		t.Fatal(err)
	}
	if !tracingtest.Warned(got, tracing.BadValue) {
		t.Errorf("%v", got.Warnings)
	}
	for i, want := range leads(samples) {
		s := got.Rhythm().Leads[i].Samples
		n := len(want)
		if i == 7 {
			n = slices.Index(s, tracing.Missing)
		}
		if n < 100 || !slices.Equal(s[:n], want[:n]) {
			t.Errorf("lead %s: %d samples are not what was stored", labels[i], n)
		}
	}
}

func TestCutEverywhere(t *testing.T) {
	xmlintest.Cuts(t, document("1.03", "UTF-8", form103(packed(leads(samples)))), sierra.Read, 70)
	xmlintest.Cuts(t, document("1.04", "utf-16", form104(`compression="XLI"`, packed(leads(samples)))), sierra.Read, 70)
}

func TestCutRealFile(t *testing.T) {
	xmlintest.Cuts(t, xmlintest.File(t, "philips/2020_1_04_01.xml"), sierra.Read, 90)
	xmlintest.Cuts(t, xmlintest.File(t, "philips/129DYPRG_1_03.xml"), sierra.Read, 85)
}

func TestHostile(t *testing.T) { xmlintest.Hostile(t, "restingecgdata", sierra.Read) }

func TestSniff(t *testing.T) {
	if !sierra.Sniff(document("1.04", "utf-16", "")[:500]) || sierra.Sniff([]byte("<RestingECG>")) {
		t.Error("sniffed wrong")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("<restingecgdata><waveforms>" + form104(`compression="XLI"`, packed(leads(30))) + "</waveforms></restingecgdata>"))
	f.Add([]byte("<restingecgdata><dataacquisition><signalcharacteristics><samplingrate>500</samplingrate></signalcharacteristics></dataacquisition><waveforms>" + form103(plain(leads(4)))))
	f.Add([]byte("<restingecgdata>" + measured))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := sierra.Read(b)
		xmlintest.Sound(t, got, err)
	})
}

func BenchmarkRead(b *testing.B) {
	doc := document("1.04", "utf-16", form104(`compression="XLI"`, packed(leads(5500))))
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sierra.Read(doc); err != nil {
			b.Fatal(err)
		}
	}
}
