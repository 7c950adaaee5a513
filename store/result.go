// Results: what other institutions may recognise. Written by reading when a report is signed and by the laboratory centre when it
// releases, read by authz.

package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

const resultColumns = `id, exam_id, kind, centre_id, institution_id, patient_id, grade, modality, body_part, procedure_code,
	accession, title, priority, performed_at, received_at, complete, case_id, report_id, status, positive, signed_at,
	laboratory_id, qc_verdict, qc_at, eqa_certificate, eqa_scope, eqa_from, eqa_until, eqa_revoked_at, quality_at`

type resultRow struct {
	record.Result
	performed, received, signed              int64
	control, from, until, revoked, qualityAt int64
}

// fields are plain strings and integers for the scanner, which is slower with named types.
func (r *resultRow) fields() []any {
	e, q := &r.Exam, &r.Quality
	return []any{
		(*string)(&r.ID), (*string)(&e.ID), (*string)(&e.Kind), (*string)(&e.Centre), (*string)(&e.Institution), (*string)(&e.Patient),
		(*string)(&e.Grade), &e.Modality, &e.BodyPart, &e.Procedure, &e.Accession, &e.Title, (*string)(&e.Priority), &r.performed, &r.received,
		&e.Complete, (*string)(&r.Case), (*string)(&r.Report), (*string)(&r.Status), &r.Positive, &r.signed,
		(*string)(&r.Laboratory), (*string)(&q.Internal), &r.control, &q.External, &q.ExternalScope, &r.from, &r.until, &r.revoked, &r.qualityAt,
	}
}

func (r *resultRow) result() record.Result {
	r.Exam.PerformedAt, r.Exam.ReceivedAt = record.FromMicros(r.performed), record.FromMicros(r.received)
	r.SignedAt = record.FromMicros(r.signed)
	q := &r.Quality
	q.InternalAt, q.ExternalFrom, q.ExternalUntil = record.FromMicros(r.control), record.FromMicros(r.from), record.FromMicros(r.until)
	q.RevokedAt, q.At = record.FromMicros(r.revoked), record.FromMicros(r.qualityAt)
	return r.Result
}

// PutResult writes the result of an exam; there is one per exam, and a later status replaces the earlier. Who says nothing of quality
// (Quality.At is zero) leaves laboratory and quality as they are.
func (tx *Tx) PutResult(ctx context.Context, r record.Result) error {
	return tx.PutResults(ctx, r)
}

// PutResults is PutResult for the results of several exams.
func (tx *Tx) PutResults(ctx context.Context, all ...record.Result) error {
	for _, r := range all {
		if err := checkResult(r); err != nil {
			return err
		}
	}
	err := InsertRows(ctx, tx, `INSERT INTO results (`+resultColumns+`)`, replaceResult, all, resultValues)
	if err != nil {
		return fmt.Errorf("result %s: %w", all[0].ID, err)
	}
	return nil
}

func checkResult(r record.Result) error {
	if r.ID == "" || r.Exam.ID == "" {
		return record.Errorf(record.Invalid, "result: no id or no exam")
	}
	q := r.Quality
	if (q.Internal != "" && !q.Internal.Known()) || (q.At.IsZero() && q != record.Quality{}) {
		return record.Errorf(record.Invalid, "result %s: want a known verdict of quality control, and when the quality was so", r.ID)
	}
	return nil
}

func resultValues(r record.Result) []any {
	e, q := r.Exam, r.Quality
	return []any{
		string(r.ID), string(e.ID), string(e.Kind), string(e.Centre), string(e.Institution), string(e.Patient), string(e.Grade),
		e.Modality, e.BodyPart, e.Procedure, e.Accession, e.Title, string(e.Priority), record.Micros(e.PerformedAt),
		record.Micros(e.ReceivedAt), e.Complete, string(r.Case), string(r.Report), string(r.Status), r.Positive, record.Micros(r.SignedAt),
		string(r.Laboratory), string(q.Internal), record.Micros(q.InternalAt), q.External, q.ExternalScope, record.Micros(q.ExternalFrom),
		record.Micros(q.ExternalUntil), record.Micros(q.RevokedAt), record.Micros(q.At),
	}
}

// replaceResult is what a later result of an exam changes.
var replaceResult = ` ON CONFLICT (exam_id) DO UPDATE SET patient_id = excluded.patient_id,
	grade = CASE WHEN results.patient_id = excluded.patient_id AND results.grade = 'certain' THEN results.grade ELSE excluded.grade END,
	modality = excluded.modality, body_part = excluded.body_part, procedure_code = excluded.procedure_code,
	accession = excluded.accession, title = excluded.title, priority = excluded.priority,
	performed_at = excluded.performed_at, received_at = excluded.received_at, complete = excluded.complete,
	case_id = excluded.case_id, report_id = excluded.report_id, status = excluded.status,
	positive = excluded.positive, signed_at = excluded.signed_at, ` + keepQuality

// keepQuality replaces what is known of quality by what is said of it, if anything is; that a certificate was revoked is not forgotten.
var keepQuality = func() string {
	var b strings.Builder
	for _, c := range []string{"laboratory_id", "qc_verdict", "qc_at", "eqa_certificate", "eqa_scope", "eqa_from", "eqa_until", "quality_at"} {
		fmt.Fprintf(&b, "%[1]s = CASE WHEN excluded.quality_at = 0 THEN results.%[1]s ELSE excluded.%[1]s END, ", c)
	}
	b.WriteString(`eqa_revoked_at = CASE WHEN excluded.quality_at = 0 OR excluded.eqa_revoked_at = 0 AND excluded.eqa_certificate = results.eqa_certificate
		THEN results.eqa_revoked_at ELSE excluded.eqa_revoked_at END`)
	return b.String()
}()

// RevokeCertificate notes on results released under a certificate of external quality assessment, of examinations since an instant, that it was
// revoked at a later one, and answers on how many. What was recognised stays recognised; who looks at the result sees it.
func (tx *Tx) RevokeCertificate(ctx context.Context, laboratory record.InstitutionID, certificate string, since, at time.Time) (int64, error) {
	res, err := tx.Exec(ctx, `UPDATE results SET eqa_revoked_at = $4 WHERE eqa_certificate = $2 AND eqa_certificate <> '' AND eqa_revoked_at = 0
		AND performed_at >= $3 AND CASE WHEN laboratory_id = '' THEN institution_id ELSE laboratory_id END = $1`,
		string(laboratory), certificate, record.Micros(since), record.Micros(at))
	if err != nil {
		return 0, fmt.Errorf("revoked certificate of %s: %w", laboratory, err)
	}
	return res.RowsAffected()
}

// ResultsOf lists the results of a person since an instant, the newest examination first. It follows links that a
// person decided to be the same; each row must be inside the scope by itself.
func (db *DB) ResultsOf(ctx context.Context, scope record.Scope, patient record.PatientID, since time.Time) ([]record.Result, error) {
	args := []any{string(patient), record.Micros(since)}
	query := `SELECT ` + resultColumns + ` FROM results
		WHERE patient_id IN (SELECT CAST($1 AS TEXT) UNION
			SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = $1)
		AND performed_at >= $2 AND ` + db.ScopeSQL(scope, "institution_id", "patient_id", &args) + `
		ORDER BY performed_at DESC, id DESC LIMIT 1000`
	var row resultRow // one for all: a patient may have a thousand
	fields := row.fields()
	out, err := Collect(ctx, db, query, args, func(scan func(...any) error) (record.Result, error) {
		err := scan(fields...)
		return row.result(), err
	})
	if err != nil {
		return nil, fmt.Errorf("results of %s: %w", patient, err)
	}
	return out, nil
}

// Result reads one result inside the scope.
func (db *DB) Result(ctx context.Context, scope record.Scope, id record.ResultID) (record.Result, error) {
	args := []any{string(id)}
	query := `SELECT ` + resultColumns + ` FROM results WHERE id = $1 AND ` + db.ScopeSQL(scope, "institution_id", "patient_id", &args)
	var r resultRow
	err := db.QueryRow(ctx, query, args...).Scan(r.fields()...)
	return r.result(), missing(err, "result %s", id)
}
