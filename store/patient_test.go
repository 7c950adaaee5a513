package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// number makes a valid identity number of an invented person: division, birth date, order (odd male) and check digit.
func number(birth, order string) record.IDNumber {
	body := "620621" + birth + order
	for _, check := range "0123456789X" {
		if n, err := record.ParseIDNumber(body + string(check)); err == nil {
			return n
		}
	}
	panic("no check digit fits " + body)
}

func person(issuer record.InstitutionID, local, name, birth string, sex record.Sex) record.Demographics {
	d, err := record.ParseDate(birth)
	if err != nil {
		panic(err)
	}
	return record.Demographics{Issuer: issuer, LocalID: record.Personal(local), Name: record.Personal(name), BirthDate: d, Sex: sex}
}

func numbered(d record.Demographics, n record.IDNumber) record.Demographics {
	d.IDNumber = n
	return d
}

func match(t *testing.T, db *store.DB, d record.Demographics) store.Match {
	t.Helper()
	var m store.Match
	must(t, db.Tx(t.Context(), func(tx *store.Tx) (err error) {
		m, err = tx.MatchPatient(t.Context(), d)
		return err
	}))
	return m
}

func TestMatchPatient(t *testing.T) {
	wang := person("suwu", "A1", "王小明", "19800101", record.Male)
	wangNo := number("19800101", "001")
	pinyin := wang
	pinyin.Name = "WANG^XIAOMING"
	wide := wang
	wide.Name = "王 小　明"
	bare := record.Demographics{Issuer: "suwu", LocalID: "A1"}
	for _, c := range []struct {
		name          string
		before, then  record.Demographics
		same, created bool
		grade         record.Grade
		reason, link  string // link: reason of the link between the two, "" for none
	}{
		{"same local id", wang, wang, true, false, record.Certain, "local id known", ""},
		{"same local id, spaced and wide name", wang, wide, true, false, record.Certain, "local id known", ""},
		{"same local id, name in another script", wang, pinyin, true, false, record.Certain, "local id known", ""},
		{"same local id, nothing else", wang, bare, true, false, record.Certain, "local id known", ""},
		{"same local id, then all details", bare, wang, true, false, record.Certain, "local id known", ""},
		{
			"same local id, other name", wang, person("suwu", "A1", "李四", "19800101", record.Male),
			false, true, record.Probable, "local id reused or wrong person", "local id reused or wrong person",
		},
		{
			"same local id, other birth date", wang, person("suwu", "A1", "王小明", "19800102", record.Male),
			false, true, record.Probable, "local id reused or wrong person", "local id reused or wrong person",
		},
		{
			"same local id, other sex", wang, person("suwu", "A1", "王小明", "19800101", record.Female),
			false, true, record.Probable, "local id reused or wrong person", "local id reused or wrong person",
		},
		{
			"same local id of another issuer", wang, person("dongba", "A1", "赵六", "19700101", record.Male),
			false, true, record.Certain, "not known before", "",
		},
		{
			"number across institutions", numbered(wang, wangNo), numbered(person("dongba", "B7", "王小明", "19800101", record.Male), wangNo),
			true, false, record.Certain, "identity number known", "",
		},
		{
			"number across institutions, birth date and sex left out", numbered(wang, wangNo),
			numbered(record.Demographics{Issuer: "dongba", LocalID: "B7", Name: "王小明"}, wangNo),
			true, false, record.Certain, "identity number known", "",
		},
		{"number learned later", wang, numbered(wang, wangNo), true, false, record.Certain, "local id known", ""},
		{
			"same local id, other number", numbered(wang, wangNo), numbered(wang, number("19800101", "003")),
			false, true, record.Probable, "local id reused or wrong person", "local id reused or wrong person",
		},
		{
			"number contradicts birth date, local id known", wang, numbered(wang, number("19810101", "001")),
			true, false, record.Probable, "identity number contradicts birth date or sex", "",
		},
		{
			"number contradicts sex, number known", numbered(wang, wangNo),
			numbered(person("dongba", "B8", "王小红", "19800101", record.Female), wangNo),
			false, true, record.Probable, "identity number contradicts birth date or sex", "identity number contradicts birth date or sex",
		},
		{
			"same demographics elsewhere", wang, person("dongba", "B1", "王小明", "19800101", record.Male),
			false, true, record.Certain, "same demographics", "same demographics",
		},
		{
			"same demographics, two numbers", numbered(wang, wangNo), numbered(person("dongba", "B1", "王小明", "19800101", record.Male), number("19800101", "003")),
			false, true, record.Certain, "not known before", "",
		},
		{
			"same name only", wang, person("dongba", "B1", "王小明", "", record.SexUnknown),
			false, true, record.Certain, "not known before", "",
		},
		{
			"no identifier", wang, person("suwu", "", "钱七", "19600606", record.Male),
			false, true, record.Probable, "no identifier", "",
		},
		{
			"no identifier, same demographics", wang, person("suwu", "", "王小明", "19800101", record.Male),
			false, true, record.Probable, "no identifier", "same demographics",
		},
		{"no identifier at all, twice", record.Demographics{}, record.Demographics{}, false, true, record.Probable, "no identifier", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			storetest.EachDB(t, func(t *testing.T, db *store.DB) {
				first := match(t, db, c.before)
				got := match(t, db, c.then)
				if !first.Created || (got.Patient == first.Patient) != c.same {
					t.Fatalf("first %+v, then %+v; want the same patient: %v", first, got, c.same)
				}
				if d := cmp.Diff(store.Match{Patient: got.Patient, Grade: c.grade, Created: c.created, Reason: c.reason}, got); d != "" {
					t.Error(d)
				}
				links, err := db.Links(t.Context(), got.Patient)
				must(t, err)
				reason := ""
				if len(links) > 0 {
					reason = links[0].Reason
				}
				if reason != c.link || len(links) > 1 {
					t.Errorf("links %+v, want one for %q", links, c.link)
				}
				// The same again changes nothing more, unless nothing identifies it.
				if again := match(t, db, c.then); again.Created != (c.then.LocalID == "" && c.then.IDNumber == "") {
					t.Errorf("again: %+v", again)
				}
			})
		})
	}
}

func TestReusedLocalIDStaysProbableUntilDecided(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		wang, li := person("suwu", "A1", "王小明", "19800101", record.Male), person("suwu", "A1", "李四", "19550505", record.Female)
		a, b := match(t, db, wang), match(t, db, li)
		for _, d := range []record.Demographics{wang, li} {
			if m := match(t, db, d); m.Grade != record.Probable || m.Created {
				t.Fatalf("%+v", m)
			}
		}
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.DecideLink(t.Context(), a.Patient, b.Patient, store.LinkDifferent, "doctor")
		}))
		if m := match(t, db, li); m.Grade != record.Certain || m.Patient != b.Patient {
			t.Fatalf("%+v", m)
		}
		if m := match(t, db, wang); m.Grade != record.Certain || m.Patient != a.Patient {
			t.Fatalf("%+v", m)
		}
	})
}

func TestNumberAndLocalIDOfTwoPatients(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		no := number("19800101", "001")
		a := match(t, db, numbered(person("suwu", "A1", "王小明", "19800101", record.Male), no))
		b := match(t, db, person("dongba", "B1", "王小明", "", record.Male))
		got := match(t, db, numbered(person("dongba", "B1", "王小明", "19800101", record.Male), no))
		if got.Patient != a.Patient || got.Grade != record.Certain {
			t.Fatalf("%+v", got)
		}
		links, err := db.Links(t.Context(), b.Patient)
		must(t, err)
		if len(links) != 1 || links[0].Reason != "identifiers belong to two patients" {
			t.Fatalf("%+v", links)
		}
	})
}

func TestSamePersonFromManySendersIsOnePatient(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		no := number("19900202", "002")
		var mu sync.Mutex
		seen := map[record.PatientID]int{}
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				d := numbered(person(record.InstitutionID(fmt.Sprint("i", i%3)), fmt.Sprint("L", i%4), "孙九", "19900202", record.Female), no)
				err := db.Tx(t.Context(), func(tx *store.Tx) error {
					m, err := tx.MatchPatient(t.Context(), d)
					if err == nil {
						mu.Lock()
						seen[m.Patient]++
						mu.Unlock()
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var n int
		must(t, db.QueryRow(t.Context(), `SELECT COUNT(*) FROM patients`).Scan(&n))
		if n != 1 {
			t.Fatalf("%d patients; seen %v", n, seen)
		}
	})
}

func TestPatientIsReadBackWithEverything(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		no := number("19800101", "001")
		d := numbered(person("suwu", "A1", "王小明", "19800101", record.Male), no)
		d.Latin = "WANG XIAOMING"
		m := match(t, db, d)
		match(t, db, numbered(record.Demographics{Issuer: "dongba", LocalID: "B7"}, no))
		got, err := db.Patient(t.Context(), m.Patient)
		must(t, err)
		got.CreatedAt = time.Time{}
		want := store.Patient{
			ID: m.Patient, Person: m.Patient, Name: d.Name, Latin: d.Latin, BirthDate: d.BirthDate, Sex: d.Sex,
			IDNumber: no, Identifiers: []store.Identifier{{Issuer: "dongba", LocalID: "B7"}, {Issuer: "suwu", LocalID: "A1"}},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		_, err = db.Patient(t.Context(), "nobody")
		wantKind(t, err, record.NotFound)
	})
}

func TestFindPatientsInsideScope(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		no := number("19800101", "001")
		wang := match(t, db, numbered(person(storetest.Suwu, "A1", "王小明", "19800101", record.Male), no)).Patient
		li := match(t, db, person(storetest.Dongba, "A1", "王小红", "19900101", record.Female)).Patient
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.OpenEncounter(t.Context(), store.Encounter{Patient: li, Institution: storetest.LeadHospital})
			return err
		}))
		both := []record.PatientID{wang, li} // in order of id, which within a millisecond is any order
		slices.Sort(both)
		suwu := record.Scope{Institutions: []record.InstitutionID{storetest.Suwu}}
		for _, c := range []struct {
			name  string
			scope record.Scope
			q     store.PatientQuery
			want  []record.PatientID
		}{
			{"name, all", record.Scope{All: true}, store.PatientQuery{Name: "王小"}, both},
			{"name and sex", record.Scope{All: true}, store.PatientQuery{Name: "王小", Sex: record.Female}, []record.PatientID{li}},
			{"wildcards mean nothing", record.Scope{All: true}, store.PatientQuery{Name: "%小"}, nil},
			{"number", record.Scope{All: true}, store.PatientQuery{IDNumber: no}, []record.PatientID{wang}},
			{"local id of any issuer", record.Scope{All: true}, store.PatientQuery{LocalID: "A1"}, both},
			{"local id of one issuer", record.Scope{All: true}, store.PatientQuery{LocalID: "A1", Issuer: storetest.Dongba}, []record.PatientID{li}},
			{"own institution", suwu, store.PatientQuery{Name: "王"}, []record.PatientID{wang}},
			{"related", record.Scope{RelatedAt: storetest.LeadHospital}, store.PatientQuery{Name: "王"}, []record.PatientID{li}},
			{"zero scope", record.Scope{}, store.PatientQuery{Name: "王"}, nil},
			{"second page", record.Scope{All: true}, store.PatientQuery{Name: "王", Page: store.Page{After: string(both[0])}}, both[1:]},
		} {
			t.Run(c.name, func(t *testing.T) {
				found, err := db.FindPatients(t.Context(), c.scope, c.q)
				must(t, err)
				var got []record.PatientID
				for _, p := range found {
					got = append(got, p.ID)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Fatal(d)
				}
			})
		}
		_, err := db.FindPatients(t.Context(), suwu, store.PatientQuery{Sex: record.Male})
		wantKind(t, err, record.Invalid)
	})
}

func TestNumbersAreNotInTheDatabaseFile(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "x.sqlite"), store.Options{Keys: storetest.Keys(t)})
	must(t, err)
	no := number("19800101", "001")
	match(t, db, numbered(person("suwu", "A1", "王小明", "19800101", record.Male), no))
	var all []byte
	for _, f := range []string{"x.sqlite", "x.sqlite-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, f))
		must(t, err)
		all = append(all, b...)
	}
	must(t, db.Close())
	plain := sha256.Sum256([]byte(no.Reveal()))
	for name, secret := range map[string][]byte{
		"the number": []byte(no.Reveal()), "its tail": []byte(no.Reveal()[10:]),
		"a plain hash": plain[:], "a plain hash in hex": []byte(hex.EncodeToString(plain[:])),
	} {
		if bytes.Contains(all, secret) {
			t.Errorf("the file contains %s", name)
		}
	}
	if !bytes.Contains(all, []byte("王小明")) {
		t.Error("the test looks at the wrong bytes")
	}
}

func TestNumbersNeedKeys(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.sqlite"), store.Options{})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	wantKind(t, db.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.MatchPatient(t.Context(), numbered(record.Demographics{}, number("19800101", "001")))
		return err
	}), record.Precondition)
}

func result(id string, patient record.PatientID, at record.InstitutionID, performed time.Time) record.Result {
	return record.Result{
		ID: record.ResultID(id), Case: "c", Report: "r", Status: record.Final, Positive: true, SignedAt: performed.Add(time.Hour),
		Exam: record.Exam{
			ID: record.ExamID("e" + id), Kind: record.ECG, Centre: "minqin-ecg", Institution: at, Patient: patient,
			Grade: record.Certain, Modality: "ECG", BodyPart: "HEART", Procedure: "12LEAD", Accession: "acc", Title: "常规心电图",
			Priority: record.Urgent, PerformedAt: performed, ReceivedAt: performed.Add(time.Minute), Complete: true,
		},
	}
}

func ids(rs []record.Result) (out []string) {
	for _, r := range rs {
		out = append(out, string(r.ID))
	}
	return out
}

func TestResultsFollowTheScopeAndTheDecidedLinks(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		storetest.County(t, db)
		a := match(t, db, person(storetest.Suwu, "A1", "王小明", "19800101", record.Male)).Patient
		b := match(t, db, person(storetest.Dongba, "B1", "王小明", "19800101", record.Male)).Patient
		now := db.Now().Truncate(time.Microsecond)
		r1, r2 := result("r1", a, storetest.Suwu, now.Add(-2*time.Hour)), result("r2", b, storetest.Dongba, now.Add(-time.Hour))
		must(t, db.Tx(ctx, func(tx *store.Tx) error {
			if err := tx.PutResult(ctx, r1); err != nil {
				return err
			}
			return tx.PutResult(ctx, r2)
		}))
		got, err := db.Result(ctx, record.Scope{All: true}, "r1")
		must(t, err)
		if d := cmp.Diff(r1, got); d != "" {
			t.Fatal(d)
		}
		want := func(step string, s record.Scope, p record.PatientID, want ...string) {
			t.Helper()
			rs, err := db.ResultsOf(ctx, s, p, time.Time{})
			must(t, err)
			if d := cmp.Diff(want, ids(rs)); d != "" {
				t.Fatalf("%s: %s", step, d)
			}
		}
		decide := func(s store.LinkState) {
			t.Helper()
			must(t, db.Tx(ctx, func(tx *store.Tx) error { return tx.DecideLink(ctx, b, a, s, "doctor") }))
		}
		all, own := record.Scope{All: true}, record.Scope{Institutions: []record.InstitutionID{storetest.Suwu}}
		want("open link", all, a, "r1")
		decide(store.LinkSame)
		want("same", all, a, "r2", "r1")
		want("same, from the other side", all, b, "r2", "r1")
		want("own institution", own, b, "r1")
		want("zero scope", record.Scope{}, a)
		_, err = db.Result(ctx, own, "r2")
		wantKind(t, err, record.NotFound)

		related := record.Scope{RelatedAt: storetest.LeadHospital}
		want("no encounter", related, a)
		var e store.Encounter
		must(t, db.Tx(ctx, func(tx *store.Tx) (err error) {
			e, err = tx.OpenEncounter(ctx, store.Encounter{Patient: a, Institution: storetest.LeadHospital, VisitNumber: "V1"})
			return err
		}))
		want("encounter reaches the person", related, a, "r2", "r1")
		must(t, db.Tx(ctx, func(tx *store.Tx) error { return tx.CloseVisit(ctx, storetest.LeadHospital, "V1") }))
		want("closed", related, a)
		must(t, db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.OpenEncounter(ctx, store.Encounter{Patient: a, Institution: storetest.LeadHospital, VisitNumber: "V1", OpenedAt: now.Add(-48 * time.Hour), ExpiresAt: now.Add(-time.Hour)})
			return err
		}))
		want("expired", related, a)
		es, err := db.Encounters(ctx, a)
		must(t, err)
		if len(es) != 1 || es[0].ID != e.ID {
			t.Fatalf("%+v", es)
		}

		must(t, db.Tx(ctx, func(tx *store.Tx) error { return tx.WithdrawConsent(ctx, a) }))
		must(t, db.Tx(ctx, func(tx *store.Tx) error { return tx.WithdrawConsent(ctx, a) }))
		hidden := record.Scope{All: true, HideWithdrawn: true}
		want("withdrawn", hidden, a)
		hidden.Own = storetest.Dongba
		want("withdrawn, own rows stay", hidden, a, "r2")
		want("withdrawal not asked for", all, a, "r2", "r1")
		must(t, db.Tx(ctx, func(tx *store.Tx) error { return tx.RestoreConsent(ctx, a) }))
		want("restored", hidden, a, "r2", "r1")
		decide(store.LinkDifferent)
		want("different again", all, a, "r1")
	})
}

func TestVisitOfAnotherPatientIsAConflict(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		a := match(t, db, person(storetest.Suwu, "A1", "", "", "")).Patient
		b := match(t, db, person(storetest.Suwu, "A2", "", "", "")).Patient
		open := func(p record.PatientID) error {
			return db.Tx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.OpenEncounter(t.Context(), store.Encounter{Patient: p, Institution: storetest.Suwu, VisitNumber: "1"})
				return err
			})
		}
		must(t, open(a))
		must(t, open(a))
		wantKind(t, open(b), record.Conflict)
	})
}

func TestABorrowedCardNeverMakesTwoPeopleOne(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		no := number("19800101", "001")
		owner := match(t, db, numbered(person("suwu", "A1", "王小明", "19800101", record.Male), no))
		borrower := match(t, db, numbered(person("dongba", "B7", "李建国", "19800101", record.Male), no))
		if borrower.Patient == owner.Patient || borrower.Grade != record.Probable || !borrower.Created {
			t.Fatalf("borrower %+v, owner %+v", borrower, owner)
		}
		back := match(t, db, numbered(person("dongba", "B7", "李建国", "19800101", record.Male), no))
		if back.Patient != borrower.Patient || back.Grade != record.Probable {
			t.Fatalf("the borrower again %+v, first %+v", back, borrower)
		}
		pinyin := match(t, db, numbered(person("hongshagang", "C3", "WANG XIAOMING", "19800101", record.Male), no))
		if pinyin.Patient != owner.Patient || pinyin.Grade != record.Probable {
			t.Fatalf("while nobody has decided, the number is %+v", pinyin)
		}
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.DecideLink(t.Context(), owner.Patient, borrower.Patient, store.LinkDifferent, "registrar")
		}))
		again := match(t, db, numbered(person("suwu", "A1", "王小明", "19800101", record.Male), no))
		if again.Patient != owner.Patient || again.Grade != record.Certain {
			t.Fatalf("after the decision %+v", again)
		}
	})
}

func TestADecisionOfAPersonMakesOlderResultsCertain(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		owner := match(t, db, person("minqin-suwu", "A1", "王小明", "19800101", record.Male))
		reused := match(t, db, person("minqin-suwu", "A1", "李建国", "19700101", record.Male))
		if reused.Grade != record.Probable {
			t.Fatalf("%+v", reused)
		}
		r := record.Result{ID: "R1", Status: record.Final, Exam: record.Exam{
			ID: "E1", Kind: record.Imaging, Centre: "minqin-imaging", Institution: storetest.Suwu, Patient: reused.Patient,
			Grade: reused.Grade, Modality: "CT", PerformedAt: db.Now(), ReceivedAt: db.Now(),
		}}
		put := func() {
			must(t, db.Tx(t.Context(), func(tx *store.Tx) error { return tx.PutResult(t.Context(), r) }))
		}
		grade := func() record.Grade {
			all, err := db.ResultsOf(t.Context(), record.Scope{All: true}, reused.Patient, time.Time{})
			must(t, err)
			return all[0].Exam.Grade
		}
		put()
		if g := grade(); g != record.Probable {
			t.Fatalf("before the decision %s", g)
		}
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.DecideLink(t.Context(), reused.Patient, owner.Patient, store.LinkDifferent, "registrar")
		}))
		put() // an amendment still carries the grade of its day
		if g := grade(); g != record.Certain {
			t.Fatalf("after the decision %s", g)
		}
	})
}

func TestADecidedChangeOfNameKeepsTheNumber(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		no := number("19800101", "001")
		before := match(t, db, numbered(person("suwu", "A1", "王小明", "19800101", record.Male), no))
		after := match(t, db, numbered(person("dongba", "B7", "王大明", "19800101", record.Male), no))
		if after.Grade != record.Probable || after.Patient == before.Patient {
			t.Fatalf("before %+v, after %+v", before, after)
		}
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.DecideLink(t.Context(), before.Patient, after.Patient, store.LinkSame, "registrar")
		}))
		again := match(t, db, numbered(person("hongshagang", "C3", "王大明", "19800101", record.Male), no))
		if again.Patient != after.Patient || again.Grade != record.Certain {
			t.Fatalf("after the decision %+v", again)
		}
	})
}
