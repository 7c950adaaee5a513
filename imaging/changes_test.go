package imaging

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestTheFeedTellsInOrderWhatHappenedInsideTheScope(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		ctx := t.Context()
		a := l.accept(t, l.tech, study(phantom.CTChest, 81, 1, wang)[0])
		b := l.accept(t, l.tech, study(phantom.CTChest, 82, 1, wang)[0])
		l.accept(t, l.other, study(phantom.CTChest, 83, 1, wang)[0])
		if _, err := l.Finish(ctx, l.tech, Finish{Study: a.StudyUID}); err != nil {
			t.Fatal(err)
		}
		merged := l.correct(t, CorrectionRequest{Study: b.Study, MergeInto: a.Study})
		type told struct {
			Act       string
			Study     record.ExamID
			UID       string
			Instances int
			Gone      bool
		}
		var got []told
		after := int64(0)
		for range 100 {
			some, next, err := l.Changes(ctx, l.tech, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range some {
				got = append(got, told{c.Act, c.Study, c.UID, c.Instances, c.Gone})
				if c.Seq <= after || c.Institution != storetest.Suwu || c.Act == "study.corrected" && (c.Correction != merged.ID || c.Target != a.Study) {
					t.Fatalf("%+v", c)
				}
			}
			if next == after {
				break
			}
			after = next
			if len(some) == 0 {
				break
			}
		}
		uidA, uidB := string(a.StudyUID), string(b.StudyUID)
		want := []told{
			{"study.received", a.Study, uidA, 2, false},
			{"study.received", b.Study, uidB, 0, true},
			{"study.completed", a.Study, uidA, 2, false},
			{"study.corrected", b.Study, uidB, 0, true},
			{"study.corrected", a.Study, uidA, 2, false},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		none, next, err := l.WaitChanges(ctx, l.tech, after, 10, time.Millisecond)
		if err != nil || len(none) != 0 || next < after {
			t.Fatalf("%v %d, %v", none, next, err)
		}
		short, stop := context.WithCancel(ctx)
		seen := make(chan Change)
		go func() {
			_ = l.WatchChanges(short, l.tech, next, func(c Change) error { seen <- c; return nil })
		}()
		late := l.accept(t, l.tech, study(phantom.CTChest, 82, 2, wang)[1])
		if c := <-seen; c.Study != a.Study || late.Study != a.Study {
			t.Fatalf("%+v", c)
		}
		stop()
		readers, err := l.Readers(ctx, admin, b.Study)
		if err != nil || len(readers) != 1 || readers[0].ID != "admin1" { // who saw in a dry run what would be
			t.Fatalf("%+v, %v", readers, err)
		}
		if _, err := l.Study(ctx, doctor, a.Study); err != nil {
			t.Fatal(err)
		}
		readers, err = l.Readers(ctx, admin, a.Study)
		if err != nil || len(readers) != 1 || readers[0].ID != "doctor1" || readers[0].Times != 1 {
			t.Fatalf("%+v, %v", readers, err)
		}
		if _, err := l.Readers(ctx, l.other, b.Study); record.KindOf(err) != record.NotFound {
			t.Fatal(err)
		}
	})
}

func TestALostDatabaseKeepsItsCorrections(t *testing.T) {
	blobs := storetest.Dir(t)
	l := newLab(t, storetest.SQLite(t), blobs)
	all := study(phantom.CTChest, 91, 4, wang)
	first := l.accept(t, l.tech, all[0])
	for _, b := range all[1:] {
		l.accept(t, l.tech, b)
	}
	undone := l.correct(t, CorrectionRequest{Study: first.Study, Split: &Splitting{Instances: []InstanceID{first.Instance}}})
	l.undo(t, undone.ID)
	made := l.correct(t, CorrectionRequest{Study: first.Study, Assign: &li})
	want := l.fetch(t, l.tech, first.Instance)

	fresh := newLab(t, storetest.SQLite(t), blobs)
	done, err := fresh.Reindex(t.Context(), nil)
	if err != nil || done.Instances != 4 || done.Corrections != 3 || len(done.Problems) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if !bytes.Equal(fresh.fetch(t, fresh.tech, first.Instance), want) {
		t.Fatal("another form than before")
	}
	found := fresh.find(t, StudyQuery{})
	if len(found) != 1 || found[0].LocalNumber != "P002" {
		t.Fatalf("%+v", found)
	}
	again, err := fresh.Undo(t.Context(), admin, made.ID, because, false)
	if err != nil || again.After[0].LocalNumber != "P001" || !bytes.Equal(fresh.fetch(t, fresh.tech, first.Instance), all[0]) {
		t.Fatalf("%+v, %v", again, err)
	}
	if f, err := fresh.Fsck(t.Context(), FsckOptions{}); err != nil || f.Damaged() {
		t.Fatalf("%+v, %v", f, err)
	}
}

// TestAReportOnImagesOfAnotherPersonIsWithdrawn splits a study whose images were of two patients.
func TestAReportOnImagesOfAnotherPersonIsWithdrawn(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		ctx := t.Context()
		all := study(phantom.CTChest, 101, 2, wang)
		mine, theirs := l.accept(t, l.tech, all[0]), l.accept(t, l.tech, all[1])
		who := phantom.Patient{Name: "Li^Hua=李^华", ID: "P002", BirthDate: "19750506", Sex: "F"}
		right := l.accept(t, l.tech, study(phantom.CTChest, 102, 1, who)[0])
		done, err := l.Finish(ctx, l.tech, Finish{Study: mine.StudyUID, Expected: 2})
		if err != nil {
			t.Fatal(err)
		}
		l.signed(t, done.Case)
		got := l.correct(t, CorrectionRequest{Study: mine.Study, Split: &Splitting{Instances: []InstanceID{theirs.Instance}, Into: right.Study}})
		if len(got.ReportsWithdrawn) != 1 || got.ReportsWithdrawn[0] != mine.Study {
			t.Fatalf("%+v", got)
		}
		o, _ := l.delivered(t, theirs.Instance)
		if o.Header.Str(dicom.PatientID) != "P002" || o.Header.StudyUID != right.StudyUID || o.Header.SeriesUID == theirs.SeriesUID {
			t.Fatal("it is not of the other study")
		}
		again, err := l.Finish(ctx, l.tech, Finish{Study: mine.StudyUID, Expected: 2}) // the sender knows nothing of it
		if err != nil || again.Instances != 2 {
			t.Fatalf("%+v, %v", again, err)
		}
		l.undo(t, got.ID)
		l.reindexed(t)
	})
}

// BenchmarkCorrect assigns a study of 500 slices of 512 by 512 to another patient.
func BenchmarkCorrect(b *testing.B) {
	l := newLab(b, storetest.SQLite(b), storetest.Dir(b))
	spec := phantom.Spec{Kind: phantom.CTChest, Seed: 111, Count: 500, Patient: wang, Rows: 512, Columns: 512, At: time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC)}
	var last Stored
	bytesOf := 0
	for _, write := range phantom.Study(spec) {
		var one bytes.Buffer
		if err := write(&one); err != nil {
			b.Fatal(err)
		}
		bytesOf += one.Len()
		last = l.accept(b, l.tech, one.Bytes())
	}
	b.SetBytes(int64(bytesOf))
	b.ReportAllocs()
	for b.Loop() {
		got, err := l.Correct(b.Context(), admin, CorrectionRequest{Study: last.Study, Assign: &li, Reason: because})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := l.Undo(b.Context(), admin, got.ID, because, false); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
