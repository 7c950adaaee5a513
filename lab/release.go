// Release: persons validate rows 审核. The reading room's two signatures release a whole report; single rows can be released before it.

package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// publish is what the centre does when the reading room signs, corrects or withdraws a report: in the same transaction.
func (c *Centre) publish(ctx context.Context, tx *store.Tx, s record.Scope, rep reading.Report) error {
	ch, rows, err := c.changeOf(ctx, tx, s, rep.Exam.ID)
	if err != nil {
		return err
	}
	ch.signing = true
	if rep.Status == record.Withdrawn {
		for i := range rows {
			if err := ch.withdraw(ctx, &rows[i]); err != nil {
				return err
			}
		}
		return ch.finish(ctx, rows, &StoredReport{})
	}
	by := signature{rep.Author, rep.AuthorName, rep.Reviewer, rep.ReviewerName, rep.SignedAt}
	for i := range rows {
		if !rows[i].Latest || !rows[i].awaited() {
			continue
		}
		if rows[i].Judged.Held != "" {
			return record.Errorf(record.Precondition, "%s is held: %s; release it with a reason or set it aside", rows[i].Result.Code.Code, rows[i].Judged.Held)
		}
		if err := ch.release(ctx, rows, i, by); err != nil {
			return err
		}
	}
	return ch.finish(ctx, rows, &StoredReport{})
}

// signature names both who stand for a row: technical validation and medical release.
type signature struct {
	technician   record.UserID
	technName    string
	reviewer     record.UserID
	reviewerName string
	at           time.Time
}

// changeOf begins a change of a report that is there, with the rows that count or are shown.
func (c *Centre) changeOf(ctx context.Context, tx *store.Tx, s record.Scope, id record.ExamID) (*change, []Row, error) {
	if err := tx.Lock(ctx, "lab-report:"+string(id)); err != nil {
		return nil, nil, err
	}
	args := []any{string(id)}
	found, err := c.reportRows(ctx, tx, `r.id = $1 AND `+c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args), args)
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, record.Errorf(record.NotFound, "no laboratory report %s", id)
	}
	found[0].known = true
	rows, err := c.rows(ctx, tx, `x.report_id = $1 AND (x.latest = 1 OR x.shown = 1) ORDER BY x.number, x.id, x.version`, []any{string(id)})
	return &change{centre: c, tx: tx, scope: s, rep: &found[0]}, rows, err
}

// release brings a row into view that two persons stand for; the version that was shown goes.
func (ch *change) release(ctx context.Context, rows []Row, i int, by signature) error {
	r := &rows[i]
	if !r.Result.Status.Shown() {
		r.Result.Status = observation.Final
	}
	if r.Analyte != "" { // as it is known now that it was
		q, err := ch.centre.desks.Quality.StateKnown(ctx, ch.tx, quality.Series{Laboratory: r.laboratory, Device: r.Result.Device, Analyte: r.Analyte}, r.measuredAt(), by.at)
		if err != nil {
			return err
		}
		r.Judged.Quality = qualityAt(q, by.at)
	}
	r.Validation, r.ReleasedBy, r.ReleasedName = string(released), by.reviewer, by.reviewerName
	if r.ValidatedBy == "" {
		r.ValidatedBy, r.ValidatedName, r.ValidatedAt = by.technician, by.technName, by.at
	}
	if err := ch.bring(ctx, rows, i, by.at); err != nil {
		return err
	}
	return ch.update(ctx, r)
}

// bring takes a version that was kept back into view; the one that was in view goes.
func (ch *change) bring(ctx context.Context, rows []Row, i int, at time.Time) error {
	r := &rows[i]
	was := r.state()
	for k := range rows {
		old := rows[k].state()
		if old.id != r.ID || !old.shown || k == i {
			continue
		}
		r.Result.Status, _ = supersededAs(&old, was)
		if err := ch.hide(ctx, rows[k], replacedBy(&rows[k], r)); err != nil {
			return err
		}
		rows[k].Shown = false
	}
	r.Shown, r.ReleasedAt = true, at
	ch.show(*r)
	return nil
}

// update writes what persons changed of a version: never its value.
func (ch *change) update(ctx context.Context, r *Row) error {
	ch.touched = true
	_, err := ch.tx.Exec(ctx, `UPDATE lab_results SET shown = $3, validation = $4, status = $5, body = $6, judged = $7, validated_by = $8, validated_name = $9,
		validated_at = $10, released_by = $11, released_name = $12, released_at = $13, held = $14 WHERE id = $1 AND version = $2`, r.ID, r.Version, r.Shown, r.Validation,
		string(r.Result.Status), jsonText(r.Result), jsonText(r.Judged), string(r.ValidatedBy), r.ValidatedName, record.Micros(r.ValidatedAt), string(r.ReleasedBy),
		r.ReleasedName, record.Micros(r.ReleasedAt), r.Judged.Held != "")
	if err != nil {
		return fmt.Errorf("change laboratory result: %w", err)
	}
	return nil
}

// withdraw takes a row out of view for good: who needs it must measure again.
func (ch *change) withdraw(ctx context.Context, r *Row) error {
	if r.Shown {
		if err := ch.hide(ctx, *r, "withdrawn"); err != nil {
			return err
		}
		r.Shown = false
	}
	if !r.Latest {
		return nil
	}
	r.Result.Status, r.Validation = observation.Withdrawn, string(setAside)
	return ch.update(ctx, r)
}

// Validation is what a person does with single rows.
type Validation string

// The acts on rows. A validated row needs a second person to release it.
const (
	Validate Validation = "validate"  // technical 技术审核
	Release  Validation = "release"   // medical 医学审核, by another person: who ordered sees it now
	SetAside Validation = "set-aside" // not to be relied on: measure again 复查
	Override Validation = "override"  // a row that quality control holds may be released, with a reason 放行
)

// ValidateRows does an act on single rows of a report. The act is refused as a whole when one row does not allow it.
func (c *Centre) ValidateRows(ctx context.Context, s record.Scope, id record.ExamID, act Validation, rowIDs []string, reason string) (Kept, error) {
	if err := checkValidation(s, act, rowIDs, reason); err != nil {
		return Kept{}, err
	}
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		ch, rows, err := c.changeOf(ctx, tx, s, id)
		if err != nil {
			return err
		}
		for _, row := range rowIDs {
			i := indexOf(rows, row)
			if i < 0 {
				return record.Errorf(record.NotFound, "report %s has no row %s", id, row)
			}
			if err := ch.validate(ctx, rows, i, act, reason); err != nil {
				return err
			}
		}
		tx.Emit(record.Event{
			Act: "lab." + strings.ReplaceAll(string(act), "-", "_"), Institution: ch.rep.Institution, Patient: ch.rep.Patient, Kind: "lab-report", Object: string(id),
			Outcome: record.Success, Detail: map[string]string{"rows": strings.Join(rowIDs, " ")},
		}.By(s))
		return ch.finish(ctx, rows, &StoredReport{})
	})
	if err != nil {
		return Kept{}, err
	}
	return c.Get(ctx, s, id, Working) // who is answered reads
}

const maxRowsAtOnce = 500

func checkValidation(s record.Scope, act Validation, rows []string, reason string) error {
	switch {
	case s.Actor.Kind != record.ActorUser:
		return record.Errorf(record.Denied, "only a person may %s results", act)
	case len(rows) == 0 || len(rows) > maxRowsAtOnce:
		return record.Errorf(record.Invalid, "rows: want 1 to %d", maxRowsAtOnce)
	case (act == SetAside || act == Override) && strings.TrimSpace(reason) == "":
		return record.Errorf(record.Invalid, "reason: say why")
	}
	return nil
}

func indexOf(rows []Row, id string) int {
	for i := range rows {
		if rows[i].ID == id && rows[i].Latest {
			return i
		}
	}
	return -1
}

func (ch *change) validate(ctx context.Context, rows []Row, i int, act Validation, reason string) error {
	r, me, now := &rows[i], record.UserID(ch.scope.Actor.ID), ch.tx.Now()
	name := ch.scope.Actor.Display
	if !r.awaited() && act != SetAside {
		return record.Errorf(record.Precondition, "row %s is %s: there is nothing to %s", r.ID, r.Validation, act)
	}
	switch act {
	case Validate:
		r.Validation, r.ValidatedBy, r.ValidatedName, r.ValidatedAt = string(technical), me, name, now
	case Release:
		switch {
		case r.Judged.Held != "":
			return record.Errorf(record.Precondition, "row %s is held: %s", r.ID, r.Judged.Held)
		case validation(r.Validation) != technical:
			return record.Errorf(record.Precondition, "row %s has not been validated yet; a second person releases it afterwards", r.ID)
		case r.ValidatedBy == me:
			return record.Errorf(record.Denied, "row %s was validated by yourself; a second person must release it", r.ID)
		}
		return ch.release(ctx, rows, i, signature{reviewer: me, reviewerName: name, at: now})
	case SetAside:
		if r.Shown {
			return record.Errorf(record.Precondition, "row %s has been released; withdraw it", r.ID)
		}
		r.Validation, r.Judged.Notes = string(setAside), append(r.Judged.Notes, name+": "+reason)
	case Override:
		if r.Judged.Held == "" {
			return record.Errorf(record.Precondition, "row %s is not held", r.ID)
		}
		r.Judged.Notes, r.Judged.Held = append(r.Judged.Notes, name+": "+reason+" ["+r.Judged.Held+"]"), ""
		if v := validation(r.Validation); v.done() && !r.Shown && r.Result.Status.Shown() { // its sender stands for it
			r.ReleasedBy, r.ReleasedName = me, name
			if err := ch.bring(ctx, rows, i, now); err != nil {
				return err
			}
		}
	default:
		return record.Errorf(record.Invalid, "act: want validate, release, set-aside or override")
	}
	return ch.update(ctx, r)
}

// WithdrawReport takes all of a report back: it was another person's, or the specimen was. Values are hidden everywhere at once, and who saw them is told.
func (c *Centre) WithdrawReport(ctx context.Context, s record.Scope, id record.ExamID, reason string) (Kept, error) {
	if strings.TrimSpace(reason) == "" {
		return Kept{}, record.Errorf(record.Invalid, "reason: say why")
	}
	var out Kept
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if _, _, err := c.changeOf(ctx, tx, s, id); err != nil { // it is there, and the caller may
			return err
		}
		if _, err := c.room.Dismiss(ctx, tx, s, id, reason); err != nil {
			return err
		}
		ch, rows, err := c.changeOf(ctx, tx, s, id) // where a signed report was taken back the room has told us, in this transaction: what is left
		if err != nil {
			return err
		}
		ch.signing = true
		for i := range rows {
			if err := ch.withdraw(ctx, &rows[i]); err != nil {
				return err
			}
		}
		ch.rep.Notes = append(ch.rep.Notes, reason)
		if err := ch.finish(ctx, rows, &StoredReport{}); err != nil {
			return err
		}
		out = ch.rep.Kept
		for i := range rows {
			if rows[i].Latest {
				out.Rows = append(out.Rows, rows[i])
			}
		}
		out.hideWithdrawn()
		return nil
	})
	return out, err
}
