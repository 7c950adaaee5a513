// The rows of a report on their way into the index.

package lab

import (
	"context"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// incoming is one row of a message beside what is kept of it.
type incoming struct {
	row    Row
	fate   fate
	before *Row // the last version that counts
	shown  *Row // the version that is shown
	found  known
}

// known is what the catalogue knows of a row.
type known struct {
	analyte, item, loinc, ucum, name string
}

// takeRows gives every row its version, judges what is new, and shows what may be shown.
func (c *Centre) takeRows(ctx context.Context, tx *store.Tx, a *arrival, r *observation.Report, rep *reportRow) (StoredReport, error) {
	have := map[string][]Row{}
	if rep.known {
		rows, err := c.rows(ctx, tx, `x.report_id = $1 AND (x.latest = 1 OR x.shown = 1)`, []any{string(rep.ID)})
		if err != nil {
			return StoredReport{}, err
		}
		for _, x := range rows {
			have[x.ID] = append(have[x.ID], x)
		}
	}
	all, err := c.incomingRows(ctx, tx, a, r, rep, have)
	if err != nil {
		return StoredReport{}, err
	}
	if err := c.judge(ctx, tx, a, rep, all); err != nil {
		return StoredReport{}, err
	}
	out := StoredReport{Report: rep.ID, Patient: rep.Patient, Rows: len(all)}
	ch := &change{centre: c, tx: tx, scope: a.scope, rep: rep, quiet: a.again}
	for i := range all {
		out.count(&all[i])
		if err := ch.take(ctx, &all[i], a); err != nil {
			return StoredReport{}, err
		}
		current(have, &all[i])
	}
	return out, ch.finish(ctx, flat(have), &out)
}

func (s *StoredReport) count(in *incoming) {
	switch in.fate {
	case fresh:
		s.New++
	case stale:
		s.Stale++
	}
	if in.row.unmapped() {
		s.Unmapped++
	}
}

// incomingRows reads the rows of a message: what each is called here, and which version it is.
func (c *Centre) incomingRows(ctx context.Context, tx *store.Tx, a *arrival, r *observation.Report, rep *reportRow, have map[string][]Row) ([]incoming, error) {
	out := make([]incoming, 0, len(r.Results))
	at := map[string]int{}
	for i := range r.Results {
		in, err := c.incomingRow(ctx, tx, a, r, rep, &r.Results[i])
		if err != nil {
			return nil, err
		}
		if before, twice := at[in.row.ID]; twice { // the same row again in one message: the last word counts, paragraphs belong together
			out[before] = joined(out[before], in)
			continue
		}
		at[in.row.ID] = len(out)
		out = append(out, in)
	}
	for i := range out {
		rep.wither(&out[i].row)
		out[i].place(have[out[i].row.ID])
	}
	return out, nil
}

func (c *Centre) incomingRow(ctx context.Context, tx *store.Tx, a *arrival, r *observation.Report, rep *reportRow, x *observation.Result) (incoming, error) {
	found := known{loinc: x.Code.In(observation.LOINC)}
	if !tied(x.Probe) { // a drug is no analyte
		var err error
		if found, err = c.resolve(ctx, tx, a, x, r.Specimen); err != nil {
			return incoming{}, err
		}
	}
	row := Row{
		ID: rowID(rep.ID, x), Report: rep.ID, Analyte: found.analyte, Item: found.item, LOINC: found.loinc, UCUM: found.ucum, Result: *x,
		ObservedAt: rep.observed(a.receivedAt), OrderedBy: orderedBy(r, x, a.message.sentAt, a.receivedAt).Truncate(time.Microsecond),
		Message: a.id, RecordedAt: a.receivedAt, Version: 1, Latest: true, institution: rep.Institution, laboratory: rep.Laboratory,
	}
	if !x.ObservedAt.IsZero() {
		row.ObservedAt = x.ObservedAt
	}
	if x.Status == "" {
		row.Result.Status = observation.Final
	}
	if x.Device == "" && !r.Final && (a.format == HL7 || a.format == ASTM) { // an analyser that does not say its own name
		row.Result.Device = a.link.Name
	}
	row.Validation = string(waiting)
	if r.Final {
		row.Validation = string(bySender)
	}
	return incoming{row: row, found: found}, nil
}

// rowID is the id of a row: by its code and sub id inside the report (OBX-3, OBX-4).
func rowID(report record.ExamID, x *observation.Result) string {
	return record.DigestID("lab-row", record.InstitutionID(report), x.Code.System+"|"+x.Code.Code+"|"+rowText(x)+"|"+x.SubID)
}

// rowText stands in for the code of a row that has only a text.
func rowText(x *observation.Result) string {
	if x.Code.Code != "" {
		return ""
	}
	return x.Code.Text
}

// joined is one row of two that a message has under one code: paragraphs of a text follow each other, of all else the last counts.
func joined(a, b incoming) incoming {
	if a.row.Result.Value.Kind == observation.Text && b.row.Result.Value.Kind == observation.Text &&
		len(a.row.Result.Value.Text)+len(b.row.Result.Value.Text) < observation.MaxText {
		b.row.Result.Value.Text = a.row.Result.Value.Text + "\n" + b.row.Result.Value.Text
	} else if a.row.Result.Value.Kind != observation.Empty {
		b.row.Result.Warnings = append(b.row.Result.Warnings, observation.Warning{Code: "row-twice", Note: "the message has this code twice; the last counts"})
	}
	b.row.Result.Number = a.row.Result.Number
	return b
}

// place finds out which version an arriving row is.
func (in *incoming) place(have []Row) {
	for i := range have {
		if have[i].Latest {
			in.before = &have[i]
		}
		if have[i].Shown {
			in.shown = &have[i]
		}
	}
	if in.before == nil {
		return
	}
	if p := in.before.Result.Probe; tied(p) && !tied(in.row.Result.Probe) && interpretation(&in.row.Result) != "" { // sent again without what grew
		in.row.Result.Probe, in.row.Analyte, in.row.Item = p, "", ""
	}
	old := in.before.state()
	in.fate = fateOf(&old, in.row.state())
	in.row.Version = in.before.Version + 1
	if in.fate == fresh && in.row.OrderedBy.Before(old.at) { // taken back under an older instant: what is not newer than the value stays away
		in.row.OrderedBy = old.at
	}
	if in.shown != nil {
		seen := in.shown.state()
		if status, changed := supersededAs(&seen, in.row.state()); changed && in.fate == fresh {
			in.row.Result.Status = status
			in.row.Result.Warnings = append(in.row.Result.Warnings, observation.Warning{Code: "changed-as-final", Note: "a final result was changed without being marked as corrected"})
		}
	}
}

// current brings what is kept up to date with a row that was taken.
func current(have map[string][]Row, in *incoming) {
	if in.fate != fresh {
		return
	}
	kept := have[in.row.ID][:0:0]
	for _, x := range have[in.row.ID] {
		if x.Shown && !in.hides() {
			x.Latest = false
			kept = append(kept, x)
		}
	}
	have[in.row.ID] = append(kept, in.row)
}

// hides reports whether a row takes the version before it out of view.
func (in *incoming) hides() bool {
	return in.row.Shown || in.row.Result.Status == observation.Withdrawn
}

func flat(have map[string][]Row) []Row {
	var out []Row
	for _, rows := range have {
		out = append(out, rows...)
	}
	return out
}

// valueText is what versions are compared by and searches show: an attachment by its digest.
func valueText(v observation.Value) string {
	if v.Kind == observation.Attachment && v.Data == nil {
		return v.Text
	}
	if v.Kind == observation.Attachment {
		return "sha256:" + digestBytes(v.Data)
	}
	return v.String()
}

func flagsText(all []string) string { return strings.Join(all, "~") }

const insertRows = `INSERT INTO lab_results (id, version, report_id, patient_id, institution_id, laboratory_id, latest, shown, number, code,
		code_system, code_text, sub_id, analyte, item, loinc, value_kind, value, unit, ucum, status, observed_at, ordered_by, device, method, validation,
		body, judged, message_id, recorded_at, validated_by, validated_name, validated_at, released_by, released_name, released_at, hidden_at, flags,
		range_text, measured_at, held)`

// rowValues is one version of a row as its columns.
func (k *Kept) rowValues(r *Row) []any {
	x := r.Result
	if x.Value.Kind == observation.Attachment { // its bytes stay in the message
		x.Value.Text, x.Value.Data = valueText(x.Value), nil
	}
	return []any{
		r.ID, r.Version, string(k.ID), string(k.Patient), string(k.Institution), string(k.Laboratory), r.Latest, r.Shown, x.Number, x.Code.Code,
		x.Code.System, x.Code.Text, x.SubID, r.Analyte, r.Item, r.LOINC, string(x.Value.Kind), record.Clip(valueText(x.Value), 1000), x.Unit.Display(), r.UCUM,
		string(x.Status), record.Micros(r.ObservedAt), record.Micros(r.OrderedBy), x.Device, x.Method.Display(), r.Validation, jsonText(x), jsonText(r.Judged), r.Message, record.Micros(r.RecordedAt), string(r.ValidatedBy), r.ValidatedName, record.Micros(r.ValidatedAt), string(r.ReleasedBy), r.ReleasedName,
		record.Micros(r.ReleasedAt), record.Micros(r.HiddenAt), r.flags(), r.interval(), record.Micros(r.measuredAt()), r.Judged.Held != "",
	}
}

// nextVersion is the number of the next version of a row, also where versions are kept that never counted.
func nextVersion(ctx context.Context, tx *store.Tx, id string) (int, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(version), 0) + 1 FROM lab_results WHERE id = $1`, id).Scan(&n)
	return n, err
}

// flags are the recomputed flags of a row, else its sender's.
func (r *Row) flags() string {
	if r.Judged.Flags != nil {
		return flagsText(r.Judged.Flags)
	}
	return flagsText(r.Result.Flags)
}

// interval is the reference interval that travels with a row: the one that its flags were computed with, else its sender's.
func (r *Row) interval() string {
	if r.Judged.Interval != "" {
		return r.Judged.Interval
	}
	return r.Result.Range
}

// measuredAt is when a row was measured, else when it came.
func (r *Row) measuredAt() time.Time {
	if !r.Result.AnalysedAt.IsZero() {
		return r.Result.AnalysedAt
	}
	return r.RecordedAt
}
