// Files of ECG carts against the real server: sent with images, over lines that break, and as they come into a watched folder.

package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/edge"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

const cartPatient = "马文秀"

// cartFile is the file of a cart.
func cartFile(t *testing.T, format, number string, s synth.Spec) []byte {
	t.Helper()
	s.Patient = tracing.Patient{ID: number, Name: cartPatient, BirthDate: "19580711", Sex: "F"}
	s.At = time.Now().Add(-time.Hour).Truncate(time.Second)
	var b bytes.Buffer
	if err := formats.Write(&b, format, synth.Make(s)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// tracings gives the digests that the centre has of a patient number, each as often as it has it.
func (tr trial) tracings(t *testing.T, number string) []string {
	t.Helper()
	conn, err := grpc.NewClient(tr.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+tr.key)
	found, err := pb.NewEcgServiceClient(conn).SearchTracings(ctx, &pb.SearchTracingsRequest{LocalPatientNumber: number, PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var sums []string
	cases := map[string]bool{}
	for _, x := range found.GetTracings() {
		sums = append(sums, x.GetSha256())
		if x.GetCaseId() == "" || cases[x.GetCaseId()] {
			t.Errorf("tracing %s has no case of its own", x.GetTracingId())
		}
		cases[x.GetCaseId()] = true
	}
	slices.Sort(sums)
	return sums
}

// wantsECGs checks that the centre has exactly these files of a patient number.
func (tr trial) wantsECGs(t *testing.T, number string, files ...[]byte) {
	t.Helper()
	var want []string
	for _, f := range files {
		want = append(want, sumOf(f))
	}
	slices.Sort(want)
	if got := tr.tracings(t, number); !slices.Equal(got, want) {
		t.Errorf("%d tracings at the centre, want %d: %v", len(got), len(want), got)
	}
}

// letter is what else lies in folders: it must not be taken for an ECG.
func letter(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("word/document.xml")
	if err == nil {
		_, err = w.Write([]byte("<w:document>a letter</w:document>"))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (tr trial) allKinds(t *testing.T) {
	dir, receipts := t.TempDir(), t.TempDir()
	const number = "EDGE-ALL"
	var files [][]byte
	for i, format := range []string{"scp", "aecg", "edf", "dicom"} {
		b := cartFile(t, format, number, synth.Spec{Seed: uint64(300 + i)})
		files = append(files, b)
		put(t, filepath.Join(dir, "cart", fmt.Sprint(i, ".dat")), b) // the content tells
	}
	put(t, filepath.Join(dir, "copy of 0"), files[0])
	put(t, filepath.Join(dir, "letter.docx"), letter(t))
	var wide []byte
	for _, u := range utf16.Encode([]rune(strings.Repeat("meeting at ten. ", 200))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	put(t, filepath.Join(dir, "notes.txt"), wide)
	put(t, filepath.Join(dir, "named.scp"), []byte("no SCP at all"))
	hopeless := bytes.Clone(files[0][:200])
	put(t, filepath.Join(dir, "hopeless.scp"), hopeless)
	ct := writeStudy(t, filepath.Join(dir, "ct"), phantom.Spec{Kind: phantom.CTChest, Seed: 371, Count: 4, Rows: 64, Columns: 64})

	out, code := tr.send(t, tr.grpc, dir, "--receipt", receipts)
	if code != 3 || strings.Count(out, "kept aside at the centre as") != 1 || !strings.Contains(out, "hopeless.scp") ||
		!strings.Contains(out, "ECGs 5, kept at the centre 3 (there before 0), refused 1, not sent 0, twins 1") || !strings.Contains(out, "files ignored: 3") {
		t.Errorf("code %d\n%s", code, out)
	}
	tr.wantsECGs(t, number, files...)
	tr.wants(t, phantom.Spec{Kind: phantom.CTChest, Seed: 371}, ct)
	kept, err := filepath.Glob(filepath.Join(receipts, "*_ecg.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("receipts %v %v", kept, err)
	}
	b, err := os.ReadFile(kept[0])
	if err != nil || bytes.Contains(b, []byte(cartPatient)) || bytes.Contains(b, []byte(number)) || bytes.Contains(b, []byte("cart/")) ||
		!bytes.Contains(b, []byte("hopeless.scp")) {
		t.Errorf("receipt %v\n%s", err, b)
	}

	if err := os.Remove(filepath.Join(dir, "hopeless.scp")); err != nil {
		t.Fatal(err)
	}
	line := newLine(t, tr.grpc, 0, 0, 0)
	out, code = tr.send(t, line.addr, dir)
	if code != 0 || !strings.Contains(out, "ECGs 4, kept at the centre 3 (there before 3)") || !strings.Contains(out, "0 B over the line") {
		t.Errorf("second run: code %d\n%s", code, out)
	}
	if n := line.passed.Load(); n > 20_000 {
		t.Errorf("the second run sent %d bytes", n)
	}
}

func (tr trial) cutECGs(t *testing.T) {
	dir := t.TempDir()
	const number = "EDGE-CUT"
	var files [][]byte
	for i := range 12 {
		b := cartFile(t, []string{"scp", "aecg", "edf"}[i%3], number, synth.Spec{Kind: synth.Kinds[i], Seed: uint64(400 + i), Seconds: 30})
		files = append(files, b)
		put(t, filepath.Join(dir, fmt.Sprint(i)), b)
	}
	line := newLine(t, tr.grpc, 0, 30_000, 600_000)
	out, code := tr.send(t, line.addr, dir)
	if code != 0 {
		t.Errorf("code %d\n%s", code, out)
	}
	if line.cuts.Load() < 3 {
		t.Errorf("the line was cut %d times only", line.cuts.Load())
	}
	tr.wantsECGs(t, number, files...)
}

func (tr trial) infarction(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), cartFile(t, "scp", "EDGE-MI", synth.Spec{Kind: synth.STEMIAnterior, Seed: 500}))
	put(t, filepath.Join(dir, "b"), cartFile(t, "scp", "EDGE-MI", synth.Spec{Kind: synth.Normal, Seed: 501}))
	out, code := tr.send(t, tr.grpc, dir, "--quiet")
	if code != 0 || strings.Count(out, "critical value, ECG ") != 1 || !strings.Contains(out, "stemi") {
		t.Errorf("code %d\n%s", code, out)
	}
	out, code = tr.send(t, tr.grpc, dir, "--json")
	var receipt edge.TracingReceipt
	var sum struct {
		Type string
		Code int `json:"exit_code"`
		edge.Summary
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("code %d\n%s", code, out)
	}
	if err := json.Unmarshal([]byte(lines[0]), &receipt); err != nil || len(receipt.Items) != 2 || !receipt.Items[0].Already || receipt.Items[0].TracingID == "" {
		t.Errorf("%v %s", err, lines[0])
	}
	if err := json.Unmarshal([]byte(lines[1]), &sum); err != nil || sum.Type != "summary" || code != 0 || sum.Code != 0 || sum.TracingsAlready != 2 {
		t.Errorf("code %d, %v %s", code, err, lines[1])
	}
}

func (tr trial) noECGs(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		put(t, filepath.Join(dir, fmt.Sprint(i)), cartFile(t, "scp", "EDGE-DENIED", synth.Spec{Seed: uint64(510 + i)}))
	}
	other := tr
	other.key = tr.his
	out, code := other.send(t, tr.grpc, dir)
	if code != 4 || strings.Count(out, "ecg.write") != 1 || !strings.Contains(out, "not sent 3") {
		t.Errorf("code %d\n%s", code, out)
	}
	tr.wantsECGs(t, "EDGE-DENIED")
}

// eventually waits until the centre has as many tracings of a patient number, and checks that they are these files.
func (tr trial) eventually(t *testing.T, number string, files ...[]byte) {
	t.Helper()
	n := len(files)
	for deadline := time.Now().Add(60 * time.Second); len(tr.tracings(t, number)) < n; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d tracings of %s, want %d", len(tr.tracings(t, number)), number, n)
		}
	}
	tr.wantsECGs(t, number, files...)
}

func (tr trial) watched(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	line := newLine(t, tr.grpc, 0, 0, 0)
	t.Setenv("LIANZHEN_EDGE_KEY", tr.key)
	first := cartFile(t, "scp", "WATCH-1", synth.Spec{Seed: 600})
	put(t, filepath.Join(dir, "before"), first)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	both := &transcript{}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"watch", dir, "--to", line.addr, "--insecure", "--state", state, "--lang", "en", "--every", "1s", "--settle", "1s"}, both, both)
	}()
	tr.eventually(t, "WATCH-1", first)

	slow := cartFile(t, "aecg", "WATCH-2", synth.Spec{Seed: 601})
	f, err := os.Create(filepath.Join(dir, "slow"))
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(slow, len(slow)/10+1) { // longer than a look takes, never still
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	tr.eventually(t, "WATCH-2", slow)

	other := cartFile(t, "scp", "WATCH-3", synth.Spec{Kind: synth.STEMIAnterior, Seed: 602})
	put(t, filepath.Join(dir, "before"), other)
	tr.eventually(t, "WATCH-3", other)

	line.away.Store(true)
	late := cartFile(t, "edf", "WATCH-4", synth.Spec{Seed: 603})
	put(t, filepath.Join(dir, "deep", "late"), late)
	writeStudy(t, filepath.Join(dir, "ct"), phantom.Spec{Kind: phantom.CTChest, Seed: 671, Count: 4, Rows: 64, Columns: 64})
	time.Sleep(3 * time.Second)
	line.away.Store(false)
	tr.eventually(t, "WATCH-4", late)

	for deadline := time.Now().Add(60 * time.Second); strings.Count(both.String(), "kept at the centre 4") == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the images do not come\n%s", both.String())
		}
	}
	tr.wantsECGs(t, "WATCH-1", first) // and nothing twice
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("code %d", code)
	}
	if said := both.String(); strings.Count(said, "critical value, ECG ") != 1 || strings.Contains(said, "run the same command") {
		t.Errorf("%s", said)
	}
}

// transcript may be read while the program writes it.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *transcript) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
