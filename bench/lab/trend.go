// Trend: one analyte of one person over ten years and forty laboratories.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const trendRuns = 60

func trends(w io.Writer, _ string) error {
	fmt.Fprintf(w, "one analyte of one person, ten years, %d laboratories, among 100,000 results of others; %d times each\n", townships+1, trendRuns)
	fmt.Fprintf(w, "%-22s %8s %9s %9s %9s\n", "stores", "points", "p50", "p99", "worst")
	for _, g := range grounds() {
		if g.blobs != "folder" {
			continue // no blob is read
		}
		if err := trendsOver(context.Background(), w, g); err != nil {
			return fmt.Errorf("%s: %w", g, err)
		}
	}
	return nil
}

func trendsOver(ctx context.Context, w io.Writer, g ground) (err error) {
	h, err := newHouse(ctx, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	everybody := record.Scope{Actor: record.Actor{Kind: record.ActorUser, ID: "doctor", Institution: "hospital"}, Purpose: record.Treatment, Institutions: institutions()}
	for i := range 200 {
		if err := h.history(ctx, fmt.Sprintf("other%03d", i), 500); err != nil {
			return err
		}
	}
	for _, n := range []int{100, 1500, 20_000} {
		who := fmt.Sprintf("person%d", n)
		if err := h.history(ctx, who, n); err != nil {
			return err
		}
		stop, err := profiled(fmt.Sprint("trend", n))
		if err != nil {
			return err
		}
		var took []time.Duration
		for range trendRuns {
			begun := time.Now()
			t, err := h.lab.Trend(ctx, everybody, record.PatientID(who), "K", time.Time{}, time.Time{})
			if err != nil {
				return err
			}
			if len(t.Points) != n {
				return fmt.Errorf("%d points, want %d", len(t.Points), n)
			}
			took = append(took, time.Since(begun))
		}
		stop()
		slices.Sort(took)
		fmt.Fprintf(w, "%-22s %8d %9s %9s %9s\n", g, n, short(at(took, 0.5)), short(at(took, 0.99)), short(at(took, 1)))
	}
	return nil
}

func institutions() []record.InstitutionID {
	all := []record.InstitutionID{"hospital"}
	for i := range townships {
		all = append(all, township(i))
	}
	return all
}

const trendRow = `INSERT INTO lab_results (id, version, report_id, patient_id, institution_id, laboratory_id, latest, shown, number, code, code_system, code_text,
	analyte, item, loinc, value_kind, value, unit, ucum, status, observed_at, ordered_by, measured_at, device, method, validation, body, judged, message_id,
	recorded_at, flags, range_text)`

// history writes potassium results of a person as the centre keeps them, evenly over ten years and all laboratories.
func (h *house) history(ctx context.Context, who string, n int) error {
	labs, now := institutions(), time.Now()
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	for part := range slices.Chunk(rows, 2000) {
		err := h.db.Tx(ctx, func(tx *store.Tx) error {
			return store.InsertRows(ctx, tx, trendRow, "", part, func(i int) []any {
				at := record.Micros(now.Add(-time.Duration(i+1) * (10 * 365 * 24 * time.Hour / time.Duration(n+1))))
				lab, value := string(labs[i%len(labs)]), fmt.Sprintf("%d.%02d", 3+i%3, i%100)
				unit := []string{"mmol/L", "mmol/L", "mmol/L", "mEq/L"}[i%4]
				id := fmt.Sprintf("%s-%05d", who, i)
				return []any{
					id, 1, "report-" + id, who, lab, lab, 1, 1, 1, "2823-3", "LN", "钾", "K", "LAB.K LAB.ELECTROLYTES", "2823-3", "quantity", value, unit, unit, "final", at, at, at,
					"AU5800", "ISE", "sender", `{"code":{"code":"2823-3"}}`, `{}`, "message", at, "N", "3.5-5.3",
				}
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
