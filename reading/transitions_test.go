package reading

import (
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// matrix is the whole table, written a second time: rows are acts, columns states in the order of States. A dot is a
// Precondition.
const matrix = `
                                wait  claim subm  ret   sign  amend withdr
claim                           C     C     .     C     .     A     .
release                         .     W     .     R     .     S     .
expire                          .     W     .     R     .     S     .
set the priority of             W     C     B     R     .     A     .
draft                           .     C     .     R     .     A     .
submit                          .     B     .     B     .     B     .
return                          .     .     R     .     .     .     .
sign                            .     .     S     .     .     .     .
amend                           .     .     .     .     A     .     A
withdraw                        .     X     X     X     X     X     .
raise a critical value of       .     C     B     R     S     A     .
`

var letters = map[string]State{"W": Waiting, "C": Claimed, "B": Submitted, "R": Returned, "S": Signed, "A": Amending, "X": Withdrawn}

func TestTransitionMatrix(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	seen := 0
	for line := range strings.SplitSeq(strings.Trim(matrix, "\n"), "\n") {
		act := Act(strings.TrimSpace(line[:32]))
		cells := strings.Fields(line[32:])
		if cells[0] == "wait" {
			continue
		}
		for i, state := range States {
			seen++
			who := "holder"
			if act == ActSign || act == ActReturn {
				who = "second"
			}
			c := Case{ID: "c", State: state, rest: Waiting, Author: "holder", Report: "r", ReportVersion: 1}
			if state == Amending {
				c.rest = Signed
			}
			if state == Claimed || state == Returned || state == Amending {
				c.Holder, c.ClaimExpiresAt = "holder", now.Add(time.Minute)
			}
			if state == Returned {
				c.rest = Returned
			}
			a := asking{act: act, actor: record.Actor{Kind: record.ActorUser, ID: who}, now: now}
			if act == ActExpire {
				a.actor, a.now = system, now.Add(time.Hour)
			}
			to, err := next(&c, a)
			if cells[i] == "." {
				if record.KindOf(err) != record.Precondition || !strings.Contains(err.Error(), string(state)) || !strings.Contains(err.Error(), string(act)) {
					t.Errorf("%s in %s: %q %v", act, state, to, err)
				}
				continue
			}
			if err != nil || to != letters[cells[i]] {
				t.Errorf("%s in %s: want %s, got %q %v", act, state, letters[cells[i]], to, err)
			}
		}
	}
	if seen != len(States)*len(Acts) {
		t.Fatalf("%d pairs seen", seen)
	}
}

func TestWhoMay(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	user := func(id string) record.Actor { return record.Actor{Kind: record.ActorUser, ID: id} }
	held := Case{ID: "c", State: Claimed, rest: Waiting, Holder: "h", ClaimExpiresAt: now.Add(time.Minute)}
	submitted := Case{ID: "c", State: Submitted, Author: "h"}
	signed := Case{ID: "c", State: Signed, Author: "h", Reviewer: "r", Report: "x"}
	withdrawn := Case{ID: "c", State: Amending, rest: Withdrawn, Report: "x", withdrawn: true}
	for _, tt := range []struct {
		name string
		c    Case
		a    asking
		want record.Kind // Internal: allowed
	}{
		{"another claims", held, asking{act: ActClaim, actor: user("o")}, record.Conflict},
		{"another takes over without a reason", held, asking{act: ActClaim, actor: user("o"), takeOver: true, reason: " "}, record.Invalid},
		{"another takes over", held, asking{act: ActClaim, actor: user("o"), takeOver: true, reason: "off duty"}, 0},
		{"another claims after the end", held, asking{act: ActClaim, actor: user("o"), now: now.Add(time.Minute)}, 0},
		{"the holder claims again", held, asking{act: ActClaim, actor: user("h")}, 0},
		{"a program claims", held, asking{act: ActClaim, actor: record.Actor{Kind: record.ActorKey, ID: "h"}}, record.Denied},
		{"nobody claims", held, asking{act: ActClaim}, record.Denied},
		{"another drafts", held, asking{act: ActDraft, actor: user("o")}, record.Denied},
		{"another submits", held, asking{act: ActSubmit, actor: user("o")}, record.Denied},
		{"another releases", held, asking{act: ActRelease, actor: user("o")}, record.Denied},
		{"the clock before the end", held, asking{act: ActExpire, actor: system}, record.Precondition},
		{"the author signs", submitted, asking{act: ActSign, actor: user("h")}, record.Denied},
		{"the author returns", submitted, asking{act: ActReturn, actor: user("h")}, record.Denied},
		{"a second signs", submitted, asking{act: ActSign, actor: user("o")}, 0},
		{"a program signs", submitted, asking{act: ActSign, actor: record.Actor{Kind: record.ActorCert, ID: "o"}}, record.Denied},
		{"withdraw what was never signed", submitted, asking{act: ActWithdraw, actor: user("o")}, record.Precondition},
		{"withdraw what is withdrawn", withdrawn, asking{act: ActWithdraw, actor: user("o")}, record.Precondition},
		{"the author raises after signing", signed, asking{act: ActRaise, actor: user("h")}, 0},
		{"the reviewer raises after signing", signed, asking{act: ActRaise, actor: user("r")}, 0},
		{"another raises after signing", signed, asking{act: ActRaise, actor: user("o")}, record.Denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.a.now.IsZero() {
				tt.a.now = now
			}
			_, err := next(&tt.c, tt.a)
			if (err == nil) != (tt.want == 0) || (err != nil && record.KindOf(err) != tt.want) {
				t.Fatal(err)
			}
		})
	}
}

// Every rule of the table is walked with the real room: the state that is kept is that of the table.
func TestEveryRuleInTheRoom(t *testing.T) {
	li, wang := doctor("li"), doctor("wang")
	h, clock := clocked(t, Options{})
	ctx := t.Context()
	reach := map[State]func(id record.CaseID){
		Waiting:   func(record.CaseID) {},
		Claimed:   func(id record.CaseID) { must(h.room.Claim(ctx, li, id, false, ""))(t) },
		Submitted: func(id record.CaseID) {},
		Returned:  func(id record.CaseID) {},
		Signed:    func(id record.CaseID) { h.signed(id, li, wang) },
		Amending:  func(id record.CaseID) {},
		Withdrawn: func(id record.CaseID) {},
	}
	reach[Submitted] = func(id record.CaseID) {
		reach[Claimed](id)
		must(h.room.Submit(ctx, li, id, text("x"), ""))(t)
	}
	reach[Returned] = func(id record.CaseID) { reach[Submitted](id); must(h.room.Return(ctx, wang, id, "r", ""))(t) }
	reach[Amending] = func(id record.CaseID) { reach[Signed](id); must(h.room.Amend(ctx, li, id, "r"))(t) }
	reach[Withdrawn] = func(id record.CaseID) { reach[Signed](id); must(h.room.Withdraw(ctx, li, id, "r"))(t) }
	do := map[Act]func(id record.CaseID) error{
		ActClaim:    func(id record.CaseID) error { return second2(h.room.Claim(ctx, li, id, false, "")) },
		ActRelease:  func(id record.CaseID) error { return second2(h.room.Release(ctx, li, id)) },
		ActExpire:   func(record.CaseID) error { clock.move(time.Hour); return h.room.Tick(ctx) },
		ActPriority: func(id record.CaseID) error { return second2(h.room.SetPriority(ctx, li, id, record.Stat)) },
		ActDraft:    func(id record.CaseID) error { return second2(h.room.SaveDraft(ctx, li, id, *text("d"), 0)) },
		ActSubmit:   func(id record.CaseID) error { return second2(h.room.Submit(ctx, li, id, text("s"), "")) },
		ActReturn:   func(id record.CaseID) error { return second2(h.room.Return(ctx, wang, id, "r", "")) },
		ActSign:     func(id record.CaseID) error { return second2(h.room.Sign(ctx, wang, id, "")) },
		ActAmend:    func(id record.CaseID) error { return second2(h.room.Amend(ctx, li, id, "r")) },
		ActWithdraw: func(id record.CaseID) error { return second2(h.room.Withdraw(ctx, li, id, "r")) },
		ActRaise:    func(id record.CaseID) error { return second2(h.room.RaiseCritical(ctx, li, id, "f", "")) },
	}
	for _, state := range States {
		for _, act := range Acts {
			id := h.open(storetest.Suwu, nil)
			reach[state](id)
			before := h.get(id)
			err := do[act](id)
			r, ok := transitions[step{state, act}]
			after := h.get(id)
			want := r.to
			if want == resting {
				want = before.rest
			}
			switch {
			case act == ActExpire && !ok:
				ok = false // Tick finds nothing
			case !ok || r.who == standing && before.Report == "":
				wantKind(t, err, record.Precondition)
				ok = false
			case err != nil:
				t.Errorf("%s in %s: %v", act, state, err)
			}
			if ok && after.State != want || !ok && (after.State != state || after.Version != before.Version) {
				t.Errorf("%s in %s: became %s version %d -> %d", act, state, after.State, before.Version, after.Version)
			}
			if ok && act != ActDraft && act != ActRaise && after.Version != before.Version+1 {
				t.Errorf("%s in %s: version %d -> %d", act, state, before.Version, after.Version)
			}
		}
	}
}
