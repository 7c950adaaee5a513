package quality

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestAssessment(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		ctx := t.Context()
		bureau := record.Scope{Actor: record.Actor{ID: "b"}, Institutions: []record.InstitutionID{storetest.Gansu}}
		p := must(b.AddProgramme(ctx, bureau, Programme{Owner: storetest.Gansu, Organiser: "甘肃省临床检验中心", Scope: "province:gansu", Name: "常规化学", Year: 2026}))(t)
		now := b.db.Now()
		round := Round{
			Programme: p.ID, Name: "第1次", OpensAt: now.Add(-time.Hour), ClosesAt: now.Add(time.Hour),
			Laboratories: []record.InstitutionID{storetest.LeadHospital, storetest.LiangzhouHospital},
		}
		for i := range 5 {
			round.Samples = append(round.Samples, Sample{Sample: fmt.Sprint("2026", i), Analyte: "GLU", Unit: "mmol/L"})
		}
		r := must(b.AddRound(ctx, bureau, round))(t)
		_, err := b.AddRound(ctx, nurse, round)
		wantKind(t, err, record.Denied)
		submit := func(s record.Scope, l record.InstitutionID, values ...string) error {
			var vs []Submission
			for i, v := range values {
				vs = append(vs, Submission{Sample: fmt.Sprint("2026", i), Analyte: "GLU", Value: dec(t, v)})
			}
			return b.Submit(ctx, s, l, r.ID, vs)
		}
		for _, err := range []error{
			submit(nurse, storetest.LeadHospital, "9", "5.00", "5.35", "4.65", "5.36"),
			submit(nurse, storetest.LeadHospital, "5.10"), // a later value of the first sample
			submit(other, storetest.LiangzhouHospital, "5.36", "5.0", "5.0", "5.0"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, submit(other, storetest.LeadHospital, "5"), record.Denied)
		wantKind(t, b.Submit(ctx, nurse, storetest.LeadHospital, r.ID, []Submission{{Sample: "x", Analyte: "GLU", Value: dec(t, "5")}}), record.NotFound)
		var told []Sample
		for _, x := range round.Samples {
			x.Target, x.TEa, x.SD = dec(t, "5.00"), dec(t, "7"), dec(t, "0.1")
			told = append(told, x)
		}
		_, err = b.Publish(ctx, bureau, r.ID, told)
		wantKind(t, err, record.Precondition) // still open
		_, err = b.Scores(ctx, nurse, r.ID, "")
		wantKind(t, err, record.Precondition)
		err = b.db.Tx(ctx, func(tx *store.Tx) error { // an hour later
			_, err := tx.Exec(ctx, `UPDATE eqa_rounds SET opens_at = opens_at - $1, closes_at = closes_at - $1`, time.Hour.Microseconds()+1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, submit(nurse, storetest.LeadHospital, "5"), record.Precondition)
		_, err = b.Publish(ctx, bureau, r.ID, told[:4])
		wantKind(t, err, record.Invalid)
		must(b.Publish(ctx, bureau, r.ID, told))(t)
		_, err = b.Publish(ctx, bureau, r.ID, told)
		wantKind(t, err, record.Precondition)

		mine := must(b.Scores(ctx, nurse, r.ID, ""))(t)
		if len(mine) != 1 || mine[0].Acceptable != 4 || !mine[0].Passed || observation.Digits(mine[0].Percent) != "80" {
			t.Errorf("%+v", mine)
		}
		if g := mine[0].Samples[2]; !g.Acceptable || observation.Digits(g.Deviation) != "7" || observation.Digits(g.Z) != "3.500" {
			t.Errorf("exactly at the limit: %+v", g)
		}
		all := must(b.Scores(ctx, bureau, r.ID, ""))(t)
		if len(all) != 2 || all[0].Passed || all[0].Acceptable != 3 || all[0].Samples[4].Submitted {
			t.Errorf("%+v", all)
		}
		_, err = b.Round(ctx, at(storetest.Dongba), r.ID)
		wantKind(t, err, record.NotFound)
		if list := must(b.Rounds(ctx, other, "", store.Page{}))(t); len(list) != 1 {
			t.Errorf("%+v", list)
		}
	})
}

func TestMonth(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		must(b.SetPlan(t.Context(), nurse, glucose, Plan{TEa: dec(t, "7")}))(t)
		for i, v := range []string{"5.10", "4.90", "5.10", "4.90", "5.25", "9.99"} {
			b.enter("1", fmt.Sprint(i), v, hour(24*i))
		}
		typo := b.enter("1", "typo", "50", hour(24*7))
		must(b.Void(t.Context(), nurse, typo.ID, "小数点"))(t)
		b.enter("1", "april", "5.0", hour(24*40))
		ms, next, err := b.Months(t.Context(), nurse, MonthFilter{Laboratory: glucose.Laboratory, Year: 2026, Month: time.March})
		if err != nil || next != "" || len(ms) != 1 {
			t.Fatalf("%+v %v", ms, err)
		}
		m := ms[0]
		if m.N != 6 || m.Rejected != 1 || m.Warnings != 1 || m.Voided != 1 || m.In.N != 5 || m.All.N != 6 || observation.Digits(m.Rate) != "83.3333333333" {
			t.Errorf("%+v", m)
		}
		if observation.Digits(m.In.Mean) != "5.05" || observation.Digits(m.Bias) != "1" || m.Sigma == nil {
			t.Errorf("%+v", m)
		}
	})
}

func TestBoard(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		for i, v := range []string{"5.0", "6.0", "5.0"} {
			of := Series{glucose.Laboratory, fmt.Sprint("a", i), "GLU"}
			b.targets(of)
			must(b.Enter(t.Context(), nurse, of.Laboratory, []Entry{{Of: of, Level: "1", Lot: b.lot, Value: dec(t, v), At: hour(0)}}))(t)
		}
		f := BoardFilter{Laboratory: glucose.Laboratory, At: hour(1), Page: store.Page{Limit: 2}}
		first, next, err := b.Board(t.Context(), nurse, f)
		if err != nil || len(first) != 2 || next == "" {
			t.Fatalf("%+v %v", first, err)
		}
		f.Page.After = next
		rest, next, err := b.Board(t.Context(), nurse, f)
		if err != nil || len(rest) != 1 || next != "" {
			t.Fatalf("%+v %v", rest, err)
		}
		bad, _, err := b.Board(t.Context(), nurse, BoardFilter{At: hour(1), Internal: []record.QCVerdict{record.QCOutOfControl}})
		if err != nil || len(bad) != 1 || bad[0].Of.Device != "a1" || bad[0].Waiting != 1 || !bad[0].LastAt.Equal(hour(0)) {
			t.Fatalf("%+v %v", bad, err)
		}
		if theirs, _, err := b.Board(t.Context(), other, BoardFilter{}); err != nil || len(theirs) != 0 {
			t.Errorf("%+v %v", theirs, err)
		}
	})
}

// TestStateOfThePastStays holds what the law asks for: what was known at an instant can be read again later.
func TestStateOfThePastStays(t *testing.T) {
	var clock atomic.Int64
	tick := func(to time.Time) { clock.Store(to.UnixMicro()) }
	tick(hour(0))
	db, err := store.Open(t.Context(), "sqlite:"+t.TempDir()+"/index.sqlite", store.Options{
		Keys: storetest.Keys(t), Now: func() time.Time { return time.UnixMicro(clock.Load()).UTC() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	storetest.County(t, db)
	b := newBay(t, db)
	b.targets(glucose)
	type seen struct {
		at    time.Time
		state State
	}
	var all []seen
	look := func() {
		at := db.Now()
		all = append(all, seen{at, must(b.StateOf(t.Context(), db, glucose.Laboratory, glucose.Device, glucose.Analyte, at))(t)})
		tick(at.Add(time.Hour))
	}
	look()
	b.enter("1", "r1", "5.05", db.Now())
	look()
	bad := b.enter("1", "r2", "5.24", db.Now())
	look()
	worse := b.enter("1", "r3", "5.26", db.Now())
	look()
	must(b.Void(t.Context(), nurse, bad.ID, "错"))(t)
	look()
	must(b.Log(t.Context(), nurse, Action{Of: glucose, Cause: "x", Correction: "y", Restart: true, At: worse.At.Add(-time.Minute)}))(t)
	must(b.SetPlan(t.Context(), nurse, glucose, Plan{Levels: []string{"1", "2"}}))(t)
	look()
	c := must(b.Certify(t.Context(), bureau, Certificate{
		Laboratory: glucose.Laboratory, Number: "1", Issuer: "i", Scope: "national", Analytes: []string{"GLU"}, From: hour(-1000), Until: hour(1000),
	}))(t)
	look()
	must(b.Revoke(t.Context(), nurse, c.ID, time.Time{}, "x"))(t)
	must(b.UpdateLot(t.Context(), nurse, b.lot, func(l *Lot) { l.ClosedAt = db.Now() }))(t)
	look()
	var verdicts []record.QCVerdict
	for _, s := range all {
		verdicts = append(verdicts, s.state.Internal)
		again := must(b.StateOf(t.Context(), db, glucose.Laboratory, glucose.Device, glucose.Analyte, s.at))(t)
		if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", s.state) {
			t.Errorf("at %s: was %+v, is now %+v", s.at, s.state, again)
		}
	}
	want := []record.QCVerdict{"none", "in_control", "warning", "out_of_control", "warning", "none", "none", "none"}
	if fmt.Sprint(verdicts) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", verdicts, want)
	}
	if all[6].state.External != "1" || all[7].state.External != "" {
		t.Errorf("%+v", all[6:])
	}
}
