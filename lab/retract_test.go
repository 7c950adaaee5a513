package lab

import (
	"slices"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestAnAlarmEndsWithTheValueItWasRaisedFor(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		nurse := person("nurse", "护士", storetest.Suwu, []record.InstitutionID{storetest.Suwu})
		n := 0
		send := func(minute, value, status string) StoredReport {
			t.Helper()
			n++
			st, err := b.Accept(ctx, b.lis, Source{Format: HL7, Link: finalLink, Body: oru("R"+minute, "F1", "2026112209"+minute+"00+0800", "2823-3^钾^LN|NM|"+value+"|mmol/L|3.5-5.3||"+status)})
			if err != nil {
				t.Fatal(err)
			}
			return st.Reports[0]
		}
		of := func(id record.CaseID) (open []reading.Critical, reasons string) {
			t.Helper()
			all, _, err := b.room.Criticals(ctx, b.tech, reading.CriticalFilter{Case: id})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range all {
				if v.DismissedAt.IsZero() && !v.Acknowledged() {
					open = append(open, v)
				}
				reasons += v.DismissReason
			}
			return open, reasons
		}
		first := send("00", "7.10", "F")
		if open, _ := of(first.Case); len(open) != 1 {
			t.Fatalf("%+v", open)
		}
		send("01", "4.10", "C")
		if open, why := of(first.Case); len(open) != 0 || !strings.Contains(why, "更正") {
			t.Fatalf("the alarm of a corrected value stays: %+v %q", open, why)
		}
		if back := send("02", "7.20", "C"); !slices.Equal(back.Alarms, []string{"k-high"}) {
			t.Fatalf("%+v", back)
		}
		open, _ := of(first.Case)
		if len(open) != 1 || !strings.Contains(open[0].Finding, "7.20") {
			t.Fatalf("the value that is critical after all has no alarm: %+v", open)
		}
		if _, err := b.room.AcknowledgeCritical(ctx, nurse, open[0].ID, "已转诊"); err != nil {
			t.Fatal(err)
		}
		send("03", "", "W")
		told, err := b.Recalls(ctx, b.lis, false, "", 10)
		if err != nil || len(told) != 1 || told[0].Reader.ID != "nurse" || told[0].Reason != "withdrawn" {
			t.Fatalf("who answered for the alarm and opened nothing is not told: %+v %v", told, err)
		}
	})
}
