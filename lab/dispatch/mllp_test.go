package dispatch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestAReportReachesTheHospitalInAllItsStates(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, quick)
		h := newHospital(t, always("AA"))
		s.take("E0", "F0", 0, "4.00|F") // before the subscription: not told
		sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
		s.run(s.Desk)
		id := s.take("E1", "F1", 1, "4.10|F", "139|F")
		told := func(n int) func() bool { return func() bool { return len(h.got()) == n && s.see(sub.ID).Open == 0 } }
		eventually(t, "the release", told(1))
		s.take("E1", "F1", 2, "4.60|C")
		eventually(t, "the correction", told(2))
		s.take("E1", "F1", 3, "4.60|W", "139|W")
		eventually(t, "the withdrawal", told(3))
		want := []string{"F1:2823-3=4.10/F 2951-2=139/F", "F1:2823-3=4.60/C 2951-2=139/F", "F1:2823-3=/W 2951-2=/W"}
		if diff := cmp.Diff(want, h.got()); diff != "" {
			t.Error(diff)
		}
		for _, x := range h.seen() {
			if len(x.number) > 20 || x.person != "E1" {
				t.Errorf("MSH-10 %q of %q", x.number, x.person)
			}
		}
		readers, err := s.centre.Readers(t.Context(), s.lis, id)
		if err != nil || len(readers) != 1 || readers[0].ID != string(sub.ID) || readers[0].Times != 2 { // the withdrawal had no values
			t.Errorf("readers: %+v %v", readers, err)
		}
		open, err := s.centre.Recalls(t.Context(), s.lis, false, "", 10)
		if err != nil || len(open) != 0 {
			t.Errorf("recalls of what was delivered anew are open: %+v %v", open, err)
		}
		all, err := s.centre.Recalls(t.Context(), s.lis, true, "", 10)
		if err != nil || len(all) != 2 {
			t.Errorf("recalls: %+v %v", all, err)
		}
		if x := s.see(sub.ID); x.Open != 0 || x.DeliveredAt.IsZero() || x.Trouble != "" {
			t.Errorf("%+v", x)
		}
	})
}

func TestOnlyOneAnswerCounts(t *testing.T) {
	for _, x := range []struct {
		name    string
		answers []string // the last again and again
		code    string
		text    string // of the first trouble
	}{
		{"the answer is lost", []string{"lost", "AA"}, "AA", ""},
		{"the connection ends", []string{"shut", "AA"}, "AA", ""},
		{"an answer to another message", []string{"other", "AA"}, "AA", ""},
		{"no acknowledgement", []string{"junk", "other", "AA"}, "AA", ""},
		{"not now, then", []string{"AE", "AE", "AA"}, "AA", ""},
		{"only accepted", []string{"CA"}, "CA", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newSite(t, storetest.SQLite(t), quick)
			h := newHospital(t, func(n int, _ letter) string { return x.answers[min(n, len(x.answers)-1)] })
			sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
			s.run(s.Desk)
			s.take("E1", "F1", 1, "4.10|F")
			eventually(t, "delivered", func() bool { return s.states(sub.ID) == "delivered" })
			d := s.outbox(sub.ID)[0]
			if d.Code != x.code || d.Attempts != len(x.answers) || d.SentVersion != 1 {
				t.Errorf("%+v", d)
			}
			all := h.seen()
			for _, l := range all {
				if l.number != all[0].number {
					t.Errorf("MSH-10 changed from %s to %s", all[0].number, l.number)
				}
			}
		})
	}
}

func TestAReceiverThatClosesAfterEachMessage(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	h := newHospital(t, always("AA and shut"))
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	for i := range 5 {
		s.take("E1", "F"+string(rune('A'+i)), i, "4.10|F")
	}
	stop := s.run(s.Desk)
	eventually(t, "delivered", func() bool { return strings.Count(s.states(sub.ID), "delivered") == 5 })
	stop()
	if h.most != 1 {
		t.Errorf("%d messages in the air at once", h.most)
	}
	for _, d := range s.outbox(sub.ID) {
		if d.Attempts != 1 {
			t.Errorf("%d attempts", d.Attempts)
		}
	}
}

func TestWhatIsRefusedWaitsForAPerson(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, quick)
		refuse := "AR"
		h := newHospital(t, func(_ int, x letter) string {
			if x.filler == "F1" {
				return refuse
			}
			return "AA"
		})
		sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
		s.run(s.Desk)
		s.take("E1", "F1", 1, "4.10|F")
		s.take("E1", "F2", 2, "4.20|F") // of the same person: newer results do not wait for anybody
		s.take("E2", "F3", 3, "4.30|F")
		eventually(t, "the others", func() bool { return s.states(sub.ID) == "refused delivered delivered" })
		d := s.outbox(sub.ID)[0]
		if d.Code != "AR" || d.Error != "the receiver answered AR: 204 Unknown key identifier at PID[1]-3" {
			t.Errorf("%q %q", d.Code, d.Error)
		}
		if x := s.see(sub.ID); x.Open != 1 || x.Attention != 1 {
			t.Errorf("%+v", x)
		}
		if _, err := s.Skip(t.Context(), s.admin, d.ID, " "); record.KindOf(err) != record.Invalid {
			t.Errorf("skipped without a reason: %v", err)
		}
		stranger := scopeOf(record.ActorUser, "x", storetest.Dongba, storetest.Dongba)
		if _, err := s.Retry(t.Context(), stranger, d.ID); record.KindOf(err) != record.NotFound {
			t.Errorf("a stranger: %v", err)
		}
		h.mu.Lock()
		refuse = "AA"
		h.mu.Unlock()
		if _, err := s.Retry(t.Context(), s.admin, d.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the retry", func() bool { return s.states(sub.ID) == "delivered delivered delivered" })
		if _, err := s.Retry(t.Context(), s.admin, d.ID); record.KindOf(err) != record.Precondition {
			t.Errorf("again: %v", err)
		}
	})
}

func TestACorrectionOvertakesWhatHasNotLeft(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	h := newHospital(t, always("AA"))
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	s.take("E1", "F1", 1, "4.10|F")
	s.take("E1", "F1", 2, "4.60|C")
	s.take("E2", "F2", 3, "4.20|F")
	s.take("E2", "F2", 4, "4.20|W") // shown and taken back before anything was sent
	s.run(s.Desk)
	eventually(t, "delivered", func() bool { return s.states(sub.ID) == "delivered delivered" })
	if diff := cmp.Diff([]string{"F1:2823-3=4.60/C", "F2:2823-3=/W"}, h.got()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatARefusedReportBecomesIsSentAgain(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	h := newHospital(t, func(n int, _ letter) string { return []string{"AR", "AA"}[min(n, 1)] })
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	s.run(s.Desk)
	s.take("E1", "F1", 1, "4.10|F")
	eventually(t, "refused", func() bool { return s.states(sub.ID) == "refused" })
	s.take("E1", "F1", 2, "4.60|C")
	eventually(t, "the correction", func() bool { return s.states(sub.ID) == "delivered" })
	all := h.seen()
	if all[0].number == all[1].number {
		t.Error("another content has the same MSH-10")
	}
}

func TestAReceiverThatWasDeadLosesNothing(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		opt := quick
		opt.GiveUp = 100 * time.Millisecond
		s := newSite(t, db, opt)
		h := newHospital(t, always("AA"))
		h.down()
		sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
		s.run(s.Desk)
		var want []string
		for i := range 6 {
			filler := "F" + string(rune('1'+i))
			s.take([]string{"E1", "E2"}[i%2], filler, i, "4.10|F")
			want = append(want, filler+":2823-3=4.10/F")
		}
		eventually(t, "stuck", func() bool { return s.see(sub.ID).Stuck })
		x := s.see(sub.ID)
		if x.Trouble != "nothing listens at the address" || x.Open != 6 || x.Attention != 0 {
			t.Errorf("%+v", x)
		}
		h.up()
		time.Sleep(100 * time.Millisecond)
		if len(h.got()) > 0 {
			t.Error("nobody has said that it goes on")
		}
		if _, err := s.Resume(t.Context(), s.admin, sub.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all", func() bool { return strings.Count(s.states(sub.ID), "delivered") == 6 })
		if diff := cmp.Diff(want, h.got()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPauseKeepsWhatHappens(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	h := newHospital(t, always("AA"))
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	s.run(s.Desk)
	sub.Active = false
	sub, _, err := s.Update(t.Context(), s.admin, sub, false)
	if err != nil {
		t.Fatal(err)
	}
	s.take("E1", "F1", 1, "4.10|F")
	eventually(t, "queued", func() bool { return s.states(sub.ID) == "pending" })
	stale := sub
	sub.Active = true
	if _, _, err := s.Update(t.Context(), s.admin, sub, false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Update(t.Context(), s.admin, stale, false); record.KindOf(err) != record.Conflict {
		t.Errorf("an old version: %v", err)
	}
	eventually(t, "delivered", func() bool { return s.states(sub.ID) == "delivered" })
	if _, err := s.Unsubscribe(t.Context(), s.admin, sub.ID); err != nil {
		t.Fatal(err)
	}
	s.take("E1", "F2", 2, "4.10|F")
	time.Sleep(100 * time.Millisecond)
	if n := len(h.got()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestTheProbeIsOfNobody(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	h := newHospital(t, always("AR"))
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	p, err := s.Probe(t.Context(), s.admin, sub.ID)
	if err != nil || !p.Answered || p.Code != "AR" {
		t.Errorf("%+v %v", p, err)
	}
	if all := h.seen(); len(all) != 1 || all[0].person != "" || all[0].content != "NMD" {
		t.Errorf("%+v", all)
	}
	h.down()
	p, err = s.Probe(t.Context(), s.admin, sub.ID)
	if err != nil || p.Answered || p.Text != "nothing listens at the address" {
		t.Errorf("%+v %v", p, err)
	}
}

func FuzzReadAck(f *testing.F) {
	for _, s := range []string{
		"MSH|^~\\&|H|H|L|L|20261122||ACK^R01|1|P|2.5.1\rMSA|AA|N1\r", "MSH|^~\\&|||||||ACK|1|P|2.3\rMSA|AE|N1|words\rERR|PID^1^3^204&Unknown&HL70357\r",
		"MSH|^~\\&|||||||ACK|1|P|2.5.1\rMSA|AR|N2\rERR||PID^1^3|204^Unknown^HL70357|E||||赵秀英\r", "MSA|AA|N1", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		out := readAck(raw, hl7.Options{Lenient: true, MaxBytes: maxAnswer}).judge("N1")
		for _, r := range out.text {
			if r > '~' {
				t.Fatalf("words of the receiver are kept: %q", out.text)
			}
		}
	})
}
