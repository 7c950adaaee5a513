package dimse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// tool finds a program of DCMTK.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("LIANZHEN_TEST_REQUIRE") == "1":
		t.Fatalf("%s is not installed, and LIANZHEN_TEST_REQUIRE=1; run tools/setup", name)
	default:
		t.Skipf("no %s", name)
	}
	return ""
}

// runTool runs a program of DCMTK to its end and gives what it said.
func runTool(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool(t, name), args...).CombinedOutput()
	return string(out), err
}

func mustTool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := runTool(t, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// startTool runs a server of DCMTK on a port of its own until the test ends, and waits until it listens.
func startTool(t testing.TB, name string, args func(port string) []string) (addr string) {
	t.Helper()
	path := tool(t, name)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(addr)
	var out bytes.Buffer
	cmd := exec.Command(path, args(port)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, out.String())
		}
	})
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not listen", name)
	return ""
}

func split(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}

// files writes n CT objects as Part 10 files in implicit little endian and gives their data sets' digests.
func files(t testing.TB, dir string, n, size int) map[dicom.UID][32]byte {
	t.Helper()
	sums := map[dicom.UID][32]byte{}
	for i := range n {
		uid := dicom.UID(fmt.Sprintf("1.2.826.0.1.%d", i+1))
		b, start := part10(t, uid, size, byte(i))
		sums[uid] = sha256.Sum256(b[start:])
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)+".dcm"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sums
}

// part10 makes a file of a square 16-bit image of about size bytes; start is where its data set begins.
func part10(t testing.TB, uid dicom.UID, size int, seed byte) (file []byte, start int) {
	t.Helper()
	side := 2
	for 2*(side+2)*(side+2) <= size {
		side += 2
	}
	pixels := make([]byte, 2*side*side)
	for i := range pixels {
		pixels[i] = byte(i*7) ^ seed
	}
	e := dicom.NewEncoder(dicom.ImplicitLE, "")
	e.Text(dicom.SOPClassUID, string(ctClass))
	e.Text(dicom.SOPInstanceUID, string(uid))
	e.Text(dicom.StudyDate, "20260101")
	e.Text(dicom.Modality, "CT")
	e.Text(dicom.PatientName, "Zhen^Yi")
	e.Text(dicom.PatientID, "P1")
	e.Text(dicom.StudyInstanceUID, "1.2.826.0.2")
	e.Text(dicom.SeriesInstanceUID, "1.2.826.0.3")
	e.Int(dicom.SamplesPerPixel, 1)
	e.Text(dicom.PhotometricInterpretation, "MONOCHROME2")
	for _, v := range []struct {
		tag dicom.Tag
		n   int
	}{
		{dicom.Rows, side}, {dicom.Columns, side}, {dicom.BitsAllocated, 16}, {dicom.BitsStored, 16}, {dicom.HighBit, 15}, {dicom.PixelRepresentation, 0},
	} {
		e.Int(v.tag, v.n)
	}
	e.Bytes(dicom.PixelDataTag, dicom.OW, pixels)
	var b bytes.Buffer
	if err := e.Part10(&b); err != nil {
		t.Fatal(err)
	}
	file = b.Bytes()
	return file, 144 + int(file[140]) + int(file[141])<<8
}

func TestDCMTKEcho(t *testing.T) {
	var ar archive
	ar.serve(t, nil)
	host, port := split(ar.addr)
	mustTool(t, "echoscu", "-aet", "CALLER", "-aec", "ARCHIVE", "--repeat", "3", host, port)
	if err := ar.waitEnd(); err != nil {
		t.Error(err)
	}
	_, _ = runTool(t, "echoscu", "--abort", host, port)
	var abort *AbortError
	if err := ar.waitEnd(); !errors.As(err, &abort) || !abort.Remote {
		t.Errorf("aborted by echoscu: %v", err)
	}
	mustTool(t, "echoscu", "--max-pdu", "4096", "-pts", "20", "-ppc", "100", host, port)
}

func TestDCMTKTermscuIsAnswered(t *testing.T) {
	var ar archive
	ar.serve(t, nil)
	host, port := split(ar.addr)
	out, _ := runTool(t, "termscu", "-v", host, port)
	t.Log(strings.TrimSpace(out))
	if a := dial(t, ar.addr, proposal(Verification), Options{}); a.Echo(t.Context()) != nil {
		t.Error("the server is gone")
	}
}

func TestDCMTKStores(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		size int
	}{
		{"small", nil, 2000},
		{"large, default PDU", nil, 1 << 20},
		{"large, long PDU", []string{"--max-pdu", "131072", "--max-send-pdu", "131072"}, 1 << 20},
		{"required contexts only", []string{"-R"}, 70_000},
		{"combined proposal", []string{"+C", "-xi"}, 70_000},
		{"repeated", []string{"--repeat", "2"}, 70_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ar archive
			ar.serve(t, nil)
			dir := t.TempDir()
			want := files(t, dir, 7, tc.size)
			host, port := split(ar.addr)
			mustTool(t, "storescu", append(tc.args, "-xi", "+sd", host, port, dir)...)
			if err := ar.waitEnd(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, ar.sums()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDCMTKFindMoveGet(t *testing.T) {
	ar := archive{matches: 12}
	ar.serve(t, nil)
	host, port := split(ar.addr)
	for i := range 3 {
		uid := dicom.UID(fmt.Sprintf("1.2.826.0.1.%d", i+1))
		b, start := part10(t, uid, 100_000, byte(i))
		ar.set(func() { ar.objects = append(ar.objects, kept{ctClass, uid, dicom.ImplicitLE, b[start:]}) })
	}
	keys := []string{"-k", "0008,0052=STUDY", "-k", "0020,000D=1.2.826.0.2"}
	out := mustTool(t, "findscu", append([]string{"-v", "-S"}, append(keys, host, port)...)...)
	if n := strings.Count(out, "Find Response"); n < 12 {
		t.Errorf("%d responses\n%s", n, out)
	}
	ar.set(func() { ar.matches = 100_000 })
	out = mustTool(t, "findscu", append([]string{"-v", "-W", "--cancel", "3"}, append(keys, host, port)...)...)
	if !strings.Contains(out, "Cancel") {
		t.Errorf("%s", out)
	}
	dir := t.TempDir()
	mustTool(t, "getscu", append([]string{"-S", "-od", dir}, append(keys, host, port)...)...)
	if n := countFiles(t, dir); n != 3 {
		t.Errorf("getscu wrote %d files", n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, back := split(l.Addr().String())
	_ = l.Close()
	ar.set(func() { ar.peers = map[string]string{"MOVESCU": "127.0.0.1:" + back} })
	moved := t.TempDir()
	mustTool(t, "movescu", append([]string{"-S", "-aem", "MOVESCU", "+P", back, "-od", moved}, append(keys, host, port)...)...)
	if n := countFiles(t, moved); n != 3 {
		t.Errorf("movescu wrote %d files", n)
	}
}

func countFiles(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestDCMTKStorescpTakesOurObjects(t *testing.T) {
	dir := t.TempDir()
	addr := startTool(t, "storescp", func(port string) []string { return []string{"+B", "+xa", "-od", dir, port} })
	a := dial(t, addr, proposal(Verification, ctClass), Options{})
	if err := a.Echo(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{1000, 16384, 1 << 20} {
		uid := dicom.UID(fmt.Sprintf("1.2.826.0.1.%d", i+1))
		b, start := part10(t, uid, n, byte(i))
		s, err := a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: uid, TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(b[start:])})
		if err != nil || s != Success {
			t.Fatal(s, err)
		}
		kept, err := os.ReadFile(filepath.Join(dir, "CT."+string(uid)))
		if err != nil || !bytes.HasSuffix(kept, b[start:]) {
			t.Errorf("kept %d bytes of %d, %v", len(kept), len(b), err)
		}
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDCMTKArchive(t *testing.T) {
	db := t.TempDir()
	var mine archive
	mine.serve(t, nil)
	_, back := split(mine.addr)
	config := filepath.Join(t.TempDir(), "dcmqrscp.cfg")
	text := fmt.Sprintf("NetworkTCPPort = 104\nMaxPDUSize = 65536\nMaxAssociations = 16\nHostTable BEGIN\ntester = (TESTER, 127.0.0.1, %s)\nHostTable END\n"+
		"VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nARCHIVE %s RW (100, 1024mb) ANY\nAETable END\n", back, db)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := startTool(t, "dcmqrscp", func(port string) []string { return []string{"-c", config, port} })
	q := proposal(Verification, ctClass, StudyRootFind, StudyRootMove)
	a := dial(t, addr, q, Options{})
	want := map[dicom.UID][32]byte{}
	for i := range 4 {
		uid := dicom.UID(fmt.Sprintf("1.2.826.0.1.%d", i+1))
		b, start := part10(t, uid, 200_000, byte(i))
		want[uid] = sha256.Sum256(b[start:])
		s, err := a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: uid, TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(b[start:])})
		if err != nil || s != Success {
			t.Fatal(s, err)
		}
	}
	query := attribute(nil, 0x00080052, "IMAGE")
	query = attribute(query, dicom.SOPInstanceUID, "")
	query = attribute(query, dicom.StudyInstanceUID, "1.2.826.0.2\x00")
	query = attribute(query, dicom.SeriesInstanceUID, "1.2.826.0.3\x00")
	find, _ := a.ContextFor(StudyRootFind)
	n := 0
	for match, err := range a.Find(t.Context(), find, query) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(match, []byte("1.2.826.0.1.")) {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d matches", n)
	}
	study := attribute(nil, 0x00080052, "STUDY ")
	study = attribute(study, dicom.StudyInstanceUID, "1.2.826.0.2\x00")
	move, _ := a.ContextFor(StudyRootMove)
	pending := 0
	reply, err := a.Move(t.Context(), move, "TESTER", study, func(SubOperations) { pending++ })
	if err != nil || reply.Sub == nil || reply.Sub.Completed != 4 {
		t.Fatalf("%+v %v", reply, err)
	}
	got := mine.sums()
	if len(got) != 4 || pending == 0 {
		t.Errorf("%d objects came, %d pending responses", len(got), pending)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	getFrom(t, addr, study)
}

// getFrom asks dcmqrscp by C-GET for the four objects.
func getFrom(t *testing.T, addr string, study []byte) {
	t.Helper()
	q := proposal(StudyRootGet, ctClass)
	q.Contexts[1].Roles = &Roles{SCP: true}
	var mine archive
	a := dial(t, addr, q, Options{Handler: mine.handle})
	get, err := a.ContextFor(StudyRootGet)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := a.Get(t.Context(), get, study, nil)
	if err != nil || reply.Sub.Completed != 4 || len(mine.sums()) != 4 {
		t.Errorf("%+v %v, %d came", reply, err, len(mine.sums()))
	}
}

func TestDCMTKWorklist(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "ARCHIVE"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lockfile"} {
		if err := os.WriteFile(filepath.Join(dir, "ARCHIVE", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := startTool(t, "wlmscpfs", func(port string) []string { return []string{"-dfp", dir, port} })
	a := dial(t, addr, proposal(Verification, ModalityWorklistFind), Options{})
	if err := a.Echo(t.Context()); err != nil {
		t.Error(err)
	}
	pc, err := a.ContextFor(ModalityWorklistFind)
	if err != nil {
		t.Fatal(err)
	}
	query := attribute(nil, dicom.PatientName, "")
	for _, err := range a.Find(t.Context(), pc, query) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDCMTKRefusals(t *testing.T) {
	addr := startTool(t, "storescp", func(port string) []string { return []string{"--refuse", "-od", t.TempDir(), port} })
	_, err := Dial(t.Context(), addr, proposal(Verification), Options{})
	var r Rejection
	if !errors.As(err, &r) {
		t.Errorf("refused by storescp: %v", err)
	}
	var ar archive
	ar.serve(t, func(s *Server) {
		s.Admit = func(_ context.Context, q *Request) (Admission, error) {
			if q.CalledAE != "ARCHIVE" {
				return Admission{}, UnknownCalledAE
			}
			return Admission{Principal: q.CallingAE}, nil
		}
	})
	host, port := split(ar.addr)
	out, err := runTool(t, "echoscu", "-aec", "OTHER", host, port)
	if err == nil || !strings.Contains(out, "Called AE Title Not Recognized") {
		t.Errorf("%v %s", err, out)
	}
	mustTool(t, "echoscu", "-aec", "ARCHIVE", host, port)
}
