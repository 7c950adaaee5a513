package unit

import (
	"strings"
	"sync"

	"github.com/lianzhen/lianzhen/codec/ucum"
)

// Warning is what a result carries whose unit is valid UCUM but cannot be meant.
const Warning = "unit-valid-but-wrong"

// Resolved is a unit as it was understood.
type Resolved struct {
	Code       string // UCUM, by case; empty where it was not understood
	Alias      bool   // it was not sent as Code
	Suspicious string // the code that was probably meant instead of the valid one that was sent, "?" where nobody can say; Code is then empty
}

// Warning is [Warning] where the unit is valid but wrong, else nothing.
func (r Resolved) Warning() string {
	if r.Suspicious == "" {
		return ""
	}
	return Warning
}

const maxSent = 128 // bytes of a unit that is looked at

// Resolve finds the UCUM code of a unit as it was sent. The sender's table (as sent, or folded to plain ASCII, to UCUM) goes first and also decides
// what is suspicious. It is false where the unit is empty, unknown, or valid but wrong.
func Resolve(sent string, sender map[string]string) (Resolved, bool) {
	if len(sent) > maxSent {
		return Resolved{}, false
	}
	if code, ok := mapped(sent, sender); ok {
		if !ucum.Valid(code) {
			return Resolved{}, false
		}
		return Resolved{Code: code, Alias: code != sent}, true
	}
	r, ok := remembered.get(sent)
	if !ok {
		r = resolve(sent)
		remembered.put(strings.Clone(sent), r)
	}
	return r, r.Code != ""
}

func mapped(sent string, sender map[string]string) (string, bool) {
	if len(sender) == 0 {
		return "", false
	}
	if code, ok := sender[sent]; ok {
		return code, true
	}
	if code, ok := sender[strings.TrimSpace(sent)]; ok {
		return code, true
	}
	code, ok := sender[fold(sent)]
	return code, ok
}

func resolve(sent string) Resolved {
	plain := strings.TrimSpace(sent)
	if plain == "" {
		return Resolved{}
	}
	if code, ok := written[plain]; ok {
		return Resolved{Code: code, Alias: code != sent}
	}
	if ucum.Valid(plain) {
		if meant := suspicion(plain); meant != "" {
			return Resolved{Suspicious: meant}
		}
		code := strings.ReplaceAll(plain, "10^", "10*")
		return Resolved{Code: code, Alias: code != sent}
	}
	return spelled(plain, sent)
}

// spelled reads a unit that is not UCUM as it stands.
func spelled(plain, sent string) Resolved {
	folded := fold(plain)
	if code, ok := written[folded]; ok {
		return Resolved{Code: code, Alias: true}
	}
	if code, ok := anyCase[strings.ToLower(folded)]; ok {
		return Resolved{Code: code, Alias: true}
	}
	if ucum.Valid(folded) {
		if meant := suspicion(folded); meant != "" {
			return Resolved{Suspicious: meant}
		}
		return Resolved{Code: folded, Alias: folded != sent}
	}
	if code := assembled(folded); code != "" && ucum.Valid(code) {
		return Resolved{Code: code, Alias: true}
	}
	return Resolved{}
}

// memory remembers what was resolved. When it is full it starts again.
type memory[K comparable, V any] struct {
	mu sync.RWMutex
	m  map[K]V
}

const maxRemembered = 4096

var remembered memory[string, Resolved]

func (m *memory[K, V]) get(key K) (V, bool) {
	m.mu.RLock()
	v, ok := m.m[key]
	m.mu.RUnlock()
	return v, ok
}

func (m *memory[K, V]) put(key K, v V) {
	m.mu.Lock()
	if m.m == nil || len(m.m) >= maxRemembered {
		m.m = make(map[K]V)
	}
	m.m[key] = v
	m.mu.Unlock()
}
