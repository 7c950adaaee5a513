package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// potassiumOf is a row of potassium.
func potassiumOf(value, status string) string {
	return "2823-3^钾^LN|NM|" + value + "|mmol/L|3.5-5.3||" + status
}

func at(minute int) string { return fmt.Sprintf("2026112209%02d00+0800", minute) }

func TestAValueTakenBackUnderAnOlderInstantStaysAway(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		id := b.send(t, b.lis, finalLink, oru("M1", "F1", at(10), potassiumOf("4.61", "F"))).Reports[0].Report
		b.send(t, b.lis, finalLink, oru("M2", "F1", at(5), potassiumOf("4.61", "W")))
		for i, again := range []string{at(10), at(7)} {
			b.send(t, b.lis, finalLink, oru(fmt.Sprint("M3", i), "F1", again, potassiumOf("4.61", "F")))
			if k := b.get(t, b.lis, id, Shown); len(k.Rows) != 0 {
				t.Errorf("sent again as of %s it is in view: %s", again, values(k))
			}
		}
		b.send(t, b.lis, finalLink, oru("M4", "F1", at(11), potassiumOf("4.20", "F")))
		if k := b.get(t, b.lis, id, Shown); values(k) != "K=4.20/final" {
			t.Error(values(k))
		}
	})
}

func TestWhatIsConfirmedRecallsNobody(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		id := b.send(t, b.lis, finalLink, oru("M1", "F1", at(1), potassiumOf("4.10", "P"))).Reports[0].Report
		_ = b.get(t, b.tech, id, Shown)
		b.send(t, b.lis, finalLink, oru("M2", "F1", at(2), potassiumOf("4.10", "F")))
		if k := b.get(t, b.lis, id, Shown); values(k) != "K=4.10/final" || k.Status != observation.Final {
			t.Errorf("%s %s", values(k), k.Status)
		}
		if recalls, err := b.Recalls(ctx, b.tech, true, "", 10); err != nil || len(recalls) != 0 {
			t.Errorf("%+v %v", recalls, err)
		}
		changes, _, err := b.Changes(ctx, b.lis, 0, 100)
		if err != nil || len(changes) != 2 || changes[1].Act != "lab.released" {
			t.Errorf("%+v %v", changes, err)
		}
		b.send(t, b.lis, finalLink, oru("M3", "F1", at(3), potassiumOf("4.70", "C")))
		if recalls, err := b.Recalls(ctx, b.tech, true, "", 10); err != nil || len(recalls) != 2 || recalls[0].Reason != "corrected" || len(recalls[0].Rows) != 1 { // the person and the program
			t.Errorf("%+v %v", recalls, err)
		}
	})
}

func TestWhoSawAValueInATrendOrATableIsRecalled(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		st := b.send(t, b.lis, finalLink, oru("M1", "F1", at(1), potassium, sodium)).Reports[0]
		here := []record.InstitutionID{storetest.Suwu}
		line, table, other := person("line", "看趋势", storetest.Suwu, here), person("table", "看累积", storetest.Suwu, here), person("na", "看钠", storetest.Suwu, here)
		if _, err := b.Trend(ctx, line, st.Patient, "K", time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Trend(ctx, other, st.Patient, "NA", time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Cumulative(ctx, table, st.Patient, 5); err != nil {
			t.Fatal(err)
		}
		b.send(t, b.lis, finalLink, oru("M2", "F1", at(2), potassiumOf("4.60", "C")))
		recalls, err := b.Recalls(ctx, b.lis, false, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		var who []string
		for _, r := range recalls {
			who = append(who, r.Reader.ID)
		}
		slices.Sort(who)
		if !slices.Equal(who, []string{"line", "table"}) {
			t.Errorf("recalled: %v", who)
		}
	})
}

func TestAnItemThatNobodyStandsForIsNotShared(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		st := b.send(t, b.lis, Link{ID: "analyser", Name: "BS-800"}, oru("M1", "F1", at(1), potassium, sodium)).Reports[0]
		row := b.get(t, b.tech, st.Report, Working).Rows[0].ID
		if _, err := b.ValidateRows(ctx, b.tech, st.Report, Validate, []string{row}, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := b.ValidateRows(ctx, b.reviewer, st.Report, Release, []string{row}, ""); err != nil {
			t.Fatal(err)
		}
		results, err := db.ResultsOf(ctx, b.lis, st.Patient, time.Time{})
		if err != nil || slices.ContainsFunc(results, func(r record.Result) bool { return r.Exam.Procedure == "LAB.NA" || r.Status == record.Withdrawn }) ||
			!slices.ContainsFunc(results, func(r record.Result) bool { return r.Exam.Procedure == "LAB.K" }) {
			t.Errorf("%+v %v", results, err)
		}
		readers, err := b.Readers(ctx, b.tech, st.Report)
		if err != nil || !slices.ContainsFunc(readers, func(r reading.Reader) bool { return r.ID == b.reviewer.Actor.ID }) {
			t.Errorf("who released a row was given the rows: %+v %v", readers, err)
		}
	})
}

func TestNoAnswerHoldsWhatWasTakenBack(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		id := b.send(t, b.lis, finalLink, oru("M1", "F1", at(1), potassiumOf("4.67", "F"))).Reports[0].Report
		_ = b.get(t, b.lis, id, Shown)
		k, err := b.WithdrawReport(ctx, b.reviewer, id, "标本采错人")
		if err != nil || k.Status != observation.Withdrawn || strings.Contains(fmt.Sprintf("%+v", k.Rows), "4.67") {
			t.Errorf("the answer: %s %s %v", k.Status, values(k), err)
		}
		b.send(t, b.lis, finalLink, oru("M2", "F1", at(2), potassiumOf("4.20", "F")))
		h := b.get(t, b.reviewer, id, History)
		pack, err := b.desks.Catalogue.Pack(ctx, db, h.Centre)
		if err != nil {
			t.Fatal(err)
		}
		if s := sheetOf(&h, pack); len(s.Rows) != 1 || s.Rows[0].Result != "4.20" || s.Rows[0].Was != nil {
			t.Errorf("on paper: %+v", s.Rows)
		}
		b.send(t, b.lis, finalLink, oru("M3", "F1", at(3), potassiumOf("4.30", "C")))
		h = b.get(t, b.reviewer, id, History)
		if s := sheetOf(&h, pack); len(s.Rows) != 1 || s.Rows[0].Result != "4.30" || s.Rows[0].Was == nil || s.Rows[0].Was.Result != "4.20" {
			t.Errorf("on paper: %+v", s.Rows)
		}
		b.send(t, b.lis, finalLink, oru("M4", "F1", at(4), potassiumOf("4.30", "W"))) // and where its sender takes it back
		b.send(t, b.lis, finalLink, oru("M5", "F1", at(5), potassiumOf("4.50", "F")))
		h = b.get(t, b.reviewer, id, History)
		if s := sheetOf(&h, pack); len(s.Rows) != 1 || s.Rows[0].Result != "4.50" || s.Rows[0].Was != nil {
			t.Errorf("on paper: %+v", s.Rows)
		}
	})
}

// failing opens a hold over what the device measures of potassium from now on, and gives what ends it.
func (b *bench) failing(t testing.TB, device string) (release func()) {
	t.Helper()
	ctx, q := t.Context(), b.desks.Quality
	of := quality.Series{Laboratory: storetest.Suwu, Device: device, Analyte: "K"}
	m, err := q.AddMaterial(ctx, b.tech, quality.Material{Laboratory: of.Laboratory, Name: "质控"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := q.AddLot(ctx, b.tech, quality.Lot{Laboratory: of.Laboratory, Material: m.ID, Number: "1"})
	if err != nil {
		t.Fatal(err)
	}
	number := func(s string) quality.Entry {
		n, err := observation.ParseNumber(s)
		if err != nil {
			t.Fatal(err)
		}
		return quality.Entry{Of: of, Level: "1", Lot: l.ID, Value: n}
	}
	now := b.db.Now()
	_, err = q.SetTarget(ctx, b.tech, quality.Target{Of: of, Level: "1", Lot: l.ID, Mean: number("4.20").Value, SD: number("0.05").Value, From: now.Add(-24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	good, bad := number("4.21"), number("5.90")
	good.At, bad.At = now.Add(-2*time.Hour), now.Add(-time.Minute)
	if _, err := q.Enter(ctx, b.tech, of.Laboratory, []quality.Entry{good, bad}); err != nil {
		t.Fatal(err)
	}
	return func() {
		holds, err := q.Holds(ctx, b.tech, quality.HoldFilter{Waiting: true, Page: store.Page{Limit: 10}})
		if err != nil || len(holds) != 1 {
			t.Fatalf("%+v %v", holds, err)
		}
		if _, err := q.Rule(ctx, b.tech, holds[0].ID, quality.Release, "另一台仪器复核"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Tick(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACorrectionThatWasHeldTakesThePlaceOfWhatItCorrects(t *testing.T) {
	for _, way := range []string{"ruling", "override"} {
		t.Run(way, func(t *testing.T) {
			storetest.EachDB(t, func(t *testing.T, db *store.DB) {
				b := newBench(t, db, storetest.Dir(t))
				ctx := t.Context()
				link := finalLink
				id := b.send(t, b.lis, link, oru("M1", "F1", at(1), potassiumOf("4.10", "F")+"|c702")).Reports[0].Report
				_ = b.get(t, b.lis, id, Shown)
				release := b.failing(t, "c702")
				b.send(t, b.lis, link, oru("M2", "F1", at(2), potassiumOf("4.60", "C")+"|c702"))
				work := b.get(t, b.tech, id, Working)
				i := slices.IndexFunc(work.Rows, func(r Row) bool { return r.Latest })
				if values(b.get(t, b.lis, id, Shown)) != "K=4.10/final" || work.Rows[i].Judged.Held == "" {
					t.Fatalf("in view %s, held %q", values(b.get(t, b.lis, id, Shown)), work.Rows[i].Judged.Held)
				}
				if way == "ruling" {
					release()
				} else if _, err := b.ValidateRows(ctx, b.reviewer, id, Override, []string{work.Rows[i].ID}, "另一台仪器复核"); err != nil {
					t.Fatal(err)
				}
				if k := b.get(t, b.lis, id, Shown); values(k) != "K=4.60/corrected" {
					t.Errorf("in view: %s", values(k))
				}
				if recalls, err := b.Recalls(ctx, b.lis, true, "", 10); err != nil || len(recalls) != 1 {
					t.Errorf("%+v %v", recalls, err)
				}
			})
		})
	}
}

func TestAProfileThatNoLongerReadsAParkedMessageStopsNobody(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		profiles := map[string]string{"l1": "final: true\n", "l2": "final: true\n", "l3": "final: true\n"}
		b.opt.Link = func(_ context.Context, id string) (Link, error) { return Link{ID: id, Profile: profiles[id]}, nil }
		for _, id := range []string{"l1", "l2", "l3"} {
			nobody := strings.Replace(string(oru("M-"+id, "F"+id, at(1), potassium)), "PID|1||E1^^^SUWU^PI||赵^秀英||19550304|F", "PID|1", 1) + "SPM|1|B" + id + "||SER^血清^HL70487\r"
			if st := b.send(t, b.lis, Link{ID: id, Profile: profiles[id]}, []byte(nobody)); st.Reports[0].Parked == "" {
				t.Fatalf("%+v", st)
			}
		}
		profiles["l1"] = "no: profile\n"               // nothing can be read by it
		profiles["l2"] = "skip:\n  - {code: 2823-3}\n" // or nothing is left
		for _, id := range []string{"l1", "l2", "l3"} {
			if _, err := b.unpark(ctx, "B"+id); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		waiting, err := b.ListParked(ctx, b.lis, "", 10)
		if err != nil || len(waiting) != 3 || waiting[0].Reason == "no order of this specimen is known yet" {
			t.Errorf("%+v %v", waiting, err)
		}
	})
}
