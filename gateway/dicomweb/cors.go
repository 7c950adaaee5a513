// Pages of other hosts, that is viewers (WHATWG Fetch, CORS): only those that were named, exactly, and only with a key in the
// Authorization header. A browser's cookie is never allowed along.

package dicomweb

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

const (
	corsMethods = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
	corsHeaders = "Authorization, Content-Type, Accept, Range, If-None-Match, If-Range, X-Lianzhen-Purpose, X-Lianzhen-Justification, X-Request-Id"
	corsExposed = "Content-Location, Content-Range, Accept-Ranges, ETag, Location, Retry-After, Warning, X-Request-Id, Content-Disposition"
	corsMaxAge  = "600"
)

// CheckOrigin refuses what is no origin: "https://host[:port]", nothing behind it, and no "*".
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin ||
		strings.Contains(origin, "*") || strings.ToLower(origin) != origin {
		return record.Errorf(record.Invalid, "origin: want https://host or https://host:port, in lower case; * is not taken")
	}
	return nil
}

// Allows tells whether a request comes from a page of another host that was named, for this door, and without a cookie: then
// nothing of the browser's own is used.
func (d *Door) Allows(r *http.Request) bool {
	return ofDoor(r) && d.named(r.Header.Get("Origin")) && r.Header.Get("Cookie") == ""
}

func ofDoor(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/dicomweb/") || r.URL.Path == "/wado"
}

func (d *Door) named(origin string) bool {
	return origin != "" && slices.Contains(d.opt.Origins, origin)
}

// CrossOrigin answers preflights, and marks answers that a named page may read. It stands before the gate: a preflight
// carries no key.
func (d *Door) CrossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(d.opt.Origins) == 0 || !ofDoor(r) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		if d.named(origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", corsExposed)
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
			if preflight {
				h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
				h.Set("Access-Control-Allow-Methods", corsMethods)
				h.Set("Access-Control-Allow-Headers", corsHeaders)
				h.Set("Access-Control-Max-Age", corsMaxAge)
			}
		}
		if preflight {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
