package mllp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/hl7"
	frames "github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/record"
)

// house is a door with what it took.
type house struct {
	mu    sync.Mutex
	taken map[string]int // MSH-10 -> how often
	fail  error
	hold  chan struct{} // Accept waits for it where it is set
	addr  string
	stop  context.CancelFunc
	ended chan error
}

func (h *house) accept(_ context.Context, _ Link, raw []byte) (Answer, error) {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		return Answer{}, err
	}
	if h.hold != nil {
		<-h.hold
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return Answer{}, h.fail
	}
	id := m.Get("MSH", 10)
	h.taken[id]++
	return Answer{Already: h.taken[id] > 1}, nil
}

func (h *house) setFail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = err
}

func open(t testing.TB, h *house, o Options, config *tls.Config) *house {
	t.Helper()
	h.taken, h.ended = map[string]int{}, make(chan error, 1)
	o.Log = slog.New(slog.DiscardHandler)
	if o.Admit == nil {
		o.Admit = func(_ context.Context, s Sender) (Link, error) {
			if s.Application != "LIS" && s.Application != "东弢誠" {
				return Link{}, record.Errorf(record.Unauthenticated, "no such link")
			}
			return Link{ID: s.Application}, nil
		}
	}
	o.Accept = h.accept
	if o.Query == nil {
		o.Query = func(_ context.Context, _ Link, m *hl7.Message, r hl7.Reply) ([]byte, error) {
			b := hl7.NewBuilder(m.Header().Answer([3]string{"RSP", "K11", "RSP_K11"}, r))
			b.Acknowledge(m.Header(), hl7.Ack{Code: hl7.AA})
			return b.Bytes()
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.ended <- New(o).Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-h.ended })
	return h
}

func (h *house) dial(t testing.TB) *frames.Client {
	t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	client := frames.NewClient(c, frames.Options{})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func message(sender, id, modes string) []byte {
	return []byte("MSH|^~\\&|" + sender + "|T01|HUB|H01|20260105093000||ORU^R01^ORU_R01|" + id + "|P|2.5.1|||" + modes + "\rPID|1||X\rOBR|1|P|F|K\rOBX|1|NM|K||5|||||F\r")
}

// ask sends a message and reads the answer to it: MSA-1, MSA-2, ERR-3.
func ask(t testing.TB, c *frames.Client, raw []byte) *hl7.Message {
	t.Helper()
	sent, _ := hl7.Glimpse(raw, hl7.Options{})
	got, err := c.Exchange(t.Context(), raw, 20*time.Second, func(f []byte) bool {
		m, err := hl7.Parse(f, hl7.Options{})
		return err == nil && m.Get("MSA", 2) == sent.ControlID
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := hl7.Parse(got, hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAnswers(t *testing.T) {
	h := open(t, &house{}, Options{Refusals: 1000}, nil)
	c := h.dial(t)
	unavailable := record.Wrap(record.Unavailable, errors.New("disk"), "disk")
	for _, x := range []struct {
		name, sender, modes string
		fail                error
		want                []string // MSA-1, ERR-3, ERR-2.1
	}{
		{"taken", "LIS", "", nil, []string{"AA", "", ""}},
		{"taken, in its own script", "东弢誠", "", nil, []string{"AA", "", ""}},
		{"a stranger", "XXX", "", nil, []string{"AR", "204", ""}},
		{"a wrong field", "LIS", "", &hl7.FormatError{Place: "OBX[1]-5", Code: hl7.WrongDataType}, []string{"AE", "102", "OBX"}},
		{"never", "LIS", "", &hl7.FormatError{Place: "MSH-9", Code: hl7.UnsupportedEvent}, []string{"AR", "201", "MSH"}},
		{"denied", "LIS", "", record.Errorf(record.Denied, "no"), []string{"AR", "207", ""}},
		{"a reused number", "LIS", "", record.Errorf(record.Conflict, "no"), []string{"AE", "205", ""}},
		{"not found", "LIS", "", record.Errorf(record.NotFound, "no"), []string{"AE", "204", ""}},
		{"not now", "LIS", "", unavailable, []string{"AE", "207", ""}},
		{"our own fault", "LIS", "", errors.New("secret"), []string{"AE", "207", ""}},
		{"enhanced", "LIS", "AL|NE", nil, []string{"CA", "", ""}},
		{"enhanced, not now", "LIS", "AL|NE", unavailable, []string{"CE", "207", ""}},
		{"enhanced, a stranger", "XXX", "AL|NE", nil, []string{"CR", "204", ""}},
		{"application only", "LIS", "NE|AL", nil, []string{"AA", "", ""}},
		{"on error only", "LIS", "ER|NE", unavailable, []string{"CE", "207", ""}},
	} {
		t.Run(x.name, func(t *testing.T) {
			h.setFail(x.fail)
			a := ask(t, c, message(x.sender, "M-"+strings.ReplaceAll(x.name, " ", ""), x.modes))
			if diff := cmp.Diff(x.want, []string{a.Get("MSA", 1), a.Get("ERR", 3), a.Get("ERR", 2)}); diff != "" {
				t.Error(diff, a.Text)
			}
			if a.Get("MSH", 5) != x.sender || a.Get("MSH", 3) != "HUB" || a.Get("MSH", 10) == "" || strings.Contains(a.Text, "secret") {
				t.Error(a.Text)
			}
		})
	}
	h.setFail(nil)
	for range 2 { // the same again is the same again
		if a := ask(t, c, message("LIS", "SAME", "")); a.Get("MSA", 1) != "AA" {
			t.Error(a.Text)
		}
	}
	both := message("LIS", "BOTH", "AL|AL")
	if a := ask(t, c, both); a.Get("MSA", 1) != "CA" {
		t.Error(a.Text)
	}
	if a := ask(t, c, message("LIS", "NEXT", "")); a.Get("MSA", 1) != "AA" { // the second answer to BOTH is passed over
		t.Error(a.Text)
	}
	q := []byte("MSH|^~\\&|LIS|T01|HUB|H01|20260105||QBP^Q11^QBP_Q11|Q1|P|2.5.1\rQPD|WOS^x^IHE|T1|S001\r")
	if a := ask(t, c, q); a.Get("MSH", 9) != "RSP" || a.Get("MSA", 1) != "AA" {
		t.Error(a.Text)
	}
}

func TestBatchesAreAnsweredTogether(t *testing.T) {
	h := open(t, &house{}, Options{}, nil)
	c := h.dial(t)
	raw := append([]byte("FHS|^~\\&\rBHS|^~\\&\r"), message("LIS", "B1", "")...)
	raw = append(append(raw, message("XXX", "B2", "")...), "BTS|2\rFTS|1\r"...)
	var got []string
	_, err := c.Exchange(t.Context(), raw, 20*time.Second, func(f []byte) bool {
		all, err := hl7.ParseBatch(f, hl7.Options{})
		if err != nil {
			t.Error(err)
		}
		for _, m := range all {
			got = append(got, m.Get("MSA", 1)+" "+m.Get("MSA", 2))
		}
		return true
	})
	if diff := cmp.Diff([]string{"AA B1", "AR B2"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// TestBadStreams: what is no message gets an answer or a closed line, and the door stays open.
func TestBadStreams(t *testing.T) {
	h := open(t, &house{}, Options{
		Refusals: 3, Frames: frames.Options{MaxFrame: 100_000, InterByte: 100 * time.Millisecond, First: 200 * time.Millisecond},
	}, nil)
	frame := func(b string) string { return "\x0b" + b + "\x1c\r" }
	for _, x := range []struct {
		name, sent string
		answers    int
		code       string
	}{
		{"no header", frame("PID|1\r"), 1, "AR"},
		{"delimiters twice", frame("MSH||||||\rPID|1\r"), 1, "AR"},
		{"nothing in the frame", frame(""), 1, "AR"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n" + strings.Repeat("x", 70_000), 0, ""},
		{"a slow sender", "\x0bMSH|", 0, ""},
		{"nothing at all", "", 0, ""},
		{"too large", "\x0b" + string(message("LIS", "L", "")) + strings.Repeat("X", 200_000), 1, "AR"},
		{"only strangers", strings.Repeat(frame(string(message("XXX", "S", ""))), 9), 3, "AR"},
		{"an answer", frame("MSH|^~\\&|LIS|||||ACK|1|P|2.5\rMSA|AA|1\r") + frame(string(message("LIS", "A", ""))), 1, "AA"},
		{"two messages at once", frame(string(message("LIS", "P1", ""))) + frame(string(message("LIS", "P2", ""))), 2, "AA"},
		{"bytes between", "junk" + frame(string(message("LIS", "J1", ""))) + "junk" + frame(string(message("LIS", "J2", ""))), 2, "AA"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			go func() { _, _ = conn.Write([]byte(x.sent)) }()
			r := frames.NewReader(conn, frames.Options{First: 10 * time.Second, Idle: 2 * time.Second})
			n := 0
			for {
				f, err := r.Next()
				if err != nil {
					break
				}
				n++
				if m, err := hl7.Parse(f.Message, hl7.Options{}); err != nil || m.Get("MSA", 1) != x.code {
					t.Errorf("%v %s", err, f.Message)
				}
				if n == x.answers && x.code == "AA" {
					break
				}
			}
			if n != x.answers {
				t.Errorf("%d answers, want %d", n, x.answers)
			}
		})
	}
}

// TestManyLinks: 16 links at once, some of which break between message and answer and send again.
func TestManyLinks(t *testing.T) {
	const links, each = 16, 40
	h := open(t, &house{}, Options{}, nil)
	var all sync.WaitGroup
	for n := range links {
		all.Go(func() {
			var c *frames.Client
			for i := range each {
				raw := message("LIS", fmt.Sprintf("L%d-%d", n, i), "")
				if n%4 == 0 && i%5 == 0 { // the line breaks before the answer is read
					flap := h.dial(t)
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					_, _ = flap.Exchange(ctx, raw, time.Second, func([]byte) bool { return false })
					cancel()
					_ = flap.Close()
				}
				if c == nil {
					c = h.dial(t)
				}
				if a := ask(t, c, raw); a.Get("MSA", 1) != "AA" {
					t.Error(a.Text)
				}
			}
		})
	}
	all.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.taken) != links*each {
		t.Errorf("%d messages were taken, want %d", len(h.taken), links*each)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	h := open(t, &house{}, Options{PerAddress: 2}, nil)
	a, b := h.dial(t), h.dial(t)
	ask(t, a, message("LIS", "1", ""))
	ask(t, b, message("LIS", "2", ""))
	if _, err := h.dial(t).Exchange(t.Context(), message("LIS", "3", ""), 5*time.Second, func([]byte) bool { return true }); err == nil {
		t.Error("a third connection was answered")
	}
	_ = a.Close()
	for i := range 100 { // the place is free again
		if _, err := h.dial(t).Exchange(t.Context(), message("LIS", fmt.Sprint("r", i), ""), 5*time.Second, func([]byte) bool { return true }); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the place of a closed connection stays taken")
}

// TestStoppingAnswersWhatItHas: a message that is under way when the door closes gets its answer.
func TestStoppingAnswersWhatItHas(t *testing.T) {
	h := open(t, &house{hold: make(chan struct{})}, Options{}, nil)
	c := h.dial(t)
	idle := h.dial(t)
	got := make(chan error, 1)
	go func() {
		_, err := c.Exchange(context.Background(), message("LIS", "1", ""), 20*time.Second, func([]byte) bool { return true })
		got <- err
	}()
	h.hold <- struct{}{} // Accept has begun
	h.stop()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if _, err := idle.Exchange(t.Context(), message("LIS", "2", ""), 5*time.Second, func([]byte) bool { return true }); err == nil {
		t.Error("a closed door answers")
	}
}

// certificates makes an authority, the door's certificate and a client's.
func certificates(t *testing.T) (pool *x509.CertPool, server, client tls.Certificate) {
	t.Helper()
	issue := func(name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, tls.Certificate) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: parent == nil, BasicConstraintsValid: true,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if parent == nil {
			parent, by = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made, key, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	ca, key, _ := issue("authority", nil, nil)
	_, _, server = issue("door", ca, key)
	_, _, client = issue("lis", ca, key)
	pool = x509.NewCertPool()
	pool.AddCert(ca)
	return pool, server, client
}

func TestCertificatesNameTheSender(t *testing.T) {
	pool, server, client := certificates(t)
	var seen sync.Map
	h := open(t, &house{}, Options{
		Frames: frames.Options{First: 300 * time.Millisecond},
		Admit: func(_ context.Context, s Sender) (Link, error) {
			if s.TLS == nil || len(s.TLS.VerifiedChains) == 0 {
				return Link{}, record.Errorf(record.Unauthenticated, "no certificate")
			}
			seen.Store(s.TLS.VerifiedChains[0][0].Subject.CommonName, true)
			return Link{ID: "LIS"}, nil
		},
	}, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, MinVersion: tls.VersionTLS12})
	for _, x := range []struct {
		name string
		own  []tls.Certificate
		want string
	}{{"with a certificate", []tls.Certificate{client}, "AA"}, {"without", nil, "AR"}} {
		t.Run(x.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", h.addr, &tls.Config{RootCAs: pool, Certificates: x.own, MinVersion: tls.VersionTLS12})
			if err != nil {
				t.Fatal(err)
			}
			c := frames.NewClient(conn, frames.Options{})
			defer func() { _ = c.Close() }()
			if a := ask(t, c, message("LIS", "T1", "")); a.Get("MSA", 1) != x.want {
				t.Error(a.Text)
			}
		})
	}
	if _, ok := seen.Load("lis"); !ok {
		t.Error("the certificate was not seen")
	}
	plain, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if err := frames.Write(plain, message("LIS", "P", ""), time.Second); err != nil {
		t.Fatal(err)
	}
	if f, err := frames.NewReader(plain, frames.Options{First: 5 * time.Second}).Next(); err == nil {
		t.Errorf("plain bytes were answered at the TLS door: %s", f.Message)
	}
}

func BenchmarkExchange(b *testing.B) {
	h := open(b, &house{}, Options{}, nil)
	b.RunParallel(func(pb *testing.PB) {
		c := h.dial(b)
		for pb.Next() {
			if a := ask(b, c, message("LIS", "1", "")); a.Get("MSA", 1) != "AA" {
				b.Fatal(a.Text)
			}
		}
	})
}
