package worklist

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// begun is what a modality sends when it begins.
func begun(o Order, step int) *dicom.DataSet {
	return ds(dicom.Modality, "CT", performedStationAE, "SUWUCT", performedStartDate, "20260305", performedStartTime, "091500",
		performedStatus, InProgress, performedID, "PPS1", dicom.PatientName, "Wang^Xiaoming=王^小明", dicom.PatientID, "P001", dicom.StudyID, "1",
		scheduledStepAttributes, ds(dicom.StudyInstanceUID, string(o.Study), dicom.AccessionNumber, o.Accession, stepID, o.Steps[step].Number))
}

// done is what it sends at the end, with n images.
func done(state string, n int) *dicom.DataSet {
	var refs []*dicom.DataSet
	for i := range n {
		refs = append(refs, ds(dicom.ReferencedSOPClassUID, "1.2.840.10008.5.1.4.1.1.2", dicom.ReferencedSOPInstanceUID, fmt.Sprintf("1.2.3.%d", i+1)))
	}
	return ds(performedStatus, state, performedEndDate, "20260305", performedEndTime, "092000",
		performedSeriesSequence, ds(dicom.ProtocolName, "Chest", dicom.SeriesInstanceUID, "1.2.3", referencedImageSequence, refs))
}

func TestAPerformedStepFromBeginningToEnd(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		o := w.create(suwu, order(wang, chestStep, chestStep))
		status := func() [3]string {
			got := must(w.Order(ctx, suwu, o.ID))(t)
			return [3]string{string(got.Status), string(got.step(o.Steps[0].ID).Status), string(got.step(o.Steps[1].ID).Status)}
		}
		first, second := dicom.UID("1.2.826.1"), dicom.UID("1.2.826.2")
		if err := w.NCreate(ctx, suwu, first, begun(o, 0)); err != nil {
			t.Fatal(err)
		}
		if got := status(); got != [3]string{"in_progress", "STARTED", "SCHEDULED"} {
			t.Fatalf("%v", got)
		}
		_, err := w.Cancel(ctx, suwu, o.ID, "", "x")
		wantKind(t, err, record.Precondition)
		wantStatus(t, w.NCreate(ctx, suwu, first, begun(o, 0)), StatusDuplicate)

		halfway := ds(dicom.PatientName, "Other", dicom.Modality, "MR", dicom.Rows, "1")
		if m := must(w.NSet(ctx, suwu, first, halfway))(t); len(m) != 0 {
			t.Errorf("%v before the end", m)
		}
		if got := must(w.NGet(ctx, suwu, first))(t); got.Person(dicom.PatientName).Ideographic != "王^小明" || got.Str(dicom.Modality) != "CT" || got.Str(dicom.Rows) != "1" {
			t.Error("N-SET changed what only N-CREATE sets, or nothing")
		}
		want := []Manifest{{
			Institution: storetest.Suwu, Study: o.Study, Order: o.ID, Expected: 3, More: true, Priority: record.Routine, ClinicalInfo: "咳嗽",
		}}
		if diff := cmp.Diff(want, must(w.NSet(ctx, suwu, first, done(Completed, 3)))(t)); diff != "" {
			t.Error(diff)
		}
		if got := status(); got != [3]string{"in_progress", "COMPLETED", "SCHEDULED"} {
			t.Fatalf("%v", got)
		}
		_, err = w.NSet(ctx, suwu, first, done(Completed, 4))
		wantStatus(t, err, StatusProcessingFailure)
		wantKind(t, err, record.Precondition)

		if err := w.NCreate(ctx, suwu, second, begun(o, 1)); err != nil {
			t.Fatal(err)
		}
		want[0].Expected, want[0].More, want[0].Discontinued = 5, false, true
		if diff := cmp.Diff(want, must(w.NSet(ctx, suwu, second, done(Discontinued, 2)))(t)); diff != "" {
			t.Error(diff)
		}
		if got := status(); got != [3]string{"completed", "COMPLETED", "DISCONTINUED"} {
			t.Fatalf("%v", got)
		}
		if got := must(w.NGet(ctx, suwu, second, performedStatus, performedID))(t); got.Str(performedStatus) != Discontinued || len(got.Elements) != 2 {
			t.Errorf("%v", got.Elements)
		}
		if acts := w.acts("step."); !cmp.Equal(acts, []string{"step.started", "step.completed", "step.started", "step.discontinued"}) {
			t.Errorf("%v", acts)
		}
	})
}

func TestPerformedStepsThatLackSomething(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		o := w.create(suwu, order(wang))
		d := begun(o, 0)
		d.Delete(performedStartDate)
		d.SetEmpty(performedID)
		wantStatus(t, w.NCreate(ctx, suwu, "1.2", d), StatusMissingAttribute, performedStartDate, performedID)
		d = begun(o, 0)
		d.SetItems(scheduledStepAttributes, ds(dicom.StudyInstanceUID, ""))
		wantStatus(t, w.NCreate(ctx, suwu, "1.2", d), StatusMissingValue, dicom.StudyInstanceUID)
		d = begun(o, 0)
		d.SetText(performedStatus, Completed)
		wantStatus(t, w.NCreate(ctx, suwu, "1.2", d), StatusInvalidAttribute, performedStatus)
		wantStatus(t, w.NCreate(ctx, suwu, "1..2", begun(o, 0)), StatusInvalidAttribute, dicom.SOPInstanceUID)

		if err := w.NCreate(ctx, suwu, "1.2", begun(o, 0)); err != nil {
			t.Fatal(err)
		}
		_, err := w.NSet(ctx, suwu, "1.2", ds(performedStatus, Completed))
		wantStatus(t, err, StatusMissingAttribute, performedEndDate, performedEndTime, performedSeriesSequence)
		_, err = w.NSet(ctx, suwu, "1.2", ds(performedStatus, "SOON"))
		wantStatus(t, err, StatusInvalidAttribute, performedStatus)
		if m := must(w.NSet(ctx, suwu, "1.2", ds(performedStatus, Discontinued, performedEndDate, "20260305", performedEndTime, "10")))(t); len(m) != 1 || m[0].Expected != 0 {
			t.Errorf("%+v", m)
		}
	})
}

func TestAPerformedStepThatNobodyOrdered(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		o := order(wang, Step{Number: "X"})
		o.Study = "1.2.3.4.5"
		if err := w.NCreate(ctx, suwu, "1.2", begun(o, 0)); err != nil {
			t.Fatal(err)
		}
		m := must(w.NSet(ctx, suwu, "1.2", done(Completed, 2)))(t)
		if want := []Manifest{{Institution: storetest.Suwu, Study: "1.2.3.4.5", Expected: 2}}; !cmp.Equal(m, want) {
			t.Error(cmp.Diff(want, m))
		}
		var patient string
		if err := w.db.QueryRow(ctx, `SELECT patient_id FROM performed_steps`).Scan(&patient); err != nil || patient == "" {
			t.Errorf("patient %q, %v", patient, err)
		}
	})
}

func TestForeignPerformedSteps(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		ctx := t.Context()
		o := w.create(suwu, order(wang))
		if err := w.NCreate(ctx, suwu, "1.2", begun(o, 0)); err != nil {
			t.Fatal(err)
		}
		for _, uid := range []dicom.UID{"1.2", "1.3"} {
			_, err := w.NGet(ctx, dongba, uid)
			wantStatus(t, err, StatusNoSuchInstance)
			_, err = w.NSet(ctx, dongba, uid, done(Completed, 1))
			wantStatus(t, err, StatusNoSuchInstance)
		}
		// The UIDs of an institution are its own, and its orders too.
		if err := w.NCreate(ctx, dongba, "1.2", begun(o, 0)); err != nil {
			t.Fatal(err)
		}
		if m := must(w.NSet(ctx, dongba, "1.2", done(Completed, 1)))(t); m[0].Order != "" || m[0].Expected != 1 {
			t.Errorf("%+v", m)
		}
		if got := must(w.Order(ctx, suwu, o.ID))(t); got.Steps[0].Status != StepStarted {
			t.Errorf("%s", got.Steps[0].Status)
		}
	})
}

// A modality that sends twice at once begins one step, and ends it once.
func TestOneOfManyBegins(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		o := w.create(suwu, order(wang))
		count := func(act func() error, lost Status) {
			t.Helper()
			var won atomic.Int32
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					var f *Fault
					switch err := act(); {
					case err == nil:
						won.Add(1)
					case !errors.As(err, &f) || f.Status != lost:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d won", won.Load())
			}
		}
		count(func() error { return w.NCreate(t.Context(), suwu, "1.2", begun(o, 0)) }, StatusDuplicate)
		count(func() error { _, err := w.NSet(t.Context(), suwu, "1.2", done(Completed, 1)); return err }, StatusProcessingFailure)
	})
}
