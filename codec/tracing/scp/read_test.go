package scp_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/scp"
)

const twelveFlags = 8<<3 | 4

var eight = []byte{1, 2, 3, 4, 5, 6, 7, 8}

var eightCodes = tracing.Eight

// variant is a way to store eight leads.
type variant struct {
	name       string
	tables     [][]symbol // nil: raw
	difference int
}

var custom = []symbol{
	{bits: "00"},
	{bits: "010", base: 1},
	{bits: "011", base: -1},
	{bits: "100", extra: 4, base: 10},
	{bits: "101", extra: 5, base: -18},
	{bits: "11011111111111", extra: 2, base: 40}, // longer than any prefix of the default table
	{bits: "110111111111101", base: -40},
	{bits: "1110", extra: 9},
	{bits: "11111", extra: 16},
}

var switching = [][]symbol{
	append([]symbol{{bits: "11110", next: 2}}, custom...),
	{{bits: "1", next: 3}, {bits: "01", extra: 7}, {bits: "00", extra: 17}},
	slices.Concat([]symbol{{bits: "11111111111", next: 1}}, defaultSymbols[:18], []symbol{{bits: "11111111110", extra: 16}}),
}

var variants = func() []variant {
	var out []variant
	for d := range 3 {
		for name, t := range map[string][][]symbol{
			"raw": nil, "default table": {defaultSymbols}, "custom table": {custom}, "tables that change": switching,
		} {
			out = append(out, variant{fmt.Sprintf("%s, difference %d", name, d), t, d})
		}
	}
	slices.SortFunc(out, func(a, b variant) int { return strings.Compare(a.name, b.name) })
	return out
}()

// code is a lead as the variant stores it.
func (v variant) code(x []int32, rng *rand.Rand) []byte {
	d := differences(x, v.difference)
	if v.tables == nil {
		return raw(d)
	}
	return huffman(v.tables, d, rng)
}

// sections has sections 2, 3 and 6 of the leads.
func (v variant) sections(x [][]int32, rng *rand.Rand) map[int][]byte {
	coded := make([][]byte, len(x))
	for i := range x {
		coded[i] = v.code(x[i], rng)
	}
	s := map[int][]byte{
		1: slices.Concat(tag(2, "A1\x00"), tag(25, "\xE8\x07\x05\x06"), tag(26, "\x07\x08\x09"), tag(255, "")),
		3: leads(twelveFlags, 1, len(x[0]), eight...),
		6: samples(2500, 2000, byte(v.difference), 0, coded...),
	}
	if v.tables != nil {
		s[2] = section2(v.tables)
	}
	return s
}

func eightLeads(n int, rng *rand.Rand) [][]int32 {
	x := make([][]int32, 8)
	for i := range x {
		x[i] = ecg(n, i, rng)
	}
	return x
}

func mustRead(t *testing.T, b []byte) *tracing.Tracing {
	t.Helper()
	if !scp.Sniff(b[:min(len(b), 4096)]) {
		t.Fatal("not sniffed")
	}
	x, err := scp.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func wantSamples(t *testing.T, g *tracing.Group, codes []tracing.Code, want [][]int32) {
	t.Helper()
	for i, c := range codes {
		l := g.Lead(c)
		if l == nil {
			t.Fatalf("no lead %s", c)
		}
		if !slices.Equal(l.Samples, want[i]) {
			at := 0
			for at < min(len(l.Samples), len(want[i])) && l.Samples[at] == want[i][at] {
				at++
			}
			t.Fatalf("lead %s differs from sample %d on (%d samples, want %d)", c, at, len(l.Samples), len(want[i]))
		}
	}
}

func TestEveryCodingIsReadExactly(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			x := eightLeads(5000, rng)
			got := mustRead(t, record{sections: v.sections(x, rng), protocol: 20}.bytes())
			if len(got.Warnings) > 0 {
				t.Error(got.Warnings)
			}
			g := got.Rhythm()
			wantSamples(t, g, eightCodes, x)
			if len(g.Leads) != 12 || g.Leads[2].Code != tracing.LeadIII || g.Rate != tracing.Whole(500) || g.Leads[0].NVPerLSB != tracing.Whole(2500) {
				t.Errorf("%d leads, rate %s, size %s", len(g.Leads), g.Rate, g.Leads[0].NVPerLSB)
			}
			if got.Version != "2.0" || got.Patient.ID != "A1" || got.RecordedAt.Format("20060102150405") != "20240506070809" || got.ZoneKnown {
				t.Error(got.Version, got.RecordedAt)
			}
		})
	}
}

// subtraction is a section 4 of beats with their zones; kind, start, fiducial and end of each.
func subtraction(ms, fiducial int, zones [][4]int, protected [][2]int) []byte {
	b := le.AppendUint16(nil, uint16(ms))
	b = le.AppendUint16(b, uint16(fiducial))
	b = le.AppendUint16(b, uint16(len(zones)))
	for _, z := range zones {
		b = le.AppendUint16(b, uint16(z[0]))
		for _, v := range z[1:] {
			b = le.AppendUint32(b, uint32(v))
		}
	}
	for _, p := range protected {
		b = le.AppendUint32(le.AppendUint32(b, uint32(p[0])), uint32(p[1]))
	}
	return b
}

func TestReferenceBeatIsAddedBack(t *testing.T) {
	for _, first := range []int{0, 1} {
		t.Run(fmt.Sprintf("samples counted from %d", first), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			const n, m, fiducial = 2000, 300, 120
			zones := [][4]int{{0, 20, 100, 250}, {1, 1, 500, 1}, {0, 881, 1000, 1180}, {0, 1900, 1950, 2050}}
			v := variant{tables: [][]symbol{defaultSymbols}, difference: 2}
			var want, beats [][]int32
			var c5, c6 [][]byte
			for i := range 8 {
				rest, beat := ecg(n, i, rng), ecg(m, i, rng)
				x := make([]int32, n)
				for k := range rest {
					x[k] = rest[k] * 4 // residual in 20 uV, beat in 5 uV
				}
				for _, z := range zones {
					for k := z[1]; z[0] == 0 && k <= z[3]; k++ {
						if j := k - z[2] + fiducial - 1; j >= 0 && j < m && k-first < n {
							x[k-first] += beat[j]
						}
					}
				}
				want, beats = append(want, x), append(beats, beat)
				c5, c6 = append(c5, v.code(beat, rng)), append(c6, v.code(rest, rng))
			}
			s := map[int][]byte{
				2: section2(v.tables), 3: leads(twelveFlags|1, first, n, eight...), 4: subtraction(m*2, fiducial, zones, nil),
				5: samples(5000, 2000, 2, 0, c5...), 6: samples(20000, 2000, 2, 0, c6...),
			}
			got := mustRead(t, record{sections: s, protocol: 0, unmarked: true}.bytes())
			wantSamples(t, got.Rhythm(), eightCodes, want)
			wantSamples(t, got.MedianBeat(), eightCodes, beats)
			if got.Rhythm().Leads[0].NVPerLSB != tracing.Whole(5000) {
				t.Error(got.Rhythm().Leads[0].NVPerLSB)
			}
			if len(got.Annotations) != 4 || got.Annotations[1].Text != "type 1" {
				t.Error(got.Annotations)
			}
		})
	}
}

// straight is what a decimated stretch of stored values stands for: value j lies in the middle of its factor samples.
func straight(values []int32, factor int) []int32 {
	out := make([]int32, factor*len(values))
	for i := range out {
		at := float64(i-factor/2) / float64(factor)
		at = max(0, min(at, float64(len(values)-1)))
		j := int(at)
		k := min(j+1, len(values)-1)
		out[i] = int32(math.Floor(float64(values[j]) + float64(values[k]-values[j])*(at-float64(j)) + 0.5))
	}
	return out
}

func TestBimodalIsExpanded(t *testing.T) {
	for name, intervals := range map[string][2]int{
		"decimated interval, with reference beat": {2000, 8000}, "decimated interval alone": {0, 8000}, "interval of the samples": {0, 2000},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			const n = 1001
			areas := [][2]int{{101, 150}, {151, 160}, {404, 470}, {900, 2000}}
			zones := [][4]int{{0, 0, 120, 0}, {0, 0, 130, 0}, {0, 0, 420, 0}, {0, 0, 950, 0}}
			v := variant{tables: [][]symbol{defaultSymbols}, difference: 1}
			var want [][]int32
			var coded [][]byte
			for i := range 8 {
				signal := ecg(n, i, rng)
				var x, stored []int32
				decimate := func(from, to int) { // numbers, both within
					count := to - from + 1
					values := signal[from-1 : from-1+count/4]
					stored, x = append(stored, values...), append(x, straight(values, 4)...)
					left := signal[to-count%4 : to]
					stored, x = append(stored, left...), append(x, left...)
				}
				keep := func(from, to int) { stored, x = append(stored, signal[from-1:to]...), append(x, signal[from-1:to]...) }
				decimate(1, 100)
				keep(101, 160)
				decimate(161, 403)
				keep(404, 470)
				decimate(471, 899)
				keep(900, n)
				want, coded = append(want, x), append(coded, v.code(stored, rng))
			}
			s := map[int][]byte{
				2: section2(v.tables), 3: leads(twelveFlags, 1, n, eight...), 4: subtraction(0, 0, zones, areas),
				6: samples(2500, intervals[1], 1, 1, coded...),
			}
			if intervals[0] > 0 {
				beat := v.code(ecg(300, 0, rng), rng)
				s[5] = samples(2500, intervals[0], 1, 0, beat, beat, beat, beat, beat, beat, beat, beat)
			}
			got := mustRead(t, record{sections: s, protocol: 13}.bytes())
			wantSamples(t, got.Rhythm(), eightCodes, want)
			if got.Rhythm().Rate != tracing.Whole(500) {
				t.Error(got.Rhythm().Rate)
			}
			if !warned(got, tracing.LossyEncoding) {
				t.Error("the decimation is not told")
			}
		})
	}
}

func warned(t *tracing.Tracing, code tracing.WarningCode) bool {
	return slices.ContainsFunc(t.Warnings, func(w tracing.Warning) bool { return w.Code == code })
}

func TestFaultsOfWritersAreToldAndRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	x := eightLeads(5000, rng)
	plain := variant{}
	whole := func() map[int][]byte { return plain.sections(x, rng) }
	long := eightLeads(40_000, rng)
	for _, c := range []struct {
		name string
		file func() []byte
		want [][]int32
		warn tracing.WarningCode
	}{
		{"wrong CRC of a section", func() []byte {
			b := record{sections: whole(), protocol: 20}.bytes()
			b[142] ^= 1 // of section 1
			return b
		}, x, tracing.BadChecksum},
		{"pointer to nowhere", func() []byte {
			b := record{sections: whole(), protocol: 20}.bytes()
			le.PutUint32(b[22+6*10+6:], 1<<31)
			return b
		}, x, tracing.Repaired},
		{"lead lengths modulo 65536", func() []byte {
			s := plain.sections(long, rng)
			return record{sections: s, protocol: 20}.bytes()
		}, long, tracing.Repaired},
		{"a bimodal flag on whole data", func() []byte {
			s := whole()
			s[6][5] = 1
			return record{sections: s, protocol: 20}.bytes()
		}, x, ""},
		{"lengths of 32 bits", func() []byte {
			s := plain.sections(long, rng)
			b := s[6][:6:6]
			for range 8 {
				b = le.AppendUint32(b, 80_000)
			}
			s[6] = append(b, s[6][6+16:]...)
			return record{sections: s, protocol: 30}.bytes()
		}, long, ""},
		{"a section of version 3", func() []byte {
			s := whole()
			s[12] = []byte{1, 2, 3}
			return record{sections: s, protocol: 30}.bytes()
		}, x, tracing.Unsupported},
		{"leads end before section 3 says", func() []byte {
			s := whole()
			s[3] = leads(twelveFlags, 1, 5100, eight...)
			return record{sections: s, protocol: 20}.bytes()
		}, x, tracing.Truncated},
		{"no mark", func() []byte { return record{sections: whole(), unmarked: true}.bytes() }, x, tracing.Deviates},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mustRead(t, c.file())
			wantSamples(t, got.Rhythm(), eightCodes, c.want)
			if c.warn != "" && !warned(got, c.warn) || c.warn == "" && len(got.Warnings) > 0 {
				t.Errorf("warnings %v, want %s", got.Warnings, c.warn)
			}
		})
	}
}

func TestLeadsOfDifferentTimesAreGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	a, b, c := ecg(500, 0, rng), ecg(500, 1, rng), ecg(700, 2, rng)
	l := slices.Concat(leads(0, 1, 500, 1)[2:], leads(0, 501, 500, 3)[2:], leads(0, 1, 700, 126)[2:])
	s := map[int][]byte{3: append([]byte{3, 0}, l...), 6: samples(1000, 2000, 0, 0, raw(a), raw(b), raw(c))}
	got := mustRead(t, record{sections: s, protocol: 20}.bytes())
	if len(got.Groups) != 3 || got.Groups[1].Offset.Seconds() != 1 {
		t.Fatal(len(got.Groups))
	}
	for i, want := range []struct {
		code tracing.Code
		x    []int32
	}{{tracing.LeadI, a}, {tracing.LeadV1, b}, {tracing.LeadML2, c}} {
		wantSamples(t, &got.Groups[i], []tracing.Code{want.code}, [][]int32{want.x})
	}
}

func TestTextsOfManyCharacterSets(t *testing.T) {
	device := func(language byte) []byte {
		v := make([]byte, 36)
		copy(v[8:], "ECG-1")
		v[16] = language
		return tag(14, string(v)+"v1\x00SN\x00\x00\x00Maker\x00")
	}
	for _, c := range []struct {
		name     string
		language byte
		last     string
		first    string
		want     string
		warn     bool
	}{
		{"ASCII", 0, "Doe\x00", "Jane\x00", "Doe Jane", false},
		{"GBK though ASCII is declared", 0, "\xD5\xC5\x00", "\xC8\xFD\x00", "张三", true},
		{"GBK though Latin-1 is declared", 1, "\xC0\xEE\xCB\xC4\x00", "", "李四", true},
		{"Latin-1", 1, "M\xFCller\x00", "J\xF6rg\x00", "Müller Jörg", false},
		{"GB2312", 0x27, "\xC1\xAA\xCD\xA8\x00", "", "联通", false},
		{"UTF-8", 7, "王五\x00", "", "王五", false},
		{"UTF-16", 7, "W\x00u\x00\x00\x00", "", "Wu", false},
		{"Cyrillic", 0x13, "\xB8\xD2\xD0\xDD\x00", "", "Иван", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := variant{}.sections(eightLeads(10, rand.New(rand.NewPCG(1, 1))), nil)
			s[1] = slices.Concat(tag(0, c.last), tag(1, c.first), device(c.language), tag(255, ""))
			got := mustRead(t, record{sections: s, protocol: 20}.bytes())
			if got.Patient.Name != c.want || warned(got, tracing.BadText) != c.warn {
				t.Errorf("%q, warnings %v", got.Patient.Name, got.Warnings)
			}
			want := tracing.Device{Manufacturer: "Maker", Model: "ECG-1", Serial: "SN", AcquiredBy: "v1"}
			if d := cmp.Diff(want, got.Device); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHeaderFields(t *testing.T) {
	s := variant{}.sections(eightLeads(10, rand.New(rand.NewPCG(1, 1))), nil)
	device := make([]byte, 40)
	device[7] = 1 // Burdick
	s[1] = slices.Concat(tag(14, string(device)), tag(4, "\x12\x00\x02"), tag(5, "\xA8\x07\x02\x1E"), tag(6, "\x48\x00\x02"), tag(7, "\xC4\x22\x02"),
		tag(8, "\x02"), tag(10, "\x00\x00\x00Aspirin\x00"), tag(13, "chest\x00"), tag(30, "pain\x00"), tag(25, "\xE8\x07\x02\x1D"),
		tag(26, "\x00\x1E\x00"), tag(34, "\xE0\x01\x00\x00\x00"), tag(27, "\xF4\x01"), tag(28, "\x96\x00"), tag(29, "\x02"), tag(32, "\x00\x2A"),
		append(tag(18, "Ward"), 16, 255, 0, 'H'))
	got := mustRead(t, record{sections: s, protocol: 20}.bytes())
	want := tracing.Patient{AgeYears: 1.5, Sex: "F", HeightCM: 182.88, WeightKG: 8.9, Drugs: []string{"Aspirin"}, Pacemaker: true}
	if d := cmp.Diff(want, got.Patient); d != "" {
		t.Error(d)
	}
	if got.RecordedAt.Format("20060102 1504") != "20240228 1630" || !got.ZoneKnown || got.Indication != "chest\npain" {
		t.Error(got.RecordedAt, got.Indication)
	}
	if d := cmp.Diff(tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50}, got.Rhythm().Filters); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(tracing.Site{Institution: "H", Department: "Ward"}, got.Site); d != "" { // a tag longer than the section
		t.Error(d)
	}
	if !warned(got, tracing.BadValue) || !warned(got, tracing.Repaired) {
		t.Error(got.Warnings)
	}
}

func TestOthersAreNotSniffed(t *testing.T) {
	no := map[string][]byte{
		"nothing": nil, "text": bytes.Repeat([]byte("SCPECG "), 100), "zeros": make([]byte, 4096), "ones": bytes.Repeat([]byte{255}, 4096),
		"name only": []byte("SCP-ECG v1.0 file of another kind, with a name that begins alike and data behind it"),
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for i := range 1000 {
		b := make([]byte, 600)
		for j := range b {
			b[j] = byte(rng.Uint32() >> (rng.IntN(4) * 8) & 0x0F)
		}
		no[fmt.Sprint("noise ", i)] = b
	}
	for name, b := range no {
		if scp.Sniff(b) {
			t.Errorf("%s is taken for SCP-ECG", name)
		}
		var e *tracing.FormatError
		if _, err := scp.Read(b); !errors.As(err, &e) || e.Format != tracing.SCP {
			t.Errorf("%s: %v", name, err)
		}
	}
}
