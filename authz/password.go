// Passwords: argon2id, kept as PHC text. Each verification needs 19 MiB, so that only few run at a time.

package authz

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/lianzhen/lianzhen/record"
)

const (
	argonTime    = 2
	argonKiB     = 19 << 10
	argonThreads = 1
	saltLen      = 16
	hashLen      = 32
)

const (
	minPassword = 10 // characters
	maxPassword = 256
	hashQueue   = 64 // who waits beyond this is told to come again
)

// hasher bounds the memory and the time that a flood of sign-ins can take.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int32
	dummy   string // what an unknown login is compared with, for the same time
}

func newHasher() *hasher {
	h := &hasher{slots: make(chan struct{}, min(4, max(2, runtime.GOMAXPROCS(0))))}
	h.dummy = phc(random(saltLen), random(hashLen))
	return h
}

// enter waits for a slot; leave gives it back.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	if h.waiting.Add(1) > hashQueue {
		h.waiting.Add(-1)
		return nil, record.Errorf(record.Unavailable, "too many people sign in at this moment: try again")
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash makes the stored form of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := random(saltLen)
	return phc(salt, argon2.IDKey([]byte(password), salt, argonTime, argonKiB, argonThreads, hashLen)), nil
}

// same compares a password with its stored form. The caller holds a slot.
func (h *hasher) same(stored, password string) bool {
	var version, kib, passes, threads uint32
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &kib, &passes, &threads); err != nil {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || version != argon2.Version || kib > 4*argonKiB || passes == 0 || passes > 16 ||
		threads == 0 || threads > 16 || len(want) < 16 || len(want) > 64 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, passes, kib, uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

func phc(salt, hash []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonKiB, argonTime, argonThreads,
		b64.EncodeToString(salt), b64.EncodeToString(hash))
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// checkPassword refuses what can be guessed. Length counts more than classes of characters.
func checkPassword(login, password string) error {
	distinct := make(map[rune]bool)
	for _, r := range password {
		distinct[r] = true
	}
	lower := strings.ToLower(password)
	switch {
	case !utf8.ValidString(password), len(password) > maxPassword:
		return record.Errorf(record.Invalid, "password: at most %d bytes of UTF-8", maxPassword)
	case utf8.RuneCountInString(password) < minPassword:
		return record.Errorf(record.Invalid, "password: at least %d characters", minPassword)
	case len(distinct) < 5:
		return record.Errorf(record.Invalid, "password: at least 5 different characters")
	case len(login) > 3 && strings.Contains(lower, login):
		return record.Errorf(record.Invalid, "password: must not contain the login")
	}
	return nil
}
