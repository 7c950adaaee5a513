package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/authz/recognition"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/dispatch"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// house is the whole server over real stores and sockets.
type house struct {
	*Server
	t     testing.TB
	http  string // http://host:port
	grpc  string // host:port
	dimse string // host:port
	conn  *grpc.ClientConn
	log   *logBook

	stop    context.CancelFunc
	stopped chan struct{}
}

// logBook is what was logged.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newHouse(t testing.TB, change ...func(*Deps)) *house {
	t.Helper()
	return newHouseOver(t, storetest.SQLite(t), storetest.Dir(t), change...)
}

func newHouseOver(t testing.TB, db *store.DB, blobs store.Blobs, change ...func(*Deps)) *house {
	t.Helper()
	keys := storetest.Keys(t)
	storetest.County(t, db)
	spool, err := store.NewSpool(t.TempDir(), blobs, store.SpoolOptions{})
	must(t, err)
	guard, err := authz.NewGuard(context.Background(), db)
	must(t, err)
	t.Cleanup(guard.Close)
	room := reading.NewRoom(db, blobs, reading.Options{})
	tracings := ecg.New(db, blobs, spool, room, ecg.Options{})
	centre := imaging.New(db, blobs, spool, room, imaging.Options{
		Quiet: time.Hour, OnStored: Waveforms(tracings), ReadElsewhere: ReadAsTracings(tracings),
	})
	t.Cleanup(func() { _ = centre.Close(context.Background()) })
	log := &logBook{}
	deps := Deps{
		DB: db, Keys: keys, Blobs: blobs, Book: authz.NewBook(db, keys), Guard: guard, Room: room, Imaging: centre, ECG: tracings,
		Worklist: worklist.New(db, worklist.Options{}), Specimens: specimen.New(db, specimen.Options{}),
		Desk:    recognition.NewDesk(db, recognition.Default()),
		Quality: quality.New(db, quality.Options{}), Catalogue: catalogue.New(db),
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	deps.Options.Drain = 5 * time.Second
	deps.Exchange = exchange.New(db, centre, exchange.Options{
		Device: Devices(deps.Book, guard), Poll: 20 * time.Millisecond, Pauses: []time.Duration{20 * time.Millisecond}, Log: deps.Log,
	})
	for _, c := range change {
		c(&deps)
	}
	if deps.Options.HL7.Accept == nil && deps.Options.ASTM.Accept == nil { // a test of a door alone takes messages by itself
		deps.Lab = lab.New(db, blobs, room, lab.Desks{Catalogue: deps.Catalogue, Specimens: deps.Specimens, Quality: deps.Quality}, lab.Options{Link: LabLink(deps.Book)})
		deps.Catalogue.OnMapped = deps.Lab.OnMapped
		t.Cleanup(func() { _ = deps.Lab.Close(context.Background()) })
		deps.Dispatch = dispatch.New(db, deps.Lab, dispatch.Options{Local: true, Poll: 20 * time.Millisecond, Pauses: []time.Duration{10 * time.Millisecond}})
	}
	s, err := New(deps)
	must(t, err)
	h := &house{Server: s, t: t, log: log, stopped: make(chan struct{})}
	h.open()
	t.Cleanup(h.close)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) open() {
	h.t.Helper()
	var l Listeners
	for _, one := range []*net.Listener{&l.GRPC, &l.HTTP, &l.DIMSE} {
		var err error
		*one, err = net.Listen("tcp", "127.0.0.1:0")
		must(h.t, err)
	}
	h.http, h.grpc, h.dimse = "http://"+l.HTTP.Addr().String(), l.GRPC.Addr().String(), l.DIMSE.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() {
		defer close(h.stopped)
		if err := h.Serve(ctx, l); err != nil {
			h.t.Errorf("serve: %v", err)
		}
	}()
	var err error
	h.conn, err = grpc.NewClient(h.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(h.t, err)
}

func (h *house) close() {
	_ = h.conn.Close()
	http.DefaultClient.CloseIdleConnections()
	h.stop()
	<-h.stopped
}

func system() record.Scope {
	return record.Scope{Actor: record.Actor{Kind: record.ActorSystem, ID: "test", Institution: authz.Root}, All: true, Purpose: record.Operations}
}

const password = "Blue-camel-43-river"

// user makes an account and returns its login.
func (h *house) user(login string, at record.InstitutionID, roles ...string) {
	h.t.Helper()
	var grants []authz.Grant
	for _, r := range roles {
		grants = append(grants, authz.Grant{Role: r, Institution: at})
	}
	_, err := h.Book.CreateUser(context.Background(), system(), authz.NewUser{
		Login: login, DisplayName: record.Personal("测试" + login), Password: password, Roles: grants, Keep: true,
	})
	must(h.t, err)
}

// session signs a user in and returns the token.
func (h *house) session(login string) string {
	h.t.Helper()
	s, err := h.Book.SignIn(context.Background(), login, password, "", "127.0.0.1")
	must(h.t, err)
	return s.Token
}

func (h *house) key(at record.InstitutionID, scopes ...string) (record.KeyID, string) {
	h.t.Helper()
	k, text, err := h.Book.CreateKey(context.Background(), system(), authz.APIKey{Name: "test", Institution: at, Scopes: scopes})
	must(h.t, err)
	return k.ID, text
}

var allScopes = authz.KeyScopes()

// as is a context that calls gRPC with a token.
func as(token string, more ...string) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), append([]string{"authorization", "Bearer " + token}, more...)...)
}

// ask is one HTTP request.
type ask struct {
	method, path string
	body         string
	header       map[string]string
}

type reply struct {
	*http.Response
	text []byte
}

func (h *house) do(a ask) reply {
	h.t.Helper()
	req, err := http.NewRequest(a.method, h.http+a.path, strings.NewReader(a.body))
	must(h.t, err)
	if a.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range a.header {
		if k == "Host" {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(h.t, err)
	return reply{resp, text}
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// fault is the body of a refused request.
type faultBody struct {
	Code    int               `json:"code"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details"`
}

func (r reply) want(t testing.TB, code int) reply {
	t.Helper()
	if r.StatusCode != code {
		t.Fatalf("HTTP %d, want %d: %s", r.StatusCode, code, r.text)
	}
	if code < 400 {
		return r
	}
	var f faultBody
	if err := json.Unmarshal(r.text, &f); err != nil || f.Message == "" || f.Code == 0 || r.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("refusal is not google.rpc.Status: %v: %s", err, r.text)
	}
	return r
}

func (r reply) decode(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	must(t, json.Unmarshal(r.text, &m))
	return m
}

func wantCode(t testing.TB, err error, name string) {
	t.Helper()
	if got := status.Code(err).String(); got != name {
		t.Fatalf("%v: code %s, want %s", err, got, name)
	}
}

// study makes the objects of a small study.
func study(seed uint64, n int) [][]byte {
	spec := phantom.Spec{
		Kind: phantom.CTChest, Seed: seed, Count: n, Rows: 64, Columns: 64, Accession: "A1", At: time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC),
		Patient: phantom.Patient{Name: "Wang^Xiaoming", ID: "P001", BirthDate: "19800307", Sex: "M"},
	}
	var out [][]byte
	for _, write := range phantom.Study(spec) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			panic(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
