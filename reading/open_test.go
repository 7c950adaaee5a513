package reading

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestOpenIsIdempotent(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		id := h.open(storetest.Suwu, func(e *record.Exam) { e.ID, e.Complete, e.Title = "one", false, "CT" })
		before := h.get(id)
		e := before.Exam
		if got := h.reopen(e, ""); got != id || h.get(id).Version != before.Version {
			t.Fatalf("%s, version %d -> %d", got, before.Version, h.get(id).Version)
		}
		e.Complete, e.Title, e.BodyPart, e.Priority = true, "胸部CT", "", record.Stat
		h.reopen(e, "加急")
		c := h.get(id)
		if !c.Exam.Complete || c.Incomplete() || c.Exam.Title != "胸部CT" || c.Exam.BodyPart != "CHEST" || c.ClinicalInfo != "加急" ||
			c.Exam.Priority != record.Stat || !c.DueAt.Before(before.DueAt) || c.Additions {
			t.Fatalf("%+v", c)
		}
		e.Priority = record.Routine
		h.reopen(e, "加急")
		if h.get(id).Exam.Priority != record.Stat {
			t.Fatal("lowered")
		}
		if d := cmp.Diff([]string{"case.opened", "case.updated"}, h.acts("case.")); d != "" {
			t.Fatal(d)
		}
	})
}

func TestOpenAtOnce(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		e := h.get(h.open(storetest.Suwu, nil)).Exam
		e.ID = "together"
		ids := make([]record.CaseID, 10)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() { ids[i] = h.reopen(e, "") })
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("%v", ids)
			}
		}
	})
}

// Late images are never silently missed.
func TestAdditions(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	li, wang := doctor("li"), doctor("wang")
	id := h.open(storetest.Suwu, func(e *record.Exam) { e.Complete = false })
	rep := h.signed(id, li, wang)
	e := h.get(id).Exam
	e.Complete, e.ReceivedAt = true, e.ReceivedAt.Add(time.Hour)
	e.Patient = "another"
	h.reopen(e, "")
	c := h.get(id)
	if !c.Additions || c.State != Signed || c.Overdue || !c.Exam.Complete || c.Exam.Patient == "another" {
		t.Fatalf("%+v", c)
	}
	cs, _, err := h.room.Cases(ctx, li, CaseFilter{})
	if err != nil || len(cs) != 1 || !cs[0].Additions {
		t.Fatalf("not on the worklist: %v %v", cs, err)
	}
	if got := must(h.room.Report(ctx, li, rep.ID))(t); got.Exam.Complete || got.SHA256 != rep.SHA256 {
		t.Fatal("the signed report changed")
	}
	must(h.room.Amend(ctx, li, id, "补充图像"))(t)
	if h.get(id).Additions {
		t.Fatal("still marked")
	}
	must(h.room.Submit(ctx, li, id, nil, ""))(t) // begins with the signed text
	c = h.get(id)
	h.reopen(e, "") // while the reviewer reads
	_, err = h.room.Sign(ctx, wang, id, c.Etag())
	wantKind(t, err, record.Conflict)
	if c = h.get(id); !c.Additions {
		t.Fatalf("%+v", c)
	}
	if r := must(h.room.Sign(ctx, wang, id, c.Etag()))(t); r.Version != 2 || !r.Exam.Complete || !r.Text.Equal(rep.Text) {
		t.Fatalf("%+v", r)
	}
	if got := h.acts("case.addition"); len(got) != 2 {
		t.Fatalf("%v", got)
	}
}

func TestOpenChecksIDs(t *testing.T) {
	h, _ := clocked(t, Options{})
	for _, change := range []func(*record.Exam){
		func(e *record.Exam) { e.ID = "" }, func(e *record.Exam) { e.Institution = "a/b" },
		func(e *record.Exam) { e.Centre = "../x" }, func(e *record.Exam) { e.Patient = "" },
	} {
		e := exam("x", storetest.Suwu, "p")
		change(&e)
		err := h.db.Tx(context.Background(), func(tx *store.Tx) error { return second2(h.room.Open(context.Background(), tx, e, "")) })
		wantKind(t, err, record.Invalid)
	}
	e := exam("odd", storetest.Suwu, "p")
	e.Title, e.Priority = "a\x00b\xff", "SOON"
	c := h.get(h.reopen(e, strings.Repeat("长", 30000)))
	if c.Exam.Title != "ab\ufffd" || c.Exam.Priority != record.Routine || len([]rune(c.ClinicalInfo)) != 20000 {
		t.Fatalf("%q %s %d", c.Exam.Title, c.Exam.Priority, len(c.ClinicalInfo))
	}
}
