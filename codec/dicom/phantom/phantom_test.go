package phantom

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

var all = []struct {
	name string
	spec Spec
}{
	{"CT", Spec{Kind: CTChest, Seed: 1, Count: 3}},
	{"CT in GB18030", Spec{Kind: CTChest, Seed: 2, Count: 1, Charset: "GB18030"}},
	{"CT implicit", Spec{Kind: CTChest, Seed: 2, Count: 1, Rows: 16, Columns: 16, Syntax: dicom.ImplicitLE}},
	{"DR", Spec{Kind: DRChest, Seed: 3, Rows: 505, Columns: 505}},
	{"US", Spec{Kind: USHeart, Seed: 4, Count: 3}},
	{"US grey", Spec{Kind: USHeart, Seed: 5, Count: 3, Rows: 33, Columns: 41, Gray: true}},
	{"MR", Spec{Kind: MRBrain, Seed: 6, Count: 2}},
}

func TestStudiesAreWhole(t *testing.T) {
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Patient = Patient{Name: "Zhang^San=张^三", ID: "P1", BirthDate: "19710102", Sex: "F", NationalID: "110101197101020000"}
			files := 0
			for name, write := range Study(c.spec) {
				files++
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				obj, err := dicom.Scan(&b, dicom.Options{StrictUID: true})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				judge(t, c.spec, obj)
			}
			if files == 0 {
				t.Error("no files")
			}
		})
	}
}

func judge(t *testing.T, s Spec, obj *dicom.Object) {
	t.Helper()
	h := obj.Header
	if len(h.Warnings) > 0 {
		t.Error(h.Warnings)
	}
	want := dicom.PersonName{Alphabetic: "Zhang^San", Ideographic: "张^三"}
	if diff := cmp.Diff(want, h.Person(dicom.PatientName)); diff != "" {
		t.Error(diff)
	}
	if h.StudyUID != s.StudyUID() {
		t.Error("study", h.StudyUID)
	}
	ids := h.Items(dicom.OtherPatientIDsSequence)
	if len(ids) != 1 || ids[0].Str(dicom.PatientID) != "110101197101020000" {
		t.Error("no national identity number")
	}
	if obj.Pixels == nil || s.Kind == USHeart && obj.Pixels.NumFrames != s.Count {
		t.Error("pixels", obj.Pixels)
	}
}

func TestSameSpecMakesSameBytes(t *testing.T) {
	sum := func(seed uint64) (sums [][32]byte) {
		for _, write := range Study(Spec{Kind: CTChest, Seed: seed, Count: 2, Rows: 64, Columns: 64}) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			sums = append(sums, sha256.Sum256(b.Bytes()))
		}
		return sums
	}
	if diff := cmp.Diff(sum(7), sum(7)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(sum(7), sum(8)) {
		t.Error("another seed makes the same bytes")
	}
}

// TestDCMTKReadsPhantoms writes the studies into $PHANTOM_DIR, or a temporary folder, and has dcmdump read them.
func TestDCMTKReadsPhantoms(t *testing.T) {
	dump, err := exec.LookPath("dcmdump")
	if err != nil {
		t.Skip("no dcmdump")
	}
	dir := os.Getenv("PHANTOM_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	for i, c := range all {
		for name, write := range Study(c.spec) {
			path := filepath.Join(dir, string(rune('a'+i))+name)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := write(f); err != nil {
				t.Fatal(err)
			}
			f.Close()
			if out, err := exec.Command(dump, "-q", path).CombinedOutput(); err != nil || bytes.Contains(out, []byte("W:")) {
				t.Errorf("%s: %v %s", name, err, out)
			}
		}
	}
}

func TestLargeStreams(t *testing.T) {
	var n counter
	if err := Large(&n, 2); err != nil {
		t.Fatal(err)
	}
	if n.most > 800*600*3 || n.total < 2*800*600*3 {
		t.Error(n)
	}
}

type counter struct{ total, most int }

func (c *counter) Write(p []byte) (int, error) {
	c.total += len(p)
	c.most = max(c.most, len(p))
	return len(p), nil
}

func BenchmarkCT(b *testing.B) {
	b.SetBytes(512 * 512 * 2)
	s := Spec{Kind: CTChest, Seed: 1}.orUsual()
	for i := 0; b.Loop(); i++ {
		if err := s.write(io.Discard, i%s.Count); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUS(b *testing.B) {
	b.SetBytes(10 * 800 * 600 * 3)
	for b.Loop() {
		if err := Large(io.Discard, 10); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDR(b *testing.B) {
	b.SetBytes(2022 * 2022 * 2)
	s := Spec{Kind: DRChest, Seed: 1}.orUsual()
	for b.Loop() {
		if err := s.write(io.Discard, 0); err != nil {
			b.Fatal(err)
		}
	}
}
