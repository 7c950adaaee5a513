// Readers: who has opened an exam, and so must be told when it was another patient's.

package reading

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Reader is somebody who has opened an exam, or its case or report.
type Reader struct {
	Kind        record.ActorKind
	ID          string
	Institution record.InstitutionID
	Name        string
	Times       int // that it was noted: the same caller within a minute is one time
	First, Last time.Time
}

const (
	readersSince = 90 * 24 * time.Hour // how far back readers are looked for
	maxReaders   = 1000
)

// openingActs are the events of this room that say that somebody saw something of an exam.
var openingActs = []string{
	"case.read", "case.claimed", "case.taken_over", "case.drafted", "case.submitted", "case.signed", "report.read", "report.signed", "report.corrected",
	"critical.acknowledged", // the finding was all that they may have seen
}

// Readers lists who has opened an exam in the last 90 days; who did so last comes first. acts are the centre's own events of the exam that say
// so. The caller has been admitted to the exam.
func (r *Room) Readers(ctx context.Context, exam record.ExamID, acts ...string) ([]Reader, error) {
	args := []any{string(exam), record.Micros(r.db.Now().Add(-readersSince))}
	var names []string
	for _, act := range append(acts, openingActs...) {
		args = append(args, act)
		names = append(names, fmt.Sprintf("$%d", len(args)))
	}
	type row struct {
		Reader
		first, last int64
	}
	rows, err := store.List(ctx, r.db, fmt.Sprintf(`SELECT actor_kind, actor_id, actor_org, MAX(actor_name), COUNT(*), MIN(at), MAX(at) FROM events
		WHERE (object_id = $1 OR object_id IN (SELECT id FROM cases WHERE exam_id = $1)
			OR object_id IN (SELECT r.id FROM reports r JOIN cases k ON k.id = r.case_id WHERE k.exam_id = $1)
			OR object_id IN (SELECT v.id FROM critical_values v JOIN cases k ON k.id = v.case_id WHERE k.exam_id = $1))
		AND at >= $2 AND act IN (%s)
		GROUP BY actor_kind, actor_id, actor_org ORDER BY MAX(at) DESC, actor_id LIMIT %d`, strings.Join(names, ","), maxReaders), args,
		func(r *row) []any {
			return []any{&r.Kind, &r.ID, &r.Institution, &r.Name, &r.Times, &r.first, &r.last}
		})
	if err != nil {
		return nil, fmt.Errorf("readers of exam %s: %w", exam, err)
	}
	out := make([]Reader, len(rows))
	for k, r := range rows {
		r.First, r.Last = record.FromMicros(r.first), record.FromMicros(r.last)
		out[k] = r.Reader
	}
	return out, nil
}
