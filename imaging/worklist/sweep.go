package worklist

import (
	"context"
	"fmt"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Sweep removes workitems that ended long ago and on which nobody holds a deletion lock (PS3.4 CC.2.3.1).
func (w *Worklist) Sweep(ctx context.Context) error {
	return w.db.Tx(ctx, func(tx *store.Tx) error {
		const atOnce = 500
		gone, err := store.Collect(ctx, tx, `SELECT `+workitemColumns+` FROM workitems u
			WHERE u.state IN ('COMPLETED', 'CANCELED') AND u.changed_at < $1
			AND NOT EXISTS (SELECT 1 FROM workitem_subscriptions x WHERE x.workitem_id = u.id AND x.followed = 1 AND x.locked = 1)
			AND NOT EXISTS (SELECT 1 FROM workitem_subscribers g WHERE g.followed = 1 AND g.locked = 1
				AND (g.reach = '*' OR REPLACE(g.reach, '|' || u.institution_id || '|', '') <> g.reach)
				AND NOT EXISTS (SELECT 1 FROM workitem_subscriptions y WHERE y.subscriber_id = g.id AND y.workitem_id = u.id AND y.followed = 0))
			ORDER BY u.changed_at LIMIT $2`, []any{record.Micros(tx.Now().Add(-w.opt.KeepEnded)), atOnce}, scanWorkitem)
		if err != nil {
			return fmt.Errorf("sweep workitems: %w", err)
		}
		for _, u := range gone {
			for _, q := range []string{`DELETE FROM workitem_subscriptions WHERE workitem_id = $1`, `DELETE FROM workitems WHERE id = $1`} {
				if _, err := tx.Exec(ctx, q, string(u.id)); err != nil {
					return err
				}
			}
			tx.Emit(u.event("workitem.deleted"))
		}
		return nil
	})
}
