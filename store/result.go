// Results: what other institutions may recognise. Written by reading when a report is signed, read by authz.

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

const resultColumns = `id, exam_id, kind, centre_id, institution_id, patient_id, grade, modality, body_part, procedure_code,
	accession, title, priority, performed_at, received_at, complete, case_id, report_id, status, positive, signed_at`

type resultRow struct {
	record.Result
	performed, received, signed int64
}

func (r *resultRow) fields() []any {
	e := &r.Exam
	return []any{
		&r.ID, &e.ID, &e.Kind, &e.Centre, &e.Institution, &e.Patient, &e.Grade, &e.Modality, &e.BodyPart, &e.Procedure,
		&e.Accession, &e.Title, &e.Priority, &r.performed, &r.received, &e.Complete, &r.Case, &r.Report, &r.Status, &r.Positive, &r.signed,
	}
}

func (r *resultRow) result() record.Result {
	r.Exam.PerformedAt, r.Exam.ReceivedAt = record.FromMicros(r.performed), record.FromMicros(r.received)
	r.SignedAt = record.FromMicros(r.signed)
	return r.Result
}

// PutResult writes the result of an exam; there is one per exam, and a later status replaces the earlier.
func (tx *Tx) PutResult(ctx context.Context, r record.Result) error {
	if r.ID == "" || r.Exam.ID == "" {
		return record.Errorf(record.Invalid, "result: no id or no exam")
	}
	e := r.Exam
	_, err := tx.Exec(ctx, `INSERT INTO results (`+resultColumns+`)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)
		ON CONFLICT (exam_id) DO UPDATE SET patient_id = excluded.patient_id,
		grade = CASE WHEN results.patient_id = excluded.patient_id AND results.grade = 'certain' THEN results.grade ELSE excluded.grade END,
		modality = excluded.modality, body_part = excluded.body_part, procedure_code = excluded.procedure_code,
		accession = excluded.accession, title = excluded.title, priority = excluded.priority,
		performed_at = excluded.performed_at, received_at = excluded.received_at, complete = excluded.complete,
		case_id = excluded.case_id, report_id = excluded.report_id, status = excluded.status,
		positive = excluded.positive, signed_at = excluded.signed_at`,
		string(r.ID), string(e.ID), string(e.Kind), string(e.Centre), string(e.Institution), string(e.Patient), string(e.Grade),
		e.Modality, e.BodyPart, e.Procedure, e.Accession, e.Title, string(e.Priority), record.Micros(e.PerformedAt),
		record.Micros(e.ReceivedAt), e.Complete, string(r.Case), string(r.Report), string(r.Status), r.Positive, record.Micros(r.SignedAt))
	if err != nil {
		return fmt.Errorf("result %s: %w", r.ID, err)
	}
	return nil
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
	rows, err := List(ctx, db, query, args, func(r *resultRow) []any { return r.fields() })
	if err != nil {
		return nil, fmt.Errorf("results of %s: %w", patient, err)
	}
	out := make([]record.Result, len(rows))
	for i := range rows {
		out[i] = rows[i].result()
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
