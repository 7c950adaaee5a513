package worklist

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// heard reads and takes what waits for a subscriber: type and state or label of each.
func (w *ward) heard(s record.Scope, name string) (out []string) {
	w.t.Helper()
	r := must(w.Reports(w.t.Context(), s, name, 1000))(w.t)
	var last int64
	for _, one := range r.Waiting {
		if one.Number <= last {
			w.t.Fatal("out of order")
		}
		last = one.Number
		out = append(out, strings.TrimSpace(one.Type.String()+" "+one.Info.Str(workitemState)))
	}
	if err := w.Delivered(w.t.Context(), s, name, last); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *ward) hears(s record.Scope, name string, want ...string) {
	w.t.Helper()
	if got := w.heard(s, name); !cmp.Equal(got, want) {
		w.t.Fatalf("%s heard %q, want %q", name, got, want)
	}
}

func (w *ward) follow(s record.Scope, name string, n Subscription) {
	w.t.Helper()
	if err := w.Subscribe(w.t.Context(), s, name, n); err != nil {
		w.t.Fatal(err)
	}
}

func TestSubscribersHearWhatTheyAskedFor(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		const scheduled = "UPS State Report SCHEDULED"
		old := w.job(suwu, "AI old")
		w.follow(suwu, "ONE", Subscription{Workitem: old})
		w.follow(suwu, "ALL", Subscription{Workitem: GlobalSubscription})
		w.follow(suwu, "AI", Subscription{Workitem: FilteredSubscription, Filter: ds(workitemLabel, "AI*")})
		w.follow(dongba, "ALL", Subscription{Workitem: GlobalSubscription})
		w.hears(suwu, "ONE", scheduled)
		w.hears(suwu, "ALL", scheduled)
		w.hears(suwu, "AI", scheduled)
		w.hears(dongba, "ALL")

		station := ds(dicom.CodeValue, "CT1", dicom.CodingSchemeDesignator, "LZ", dicom.CodeMeaning, "CT")
		w.job(suwu, "Print", workitemStationNames, station)
		w.hears(suwu, "ALL", scheduled, "UPS Assigned")
		w.hears(suwu, "ONE")
		w.hears(suwu, "AI")

		tx := NewUID()
		must(w.ChangeState(ctx, suwu, old, tx, InProgress))(t)
		if err := w.UpdateWorkitem(ctx, suwu, old, tx, ds(workitemProgress, ds(dicom.Tag(0x00741004), "50"))); err != nil {
			t.Fatal(err)
		}
		must(w.RequestCancel(ctx, suwu, old, "BOSS", ds(cancellationReason, "not needed")))(t)
		must(w.ChangeState(ctx, suwu, old, tx, Canceled))(t)
		told := []string{"UPS State Report IN PROGRESS", "UPS Progress Report", "UPS Cancel Requested", "UPS State Report CANCELED"}
		for _, name := range []string{"ONE", "ALL", "AI"} {
			w.hears(suwu, name, told...)
		}
		w.hears(dongba, "ALL")

		// Out of a global subscription, and suspended.
		second := w.job(suwu, "AI two")
		w.heard(suwu, "ALL")
		w.heard(suwu, "AI")
		if err := w.Unsubscribe(ctx, suwu, "ALL", second); err != nil {
			t.Fatal(err)
		}
		if err := w.Suspend(ctx, suwu, "AI", FilteredSubscription); err != nil {
			t.Fatal(err)
		}
		third := w.job(suwu, "AI three")
		must(w.RequestCancel(ctx, suwu, second, "BOSS", nil))(t)
		w.hears(suwu, "ALL", scheduled)
		w.hears(suwu, "AI", "UPS State Report IN PROGRESS", "UPS State Report CANCELED")
		if err := w.Unsubscribe(ctx, suwu, "ALL", GlobalSubscription); err != nil {
			t.Fatal(err)
		}
		must(w.RequestCancel(ctx, suwu, third, "BOSS", nil))(t)
		w.hears(suwu, "ALL")
		if err := w.Announce(ctx, "RESTARTED"); err != nil {
			t.Fatal(err)
		}
		w.hears(suwu, "ALL")
		w.hears(suwu, "ONE", "SCP Status Change")
		w.hears(dongba, "ALL", "SCP Status Change")

		wantStatus(t, w.Suspend(ctx, suwu, "AI", second), StatusInappropriateAction)
		wantStatus(t, w.Unsubscribe(ctx, suwu, "NOBODY", second), StatusUnknownSubscriber)
		_, err := w.Reports(ctx, suwu, "NOBODY", 1)
		wantStatus(t, err, StatusUnknownSubscriber)
		wantKind(t, w.Subscribe(ctx, suwu, "放射科", Subscription{Workitem: second}), record.Invalid)
		wantKind(t, w.Subscribe(ctx, suwu, "F", Subscription{Workitem: FilteredSubscription}), record.Invalid)
	})
}

// Whose permission shrank hears no more of what it followed.
func TestReportsAreReadInsideTheScope(t *testing.T) {
	w := newWard(t, storetest.SQLite(t), Options{})
	wide := at(storetest.LeadHospital)
	wide.Institutions = append(wide.Institutions, storetest.Suwu)
	w.follow(wide, "READER", Subscription{Workitem: GlobalSubscription})
	w.job(suwu, "a")
	w.job(dongba, "b")
	r := must(w.Reports(t.Context(), wide, "READER", 10))(t)
	if len(r.Waiting) != 1 {
		t.Fatalf("%d reports", len(r.Waiting))
	}
	if r = must(w.Reports(t.Context(), at(storetest.LeadHospital), "READER", 10))(t); len(r.Waiting) != 0 {
		t.Fatalf("%d reports beyond the scope", len(r.Waiting))
	}
}

func TestTooManyReportsLoseTheOldestAndSaySo(t *testing.T) {
	each(t, func(t *testing.T, small *ward) {
		w := &ward{New(small.db, Options{MaxReports: 5}), t, small.db}
		w.follow(suwu, "SLOW", Subscription{Workitem: GlobalSubscription})
		for i := range 8 {
			w.job(suwu, fmt.Sprint(i))
		}
		r := must(w.Reports(t.Context(), suwu, "SLOW", 100))(t)
		if len(r.Waiting) != 5 || r.Dropped != 3 || r.Waiting[0].Number != 4 {
			t.Fatalf("%d waiting, %d dropped", len(r.Waiting), r.Dropped)
		}
		w.heard(suwu, "SLOW")
		if r = must(w.Reports(t.Context(), suwu, "SLOW", 100))(t); len(r.Waiting) != 0 || r.Dropped != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestReportsAreWatched(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		w.follow(suwu, "LIVE", Subscription{Workitem: GlobalSubscription})
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		defer stop()
		got := make(chan dicom.UID)
		ended := make(chan error, 1)
		go func() {
			ended <- w.WatchReports(ctx, suwu, "LIVE", func(r Report) error {
				got <- r.Workitem
				return nil
			})
		}()
		for range 3 {
			if uid := w.job(suwu, "x"); <-got != uid {
				t.Fatal("another report")
			}
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}
