package quality

import (
	"slices"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// control is a control report as an analyser sends it.
func control(lot, level string, at time.Time, rows ...[3]string) observation.Report {
	r := observation.Report{Control: true, Lot: lot, Level: level}
	for i, row := range rows {
		r.Results = append(r.Results, observation.Result{
			Number: i + 1, Code: observation.Coding{Code: row[0]}, Value: observation.ParseValue(row[1]), Unit: observation.Coding{Text: row[2]}, Status: observation.Final,
			AnalysedAt: at,
		})
	}
	return r
}

var byCode = map[string]string{"GLU-2": "GLU", "K-1": "K"}

func catalogued(r observation.Result) (string, bool) {
	code, ok := byCode[r.Code.Code]
	return code, ok
}

func (b *bay) take(r observation.Report) {
	b.t.Helper()
	err := b.db.Tx(b.t.Context(), func(tx *store.Tx) error {
		tx.As(nurse)
		return b.Take(b.t.Context(), tx, nurse, glucose.Laboratory, glucose.Device, r, catalogued)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestControlsOfAnalysers(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		must(b.SetPlan(t.Context(), nurse, glucose, Plan{Unit: "mmol/L"}))(t)
		b.take(control("L2301", "1", hour(0), [3]string{"GLU-2", "5.01", "mmol/L"}, [3]string{"XYZ", "1.0", "g/L"}, [3]string{"K-1", "<0.1", "mmol/L"}))
		b.take(control("L2301", "2", hour(0).Add(time.Minute), [3]string{"GLU-2", "15.1", "mmol/L"}))
		b.take(control("L2301", "1", hour(0), [3]string{"GLU-2", "5.01", "mmol/L"}, [3]string{"XYZ", "1.0", "g/L"})) // the same again
		b.take(control("L2301", "1", hour(8), [3]string{"GLU-2", "91", "mg/dL"}, [3]string{"GLU-2", "5.55", "mmol/L"}))
		b.take(control("L2301", "9", hour(8), [3]string{"GLU-2", "5.5", "mmol/L"}))
		b.take(control("NEW", "1", hour(9), [3]string{"GLU-2", "4.9", "mmol/L"}))

		page := must(b.Levey(t.Context(), nurse, LeveyFilter{Of: glucose}))(t)
		type row struct {
			value    string
			decision Decision
		}
		var got []row
		for _, p := range page.Points {
			got = append(got, row{observation.Digits(p.Value), p.Decision})
		}
		want := []row{{"5.01", westgard.Accept}, {"15.1", westgard.Accept}, {"5.55", westgard.Reject}, {"4.9", Establishing}}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if page.Points[0].Run != page.Points[1].Run || page.Points[1].Run == page.Points[2].Run || page.Points[0].Origin != ByAnalyser {
			t.Errorf("runs %q %q %q", page.Points[0].Run, page.Points[1].Run, page.Points[2].Run)
		}
		b.wantHeld(hour(1), "+")
		b.wantState(hour(10), record.QCOutOfControl) // the new lot beside it proves nothing yet

		strays := must(b.Strays(t.Context(), nurse, "", true, store.Page{}))(t)
		reasons := map[Reason]int{}
		for _, x := range strays {
			reasons[x.Reason]++
		}
		if len(strays) != 4 || reasons[NoCode] != 1 || reasons[NoNumber] != 1 || reasons[OtherUnit] != 1 || reasons[NoLevel] != 1 {
			t.Errorf("%+v", strays)
		}
		for _, x := range strays {
			if x.Reason == NoCode {
				done := must(b.EnterStray(t.Context(), nurse, x.ID, "XYZ", "1", b.lot, "g/L"))(t)
				if p := must(b.Point(t.Context(), nurse, done.Point))(t); observation.Digits(p.Value) != "1.0" || p.At != hour(0) {
					t.Errorf("%+v", p)
				}
				_, err := b.DismissStray(t.Context(), nurse, x.ID, "again")
				wantKind(t, err, record.Precondition)
			} else {
				must(b.DismissStray(t.Context(), nurse, x.ID, "仪器设置错误"))(t)
			}
		}
		if left := must(b.Strays(t.Context(), nurse, "", true, store.Page{}))(t); len(left) != 0 {
			t.Errorf("%+v", left)
		}
	})
}

func TestALotNamedByAnAnalyserIsTakenOver(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.take(control("N7", "1", hour(0), [3]string{"GLU-2", "5.0", "mmol/L"}))
		all := must(b.Lots(t.Context(), nurse, glucose.Laboratory, true, store.Page{}))(t)
		i := slices.IndexFunc(all, func(l Lot) bool { return l.Number == "N7" })
		if len(all) != 2 || i < 0 || all[i].Material != "" {
			t.Fatalf("%+v", all)
		}
		m := must(b.AddMaterial(t.Context(), nurse, Material{Laboratory: glucose.Laboratory, Name: "新质控"}))(t)
		l := must(b.AddLot(t.Context(), nurse, Lot{Laboratory: glucose.Laboratory, Material: m.ID, Number: "N7", Levels: []string{"1"}}))(t)
		if l.ID != all[i].ID {
			t.Error("the points of the analyser lost their lot")
		}
		b.take(control("N7", "", hour(1), [3]string{"GLU-2", "5.1", "mmol/L"})) // it has one level: that is it
		if page := must(b.Levey(t.Context(), nurse, LeveyFilter{Of: glucose, Lot: l.ID}))(t); len(page.Points) != 2 || len(page.Lots) != 1 {
			t.Errorf("%+v", page)
		}
	})
}

func TestAResultIsOfTheAnalyserItNames(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		r := control("L2301", "1", hour(0), [3]string{"GLU-2", "5.0", "mmol/L"}, [3]string{"K-1", "4.0", "mmol/L"})
		r.Results[1].Device = "ise900"
		b.take(r)
		lines, _, err := b.Board(t.Context(), nurse, BoardFilter{})
		if err != nil || len(lines) != 2 {
			t.Fatalf("%+v %v", lines, err)
		}
		for _, l := range lines {
			if (l.Of.Analyte == "K") != (l.Of.Device == "ise900") {
				t.Errorf("%+v", l.Of)
			}
		}
	})
}

func TestTheLotOfALevelIsFoundAmongLotsOfOneNumber(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		for _, level := range []string{"H", "L"} {
			m := must(b.AddMaterial(t.Context(), nurse, Material{Laboratory: glucose.Laboratory, Name: "质控" + level}))(t)
			must(b.AddLot(t.Context(), nurse, Lot{Laboratory: glucose.Laboratory, Material: m.ID, Number: "55", Levels: []string{level}}))(t)
		}
		for _, level := range []string{"H", "L"} {
			b.take(control("55", level, hour(0), [3]string{"GLU-2", "5.0", "mmol/L"}))
		}
		page := must(b.Levey(t.Context(), nurse, LeveyFilter{Of: glucose}))(t)
		if len(page.Points) != 2 || page.Points[0].Lot == page.Points[1].Lot {
			t.Errorf("%+v", page.Points)
		}
	})
}

func TestLotsChangeBesideEachOther(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		m := must(b.AddMaterial(t.Context(), nurse, Material{Laboratory: glucose.Laboratory, Name: "新质控"}))(t)
		next := must(b.AddLot(t.Context(), nurse, Lot{Laboratory: glucose.Laboratory, Material: m.ID, Number: "N8", Levels: []string{"1"}}))(t)
		enter := func(lot LotID, value string, at time.Time) Point {
			return must(b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{{Of: glucose, Level: "1", Lot: lot, Value: dec(t, value), At: at}}))(t)[0]
		}
		enter(b.lot, "5.05", hour(0))
		if p := enter(next.ID, "7.9", hour(0)); p.Decision != Establishing || p.Run == "" {
			t.Errorf("%+v", p)
		}
		b.wantState(hour(1), record.QCInControl)
		must(b.SetTarget(t.Context(), nurse, Target{Of: glucose, Level: "1", Lot: next.ID, Mean: dec(t, "8.0"), SD: dec(t, "0.1"), From: hour(2)}))(t)
		if p := enter(next.ID, "8.05", hour(8)); p.Decision != westgard.Accept {
			t.Errorf("%+v", p)
		}
		if p := enter(b.lot, "5.40", hour(9)); p.Decision != westgard.Reject {
			t.Errorf("%+v", p)
		}
		b.wantState(hour(10), record.QCOutOfControl)
		must(b.UpdateLot(t.Context(), nurse, b.lot, func(l *Lot) { l.ClosedAt = b.db.Now() }))(t)
		b.wantState(hour(10), record.QCInControl) // the old lot is no longer used
		_, err := b.Enter(t.Context(), nurse, glucose.Laboratory, []Entry{{Of: glucose, Level: "1", Lot: b.lot, Value: dec(t, "5"), At: b.db.Now()}})
		wantKind(t, err, record.Precondition)
	})
}
