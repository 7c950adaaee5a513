// Proving all signed reports: the row against its hash, the blob against the row.

package reading

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lianzhen/lianzhen/record"
)

// Fsck walks all signed reports and hands every one that is not as it was signed, or whose blob is missing or differs, to
// found. It returns how many it looked at. Nothing of a report is shown, so nothing is noted.
func (r *Room) Fsck(ctx context.Context, found func(record.ReportID, error)) (int, error) {
	seen, after := 0, ""
	for {
		rows, err := reportRows(ctx, r.db, `WHERE r.id > $1 ORDER BY r.id LIMIT $2`, []any{after, 200})
		if err != nil || len(rows) == 0 {
			return seen, err
		}
		for i := range rows {
			switch err := r.prove(ctx, &rows[i]); {
			case record.KindOf(err) == record.Unavailable, ctx.Err() != nil:
				return seen, errors.Join(err, ctx.Err())
			case err != nil:
				found(rows[i].id, err)
			}
			seen++
		}
		after = string(rows[len(rows)-1].id)
	}
}

func (r *Room) prove(ctx context.Context, w *reportRow) error {
	if _, err := w.report(); err != nil {
		return err
	}
	f, _, err := r.blobs.Open(ctx, w.key)
	if err != nil {
		return fmt.Errorf("report %s: blob: %w", w.id, err)
	}
	doc, err := io.ReadAll(io.LimitReader(f, int64(len(w.doc))+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return record.Wrap(record.Unavailable, err, "the blob of a report cannot be read")
	}
	if string(doc) != w.doc {
		return fmt.Errorf("report %s: the blob differs from the row", w.id)
	}
	return nil
}
