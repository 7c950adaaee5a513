// Sessions of people: a random token, of which only the hash is kept, that ends by idleness or by age.

package authz

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const (
	sessionIdle = 15 * time.Minute
	sessionLife = 12 * time.Hour
	// tokenPrefix keeps session tokens apart from API keys.
	tokenPrefix = "ls_"
)

var errSession = record.Errorf(record.Unauthenticated, "the session is over: sign in again")

// Session is what signing in gives. AMR and ACR are the OpenID Connect words for how the user was proved: a second
// factor or an identity provider adds to them.
type Session struct {
	Token        string // 256 random bits; only in the answer of SignIn
	User         record.UserID
	Login        string
	Caller       Caller
	ExpiresAt    time.Time // at the latest; without use earlier
	Institutions []record.InstitutionID
	MustChange   bool // until the password is changed the caller has no roles
	AMR          []string
	ACR          string
}

type sessionRow struct {
	hash                   string
	user                   record.UserID
	login                  string
	institution            record.InstitutionID
	created, seen, expires time.Time
	amr                    []string
	acr                    string
	name                   string
	mustChange             bool
}

func newToken() string { return tokenPrefix + base64.RawURLEncoding.EncodeToString(random(32)) }

// session is the row with the roles that the user has at its institution.
func (r sessionRow) session(grants []Grant) Session {
	s := Session{
		User: r.user, Login: r.login, ExpiresAt: r.expires, MustChange: r.mustChange, AMR: r.amr, ACR: r.acr,
		Caller: Caller{Session: r.hash, Actor: record.Actor{
			Kind: record.ActorUser, ID: string(r.user),
			Institution: r.institution, Display: r.name,
		}},
	}
	for _, g := range grants {
		s.Institutions = append(s.Institutions, g.Institution)
		if g.Institution == r.institution && !r.mustChange {
			s.Caller.Roles = append(s.Caller.Roles, g.Role)
		}
	}
	s.Institutions = slices.Compact(s.Institutions) // grants come by institution
	return s
}

func putSession(ctx context.Context, tx *store.Tx, r sessionRow, from string) error {
	_, err := tx.Exec(ctx, `INSERT INTO sessions (token_hash, user_id, institution_id, created_at, seen_at, expires_at, amr, acr, from_addr)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, r.hash, string(r.user), string(r.institution), record.Micros(r.created),
		record.Micros(r.seen), record.Micros(r.expires), strings.Join(r.amr, " "), r.acr, from[:min(len(from), 64)])
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	_, err = tx.Exec(ctx, `UPDATE users SET last_sign_in_at = $1 WHERE id = $2`, record.Micros(r.created), string(r.user))
	return err
}

// BySession finds the caller of a session and keeps the session from growing idle.
func (b *Book) BySession(ctx context.Context, token string) (Caller, error) {
	if !strings.HasPrefix(token, tokenPrefix) || len(token) != len(tokenPrefix)+43 {
		return Caller{}, errSession
	}
	return b.caller(credentialOf("session", token), func(now time.Time) (Caller, error) {
		s, err := b.loadSession(ctx, hexHash(token), now)
		return s.Caller, err
	})
}

type unattended struct{}

// Unattended marks a check that no person asked for, such as that of an open stream: it does not keep a session from
// growing idle.
func Unattended(ctx context.Context) context.Context {
	return context.WithValue(ctx, unattended{}, true)
}

// SessionOf describes the session of a caller, without its token.
func (b *Book) SessionOf(ctx context.Context, c Caller) (Session, error) {
	if c.Session == "" {
		return Session{}, record.Errorf(record.Precondition, "programs have no session")
	}
	return b.loadSession(ctx, c.Session, b.db.Now())
}

func (b *Book) loadSession(ctx context.Context, hash string, now time.Time) (Session, error) {
	r := sessionRow{hash: hash}
	var created, seen, expires int64
	var amr string
	var active bool
	err := b.db.QueryRow(ctx, `SELECT s.user_id, s.institution_id, s.created_at, s.seen_at, s.expires_at, s.amr, s.acr,
		u.login, u.display_name, u.active, u.must_change FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1`, hash).
		Scan(&r.user, &r.institution, &created, &seen, &expires, &amr, &r.acr, &r.login, &r.name, &active, &r.mustChange)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, errSession
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	r.created, r.seen, r.expires = record.FromMicros(created), record.FromMicros(seen), record.FromMicros(expires)
	r.amr = strings.Fields(amr)
	if !active || !now.Before(r.expires) || now.Sub(r.seen) >= sessionIdle {
		return Session{}, errSession
	}
	grants, err := grantsOf(ctx, b.db, r.user)
	if err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	s := r.session(grants)
	if !slices.Contains(s.Institutions, r.institution) {
		return Session{}, errSession // the last role there was revoked
	}
	if ctx.Value(unattended{}) != nil {
		return s, nil
	}
	return s, b.touch(ctx, `UPDATE sessions SET seen_at = $1 WHERE token_hash = $2 AND seen_at < $1`, hash, r.seen, now)
}

// touch writes a moment of use, at most once a minute.
func (b *Book) touch(ctx context.Context, update, id string, last, now time.Time) error {
	if !oldEnough(last, now) {
		return nil
	}
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, update, record.Micros(now), id)
		return err
	})
}

// SignOut ends a session. Ending it twice is no fault.
func (b *Book) SignOut(ctx context.Context, token string) error {
	hash := hexHash(token)
	s, err := b.loadSession(ctx, hash, b.db.Now())
	if errors.Is(err, errSession) {
		return nil
	}
	if err != nil {
		return err
	}
	defer b.recent.forget()
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash); err != nil {
			return err
		}
		tx.Emit(record.Event{
			Act: "session.signed_out", Actor: s.Caller.Actor, Kind: "user", Object: string(s.User),
			Institution: s.Caller.Actor.Institution,
		})
		return nil
	})
}
