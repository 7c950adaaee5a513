// The HTTP door: routes, security headers, the origin check for cookies, and the same gate as for RPCs.

package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lianzhen/lianzhen/proto"
	"github.com/lianzhen/lianzhen/record"
)

// route is one raw HTTP door.
type route struct {
	pattern string // of http.ServeMux
	rule    rule
	handle  func(w http.ResponseWriter, r *http.Request) error
	stream  bool // stays open: its caller is asked about again, and a stopping server ends it
}

// routes are all raw HTTP doors. REST under /api/v1/ is not among them: each of its calls passes the gate as an RPC.
func (s *Server) routes() []route {
	open := rule{open: true}
	all := []route{
		{pattern: "GET /healthz", rule: open, handle: s.alive},
		{pattern: "GET /readyz", rule: open, handle: s.ready},
		{pattern: "GET /api/openapi.json", rule: open, handle: s.openAPI},
		{pattern: "POST /api/v1/imaging/instances", rule: rule{kind: "imaging", act: "write"}, handle: s.putInstance},
		{pattern: "GET /api/v1/imaging/instances/{id}/file", rule: rule{kind: "imaging", act: "read"}, handle: s.getInstanceFile},
		{pattern: "GET /api/v1/imaging/studies/{id}/file", rule: rule{kind: "imaging", act: "read"}, handle: s.getStudyFile},
		{pattern: "GET /api/v1/imaging/studies/{id}/export", rule: rule{kind: "imaging", act: "read"}, handle: s.getStudyExport},
		{pattern: "POST /api/v1/imaging/studies:export", rule: rule{kind: "imaging", act: "read"}, handle: s.postExport},
		{pattern: "POST /api/v1/imaging/studies/{id}/teaching", rule: rule{kind: "imaging", act: "teach"}, handle: s.postTeaching},
		{pattern: "POST /api/v1/ecg/tracings", rule: rule{kind: "ecg", act: "write"}, handle: s.putTracing},
		{pattern: "GET /api/v1/ecg/tracings/{id}/file", rule: rule{kind: "ecg", act: "read"}, handle: s.getTracingFile},
		{pattern: "POST /api/v1/lab/messages", rule: rule{kind: "lab", act: "write"}, handle: s.putLabMessage},
		{pattern: "GET /api/v1/lab/quarantine/{id}/file", rule: rule{kind: "lab", act: "resolve"}, handle: s.getLabQuarantine},
		{pattern: "GET /api/v1/ecg/quarantine/{id}/file", rule: rule{kind: "ecg", act: "resolve"}, handle: s.getTracingQuarantine},
		{pattern: "GET /api/v1/imaging/quarantine/{id}/file", rule: rule{kind: "imaging", act: "resolve"}, handle: s.getQuarantineFile},
	}
	for _, r := range s.dicomweb.Routes() {
		all = append(all, route{
			pattern: r.Pattern, rule: rule{kind: r.Kind, act: r.Act, open: r.Open, search: r.Search, ends: !r.Stream}, stream: r.Stream,
			handle: func(w http.ResponseWriter, q *http.Request) error { return r.Handle(w, q, scopeOf(q.Context())) },
		})
	}
	return all
}

const (
	maxConnections = 8192
	bodyTimeout    = 30 * time.Second // of a JSON body
	idleTimeout    = 2 * time.Minute
)

func (s *Server) openHTTP() error {
	rest, err := s.newREST()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.admitHTTP(r))
	}
	mux.Handle("/api/v1/", s.buffered(rest))
	mux.Handle("/", s.portal())
	s.web = &http.Server{
		Handler: s.front(s.dicomweb.CrossOrigin(mux)), ReadHeaderTimeout: s.Options.Headers, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderList,
		TLSConfig: s.Options.TLS, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.ops = &http.Server{Handler: s.opsRoutes(), ReadHeaderTimeout: s.Options.Headers}
	return nil
}

func (s *Server) serveHTTP(l net.Listener) error {
	l = newLimited(l, maxConnections)
	if s.Options.TLS != nil {
		return s.web.ServeTLS(l, "", "")
	}
	return s.web.Serve(l)
}

func (s *Server) portal() http.Handler {
	if s.Portal != nil {
		return s.Portal
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusNotFound, status.New(codes.NotFound, "nothing here"))
	})
}

func (s *Server) opsRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	if !s.Options.Pprof {
		return mux
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// contentPolicy allows what the portal needs and nothing from elsewhere.
const contentPolicy = "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; " +
	"script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// front is what every request passes first.
func (s *Server) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(raw http.ResponseWriter, r *http.Request) {
		w := &answer{ResponseWriter: raw, line: http.NewResponseController(raw)}
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if s.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !strings.HasPrefix(r.URL.Path, "/assets/") {
			h.Set("Cache-Control", "no-store")
		}
		c := &call{id: s.requestID(r), remote: s.remoteOf(r), log: s.log, method: "http"}
		h.Set("X-Request-Id", c.id)
		r = r.WithContext(withCall(r.Context(), c))
		if err := s.acceptable(r); err != nil {
			writeError(w, fault(r.Context(), err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// acceptable refuses what no route should have to think of.
func (s *Server) acceptable(r *http.Request) error {
	if strings.ContainsFunc(r.URL.Path, func(c rune) bool { return c < 0x20 || c == 0x7f || c == '\\' }) {
		return record.Errorf(record.Invalid, "path: control characters are not allowed")
	}
	return s.sameOrigin(r)
}

// sameOrigin keeps other sites from using the cookie of a browser, or from signing it in (CSRF).
func (s *Server) sameOrigin(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || s.dicomweb.Allows(r) {
		return nil
	}
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	_, err := r.Cookie(s.cookieName())
	withCookie := err == nil
	switch {
	case site != "" && site != "same-origin":
		return record.Errorf(record.Denied, "requests of other sites are not taken")
	case origin != "":
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return record.Errorf(record.Denied, "requests of other origins are not taken")
		}
	case withCookie && site == "":
		return record.Errorf(record.Denied, "a request with a session cookie must name its Origin")
	}
	return nil
}

func (s *Server) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); record.ValidID(id) {
		return id
	}
	return record.NewID(s.now())
}

// remoteOf is the address of the caller: behind trusted proxies the last hop that is none of them.
func (s *Server) remoteOf(r *http.Request) string {
	remote := hostOf(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(remote); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		remote = hop.Unmap().String()
	}
	return remote
}

func (s *Server) trusted(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range s.Options.TrustedProxies {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

func (s *Server) secure() bool { return s.Options.TLS != nil || s.Options.SecureCookies }

// askOf reads what an HTTP request shows of its caller.
func (s *Server) askOf(r *http.Request) (request, error) {
	var q request
	for _, name := range []string{"Authorization", "X-Lianzhen-Purpose", "X-Lianzhen-Justification"} {
		if len(r.Header.Values(name)) > 1 {
			return q, record.Errorf(record.Invalid, "%s: sent more than once", strings.ToLower(name))
		}
	}
	if h := r.Header.Get("Authorization"); h != "" {
		if err := q.authorize(h); err != nil {
			return q, err
		}
	}
	switch cookies := r.CookiesNamed(s.cookieName()); len(cookies) {
	case 0:
	case 1:
		q.cookie = cookies[0].Value
	default:
		return q, record.Errorf(record.Invalid, "cookie: sent more than once")
	}
	q.certificate = fingerprintOf(r.TLS)
	return q, q.intend(r.Header.Get("X-Lianzhen-Purpose"), r.Header.Get("X-Lianzhen-Justification"))
}

// admitHTTP puts the gate before a raw HTTP route: the same as before an RPC.
func (s *Server) admitHTTP(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r.Context())
		c.method, c.rule = rt.pattern, rt.rule
		out := w.(*answer) // front made it
		err := s.around(r.Context(), func() (err error) {
			if c.ask, err = s.askOf(r); err != nil {
				return err
			}
			if err := s.admit(r.Context(), c); err != nil {
				return err
			}
			if err := s.quota.enter(c); err != nil {
				return err
			}
			defer func() { s.quota.leave(c, codeFor(err)) }()
			if rt.stream {
				ctx, end := context.WithCancelCause(r.Context())
				defer end(nil)
				go s.watch(ctx, c, end)
				r = r.WithContext(ctx)
			}
			return rt.handle(out, r)
		})
		switch {
		case err == nil:
		case out.begun:
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		default:
			writeError(w, err)
		}
	})
}

// answer knows whether it has begun, and gives up on a reader who takes nothing for long.
type answer struct {
	http.ResponseWriter
	line  *http.ResponseController
	begun bool
}

const (
	stalled    = time.Minute // a line on which nothing moves for so long is dead
	pieceBytes = 1 << 20
)

func (a *answer) write() {
	a.begun = true
	_ = a.line.SetWriteDeadline(time.Now().Add(stalled))
}

func (a *answer) WriteHeader(code int) { a.write(); a.ResponseWriter.WriteHeader(code) }

func (a *answer) Write(b []byte) (int, error) { a.write(); return a.ResponseWriter.Write(b) }

// ReadFrom keeps the way of the kernel's own copying open: net/http takes it for a file behind a single limit.
func (a *answer) ReadFrom(r io.Reader) (sum int64, err error) {
	whole, ok := r.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	for whole.N > 0 {
		a.write()
		piece := &io.LimitedReader{R: whole.R, N: min(whole.N, pieceBytes)}
		want := piece.N
		n, err := io.Copy(a.ResponseWriter, piece)
		sum, whole.N = sum+n, whole.N-n
		if err != nil || n < want {
			return sum, err
		}
	}
	return sum, nil
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// writeError writes what fault made of an error.
func writeError(w http.ResponseWriter, err error) {
	st := status.Convert(err)
	writeStatus(w, httpStatus(st.Code()), st)
}

// writeStatus writes google.rpc.Status as JSON: {code, message, details}.
func writeStatus(w http.ResponseWriter, code int, st *status.Status) {
	body, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(st.Proto())
	if err != nil {
		body = []byte(`{"code":13,"message":"internal","details":[]}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("Content-Disposition")
	h.Del("ETag")
	switch code {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// buffered reads a JSON body whole before REST looks at it, within bounds of size and time.
func (s *Server) buffered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline := http.NewResponseController(w)
		_ = deadline.SetReadDeadline(time.Now().Add(bodyTimeout))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.Options.MaxBody))
		_ = deadline.SetReadDeadline(time.Time{})
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			writeStatus(w, http.StatusRequestEntityTooLarge, status.New(codes.InvalidArgument, "body: too large"))
			return
		case err != nil:
			writeStatus(w, http.StatusRequestTimeout, status.New(codes.DeadlineExceeded, "body: did not arrive"))
			return
		case len(body) > 0 && !isJSON(r.Header.Get("Content-Type")):
			writeStatus(w, http.StatusUnsupportedMediaType, status.New(codes.InvalidArgument, "body: want Content-Type application/json"))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func isJSON(contentType string) bool {
	mime, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mime), "application/json")
}

func (s *Server) alive(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, "ok\n")
	return err
}

// readiness remembers the last look, so that asking often costs nothing.
type readiness struct {
	mu sync.Mutex
	at time.Time
	by map[string]string
	ok bool
}

const readyFor = time.Second

// probe is a key that is never there: a storage that says so is a storage that answers.
const probe = "lianzhen-ready/probe"

func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	ok, by := s.look(r.Context())
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return json.NewEncoder(w).Encode(by)
}

func (s *Server) look(ctx context.Context) (bool, map[string]string) {
	s.readiness.mu.Lock()
	defer s.readiness.mu.Unlock()
	if now := s.now(); now.Sub(s.readiness.at) > readyFor {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		s.readiness.ok, s.readiness.at, s.readiness.by = true, now, map[string]string{}
		s.find("database", s.DB.Ping(ctx))
		s.find("permissions", s.Guard.Ready())
		_, err := s.Blobs.Stat(ctx, probe)
		if record.KindOf(err) == record.NotFound {
			err = nil
		}
		s.find("blobs", err)
	}
	select {
	case <-s.stopping:
		return false, map[string]string{"server": "stopping"}
	default:
		return s.readiness.ok, s.readiness.by
	}
}

func (s *Server) find(what string, err error) {
	s.readiness.by[what] = "ok"
	if err != nil {
		s.readiness.by[what], s.readiness.ok = "unavailable", false
		s.log.Error("not ready", "what", what, "error", err)
	}
}

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(proto.OpenAPI)
	return err
}
