package imaging

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestAStudyComesBackByteForByteAndOpensACase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		slices := study(phantom.CTChest, 1, 12, wang)
		ids := make([]InstanceID, len(slices))
		var g sync.WaitGroup
		for i, b := range slices {
			g.Go(func() {
				got, err := l.Accept(t.Context(), l.tech, source(b))
				if err != nil {
					t.Error(err)
				}
				ids[i] = got.Instance
			})
		}
		g.Wait()
		for i, b := range slices {
			if !bytes.Equal(l.fetch(t, l.tech, ids[i]), b) {
				t.Fatalf("instance %d came back changed", i)
			}
		}
		found, next, err := l.FindStudies(t.Context(), l.tech, StudyQuery{Name: "王", Limit: 10})
		if err != nil || len(found) != 1 || next != "" {
			t.Fatalf("found %d studies, %v", len(found), err)
		}
		st := found[0]
		if st.Instances != 12 || st.NumSeries != 1 || st.Name.Reveal() != "王小明" || st.Complete || strings.Join(st.Modalities, ",") != "CT" {
			t.Fatalf("study %+v", st)
		}
		_, err = l.Finish(t.Context(), l.tech, Finish{Study: dicom.UID(st.UID), Expected: 13})
		wantKind(t, err, record.Precondition)
		done, err := l.Finish(t.Context(), l.tech, Finish{Study: dicom.UID(st.UID), Expected: 12, Priority: record.Stat, ClinicalInfo: "cough"})
		if err != nil || done.Case == "" || done.Instances != 12 {
			t.Fatalf("finish %+v, %v", done, err)
		}
		again, err := l.Finish(t.Context(), l.tech, Finish{Study: dicom.UID(st.UID), Expected: 12})
		if err != nil || again != done {
			t.Fatalf("finish again %+v, %v", again, err)
		}
		cases, _, err := l.room.Cases(t.Context(), l.tech, reading.CaseFilter{})
		if err != nil || len(cases) != 1 || cases[0].ID != done.Case || cases[0].Additions {
			t.Fatalf("cases %v, %v", cases, err)
		}
		if _, err := db.VerifyEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheSameBytesTwiceAreASuccessAndOtherBytesAConflict(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		b := study(phantom.DRChest, 2, 1, wang)[0]
		first := l.accept(t, l.tech, b)
		if again := l.accept(t, l.tech, b); !again.Already || again.Instance != first.Instance {
			t.Fatalf("again %+v", again)
		}
		changed := bytes.Clone(b)
		changed[len(changed)-1] ^= 1
		for range 2 {
			_, err := l.Accept(t.Context(), l.tech, source(changed))
			wantKind(t, err, record.Conflict)
			var r *Refusal
			if !errors.As(err, &r) || r.Quarantine == "" {
				t.Fatalf("no quarantine: %v", err)
			}
		}
		held, err := l.Quarantine(t.Context(), l.tech, "", 10, false)
		if err != nil || len(held) != 1 || held[0].Instance != first.Instance || held[0].SHA256 != digest(changed) {
			t.Fatalf("quarantine %+v, %v", held, err)
		}
		if !bytes.Equal(l.fetch(t, l.tech, first.Instance), b) {
			t.Fatal("the first version changed")
		}
		if _, _, err := l.FetchQuarantined(t.Context(), l.other, held[0].ID); record.KindOf(err) != record.NotFound {
			t.Fatalf("another institution reads it: %v", err)
		}
		_, r, err := l.FetchQuarantined(t.Context(), l.tech, held[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, changed) {
			t.Fatalf("quarantined bytes differ, %v", err)
		}
		if _, err := l.ResolveQuarantine(t.Context(), l.other, held[0].ID, "x"); record.KindOf(err) != record.NotFound {
			t.Fatalf("another institution resolved it: %v", err)
		}
		if q, err := l.ResolveQuarantine(t.Context(), l.tech, held[0].ID, "same image, sent by the gateway twice"); err != nil || q.ResolvedBy == "" {
			t.Fatalf("%+v, %v", q, err)
		}
	})
}

func TestSendersOfOneUIDWithDifferentBytesAtOnceLeaveOneVersion(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	b := study(phantom.CTChest, 3, 1, wang)[0]
	var wins, clashes int
	var mu sync.Mutex
	var g sync.WaitGroup
	for i := range 16 {
		g.Go(func() {
			mine := bytes.Clone(b)
			mine[len(mine)-1] = byte(i)
			_, err := l.Accept(t.Context(), l.tech, source(mine))
			mu.Lock()
			defer mu.Unlock()
			switch record.KindOf(err) {
			case record.Conflict:
				clashes++
			default:
				if err != nil {
					t.Error(err)
				}
				wins++
			}
		})
	}
	g.Wait()
	if wins != 1 || clashes != 15 {
		t.Fatalf("%d kept, %d refused", wins, clashes)
	}
	held, _ := l.Quarantine(t.Context(), l.tech, "", 100, false)
	if len(held) != 15 {
		t.Fatalf("%d in quarantine", len(held))
	}
}

func TestAnObjectOfAnotherPatientIsNotPutIntoTheStudy(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	li := wang
	li.ID, li.Name = "P002", "Li^Hong=李^红"
	l.accept(t, l.tech, study(phantom.CTChest, 4, 2, wang)[0])
	_, err := l.Accept(t.Context(), l.tech, source(study(phantom.CTChest, 4, 2, li)[1]))
	wantKind(t, err, record.Conflict)
}

func TestABrokenLargeUploadContinuesWhereItStopped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		var big bytes.Buffer
		if err := phantom.Large(&big, 3); err != nil {
			t.Fatal(err)
		}
		b := big.Bytes()
		src := source(b)
		src.Resume = true
		src.Reader = io.MultiReader(bytes.NewReader(b[:3_000_000]), brokenReader{})
		_, err := l.Accept(t.Context(), l.tech, src)
		wantKind(t, err, record.Unavailable)
		held, err := l.Have(t.Context(), l.tech, []Digest{{digest(b), int64(len(b))}})
		if err != nil || held[0].Bytes != 3_000_000 {
			t.Fatalf("held %+v, %v", held, err)
		}
		if foreign, _ := l.Have(t.Context(), l.other, []Digest{{digest(b), int64(len(b))}}); foreign[0].Bytes != 0 {
			t.Fatal("another institution is told of it")
		}
		src.Reader = bytes.NewReader(b[held[0].Bytes:])
		got, err := l.Accept(t.Context(), l.tech, src)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(l.fetch(t, l.tech, got.Instance), b) {
			t.Fatal("bytes differ")
		}
		_, r, err := l.FetchFrame(t.Context(), l.tech, got.Instance, 2)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := io.ReadAll(r)
		if err != nil || len(frame) != 800*600*3 || !bytes.Contains(b, frame) {
			t.Fatalf("frame of %d bytes, %v", len(frame), err)
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBadInputIsRefusedWithItsReasonAndKept(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	good := study(phantom.CTChest, 5, 1, wang)[0]
	short := source(good[:len(good)-100])
	short.Size, short.SHA256 = -1, ""
	lying := source(good)
	lying.SHA256 = strings.Repeat("0", 64)
	tests := []struct {
		name string
		src  Source
		kept bool
	}{
		{"no DICOM at all", source([]byte("hello, this is no DICOM")), true},
		{"empty", source(nil), true},
		{"truncated without a digest", short, true},
		{"damaged on its way", lying, false},
		{"fewer bytes than announced", Source{Reader: bytes.NewReader(good[:1000]), Size: int64(len(good))}, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := l.Accept(t.Context(), l.tech, tc.src)
			wantKind(t, err, record.Invalid)
			var r *Refusal
			if !errors.As(err, &r) || (r.Quarantine != "") != tc.kept {
				t.Fatalf("refusal %+v", err)
			}
			for _, secret := range []string{"Wang", "王", "P001"} {
				if strings.Contains(err.Error(), secret) {
					t.Fatalf("personal data in %q", err)
				}
			}
		})
	}
	if n, _, _ := l.FindStudies(t.Context(), l.tech, StudyQuery{Limit: 10}); len(n) != 0 {
		t.Fatalf("%d studies", len(n))
	}
	l.accept(t, l.tech, good)
}

func TestSendersWithoutACentreOrPermissionAreTold(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	b := study(phantom.CTChest, 6, 1, wang)[0]
	_, err := l.Accept(t.Context(), scopeOf(storetest.LiangzhouHospital), source(b))
	wantKind(t, err, record.Precondition)
	s := l.tech
	s.Institutions = nil
	_, err = l.Accept(t.Context(), s, source(b))
	wantKind(t, err, record.Denied)
}

func TestRowsOutsideTheScopeAreNotFound(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	got := l.accept(t, l.tech, study(phantom.CTChest, 7, 1, wang)[0])
	_, err := l.Study(t.Context(), l.other, got.Study)
	wantKind(t, err, record.NotFound)
	_, _, err = l.Fetch(t.Context(), l.other, got.Instance, 0, -1)
	wantKind(t, err, record.NotFound)
	_, missing := l.Metadata(t.Context(), l.other, "nosuch")
	_, foreign := l.Metadata(t.Context(), l.other, got.Instance)
	if strings.ReplaceAll(missing.Error(), "nosuch", "") != strings.ReplaceAll(foreign.Error(), string(got.Instance), "") {
		t.Fatalf("%q and %q tell missing from foreign", missing, foreign)
	}
	if found, _, _ := l.FindStudies(t.Context(), l.other, StudyQuery{Limit: 10}); len(found) != 0 {
		t.Fatal("found a foreign study")
	}
}

func TestLateImagesOfACompletedStudyReachTheReader(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	all := study(phantom.CTChest, 8, 3, wang)
	got := l.accept(t, l.tech, all[0])
	if _, err := l.Finish(t.Context(), l.tech, Finish{Study: got.StudyUID}); err != nil {
		t.Fatal(err)
	}
	l.accept(t, l.tech, all[1])
	st, err := l.Study(t.Context(), l.tech, got.Study)
	if err != nil || st.Complete {
		t.Fatalf("study %+v is not open again, %v", st, err)
	}
	l.opt.Quiet = -1
	if err := l.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err = l.Study(t.Context(), l.tech, got.Study); err != nil || !st.Complete {
		t.Fatalf("study %+v is not complete, %v", st, err)
	}
}

// Every real file is taken, or refused with a reason; what is taken comes back byte for byte.
func TestEveryFileOfTheSampleFolderIsTakenOrRefusedWithAReason(t *testing.T) {
	root := "../../shared/data/imaging"
	if _, err := os.Stat(root); err != nil {
		t.Skip("no sample files at " + root)
	}
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	taken, refused := 0, 0
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		got, err := l.Accept(t.Context(), l.tech, source(b))
		if err != nil {
			refused++
			if k := record.KindOf(err); k != record.Invalid && k != record.Conflict {
				t.Errorf("%s: %v", p, err)
			}
			return nil
		}
		taken++
		if !bytes.Equal(l.fetch(t, l.tech, got.Instance), b) {
			t.Errorf("%s came back changed", p)
		}
		if _, err := l.Metadata(t.Context(), l.tech, got.Instance); err != nil {
			t.Errorf("%s: metadata: %v", p, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d taken, %d refused", taken, refused)
	f, err := l.Fsck(t.Context(), FsckOptions{})
	if err != nil || f.Damaged() {
		t.Fatalf("fsck %+v, %v", f, err)
	}
}
