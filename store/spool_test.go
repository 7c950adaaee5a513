package store_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func newSpool(t *testing.T, blobs store.Blobs, opt store.SpoolOptions) (*store.Spool, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	s, err := store.NewSpool(dir, blobs, opt)
	must(t, err)
	return s, dir
}

func begin(t *testing.T, s *store.Spool, key string, data []byte) *store.Part {
	t.Helper()
	p, err := s.Begin(t.Context(), key)
	must(t, err)
	for len(data) > 0 {
		n := min(len(data), 700)
		_, err := p.Write(data[:n])
		must(t, err)
		data = data[n:]
	}
	return p
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestPartStoresWhatWasWritten(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		s, dir := newSpool(t, blobs, store.SpoolOptions{MemoryLimit: 100 << 10})
		for name, size := range map[string]int{"empty": 0, "small": 5000, "middle": 90 << 10, "large": 300 << 10} {
			data := noise(size)
			p := begin(t, s, "", data)
			if p.Size() != int64(size) || p.SHA256() != hexSum(data) {
				t.Fatalf("%s: size %d, sum %s", name, p.Size(), p.SHA256())
			}
			if inMemory := p.InMemory() != nil; inMemory != (size > 0 && size <= 100<<10) {
				t.Errorf("%s: in memory %v", name, inMemory)
			}
			for range 2 {
				r, err := p.Reader()
				if !bytes.Equal(readAll(t, r, err), data) {
					t.Fatalf("%s: other bytes", name)
				}
			}
			_, err := p.Store(t.Context(), "not a key")
			wantKind(t, err, record.Invalid)
			info, err := p.Store(t.Context(), "bkt/"+name)
			must(t, err)
			if info.SHA256 != hexSum(data) || info.Size != int64(size) {
				t.Fatalf("%+v", info)
			}
			p.Discard()
			if _, err := p.Write([]byte("x")); err == nil {
				t.Error("an ended part takes bytes")
			}
			r, _, err := blobs.Open(t.Context(), "bkt/"+name)
			if !bytes.Equal(readAll(t, r, err), data) {
				t.Fatalf("%s: other bytes kept", name)
			}
		}
		if left := files(t, dir); len(left) > 0 {
			t.Error(left)
		}
	})
}

func TestConflictLeavesThePartToBeKept(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		s, _ := newSpool(t, blobs, store.SpoolOptions{MemoryLimit: 1000})
		_, err := blobs.Put(t.Context(), "bkt/x", bytes.NewReader([]byte("first")), 5)
		must(t, err)
		data := noise(5000)
		p := begin(t, s, "again", data)
		_, err = p.Store(t.Context(), "bkt/x")
		wantKind(t, err, record.Conflict)
		info, err := p.Store(t.Context(), "bkt/y")
		must(t, err)
		if info.SHA256 != hexSum(data) {
			t.Fatal(info)
		}
		// The same bytes once more are fine and leave nothing.
		p = begin(t, s, "again", data)
		_, err = p.Store(t.Context(), "bkt/y")
		must(t, err)
		if s.Held("again") != 0 {
			t.Error("bytes stayed behind")
		}
	})
}

func TestBrokenUploadIsContinued(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		s, dir := newSpool(t, blobs, store.SpoolOptions{})
		data := noise(200_000)
		key := hexSum(data) + "-200000-minqin-suwu"
		p := begin(t, s, key, data[:70_000])
		_, err := s.Begin(t.Context(), key)
		wantKind(t, err, record.Unavailable)
		if n, _ := s.Sweep(0); n != 0 {
			t.Fatal("an upload in progress was swept")
		}
		p.Keep()
		if s.Held(key) != 70_000 {
			t.Fatal(s.Held(key))
		}
		s, err = store.NewSpool(dir, blobs, store.SpoolOptions{}) // a restart
		must(t, err)
		p = begin(t, s, key, data[70_000:])
		prefix, err := io.ReadAll(p.Prefix())
		must(t, err)
		if !bytes.Equal(prefix, data[:70_000]) {
			t.Fatal("the prefix is not what was sent")
		}
		if p.SHA256() != hexSum(data) || p.Size() != 200_000 {
			t.Fatal("the sum does not cover the prefix")
		}
		_, err = p.Store(t.Context(), "bkt/x")
		must(t, err)
		r, _, err := blobs.Open(t.Context(), "bkt/x")
		if !bytes.Equal(readAll(t, r, err), data) {
			t.Fatal("other bytes kept")
		}
		if s.Held(key) != 0 || len(files(t, dir)) != 0 {
			t.Error("bytes stayed behind")
		}
	})
}

func TestSpoolBounds(t *testing.T) {
	s, dir := newSpool(t, storetest.Dir(t), store.SpoolOptions{MemoryLimit: 100 << 10, TotalMemory: 220 << 10, MaxBytes: 300 << 10})
	a, b := begin(t, s, "", noise(90<<10)), begin(t, s, "", noise(90<<10))
	c := begin(t, s, "", noise(90<<10))
	if a.InMemory() == nil || b.InMemory() == nil || c.InMemory() != nil {
		t.Error("total memory is not bounded")
	}
	a.Discard()
	d := begin(t, s, "", noise(90<<10))
	if d.InMemory() == nil {
		t.Error("memory was not given back")
	}
	_, err := d.Write(noise(300 << 10))
	wantKind(t, err, record.Invalid)
	for _, p := range []*store.Part{b, c, d} {
		p.Keep() // without a resume key it is Discard
	}
	if left := files(t, dir); len(left) > 0 {
		t.Error(left)
	}
	for _, key := range []string{"a/b", "..", ".x", "a b", string(noise(300))} {
		_, err := s.Begin(t.Context(), key)
		wantKind(t, err, record.Invalid)
		if s.Held(key) != 0 {
			t.Error(key)
		}
	}
}

func TestSpoolSweepsOldUploads(t *testing.T) {
	s, dir := newSpool(t, storetest.Dir(t), store.SpoolOptions{})
	begin(t, s, "old", noise(10)).Keep()
	begin(t, s, "new", noise(10)).Keep()
	past := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(filepath.Join(dir, "resume-old"), past, past))
	must(t, os.WriteFile(filepath.Join(dir, "part-crashed"), noise(10), 0o600))
	n, err := s.Sweep(time.Minute)
	must(t, err)
	if n != 1 || s.Held("old") != 0 || s.Held("new") != 10 {
		t.Fatal(n, files(t, dir))
	}
	_, err = store.NewSpool(dir, storetest.Dir(t), store.SpoolOptions{})
	must(t, err)
	if got := files(t, dir); len(got) != 1 {
		t.Fatal(got)
	}
}
