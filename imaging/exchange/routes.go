// Routes: rules that forward a study when it is complete.

package exchange

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// RouteID names a route.
type RouteID string

// Route sends what an institution's complete studies have to a device.
type Route struct {
	ID          RouteID
	Institution record.InstitutionID // whose studies
	Modality    string               // empty: any; else studies that have it
	AETitle     string               // where to
	Priority    record.Priority
	Commit      bool
	CreatedAt   time.Time
}

const routeColumns = `id, institution_id, modality, ae_title, priority, commitment, created_at`

func scanRoute(scan func(...any) error) (r Route, err error) {
	var rank int
	var created int64
	err = scan(&r.ID, &r.Institution, &r.Modality, &r.AETitle, &rank, &r.Commit, &created)
	r.Priority, r.CreatedAt = priorityRanks[min(max(rank, 0), len(priorityRanks)-1)], record.FromMicros(created)
	return r, err
}

// CreateRoute makes a rule; Conflict when there is one for the same studies and device, Precondition for a device that
// might not read them itself.
func (x *Exchange) CreateRoute(ctx context.Context, s record.Scope, r Route) (Route, error) {
	if r.Institution == "" {
		r.Institution = s.Actor.Institution
	}
	if !s.Reaches(r.Institution) {
		return Route{}, record.Errorf(record.NotFound, "institution %s", r.Institution)
	}
	if r.Modality != "" && (!record.ValidID(r.Modality) || len(r.Modality) > 16) {
		return Route{}, record.Errorf(record.Invalid, "route: modality is not valid")
	}
	d, err := x.destinationFor(ctx, s, r.AETitle, r.Institution)
	if err != nil {
		return Route{}, err
	}
	err = x.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		out, err := scanRoute(tx.QueryRow(ctx, `INSERT INTO routes (id, institution_id, modality, ae_title, priority, commitment, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING `+routeColumns, record.NewID(tx.Now()), string(r.Institution),
			r.Modality, d.AETitle, rankOf(r.Priority), r.Commit, record.Micros(tx.Now())).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return record.Errorf(record.Conflict, "there is such a route already")
		}
		if err != nil {
			return err
		}
		r = out
		tx.Emit(r.event("route.created").By(s))
		return nil
	})
	return r, err
}

func (r Route) event(act string) record.Event {
	return record.Event{
		Act: act, Institution: r.Institution, Kind: "route", Object: string(r.ID), Outcome: record.Success,
		Detail: map[string]string{"ae_title": r.AETitle, "modality": r.Modality},
	}
}

// DeleteRoute ends a rule; what it has queued goes on.
func (x *Exchange) DeleteRoute(ctx context.Context, s record.Scope, id RouteID) (Route, error) {
	var r Route
	err := x.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		var err error
		r, err = scanRoute(tx.QueryRow(ctx, `SELECT `+routeColumns+` FROM routes WHERE id = $1`, string(id)).Scan)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err != nil || !s.Reaches(r.Institution) {
			return record.Errorf(record.NotFound, "route %s", id)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM routes WHERE id = $1`, string(id)); err != nil {
			return err
		}
		tx.Emit(r.event("route.deleted").By(s))
		return nil
	})
	return r, err
}

// Routes lists the rules for studies inside the scope, by id, behind the given one.
func (x *Exchange) Routes(ctx context.Context, s record.Scope, after RouteID, limit int) ([]Route, error) {
	args := []any{string(after)}
	inside := x.db.ScopeSQL(s, "institution_id", "", &args)
	args = append(args, min(max(limit, 1), 1001))
	return store.Collect(ctx, x.db, fmt.Sprintf(`SELECT %s FROM routes WHERE id > $1 AND %s ORDER BY id LIMIT $%d`, routeColumns, inside, len(args)),
		args, scanRoute)
}

// routeCursor names the place of all servers in the event table: each event is taken by one of them.
const routeCursor = "routes"

// completedAtOnce bounds one look at the event table.
const completedAtOnce = 50

// cursorEvery bounds how far the kept cursor lies behind when nothing was completed.
const cursorEvery = 1000

// follow queues forwards for studies as they complete. Several servers may see the same event: of each object only one
// queues the sending (routeTo).
func (x *Exchange) follow(ctx context.Context) {
	at := int64(-1)
	for ctx.Err() == nil {
		next, err := x.routeCompleted(ctx, at)
		if err == nil {
			at = next
			err = x.db.Wait(ctx, at)
		}
		if ctx.Err() != nil {
			return
		}
		wait := 100 * time.Millisecond // a busy log does not spin us
		if err != nil {
			x.opt.Log.ErrorContext(ctx, "exchange: routes", "error", err)
			wait = 5 * time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// routeCompleted goes on from a place in the event table, or from the kept cursor, and gives where it is then.
func (x *Exchange) routeCompleted(ctx context.Context, at int64) (int64, error) {
	kept, err := x.cursor(ctx)
	if err != nil {
		return at, err
	}
	at = max(at, kept)
	head, err := x.db.Head(ctx)
	if err != nil || at >= head {
		return at, err
	}
	done, err := x.db.Events(ctx, store.EventFilter{After: at, Limit: completedAtOnce, Acts: []string{"study.completed"}})
	if err != nil {
		return at, err
	}
	next := head
	if n := len(done); n == completedAtOnce || n > 0 && done[n-1].Seq > head {
		next = done[n-1].Seq
	}
	for _, e := range done {
		if err := x.routeStudy(ctx, record.ExamID(e.Object), e.Institution); err != nil {
			return at, err
		}
	}
	if len(done) == 0 && next-kept < cursorEvery {
		return next, nil
	}
	return next, x.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE exchange_cursors SET seq = $2 WHERE name = $1 AND seq < $2`, routeCursor, next)
		return err
	})
}

// cursor reads the kept place. A new database begins with now: what was there before is nobody's wish.
func (x *Exchange) cursor(ctx context.Context) (int64, error) {
	var seq int64
	err := x.db.QueryRow(ctx, `SELECT seq FROM exchange_cursors WHERE name = $1`, routeCursor).Scan(&seq)
	if !errors.Is(err, sql.ErrNoRows) {
		return seq, err
	}
	head, err := x.db.Head(ctx)
	if err != nil {
		return 0, err
	}
	return head, x.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO exchange_cursors (name, seq) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, routeCursor, head)
		return err
	})
}

// router is who forwards by rules: only what is of the institution of the study.
func router(i record.InstitutionID) record.Scope {
	return record.Scope{
		Actor:   record.Actor{Kind: record.ActorSystem, ID: "exchange", Institution: i, Display: "automatic forwarding"},
		Purpose: record.Treatment, Institutions: []record.InstitutionID{i},
	}
}

func (x *Exchange) routeStudy(ctx context.Context, id record.ExamID, i record.InstitutionID) error {
	rules, err := store.Collect(ctx, x.db, `SELECT `+routeColumns+` FROM routes WHERE institution_id = $1 ORDER BY id`, []any{string(i)}, scanRoute)
	if err != nil || len(rules) == 0 {
		return err
	}
	st, err := x.centre.Study(ctx, router(i), id)
	if record.KindOf(err) == record.NotFound {
		return nil // gone meanwhile
	}
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Modality != "" && !slices.Contains(st.Modalities, r.Modality) {
			continue
		}
		if err := x.routeTo(ctx, r, st); err != nil {
			return err
		}
	}
	return nil
}

// routeTo queues what of a study the device has not been sent, and has not sent us itself.
func (x *Exchange) routeTo(ctx context.Context, r Route, st imaging.Study) error {
	d, err := x.Destination(ctx, r.AETitle)
	if err != nil || !d.Read.Reaches(st.Institution) {
		x.opt.Log.WarnContext(ctx, "exchange: a route leads nowhere", "route", string(r.ID), "ae_title", r.AETitle)
		if k := record.KindOf(err); err != nil && k != record.NotFound && k != record.Precondition {
			return err
		}
		return nil
	}
	all, err := x.centre.Locate(ctx, router(st.Institution), imaging.UIDs{Study: dicom.UID(st.UID)})
	if err != nil {
		return err
	}
	err = x.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "route:"+r.AETitle+":"+string(st.ID)); err != nil {
			return err
		}
		has, err := x.has(ctx, tx, r.AETitle, st.ID)
		if err != nil {
			return err
		}
		news := slices.DeleteFunc(slices.Clone(all), func(o imaging.Located) bool { return has[o.ID] })
		if len(news) == 0 {
			return nil
		}
		_, err = x.enqueue(ctx, tx, router(st.Institution), d, ForwardRequest{Priority: r.Priority, Commit: r.Commit, route: r.ID}, st.Institution, news)
		return err
	})
	nudge(x.due)
	return err
}

// has lists the objects of a study that a device has, or is about to get.
func (x *Exchange) has(ctx context.Context, tx *store.Tx, aeTitle string, study record.ExamID) (map[imaging.InstanceID]bool, error) {
	ids, err := store.List(ctx, tx, `SELECT o.instance_id FROM instances i JOIN transfer_objects o ON o.instance_id = i.id
		JOIN transfers t ON t.id = o.transfer_id
		WHERE i.study_id = $1 AND t.ae_title = $2 AND o.state IN ('queued', 'sent', 'committed', 'received')`,
		[]any{string(study), aeTitle}, func(id *imaging.InstanceID) []any { return []any{id} })
	out := make(map[imaging.InstanceID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}
