package dicom

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// corpus is where sample objects lie beside the checkout; the tests that want them skip without.
const corpus = "../../../shared/data/imaging"

// eachSample calls see for every file of the corpus that has DICM where Part 10 wants it.
func eachSample(t *testing.T, see func(name string, raw []byte)) {
	t.Helper()
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus at " + corpus)
	}
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if len(raw) > 132 && string(raw[128:132]) == "DICM" || strings.HasSuffix(path, ".dcm") {
			see(path[len(corpus)+1:], raw)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCorpusAcceptedFilesHaveHeaderAndJSON(t *testing.T) {
	accepted := 0
	eachSample(t, func(name string, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{HeaderOnly: true})
		if err != nil {
			return
		}
		accepted++
		check(t, name, obj)
		if !obj.Deflated && obj.Size != int64(len(raw)) {
			t.Errorf("%s: size %d of %d", name, obj.Size, len(raw))
		}
		if _, err := obj.Header.Library(); err != nil {
			t.Errorf("%s: library: %v", name, err)
		}
	})
	t.Log("accepted", accepted)
}

// check holds what every accepted object must be good for.
func check(t *testing.T, name string, obj *Object) {
	t.Helper()
	h := obj.Header
	for _, u := range []UID{h.SOPClassUID, h.SOPInstanceUID, h.StudyUID, h.SeriesUID, obj.TransferSyntax} {
		if !u.Valid() {
			t.Errorf("%s: accepted with UID %q", name, u)
		}
	}
	b := h.AppendJSON(nil, JSONOptions{BulkURI: func(p string, _, _ int64) string { return "bulk/" + p }})
	if !json.Valid(b) || !utf8.Valid(b) {
		t.Errorf("%s: JSON is not valid", name)
	}
	if p := obj.Pixels; p != nil {
		for i, frame := range p.Frames() {
			for _, e := range frame {
				if e.Offset < p.Offset || e.Offset+e.Length > p.Offset+p.Length {
					t.Errorf("%s: frame %d lies outside the pixel data", name, i)
				}
			}
		}
	}
}

// TestCorpusTable prints (with -v) what is refused and why, beside what dcmdump says.
func TestCorpusTable(t *testing.T) {
	if !testing.Verbose() {
		t.Skip("prints a table with -v")
	}
	dump, _ := exec.LookPath("dcmdump")
	n, accepted := 0, 0
	kinds := map[Kind]int{}
	eachSample(t, func(name string, raw []byte) {
		n++
		obj, err := Scan(bytes.NewReader(raw), Options{})
		if err == nil {
			accepted++
			if len(obj.Header.Warnings) > 0 {
				t.Logf("warned  %s: %s", name, strings.Join(obj.Header.Warnings, "; "))
			}
			return
		}
		if f, ok := err.(*FormatError); ok {
			kinds[f.Kind]++
		}
		t.Logf("refused %s: %v%s", name, err, dumped(dump, name))
	})
	t.Logf("files %d, accepted %d, refused %v", n, accepted, kinds)
}

func dumped(dump, name string) string {
	if dump == "" {
		return ""
	}
	if exec.Command(dump, "-q", filepath.Join(corpus, name)).Run() != nil {
		return " (dcmdump fails too)"
	}
	return " (dcmdump reads it)"
}

// TestCorpusCutsAreRefused cuts every image of the corpus at fifty places up to the end of its pixel data.
func TestCorpusCutsAreRefused(t *testing.T) {
	images, cuts := 0, 0
	eachSample(t, func(name string, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{})
		if err != nil || obj.Pixels == nil {
			return
		}
		images++
		end := len(raw)
		if !obj.Deflated {
			end = int(obj.Pixels.Offset + obj.Pixels.Length)
		} else {
			end -= gzipTrailer
		}
		for cut := end - 1; cut > 0; cut -= end/50 + 1 {
			cuts++
			if _, err := Scan(bytes.NewReader(raw[:cut]), Options{}); err == nil {
				t.Errorf("%s cut at %d of %d is accepted", name, cut, end)
			}
		}
	})
	t.Log(images, "images", cuts, "cuts")
}
