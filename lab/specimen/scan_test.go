package specimen

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// TestLateScansAreOrderedByTheirOwnTime: whatever order the scans of a day arrive in, the tube ends where they say.
func TestLateScansAreOrderedByTheirOwnTime(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		acts := []Act{Collect, Pack, Dispatch, Receive, Store}
		for seed := range uint64(12) {
			o := h.create("K")
			id := o.Specimens[0].ID
			begin := h.clock.now()
			h.clock.move(10 * time.Hour)
			order := rand.New(rand.NewPCG(seed, 7)).Perm(len(acts))
			for _, i := range order {
				s := suwu
				if i >= 3 {
					s = county
				}
				r := h.one(s, Scan{ClientID: fmt.Sprintf("c%d-%d", seed, i), Specimen: id, Act: acts[i], At: begin.Add(time.Duration(i+1) * time.Hour)})
				if r.Err != nil || r.Outcome == Refused || r.Outcome == Conflict {
					t.Fatalf("%v: %s %v", order, r.Outcome, r.Err)
				}
			}
			sp, past, err := h.Get(ctx, suwu, id)
			must(t, err)
			if sp.State != Stored || !sp.CollectedAt.Equal(begin.Add(time.Hour)) || !sp.ReceivedAt.Equal(begin.Add(4*time.Hour)) || !sp.Has(FlagLate) {
				t.Errorf("arrived as %v: %s %v", order, sp.State, sp.Flags)
			}
			if sp.Has(FlagWaiting) || sp.Has(FlagUnscanned) || sp.Has(FlagConflict) {
				t.Errorf("arrived as %v: flags %v", order, sp.Flags)
			}
			for _, p := range past {
				if p.Outcome != Applied {
					t.Errorf("%s is %s", p.Act, p.Outcome)
				}
			}
		}
	})
}

func TestTheSameScanAgainIsTheSameScan(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		id := h.create("K").Specimens[0].ID
		sc := Scan{ClientID: "c1", Specimen: id, Act: Collect, At: h.clock.now().Add(-time.Minute)}
		if r := h.one(suwu, sc); r.Outcome != Applied {
			t.Fatalf("%+v", r)
		}
		if r := h.one(suwu, sc); r.Outcome != Already || r.State != Collected {
			t.Errorf("%+v", r)
		}
		other := sc
		other.Act = Discard
		if r := h.one(suwu, other); r.Outcome != Refused || record.KindOf(r.Err) != record.Conflict {
			t.Errorf("another under the same number: %+v", r)
		}
		ahead := h.one(suwu, Scan{Specimen: id, Act: Pack, At: h.clock.now().Add(48 * time.Hour)})
		if ahead.Outcome != Applied || !slices.Contains(ahead.Flags, FlagClock) || h.specimen(id).Since.After(h.clock.now()) {
			t.Errorf("a clock ahead: %+v", ahead)
		}
	})
}

// TestALateScanUndoesNothing: a clinic tells in the evening that the tube broke at noon, and it was measured at two.
func TestALateScanUndoesNothing(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		o := h.create("K")
		id := o.Specimens[0].ID
		h.scan(suwu, id, Collect, Pack, Dispatch)
		noon := h.clock.now().Add(-90 * time.Second)
		h.scan(county, id, Receive, Start)
		r := h.one(suwu, Scan{ClientID: "broken", Specimen: id, Act: Reject, Reason: "RB", At: noon})
		if sp := h.specimen(id); r.Outcome != Conflict || sp.State != Analysis || !sp.Has(FlagConflict) || sp.ReplacedBy != "" {
			t.Errorf("%+v %+v", r, sp)
		}
		_, past, err := h.Get(context.Background(), county, id)
		must(t, err)
		for _, p := range past {
			sp, err := h.Settle(context.Background(), county, id, p.ID, "asked the clinic: another tube")
			switch {
			case p.Outcome == Applied:
				wantKind(t, err, record.Precondition)
			case err != nil || sp.Has(FlagConflict) || sp.State != Analysis:
				t.Errorf("%+v %v", sp, err)
			}
		}
	})
}

func TestRejectedIsCollectedAgain(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		o := h.create("K", "LIVER")
		id := o.Specimens[0].ID
		h.scan(suwu, id, Collect, Dispatch)
		if r := h.one(county, Scan{Specimen: id, Act: Reject}); record.KindOf(r.Err) != record.Invalid {
			t.Errorf("no reason: %v", r.Err)
		}
		h.scan(county, id, Receive, Reject)
		was := h.specimen(id)
		next := h.specimen(was.ReplacedBy)
		if was.RejectCode != "RH" || len(was.Lines) != 0 || next.State != Planned || len(next.Lines) != 2 || next.Replaces != id || next.Barcode == was.Barcode {
			t.Errorf("%+v\n%+v", was, next)
		}
		todo, _, err := h.Find(ctx, suwu, Filter{List: ToCollect, Recollect: true})
		must(t, err)
		if len(todo) != 1 || todo[0].ID != next.ID {
			t.Errorf("%+v", todo)
		}
		told, _, err := h.Changes(ctx, suwu, 0, 1000)
		must(t, err)
		if !slices.ContainsFunc(told, func(e record.Event) bool {
			return e.Act == "specimen.recollect" && e.Object == string(next.ID) && e.Detail["reason"] == "RH" && e.Detail["replaces"] == string(id)
		}) {
			t.Error("the clinic was not told")
		}
		if asked, err := h.Waiting(ctx, county, was.Barcode); err != nil || len(asked) != 0 {
			t.Errorf("a rejected tube is measured: %v %v", asked, err)
		}
	})
}

func TestALostTubeIsFound(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		o := h.create("K")
		id := o.Specimens[0].ID
		h.scan(suwu, id, Collect, Dispatch, Lose)
		next := h.specimen(id).ReplacedBy
		if next == "" {
			t.Fatal("nothing is collected instead")
		}
		h.scan(county, id, Receive)
		if sp := h.specimen(id); sp.State != Received || len(sp.Lines) != 1 || sp.ReplacedBy != "" {
			t.Errorf("%+v", sp)
		}
		if sp := h.specimen(next); sp.State != Cancelled {
			t.Errorf("nobody should be pricked again: %+v", sp)
		}
	})
}

// TestRandomScans: whatever people scan, in any order, late, twice or by the wrong ones, a tube is where its applied scans lead by the table,
// and stands in exactly one list.
func TestRandomScans(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		rounds := 60
		if testing.Short() {
			rounds = 15
		}
		r := rand.New(rand.NewPCG(20260305, 16))
		var tubes []SpecimenID
		for range 8 {
			for _, sp := range h.create("K", "CBC", "GLU").Specimens {
				tubes = append(tubes, sp.ID)
			}
		}
		box, err := h.CreateBox(context.Background(), suwu, Box{})
		must(t, err)
		sent := map[string]Scan{}
		for round := range rounds {
			h.clock.move(time.Duration(r.IntN(40)) * time.Minute)
			scope := []record.Scope{suwu, county, reader, dongba}[r.IntN(4)]
			var batch []Scan
			for i := range 1 + r.IntN(12) {
				sc := Scan{ClientID: fmt.Sprintf("%s-%d-%d", scope.Actor.ID, round, i), Specimen: tubes[r.IntN(len(tubes))], Act: randomAct(r), Reason: "RH"}
				if r.IntN(2) == 0 {
					sc.At = h.clock.now().Add(-time.Duration(r.IntN(6*60)) * time.Minute)
				}
				if sc.Act == Pack && r.IntN(2) == 0 {
					sc.Box = box.Barcode
				}
				batch = append(batch, sc)
			}
			out, err := h.Record(context.Background(), scope, batch)
			must(t, err)
			for i, o := range out {
				if o.Outcome == Applied || o.Outcome == Waiting {
					sent[batch[i].ClientID] = batch[i]
				}
				if scope.Actor.ID == dongba.Actor.ID && o.Outcome != Refused {
					t.Fatalf("a stranger scanned: %+v", o)
				}
			}
			if round%10 == 9 {
				h.wantOrderly(len(sent))
			}
		}
		for id, sc := range sent { // the line broke, and the scanner sends everything again
			for _, s := range []record.Scope{suwu, county} {
				if s.Actor.ID == id[:len(s.Actor.ID)] {
					if again := h.one(s, sc); again.Outcome != Already {
						t.Fatalf("%+v again: %+v", sc, again)
					}
				}
			}
		}
		h.clock.move(100 * time.Hour)
		must(t, h.Sweep(context.Background()))
		h.wantOrderly(len(sent))
	})
}

func randomAct(r *rand.Rand) Act {
	acts := []Act{Collect, Collect, Pack, Pack, Unpack, Dispatch, Receive, Receive, Reject, Start, Store, Discard, Lose, Cancel, Report}
	return acts[r.IntN(len(acts))]
}

// wantOrderly checks every tube of the database.
func (h *shop) wantOrderly(scans int) {
	h.t.Helper()
	ctx := context.Background()
	all, err := specimensWhere(ctx, h.db, &sqlText{}, "")
	must(h.t, err)
	seen := map[SpecimenID]List{}
	everybody := record.Scope{All: true}
	total := 0
	for _, l := range Lists {
		for page := ""; ; {
			found, next, err := h.Find(ctx, everybody, Filter{List: l, Limit: 7, Page: page})
			must(h.t, err)
			for _, sp := range found {
				if before, twice := seen[sp.ID]; twice {
					h.t.Fatalf("a tube that is %s is in %s and %s", sp.State, before, l)
				}
				if h.ListOf(&sp) != l {
					h.t.Fatalf("a tube that is %s is in %s, ListOf says %s", sp.State, l, h.ListOf(&sp))
				}
				seen[sp.ID] = l
			}
			total += len(found)
			if page = next; page == "" {
				break
			}
		}
	}
	if total != len(all) {
		h.t.Fatalf("%d of %d tubes are in no list", len(all)-total, len(all))
	}
	counts, err := h.Count(ctx, everybody, Filter{})
	must(h.t, err)
	want := map[List]int{}
	for _, l := range seen {
		want[l]++
	}
	if d := cmp.Diff(want, counts); d != "" {
		h.t.Fatal(d)
	}
	kept := 0
	for i := range all {
		kept += h.wantLawful(&all[i])
	}
	if kept < scans {
		h.t.Fatalf("%d scans are kept of %d", kept, scans)
	}
}

// wantLawful checks one tube against its scans, and gives their number.
func (h *shop) wantLawful(sp *Specimen) int {
	h.t.Helper()
	scans, err := scansOf(context.Background(), h.db, sp.ID)
	must(h.t, err)
	st := Planned
	for _, s := range scans {
		if !s.applied {
			continue
		}
		m, ok := moveOf[moveKey{st, s.act}]
		if !ok || m.by&s.by == 0 {
			h.t.Fatalf("a tube that is %s was %s by %d", st, done[s.act], s.by)
		}
		st = m.to
	}
	if st != sp.State {
		h.t.Fatalf("the scans lead to %s, the row says %s", st, sp.State)
	}
	for _, l := range sp.Lines {
		if l.Open() && sp.State.Gone() {
			h.t.Fatalf("a line waits for a tube that is %s", sp.State)
		}
	}
	if sp.State.Gone() && sp.ReplacedBy == "" && len(sp.Lines) > 0 {
		h.t.Fatalf("a tube that is %s is not replaced: %+v", sp.State, sp.Lines)
	}
	return len(scans)
}

func TestOverdueTubesAreToldOnce(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		o := h.create("K")
		id := o.Specimens[0].ID
		h.scan(suwu, id, Collect, Dispatch)
		h.clock.move(25 * time.Hour)
		must(t, h.Sweep(ctx))
		must(t, h.Sweep(ctx))
		evs, err := h.db.Events(ctx, store.EventFilter{Object: string(id), Acts: []string{"specimen.overdue", "specimen.expired"}})
		must(t, err)
		var acts []string
		for _, e := range evs {
			acts = append(acts, e.Act)
		}
		slices.Sort(acts)
		if d := cmp.Diff([]string{"specimen.expired", "specimen.overdue"}, acts); d != "" {
			t.Error(d)
		}
		if sp := h.specimen(id); h.ListOf(&sp) != AllLost {
			t.Errorf("%+v", sp)
		}
	})
}
