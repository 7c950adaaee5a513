package specimen

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// hand is the clock of a test: it stands until it is moved.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (h *hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// shop is a desk over a database with the county of the tests.
type shop struct {
	*Desk
	t     testing.TB
	db    *store.DB
	clock *hand
}

// both runs fn over SQLite and, where there is one, PostgreSQL.
func both(t *testing.T, fn func(t *testing.T, h *shop)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, newShop(t, "sqlite:"+t.TempDir()+"/index.sqlite", Options{})) })
	t.Run("postgres", func(t *testing.T) { fn(t, newShop(t, storetest.PostgresURL(t), Options{})) })
}

func newShop(t testing.TB, url string, opt Options) *shop {
	t.Helper()
	c := &hand{at: time.Date(2026, 3, 5, 8, 0, 0, 0, time.UTC)}
	db, err := store.Open(context.Background(), url, store.Options{Keys: storetest.Keys(t), Now: c.now})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	storetest.County(t, db)
	if opt.Needs == nil {
		opt.Needs = needs
	}
	if opt.Stability == nil {
		opt.Stability = keeps
	}
	return &shop{Desk: New(db, opt), t: t, db: db, clock: c}
}

var (
	serum  = observation.Coding{Code: "SER", Text: "血清"}
	whole  = observation.Coding{Code: "BLDV", Text: "全血"}
	gel    = observation.Coding{Code: "SST", Text: "黄管"}
	purple = observation.Coding{Code: "EDTA", Text: "紫管"}
)

var onSale = map[string]Need{
	"K":     {Item: "K", Title: "钾", Type: serum, Container: gel, Temperature: "fridge", Analytes: []string{"K"}},
	"LIVER": {Item: "LIVER", Title: "肝功能", Type: serum, Container: gel, Temperature: "fridge", Labels: 2, Analytes: []string{"ALT", "AST"}},
	"CBC":   {Item: "CBC", Title: "血常规", Type: whole, Container: purple, Analytes: []string{"WBC", "RBC", "PLT"}},
	"GLU":   {Item: "GLU", Title: "葡萄糖", Type: serum, Container: gel, Alone: true},
}

func needs(_ context.Context, _ record.InstitutionID, item observation.Coding) (Need, bool) {
	n, ok := onSale[item.Code]
	return n, ok
}

func keeps(context.Context, record.InstitutionID) Keeps {
	return func(analyte, _, temperature string) (time.Duration, bool) {
		switch {
		case analyte == "K" && temperature == ambient:
			return time.Hour, true
		case analyte == "K":
			return 6 * time.Hour, true
		case analyte == "ALT":
			return 48 * time.Hour, true
		}
		return 0, false
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, k record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != k {
		t.Fatalf("%v, want %s", err, k)
	}
}

func at(i record.InstitutionID, more ...record.InstitutionID) record.Scope {
	all := append([]record.InstitutionID{i}, more...)
	slices.Sort(all)
	return record.Scope{Actor: record.Actor{Kind: record.ActorUser, ID: "u-" + string(i), Institution: i}, Purpose: record.Treatment, Institutions: all}
}

var (
	suwu   = at(storetest.Suwu)
	dongba = at(storetest.Dongba)
	county = at(storetest.LeadHospital)
	reader = at(storetest.LeadHospital, storetest.Suwu, storetest.Dongba)
)

func order(who string, items ...string) Order {
	o := Order{Who: record.Demographics{
		LocalID: record.Personal(who), Name: "王小明", Sex: record.Male, BirthDate: record.Date{Year: 1980, Month: 3, Day: 7},
	}}
	for _, i := range items {
		o.Lines = append(o.Lines, Line{Item: observation.Coding{Code: i}})
	}
	return o
}

func (h *shop) create(items ...string) Order {
	h.t.Helper()
	o, _, err := h.Create(context.Background(), suwu, order("P1", items...))
	must(h.t, err)
	return o
}

// scan does acts on a tube, each a minute after the other; it fails the test when one is refused.
func (h *shop) scan(s record.Scope, sp SpecimenID, acts ...Act) Scanned {
	h.t.Helper()
	var last Scanned
	for _, a := range acts {
		h.clock.move(time.Minute)
		sc := Scan{Specimen: sp, Act: a}
		if a == Reject {
			sc.Reason = "RH"
		}
		last = h.one(s, sc)
		if last.Err != nil || last.Outcome != Applied {
			h.t.Fatalf("%s: %s %v", a, last.Outcome, last.Err)
		}
	}
	return last
}

func (h *shop) one(s record.Scope, sc Scan) Scanned {
	h.t.Helper()
	out, err := h.Record(context.Background(), s, []Scan{sc})
	must(h.t, err)
	return out[0]
}

func (h *shop) specimen(id SpecimenID) Specimen {
	h.t.Helper()
	sp, err := specimenOf(context.Background(), h.db, id)
	must(h.t, err)
	return sp
}

func TestItemsShareTubes(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		o := h.create("K", "LIVER", "CBC", "GLU")
		var got [][]string
		codes := map[string]bool{}
		for _, sp := range o.Specimens {
			var items []string
			for _, l := range sp.Lines {
				items = append(items, l.Code)
			}
			got = append(got, items)
			if _, _, ok := ParseTube(sp.Barcode); !ok || codes[sp.Barcode] || sp.Laboratory != storetest.LeadHospital {
				t.Errorf("tube %+v", sp)
			}
			codes[sp.Barcode] = true
		}
		if d := cmp.Diff([][]string{{"K", "LIVER"}, {"CBC"}, {"GLU"}}, got); d != "" {
			t.Error(d)
		}
		if o.Status() != LineOpen || o.Patient == "" || o.Grade != record.Certain {
			t.Errorf("%+v", o)
		}
	})
}

func TestATubeGoesItsWay(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		o := h.create("K", "LIVER")
		id := o.Specimens[0].ID
		h.scan(suwu, id, Collect, Pack, Dispatch)
		if r := h.one(dongba, Scan{Barcode: o.Specimens[0].Barcode, Act: Receive}); record.KindOf(r.Err) != record.NotFound {
			t.Errorf("a stranger: %v", r.Err)
		}
		if r := h.one(county, Scan{Specimen: id, Act: Pack}); record.KindOf(r.Err) != record.Denied {
			t.Errorf("the laboratory packs: %v", r.Err)
		}
		if r := h.one(suwu, Scan{Specimen: id, Act: Collect}); record.KindOf(r.Err) != record.Precondition {
			t.Errorf("collected twice: %v", r.Err)
		}
		h.scan(county, id, Receive)
		asked, err := h.Waiting(ctx, county, o.Specimens[0].Barcode)
		must(t, err)
		if len(asked) != 2 || asked[1].Service.Code != "LIVER" || len(asked[1].Items) != 2 || asked[0].Patient.Name != "王小明" {
			t.Errorf("%+v", asked)
		}
		if sp := h.specimen(id); sp.State != Analysis || sp.Lines[0].Status != LineAnalysis || len(sp.Flags) != 0 {
			t.Errorf("%+v", sp)
		}
		must(t, h.db.Tx(ctx, func(tx *store.Tx) error {
			sp, ok, err := h.ByBarcode(ctx, tx, storetest.LeadHospital, o.Specimens[0].Barcode)
			if err != nil || !ok || sp.ID != id || sp.Patient != o.Patient || len(sp.Lines) != 2 {
				t.Errorf("%+v %v %v", sp, ok, err)
			}
			return h.Reported(ctx, tx, id, "K", "ALT")
		}))
		if sp := h.specimen(id); sp.State != Analysis || sp.Lines[0].Status != LineReported || sp.Lines[1].Status != LineAnalysis {
			t.Errorf("%+v", sp)
		}
		must(t, h.db.Tx(ctx, func(tx *store.Tx) error { return h.Reported(ctx, tx, id, "AST", "not ordered") }))
		sp := h.specimen(id)
		if sp.State != Reported || len(sp.Turnaround()) != len(Segments) {
			t.Errorf("%+v", sp)
		}
		if again, err := h.Waiting(ctx, county, sp.Barcode); err != nil || len(again) != 0 {
			t.Errorf("%v %v", again, err)
		}
		h.scan(county, id, Store, Discard)

		short := h.create("CBC").Specimens[0]
		for _, items := range [][]string{{"LIVER"}, {"CBC"}} {
			must(t, h.db.Tx(ctx, func(tx *store.Tx) error {
				if err := h.Reported(ctx, tx, short.ID, "WBC"); err != nil { // the analyser has no platelets
					return err
				}
				return h.Completed(ctx, tx, short.ID, items...)
			}))
			want := map[string]State{"LIVER": Analysis, "CBC": Reported}[items[0]]
			if sp := h.specimen(short.ID); sp.State != want {
				t.Errorf("%v complete: %s", items, sp.State)
			}
		}
		must(t, h.db.Tx(ctx, func(tx *store.Tx) error { return h.Reopened(ctx, tx, short.ID, "WBC") }))
		if sp := h.specimen(short.ID); sp.State != Analysis || len(sp.Lines[0].Missing()) != 1 {
			t.Errorf("%+v", sp)
		}
	})
}
