// The program against the real server: the trial of cmd/lianzhen, over lines that break.

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// trial is a running `lianzhen demo`.
type trial struct {
	bin, grpc, key string
	his            string // a key that reads and sends nothing
}

// start builds the programs and runs the trial once for all subtests.
func start(t *testing.T) trial {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the server")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "../lianzhen", ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	data := filepath.Join(dir, "data")
	server := exec.Command(filepath.Join(dir, "lianzhen"), "demo", "--data", data, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
	var said bytes.Buffer
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	var file struct {
		GRPC string
		Keys []struct{ Name, Key string }
	}
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(data, "demo.json"))
		if err == nil {
			if err := json.Unmarshal(b, &file); err != nil {
				t.Fatal(err)
			}
			break
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("server: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the server does not get ready")
		}
	}
	tr := trial{bin: filepath.Join(dir, "lianzhen-edge"), grpc: file.GRPC, key: file.Keys[0].Key}
	for _, k := range file.Keys {
		if strings.HasSuffix(k.Name, "-his") {
			tr.his = k.Key
		}
	}
	return tr
}

func TestAgainstTheServer(t *testing.T) {
	tr := start(t)
	t.Run("a cut line loses nothing and doubles nothing", tr.cutLine)
	t.Run("a cut line loses nothing of what is shrunk", tr.cutShrunk)
	t.Run("a killed sender continues", tr.killed)
	t.Run("hostile files do not keep good ones back", tr.hostile)
	t.Run("a wrong key says so at once", tr.wrongKey)
	t.Run("a folder of all kinds arrives once, each in its way", tr.allKinds)
	t.Run("a cut line loses no ECG and doubles none", tr.cutECGs)
	t.Run("an infarction is said at once", tr.infarction)
	t.Run("a key without ECGs is told what is missing", tr.noECGs)
	t.Run("what comes into a watched folder is sent", tr.watched)
}

func (tr trial) cutLine(t *testing.T) {
	dir := t.TempDir()
	ct := writeStudy(t, filepath.Join(dir, "ct"), phantom.Spec{Kind: phantom.CTChest, Seed: 71, Count: 120, Rows: 256, Columns: 256})
	us := writeStudy(t, filepath.Join(dir, "us"), phantom.Spec{Kind: phantom.USHeart, Seed: 72, Count: 20, Gray: true})
	line := newLine(t, tr.grpc, 0, 300_000, 3_000_000)

	out, code := tr.send(t, line.addr, dir)
	if code != 0 {
		t.Fatalf("code %d\n%s", code, out)
	}
	if line.cuts.Load() < 4 {
		t.Errorf("the line was cut %d times only", line.cuts.Load())
	}
	tr.wants(t, phantom.Spec{Kind: phantom.CTChest, Seed: 71}, ct)
	tr.wants(t, phantom.Spec{Kind: phantom.USHeart, Seed: 72}, us)

	out, code = tr.send(t, tr.grpc, dir)
	if code != 0 || !strings.Contains(out, "there before 121") || !strings.Contains(out, "0 B over the line") {
		t.Errorf("second run: code %d\n%s", code, out)
	}
}

func (tr trial) cutShrunk(t *testing.T) {
	dir := t.TempDir()
	ct := writeStudy(t, filepath.Join(dir, "ct"), phantom.Spec{Kind: phantom.CTChest, Seed: 81, Count: 60, Rows: 256, Columns: 256})
	us := writeStudy(t, filepath.Join(dir, "us"), phantom.Spec{Kind: phantom.USHeart, Seed: 82, Count: 40, Gray: true})
	line := newLine(t, tr.grpc, 0, 300_000, 1_500_000)

	out, code := tr.send(t, line.addr, dir, "--compress=jpeg-ls")
	if code != 0 || !strings.Contains(out, "spared by shrinking") {
		t.Fatalf("code %d\n%s", code, out)
	}
	if line.cuts.Load() < 4 {
		t.Errorf("the line was cut %d times only", line.cuts.Load())
	}
	tr.wants(t, phantom.Spec{Kind: phantom.CTChest, Seed: 81}, ct)
	tr.wants(t, phantom.Spec{Kind: phantom.USHeart, Seed: 82}, us)

	out, code = tr.send(t, tr.grpc, dir)
	if code != 0 || !strings.Contains(out, "there before 61") || !strings.Contains(out, "0 B over the line") {
		t.Errorf("second run: code %d\n%s", code, out)
	}
}

func (tr trial) killed(t *testing.T) {
	dir := t.TempDir()
	files := writeStudy(t, dir, phantom.Spec{Kind: phantom.CTChest, Seed: 73, Count: 150, Rows: 256, Columns: 256}) // 20 MB
	line := newLine(t, tr.grpc, 4<<20, 0, 0)
	state := t.TempDir()
	args := []string{"send", dir, "--compress=jpeg-ls", "--to", line.addr, "--insecure", "--state", state, "--lang", "en"}
	first := exec.Command(tr.bin, args...)
	first.Env = append(os.Environ(), "LIANZHEN_EDGE_KEY="+tr.key)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for line.passed.Load() < 3<<20 { // of the 8 MB that it shrinks to
		time.Sleep(5 * time.Millisecond)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	before := line.passed.Load()

	second := exec.Command(tr.bin, args...)
	second.Env = append(os.Environ(), "LIANZHEN_EDGE_KEY="+tr.key)
	out, err := second.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tr.wants(t, phantom.Spec{Kind: phantom.CTChest, Seed: 73}, files)
	if again := line.passed.Load() - before; again > 7<<20 {
		t.Errorf("the second run sent %d bytes after %d of the first", again, before)
	}
}

func (tr trial) hostile(t *testing.T) {
	dir := t.TempDir()
	good := writeStudy(t, dir, phantom.Spec{Kind: phantom.CTChest, Seed: 74, Count: 8, Rows: 64, Columns: 64})
	whole, err := os.ReadFile(filepath.Join(dir, "CT0002.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(whole)
	other[len(other)-1] ^= 0x55 // the same UID with other pixels: only the centre can tell
	for name, b := range map[string][]byte{
		"notes.txt": []byte("not an image"), "cut.dcm": whole[:len(whole)/2], "other.dcm": other,
		"noise.dcm": append(append(make([]byte, 128), "DICM"...), bytes.Repeat([]byte{0xFE, 0xFF}, 4000)...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, code := tr.send(t, tr.grpc, dir)
	if code != 3 || !strings.Contains(out, "AlreadyExists") || !strings.Contains(out, "truncated") || !strings.Contains(out, "notes.txt") {
		t.Errorf("code %d\n%s", code, out)
	}
	if n := len(tr.instances(t, phantom.Spec{Kind: phantom.CTChest, Seed: 74})); n != len(good) {
		t.Errorf("%d instances at the centre, want %d", n, len(good))
	}
}

func (tr trial) wrongKey(t *testing.T) {
	dir := t.TempDir()
	writeStudy(t, dir, phantom.Spec{Kind: phantom.CTChest, Seed: 75, Count: 2, Rows: 16, Columns: 16})
	tr.key = tr.key[:len(tr.key)-4] + "AAAA"
	begun := time.Now()
	out, code := tr.send(t, tr.grpc, dir)
	if code != 4 || !strings.Contains(out, "Unauthenticated") || time.Since(begun) > 5*time.Second {
		t.Errorf("code %d after %v\n%s", code, time.Since(begun), out)
	}
}

// send runs the program in this process.
func (tr trial) send(t *testing.T, to string, paths ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	both := &locked{w: &out}
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(tr.key), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"send", "--to", to, "--key-file", keyFile, "--insecure", "--state", t.TempDir(), "--lang", "en", "--timeout", "1m"}, paths...)
	code := run(t.Context(), args, both, both)
	return out.String(), code
}

// locked lets several goroutines write into one buffer.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// writeStudy writes a phantom study and returns the digests of its files.
func writeStudy(t *testing.T, dir string, s phantom.Spec) map[string]bool {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	sums := map[string]bool{}
	for name, fill := range phantom.Study(s) {
		var b bytes.Buffer
		if err := fill(&b); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b.Bytes())
		sums[hex.EncodeToString(sum[:])] = true
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sums
}

// wants checks that the centre has exactly these objects of the study.
func (tr trial) wants(t *testing.T, s phantom.Spec, want map[string]bool) {
	t.Helper()
	got := tr.instances(t, s)
	seen := map[string]bool{}
	for _, i := range got {
		if seen[i.GetSha256()] || !want[i.GetSha256()] {
			t.Errorf("instance %s is there twice or is none of ours", i.GetInstanceId())
		}
		seen[i.GetSha256()] = true
	}
	if len(got) != len(want) {
		t.Errorf("%d instances at the centre, want %d", len(got), len(want))
	}
}

func (tr trial) instances(t *testing.T, s phantom.Spec) []*pb.Instance {
	t.Helper()
	conn, err := grpc.NewClient(tr.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+tr.key)
	client := pb.NewImagingServiceClient(conn)
	found, err := client.SearchStudies(ctx, &pb.SearchStudiesRequest{StudyInstanceUid: string(s.StudyUID())})
	if err != nil || len(found.GetStudies()) != 1 {
		t.Fatalf("study: %v %v", found, err)
	}
	if !found.GetStudies()[0].GetComplete() {
		t.Error("the study is not complete")
	}
	all, err := client.ListInstances(ctx, &pb.ListInstancesRequest{StudyId: found.GetStudies()[0].GetStudyId(), PageSize: 10000})
	if err != nil {
		t.Fatal(err)
	}
	return all.GetInstances()
}

// line is a proxy that is slow, or cuts its first connections after a random number of bytes.
type line struct {
	addr   string
	cuts   atomic.Int32
	passed atomic.Int64
	away   atomic.Bool // nothing gets through
}

const mostCuts = 12

func newLine(t *testing.T, to string, bytesPerSecond, low, high int) *line {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	l := &line{addr: lis.Addr().String()}
	rnd := rand.New(rand.NewPCG(7, 7))
	go func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			if l.away.Load() {
				c.Close()
				continue
			}
			limit := int64(1) << 60
			if high > low && l.cuts.Load() < mostCuts {
				limit = int64(low + rnd.IntN(high-low))
			}
			go l.forward(c, to, limit, bytesPerSecond)
		}
	}()
	return l
}

func (l *line) forward(c net.Conn, to string, limit int64, bytesPerSecond int) {
	defer c.Close()
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		_, _ = io.Copy(c, up)
		c.Close()
	}()
	buf := make([]byte, 32<<10)
	for limit > 0 {
		n, err := c.Read(buf[:min(int64(len(buf)), limit)])
		if err != nil || l.away.Load() {
			return
		}
		limit -= int64(n)
		l.passed.Add(int64(n))
		if bytesPerSecond > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(bytesPerSecond))
		}
		if _, err := up.Write(buf[:n]); err != nil {
			return
		}
	}
	l.cuts.Add(1)
}
