// Webhooks: a POST of JSON over HTTPS, signed as the Standard Webhooks specification says: webhook-id, webhook-timestamp and
// webhook-signature = "v1," base64(HMAC-SHA256(secret, id "." timestamp "." body)).

package dispatch

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// hook posts to one receiver.
type hook struct {
	d      *Desk
	s      *Subscription
	key    []byte
	client *http.Client
}

func (d *Desk) newHook(s *Subscription) (*hook, error) {
	if d.db.Keys() == nil {
		return nil, record.Errorf(record.Precondition, "the database was opened without keys")
	}
	secret, err := d.db.Keys().Open(s.secret, sealedFor(s.ID))
	if err != nil {
		return nil, err
	}
	key, err := keyOf(string(secret))
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{ // no proxy: what is called is what was allowed
		DialContext: d.dialer(u.Scheme == "http").DialContext, TLSClientConfig: d.tlsFor(s, u.Hostname()), TLSHandshakeTimeout: d.opt.Dial,
		ResponseHeaderTimeout: d.opt.Answer, MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 1, ForceAttemptHTTP2: true,
	}
	return &hook{d, s, key, &http.Client{
		Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (h *hook) close() { h.client.CloseIdleConnections() }

// keyOf is the key inside a secret.
func keyOf(secret string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretMark))
}

// sign is webhook-signature.
func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(id + "." + at + "."))
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// body is read once the connection stands: then, and before its first byte, begin is called.
type body struct {
	io.Reader
	begin func() error
	begun bool
}

func (b *body) Read(p []byte) (int, error) {
	if !b.begun {
		if err := b.begin(); err != nil {
			return 0, err
		}
		b.begun = true
	}
	return b.Reader.Read(p)
}

func (b *body) Close() error { return nil }

// maxReply is how much of an answer is read, so that the connection can be used again.
const maxReply = 64 << 10

// send posts a message.
func (h *hook) send(ctx context.Context, m message, begin func() error) outcome {
	at := strconv.FormatInt(h.d.db.Now().Unix(), 10)
	b := &body{Reader: bytes.NewReader(m.body), begin: begin}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.s.Endpoint, b)
	if err != nil {
		return outcome{fate: unreachable, text: "the URL cannot be called"}
	}
	req.ContentLength = int64(len(m.body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "lianzhen")
	req.Header.Set("Webhook-Id", m.number)
	req.Header.Set("Webhook-Timestamp", at)
	req.Header.Set("Webhook-Signature", sign(h.key, m.number, at, m.body))
	resp, err := h.client.Do(req)
	if err != nil {
		f := unreachable
		if b.begun {
			f = unanswered
		}
		return outcome{fate: f, text: troubleOf(err)}
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxReply)
	_ = resp.Body.Close()
	return judgeStatus(resp.StatusCode)
}

// judgeStatus says what an HTTP status means. What would be the same for every message is trouble of the receiver, not of this one.
func judgeStatus(status int) outcome {
	code := strconv.Itoa(status)
	text := "the receiver answered HTTP " + code
	switch {
	case status/100 == 2:
		return outcome{fate: taken, code: code}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusInternalServerError:
		return outcome{fate: unanswered, code: code, text: text}
	case status == http.StatusBadRequest, status == http.StatusConflict, status == http.StatusRequestEntityTooLarge,
		status == http.StatusUnsupportedMediaType, status == http.StatusUnprocessableEntity:
		return outcome{fate: declined, code: code, text: text}
	}
	return outcome{fate: unreachable, code: code, text: text}
}
