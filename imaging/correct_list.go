// Corrections that were made: rows of them, and lists.

package imaging

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const correctionColumns = `id, institution_id, kind, study_id, target_id, study_uid, target_uid, instance_count, by_id, by_name, at, reason,
	undone_at, undone_by, undo_reason, document, details`

type correctionRow struct {
	Correction
	at, undone int64
	document   string
	details    string
}

func (r *correctionRow) fields() []any {
	return []any{
		&r.ID, &r.Institution, &r.Kind, &r.Study, &r.Target, &r.StudyUID, &r.TargetUID, &r.Instances, &r.By, &r.ByName, &r.at, &r.Reason,
		&r.undone, &r.UndoneBy, &r.UndoReason, &r.document, &r.details,
	}
}

func (r *correctionRow) correction() (Correction, error) {
	r.At, r.UndoneAt = record.FromMicros(r.at), record.FromMicros(r.undone)
	var d correctionDocument
	var more correctionDetails
	err := errors.Join(json.Unmarshal([]byte(r.document), &d), json.Unmarshal([]byte(r.details), &more))
	r.Before, r.After, r.states = identities(d.Before), identities(more.After), more.States
	return r.Correction, err
}

func (c *Centre) correction(ctx context.Context, s record.Scope, id CorrectionID) (Correction, error) {
	args := []any{string(id)}
	rows, err := store.List(ctx, c.db, `SELECT `+correctionColumns+` FROM corrections WHERE id = $1 AND `+c.db.ScopeSQL(s, "institution_id", "", &args),
		args, func(r *correctionRow) []any { return r.fields() })
	if err != nil {
		return Correction{}, err
	}
	if len(rows) == 0 {
		return Correction{}, record.Errorf(record.NotFound, "no correction %s", id)
	}
	return rows[0].correction()
}

// CorrectionQuery selects corrections.
type CorrectionQuery struct {
	Study    record.ExamID // about it, or with it as target; empty: any
	Standing bool          // not those that are undone
	Before   CorrectionID  // go on behind this one; the newest comes first
	Limit    int
}

// Corrections lists the corrections inside the scope.
func (c *Centre) Corrections(ctx context.Context, s record.Scope, q CorrectionQuery) ([]Correction, error) {
	s.RelatedAt = ""
	b := &sqlText{}
	if q.Study != "" {
		b.And("(study_id = " + b.Arg(string(q.Study)) + " OR target_id = " + b.Arg(string(q.Study)) + ")")
	}
	if q.Standing {
		b.And("undone_at = 0")
	}
	if q.Before != "" {
		b.And("id < " + b.Arg(string(q.Before)))
	}
	b.And(c.db.ScopeSQL(s, "institution_id", "", &b.Args))
	rows, err := store.List(ctx, c.db, `SELECT `+correctionColumns+` FROM corrections WHERE `+b.String()+` ORDER BY id DESC LIMIT `+b.Arg(cmp.Or(q.Limit, 100)),
		b.Args, func(r *correctionRow) []any { return r.fields() })
	if err != nil {
		return nil, fmt.Errorf("corrections: %w", err)
	}
	out := make([]Correction, len(rows))
	var events []record.Event
	for i := range rows {
		if out[i], err = rows[i].correction(); err != nil {
			return nil, err
		}
		e := record.Event{Act: "correction.read", Institution: out[i].Institution, Kind: "correction", Object: string(out[i].ID), Outcome: record.Success}
		events = append(events, e.By(s))
	}
	return out, c.db.Note(ctx, events...)
}
