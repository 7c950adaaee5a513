// Subscriptions: who is told what, and where.

package dispatch

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// SubscriptionID names a subscription. It is also who is noted as reader of what was delivered.
type SubscriptionID string

// Kind is how it is delivered.
type Kind string

// The kinds.
const (
	MLLP    Kind = "mllp"
	Webhook Kind = "webhook"
)

// Subscription is what an institution wants to be told, and how that goes.
type Subscription struct {
	ID          SubscriptionID
	Institution record.InstitutionID // whose results they are: those that it ordered
	Kind        Kind
	Name        string
	Endpoint    string // host:port of MLLP, URL of a webhook
	TLS         bool   // of MLLP; without it only private addresses are called
	Authority   string // PEM: the certificates that the receiver's must lead to; empty: those of the system
	Profile     string // YAML of lab/v2: character set, version and parties of MLLP
	Thin        bool   // of a webhook: ids only, no values
	Elsewhere   bool   // only what another laboratory measured for the institution
	Preliminary bool   // also reports that are not complete; corrections and withdrawals always come
	Orders      bool   // of MLLP: the institution is a laboratory, and is sent the orders that it is to measure
	Results     bool   // of one with Orders: results as well
	Active      bool   // while it is not, what happens is kept for later

	CreatedBy     record.UserID
	CreatedByName string
	CreatedAt     time.Time
	ChangedAt     time.Time
	Version       int // for Update: the one that was read

	Stuck        bool // out of reach for too long: Resume
	Tries        int  // in vain, since it was last reached
	FailingSince time.Time
	NextAt       time.Time
	Trouble      string
	DeliveredAt  time.Time // the last delivery
	Open         int       // not delivered yet
	Attention    int       // of them those that need a person

	since  int64
	secret string // sealed
	owner  string
}

const subscriptionColumns = `s.id, s.institution_id, s.kind, s.name, s.endpoint, s.tls, s.authority, s.profile, s.secret, s.thin, s.elsewhere, s.preliminary,
	s.orders, s.results, s.active, s.since, s.created_by, s.created_by_name, s.created_at, s.changed_at, s.version, s.stuck, s.tries, s.failing_since, s.next_at, s.trouble,
	s.delivered_at, s.owner,
	(SELECT COUNT(*) FROM lab_deliveries d WHERE d.subscription_id = s.id AND d.ended_at = 0),
	(SELECT COUNT(*) FROM lab_deliveries d WHERE d.subscription_id = s.id AND d.ended_at = 0 AND d.state IN ('refused', 'stuck'))`

func scanSubscription(scan func(...any) error) (s Subscription, err error) {
	var created, changed, failing, next, delivered int64
	err = scan(&s.ID, &s.Institution, &s.Kind, &s.Name, &s.Endpoint, &s.TLS, &s.Authority, &s.Profile, &s.secret, &s.Thin, &s.Elsewhere, &s.Preliminary,
		&s.Orders, &s.Results, &s.Active, &s.since, &s.CreatedBy, &s.CreatedByName, &created, &changed, &s.Version, &s.Stuck, &s.Tries, &failing, &next, &s.Trouble, &delivered,
		&s.owner, &s.Open, &s.Attention)
	s.CreatedAt, s.ChangedAt, s.FailingSince = record.FromMicros(created), record.FromMicros(changed), record.FromMicros(failing)
	s.NextAt, s.DeliveredAt = record.FromMicros(next), record.FromMicros(delivered)
	return s, err
}

func (d *Desk) subscriptions(ctx context.Context, q store.Querier, where string, args []any) ([]Subscription, error) {
	out, err := store.Collect(ctx, q, `SELECT `+subscriptionColumns+` FROM lab_subscriptions s WHERE `+where, args, scanSubscription)
	if err != nil {
		return nil, fmt.Errorf("subscriptions: %w", err)
	}
	return out, nil
}

// scope is what the receiver of a subscription may see: what its institution ordered.
func (s *Subscription) scope() record.Scope {
	return record.Scope{
		Actor:   record.Actor{Kind: record.ActorKey, ID: string(s.ID), Institution: s.Institution, Display: s.Name},
		Purpose: record.Treatment, Institutions: []record.InstitutionID{s.Institution},
	}
}

const (
	maxName      = 128
	maxProfile   = 64 << 10
	maxAuthority = 64 << 10
)

// check refuses what cannot be delivered to.
func (d *Desk) check(s *Subscription) error {
	s.Name, s.Endpoint = record.Clip(s.Name, maxName), strings.TrimSpace(s.Endpoint)
	switch {
	case s.Name == "":
		return record.Errorf(record.Invalid, "name: what is the receiver called?")
	case s.Kind != MLLP && s.Kind != Webhook:
		return record.Errorf(record.Invalid, "kind: want mllp or webhook")
	case s.Kind == Webhook && (s.Profile != "" || s.TLS):
		return record.Errorf(record.Invalid, "profile and tls: of mllp only; a webhook's URL says https")
	case s.Kind == MLLP && s.Thin:
		return record.Errorf(record.Invalid, "thin: of webhooks only")
	case s.Kind == Webhook && s.Orders:
		return record.Errorf(record.Invalid, "orders: of mllp only")
	case len(s.Profile) > maxProfile || len(s.Authority) > maxAuthority:
		return record.Errorf(record.Invalid, "profile and authority: want at most %d bytes", maxProfile)
	}
	if s.Authority != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.Authority)) {
		return record.Errorf(record.Invalid, "authority: want certificates as PEM")
	}
	if s.Kind == Webhook {
		return d.checkURL(s.Endpoint)
	}
	if err := checkAddress(s.Endpoint); err != nil {
		return err
	}
	_, err := v2.ParseProfile([]byte(s.Profile))
	return err
}

// newSecret makes the key of a webhook, in the form of the Standard Webhooks specification.
func newSecret() (secret string) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return secretMark + base64.StdEncoding.EncodeToString(key)
}

const secretMark = "whsec_"

func sealedFor(id SubscriptionID) string { return "lab-subscription:" + string(id) }

// Subscribe makes a subscription to what happens from now on. The secret of a webhook is given this once.
func (d *Desk) Subscribe(ctx context.Context, s record.Scope, want Subscription) (made Subscription, secret string, err error) {
	if want.Institution == "" {
		want.Institution = s.Actor.Institution
	}
	if !s.Reaches(want.Institution) {
		return made, "", record.Errorf(record.NotFound, "no institution %s", want.Institution)
	}
	if err := d.check(&want); err != nil {
		return made, "", err
	}
	if _, err := d.db.Institution(ctx, want.Institution); err != nil {
		return made, "", err
	}
	if want.Kind == Webhook {
		if d.db.Keys() == nil {
			return made, "", record.Errorf(record.Precondition, "the database was opened without keys: no secret can be kept")
		}
		secret = newSecret()
	}
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		want.ID = SubscriptionID(record.NewID(tx.Now()))
		if secret != "" {
			want.secret = d.db.Keys().Seal([]byte(secret), sealedFor(want.ID))
		}
		if err := d.insert(ctx, tx, s, &want); err != nil {
			return err
		}
		made, err = d.subscription(ctx, tx, s, want.ID)
		return err
	})
	return made, secret, err
}

func (d *Desk) insert(ctx context.Context, tx *store.Tx, s record.Scope, w *Subscription) error {
	if err := tx.Lock(ctx, feedLock); err != nil { // whoever reads the events next knows it
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT seq FROM event_head WHERE one = 1`).Scan(&w.since); err != nil {
		return err
	}
	now := record.Micros(tx.Now())
	_, err := tx.Exec(ctx, `INSERT INTO lab_subscriptions (id, institution_id, kind, name, endpoint, tls, authority, profile, secret, thin, elsewhere,
		preliminary, active, since, created_by, created_by_name, created_at, changed_at, orders, results, version)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$17,$18,$19,1)`,
		string(w.ID), string(w.Institution), string(w.Kind), w.Name, w.Endpoint, w.TLS, w.Authority, w.Profile, w.secret, w.Thin, w.Elsewhere, w.Preliminary,
		w.Active, w.since, s.Actor.ID, s.Actor.Display, now, w.Orders, w.Results)
	if err != nil {
		return fmt.Errorf("keep subscription: %w", err)
	}
	tx.Emit(w.event("lab.subscription.created").By(s))
	return nil
}

func (s *Subscription) event(act string) record.Event {
	return record.Event{
		Act: act, Institution: s.Institution, Kind: "lab-subscription", Object: string(s.ID), Outcome: record.Success,
		Detail: map[string]string{"kind": string(s.Kind)},
	}
}

// subscription reads one inside a scope.
func (d *Desk) subscription(ctx context.Context, q store.Querier, s record.Scope, id SubscriptionID) (Subscription, error) {
	args := []any{string(id)}
	found, err := d.subscriptions(ctx, q, `s.id = $1 AND `+d.db.ScopeSQL(s, "s.institution_id", "", &args), args)
	if err != nil {
		return Subscription{}, err
	}
	if len(found) == 0 {
		return Subscription{}, record.Errorf(record.NotFound, "no subscription %s", id)
	}
	return found[0], nil
}

// Subscription reads one.
func (d *Desk) Subscription(ctx context.Context, s record.Scope, id SubscriptionID) (Subscription, error) {
	return d.subscription(ctx, d.db, s, id)
}

// Subscriptions lists those of the scope's institutions, by id, behind the given one.
func (d *Desk) Subscriptions(ctx context.Context, s record.Scope, after SubscriptionID, limit int) ([]Subscription, error) {
	args := []any{string(after)}
	inside := d.db.ScopeSQL(s, "s.institution_id", "", &args)
	args = append(args, limit)
	return d.subscriptions(ctx, d.db, fmt.Sprintf(`s.id > $1 AND %s ORDER BY s.id LIMIT $%d`, inside, len(args)), args)
}

// Update replaces the settings of a subscription: all but institution and kind. Version is the one that was read: Conflict when somebody was
// faster. With another secret the receiver must know that at once.
func (d *Desk) Update(ctx context.Context, s record.Scope, want Subscription, anotherSecret bool) (out Subscription, secret string, err error) {
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		was, err := d.subscription(ctx, tx, s, want.ID)
		if err != nil {
			return err
		}
		w := want
		w.Institution, w.Kind, w.secret = was.Institution, was.Kind, was.secret
		if w.Version != was.Version {
			return record.Errorf(record.Conflict, "subscription %s was changed meanwhile; read it again", w.ID)
		}
		if err := d.check(&w); err != nil {
			return err
		}
		if anotherSecret {
			if w.Kind != Webhook {
				return record.Errorf(record.Invalid, "mllp has no secret")
			}
			secret = newSecret()
			w.secret = d.db.Keys().Seal([]byte(secret), sealedFor(w.ID))
		}
		// Another address may be a better one: it is tried at once.
		_, err = tx.Exec(ctx, `UPDATE lab_subscriptions SET name = $2, endpoint = $3, tls = $4, authority = $5, profile = $6, secret = $7, thin = $8,
			elsewhere = $9, preliminary = $10, active = $11, changed_at = $12, orders = $13, results = $14, version = version + 1, stuck = 0, tries = 0, failing_since = 0, next_at = 0
			WHERE id = $1`, string(w.ID), w.Name, w.Endpoint, w.TLS, w.Authority, w.Profile, w.secret, w.Thin, w.Elsewhere, w.Preliminary, w.Active,
			record.Micros(tx.Now()), w.Orders, w.Results)
		if err != nil {
			return fmt.Errorf("change subscription: %w", err)
		}
		tx.Emit(w.event("lab.subscription.changed").By(s))
		out, err = d.subscription(ctx, tx, s, w.ID)
		return err
	})
	return out, secret, err
}

// Unsubscribe ends a subscription with what was not delivered.
func (d *Desk) Unsubscribe(ctx context.Context, s record.Scope, id SubscriptionID) (Subscription, error) {
	var was Subscription
	err := d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		var err error
		if err = tx.Lock(ctx, feedLock); err != nil {
			return err
		}
		if was, err = d.subscription(ctx, tx, s, id); err != nil {
			return err
		}
		for _, query := range []string{`DELETE FROM lab_deliveries WHERE subscription_id = $1 AND ended_at = 0`, `DELETE FROM lab_subscriptions WHERE id = $1`} {
			if _, err := tx.Exec(ctx, query, string(id)); err != nil {
				return fmt.Errorf("end subscription: %w", err)
			}
		}
		e := was.event("lab.subscription.deleted")
		e.Detail["open"] = fmt.Sprint(was.Open)
		tx.Emit(e.By(s))
		return nil
	})
	return was, err
}

// Resume goes on at once with a subscription that is stuck, or waits after trouble: everything that waited for it, in its order.
func (d *Desk) Resume(ctx context.Context, s record.Scope, id SubscriptionID) (out Subscription, err error) {
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if out, err = d.subscription(ctx, tx, s, id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE lab_subscriptions SET stuck = 0, tries = 0, failing_since = 0, next_at = 0 WHERE id = $1`, string(id))
		if err != nil {
			return fmt.Errorf("resume subscription: %w", err)
		}
		tx.Emit(out.event("lab.subscription.resumed").By(s))
		out, err = d.subscription(ctx, tx, s, id)
		return err
	})
	return out, err
}
