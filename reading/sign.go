// Signing makes a version that never changes; amending and withdrawing leave it as it is and put something beside it.

package reading

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Sign makes the submitted text a report. The document is durable as a blob before the transaction; when the case
// changed between, the transaction is a Conflict and the blob an orphan.
//
// An unacknowledged critical value does not stop a signature: its alarm runs on its own, and Case.Unacknowledged shows it.
func (r *Room) Sign(ctx context.Context, s record.Scope, id record.CaseID, etag string) (Report, error) {
	c, err := r.caseIn(ctx, r.db, s, id)
	if err != nil {
		return Report{}, err
	}
	d := doing{asking: asking{act: ActSign, actor: s.Actor, now: stamp(r.db.Now())}, event: "case.signed", etag: etag}
	if _, err := r.may(&c, d); err != nil {
		return Report{}, err
	}
	rep, doc, err := r.prepare(ctx, s, &c, d.now)
	if err != nil {
		return Report{}, err
	}
	if _, err := r.blobs.Put(ctx, rep.Key, bytes.NewReader(doc), int64(len(doc))); err != nil {
		return Report{}, fmt.Errorf("keep report: %w", err)
	}
	d.etag = c.Etag() // what was prepared is what is signed
	d.do = func(ctx context.Context, tx *store.Tx, c *Case) error {
		c.Report, c.ReportVersion, c.withdrawn = rep.ID, rep.Version, false
		c.Reviewer, c.rest, c.amendReason = rep.Reviewer, Signed, ""
		return r.publish(ctx, tx, s, c, &rep, doc)
	}
	if _, err := r.act(ctx, s, id, d); err != nil {
		return Report{}, err
	}
	return rep, nil
}

// prepare makes the next version of a submitted case.
func (r *Room) prepare(ctx context.Context, s record.Scope, c *Case, now time.Time) (Report, []byte, error) {
	ds, err := draftsOf(ctx, r.db, `case_id = $1 AND number = $2`, string(c.ID), c.submitted)
	if err != nil {
		return Report{}, nil, err
	}
	if len(ds) != 1 {
		return Report{}, nil, fmt.Errorf("case %s: submitted draft %d is not there", c.ID, c.submitted)
	}
	if ds[0].Author == record.UserID(s.Actor.ID) {
		return Report{}, nil, record.Errorf(record.Denied, "the text of case %s was written by yourself; a second doctor must sign it", c.ID)
	}
	bucket, err := r.bucket(ctx, c.Exam.Centre)
	if err != nil {
		return Report{}, nil, err
	}
	rep := Report{
		ID: record.ReportID(record.NewID(now)), Case: c.ID, Version: c.ReportVersion + 1, Status: record.Final,
		Exam: c.Exam, Text: ds[0].Text, Author: c.Author, AuthorName: c.AuthorName,
		Reviewer: record.UserID(s.Actor.ID), ReviewerName: s.Actor.Display, SignedAt: now,
		Reason: c.amendReason, Replaces: c.Report, Current: true,
	}
	if rep.Version > 1 {
		rep.Status = record.Corrected
	}
	rep.Key = fmt.Sprintf("%s/%s/%s/%s.report.json", bucket, c.Exam.Institution, c.ID, rep.ID)
	doc, err := rep.document()
	rep.SHA256 = digest(doc)
	return rep, doc, err
}

func (r *Room) bucket(ctx context.Context, id record.CentreID) (string, error) {
	centres, err := r.db.Centres(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range centres {
		if c.ID == id {
			return c.Bucket, nil
		}
	}
	return "", record.Errorf(record.Precondition, "centre %s is not in the directory", id)
}

// signedAs says which event tells of a version.
var signedAs = map[record.ResultStatus]string{
	record.Final: "report.signed", record.Corrected: "report.corrected",
	record.Withdrawn: "report.withdrawn",
}

func (r *Room) publish(ctx context.Context, tx *store.Tx, s record.Scope, c *Case, rep *Report, doc []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO reports (id, case_id, version, institution_id, patient_id, document, sha256, blob_key)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`, string(rep.ID), string(rep.Case), rep.Version, string(rep.Exam.Institution),
		string(rep.Exam.Patient), string(doc), rep.SHA256, rep.Key)
	if err != nil {
		return fmt.Errorf("keep report: %w", err)
	}
	if err := r.putResult(ctx, tx, s, *rep, rep.Status); err != nil {
		return err
	}
	emit(tx, s, c, signedAs[rep.Status], "report", string(rep.ID), map[string]string{
		"version": fmt.Sprint(rep.Version), "author": string(rep.Author), "sha256": rep.SHA256, "replaces": string(rep.Replaces),
	})
	return nil
}

// Amend opens a signed or withdrawn case for a correction and makes the caller the holder. What was signed stands until
// the next version is signed; a new draft begins with its text.
func (r *Room) Amend(ctx context.Context, s record.Scope, id record.CaseID, reason string) (Case, error) {
	if err := remark("reason", reason, maxReason, true); err != nil {
		return Case{}, err
	}
	d := doing{asking: asking{act: ActAmend, actor: s.Actor, reason: reason}, event: "case.amending"}
	d.do = func(ctx context.Context, tx *store.Tx, c *Case) error {
		if c.Report == "" {
			return record.Errorf(record.Precondition, "case %s was dismissed: its exam is part of another", c.ID)
		}
		now := stamp(tx.Now())
		c.amendReason, c.Additions, c.DueAt = reason, false, now.Add(r.dueIn(c.Exam.Modality, c.Exam.Priority))
		c.hold(s.Actor, r.claimUntil(tx))
		rep, err := r.reportIn(ctx, tx, c.Report)
		if errors.Is(err, errDamaged) {
			return nil // the drafts are there
		}
		if err != nil {
			return err
		}
		newest, err := newestDraft(ctx, tx, c.ID)
		if err != nil || newest.Text.Equal(rep.Text) {
			return err
		}
		return insertDraft(ctx, tx, newDraft(c, newest.Number+1, rep.Text, s.Actor, now))
	}
	return r.act(ctx, s, id, d)
}

// Withdraw takes the signed version back: nobody may rely on it, and it stays readable as withdrawn.
func (r *Room) Withdraw(ctx context.Context, s record.Scope, id record.CaseID, reason string) (Case, error) {
	if err := remark("reason", reason, maxReason, true); err != nil {
		return Case{}, err
	}
	d := doing{asking: asking{act: ActWithdraw, actor: s.Actor, reason: reason}, event: "case.withdrawn"}
	d.do = func(ctx context.Context, tx *store.Tx, c *Case) error {
		c.free()
		c.withdrawn, c.rest, c.amendReason, c.ReturnReason = true, Withdrawn, "", ""
		return r.takeBack(ctx, tx, s, c, reason)
	}
	return r.act(ctx, s, id, d)
}

func (r *Room) takeBack(ctx context.Context, tx *store.Tx, s record.Scope, c *Case, reason string) error {
	rep, err := r.reportIn(ctx, tx, c.Report)
	if errors.Is(err, errDamaged) { // all the more reason to take it back
		rep, err = Report{ID: c.Report, Case: c.ID, Version: c.ReportVersion, Exam: c.Exam}, nil
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO report_withdrawals (report_id, withdrawn_by, withdrawn_at, reason) VALUES ($1,$2,$3,$4)`,
		string(rep.ID), s.Actor.ID, record.Micros(stamp(tx.Now())), reason)
	if err != nil {
		return fmt.Errorf("withdraw report: %w", err)
	}
	if err := r.putResult(ctx, tx, s, rep, record.Withdrawn); err != nil {
		return err
	}
	emit(tx, s, c, signedAs[record.Withdrawn], "report", string(rep.ID), map[string]string{"version": fmt.Sprint(rep.Version)})
	return nil
}
