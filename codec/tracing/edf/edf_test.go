package edf_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/edf"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// channel is one signal of a file that a test makes.
type channel struct {
	label, unit, pmin, pmax, dmin, dmax, filter string
	per                                         int
	at                                          func(i int) int32
	text                                        func(record int) string // instead of samples: annotations
}

func ecg(label string, per int) channel {
	return channel{
		label: label, unit: "uV", pmin: "-3276.8", pmax: "3276.7", dmin: "-32768", dmax: "32767", per: per,
		at: func(i int) int32 { return tracingtest.Wave(len(label), i) },
	}
}

func notes(per int, text func(record int) string) channel {
	return channel{label: "EDF Annotations", pmin: "-1", pmax: "1", dmin: "-32768", dmax: "32767", per: per, text: text}
}

// made is a file that a test makes: its own encoder, so that the reader is not judged by our writer.
type made struct {
	bdf                                     bool
	version, patient, recording, date, time string
	records, duration                       string // as the header says
	count                                   int    // of records that are there
	channels                                []channel
}

func (m made) bytes() []byte {
	pad := func(s string, n int) string { return (s + strings.Repeat(" ", n))[:n] }
	magic := "0       "
	if m.bdf {
		magic = "\xffBIOSEMI"
	}
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	n := len(m.channels)
	out := []byte(magic + pad(m.patient, 80) + pad(m.recording, 80) + or(m.date, "16.11.20") + or(m.time, "21.44.39") + pad(fmt.Sprint(256*(n+1)), 8) +
		pad(m.version, 44) + pad(or(m.records, fmt.Sprint(m.count)), 8) + pad(or(m.duration, "1"), 8) + pad(fmt.Sprint(n), 4))
	for _, f := range []struct {
		width int
		of    func(c channel) string
	}{
		{16, func(c channel) string { return c.label }},
		{80, func(channel) string { return "" }},
		{8, func(c channel) string { return c.unit }},
		{8, func(c channel) string { return c.pmin }},
		{8, func(c channel) string { return c.pmax }},
		{8, func(c channel) string { return c.dmin }},
		{8, func(c channel) string { return c.dmax }},
		{80, func(c channel) string { return c.filter }},
		{8, func(c channel) string { return fmt.Sprint(c.per) }},
		{32, func(channel) string { return "" }},
	} {
		for _, c := range m.channels {
			out = append(out, pad(f.of(c), f.width)...)
		}
	}
	for record := range m.count {
		for _, c := range m.channels {
			out = append(out, m.block(c, record)...)
		}
	}
	return out
}

func (m made) block(c channel, record int) []byte {
	if c.text != nil {
		return append([]byte(c.text(record)), make([]byte, 2*c.per)...)[:2*c.per]
	}
	var b []byte
	for i := record * c.per; i < (record+1)*c.per; i++ {
		v := c.at(i)
		if m.bdf {
			b = append(b, byte(v), byte(v>>8), byte(v>>16))
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
	}
	return b
}

func read(t *testing.T, m made) *tracing.Tracing {
	t.Helper()
	b := m.bytes()
	if !edf.Sniff(b[:min(len(b), 4096)]) {
		t.Error("not sniffed")
	}
	got, err := edf.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func keeps(record int) string { return fmt.Sprintf("+%d\x14\x14\x00", record) }

func TestPlain(t *testing.T) {
	for _, bdf := range []bool{false, true} {
		c := ecg("ECG II", 500)
		c.filter = "HP:0.05Hz LP:150Hz N:50Hz"
		m := made{bdf: bdf, count: 3, channels: []channel{c, ecg("V1", 500)}, patient: "id-1 F 02-MAR-1960 Wang_Fang", recording: "Startdate 16-NOV-2020 ord7 X SE_12"}
		if bdf {
			m.channels[0].at = func(i int) int32 { return int32(i*5000 - 4_000_000) }
		}
		got := read(t, m)
		g := got.Rhythm()
		if g.Rate != tracing.Whole(500) || g.Len() != 1500 || len(g.Leads) != 2 || len(got.Warnings) > 0 {
			t.Fatalf("%v %d %v", g.Rate, g.Len(), got.Warnings)
		}
		ii := g.Lead(tracing.LeadII)
		if ii == nil || ii.Samples[777] != m.channels[0].at(777) || ii.NVPerLSB != tracing.Whole(100) || ii.OffsetNV.Num != 0 {
			t.Errorf("%+v %v", ii.Samples[777], ii.NVPerLSB)
		}
		if d := cmp.Diff(tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50}, g.Filters); !bdf && d != "" && g.Filters != (tracing.Filters{}) {
			t.Error(d)
		}
		if p := got.Patient; p.ID != "id-1" || p.Sex != "F" || p.BirthDate != "19600302" || p.Name != "Wang Fang" || got.Device.Model != "SE 12" || got.Order != "ord7" {
			t.Errorf("%#v %+v", p.ID, got.Device)
		}
		if !got.RecordedAt.Equal(time.Date(2020, 11, 16, 21, 44, 39, 0, time.UTC)) {
			t.Error(got.RecordedAt)
		}
	}
}

func TestTraps(t *testing.T) {
	ii := ecg("II", 500)
	inverted, comma, offset, strange := ii, ii, ii, ii
	inverted.pmin, inverted.pmax = "3276.7", "-3276.8"
	comma.pmin, comma.pmax = "-3276,8", "3276,7"
	offset.pmin, offset.pmax, offset.dmin, offset.dmax = "-1", "3", "0", "400"
	offset.unit = "mV"
	strange.unit, strange.pmin = "degC", "20"
	for name, c := range map[string]struct {
		made
		warn tracing.WarningCode
		n    int
		uv   float64 // of sample 10 of the first lead
	}{
		"inverted polarity": {made{count: 2, channels: []channel{inverted}}, "", 1000, -0.1*float64(tracingtest.Wave(2, 10)) - 0.1},
		"decimal comma":     {made{count: 2, channels: []channel{comma}}, tracing.Deviates, 1000, 0.1 * float64(tracingtest.Wave(2, 10))},
		"offset":            {made{count: 2, channels: []channel{offset}}, "", 1000, 10*float64(tracingtest.Wave(2, 10)) - 1000},
		"not a voltage":     {made{count: 2, channels: []channel{strange}}, tracing.Uncalibrated, 1000, math.NaN()},
		"count not filled in": {
			made{count: 2, records: "-1", channels: []channel{ii}}, tracing.Deviates, 1000, 0.1 * float64(tracingtest.Wave(2, 10)),
		},
		"fewer than said": {made{count: 2, records: "2000000", channels: []channel{ii}}, tracing.Truncated, 1000, 0.1 * float64(tracingtest.Wave(2, 10))},
		"more than said":  {made{count: 2, records: "1", channels: []channel{ii}}, tracing.Inconsistent, 500, 0.1 * float64(tracingtest.Wave(2, 10))},
		"other rates":     {made{count: 2, channels: []channel{ecg("Resp", 25), ii, ecg("EEG", 25)}}, "", 1000, 0.1 * float64(tracingtest.Wave(2, 10))},
		"broken date":     {made{count: 2, date: "%d-%m-%y", channels: []channel{ii}}, tracing.BadValue, 1000, 0.1 * float64(tracingtest.Wave(2, 10))},
		"half a second":   {made{count: 4, duration: "0,5", channels: []channel{ecg("II", 250)}}, tracing.Deviates, 1000, 0.1 * float64(tracingtest.Wave(2, 10))},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, c.made)
			g := got.Rhythm()
			if g.Len() != c.n || g.Rate != tracing.Whole(500) {
				t.Errorf("%d samples of %v Hz", g.Len(), g.Rate)
			}
			if uv := g.Leads[0].UV(10); math.Abs(uv-c.uv) > 1e-6 && math.IsNaN(uv) == math.IsNaN(c.uv) {
				t.Errorf("%v uV, want %v", uv, c.uv)
			}
			if c.warn == "" && len(got.Warnings) > 0 || c.warn != "" && !tracingtest.Warned(got, c.warn) {
				t.Errorf("%v", got.Warnings)
			}
		})
	}
}

func TestHeaderAndNumberOfSignalsContradict(t *testing.T) {
	m := made{count: 2, channels: []channel{ecg("I", 500), ecg("II", 500)}}
	want := read(t, m).Rhythm()
	b := m.bytes()
	more := bytes.Clone(b)
	copy(more[252:], "3   ")
	gap := append(append(bytes.Clone(b[:768]), make([]byte, 256)...), b[768:]...)
	copy(gap[184:], "1024")
	for name, c := range map[string][]byte{"one signal too many": more, "a gap behind the header": gap} {
		got, err := edf.Read(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tracingtest.Same(t, want, got.Rhythm())
		if !tracingtest.Warned(got, tracing.Inconsistent) {
			t.Errorf("%s: %v", name, got.Warnings)
		}
	}
}

func TestOneLeadTwiceIsTold(t *testing.T) {
	got := read(t, made{count: 3, channels: []channel{ecg("II", 500), ecg("ECG II", 500), ecg("V1", 250), ecg("V1", 250)}})
	if len(got.Groups) != 2 || !tracingtest.Warned(got, tracing.Inconsistent) {
		t.Fatalf("%d groups, %v", len(got.Groups), got.Warnings)
	}
	for _, g := range got.Groups {
		if g.Leads[0].Code == "" || g.Leads[1].Code != "" {
			t.Errorf("%s: codes %q and %q", g.Leads[0].Label, g.Leads[0].Code, g.Leads[1].Code)
		}
	}
}

func TestWarningsOfTheOtherRatesAreKept(t *testing.T) {
	bare := ecg("V1", 250)
	bare.unit = ""
	if got := read(t, made{count: 3, channels: []channel{ecg("I", 500), ecg("II", 500), bare}}); !tracingtest.Warned(got, tracing.Uncalibrated) {
		t.Errorf("%v", got.Warnings)
	}
}

func TestOtherRatesAreOtherGroups(t *testing.T) {
	m := made{count: 4, channels: []channel{ecg("Resp", 25), ecg("II", 500), ecg("EEG", 25), ecg("SpO2", 1)}}
	got := read(t, m)
	if len(got.Groups) != 3 || got.Groups[1].Rate != tracing.Whole(25) || len(got.Groups[1].Leads) != 2 || got.Groups[2].Len() != 4 {
		t.Fatalf("%d groups", len(got.Groups))
	}
	if v := got.Groups[1].Leads[1].Samples[77]; v != tracingtest.Wave(3, 77) {
		t.Error(v)
	}
	r, err := edf.Open(bytes.NewReader(m.bytes()), int64(len(m.bytes())))
	if err != nil || len(r.Head.Groups) != 1 || !tracingtest.Warned(r.Head, tracing.Unsupported) {
		t.Error(err)
	}
}

func TestPaddingIsMissing(t *testing.T) {
	pad := ecg("II", 500)
	pad.at = func(i int) int32 {
		if i >= 800 {
			return -32768
		}
		return tracingtest.Wave(2, i)
	}
	other := pad
	other.label = "V1"
	g := read(t, made{count: 2, channels: []channel{pad, other}}).Rhythm()
	if l := g.Leads[0].Samples; l[799] == tracing.Missing || l[800] != tracing.Missing || l[999] != tracing.Missing || len(l) != 1000 {
		t.Errorf("%v", l[798:802])
	}
	other = ecg("V1", 500)
	g = read(t, made{count: 2, channels: []channel{pad, other}}).Rhythm()
	if l := g.Leads[0].Samples; l[900] != -32768 {
		t.Error("one lead at the end of its range is not padding")
	}
}

func TestAnnotations(t *testing.T) {
	list := notes(60, func(record int) string {
		s := fmt.Sprintf("+%d.394\x14\x14first\x14\x00", record)
		if record == 1 {
			s += "+1.894\x150.5\x14中文\x14two\x14\x00"
		}
		return s
	})
	got := read(t, made{version: "EDF+C", count: 2, channels: []channel{ecg("II", 500), list}})
	want := []tracing.Annotation{
		{At: 0, Text: "first"},
		{At: time.Second, Text: "first"},
		{At: 1500 * time.Millisecond, For: 500 * time.Millisecond, Text: "中文"},
		{At: 1500 * time.Millisecond, For: 500 * time.Millisecond, Text: "two"},
	}
	if d := cmp.Diff(want, got.Annotations); d != "" {
		t.Error(d)
	}
	if got.RecordedAt.Nanosecond() != 394_000_000 || got.Version != "EDF+C" {
		t.Error(got.RecordedAt, got.Version)
	}
}

func TestAnnotationsOnly(t *testing.T) {
	b := made{version: "EDF+C", count: 1, duration: "0", channels: []channel{notes(30, func(int) string { return "+0\x14\x14\x00+5\x14x\x14\x00" })}}.bytes()
	got, err := edf.Read(b)
	if err != nil || got.Rhythm() != nil || len(got.Annotations) != 1 {
		t.Errorf("%v %v", got, err)
	}
}

func TestGapsAreMissing(t *testing.T) {
	onsets := []string{"0", "1", "4.5", "5.5"}
	list := notes(20, func(record int) string { return "+" + onsets[record] + "\x14\x14\x00" })
	m := made{version: "EDF+D", count: 4, channels: []channel{ecg("II", 500), list}}
	l := read(t, m).Rhythm().Leads[0].Samples
	if len(l) != 3250 || l[999] != tracingtest.Wave(2, 999) || l[1000] != tracing.Missing || l[2249] != tracing.Missing || l[2250] != tracingtest.Wave(2, 1000) {
		t.Errorf("%d samples", len(l))
	}
	r, err := edf.Open(bytes.NewReader(m.bytes()), int64(len(m.bytes())))
	if err != nil {
		t.Fatal(err)
	}
	for first := int64(0); first < r.Count; first += 97 {
		n := min(211, r.Count-first)
		out := make([]int32, n)
		if err := r.Read(first, [][]int32{out}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(l[first:first+n], out); d != "" {
			t.Fatalf("window at %d: %s", first, d)
		}
	}
	onsets = []string{"0", "9999999", "1e300", "-5"}
	got := read(t, m)
	if got.Rhythm().Len() != 2000 || !tracingtest.Warned(got, tracing.Inconsistent) {
		t.Errorf("%d samples, %v", got.Rhythm().Len(), got.Warnings)
	}
}

func TestContecExport(t *testing.T) {
	m := made{
		count: 40, duration: "0.001250", patient: "  dd-MMM-yyyy", recording: "Startdate 16-NOV-2020 0000050",
		channels: make([]channel, 12),
	}
	for i, c := range tracing.Twelve {
		m.channels[i] = channel{label: c.Label(), unit: "mV", pmin: "-1000.00", pmax: "1000.00", dmin: "-32768", dmax: "32767", per: 1, at: func(k int) int32 { return int32(k) }}
	}
	got := read(t, m)
	if l := got.Rhythm().Leads[0]; l.NVPerLSB != tracing.Whole(5000) || l.UV(7) != 35 || !tracingtest.Warned(got, tracing.Repaired) {
		t.Errorf("%v %v", l.NVPerLSB, got.Warnings)
	}
	m.patient = "somebody"
	if got := read(t, m); tracingtest.Warned(got, tracing.Repaired) {
		t.Error("repaired without certainty")
	}
}

func TestTroubleOfTheStorageIsNoFaultOfTheFile(t *testing.T) {
	tracingtest.Trouble(t, made{version: "EDF+C", count: 40, channels: []channel{ecg("I", 5000), ecg("II", 5000), notes(30, keeps)}}.bytes(), edf.Open)
}

func TestHostile(t *testing.T) {
	ii := ecg("II", 500)
	huge, none := ii, ii
	huge.per, none.per = 2147483647, 0
	for name, m := range map[string]made{
		"no duration": {count: 2, duration: "0", channels: []channel{ii}}, "no number": {count: 2, duration: "NaN", channels: []channel{ii}},
		"no leads": {count: 2}, "no samples": {count: 2, channels: []channel{none}}, "tiny duration": {count: 2, duration: "1e-90", channels: []channel{ii}},
		"negative": {count: 2, duration: "-1", channels: []channel{ii}},
	} {
		if _, err := edf.Read(m.bytes()); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	b := made{count: 1, channels: []channel{ii}}.bytes()
	copy(b[256+216:], "2147483647")
	if _, err := edf.Read(b); err == nil {
		t.Error("a record of 2^31 samples: read")
	}
	for name, field := range map[string]string{"many signals": "9999", "none": "0   ", "negative": "-1  ", "text": "abcd"} {
		b := made{count: 1, channels: []channel{ii}}.bytes()
		copy(b[252:], field)
		if _, err := edf.Read(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestTruncated(t *testing.T) {
	tracingtest.Truncations(t, made{count: 10, channels: []channel{ecg("I", 500), ecg("II", 500)}}.bytes(), 768+10, edf.Read)
	tracingtest.Truncations(t, made{count: 1, duration: "10", channels: []channel{ecg("I", 5000), ecg("II", 5000)}}.bytes(), 768+10, edf.Read)
	list := notes(10, keeps)
	tracingtest.Truncations(t, made{version: "EDF+D", count: 10, channels: []channel{ecg("I", 500), list}}.bytes(), 768+10, edf.Read)
}

func TestLargeRecords(t *testing.T) {
	m := made{count: 2, duration: "100", channels: []channel{ecg("I", 50_000), ecg("II", 50_000)}}
	g := read(t, m).Rhythm()
	for i, v := range g.Lead(tracing.LeadII).Samples {
		if v != tracingtest.Wave(2, i) {
			t.Fatalf("sample %d", i)
		}
	}
}

func TestRealFiles(t *testing.T) {
	root := tracingtest.Data(t)
	for _, pattern := range []string{"edf/*", "derived/*.edf", "contec/*.edf"} {
		files, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got, err := edf.Read(b)
			if err != nil || tracingtest.Warned(got, tracing.Truncated) {
				t.Errorf("%s: %v", filepath.Base(f), err)
			}
			if got.Rhythm() != nil {
				tracingtest.Truncations(t, b, 256*16, edf.Read)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	takes := func(name string) bool { return strings.HasSuffix(name, ".edf") || strings.HasSuffix(name, ".bdf") }
	tracingtest.Golden(t, takes, func(t *testing.T, name string) *tracing.Tracing {
		got, err := edf.Read(tracingtest.Bytes(t, name))
		if err != nil {
			t.Fatal(err)
		}
		return got
	})
}

func TestMemory(t *testing.T) {
	tracingtest.Memory(t, made{count: 400, channels: []channel{ecg("V1", 500), ecg("V2", 500), ecg("V3", 500)}}.bytes(), edf.Read)
}

func FuzzRead(f *testing.F) {
	list := notes(20, keeps)
	for _, m := range []made{
		{count: 2, channels: []channel{ecg("II", 20), ecg("V1", 20)}},
		{bdf: true, count: 2, channels: []channel{ecg("II", 20)}},
		{version: "EDF+C", count: 2, channels: []channel{ecg("II", 20), list}},
		{version: "EDF+D", count: 3, channels: []channel{ecg("II", 20), list}},
	} {
		f.Add(m.bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := edf.Read(b)
		if err != nil || got.Rhythm() == nil {
			return
		}
		var out bytes.Buffer
		if edf.Write(&out, got) != nil {
			return
		}
		if _, err := edf.Read(out.Bytes()); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var all []channel
	for _, c := range tracing.Twelve {
		all = append(all, ecg(c.Label(), 500))
	}
	file := made{count: 10, channels: all}.bytes()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := edf.Read(file); err != nil {
			b.Fatal(err)
		}
	}
}
