package quality

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// TestTheOrderOfEntryDoesNotMatter enters points in any order, voids some, and compares with one chart over what is left.
func TestTheOrderOfEntryDoesNotMatter(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		rng := rand.New(rand.NewPCG(7, 8))
		for round := range 6 {
			of := Series{glucose.Laboratory, fmt.Sprint("d", round), "GLU"}
			b.targets(of)
			var entries []Entry
			for i := range 40 {
				v := fmt.Sprintf("%d.%02d", 4+rng.IntN(2), rng.IntN(100))
				if rng.IntN(3) > 0 {
					v = fmt.Sprintf("5.%02d", rng.IntN(25))
				}
				entries = append(entries, Entry{Of: of, Level: "1", Lot: b.lot, Run: fmt.Sprint(i), Value: dec(t, v), At: hour(i)})
			}
			var voided []PointID
			for _, i := range rng.Perm(len(entries)) {
				p := must(b.Enter(t.Context(), nurse, of.Laboratory, []Entry{entries[i]}))(t)[0]
				if rng.IntN(6) == 0 {
					voided = append(voided, p.ID)
				}
			}
			for _, id := range voided {
				must(b.Void(t.Context(), nurse, id, "随机"))(t)
			}
			compareWithOneChart(t, b, of)
		}
	})
}

func compareWithOneChart(t *testing.T, b *bay, of Series) {
	t.Helper()
	points := must(b.Levey(t.Context(), nurse, LeveyFilter{Of: of, Page: store.Page{Limit: 1000}}))(t).Points
	chart := westgard.NewChart(westgard.Default)
	for i := range points {
		p := &points[i]
		j := chart.Add(westgard.Point{ID: string(p.ID), Level: p.Level, Run: p.Run, Value: p.Value, Mean: dec(t, "5.00"), SD: dec(t, "0.10")})
		if j.Decision != p.Decision || fmt.Sprint(j.Hits) != fmt.Sprint(p.Hits) {
			t.Fatalf("point %d is %s %v, want %s %v", i, p.Decision, p.Hits, j.Decision, j.Hits)
		}
	}
	held := func(at time.Time) bool {
		good := time.Time{} // the last good control at or before
		failedAfter := false
		for _, p := range points {
			if p.At.After(at) {
				break
			}
			if p.good() {
				good = p.At
			}
		}
		for _, p := range points { // the first control behind at decides, or the last before
			if !p.At.Before(at) {
				failedAfter = p.failed()
				break
			}
		}
		lastFailed := false
		for _, p := range points {
			if !p.At.After(at) {
				lastFailed = p.failed()
			}
		}
		return lastFailed || failedAfter && !good.Equal(at)
	}
	for i := range 40 {
		for _, at := range []time.Time{hour(i).Add(30 * time.Minute)} {
			_, got, err := b.Held(t.Context(), b.db, of.Laboratory, of.Device, of.Analyte, at)
			if err != nil {
				t.Fatal(err)
			}
			if got != held(at) {
				t.Fatalf("result of %s: held %v", at, got)
			}
		}
	}
}

// TestManyEnterAtOnce holds that nobody loses a point and every point has a number of its own.
func TestManyEnterAtOnce(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		var all sync.WaitGroup
		for w := range 4 {
			all.Go(func() {
				for i := range 10 {
					_, err := b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{{
						Of: glucose, Level: "1", Lot: b.lot, Run: fmt.Sprintf("w%d.%d", w, i), Value: dec(t, "5.00"), At: hour(0).Add(time.Duration(i*4+w) * time.Minute), ClientID: fmt.Sprintf("c%d", i),
					}})
					if err != nil && record.KindOf(err) != record.Conflict { // one of four has the client id
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		points := must(b.Levey(t.Context(), nurse, LeveyFilter{Of: glucose}))(t).Points
		numbers := map[int64]bool{}
		for _, p := range points {
			numbers[p.Number] = true
		}
		if len(points) != 10 || len(numbers) != 10 {
			t.Errorf("%d points, %d numbers", len(points), len(numbers))
		}
	})
}

func TestRunsAreTheGravestOfTheirPoints(t *testing.T) {
	point := func(id, run string, d Decision) Point {
		return Point{ID: PointID(id), Decision: d, Entry: Entry{Of: glucose, Run: run}}
	}
	got := Runs([]Point{
		point("a", "1", westgard.Accept), point("b", "1", westgard.Reject), point("c", "2", Establishing), point("d", "2", westgard.Warning), point("e", "1", westgard.Warning),
	})
	if len(got) != 2 || got[0].Decision != westgard.Reject || len(got[0].Points) != 3 || got[1].Decision != westgard.Warning {
		t.Errorf("%+v", got)
	}
}

func FuzzAnalyserText(f *testing.F) {
	for _, s := range []string{"", "L2301", " a\x00b ", "\xff\xfe", "质控品\n水平1", "a                      b"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = 1 + (n&0x7fffffff)%200
		got := oneLine(s, n)
		if !utf8.ValidString(got) || word("x", got, 0, n) != nil || oneLine(got, n) != got {
			t.Fatalf("%q", got)
		}
		r := control(s, s, hour(0), [3]string{s, s, s})
		r.Results[0].Reagent, r.Results[0].Responsible, r.Specimen.ID = s, s, s
		told := (&Desk{}).tell(glucose.Laboratory, s, r, r.Results[0], hour(1))
		for _, x := range []string{told.Device, told.Code, told.Value, told.Unit, told.Lot, told.Level, told.ReagentLot} {
			if word("x", x, 0, 128) != nil {
				t.Fatalf("%q", x)
			}
		}
		if !record.ValidID(told.client) {
			t.Fatal("client id")
		}
	})
}

// filled is a laboratory of 40 analytes with a year of two levels a day.
func filled(b *testing.B) (*Desk, *store.DB, time.Time) {
	b.Helper()
	db := storetest.SQLite(b)
	storetest.County(b, db)
	d := New(db, Options{})
	ctx := b.Context()
	m := must(d.AddMaterial(ctx, nurse, Material{Laboratory: glucose.Laboratory, Name: "m"}))(b)
	l := must(d.AddLot(ctx, nurse, Lot{Laboratory: glucose.Laboratory, Material: m.ID, Number: "1"}))(b)
	must(d.Certify(ctx, nurse, Certificate{
		Laboratory: glucose.Laboratory, Number: "1", Issuer: "i", Scope: "national", Analytes: []string{"A0", "A1", "A2"}, From: hour(-10000), Until: hour(10000),
	}))(b)
	for a := range 40 {
		of := Series{glucose.Laboratory, "c702", fmt.Sprint("A", a)}
		var entries []Entry
		for level := range 2 {
			must(d.SetTarget(ctx, nurse, Target{Of: of, Level: fmt.Sprint(level), Lot: l.ID, Mean: dec(b, "5.0"), SD: dec(b, "0.1"), From: hour(-10000)}))(b)
			for day := range 240 {
				entries = append(entries, Entry{Of: of, Level: fmt.Sprint(level), Lot: l.ID, Run: fmt.Sprint(day), Value: dec(b, fmt.Sprintf("%d.%d", 4+day%2, 9*(1-day%2))), At: hour(24 * (day - 240)).Add(time.Duration(level) * time.Second)})
			}
		}
		for some := range slices.Chunk(entries, MaxEntries) {
			must(d.Enter(ctx, nurse, glucose.Laboratory, some))(b)
		}
	}
	return d, db, hour(-20)
}

func BenchmarkStateOf(b *testing.B) {
	d, db, at := filled(b)
	for i := 0; b.Loop(); i++ {
		st, err := d.StateKnown(b.Context(), db, Series{glucose.Laboratory, "c702", fmt.Sprint("A", i%40)}, at, db.Now())
		if err != nil || st.Internal == record.QCNone {
			b.Fatal(st, err)
		}
	}
}

func BenchmarkHeld(b *testing.B) {
	d, db, at := filled(b)
	for i := 0; b.Loop(); i++ {
		if _, _, err := d.Held(b.Context(), db, glucose.Laboratory, "c702", fmt.Sprint("A", i%40), at); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEnter(b *testing.B) {
	d, _, _ := filled(b)
	lot := must(d.Lots(b.Context(), nurse, "", false, store.Page{}))(b)[0].ID
	v, err := observation.ParseNumber("5.01")
	if err != nil {
		b.Fatal(err)
	}
	start := hour(1)
	for i := 0; b.Loop(); i++ {
		of := Series{glucose.Laboratory, "c702", fmt.Sprint("A", i%40)}
		must(d.Enter(b.Context(), nurse, glucose.Laboratory, []Entry{{Of: of, Level: "0", Lot: lot, Value: v, At: start.Add(time.Duration(i) * time.Minute)}}))(b)
	}
}
