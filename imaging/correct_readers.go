// Readers: who has opened a study, and so must be told when it was another patient's.

package imaging

import (
	"context"
	"database/sql"
	"errors"

	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
)

// Readers lists who has opened a study in the last 90 days, also one that a correction has made part of another; who did so
// last comes first.
func (c *Centre) Readers(ctx context.Context, s record.Scope, id record.ExamID) ([]reading.Reader, error) {
	s.RelatedAt = ""
	i, err := c.institutionOf(ctx, s, id)
	if err != nil {
		return nil, err
	}
	out, err := c.room.Readers(ctx, id, "study.read", "study.exported", "study.taught")
	if err != nil {
		return nil, err
	}
	return out, c.db.Note(ctx, record.Event{
		Act: "study.readers_listed", Institution: i, Kind: "study", Object: string(id), Outcome: record.Success,
	}.By(s))
}

// institutionOf says whose study it is, or was.
func (c *Centre) institutionOf(ctx context.Context, s record.Scope, id record.ExamID) (record.InstitutionID, error) {
	st, err := c.study(ctx, s, id)
	if err == nil || record.KindOf(err) != record.NotFound {
		return st.Institution, err
	}
	args := []any{string(id)}
	var i record.InstitutionID
	gone := c.db.QueryRow(ctx, `SELECT institution_id FROM corrections WHERE (study_id = $1 OR target_id = $1) AND `+
		c.db.ScopeSQL(s, "institution_id", "", &args)+` LIMIT 1`, args...).Scan(&i)
	if errors.Is(gone, sql.ErrNoRows) {
		return "", err
	}
	return i, gone
}
