package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// bench is a centre over real stores, with a laboratory system, an analyser and persons.
type bench struct {
	*Centre
	db       *store.DB
	room     *reading.Room
	lis      record.Scope // of a hospital with its own laboratory system
	other    record.Scope // of another institution
	tech     record.Scope // who validates at the centre
	reviewer record.Scope
}

func newBench(t testing.TB, db *store.DB, blobs store.Blobs) *bench {
	t.Helper()
	storetest.County(t, db)
	room := reading.NewRoom(db, blobs, reading.Options{})
	desks := Desks{Catalogue: catalogue.New(db), Specimens: specimen.New(db, specimen.Options{}), Quality: quality.New(db, quality.Options{})}
	c := New(db, blobs, room, desks, Options{})
	desks.Catalogue.OnMapped = c.OnMapped
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	all := []record.InstitutionID{storetest.Suwu, storetest.Dongba, storetest.LeadHospital}
	return &bench{
		c, db, room, program(storetest.Suwu), program(storetest.Dongba), person("wang", "王检验", storetest.LeadHospital, all), person("li", "李主任", storetest.LeadHospital, all),
	}
}

func program(i record.InstitutionID) record.Scope {
	return record.Scope{
		Actor: record.Actor{Kind: record.ActorKey, ID: "key-" + string(i), Institution: i}, Purpose: record.Treatment,
		Institutions: []record.InstitutionID{i},
	}
}

func person(id, name string, at record.InstitutionID, reach []record.InstitutionID) record.Scope {
	return record.Scope{Actor: record.Actor{Kind: record.ActorUser, ID: id, Institution: at, Display: name}, Purpose: record.Treatment, Institutions: reach}
}

// oru makes a message of results: MSH-10, OBR-3, OBR-22, then rows "code^text^system|type|value|unit|range|flag|status|device".
func oru(control, filler, reported string, rows ...string) []byte {
	lines := []string{
		"MSH|^~\\&|LIS|SUWU|LIANZHEN|YONGJING|20261122093000+0800||ORU^R01^ORU_R01|" + control + "|P|2.5.1||||||UNICODE UTF-8",
		"PID|1||E1^^^SUWU^PI||赵^秀英||19550304|F",
		"OBR|1||" + filler + "|24326-1^电解质^LN|||20261122083000+0800|||||||||||||||" + reported,
	}
	for i, r := range rows {
		f := strings.Split(r, "|")
		for len(f) < 7 {
			f = append(f, "")
		}
		line := fmt.Sprintf("OBX|%d|%s|%s||%s|%s|%s|%s|||%s", i+1, f[1], f[0], f[2], f[3], f[4], f[5], f[6])
		if len(f) > 7 { // OBX-18
			line += "|||||||" + f[7]
		}
		lines = append(lines, line)
	}
	return []byte(strings.Join(lines, "\r") + "\r")
}

var finalLink = Link{ID: "link-lis", Name: "LIS", Profile: "final: true\n"}

const (
	potassium = "2823-3^钾^LN|NM|4.10|mmol/L|3.5-5.3||F"
	sodium    = "2951-2^钠^LN|NM|139|mmol/L|137-147||F"
	early     = "20261122090000+0800"
	later     = "20261122100000+0800"
)

func (b *bench) send(t testing.TB, s record.Scope, l Link, body []byte) Stored {
	t.Helper()
	st, err := b.Accept(t.Context(), s, Source{Format: HL7, Body: body, Link: l})
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	return st
}

func (b *bench) get(t testing.TB, s record.Scope, id record.ExamID, v View) Kept {
	t.Helper()
	k, err := b.Get(t.Context(), s, id, v)
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

func values(k Kept) string {
	var out []string
	for _, r := range k.Rows {
		out = append(out, fmt.Sprintf("%s=%s/%s", r.Analyte, r.Result.Value, r.Result.Status))
	}
	return strings.Join(out, " ")
}

func TestAFinalReportIsKeptShownSharedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		b := newBench(t, db, blobs)
		message := oru("M1", "F1", early, potassium, sodium)
		st := b.send(t, b.lis, finalLink, message)
		if st.Already || len(st.Reports) != 1 || st.Reports[0].New != 2 || st.Reports[0].Waiting != 0 || st.Reports[0].Unmapped != 0 {
			t.Fatalf("%+v", st)
		}
		k := b.get(t, b.lis, st.Reports[0].Report, Shown)
		if got, want := values(k), "K=4.10/final NA=139/final"; got != want || k.Status != observation.Final || k.Verified != "sender" || k.Case != "" {
			t.Errorf("%q status %s verified %s case %q", got, k.Status, k.Verified, k.Case)
		}
		again := b.send(t, b.lis, finalLink, message)
		if !again.Already || again.Message != st.Message {
			t.Errorf("again: %+v", again)
		}
		results, err := db.ResultsOf(t.Context(), b.lis, k.Patient, time.Time{})
		if err != nil || len(results) < 2 || results[0].Laboratory != storetest.Suwu || results[0].Status != record.Final {
			t.Errorf("shared: %+v %v", results, err)
		}
		if _, err := b.Get(t.Context(), b.other, k.ID, Shown); record.KindOf(err) != record.NotFound {
			t.Errorf("another institution sees it: %v", err)
		}
		found, _, err := b.Find(t.Context(), b.lis, Query{Name: "赵秀", Limit: 10})
		if err != nil || len(found) != 1 {
			t.Errorf("found %d, %v", len(found), err)
		}
	})
}

func TestVersionsFollowEachOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		b := newBench(t, db, blobs)
		first := b.send(t, b.lis, finalLink, oru("M1", "F1", early, potassium)).Reports[0].Report
		_ = b.get(t, b.tech, first, Shown) // somebody looks
		st := b.send(t, b.lis, finalLink, oru("M2", "F1", later, "2823-3^钾^LN|NM|4.60|mmol/L|3.5-5.3||C")).Reports[0]
		if st.Report != first || st.New != 1 {
			t.Fatalf("%+v", st)
		}
		if got := values(b.get(t, b.lis, first, Shown)); got != "K=4.60/corrected" {
			t.Error(got)
		}
		recalls, err := b.Recalls(t.Context(), b.tech, false, "", 10)
		if err != nil || len(recalls) != 1 || recalls[0].Reader.ID != "wang" || recalls[0].Reason != "corrected" {
			t.Fatalf("%+v %v", recalls, err)
		}
		if _, err := b.AcknowledgeRecall(t.Context(), b.tech, recalls[0].ID); err != nil {
			t.Error(err)
		}
		late := b.send(t, b.lis, finalLink, oru("M3", "F1", early, "2823-3^钾^LN|NM|4.20|mmol/L|3.5-5.3||F")).Reports[0]
		if late.Stale != 1 || late.New != 0 {
			t.Errorf("late: %+v", late)
		}
		if got := values(b.get(t, b.lis, first, Shown)); got != "K=4.60/corrected" {
			t.Error("after a late original: " + got)
		}
		b.send(t, b.lis, finalLink, oru("M4", "F1", "20261122110000+0800", "2823-3^钾^LN|NM|4.60|mmol/L|3.5-5.3||W"))
		k := b.get(t, b.tech, first, Working)
		if k.Status != observation.Withdrawn || strings.Contains(values(k), "4.60") {
			t.Errorf("withdrawn: %s %s", k.Status, values(k))
		}
		if h := b.get(t, b.tech, first, History); len(h.Rows) != 4 {
			t.Errorf("history has %d versions", len(h.Rows))
		}
	})
}

func TestACorrectionBeforeItsOriginal(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		id := b.send(t, b.lis, finalLink, oru("M2", "F1", later, "2823-3^钾^LN|NM|4.60|mmol/L|3.5-5.3||C")).Reports[0].Report
		b.send(t, b.lis, finalLink, oru("M1", "F1", early, potassium))
		if got := values(b.get(t, b.lis, id, Shown)); got != "K=4.60/corrected" {
			t.Error(got)
		}
	})
}

func TestAControlIDIsUsedTwice(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		b.send(t, b.lis, finalLink, oru("M1", "F1", early, potassium))
		_, err := b.Accept(t.Context(), b.lis, Source{Format: HL7, Body: oru("M1", "F2", early, sodium), Link: finalLink})
		wantKind(t, err, record.Conflict)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Quarantine == "" {
			t.Fatalf("%v", err)
		}
		waiting, err := b.ListQuarantine(t.Context(), b.lis, "", 10, false)
		if err != nil || len(waiting) != 1 || waiting[0].Link != finalLink.ID {
			t.Errorf("%+v %v", waiting, err)
		}
	})
}

func TestAnotherPersonUnderTheSameNumber(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		id := b.send(t, b.lis, finalLink, oru("M1", "F1", early, potassium)).Reports[0].Report
		other := strings.Replace(strings.Replace(string(oru("M2", "F1", later, potassium)), "E1^^^", "E2^^^", 1), "赵^秀英", "钱^大山", 1)
		_, err := b.Accept(t.Context(), b.lis, Source{Format: HL7, Body: []byte(other), Link: finalLink})
		wantKind(t, err, record.Conflict)
		if k := b.get(t, b.lis, id, Shown); k.Name.Reveal() != "赵秀英" && k.Name.Reveal() != "赵 秀英" {
			t.Errorf("the report is now %q's", k.Name.Reveal())
		}
	})
}

func TestPersonsValidateWhatRulesDoNot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		b := newBench(t, db, blobs)
		ctx := t.Context()
		st := b.send(t, b.lis, Link{ID: "analyser", Name: "BS-800"}, oru("M1", "F1", early, potassium, sodium)).Reports[0]
		if st.Case == "" || st.Waiting != 2 {
			t.Fatalf("%+v", st)
		}
		if k := b.get(t, b.lis, st.Report, Shown); len(k.Rows) != 0 || k.Status != observation.Registered {
			t.Errorf("shown before validation: %s %s", values(k), k.Status)
		}
		work := b.get(t, b.tech, st.Report, Working)
		row := work.Rows[0].ID
		_, err := b.ValidateRows(ctx, b.tech, st.Report, Release, []string{row}, "")
		wantKind(t, err, record.Precondition)
		if _, err := b.ValidateRows(ctx, b.tech, st.Report, Validate, []string{row}, ""); err != nil {
			t.Fatal(err)
		}
		_, err = b.ValidateRows(ctx, b.tech, st.Report, Release, []string{row}, "")
		wantKind(t, err, record.Denied)
		if _, err := b.ValidateRows(ctx, b.reviewer, st.Report, Release, []string{row}, ""); err != nil {
			t.Fatal(err)
		}
		k := b.get(t, b.lis, st.Report, Shown)
		if values(k) != "K=4.10/final" || k.Status != observation.Preliminary || k.Waiting != 1 {
			t.Fatalf("%s %s %d", values(k), k.Status, k.Waiting)
		}
		b.sign(t, st)
		k = b.get(t, b.lis, st.Report, Shown)
		if values(k) != "K=4.10/final NA=139/final" || k.Status != observation.Final || k.Verified != "released" || k.Rows[1].ReleasedName != "李主任" {
			t.Fatalf("%s %s %s %s", values(k), k.Status, k.Verified, k.Rows[1].ReleasedName)
		}
		if results, err := db.ResultsOf(ctx, b.lis, k.Patient, time.Time{}); err != nil || len(results) < 2 || !results[0].Exam.Complete {
			t.Errorf("%+v %v", results, err)
		}
	})
}

// sign takes the case of a report through the reading room.
func (b *bench) sign(t testing.TB, st StoredReport) {
	t.Helper()
	ctx := t.Context()
	if _, err := b.room.Claim(ctx, b.tech, st.Case, false, ""); err != nil {
		t.Fatal(err)
	}
	text, err := b.Draft(ctx, b.tech, st.Report, "zh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.room.SaveDraft(ctx, b.tech, st.Case, text, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.room.Submit(ctx, b.tech, st.Case, nil, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := b.room.Sign(ctx, b.reviewer, st.Case, ""); err != nil {
		t.Fatal(err)
	}
}

func TestACriticalValueIsTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		b := newBench(t, db, blobs)
		high := "2823-3^钾^LN|NM|7.20|mmol/L|3.5-5.3|HH|F"
		st := b.send(t, b.lis, finalLink, oru("M1", "F1", early, high)).Reports[0]
		if st.Case == "" || len(st.Alarms) != 1 {
			t.Fatalf("%+v", st)
		}
		open, _, err := b.room.Criticals(t.Context(), b.lis, reading.CriticalFilter{})
		if err != nil || len(open) != 1 || !strings.Contains(open[0].Finding, "7.20") {
			t.Fatalf("%+v %v", open, err)
		}
	})
}

func TestACodeGetsItsMeaning(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		st := b.send(t, b.lis, finalLink, oru("M1", "F1", early, "JIA^钾^L|NM|4.10|mmol/L|3.5-5.3||F")).Reports[0]
		if st.Unmapped != 1 {
			t.Fatalf("%+v", st)
		}
		if k := b.get(t, b.lis, st.Report, Shown); len(k.Rows) != 1 || k.Rows[0].Analyte != "" || k.Unmapped != 1 {
			t.Fatalf("%s", values(k))
		}
		admin := b.tech
		if _, err := b.desks.Catalogue.Map(ctx, admin, catalogue.MapRequest{
			Key: catalogue.Key{Sender: storetest.Suwu, Code: "JIA", System: "L"}, Analyte: "K", Reason: "厂家代码表",
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Tick(ctx); err != nil {
			t.Fatal(err)
		}
		k := b.get(t, b.lis, st.Report, Shown)
		if values(k) != "K=4.10/final" || k.Unmapped != 0 {
			t.Errorf("%s unmapped %d", values(k), k.Unmapped)
		}
		trend, err := b.Trend(ctx, b.lis, k.Patient, "K", time.Time{}, time.Time{})
		if err != nil || len(trend.Points) != 1 || trend.Points[0].Compared == nil {
			t.Errorf("%+v %v", trend, err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		b := newBench(t, db, blobs)
		const n = 40
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				body := oru(fmt.Sprintf("M%d", i%20), fmt.Sprintf("F%d", i%20), early, potassium, sodium)
				if _, err := b.Accept(t.Context(), b.lis, Source{Format: HL7, Body: body, Link: finalLink}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		found, _, err := b.Find(t.Context(), b.lis, Query{Limit: 100})
		if err != nil || len(found) != 20 {
			t.Errorf("%d reports, %v", len(found), err)
		}
		if f, err := b.Fsck(t.Context(), store.FsckOptions{}); err != nil || f.Damaged() || f.Messages != 20 {
			t.Errorf("%+v %v", f, err)
		}
	})
}

func TestACorrectionWithoutNumbersIsOfTheSamePerson(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		bare := func(control, reported, row, name string) []byte {
			return []byte(strings.Replace(strings.Replace(string(oru(control, "F1", reported, row)), "E1^^^SUWU^PI", "", 1), "赵^秀英", name, 1))
		}
		first := b.send(t, b.lis, finalLink, bare("M1", early, potassium, "赵^秀英")).Reports[0]
		second := b.send(t, b.lis, finalLink, bare("M2", later, "2823-3^钾^LN|NM|4.60|mmol/L|3.5-5.3||C", "ZHAO^XIUYING")).Reports[0]
		if first.Report != second.Report || first.Patient != second.Patient || second.New != 1 {
			t.Errorf("%+v, then %+v", first, second)
		}
		_, err := b.Accept(t.Context(), b.lis, Source{Format: HL7, Body: bare("M3", later, potassium, "钱^大山"), Link: finalLink})
		wantKind(t, err, record.Conflict)
	})
}
