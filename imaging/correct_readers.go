// Readers: who has opened a study, and so must be told when it was another patient's.

package imaging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Reader is somebody who has opened a study, or its case or report.
type Reader struct {
	Kind        record.ActorKind
	ID          string
	Institution record.InstitutionID
	Name        string
	Times       int // that it was noted: the same caller within a minute is one time
	First, Last time.Time
}

// readersSince is how far back readers are looked for.
const readersSince = 90 * 24 * time.Hour

// maxReaders bounds the answer.
const maxReaders = 1000

// readingActs are the events that say that somebody saw something of a study.
var readingActs = []string{
	"study.read", "study.exported", "study.taught", "case.read", "case.claimed", "case.taken_over", "case.drafted", "case.submitted", "case.signed",
	"report.read", "report.signed", "report.corrected",
}

// Readers lists who has opened a study in the last 90 days, also one that a correction has made part of another; who did so
// last comes first.
func (c *Centre) Readers(ctx context.Context, s record.Scope, id record.ExamID) ([]Reader, error) {
	s.RelatedAt = ""
	i, err := c.institutionOf(ctx, s, id)
	if err != nil {
		return nil, err
	}
	b := &sqlText{}
	b.and("(object_id = " + b.arg(string(id)) + " OR object_id IN (SELECT id FROM cases WHERE exam_id = " + b.arg(string(id)) +
		") OR object_id IN (SELECT r.id FROM reports r JOIN cases k ON k.id = r.case_id WHERE k.exam_id = " + b.arg(string(id)) + "))")
	b.and(b.list("act", readingActs))
	b.and("at >= " + b.arg(record.Micros(c.db.Now().Add(-readersSince))))
	type row struct {
		Reader
		first, last int64
	}
	rows, err := store.List(ctx, c.db, `SELECT actor_kind, actor_id, actor_org, MAX(actor_name), COUNT(*), MIN(at), MAX(at) FROM events
		WHERE `+b.where()+` GROUP BY actor_kind, actor_id, actor_org ORDER BY MAX(at) DESC, actor_id LIMIT `+b.arg(maxReaders), b.args,
		func(r *row) []any {
			return []any{&r.Kind, &r.ID, &r.Institution, &r.Name, &r.Times, &r.first, &r.last}
		})
	if err != nil {
		return nil, fmt.Errorf("readers of study %s: %w", id, err)
	}
	out := make([]Reader, len(rows))
	for k, r := range rows {
		r.First, r.Last = record.FromMicros(r.first), record.FromMicros(r.last)
		out[k] = r.Reader
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
