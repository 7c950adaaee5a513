// Measured: what is known of the measurement and of the specimen beside the value: serum indices, the analyser's own flags, a tube that was kept too long.

package lab

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
)

// The codes of the serum indices in the catalogue.
const (
	haemolysisIndex = "HINDEX"
	icterusIndex    = "IINDEX"
	lipaemiaIndex   = "LINDEX"
)

// index takes a serum index for the rows beside it. Of "<10" and ">500" the number counts.
func (j *judgement) index(r *Row) {
	to := map[string]*packfile.Decimal{
		haemolysisIndex: &j.indices.Haemolysis, icterusIndex: &j.indices.Icterus, lipaemiaIndex: &j.indices.Lipaemia,
	}[r.Analyte]
	if v := r.Result.Value; to != nil && v.Kind == observation.Quantity && v.Number != nil && r.Result.Status.Shown() {
		*to = packfile.Decimal{Decimal: v.Number}
	}
}

// indexWords are the conditions that a serum index in words stands for: "haemolysis 2+".
var indexWords = map[string]string{haemolysisIndex: "haemolysis", icterusIndex: "icterus", lipaemiaIndex: "lipaemia"}

// conditions are what is wrong with the specimen: as its sender says, by the indices, by the time and the cold that it was kept.
func (j *judgement) conditions(r *Row) []string {
	var out []string
	for _, w := range j.rep.Specimen.Condition {
		out = append(out, cmp.Or(w.Code, w.Text))
	}
	for _, b := range j.beside {
		if w := indexWords[b.Analyte]; w != "" && !b.Value.Number.Some() && verify.Ordinal(b.Value.Text) == verify.Positive {
			out = append(out, w)
		}
	}
	if j.expiry == nil {
		return out
	}
	e := j.expiry(r.Analyte, j.measuredAt(r))
	if e.Expired {
		out = append(out, "expired")
	}
	if e.OutOfRange {
		out = append(out, "temperature")
	}
	return out
}

// measuredAt is when the row was measured at the latest: a system that does not say when sends its report some time afterwards, an analyser at once.
func (j *judgement) measuredAt(r *Row) time.Time {
	if r.Result.AnalysedAt.IsZero() && validation(r.Validation) == bySender {
		return j.rep.LabAt // nobody knows: the tube was there in time, or it was not
	}
	return r.measuredAt()
}

// instrumentFlags are the flags that say nothing of high or low, and doubts of the analyser itself.
func instrumentFlags(x *observation.Result) []string {
	var out []string
	for _, f := range x.Flags {
		if f != "" && !verify.Directed(f) {
			out = append(out, f)
		}
	}
	for _, w := range x.Warnings {
		if w.Code == "validity" {
			out = append(out, w.Code)
		}
	}
	return out
}

// untold marks the earlier results of which no alarm by one of the rules stands, as when a person has dismissed it as false, and reports whether there
// are any.
func (j *judgement) untold(ctx context.Context, before []verify.Previous, rules []string) (bool, error) {
	said := map[string]bool{}
	found := false
	for i := range before {
		report := before[i].Report
		if _, asked := said[report]; !asked {
			if len(said) >= maxAsked {
				break
			}
			of, err := j.c.room.StandingOf(ctx, j.tx, record.ExamID(report))
			if err != nil {
				return false, err
			}
			said[report] = !slices.ContainsFunc(rules, func(r string) bool { return of[r] })
		}
		before[i].Untold = said[report]
		found = found || said[report]
	}
	return found, nil
}

const maxAsked = 50 // reports: alarms of longer ago count no more
