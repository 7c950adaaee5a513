// The one gate of all doors: who is calling, may they, which Scope results. Refusals become events here; what is
// accepted is noted by the rooms, in the transaction that does it.

package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/record"
)

// request is what a caller shows at a door.
type request struct {
	bearer        string // an API key "lz_..." or a session token
	keyID, secret string // Basic
	cookie        string // session token of a browser; only the HTTP door takes it
	certificate   string // SHA-256 of a client certificate that TLS has verified
	purpose       record.Purpose
	reason        string
}

// authorize reads an Authorization header.
func (q *request) authorize(header string) error {
	scheme, value, _ := strings.Cut(header, " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		q.bearer = strings.TrimSpace(value)
	case "basic":
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			return record.Errorf(record.Unauthenticated, "authorization: want base64 after Basic")
		}
		q.keyID, q.secret, _ = strings.Cut(string(raw), ":")
	default:
		return record.Errorf(record.Unauthenticated, "authorization: want Bearer or Basic")
	}
	if q.bearer == "" && q.keyID == "" {
		return record.Errorf(record.Unauthenticated, "authorization: nothing after the scheme")
	}
	return nil
}

const maxReason = 500 // runes

var purposes = map[record.Purpose]bool{
	record.Treatment: true, record.EmergencyTreatment: true, record.Operations: true,
	record.PublicHealth: true, record.Research: true,
}

// intend reads the purpose and its justification, percent-encoded UTF-8, since headers are ASCII.
func (q *request) intend(purpose, justification string) error {
	q.purpose = record.Purpose(purpose) // none: the guard takes what is usual for the kind of thing
	if purpose != "" && !purposes[q.purpose] {
		return record.Errorf(record.Invalid, "x-lianzhen-purpose: want TREAT, ETREAT, HOPERAT, PUBHLTH or HRESCH")
	}
	reason, err := url.PathUnescape(justification)
	if err != nil || !utf8.ValidString(reason) || utf8.RuneCountInString(reason) > maxReason ||
		strings.ContainsFunc(reason, unicode.IsControl) {
		return record.Errorf(record.Invalid, "x-lianzhen-justification: want at most %d characters, percent-encoded UTF-8", maxReason)
	}
	q.reason = strings.TrimSpace(reason)
	return nil
}

// fingerprintOf returns the SHA-256 of the client certificate, nothing where TLS verified none.
func fingerprintOf(t *tls.ConnectionState) string {
	if t == nil || len(t.VerifiedChains) == 0 {
		return ""
	}
	sum := sha256.Sum256(t.VerifiedChains[0][0].Raw)
	return hex.EncodeToString(sum[:])
}

// who proves everything that was shown. Several proofs must agree on the institution (threat 4); the first names the
// caller. A proof that does not hold refuses the call, even beside one that does.
func (s *Server) who(ctx context.Context, q request) (authz.Caller, error) {
	proofs := [...]struct {
		shown bool
		prove func() (authz.Caller, error)
	}{
		{strings.HasPrefix(q.bearer, "lz_"), func() (authz.Caller, error) { return s.Book.ByKey(ctx, q.bearer) }},
		{q.bearer != "" && !strings.HasPrefix(q.bearer, "lz_"), func() (authz.Caller, error) { return s.Book.BySession(ctx, q.bearer) }},
		{q.keyID != "", func() (authz.Caller, error) { return s.Book.ByBasic(ctx, q.keyID, q.secret) }},
		{q.cookie != "", func() (authz.Caller, error) { return s.Book.BySession(ctx, q.cookie) }},
		{q.certificate != "", func() (authz.Caller, error) { return s.Book.ByCertificate(ctx, q.certificate) }},
	}
	var caller authz.Caller
	known := false
	for _, p := range proofs {
		if !p.shown {
			continue
		}
		c, err := p.prove()
		if err != nil {
			return authz.Caller{}, err
		}
		if known && c.Actor.Institution != caller.Actor.Institution {
			return caller, record.Errorf(record.Denied, "two identities of different institutions were shown")
		}
		if !known {
			caller, known = c, true
		}
	}
	if !known {
		return authz.Caller{}, record.Errorf(record.Unauthenticated, "who is calling is not known: sign in, or send a key or a client certificate")
	}
	return caller, nil
}

// admit lets the call in and gives it its scope, or refuses it.
func (s *Server) admit(ctx context.Context, c *call) error {
	if c.rule.open {
		return nil
	}
	var err error
	if c.caller, err = s.who(ctx, c.ask); err == nil {
		c.scope, err = s.may(c.caller, c)
	}
	if err != nil {
		s.noteRefusal(ctx, c, err)
	}
	return err
}

// purposeless kinds have rules for one purpose only: a program that names the same purpose in every call means no other.
var purposeless = map[string]bool{"session": true, "directory": true}

func (s *Server) may(caller authz.Caller, c *call) (record.Scope, error) {
	purpose := c.ask.purpose
	if purposeless[c.rule.kind] {
		purpose = ""
	}
	return s.Guard.Admit(caller, c.rule.kind, c.rule.act, purpose, c.ask.reason)
}

// still asks the gate again for a stream that has been open for a while: a session may have ended, a key been revoked,
// the policy been changed. The scope must be the one that the stream works with.
func (s *Server) still(ctx context.Context, c *call) error {
	caller, err := s.who(authz.Unattended(ctx), c.ask)
	if err != nil {
		return err
	}
	scope, err := s.may(caller, c)
	if err == nil && !sameReach(scope, c.scope) {
		return record.Errorf(record.Unavailable, "what you may see has changed: call again")
	}
	return err
}

func sameReach(a, b record.Scope) bool {
	same := a.All == b.All && len(a.Institutions) == len(b.Institutions) && a.RelatedAt == b.RelatedAt && a.Own == b.Own
	for i := range a.Institutions {
		same = same && a.Institutions[i] == b.Institutions[i]
	}
	return same && a.HideWithdrawn == b.HideWithdrawn
}

// admitAgainEvery is how long a stream may outlive what allowed it.
const admitAgainEvery = 30 * time.Second

var errStopping = record.Errorf(record.Unavailable, "the server is stopping: call again")

// watch ends ctx with the reason when the caller of a stream is no longer admitted, or when the server stops and the
// stream is one that has no end of its own.
func (s *Server) watch(ctx context.Context, c *call, end context.CancelCauseFunc) {
	stopping := s.stopping
	if c.rule.ends {
		stopping = nil
	}
	t := time.NewTicker(admitAgainEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stopping:
			end(errStopping)
			return
		case <-t.C:
			if c.rule.open {
				continue
			}
			if err := s.still(ctx, c); err != nil {
				end(err)
				return
			}
		}
	}
}

// noteRefusal keeps the refusal as an event: at most some of each caller, with the count of those left out.
func (s *Server) noteRefusal(ctx context.Context, c *call, err error) {
	key := c.caller.Actor.ID
	if key == "" {
		key = c.remote
	}
	kind := record.KindOf(err)
	s.metrics.refused.WithLabelValues(kind.String()).Inc()
	if kind == record.Internal || kind == record.Unavailable {
		return
	}
	skipped, ok := s.quota.refusal(key)
	if !ok {
		return
	}
	e := record.Event{
		Act: "access.refused", Actor: c.caller.Actor, Purpose: c.ask.purpose, Institution: c.caller.Actor.Institution,
		Kind: c.rule.kind, Outcome: record.Refused,
		Detail: map[string]string{"act": c.rule.act, "door": c.method, "why": kind.String(), "from": c.remote},
	}
	if e.Actor.ID == "" {
		e.Actor = record.Actor{Kind: "unknown", ID: "unknown"}
	}
	if c.ask.reason != "" {
		e.Detail["justification"] = c.ask.reason
	}
	if skipped > 0 {
		e.Detail["skipped"] = fmt.Sprint(skipped)
	}
	if err := s.DB.Note(ctx, e); err != nil {
		c.log.ErrorContext(ctx, "refusal not noted", "error_id", c.id, "error", err)
	}
}
