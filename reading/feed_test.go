package reading

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

var errKilled = errors.New("killed")

// take reads the feed to its end by pages of the given size, failing after n changes (negative: never).
func (h *hall) take(s record.Scope, after int64, size int) []ResultChange {
	h.t.Helper()
	var out []ResultChange
	for {
		some, next, err := h.room.Results(context.Background(), s, after, size)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, some...)
		if len(some) == 0 {
			return out
		}
		after = next
	}
}

func TestFeedTellsTheStory(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		ctx := t.Context()
		li, wang, nurse := doctor("li"), doctor("wang"), clinic("n", storetest.Suwu)
		id := h.open(storetest.Suwu, nil)
		must(h.room.Claim(ctx, li, id, false, ""))(t)
		v := must(h.room.RaiseCritical(ctx, li, id, "气胸", ""))(t)
		must(h.room.Submit(ctx, li, id, text("一"), ""))(t)
		rep1 := must(h.room.Sign(ctx, wang, id, ""))(t)
		h.signed(h.open(storetest.Dongba, nil), li, wang) // of others
		must(h.room.Amend(ctx, wang, id, "r"))(t)
		must(h.room.Submit(ctx, wang, id, text("二"), ""))(t)
		rep2 := must(h.room.Sign(ctx, li, id, ""))(t)
		must(h.room.Withdraw(ctx, wang, id, "r"))(t)

		got := h.take(nurse, 0, 2)
		type line struct {
			Act     string
			Status  record.ResultStatus
			Report  record.ReportID
			Text    string
			Finding string
		}
		var lines []line
		for i, c := range got {
			if i > 0 && c.Seq <= got[i-1].Seq {
				t.Fatal("not in order")
			}
			l := line{Act: c.Act, Status: c.Result.Status}
			if c.Report != nil {
				l.Report, l.Text = c.Report.ID, c.Report.Text.Impression
			}
			if c.Critical != nil {
				l.Finding = c.Critical.Finding
			}
			if c.Result.Exam.Accession == "" || c.Result.Exam.Institution != storetest.Suwu {
				t.Fatalf("%+v", c.Result)
			}
			lines = append(lines, l)
		}
		want := []line{
			{"critical.raised", record.Withdrawn, "", "", v.Finding},
			{"report.signed", record.Final, rep1.ID, "一", ""},
			{"report.corrected", record.Corrected, rep2.ID, "二", ""},
			{"report.withdrawn", record.Withdrawn, rep2.ID, "二", ""},
		}
		if d := cmp.Diff(want, lines); d != "" {
			t.Fatal(d)
		}
	})
}

// A consumer that is killed at any change and comes back with its last cursor sees everything, in order.
func TestFeedResumesEverywhere(t *testing.T) {
	h, _ := clocked(t, Options{})
	nurse := clinic("n", storetest.Suwu)
	const mine = 12
	for i := range mine {
		h.signed(h.open(storetest.Suwu, nil), doctor("li"), doctor("wang"))
		if i%3 == 0 {
			h.signed(h.open(storetest.Dongba, nil), doctor("li"), doctor("wang"))
		}
	}
	whole := h.take(nurse, 0, 5)
	if len(whole) != mine {
		t.Fatalf("%d changes", len(whole))
	}
	for die := range mine {
		var seen []int64
		cursor, ctx := int64(0), t.Context()
		watch := func(n int) {
			err := h.room.WatchResults(ctx, nurse, cursor, func(c ResultChange) error {
				if n--; n < 0 {
					return errKilled // delivered, but the receiver did not keep it
				}
				seen, cursor = append(seen, c.Seq), c.Seq
				if len(seen) == mine {
					return errKilled
				}
				return nil
			})
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
		}
		watch(die)
		watch(mine)
		for i, c := range whole {
			if seen[i] != c.Seq {
				t.Fatalf("killed at %d: change %d is %d, want %d", die, i, seen[i], c.Seq)
			}
		}
	}
}

// Signers at work all the time, a consumer that dies again and again: nothing is lost, the order is that of the log.
func TestFeedUnderConcurrentSigners(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		const doctors, each = 4, 8
		var mu sync.Mutex
		want := map[record.ReportID]bool{}
		var wg sync.WaitGroup
		for d := range doctors {
			wg.Go(func() {
				for i := range each {
					at := storetest.Suwu
					if i%4 == 3 {
						at = storetest.Dongba
					}
					rep := h.signed(h.open(at, nil), doctor(fmt.Sprint("a", d)), doctor(fmt.Sprint("r", d)))
					mu.Lock()
					want[rep.ID] = want[rep.ID] || at == storetest.Suwu
					mu.Unlock()
				}
			})
		}
		got, cursor := map[record.ReportID]bool{}, int64(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for n := 0; len(got) < doctors*each*3/4; n++ {
			left := 1 + n%4
			err := h.room.WatchResults(ctx, clinic("n", storetest.Suwu), cursor, func(c ResultChange) error {
				if left--; left < 0 {
					return errKilled
				}
				if c.Seq <= cursor || got[c.Report.ID] {
					t.Errorf("change %d after %d", c.Seq, cursor)
				}
				got[c.Report.ID], cursor = true, c.Seq
				if len(got) == doctors*each*3/4 {
					return errKilled
				}
				return nil
			})
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
		}
		wg.Wait()
		if rest := h.take(clinic("n", storetest.Suwu), cursor, 0); len(rest) != 0 {
			t.Errorf("%d more", len(rest))
		}
		for id, mine := range want {
			if mine != got[id] {
				t.Errorf("report %s: want %v", id, mine)
			}
		}
	})
}

// The cursor comes to the end of the log also where nothing is for the reader, and stays there.
func TestFeedMovesOverTheEventsOfOthers(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	for range 5 {
		h.signed(h.open(storetest.Dongba, nil), doctor("li"), doctor("wang"))
	}
	ch, next, err := h.room.Results(ctx, clinic("n", storetest.Suwu), 0, 2)
	if head := must(h.db.Head(ctx))(t); err != nil || len(ch) != 0 || next != head {
		t.Fatalf("%v, next %d, head %d, %v", ch, next, head, err)
	}
	again, next2, err := h.room.Results(ctx, clinic("n", storetest.Suwu), next, 2)
	if err != nil || len(again) != 0 || next2 != next {
		t.Fatalf("%v %d %v", again, next2, err)
	}
	_, _, err = h.room.Results(ctx, clinic("n", storetest.Suwu), next+1000, 2)
	wantKind(t, err, record.Invalid)
	_, _, err = h.room.Results(ctx, clinic("n", storetest.Suwu), -1, 2)
	wantKind(t, err, record.Invalid)
}

func TestWatchWakes(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		got := make(chan CaseChange, 100)
		ended := make(chan error, 1)
		head := must(db.Head(ctx))(t)
		go func() {
			ended <- h.room.Watch(ctx, doctor("wang"), head, CaseFilter{Kind: record.Imaging}, func(c CaseChange) error { got <- c; return nil })
		}()
		h.open(storetest.LeadHospital, nil)                                  // outside the scope
		h.open(storetest.Suwu, func(e *record.Exam) { e.Kind = record.ECG }) // outside the filter
		id := h.open(storetest.Suwu, nil)                                    // seen
		c := must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)         // seen
		must(h.room.RaiseCritical(ctx, doctor("li"), id, "x", ""))(t)        // seen
		must(h.room.Case(ctx, doctor("li"), id))(t)                          // a reading is no change
		must(h.room.SetPriority(ctx, doctor("li"), id, record.Stat))(t)      // seen
		for _, want := range []string{"case.opened", "case.claimed", "case.critical", "case.priority"} {
			select {
			case x := <-got:
				if x.Act != want || x.Case.ID != id {
					t.Fatalf("want %s, got %s %+v", want, x.Act, x.Case)
				}
				if want == "case.priority" && (x.Case.Exam.Priority != record.Stat || x.Case.Holder != c.Holder || !x.Case.Critical) {
					t.Fatalf("not as it is now: %+v", x.Case)
				}
			case <-ctx.Done():
				t.Fatal("not woken for ", want)
			}
		}
		time.Sleep(100 * time.Millisecond)
		before := must(db.Head(ctx))(t)
		time.Sleep(100 * time.Millisecond)
		if after := must(db.Head(ctx))(t); after != before || len(got) != 0 {
			t.Fatalf("the watcher wakes itself: %d -> %d, %d changes", before, after, len(got))
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

func TestWatchFromNowOn(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h.open(storetest.Suwu, nil)
	go func() {
		for ctx.Err() == nil { // again and again, since nobody knows when the watcher begins
			time.Sleep(20 * time.Millisecond)
			h.open(storetest.Suwu, func(e *record.Exam) { e.Title = "late" })
		}
	}()
	err := h.room.Watch(ctx, doctor("li"), -1, CaseFilter{}, func(c CaseChange) error {
		if c.Case.Exam.Title != "late" {
			t.Errorf("%+v", c.Case.Exam)
		}
		cancel()
		return errKilled
	})
	if !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	time.Sleep(60 * time.Millisecond) // the last opening
}
