package imaging

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func (l *lab) everything(t *testing.T) map[string][]Instance {
	t.Helper()
	out := map[string][]Instance{}
	all := record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "test"}}
	studies, _, err := l.FindStudies(t.Context(), all, StudyQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range studies {
		inst, _, err := l.Instances(t.Context(), all, st.ID, "", 1000, "")
		if err != nil {
			t.Fatal(err)
		}
		out[st.UID+"|"+string(st.Institution)+"|"+st.Name.Reveal()+"|"+st.Date+"|"+string(st.Patient)] = inst
	}
	return out
}

func TestTheBlobsAloneRebuildTheIndex(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		for _, b := range study(phantom.CTChest, 11, 5, wang) {
			l.accept(t, l.tech, b)
		}
		l.accept(t, l.other, study(phantom.USHeart, 12, 30, wang)[0])
		l.accept(t, l.tech, study(phantom.DRChest, 13, 1, wang)[0])
		_, err := l.Accept(t.Context(), l.tech, source([]byte("rubbish")))
		wantKind(t, err, record.Invalid)
		before := l.everything(t)
		if len(before) != 3 {
			t.Fatalf("%d studies", len(before))
		}
		done, err := l.Reindex(t.Context(), nil)
		if err != nil || len(done.Problems) > 0 || done.Instances != 7 || done.Quarantined != 1 {
			t.Fatalf("reindex %+v, %v", done, err)
		}
		if d := cmp.Diff(before, l.everything(t), cmp.AllowUnexported(Instance{})); d != "" {
			t.Fatal(d)
		}
	})
}

func TestALostDatabaseIsRebuiltFromTheBlobs(t *testing.T) {
	blobs := storetest.Dir(t)
	l := newLab(t, storetest.SQLite(t), blobs)
	for _, b := range study(phantom.CTChest, 14, 5, wang) {
		l.accept(t, l.tech, b)
	}
	fresh := newLab(t, storetest.SQLite(t), blobs)
	done, err := fresh.Reindex(t.Context(), nil)
	if err != nil || done.Instances != 5 {
		t.Fatalf("reindex %+v, %v", done, err)
	}
	f, err := fresh.Fsck(t.Context(), FsckOptions{})
	if err != nil || f.Damaged() || f.Instances != 5 || len(f.Unreferenced) != 0 {
		t.Fatalf("fsck %+v, %v", f, err)
	}
}

func TestFsckFindsWhatIsMissingChangedAndForgotten(t *testing.T) {
	dir := t.TempDir()
	blobs, err := store.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, storetest.SQLite(t), blobs)
	lost := l.accept(t, l.tech, study(phantom.CTChest, 15, 1, wang)[0])
	changed := l.accept(t, l.tech, study(phantom.CTChest, 16, 1, wang)[0])
	l.accept(t, l.tech, study(phantom.CTChest, 17, 1, wang)[0])
	clean, err := l.Fsck(t.Context(), FsckOptions{})
	if err != nil || clean.Damaged() || clean.Instances != 3 || clean.Blobs != 3 || len(clean.Unreferenced) != 0 {
		t.Fatalf("fsck of a sound store %+v, %v", clean, err)
	}
	all := record.Scope{All: true}
	i, _ := l.Instance(t.Context(), all, lost.Instance)
	if err := os.Remove(filepath.Join(dir, i.key)); err != nil {
		t.Fatal(err)
	}
	i, _ = l.Instance(t.Context(), all, changed.Instance)
	f, err := os.OpenFile(filepath.Join(dir, i.key), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xAA, 0x55}, i.offset+i.Size-2); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	orphan := i.key[:len(i.key)-8] + "ORPHAN00.dcm"
	if err := os.WriteFile(filepath.Join(dir, orphan), []byte("left over"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := l.Fsck(t.Context(), FsckOptions{})
	if err != nil || !got.Damaged() || len(got.MissingBytes) != 1 || len(got.WrongSHA256) != 1 || len(got.Unreferenced) != 1 {
		t.Fatalf("fsck %+v, %v", got, err)
	}
	swept, err := l.Fsck(t.Context(), FsckOptions{Quick: true, Sweep: true, SweepAge: 1})
	if err != nil || swept.Swept != 1 {
		t.Fatalf("sweep %+v, %v", swept, err)
	}
}
