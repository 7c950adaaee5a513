// Correcting: an administrator said that an exam is another person's, or part of another exam, or no exam of its own.

package reading

import (
	"context"
	"errors"
	"fmt"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Correction is what was corrected of an exam: its facts as they are now.
type Correction struct {
	Exam         record.Exam
	ClinicalInfo string
	Spoilt       bool // a report may speak of images that are not this exam's any more
	Reason       string
}

// Correct tells the case of an exam that its patient or its images were corrected; centres call it inside their transaction.
// A standing report is taken back when the patient is another, or when it is spoilt: nobody is shown the report of another
// person, and nothing is recognised from it. The case comes back to the default worklist and goes on for the right patient. It
// reports whether a report was taken back.
func (r *Room) Correct(ctx context.Context, tx *store.Tx, s record.Scope, d Correction) (record.CaseID, bool, error) {
	if err := checkExam(&d.Exam); err != nil {
		return "", false, err
	}
	for range casTries {
		id, taken, err := r.correct(ctx, tx, s, d)
		if !errors.Is(err, errLost) {
			return id, taken, err
		}
	}
	return "", false, record.Errorf(record.Unavailable, "the case of exam %s is being changed; try again", d.Exam.ID)
}

func (r *Room) correct(ctx context.Context, tx *store.Tx, s record.Scope, d Correction) (record.CaseID, bool, error) {
	e := d.Exam
	old, found, err := r.caseOf(ctx, tx, e.ID)
	if err != nil {
		return "", false, err
	}
	if !found {
		id, err := r.Open(ctx, tx, e, d.ClinicalInfo)
		return id, false, err
	}
	c := old
	moved := old.Exam.Patient != e.Patient
	taken := false
	act := "case.updated"
	if (moved || d.Spoilt) && c.Report != "" && !c.withdrawn {
		if err := r.takeBack(ctx, tx, s, &old, d.Reason); err != nil {
			return "", false, err
		}
		taken, act = true, "case.withdrawn"
		c.free()
		c.State, c.rest, c.withdrawn, c.amendReason, c.ReturnReason = Withdrawn, Withdrawn, true, "", ""
	}
	if c.gone() {
		c.State, c.rest = Waiting, Waiting
	}
	r.follow(&c, e, d.ClinicalInfo, tx)
	c.Exam.Patient, c.Exam.Grade, c.Exam.Accession = e.Patient, e.Grade, e.Accession
	if c.Report != "" || c.State == Submitted {
		c.Additions = true
		if !taken {
			act = "case.addition"
		}
	}
	if moved {
		if err := moveValues(ctx, tx, &c); err != nil {
			return "", false, err
		}
	}
	if c == old {
		return c.ID, false, nil
	}
	c.Version++
	return c.ID, taken, r.keep(ctx, tx, s, &old, &c, corrected(s, tx, act, d.Reason))
}

// Dismiss ends the case of an exam that is there no more, because its images are part of another. A standing report is taken
// back. Correct brings the case back when the exam returns. It reports whether a report was taken back.
func (r *Room) Dismiss(ctx context.Context, tx *store.Tx, s record.Scope, exam record.ExamID, reason string) (bool, error) {
	for range casTries {
		taken, err := r.dismiss(ctx, tx, s, exam, reason)
		if !errors.Is(err, errLost) {
			return taken, err
		}
	}
	return false, record.Errorf(record.Unavailable, "the case of exam %s is being changed; try again", exam)
}

func (r *Room) dismiss(ctx context.Context, tx *store.Tx, s record.Scope, exam record.ExamID, reason string) (bool, error) {
	old, found, err := r.caseOf(ctx, tx, exam)
	if err != nil || !found {
		return false, err
	}
	c := old
	taken := c.Report != "" && !c.withdrawn
	if taken {
		if err := r.takeBack(ctx, tx, s, &old, reason); err != nil {
			return false, err
		}
		c.withdrawn = true
	}
	c.free()
	c.State, c.rest, c.Additions, c.amendReason, c.ReturnReason = Withdrawn, Withdrawn, false, "", ""
	if c == old {
		return false, nil
	}
	c.Version++
	return taken, r.keep(ctx, tx, s, &old, &c, corrected(s, tx, "case.withdrawn", reason))
}

func corrected(s record.Scope, tx *store.Tx, act, reason string) doing {
	return doing{asking: asking{actor: s.Actor, reason: reason, now: stamp(tx.Now())}, event: act}
}

// gone reports whether the exam was dismissed before anything was signed.
func (c *Case) gone() bool { return c.State == Withdrawn && c.Report == "" }

func (r *Room) caseOf(ctx context.Context, q store.Querier, exam record.ExamID) (Case, bool, error) {
	cs, err := r.listCases(ctx, q, `WHERE c.exam_id = $1`, []any{string(exam)})
	if err != nil || len(cs) == 0 {
		return Case{}, false, err
	}
	return cs[0], true, nil
}

// moveValues makes the critical values of a case those of its patient. An alarm that was answered stays with the person for whom it was
// answered: what was done was done to that person, and the exam is asked again for the right one.
func moveValues(ctx context.Context, tx *store.Tx, c *Case) error {
	_, err := tx.Exec(ctx, `UPDATE critical_values SET patient_id = $2 WHERE case_id = $1 AND (rule = '' OR acknowledged_at = 0 AND dismissed_at = 0)`,
		string(c.ID), string(c.Exam.Patient))
	if err != nil {
		return fmt.Errorf("move critical values: %w", err)
	}
	return nil
}
