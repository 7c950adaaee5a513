package worklist

import (
	"fmt"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// fillSteps writes orders of many days straight into the tables: 200 steps a day.
func fillSteps(b *testing.B, w *Worklist, days int) {
	b.Helper()
	ctx := b.Context()
	for day := range days {
		err := w.db.Tx(ctx, func(tx *store.Tx) error {
			for n := range 200 {
				o := order(wang)
				o.ID, o.Institution, o.Patient, o.Grade, o.Status = OrderID(fmt.Sprintf("O%d-%d", day, n)), storetest.Suwu, "P", record.Certain, OrderScheduled
				o.Accession, o.Study, o.Priority = string(o.ID), NewUID(), record.Routine
				st := Step{
					ID: StepID("S" + string(o.ID)), Number: string(o.ID), Modality: []string{"CT", "DX", "US", "MR"}[n%4],
					Stations: []string{fmt.Sprint("STATION", n%8)}, StartAt: nine.AddDate(0, 0, day).Add(time.Duration(n) * 2 * time.Minute), Status: StepScheduled,
				}
				if err := insertOrder(ctx, tx, &o); err != nil {
					return err
				}
				if err := insertStep(ctx, tx, &o, &st); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	// What is behind us has ended.
	err := w.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE scheduled_steps SET ended = 1, status = 'COMPLETED' WHERE start_at < $1`, record.Micros(nine.AddDate(0, 0, days-10)))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// A modality of a hospital with 40 000 steps, of which 2 000 are still to be done, asks for its day: 25 entries.
func BenchmarkFindOfOneDay(b *testing.B) {
	db := storetest.SQLite(b)
	storetest.County(b, db)
	w := New(db, Options{})
	fillSteps(b, w, 200)
	keys := ds(dicom.PatientName, "", dicom.PatientID, "", dicom.PatientBirthDate, "", dicom.PatientSex, "", dicom.AccessionNumber, "",
		dicom.StudyInstanceUID, "", requestedProcedureID, "", dicom.RequestedProcedureDescription, "",
		scheduledStepSequence, ds(dicom.Modality, "CT", scheduledStationAE, "STATION0", stepStartDate, nine.AddDate(0, 0, 195).Format("20060102"),
			stepStartTime, "", stepID, "", stepDescription, ""))
	for b.Loop() {
		n := 0
		for _, err := range w.Find(b.Context(), suwu, keys, 0) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 25 {
			b.Fatalf("%d entries", n)
		}
	}
}

// The first page of a day in the portal.
func BenchmarkOrdersOfOneDay(b *testing.B) {
	db := storetest.SQLite(b)
	storetest.County(b, db)
	w := New(db, Options{})
	fillSteps(b, w, 200)
	d := nine.AddDate(0, 0, 195)
	day := record.Date{Year: d.Year(), Month: d.Month(), Day: d.Day()}
	for b.Loop() {
		if all, _, err := w.Orders(b.Context(), suwu, OrderFilter{From: day, To: day}); err != nil || len(all) != 50 {
			b.Fatal(len(all), err)
		}
	}
}
