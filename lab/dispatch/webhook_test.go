package dispatch

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// program is a receiver of webhooks, over TLS.
type program struct {
	*httptest.Server
	mu      sync.Mutex
	notices []Notice
	ids     []string
	wrong   []string // signatures that are not right
	secret  string
	answer  func(n int) int
}

func newProgram(t testing.TB, answer func(n int) int) *program {
	t.Helper()
	p := &program{answer: answer}
	p.Server = httptest.NewTLSServer(p)
	t.Cleanup(p.Close)
	return p
}

func status(code int) func(int) int { return func(int) int { return code } }

func (p *program) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
}

func (p *program) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	key, _ := keyOf(p.secret)
	id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	if got := r.Header.Get("webhook-signature"); got != sign(key, id, at, raw) {
		p.wrong = append(p.wrong, got)
	}
	var n Notice
	if err := json.Unmarshal(raw, &n); err != nil {
		p.wrong = append(p.wrong, err.Error())
	}
	code := p.answer(len(p.notices))
	p.notices, p.ids = append(p.notices, n), append(p.ids, id)
	w.Header().Set("Location", "http://127.0.0.1:1/")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, "赵秀英 is not known")
}

func (p *program) got() []Notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Notice(nil), p.notices...)
}

// hook subscribes a program.
func (s *site) hook(p *program, w Subscription) Subscription {
	s.t.Helper()
	w.Kind, w.Endpoint, w.Authority, w.Active, w.Name = Webhook, p.URL+"/results", p.authority(), true, "OA"
	made, secret, err := s.Subscribe(s.t.Context(), s.admin, w)
	if err != nil {
		s.t.Fatal(err)
	}
	p.mu.Lock()
	p.secret = secret
	p.mu.Unlock()
	return made
}

func noticed(all []Notice) []string {
	var out []string
	for _, n := range all {
		text := n.Event
		if n.Report != nil {
			for _, r := range n.Report.Results {
				text += " " + r.Code.Code + "=" + r.Value + "/" + r.Status
			}
		}
		out = append(out, text)
	}
	return out
}

func TestAWebhookIsToldAndCanProveIt(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, quick)
		full, thin := newProgram(t, status(200)), newProgram(t, status(204))
		a, b := s.hook(full, Subscription{}), s.hook(thin, Subscription{Thin: true})
		s.run(s.Desk)
		id := s.take("E1", "F1", 1, "4.10|F", "139|F")
		told := func(n int) func() bool {
			return func() bool {
				return len(full.got()) == n && len(thin.got()) == n && s.see(a.ID).Open+s.see(b.ID).Open == 0
			}
		}
		eventually(t, "the release", told(1))
		s.take("E1", "F1", 2, "4.60|C")
		eventually(t, "the correction", told(2))
		s.take("E1", "F1", 3, "4.60|W", "139|W")
		eventually(t, "the withdrawal", told(3))
		want := []string{"lab.released 2823-3=4.10/F 2951-2=139/F", "lab.corrected 2823-3=4.60/C 2951-2=139/F", "lab.withdrawn 2823-3=/W 2951-2=/W"}
		if diff := cmp.Diff(want, noticed(full.got())); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"lab.released", "lab.corrected", "lab.withdrawn"}, noticed(thin.got())); diff != "" {
			t.Error(diff)
		}
		if len(full.wrong)+len(thin.wrong) > 0 {
			t.Errorf("signatures: %v %v", full.wrong, thin.wrong)
		}
		if n := full.got()[0]; n.ReportID != string(id) || n.Version != 1 || n.Report.Name != "赵秀英" || n.Report.Filler != "F1" || n.Report.Results[0].Unit != "mmol/L" {
			t.Errorf("%+v", n)
		}
		readers, err := s.centre.Readers(t.Context(), s.lis, id)
		if err != nil || len(readers) != 1 || readers[0].ID != string(a.ID) {
			t.Errorf("who was given ids only has read nothing: %+v %v", readers, err)
		}
	})
}

func TestWhatAProgramAnswers(t *testing.T) {
	for _, x := range []struct {
		name    string
		answers []int // the last again and again
		state   State
		code    string
		text    string
	}{
		{"taken", []int{202}, Delivered, "202", ""},
		{"away for a while", []int{503, 502, 200}, Delivered, "200", ""},
		{"broken for a while", []int{500, 500, 500, 500, 500, 200}, Delivered, "200", ""},
		{"not to be read", []int{422}, Refused, "422", "the receiver answered HTTP 422"},
		{"somewhere else", []int{301}, Pending, "301", "the receiver answered HTTP 301"},
		{"shut", []int{401}, Pending, "401", "the receiver answered HTTP 401"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newSite(t, storetest.SQLite(t), quick)
			p := newProgram(t, func(n int) int { return x.answers[min(n, len(x.answers)-1)] })
			sub := s.hook(p, Subscription{})
			s.run(s.Desk)
			s.take("E1", "F1", 1, "4.10|F")
			eventually(t, "what became of it", func() bool {
				d := s.outbox(sub.ID)
				return len(d) == 1 && d[0].State == x.state && d[0].Code == x.code
			})
			d := s.outbox(sub.ID)[0]
			if d.Error != x.text {
				t.Errorf("%q", d.Error)
			}
			for _, id := range p.ids {
				if id != p.ids[0] {
					t.Error("webhook-id changed")
				}
			}
		})
	}
}

func TestAReceiverMustBeWhoItSays(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	p, other := newProgram(t, status(200)), httptest.NewTLSServer(nil)
	defer other.Close()
	sub := s.hook(p, Subscription{})
	sub.Authority = ""
	sub, secret, err := s.Update(t.Context(), s.admin, sub, true)
	if err != nil || !strings.HasPrefix(secret, "whsec_") || secret == p.secret {
		t.Fatal(err)
	}
	got, err := s.Probe(t.Context(), s.admin, sub.ID)
	if err != nil || got.Answered || got.Text != "the certificate of the receiver is not one that is trusted" {
		t.Errorf("%+v %v", got, err)
	}
	if len(p.got()) > 0 {
		t.Error("something was sent")
	}
}

func TestWhoReadElsewhereIsTold(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), quick)
	p := newProgram(t, status(200))
	w := Subscription{Kind: Webhook, Name: "OA", Endpoint: p.URL, Authority: p.authority(), Active: true}
	elsewhere := scopeOf(record.ActorUser, "admin2", storetest.Dongba, storetest.Dongba)
	sub, secret, err := s.Subscribe(t.Context(), elsewhere, w)
	if err != nil {
		t.Fatal(err)
	}
	p.secret = secret
	s.run(s.Desk)
	id := s.take("E1", "F1", 1, "4.10|F")
	if _, err := s.centre.Get(t.Context(), s.doctor, id, lab.Shown); err != nil {
		t.Fatal(err)
	}
	s.take("E1", "F1", 2, "4.60|C")
	eventually(t, "the recall", func() bool { return len(p.got()) == 1 })
	n := p.got()[0]
	if n.Event != "lab.recalled" || n.ReportID != string(id) || n.RecallID == "" || n.Reason != "corrected" || n.Report != nil || n.Subscription != string(sub.ID) {
		t.Errorf("%+v", n)
	}
}

func TestOnlyWhatIsAskedForComes(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, quick)
		final, all, others := newProgram(t, status(200)), newProgram(t, status(200)), newProgram(t, status(200))
		a := s.hook(final, Subscription{})
		b := s.hook(all, Subscription{Preliminary: true})
		s.hook(others, Subscription{Elsewhere: true}) // this hospital measures by itself
		s.run(s.Desk)
		s.take("E1", "F1", 1, "4.10|P", "139|F")
		eventually(t, "the first part", func() bool { return len(all.got()) == 1 && s.see(b.ID).Open == 0 && s.states(a.ID) == "waiting" })
		s.take("E1", "F1", 2, "4.10|F", "139|F")
		eventually(t, "the whole", func() bool { return len(all.got()) == 2 && len(final.got()) == 1 })
		time.Sleep(100 * time.Millisecond)
		if diff := cmp.Diff([]string{"lab.released 2823-3=4.10/F 2951-2=139/F"}, noticed(final.got())); diff != "" {
			t.Error(diff)
		}
		if len(others.got()) > 0 {
			t.Errorf("%v", noticed(others.got()))
		}
	})
}

func TestWhatIsNoSubscription(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), Options{})
	for _, x := range []struct {
		name string
		w    Subscription
		kind record.Kind
	}{
		{"no kind", Subscription{Endpoint: "192.168.1.2:6661"}, record.Invalid},
		{"no port", Subscription{Kind: MLLP, Endpoint: "192.168.1.2"}, record.Invalid},
		{"a URL of MLLP", Subscription{Kind: MLLP, Endpoint: "https://his.example:443"}, record.Invalid},
		{"in the clear", Subscription{Kind: Webhook, Endpoint: "http://his.example/x"}, record.Invalid},
		{"a password in the URL", Subscription{Kind: Webhook, Endpoint: "https://u:p@his.example/x"}, record.Invalid},
		{"another scheme", Subscription{Kind: Webhook, Endpoint: "file:///etc/passwd"}, record.Invalid},
		{"thin MLLP", Subscription{Kind: MLLP, Endpoint: "10.0.0.1:1", Thin: true}, record.Invalid},
		{"a bad profile", Subscription{Kind: MLLP, Endpoint: "10.0.0.1:1", Profile: "charset: nonsense"}, record.Invalid},
		{"a bad authority", Subscription{Kind: MLLP, Endpoint: "10.0.0.1:1", Authority: "PEM"}, record.Invalid},
		{"of another hospital", Subscription{Kind: MLLP, Endpoint: "10.0.0.1:1", Institution: storetest.Dongba}, record.NotFound},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.w.Name = "HIS"
			if _, _, err := s.Subscribe(t.Context(), s.admin, x.w); record.KindOf(err) != x.kind {
				t.Errorf("%v, want %s", err, x.kind)
			}
		})
	}
}

func TestWhereResultsMayGo(t *testing.T) {
	for _, x := range []struct {
		address             string
		far, local, clearly bool // permitted over TLS; with Local; with Local and in the clear
	}{
		{"10.1.2.3", true, true, true},
		{"192.168.1.1", true, true, true},
		{"fd00::1", true, true, true},
		{"203.0.113.5", true, true, false},
		{"127.0.0.1", false, true, true},
		{"::1", false, true, true},
		{"::ffff:127.0.0.1", false, true, true},
		{"169.254.169.254", false, false, false},
		{"fe80::1", false, false, false},
		{"0.0.0.0", false, false, false},
		{"224.0.0.1", false, false, false},
		{"255.255.255.255", false, false, false},
	} {
		a := netip.MustParseAddr(x.address)
		remote, local := New(nil, nil, Options{}), New(nil, nil, Options{Local: true})
		for _, got := range []struct {
			name string
			err  error
			want bool
		}{{"far", remote.permits(a, false), x.far}, {"local", local.permits(a, false), x.local}, {"clear", local.permits(a, true), x.clearly}} {
			if (got.err == nil) != got.want {
				t.Errorf("%s %s: %v", x.address, got.name, got.err)
			}
		}
	}
}
