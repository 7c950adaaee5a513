package specimen

import (
	"context"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func sent(control observation.Control, placer, item string, change ...func(*observation.Order)) observation.Order {
	o := observation.Order{
		Control: control, Placer: placer, Group: "G1", Service: observation.Coding{Code: item}, Priority: record.Routine,
		Patient:   record.Demographics{LocalID: "P7", Name: "李四", Sex: record.Female, BirthDate: record.Date{Year: 1960, Month: 1, Day: 2}},
		OrderedAt: time.Date(2026, 3, 5, 7, 0, 0, 0, time.UTC),
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func (h *shop) take(o observation.Order) (id OrderID, err error) {
	h.t.Helper()
	err = h.db.Tx(context.Background(), func(tx *store.Tx) (err error) {
		tx.As(suwu)
		id, err = h.Take(context.Background(), tx, suwu, o)
		return err
	})
	return id, err
}

func (h *shop) taken(o observation.Order) OrderID {
	h.t.Helper()
	id, err := h.take(o)
	must(h.t, err)
	return id
}

func (h *shop) order(id OrderID) Order {
	h.t.Helper()
	o, err := h.Order(context.Background(), suwu, id)
	must(h.t, err)
	return o
}

func TestOrdersOfOtherSystems(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		a := h.taken(sent(observation.NewOrder, "A1", "K"))
		if b := h.taken(sent(observation.NewOrder, "A2", "LIVER")); b != a {
			t.Error("one group, two orders")
		}
		if b := h.taken(sent(observation.NewOrder, "A1", "K")); b != a {
			t.Error("the same again is another order")
		}
		o := h.order(a)
		if len(o.Lines) != 2 || len(o.Specimens) != 1 || o.Number != "G1" || o.Lines[1].Placer != "A2" {
			t.Fatalf("%+v", o)
		}
		if _, err := h.take(sent(observation.NewOrder, "A3", "CBC", func(o *observation.Order) {
			o.Patient = record.Demographics{LocalID: "P8", Name: "赵六", Sex: record.Male}
		})); record.KindOf(err) != record.Conflict {
			t.Errorf("two patients in a group: %v", err)
		}
		h.taken(sent(observation.ChangeOrder, "A1", "K", func(o *observation.Order) { o.Priority, o.OrderedAt = record.Stat, o.OrderedAt.Add(time.Minute) }))
		h.taken(sent(observation.ChangeOrder, "A1", "K", func(o *observation.Order) { o.OrderedAt = o.OrderedAt.Add(time.Second) })) // older, came late
		if o := h.order(a); o.Priority != record.Stat || o.Specimens[0].Priority != record.Stat {
			t.Errorf("%+v", o)
		}
		h.taken(sent(observation.ChangeOrder, "A2", "CBC", func(o *observation.Order) { o.OrderedAt = o.OrderedAt.Add(time.Hour) }))
		o = h.order(a)
		if len(o.Lines) != 3 || o.Lines[1].Status != LineCancelled || o.Lines[2].Code != "CBC" || o.Lines[2].Placer != "A2" || len(o.Specimens) != 2 {
			t.Errorf("%+v", o.Lines)
		}
	})
}

func TestCancellationsOfOtherSystems(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		if id := h.taken(sent(observation.CancelOrder, "B1", "K")); id != "" {
			t.Errorf("an order of a cancellation: %s", id)
		}
		o := h.order(h.taken(sent(observation.NewOrder, "B1", "K")))
		if o.Lines[0].Status != LineCancelled || len(o.Specimens) != 0 {
			t.Errorf("cancelled before it came: %+v", o)
		}
		id := h.taken(sent(observation.NewOrder, "B2", "LIVER"))
		h.taken(sent(observation.CancelOrder, "B2", "LIVER"))
		h.taken(sent(observation.CancelOrder, "B2", "LIVER"))
		h.taken(sent(observation.NewOrder, "B2", "LIVER")) // the first again, late
		if o = h.order(id); o.Lines[1].Status != LineCancelled || o.Specimens[0].State != Cancelled {
			t.Errorf("%+v", o)
		}
		h.taken(sent(observation.NewOrder, "B3", "CBC"))
		sp := h.order(id).Specimens[1]
		h.scan(suwu, sp.ID, Collect)
		h.scan(county, sp.ID, Receive)
		_, err := h.Waiting(ctx, county, sp.Barcode)
		must(t, err)
		_, err = h.take(sent(observation.CancelOrder, "B3", "CBC"))
		wantKind(t, err, record.Precondition)
		h.taken(sent(observation.CancelOrder, "B3", "CBC", func(o *observation.Order) { o.Notes = []string{"wrong patient"} }))
		if o = h.order(id); o.Lines[2].Status != LineCancelled || o.Lines[2].CancelReason != "wrong patient" {
			t.Errorf("%+v", o.Lines[2])
		}
	})
}

// TestBarcodesOfTheSender: two hospitals count from 1; at one laboratory their tubes are told apart or nobody guesses.
func TestBarcodesOfTheSender(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		id := h.taken(sent(observation.NewOrder, "C1", "K", func(o *observation.Order) {
			o.Specimen = observation.Specimen{ID: "000123", CollectedAt: time.Date(2026, 3, 5, 7, 30, 0, 0, time.UTC)}
		}))
		h.taken(sent(observation.NewOrder, "C2", "LIVER", func(o *observation.Order) { o.Specimen.ID = "000123" }))
		o := h.order(id)
		if len(o.Specimens) != 1 || o.Specimens[0].State != Collected || o.Specimens[0].Issuer != storetest.Suwu || len(o.Specimens[0].Lines) != 2 {
			t.Fatalf("%+v", o.Specimens)
		}
		find := func() (sp Specimen, ok bool, err error) {
			return h.ByBarcode(ctx, h.db, storetest.LeadHospital, "000123")
		}
		if sp, ok, err := find(); err != nil || !ok || sp.ID != o.Specimens[0].ID {
			t.Errorf("%v %v", ok, err)
		}
		must(t, h.db.Tx(ctx, func(tx *store.Tx) error {
			_, err := h.Take(ctx, tx, dongba, sent(observation.NewOrder, "C1", "K", func(o *observation.Order) { o.Specimen.ID = "000123" }))
			return err
		}))
		_, ok, err := find()
		if ok || record.KindOf(err) != record.Conflict {
			t.Errorf("guessed: %v %v", ok, err)
		}
		if _, ok, err := h.ByBarcode(ctx, h.db, storetest.LiangzhouHospital, "000123"); ok || err != nil {
			t.Errorf("known elsewhere: %v %v", ok, err)
		}
		_, err = h.take(sent(observation.NewOrder, "C9", "CBC", func(o *observation.Order) {
			o.Group, o.Specimen.ID, o.Patient = "G9", "000123", record.Demographics{LocalID: "P9", Name: "孙七", Sex: record.Male}
		}))
		wantKind(t, err, record.Conflict)
	})
}

func TestWarningsBeforeTheNeedle(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		first := h.create("K", "CBC")
		h.clock.move(time.Hour)
		second, warnings, err := h.Create(ctx, suwu, order("P1", "K"))
		must(t, err)
		if len(warnings) != 1 || warnings[0].Item != "K" || warnings[0].Title != "钾" || warnings[0].Reported || second.Patient != first.Patient {
			t.Errorf("%+v", warnings)
		}
		again, err := h.Check(ctx, suwu, first.Patient, order("", "CBC", "LIVER"))
		must(t, err)
		if len(again) != 1 || again[0].Item != "CBC" {
			t.Errorf("%+v", again)
		}
		h.clock.move(8 * 24 * time.Hour)
		if again, err = h.Check(ctx, suwu, first.Patient, order("", "CBC")); err != nil || len(again) != 0 {
			t.Errorf("%+v %v", again, err)
		}
		if _, err = h.Check(ctx, dongba, first.Patient, order("", "CBC")); record.KindOf(err) != record.NotFound {
			t.Errorf("of somebody else's patient: %v", err)
		}
	})
}

func TestOrdersChangeAndEnd(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		o := h.create("K", "CBC")
		_, err := h.Update(ctx, suwu, o.ID, "9", func(*Order) {})
		wantKind(t, err, record.Conflict)
		o, err = h.Update(ctx, suwu, o.ID, o.Etag(), func(o *Order) {
			o.Priority, o.Clinical, o.Patient = record.Urgent, "发热", "somebody-else"
			o.Lines = append(o.Lines, Line{Item: observation.Coding{Code: "LIVER"}})
		})
		must(t, err)
		if o.Priority != record.Urgent || o.Clinical != "发热" || len(o.Lines) != 3 || len(o.Specimens) != 2 || o.Patient == "somebody-else" {
			t.Errorf("%+v", o)
		}
		o, err = h.CancelLines(ctx, suwu, o.ID, "", []LineID{o.Lines[1].ID}, "开错")
		must(t, err)
		if o.Lines[1].Status != LineCancelled || o.Specimens[1].State != Cancelled || o.Specimens[0].State != Planned {
			t.Errorf("%+v", o)
		}
		for name, s := range map[string]record.Scope{"another clinic": dongba, "the laboratory": county} {
			if _, err := h.Order(ctx, s, o.ID); record.KindOf(err) != record.NotFound {
				t.Errorf("%s reads the order: %v", name, err)
			}
		}
		if _, err := h.Order(ctx, reader, o.ID); err != nil {
			t.Error(err)
		}
		found, next, err := h.Orders(ctx, suwu, OrderFilter{Name: "王", Status: LineOpen, Limit: 1})
		must(t, err)
		if len(found) != 1 || next != "" {
			t.Errorf("%d %s", len(found), next)
		}
		_, _, err = h.Create(ctx, suwu, Order{Number: string(o.ID), Who: record.Demographics{Name: "甲"}, Lines: []Line{{Item: observation.Coding{Code: "K"}}}})
		wantKind(t, err, record.Conflict)
	})
}
