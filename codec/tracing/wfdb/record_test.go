package wfdb_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
)

func samples(t testing.TB, got *tracing.Tracing) [][]int32 {
	t.Helper()
	var out [][]int32
	for _, l := range got.Rhythm().Leads {
		if !l.Derived {
			out = append(out, l.Samples)
		}
	}
	return out
}

func TestEveryFormatGivesItsSamples(t *testing.T) {
	for format := range bits {
		for _, channels := range []int{1, 2, 3} {
			t.Run(fmt.Sprint(format, "x", channels), func(t *testing.T) {
				files, want := written(t, format, channels, 1003)
				got, err := wfdb.ReadFS(files, "r")
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Warnings) > 0 {
					t.Errorf("warnings: %v", got.Warnings)
				}
				if d := cmp.Diff(want, samples(t, got)); d != "" {
					t.Error(d)
				}
				l := got.Rhythm().Leads[0]
				if l.NVPerLSB != tracing.Whole(2500) || l.OffsetNV != tracing.Whole(-17500) || l.Code != tracing.LeadI {
					t.Errorf("%+v", l.NVPerLSB)
				}
			})
		}
	}
}

func TestWindowsAreThoseOfTheWhole(t *testing.T) {
	for format := range bits {
		files, want := written(t, format, 2, 999)
		r, err := wfdb.OpenFS(files, "r")
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range [][2]int{{0, 1}, {1, 2}, {2, 3}, {255, 3}, {256, 512}, {998, 1}, {500, 499}} {
			out := [][]int32{make([]int32, w[1]), make([]int32, w[1])}
			if err := r.Read(int64(w[0]), out); err != nil {
				t.Fatal(err)
			}
			for c := range out {
				if d := cmp.Diff(want[c][w[0]:w[0]+w[1]], out[c]); d != "" {
					t.Errorf("format %d, window %v: %s", format, w, d)
				}
			}
		}
		if err := r.Read(999, [][]int32{make([]int32, 1)}); err == nil {
			t.Error("a sample behind the end was given")
		}
	}
}

func TestArchives(t *testing.T) {
	files, want := written(t, 16, 2, 4000)
	files["r.atr"] = &fstest.MapFile{Data: words(word(1, 100), word(5, 400), aux("note"))}
	for name, b := range map[string][]byte{
		"stored": zipped(t, files, 0), "deflated": zipped(t, files, 8), "tar": tarred(t, files),
	} {
		t.Run(name, func(t *testing.T) {
			if !wfdb.Sniff(b[:512]) {
				t.Error("not sniffed")
			}
			got, err := wfdb.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, samples(t, got)); d != "" {
				t.Error(d)
			}
			marks := []tracing.Annotation{{At: 200 * time.Millisecond, Code: "N"}, {At: time.Second, Code: "V", Text: "note"}}
			if d := cmp.Diff(marks, got.Annotations); d != "" {
				t.Error(d)
			}
			tracingtest.Truncations(t, b, 2600, wfdb.Read)
		})
	}
}

func TestOpenChecksShortRecords(t *testing.T) {
	files, _ := written(t, 16, 2, 4000)
	files["r.dat"].Data[100] ^= 1
	b := zipped(t, files, 0)
	rec, err := wfdb.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if !tracingtest.Warned(rec.Head, tracing.BadChecksum) {
		t.Errorf("%v", rec.Head.Warnings)
	}
}

func TestArchiveOfOtherThingsIsRefused(t *testing.T) {
	files, _ := written(t, 16, 2, 100)
	two := fstest.MapFS{"r.hea": files["r.hea"]}
	for name, b := range map[string][]byte{
		"no record": zipped(t, fstest.MapFS{"r.dat": files["r.dat"]}, 0), "no samples": zipped(t, two, 0), "empty": {}, "text": []byte("PK nothing"),
	} {
		if _, err := wfdb.Read(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestBombIsRefused(t *testing.T) {
	files := fstest.MapFS{"r.hea": {Data: []byte("r 1\nr.dat 16\n")}, "r.dat": {Data: make([]byte, tracing.MaxFile+1)}}
	if _, err := wfdb.Read(zipped(t, files, 8)); err == nil {
		t.Error("read")
	}
}

func TestFramesOfSeveralSamples(t *testing.T) {
	var b []byte
	for f := range 100 {
		b = append(b, pack(t, 16, []int32{int32(10 * f), int32(10*f + 5), int32(f), int32(-10 * f), int32(-10*f - 5)}, 1)...)
	}
	files := fstest.MapFS{
		"r.hea": {Data: []byte("r 3 250 100\nr.dat 16x2 200 12 0 0 0 0 I\nr.dat 16 200 12 0 0 0 0 SpO2\nr.dat 16x2 200 12 0 0 0 0 II\n")},
		"r.dat": {Data: b},
	}
	got, err := wfdb.ReadFS(files, "r")
	if err != nil {
		t.Fatal(err)
	}
	g := got.Rhythm()
	if g.Rate != tracing.Whole(500) || g.Len() != 200 || len(samples(t, got)) != 2 || len(got.Groups) != 2 || got.Groups[1].Leads[0].Samples[70] != 70 {
		t.Fatalf("%v %d %v", g.Rate, g.Len(), got.Warnings)
	}
	if i := g.Lead(tracing.LeadII); i.Samples[3] != -15 || i.Samples[198] != -990 {
		t.Errorf("%v", i.Samples[:4])
	}
}

func TestOpenTakesOneRate(t *testing.T) {
	files := fstest.MapFS{
		"r.hea": {Data: []byte("r 2 250 2\nr.dat 16 200 12 0 0 0 0 Resp\nr.dat 16x2 200 12 0 0 0 0 ECG 1\n")},
		"r.dat": {Data: pack(t, 16, []int32{1, 2, 3, 4, 5, 6}, 1)},
	}
	r, err := wfdb.OpenFS(files, "r")
	if err != nil || r.Count != 4 || len(r.Head.Groups) != 1 || r.Head.Groups[0].Leads[0].Label != "ECG 1" || !tracingtest.Warned(r.Head, tracing.Unsupported) {
		t.Error(err)
	}
}

func TestSignalsWithoutTheirFileAreLeftOut(t *testing.T) {
	files := fstest.MapFS{
		"r.hea": {Data: []byte("r 3 250 2\nother.dat 16 200 12 0 0 0 0 I\nr.dat 16 200 12 0 0 3 0 II\n~ 0 200 12 0 0 0 0 III\n")},
		"r.dat": {Data: pack(t, 16, []int32{1, 2}, 1)},
	}
	got, err := wfdb.ReadFS(files, "r")
	if err != nil || len(got.Rhythm().Leads) != 1 || got.Rhythm().Leads[0].Code != tracing.LeadII || !tracingtest.Warned(got, tracing.Truncated) {
		t.Error(err)
	}
}

func TestSkewIsTakenOut(t *testing.T) {
	var all []int32
	for i := range int32(50) {
		all = append(all, i, i-3)
	}
	files := fstest.MapFS{
		"r.hea": {Data: []byte("r 2 250 50\nr.dat 16+4 200 12 0 0 0 0 I\nr.dat 16:3+4 200 12 0 0 0 0 II\n")},
		"r.dat": {Data: append([]byte("skip"), pack(t, 16, all, 2)...)},
	}
	got, err := wfdb.ReadFS(files, "r")
	if err != nil {
		t.Fatal(err)
	}
	i, ii := got.Rhythm().Leads[0].Samples, got.Rhythm().Leads[1].Samples
	if d := cmp.Diff(i[:47], ii[:47]); d != "" || ii[47] != tracing.Missing {
		t.Error(d)
	}
}

func TestSegments(t *testing.T) {
	files, want := written(t, 16, 2, 100)
	files["s.hea"] = &fstest.MapFile{Data: []byte("s/4 2 500 260\nr 100\n~ 50\nr2 10\nr 100\n")}
	files["r2.hea"] = &fstest.MapFile{Data: []byte("r2 2 500 10\nr2.dat 16 200(7)/mV 16 0 0 0 0 I\n~ 0 400(7)/mV 16 0 0 0 0 II\n")}
	files["r2.dat"] = &fstest.MapFile{Data: pack(t, 16, []int32{7, 107, 207, 307, 407, 507, 607, 707, 807, 907}, 1)}
	got, err := wfdb.ReadFS(files, "s")
	if err != nil {
		t.Fatal(err)
	}
	i := got.Rhythm().Leads[0].Samples
	if len(i) != 260 || !tracingtest.Warned(got, tracing.LossyEncoding) || tracingtest.Warned(got, tracing.BadChecksum) {
		t.Fatalf("%d samples, %v", len(i), got.Warnings)
	}
	if d := cmp.Diff(want[0], i[160:]); d != "" || i[120] != tracing.Missing || i[151] != 207 || got.Rhythm().Leads[1].Samples[155] != tracing.Missing {
		t.Errorf("%s %v", d, i[150:160])
	}
}

func TestVariableLayout(t *testing.T) {
	files, want := written(t, 16, 2, 100)
	files["s.hea"] = &fstest.MapFile{Data: []byte("s/3 3 500 150\nl 0\nr 100\nq 50\n")}
	files["l.hea"] = &fstest.MapFile{Data: []byte("l 3 500 0\n~ 0 400(7)/mV 12 0 0 0 0 II\n~ 0 400(7)/mV 12 0 0 0 0 V\n~ 0 400(7)/mV 12 0 0 0 0 I\n")}
	files["q.hea"] = &fstest.MapFile{Data: []byte("q 1 500 50\nq.dat 16 400(7)/mV 12 0 1 50 0 V\n")}
	files["q.dat"] = &fstest.MapFile{Data: pack(t, 16, ones(50), 1)}
	got, err := wfdb.ReadFS(files, "s")
	if err != nil {
		t.Fatal(err)
	}
	g := got.Rhythm()
	if d := cmp.Diff(want[0], g.Lead(tracing.LeadI).Samples[:100]); d != "" || g.Lead(tracing.LeadI).Samples[100] != tracing.Missing {
		t.Error(d)
	}
	if v := g.Leads[len(g.Leads)-5]; len(got.Warnings) > 0 || v.Label == "" {
		t.Errorf("%v", got.Warnings)
	}
}

func ones(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func TestWrongChecksumIsShownWithAWarning(t *testing.T) {
	files, _ := written(t, 16, 2, 100)
	files["r.dat"].Data[50] ^= 1
	got, err := wfdb.ReadFS(files, "r")
	if err != nil || !tracingtest.Warned(got, tracing.BadChecksum) {
		t.Errorf("%v %v", got, err)
	}
}

func TestShortSignalFileIsShownWithAWarning(t *testing.T) {
	for format := range bits {
		files, want := written(t, format, 2, 1000)
		whole := files["r.dat"].Data
		for percent := 5; percent < 100; percent++ {
			files["r.dat"] = &fstest.MapFile{Data: whole[:len(whole)*percent/100]}
			got, err := wfdb.ReadFS(files, "r")
			if err != nil {
				if format < 500 || percent > 30 {
					t.Errorf("format %d cut to %d %%: %v", format, percent, err)
				}
				continue
			}
			i := got.Rhythm().Leads[0].Samples
			if d := cmp.Diff(want[0][:len(i)], i); d != "" || !tracingtest.Warned(got, tracing.Truncated) || format < 500 && len(i) < 10*percent-12 {
				t.Errorf("format %d cut to %d %%: %d samples %s", format, percent, len(i), d)
			}
		}
	}
}

func TestGainsOfManyDigits(t *testing.T) {
	for gain, want := range map[string]float64{
		"200.00000000000000001(0)/mV": 5, "3276.7500000000001(0)/mV": 1000 / 3276.75, "2.14e+00(-3)/uV": 4 / 2.14, "1e3(0)/V": 1000, "0(0)/mV": 5,
		"NaN": 5, "Inf": 5, "1e999": 5, "12345.678(-2000000000)/nV": 2000000001.0 / 12345678,
	} {
		files := fstest.MapFS{"r.hea": {Data: []byte("r 1 500 2\nr.dat 32 " + gain + "\n")}, "r.dat": {Data: []byte{1, 0, 0, 0, 2, 0, 0, 0}}}
		got, err := wfdb.ReadFS(files, "r")
		if err != nil {
			t.Fatal(err)
		}
		if uv := got.Rhythm().Leads[0].UV(0); !(uv > want*(1-1e-9) && uv < want*(1+1e-9)) {
			t.Errorf("%s: %v uV, want %v", gain, uv, want)
		}
	}
}

func TestComments(t *testing.T) {
	head := "\ufeffr 1 500 2 13:05:00.25 24/12/2009\r\nr.dat 16 1000/mV 16 0 0 3 0 II\r\n"
	for name, c := range map[string]struct {
		text   string
		age    float64
		sex    string
		states []tracing.Statement
	}{
		"challenge": {"# Age: 74\n# Sex: Female\n# Dx: 59118001,426783006\n# Rx: Unknown\n", 74, "F", []tracing.Statement{
			{Code: "59118001", System: "SCT", Source: tracing.Source{Kind: tracing.ByPerson}},
			{Code: "426783006", System: "SCT", Source: tracing.Source{Kind: tracing.ByPerson}},
		}},
		"LUDB":   {"#<age>: 41\n#<sex>: M\n#<diagnoses>:\n#Rhythm: Sinus rhythm.\n", 41, "M", []tracing.Statement{{Text: "Rhythm: Sinus rhythm.", Source: tracing.Source{Kind: tracing.ByPerson}}}},
		"MIT":    {"# 69 M 1085 1629 x1\n# Aldomet, Inderal\n", 69, "M", nil},
		"QT":     {"#Age: 47  Sex: M\n#Recorder type: ICR model 7200\n", 47, "M", nil},
		"absurd": {"# Age: 999\n# Sex: maybe\n", 0, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"r.hea": {Data: []byte(head + c.text)}, "r.dat": {Data: []byte{1, 0, 2, 0}}}
			got, err := wfdb.ReadFS(files, "r")
			if err != nil {
				t.Fatal(err)
			}
			if got.Patient.AgeYears != c.age || got.Patient.Sex != c.sex {
				t.Errorf("%v %q", got.Patient.AgeYears, got.Patient.Sex)
			}
			if d := cmp.Diff(c.states, got.Statements); d != "" {
				t.Error(d)
			}
			if !got.RecordedAt.Equal(time.Date(2009, 12, 24, 13, 5, 0, 250_000_000, time.UTC)) {
				t.Error(got.RecordedAt)
			}
		})
	}
}

func TestHostileHeaders(t *testing.T) {
	for name, head := range map[string]string{
		"nothing": "", "no signals": "r 0 500 100\n", "too many signals": "r 2147483648 500 100\n", "negative": "r -1 500 100\n",
		"no rate": "r 1 0 100\nr.dat 16\n", "rate is no number": "r 1 NaN 100\nr.dat 16\n", "huge rate": "r 1 1e9 100\nr.dat 16\n",
		"huge frame": "r 1 500 100\nr.dat 16x2147483647\n", "unknown format": "r 1 500 100\nr.dat 99\n", "path outside": "r 1 500 100\n../r.dat 16\n",
		"start behind the end": "r 1 500 100\nr.dat 16+99999\n", "segments of itself": "r/2 1 500 100\nr 50\nr 50\n", "no segments": "r/9999999 1 500\n",
		"huge skew": "r 1 500 100\nr.dat 16:999999999999\n", "a record of years": "r/2 1 500\nq 140000000000\nq 5\n", "half a frame": "r 1 500 100\nr.dat 16x60000\n",
	} {
		files := fstest.MapFS{"r.hea": {Data: []byte(head)}, "r.dat": {Data: make([]byte, 200)}}
		if got, err := wfdb.ReadFS(files, "r"); err == nil && got.Rhythm().Len() > 0 {
			t.Errorf("%s: read", name)
		}
	}
	files := fstest.MapFS{"r.hea": {Data: []byte("r 1 500 2147483648\nr.dat 16 NaN/mV 1e9 x y z\n")}, "r.dat": {Data: make([]byte, 200)}}
	got, err := wfdb.ReadFS(files, "r")
	if err != nil || got.Rhythm().Len() != 100 || !tracingtest.Warned(got, tracing.Truncated) {
		t.Errorf("%v", err)
	}
}

func TestAnnotations(t *testing.T) {
	b := words(
		word(22, 0), aux("## annotation type definitions"), word(22, 0), aux("42 XX own beat"), word(22, 0), aux("## end of definitions"),
		word(28, 18), aux("(N"), word(1, 59), word(62, 2), word(60, 3), word(61, -1), skip(100_000), word(5, 10), word(42, 1023), skip(-50), word(40, 0),
	)
	want := []wfdb.Annotation{
		{Sample: 18, Code: 28, Mnemonic: "+", Aux: "(N"},
		{Sample: 77, Code: 1, Mnemonic: "N", Chan: 2, Num: 3, Sub: -1},
		{Sample: 100_087, Code: 5, Mnemonic: "V", Chan: 2, Num: 3},
		{Sample: 101_110, Code: 42, Mnemonic: "XX", Chan: 2, Num: 3},
		{Sample: 101_060, Code: 40, Mnemonic: ")", Chan: 2, Num: 3},
	}
	got, err := wfdb.ReadAnnotations(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for n := range b {
		if _, err := wfdb.ReadAnnotations(b[:n]); err != nil && n >= 2 {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
}

func TestMemory(t *testing.T) {
	files, _ := written(t, 16, 1, 900_000)
	tracingtest.Memory(t, tarred(t, files), wfdb.Read)
}

func FuzzRead(f *testing.F) {
	for format := range bits {
		files, _ := written(f, format, 2, 60)
		files["r.atr"] = &fstest.MapFile{Data: words(word(1, 100), aux("x"))}
		f.Add(tarred(f, files))
		f.Add(zipped(f, files, 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := wfdb.Read(b)
		if err == nil && got.Rhythm() == nil {
			t.Error("a tracing without rhythm")
		}
	})
}

// FuzzReadFS has the header and the samples as they are: the fuzzer need not find out about archives.
func FuzzReadFS(f *testing.F) {
	for format := range bits {
		files, _ := written(f, format, 2, 60)
		f.Add(files["r.hea"].Data, files["r.dat"].Data)
	}
	f.Add([]byte("r/3 2 500 20\nr 10\n~ 10\nq 10\n"), []byte{1})
	f.Fuzz(func(_ *testing.T, head, data []byte) {
		files := fstest.MapFS{"r.hea": {Data: head}, "r.dat": {Data: data}, "q.hea": {Data: []byte("q 1 500 3\nr.dat 16 0 0 0\n")}}
		_, _ = wfdb.ReadFS(files, "r")
	})
}

func FuzzReadAnnotations(f *testing.F) {
	f.Add(words(word(22, 0), aux("## annotation type definitions"), skip(70_000), word(1, 59), word(62, 2), word(60, 3), word(61, -1)))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = wfdb.ReadAnnotations(b) })
}

func BenchmarkRead(b *testing.B) {
	for _, format := range []int{16, 212, 516} {
		files, _ := written(b, format, 8, 5000)
		z := zipped(b, files, 0)
		b.Run(fmt.Sprint(format), func(b *testing.B) {
			b.SetBytes(int64(len(z)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wfdb.Read(bytes.Clone(z)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
