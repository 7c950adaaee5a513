// Package xmlintest has what the tests of the XML dialects share: the real files beside the checkout with the values that independent
// readers found in them, files cut everywhere, and hostile documents.
package xmlintest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Reader is the Read function of a dialect.
type Reader func(b []byte) (*tracing.Tracing, error)

// Data is the folder of real files, found by walking up from the test's package. The test is skipped where there is none.
func Data(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if d := filepath.Join(dir, "shared", "data", "ecg"); isDir(d) {
			return d
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("the folder shared/data/ecg with real recordings is not beside the checkout")
		}
		dir = up
	}
}

func isDir(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.IsDir()
}

// File reads a real file.
func File(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Data(t), name))
	if err != nil {
		t.Skipf("%s is not among the real recordings", name)
	}
	return b
}

type reference struct {
	Fs    float64
	Leads map[string]struct {
		N     int
		First []float64 `json:"first10_uV"`
		Min   float64   `json:"min_uV"`
		Max   float64   `json:"max_uV"`
		Mean  float64   `json:"mean_uV"`
	}
}

// Golden reads all real files of a folder that the reference knows and compares rate, number, first values, extremes and mean of every
// lead; as any error of a sample shows in none of them only if it hides from all.
func Golden(t *testing.T, folder string, read Reader) {
	t.Helper()
	var all map[string]reference
	if err := json.Unmarshal(File(t, "reference.json"), &all); err != nil {
		t.Fatal(err)
	}
	for name, want := range all {
		if !strings.HasPrefix(name, folder+"/") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			got, err := read(File(t, name))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got.Rhythm(), want)
			for _, w := range got.Warnings {
				t.Errorf("warning %s: %s", w.Code, w.Detail)
			}
		})
	}
}

func compare(t *testing.T, g *tracing.Group, want reference) {
	t.Helper()
	if g == nil {
		t.Fatal("no rhythm")
	}
	if g.Rate.Float() != want.Fs {
		t.Errorf("rate %v, want %v", g.Rate, want.Fs)
	}
	for label, w := range want.Leads {
		l := g.Lead(tracing.LeadNamed(label))
		if l == nil {
			t.Errorf("%s: not there", label)
			continue
		}
		if len(l.Samples) != w.N {
			t.Errorf("%s: %d samples, want %d", label, len(l.Samples), w.N)
			continue
		}
		low, high, sum := math.Inf(1), math.Inf(-1), 0.0
		for i := range l.Samples {
			v := l.UV(i)
			low, high, sum = min(low, v), max(high, v), sum+v
			if i < len(w.First) && math.Abs(v-w.First[i]) > 1e-3 {
				t.Errorf("%s: sample %d is %v uV, want %v", label, i, v, w.First[i])
			}
		}
		if math.Abs(low-w.Min) > 1e-3 || math.Abs(high-w.Max) > 1e-3 || math.Abs(sum/float64(w.N)-w.Mean) > 1e-3 {
			t.Errorf("%s: min %v max %v mean %v, want %v %v %v", label, low, high, sum/float64(w.N), w.Min, w.Max, w.Mean)
		}
	}
}

// Cuts reads a file cut at every hundredth. No cut may panic or give samples that the whole file has not; those that give something must
// say that they are cut, and at least least of the 99 must give something.
func Cuts(t *testing.T, b []byte, read Reader, least int) {
	t.Helper()
	whole, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	given := 0
	for i := 1; i < 100; i++ {
		got, err := read(b[: len(b)*i/100 : len(b)*i/100])
		if err != nil {
			var fe *tracing.FormatError
			if !errors.As(err, &fe) {
				t.Fatalf("cut at %d %%: %v is no FormatError", i, err)
			}
			continue
		}
		given++
		if msg := part(got, whole); msg != "" {
			t.Errorf("cut at %d %%: %s", i, msg)
		}
	}
	if given < least {
		t.Errorf("%d of 99 cut files are read, want %d", given, least)
	}
	t.Logf("%d of 99 cut files are read", given)
}

// part says what is wrong with a tracing of a cut file.
func part(got, whole *tracing.Tracing) string {
	said := false
	for _, w := range got.Warnings {
		said = said || w.Code == tracing.Truncated
	}
	if !said {
		return "not said to be cut"
	}
	for _, g := range got.Groups {
		of := &tracing.Group{}
		for i := range whole.Groups {
			if whole.Groups[i].Kind == g.Kind {
				of = &whole.Groups[i]
				break
			}
		}
		for _, l := range g.Leads {
			w := of.Lead(l.Code)
			if w == nil || len(w.Samples) < len(l.Samples) {
				return fmt.Sprintf("lead %s is not in the whole file so", l.Label)
			}
			if l.Derived && !w.Derived { // in place of one that was not reached
				continue
			}
			for k, v := range l.Samples {
				if v != tracing.Missing && v != w.Samples[k] {
					return fmt.Sprintf("lead %s sample %d is %d, in the whole file %d", l.Label, k, v, w.Samples[k])
				}
			}
		}
	}
	return ""
}

// Hostile reads documents that attack a reader, with this root element; each must be refused, or read without harm, and never with a text
// of the document in an error.
func Hostile(t *testing.T, root string, read Reader) {
	t.Helper()
	const secret = "Sekret"
	laughs := "<!DOCTYPE x [<!ENTITY a \"" + secret + "\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><" + root + ">&b;</" + root + ">"
	for _, c := range []struct{ name, doc string }{
		{"entities", laughs},
		{"external entity", "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><" + root + ">&a;</" + root + ">"},
		{"parameter entity", "<!DOCTYPE x [<!ENTITY % a SYSTEM \"http://localhost/x\"> %a;]><" + root + "/>"},
		{"depth", "<" + root + ">" + strings.Repeat("<"+secret+">", 200_000)},
		{"huge attribute", "<" + root + " a=\"" + strings.Repeat(secret, 100_000) + "\"/>"},
		{"many attributes", "<" + root + strings.Repeat(" a=\"1\"", 100_000) + "/>"},
		{"huge name", "<" + root + "><" + strings.Repeat(secret, 100_000) + "/></" + root + ">"},
		{"huge text", "<" + root + ">" + strings.Repeat(secret+" ", 300_000) + "</" + root + ">"},
		{"many names", "<" + root + ">" + manyNames() + "</" + root + ">"},
		{"unended comment", "<" + root + "><!-- " + strings.Repeat(secret, 1000)},
		{"unended doctype", "<!DOCTYPE " + strings.Repeat(secret, 100_000)},
		{"zeros", "<" + root + ">" + strings.Repeat("\x00", 100_000)},
		{"end tags", "<" + root + ">" + strings.Repeat("</"+secret+">", 100_000)},
		{"only root", "<" + root + "/>"},
		{"another root", "<" + secret + "/>"},
		{"nothing", ""},
		{"bytes", strings.Repeat("\xff\xfe\x00<", 10_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read([]byte(c.doc))
			if err == nil {
				t.Fatal("read as a recording")
			}
			var fe *tracing.FormatError
			if !errors.As(err, &fe) {
				t.Fatalf("%T is no FormatError", err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Fatal("the error has a text of the document")
			}
		})
	}
}

func manyNames() string {
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, "<n%d/>", i)
	}
	return b.String()
}

// Sound fails where a tracing breaks what its model promises; fuzz targets ask it.
func Sound(t *testing.T, got *tracing.Tracing, err error) {
	t.Helper()
	if err != nil {
		var fe *tracing.FormatError
		if !errors.As(err, &fe) || got != nil {
			t.Fatalf("%T with a tracing: %t", err, got != nil)
		}
		return
	}
	for i, g := range got.Groups {
		if len(g.Leads) == 0 || len(g.Leads) > tracing.MaxLeads+4 || i > 0 && g.Kind == tracing.Rhythm && got.Groups[i-1].Kind != tracing.Rhythm {
			t.Fatalf("group %d of kind %s with %d leads", i, g.Kind, len(g.Leads))
		}
		for _, l := range g.Leads {
			if len(l.Samples) != g.Len() || l.Calibrated() && l.NVPerLSB.Den < 0 {
				t.Fatalf("group %d: a lead with %d of %d samples", i, len(l.Samples), g.Len())
			}
		}
	}
	for _, a := range got.Annotations {
		if a.Group < 0 || a.Group >= len(got.Groups) || a.At < 0 || a.For < 0 {
			t.Fatalf("an annotation of group %d at %v", a.Group, a.At)
		}
	}
	if len(got.Measurements) > tracing.MaxTexts || len(got.Statements) > tracing.MaxTexts || len(got.Annotations) > tracing.MaxTexts {
		t.Fatal("more texts than allowed")
	}
	for _, m := range got.Measurements {
		if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
			t.Fatal("a measurement that is no number")
		}
	}
}
