package imaging

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

var (
	admin = record.Scope{
		Actor:   record.Actor{Kind: record.ActorUser, ID: "admin1", Institution: storetest.LeadHospital, Display: "管理员"},
		Purpose: record.Treatment, Institutions: []record.InstitutionID{storetest.Dongba, storetest.Suwu},
	}
	doctor = record.Scope{
		Actor:   record.Actor{Kind: record.ActorUser, ID: "doctor1", Institution: storetest.LeadHospital, Display: "医师"},
		Purpose: record.Treatment, Institutions: []record.InstitutionID{storetest.Dongba, storetest.Suwu},
	}
	chief   = record.Scope{Actor: record.Actor{Kind: record.ActorUser, ID: "chief1", Institution: storetest.LeadHospital}, Purpose: record.Treatment, Institutions: doctor.Institutions}
	li      = Assignment{LocalNumber: "P002", Name: "Li^Hua=李^华", BirthDate: record.Date{Year: 1975, Month: 5, Day: 6}, Sex: record.Female}
	because = "wrong worklist entry chosen at the modality"
)

// tables are all rows of the index, as text, so that two indexes can be compared.
func (l *lab) tables(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, columns := range map[string]string{
		"studies": `id, study_uid, patient_id, local_number, name, name_key, birth_date, sex, accession, study_date, study_time, description, modalities,
			body_part, procedure_code, series_count, instance_count, bytes, performed_at, open, case_id, hex(attributes)`,
		"series":            `id, study_id, series_uid, modality, number, description, instance_count, hex(attributes)`,
		"instances":         `id, study_id, series_id, patient_id, sop_uid, blob_key, blob_offset, size, sha256, sent_study_id, corrections, form_size, form_sha256`,
		"instance_metadata": `instance_id, hex(json_gz), hex(frames)`,
		"instance_forms":    `instance_id, hex(pieces)`,
		"study_names":       `token, study_date, study_id`,
		"study_modalities":  `modality, study_date, study_id`,
		"corrections":       `id, institution_id, kind, study_id, target_id, instance_count, document, details, blob_key, at, reason, undone_at, undone_by, undo_reason, undo_key`,
	} {
		if l.db.Dialect() == "postgres" {
			columns = strings.NewReplacer("hex(", "encode(", ")", ", 'hex')").Replace(columns)
		}
		rows, err := l.db.Query(t.Context(), "SELECT "+columns+" FROM "+name)
		if err != nil {
			t.Fatal(err)
		}
		names, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for i := range values {
				v := *values[i].(*any)
				if raw, ok := v.([]byte); ok {
					v = string(raw)
				}
				fmt.Fprintf(&b, "%s=%v ", names[i], v)
			}
			out[name] = append(out[name], b.String())
		}
		_ = rows.Close()
		slices.Sort(out[name])
	}
	return out
}

func (l *lab) correct(t *testing.T, q CorrectionRequest) Corrected {
	t.Helper()
	if q.Reason == "" {
		q.Reason = because
	}
	dry := q
	dry.DryRun = true
	before := l.tables(t)
	plan, err := l.Correct(t.Context(), admin, dry)
	if err != nil {
		t.Fatalf("dry run: %v", err)
	}
	if d := cmp.Diff(before, l.tables(t)); d != "" {
		t.Fatalf("a dry run changed: %s", d)
	}
	got, err := l.Correct(t.Context(), admin, q)
	if err != nil {
		t.Fatalf("correct: %v", err)
	}
	if plan.Instances != got.Instances || len(plan.After) != len(got.After) || plan.Kind != got.Kind {
		t.Fatalf("the dry run said otherwise: %+v, %+v", plan, got)
	}
	return got
}

func (l *lab) undo(t *testing.T, id CorrectionID) Corrected {
	t.Helper()
	got, err := l.Undo(t.Context(), admin, id, because, false)
	if err != nil {
		t.Fatalf("undo: %v", err)
	}
	return got
}

// delivered reads an instance in every way there is, and proves that they agree.
func (l *lab) delivered(t *testing.T, id InstanceID) (*dicom.Object, []byte) {
	t.Helper()
	b := l.fetch(t, l.tech, id)
	i, err := l.Instance(t.Context(), l.tech, id)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != i.Size || digest(b) != i.SHA256 {
		t.Fatalf("%d bytes with another size or digest than its row", len(b))
	}
	for _, r := range [][2]int64{{0, 1}, {100, 400}, {i.Size - 10, 10}, {i.Size / 2, i.Size / 3}, {130, i.Size - 130}} {
		body, err := l.Read(t.Context(), i, r[0], r[1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, b[r[0]:r[0]+r[1]]) {
			t.Fatalf("range %v differs, %v", r, err)
		}
		_ = body.Close()
	}
	o, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	js, err := l.MetadataOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := dicom.ParseJSON(js, dicom.Limits{})
	if err != nil || meta.Str(dicom.PatientID) != o.Header.Str(dicom.PatientID) || meta.Str(dicom.StudyInstanceUID) != o.Header.Str(dicom.StudyInstanceUID) {
		t.Fatalf("metadata say otherwise: %v", err)
	}
	table, err := l.FrameTable(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if o.Pixels != nil && !o.Deflated {
		body, n, err := l.ReadFrame(t.Context(), i, table, o.Pixels.NumFrames)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		var want []byte
		for k, all := range o.Pixels.Frames() {
			if k == o.Pixels.NumFrames-1 {
				for _, e := range all {
					want = append(want, b[e.Offset:e.Offset+e.Length]...)
				}
			}
		}
		if err != nil || int64(len(got)) != n || o.Pixels.Encapsulated && !bytes.Equal(got, want) {
			t.Fatalf("the last frame differs, %v", err)
		}
	}
	return o, b
}

func pixels(t *testing.T, b []byte) []byte {
	t.Helper()
	o, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b[o.Pixels.Offset : o.Pixels.Offset+o.Pixels.Length]
}

func (l *lab) find(t *testing.T, q StudyQuery) []Study {
	t.Helper()
	q.Limit = 100
	all, _, err := l.FindStudies(t.Context(), admin, q)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (l *lab) same(t *testing.T, want map[string][]string) {
	t.Helper()
	got := l.tables(t)
	delete(got, "corrections")
	want = maps.Clone(want)
	delete(want, "corrections")
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

// reindexed makes the index again and proves that nothing differs.
func (l *lab) reindexed(t *testing.T) {
	t.Helper()
	before := l.tables(t)
	done, err := l.Reindex(t.Context(), nil)
	if err != nil || len(done.Problems) > 0 {
		t.Fatalf("reindex %+v, %v", done, err)
	}
	if d := cmp.Diff(before, l.tables(t)); d != "" {
		t.Fatalf("reindex: %s", d)
	}
}

func (l *lab) signed(t *testing.T, id record.CaseID) record.ReportID {
	t.Helper()
	ctx := t.Context()
	if _, err := l.room.Claim(ctx, doctor, id, false, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := l.room.SaveDraft(ctx, doctor, id, reading.Text{Findings: "所见", Impression: "诊断"}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := l.room.Submit(ctx, doctor, id, nil, ""); err != nil {
		t.Fatal(err)
	}
	rep, err := l.room.Sign(ctx, chief, id, "")
	if err != nil {
		t.Fatal(err)
	}
	return rep.ID
}

func TestAWrongPatientIsCorrectedEverywhereAndUndoneExactly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		all := study(phantom.CTChest, 1, 6, wang)
		var stored []Stored
		for _, b := range all[:3] {
			stored = append(stored, l.accept(t, l.tech, b))
		}
		id := stored[0].Study
		got := l.correct(t, CorrectionRequest{Study: id, Assign: &li})
		if got.Instances != 3 || got.Before[0].LocalNumber != "P001" || got.After[0].LocalNumber != "P002" || got.After[0].Name != "李华" ||
			got.Before[0].Patient == got.After[0].Patient {
			t.Fatalf("%+v", got)
		}
		o, b := l.delivered(t, stored[1].Instance)
		for tag, want := range map[dicom.Tag]string{
			dicom.PatientID: "P002", dicom.PatientName: "Li^Hua=李^华", dicom.PatientBirthDate: "19750506", dicom.PatientSex: "F",
			dicom.StudyInstanceUID: string(stored[0].StudyUID), dicom.SOPInstanceUID: string(stored[1].SOPUID),
		} {
			if v := o.Header.Str(tag); v != want {
				t.Errorf("%v is %q", tag, v)
			}
		}
		was := o.Header.Items(originalAttributes)
		if len(was) != 1 || was[0].Str(reasonForModification) != "CORRECT" || was[0].Items(modifiedAttributes)[0].Str(dicom.PatientID) != "P001" {
			t.Fatalf("original attributes %v", was)
		}
		if !bytes.Equal(pixels(t, all[1]), pixels(t, b)) {
			t.Fatal("the pixels changed")
		}
		if n := len(l.find(t, StudyQuery{Name: "王"})); n != 0 {
			t.Fatal("still found by the old name")
		}
		if n := len(l.find(t, StudyQuery{Name: "李"})); n != 1 {
			t.Fatal("not found by the new name")
		}
		// The modality sends on, under the old name; and somebody sends again what is kept.
		stored = append(stored, l.accept(t, l.tech, all[3]))
		if again := l.accept(t, l.tech, all[0]); !again.Already {
			t.Fatal("the same bytes are new")
		}
		if o, _ := l.delivered(t, stored[3].Instance); o.Header.Str(dicom.PatientID) != "P002" {
			t.Fatal("a later object has the old patient")
		}
		other := wang
		other.ID = "P003"
		_, err := l.Accept(t.Context(), l.tech, source(study(phantom.CTChest, 1, 6, other)[4]))
		wantKind(t, err, record.Conflict)
		l.reindexed(t)
		if f, err := l.Fsck(t.Context(), FsckOptions{}); err != nil || f.Damaged() || f.Instances != 5 {
			t.Fatalf("fsck %+v, %v", f, err)
		}
		done := l.undo(t, got.ID)
		if done.UndoneBy != "admin1" || done.After[0].LocalNumber != "P001" {
			t.Fatalf("%+v", done)
		}
		if !bytes.Equal(l.fetch(t, l.tech, stored[3].Instance), all[3]) {
			t.Fatal("not the bytes that came")
		}
		l.reindexed(t)
		if _, err := l.Undo(t.Context(), admin, got.ID, because, false); record.KindOf(err) != record.Precondition {
			t.Fatal(err)
		}
		listed, err := l.Corrections(t.Context(), admin, CorrectionQuery{Study: id})
		if err != nil || len(listed) != 1 || listed[0].UndoneAt.IsZero() || listed[0].Before[0].Name != "王小明" {
			t.Fatalf("%+v, %v", listed, err)
		}
		if _, err := db.VerifyEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatCameUnderTheRightNumberStandsInTheWayOfUndoing(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		id := l.accept(t, l.tech, study(phantom.CTChest, 1, 6, wang)[0]).Study
		got := l.correct(t, CorrectionRequest{Study: id, Assign: &li})
		// The technician corrects the console too: what comes under the right number belongs to the study, and stands in the way
		// of undoing.
		lihua := phantom.Patient{Name: "Li^Hua=李^华", ID: "P002", BirthDate: "19750506", Sex: "F"}
		sentRight := l.accept(t, l.tech, study(phantom.CTChest, 1, 6, lihua)[5])
		if sentRight.Study != id {
			t.Fatalf("%+v", sentRight)
		}
		if _, err := l.Undo(t.Context(), admin, got.ID, because, true); record.KindOf(err) != record.Precondition {
			t.Fatal(err)
		}
		l.reindexed(t)
		moved := l.correct(t, CorrectionRequest{Study: id, Split: &Splitting{Instances: []InstanceID{sentRight.Instance}}})
		if _, err := l.Undo(t.Context(), admin, got.ID, because, true); record.KindOf(err) != record.Precondition {
			t.Fatal(err)
		}
		l.undo(t, moved.ID)
	})
}

func TestCorrectionsAreUndoneWithoutATrace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		var a, b Stored
		for _, o := range study(phantom.CTChest, 21, 4, wang) {
			a = l.accept(t, l.tech, o)
		}
		for _, o := range study(phantom.CTChest, 22, 3, wang) {
			b = l.accept(t, l.tech, o)
		}
		for _, s := range []Stored{a, b} {
			if _, err := l.Finish(t.Context(), l.tech, Finish{Study: s.StudyUID}); err != nil {
				t.Fatal(err)
			}
		}
		clean := l.tables(t)
		for _, c := range []struct {
			name string
			q    CorrectionRequest
		}{
			{"assign", CorrectionRequest{Study: a.Study, Assign: &li}},
			{"merge", CorrectionRequest{Study: b.Study, MergeInto: a.Study}},
			{"split off an instance", CorrectionRequest{Study: a.Study, Split: &Splitting{Instances: []InstanceID{a.Instance}}}},
			{"split into another study", CorrectionRequest{Study: a.Study, Split: &Splitting{Instances: []InstanceID{a.Instance}, Into: b.Study}}},
		} {
			t.Run(c.name, func(t *testing.T) {
				got := l.correct(t, c.q)
				l.reindexed(t)
				for _, i := range l.find(t, StudyQuery{}) {
					some, _, err := l.Instances(t.Context(), admin, i.ID, "", 100, "")
					if err != nil || len(some) != i.Instances {
						t.Fatalf("%d of %d instances, %v", len(some), i.Instances, err)
					}
					for _, one := range some {
						if o, _ := l.delivered(t, one.ID); string(o.Header.StudyUID) != i.UID || o.Header.Str(dicom.PatientID) != i.LocalNumber.Reveal() {
							t.Fatal("an object says that it is of another study")
						}
					}
				}
				l.undo(t, got.ID)
				l.same(t, clean)
				l.reindexed(t)
			})
		}
	})
}

func TestWhatBuildsOnACorrectionIsUndoneFirst(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		slices1, slices2 := study(phantom.CTChest, 31, 4, wang), study(phantom.CTChest, 32, 4, wang)
		a, b := l.accept(t, l.tech, slices1[0]), l.accept(t, l.tech, slices2[0])
		merged := l.correct(t, CorrectionRequest{Study: b.Study, MergeInto: a.Study})
		if len(merged.After) != 1 || merged.After[0].Instances != 2 || merged.After[0].NumSeries != 2 {
			t.Fatalf("%+v", merged)
		}
		assigned := l.correct(t, CorrectionRequest{Study: a.Study, Assign: &li})
		late := l.accept(t, l.tech, slices2[1]) // of the study that is no more, and of the patient who it was not
		if late.Study != a.Study {
			t.Fatalf("%+v", late)
		}
		o, _ := l.delivered(t, late.Instance)
		if o.Header.Str(dicom.PatientID) != "P002" || o.Header.StudyUID != a.StudyUID || len(o.Header.Items(originalAttributes)) != 2 {
			t.Fatal("the late object did not follow both corrections")
		}
		l.reindexed(t)
		_, err := l.Undo(t.Context(), admin, merged.ID, because, false)
		wantKind(t, err, record.Precondition)
		if !strings.Contains(err.Error(), string(assigned.ID)) {
			t.Fatalf("it does not say what builds on it: %v", err)
		}
		l.undo(t, assigned.ID)
		l.undo(t, merged.ID)
		l.reindexed(t)
		if len(l.find(t, StudyQuery{})) != 2 || !bytes.Equal(l.fetch(t, l.tech, late.Instance), slices2[1]) {
			t.Fatal("not as it was")
		}
		done, err := l.Finish(t.Context(), l.tech, Finish{Study: b.StudyUID, Expected: 2})
		if err != nil || done.Instances != 2 {
			t.Fatalf("%+v, %v", done, err)
		}
	})
}

func TestCorrectRefuses(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	a := l.accept(t, l.tech, study(phantom.CTChest, 41, 1, wang)[0])
	who := wang
	who.ID = "P777"
	b := l.accept(t, l.tech, study(phantom.CTChest, 42, 1, who)[0])
	far := l.accept(t, l.other, study(phantom.CTChest, 43, 1, wang)[0])
	series, err := l.Series(t.Context(), admin, a.Study)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		s    record.Scope
		q    CorrectionRequest
		kind record.Kind
	}{
		{"nothing", admin, CorrectionRequest{Study: a.Study, Reason: because}, record.Invalid},
		{"two things", admin, CorrectionRequest{Study: a.Study, Assign: &li, MergeInto: b.Study, Reason: because}, record.Invalid},
		{"no reason", admin, CorrectionRequest{Study: a.Study, Assign: &li, Reason: " x "}, record.Invalid},
		{"no number", admin, CorrectionRequest{Study: a.Study, Assign: &Assignment{Name: "A"}, Reason: because}, record.Invalid},
		{"no study", admin, CorrectionRequest{Study: "nothing", Assign: &li, Reason: because}, record.NotFound},
		{"of another place", scopeOf(storetest.Hongshagang), CorrectionRequest{Study: a.Study, Assign: &li, Reason: because}, record.NotFound},
		{"into itself", admin, CorrectionRequest{Study: a.Study, MergeInto: a.Study, Reason: because}, record.Invalid},
		{"other patient", admin, CorrectionRequest{Study: a.Study, MergeInto: b.Study, Reason: because}, record.Precondition},
		{"other institution", admin, CorrectionRequest{Study: a.Study, MergeInto: far.Study, Reason: because}, record.Invalid},
		{"all", admin, CorrectionRequest{Study: a.Study, Split: &Splitting{Series: []SeriesID{series[0].ID}}, Reason: because}, record.Invalid},
		{"of another study", admin, CorrectionRequest{Study: a.Study, Split: &Splitting{Instances: []InstanceID{b.Instance}}, Reason: because}, record.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := l.tables(t)
			_, err := l.Correct(t.Context(), c.s, c.q)
			wantKind(t, err, c.kind)
			if d := cmp.Diff(before, l.tables(t)); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func TestTheReadingRoomHearsOfCorrections(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		ctx := t.Context()
		a := l.accept(t, l.tech, study(phantom.CTChest, 51, 1, wang)[0])
		b := l.accept(t, l.tech, study(phantom.CTChest, 52, 1, wang)[0])
		doneA, err := l.Finish(ctx, l.tech, Finish{Study: a.StudyUID})
		if err != nil {
			t.Fatal(err)
		}
		doneB, err := l.Finish(ctx, l.tech, Finish{Study: b.StudyUID})
		if err != nil {
			t.Fatal(err)
		}
		report := l.signed(t, doneA.Case)
		moved := l.correct(t, CorrectionRequest{Study: a.Study, Assign: &li})
		if !slices.Equal(moved.ReportsWithdrawn, []record.ExamID{a.Study}) {
			t.Fatalf("%+v", moved)
		}
		rep, err := l.room.Report(ctx, admin, report)
		if err != nil || rep.Status != record.Withdrawn {
			t.Fatalf("%+v, %v", rep.Status, err)
		}
		c, err := l.room.Case(ctx, admin, doneA.Case)
		if err != nil || c.State != reading.Withdrawn || !c.Additions || c.Exam.Patient != moved.After[0].Patient {
			t.Fatalf("%+v, %v", c, err)
		}
		for _, p := range []record.PatientID{moved.Before[0].Patient, moved.After[0].Patient} {
			results, err := db.ResultsOf(ctx, record.Scope{All: true}, p, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				if r.Status != record.Withdrawn {
					t.Fatalf("a result still stands: %+v", r)
				}
			}
		}
		l.undo(t, moved.ID)
		// B becomes part of A: nobody reads B for itself.
		merged := l.correct(t, CorrectionRequest{Study: b.Study, MergeInto: a.Study})
		c, err = l.room.Case(ctx, admin, doneB.Case)
		if err != nil || c.State != reading.Withdrawn {
			t.Fatalf("%+v, %v", c, err)
		}
		listed, _, err := l.room.Cases(ctx, admin, reading.CaseFilter{})
		if err != nil || len(listed) != 1 || listed[0].ID != doneA.Case {
			t.Fatalf("%+v, %v", listed, err)
		}
		if _, err := l.room.Amend(ctx, doctor, doneB.Case, "x"); record.KindOf(err) != record.Precondition {
			t.Fatal(err)
		}
		l.undo(t, merged.ID)
		c, err = l.room.Case(ctx, admin, doneB.Case)
		if err != nil || c.State != reading.Waiting {
			t.Fatalf("%+v, %v", c, err)
		}
		l.signed(t, doneB.Case)
	})
}

func TestACorrectionAndArrivalsAtOnceLeaveNothingBehind(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		into := l.accept(t, l.tech, study(phantom.CTChest, 61, 1, wang)[0])
		all := study(phantom.CTChest, 62, 60, wang)
		first := l.accept(t, l.tech, all[0])
		var g sync.WaitGroup
		for _, b := range all[1:] {
			g.Go(func() {
				if _, err := l.Accept(t.Context(), l.tech, source(b)); err != nil {
					t.Error(err)
				}
			})
		}
		g.Go(func() {
			for range 20 {
				_, err := l.Correct(t.Context(), admin, CorrectionRequest{Study: first.Study, MergeInto: into.Study, Reason: because})
				if record.KindOf(err) != record.Unavailable {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
		g.Wait()
		found := l.find(t, StudyQuery{})
		if len(found) != 1 || found[0].Instances != 61 {
			t.Fatalf("%+v", found)
		}
		some, _, err := l.Instances(t.Context(), admin, into.Study, "", 100, "")
		if err != nil || len(some) != 61 {
			t.Fatal(len(some), err)
		}
		for _, i := range some {
			if o, _ := l.delivered(t, i.ID); o.Header.StudyUID != into.StudyUID {
				t.Fatal("one stayed behind")
			}
		}
	})
}

func TestACorrectionThatWasNotMadeIsForgotten(t *testing.T) {
	db := storetest.SQLite(t)
	l := newLab(t, db, storetest.Dir(t))
	now := db.Now()
	a := l.accept(t, l.tech, study(phantom.CTChest, 71, 1, wang)[0])
	before := l.tables(t)
	place, err := l.placeOf(t.Context(), storetest.Suwu)
	if err != nil {
		t.Fatal(err)
	}
	doc := &correctionDocument{Format: correctionFormat, ID: CorrectionID(record.NewID(now)), Institution: storetest.Suwu, StudyUID: a.StudyUID, Numbers: []string{"P001"}}
	if err := assign(doc, li); err != nil {
		t.Fatal(err)
	}
	ch := &change{doc: doc, key: place.group(a.StudyUID) + "/" + record.NewID(now) + correctionSuffix}
	if err := l.intend(t.Context(), ch); err != nil { // and the server dies
		t.Fatal(err)
	}
	if _, err := l.Reindex(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, l.tables(t)); d != "" {
		t.Fatal(d)
	}
	if err := l.forgetIntent(t.Context(), ch.key, db.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.blobs.Stat(t.Context(), ch.key); record.KindOf(err) != record.NotFound {
		t.Fatalf("its blob is there: %v", err)
	}
}
