package worklist

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func job(label string, more ...any) *dicom.DataSet {
	return ds(append([]any{
		workitemState, Scheduled, workitemPriority, "MEDIUM", workitemLabel, label, workitemStart, "20260305091500",
		inputReadiness, "READY", dicom.PatientName, "王小明", dicom.PatientID, "P001",
	}, more...)...)
}

// performedJob is what a performer must have told before it can complete a workitem.
func performedJob() *dicom.DataSet {
	code := ds(dicom.CodeValue, "1", dicom.CodingSchemeDesignator, "LZ", dicom.CodeMeaning, "x")
	return ds(workitemPerformed, ds(workitemPerformedCodes, code, workitemPerformedStations, code,
		workitemPerformedStart, "20260305092000", workitemPerformedEnd, "20260305093000"))
}

func (w *ward) job(s record.Scope, label string, more ...any) dicom.UID {
	w.t.Helper()
	return must(w.CreateWorkitem(w.t.Context(), s, "", job(label, more...)))(w.t)
}

func TestAWorkitemFromClaimToEnd(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		uid, mine, other := w.job(suwu, "AI"), NewUID(), NewUID()
		state := func(want string) {
			t.Helper()
			if got := must(w.Workitem(ctx, suwu, uid))(t); got.Str(workitemState) != want || got.Find(transactionUID) != nil {
				t.Fatalf("state %s, want %s", got.Str(workitemState), want)
			}
		}
		to := func(tx dicom.UID, to string) (Status, error) { return w.ChangeState(ctx, suwu, uid, tx, to) }
		_, err := to("", InProgress)
		wantStatus(t, err, StatusMissingValue, transactionUID)
		_, err = to(mine, Completed)
		wantStatus(t, err, StatusNotInProgress)
		wantStatus(t, w.UpdateWorkitem(ctx, suwu, uid, mine, ds(worklistLabel, "x")), StatusNotInProgress)
		must(to(mine, InProgress))(t)
		state(InProgress)
		_, err = to(other, InProgress)
		wantStatus(t, err, StatusAlreadyInProgress)
		wantStatus(t, w.UpdateWorkitem(ctx, suwu, uid, other, ds(worklistLabel, "x")), StatusWrongTransaction)
		wantStatus(t, w.UpdateWorkitem(ctx, suwu, uid, "", ds(worklistLabel, "x")), StatusWrongTransaction)
		wantStatus(t, w.UpdateWorkitem(ctx, suwu, uid, mine, ds(workitemState, Scheduled)), StatusOnlyByCreate, workitemState)
		wantStatus(t, w.UpdateWorkitem(ctx, suwu, uid, mine, ds(workitemPriority, "SOON")), StatusInvalidAttribute, workitemPriority)
		wantStatus(t, w.UpdateWorkitem(ctx, suwu, uid, mine, ds(dicom.PatientName, "Other")), StatusInvalidAttribute, dicom.PatientName)
		_, err = to(mine, Completed)
		wantStatus(t, err, StatusRequirementsNotMet, workitemPerformed)
		withUID := performedJob()
		withUID.SetText(transactionUID, string(mine))
		if err := w.UpdateWorkitem(ctx, suwu, uid, "", withUID); err != nil {
			t.Fatal(err)
		}
		_, err = to(other, Completed)
		wantStatus(t, err, StatusWrongTransaction)
		must(to(mine, Completed))(t)
		state(Completed)
		if warn, err := to(mine, Completed); warn != StatusAlreadyCompleted || err != nil {
			t.Errorf("%04X %v", warn, err)
		}
		_, err = to(mine, Canceled)
		wantStatus(t, err, StatusFinal)
		_, err = to(mine, Scheduled)
		wantStatus(t, err, StatusOnlyByCreate)
		_, err = to(mine, "DONE")
		wantStatus(t, err, StatusInvalidAttribute, workitemState)
		wantStatus(t, w.UpdateWorkitem(ctx, suwu, uid, mine, ds(worklistLabel, "x")), StatusFinal)
		_, err = w.RequestCancel(ctx, suwu, uid, "A", nil)
		wantStatus(t, err, StatusCancelOfCompleted)
	})
}

func TestWorkitemsThatLackSomething(t *testing.T) {
	w := newWard(t, storetest.SQLite(t), Options{})
	tests := []struct {
		name string
		d    *dicom.DataSet
		want Status
		tags []dicom.Tag
	}{
		{"no label", job(""), StatusMissingValue, []dicom.Tag{workitemLabel}},
		{"in progress", job("x", workitemState, InProgress), StatusNotScheduled, []dicom.Tag{workitemState}},
		{"a priority of its own", job("x", workitemPriority, "STAT"), StatusInvalidAttribute, []dicom.Tag{workitemPriority}},
		{"a time that is none", job("x", workitemStart, "soon"), StatusInvalidAttribute, []dicom.Tag{workitemStart}},
		{"performed already", job("x", workitemPerformed, ds(workitemPerformedStart, "2026")), StatusInvalidAttribute, []dicom.Tag{workitemPerformed}},
		{"nothing", ds(), StatusMissingAttribute, []dicom.Tag{workitemState, workitemPriority, workitemLabel, workitemStart, inputReadiness}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := w.CreateWorkitem(t.Context(), suwu, "1.2.3", tc.d)
			wantStatus(t, err, tc.want, tc.tags...)
		})
	}
	must(w.CreateWorkitem(t.Context(), suwu, "1.2.3", job("x")))(t)
	_, err := w.CreateWorkitem(t.Context(), suwu, "1.2.3", job("x"))
	wantStatus(t, err, StatusDuplicate)
}

// Of many who claim at once exactly one wins.
func TestOneOfManyClaims(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		uid := w.job(suwu, "AI")
		var won atomic.Int32
		var winner atomic.Value
		var wg sync.WaitGroup
		for range 24 {
			wg.Go(func() {
				tx := NewUID()
				_, err := w.ChangeState(t.Context(), suwu, uid, tx, InProgress)
				var f *Fault
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(tx)
				case !errors.As(err, &f) || f.Status != StatusAlreadyInProgress:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d won", won.Load())
		}
		if _, err := w.ChangeState(t.Context(), suwu, uid, winner.Load().(dicom.UID), Canceled); err != nil {
			t.Error(err)
		}
		if acts := w.acts("workitem.claimed"); len(acts) != 1 {
			t.Errorf("%v", acts)
		}
	})
}

// model is what PS3.4 CC.1.1 says of one workitem, told another way than the table does.
type model struct {
	state  string
	holder dicom.UID
	ready  bool // its performed procedure is told
}

func (m *model) change(tx dicom.UID, to string) (Status, bool) {
	final := m.state == Completed || m.state == Canceled
	switch {
	case to == Scheduled:
		return StatusOnlyByCreate, false
	case to == InProgress && final:
		return StatusFinal, false
	case to == InProgress && m.state == InProgress:
		return StatusAlreadyInProgress, false
	case to == InProgress:
		m.state, m.holder = InProgress, tx
		return 0, true
	case m.state == Scheduled:
		return StatusNotInProgress, false
	case final && m.state != to:
		return StatusFinal, false
	case tx != m.holder:
		return StatusWrongTransaction, false
	case m.state == Completed:
		return StatusAlreadyCompleted, true
	case m.state == Canceled:
		return StatusAlreadyCanceled, true
	case to == Completed && !m.ready:
		return StatusRequirementsNotMet, false
	}
	m.state = to
	return 0, true
}

func (m *model) update(tx dicom.UID, performed bool) Status {
	switch {
	case m.state == Completed || m.state == Canceled:
		return StatusFinal
	case m.state == InProgress && tx != m.holder:
		return StatusWrongTransaction
	case m.state == Scheduled && (tx != "" || performed):
		return StatusNotInProgress
	}
	m.ready = m.ready || performed
	return 0
}

func (m *model) cancel() (Status, bool) {
	switch m.state {
	case Completed:
		return StatusCancelOfCompleted, false
	case Canceled:
		return StatusAlreadyCanceled, true
	case Scheduled:
		m.state, m.holder = Canceled, "unknown"
	}
	return 0, true
}

// Whatever three performers do in whatever order, the answers are those of the standard.
func TestRandomActsOnWorkitems(t *testing.T) {
	w := newWard(t, storetest.SQLite(t), Options{})
	ctx := t.Context()
	txs := []dicom.UID{NewUID(), NewUID(), NewUID(), ""}
	states := []string{Scheduled, InProgress, InProgress, Completed, Completed, Canceled}
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		uid, m := w.job(suwu, "x"), &model{state: Scheduled}
		for n := range 25 {
			tx := txs[rnd.IntN(len(txs))]
			var want, got Status
			var ok bool
			var err error
			switch act := rnd.IntN(10); {
			case act == 0:
				want, ok = m.cancel()
				got, err = w.RequestCancel(ctx, suwu, uid, "AE", nil)
			case act < 5:
				performed := rnd.IntN(2) == 0
				news := ds(worklistLabel, fmt.Sprint(n))
				if performed {
					news.CopyFrom(performedJob())
				}
				want = m.update(tx, performed)
				ok = want == 0
				err = w.UpdateWorkitem(ctx, suwu, uid, tx, news)
			default:
				if tx == "" {
					continue
				}
				to := states[rnd.IntN(len(states))]
				want, ok = m.change(tx, to)
				got, err = w.ChangeState(ctx, suwu, uid, tx, to)
			}
			var f *Fault
			if errors.As(err, &f) {
				got = f.Status
			}
			if got != want || (err == nil) != ok {
				t.Fatalf("seed %d step %d in %s: %04X %v, want %04X", seed, n, m.state, uint16(got), err, uint16(want))
			}
			if state := must(w.Workitem(ctx, suwu, uid, workitemState))(t).Str(workitemState); state != m.state {
				t.Fatalf("seed %d step %d: %s, want %s", seed, n, state, m.state)
			}
		}
	}
}

func TestWorkitemsAreSearched(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ct := ds(dicom.CodeValue, "CT1", dicom.CodingSchemeDesignator, "LZ", dicom.CodeMeaning, "CT")
		w.job(suwu, "AI lung", workitemStationNames, ct)
		w.job(suwu, "AI bone", workitemPriority, "HIGH", workitemStart, "20260306101500+0800")
		w.job(suwu, "Print", workitemStart, "20260307", dicom.PatientName, "Li^Si=李四", dicom.PatientID, "P2")
		w.job(dongba, "Theirs")
		for name, tc := range map[string]struct {
			keys *dicom.DataSet
			page WorkitemPage
			want string
		}{
			"everything":           {ds(), WorkitemPage{}, "AI lung,AI bone,Print,"},
			"by wildcard":          {ds(workitemLabel, "AI*"), WorkitemPage{}, "AI lung,AI bone,"},
			"by priority":          {ds(workitemPriority, "HIGH"), WorkitemPage{}, "AI bone,"},
			"by time":              {ds(workitemStart, "20260306-20260307"), WorkitemPage{}, "AI bone,Print,"},
			"by exact range":       {ds(workitemStart, "20260306101500+0800-20260306101500+0800"), WorkitemPage{}, "AI bone,"},
			"by name":              {ds(dicom.PatientName, "李*"), WorkitemPage{}, "Print,"},
			"by station":           {ds(workitemStationNames, ds(dicom.CodeValue, "CT1")), WorkitemPage{}, "AI lung,"},
			"by state":             {ds(workitemState, InProgress), WorkitemPage{}, ""},
			"a page":               {ds(), WorkitemPage{Offset: 1, Limit: 1}, "AI bone,"},
			"a page of matches":    {ds(workitemLabel, "*n*"), WorkitemPage{Offset: 1, Limit: 5}, "AI bone,Print,"},
			"by what none of them": {ds(dicom.KVP, "120"), WorkitemPage{}, ""},
		} {
			got := ""
			tc.page.Whole = true
			for d, err := range w.FindWorkitems(t.Context(), suwu, tc.keys, tc.page) {
				if err != nil {
					t.Fatal(err)
				}
				got += d.Str(workitemLabel) + ","
			}
			if got != tc.want {
				t.Errorf("%s: %q, want %q", name, got, tc.want)
			}
		}
		for d, err := range w.FindWorkitems(t.Context(), suwu, ds(dicom.SOPInstanceUID, "", dicom.KVP, ""), WorkitemPage{Limit: 1}) {
			if err != nil || len(d.Elements) != 2 || d.Str(dicom.SOPInstanceUID) == "" {
				t.Errorf("%v %v", d, err)
			}
		}
	})
}

func TestForeignWorkitems(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		theirs := w.job(suwu, "x")
		for _, uid := range []dicom.UID{theirs, "1.2.3"} {
			_, err := w.Workitem(ctx, dongba, uid)
			wantStatus(t, err, StatusNoWorkitem)
			_, err = w.ChangeState(ctx, dongba, uid, NewUID(), InProgress)
			wantStatus(t, err, StatusNoWorkitem)
			_, err = w.RequestCancel(ctx, dongba, uid, "A", nil)
			wantStatus(t, err, StatusNoWorkitem)
			wantStatus(t, w.UpdateWorkitem(ctx, dongba, uid, "", ds(worklistLabel, "x")), StatusNoWorkitem)
			wantStatus(t, w.Subscribe(ctx, dongba, "AE", Subscription{Workitem: uid}), StatusNoWorkitem)
		}
		must(w.CreateWorkitem(ctx, dongba, theirs, job("own")))(t) // UIDs are an institution's own
		if got := must(w.Workitem(ctx, dongba, theirs))(t); got.Str(workitemLabel) != "own" {
			t.Errorf("%s", got.Str(workitemLabel))
		}
	})
}

func TestEndedWorkitemsGoUnlessSomebodyHoldsThem(t *testing.T) {
	now := time.Now()
	db, err := store.Open(t.Context(), "sqlite:"+t.TempDir()+"/x.sqlite", store.Options{Keys: storetest.Keys(t), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	w := newWard(t, db, Options{})
	ctx := t.Context()
	free, held, open := w.job(suwu, "free"), w.job(suwu, "held"), w.job(suwu, "open")
	if err := w.Subscribe(ctx, suwu, "AE", Subscription{Workitem: held, DeletionLock: true}); err != nil {
		t.Fatal(err)
	}
	for _, uid := range []dicom.UID{free, held} {
		must(w.RequestCancel(ctx, suwu, uid, "AE", nil))(t)
	}
	left := func(want string) {
		t.Helper()
		now = now.Add(31 * 24 * time.Hour)
		if err := w.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, uid := range []dicom.UID{free, held, open} {
			if d, err := w.Workitem(ctx, suwu, uid); err == nil {
				got += d.Str(workitemLabel) + " "
			}
		}
		if got != want {
			t.Errorf("left %q, want %q", got, want)
		}
	}
	if err := w.Subscribe(ctx, suwu, "ALL", Subscription{Workitem: GlobalSubscription, DeletionLock: true}); err != nil {
		t.Fatal(err)
	}
	left("free held open ")
	if err := w.Unsubscribe(ctx, suwu, "ALL", GlobalSubscription); err != nil {
		t.Fatal(err)
	}
	left("held open ")
	if err := w.Unsubscribe(ctx, suwu, "AE", held); err != nil {
		t.Fatal(err)
	}
	left("open ")
}
