package paper

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
)

// realFiles finds the sample files beside the module; the test is skipped where they are not.
func realFiles(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		data := filepath.Join(dir, "shared", "data", "ecg")
		if _, err := os.Stat(data); err == nil {
			return data
		}
		if dir == filepath.Dir(dir) {
			t.Skip("no sample files: shared/data/ecg is not beside the module")
		}
	}
}

// Every recording that can be read is drawn, packed, and comes back.
func TestRealRecordings(t *testing.T) {
	root := realFiles(t)
	for _, folder := range []string{"scp", "dicom", "aecg", "muse", "philips", "contec", "edf", "derived"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			tr, err := formats.Read(b)
			if err != nil {
				return nil // a reader's matter
			}
			t.Run(filepath.Join(folder, d.Name()), func(t *testing.T) { checkReal(t, tr) })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func checkReal(t *testing.T, tr *tracing.Tracing) {
	var pdf, svg bytes.Buffer
	s := &Sheet{Tracing: tr}
	if err := PDF(&pdf, s); err != nil {
		t.Fatal(err)
	}
	if err := SVG(&svg, s); err != nil {
		t.Fatal(err)
	}
	readPDF(t, pageContents(t, pdf.Bytes())[0], 210)
	g := tr.Rhythm()
	packed, err := Samples(tr)
	if g == nil || g.Len() == 0 {
		if err == nil {
			t.Error("nothing is packed")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	groups, err := unpacked(packed)
	if err != nil {
		t.Fatal(err)
	}
	if eight := len(groups[0].Leads) == 8; eight && len(packed) > 30_000 && g.Duration().Seconds() <= 10 && g.Rate.Float() <= 500 {
		t.Errorf("%d bytes of samples", len(packed))
	}
	t.Logf("%d leads, %s Hz, %.1f s: PDF %d, SVG %d, samples %d bytes", len(g.Leads), g.Rate, g.Duration().Seconds(), pdf.Len(), svg.Len(), len(packed))
	checkUnpacked(t, g, whole(t, packed)[0])
}

// checkUnpacked compares leads by their values: no derived one is off by more than a unit.
func checkUnpacked(t *testing.T, want *tracing.Group, got tracing.Group) {
	t.Helper()
	for i := range want.Leads[:min(len(want.Leads), tracing.MaxLeads)] {
		w := &want.Leads[i]
		l := got.Lead(w.Code)
		if w.Code == "" || l == nil || want.Lead(w.Code) != w {
			continue
		}
		unit := max(math.Abs(w.NVPerLSB.Float())/1000, 1)
		for k := range w.Samples {
			if a, b := w.UV(k), l.UV(k); math.IsNaN(a) != math.IsNaN(b) || math.Abs(a-b) > unit*1.001 {
				t.Fatalf("%s: sample %d is %g and was %g", w.Label, k, b, a)
			}
		}
	}
}
