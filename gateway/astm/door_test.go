package astm

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// quick are the timers of the analysers here.
var quick = astm.Timers{Reply: 2 * time.Second, Receive: 3 * time.Second, Busy: 30 * time.Millisecond, Contention: 300 * time.Millisecond, Again: 20 * time.Millisecond}

// laboratory is what stands behind the door: what was kept, and what can go wrong.
type laboratory struct {
	t  testing.TB
	mu sync.Mutex

	kept    []string // link and message
	fail    error    // of Accept
	orders  map[string][]observation.Order
	closed  bool // the device was closed
	profile string
	names   map[string]string // of analysers that share the address, to their profile
	dials   []Dial
}

func (l *laboratory) admit(_ context.Context, st Station) (Link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return Link{}, record.Errorf(record.Unauthenticated, "no such device")
	}
	name, profile := "one", l.profile
	if l.names != nil {
		if st.Name == "" {
			return Link{}, ErrNameless
		}
		var ok bool
		if profile, ok = l.names[st.Name]; !ok {
			return Link{}, record.Errorf(record.Unauthenticated, "no such name")
		}
		name = st.Name
	}
	p, err := analyser.Parse([]byte(profile))
	return Link{ID: name, Name: name, Profile: p, ProfileText: profile}, err
}

func (l *laboratory) accept(_ context.Context, link Link, message []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	l.kept = append(l.kept, link.ID+" "+string(message))
	return nil
}

func (l *laboratory) find(_ context.Context, _ Link, barcode string) ([]observation.Order, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if orders, ok := l.orders[barcode]; ok {
		return orders, nil
	}
	return nil, record.Errorf(record.NotFound, "specimen")
}

func (l *laboratory) list(context.Context) ([]Dial, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.dials), nil
}

func (l *laboratory) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.kept)
	slices.Sort(out)
	return out
}

func (l *laboratory) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *laboratory) options() Options {
	return Options{
		Admit: l.admit, Accept: l.accept, Orders: l.find, Dials: l.list, Refresh: 20 * time.Millisecond, Redial: 10 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC) },
	}
}

// open makes a door that listens.
func open(t testing.TB, l *laboratory, change ...func(*Options)) (address string) {
	t.Helper()
	opt := l.options()
	for _, c := range change {
		c(&opt)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := New(opt)
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := d.Serve(ctx, listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	done.Go(func() { d.Run(ctx) })
	t.Cleanup(func() { stop(); done.Wait() })
	return listener.Addr().String()
}

// model is an analyser on a connection.
type model struct {
	*astm.Link
	conn     net.Conn
	received chan string
}

func connect(t testing.TB, address string, opt astm.Options) *model {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return speak(t, conn, opt)
}

func speak(t testing.TB, conn net.Conn, opt astm.Options) *model {
	t.Helper()
	m := &model{conn: conn, received: make(chan string, 16)}
	opt.Role, opt.Timers = astm.Instrument, quick
	m.Link = astm.NewLink(conn, opt, func(_ context.Context, b []byte) error { m.received <- string(b); return nil })
	go func() { _ = m.Run(context.Background()) }()
	t.Cleanup(func() { _ = conn.Close() })
	return m
}

func result(sender, barcode string) string {
	return "H|\\^&|||" + sender + "\rP|1\rO|1|" + barcode + "\rR|1|^^^WBC|8.1|10*9/L||N||F\rL|1|N\r"
}

func TestResultsAreKept(t *testing.T) {
	l := &laboratory{t: t}
	m := connect(t, open(t, l), astm.Options{})
	for _, barcode := range []string{"B1", "B2"} {
		if err := m.Send(t.Context(), []byte(result("XN", barcode))); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"one " + result("XN", "B1"), "one " + result("XN", "B2")}, l.all()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeKeptIsNotAcknowledged(t *testing.T) {
	l := &laboratory{t: t, fail: errors.New("disk full")}
	m := connect(t, open(t, l), astm.Options{})
	if err := m.Send(t.Context(), []byte(result("XN", "B1"))); !errors.Is(err, astm.ErrRefused) {
		t.Errorf("sent with %v", err)
	}
	l.set(func() { l.fail = nil })
	if err := m.Send(t.Context(), []byte(result("XN", "B1"))); err != nil {
		t.Errorf("sent again with %v", err)
	}
	if diff := cmp.Diff([]string{"one " + result("XN", "B1")}, l.all()); diff != "" {
		t.Error(diff)
	}
}

// ended waits for the other side to close the connection.
func ended(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection was not closed: %v", err)
	}
}

func TestStrangersAreClosed(t *testing.T) {
	l := &laboratory{t: t, closed: true}
	conn, err := net.Dial("tcp", open(t, l))
	if err != nil {
		t.Fatal(err)
	}
	ended(t, conn)
}

func TestADeviceClosedMeanwhile(t *testing.T) {
	l := &laboratory{t: t}
	m := connect(t, open(t, l), astm.Options{})
	if err := m.Send(t.Context(), []byte(result("XN", "B1"))); err != nil {
		t.Fatal(err)
	}
	l.set(func() { l.closed = true })
	if err := m.Send(t.Context(), []byte(result("XN", "B2"))); err == nil {
		t.Error("a message was taken")
	}
	if n := len(l.all()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestAnalysersThatShareAnAddress(t *testing.T) {
	l := &laboratory{t: t, names: map[string]string{"XN-1000^7": "based_on: sysmex-xn", "c311": "based_on: roche-cobas-c"}}
	address := open(t, l)
	m := connect(t, address, astm.Options{})
	for _, sender := range []string{"  XN-1000^7", "c311^1"} {
		if err := m.Send(t.Context(), []byte(result(sender, "B1"))); err != nil {
			t.Fatalf("%s: %v", sender, err)
		}
	}
	if diff := cmp.Diff([]string{"XN-1000^7 " + result("  XN-1000^7", "B1"), "c311 " + result("c311^1", "B1")}, l.all()); diff != "" {
		t.Error(diff)
	}
	if err := m.Send(t.Context(), []byte(result("stranger", "B1"))); err == nil {
		t.Error("a stranger's message was taken")
	}
	nameless := connect(t, address, astm.Options{})
	if err := nameless.Send(t.Context(), []byte(result("", "B1"))); err == nil {
		t.Error("a nameless message was taken")
	}
}

func waiting(barcode string) map[string][]observation.Order {
	return map[string][]observation.Order{barcode: {{Specimen: observation.Specimen{ID: barcode}, Items: []observation.Coding{{Code: "WBC"}}}}}
}

func TestQueries(t *testing.T) {
	order := "H|\\^&|||LIANZHEN|||||XN||P|LIS2-A2|20261122090203\rP|1|||||||U\rO|1|B1||^^^WBC|R||||||N||||||||||||||Q\rL|1|N\r"
	none := "H|\\^&|||LIANZHEN|||||XN||P|LIS2-A2|20261122090203\rL|1|I\r"
	for _, x := range []struct {
		name, profile, message string
		opt                    astm.Options
		want                   []string
		kept                   int
	}{
		{name: "a known tube", message: "H|\\^&|||XN\rQ|1|^B1||ALL||||||||O\rL|1|N\r", want: []string{order}},
		{name: "an unknown one", message: "H|\\^&|||XN\rQ|1|^B2||ALL||||||||O\rL|1|N\r", want: []string{none}},
		{name: "two at once", message: "H|\\^&|||XN\rQ|1|^B2\\^B1\rL|1|N\r", want: []string{none, order}},
		{name: "with a result", message: "H|\\^&|||XN\rP|1\rO|1|B9\rR|1|^^^A|1\rQ|1|^B1\rL|1|N\r", want: []string{order}, kept: 1},
		{name: "taken back, then asked", message: "H|\\^&|||XN\rQ|1|^B2||ALL||||||||A\rL|1|N\rH|\\^&|||XN\rQ|1|^B1\rL|1|N\r", want: []string{order}},
		{
			name: "a line of tokens", profile: "profile: t2\nline: {tokens: true}", opt: astm.Options{Tokens: true},
			message: "H|\\^&|||XN\rQ|1|^B1||ALL||||||||O\rL|1|N\r", want: []string{order},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := &laboratory{t: t, orders: waiting("B1"), profile: x.profile}
			m := connect(t, open(t, l), x.opt)
			if err := m.Send(t.Context(), []byte(x.message)); err != nil {
				t.Fatal(err)
			}
			for _, want := range x.want {
				select {
				case got := <-m.received:
					if diff := cmp.Diff(want, got); diff != "" {
						t.Error(diff)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("no answer")
				}
			}
			if n := len(l.all()); n != x.kept {
				t.Errorf("%d messages kept", n)
			}
		})
	}
}

func TestSixteenLinksAtOnce(t *testing.T) {
	l := &laboratory{t: t, orders: waiting("B1")}
	address := open(t, l)
	var wait sync.WaitGroup
	var want []string
	for i := range 16 {
		m := connect(t, address, astm.Options{SendPacked: i%2 == 0})
		for n := range 10 {
			want = append(want, "one "+result(fmt.Sprintf("A%02d", i), fmt.Sprintf("T%02d", n)))
		}
		wait.Go(func() {
			for n := range 10 {
				if err := m.Send(t.Context(), []byte(result(fmt.Sprintf("A%02d", i), fmt.Sprintf("T%02d", n)))); err != nil {
					t.Errorf("link %d: %v", i, err)
				}
			}
			if err := m.Send(t.Context(), []byte("H|\\^&\rQ|1|^B1\rL|1|N\r")); err != nil {
				t.Errorf("link %d: %v", i, err)
			}
			<-m.received
		})
	}
	wait.Wait()
	slices.Sort(want)
	if diff := cmp.Diff(want, l.all()); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyConnections(t *testing.T) {
	l := &laboratory{t: t}
	address := open(t, l, func(o *Options) { o.PerAddress = 2 })
	first, second := connect(t, address, astm.Options{}), connect(t, address, astm.Options{})
	for _, m := range []*model{first, second} { // both have their place
		if err := m.Send(t.Context(), []byte(result("X", "1"))); err != nil {
			t.Fatal(err)
		}
	}
	third, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ended(t, third)
	_ = first.conn.Close()
	for { // the place is free once the door has seen the end
		m := connect(t, address, astm.Options{})
		if err := m.Send(t.Context(), []byte(result("X", "2"))); err == nil {
			return
		}
	}
}

func TestAFlappingLine(t *testing.T) {
	l := &laboratory{t: t}
	address := open(t, l)
	message := result("X", "1")
	var frames []byte
	for _, f := range astm.Frames([]byte(message), 0, false) {
		frames = f.Append(frames)
	}
	for cut := 1; cut < len(frames)-8; cut += 5 { // whatever was said when the line broke
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(append([]byte{5}, frames[:cut]...))
		_ = conn.Close()
	}
	if err := connect(t, address, astm.Options{}).Send(t.Context(), []byte(message)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one " + message}, l.all()); diff != "" {
		t.Error(diff)
	}
}

func TestDialledAnalysers(t *testing.T) {
	l := &laboratory{t: t}
	open(t, l)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := server.Addr().String()
	l.set(func() { l.dials = []Dial{{"xn", address}} })
	for n := range 3 { // the analyser is switched off and on
		conn, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		m := speak(t, conn, astm.Options{})
		if err := m.Send(t.Context(), []byte(result("X", fmt.Sprint(n)))); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	_ = server.Close() // and is away for a while
	time.Sleep(50 * time.Millisecond)
	if server, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l.set(func() { l.dials = nil }) // no longer one of ours
	ended(t, conn)
	if n := len(l.all()); n != 3 {
		t.Errorf("%d messages", n)
	}
}

// certificate makes one that signs itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(made)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestOverTLSACertificateNamesTheAnalyser(t *testing.T) {
	cert, pool := certificate(t)
	l := &laboratory{t: t}
	opt := l.options()
	shown := make(chan Station, 10)
	opt.Admit = func(ctx context.Context, st Station) (Link, error) { shown <- st; return l.admit(ctx, st) }
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_ = New(opt).Serve(ctx, tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven}))
	}()
	conn, err := tls.Dial("tcp", plain.Addr().String(), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	if err := speak(t, conn, astm.Options{}).Send(t.Context(), []byte(result("XN", "B1"))); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.Certificate[0])
	if st := <-shown; st.Certificate != hex.EncodeToString(sum[:]) || st.Address.String() != "127.0.0.1" {
		t.Errorf("shown %+v", st)
	}
}

func BenchmarkQuery(b *testing.B) {
	l := &laboratory{t: b, orders: waiting("B1")}
	m := connect(b, open(b, l), astm.Options{})
	for b.Loop() {
		if err := m.Send(b.Context(), []byte("H|\\^&\rQ|1|^B1\rL|1|N\r")); err != nil {
			b.Fatal(err)
		}
		<-m.received
	}
}

func BenchmarkSixteenLinks(b *testing.B) {
	l := &laboratory{t: b}
	address := open(b, l)
	var models []*model
	for range 16 {
		models = append(models, connect(b, address, astm.Options{SendPacked: true}))
	}
	var wait sync.WaitGroup
	each := b.N/len(models) + 1
	b.ResetTimer()
	for _, m := range models {
		wait.Go(func() {
			for range each {
				if err := m.Send(b.Context(), []byte(result("X", "1"))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}
