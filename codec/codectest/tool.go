package codectest

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Need skips the test where a program is not installed.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(p + " is not installed")
		}
	}
}

// Convert runs a program over a file: program, arguments, name of the input, name of the output. It gives the output, and
// what the program said if it failed.
func Convert(t testing.TB, file []byte, program string, args ...string) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.dcm"), filepath.Join(dir, "out.dcm")
	if err := os.WriteFile(in, file, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(program, append(args, in, out)...).CombinedOutput()
	if err != nil {
		return nil, &exec.ExitError{Stderr: said}
	}
	return os.ReadFile(out)
}

// Must is Convert that must not fail.
func Must(t testing.TB, file []byte, program string, args ...string) []byte {
	t.Helper()
	out, err := Convert(t, file, program, args...)
	if e, ok := err.(*exec.ExitError); ok {
		t.Fatalf("%s: %s", program, e.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const corpus = "../../../shared/data/imaging"

// EachSample calls see for each sample file beside the checkout in one of the transfer syntaxes; without the files the test
// is skipped.
func EachSample(t *testing.T, see func(t *testing.T, obj *dicom.Object, file []byte), syntaxes ...dicom.UID) {
	t.Helper()
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no sample files at " + corpus)
	}
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		obj, err := dicom.Scan(bytes.NewReader(file), dicom.Options{})
		if err != nil || obj.Pixels == nil {
			return nil
		}
		for _, u := range syntaxes {
			if obj.TransferSyntax == u {
				t.Run(path[len(corpus)+1:], func(t *testing.T) { see(t, obj, file) })
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
