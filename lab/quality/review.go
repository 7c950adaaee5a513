// Review: states and holds for all rows of a report, without asking for what a laboratory does not keep.

package quality

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Review answers as StateKnown and Held do, for the analytes that it was made for, inside the transaction that it was made in.
type Review struct {
	desk       *Desk
	q          store.Querier
	laboratory record.InstitutionID
	kept       map[string][]keptSeries // by analyte
	certified  map[string]bool
}

// keptSeries is an analyser that an analyte is controlled on.
type keptSeries struct {
	device string
	held   bool // there are holds that keep results back
}

// Review looks up, in one query, which of the analytes a laboratory controls, which have holds, and which are certified.
func (d *Desk) Review(ctx context.Context, q store.Querier, laboratory record.InstitutionID, analytes ...string) (*Review, error) {
	v := &Review{desk: d, q: q, laboratory: laboratory, kept: map[string][]keptSeries{}, certified: map[string]bool{}}
	if len(analytes) == 0 {
		return v, nil
	}
	args, marks := []any{string(laboratory)}, make([]string, len(analytes))
	for i, a := range analytes {
		args, marks[i] = append(args, a), fmt.Sprintf("$%d", i+2)
	}
	in := ` IN (` + strings.Join(marks, ",") + `)`
	type row struct {
		certificate bool
		analyte     string
		device      string
		held        bool
	}
	rows, err := store.List(ctx, q, `SELECT 0, s.analyte, s.device, CASE WHEN EXISTS (SELECT 1 FROM qc_holds h WHERE h.series_id = s.id AND h.decision IN ('', 'repeat')) THEN 1 ELSE 0 END
		FROM qc_series s WHERE s.institution_id = $1 AND s.analyte`+in+`
		UNION ALL SELECT DISTINCT 1, a.analyte, '', 0 FROM eqa_certificate_analytes a WHERE a.institution_id = $1 AND a.analyte`+in, args,
		func(r *row) []any { return []any{&r.certificate, &r.analyte, &r.device, &r.held} })
	if err != nil {
		return nil, fmt.Errorf("review of controls: %w", err)
	}
	for _, r := range rows {
		if r.certificate {
			v.certified[r.analyte] = true
		} else {
			v.kept[r.analyte] = append(v.kept[r.analyte], keptSeries{r.device, r.held})
		}
	}
	return v, nil
}

// StateKnown is Desk.StateKnown.
func (v *Review) StateKnown(ctx context.Context, device, analyte string, at, known time.Time) (State, error) {
	of := Series{v.laboratory, device, analyte}
	st := State{Internal: record.QCNone}
	var err error
	if slices.ContainsFunc(v.kept[analyte], func(k keptSeries) bool { return device == "" || k.device == device }) {
		if st, err = v.desk.internal(ctx, v.q, of, at, known); err != nil {
			return st, err
		}
	}
	if !v.certified[analyte] {
		return st, nil
	}
	return v.desk.attested(ctx, v.q, of, st, at, known)
}

// Held is Desk.Held.
func (v *Review) Held(ctx context.Context, device, analyte string, at time.Time) (Hold, bool, error) {
	if !slices.ContainsFunc(v.kept[analyte], func(k keptSeries) bool { return k.held && (device == "" || k.device == device) }) {
		return Hold{}, false, nil
	}
	return v.desk.Held(ctx, v.q, v.laboratory, device, analyte, at)
}
