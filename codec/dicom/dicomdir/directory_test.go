package dicomdir_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dicomdir"
)

const (
	corpus     = "../../../../shared/data/imaging"
	metaOffset = 128 + 4
)

// read gives the data set of a DICOMDIR and where it begins.
func read(t *testing.T, raw []byte) (*dicom.DataSet, int64) {
	t.Helper()
	meta := metaOffset + 12 + int(raw[metaOffset+8]) + int(raw[metaOffset+9])<<8
	d, err := dicom.ReadDataSet(raw[meta:], dicom.ExplicitLE, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d, int64(meta)
}

// tree follows the offsets of a directory and writes what it finds, one record a line.
func tree(t *testing.T, raw []byte) []string {
	t.Helper()
	d, _ := read(t, raw)
	items := d.Items(0x00041220)
	at := map[int]*dicom.DataSet{}
	pos := 0
	for i := range items { // an item's offset is that of its first element, less the item header
		pos = int(items[i].Elements[0].Offset) - 8 - 8
		at[pos] = &items[i]
	}
	_, meta := read(t, raw)
	var lines []string
	var follow func(off, depth int)
	follow = func(off, depth int) {
		for off != 0 {
			r := at[off-int(meta)]
			if r == nil || len(lines) > len(items) {
				t.Fatalf("no record at %d", off)
			}
			lines = append(lines, strings.Repeat(" ", depth)+r.Str(0x00041430)+" "+strings.Join(r.Strs(0x00041500), "/")+r.Str(dicom.PatientName))
			lower, _ := r.Int(0x00041420)
			follow(lower, depth+1)
			off, _ = r.Int(0x00041400)
		}
	}
	first, _ := d.Int(0x00041200)
	follow(first, 0)
	if len(lines) != len(items) {
		t.Error(len(lines), "records are reached of", len(items))
	}
	return lines
}

func object(patient, study, series, instance, class string) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetText(dicom.PatientName, patient)
	d.SetText(dicom.PatientID, patient)
	d.SetText(dicom.StudyInstanceUID, "2.25.1."+study)
	d.SetText(dicom.SeriesInstanceUID, "2.25.2."+study+"."+series)
	d.SetText(dicom.SOPInstanceUID, "2.25.3."+study+"."+series+"."+instance)
	d.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1."+class)
	d.SetText(dicom.StudyDate, "20260302")
	d.SetText(dicom.Modality, "CT")
	return d
}

func TestDirectory(t *testing.T) {
	for _, charset := range []string{"", "GB18030"} {
		dir := dicomdir.Directory{UID: "2.25.99", FileSetID: "LIANZHEN", Charset: charset}
		for _, o := range []*dicom.DataSet{
			object("王^小明", "1", "1", "1", "2"), object("王^小明", "1", "1", "2", "2"), object("王^小明", "1", "2", "1", "88.11"),
			object("Li^Si", "2", "1", "1", "11.1"), object("王^小明", "3", "1", "1", "88.59"), object("Li^Si", "2", "2", "1", "481.5"),
		} {
			if _, err := dir.Add(o, dicom.ExplicitLE); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		n, err := dir.WriteTo(&b)
		if err != nil || n != int64(b.Len()) {
			t.Fatal(n, b.Len(), err)
		}
		want := []string{
			"PATIENT 王^小明", " STUDY ", "  SERIES ", "   IMAGE DICOM/PA000001/ST000001/SE000001/IM000001", "   IMAGE DICOM/PA000001/ST000001/SE000001/IM000002",
			"  SERIES ", "   SR DOCUMENT DICOM/PA000001/ST000001/SE000002/IM000001",
			" STUDY ", "  SERIES ", "   KEY OBJECT DOC DICOM/PA000001/ST000002/SE000001/IM000001",
			"PATIENT Li^Si", " STUDY ", "  SERIES ", "   PRESENTATION DICOM/PA000002/ST000001/SE000001/IM000001",
			"  SERIES ", "   RT PLAN DICOM/PA000002/ST000001/SE000002/IM000001",
		}
		if diff := cmp.Diff(want, tree(t, b.Bytes())); diff != "" {
			t.Error(charset, diff)
		}
		d, _ := read(t, b.Bytes())
		if got := d.Items(0x00041220)[0].Str(dicom.SpecificCharacterSet); charset != "" && got != charset || charset == "" && got != dicom.UTF8 {
			t.Error("labelled", got)
		}
		dump(t, b.Bytes(), len(want))
	}
}

// dump lets dcmdump read the directory; it follows and checks the offsets.
func dump(t *testing.T, raw []byte, records int) {
	t.Helper()
	tool, err := exec.LookPath("dcmdump")
	if err != nil {
		t.Log("no dcmdump")
		return
	}
	path := filepath.Join(t.TempDir(), "DICOMDIR")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, path).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("\nE: ")) || bytes.Contains(out, []byte("W: ")) || bytes.Count(out, []byte("DirectoryRecordType")) != records {
		t.Errorf("dcmdump: %v %s", err, out)
	}
}

func TestAddRefuses(t *testing.T) {
	dir := dicomdir.Directory{UID: "2.25.99"}
	first := object("A", "1", "1", "1", "2")
	if _, err := dir.Add(first, dicom.ExplicitLE, "IMAGES", "A1"); err != nil {
		t.Fatal(err)
	}
	anonymous := object("A", "1", "1", "9", "2")
	anonymous.Delete(dicom.SOPInstanceUID)
	for _, c := range []struct {
		name string
		d    *dicom.DataSet
		id   []string
	}{
		{"the same object", first, []string{"IMAGES", "A2"}},
		{"the same file", object("A", "1", "1", "2", "2"), []string{"IMAGES", "A1"}},
		{"small letters", object("A", "1", "1", "3", "2"), []string{"images", "A3"}},
		{"long component", object("A", "1", "1", "4", "2"), []string{"IMAGES123", "A3"}},
		{"extension", object("A", "1", "1", "5", "2"), []string{"IMAGES", "A.DCM"}},
		{"deep", object("A", "1", "1", "6", "2"), strings.Split("1/2/3/4/5/6/7/8/9", "/")},
		{"the directory's name", object("A", "1", "1", "7", "2"), []string{"DICOMDIR"}},
		{"no identity", anonymous, nil},
	} {
		if _, err := dir.Add(c.d, dicom.ExplicitLE, c.id...); err == nil {
			t.Error(c.name)
		}
	}
	if _, err := new(dicomdir.Directory).WriteTo(new(bytes.Buffer)); err == nil {
		t.Error("no UID")
	}
}

// TestSamplesFitOneDirectory puts every sample into one directory beside copies of the files, and has dcmtk check that the
// directory and the files agree.
func TestSamplesFitOneDirectory(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus at " + corpus)
	}
	dir := dicomdir.Directory{UID: "2.25.99"}
	added := 0
	err := filepath.WalkDir(corpus, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		obj, err := dicom.Scan(bytes.NewReader(raw), dicom.Options{HeaderOnly: true})
		if err != nil {
			return nil
		}
		if _, err := dir.Add(&obj.Header.DataSet, obj.TransferSyntax); err == nil {
			added++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := dir.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	lines := tree(t, b.Bytes())
	dump(t, b.Bytes(), len(lines))
	t.Log(added, "objects", len(lines), "records", b.Len(), "bytes")
}

func BenchmarkWriteTo(b *testing.B) {
	dir := dicomdir.Directory{UID: "2.25.99"}
	for i := range 1000 {
		if _, err := dir.Add(object("A", "1", "1", fmt.Sprint(i+1), "2"), dicom.ExplicitLE); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dir.WriteTo(new(bytes.Buffer)); err != nil {
			b.Fatal(err)
		}
	}
}
