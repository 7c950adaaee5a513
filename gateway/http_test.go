package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestABrowserHoldsItsSessionInACookieOnly(t *testing.T) {
	h := newHouse(t)
	h.user("tech", storetest.Suwu, authz.Technician)
	in := h.do(ask{method: "POST", path: "/api/v1/session:signIn", body: fmt.Sprintf(`{"login":"tech","password":%q}`, password)}).want(t, 200)
	if m := in.decode(t); m["token"] != "" || m["login"] != "tech" || m["institutionName"] != "苏武示例卫生院" {
		t.Errorf("answer %s", in.text)
	}
	cookies := in.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	c := cookies[0]
	if c.Name != "lz_session" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	with := func(more ...string) map[string]string {
		m := map[string]string{"Cookie": c.Name + "=" + c.Value}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	h.do(ask{method: "GET", path: "/api/v1/session", header: with()}).want(t, 200)
	const out = "/api/v1/session:signOut"
	for _, x := range []struct {
		name string
		more []string
	}{
		{"no origin", nil},
		{"origin of another site", []string{"Origin", "https://evil.example"}},
		{"null origin", []string{"Origin", "null"}},
		{"cross-site", []string{"Sec-Fetch-Site", "cross-site"}},
		{"same-site but another host", []string{"Sec-Fetch-Site", "same-site"}},
		{"same-origin, yet another origin", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://evil.example"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			h.do(ask{method: "POST", path: out, body: "{}", header: with(x.more...)}).want(t, 403)
		})
	}
	ended := h.do(ask{method: "POST", path: out, body: "{}", header: with("Origin", h.http, "Sec-Fetch-Site", "same-origin")}).want(t, 200)
	if c := ended.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
		t.Errorf("cookie after sign-out %v", c)
	}
	h.do(ask{method: "GET", path: "/api/v1/session", header: with()}).want(t, 401)
}

func TestOtherSitesCannotSignABrowserIn(t *testing.T) {
	h := newHouse(t)
	body := `{"login":"tech","password":"x"}`
	h.do(ask{method: "POST", path: "/api/v1/session:signIn", body: body, header: map[string]string{"Origin": "https://evil.example"}}).want(t, 403)
	h.do(ask{method: "POST", path: "/api/v1/session:signIn", body: body, header: map[string]string{"Content-Type": "text/plain"}}).want(t, 415)
}

func TestCookiesAreForHTTPSBehindAProxyThatSpeaksIt(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.SecureCookies = true })
	h.user("tech", storetest.Suwu, authz.Technician)
	in := h.do(ask{method: "POST", path: "/api/v1/session:signIn", body: fmt.Sprintf(`{"login":"tech","password":%q}`, password)}).want(t, 200)
	if c := in.Cookies()[0]; c.Name != "__Host-lz_session" || !c.Secure {
		t.Errorf("cookie %+v", c)
	}
}

func TestGuessingPasswordsIsCutByAddress(t *testing.T) {
	h := newHouse(t)
	var last int
	for i := range 14 {
		last = h.do(ask{method: "POST", path: "/api/v1/session:signIn", body: fmt.Sprintf(`{"login":"guess%d","password":"wrong"}`, i)}).StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 14th guess got HTTP %d", last)
	}
}

func TestJSONIsReadWithoutMercy(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	for _, c := range []struct{ name, body, says string }{
		{"unknown field", `{"name":"a","nickname":"小明明"}`, `unknown field "nickname"`},
		{"the same field twice", `{"name":"a","name":"小明明"}`, `duplicate field "name"`},
		{"both names of one field", `{"birthDate":"1980-01-01","birth_date":"小明明"}`, `duplicate field "birth_date"`},
		{"another case", `{"name":"a","NAME":"小明明"}`, `unknown field "NAME"`},
		{"wrong type", `{"name":["小明明"]}`, `body: `},
		{"wrong enum", `{"name":"a","sex":"小明明"}`, `body: `},
		{"not JSON", `小明明`, `body: `},
		{"an array", `["小明明"]`, `body: `},
		{"more after the end", `{"name":"a"}{"name":"小明明"}`, `body: `},
		{"deep", `{"name":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, `body: `},
		{"not UTF-8", "{\"name\":\"\xff\xfe小明明\"}", `body: `},
		{"control characters", `{"name":"小明明\u0000"}`, `name: control characters`},
		{"unknown enum number", `{"name":"小明明","sex":77}`, `sex: `},
		{"rule of the message", `{"name":"小明明","birthDate":"yesterday-小明明"}`, `birth_date: `},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.do(ask{method: "POST", path: "/api/v1/patients:register", body: c.body, header: bearer(key)}).want(t, 400)
			if !strings.Contains(r.decode(t)["message"].(string), c.says) {
				t.Errorf("says %s", r.text)
			}
			if strings.Contains(string(r.text), "小明明") || strings.Contains(h.log.String(), "小明明") {
				t.Errorf("the value is echoed or logged: %s", r.text)
			}
		})
	}
}

func TestQueryParametersAreKnownAndSaidOnce(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	for _, c := range []struct {
		query string
		want  int
	}{
		{"", 200},
		{"?pageSize=3", 200},
		{"?page_size=3&modalities=CT&modalities=MR", 200},
		{"?patient=x", 400},
		{"?pageSize=3&page_size=4", 400},
		{"?pageSize=3&pageSize=4", 400},
		{"?pageSize=小明明", 400},
		{"?pageSize=1001", 400},
		{"?pageToken=nonsense", 400},
		{"?PAGESIZE=3", 400},
		{"?patientId=a%00b", 400},
		{"?patientId=..", 400},
	} {
		t.Run(c.query, func(t *testing.T) {
			r := h.do(ask{method: "GET", path: "/api/v1/imaging/studies" + strings.ReplaceAll(c.query, "小明明", "%E5%B0%8F"), header: bearer(key)})
			if r.StatusCode != c.want {
				t.Errorf("HTTP %d: %s", r.StatusCode, r.text)
			}
		})
	}
	h.do(ask{method: "GET", path: "/api/v1/imaging/studies/01ABC/instances?studyId=other", header: bearer(key)}).want(t, 400)
}

func TestStrangePathsAreRefusedQuietly(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	for _, c := range []struct {
		path string
		want []int
	}{
		{"/api/v1/patients/a%00b", []int{400}},
		{"/api/v1/patients/a%0d%0ab", []int{400}},
		{"/api/v1/patients/..%2f..%2fetc", []int{400, 404}},
		{"/api/v1/patients/%252e%252e", []int{400}},
		{"/api/v1/imaging/instances/..%2f..%2fetc%2fpasswd/file", []int{400, 404}},
		{"/api/v1/imaging/instances/a%00b/file", []int{400}},
		{"/api/v1/imaging/instances/" + strings.Repeat("a", 65) + "/file", []int{400}},
		{"/api/v1/imaging/instances/nothing-of-this-name/file", []int{404}},
		{"/api/v1/imaging/studies/nothing-of-this-name/file", []int{404}},
		{"/api/v1/nothing", []int{404}},
		{"/nothing", []int{404}},
		{`/api/v1/patients/a%5cb`, []int{400}},
	} {
		t.Run(c.path, func(t *testing.T) {
			r := h.do(ask{method: "GET", path: c.path, header: bearer(key)})
			ok := false
			for _, w := range c.want {
				ok = ok || r.StatusCode == w
			}
			if !ok {
				t.Fatalf("HTTP %d: %s", r.StatusCode, r.text)
			}
			r.want(t, r.StatusCode)
		})
	}
	h.do(ask{method: "DELETE", path: "/api/v1/patients/01ABC", header: bearer(key)}).want(t, 405)
	// A form that pretends to be another method stays a POST.
	r := h.do(ask{method: "POST", path: "/api/v1/imaging/studies", body: "x=1", header: map[string]string{
		"Authorization": "Bearer " + key, "X-HTTP-Method-Override": "GET", "Content-Type": "application/x-www-form-urlencoded",
	}})
	if r.StatusCode < 400 {
		t.Errorf("HTTP %d", r.StatusCode)
	}
}

func TestBodiesHaveABound(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.MaxBody, d.Options.MaxBlob = 1000, 100_000 })
	_, key := h.key(storetest.Suwu, allScopes...)
	h.do(ask{method: "POST", path: "/api/v1/patients:register", body: `{"name":"` + strings.Repeat("a", 1000) + `"}`, header: bearer(key)}).want(t, 413)
	h.do(ask{method: "POST", path: "/api/v1/imaging/instances", body: strings.Repeat("a", 100_001), header: bearer(key)}).want(t, 413)
	chunked, err := http.NewRequest("POST", h.http+"/api/v1/imaging/instances", io.MultiReader(strings.NewReader(strings.Repeat("a", 100_001))))
	must(t, err)
	chunked.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultTransport.RoundTrip(chunked)
	must(t, err)
	_ = resp.Body.Close()
	if resp.StatusCode != 413 && resp.StatusCode != 400 {
		t.Errorf("HTTP %d", resp.StatusCode)
	}
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.Headers = 200 * time.Millisecond })
	if h.web.IdleTimeout <= 0 || h.web.MaxHeaderBytes > 64<<10 {
		t.Errorf("idle %v, headers %d", h.web.IdleTimeout, h.web.MaxHeaderBytes)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.http, "http://"))
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = io.ReadAll(conn)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Error("still open after five seconds")
	}
}

func TestHealthReadinessAndDocument(t *testing.T) {
	h := newHouse(t)
	if r := h.do(ask{method: "GET", path: "/healthz"}); string(r.text) != "ok\n" {
		t.Errorf("healthz %s", r.text)
	}
	r := h.do(ask{method: "GET", path: "/readyz"}).want(t, 200)
	if m := r.decode(t); m["database"] != "ok" || m["blobs"] != "ok" || m["permissions"] != "ok" {
		t.Errorf("readyz %s", r.text)
	}
	r = h.do(ask{method: "GET", path: "/api/openapi.json"}).want(t, 200)
	if !json.Valid(r.text) || !strings.Contains(string(r.text), "/api/v1/imaging/studies") {
		t.Error("openapi.json is not the document")
	}
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "X-Request-Id"} {
		if r.Header.Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
}

func TestAnInnerErrorStaysInside(t *testing.T) {
	for _, err := range []error{
		errors.New("pq: password of user lianzhen is hunter2"),
		fmt.Errorf("list: %w", record.Wrap(record.Internal, errors.New("inner"), "also inner")),
	} {
		st := outward(err, "ID1")
		if st.Code().String() != "Internal" || st.Message() != "error id ID1" {
			t.Errorf("%v: %v", err, st)
		}
	}
	st := outward(fmt.Errorf("case: %w", record.Wrap(record.NotFound, errors.New("sql: no rows"), "case 7")), "ID1")
	if st.Message() != "case 7" || st.Code().String() != "NotFound" {
		t.Errorf("%v", st)
	}
	for k := record.Internal; k <= record.Unavailable; k++ {
		if _, ok := statusOf[codeOf[k]]; !ok && k != record.Internal {
			t.Errorf("%s has no HTTP status", k)
		}
	}
}

func TestAProxyIsBelievedOnlyWhereItIsTrusted(t *testing.T) {
	h := newHouse(t)
	r, err := http.NewRequest("GET", h.http, nil)
	must(t, err)
	r.RemoteAddr = "10.1.2.3:4000"
	r.Header.Set("X-Forwarded-For", "6.6.6.6, 192.0.2.9, 10.9.9.9")
	if got := h.remoteOf(r); got != "10.1.2.3" {
		t.Errorf("untrusted: %s", got)
	}
	h.Options.TrustedProxies = prefixes("10.0.0.0/8")
	if got := h.remoteOf(r); got != "192.0.2.9" {
		t.Errorf("trusted: %s", got)
	}
}

func TestAWatchEndsWhenTheServerStops(t *testing.T) {
	h := newHouse(t)
	h.user("tech", storetest.Suwu, authz.Technician)
	token := h.session("tech")
	_, key := h.key(storetest.Suwu, allScopes...)
	overGRPC, err := pb.NewReadingServiceClient(h.conn).WatchResults(as(key), &pb.WatchResultsRequest{})
	must(t, err)
	req, err := http.NewRequest("GET", h.http+"/api/v1/reading/cases:watch", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	rest := make(chan string, 1)
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			rest <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		rest <- string(text)
	}()
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	h.stop()
	<-h.stopped
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("stopping took %s", took)
	}
	_, err = overGRPC.Recv()
	wantCode(t, err, "Unavailable")
	if text := <-rest; !strings.Contains(text, "stopping") {
		t.Errorf("REST watch ended with %q", text)
	}
}
