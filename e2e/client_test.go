package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// clientCall is a call of a method of dicomweb-client.
type clientCall struct {
	Name    string         `json:"name"`
	Method  string         `json:"method"`
	Options map[string]any `json:"options,omitempty"`
	Send    []string       `json:"send,omitempty"` // files to be stored
	Keep    string         `json:"keep,omitempty"` // folder that the parts are written to, as files 0, 1, …
}

// clientResult is what the call gave: JSON, or parts of a body.
type clientResult struct {
	Value json.RawMessage
	Parts []clientPart
	Error string
}

type clientPart struct {
	Bytes  int
	SHA256 string
}

func partOf(b []byte) clientPart {
	sum := sha256.Sum256(b)
	return clientPart{len(b), hex.EncodeToString(sum[:])}
}

// runClient makes the calls under Node.
func runClient(t testing.TB, root string, calls ...clientCall) map[string]clientResult {
	t.Helper()
	node := Need(t, "node")
	NeedFile(t, "node_modules/dicomweb-client")
	NeedFile(t, "node_modules/xhr2")
	job, err := json.Marshal(map[string]any{"url": root, "calls": calls})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "client.cjs")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(job), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var results map[string]clientResult
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

// clientWorld is what the tests of dicomweb-client store.
type clientWorld struct {
	ct, us, jls study
	document    []byte // an encapsulated PDF in the study of ct
	pdf         []byte
}

func newClientWorld(t testing.TB) clientWorld {
	t.Helper()
	at := time.Date(2026, 4, 7, 10, 0, 0, 0, time.UTC)
	ct := phantom.Spec{
		Kind: phantom.CTChest, Seed: 101, Count: 3, At: at, Rows: 128, Columns: 128,
		Patient: phantom.Patient{Name: "诸葛^亮", ID: "E2EC101", BirthDate: "19810723", Sex: "M"},
	}
	us, jls := ct, ct
	us.Kind, us.Seed, us.Count, us.Rows, us.Columns = phantom.USHeart, 102, 8, 90, 120
	us.Patient = phantom.Patient{Name: "Zhuge^Jin=诸葛^瑾", ID: "E2EC102", BirthDate: "19740101", Sex: "M"}
	jls.Seed, jls.At = 103, at.AddDate(0, 0, 20)
	jls.Patient = phantom.Patient{Name: "黄^月英", ID: "E2EC103", BirthDate: "19830101", Sex: "F"}
	w := clientWorld{
		ct: study{name: "CT", spec: ct}, us: study{name: "US", spec: us},
		jls: study{name: "JPEG-LS", spec: jls, compress: by("dcmcjpls")},
	}
	for _, s := range []*study{&w.ct, &w.us, &w.jls} {
		s.make(t)
	}
	w.pdf = onePage()
	w.document = encapsulatedPDF(t, ct, w.pdf)
	return w
}

func TestDICOMwebClient(t *testing.T) {
	if testing.Short() {
		t.Skip("drives other programs")
	}
	door := openDoor(t)
	s := openSite(t, door.Door)
	w := newClientWorld(t)
	root := s.URL + "/dicomweb"
	defer func() { keepFile(t, "requests.txt", []byte(listing(s.taken()))) }()
	w.stores(t, root)
	t.Run("search", func(t *testing.T) { w.searches(t, root, door.orthanc) })
	t.Run("metadata", func(t *testing.T) { w.metadata(t, root) })
	t.Run("retrieve", func(t *testing.T) { w.retrieves(t, root) })
	t.Run("frames", func(t *testing.T) { w.frames(t, root) })
	t.Run("rendered", func(t *testing.T) { w.rendered(t, root, door.orthanc) })
}

// stores sends everything by storeInstances and wants each object in the answer (PS3.18 table 10.5.3-2).
func (w clientWorld) stores(t *testing.T, root string) {
	t.Helper()
	dir := t.TempDir()
	var files []string
	objects := slices.Concat(w.ct.objects, w.us.objects, w.jls.objects, [][]byte{w.document})
	for i, o := range objects {
		files = append(files, filepath.Join(dir, string(rune('a'+i))))
		if err := os.WriteFile(files[i], o, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ct := map[string]any{"studyInstanceUID": w.ct.spec.StudyUID()}
	results := runClient(
		t, root,
		clientCall{Name: "all", Method: "storeInstances", Send: files},
		clientCall{Name: "into study", Method: "storeInstances", Options: ct, Send: files[:2]},
	)
	for name, n := range map[string]int{"all": len(files), "into study": 2} {
		if results[name].Error != "" {
			t.Fatalf("store %s: %s", name, results[name].Error)
		}
		text := results[name].Value
		var unquoted string
		if json.Unmarshal(text, &unquoted) == nil {
			text = []byte(unquoted)
		}
		var answer dataset
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("store %s: %v: %.300s", name, err, text)
		}
		if got := len(answer["00081199"].Value); got != n {
			t.Errorf("store %s: %d objects are referenced, not %d", name, got, n)
		}
	}
}
