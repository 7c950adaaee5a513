package formats

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
)

// compare is how many leads two tracings have in common, and by how much they differ at most, in microvolts. A lead that is missing
// samples where the other has them differs without bound; leads derived by the format's rule may differ by its rounding, and are not
// compared.
func compare(a, b *tracing.Tracing) (leads int, worst float64) {
	for i := range a.Rhythm().Leads {
		la := &a.Rhythm().Leads[i]
		lb := b.Rhythm().Lead(la.Code)
		if la.Code == "" {
			lb = labelled(b.Rhythm(), la.Label)
		}
		if lb == nil || la.Off || lb.Off { // what is written of an electrode that was off is any device's own choice
			continue
		}
		leads++
		for k := range min(len(la.Samples), len(lb.Samples)) {
			switch x, y := la.UV(k), lb.UV(k); {
			case math.IsNaN(x) && math.IsNaN(y):
			case math.IsNaN(x) || math.IsNaN(y):
				worst = math.Inf(1)
			default:
				worst = max(worst, math.Round(math.Abs(x-y)*1e6)/1e6)
			}
		}
	}
	return leads, worst
}

func labelled(g *tracing.Group, label string) *tracing.Lead {
	for i := range g.Leads {
		if g.Leads[i].Label == label {
			return &g.Leads[i]
		}
	}
	return nil
}

func convert(t *testing.T, name string, tr *tracing.Tracing) *tracing.Tracing {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, name, tr); err != nil {
		t.Fatalf("write %s: %v", name, err)
	}
	of := likely(b.Bytes())
	if len(of) != 1 {
		t.Fatalf("what %s wrote is known by %d formats", name, len(of))
	}
	out, err := Read(b.Bytes())
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return out
}

// TestConversions writes a tracing in one format, reads it, writes that in another, and so on through all pairs.
func TestConversions(t *testing.T) {
	names := []string{"dicom", "scp", "aecg", "edf"}
	for _, kind := range []synth.Kind{synth.Normal, synth.VF, synth.Paced, synth.STEMIAnterior} {
		for _, from := range names {
			for _, to := range names {
				t.Run(string(kind)+" "+from+" to "+to, func(t *testing.T) {
					want := synth.Make(synth.Spec{Kind: kind, Seed: 3})
					got := convert(t, to, convert(t, from, want))
					leads, worst := compare(want, got)
					if leads != 12 || got.Rhythm().Len() != want.Rhythm().Len() {
						t.Errorf("%d leads of %d samples", leads, got.Rhythm().Len())
					}
					if worst != 0 {
						t.Errorf("differs by up to %g uV", worst)
					}
					if got.Rhythm().Rate != want.Rhythm().Rate {
						t.Errorf("rate %v", got.Rhythm().Rate)
					}
					if d := got.RecordedAt.Sub(want.RecordedAt).Abs(); d >= time.Second && d != 8*time.Hour {
						t.Errorf("recorded at %v, want %v", got.RecordedAt, want.RecordedAt)
					}
				})
			}
		}
	}
}

func TestUnknownFile(t *testing.T) {
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("Dear colleague,\n"), "zeros": make([]byte, 100_000)} {
		t.Run(name, func(t *testing.T) {
			if f, ok := Sniff(b); ok {
				t.Fatalf("taken for %s", f)
			}
			_, err := Read(b)
			var refused *tracing.FormatError
			if !errors.As(err, &refused) {
				t.Fatalf("%v", err)
			}
			for _, n := range Names() {
				if !strings.Contains(err.Error(), n) {
					t.Errorf("%s is not said to be read", n)
				}
			}
			if _, err := Open(bytes.NewReader(b), int64(len(b))); !errors.As(err, &refused) {
				t.Errorf("open: %v", err)
			}
		})
	}
}

func TestNoPanicEscapes(t *testing.T) {
	failing := dialect{
		format: "X", sniff: func([]byte) bool { panic("sniff") }, read: func([]byte) (*tracing.Tracing, error) { panic("read") },
		open: func(io.ReaderAt, int64) (*tracing.Recording, error) {
			return &tracing.Recording{Head: &tracing.Tracing{}, Read: func(int64, [][]int32) error { panic("samples") }}, nil
		},
	}
	if knows(failing, nil) {
		t.Error("a reader that fails at the head knows the file")
	}
	var refused *tracing.FormatError
	_, err := first([]dialect{failing}, func(d dialect) (*tracing.Tracing, error) { return d.read(nil) })
	if !errors.As(err, &refused) {
		t.Errorf("read: %v", err)
	}
	rec, err := first([]dialect{failing}, func(d dialect) (*tracing.Recording, error) { return open(d, bytes.NewReader(nil), 0) })
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Read(0, nil); !errors.As(err, &refused) {
		t.Errorf("samples: %v", err)
	}
}

func TestOpenIsRead(t *testing.T) {
	want := synth.Make(synth.Spec{Seed: 5})
	for _, name := range []string{"dicom", "scp", "aecg", "edf"} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, name, want); err != nil {
				t.Fatal(err)
			}
			rec, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err != nil {
				t.Fatal(err)
			}
			tr, err := rec.Load()
			if err != nil {
				t.Fatal(err)
			}
			if leads, worst := compare(want, tr); leads < 8 || worst != 0 {
				t.Errorf("%d leads, up to %g uV", leads, worst)
			}
		})
	}
}

func TestWriteNames(t *testing.T) {
	if want := []string{"dicom", "scp", "aecg", "edf", "csv"}; !slices.Equal(Written(), want) {
		t.Errorf("%v", Written())
	}
	tr := synth.Make(synth.Spec{Seconds: 1})
	if err := Write(io.Discard, "csv", tr); err != nil {
		t.Error(err)
	}
	if err := Write(io.Discard, "docx", tr); err == nil {
		t.Error("a format without a writer was written")
	}
	var b bytes.Buffer
	if err := Write(&b, "dicom", &tracing.Tracing{}); err == nil || b.Len() > 0 {
		t.Error("a tracing without leads was written")
	}
}

// TestTruncated holds every format to give what is readable with a warning, or to refuse.
func TestTruncated(t *testing.T) {
	want := synth.Make(synth.Spec{Seed: 9})
	for _, name := range []string{"dicom", "scp", "aecg", "edf"} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, name, want); err != nil {
				t.Fatal(err)
			}
			for percent := range 100 {
				got, err := Read(b.Bytes()[:b.Len()*percent/100])
				var refused *tracing.FormatError
				switch {
				case err != nil && !errors.As(err, &refused):
					t.Fatalf("%d %%: %v", percent, err)
				case err == nil && len(got.Warnings) == 0:
					t.Errorf("%d %%: shown without a warning", percent)
				}
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	tr := synth.Make(synth.Spec{Seconds: 1, RateHz: 200, Median: true})
	for _, name := range Written() {
		var b bytes.Buffer
		if err := Write(&b, name, tr); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte("ISHNE1.0 and so on"))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("<zqecg><data></data></zqecg>"))
	f.Add([]byte("<RestingECG/>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Read(b)
		if err == nil {
			for _, g := range got.Groups {
				for _, l := range g.Leads {
					if len(l.Samples) != g.Len() {
						t.Fatal("leads of different length")
					}
				}
			}
			return
		}
		var refused *tracing.FormatError
		if !errors.As(err, &refused) {
			t.Fatalf("%T", err)
		}
		if strings.Contains(refused.Reason, "the reader failed") {
			t.Fatal(err)
		}
	})
}
