package ecg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// admin of the county's centre.
func admin() record.Scope {
	return record.Scope{
		Actor:        record.Actor{Kind: record.ActorUser, ID: "centre", Institution: storetest.LeadHospital},
		Institutions: []record.InstitutionID{storetest.LeadHospital, storetest.Suwu, storetest.Dongba},
	}
}

// longCart makes the file of a recording that is just long enough.
func longCart(t testing.TB, kind synth.Kind, seed uint64) []byte {
	t.Helper()
	tr, err := synth.Holter(synth.Spec{Kind: kind, Seed: seed, RateHz: 200, Patient: zhao}, 6*time.Minute).Load()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := formats.Write(&b, "edf", tr); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAFileSentAgainTellsItsAlarms(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	file := cart(t, "scp", synth.Spec{Kind: synth.STEMIAnterior, Seed: 5})
	first := l.accept(t, l.tech, file, Said{})
	if again := l.accept(t, l.tech, file, Said{}); len(first.Alarms) == 0 || len(again.Alarms) != len(first.Alarms) {
		t.Fatalf("%v, then %v", first.Alarms, again.Alarms)
	}
}

func TestAFirstContactInTheFutureIsNotBelieved(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{}), Said{FirstContactAt: time.Now().Add(3 * time.Hour)})
	if k := l.get(t, st.Tracing); k.FirstContactAt.After(time.Now()) || k.FirstContactAt.IsZero() || len(k.Warnings) == 0 {
		t.Fatalf("%v %v", k.FirstContactAt, k.Warnings)
	}
}

func TestAnExportIsTheWholeRecordingOfThePersonWhoseItIs(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	ctx := t.Context()
	st := l.accept(t, l.tech, cart(t, "edf", synth.Spec{Seconds: 200, RateHz: 100}), Said{Accession: "N7"})
	csv, _, err := l.Export(ctx, l.tech, st.Tracing, "csv")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(csv, []byte("\n")); lines < 20_000 {
		t.Errorf("%d lines of 200 s at 100 Hz", lines)
	}
	if _, err := l.Assign(ctx, admin(), st.Tracing, Identity{LocalID: "B1", Name: "周八"}, "登记错误"); err != nil {
		t.Fatal(err)
	}
	file, _, err := l.Export(ctx, l.tech, st.Tracing, "dicom")
	if err != nil {
		t.Fatal(err)
	}
	rec, err := formats.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if p := rec.Head.Patient; p.ID != "B1" || p.Name != "周八" || p.BirthDate != "" || p.AgeYears != 0 || rec.Head.Order != "N7" {
		t.Errorf("%q %q %q %v %q", p.ID, p.Name, p.BirthDate, p.AgeYears, rec.Head.Order)
	}
	if _, _, err := l.Export(ctx, l.tech, st.Tracing, "dicom-pdf"); err != nil {
		t.Fatal(err)
	}
	noted := 0
	events, err := l.db.Events(ctx, store.EventFilter{Limit: 1000})
	for _, e := range events {
		if e.Act == "tracing.exported" {
			noted++
		}
	}
	if err != nil || noted != 3 {
		t.Errorf("%d exports noted %v", noted, err)
	}
}

func TestASignedOutAlarmIsNotOnTheSheet(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	ctx := t.Context()
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{Kind: synth.STEMIAnterior, Seed: 5}), Said{})
	k := l.get(t, st.Tracing)
	if line, err := l.criticalLine(ctx, k, "zh"); err != nil || line == "" {
		t.Fatalf("%q %v", line, err)
	}
	vals, _, err := l.room.Criticals(ctx, l.tech, reading.CriticalFilter{Case: st.Case})
	if err != nil || len(vals) == 0 {
		t.Fatal(vals, err)
	}
	doctor := record.Scope{All: true, Actor: record.Actor{Kind: record.ActorUser, ID: "li"}}
	for _, v := range vals {
		if _, err := l.room.DismissCritical(ctx, doctor, v.ID, "导联脱落"); err != nil {
			t.Fatal(err)
		}
	}
	if line, err := l.criticalLine(ctx, k, "zh"); err != nil || line != "" {
		t.Fatalf("%q %v", line, err)
	}
}

func TestReindexBelievesWhatTheRowsBelieved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		ctx := t.Context()
		contact := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
		st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{}), Said{LocalID: "A1", Name: "孙三", FirstContactAt: contact.Add(-time.Hour)})
		if _, err := l.SetPathway(ctx, l.tech, st.Tracing, contact, Pathway{}); err != nil {
			t.Fatal(err)
		}
		before := l.get(t, st.Tracing)
		// Somebody else said that it is another's, and lost: his words lie beside the file, and are younger.
		loser := &arrival{said: Said{Whole: true, LocalID: "B1", Name: "周八"}}
		if err := l.putSaid(ctx, strings.TrimSuffix(before.key, fileExtension)+"Z"+saidExtension, loser); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Reindex(ctx, nil); err != nil {
			t.Fatal(err)
		}
		after := l.get(t, st.Tracing)
		if after.Name != "孙三" || after.Patient != before.Patient || !after.FirstContactAt.Equal(contact) || !after.ReceivedAt.Equal(before.ReceivedAt) {
			t.Fatalf("%+v", after)
		}
	})
}

func TestTwoWhoAssignAtOnceLeaveTheWordsOfOne(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	ctx := t.Context()
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{}), Said{})
	old := l.get(t, st.Tracing)
	if _, err := l.Assign(ctx, admin(), st.Tracing, Identity{LocalID: "B1", Name: "周八"}, "登记错误"); err != nil {
		t.Fatal(err)
	}
	_, err := l.assign(ctx, admin(), old, Identity{LocalID: "C1", Name: "吴九"}, "登记错误") // who looked before
	wantKind(t, err, record.Conflict)
	found, err := l.Fsck(ctx, FsckOptions{})
	if err != nil || found.Blobs != 2 {
		t.Fatalf("%+v %v", found, err)
	}
}

func TestAnAmbulatoryRecordingIsAskedAboutForWhoseItIsNow(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	ctx := t.Context()
	st := l.accept(t, l.tech, longCart(t, synth.PVCs, 3), Said{})
	old := l.get(t, st.Tracing)
	if !old.Ambulatory || !old.Pending() {
		t.Fatalf("%+v", old)
	}
	got, err := l.Assign(ctx, admin(), st.Tracing, Identity{LocalID: "B1", Name: "周八"}, "登记错误")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.summarise(ctx, old); err != nil { // the worker began before
		t.Fatal(err)
	}
	events, err := l.db.Events(ctx, store.EventFilter{Limit: 1000})
	for _, e := range events {
		if e.Act == "tracing.analysed" && e.Patient != got.Patient {
			t.Errorf("analysed for %s, whose it was", e.Patient)
		}
	}
	if err != nil || l.get(t, st.Tracing).State != done {
		t.Fatal(err)
	}
}

// flaky is a store of blobs that sometimes cannot be read.
type flaky struct {
	store.Blobs
	bad string // keys with this cannot be read
}

func (f *flaky) Range(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if f.bad != "" && strings.Contains(key, f.bad) {
		return nil, errors.New("input/output error")
	}
	return f.Blobs.Range(ctx, key, off, n)
}

func TestARecordingThatCannotBeReadNowHoldsUpNoOther(t *testing.T) {
	blobs := &flaky{Blobs: storetest.Dir(t)}
	l := newLab(t, storetest.SQLite(t), blobs)
	ctx := t.Context()
	first := l.accept(t, l.tech, longCart(t, synth.PVCs, 3), Said{})
	second := l.accept(t, l.tech, longCart(t, synth.PVCs, 4), Said{})
	blobs.bad = string(first.Tracing)
	if err := l.Tick(ctx); err == nil {
		t.Error("nobody hears of the store")
	}
	if a, b := l.get(t, first.Tracing), l.get(t, second.Tracing); !a.Pending() || b.State != done {
		t.Fatalf("%s %s", a.State, b.State)
	}
	blobs.bad = ""
	if err := l.Tick(ctx); err != nil {
		t.Fatal(err)
	}
	if a := l.get(t, first.Tracing); a.State != done {
		t.Fatal(a.State)
	}
}

func TestALostRowOfAnAmbulatoryRecordingIsAnalysedWithoutItsCase(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	ctx := t.Context()
	st := l.accept(t, l.tech, longCart(t, synth.VT, 3), Said{})
	l.exec(t, `DELETE FROM tracings`)
	if _, err := l.Reindex(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Tick(ctx); err != nil {
		t.Fatal(err)
	}
	if k := l.get(t, st.Tracing); k.State != done || len(k.Alarms) == 0 {
		t.Fatal(k.State, k.Alarms)
	}
}

func TestTheSameBytesByTwoDoorsFollowTheirStudy(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	file := cart(t, "dicom", synth.Spec{})
	l.accept(t, l.tech, file, Said{})
	st, err := l.Accept(t.Context(), l.tech, Source{Reader: bytes.NewReader(file), Size: -1, SOPUID: "1.2.3"})
	if err != nil || !st.Already {
		t.Fatalf("%+v %v", st, err)
	}
	if k := l.get(t, st.Tracing); k.SOPUID != "1.2.3" {
		t.Fatalf("%q", k.SOPUID)
	}
}

func TestALostRaceMakesNoPatient(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	ctx := t.Context()
	file := cart(t, "scp", synth.Spec{})
	st := l.accept(t, l.tech, file, Said{})
	k := l.get(t, st.Tracing)
	count := func() (n int) {
		if err := l.db.QueryRow(ctx, `SELECT COUNT(*) FROM patients`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	had := count()
	a, err := l.again(ctx, k, Said{Whole: true, LocalID: "L1", Name: "周八"})
	if err != nil {
		t.Fatal(err)
	}
	a.scope, a.key = l.tech, k.key+"x"
	again, err := l.index(ctx, a)
	if err != nil || !again.Already || again.Patient != st.Patient || count() != had {
		t.Fatalf("%+v %v, %d patients more", again, err, count()-had)
	}
}

func TestTheECGBeforeIsOneThatWasMeasured(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	var ids []record.ExamID
	for i := range 3 {
		st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{Seed: uint64(i), At: time.Date(2026, 3, 5, 9+i, 0, 0, 0, time.UTC)}), Said{})
		ids = append(ids, st.Tracing)
	}
	l.exec(t, `UPDATE tracings SET analysis_state = 'failed' WHERE id = $1`, string(ids[1]))
	x, err := l.Compare(t.Context(), l.tech, ids[2], "")
	if err != nil || x.Before.ID != ids[0] {
		t.Fatal(fmt.Sprint(x.Before.ID, ids), err)
	}
}

func TestTheTierOfARuleSaysWhenItIsToBeAnswered(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{Kind: synth.STEMIAnterior, Seed: 5}), Said{})
	alarms := l.get(t, st.Tracing).Alarms
	vals, _, err := l.room.Criticals(t.Context(), l.tech, reading.CriticalFilter{Case: st.Case})
	if err != nil || len(vals) != 1 || len(alarms) != 1 {
		t.Fatal(vals, err)
	}
	if got, want := vals[0].DueAt.Sub(vals[0].RaisedAt), time.Duration(alarms[0].RespondMinutes)*time.Minute; got != want {
		t.Fatalf("due after %s, the rule says %s", got, want)
	}
}

func TestNamesAreFoundByTheirCharactersPinyinAndInitials(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		ctx := t.Context()
		st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{}), Said{})
		finds := func(names ...string) {
			t.Helper()
			for _, name := range names {
				if found, _, err := l.Find(ctx, l.tech, Query{Name: name, Limit: 5}); err != nil || len(found) != 1 {
					t.Errorf("%s: %d %v", name, len(found), err)
				}
			}
		}
		finds("赵", "秀", "秀英", "赵 秀英", "Zhao", "xiuying", "ZHAO XIU", "zxy", "ｚｈａｏ")
		if _, err := l.Assign(ctx, admin(), st.Tracing, Identity{LocalID: "B1", Name: "Smith John"}, "登记错误"); err != nil {
			t.Fatal(err)
		}
		finds("smith", "john", "Smith J")
		for _, gone := range []string{"赵", "zhao", "zxy", "mith"} {
			if found, _, err := l.Find(ctx, l.tech, Query{Name: gone, Limit: 5}); err != nil || len(found) != 0 {
				t.Errorf("%s: %d %v", gone, len(found), err)
			}
		}
	})
}

func TestTwoServersAnalyseAndAssignAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		ctx := t.Context()
		other := New(db, blobs, l.spool, reading.NewRoom(db, blobs, reading.Options{}), Options{})
		var ids []record.ExamID
		for i := range 3 {
			ids = append(ids, l.accept(t, l.tech, longCart(t, synth.VT, uint64(i)), Said{}).Tracing)
		}
		var g sync.WaitGroup
		for _, c := range []*Centre{l.Centre, other} {
			g.Go(func() {
				if err := c.Tick(ctx); err != nil {
					t.Error(err)
				}
			})
			g.Go(func() {
				for i, id := range ids {
					_, err := c.Assign(ctx, admin(), id, Identity{LocalID: record.Personal(fmt.Sprint("B", i)), Name: "周八"}, "登记错误")
					if err != nil && record.KindOf(err) != record.Conflict {
						t.Error(err)
					}
				}
			})
		}
		g.Wait()
		if err := other.Tick(ctx); err != nil { // what was assigned while it was analysed
			t.Fatal(err)
		}
		for i, id := range ids {
			k := l.get(t, id)
			if k.State != done || k.LocalNumber.Reveal() != fmt.Sprint("B", i) || len(k.Findings) == 0 {
				t.Errorf("%s %s %v", k.State, k.LocalNumber.Reveal(), k.Findings)
			}
			vals, _, err := l.room.Criticals(ctx, l.tech, reading.CriticalFilter{Case: k.Case})
			rules := map[string]bool{}
			for _, v := range vals {
				if rules[v.Rule] || v.Patient != k.Patient {
					t.Errorf("%s twice, or of %s", v.Rule, v.Patient)
				}
				rules[v.Rule] = true
			}
			if err != nil || len(vals) == 0 {
				t.Error(vals, err)
			}
		}
	})
}

func TestTheECGBeforeOfAnotherPlaceCountsWhileThePersonConsents(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		ctx := t.Context()
		said := Said{IDNumber: "11010519491231002X", LocalID: "X1", Name: "赵秀英", BirthDate: record.Date{Year: 1949, Month: 12, Day: 31}}
		at := time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)
		first := l.accept(t, l.other, cart(t, "scp", synth.Spec{Seed: 1, At: at}), said)
		st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{Seed: 2, At: at.Add(time.Hour)}), said)
		k := l.get(t, st.Tracing)
		if r, err := l.previousResult(ctx, l.db, k); err != nil || r == nil {
			t.Fatal(r, err)
		}
		if err := db.Tx(ctx, func(tx *store.Tx) error { return tx.WithdrawConsent(ctx, first.Patient) }); err != nil {
			t.Fatal(err)
		}
		if r, err := l.previousResult(ctx, l.db, k); err != nil || r != nil {
			t.Fatal("an ECG that is hidden is in the evidence", err)
		}
	})
}

func TestACorrectedReportSaysSoOnPaper(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	ctx := t.Context()
	st := l.accept(t, l.tech, cart(t, "scp", synth.Spec{}), Said{})
	who := func(id string) record.Scope {
		return record.Scope{All: true, Actor: record.Actor{Kind: record.ActorUser, ID: id, Display: id, Institution: storetest.LeadHospital}}
	}
	sign := func(author, reviewer string) string {
		t.Helper()
		if _, err := l.room.Submit(ctx, who(author), st.Case, &reading.Text{Findings: "窦性心律", Impression: "正常心电图"}, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := l.room.Sign(ctx, who(reviewer), st.Case, ""); err != nil {
			t.Fatal(err)
		}
		rep, err := l.reportBlock(ctx, who("x"), l.get(t, st.Tracing), places{}, "zh")
		if err != nil {
			t.Fatal(err)
		}
		return rep.SignedAt
	}
	if _, err := l.room.Claim(ctx, who("li"), st.Case, false, ""); err != nil {
		t.Fatal(err)
	}
	if at := sign("li", "wang"); strings.Contains(at, "更正") {
		t.Error(at)
	}
	if _, err := l.room.Amend(ctx, who("wang"), st.Case, "补充描述"); err != nil {
		t.Fatal(err)
	}
	if at := sign("wang", "zhao"); !strings.Contains(at, "更正第2版") {
		t.Error(at)
	}
}
