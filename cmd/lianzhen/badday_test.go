// The bad days: the server killed in the middle of uploads, its object store away, its disk full, two of it at once.
// Each runs the real program as a process and talks to its real doors.

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/edge"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lianzhen-program")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "lianzhen")
	text, err := exec.Command("go", "build", "-o", out, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w", text, err)
	}
	return out, nil
})

// served is a running `lianzhen serve`.
type served struct {
	cmd        *exec.Cmd
	data       string
	grpc, http string
	dimse      string
	mllp, astm string
	env        []string
	log        *bytes.Buffer
}

func serve(t testing.TB, data string, env ...string) *served {
	t.Helper()
	s := &served{data: data, grpc: storetest.FreeAddr(t), http: storetest.FreeAddr(t), dimse: storetest.FreeAddr(t), mllp: storetest.FreeAddr(t), astm: storetest.FreeAddr(t), env: env}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *served) start(t testing.TB) {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(bin, "serve", "--data", s.data, "--grpc", s.grpc, "--http", s.http, "--dimse", s.dimse, "--mllp", s.mllp, "--astm", s.astm, "--ops", storetest.FreeAddr(t))
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		res, err := http.Get("http://" + s.http + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.kill()
	t.Fatalf("the server does not become ready:\n%s", s.log)
}

// kill ends the server as a power cut would.
func (s *served) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// admin runs a subcommand over the same data and gives its output and exit code.
func (s *served) admin(t testing.TB, args ...string) (string, int) {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, append(append([]string{"admin"}, args...), "--data", s.data)...)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// seed makes the county and a key of one township that may do everything with images.
func seed(t testing.TB, data, database string) (key string) {
	t.Helper()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	keys, err := store.OpenKeys(filepath.Join(data, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if database == "" {
		database = "sqlite:" + filepath.Join(data, "index.sqlite")
	}
	db, err := store.Open(t.Context(), database, store.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	storetest.County(t, db)
	s := record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "test", Institution: authz.Root}}
	_, key, err = authz.NewBook(db, keys).CreateKey(t.Context(), s, authz.APIKey{
		Name: "test", Institution: storetest.Suwu, Scopes: []string{"imaging:write", "imaging:read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ctSlices(seed uint64, n, edgePixels int) [][]byte {
	var out [][]byte
	spec := phantom.Spec{
		Kind: phantom.CTChest, Seed: seed, Count: n, Rows: edgePixels, Columns: edgePixels,
		Patient: phantom.Patient{Name: "Zhao^San=赵^三", ID: fmt.Sprintf("Z%d", seed), BirthDate: "19750101", Sex: "F"},
		At:      time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC),
	}
	for _, write := range phantom.Study(spec) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			panic(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

// client speaks the upload service.
type client struct {
	conn *grpc.ClientConn
	up   pb.UploadServiceClient
	img  pb.ImagingServiceClient
	key  string
}

func dial(t testing.TB, addr, key string) *client {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{conn, pb.NewUploadServiceClient(conn), pb.NewImagingServiceClient(conn), key}
}

func (c *client) ctx(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key)
}

// send pushes objects over one stream until the line breaks, and tells acked of each that the server says it keeps.
func (c *client) send(ctx context.Context, objects [][]byte, acked func(object []byte, r *pb.UploadStored), failed func(*pb.UploadFailure)) error {
	stream, err := c.up.Upload(c.ctx(ctx))
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		for range objects {
			r, err := stream.Recv()
			if err != nil {
				done <- err
				return
			}
			if st := r.GetStored(); st != nil {
				acked(objects[r.GetHandle()-1], st)
			} else if failed != nil {
				failed(r.GetFailure())
			}
		}
		done <- nil
	}()
	for i, o := range objects {
		if err := sendObject(stream, uint32(i+1), o); err != nil {
			break // Recv tells why
		}
	}
	_ = stream.CloseSend()
	return <-done
}

func sendObject(stream grpc.BidiStreamingClient[pb.UploadRequest, pb.UploadResponse], h uint32, o []byte) error {
	begin := &pb.UploadBegin{Size: int64(len(o)), Sha256: sum(o)}
	if err := stream.Send(&pb.UploadRequest{Handle: h, Frame: &pb.UploadRequest_Begin{Begin: begin}}); err != nil {
		return err
	}
	for len(o) > 0 {
		n := min(len(o), 128<<10)
		if err := stream.Send(&pb.UploadRequest{Handle: h, Frame: &pb.UploadRequest_Data{Data: o[:n]}}); err != nil {
			return err
		}
		o = o[n:]
	}
	return stream.Send(&pb.UploadRequest{Handle: h, Frame: &pb.UploadRequest_End{End: &pb.UploadEnd{}}})
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// kept asks for the state of every object and counts those that are stored.
func (c *client) kept(t testing.TB, objects [][]byte) int {
	t.Helper()
	n := 0
	for len(objects) > 0 {
		part := objects[:min(1000, len(objects))]
		objects = objects[len(part):]
		req := &pb.HaveRequest{}
		for _, o := range part {
			req.Objects = append(req.Objects, &pb.ObjectDigest{Sha256: sum(o), Size: int64(len(o))})
		}
		res, err := c.up.Have(c.ctx(t.Context()), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range res.GetStates() {
			if s.GetState() == pb.ObjectState_STATE_STORED {
				n++
			}
		}
	}
	return n
}

func (c *client) fetch(t testing.TB, id string) []byte {
	t.Helper()
	stream, err := c.img.FetchInstance(c.ctx(t.Context()), &pb.FetchInstanceRequest{InstanceId: id})
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for {
		chunk, err := stream.Recv()
		if err == io.EOF {
			return b
		}
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, chunk.GetData()...)
	}
}

func TestNothingAcknowledgedIsLostWhenTheServerIsKilledFiftyTimes(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	data := t.TempDir()
	key := seed(t, data, "")
	s := serve(t, data)
	var mu sync.Mutex
	acked := map[string]string{} // digest -> instance
	var all [][]byte
	for round := range rounds {
		if round > 0 {
			s.start(t)
		}
		c := dial(t, s.grpc, key)
		var g sync.WaitGroup
		for w := range 2 {
			objects := ctSlices(uint64(round*2+w+1), 40, 128)
			all = append(all, objects...)
			g.Go(func() {
				_ = c.send(t.Context(), objects, func(o []byte, r *pb.UploadStored) {
					mu.Lock()
					defer mu.Unlock()
					acked[sum(o)] = r.GetInstanceId()
				}, nil)
			})
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		s.kill()
		g.Wait()
	}
	s.start(t)
	c := dial(t, s.grpc, key)
	for _, o := range all {
		if id, ok := acked[sum(o)]; ok && !bytes.Equal(c.fetch(t, id), o) {
			t.Fatalf("instance %s is not what was acknowledged", id)
		}
	}
	kept := c.kept(t, all)
	if kept < len(acked) {
		t.Fatalf("%d acknowledged, %d kept", len(acked), kept)
	}
	if out, code := s.admin(t, "fsck"); code != 0 {
		t.Fatalf("fsck: exit %d\n%s", code, out)
	}
	if out, code := s.admin(t, "verify-audit"); code != 0 {
		t.Fatalf("verify-audit: exit %d\n%s", code, out)
	}
	for range 3 { // whoever tries again gets it all there
		if err := c.send(t.Context(), all, func([]byte, *pb.UploadStored) {}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if kept := c.kept(t, all); kept != len(all) {
		t.Fatalf("%d of %d after sending again", kept, len(all))
	}
	t.Logf("%d kills: %d objects sent, %d acknowledged, %d kept, none lost", rounds, len(all), len(acked), kept)
}

// minio is an object store of the test's own, so that it can be taken away.
type minio struct {
	t         testing.TB
	dir, addr string
	cmd       *exec.Cmd
}

func startMinio(t testing.TB) *minio {
	t.Helper()
	if os.Getenv("LIANZHEN_TEST_MINIO") == "" {
		if os.Getenv("LIANZHEN_TEST_REQUIRE") == "1" {
			t.Fatal("LIANZHEN_TEST_MINIO is not set")
		}
		t.Skip("LIANZHEN_TEST_MINIO names no MinIO program (make test sets it)")
	}
	m := &minio{t: t, dir: t.TempDir(), addr: storetest.FreeAddr(t)}
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *minio) start() {
	m.t.Helper()
	m.cmd = exec.Command(os.Getenv("LIANZHEN_TEST_MINIO"), "server", m.dir, "--address", m.addr)
	m.cmd.Env = append(os.Environ(), "MINIO_ROOT_USER=minioadmin", "MINIO_ROOT_PASSWORD=minioadmin", "MINIO_UPDATE=off", "MINIO_BROWSER=off")
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for range 200 {
		res, err := http.Get("http://" + m.addr + "/minio/health/ready")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	m.t.Fatal("MinIO does not become ready")
}

func (m *minio) stop() {
	if m.cmd.ProcessState == nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	}
}

func (m *minio) env() []string {
	return []string{
		"LIANZHEN_STORAGE_S3_ENDPOINT=" + m.addr, "LIANZHEN_STORAGE_S3_ACCESS_KEY=minioadmin",
		"LIANZHEN_STORAGE_S3_SECRET_KEY=minioadmin", "LIANZHEN_STORAGE_S3_SECURE=false",
	}
}

func writeFiles(t testing.TB, objects [][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, o := range objects {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d.dcm", i)), o, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEverythingArrivesOnceThoughTheObjectStoreIsAwayForTwentySeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	m := startMinio(t)
	data := t.TempDir()
	key := seed(t, data, "")
	s := serve(t, data, m.env()...)
	objects := append(ctSlices(1, 60, 256), ctSlices(2, 60, 256)...)
	var unavailable sync.Map
	c := dial(t, s.grpc, key)
	m.stop()
	err := c.send(t.Context(), objects[:2], func([]byte, *pb.UploadStored) { t.Error("acknowledged without an object store") },
		func(f *pb.UploadFailure) { unavailable.Store(codes.Code(f.GetCode()), true) })
	if _, ok := unavailable.Load(codes.Unavailable); err != nil || !ok {
		t.Fatalf("a sender is not told Unavailable: %v", err)
	}
	sender, err := edge.New(edge.Config{To: s.grpc, Key: key, StateDir: t.TempDir(), Timeout: 2 * time.Minute, RetryMax: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	go func() {
		time.Sleep(20 * time.Second)
		m.start()
	}()
	got, err := sender.Send(t.Context(), writeFiles(t, objects))
	if err != nil || got.Stored != len(objects) || got.Code() != 0 {
		t.Fatalf("sent %+v, %v", got, err)
	}
	if kept := c.kept(t, objects); kept != len(objects) {
		t.Fatalf("%d of %d kept", kept, len(objects))
	}
	studies, err := c.img.SearchStudies(c.ctx(t.Context()), &pb.SearchStudiesRequest{})
	if err != nil || len(studies.GetStudies()) != 2 || studies.GetStudies()[0].GetInstanceCount() != 60 {
		t.Fatalf("studies %v, %v", studies, err)
	}
	if out, code := s.admin(t, "fsck"); code != 0 {
		t.Fatalf("fsck: exit %d\n%s", code, out)
	}
}

func TestAFullDiskIsUnavailableAndHarmsNothing(t *testing.T) {
	data := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", data).CombinedOutput(); err != nil {
		t.Skipf("no small disk to be had here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", data).Run() })
	key := seed(t, data, "")
	s := serve(t, data)
	c := dial(t, s.grpc, key)
	objects := ctSlices(1, 60, 512) // 31 MB
	var mu sync.Mutex
	acked, failures := map[string]string{}, map[codes.Code]int{}
	err := c.send(t.Context(), objects, func(o []byte, r *pb.UploadStored) {
		mu.Lock()
		defer mu.Unlock()
		acked[sum(o)] = r.GetInstanceId()
	}, func(f *pb.UploadFailure) {
		mu.Lock()
		defer mu.Unlock()
		failures[codes.Code(f.GetCode())]++
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(acked) == 0 || failures[codes.Unavailable] == 0 || len(failures) != 1 {
		t.Fatalf("%d kept, refused %v", len(acked), failures)
	}
	s.kill()
	if out, err := exec.Command("mount", "-o", "remount,size=128m", data).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	s.start(t)
	c = dial(t, s.grpc, key)
	if out, code := s.admin(t, "fsck"); code != 0 {
		t.Fatalf("fsck: exit %d\n%s", code, out)
	}
	// Not before: without room for its event nothing is read either.
	for _, o := range objects {
		if id, ok := acked[sum(o)]; ok && !bytes.Equal(c.fetch(t, id), o) {
			t.Fatalf("instance %s is not what was acknowledged", id)
		}
	}
	if err := c.send(t.Context(), objects, func([]byte, *pb.UploadStored) {}, nil); err != nil || c.kept(t, objects) != len(objects) {
		t.Fatalf("with room again: %v", err)
	}
}

func TestTwoServersServeTheSameData(t *testing.T) {
	m := startMinio(t)
	database := storetest.PostgresURL(t)
	data := t.TempDir()
	key := seed(t, data, database)
	other := t.TempDir()
	if err := os.CopyFS(filepath.Join(other, "keys"), os.DirFS(filepath.Join(data, "keys"))); err != nil {
		t.Fatal(err)
	}
	env := append(m.env(), "LIANZHEN_DATABASE_URL="+database)
	one, two := serve(t, data, env...), serve(t, other, env...)
	a, b := dial(t, one.grpc, key), dial(t, two.grpc, key)
	objects := ctSlices(1, 40, 128)
	var g sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]string{}
	for i, c := range []*client{a, b} { // the same study by both, overlapping
		g.Go(func() {
			err := c.send(t.Context(), objects[i*10:30+i*10], func(o []byte, r *pb.UploadStored) {
				mu.Lock()
				defer mu.Unlock()
				if had, ok := ids[sum(o)]; ok && had != r.GetInstanceId() {
					t.Errorf("one object, two instances %s and %s", had, r.GetInstanceId())
				}
				ids[sum(o)] = r.GetInstanceId()
			}, func(f *pb.UploadFailure) { t.Errorf("refused: %s", f.GetReason()) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	for _, o := range objects {
		for _, c := range []*client{a, b} {
			if !bytes.Equal(c.fetch(t, ids[sum(o)]), o) {
				t.Fatal("bytes differ")
			}
		}
	}
	studies, err := a.img.SearchStudies(a.ctx(t.Context()), &pb.SearchStudiesRequest{})
	if err != nil || len(studies.GetStudies()) != 1 || studies.GetStudies()[0].GetInstanceCount() != 40 {
		t.Fatalf("studies %v, %v", studies, err)
	}
	one.kill() // and one of them is enough
	if !bytes.Equal(b.fetch(t, ids[sum(objects[0])]), objects[0]) {
		t.Fatal("bytes differ")
	}
	if out, code := two.admin(t, "fsck"); code != 0 || !strings.Contains(out, "40") {
		t.Fatalf("fsck: exit %d\n%s", code, out)
	}
}
