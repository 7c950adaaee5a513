// Who is told of workitems (PS3.4 CC.2.3): by workitem, globally, or globally with a filter; with a deletion lock or not.

package worklist

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// subscriber is the row of a subscriber. Its name is its institution's own.
type subscriber struct {
	id          string
	institution record.InstitutionID
	name        string
	reach       string
	followed    bool
	filter      string
	locked      bool
	suspended   int64
}

const subscriberColumns = `f.id, f.institution_id, f.name, f.reach, f.followed, f.filter, f.locked, f.suspended_at`

func (f *subscriber) fields() []any {
	return []any{&f.id, &f.institution, &f.name, &f.reach, &f.followed, &f.filter, &f.locked, &f.suspended}
}

// Subscription is what a subscriber asks for.
type Subscription struct {
	Workitem     dicom.UID      // or GlobalSubscription, FilteredSubscription
	DeletionLock bool           // ended workitems stay until the subscriber lets go of them
	Filter       *dicom.DataSet // matching keys of FilteredSubscription
}

func (n Subscription) global() bool {
	return n.Workitem == GlobalSubscription || n.Workitem == FilteredSubscription
}

// Subscribe lets the named subscriber of the caller's institution (an AE title) hear of a workitem, or of all that the scope
// reaches, those to come too. The present state of each is reported at once.
func (w *Worklist) Subscribe(ctx context.Context, s record.Scope, name string, n Subscription) error {
	if n.Workitem == FilteredSubscription && (n.Filter == nil || len(n.Filter.Elements) == 0) {
		return record.Errorf(record.Invalid, "a filtered subscription needs matching keys")
	}
	return w.following(ctx, s, name, true, func(tx *store.Tx, f *subscriber) error {
		f.reach = reachOf(s)
		if n.global() {
			return w.followAll(ctx, tx, s, f, n)
		}
		u, err := w.workitemIn(ctx, tx, s, n.Workitem)
		if err != nil {
			return err
		}
		if err := saveSubscriber(ctx, tx, f); err != nil {
			return err
		}
		if err := saveSubscription(ctx, tx, f, u.id, true, n.DeletionLock); err != nil {
			return err
		}
		tx.Emit(u.event("workitem.followed"))
		return w.enqueue(ctx, tx, f.id, u, StateReport, u.stateInfo())
	})
}

func (w *Worklist) followAll(ctx context.Context, tx *store.Tx, s record.Scope, f *subscriber, n Subscription) (err error) {
	f.followed, f.locked, f.filter, f.suspended = true, n.DeletionLock, "", 0
	if n.Workitem == FilteredSubscription {
		if f.filter, err = kept(sent(n.Filter)); err != nil {
			return err
		}
	}
	if err := saveSubscriber(ctx, tx, f); err != nil {
		return err
	}
	// A global subscription puts the workitems back that were taken out of an earlier one.
	if _, err := tx.Exec(ctx, `DELETE FROM workitem_subscriptions WHERE subscriber_id = $1 AND followed = 0`, f.id); err != nil {
		return err
	}
	tx.Emit(f.event("workitem.followed"))
	return w.reportPresent(ctx, tx, s, f)
}

// reportPresent tells a new global subscriber of what is to be done now: as much as may wait for it.
func (w *Worklist) reportPresent(ctx context.Context, tx *store.Tx, s record.Scope, f *subscriber) error {
	b := &sqlText{}
	b.And(w.db.ScopeSQL(s, "u.institution_id", "u.patient_id", &b.Args))
	b.And("u.state IN ('SCHEDULED', 'IN PROGRESS')")
	present, err := store.Collect(ctx, tx, `SELECT `+workitemColumns+` FROM workitems u WHERE `+b.String()+
		` ORDER BY u.start_at DESC, u.id DESC LIMIT `+b.Arg(w.opt.MaxReports), b.Args, scanWorkitem)
	if err != nil {
		return err
	}
	for _, u := range present {
		wants, err := w.wants(f, u, -1)
		if err != nil {
			return err
		}
		if !wants {
			continue
		}
		if err := w.enqueue(ctx, tx, f.id, u, StateReport, u.stateInfo()); err != nil {
			return err
		}
	}
	return nil
}

// Unsubscribe ends a subscription: of one workitem, also out of a global one, or of everything.
func (w *Worklist) Unsubscribe(ctx context.Context, s record.Scope, name string, uid dicom.UID) error {
	return w.following(ctx, s, name, false, func(tx *store.Tx, f *subscriber) error {
		if (Subscription{Workitem: uid}).global() {
			f.followed, f.locked, f.filter, f.suspended = false, false, "", 0
			if _, err := tx.Exec(ctx, `DELETE FROM workitem_subscriptions WHERE subscriber_id = $1`, f.id); err != nil {
				return err
			}
			tx.Emit(f.event("workitem.unfollowed"))
			return saveSubscriber(ctx, tx, f)
		}
		u, err := w.workitemIn(ctx, tx, s, uid)
		if err != nil {
			return err
		}
		tx.Emit(u.event("workitem.unfollowed"))
		return saveSubscription(ctx, tx, f, u.id, false, false)
	})
}

// Suspend ends a global subscription for the workitems to come; those that are there are followed on.
func (w *Worklist) Suspend(ctx context.Context, s record.Scope, name string, uid dicom.UID) error {
	if !(Subscription{Workitem: uid}).global() {
		return refuse(StatusInappropriateAction)
	}
	return w.following(ctx, s, name, false, func(tx *store.Tx, f *subscriber) error {
		if !f.followed || f.suspended != 0 {
			return nil
		}
		f.suspended = record.Micros(stamp(tx.Now()))
		tx.Emit(f.event("workitem.unfollowed"))
		return saveSubscriber(ctx, tx, f)
	})
}

// following runs one act on a subscriber of the caller's institution.
func (w *Worklist) following(ctx context.Context, s record.Scope, name string, create bool, act func(tx *store.Tx, f *subscriber) error) error {
	if err := (field{name: "subscriber", text: &name, most: 16, needed: true, plain: true}).tidy(); err != nil {
		return err
	}
	at := s.Actor.Institution
	if err := writesAt(s, at); err != nil {
		return err
	}
	return w.change(ctx, s, workitemLocks("workitem-subscriber:"+string(at)+"/"+name), func(tx *store.Tx) error {
		f, err := subscriberOf(ctx, tx, at, name)
		if errors.Is(err, sql.ErrNoRows) {
			if !create {
				return refuse(StatusUnknownSubscriber)
			}
			f, err = &subscriber{id: record.NewID(tx.Now()), institution: at, name: name}, nil
		}
		if err != nil {
			return err
		}
		return act(tx, f)
	})
}

func subscriberOf(ctx context.Context, q store.Querier, at record.InstitutionID, name string) (*subscriber, error) {
	var f subscriber
	err := q.QueryRow(ctx, `SELECT `+subscriberColumns+` FROM workitem_subscribers f WHERE f.institution_id = $1 AND f.name = $2`,
		string(at), name).Scan(f.fields()...)
	return &f, err
}

func (f *subscriber) event(act string) record.Event {
	return record.Event{Act: act, Institution: f.institution, Kind: "subscriber", Object: f.id}
}

// reachOf writes the institutions of a scope, so that reports are kept only for those who may read them.
func reachOf(s record.Scope) string {
	if s.All {
		return "*"
	}
	var b strings.Builder
	for _, i := range s.Institutions {
		b.WriteString("|" + string(i))
	}
	return b.String() + "|"
}

func saveSubscriber(ctx context.Context, tx *store.Tx, f *subscriber) error {
	_, err := tx.Exec(ctx, `INSERT INTO workitem_subscribers (id, institution_id, name, reach, followed, filter, locked, suspended_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (id) DO UPDATE SET reach = excluded.reach, followed = excluded.followed,
		filter = excluded.filter, locked = excluded.locked, suspended_at = excluded.suspended_at`,
		f.id, string(f.institution), f.name, f.reach, f.followed, f.filter, f.locked, f.suspended)
	return err
}

func saveSubscription(ctx context.Context, tx *store.Tx, f *subscriber, id WorkitemID, followed, locked bool) error {
	_, err := tx.Exec(ctx, `INSERT INTO workitem_subscriptions (subscriber_id, workitem_id, followed, locked) VALUES ($1,$2,$3,$4)
		ON CONFLICT (subscriber_id, workitem_id) DO UPDATE SET followed = excluded.followed, locked = excluded.locked`,
		f.id, string(id), followed, locked)
	return err
}

// wants tells whether a subscriber is told of a workitem. own is its subscription to just this one: 1 yes, 0 taken out, -1 none.
func (w *Worklist) wants(f *subscriber, u *workitem, own int) (bool, error) {
	switch {
	case f.reach != "*" && !strings.Contains(f.reach, "|"+string(u.institution)+"|"):
		return false, nil
	case own >= 0:
		return own == 1, nil
	case !f.followed || f.suspended != 0 && u.created > f.suspended:
		return false, nil
	case f.filter == "":
		return true, nil
	}
	keys, err := loaded(f.filter)
	if err != nil {
		return false, err
	}
	return matcher{zone: w.opt.Zone}.matches(u.d, keys), nil
}
