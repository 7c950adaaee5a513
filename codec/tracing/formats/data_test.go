package formats

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
)

// sample reads a real file, or a record of WFDB by its header.
func sample(t *testing.T, name string) *tracing.Tracing {
	t.Helper()
	dir := tracingtest.Data(t)
	if filepath.Ext(name) == ".hea" {
		folder, record := filepath.Split(name)
		tr, err := wfdb.ReadFS(os.DirFS(filepath.Join(dir, folder)), record[:len(record)-4])
		return needed(t, name, tr, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		t.Skipf("%s is not among the files", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Read(b)
	return needed(t, name, tr, err)
}

func needed(t *testing.T, name string, tr *tracing.Tracing, err error) *tracing.Tracing {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tr
}

func TestEveryFileIsOfOneFormat(t *testing.T) {
	dir := tracingtest.Data(t)
	known := 0
	for _, folder := range []string{"aecg", "contec", "derived", "dicom", "edf", "muse", "philips", "scp", "mfer", "ishne"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			of := likely(b)
			if len(of) > 1 {
				t.Errorf("%s is taken by %s and by %s", filepath.Base(path), of[0].format, of[1].format)
			}
			known += len(of)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d files known", known)
}

// TestSameRecordings compares files of one recording in several formats.
func TestSameRecordings(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		within     float64 // microvolts
	}{
		{"SCP and DICOM", "scp/ecgtoolkit_Example.scp", "dicom/ecgtoolkit_Example.dcm", 0},
		{"SCP and aECG", "scp/ecgtoolkit_Example.scp", "aecg/ecgtoolkit_Example.xml", 0},
		{"SCP and ISHNE", "scp/ecgtoolkit_Example.scp", "derived/Example.ishne", 0},
		{"SCP and SCP of another writer", "scp/ecgtoolkit_Example.scp", "derived/Example.scp-ecg", 0},
		{"SCP and DICOM of another writer", "scp/ecgtoolkit_Example.scp", "derived/Example.dicom", 0},
		{"SCP and aECG of another writer", "scp/ecgtoolkit_Example.scp", "derived/Example.aecg", 0},
		{"SCP and MUSE, in steps of 4.88", "scp/ecgtoolkit_Example.scp", "derived/Example.muse-xml", 2 * 4.88}, // of the derived leads
		{"SCP and EDF", "scp/ecgtoolkit_Example.scp", "derived/Example_biosig.edf", 3 * 0.015},
		{"WFDB and EDF, mitdb 100", "wfdb/100.hea", "derived/100.edf", 1},
		{"WFDB and EDF+, generator", "wfdb/test_generator_2.hea", "edf/test_generator_2.edf", 1},
		{"Contec and SCP", "contec/0000050.ECG", "contec/0000050.ECG.scp", 2.5}, // half a step, of the augmented leads
		{"WFDB and EDF, PTB", "wfdb/s0010_re.hea", "derived/s0010_re.edf", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := sample(t, c.a), sample(t, c.b)
			leads, worst := compare(a, b)
			if leads == 0 {
				t.Skip("no lead in common")
			}
			if worst > c.within {
				t.Errorf("%d leads differ by up to %g uV", leads, worst)
			}
		})
	}
}

// TestRealFilesConvert writes each real file in each format and reads it again. DICOM and aECG hold all of them; EDF and SCP-ECG must hold
// one exactly, or refuse it.
func TestRealFilesConvert(t *testing.T) {
	dir := tracingtest.Data(t)
	var names []string
	for _, pattern := range []string{
		"*/*.dcm", "*/*.scp", "aecg/*.xml", "muse/*.xml", "philips/*.xml", "contec/*.ECG", "edf/*", "wfdb/100.hea", "wfdb/s0010_re.hea",
	} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil && filepath.Ext(name) != ".hea" {
				if whole, err := Read(b); err != nil || whole.Rhythm() == nil {
					t.Skip("has no waveform")
				}
			}
			want := sample(t, name)
			for _, to := range []string{"dicom", "aecg", "edf", "scp"} {
				var b bytes.Buffer
				var refused *tracing.FormatError
				err := Write(&b, to, want)
				if errors.As(err, &refused) && (to == "edf" || to == "scp") {
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", to, err)
					continue
				}
				got, err := Read(b.Bytes())
				if err != nil {
					t.Errorf("%s: %v", to, err)
					continue
				}
				if leads, worst := compare(want, got); leads == 0 || worst > 1e-3 {
					t.Errorf("%s: %d leads differ by up to %g uV", to, leads, worst)
				}
			}
		})
	}
}
