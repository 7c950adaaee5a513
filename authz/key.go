// API keys: "lz_<key id>_<secret>". The id is shown, of the secret only the hash is kept.

package authz

import (
	"context"
	"crypto/subtle"
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
	keyPrefix = "lz_"
	secretLen = 43 // 256 bits in base64url
)

var errKey = record.Errorf(record.Unauthenticated, "the key is unknown, expired or revoked")

// APIKey is a program's credential, without its secret.
type APIKey struct {
	ID          record.KeyID
	Name        string
	Institution record.InstitutionID
	Scopes      []string
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero: never
	RevokedAt   time.Time
	LastUsedAt  time.Time // to the minute
}

// ParseKey splits an API key into its id and its secret.
func ParseKey(text string) (id record.KeyID, secret string, err error) {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	name, secret, cut := strings.Cut(rest, "_") // ids are ULIDs and have no underscore; secrets may
	if !ok || !cut || len(secret) != secretLen || !record.ValidID(name) || strings.ContainsAny(secret, "\r\n") {
		return "", "", errKey
	}
	if _, err := base64.RawURLEncoding.DecodeString(secret); err != nil {
		return "", "", errKey
	}
	return record.KeyID(name), secret, nil
}

func joinKey(id record.KeyID, secret string) string { return keyPrefix + string(id) + "_" + secret }

// ByKey finds the caller of an API key.
func (b *Book) ByKey(ctx context.Context, text string) (Caller, error) {
	id, secret, err := ParseKey(text)
	if err != nil {
		return Caller{}, err
	}
	return b.caller(credentialOf("key", text), func(now time.Time) (Caller, error) {
		return b.loadKey(ctx, id, secret, now)
	})
}

// ByBasic finds the caller of HTTP Basic credentials: the key id, and the secret or the whole key.
func (b *Book) ByBasic(ctx context.Context, keyID, secret string) (Caller, error) {
	if !strings.HasPrefix(secret, keyPrefix) || len(secret) == secretLen {
		return b.ByKey(ctx, joinKey(record.KeyID(keyID), secret))
	}
	if id, _, err := ParseKey(secret); err != nil || string(id) != keyID {
		return Caller{}, errKey
	}
	return b.ByKey(ctx, secret)
}

func (b *Book) loadKey(ctx context.Context, id record.KeyID, secret string, now time.Time) (Caller, error) {
	var r keyRow
	var hash string
	err := b.db.QueryRow(ctx, `SELECT `+keyColumns+`, secret_hash FROM api_keys WHERE id = $1`, string(id)).
		Scan(append(r.fields(), &hash)...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Caller{}, fmt.Errorf("api key: %w", err)
	}
	same := subtle.ConstantTimeCompare([]byte(hash), []byte(hexHash(secret))) == 1
	k := r.key()
	if err != nil || !same || !k.RevokedAt.IsZero() || (!k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)) {
		return Caller{}, errKey
	}
	c := Caller{
		Actor: record.Actor{Kind: record.ActorKey, ID: string(k.ID), Institution: k.Institution, Display: k.Name},
		Roles: []string{HISRole}, KeyScopes: k.Scopes,
	}
	return c, b.touch(ctx, `UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND last_used_at < $1`, string(id), k.LastUsedAt, now)
}

const keyColumns = `id, name, institution_id, scopes, created_at, expires_at, revoked_at, last_used_at`

type keyRow struct {
	APIKey
	scopes                          string
	created, expires, revoked, used int64
}

func (r *keyRow) fields() []any {
	return []any{&r.ID, &r.Name, &r.Institution, &r.scopes, &r.created, &r.expires, &r.revoked, &r.used}
}

func (r *keyRow) key() APIKey {
	r.Scopes = scopesOf(r.scopes)
	r.CreatedAt, r.ExpiresAt = record.FromMicros(r.created), record.FromMicros(r.expires)
	r.RevokedAt, r.LastUsedAt = record.FromMicros(r.revoked), record.FromMicros(r.used)
	return r.APIKey
}

// scopesOf is never nil: nil would mean that nothing is narrowed.
func scopesOf(text string) []string { return append([]string{}, strings.Fields(text)...) }

// checkScopes demands known scopes, at least one.
func checkScopes(scopes []string) error {
	if len(scopes) == 0 {
		return record.Errorf(record.Invalid, "scopes: want at least one of %s", strings.Join(KeyScopes(), " "))
	}
	for _, s := range scopes {
		if keyScopes[s] == nil {
			return record.Errorf(record.Invalid, "scopes: want some of %s", strings.Join(KeyScopes(), " "))
		}
	}
	return nil
}

func joinScopes(scopes []string) string {
	list := slices.Sorted(slices.Values(scopes))
	return strings.Join(slices.Compact(list), " ")
}

// CreateKey makes an API key for an institution: Name, Institution, Scopes and ExpiresAt of k. The secret is the whole
// key and is shown this once.
func (b *Book) CreateKey(ctx context.Context, s record.Scope, k APIKey) (APIKey, string, error) {
	now := b.db.Now()
	if err := errors.Join(manages(s, k.Institution), checkName(k.Name, 128), checkScopes(k.Scopes)); err != nil {
		return APIKey{}, "", err
	}
	if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now) {
		return APIKey{}, "", record.Errorf(record.Invalid, "the key would expire before its use")
	}
	secret := base64.RawURLEncoding.EncodeToString(random(32))
	k.ID = record.KeyID(record.NewID(now))
	var r keyRow
	err := b.change(ctx, s, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO api_keys (id, name, institution_id, scopes, secret_hash, created_by, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING `+keyColumns, string(k.ID), k.Name, string(k.Institution),
			joinScopes(k.Scopes), hexHash(secret), s.Actor.ID, record.Micros(now), record.Micros(k.ExpiresAt)).Scan(r.fields()...)
		if err != nil {
			return fmt.Errorf("create key: %w", err)
		}
		tx.Emit(record.Event{
			Act: "key.created", Kind: "key", Object: string(k.ID), Institution: k.Institution,
			Detail: map[string]string{"scopes": joinScopes(k.Scopes)},
		}.By(s))
		return nil
	})
	if err != nil {
		return APIKey{}, "", err
	}
	return r.key(), joinKey(k.ID, secret), nil
}

// ListKeys lists the keys inside the scope by id; of one institution where it is named.
func (b *Book) ListKeys(ctx context.Context, s record.Scope, institution record.InstitutionID, p store.Page) (keys []APIKey, next string, err error) {
	where, args := within(s, institution, p)
	rows, err := store.List(ctx, b.db, `SELECT `+keyColumns+` FROM api_keys WHERE id > $1 AND `+where, args, (*keyRow).fields)
	for i := range rows {
		keys = append(keys, rows[i].key())
	}
	return keys, nextOf(keys, pageOf(p), func(k APIKey) string { return string(k.ID) }), err
}

// within is the rest of a listing by id: rows of institutions inside s, of one where it is named.
func within(s record.Scope, institution record.InstitutionID, p store.Page) (string, []any) {
	args := []any{p.After}
	where := store.ScopeSQL(s, "institution_id", "", &args)
	if institution != "" {
		args = append(args, string(institution))
		where += fmt.Sprintf(" AND institution_id = $%d", len(args))
	}
	args = append(args, pageOf(p))
	return where + fmt.Sprintf(" ORDER BY 1 LIMIT $%d", len(args)), args
}

// RevokeKey ends a key for good. Revoking twice is no fault.
func (b *Book) RevokeKey(ctx context.Context, s record.Scope, id record.KeyID) (APIKey, error) {
	var r keyRow
	err := b.change(ctx, s, func(tx *store.Tx) error {
		if err := b.revoke(ctx, tx, s, revocation{table: "api_keys", column: "id", id: string(id), kind: "key"}); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT `+keyColumns+` FROM api_keys WHERE id = $1`, string(id)).Scan(r.fields()...)
	})
	return r.key(), err
}

// revocation names a row of the two tables whose rows are revoked.
type revocation struct{ table, column, id, kind string }

func (b *Book) revoke(ctx context.Context, tx *store.Tx, s record.Scope, r revocation) error {
	var at record.InstitutionID
	var revoked int64
	err := tx.QueryRow(ctx, `SELECT institution_id, revoked_at FROM `+r.table+` WHERE `+r.column+` = $1`, r.id).Scan(&at, &revoked)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("revoke %s: %w", r.kind, err)
	}
	if err != nil || manages(s, at) != nil {
		return record.Errorf(record.NotFound, "%s %s", r.kind, r.id)
	}
	if revoked != 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE `+r.table+` SET revoked_at = $1 WHERE `+r.column+` = $2`, record.Micros(tx.Now()), r.id); err != nil {
		return fmt.Errorf("revoke %s: %w", r.kind, err)
	}
	tx.Emit(record.Event{Act: r.kind + ".revoked", Kind: r.kind, Object: r.id, Institution: at}.By(s))
	return nil
}
