package dicomecg

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// reference is what independent readers make of a file.
type reference struct {
	FS    float64
	Leads map[string]struct {
		N       int
		First   []float64 `json:"first10_uV"`
		Min     float64   `json:"min_uV"`
		Max     float64   `json:"max_uV"`
		Average float64   `json:"mean_uV"`
	}
}

func TestRealFiles(t *testing.T) {
	dir := tracingtest.Data(t)
	b, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]reference
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	files := map[string]reference{"derived/Example.dicom": all["dicom/ecgtoolkit_Example.dcm"]}
	for name, ref := range all {
		if strings.HasPrefix(name, "dicom/") {
			files[name] = ref
		}
	}
	for name, ref := range files {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if os.IsNotExist(err) {
				t.Skip("not among the files")
			}
			if err != nil {
				t.Fatal(err)
			}
			got := mustRead(t, b)
			if fs := got.Rhythm().Rate.Float(); fs != ref.FS {
				t.Errorf("%g samples a second, want %g", fs, ref.FS)
			}
			for label, want := range ref.Leads {
				l := got.Rhythm().Lead(named(label))
				if l == nil {
					t.Errorf("no lead %q", label)
					continue
				}
				if len(l.Samples) != want.N {
					t.Fatalf("%s: %d samples, want %d", label, len(l.Samples), want.N)
				}
				low, high, sum := math.Inf(1), math.Inf(-1), 0.0
				for k := range l.Samples {
					low, high, sum = min(low, l.UV(k)), max(high, l.UV(k)), sum+l.UV(k)
				}
				var first []float64
				for k := range want.First {
					first = append(first, math.Round(l.UV(k)*1e4)/1e4)
				}
				if diff := cmp.Diff(want.First, first); diff != "" {
					t.Errorf("%s: %s", label, diff)
				}
				if math.Abs(low-want.Min) > 1e-3 || math.Abs(high-want.Max) > 1e-3 || math.Abs(sum/float64(want.N)-want.Average) > 1e-3 {
					t.Errorf("%s: from %g to %g, mean %g", label, low, high, sum/float64(want.N))
				}
			}
		})
	}
}

func TestMeasurementsOfRealFiles(t *testing.T) {
	dir := tracingtest.Data(t)
	type row struct{ pr, qrs, qt, qtc, p, r, t float64 }
	for _, c := range []struct {
		name string
		want row
		beat [3]string // spans of P and QRS, and the end of T, in the median beat
	}{
		{"dicom/ecgtoolkit_Example.dcm", row{148, 120, 420, 443, 44, -61, 86}, [3]string{"284ms+102ms", "432ms+120ms", "852ms+0s"}},
		{"dicom/marcodebe_anonymous_ecg.dcm", row{161, 75, 368, 370, 74, 52, 57}, [3]string{"298ms+114ms", "459ms+75ms", "827ms+0s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, c.name))
			if os.IsNotExist(err) {
				t.Skip("not among the files")
			}
			if err != nil {
				t.Fatal(err)
			}
			tr := mustRead(t, b)
			get := func(code string) float64 {
				m, ok := tr.Measured(tracing.ByDevice, code)
				if !ok || m.Unit != usualUnit(code) {
					t.Errorf("no %s, or in %q", code, m.Unit)
				}
				return m.Value
			}
			got := row{
				get(tracing.PRInterval), get(tracing.QRSDuration), get(tracing.QTInterval), get(tracing.QTcUnsaid),
				get(tracing.PAxis), get(tracing.QRSAxis), get(tracing.TAxis),
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			var beat [3]string
			for _, a := range tr.Annotations {
				for i, code := range []string{tracing.WaveP, tracing.WaveQRS, tracing.WaveT} {
					if a.Code == code && tr.Groups[a.Group].Kind == tracing.Median {
						beat[i] = a.At.String() + "+" + a.For.String()
					}
				}
			}
			if beat != c.beat {
				t.Errorf("fiducials %v, want %v", beat, c.beat)
			}
		})
	}
}
