package reading

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// The whole way of one case, as a county knows it.
func TestStory(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		h := newHall(t, db, Options{})
		li, wang, nurse := doctor("li"), doctor("wang"), clinic("nurse", storetest.Suwu)
		id := h.open(storetest.Suwu, nil)

		cs, next, err := h.room.Cases(ctx, li, CaseFilter{})
		if err != nil || len(cs) != 1 || next != "" || cs[0].ID != id || cs[0].State != Waiting || cs[0].PatientName.Reveal() != "张三" {
			t.Fatalf("worklist: %v %q %v", cs, next, err)
		}
		c := must(h.room.Claim(ctx, li, id, false, ""))(t)
		if c.State != Claimed || c.Holder != "li" || c.HolderName != "Dr li" {
			t.Fatalf("claimed: %+v", c)
		}
		d := must(h.room.SaveDraft(ctx, li, id, Text{Findings: "双肺纹理"}, 0))(t)
		d = must(h.room.SaveDraft(ctx, li, id, *text("右肺结节"), d.Number))(t)
		if d.Number != 2 || h.get(id).Etag() != c.Etag() {
			t.Fatalf("draft %d, etag %s then %s", d.Number, c.Etag(), h.get(id).Etag())
		}
		c = must(h.room.Submit(ctx, li, id, nil, c.Etag()))(t)
		_, err = h.room.Sign(ctx, li, id, "")
		wantKind(t, err, record.Denied)
		_, err = h.room.Return(ctx, wang, id, "  ", "")
		wantKind(t, err, record.Invalid)
		_, err = h.room.Return(ctx, wang, id, "写明大小", "stale")
		wantKind(t, err, record.Conflict)
		c = must(h.room.Return(ctx, wang, id, "写明大小", c.Etag()))(t)
		if c.State != Returned || c.ReturnReason != "写明大小" || c.Holder != "li" {
			t.Fatalf("returned: %+v", c)
		}
		must(h.room.SaveDraft(ctx, li, id, *text("右肺结节 5mm"), 2))(t)
		c = must(h.room.Submit(ctx, li, id, nil, ""))(t)
		rep := must(h.room.Sign(ctx, wang, id, c.Etag()))(t)
		if rep.Version != 1 || rep.Status != record.Final || rep.Author != "li" || rep.Reviewer != "wang" || !rep.Text.Equal(*text("右肺结节 5mm")) {
			t.Fatalf("report: %+v", rep)
		}
		if got := must(h.room.Report(ctx, nurse, rep.ID))(t); !cmp.Equal(rep, got) {
			t.Fatal(cmp.Diff(rep, got))
		}
		f, info, err := h.blobs.Open(ctx, rep.Key)
		if err != nil || (info.SHA256 != "" && info.SHA256 != rep.SHA256) || !strings.HasPrefix(rep.Key, "620621-imaging/minqin-suwu/"+string(id)+"/") {
			t.Fatalf("blob %s: %+v %v", rep.Key, info, err)
		}
		doc, err := io.ReadAll(f)
		if err != nil || f.Close() != nil || digest(doc) != rep.SHA256 {
			t.Fatalf("blob is not the signed document: %v", err)
		}
		res := must(db.Result(ctx, nurse, record.ResultID(id)))(t)
		if res.Status != record.Final || res.Report != rep.ID || !res.Positive || !res.SignedAt.Equal(rep.SignedAt) {
			t.Fatalf("result: %+v", res)
		}

		must(h.room.Amend(ctx, wang, id, "左右写反"))(t)
		must(h.room.Submit(ctx, wang, id, text("左肺结节 5mm"), ""))(t)
		rep2 := must(h.room.Sign(ctx, li, id, ""))(t)
		if rep2.Version != 2 || rep2.Status != record.Corrected || rep2.Reason != "左右写反" || rep2.Replaces != rep.ID || rep2.Author != "wang" {
			t.Fatalf("second version: %+v", rep2)
		}
		if old := must(h.room.Report(ctx, nurse, rep.ID))(t); !old.Text.Equal(rep.Text) || old.Current || old.SHA256 != rep.SHA256 {
			t.Fatalf("the old version changed: %+v", old)
		}
		must(h.room.Withdraw(ctx, wang, id, "错了病人"))(t)
		reps := must(h.room.Reports(ctx, nurse, id))(t)
		if len(reps) != 2 || reps[0].Status != record.Withdrawn || reps[0].WithdrawReason != "错了病人" || reps[1].Status != record.Final {
			t.Fatalf("reports: %+v", reps)
		}
		if res := must(db.Result(ctx, nurse, record.ResultID(id)))(t); res.Status != record.Withdrawn {
			t.Fatalf("result: %+v", res)
		}
		want := []string{
			"case.opened", "case.claimed", "case.drafted", "case.drafted", "case.submitted", "case.returned", "case.drafted",
			"case.submitted", "report.signed", "case.signed", "case.amending", "case.submitted", "report.corrected", "case.signed",
			"report.withdrawn", "case.withdrawn",
		}
		if d := cmp.Diff(want, h.acts(append([]string{"report.signed", "report.corrected", "report.withdrawn"}, caseActs...)...)); d != "" {
			t.Fatal(d)
		}
		if done := must(h.room.History(ctx, li, id))(t); len(done) != 10 || done[3].Reason != "写明大小" || done[9].Reason != "错了病人" {
			t.Fatalf("history: %+v", done)
		}
		noPersonalData(t, db, "张三", "Zhang", "写明大小", "左右写反", "错了病人", "结节", "1960", "咳嗽")
		if _, err := db.VerifyEvents(ctx); err != nil {
			t.Fatal(err)
		}
	})
}

// noPersonalData looks for words in everything that events keep.
func noPersonalData(t *testing.T, db *store.DB, words ...string) {
	t.Helper()
	for _, e := range must(db.Events(t.Context(), store.EventFilter{Limit: 10000}))(t) {
		all := []string{e.Act, e.Kind, e.Object, e.Rule}
		for k, v := range e.Detail {
			all = append(all, k, v)
		}
		for _, w := range words {
			if strings.Contains(strings.Join(all, " "), w) {
				t.Errorf("event %d %s carries %q", e.Seq, e.Act, w)
			}
		}
	}
}

func TestReportTextIsKeptExactly(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		h := newHall(t, db, Options{})
		odd := Text{
			Findings: "𠮷田 \u202eabc\u202c e\u0301 é \x00 \t\r\n\u2028 <b>&amp;</b> \"\\\" 👩‍⚕️ \ufffd ", Impression: strings.Repeat("长", 8000),
			Recommendation: "  前后空格  ",
		}
		id := h.open(storetest.Suwu, nil)
		must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
		must(h.room.SaveDraft(ctx, doctor("li"), id, odd, 0))(t)
		if ds := must(h.room.Drafts(ctx, doctor("li"), id))(t); len(ds) != 1 || !ds[0].Text.Equal(odd) {
			t.Fatal("the draft changed")
		}
		must(h.room.Submit(ctx, doctor("li"), id, nil, ""))(t)
		rep := must(h.room.Sign(ctx, doctor("wang"), id, ""))(t)
		if got := must(h.room.Report(ctx, doctor("li"), rep.ID))(t); !got.Text.Equal(odd) {
			t.Fatal(cmp.Diff(odd, got.Text))
		}
	})
}

func TestTextBounds(t *testing.T) {
	for _, tt := range []struct {
		name string
		text Text
		ok   bool
	}{
		{"longest", Text{Findings: strings.Repeat("字", 20000)}, true},
		{"findings too long", Text{Findings: strings.Repeat("字", 20001)}, false},
		{"impression too long", Text{Impression: strings.Repeat("字", 8001)}, false},
		{"recommendation too long", Text{Recommendation: strings.Repeat("字", 4001)}, false},
		{"not UTF-8", Text{Findings: "\xff"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.text.check()
			if (err == nil) != tt.ok || (err != nil && record.KindOf(err) != record.Invalid) {
				t.Fatal(err)
			}
		})
	}
}

func TestSubmitNeedsAnImpression(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	id := h.open(storetest.Suwu, nil)
	must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
	_, err := h.room.Submit(ctx, doctor("li"), id, nil, "")
	wantKind(t, err, record.Precondition)
	_, err = h.room.Submit(ctx, doctor("li"), id, &Text{Findings: "x", Impression: " \n"}, "")
	wantKind(t, err, record.Precondition)
	if ds := must(h.room.Drafts(ctx, doctor("li"), id))(t); len(ds) != 0 {
		t.Fatal("a refused submission left a draft")
	}
}

// Whoever wrote the submitted text is not the second doctor, also when another submitted it.
func TestWriterOfTheTextDoesNotSign(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	id := h.open(storetest.Suwu, nil)
	must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
	must(h.room.SaveDraft(ctx, doctor("li"), id, *text("a"), 0))(t)
	must(h.room.Claim(ctx, doctor("wang"), id, true, "换班"))(t)
	must(h.room.Submit(ctx, doctor("wang"), id, nil, ""))(t)
	_, err := h.room.Sign(ctx, doctor("li"), id, "")
	wantKind(t, err, record.Denied)
	must(h.room.Sign(ctx, doctor("zhao"), id, ""))(t)
}

func TestDamagedReportIsNotShown(t *testing.T) {
	for _, tt := range []struct{ name, sql string }{
		{"text", `UPDATE reports SET document = replace(document, '右肺', '左肺')`},
		{"hash", `UPDATE reports SET sha256 = '00'`},
		{"patient", `UPDATE reports SET patient_id = 'other'`},
		{"format", `UPDATE reports SET document = ''`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := clocked(t, Options{})
			ctx := t.Context()
			id := h.open(storetest.Suwu, nil)
			rep := h.signed(id, doctor("li"), doctor("wang"))
			must(0, h.db.Tx(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, tt.sql); return err }))(t)
			_, err := h.room.Report(ctx, doctor("li"), rep.ID)
			wantKind(t, err, record.Internal)
			_, err = h.room.Reports(ctx, doctor("li"), id)
			wantKind(t, err, record.Internal)
			ch, _, err := h.room.Results(ctx, clinic("n", storetest.Suwu), 0, 0)
			if err != nil || len(ch) != 1 || !ch[0].Damaged || ch[0].Report != nil {
				t.Fatalf("feed: %+v %v", ch, err)
			}
			if got := h.acts("report.damaged"); len(got) != 3 {
				t.Fatalf("noted %v", got)
			}
			must(h.room.Withdraw(ctx, doctor("li"), id, "damaged"))(t)
			must(h.room.Amend(ctx, doctor("li"), id, "anew"))(t)
			must(h.room.Submit(ctx, doctor("li"), id, text("新"), ""))(t)
			must(h.room.Sign(ctx, doctor("wang"), id, ""))(t)
		})
	}
}

func TestReadsAreNoted(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	li, nurse := doctor("li"), clinic("n", storetest.Suwu)
	id := h.open(storetest.Suwu, nil)
	rep := h.signed(id, li, doctor("wang"))
	must(h.room.Case(ctx, li, id))(t)
	must(h.room.Drafts(ctx, li, id))(t)
	must(h.room.Report(ctx, nurse, rep.ID))(t)
	must(h.room.Reports(ctx, nurse, id))(t)
	_, _, err := h.room.Cases(ctx, li, CaseFilter{})
	must(0, err)(t)
	_, _, err = h.room.Criticals(ctx, li, CriticalFilter{})
	must(0, err)(t)
	_, _, err = h.room.Results(ctx, nurse, 0, 0)
	must(0, err)(t)
	want := []string{"case.read", "draft.list", "report.read", "report.list", "case.list", "critical.list", "result.feed"}
	if d := cmp.Diff(want, h.acts(want...)); d != "" {
		t.Fatal(d)
	}
}

// What is outside the scope is not there, for every method.
func TestScope(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	id := h.open(storetest.Suwu, nil)
	rep := h.signed(id, doctor("li"), doctor("wang"))
	open := h.open(storetest.Suwu, nil)
	must(h.room.Claim(ctx, doctor("li"), open, false, ""))(t)
	v := must(h.room.RaiseCritical(ctx, doctor("li"), open, "气胸", ""))(t)
	for _, s := range []record.Scope{clinic("x", storetest.Dongba), {Actor: doctor("li").Actor}} {
		for name, err := range map[string]error{
			"case":    second2(h.room.Case(ctx, s, id)),
			"claim":   second2(h.room.Claim(ctx, s, open, true, "r")),
			"draft":   second2(h.room.SaveDraft(ctx, s, open, Text{}, 0)),
			"drafts":  second2(h.room.Drafts(ctx, s, open)),
			"sign":    second2(h.room.Sign(ctx, s, open, "")),
			"amend":   second2(h.room.Amend(ctx, s, id, "r")),
			"report":  second2(h.room.Report(ctx, s, rep.ID)),
			"reports": second2(h.room.Reports(ctx, s, id)),
			"raise":   second2(h.room.RaiseCritical(ctx, s, open, "x", "")),
			"ack":     second2(h.room.AcknowledgeCritical(ctx, s, v.ID, "x")),
			"history": second2(h.room.History(ctx, s, id)),
		} {
			if record.KindOf(err) != record.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		cs, _, err := h.room.Cases(ctx, s, CaseFilter{States: States})
		if err != nil || len(cs) != 0 {
			t.Errorf("cases: %v %v", cs, err)
		}
		ch, next, err := h.room.Results(ctx, s, 0, 0)
		if err != nil || len(ch) != 0 || next == 0 {
			t.Errorf("results: %v %d %v", ch, next, err)
		}
		vs, _, err := h.room.Criticals(ctx, s, CriticalFilter{})
		if err != nil || len(vs) != 0 {
			t.Errorf("criticals: %v %v", vs, err)
		}
	}
}

func second2[T any](_ T, err error) error { return err }
