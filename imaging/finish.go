// When is a study complete? When its sender says so, or when it has been quiet for a while. Then it becomes a case.

package imaging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Finish is what a sender says when all objects of a study were sent.
type Finish struct {
	Study        dicom.UID
	Expected     int // instances the sender has; 0: not known
	Priority     record.Priority
	ClinicalInfo string
}

// Finished answers it.
type Finished struct {
	Study     record.ExamID
	Instances int
	Case      record.CaseID
}

// Finish checks the study against the manifest and opens its case. Precondition while instances are missing.
func (c *Centre) Finish(ctx context.Context, s record.Scope, f Finish) (Finished, error) {
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return Finished{}, err
	}
	out := Finished{Study: studyID(place.institution, f.Study)}
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, "study:"+string(out.Study)); err != nil {
			return err
		}
		var open int
		var priority, info string
		err := tx.QueryRow(ctx, `SELECT instance_count, open, priority, clinical_info, case_id FROM studies WHERE id = $1`, string(out.Study)).
			Scan(&out.Instances, &open, &priority, &info, &out.Case)
		if errors.Is(err, sql.ErrNoRows) {
			return c.finishCorrected(ctx, tx, place, f, &out)
		}
		if err != nil {
			return err
		}
		elsewhere, err := sentElsewhere(ctx, tx, out.Study)
		if err != nil {
			return err
		}
		if out.Instances += elsewhere; out.Instances < f.Expected {
			return record.Errorf(record.Precondition, "%d of %d instances of the study are here", out.Instances, f.Expected)
		}
		news := f.Priority != "" && string(f.Priority) != priority || f.ClinicalInfo != "" && f.ClinicalInfo != info
		if open == 0 && !news && out.Case != "" {
			return nil // said before
		}
		_, err = tx.Exec(ctx, `UPDATE studies SET expected = $2,
			priority = CASE WHEN $3 = '' THEN priority ELSE $3 END,
			clinical_info = CASE WHEN $4 = '' THEN clinical_info ELSE $4 END WHERE id = $1`,
			string(out.Study), max(f.Expected-elsewhere, 0), string(f.Priority), f.ClinicalInfo)
		if err != nil {
			return err
		}
		out.Case, err = c.close(ctx, tx, out.Study, s)
		return err
	})
	return out, err
}

// close ends the receiving of a study: the reading room gets its case, or hears that more has come.
func (c *Centre) close(ctx context.Context, tx *store.Tx, id record.ExamID, s record.Scope) (record.CaseID, error) {
	e, info, expected, have, err := closedExam(ctx, tx, id)
	if err != nil {
		return "", err
	}
	tx.Emit(record.Event{
		Act: "study.completed", Institution: e.Institution, Patient: e.Patient, Kind: "study", Object: string(id), Outcome: record.Success,
		Detail: map[string]string{"instances": fmt.Sprint(have), "expected": fmt.Sprint(expected)},
	}.By(s))
	if elsewhere, err := c.readElsewhere(ctx, tx, e); elsewhere || err != nil {
		return "", err
	}
	opened, err := c.room.Open(ctx, tx, e, info)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `UPDATE studies SET case_id = $2 WHERE id = $1`, string(id), string(opened))
	return opened, err
}

// readElsewhere reports whether another centre reads a study.
func (c *Centre) readElsewhere(ctx context.Context, tx *store.Tx, e record.Exam) (bool, error) {
	if c.opt.ReadElsewhere == nil {
		return false, nil
	}
	return c.opt.ReadElsewhere(ctx, tx, e, func() ([]string, error) {
		return store.List(ctx, tx, `SELECT sop_uid FROM instances WHERE study_id = $1`, []any{string(e.ID)}, func(uid *string) []any { return []any{uid} })
	})
}

// closedExam closes a study and gives it as the reading room knows it.
func closedExam(ctx context.Context, tx *store.Tx, id record.ExamID) (e record.Exam, info string, expected, have int, err error) {
	var performed, received int64
	var modalities string
	err = tx.QueryRow(ctx, `UPDATE studies SET open = 0 WHERE id = $1
		RETURNING centre_id, institution_id, patient_id, grade, modalities, body_part, procedure_code, accession, description, priority,
			clinical_info, performed_at, last_at, expected, instance_count`, string(id)).
		Scan(&e.Centre, &e.Institution, &e.Patient, &e.Grade, &modalities, &e.BodyPart, &e.Procedure, &e.Accession, &e.Title, &e.Priority,
			&info, &performed, &received, &expected, &have)
	e.ID, e.Kind, e.Modality = id, record.Imaging, mainModality(splitList(modalities))
	e.Title = title(e.Modality, e.BodyPart, e.Title)
	e.PerformedAt, e.ReceivedAt = record.FromMicros(performed), record.FromMicros(received)
	e.Complete = have >= expected
	if e.Priority == "" {
		e.Priority = record.Routine
	}
	return e, info, expected, have, err
}

// secondary modalities say how an image is used, not how it was made.
var secondary = map[string]bool{"SR": true, "KO": true, "PR": true, "DOC": true, "SEG": true, "OT": true, "REG": true}

func mainModality(all []string) string {
	for _, m := range all {
		if !secondary[m] {
			return m
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return "OT"
}

var system = record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "imaging", Display: "imaging centre"}, Purpose: record.Operations}

// Tick completes the studies that have been quiet. Several servers may tick: each study is taken by one.
func (c *Centre) Tick(ctx context.Context) error {
	if err := c.forgetIntents(ctx); err != nil {
		return fmt.Errorf("forget corrections that were not made: %w", err)
	}
	quiet := record.Micros(c.db.Now().Add(-c.opt.Quiet))
	ids, err := store.List(ctx, c.db, `SELECT id FROM studies WHERE open = 1 AND last_at < $1 ORDER BY last_at LIMIT 100`,
		[]any{quiet}, func(id *record.ExamID) []any { return []any{id} })
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := c.db.Tx(ctx, func(tx *store.Tx) error {
			if err := tx.Lock(ctx, "study:"+string(id)); err != nil {
				return err
			}
			var still string
			err := tx.QueryRow(ctx, `SELECT id FROM studies WHERE id = $1 AND open = 1 AND last_at < $2`, string(id), quiet).Scan(&still)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			_, err = c.close(ctx, tx, id, system)
			return err
		})
		if err != nil {
			return fmt.Errorf("complete quiet study %s: %w", id, err)
		}
	}
	return nil
}

// Run ticks until ctx ends, and clears the spool of uploads that nobody continued.
func (c *Centre) Run(ctx context.Context) {
	every := time.NewTicker(min(c.opt.Quiet/4+time.Millisecond, 15*time.Second))
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := c.Tick(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "imaging: complete quiet studies", "err", err)
		}
		if _, err := c.spool.Sweep(spoolKeep); err != nil {
			slog.ErrorContext(ctx, "imaging: sweep spool", "err", err)
		}
	}
}

const spoolKeep = 72 * time.Hour
