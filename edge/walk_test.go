package edge

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWalkFindsEachFileOnce(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "DICOM", "PAT1", "IM1"), []byte("x"))
	put(t, filepath.Join(dir, "DICOM", "PAT1", "没有扩展名"), []byte("x"))
	put(t, filepath.Join(dir, "z"), []byte("x"))
	for _, l := range [][2]string{{dir, "DICOM/loop"}, {"DICOM", "again"}, {"self", "self"}, {"nowhere", "dangling"}} {
		if err := os.Symlink(l[0], filepath.Join(dir, l[1])); err != nil {
			t.Skip(err)
		}
	}
	var got []string
	lost := 0
	err := walk(t.Context(), []string{dir, filepath.Join(dir, "DICOM")}, func(f file) error {
		rel, err := filepath.Rel(dir, f.path)
		got = append(got, filepath.ToSlash(rel))
		return err
	}, func(string, error) { lost++ })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"DICOM/PAT1/IM1", "DICOM/PAT1/没有扩展名", "z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if lost != 2 {
		t.Errorf("%d lost, want the dangling link and the link to itself", lost)
	}
}

func TestMediaDirectoryIsKnown(t *testing.T) {
	b := append(make([]byte, 128), "DICM"...)
	b = append(b, 2, 0, 0, 0, 'U', 'L', 4, 0, 80, 0, 0, 0)
	b = append(b, 2, 0, 1, 0, 'O', 'B', 0, 0, 2, 0, 0, 0, 0, 1)
	b = append(b, 2, 0, 2, 0, 'U', 'I', 20, 0)
	b = append(b, "1.2.840.10008.1.3.10"...)
	path := filepath.Join(t.TempDir(), "DICOMDIR")
	put(t, path, b)
	_, err := head(path)
	var why ignored
	if !errors.As(err, &why) || why != MediaDirectory {
		t.Errorf("%v", err)
	}
}

func TestJournalSurvivesATornLine(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	j, err := openJournal(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	o := &Object{Path: "/a/b", Size: 5, ModifiedAt: now, SOPUID: "1.2", Digest: Digest{1, 2}, study: &Study{UID: "1.2.3"}}
	if err := errors.Join(j.note(o), j.close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"k":"00112233`)
	f.Close()
	for range 2 {
		if j, err = openJournal(dir, now); err != nil {
			t.Fatal(err)
		}
		again := &Object{Path: "/a/b", Size: 5, ModifiedAt: now}
		id, ok := j.find(again)
		if !ok || id != (identity{"1.2.3", "1.2"}) || again.Digest != o.Digest || !again.known {
			t.Errorf("found %v %v", id, ok)
		}
		if _, ok := j.find(&Object{Path: "/a/b", Size: 6, ModifiedAt: now}); ok {
			t.Error("a file of another size is taken for the old one")
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
	}
}
