package raster

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// corpus is where sample objects lie beside the checkout; the tests that want them skip without.
const corpus = "../../../../shared/data/imaging"

// eachSample calls see for every file of the corpus that is accepted and has pixels.
func eachSample(t testing.TB, see func(name string, raw []byte, src Source)) {
	t.Helper()
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus at " + corpus)
	}
	err := filepath.WalkDir(corpus, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		obj, err := dicom.Scan(bytes.NewReader(raw), dicom.Options{})
		if err != nil || obj.Pixels == nil {
			return nil
		}
		see(path[len(corpus)+1:], raw, Source{Object: obj, Open: opener(raw)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// kinds counts samples of one kind, so that slow tests take the first few.
type kinds map[string]int

func (k kinds) enough(src Source) bool {
	d, err := DescOf(&src.Object.Header.DataSet)
	if err != nil {
		return true
	}
	key := fmt.Sprint(src.Object.TransferSyntax, d.Photometric, d.BitsAllocated, d.BitsStored, d.HighBit, d.Signed, d.Planar, d.VR, d.Frames > 1)
	k[key]++
	return k[key] > 3
}

// opener reads ranges of bytes in memory.
func opener(raw []byte) func(offset, length int64) (io.ReadCloser, error) {
	return func(offset, length int64) (io.ReadCloser, error) {
		if length < 0 {
			length = int64(len(raw)) - offset
		}
		if offset < 0 || offset+length > int64(len(raw)) {
			return nil, io.ErrUnexpectedEOF
		}
		return io.NopCloser(bytes.NewReader(raw[offset : offset+length])), nil
	}
}

// tool finds a program of DCMTK or skips.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("no " + name)
	}
	return path
}

// scanFile scans a file that a tool wrote.
func scanFile(t testing.TB, path string) (Source, bool) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		return Source{}, false
	}
	obj, err := dicom.Scan(bytes.NewReader(raw), dicom.Options{})
	if err != nil {
		t.Log(path, err)
		return Source{}, false
	}
	return Source{Object: obj, Open: opener(raw)}, true
}

// native decodes all frames one behind the other.
func native(src Source) ([]byte, Desc, error) {
	d, err := DescOf(&src.Object.Header.DataSet)
	if err != nil {
		return nil, d, err
	}
	var all []byte
	out := d
	for i := range src.Object.Pixels.NumFrames {
		var b []byte
		if b, out, err = src.Native(d, i); err != nil {
			return nil, d, err
		}
		all = append(all, b...)
	}
	return all, out, nil
}

func short80(s string) string { return s[max(0, len(s)-70):] }

// run runs a tool quietly.
func run(t testing.TB, name string, args ...string) error {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil && testing.Verbose() {
		t.Logf("%s: %s", filepath.Base(name), strings.TrimSpace(string(out)))
	}
	return err
}
