// The rows of a case: read with what a worklist shows, written by compare-and-set.

package reading

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// store.Querier is a *store.DB (what is committed) or a *store.Tx.
// marks writes $n for each of ids, for an IN list, and appends them to args.
func marks[S ~string](ids []S, args *[]any) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		*args = append(*args, string(id))
		fmt.Fprintf(&b, "$%d", len(*args))
	}
	return b.String()
}

const caseSelect = `SELECT c.id, c.exam_id, c.kind, c.centre_id, c.institution_id, c.patient_id, c.grade, c.modality,
	c.body_part, c.procedure_code, c.accession, c.title, c.priority, c.performed_at, c.received_at, c.complete,
	c.clinical_info, c.state, c.rest, c.holder_id, c.holder_name, c.claim_expires_at, c.author_id, c.author_name,
	c.reviewer_id, c.submitted, c.return_reason, c.amend_reason, c.report_id, c.report_version, c.withdrawn, c.critical,
	c.additions, c.opened_at, c.due_at, c.version, c.first_contact_at,
	COALESCE(p.name, ''), COALESCE(p.sex, ''), COALESCE(p.birth_date, ''),
	(SELECT COUNT(*) FROM patients same JOIN results r ON r.patient_id = same.id
		WHERE same.person = p.person AND r.exam_id <> c.exam_id AND r.status <> 'withdrawn'),
	(SELECT COUNT(*) FROM critical_values v WHERE v.case_id = c.id AND v.acknowledged_at = 0 AND v.dismissed_at = 0)
	FROM cases c LEFT JOIN patients p ON p.id = c.patient_id `

type caseRow struct {
	Case
	birth                                       string
	performed, received, expires, opened, dueAt int64
	contact                                     int64
}

func (r *caseRow) fields() []any {
	e := &r.Exam
	return []any{
		&r.ID, &e.ID, &e.Kind, &e.Centre, &e.Institution, &e.Patient, &e.Grade, &e.Modality,
		&e.BodyPart, &e.Procedure, &e.Accession, &e.Title, &e.Priority, &r.performed, &r.received, &e.Complete,
		&r.ClinicalInfo, &r.State, &r.rest, &r.Holder, &r.HolderName, &r.expires, &r.Author, &r.AuthorName,
		&r.Reviewer, &r.submitted, &r.ReturnReason, &r.amendReason, &r.Report, &r.ReportVersion, &r.withdrawn, &r.Critical,
		&r.Additions, &r.opened, &r.dueAt, &r.Version, &r.contact, &r.PatientName, &r.PatientSex, &r.birth, &r.Priors, &r.Unacknowledged,
	}
}

func (r *caseRow) finish(now time.Time) Case {
	c := r.Case
	c.Exam.PerformedAt, c.Exam.ReceivedAt = record.FromMicros(r.performed), record.FromMicros(r.received)
	c.ClaimExpiresAt, c.OpenedAt, c.DueAt = record.FromMicros(r.expires), record.FromMicros(r.opened), record.FromMicros(r.dueAt)
	c.Exam.FirstContactAt = record.FromMicros(r.contact)
	c.PatientBirthDate, _ = record.ParseDate(r.birth)
	c.Overdue = c.open() && now.After(c.DueAt)
	return c
}

func (r *Room) listCases(ctx context.Context, q store.Querier, tail string, args []any) ([]Case, error) {
	rows, err := store.List(ctx, q, caseSelect+tail, args, func(c *caseRow) []any { return c.fields() })
	if err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	now := r.db.Now()
	out := make([]Case, len(rows))
	for i := range rows {
		out[i] = rows[i].finish(now)
	}
	return out, nil
}

// caseIn reads one case inside the scope.
func (r *Room) caseIn(ctx context.Context, q store.Querier, s record.Scope, id record.CaseID) (Case, error) {
	args := []any{string(id)}
	cs, err := r.listCases(ctx, q, `WHERE c.id = $1 AND `+r.db.ScopeSQL(s, "c.institution_id", "c.patient_id", &args), args)
	if err != nil {
		return Case{}, err
	}
	if len(cs) == 0 {
		return Case{}, record.Errorf(record.NotFound, "case %s", id)
	}
	return cs[0], nil
}

// errLost: somebody else changed the row between reading and writing.
var errLost = errors.New("lost the compare-and-set")

const caseUpdate = `UPDATE cases SET patient_id = $1, grade = $2, modality = $3, body_part = $4, procedure_code = $5,
	accession = $6, title = $7, priority = $8, performed_at = $9, received_at = $10, complete = $11, clinical_info = $12,
	state = $13, rest = $14, listed = $15, urgency = $16, holder_id = $17, holder_name = $18, claim_expires_at = $19,
	author_id = $20, author_name = $21, reviewer_id = $22, submitted = $23, return_reason = $24, amend_reason = $25,
	report_id = $26, report_version = $27, withdrawn = $28, critical = $29, additions = $30, due_at = $31, version = $32,
	first_contact_at = $33 WHERE id = $34 AND version = $35 AND claim_expires_at = $36`

// saveCase writes c where the row is still as old says. The end of the claim is part of the comparison, since drafts
// prolong it without a new version.
func saveCase(ctx context.Context, tx *store.Tx, old, c *Case) error {
	e := &c.Exam
	res, err := tx.Exec(ctx, caseUpdate, string(e.Patient), string(e.Grade), e.Modality, e.BodyPart, e.Procedure,
		e.Accession, e.Title, string(e.Priority), record.Micros(e.PerformedAt), record.Micros(e.ReceivedAt), e.Complete, c.ClinicalInfo,
		string(c.State), string(c.rest), c.listed(), e.Priority.Rank(), string(c.Holder), c.HolderName, record.Micros(c.ClaimExpiresAt),
		string(c.Author), c.AuthorName, string(c.Reviewer), c.submitted, c.ReturnReason, c.amendReason,
		string(c.Report), c.ReportVersion, c.withdrawn, c.Critical, c.Additions, record.Micros(c.DueAt), c.Version, record.Micros(e.FirstContactAt),
		string(c.ID), old.Version, record.Micros(old.ClaimExpiresAt))
	if err != nil {
		return fmt.Errorf("save case: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return errLost
	}
	return nil
}

func insertCase(ctx context.Context, tx *store.Tx, c *Case) (bool, error) {
	e := &c.Exam
	res, err := tx.Exec(ctx, `INSERT INTO cases (id, exam_id, kind, centre_id, institution_id, patient_id, grade, modality,
		body_part, procedure_code, accession, title, priority, performed_at, received_at, complete, clinical_info,
		state, rest, listed, urgency, opened_at, due_at, version, first_contact_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25)
		ON CONFLICT (exam_id) DO NOTHING`,
		string(c.ID), string(e.ID), string(e.Kind), string(e.Centre), string(e.Institution), string(e.Patient), string(e.Grade), e.Modality,
		e.BodyPart, e.Procedure, e.Accession, e.Title, string(e.Priority), record.Micros(e.PerformedAt), record.Micros(e.ReceivedAt), e.Complete, c.ClinicalInfo,
		string(c.State), string(c.rest), c.listed(), e.Priority.Rank(), record.Micros(c.OpenedAt), record.Micros(c.DueAt), c.Version, record.Micros(e.FirstContactAt))
	if err != nil {
		return false, fmt.Errorf("open case: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// noted hands v out once it is durable that somebody saw it.
func noted[T any](ctx context.Context, db *store.DB, v T, e ...record.Event) (T, error) {
	if err := db.Note(ctx, e...); err != nil {
		var none T
		return none, err
	}
	return v, nil
}
