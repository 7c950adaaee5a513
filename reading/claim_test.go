package reading

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestOneOfFiftyDoctorsClaims(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		id := h.open(storetest.Suwu, nil)
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				_, err := h.room.Claim(t.Context(), doctor(fmt.Sprint("d", i)), id, false, "")
				switch {
				case err == nil:
					won.Add(1)
				case record.KindOf(err) != record.Conflict:
					t.Errorf("loser %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if c := h.get(id); won.Load() != 1 || c.Version != 2 {
			t.Fatalf("%d won, version %d", won.Load(), c.Version)
		}
		if got := h.acts("case.claimed", "case.taken_over"); len(got) != 1 {
			t.Fatalf("events %v", got)
		}
	})
}

// Nobody is lost and nobody wins twice when acts of all kinds meet on one case.
func TestOneOfManySigns(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		ctx := t.Context()
		id := h.open(storetest.Suwu, nil)
		must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
		must(h.room.Submit(ctx, doctor("li"), id, text("x"), ""))(t)
		var signed, returned atomic.Int32
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					if _, err = h.room.Sign(ctx, doctor(fmt.Sprint("d", i)), id, ""); err == nil {
						signed.Add(1)
					}
				} else if _, err = h.room.Return(ctx, doctor(fmt.Sprint("d", i)), id, "r", ""); err == nil {
					returned.Add(1)
				}
				if k := record.KindOf(err); err != nil && k != record.Conflict && k != record.Precondition {
					t.Errorf("%v (%v)", err, k)
				}
			})
		}
		wg.Wait()
		c := h.get(id)
		if signed.Load()+returned.Load() != 1 || c.Version != 4 || c.ReportVersion != int(signed.Load()) {
			t.Fatalf("%d signed, %d returned, version %d", signed.Load(), returned.Load(), c.Version)
		}
	})
}

func TestTakeOver(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	id := h.open(storetest.Suwu, nil)
	must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
	must(h.room.SaveDraft(ctx, doctor("li"), id, *text("a"), 0))(t)
	_, err := h.room.Claim(ctx, doctor("wang"), id, false, "")
	wantKind(t, err, record.Conflict)
	c := must(h.room.Claim(ctx, doctor("wang"), id, true, "换班"))(t)
	if c.Holder != "wang" {
		t.Fatalf("%+v", c)
	}
	_, err = h.room.SaveDraft(ctx, doctor("li"), id, *text("b"), 1)
	wantKind(t, err, record.Denied)
	_, err = h.room.SaveDraft(ctx, doctor("wang"), id, *text("b"), 0)
	wantKind(t, err, record.Conflict)
	_, err = h.room.SaveDraft(ctx, doctor("wang"), id, *text("b"), 2)
	wantKind(t, err, record.Invalid)
	if d := must(h.room.SaveDraft(ctx, doctor("wang"), id, *text("b"), 1))(t); d.Number != 2 {
		t.Fatalf("%+v", d)
	}
	if d := must(h.room.SaveDraft(ctx, doctor("wang"), id, *text("c"), 1))(t); d.Number != 3 {
		t.Fatalf("an own newer draft is no conflict: %+v", d)
	}
	evs := must(h.db.Events(ctx, store.EventFilter{Acts: []string{"case.taken_over"}}))(t)
	if len(evs) != 1 || evs[0].Detail["holder_before"] != "li" || evs[0].Actor.ID != "wang" {
		t.Fatalf("%+v", evs)
	}
	if done := must(h.room.History(ctx, doctor("li"), id))(t); done[2].Reason != "换班" {
		t.Fatalf("%+v", done)
	}
}

func TestClaimsRunOut(t *testing.T) {
	h, clock := clocked(t, Options{ClaimFor: 30 * time.Minute})
	ctx := t.Context()
	li := doctor("li")
	waiting, returned, amended := h.open(storetest.Suwu, nil), h.open(storetest.Suwu, nil), h.open(storetest.Suwu, nil)
	h.signed(amended, li, doctor("wang"))
	must(h.room.Amend(ctx, li, amended, "r"))(t)
	must(h.room.Claim(ctx, li, returned, false, ""))(t)
	must(h.room.Submit(ctx, li, returned, text("x"), ""))(t)
	must(h.room.Return(ctx, doctor("wang"), returned, "r", ""))(t)
	must(h.room.Claim(ctx, li, returned, false, ""))(t)
	must(h.room.Claim(ctx, li, waiting, false, ""))(t)
	clock.move(29 * time.Minute)
	must(h.room.SaveDraft(ctx, li, waiting, *text("d"), 0))(t) // prolongs
	clock.move(2 * time.Minute)
	must(0, h.room.Tick(ctx))(t)
	for id, want := range map[record.CaseID]State{waiting: Claimed, returned: Returned, amended: Signed} {
		if c := h.get(id); c.State != want || (c.Holder == "") != (want != Claimed) {
			t.Errorf("want %s: %+v", want, c)
		}
	}
	clock.move(30 * time.Minute)
	must(0, h.room.Tick(ctx))(t)
	must(0, h.room.Tick(ctx))(t)
	if c := h.get(waiting); c.State != Waiting || c.Holder != "" {
		t.Fatalf("%+v", c)
	}
	if ds := must(h.room.Drafts(ctx, li, waiting))(t); len(ds) != 1 {
		t.Fatal("the draft went with the claim")
	}
	if got := h.acts("case.expired"); len(got) != 3 {
		t.Fatalf("events %v", got)
	}
	if d := must(h.room.Amend(ctx, doctor("wang"), amended, "again"))(t); d.State != Amending {
		t.Fatalf("%+v", d)
	}
}

// Several gateways tick at once: each claim runs out once, each escalation happens once.
func TestManyGatewaysTick(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{ClaimFor: time.Millisecond, CriticalAck: time.Hour})
		ctx := t.Context()
		for range 5 {
			id := h.open(storetest.Suwu, nil)
			must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
			must(h.room.RaiseCritical(ctx, doctor("li"), id, "气胸", ""))(t)
		}
		must(0, db.Tx(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, `UPDATE critical_values SET due_at = 1`); return err }))(t)
		time.Sleep(5 * time.Millisecond)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if err := h.room.Tick(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := h.acts("case.expired"); len(got) != 5 {
			t.Errorf("%d claims ran out", len(got))
		}
		if got := h.acts("critical.escalated"); len(got) != 5 {
			t.Errorf("%d escalations", len(got))
		}
	})
}
