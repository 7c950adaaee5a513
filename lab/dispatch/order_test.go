package dispatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// clinic is a township that orders at the county's laboratory, whose system is the hospital.
type clinic struct {
	*site
	desk    *specimen.Desk
	orderer record.Scope
}

func newClinic(t *testing.T, db *store.DB, opt Options) *clinic {
	s := newSite(t, db, opt)
	c := &clinic{s, s.centre.Specimens(), s.admin}
	s.admin = scopeOf(record.ActorUser, "lead", storetest.LeadHospital, storetest.LeadHospital)
	return c
}

func items(codes ...string) []specimen.Line {
	var out []specimen.Line
	for _, c := range codes {
		out = append(out, specimen.Line{Item: observation.Coding{Code: c, Text: "项目" + c, System: "99HIS"}})
	}
	return out
}

// order makes an order of a person with items; change may say more of it.
func (c *clinic) order(person, number string, lines []specimen.Line, change ...func(*specimen.Order)) specimen.Order {
	c.t.Helper()
	born, _ := record.ParseDate("1955-03-04")
	o := specimen.Order{
		Laboratory: storetest.LeadHospital, Number: number, Priority: record.Stat, Ward: "内科", Orderer: "李医生", Clinical: "乏力待查", Lines: lines,
		Who: record.Demographics{LocalID: record.Personal(person), Name: "赵秀英", BirthDate: born, Sex: record.Female},
	}
	for _, f := range change {
		f(&o)
	}
	made, _, err := c.desk.Create(c.t.Context(), c.orderer, o)
	if err != nil {
		c.t.Fatal(err)
	}
	return made
}

func (c *clinic) wantsOrders(h *hospital, profile string) Subscription {
	return c.subscribe(Subscription{Kind: MLLP, Endpoint: h.address, Orders: true, Profile: profile})
}

// lines are the orders that a laboratory's system was told, by message.
func (h *hospital) lines(profile string) []string {
	h.t.Helper()
	p, err := v2.ParseProfile([]byte(profile))
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, x := range h.seen() {
		m, err := hl7.Parse(x.body, p.Options())
		if err != nil {
			h.t.Fatal(err)
		}
		d, err := v2.Decode(m, p)
		if err != nil {
			h.t.Fatal(err)
		}
		text := []string{d.Type}
		for _, o := range d.Orders {
			text = append(text, fmt.Sprintf("%s %s %s^%s %s %s %s %s %s", o.Control, o.Placer, o.Service.Code, o.Service.System, o.Specimen.ID,
				o.Patient.LocalID.Reveal(), o.Patient.Name.Reveal(), o.Priority, o.Clinical))
		}
		out = append(out, strings.Join(text, "; "))
	}
	return out
}

func (c *clinic) done(sub Subscription, h *hospital, n int) func() bool {
	return func() bool { return len(h.seen()) == n && c.see(sub.ID).Open == 0 }
}

func TestAnOrderReachesTheLaboratoryInAllItsStates(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		c := newClinic(t, db, quick)
		h := newHospital(t, always("AA"))
		c.order("E0", "A0", items("K")) // before the subscription: not told
		sub := c.wantsOrders(h, "")
		c.run(c.Desk)
		c.take("E1", "F1", 1, "4.10|F") // its results are not asked for
		c.order("E9", "A9", items("K"), func(o *specimen.Order) { o.Laboratory = storetest.Suwu })
		o := c.order("E1", "A1", items("K", "NA"))
		eventually(t, "the order", c.done(sub, h, 1))

		o, err := c.desk.Update(t.Context(), c.orderer, o.ID, "", func(o *specimen.Order) { o.Lines = append(o.Lines, items("CL")...) })
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "one more", c.done(sub, h, 2))
		if o, err = c.desk.CancelLines(t.Context(), c.orderer, o.ID, "", []specimen.LineID{o.Lines[1].ID}, "重复"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a cancellation", c.done(sub, h, 3))
		if o, err = c.desk.Update(t.Context(), c.orderer, o.ID, "", func(o *specimen.Order) { o.Clinical = "低钾" }); err != nil {
			t.Fatal(err)
		}
		eventually(t, "other words", c.done(sub, h, 4))
		if o, err = c.desk.CancelLines(t.Context(), c.orderer, o.ID, "", nil, "转院"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end", c.done(sub, h, 5))

		bar := o.Specimens[0].Barcode
		line := func(control, code, clinical string) string {
			return "; " + control + " A1 " + code + "^99HIS " + bar + " E1 赵秀英 STAT " + clinical
		}
		want := []string{
			"OML^O21" + line("NW", "K", "乏力待查") + line("NW", "NA", "乏力待查"),
			"OML^O21" + line("NW", "CL", "乏力待查"),
			"OML^O21" + line("CA", "NA", "乏力待查"),
			"OML^O21" + line("XO", "K", "低钾") + line("XO", "CL", "低钾"),
			"OML^O21" + line("CA", "K", "低钾") + line("CA", "CL", "低钾"),
		}
		if diff := cmp.Diff(want, h.lines("")); diff != "" || len(bar) == 0 || len(o.Specimens) != 1 {
			t.Error(diff)
		}
		noted, err := db.Events(t.Context(), store.EventFilter{Acts: []string{orderDelivered}, Limit: 100})
		if err != nil || len(noted) != 5 {
			t.Fatalf("%d notes: %v", len(noted), err)
		}
		if e := noted[0]; e.Object != string(o.ID) || e.Institution != storetest.Suwu || e.Patient != o.Patient || e.Actor.ID != string(sub.ID) ||
			e.Detail["laboratory"] != string(storetest.LeadHospital) {
			t.Errorf("%+v", e)
		}
		all, err := c.Deliveries(t.Context(), c.admin, Filter{Order: o.ID, Limit: 10})
		if err != nil || len(all) != 5 || all[0].Order() != o.ID || all[0].Report != "" {
			t.Errorf("%d %v", len(all), err)
		}
	})
}

func TestOrdersWaitForALaboratoryThatIsAway(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		c := newClinic(t, db, quick)
		h := newHospital(t, always("AA"))
		h.down()
		const profile = "order: ORM^O01\nversion: '2.4'\ncharset: GB18030\nfields: {barcode: [OBR-18]}\n"
		sub := c.wantsOrders(h, profile)
		c.run(c.Desk)
		first := c.order("E1", "A1", items("K", "NA"))
		second := c.order("E2", "A2", items("K"))
		third := c.order("E1", "A3", items("CL"))
		eventually(t, "trouble", func() bool { return c.see(sub.ID).Trouble != "" && c.see(sub.ID).Open == 3 })
		if _, err := c.desk.CancelLines(t.Context(), c.orderer, first.ID, "", []specimen.LineID{first.Lines[0].ID}, "重复"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.desk.CancelLines(t.Context(), c.orderer, second.ID, "", nil, "转院"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "merged", func() bool {
			all := c.outbox(sub.ID)
			return len(all) == 3 && all[0].Act == orderCancelled && all[1].Act == orderCancelled
		})
		h.up()
		eventually(t, "all", c.done(sub, h, 2))
		line := func(number, code string, o specimen.Order) string {
			return "ORM^O01; NW " + number + " " + code + "^99HIS " + o.Specimens[0].Barcode + " E1 赵秀英 STAT 乏力待查"
		}
		if diff := cmp.Diff([]string{line("A1", "NA", first), line("A3", "CL", third)}, h.lines(profile)); diff != "" {
			t.Error(diff)
		}
		if got := c.states(sub.ID); got != "delivered skipped delivered" { // what never left need not be cancelled
			t.Error(got)
		}
	})
}

func TestOrdersThatAreNotTaken(t *testing.T) {
	for _, x := range []struct {
		name    string
		answers []string
		want    string // the controls of the messages
	}{
		{"not now", []string{"AE", "AA", "AA"}, "NW NW CA"},
		{"the answer is lost", []string{"shut", "AA", "AA"}, "NW NW CA"},
		{"an answer to another message", []string{"other", "AA", "AA"}, "NW NW CA"},
		{"refused", []string{"AR", "AA"}, "NW"}, // what is not there need not be cancelled
		{"refused after no answer", []string{"shut", "AR", "AA"}, "NW NW CA"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newClinic(t, storetest.SQLite(t), quick)
			h := newHospital(t, func(n int, _ letter) string { return x.answers[min(n, len(x.answers)-1)] })
			sub := c.wantsOrders(h, "")
			c.run(c.Desk)
			o := c.order("E1", "A1", items("K"))
			eventually(t, "the order", func() bool { s := c.states(sub.ID); return s == "delivered" || s == "refused" })
			if _, err := c.desk.CancelLines(t.Context(), c.orderer, o.ID, "", nil, "转院"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the cancellation", c.done(sub, h, len(strings.Fields(x.want))))
			var got []string
			for _, text := range h.lines("") {
				got = append(got, strings.Fields(text)[1])
			}
			if strings.Join(got, " ") != x.want {
				t.Errorf("%v", got)
			}
			if all := h.seen(); strings.HasPrefix(x.want, "NW NW") && all[0].number != all[1].number {
				t.Error("MSH-10 changed")
			}
		})
	}
}

func TestABarcodeThatComesLater(t *testing.T) {
	c := newClinic(t, storetest.SQLite(t), quick)
	h := newHospital(t, always("AA"))
	sub := c.wantsOrders(h, "")
	c.run(c.Desk)
	o := c.order("E1", "A1", items("K"), func(o *specimen.Order) { o.Preprinted = true })
	plain := c.order("E2", "A2", items("K"))
	eventually(t, "the orders", c.done(sub, h, 2))
	b, err := c.desk.Reserve(t.Context(), c.orderer, storetest.Suwu, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	scans := []specimen.Scan{
		{Specimen: plain.Specimens[0].ID, Act: specimen.Collect}, {Specimen: o.Specimens[0].ID, Barcode: b.Barcodes()[0], Act: specimen.Collect},
	}
	if _, err := c.desk.Record(t.Context(), c.orderer, scans); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the barcode", c.done(sub, h, 3))
	if got := h.lines("")[2]; !strings.Contains(got, "XO A1 K^99HIS "+b.Barcodes()[0]) {
		t.Error(got)
	}
	time.Sleep(50 * time.Millisecond)
	if n := len(h.seen()); n != 3 { // that a tube was collected is no news of its order
		t.Errorf("%d messages", n)
	}
}

func TestResultsBesideOrders(t *testing.T) {
	c := newClinic(t, storetest.SQLite(t), quick)
	if _, _, err := c.Subscribe(t.Context(), c.admin, Subscription{Kind: Webhook, Name: "x", Endpoint: "http://127.0.0.1:1/", Orders: true}); record.KindOf(err) != record.Invalid {
		t.Errorf("orders by webhook: %v", err)
	}
	h := newHospital(t, always("AA"))
	c.admin = c.orderer
	sub := c.subscribe(Subscription{Kind: MLLP, Endpoint: h.address, Orders: true, Results: true})
	if !sub.Orders || !sub.Results {
		t.Errorf("%+v", sub)
	}
	sub.Name = "LIS"
	if changed, _, err := c.Update(t.Context(), c.admin, sub, false); err != nil || !changed.Orders || !changed.Results {
		t.Errorf("%+v %v", changed, err)
	}
	c.run(c.Desk)
	c.order("E1", "A1", items("K"), func(o *specimen.Order) { o.Laboratory = storetest.Suwu })
	eventually(t, "the order", c.done(sub, h, 1))
	c.take("E1", "F1", 1, "4.10|F")
	eventually(t, "the result", c.done(sub, h, 2))
	if got := h.got()[1]; got != "F1:2823-3=4.10/F" {
		t.Error(got)
	}
}
