// Package tracingtest is what the tests of the readers share: the real files and their reference values, cutting files short, and a tracing to
// write and read again.
package tracingtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Data is the folder of real files beside the module; the test is skipped where it is absent.
func Data(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		p := filepath.Join(dir, "shared", "data", "ecg")
		if i, err := os.Stat(p); err == nil && i.IsDir() {
			return p
		}
	}
	t.Skip("shared/data/ecg is not here: real files are not tested")
	return ""
}

// Bytes reads a real file; the test is skipped where it is absent.
func Bytes(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Data(t), name))
	if err != nil {
		t.Skip(name + " is not here")
	}
	return b
}

// lead is what the reference says of a lead.
type lead struct {
	Samples int       `json:"n"`
	First   []float64 `json:"first10_uV"`
	Min     float64   `json:"min_uV"`
	Max     float64   `json:"max_uV"`
	Mean    float64   `json:"mean_uV"`
}

// Golden compares every file of the reference that a reader takes with what independent readers made of it.
func Golden(t *testing.T, takes func(name string) bool, read func(t *testing.T, name string) *tracing.Tracing) {
	t.Helper()
	var files map[string]struct {
		Rate  float64         `json:"fs"`
		Leads map[string]lead `json:"leads"`
	}
	if err := json.Unmarshal(Bytes(t, "reference.json"), &files); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if !takes(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(Data(t), name)); err != nil {
				t.Skip("the file is not here")
			}
			got := read(t, name)
			g := got.Rhythm()
			if g == nil || math.Abs(g.Rate.Float()-want.Rate) > 1e-6 {
				t.Fatalf("no rhythm of %v Hz", want.Rate)
			}
			for label, l := range want.Leads {
				compare(t, got, label, l)
			}
		})
	}
}

func compare(t *testing.T, got *tracing.Tracing, label string, want lead) {
	t.Helper()
	var l *tracing.Lead
	for i := range got.Groups {
		if l == nil && got.Groups[i].Kind == tracing.Rhythm {
			l = find(&got.Groups[i], label)
		}
	}
	if l == nil {
		t.Errorf("no lead %s", label)
		return
	}
	if len(l.Samples) != want.Samples {
		t.Errorf("lead %s: %d samples, want %d", label, len(l.Samples), want.Samples)
		return
	}
	for i, v := range want.First {
		if math.Abs(l.UV(i)-v) > 1e-3 {
			t.Errorf("lead %s: sample %d is %v uV, want %v", label, i, l.UV(i), v)
		}
	}
	low, high, sum := math.Inf(1), math.Inf(-1), 0.0
	for i := range l.Samples {
		v := l.UV(i)
		low, high, sum = math.Min(low, v), math.Max(high, v), sum+v
	}
	if math.Abs(low-want.Min) > 1e-3 || math.Abs(high-want.Max) > 1e-3 || math.Abs(sum/float64(len(l.Samples))-want.Mean) > 1e-3 {
		t.Errorf("lead %s: %v to %v, want %v to %v", label, low, high, want.Min, want.Max)
	}
}

func find(g *tracing.Group, label string) *tracing.Lead {
	label, _, _ = strings.Cut(label, " (")
	for i := range g.Leads {
		if g.Leads[i].Label == label {
			return &g.Leads[i]
		}
	}
	if c := tracing.LeadNamed(label); c != "" {
		return g.Lead(c)
	}
	return nil
}

// Truncations cuts a file at every hundredth of its length. What is read must have a warning unless no sample is lost, and at least 95 of 100 must be read of those that
// are longer than the header.
func Truncations(t *testing.T, b []byte, header int, read func(b []byte) (*tracing.Tracing, error)) {
	t.Helper()
	whole, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	shown, all := 0, 0
	for percent := 1; percent < 100; percent++ {
		n := len(b) * percent / 100
		got, err := read(b[:n:n])
		if n <= header {
			continue
		}
		all++
		if err != nil {
			t.Logf("cut to %d of %d bytes: %v", n, len(b), err)
			continue
		}
		if !Warned(got, tracing.Truncated) && !equal(whole, got) {
			t.Errorf("cut to %d of %d bytes: no warning: %v", n, len(b), got.Warnings)
		}
		shown++
	}
	if shown*100 < all*95 {
		t.Errorf("%d of %d are read", shown, all)
	}
}

func equal(a, b *tracing.Tracing) bool {
	g, h := a.Rhythm(), b.Rhythm()
	if g == nil || h == nil || len(g.Leads) != len(h.Leads) {
		return false
	}
	for i := range g.Leads {
		if !slices.Equal(g.Leads[i].Samples, h.Leads[i].Samples) {
			return false
		}
	}
	return true
}

// Memory reads a file of a megabyte or more, whose limb leads cannot be derived, and fails where reading keeps more than it may: four times the
// file, with the file, or allocates twice that on the way.
func Memory(t *testing.T, b []byte, read func(b []byte) (*tracing.Tracing, error)) {
	t.Helper()
	var before, after, kept runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	got, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&kept)
	size := float64(len(b))
	if keeps := (float64(kept.HeapAlloc) - float64(before.HeapAlloc)) / size; keeps > 3.1 {
		t.Errorf("%.1f times the file is kept", keeps)
	}
	if used := float64(after.TotalAlloc-before.TotalAlloc) / size; used > 8 {
		t.Errorf("%.1f times the file is allocated", used)
	}
	runtime.KeepAlive(got)
}

// Warned reports whether a tracing has a warning of a code.
func Warned(t *tracing.Tracing, code tracing.WarningCode) bool {
	for _, w := range t.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// Wave is a sample of an invented lead: a beat each second at 500 Hz, different in each lead.
func Wave(lead, i int) int32 {
	at := (i + 37*lead) % 500
	switch {
	case at < 20:
		return int32(at * (20 - at) * (lead + 3) / 2)
	case at > 100 && at < 200:
		return int32((at - 100) * (200 - at) / 40)
	default:
		return int32(i%7 - 3 + lead)
	}
}

// Rhythm is an invented tracing of leads with 2.5 uV a unit at 500 Hz.
func Rhythm(n int, leads ...tracing.Code) *tracing.Tracing {
	g := tracing.Group{Kind: tracing.Rhythm, Rate: tracing.Whole(500)}
	for k, c := range leads {
		l := tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(2500), Samples: make([]int32, n)}
		for i := range l.Samples {
			l.Samples[i] = Wave(k, i)
		}
		g.Leads = append(g.Leads, l)
	}
	return &tracing.Tracing{Groups: []tracing.Group{g}}
}

// Same compares the samples, sizes and rate of two groups, lead by lead.
func Same(t *testing.T, want, got *tracing.Group) {
	t.Helper()
	if got == nil || want.Rate != got.Rate || len(want.Leads) != len(got.Leads) {
		t.Fatalf("the groups are not alike")
	}
	for i := range want.Leads {
		a, b := &want.Leads[i], &got.Leads[i]
		if a.NVPerLSB.Float() != b.NVPerLSB.Float() || a.OffsetNV.Float() != b.OffsetNV.Float() || len(a.Samples) != len(b.Samples) {
			t.Errorf("lead %d: %v %v x %d, want %v %v x %d", i, b.NVPerLSB, b.OffsetNV, len(b.Samples), a.NVPerLSB, a.OffsetNV, len(a.Samples))
			continue
		}
		for k := range a.Samples {
			if a.Samples[k] != b.Samples[k] {
				t.Errorf("lead %d: sample %d is %d, want %d", i, k, b.Samples[k], a.Samples[k])
				break
			}
		}
	}
}

// Trouble lets every reading of a file fail in turn and fails the test where the trouble is not passed on as what it is: it is no fault of the
// file, which may be read when the trouble is over.
func Trouble(t *testing.T, b []byte, open func(r io.ReaderAt, size int64) (*tracing.Recording, error)) {
	t.Helper()
	for reads := range 1000 {
		r := &troubled{b: b, good: reads}
		rec, err := open(r, int64(len(b)))
		if err == nil {
			_, err = rec.Load()
		}
		switch {
		case r.good >= 0 && err != nil:
			t.Fatal(err)
		case r.good >= 0:
			return
		case !errors.Is(err, errTrouble):
			t.Fatalf("reading %d failed, and that became %v", reads+1, err)
		}
	}
}

var errTrouble = errors.New("trouble of the storage")

// troubled is a file of which a number of readings are good; good is below 0 when one was not.
type troubled struct {
	b    []byte
	good int
}

func (r *troubled) ReadAt(p []byte, at int64) (int, error) {
	if r.good--; r.good < 0 {
		return 0, errTrouble
	}
	return bytes.NewReader(r.b).ReadAt(p, at)
}
