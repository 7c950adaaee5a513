package reading

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestCriticalValue(t *testing.T) {
	h, clock := clocked(t, Options{CriticalAck: 10 * time.Minute})
	ctx := t.Context()
	li, wang, nurse := doctor("li"), doctor("wang"), clinic("nurse", storetest.Suwu)
	id := h.open(storetest.Suwu, nil)
	_, err := h.room.RaiseCritical(ctx, li, id, "张力性气胸", "")
	wantKind(t, err, record.Precondition) // not claimed
	c := must(h.room.Claim(ctx, li, id, false, ""))(t)
	_, err = h.room.RaiseCritical(ctx, wang, id, "x", "")
	wantKind(t, err, record.Denied)
	v := must(h.room.RaiseCritical(ctx, li, id, "张力性气胸", "req-1"))(t)
	again := must(h.room.RaiseCritical(ctx, li, id, "张力性气胸", "req-1"))(t)
	if d := cmp.Diff(v, again); d != "" {
		t.Fatal(d)
	}
	if got := h.get(id); !got.Critical || got.Unacknowledged != 1 || got.Etag() != c.Etag() {
		t.Fatalf("%+v", got)
	}
	must(h.room.Submit(ctx, li, id, text("气胸"), c.Etag()))(t)
	must(h.room.Sign(ctx, wang, id, ""))(t) // the alarm runs on its own
	if got := h.get(id); got.State != Signed || got.Unacknowledged != 1 {
		t.Fatalf("%+v", got)
	}
	if got := must(h.room.RaiseCritical(ctx, li, id, "张力性气胸", "req-1"))(t); got.ID != v.ID {
		t.Fatal("a late retry raised it again")
	}
	clock.move(9 * time.Minute)
	must(0, h.room.Tick(ctx))(t)
	clock.move(time.Minute)
	must(0, h.room.Tick(ctx))(t)
	must(0, h.room.Tick(ctx))(t)
	clock.move(3 * time.Hour) // nobody ticked for long: one escalation, not eighteen
	must(0, h.room.Tick(ctx))(t)
	must(0, h.room.Tick(ctx))(t)
	if got := h.acts("critical."); !cmp.Equal(got, []string{"critical.raised", "critical.escalated", "critical.escalated"}) {
		t.Fatalf("%v", got)
	}

	for name, s := range map[string]record.Scope{
		"another institution": doctor("zhao"),
		"a program":           {Actor: record.Actor{Kind: record.ActorKey, ID: "k", Institution: storetest.Suwu}, All: true},
	} {
		if _, err := h.room.AcknowledgeCritical(ctx, s, v.ID, "x"); record.KindOf(err) != record.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = h.room.AcknowledgeCritical(ctx, nurse, v.ID, " ")
	wantKind(t, err, record.Invalid)
	done := must(h.room.AcknowledgeCritical(ctx, nurse, v.ID, "已通知王医生，已行胸腔闭式引流"))(t)
	if !done.Acknowledged() || done.AcknowledgedBy != "nurse" || done.Escalations != 2 {
		t.Fatalf("%+v", done)
	}
	if d := cmp.Diff(done, must(h.room.AcknowledgeCritical(ctx, nurse, v.ID, done.Handling))(t)); d != "" {
		t.Fatal(d)
	}
	_, err = h.room.AcknowledgeCritical(ctx, clinic("other", storetest.Suwu), v.ID, "x")
	wantKind(t, err, record.Precondition)
	clock.move(time.Hour)
	must(0, h.room.Tick(ctx))(t)
	if got := h.acts("critical."); len(got) != 4 || got[3] != "critical.acknowledged" {
		t.Fatalf("%v", got)
	}
	open, _, err := h.room.Criticals(ctx, nurse, CriticalFilter{OpenOnly: true})
	if err != nil || len(open) != 0 || h.get(id).Unacknowledged != 0 {
		t.Fatalf("%v %v", open, err)
	}
	all, _, err := h.room.Criticals(ctx, nurse, CriticalFilter{Case: id})
	if err != nil || len(all) != 1 || !cmp.Equal(all[0], done) {
		t.Fatalf("%v %v", all, err)
	}
	noPersonalData(t, h.db, "气胸", "王医生", "引流")
}

func TestTheRaiserDoesNotAcknowledge(t *testing.T) {
	h, _ := clocked(t, Options{})
	s := clinic("li", storetest.Suwu)
	id := h.open(storetest.Suwu, nil)
	must(h.room.Claim(t.Context(), s, id, false, ""))(t)
	v := must(h.room.RaiseCritical(t.Context(), s, id, "x", ""))(t)
	_, err := h.room.AcknowledgeCritical(t.Context(), s, v.ID, "x")
	wantKind(t, err, record.Denied)
	_, err = h.room.RaiseCritical(t.Context(), s, id, strings.Repeat("x", 1001), "")
	wantKind(t, err, record.Invalid)
}

func TestRequestRaisedAtOnce(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		id := h.open(storetest.Suwu, nil)
		must(h.room.Claim(t.Context(), doctor("li"), id, false, ""))(t)
		ids := make([]CriticalID, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				v, err := h.room.RaiseCritical(t.Context(), doctor("li"), id, "x", "same")
				if err != nil {
					t.Error(err)
				}
				ids[i] = v.ID
			})
		}
		wg.Wait()
		for _, x := range ids {
			if x != ids[0] {
				t.Fatalf("%v", ids)
			}
		}
		if got := h.acts("critical.raised"); len(got) != 1 {
			t.Fatalf("%v", got)
		}
	})
}

func TestCriticalPages(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	id := h.open(storetest.Suwu, nil)
	must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
	for range 5 {
		must(h.room.RaiseCritical(ctx, doctor("li"), id, "x", ""))(t)
	}
	seen := map[CriticalID]bool{}
	f := CriticalFilter{PageSize: 2}
	for {
		vs, next, err := h.room.Criticals(ctx, doctor("li"), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range vs {
			seen[v.ID] = true
		}
		if next == "" {
			break
		}
		f.PageToken = next
	}
	if len(seen) != 5 {
		t.Fatalf("%d seen", len(seen))
	}
}
