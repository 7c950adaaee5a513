package ecg

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// lab is a centre over real stores, with a technician of a township.
type lab struct {
	*Centre
	db    *store.DB
	blobs store.Blobs
	room  *reading.Room
	tech  record.Scope
	other record.Scope // of another township
}

func newLab(t testing.TB, db *store.DB, blobs store.Blobs) *lab {
	t.Helper()
	storetest.County(t, db)
	spool, err := store.NewSpool(t.TempDir(), blobs, store.SpoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	room := reading.NewRoom(db, blobs, reading.Options{})
	return &lab{New(db, blobs, spool, room, Options{}), db, blobs, room, scopeOf(storetest.Suwu), scopeOf(storetest.Dongba)}
}

func scopeOf(i record.InstitutionID) record.Scope {
	return record.Scope{
		Actor: record.Actor{Kind: record.ActorKey, ID: "key-" + string(i), Institution: i}, Purpose: record.Treatment,
		Institutions: []record.InstitutionID{i},
	}
}

var zhao = tracing.Patient{ID: "E1", Name: "赵秀英", BirthDate: "19550304", Sex: "F"}

// cart makes the file of a cart.
func cart(t testing.TB, format string, s synth.Spec) []byte {
	t.Helper()
	if s.Patient.ID == "" {
		s.Patient = zhao
	}
	if s.At.IsZero() {
		s.At = time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC)
	}
	var b bytes.Buffer
	if err := formats.Write(&b, format, synth.Make(s)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (l *lab) accept(t testing.TB, s record.Scope, file []byte, said Said) Stored {
	t.Helper()
	st, err := l.Accept(t.Context(), s, Source{Reader: bytes.NewReader(file), Size: int64(len(file)), Said: said})
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	return st
}

func (l *lab) get(t testing.TB, id record.ExamID) Kept {
	t.Helper()
	k, err := l.Get(t.Context(), l.tech, id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantKind(t testing.TB, err error, kind record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != kind {
		t.Fatalf("error %v, want kind %s", err, kind)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestAFileIsKeptMeasuredAndFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		ctx := t.Context()
		file := cart(t, "scp", synth.Spec{Kind: synth.AtrialFibrillation, Seed: 3})
		st := l.accept(t, l.tech, file, Said{Accession: "A7", Priority: record.Urgent, ClinicalInfo: "心悸"})
		if st.Already || st.Case == "" || st.Patient == "" || st.Format != string(tracing.SCP) {
			t.Fatalf("%+v", st)
		}
		again := l.accept(t, l.tech, file, Said{})
		if !again.Already || again.Tracing != st.Tracing || again.Case != st.Case || again.Patient != st.Patient {
			t.Fatalf("%+v", again)
		}
		if have, err := l.Have(ctx, l.tech, digest(file)); err != nil || !have.Already {
			t.Fatalf("%+v %v", have, err)
		}
		if have, err := l.Have(ctx, l.other, digest(file)); err != nil || have.Already {
			t.Fatalf("another institution is told of it: %+v %v", have, err)
		}
		k := l.get(t, st.Tracing)
		if k.Name.Reveal() != "赵秀英" || k.Sex != record.Female || k.BirthDate != "1955-03-04" || k.Accession != "A7" || k.AgeYears != 71 ||
			k.Ambulatory || k.State != done || k.Result() == nil || k.SHA256 != digest(file) || len(k.Leads) < 8 {
			t.Fatalf("%+v", k)
		}
		if k.RecordedAt.IsZero() || k.Duration < 9*time.Second {
			t.Fatalf("%v %v", k.RecordedAt, k.Duration)
		}
		_, body, err := l.File(ctx, l.tech, st.Tracing, 10)
		if err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(body)
		_ = body.Close()
		if err != nil || !bytes.Equal(rest, file[10:]) {
			t.Fatal("the file is not as it came", err)
		}
		for name, q := range map[string]Query{
			"part of the name": {Name: "秀英"}, "pinyin": {Name: "zhaoxiu"}, "number": {LocalNumber: "E1"}, "accession": {Accession: "A7"},
			"finding": {Finding: finding.AtrialFibrillation}, "kind": {Kind: "resting"}, "patient": {Patient: st.Patient},
			"time": {From: k.RecordedAt, To: k.RecordedAt}, "institution": {Institution: storetest.Suwu},
		} {
			q.Limit = 10
			if found, _, err := l.Find(ctx, l.tech, q); err != nil || len(found) != 1 {
				t.Errorf("%s: %d %v", name, len(found), err)
			}
			if found, _, err := l.Find(ctx, l.other, q); err != nil || len(found) != 0 {
				t.Errorf("%s: another township finds %d %v", name, len(found), err)
			}
		}
		for name, q := range map[string]Query{
			"name": {Name: "王"}, "wildcard": {Name: "%"}, "finding": {Finding: finding.VentricularFlutter}, "kind": {Kind: "ambulatory"},
			"later": {From: k.RecordedAt.Add(time.Second)},
		} {
			q.Limit = 10
			if found, _, err := l.Find(ctx, l.tech, q); err != nil || len(found) != 0 {
				t.Errorf("%s: found %d %v", name, len(found), err)
			}
		}
		_, err = l.Get(ctx, l.other, st.Tracing)
		wantKind(t, err, record.NotFound)
		_, _, err = l.Find(ctx, l.tech, Query{Limit: 1, Page: "x"})
		wantKind(t, err, record.Invalid)
	})
}

func TestPagesOfTracings(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	sent := map[record.ExamID]bool{}
	for i := range 5 {
		st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{Seed: uint64(i), At: time.Date(2026, 3, 5, 9, i/2, 0, 0, time.UTC)}), Said{})
		sent[st.Tracing] = true
	}
	page, last := "", time.Now()
	for range 3 {
		found, next, err := l.Find(t.Context(), l.tech, Query{Limit: 2, Page: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range found {
			if k.RecordedAt.After(last) || !sent[k.ID] {
				t.Fatalf("out of order, or twice: %v", k.ID)
			}
			last = k.RecordedAt
			delete(sent, k.ID)
		}
		page = next
	}
	if page != "" || len(sent) != 0 {
		t.Fatalf("%q, %d not found", page, len(sent))
	}
}

func TestTheSameFileFromManyAtOnceIsOneTracing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		file := cart(t, "aecg", synth.Spec{Kind: synth.STEMIAnterior, Seed: 1})
		var mu sync.Mutex
		var all []Stored
		var g sync.WaitGroup
		for range 8 {
			g.Go(func() {
				st, err := l.Accept(context.Background(), l.tech, Source{Reader: bytes.NewReader(file), Size: -1, SHA256: digest(file)})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, st)
			})
		}
		g.Wait()
		fresh := 0
		for _, st := range all {
			if !st.Already {
				fresh++
			}
			if st.Tracing != all[0].Tracing || st.Case != all[0].Case {
				t.Errorf("%+v beside %+v", st, all[0])
			}
		}
		if fresh != 1 {
			t.Errorf("%d senders were told that theirs is new", fresh)
		}
		found, err := l.Fsck(t.Context(), FsckOptions{})
		if err != nil || found.Damaged() || found.Tracings != 1 {
			t.Fatalf("%+v %v", found, err)
		}
		vals, _, err := l.room.Criticals(t.Context(), l.tech, reading.CriticalFilter{Case: all[0].Case})
		if err != nil || len(vals) == 0 {
			t.Fatalf("%v %v", vals, err)
		}
		seen := map[string]bool{}
		for _, v := range vals {
			if seen[v.Rule] {
				t.Errorf("rule %s raised twice", v.Rule)
			}
			seen[v.Rule] = true
		}
	})
}

func TestWhatDoesNotArriveWholeIsNotKept(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	file := cart(t, "scp", synth.Spec{})
	for name, c := range map[string]struct {
		src  Source
		kind record.Kind
	}{
		"another size":   {Source{Reader: bytes.NewReader(file), Size: int64(len(file)) + 1}, record.Invalid},
		"another digest": {Source{Reader: bytes.NewReader(file), Size: -1, SHA256: strings.Repeat("0", 64)}, record.Invalid},
		"nothing":        {Source{Reader: strings.NewReader(""), Size: -1}, record.Invalid},
		"a broken line":  {Source{Reader: io.MultiReader(bytes.NewReader(file[:100]), broken{}), Size: -1}, record.Unavailable},
		"too large":      {Source{Reader: bytes.NewReader(file), Size: 1 << 60}, record.Invalid},
	} {
		_, err := l.Accept(t.Context(), l.tech, c.src)
		if record.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	found, err := l.Fsck(t.Context(), FsckOptions{})
	if err != nil || found.Tracings != 0 || found.Blobs != 0 {
		t.Fatalf("%+v %v", found, err)
	}
	s := l.tech
	s.Institutions = nil
	_, err = l.Accept(t.Context(), s, Source{Reader: bytes.NewReader(file), Size: -1})
	wantKind(t, err, record.Denied)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("line broke") }

func TestWhatCannotBeReadIsKeptForAPerson(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		junk := []byte("this is no electrocardiogram")
		var ids []QuarantineID
		for range 2 {
			_, err := l.Accept(t.Context(), l.tech, Source{Reader: bytes.NewReader(junk), Size: -1})
			var why *Refusal
			if !errors.As(err, &why) || record.KindOf(err) != record.Invalid || why.Quarantine == "" {
				t.Fatalf("%v", err)
			}
			ids = append(ids, why.Quarantine)
		}
		if ids[0] != ids[1] {
			t.Error("the same bytes are two entries")
		}
		q, body, err := l.FetchQuarantined(t.Context(), l.tech, ids[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		_ = body.Close()
		if err != nil || !bytes.Equal(got, junk) || q.Reason == "" {
			t.Fatalf("%q %v", got, err)
		}
		_, _, err = l.FetchQuarantined(t.Context(), l.other, ids[0])
		wantKind(t, err, record.NotFound)
		if _, err := l.ResolveQuarantine(t.Context(), l.tech, ids[0], "误传"); err != nil {
			t.Fatal(err)
		}
		_, err = l.ResolveQuarantine(t.Context(), l.tech, ids[0], "again")
		wantKind(t, err, record.NotFound)
		if all, err := l.Quarantine(t.Context(), l.tech, "", 10, true); err != nil || len(all) != 1 || all[0].Resolution != "误传" {
			t.Fatalf("%+v %v", all, err)
		}
	})
}

func TestWhatTheSenderSaysStandsBeforeTheFile(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{Patient: tracing.Patient{ID: "0", Name: "UNKNOWN", Sex: "M"}}), Said{
		LocalID: "E9", Name: "钱七", Sex: record.Female, BirthDate: record.Date{Year: 1990, Month: 1, Day: 2},
	})
	k := l.get(t, st.Tracing)
	if k.LocalNumber != "E9" || k.Name != "钱七" || k.Sex != record.Female || k.BirthDate != "1990-01-02" {
		t.Fatalf("%+v", k)
	}
}

func TestReindexMakesTheSameIndexFromTheBlobs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		ctx := t.Context()
		contact := time.Date(2026, 3, 5, 9, 20, 0, 0, time.UTC)
		for i, kind := range []synth.Kind{synth.Normal, synth.STEMIInferior, synth.LBBB} {
			said := Said{}
			if i == 1 {
				said = Said{Name: "孙三", LocalID: "E3", FirstContactAt: contact, ClinicalInfo: "胸痛", Accession: "X1", IDNumber: "11010519491231002X"}
			}
			l.accept(t, l.tech, cart(t, []string{"scp", "aecg", "dicom"}[i], synth.Spec{Kind: kind, Seed: uint64(i)}), said)
		}
		_, err := l.Accept(ctx, l.tech, Source{Reader: strings.NewReader("junk"), Size: -1})
		wantKind(t, err, record.Invalid)
		before := l.all(t)
		out, err := l.Reindex(ctx, nil)
		if err != nil || out.Tracings != 3 || out.Quarantined != 1 || len(out.Problems) != 0 {
			t.Fatalf("%+v %v", out, err)
		}
		same := cmp.Options{cmpopts.IgnoreFields(Kept{}, "ReceivedAt", "analysis"), cmp.AllowUnexported(Kept{}), cmpopts.EquateNaNs()}
		if d := cmp.Diff(before, l.all(t), same); d != "" {
			t.Error(d)
		}
		l.exec(t, `DELETE FROM tracings`) // the rows are lost
		if _, err := l.Reindex(ctx, nil); err != nil {
			t.Fatal(err)
		}
		for i, k := range l.all(t) {
			if k.ID != before[i].ID || k.Patient != before[i].Patient || k.Name != before[i].Name || !k.FirstContactAt.Equal(before[i].FirstContactAt) ||
				k.ClinicalInfo != before[i].ClinicalInfo || k.State != done {
				t.Errorf("%+v\nwas\n%+v", k, before[i])
			}
		}
		cases, _, err := l.room.Cases(ctx, record.Scope{All: true, Actor: record.Actor{Kind: record.ActorUser, ID: "x"}}, reading.CaseFilter{PageSize: 100})
		if err != nil || len(cases) != 3 {
			t.Fatalf("%d cases %v", len(cases), err)
		}
	})
}

// exec changes rows behind the centre's back.
func (l *lab) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	err := l.db.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// all reads every tracing with its analysis, by id.
func (l *lab) all(t testing.TB) []Kept {
	t.Helper()
	all, err := l.getWhere(t.Context(), "1 = 1 ORDER BY t.id", nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFsckFindsDamageAndSweepsLeftovers(t *testing.T) {
	dir := storetest.Dir(t)
	l := newLab(t, storetest.SQLite(t), dir)
	ctx := t.Context()
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{}), Said{Accession: "A"})
	k := l.get(t, st.Tracing)
	ok, err := l.Fsck(ctx, FsckOptions{})
	if err != nil || ok.Damaged() || ok.Tracings != 1 || len(ok.Unreferenced) != 0 || ok.Blobs != 2 {
		t.Fatalf("%+v %v", ok, err)
	}
	stray := strings.TrimSuffix(k.key, fileExtension) + "X" + fileExtension
	if _, err := dir.Put(ctx, stray, strings.NewReader("half"), 4); err != nil {
		t.Fatal(err)
	}
	left, err := l.Fsck(ctx, FsckOptions{Sweep: true})
	if err != nil || len(left.Unreferenced) != 1 || left.Swept != 0 { // younger than an hour
		t.Fatalf("%+v %v", left, err)
	}
	swept, err := l.Fsck(ctx, FsckOptions{Sweep: true, SweepAge: -time.Hour})
	if err != nil || swept.Swept != 1 || swept.Damaged() {
		t.Fatalf("%+v %v", swept, err)
	}
	l.exec(t, `UPDATE tracings SET sha256 = $1`, strings.Repeat("0", 64))
	if bad, err := l.Fsck(ctx, FsckOptions{}); err != nil || len(bad.WrongSHA256) != 1 {
		t.Fatalf("%+v %v", bad, err)
	}
	if quick, err := l.Fsck(ctx, FsckOptions{Quick: true}); err != nil || quick.Damaged() {
		t.Fatalf("%+v %v", quick, err)
	}
	if err := dir.Delete(ctx, k.key); err != nil {
		t.Fatal(err)
	}
	if gone, err := l.Fsck(ctx, FsckOptions{Quick: true}); err != nil || len(gone.MissingBytes) != 1 {
		t.Fatalf("%+v %v", gone, err)
	}
}

func TestCriticalRulesOfOneCountyDoNotReachAnother(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	admin := record.Scope{
		Actor: record.Actor{Kind: record.ActorUser, ID: "c", Institution: storetest.LeadHospital}, Institutions: []record.InstitutionID{storetest.LeadHospital},
	}
	if _, err := l.CriticalRules(t.Context(), admin, ""); err != nil {
		t.Fatal(err)
	}
	_, err := l.CriticalRules(t.Context(), admin, "elsewhere-ecg")
	wantKind(t, err, record.NotFound)
	_, err = l.CriticalRules(t.Context(), l.tech, "")
	wantKind(t, err, record.NotFound)
	_, _, err = l.UpdateRules(t.Context(), l.tech, Rules{YAML: "x"}, 0, true, 1)
	wantKind(t, err, record.NotFound)
}

func TestNothingPersonalIsInTheEvents(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{Kind: synth.STEMIAnterior}), Said{ClinicalInfo: "胸痛两小时", Name: "赵秀英"})
	l.get(t, st.Tracing)
	if _, _, err := l.Find(t.Context(), l.tech, Query{Name: "赵秀英", Limit: 5}); err != nil {
		t.Fatal(err)
	}
	events, err := l.db.Events(t.Context(), store.EventFilter{Limit: 1000})
	if err != nil || len(events) == 0 {
		t.Fatal(len(events), err)
	}
	for _, e := range events {
		for _, personal := range []string{"赵秀英", "zhao", "胸痛", "19550304", "1955-03-04"} {
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, personal) {
				t.Errorf("%s holds %s", e.Act, personal)
			}
		}
	}
}
