// Signing in: every attempt is charged before the password is looked at, known login or not, so that guessing many at a
// time gains nothing and an answer does not tell who has an account.

package authz

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const (
	freeFailures = 5 // failed attempts before the first delay
	firstDelay   = 30 * time.Second
	longestDelay = 15 * time.Minute
	forgetAfter  = 24 * time.Hour // without an attempt
)

var (
	errSignIn = record.Errorf(record.Unauthenticated, "wrong login or password")
	errNoRole = record.Errorf(record.Denied, "not permitted: no role at this institution")
	errLocked = record.Errorf(record.Unauthenticated, "too many failed attempts: try again later")
)

// delayAfter is how long a login is closed after its nth failure in a row.
func delayAfter(n int) time.Duration {
	if n < freeFailures {
		return 0
	}
	return min(firstDelay<<min(n-freeFailures, 10), longestDelay)
}

// loginKey names a login in the table of failures without keeping it.
func (b *Book) loginKey(login string) string {
	if b.keys == nil {
		return hexHash("login\x00" + login)
	}
	return b.keys.Index("login", login)
}

// SignIn proves a user by password and opens a session at an institution: the one asked for, else the user's home or
// first. from is the address of the caller, kept with the session.
func (b *Book) SignIn(ctx context.Context, login, password string, inst record.InstitutionID, from string) (Session, error) {
	login = tidyLogin(login)
	leave, err := b.hasher.enter(ctx)
	if err != nil {
		return Session{}, err
	}
	defer leave()
	key := b.loginKey(login)
	if err := b.charge(ctx, key); err != nil {
		return Session{}, err
	}
	a, err := b.account(ctx, login)
	if err != nil {
		return Session{}, err
	}
	if !b.hasher.same(a.password, password) || !a.active || a.user == "" {
		return Session{}, b.refused(ctx, a, errSignIn)
	}
	out, err := b.openSession(ctx, key, a, inst, from)
	if errors.Is(err, errNoRole) {
		err = b.refused(ctx, a, errNoRole)
	}
	return out, err
}

// charge counts an attempt, or refuses it while the login is closed.
func (b *Book) charge(ctx context.Context, key string) error {
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		if err := tx.Lock(ctx, "authz.login:"+key); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sign_in_failures WHERE last_at < $1`, record.Micros(now.Add(-forgetAfter))); err != nil {
			return err
		}
		var failures int
		var until int64
		err := tx.QueryRow(ctx, `SELECT failures, locked_until FROM sign_in_failures WHERE login_key = $1`, key).Scan(&failures, &until)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if until > record.Micros(now) {
			return errLocked
		}
		failures++
		until = 0
		if d := delayAfter(failures); d > 0 {
			until = record.Micros(now.Add(d))
		}
		_, err = tx.Exec(ctx, `INSERT INTO sign_in_failures (login_key, failures, last_at, locked_until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (login_key) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at,
			locked_until = excluded.locked_until`, key, failures, record.Micros(now), until)
		return err
	})
}

// account is what a sign-in compares with. For an unknown login it is empty, with a password that nothing matches.
type account struct {
	user       record.UserID
	home       record.InstitutionID
	login      string
	name       string
	password   string
	active     bool
	mustChange bool
}

func (b *Book) account(ctx context.Context, login string) (account, error) {
	a := account{login: login}
	err := b.db.QueryRow(ctx, `SELECT id, home, display_name, password, active, must_change FROM users WHERE login = $1`, login).
		Scan(&a.user, &a.home, &a.name, &a.password, &a.active, &a.mustChange)
	if errors.Is(err, sql.ErrNoRows) {
		return account{password: b.hasher.dummy}, nil
	}
	if err != nil {
		return account{}, fmt.Errorf("sign in: %w", err)
	}
	return a, nil
}

// refused notes a failed attempt and returns its answer. What was typed as an unknown login is not kept.
func (b *Book) refused(ctx context.Context, a account, answer error) error {
	e := record.Event{
		Act: "session.refused", Kind: "user", Object: string(a.user), Institution: a.home, Outcome: record.Refused,
		Actor:  record.Actor{Kind: record.ActorUser, ID: string(a.user), Institution: a.home},
		Detail: map[string]string{"reason": "password"},
	}
	switch {
	case a.user == "":
		e.Actor.ID, e.Detail["reason"] = "unknown", "unknown login"
	case !a.active:
		e.Detail["reason"] = "closed account"
	case errors.Is(answer, errNoRole):
		e.Detail["reason"] = "no role"
	}
	if err := b.db.Note(ctx, e); err != nil {
		return err
	}
	return answer
}

func (b *Book) openSession(ctx context.Context, key string, a account, inst record.InstitutionID, from string) (Session, error) {
	var out Session
	token := newToken()
	err := b.db.Tx(ctx, func(tx *store.Tx) error {
		grants, err := grantsOf(ctx, tx, a.user)
		if err != nil {
			return err
		}
		at := chooseInstitution(grants, inst, a.home)
		if at == "" {
			return errNoRole
		}
		now := tx.Now()
		if err := sweep(ctx, tx, key, now); err != nil {
			return err
		}
		r := sessionRow{
			hash: hexHash(token), user: a.user, login: a.login, institution: at, created: now, seen: now, expires: now.Add(sessionLife),
			name: a.name, mustChange: a.mustChange, amr: []string{"pwd"},
		}
		if err := putSession(ctx, tx, r, from); err != nil {
			return err
		}
		out = r.session(grants)
		out.Token = token
		tx.Emit(record.Event{Act: "session.signed_in", Actor: out.Caller.Actor, Kind: "user", Object: string(a.user), Institution: at})
		return nil
	})
	return out, err
}

// chooseInstitution is where a user acts; empty when it is nowhere.
func chooseInstitution(grants []Grant, asked, home record.InstitutionID) record.InstitutionID {
	holds := func(i record.InstitutionID) bool {
		return slices.ContainsFunc(grants, func(g Grant) bool { return g.Institution == i })
	}
	switch {
	case asked != "" && holds(asked):
		return asked
	case asked != "" || len(grants) == 0:
		return ""
	case holds(home):
		return home
	}
	return grants[0].Institution
}

// sweep forgets the failures of a login that got in, and sessions that are over.
func sweep(ctx context.Context, tx *store.Tx, key string, now time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM sign_in_failures WHERE login_key = $1`, key); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE expires_at <= $1 OR seen_at <= $2`,
		record.Micros(now), record.Micros(now.Add(-sessionIdle)))
	return err
}

// ChangePassword sets a new password for the caller himself and ends his other sessions. Wrong old passwords count as
// failed sign-ins.
func (b *Book) ChangePassword(ctx context.Context, c Caller, old, next string) error {
	if c.Actor.Kind != record.ActorUser || c.Session == "" {
		return record.Errorf(record.Denied, "not permitted: only people in a session have a password")
	}
	var login string
	err := b.db.QueryRow(ctx, `SELECT login FROM users WHERE id = $1`, c.Actor.ID).Scan(&login)
	if errors.Is(err, sql.ErrNoRows) {
		return errSession
	}
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	if err := checkPassword(login, next); err != nil {
		return err
	}
	if old == next {
		return record.Errorf(record.Invalid, "password: the new one must differ from the old")
	}
	key := b.loginKey(login)
	if err := b.proves(ctx, key, login, old); err != nil {
		return err
	}
	hash, err := b.hasher.hash(ctx, next)
	if err != nil {
		return err
	}
	s := record.Scope{Actor: c.Actor, Purpose: record.Operations}
	return b.change(ctx, s, func(tx *store.Tx) error { return setPassword(ctx, tx, c, key, hash) })
}

// proves checks the password of a signed-in user again, charged like a sign-in.
func (b *Book) proves(ctx context.Context, key, login, password string) error {
	leave, err := b.hasher.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := b.charge(ctx, key); err != nil {
		return err
	}
	a, err := b.account(ctx, login)
	if err != nil {
		return err
	}
	if !b.hasher.same(a.password, password) || !a.active {
		return b.refused(ctx, a, errSignIn)
	}
	return nil
}

func setPassword(ctx context.Context, tx *store.Tx, c Caller, key, hash string) error {
	for _, q := range []struct {
		text string
		args []any
	}{
		{`UPDATE users SET password = $1, must_change = 0 WHERE id = $2`, []any{hash, c.Actor.ID}},
		{`DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2`, []any{c.Actor.ID, c.Session}},
		{`DELETE FROM sign_in_failures WHERE login_key = $1`, []any{key}},
	} {
		if _, err := tx.Exec(ctx, q.text, q.args...); err != nil {
			return fmt.Errorf("change password: %w", err)
		}
	}
	tx.Emit(record.Event{Act: "session.password_changed", Actor: c.Actor, Kind: "user", Object: c.Actor.ID, Institution: c.Actor.Institution})
	return nil
}
