package reading

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

var ecgCentre = record.Actor{Kind: record.ActorSystem, ID: "ecg", Display: "ECG centre"}

// alarm raises alarms as a centre does, inside its own transaction.
func (h *hall) alarm(id record.CaseID, alarms ...Alarm) {
	h.t.Helper()
	err := h.db.Tx(h.t.Context(), func(tx *store.Tx) error { return h.room.Alarm(h.t.Context(), tx, ecgCentre, id, alarms...) })
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestAlarmOfAnAlgorithm(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		ctx := t.Context()
		li, nurse := doctor("li"), clinic("nurse", storetest.Suwu)
		id := h.open(storetest.Suwu, nil)
		h.alarm(id, Alarm{Rule: "STEMI:1", Finding: "ST 抬高"}, Alarm{Rule: "QT:2", Finding: "QTc 560 ms"})
		h.alarm(id, Alarm{Rule: "STEMI:1", Finding: "ST 抬高"}) // again
		c := h.get(id)
		if !c.Critical || c.Unacknowledged != 2 || c.Exam.Priority != record.Stat || c.State != Waiting {
			t.Fatalf("%+v", c)
		}
		all, _, err := h.room.Criticals(ctx, nurse, CriticalFilter{OpenOnly: true})
		if err != nil || len(all) != 2 {
			t.Fatalf("%+v %v", all, err)
		}
		byRule := map[string]Critical{all[0].Rule: all[0], all[1].Rule: all[1]}
		stemi, qt := byRule["STEMI:1"], byRule["QT:2"]

		// The clinic is told through its feed, as of a doctor's value.
		changes, _, err := h.room.Results(ctx, nurse, 0, 100)
		if err != nil || len(changes) != 2 || changes[0].Act != "critical.raised" || changes[0].Critical.ID != stemi.ID {
			t.Fatalf("%+v %v", changes, err)
		}

		// A reader says why one is false, which the clinic hears too; the other is acknowledged where the patient is, and calls are noted.
		_, err = h.room.DismissCritical(ctx, li, qt.ID, " ")
		wantKind(t, err, record.Invalid)
		_, err = h.room.DismissCritical(ctx, record.Scope{Actor: record.Actor{Kind: record.ActorKey, ID: "k"}, All: true}, qt.ID, "x")
		wantKind(t, err, record.Denied)
		_, err = h.room.DismissCritical(ctx, clinic("other", storetest.Dongba), qt.ID, "x")
		wantKind(t, err, record.NotFound)
		gone := must(h.room.DismissCritical(ctx, li, qt.ID, "T 波终点判断错误"))(t)
		if gone.DismissedBy != "li" || gone.DismissedAt.IsZero() {
			t.Fatalf("%+v", gone)
		}
		must(h.room.DismissCritical(ctx, li, qt.ID, "T 波终点判断错误"))(t) // the same answer again
		changes, _, err = h.room.Results(ctx, nurse, changes[1].Seq, 100)
		if err != nil || len(changes) != 1 || changes[0].Act != "critical.dismissed" || changes[0].Critical.ID != qt.ID {
			t.Fatalf("%+v %v", changes, err)
		}
		_, err = h.room.DismissCritical(ctx, doctor("wang"), qt.ID, "x")
		wantKind(t, err, record.Precondition)
		_, err = h.room.AcknowledgeCritical(ctx, nurse, qt.ID, "ok")
		wantKind(t, err, record.Precondition)
		if c := h.get(id); c.Unacknowledged != 1 {
			t.Fatalf("%+v", c)
		}
		must(h.room.NoteCall(ctx, li, stemi.ID, "已电话通知苏武镇卫生院刘医生"))(t)
		must(h.room.AcknowledgeCritical(ctx, nurse, stemi.ID, "绕行急诊"))(t)
		_, err = h.room.DismissCritical(ctx, li, stemi.ID, "x")
		wantKind(t, err, record.Precondition)
		told := must(h.room.NoteCall(ctx, li, stemi.ID, "救护车已出发"))(t)
		if len(told.Calls) != 2 || told.Calls[0].ByName != "Dr li" || told.Calls[1].Note != "救护车已出发" {
			t.Fatalf("%+v", told)
		}
		all, _, err = h.room.Criticals(ctx, li, CriticalFilter{Case: id})
		if err != nil || len(all) != 2 || !cmp.Equal(append(all[0].Calls, all[1].Calls...), told.Calls) {
			t.Fatalf("%+v %v", all, err)
		}
		if open, _, err := h.room.Criticals(ctx, nurse, CriticalFilter{OpenOnly: true}); err != nil || len(open) != 0 {
			t.Fatalf("%+v %v", open, err)
		}
		noPersonalData(t, h.db, "ST 抬高", "刘医生", "T 波终点", "绕行")
	})
}

func TestADoctorsOwnValueIsNotDismissed(t *testing.T) {
	h, _ := clocked(t, Options{})
	li := doctor("li")
	id := h.open(storetest.Suwu, nil)
	must(h.room.Claim(t.Context(), li, id, false, ""))(t)
	v := must(h.room.RaiseCritical(t.Context(), li, id, "气胸", ""))(t)
	_, err := h.room.DismissCritical(t.Context(), li, v.ID, "x")
	wantKind(t, err, record.Precondition)
}

func TestADismissedAlarmIsNotPassedOn(t *testing.T) {
	h, clock := clocked(t, Options{CriticalAck: 10 * time.Minute})
	id := h.open(storetest.Suwu, nil)
	h.alarm(id, Alarm{Rule: "STEMI:1", Finding: "ST"})
	all, _, err := h.room.Criticals(t.Context(), doctor("li"), CriticalFilter{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	must(h.room.DismissCritical(t.Context(), doctor("li"), all[0].ID, "导联脱落"))(t)
	clock.move(time.Hour)
	must(0, h.room.Tick(t.Context()))(t)
	if got := h.acts("critical."); !cmp.Equal(got, []string{"critical.raised", "critical.list", "critical.dismissed"}) {
		t.Fatalf("%v", got)
	}
}

func TestPathwayMakesACaseSTATAndStaysInItsReport(t *testing.T) {
	h, clock := clocked(t, Options{DueBy: map[string]Due{"ECG": {Stat: 10 * time.Minute}}})
	ctx := t.Context()
	id := h.open(storetest.Suwu, func(e *record.Exam) { e.Kind, e.Modality = record.ECG, "ECG" })
	contact := clock.Now().Add(-4 * time.Minute)
	for range 2 { // the second changes nothing
		must(0, h.db.Tx(ctx, func(tx *store.Tx) error { return h.room.Pathway(ctx, tx, id, contact) }))(t)
	}
	c := h.get(id)
	if !c.Exam.FirstContactAt.Equal(contact) || c.Exam.Priority != record.Stat || !c.DueAt.Equal(clock.Now().Add(10*time.Minute)) || c.Version != 2 {
		t.Fatalf("%+v", c)
	}
	if at := must(h.room.SignedAt(ctx, id))(t); !at.IsZero() {
		t.Fatal(at)
	}
	if _, ok, err := h.room.Current(ctx, doctor("li"), id); ok || err != nil {
		t.Fatal(ok, err)
	}
	rep := h.signed(id, doctor("li"), doctor("wang"))
	if !rep.Exam.FirstContactAt.Equal(contact) {
		t.Fatalf("%+v", rep.Exam)
	}
	if at := must(h.room.SignedAt(ctx, id))(t); !at.Equal(rep.SignedAt) {
		t.Fatal(at)
	}
	got, ok, err := h.room.Current(ctx, doctor("li"), id)
	if err != nil || !ok || got.ID != rep.ID {
		t.Fatal(got, ok, err)
	}
	if _, ok, err := h.room.Current(ctx, clinic("other", storetest.Dongba), id); ok || err != nil {
		t.Fatal("another clinic sees it", err)
	}
	must(h.room.Withdraw(ctx, doctor("wang"), id, "患者错误"))(t)
	if _, ok, err := h.room.Current(ctx, doctor("li"), id); ok || err != nil {
		t.Fatal("withdrawn", err)
	}
}

func TestCodedConclusionsAreSignedAndBounded(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	id := h.open(storetest.Suwu, nil)
	coded := text("心房颤动")
	coded.Conclusions = []Conclusion{{Code: "50", System: "AHA-2007", Text: "心房颤动"}}
	must(h.room.Claim(ctx, doctor("li"), id, false, ""))(t)
	for name, bad := range map[string]Conclusion{
		"no code": {System: "AHA-2007", Text: "x"}, "no system": {Code: "50", Text: "x"}, "not UTF-8": {Code: "50", System: "S", Text: "\xff"},
	} {
		_, err := h.room.SaveDraft(ctx, doctor("li"), id, Text{Conclusions: []Conclusion{bad}}, 0)
		if record.KindOf(err) != record.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := h.room.SaveDraft(ctx, doctor("li"), id, Text{Conclusions: make([]Conclusion, maxConclusions+1)}, 0)
	wantKind(t, err, record.Invalid)
	must(h.room.Submit(ctx, doctor("li"), id, coded, ""))(t)
	rep := must(h.room.Sign(ctx, doctor("wang"), id, ""))(t)
	if got := must(h.room.Report(ctx, doctor("li"), rep.ID))(t); !got.Text.Equal(*coded) {
		t.Fatalf("%+v", got.Text)
	}
}

func TestARuleWithALongNameRaisesItsAlarm(t *testing.T) {
	h, _ := clocked(t, Options{})
	id := h.open(storetest.Suwu, nil)
	h.alarm(id, Alarm{Rule: strings.Repeat("r", 61) + ":" + strings.Repeat("1", 31), Finding: "ST"})
	if c := h.get(id); !c.Critical || c.Unacknowledged != 1 {
		t.Fatalf("%+v", c)
	}
}

func TestAnotherVersionOfARuleIsNoFurtherAlarm(t *testing.T) {
	h, _ := clocked(t, Options{})
	id := h.open(storetest.Suwu, nil)
	h.alarm(id, Alarm{Rule: "st:1", Finding: "ST"}, Alarm{Rule: "stemi:1", Finding: "ST"})
	h.alarm(id, Alarm{Rule: "st:2", Finding: "ST"})
	if c := h.get(id); c.Unacknowledged != 2 {
		t.Fatalf("%d alarms", c.Unacknowledged)
	}
}

func TestAnAnsweredAlarmIsRaisedAgainForTheRightPatient(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		ctx, nurse := t.Context(), clinic("nurse", storetest.Suwu)
		var e record.Exam
		id := h.open(storetest.Suwu, func(x *record.Exam) { e = *x })
		h.alarm(id, Alarm{Rule: "stemi:1", Finding: "ST"}, Alarm{Rule: "vt:1", Finding: "VT"})
		all, _, err := h.room.Criticals(ctx, nurse, CriticalFilter{})
		if err != nil || len(all) != 2 {
			t.Fatalf("%v %v", all, err)
		}
		for _, v := range all {
			if v.Rule == "stemi:1" {
				must(h.room.AcknowledgeCritical(ctx, nurse, v.ID, "绕行急诊"))(t)
			}
		}
		err = db.Tx(ctx, func(tx *store.Tx) error {
			e.Patient = h.patient(tx, "李四")
			if _, _, err := h.room.Correct(ctx, tx, doctor("admin"), Correction{Exam: e, Reason: "登记错误"}); err != nil {
				return err
			}
			return h.room.Alarm(ctx, tx, ecgCentre, id, Alarm{Rule: "stemi:1", Finding: "ST"}, Alarm{Rule: "vt:1", Finding: "VT"})
		})
		if err != nil {
			t.Fatal(err)
		}
		open, _, err := h.room.Criticals(ctx, nurse, CriticalFilter{OpenOnly: true})
		if err != nil || len(open) != 2 || open[0].Patient != e.Patient || open[1].Patient != e.Patient || open[0].Rule == open[1].Rule {
			t.Fatalf("%+v %v", open, err)
		}
	})
}

func TestAnAlarmIsPassedOnAtItsOwnMinutes(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	v := Critical{RaisedAt: at, Steps: Alarm{Escalate: []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute}}.steps()}
	for _, x := range []struct{ now, want time.Duration }{{0, 5 * time.Minute}, {5 * time.Minute, 10 * time.Minute}, {12 * time.Minute, 15 * time.Minute}, {15 * time.Minute, 25 * time.Minute}} {
		if got := v.next(at.Add(x.now), 10*time.Minute); !got.Equal(at.Add(x.want)) {
			t.Errorf("after %v: %v, want %v", x.now, got.Sub(at), x.want)
		}
	}
}
