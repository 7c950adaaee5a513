// A signed report: one document that never changes, proved by its hash, kept as a row and as a blob.

package reading

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Report is one signed version.
type Report struct {
	ID           record.ReportID
	Case         record.CaseID
	Version      int
	Status       record.ResultStatus // final, corrected for a later version, withdrawn
	Exam         record.Exam         // as it was when signed
	Text         Text
	Author       record.UserID
	AuthorName   string
	Reviewer     record.UserID
	ReviewerName string
	SignedAt     time.Time
	Reason       string          // why this version replaced the one before
	Replaces     record.ReportID // the version before
	SHA256       string          // of the document, hexadecimal
	Key          string          // of the blob
	Current      bool            // no later version replaced it

	WithdrawnAt    time.Time
	WithdrawnBy    record.UserID
	WithdrawReason string
}

func (r *Report) result(status record.ResultStatus) record.Result {
	return record.Result{
		ID: resultOf(r.Case), Exam: r.Exam, Case: r.Case, Report: r.ID, Status: status,
		Positive: r.Text.Positive, SignedAt: r.SignedAt,
	}
}

// resultOf: there is one result per exam and one case per exam, so the case names the result.
func resultOf(id record.CaseID) record.ResultID { return record.ResultID(id) }

const documentFormat = "lianzhen.report/1"

// document is the canonical form: these members in this order, one line, instants in UTC with six digits.
type document struct {
	Format       string              `json:"format"`
	Report       record.ReportID     `json:"report_id"`
	Case         record.CaseID       `json:"case_id"`
	Version      int                 `json:"version"`
	Status       record.ResultStatus `json:"status"`
	Replaces     record.ReportID     `json:"replaces"`
	Reason       string              `json:"reason"`
	Exam         documentExam        `json:"exam"`
	Text         Text                `json:"text"`
	Author       record.UserID       `json:"author_id"`
	AuthorName   string              `json:"author_name"`
	Reviewer     record.UserID       `json:"reviewer_id"`
	ReviewerName string              `json:"reviewer_name"`
	SignedAt     string              `json:"signed_at"`
}

type documentExam struct {
	ID          record.ExamID        `json:"exam_id"`
	Kind        record.CentreKind    `json:"kind"`
	Centre      record.CentreID      `json:"centre_id"`
	Institution record.InstitutionID `json:"institution_id"`
	Patient     record.PatientID     `json:"patient_id"`
	Grade       record.Grade         `json:"identity"`
	Modality    string               `json:"modality"`
	BodyPart    string               `json:"body_part"`
	Procedure   string               `json:"procedure_code"`
	Accession   string               `json:"accession"`
	Title       string               `json:"title"`
	Priority    record.Priority      `json:"priority"`
	PerformedAt string               `json:"performed_at"`
	ReceivedAt  string               `json:"received_at"`
	Complete    bool                 `json:"complete"`
	Contact     string               `json:"first_contact_at,omitempty"`
}

const instant = "2006-01-02T15:04:05.000000Z"

func instantOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(instant)
}

func parseInstant(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, _ := time.Parse(instant, s) // the hash has proved that we wrote it
	return t
}

func (r *Report) document() ([]byte, error) {
	e := r.Exam
	return plainJSON(document{
		documentFormat, r.ID, r.Case, r.Version, r.Status, r.Replaces, r.Reason,
		documentExam{
			e.ID, e.Kind, e.Centre, e.Institution, e.Patient, e.Grade, e.Modality, e.BodyPart, e.Procedure,
			e.Accession, e.Title, e.Priority, instantOf(e.PerformedAt), instantOf(e.ReceivedAt), e.Complete, instantOf(e.FirstContactAt),
		},
		r.Text, r.Author, r.AuthorName, r.Reviewer, r.ReviewerName, instantOf(r.SignedAt),
	})
}

func digest(doc []byte) string {
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// ParseReport reads a report document, such as the blob of a signed report.
func ParseReport(doc []byte) (Report, error) {
	var d document
	if err := json.Unmarshal(doc, &d); err != nil || d.Format != documentFormat {
		return Report{}, record.Errorf(record.Invalid, "not a report document of format %s", documentFormat)
	}
	e := d.Exam
	return Report{
		ID: d.Report, Case: d.Case, Version: d.Version, Status: d.Status, Replaces: d.Replaces, Reason: d.Reason,
		Exam: record.Exam{
			ID: e.ID, Kind: e.Kind, Centre: e.Centre, Institution: e.Institution, Patient: e.Patient, Grade: e.Grade,
			Modality: e.Modality, BodyPart: e.BodyPart, Procedure: e.Procedure, Accession: e.Accession, Title: e.Title,
			Priority: e.Priority, PerformedAt: parseInstant(e.PerformedAt), ReceivedAt: parseInstant(e.ReceivedAt), Complete: e.Complete, FirstContactAt: parseInstant(e.Contact),
		},
		Text: d.Text, Author: d.Author, AuthorName: d.AuthorName, Reviewer: d.Reviewer, ReviewerName: d.ReviewerName,
		SignedAt: parseInstant(d.SignedAt), SHA256: digest(doc),
	}, nil
}

const reportSelect = `SELECT r.id, r.case_id, r.version, r.institution_id, r.patient_id, r.document, r.sha256, r.blob_key,
	COALESCE(w.withdrawn_by, ''), COALESCE(w.withdrawn_at, 0), COALESCE(w.reason, ''),
	CASE WHEN c.report_id = r.id THEN 1 ELSE 0 END
	FROM reports r JOIN cases c ON c.id = r.case_id LEFT JOIN report_withdrawals w ON w.report_id = r.id `

type reportRow struct {
	id          record.ReportID
	caseID      record.CaseID
	version     int
	institution record.InstitutionID
	patient     record.PatientID
	doc, sha    string
	key         string
	by          record.UserID
	at          int64
	reason      string
	current     bool
}

func (w *reportRow) fields() []any {
	return []any{&w.id, &w.caseID, &w.version, &w.institution, &w.patient, &w.doc, &w.sha, &w.key, &w.by, &w.at, &w.reason, &w.current}
}

// errDamaged: what is kept is not what was signed. It has no kind, so that its text stays inside.
var errDamaged = errors.New("the kept report does not agree with its hash")

// report proves the row and reads it.
func (w *reportRow) report() (Report, error) {
	rep, err := ParseReport([]byte(w.doc))
	if err != nil || rep.SHA256 != w.sha || rep.ID != w.id || rep.Case != w.caseID || rep.Version != w.version ||
		rep.Exam.Institution != w.institution || rep.Exam.Patient != w.patient {
		return Report{}, fmt.Errorf("report %s: %w", w.id, errDamaged)
	}
	rep.Key, rep.Current = w.key, w.current
	if w.at != 0 {
		rep.Status = record.Withdrawn
		rep.WithdrawnAt, rep.WithdrawnBy, rep.WithdrawReason = record.FromMicros(w.at), w.by, w.reason
	}
	return rep, nil
}

func reportRows(ctx context.Context, q store.Querier, tail string, args []any) ([]reportRow, error) {
	rows, err := store.List(ctx, q, reportSelect+tail, args, func(w *reportRow) []any { return w.fields() })
	if err != nil {
		return nil, fmt.Errorf("reports: %w", err)
	}
	return rows, nil
}

// reportIn reads one report that must be there.
func (r *Room) reportIn(ctx context.Context, q store.Querier, id record.ReportID) (Report, error) {
	rows, err := reportRows(ctx, q, `WHERE r.id = $1`, []any{string(id)})
	if err != nil {
		return Report{}, err
	}
	if len(rows) == 0 {
		return Report{}, fmt.Errorf("report %s is not there", id)
	}
	return rows[0].report()
}

// Report reads one signed version and proves it: a row that does not agree with its hash is not shown, and noted.
func (r *Room) Report(ctx context.Context, s record.Scope, id record.ReportID) (Report, error) {
	args := []any{string(id)}
	rows, err := reportRows(ctx, r.db, `WHERE r.id = $1 AND `+r.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args), args)
	if err != nil {
		return Report{}, err
	}
	if len(rows) == 0 {
		return Report{}, record.Errorf(record.NotFound, "report %s", id)
	}
	rep, err := rows[0].report()
	if err != nil {
		return Report{}, errors.Join(err, r.db.Note(ctx, rows[0].event("report.damaged", record.Failed).By(s)))
	}
	return noted(ctx, r.db, rep, rows[0].event("report.read", record.Success).By(s))
}

func (w *reportRow) event(act string, o record.Outcome) record.Event {
	return record.Event{
		Act: act, Institution: w.institution, Patient: w.patient, Kind: "report", Object: string(w.id),
		Outcome: o, Detail: map[string]string{"case": string(w.caseID)},
	}
}

// Reports lists all signed versions of a case, newest first. One that is damaged fails the call, and is noted.
func (r *Room) Reports(ctx context.Context, s record.Scope, id record.CaseID) ([]Report, error) {
	c, err := r.caseIn(ctx, r.db, s, id)
	if err != nil {
		return nil, err
	}
	rows, err := reportRows(ctx, r.db, `WHERE r.case_id = $1 ORDER BY r.version DESC`, []any{string(id)})
	if err != nil {
		return nil, err
	}
	out := make([]Report, len(rows))
	for i := range rows {
		if out[i], err = rows[i].report(); err != nil {
			return nil, errors.Join(err, r.db.Note(ctx, rows[i].event("report.damaged", record.Failed).By(s)))
		}
	}
	return noted(ctx, r.db, out, c.event("report.list").By(s))
}
