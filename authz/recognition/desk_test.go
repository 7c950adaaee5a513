package recognition

import (
	"context"
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

// county is a small county in a database: a community of a lead hospital and a township clinic, a city hospital
// outside of it, and a patient.
type county struct {
	*Desk
	ctx     context.Context
	db      *store.DB
	now     time.Time
	patient record.PatientID
	n       int
}

// onEach runs fn over SQLite, and over PostgreSQL when its address is in the environment.
func onEach(t *testing.T, fn func(t *testing.T, open func(testing.TB) *county)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, func(t testing.TB) *county { return newCounty(t, sqliteURL(t)) }) })
	t.Run("postgres", func(t *testing.T) {
		storetest.PostgresURL(t) // leaves the test out when there is none
		fn(t, func(t testing.TB) *county { return newCounty(t, storetest.PostgresURL(t)) })
	})
}

func sqliteURL(t testing.TB) string { return "sqlite:" + t.TempDir() + "/index.sqlite" }

func newCounty(t testing.TB, url string) *county {
	t.Helper()
	c := &county{ctx: context.Background(), now: t0.UTC()}
	db, err := store.Open(c.ctx, url, store.Options{Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c.db = db
	c.Desk = NewDesk(db, Default())
	c.tx(t, func(tx *store.Tx) error {
		for _, i := range []store.Institution{
			{ID: "gansu", Name: "甘肃省", Kind: store.Province},
			{ID: "lz", Name: "某市", Kind: store.City},
			{ID: "yj", Name: "某县", Kind: store.County},
			{ID: "yj-gt", Name: "某县医共体", Kind: store.Community},
			{ID: "yj-h", Name: "某县医院", Kind: store.CountyHospital, Level: 2},
			{ID: "yj-t", Name: "某乡卫生院", Kind: store.Township, Level: 1},
			{ID: "lz-h", Name: "某市医院", Kind: store.Hospital, Level: 3},
		} {
			i.Active = true
			if err := tx.PutInstitution(c.ctx, i); err != nil {
				return err
			}
		}
		for _, r := range [][2]record.InstitutionID{{"lz", "gansu"}, {"yj", "lz"}, {"yj-gt", "yj"}, {"yj-t", "yj-gt"}, {"yj-h", "yj-gt"}, {"lz-h", "lz"}} {
			if err := tx.PutRelation(c.ctx, store.Relation{Child: r[0], Parent: r[1], Kind: store.MemberOf, From: t0.AddDate(-3, 0, 0)}); err != nil {
				return err
			}
		}
		m, err := tx.MatchPatient(c.ctx, record.Demographics{Issuer: "yj-t", LocalID: "1", Name: "测试甲", BirthDate: record.Date{Year: 1970, Month: 1, Day: 1}, Sex: record.Male})
		c.patient = m.Patient
		return err
	})
	return c
}

func (c *county) tx(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := c.db.Tx(c.ctx, fn); err != nil {
		t.Fatal(err)
	}
}

// result keeps a good chest CT of the township clinic, five days old, changed by edit.
func (c *county) result(t testing.TB, edit func(*record.Result)) record.ResultID {
	t.Helper()
	c.n++
	at := t0.AddDate(0, 0, -5).UTC()
	r := record.Result{
		ID: record.ResultID(fmt.Sprintf("res-%05d", c.n)), Status: record.Final, SignedAt: at.Add(time.Hour),
		Exam: record.Exam{
			ID: record.ExamID(fmt.Sprintf("exam-%05d", c.n)), Kind: record.Imaging, Centre: "yj-imaging", Institution: "yj-t",
			Patient: c.patient, Grade: record.Certain, Modality: "CT", BodyPart: "CHEST", PerformedAt: at, ReceivedAt: at, Complete: true,
		},
	}
	if edit != nil {
		edit(&r)
	}
	c.tx(t, func(tx *store.Tx) error { return tx.PutResult(c.ctx, r) })
	return r.ID
}

func scopeOf(in record.InstitutionID) record.Scope {
	return record.Scope{Actor: record.Actor{Kind: record.ActorUser, ID: "dr-" + string(in), Institution: in}, Purpose: record.Treatment, All: true, Rule: "t"}
}

var chestCT = []OrderItem{{Order: "o1", Item: "CT.CHEST"}}

func (c *county) check(t testing.TB, in record.InstitutionID, items []OrderItem, set Setting) Check {
	t.Helper()
	got, err := c.CheckOrder(c.ctx, scopeOf(in), c.patient, items, set)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantKind(t *testing.T, err error, kind record.Kind, words string) {
	t.Helper()
	if record.KindOf(err) != kind || err == nil || !strings.Contains(record.Public(err), words) {
		t.Errorf("got %v: %v, want %v with %q", record.KindOf(err), err, kind, words)
	}
}

func TestCheckTellsTheBestFirst(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		old := c.result(t, func(r *record.Result) { r.Exam.PerformedAt = t0.AddDate(0, 0, -40) })
		fresh := c.result(t, nil)
		newest := c.result(t, func(r *record.Result) { r.Exam.PerformedAt = t0.AddDate(0, 0, -1) })
		draft := c.result(t, func(r *record.Result) { r.Status = record.Preliminary })
		worse := c.result(t, func(r *record.Result) { r.Status, r.Exam.Complete = record.Preliminary, false })
		c.result(t, func(r *record.Result) { r.Exam.BodyPart = "HEAD" })
		got := c.check(t, "yj-h", append(slices.Clone(chestCT), OrderItem{Order: "o2", Modality: "MR", BodyPart: "KNEE"}), Outpatient)
		var ids []record.ResultID
		for _, a := range got.Items[0].Assessments {
			ids = append(ids, a.Result.ID)
		}
		if diff := cmp.Diff([]record.ResultID{newest, fresh, old, draft, worse}, ids); diff != "" {
			t.Error(diff)
		}
		first, last := got.Items[0], got.Items[1]
		if first.Best != Recognise || first.Item != "CT.CHEST" || first.Name.ZH == "" || first.Left != 1 || first.Assessments[0].Verdict.Mark != "community" {
			t.Errorf("line 1: %+v", first)
		}
		if diff := cmp.Diff(map[State]int{Recognise: 2, Advise: 1, NotEligible: 3}, first.Counts); diff != "" {
			t.Error(diff)
		}
		if last.Best != NotEligible || last.Item != "MR.KNEE" || len(last.Assessments) != 0 || last.Left != 6 {
			t.Errorf("line 2: %+v", last)
		}
		failed := first.Assessments[3].Failed
		if len(failed) != 1 || failed[0].Code != "NOT_FINAL" || failed[0].Text.ZH == "" || failed[0].Remedy.EN == "" || failed[0].Citation == "" {
			t.Errorf("failed: %+v", failed)
		}
		pairs, err := queryPairs(c.ctx, c.db, `check_id = $1`, string(got.ID))
		if err != nil || len(pairs) != 3 {
			t.Errorf("reminders: %d, %v; want the three eligible ones", len(pairs), err)
		}
		events, err := c.db.Events(c.ctx, store.EventFilter{Acts: []string{"recognition."}})
		if err != nil || len(events) != 1 || events[0].Act != "recognition.checked" || events[0].Patient != c.patient || events[0].Detail["recognise"] != "1" {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}

func TestAnIneligibleBestIsKeptAsReminder(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		c.result(t, func(r *record.Result) { r.Exam.Complete, r.Exam.Grade = false, record.Probable })
		best := c.result(t, func(r *record.Result) { r.Exam.Complete = false })
		got := c.check(t, "yj-h", chestCT, Outpatient)
		pairs, err := queryPairs(c.ctx, c.db, `check_id = $1`, string(got.ID))
		if err != nil || len(pairs) != 1 || pairs[0].Result != best || pairs[0].Verdict.Failed != Incomplete {
			t.Errorf("reminders %+v, %v", pairs, err)
		}
		_, err = c.Adopt(c.ctx, scopeOf("yj-h"), got.ID, "o1", best)
		wantKind(t, err, record.Precondition, "INCOMPLETE")
		if _, err := c.Repeat(c.ctx, scopeOf("yj-h"), got.ID, "o1", best, "", ""); err != nil {
			t.Errorf("repeating what cannot be recognised needs no reason: %v", err)
		}
	})
}

func TestResultsOutsideTheScopeAreNotSeen(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		id := c.result(t, nil)
		narrow := scopeOf("yj-h")
		narrow.All, narrow.Institutions = false, []record.InstitutionID{"lz-h", "yj-h"}
		got, err := c.CheckOrder(c.ctx, narrow, c.patient, chestCT, Outpatient)
		if err != nil || len(got.Items[0].Assessments) != 0 || got.Items[0].Left != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		list, _, _, err := c.ListShared(c.ctx, narrow, c.patient, store.Page{})
		if err != nil || len(list) != 0 {
			t.Errorf("shared: %v, %v", list, err)
		}
		wide := c.check(t, "yj-h", chestCT, Outpatient)
		_, err = c.Adopt(c.ctx, narrow, wide.ID, "o1", id)
		wantKind(t, err, record.NotFound, "")
	})
}

func TestWrongOrdersAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		long := strings.Repeat("x", 65)
		tests := []struct {
			name  string
			items []OrderItem
			words string
		}{
			{"no line", nil, "1 to 100"},
			{"too many lines", make([]OrderItem, 101), "1 to 100"},
			{"no order id", []OrderItem{{Item: "CT.CHEST"}}, "order id"},
			{"order id twice", []OrderItem{{Order: "a", Item: "X"}, {Order: "a", Item: "Y"}}, "twice"},
			{"nothing ordered", []OrderItem{{Order: "a", BodyPart: "CHEST"}}, "item code"},
			{"a code too long", []OrderItem{{Order: "a", Item: long}}, "too long"},
			{"a code with a control character", []OrderItem{{Order: "a", Item: "a\x00"}}, "not text"},
			{"a code that is no text", []OrderItem{{Order: "a", Item: "\xff"}}, "not text"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				_, err := c.CheckOrder(c.ctx, scopeOf("yj-h"), c.patient, tt.items, Outpatient)
				wantKind(t, err, record.Invalid, tt.words)
			})
		}
		_, err := c.CheckOrder(c.ctx, record.Scope{All: true}, c.patient, chestCT, Outpatient)
		wantKind(t, err, record.Invalid, "no institution")
		_, err = c.CheckOrder(c.ctx, scopeOf("yj-h"), c.patient, chestCT, Setting(99))
		wantKind(t, err, record.Invalid, "setting")
		_, err = c.CheckOrder(c.ctx, scopeOf("yj-h"), "no such/../thing", chestCT, Outpatient)
		wantKind(t, err, record.Invalid, "patient")
	})
}

func TestDecisionsAreKeptOnceAndChecked(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		type call struct {
			adopt        bool
			by           record.InstitutionID
			order        OrderID
			result       int // which of the three results
			reason, text string
			kind         record.Kind // Internal: must succeed
			words        string
			same         bool // as the call before
		}
		adopt := func(result int) call { return call{adopt: true, by: "yj-h", order: "o1", result: result} }
		repeat := func(reason, text string) call { return call{by: "yj-h", order: "o1", reason: reason, text: text} }
		with := func(c call, f func(*call)) call { f(&c); return c }
		fail := func(c call, k record.Kind, words string) call { c.kind, c.words = k, words; return c }
		again := func(c call) call { c.same = true; return c }
		tests := []struct {
			name   string
			before func(*testing.T, *county)
			calls  []call
		}{
			{"adopting twice is one decision", nil, []call{adopt(0), again(adopt(0))}},
			{"two results may be adopted together", nil, []call{adopt(0), adopt(1)}},
			{"repeating twice is one decision", nil, []call{repeat("S1", ""), again(repeat("S1", ""))}},
			{"adopting after repeating is a conflict", nil, []call{repeat("S1", ""), fail(adopt(0), record.Conflict, "decided otherwise")}},
			{"adopting another result after repeating is a conflict", nil, []call{repeat("S1", ""), fail(adopt(1), record.Conflict, "decided otherwise")}},
			{"repeating after adopting is a conflict", nil, []call{adopt(0), fail(repeat("S1", ""), record.Conflict, "decided otherwise")}},
			{"another reason is a conflict", nil, []call{repeat("S1", ""), fail(repeat("S2", ""), record.Conflict, "decided otherwise")}},
			{"repeating what is to be recognised needs a reason", nil, []call{fail(repeat("", ""), record.Invalid, "needs a reason")}},
			{"an unknown reason is refused", nil, []call{fail(repeat("S9", ""), record.Invalid, "no such code")}},
			{"S6 needs an explanation", nil, []call{fail(repeat("S6", " 不 "), record.Invalid, "explanation"), repeat("S6", "病情复杂")}},
			{"the province's other reason needs one too", nil, []call{fail(repeat("OTHER", ""), record.Invalid, "explanation"), repeat("OTHER", "术前评估需要")}},
			{"a long explanation is refused", nil, []call{fail(repeat("S6", strings.Repeat("长", 1001)), record.Invalid, "at most")}},
			{"another institution's check is not found", nil, []call{fail(with(adopt(0), func(c *call) { c.by = "lz-h" }), record.NotFound, "check")}},
			{"another line is not found", nil, []call{fail(with(adopt(0), func(c *call) { c.order = "o9" }), record.NotFound, "no such result")}},
			{"a result that was not in the check is not found", nil, []call{fail(adopt(2), record.NotFound, "no such result")}},
			{
				"after 24 hours the order is checked again", func(_ *testing.T, c *county) { c.now = c.now.Add(24*time.Hour + time.Second) },
				[]call{fail(adopt(0), record.Precondition, "24 hours"), fail(repeat("S1", ""), record.Precondition, "24 hours")},
			},
			{"at 24 hours it still holds", func(_ *testing.T, c *county) { c.now = c.now.Add(24 * time.Hour) }, []call{adopt(0)}},
			{"a withdrawn result is not adopted but may be passed over", func(t *testing.T, c *county) {
				c.n = 0
				c.result(t, func(r *record.Result) { r.Status = record.Withdrawn })
			}, []call{fail(adopt(0), record.Precondition, "withdrawn"), repeat("S1", "")}},
			{"a corrected result is adopted", func(t *testing.T, c *county) {
				c.n = 0
				c.result(t, func(r *record.Result) { r.Status = record.Corrected })
			}, []call{adopt(0)}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				c := open(t)
				ids := []record.ResultID{c.result(t, nil), c.result(t, nil)}
				ck := c.check(t, "yj-h", chestCT, Outpatient)
				if tt.before != nil {
					tt.before(t, c)
				}
				ids = append(ids, c.result(t, func(r *record.Result) { r.ID, r.Exam.ID = "later", "later" }))
				var last Decision
				kept := map[DecisionID]bool{}
				for i, k := range tt.calls {
					var got Decision
					var err error
					if k.adopt {
						got, err = c.Adopt(c.ctx, scopeOf(k.by), ck.ID, k.order, ids[k.result])
					} else {
						got, err = c.Repeat(c.ctx, scopeOf(k.by), ck.ID, k.order, ids[k.result], k.reason, k.text)
					}
					if k.kind != record.Internal {
						wantKind(t, err, k.kind, k.words)
						continue
					}
					if err != nil {
						t.Fatalf("call %d: %v", i+1, err)
					}
					if got.Verdict != Recognise || got.Version != ck.Version || got.RuleID == "" || got.Item != "CT.CHEST" || got.Source != "yj-t" {
						t.Errorf("call %d: %+v", i+1, got)
					}
					if diff := cmp.Diff(last, got); k.same && diff != "" {
						t.Errorf("call %d: %s", i+1, diff)
					}
					last, kept[got.ID] = got, true
				}
				list, _, err := c.Decisions(c.ctx, scopeOf("yj-h"), DecisionFilter{Patient: c.patient})
				if err != nil || len(list) != len(kept) {
					t.Errorf("%d decisions kept, want %d: %v", len(list), len(kept), err)
				}
				events, err := c.db.Events(c.ctx, store.EventFilter{Acts: []string{"recognition.adopted", "recognition.repeated"}})
				if err != nil || len(events) != len(kept) {
					t.Errorf("%d events, want %d: %v", len(events), len(kept), err)
				}
				for _, e := range events {
					if e.Institution != "yj-t" || strings.ContainsAny(fmt.Sprint(e.Detail), "病术") {
						t.Errorf("event %+v", e)
					}
				}
			})
		}
	})
}

func TestDecidingAtTheSameTimeKeepsOneChoice(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		id := c.result(t, nil)
		ck := c.check(t, "yj-h", chestCT, Outpatient)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				if i%2 == 0 {
					_, errs[i] = c.Adopt(c.ctx, scopeOf("yj-h"), ck.ID, "o1", id)
				} else {
					_, errs[i] = c.Repeat(c.ctx, scopeOf("yj-h"), ck.ID, "o1", id, "S1", "")
				}
			})
		}
		wg.Wait()
		conflicts := 0
		for _, err := range errs {
			if record.KindOf(err) == record.Conflict {
				conflicts++
			} else if err != nil {
				t.Error(err)
			}
		}
		if conflicts != len(errs)/2 {
			t.Errorf("%d conflicts, want %d", conflicts, len(errs)/2)
		}
	})
}

func TestSharedResultsPageWithoutGapOrRepeat(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		for i := range 23 {
			c.result(t, func(r *record.Result) { r.Exam.PerformedAt = t0.AddDate(0, 0, -i/3) })
		}
		var all []record.ResultID
		for p := (store.Page{Limit: 5}); ; {
			list, next, version, err := c.ListShared(c.ctx, scopeOf("lz-h"), c.patient, p)
			if err != nil || version == "" {
				t.Fatal(version, err)
			}
			for _, a := range list {
				all = append(all, a.Result.ID)
				if a.Verdict.Failed != NoMarkForScope {
					t.Errorf("outside the community: %v", a.Verdict.Failed.Codes())
				}
			}
			if p.After = next; next == "" {
				break
			}
		}
		slices.Sort(all)
		if len(slices.Compact(all)) != 23 || len(all) != 23 {
			t.Errorf("%d results in pages, want 23", len(all))
		}
		_, _, _, err := c.ListShared(c.ctx, scopeOf("lz-h"), c.patient, store.Page{After: "junk"})
		wantKind(t, err, record.Invalid, "page token")
		events, err := c.db.Events(c.ctx, store.EventFilter{Acts: []string{"recognition.read"}, Patient: c.patient})
		if err != nil || len(events) != 5 {
			t.Errorf("%d reads noted, want 5: %v", len(events), err)
		}
	})
}

func TestDecisionsPageWithinTheScope(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		id := c.result(t, nil)
		for range 7 {
			ck := c.check(t, "yj-h", chestCT, Outpatient)
			if _, err := c.Adopt(c.ctx, scopeOf("yj-h"), ck.ID, "o1", id); err != nil {
				t.Fatal(err)
			}
			c.now = c.now.Add(time.Second)
		}
		first, next, err := c.Decisions(c.ctx, scopeOf("yj-h"), DecisionFilter{Page: store.Page{Limit: 4}})
		if err != nil || len(first) != 4 || next == "" {
			t.Fatal(len(first), next, err)
		}
		rest, next, err := c.Decisions(c.ctx, scopeOf("yj-h"), DecisionFilter{Page: store.Page{Limit: 4, After: next}})
		if err != nil || len(rest) != 3 || next != "" || rest[0].ID >= first[3].ID {
			t.Errorf("%d, %q, %v", len(rest), next, err)
		}
		since, _, err := c.Decisions(c.ctx, scopeOf("yj-h"), DecisionFilter{From: t0.Add(2 * time.Second), To: t0.Add(4 * time.Second)})
		if err != nil || len(since) != 2 {
			t.Errorf("%d in two seconds, %v", len(since), err)
		}
		other := scopeOf("lz-h")
		other.All, other.Institutions = false, []record.InstitutionID{"lz-h"}
		none, _, err := c.Decisions(c.ctx, other, DecisionFilter{})
		if err != nil || len(none) != 0 {
			t.Errorf("%d outside the scope, %v", len(none), err)
		}
	})
}

func TestMarksAreGrantedEndedAndReplayed(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		c.result(t, nil)
		s := scopeOf("bureau")
		best := func() (Verdict, Check) {
			ck := c.check(t, "lz-h", chestCT, Outpatient)
			return ck.Items[0].Assessments[0].Verdict, ck
		}
		before, first := best()
		m, err := c.PutMark(c.ctx, s, Mark{Institution: "yj-t", Item: "ct.chest", Scope: "city:lz", From: t0.AddDate(0, -1, 0), Source: "市质控 2026-1"})
		if err != nil {
			t.Fatal(err)
		}
		same, err := c.PutMark(c.ctx, s, Mark{Institution: "yj-t", Item: "CT.CHEST", Scope: "city:lz", From: t0.AddDate(0, -1, 0), Source: "again"})
		if err != nil || same.ID != m.ID || same.Item != "CT.CHEST" {
			t.Errorf("the same mark again: %+v, %v", same, err)
		}
		_, err = c.PutMark(c.ctx, s, Mark{Institution: "yj-t", Item: "CT.CHEST", Scope: "city:lz", From: t0, Source: "x"})
		wantKind(t, err, record.Conflict, "already")
		granted, second := best()
		if _, err := c.EndMark(c.ctx, s, m.ID, t0.AddDate(0, 0, -2)); err != nil {
			t.Fatal(err)
		}
		later := c.result(t, func(r *record.Result) { r.Exam.PerformedAt = t0.AddDate(0, 0, -1) })
		ended, third := best()
		if _, err := c.EndMark(c.ctx, s, m.ID, t0.AddDate(-1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		revoked, fourth := best()
		states := []string{before.Failed.Codes()[0], granted.Mark, ended.Mark, revoked.Failed.Codes()[0]}
		if diff := cmp.Diff([]string{"NO_MARK_FOR_SCOPE", "city:lz", "city:lz", "NO_MARK_FOR_SCOPE"}, states); diff != "" {
			t.Error(diff)
		}
		if v := third.Items[0].Assessments[1]; v.Result.ID != later || v.Verdict.Failed != MarkLapsedAtExam {
			t.Errorf("an examination after the end: %+v", v)
		}
		versions := map[string]bool{}
		for i, ck := range []Check{first, second, third, fourth} {
			versions[ck.Version] = true
			again, err := c.Replay(c.ctx, scopeOf("lz-h"), ck.ID)
			if err != nil || len(again) == 0 {
				t.Fatal(i, len(again), err)
			}
			for _, r := range again {
				if !r.SameAnswer {
					t.Errorf("check %d replayed: %s", i+1, cmp.Diff(r.Kept, r.Now))
				}
			}
		}
		if len(versions) != 3 { // before the grant and after the revocation the rules are the same
			t.Errorf("%d versions, want 3", len(versions))
		}
	})
}

func TestWrongMarksAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		good := Mark{Institution: "yj-t", Item: "CT.CHEST", Scope: "community:yj-gt", From: t0, To: t0.AddDate(1, 0, 0), Source: "质控"}
		local := scopeOf("yj-gt")
		local.All, local.Institutions = false, []record.InstitutionID{"yj-gt", "yj-h", "yj-t"}
		tests := []struct {
			name  string
			s     record.Scope
			edit  func(*Mark)
			kind  record.Kind
			words string
		}{
			{"an institution out of reach", local, func(m *Mark) { m.Institution = "lz-h" }, record.NotFound, "institution"},
			{"an unknown institution", scopeOf("x"), func(m *Mark) { m.Institution = "nobody" }, record.NotFound, "institution"},
			{"a scope wider than the office", local, func(m *Mark) { m.Scope = "city:lz" }, record.Denied, "wider"},
			{"a national scope from a community", local, func(m *Mark) { m.Scope = "national" }, record.Denied, "wider"},
			{"a scope that is none", scopeOf("x"), func(m *Mark) { m.Scope = "galaxy:x" }, record.Invalid, "unknown scope"},
			{"an area that is none", scopeOf("x"), func(m *Mark) { m.Scope = "city:nowhere" }, record.Invalid, "unknown scope"},
			{"an unknown item", local, func(m *Mark) { m.Item = "CT.TAIL" }, record.Invalid, "unknown item"},
			{"item and kind together", local, func(m *Mark) { m.Kind = record.Imaging }, record.Invalid, "one of"},
			{"nothing covered", local, func(m *Mark) { m.Item = "" }, record.Invalid, "one of"},
			{"no source", local, func(m *Mark) { m.Source = "" }, record.Invalid, "source"},
			{"no beginning", local, func(m *Mark) { m.From = time.Time{} }, record.Invalid, "beginning"},
			{"an end before the beginning", local, func(m *Mark) { m.To = m.From }, record.Invalid, "end after"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				m := good
				tt.edit(&m)
				_, err := c.PutMark(c.ctx, tt.s, m)
				wantKind(t, err, tt.kind, tt.words)
			})
		}
		m, err := c.PutMark(c.ctx, local, good)
		if err != nil {
			t.Fatal(err)
		}
		other := scopeOf("lz-h")
		other.All, other.Institutions = false, []record.InstitutionID{"lz-h"}
		_, err = c.EndMark(c.ctx, other, m.ID, t0)
		wantKind(t, err, record.NotFound, "mark")
		if ms, err := c.Marks(c.ctx, local); err != nil || len(ms) != 1 {
			t.Errorf("marks %v, %v", ms, err)
		}
	})
}

func TestOldPacksAreReplayedFromTheirKeptText(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		c.result(t, nil)
		ck := c.check(t, "yj-h", chestCT, Outpatient)
		c.Desk = NewDesk(c.db, testBook(t)) // the administrator changed the rules
		again, err := c.Replay(c.ctx, scopeOf("yj-h"), ck.ID)
		if err != nil || len(again) != 1 || !again[0].SameAnswer {
			t.Errorf("%+v, %v", again, err)
		}
		if next := c.check(t, "yj-h", chestCT, Outpatient); next.Version == ck.Version {
			t.Error("other rules have another version")
		}
	})
}

func TestReasonsAndItemsAreThoseOfThePlace(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		reasons, err := c.Reasons(c.ctx, scopeOf("yj-h"))
		var codes []string
		for _, r := range reasons {
			codes = append(codes, r.Code)
		}
		if diff := cmp.Diff([]string{"OTHER", "P1", "P2", "P3", "P4", "S1", "S2", "S3", "S4", "S5", "S6"}, codes); err != nil || diff != "" {
			t.Error(err, diff)
		}
		items, version, err := c.Items(c.ctx, scopeOf("yj-h"), record.Date{})
		if err != nil || version == "" || len(items) < 50 {
			t.Fatal(len(items), version, err)
		}
		i := slices.IndexFunc(items, func(i Item) bool { return i.Code == "ECG12" })
		if items[i].WindowDays != 3 || items[i].RuleID != "ECG12:gansu:2022-08-01" || !items[i].ToBeConfirmed {
			t.Errorf("%+v", items[i])
		}
		old, _, err := c.Items(c.ctx, scopeOf("yj-h"), record.Date{Year: 2022, Month: 7, Day: 31})
		if err != nil || old[i].WindowDays != 7 {
			t.Errorf("the day before: %+v, %v", old[i], err)
		}
		if none, _, err := c.Items(c.ctx, scopeOf("yj-h"), record.Date{Year: 2021, Month: 1, Day: 1}); err != nil || len(none) != 0 {
			t.Errorf("before any rule: %d, %v", len(none), err)
		}
	})
}

func BenchmarkCheckOrder(b *testing.B) {
	for _, bench := range []struct {
		name  string
		parts []string
	}{{"thousand mixed", []string{"CHEST", "HEAD", "ABDOMEN", "PELVIS", "NECK", "LSPINE", "CSPINE", "TSPINE"}}, {"thousand of one item", []string{"CHEST"}}} {
		b.Run(bench.name, func(b *testing.B) {
			c := newCounty(b, sqliteURL(b))
			for i := range 1000 {
				c.result(b, func(r *record.Result) {
					r.Exam.BodyPart, r.Exam.PerformedAt = bench.parts[i%len(bench.parts)], t0.Add(-time.Duration(i)*time.Hour)
				})
			}
			items := []OrderItem{{Order: "1", Item: "CT.CHEST"}, {Order: "2", Modality: "CT", BodyPart: "HEAD"}, {Order: "3", Item: "LAB.K"}}
			c.check(b, "yj-h", items, Outpatient)
			var took []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				c.check(b, "yj-h", items, Outpatient)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
