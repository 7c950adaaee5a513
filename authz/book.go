// The Book of accounts: who people, programs and devices are, and who may change that.

package authz

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Book keeps accounts: users with roles, sessions, API keys, certificates, devices.
type Book struct {
	db     *store.DB
	keys   *store.Keys
	hasher *hasher
	recent recent[Caller]
	links  recent[Device]

	checkProfile func(p Protocol, yaml string) error
}

// NewBook returns the Book in db. keys hides the logins of failed sign-ins; without it they are hashed only.
func NewBook(db *store.DB, keys *store.Keys) *Book {
	return &Book{db: db, keys: keys, hasher: newHasher()}
}

// usersLock makes changes of accounts follow each other, so that what they check stays true.
const usersLock = "authz.users"

// cacheFor is how long a credential is believed without looking: revocation reaches every gateway within it.
const cacheFor = time.Second

// recent remembers who called for a moment, by the hash of their credential.
type recent[T any] struct {
	mu    sync.Mutex
	known map[credential]seen[T]
}

type credential [sha256.Size]byte

type seen[T any] struct {
	who T
	at  time.Time
}

const recentMost = 20000

func credentialOf(kind, text string) credential { return sha256.Sum256([]byte(kind + "\x00" + text)) }

func (r *recent[T]) get(c credential, now time.Time) (T, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.known[c]
	age := now.Sub(s.at)
	return s.who, ok && age >= 0 && age < cacheFor
}

func (r *recent[T]) put(c credential, who T, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= recentMost {
		r.known = make(map[credential]seen[T])
	}
	r.known[c] = seen[T]{who, at}
}

func (r *recent[T]) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
}

// caller answers from memory, or loads and remembers. The time is taken before loading, so that an answer read just
// before a revocation is not believed for longer than any other.
func (b *Book) caller(c credential, load func(now time.Time) (Caller, error)) (Caller, error) {
	now := b.db.Now()
	if caller, ok := b.recent.get(c, now); ok {
		return caller, nil
	}
	caller, err := load(now)
	if err == nil {
		b.recent.put(c, caller, now)
	}
	return caller, err
}

// change runs a transaction of s over accounts, one after the other, and forgets what was remembered of callers.
func (b *Book) change(ctx context.Context, s record.Scope, fn func(tx *store.Tx) error) error {
	defer b.recent.forget()
	defer b.links.forget()
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, usersLock); err != nil {
			return err
		}
		return fn(tx)
	})
}

// manages refuses actors that are no people, and institutions outside the scope, as if they did not exist.
func manages(s record.Scope, institution record.InstitutionID) error {
	if s.Actor.Kind != record.ActorUser && s.Actor.Kind != record.ActorSystem {
		return record.Errorf(record.Denied, "not permitted: accounts are managed by people")
	}
	if !record.ValidID(string(institution)) {
		return record.Errorf(record.Invalid, "the institution's id is not valid")
	}
	if !s.Reaches(institution) {
		return record.Errorf(record.NotFound, "institution %s", institution)
	}
	return nil
}

// checkName refuses names that are no single line of bounded length.
func checkName(name string, most int) error {
	if strings.TrimSpace(name) == "" || len([]rune(name)) > most || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return record.Errorf(record.Invalid, "name: want one line of 1 to %d characters", most)
	}
	return nil
}

// pageOf bounds a page as store does.
func pageOf(p store.Page) int {
	if p.Limit <= 0 {
		return 100
	}
	return min(p.Limit, 1000)
}

// nextOf is the id to go on after when the page was full.
func nextOf[T any](list []T, limit int, id func(T) string) string {
	if len(list) < limit {
		return ""
	}
	return id(list[len(list)-1])
}

// oldEnough reports whether a moment that is written at most once a minute is to be written again.
func oldEnough(last, now time.Time) bool { return now.Sub(last) >= time.Minute || now.Before(last) }

func hexHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
