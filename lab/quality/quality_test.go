package quality

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// bay is a desk over a county, with a clock that tests set.
type bay struct {
	*Desk
	t     *testing.T
	clock *atomic.Int64
	lot   LotID
}

var (
	monday  = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // 08:00 in China
	glucose = Series{storetest.LeadHospital, "c702", "GLU"}
	nurse   = at(storetest.LeadHospital)
	other   = at(storetest.LiangzhouHospital)
	bureau  = keeper() // who registers certificates for the laboratories of the county
)

func keeper() record.Scope {
	s := at(storetest.MinqinCommunity)
	s.Institutions = append(s.Institutions, storetest.LeadHospital)
	slices.Sort(s.Institutions)
	return s
}

// at is a scope of one institution.
func at(i record.InstitutionID) record.Scope {
	return record.Scope{
		Actor: record.Actor{Kind: record.ActorUser, ID: "u1", Institution: i, Display: "检验师甲"}, Purpose: record.Treatment,
		Institutions: []record.InstitutionID{i}, Own: i,
	}
}

// each runs fn over both databases, with a registered lot of two levels and assigned targets of 5 ± 0.1 and 15 ± 0.3.
func each(t *testing.T, fn func(t *testing.T, b *bay)) {
	t.Helper()
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		fn(t, newBay(t, db))
	})
}

func newBay(t *testing.T, db *store.DB) *bay {
	t.Helper()
	b := &bay{Desk: New(db, Options{}), t: t, clock: new(atomic.Int64)}
	m := must(b.AddMaterial(t.Context(), nurse, Material{Laboratory: glucose.Laboratory, Name: "复合生化质控", Manufacturer: "示例", Matrix: "serum"}))(t)
	l := must(b.AddLot(t.Context(), nurse, Lot{Laboratory: glucose.Laboratory, Material: m.ID, Number: "L2301", Levels: []string{"1", "2"}}))(t)
	b.lot = l.ID
	return b
}

func (b *bay) targets(of Series) {
	b.t.Helper()
	for level, x := range map[string][2]string{"1": {"5.00", "0.10"}, "2": {"15.0", "0.3"}} {
		must(b.SetTarget(b.t.Context(), nurse, Target{
			Of: of, Level: level, Lot: b.lot, Mean: dec(b.t, x[0]), SD: dec(b.t, x[1]), From: monday.AddDate(0, 0, -60), Reason: "说明书",
		}))(b.t)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantKind(t *testing.T, err error, k record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != k {
		t.Fatalf("%v, want %s", err, k)
	}
}

func dec(t testing.TB, s string) *apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// enter enters one point of the glucose series.
func (b *bay) enter(level, run, value string, when time.Time) Point {
	b.t.Helper()
	return must(b.Enter(b.t.Context(), nurse, glucose.Laboratory, []Entry{{
		Of: glucose, Level: level, Lot: b.lot, Run: run, Value: dec(b.t, value), At: when,
	}}))(b.t)[0]
}

func (b *bay) state(when time.Time) State {
	b.t.Helper()
	return must(b.StateKnown(b.t.Context(), b.db, glucose, when, b.db.Now().Add(time.Hour)))(b.t)
}

func (b *bay) wantState(when time.Time, want record.QCVerdict) State {
	b.t.Helper()
	st := b.state(when)
	if st.Internal != want {
		b.t.Fatalf("at %s: %+v, want %s", when, st, want)
	}
	return st
}

// wantHeld checks whether results measured at instants are held: "+" for held, "-" for free.
func (b *bay) wantHeld(when ...any) {
	b.t.Helper()
	for i := 0; i < len(when); i += 2 {
		_, held, err := b.Held(b.t.Context(), b.db, glucose.Laboratory, glucose.Device, glucose.Analyte, when[i].(time.Time))
		if err != nil {
			b.t.Fatal(err)
		}
		if held != (when[i+1] == "+") {
			b.t.Errorf("result of %s: held %v", when[i], held)
		}
	}
}

func (b *bay) holds() []Hold {
	b.t.Helper()
	return must(b.Holds(b.t.Context(), nurse, HoldFilter{}))(b.t)
}

// acts lists the acts of this room's events, in their order, without those of setting up.
func (b *bay) acts() []string {
	b.t.Helper()
	events := must(b.db.Events(b.t.Context(), store.EventFilter{Acts: []string{"qc.rejected", "qc.restored", "qc.released", "qc.repeat", "qc.withdrawn"}}))(b.t)
	var out []string
	for _, e := range events {
		out = append(out, e.Act)
	}
	return out
}

func (b *bay) wantActs(want ...string) {
	b.t.Helper()
	if got := b.acts(); !slices.Equal(got, want) {
		b.t.Errorf("events %v, want %v", got, want)
	}
}

func hour(h int) time.Time { return monday.Add(time.Duration(h) * time.Hour) }

func TestAFailingControlHoldsUntilAGoodOneAndADecision(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.wantState(hour(0), record.QCNone)
		b.targets(glucose)
		if p := b.enter("1", "r1", "5.05", hour(0)); p.Decision != westgard.Accept || p.Z != "0.500" {
			t.Fatalf("%+v", p)
		}
		b.enter("2", "r1", "15.1", hour(0))
		b.wantState(hour(1), record.QCInControl)
		b.wantHeld(hour(1), "-")

		p := b.enter("1", "r2", "5.31", hour(8))
		if p.Decision != westgard.Reject || p.Hits[1].Rule != westgard.R13s {
			t.Fatalf("%+v", p)
		}
		b.enter("2", "r2", "15.0", hour(8))
		st := b.wantState(hour(9), record.QCOutOfControl)
		if st.Point != p.ID || !slices.Contains(st.Rules, westgard.R13s) {
			t.Errorf("%+v", st)
		}
		b.wantState(hour(7), record.QCInControl)
		b.wantHeld(hour(0), "-", hour(1), "+", hour(8), "+", hour(20), "+")
		h := b.holds()[0]
		_, err := b.Rule(t.Context(), nurse, h.ID, Repeat, "复查")
		wantKind(t, err, record.Precondition)

		act := must(b.Log(t.Context(), nurse, Action{Of: glucose, Hold: h.ID, At: hour(9), Cause: "试剂变质", Correction: "更换试剂并校准", Restart: true}))(t)
		if p := b.enter("1", "r3", "5.02", hour(10)); p.Decision != westgard.Accept {
			t.Fatalf("%+v", p)
		}
		b.wantState(hour(11), record.QCInControl)
		b.wantHeld(hour(1), "+", hour(9), "+", hour(10), "-", hour(11), "-")
		h = must(b.Rule(t.Context(), nurse, h.ID, Release, "重测留样结果一致"))(t)
		if h.Ruling != Release || h.RulerName != "检验师甲" || h.GoodAt != hour(10) {
			t.Errorf("%+v", h)
		}
		b.wantHeld(hour(1), "-", hour(9), "-")
		b.wantActs("qc.rejected", "qc.restored", "qc.released")
		_, err = b.Rule(t.Context(), nurse, h.ID, Repeat, "again")
		wantKind(t, err, record.Precondition)
		log := must(b.Actions(t.Context(), nurse, ActionFilter{Hold: h.ID}))(t)
		if len(log) != 1 || log[0].ID != act.ID || !log[0].Restart {
			t.Errorf("%+v", log)
		}
	})
}

func TestAVoidedPointLetsGo(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		b.enter("1", "r1", "5.00", hour(0))
		typo := b.enter("1", "r2", "5.25", hour(2))
		after := b.enter("1", "r3", "5.24", hour(3)) // 2_2s with the one before
		if typo.Decision != westgard.Warning || after.Decision != westgard.Reject {
			t.Fatalf("%s %s", typo.Decision, after.Decision)
		}
		before := b.db.Now()
		b.wantHeld(hour(3), "+")
		must(b.Void(t.Context(), nurse, typo.ID, "录入错误"))(t)
		after = must(b.Point(t.Context(), nurse, after.ID))(t)
		if after.Decision != westgard.Warning {
			t.Fatalf("%+v", after)
		}
		b.wantHeld(hour(3), "-")
		b.wantActs("qc.rejected", "qc.withdrawn")
		b.wantState(hour(4), record.QCWarning)
		if st := must(b.StateKnown(t.Context(), b.db, glucose, hour(4), before))(t); st.Internal != record.QCOutOfControl {
			t.Errorf("as it was known before: %+v", st)
		}
		_, err := b.Void(t.Context(), nurse, typo.ID, "again")
		wantKind(t, err, record.Precondition)
		_, err = b.Void(t.Context(), other, after.ID, "not mine")
		wantKind(t, err, record.NotFound)
	})
}

func TestALatePointIsJudgedWhereItBelongs(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		b.enter("1", "r1", "5.00", hour(0))
		b.enter("1", "r3", "5.24", hour(4))
		b.enter("1", "r4", "5.01", hour(6))
		b.wantHeld(hour(5), "-")
		b.enter("1", "r2", "5.23", hour(3)) // between: makes r3 break 2_2s
		b.wantHeld(hour(2), "-", hour(3), "-", hour(5), "+", hour(6), "-", hour(7), "-")
		b.wantActs("qc.rejected", "qc.restored")
	})
}

func TestEveryLevelOfThePlanMustBeControlled(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		must(b.SetPlan(t.Context(), nurse, glucose, Plan{Levels: []string{"1", "2"}, Daily: true, Unit: "mmol/L"}))(t)
		b.enterUnits("1", "5.0", hour(0))
		b.wantState(hour(1), record.QCNone)
		b.enterUnits("2", "15.0", hour(0))
		b.wantState(hour(1), record.QCInControl)
		b.wantState(hour(15), record.QCInControl) // 23:00 in China
		b.wantState(hour(16), record.QCNone)      // midnight
	})
}

func (b *bay) enterUnits(level, value string, when time.Time) {
	b.t.Helper()
	must(b.Enter(b.t.Context(), nurse, glucose.Laboratory, []Entry{{Of: glucose, Level: level, Lot: b.lot, Value: dec(b.t, value), Unit: "mmol/L", At: when}}))(b.t)
}

func TestEstablishment(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		must(b.SetPlan(t.Context(), nurse, glucose, Plan{Points: 20, Days: 5}))(t)
		target := Target{Of: glucose, Level: "1", Lot: b.lot, Source: Provisional}
		start := b.db.Now().AddDate(0, 0, -12)
		for i := range 20 {
			if i == 19 {
				_, err := b.Establish(t.Context(), nurse, target)
				wantKind(t, err, record.Precondition)
			}
			p := b.enter("1", fmt.Sprint("e", i), fmt.Sprintf("5.0%d", i%10), start.Add(time.Duration(i)*12*time.Hour))
			if p.Decision != Establishing {
				t.Fatalf("%+v", p)
			}
		}
		b.wantState(start.Add(230*time.Hour), record.QCEstablishing)
		_, err := b.Establish(t.Context(), nurse, Target{Of: glucose, Level: "1", Lot: b.lot, Source: Fixed})
		wantKind(t, err, record.Precondition)
		wild := b.enter("1", "wild", "9.9", start.Add(240*time.Hour))
		got := must(b.Establish(t.Context(), nurse, target))(t)
		if got.N != 20 || got.Dropped != 1 || got.Mean.Text('f') != "5.045" || got.Source != Provisional {
			t.Errorf("%+v", got)
		}
		p := b.enter("1", "now", "5.05", b.db.Now())
		if p.Decision != westgard.Accept || p.Target != got.ID {
			t.Errorf("%+v", p)
		}
		if wild = must(b.Point(t.Context(), nurse, wild.ID))(t); wild.Decision != Establishing {
			t.Errorf("a target judges what was before it: %+v", wild)
		}
		if st := b.state(b.db.Now()); st.Internal != record.QCInControl || !st.Provisional {
			t.Errorf("%+v", st)
		}
		must(b.Establish(t.Context(), nurse, Target{Of: glucose, Level: "1", Lot: b.lot, Source: Fixed}))(t)
		all := must(b.Targets(t.Context(), nurse, glucose))(t)
		if len(all) != 2 || all[0].Source != Fixed || all[0].N != 21 {
			t.Errorf("%+v", all)
		}
	})
}

func TestEntriesAreTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		e := Entry{Of: glucose, Level: "1", Lot: b.lot, Value: dec(t, "5.10"), At: hour(1), ClientID: "c1"}
		first := must(b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{e}))(t)[0]
		again := must(b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{e}))(t)[0]
		if !again.Already || again.ID != first.ID || first.Already {
			t.Errorf("%+v", again)
		}
		e.Value = dec(t, "5.1") // other digits are another entry
		_, err := b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{e})
		wantKind(t, err, record.Conflict)
		for name, bad := range map[string]func(*Entry){
			"level of another lot": func(e *Entry) { e.Level = "3" },
			"unknown lot":          func(e *Entry) { e.Lot = "x" },
			"in the future":        func(e *Entry) { e.At = b.db.Now().Add(time.Hour) },
			"no value":             func(e *Entry) { e.Value = nil },
			"two lines":            func(e *Entry) { e.Operator = "a\nb" },
		} {
			good, wrong := e, e
			good.ClientID, wrong.ClientID = "", ""
			bad(&wrong)
			if _, err := b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{good, wrong}); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		if _, err := b.Enter(t.Context(), other, glucose.Laboratory, []Entry{e}); record.KindOf(err) != record.Denied {
			t.Errorf("%v", err)
		}
		points := must(store.List(t.Context(), b.db, `SELECT COUNT(*) FROM qc_points`, nil, func(n *int) []any { return []any{n} }))(t)
		if points[0] != 1 {
			t.Errorf("%d points", points[0])
		}
	})
}

func TestAnExpiredLotProvesNothing(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		must(b.UpdateLot(t.Context(), nurse, b.lot, func(l *Lot) { l.OpenedAt, l.OpenDays = hour(0), 7 }))(t)
		if p := b.enter("1", "r1", "5.0", hour(1)); p.Decision != westgard.Accept {
			t.Fatalf("%+v", p)
		}
		p := b.enter("1", "r2", "5.0", hour(24*7+1))
		if p.Decision != westgard.Blocked || p.Hits[0].Rule != ExpiredLot {
			t.Fatalf("%+v", p)
		}
		b.wantState(hour(24*7+2), record.QCOutOfControl)
	})
}

func TestStateIsOfTheWorstAnalyserWhenNoneIsNamed(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		second := Series{glucose.Laboratory, "c311", "GLU"}
		b.targets(glucose)
		b.targets(second)
		b.enter("1", "r1", "5.0", hour(0))
		must(b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{{Of: second, Level: "1", Lot: b.lot, Value: dec(t, "6.0"), At: hour(0)}}))(t)
		for device, want := range map[string]record.QCVerdict{"c702": record.QCInControl, "c311": record.QCOutOfControl, "": record.QCOutOfControl, "x": record.QCNone} {
			st := must(b.StateKnown(t.Context(), b.db, Series{glucose.Laboratory, device, "GLU"}, hour(1), b.db.Now()))(t)
			if st.Internal != want {
				t.Errorf("%q: %s", device, st.Internal)
			}
		}
	})
}

func TestCertificates(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		ctx := context.Background()
		cert := Certificate{
			Laboratory: glucose.Laboratory, Number: "G-2026-17", Issuer: "甘肃省临床检验中心", Scope: "province:gansu", Analytes: []string{"GLU", "K", "GLU"},
			From: monday, Until: monday.AddDate(1, 0, 0),
		}
		c := must(b.Certify(ctx, bureau, cert))(t)
		_, err := b.Certify(ctx, bureau, cert)
		wantKind(t, err, record.Conflict)
		_, err = b.Certify(ctx, other, cert)
		wantKind(t, err, record.Denied)
		_, err = b.Certify(ctx, nurse, cert) // its own laboratory
		wantKind(t, err, record.Denied)
		for _, x := range []struct {
			analyte string
			at      time.Time
			want    string
		}{
			{"GLU", monday, c.Number},
			{"K", monday.AddDate(0, 11, 0), c.Number},
			{"NA", monday, ""},
			{"GLU", monday.Add(-1), ""},
			{"GLU", monday.AddDate(1, 0, 0), ""},
		} {
			st := must(b.StateKnown(ctx, b.db, Series{glucose.Laboratory, "c702", x.analyte}, x.at, b.db.Now()))(t)
			if st.External != x.want {
				t.Errorf("%s %s: %q", x.analyte, x.at, st.External)
			}
		}
		wide := cert
		wide.Number, wide.Scope, wide.Until = "N-1", "national", monday.AddDate(0, 1, 0)
		w := must(b.Certify(ctx, bureau, wide))(t)
		if st := b.state(monday); st.External != "N-1" || st.Scope != "national" || !st.Until.Equal(w.Until) {
			t.Errorf("%+v", st)
		}
		known := b.db.Now()
		must(b.Revoke(ctx, nurse, w.ID, time.Time{}, "弄虚作假"))(t)
		if st := b.state(monday); st.External != c.Number {
			t.Errorf("%+v", st)
		}
		if st := must(b.StateKnown(ctx, b.db, glucose, monday, known))(t); st.External != "N-1" {
			t.Errorf("as it was known: %+v", st)
		}
		if got := must(b.Certificates(ctx, nurse, CertificateFilter{Analyte: "K", ValidAt: monday}))(t); len(got) != 1 || len(got[0].Analytes) != 2 {
			t.Errorf("%+v", got)
		}
	})
}
