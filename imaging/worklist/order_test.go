package worklist

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestNumbersAreMadeAndUnique(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		var mu sync.Mutex
		seen := map[string]bool{}
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				s := []record.Scope{suwu, dongba}[i%2]
				o, err := w.Create(t.Context(), s, order(smith, chestStep, chestStep))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for _, n := range []string{o.Accession, string(o.Study), o.Steps[0].Number, o.Steps[1].Number} {
					if seen[n] || n == "" || len(n) > 64 {
						t.Errorf("%q came twice or is none", n)
					}
					seen[n] = true
				}
				if len(o.Accession) > 16 || !o.Study.Valid() || !strings.HasPrefix(string(o.Study), "2.25.") {
					t.Errorf("%s %s", o.Accession, o.Study)
				}
			})
		}
		wg.Wait()
	})
}

func TestASecondOrderUnderOneAccessionNumberIsAConflict(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		o := order(wang)
		o.Accession = "A1"
		first := w.create(suwu, o)
		_, err := w.Create(t.Context(), suwu, o)
		wantKind(t, err, record.Conflict)
		w.create(dongba, o) // another institution's numbers are its own
		if got := must(w.Order(t.Context(), suwu, first.ID))(t); got.Who.Name != wang.Name || got.Steps[0].Stations[0] != "SUWUCT" || !got.Steps[0].StartAt.Equal(nine) {
			t.Errorf("%+v", got)
		}
	})
}

func TestOrdersThatNoModalityCouldBeTold(t *testing.T) {
	w := newWard(t, storetest.SQLite(t), Options{})
	tests := []struct {
		name  string
		spoil func(o *Order)
		want  string
	}{
		{"no steps", func(o *Order) { o.Steps = nil }, "steps: want 1 to 16"},
		{"no modality", func(o *Order) { o.Steps[0].Modality = " " }, "steps[0].modality: is required"},
		{"a modality that is none", func(o *Order) { o.Steps[0].Modality = "CT;" }, "steps[0].modality: want a DICOM modality such as CT"},
		{"no time", func(o *Order) { o.Steps[0].StartAt = time.Time{} }, "steps[0].start_at: is required"},
		{"a station in Chinese", func(o *Order) { o.Steps[0].Stations = []string{"放射科"} }, "steps[0].station_ae_titles: only letters, digits and signs of ASCII"},
		{"a backslash", func(o *Order) { o.Accession = `A\1` }, "accession_number: backslash and control characters are not allowed"},
		{"a long number", func(o *Order) { o.Accession = strings.Repeat("1", 17) }, "accession_number: longer than 16 characters"},
		{"no name", func(o *Order) { o.Who.Name = "" }, "patient.name: is required"},
		{"a name with groups", func(o *Order) { o.Who.Name = "a=b" }, "patient.name: = is not allowed"},
		{"a UID that is none", func(o *Order) { o.Study = "1..2" }, "study_instance_uid: not a UID"},
		{"a priority of its own", func(o *Order) { o.Priority = "SOON" }, "priority: want STAT, URGENT or ROUTINE"},
		{"an ended step", func(o *Order) { o.Steps[0].Status = StepCompleted }, "steps[0].status: want SCHEDULED, ARRIVED or READY"},
		{"one step id twice", func(o *Order) {
			o.Steps = []Step{chestStep, chestStep}
			o.Steps[0].Number, o.Steps[1].Number = "1", "1"
		}, "steps[1].id: given twice"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			o := order(wang, chestStep)
			tc.spoil(&o)
			_, err := w.Create(t.Context(), suwu, o)
			if record.KindOf(err) != record.Invalid || record.Public(err) != tc.want {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func TestAnOrderIsChangedMovedAndCancelled(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		o := w.create(suwu, order(wang, chestStep))
		changed := must(w.Update(ctx, suwu, o.ID, o.Etag(), func(o *Order) { o.Reason, o.Accession, o.Who = "咯血", "Z", smith }))(t)
		if changed.Reason != "咯血" || changed.Accession != o.Accession || changed.Who.Name != wang.Name || changed.Version != 2 {
			t.Errorf("%+v", changed)
		}
		_, err := w.Update(ctx, suwu, o.ID, o.Etag(), func(*Order) {})
		wantKind(t, err, record.Conflict)
		moved := must(w.Reschedule(ctx, suwu, o.ID, o.Steps[0].ID, "", Appointment{StartAt: nine.Add(24 * time.Hour), Status: StepArrived, Stations: []string{"CT2"}}))(t)
		if st := moved.Steps[0]; st.Status != StepArrived || st.Stations[0] != "CT2" || st.Modality != "CT" {
			t.Errorf("%+v", st)
		}
		if got := w.find(suwu, ds(scheduledStepSequence, ds(stepStartDate, "20260306", scheduledStationAE, "CT2"))); len(got) != 1 {
			t.Errorf("%d entries where the step was moved to", len(got))
		}
		_, err = w.Reschedule(ctx, suwu, o.ID, "nothing", "", Appointment{})
		wantKind(t, err, record.NotFound)
		gone := must(w.Cancel(ctx, suwu, o.ID, "", "患者未到"))(t)
		if gone.Status != OrderCancelled || gone.Steps[0].Status != StepDiscontinued {
			t.Errorf("%+v", gone)
		}
		_, err = w.Cancel(ctx, suwu, o.ID, "", "again")
		wantKind(t, err, record.Precondition)
		if got := w.find(suwu, ds(dicom.PatientID, "")); len(got) != 0 {
			t.Errorf("%d entries of a cancelled order", len(got))
		}
		if got := w.find(suwu, ds(scheduledStepSequence, ds(stepStatus, "DISCONTINUED"))); len(got) != 1 {
			t.Errorf("%d entries by the status asked for", len(got))
		}
	})
}

func TestOrdersAreListedInPages(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		for i := range 7 {
			a, b := chestStep, chestStep
			a.StartAt, b.StartAt = nine.Add(time.Duration(i/2)*time.Hour), nine.Add(time.Duration(48+i)*time.Hour)
			w.create(suwu, order(wang, a, b))
		}
		seen := map[OrderID]bool{}
		f := OrderFilter{Limit: 2, Modalities: []string{"CT"}, Station: "SUWUCT", Name: "王小", LocalNumber: "P001", From: record.Date{Year: 2026, Month: 3, Day: 5}}
		for {
			page, next, err := w.Orders(t.Context(), suwu, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page {
				if seen[o.ID] || len(o.Steps) != 2 {
					t.Fatalf("twice, or %d steps", len(o.Steps))
				}
				seen[o.ID] = true
			}
			if f.Page = next; next == "" {
				break
			}
		}
		if len(seen) != 7 {
			t.Fatalf("%d orders", len(seen))
		}
		f = OrderFilter{Page: "nonsense"}
		_, _, err := w.Orders(t.Context(), suwu, f)
		wantKind(t, err, record.Invalid)
	})
}

// What is another institution's is as if it were not there.
func TestForeignOrders(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		o := w.create(suwu, order(wang))
		for _, id := range []OrderID{o.ID, "01JX0000000000000000000000"} {
			for name, act := range map[string]func() error{
				"get":        func() error { _, err := w.Order(ctx, dongba, id); return err },
				"update":     func() error { _, err := w.Update(ctx, dongba, id, "", func(*Order) {}); return err },
				"cancel":     func() error { _, err := w.Cancel(ctx, dongba, id, "", "x"); return err },
				"reschedule": func() error { _, err := w.Reschedule(ctx, dongba, id, o.Steps[0].ID, "", Appointment{}); return err },
			} {
				if err := act(); record.KindOf(err) != record.NotFound || record.Public(err) != "no order "+string(id) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		_, err := w.Create(ctx, dongba, Order{Institution: storetest.Suwu})
		wantKind(t, err, record.Denied)
		if got, _, err := w.Orders(ctx, dongba, OrderFilter{}); err != nil || len(got) != 0 {
			t.Errorf("%d orders, %v", len(got), err)
		}
		if got := w.find(dongba, ds(dicom.PatientID, "")); len(got) != 0 {
			t.Errorf("%d entries", len(got))
		}
		if got := w.find(record.Scope{}, ds(dicom.PatientID, "")); len(got) != 0 {
			t.Errorf("%d entries for nobody", len(got))
		}
	})
}
