package specimen

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestABoxIsReconciled(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		box, err := h.CreateBox(ctx, suwu, Box{})
		must(t, err)
		if !validBox(box.Barcode) || box.Laboratory != storetest.LeadHospital {
			t.Errorf("%+v", box)
		}
		var ids []SpecimenID
		var codes []string
		for range 4 {
			sp := h.create("K").Specimens[0]
			ids, codes = append(ids, sp.ID), append(codes, sp.Barcode)
			h.scan(suwu, sp.ID, Collect)
			if r := h.one(suwu, Scan{Barcode: sp.Barcode, Act: Pack, Box: box.Barcode}); r.Outcome != Applied {
				t.Fatalf("%+v", r)
			}
		}
		stray := h.create("K").Specimens[0]
		h.scan(suwu, stray.ID, Collect)
		h.scan(suwu, ids[3], Unpack) // forgotten on the bench
		_, err = h.Arrive(ctx, dongba, string(box.ID))
		wantKind(t, err, record.NotFound)
		_, err = h.Seal(ctx, suwu, box.Barcode, "S-77")
		must(t, err)
		if r := h.one(suwu, Scan{Specimen: ids[3], Act: Pack, Box: box.Barcode}); record.KindOf(r.Err) != record.Precondition {
			t.Errorf("packed into a sealed box: %v", r.Err)
		}
		_, err = h.HandOver(ctx, suwu, box.Barcode, "甘H12345")
		must(t, err)
		if h.specimen(ids[0]).State != Transport || h.specimen(ids[3]).State != Collected {
			t.Errorf("%s %s", h.specimen(ids[0]).State, h.specimen(ids[3]).State)
		}
		_, err = h.Unload(ctx, county, box.Barcode, []Scan{{Barcode: codes[0]}})
		wantKind(t, err, record.Precondition)
		for range 2 {
			_, err = h.Arrive(ctx, county, box.Barcode)
			must(t, err)
		}
		out, err := h.Unload(ctx, county, box.Barcode, []Scan{
			{Barcode: codes[0]}, {Barcode: codes[1], Act: Reject, Reason: "RB"}, {Barcode: stray.Barcode}, {Barcode: "NOBODY-1"},
		})
		must(t, err)
		if out[0].State != Received || out[1].State != Rejected || out[2].State != Received || record.KindOf(out[3].Err) != record.NotFound {
			t.Errorf("%+v", out)
		}
		_, err = h.Close(ctx, county, box.Barcode)
		must(t, err)
		m, err := h.Manifest(ctx, county, box.Barcode)
		must(t, err)
		got := map[string]Finding{}
		for _, r := range m.Rows {
			got[r.Barcode] = r.Finding()
		}
		if d := cmp.Diff(map[string]Finding{
			codes[0]: FoundReceived, codes[1]: FoundRejected, codes[2]: FoundMissing, stray.Barcode: FoundUnexpected, "NOBODY-1": FoundUnexpected,
		}, got); d != "" {
			t.Error(d)
		}
		if sp := h.specimen(ids[2]); h.ListOf(&sp) != AllLost || !sp.Has(FlagMissing) {
			t.Errorf("%+v", sp)
		}
		if sp := h.specimen(stray.ID); !sp.Has(FlagOtherBox) {
			t.Errorf("%v", sp.Flags)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(m.CSV(h.Zone()), "\uFEFF"))).ReadAll()
		if err != nil || len(rows) != 6 || !strings.Contains(m.Text(h.Zone()), "S-77") || strings.Contains(m.Text(h.Zone()), "王") {
			t.Errorf("%v %v\n%s", err, rows, m.Text(h.Zone()))
		}
		h.scan(county, ids[2], Receive) // it was under the seat
		if sp := h.specimen(ids[2]); sp.Has(FlagMissing) || h.ListOf(&sp) != AtLaboratory {
			t.Errorf("%+v", sp)
		}
		h.wantOrderly(0)
	})
}

func TestAWarmBoxMarksItsTubes(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		box, err := h.CreateBox(ctx, suwu, Box{})
		must(t, err)
		sp := h.create("K").Specimens[0]
		h.scan(suwu, sp.ID, Collect)
		h.one(suwu, Scan{Specimen: sp.ID, Act: Pack, Box: string(box.ID)})
		_, err = h.HandOver(ctx, suwu, box.Barcode, "")
		must(t, err)
		collected := h.specimen(sp.ID).CollectedAt
		if got := h.specimen(sp.ID); !got.DeadlineAt.Equal(collected.Add(6*time.Hour)) || got.DeadlineAnalyte != "K" {
			t.Errorf("%+v", got)
		}
		var series []Reading
		for i := range 250 {
			series = append(series, Reading{At: collected.Add(time.Duration(i) * time.Minute), MilliC: 4000 + i, Source: "L1"})
		}
		c, err := h.Temperatures(ctx, suwu, box.Barcode, series)
		must(t, err)
		if c.Count != 250 || c.MaxMilliC != 4249 || c.OutOfRange != 0 || slices.Contains(h.specimen(sp.ID).Flags, FlagTemperature) {
			t.Errorf("%+v", c)
		}
		if c, err = h.Temperatures(ctx, county, box.Barcode, append(series, Reading{At: collected.Add(time.Hour + time.Second), MilliC: 12_500})); err != nil || c.Count != 251 || c.OutOfRange != 1 {
			t.Errorf("%+v %v", c, err)
		}
		got := h.specimen(sp.ID)
		if !got.Has(FlagTemperature) || !got.DeadlineAt.Equal(collected.Add(time.Hour)) {
			t.Errorf("%+v", got)
		}
		e, err := h.Expired(ctx, h.db, sp.ID, "K", collected.Add(2*time.Hour))
		if err != nil || !e.Expired || !e.OutOfRange || !e.Blocks() {
			t.Errorf("%+v %v", e, err)
		}
		_, err = h.Temperatures(ctx, county, box.Barcode, []Reading{{At: collected, MilliC: 99_000}})
		wantKind(t, err, record.Invalid)
	})
}

func TestExpiredTubes(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		sp := h.create("K", "LIVER").Specimens[0]
		h.scan(suwu, sp.ID, Collect)
		at := h.specimen(sp.ID).CollectedAt
		for _, x := range []struct {
			name    string
			analyte string
			after   time.Duration
			expired bool
		}{
			{"in time", "K", 6 * time.Hour, false},
			{"too late", "K", 6*time.Hour + time.Microsecond, true},
			{"keeps longer", "ALT", 7 * time.Hour, false},
			{"nothing known", "AST", 1000 * time.Hour, false},
		} {
			e, err := h.Expired(ctx, h.db, sp.ID, x.analyte, at.Add(x.after))
			if err != nil || e.Expired != x.expired {
				t.Errorf("%s: %+v %v", x.name, e, err)
			}
		}
		find := func() int {
			found, _, err := h.Find(ctx, suwu, Filter{Expiring: true})
			must(t, err)
			return len(found)
		}
		if n := find(); n != 0 {
			t.Errorf("%d expire", n)
		}
		h.clock.move(5 * time.Hour)
		if n := find(); n != 1 {
			t.Errorf("%d expire", n)
		}
		must(t, h.db.Tx(ctx, func(tx *store.Tx) error { return h.Reported(ctx, tx, sp.ID, "K") }))
		if got := h.specimen(sp.ID); got.DeadlineAnalyte != "ALT" || !got.Has(FlagUnscanned) {
			t.Errorf("%+v", got)
		}
	})
}

// TestTwoServersNeverGiveOneNumber: they share a database and nothing else.
func TestTwoServersNeverGiveOneNumber(t *testing.T) {
	urls := map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + t.TempDir() + "/index.sqlite" },
		"postgres": func() string { return storetest.PostgresURL(t) },
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			if name == "postgres" {
				storetest.PostgresURL(t) // skips where there is none
			}
			address := url()
			a := newShop(t, address, Options{})
			db, err := store.Open(context.Background(), address, store.Options{Keys: storetest.Keys(t)})
			must(t, err)
			defer func() { must(t, db.Close()) }()
			b := New(db, Options{})
			seen := map[string]bool{}
			var mu sync.Mutex
			var wg sync.WaitGroup
			for i := range 8 {
				d := []*Desk{a.Desk, b}[i%2]
				s := []record.Scope{suwu, dongba}[i/2%2]
				wg.Go(func() {
					for range 5 {
						block, err := d.Reserve(context.Background(), s, "", 20, fmt.Sprint("printer ", i))
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						for _, code := range block.Barcodes() {
							if seen[code] {
								t.Errorf("%s was given twice", code)
							}
							seen[code] = true
						}
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if len(seen) != 8*5*20 {
				t.Errorf("%d numbers", len(seen))
			}
		})
	}
}

func TestPrintedLabelsAreStuckOnAtCollection(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		mine, err := h.Reserve(ctx, suwu, "", 3, "printer")
		must(t, err)
		theirs, err := h.Reserve(ctx, dongba, "", 3, "printer")
		must(t, err)
		o := order("P1", "K")
		o.Preprinted = true
		o, _, err = h.Create(ctx, suwu, o)
		must(t, err)
		id := o.Specimens[0].ID
		if o.Specimens[0].Barcode != "" {
			t.Errorf("%+v", o.Specimens[0])
		}
		_, err = h.Labels(ctx, suwu, []SpecimenID{id})
		wantKind(t, err, record.Precondition)
		for name, x := range map[string]struct {
			code string
			kind record.Kind
		}{
			"another clinic's": {theirs.Barcodes()[0], record.Conflict},
			"blank":            {"  a b ", record.Invalid},
		} {
			if r := h.one(suwu, Scan{Specimen: id, Barcode: x.code, Act: Collect}); record.KindOf(r.Err) != x.kind {
				t.Errorf("%s: %v", name, r.Err)
			}
		}
		code := mine.Barcodes()[1]
		if r := h.one(suwu, Scan{Specimen: id, Barcode: code, Act: Collect}); r.Outcome != Applied || r.Barcode != code {
			t.Fatalf("%+v", r)
		}
		other := h.create("CBC").Specimens[0]
		if r := h.one(suwu, Scan{Specimen: other.ID, Barcode: code, Act: Collect}); record.KindOf(r.Err) != record.Conflict {
			t.Errorf("one label on two tubes: %v", r.Err)
		}
		if r := h.one(suwu, Scan{Specimen: other.ID, Barcode: mine.Barcodes()[2], Act: Collect}); r.Outcome != Applied {
			t.Errorf("%+v", r)
		}
		if _, _, err := h.Lookup(ctx, suwu, other.Barcode); record.KindOf(err) != record.NotFound {
			t.Errorf("the label that was thrown away: %v", err)
		}
	})
}

func TestAliquots(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		sp := h.create("K", "LIVER").Specimens[0]
		h.scan(suwu, sp.ID, Collect, Dispatch)
		_, err := h.Split(ctx, county, sp.ID, []Portion{{}})
		wantKind(t, err, record.Precondition)
		h.scan(county, sp.ID, Receive)
		_, err = h.Split(ctx, suwu, sp.ID, []Portion{{}})
		wantKind(t, err, record.Denied)
		made, err := h.Split(ctx, county, sp.ID, []Portion{{Lines: []LineID{sp.Lines[1].ID}, Volume: "0.5 mL"}, {}})
		must(t, err)
		parent := h.specimen(sp.ID)
		if len(made) != 2 || made[0].Parent != sp.ID || made[0].State != Received || len(made[0].Lines) != 1 || !made[0].CollectedAt.Equal(parent.CollectedAt) {
			t.Errorf("%+v", made)
		}
		if len(parent.Lines) != 1 || !parent.Has(FlagSplit) || made[0].Has(FlagSplit) {
			t.Errorf("%+v", parent)
		}
		asked, err := h.Waiting(ctx, county, made[0].Barcode)
		if err != nil || len(asked) != 1 || asked[0].Service.Code != "LIVER" {
			t.Errorf("%+v %v", asked, err)
		}
	})
}

func TestAllThatCameSince(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		for range 3 {
			sp := h.create("K", "CBC").Specimens[0]
			h.scan(suwu, sp.ID, Collect, Dispatch)
			h.scan(county, sp.ID, Receive)
		}
		all, err := h.WaitingSince(ctx, county, h.clock.now().Add(-time.Hour), 100)
		must(t, err)
		if len(all) != 3 {
			t.Errorf("%+v", all)
		}
		if all, err = h.WaitingSince(ctx, dongba, h.clock.now().Add(-time.Hour), 100); err != nil || len(all) != 0 {
			t.Errorf("%+v %v", all, err)
		}
		if all, err = h.WaitingSince(ctx, county, h.clock.now().Add(time.Second), 100); err != nil || len(all) != 0 {
			t.Errorf("%+v %v", all, err)
		}
		sums, err := h.Turnarounds(ctx, reader, h.clock.now().Add(-time.Hour), h.clock.now())
		must(t, err)
		if len(sums) != 2 || sums[0].Segment != OrderToCollect || sums[1].Count != 3 || sums[1].Median != 2*time.Minute {
			t.Errorf("%+v", sums)
		}
	})
}
