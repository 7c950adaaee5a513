package exchange

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// site is a centre with an exchange and the devices that it knows.
type site struct {
	*Exchange
	t      testing.TB
	blobs  store.Blobs
	centre *imaging.Centre
	scope  record.Scope // of a technician of Suwu

	mu      sync.Mutex
	devices map[string]Device
}

func scopeOf(i record.InstitutionID) record.Scope {
	return record.Scope{
		Actor:   record.Actor{Kind: record.ActorUser, ID: "user-" + string(i), Institution: i},
		Purpose: record.Treatment, Institutions: []record.InstitutionID{i},
	}
}

func newSite(t testing.TB, db *store.DB, blobs store.Blobs) *site {
	t.Helper()
	storetest.County(t, db)
	spool, err := store.NewSpool(t.TempDir(), blobs, store.SpoolOptions{})
	must(t, err)
	c := imaging.New(db, blobs, spool, reading.NewRoom(db, blobs, reading.Options{}), imaging.Options{Quiet: time.Hour})
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	s := &site{t: t, blobs: blobs, centre: c, scope: scopeOf(storetest.Suwu), devices: map[string]Device{}}
	s.Exchange = s.another(db)
	return s
}

// another is an exchange as a second server would have it over the same stores.
func (s *site) another(db *store.DB) *Exchange {
	return New(db, s.centre, Options{
		Device: s.device, Poll: 10 * time.Millisecond, Pauses: []time.Duration{20 * time.Millisecond}, Lease: 2 * time.Second,
		Dial: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) device(_ context.Context, ae string) (Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.devices[ae]
	if !ok {
		return d, record.Errorf(record.NotFound, "no active device has this AE title")
	}
	return d, nil
}

// know registers a device of Suwu.
func (s *site) know(ae, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := scopeOf(storetest.Suwu)
	own.Actor = record.Actor{Kind: record.ActorDevice, ID: ae, Institution: storetest.Suwu}
	s.devices[ae] = Device{Peer: Peer{AETitle: ae, Address: address}, Institution: storetest.Suwu, Read: own, Write: own}
}

// run works until the test ends or stop is called.
func (s *site) run(x *Exchange) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); x.Run(ctx) }()
	stop = func() { cancel(); <-done }
	s.t.Cleanup(stop)
	return stop
}

// keep accepts objects and gives the UID of their study.
func (s *site) keep(objects ...[]byte) dicom.UID {
	s.t.Helper()
	var study dicom.UID
	for _, b := range objects {
		got, err := s.centre.Accept(context.Background(), s.scope, imaging.Source{Reader: bytes.NewReader(b), Size: int64(len(b))})
		must(s.t, err)
		study = got.StudyUID
	}
	return study
}

func study(seed uint64, n int) [][]byte {
	var out [][]byte
	for _, write := range phantom.Study(phantom.Spec{
		Kind: phantom.CTChest, Seed: seed, Count: n, Rows: 64, Columns: 64, Accession: "A1", At: time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC),
		Patient: phantom.Patient{Name: "Wang^Xiaoming=王^小明", ID: "P001", BirthDate: "19800307", Sex: "M"},
	}) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			panic(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

// forward queues a study and waits for its end when wait is set.
func (s *site) forward(uid dicom.UID, to string, change ...func(*ForwardRequest)) Transfer {
	s.t.Helper()
	r := ForwardRequest{Objects: []imaging.UIDs{{Study: uid}}, To: to}
	for _, c := range change {
		c(&r)
	}
	all, err := s.Forward(context.Background(), s.scope, r)
	must(s.t, err)
	return all[0]
}

// ended waits until a transfer has ended.
func (s *site) ended(id TransferID) Transfer {
	s.t.Helper()
	return s.until(id, Transfer.Ended)
}

func (s *site) until(id TransferID, is func(Transfer) bool) Transfer {
	s.t.Helper()
	for range 6000 {
		t, err := s.Transfer(context.Background(), s.scope, id)
		must(s.t, err)
		if is(t) {
			return t
		}
		time.Sleep(10 * time.Millisecond)
	}
	t, _ := s.Transfer(context.Background(), s.scope, id)
	s.t.Fatalf("transfer does not come so far: %+v", t)
	return t
}

// sink is a destination in this process.
type sink struct {
	t    testing.TB
	addr string

	// answer gives the status for an object; nil: Success. It may block.
	answer func(uid dicom.UID, before int) dimse.Status
	event  dimse.Handler // of storage commitment

	mu     sync.Mutex
	got    map[dicom.UID]int
	open   map[dicom.UID]bool
	twice  []dicom.UID // received while it was being received
	stored map[dicom.UID][]byte
}

func newSink(t testing.TB) *sink {
	return &sink{t: t, got: map[dicom.UID]int{}, open: map[dicom.UID]bool{}, stored: map[dicom.UID][]byte{}}
}

func (k *sink) serve() *sink {
	k.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(k.t, err)
	return k.serveOn(l)
}

func (k *sink) serveOn(l net.Listener) *sink {
	k.addr = l.Addr().String()
	srv := &dimse.Server{
		Options: dimse.Options{Handler: k.handle}, Grace: time.Second,
		Accept: func(_ *dimse.Request, p *dimse.Proposal) dimse.Answer {
			a := dimse.Choose(p, p.TransferSyntaxes...)
			a.Roles = p.Roles
			return a
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ctx, l) }()
	k.t.Cleanup(func() { cancel(); <-done })
	return k
}

func (k *sink) handle(ctx context.Context, a *dimse.Association, m *dimse.Message) error {
	switch {
	case m.Field == dimse.CEchoRQ:
		return m.Reply(ctx, dimse.Success)
	case m.Field != dimse.CStoreRQ:
		return k.event(ctx, a, m)
	}
	b, err := io.ReadAll(m.Data)
	if err != nil {
		return err
	}
	k.mu.Lock()
	before := k.got[m.SOPInstance]
	k.got[m.SOPInstance]++
	if k.open[m.SOPInstance] {
		k.twice = append(k.twice, m.SOPInstance)
	}
	k.open[m.SOPInstance] = true
	k.stored[m.SOPInstance] = b
	k.mu.Unlock()
	status := dimse.Success
	if k.answer != nil {
		status = k.answer(m.SOPInstance, before)
	}
	k.mu.Lock()
	delete(k.open, m.SOPInstance)
	k.mu.Unlock()
	return m.Reply(ctx, status)
}

func (k *sink) counts() (objects, stores int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.got {
		stores += n
	}
	return len(k.got), stores
}

// freePort is one that nothing listens on now.
func freePort(t testing.TB) (address, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, _ = net.SplitHostPort(l.Addr().String())
	must(t, l.Close())
	return "127.0.0.1:" + port, port
}

// tool finds one of DCMTK's.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("LIANZHEN_TEST_REQUIRE") != "" {
			t.Fatalf("no %s", name)
		}
		t.Skipf("no %s", name)
	}
	return path
}

// daemon starts a program that listens on an address, and ends it with the test.
func daemon(t testing.TB, address, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second // forked children may hold the pipe
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(name, out.String())
		}
	})
	for range 500 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not listen: %s", name, out.String())
}

// storescp starts DCMTK's with options, registers it and gives the folder that it fills.
func (s *site) storescp(ae string, options ...string) string {
	s.t.Helper()
	address, port := freePort(s.t)
	dir := s.t.TempDir()
	daemon(s.t, address, "storescp", append(options, "-aet", ae, "-od", dir, port)...)
	s.know(ae, address)
	return dir
}

// dataSets are the objects of a folder behind their file meta information, by SOP Instance UID.
func dataSets(t testing.TB, dir string) map[dicom.UID][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	out := map[dicom.UID][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		must(t, err)
		uid, body := split(t, b)
		out[uid] = body
	}
	return out
}

func split(t testing.TB, b []byte) (dicom.UID, []byte) {
	t.Helper()
	o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{})
	must(t, err)
	return o.Header.SOPInstanceUID, b[o.DataSetOffset():]
}
