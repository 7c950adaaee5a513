// History: what was judged and measured before, for dry runs of rules and for warnings before the needle.

package lab

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const (
	verdictPage = 500
	maxVerdicts = 64 << 20 // bytes of the verdicts of one message, unpacked
)

// Judged gives the verdicts of a centre since an instant, oldest first, for catalogue.Desk.History.
func (c *Centre) Judged(ctx context.Context, centre record.CentreID, since time.Time) catalogue.History {
	return func(yield func(verify.Past, error) bool) {
		at, report := record.Micros(since), ""
		for {
			type row struct {
				at     int64
				report string
				body   []byte
			}
			page, err := store.List(ctx, c.db, `SELECT v.recorded_at, v.report_id, v.body FROM lab_verdicts v JOIN lab_reports r ON r.id = v.report_id
				WHERE r.centre_id = $1 AND (v.recorded_at, v.report_id) > ($2, $3) ORDER BY v.recorded_at, v.report_id LIMIT $4`,
				[]any{string(centre), at, report, verdictPage}, func(r *row) []any { return []any{&r.at, &r.report, &r.body} })
			if err != nil {
				yield(verify.Past{}, fmt.Errorf("verdicts: %w", err))
				return
			}
			for _, r := range page {
				at, report = r.at, r.report
				if !yieldVerdicts(r.body, yield) {
					return
				}
			}
			if len(page) < verdictPage {
				return
			}
		}
	}
}

func yieldVerdicts(body []byte, yield func(verify.Past, error) bool) bool {
	all, err := unpackVerdicts(body)
	if err != nil {
		return yield(verify.Past{}, err)
	}
	for _, v := range all {
		p := verify.Past{Facts: v.Inputs, Auto: v.Release, Flag: v.Flag}
		for _, a := range v.Alarms {
			p.Alarms = append(p.Alarms, a.Rule)
		}
		if !yield(p, nil) {
			return false
		}
	}
	return true
}

func unpackVerdicts(body []byte) ([]verify.Verdict, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("verdicts: %w", err)
	}
	var out []verify.Verdict
	if err := json.NewDecoder(io.LimitReader(z, maxVerdicts)).Decode(&out); err != nil {
		return nil, fmt.Errorf("verdicts: %w", err)
	}
	return out, nil
}

// Recent gives the results of a person in the region since an instant whose analytes belong to ordered items, for specimen.Options.Recent. It tells
// that there is one, never a value; a person who has withdrawn consent is known only to the institution itself.
func (c *Centre) Recent(ctx context.Context, s record.Scope, patient record.PatientID, items []string, since time.Time) ([]specimen.Tested, error) {
	pack, err := c.desks.Catalogue.For(ctx, s.Actor.Institution)
	if err != nil {
		return nil, err
	}
	args := []any{string(patient), record.Micros(since)}
	shared := c.db.ScopeSQL(record.Scope{All: true, HideWithdrawn: true, Own: s.Actor.Institution}, "x.institution_id", "x.patient_id", &args)
	var marks []string
	of := map[string][]string{}
	for _, item := range items {
		for _, analyte := range membersOf(pack, item) {
			if of[analyte] == nil {
				args = append(args, analyte)
				marks = append(marks, fmt.Sprintf("$%d", len(args)))
			}
			of[analyte] = append(of[analyte], item)
		}
	}
	if len(marks) == 0 {
		return nil, nil
	}
	type row struct {
		analyte     string
		institution record.InstitutionID
		at          int64
	}
	rows, err := store.List(ctx, c.db, `SELECT x.analyte, x.laboratory_id, x.observed_at FROM lab_results x WHERE x.patient_id IN (SELECT CAST($1 AS TEXT) UNION
		SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = $1)
		AND x.shown = 1 AND x.observed_at >= $2 AND x.analyte IN (`+strings.Join(marks, ",")+`) AND `+shared+` ORDER BY x.observed_at DESC LIMIT 500`, args,
		func(r *row) []any { return []any{&r.analyte, &r.institution, &r.at} })
	var out []specimen.Tested
	for _, r := range rows {
		for _, item := range of[r.analyte] {
			t := specimen.Tested{Item: item, Institution: r.institution, At: record.FromMicros(r.at), Reported: true}
			if !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out, err
}

// membersOf are the analytes of an ordered item: a panel's, or the analyte itself.
func membersOf(pack *catalogue.Pack, item string) []string {
	if p, ok := pack.Panel(item); ok {
		return p.Members
	}
	if _, ok := pack.Analyte(item); ok {
		return []string{item}
	}
	return nil
}
