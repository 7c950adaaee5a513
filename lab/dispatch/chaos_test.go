package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// checkOrder looks at all that came, repetitions too: the versions of a report in their order, of a person one report after the other, in the end
// the newest, and under one number one content.
func checkOrder(t *testing.T, h *hospital, last map[string]string) {
	t.Helper()
	contents := map[string]string{} // MSH-10 -> content
	newest, value := map[string]int{}, map[string]string{}
	persons := map[string]int{} // person -> number of the newest report
	for _, x := range h.seen() {
		if before, ok := contents[x.number]; ok && before != x.filler+x.content {
			t.Errorf("MSH-10 %s has two contents", x.number)
		}
		contents[x.number] = x.filler + x.content
		var version, report int
		if _, err := fmt.Sscanf(x.content, "2823-3=%d.", &version); err != nil {
			t.Fatalf("%q: %v", x.content, err)
		}
		if _, err := fmt.Sscanf(x.filler, x.person+"R%d", &report); err != nil {
			t.Fatal(err)
		}
		if newest[x.filler] == 0 && report != persons[x.person]+1 {
			t.Errorf("%s came after report %d of the person", x.filler, persons[x.person])
		}
		if version < newest[x.filler] {
			t.Errorf("%s: version %d came after %d", x.filler, version, newest[x.filler])
		}
		newest[x.filler], value[x.filler] = version, x.content
		persons[x.person] = max(persons[x.person], report)
	}
	for filler, want := range last {
		if value[filler] != want {
			t.Errorf("%s: the hospital has %q, want %q", filler, value[filler], want)
		}
	}
}

func TestOrderIsNeverBroken(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		for _, seed := range []uint64{1, 2, 3} {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				if seed > 1 && db.Dialect() == "sqlite" {
					db = storetest.SQLite(t)
				} else if seed > 1 {
					db = storetest.Postgres(t)
				}
				chaos(t, db, seed)
			})
		}
	})
}

// chaos takes reports and corrections while answers are lost, wrong and negative, the receiver goes and comes back, and servers are killed.
func chaos(t *testing.T, db *store.DB, seed uint64) {
	const persons, reports, versions = 4, 4, 3
	r := rand.New(rand.NewPCG(seed, 7))
	calm := false
	opt := quick
	opt.Dial, opt.Answer, opt.Lease = 100*time.Millisecond, 60*time.Millisecond, time.Millisecond
	s := newSite(t, db, opt)
	var luck []string
	for range 4000 {
		luck = append(luck, []string{"AA", "AA", "AA", "AA", "AE", "lost", "shut", "other", "junk", "AA and shut"}[r.IntN(10)])
	}
	h := newHospital(t, func(n int, _ letter) string {
		if calm {
			return "AA"
		}
		return luck[n%len(luck)]
	})
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	one, two := New(db, s.centre, opt), New(db, s.centre, opt)
	stopOne := s.run(one)
	s.run(two)
	last := map[string]string{}
	minute := 0
	for v := 1; v <= versions; v++ {
		for n := 1; n <= reports; n++ {
			for p := 1; p <= persons; p++ {
				minute++
				filler := fmt.Sprintf("E%dR%d", p, n)
				letter := "F"
				if v > 1 {
					letter = "C"
				}
				s.take(fmt.Sprintf("E%d", p), filler, minute, fmt.Sprintf("%d.%d0|%s", v, n, letter))
				last[filler] = fmt.Sprintf("2823-3=%d.%d0/%s", v, n, letter)
			}
			switch r.IntN(4) {
			case 0:
				h.down()
				time.Sleep(30 * time.Millisecond)
				h.up()
			case 1: // a server that dies with the subscription in its hands: nothing of it is given back
				s.abandon(one)
			case 2:
				stopOne()
				one = New(db, s.centre, opt)
				stopOne = s.run(one)
			}
		}
	}
	h.mu.Lock()
	calm = true
	h.mu.Unlock()
	eventually(t, "all delivered", func() bool { return s.see(sub.ID).Open == 0 })
	for _, d := range s.outbox(sub.ID) {
		if d.State != Delivered {
			t.Errorf("%s is %s: %s", d.Report, d.State, d.Error)
		}
	}
	checkOrder(t, h, last)
	if h.most != 1 {
		t.Errorf("%d messages in the air at once", h.most)
	}
}

// abandon claims what is due and leaves it so.
func (s *site) abandon(d *Desk) {
	if _, err := d.claim(context.Background()); err != nil {
		s.t.Error(err)
	}
}

func TestTwoServersShareTheWork(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, quick)
		a, b := newHospital(t, always("AA")), newHospital(t, always("AA"))
		first, second := s.subscribe(Subscription{Kind: MLLP, Endpoint: a.address}), s.subscribe(Subscription{Kind: MLLP, Endpoint: b.address})
		s.run(New(db, s.centre, quick))
		s.run(New(db, s.centre, quick))
		const n = 20
		for i := range n {
			s.take(fmt.Sprintf("E%d", i%3), fmt.Sprintf("F%d", i), i, "4.10|F")
		}
		eventually(t, "all", func() bool {
			return s.see(first.ID).Open == 0 && s.see(second.ID).Open == 0 && len(a.got()) >= n && len(b.got()) >= n
		})
		for _, h := range []*hospital{a, b} {
			if len(h.got()) != n || h.most != 1 {
				t.Errorf("%d messages, %d in the air at once", len(h.got()), h.most)
			}
		}
	})
}

func TestAServerThatDiedIsFollowed(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, quick)
		h := newHospital(t, always("AA"))
		sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
		s.take("E1", "F1", 1, "4.10|F")
		if _, err := s.collect(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		dead, err := s.claim(t.Context())
		if err != nil || dead == nil {
			t.Fatal(err)
		}
		// It had sent the message, and died before it wrote the answer down.
		x, err := s.next(t.Context(), dead)
		if err != nil || x == nil {
			t.Fatal(err)
		}
		to, err := s.open(dead)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := s.attempt(t.Context(), dead, to, x); err != nil || out.fate != taken {
			t.Fatalf("%+v %v", out, err)
		}
		to.close()
		again := New(db, s.centre, quick)
		if other, err := again.claim(t.Context()); err != nil || other != nil {
			t.Fatalf("taken from a server that may be alive: %+v %v", other, err)
		}
		s.run(again)
		eventually(t, "delivered", func() bool { return s.states(sub.ID) == "delivered" })
		all := h.seen()
		if len(all) != 2 || all[0].number != all[1].number {
			t.Errorf("%d messages: %+v", len(all), h.got())
		}
		if mine, err := s.settle(t.Context(), dead, x, outcome{fate: unreachable, text: "late"}); err != nil || mine {
			t.Errorf("the dead one still has it: %v %v", mine, err)
		}
		if got := s.states(sub.ID); got != "delivered" {
			t.Error(got)
		}
	})
}

func TestWhatAReceiverSaysIsNotKept(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	h := newHospital(t, always("AE"))
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	s.run(s.Desk)
	s.take("E1", "F1", 1, "4.10|F")
	eventually(t, "answers", func() bool { d := s.outbox(sub.ID); return len(d) == 1 && d[0].Attempts > 2 })
	d := s.outbox(sub.ID)[0]
	if d.State != Pending || d.Code != "AE" || d.FailingSince.IsZero() || strings.Contains(d.Error, "赵") {
		t.Errorf("%+v", d)
	}
	if x := s.see(sub.ID); !strings.HasPrefix(x.Trouble, "the receiver answered AE") || x.Stuck {
		t.Errorf("%+v", x)
	}
	events, err := s.db.Events(t.Context(), store.EventFilter{Acts: []string{"lab.dispatch."}})
	if err != nil || len(events) != 1 || events[0].Act != "lab.dispatch.deferred" || events[0].Outcome != record.Failed {
		t.Errorf("%+v %v", events, err)
	}
}
