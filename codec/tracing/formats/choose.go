package formats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// headBytes is how much of a file readers see to know it.
const headBytes = 4096

// unknown is the format of an error about a file that is none of ours.
const unknown tracing.Format = "ECG file"

// Sniff tells the format of a file by its first bytes, 4096 of them if there are so many; false if it is none that is read.
func Sniff(head []byte) (tracing.Format, bool) {
	for _, d := range likely(head) {
		return d.format, true
	}
	return "", false
}

// likely are the dialects that take the file for theirs.
func likely(head []byte) []dialect {
	head = head[:min(len(head), headBytes)]
	var out []dialect
	for _, d := range dialects {
		if (!d.guess || len(out) == 0) && knows(d, head) {
			out = append(out, d)
		}
	}
	return out
}

// knows is false too where the dialect's own sniffing fails.
func knows(d dialect, head []byte) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	return d.sniff(head)
}

// Read reads a file of any format whole, a 12-lead tracing with all its twelve leads. Its error is a *tracing.FormatError, which for an
// unknown file lists what is read.
func Read(b []byte) (*tracing.Tracing, error) {
	if len(b) > tracing.MaxFile {
		return nil, tracing.Errorf(unknown, -1, "longer than %d bytes", tracing.MaxFile)
	}
	return first(likely(b), func(d dialect) (*tracing.Tracing, error) { return d.read(b) })
}

// Open opens a recording of any length, whose rhythm stays in r where the format has long recordings; files of the other formats are
// read whole, up to tracing.MaxFile bytes. Errors are those of Read, and those of r.
func Open(r io.ReaderAt, size int64) (*tracing.Recording, error) {
	head := make([]byte, max(0, min(size, headBytes)))
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return first(likely(head[:n]), func(d dialect) (*tracing.Recording, error) { return open(d, r, size) })
}

func open(d dialect, r io.ReaderAt, size int64) (*tracing.Recording, error) {
	if d.open == nil {
		return whole(d, r, size)
	}
	rec, err := d.open(r, size)
	if err != nil {
		return nil, err
	}
	return guarded(rec), nil
}

// whole reads a file of a format that has no long recordings.
func whole(d dialect, r io.ReaderAt, size int64) (*tracing.Recording, error) {
	if size > tracing.MaxFile {
		return nil, tracing.Errorf(d.format, -1, "longer than %d bytes", tracing.MaxFile)
	}
	b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	t, err := d.read(b)
	if err != nil {
		return nil, err
	}
	return tracing.Loaded(t), nil
}

// first is what the first of the dialects makes of the file that does not refuse it; the first refusal if all do.
func first[T any](of []dialect, read func(dialect) (*T, error)) (*T, error) {
	var refused error
	for _, d := range of {
		t, err := safely(d.format, func() (*T, error) { return read(d) })
		if err == nil {
			return t, nil
		}
		var format *tracing.FormatError
		if !errors.As(err, &format) {
			return nil, err
		}
		if refused == nil {
			refused = err
		}
	}
	if refused == nil {
		refused = tracing.Errorf(unknown, -1, "no format that is read here: %s", strings.Join(Names(), ", "))
	}
	return nil, refused
}

// safely turns a panic into a refusal: the last line against a fault of ours.
func safely[T any](f tracing.Format, read func() (*T, error)) (t *T, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, tracing.Errorf(f, -1, "the reader failed (%T)", p)
		}
	}()
	return read()
}

// guarded keeps a panic within Recording.Read.
func guarded(rec *tracing.Recording) *tracing.Recording {
	read := rec.Read
	if read == nil {
		return rec
	}
	rec.Read = func(first int64, out [][]int32) error {
		_, err := safely(rec.Head.Format, func() (*struct{}, error) { return nil, read(first, out) })
		return err
	}
	return rec
}

// Names are the formats that are read, as people know them.
func Names() []string {
	out := make([]string, len(dialects))
	for i, d := range dialects {
		out[i] = string(d.format)
	}
	return out
}

// Written are the names that Write takes.
func Written() []string {
	out := make([]string, len(writers))
	for i, w := range writers {
		out[i] = w.name
	}
	return out
}

// Write writes a tracing in the format of a name: dicom, scp, aecg, edf or csv. What a format cannot hold is left out, as the package of
// each says. Nothing is written where the format refuses the tracing.
func Write(w io.Writer, name string, t *tracing.Tracing) error {
	for _, to := range writers {
		if to.name != name {
			continue
		}
		var out bytes.Buffer
		if _, err := safely(t.Format, func() (*struct{}, error) { return nil, to.write(&out, t) }); err != nil {
			return err
		}
		_, err := w.Write(out.Bytes())
		return err
	}
	return fmt.Errorf("formats: no writer of %q: there are %s", clip(name), strings.Join(Written(), ", "))
}

func clip(s string) string { return s[:min(len(s), 20)] }
