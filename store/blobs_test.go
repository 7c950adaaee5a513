package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func eachBlobs(t *testing.T, fn func(t *testing.T, blobs store.Blobs)) {
	t.Helper()
	t.Run("dir", func(t *testing.T) { fn(t, storetest.Dir(t)) })
	t.Run("s3", func(t *testing.T) { fn(t, storetest.S3(t)) })
}

func hexSum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(n + 1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func readAll(t *testing.T, r io.ReadCloser, err error) []byte {
	t.Helper()
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	must(t, r.Close())
	return b
}

// plainReader hides every other method of a reader.
type plainReader struct{ io.Reader }

func TestBlobs(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		ctx := t.Context()
		for _, size := range []int{0, 1, 4096, 1<<20 - 1, 1 << 20, 1<<20 + 1, 17 << 20} {
			for _, announced := range []bool{true, false} {
				t.Run(fmt.Sprintf("%d bytes, announced %v", size, announced), func(t *testing.T) {
					data := noise(size)
					key := fmt.Sprintf("620621-lab/suwu/%d-%v.bin", size, announced)
					n := int64(-1)
					if announced {
						n = int64(size)
					}
					info, err := blobs.Put(ctx, key, plainReader{bytes.NewReader(data)}, n)
					must(t, err)
					if info.Key != key || info.Size != int64(size) || info.SHA256 != hexSum(data) || time.Since(info.ModifiedAt) > time.Minute {
						t.Fatalf("%+v", info)
					}
					r, got, err := blobs.Open(ctx, key)
					if !bytes.Equal(readAll(t, r, err), data) || got.Size != int64(size) {
						t.Fatal("other bytes came back")
					}
					stat, err := blobs.Stat(ctx, key)
					must(t, err)
					if stat.Size != int64(size) || stat.Key != key || stat.ModifiedAt.IsZero() {
						t.Fatalf("%+v", stat)
					}
					again, err := blobs.Put(ctx, key, bytes.NewReader(data), n)
					must(t, err)
					if again.SHA256 != info.SHA256 {
						t.Fatalf("%+v", again)
					}
					_, err = blobs.Put(ctx, key, bytes.NewReader(append(slices.Clone(data), 'x')), -1)
					wantKind(t, err, record.Conflict)
					if size > 0 {
						other := slices.Clone(data)
						other[size/2]++
						_, err = blobs.Put(ctx, key, bytes.NewReader(other), n)
						wantKind(t, err, record.Conflict)
					}
					r, _, err = blobs.Open(ctx, key)
					if !bytes.Equal(readAll(t, r, err), data) {
						t.Fatal("a refused put changed the object")
					}
				})
			}
		}
	})
}

func TestBlobRange(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		data := noise(10_000)
		_, err := blobs.Put(t.Context(), "bkt/r", bytes.NewReader(data), -1)
		must(t, err)
		for _, c := range []struct{ off, n, from, to int64 }{
			{0, 10_000, 0, 10_000},
			{0, 1, 0, 1},
			{500, 1000, 500, 1500},
			{9_990, 100, 9_990, 10_000},
			{9_999, 1, 9_999, 10_000},
			{10_000, 5, 0, 0},
			{20_000, 5, 0, 0},
			{5, 0, 0, 0},
			{5, 1<<63 - 1, 5, 10_000},
		} {
			r, err := blobs.Range(t.Context(), "bkt/r", c.off, c.n)
			if got := readAll(t, r, err); !bytes.Equal(got, data[c.from:c.to]) {
				t.Errorf("range %d+%d: %d bytes", c.off, c.n, len(got))
			}
		}
		_, err = blobs.Range(t.Context(), "bkt/r", -1, 5)
		wantKind(t, err, record.Invalid)
	})
}

func TestMissingBlobs(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		ctx := t.Context()
		_, err := blobs.Put(ctx, "bkt/a/b", strings.NewReader("x"), 1)
		must(t, err)
		for _, key := range []string{"bkt/none", "bkt/a/b/c", "bkt/a", "nobucket/x"} {
			_, _, err := blobs.Open(ctx, key)
			wantKind(t, err, record.NotFound)
			_, err = blobs.Range(ctx, key, 0, 5)
			wantKind(t, err, record.NotFound)
			_, err = blobs.Range(ctx, key, 0, 0)
			wantKind(t, err, record.NotFound)
			_, err = blobs.Stat(ctx, key)
			wantKind(t, err, record.NotFound)
			must(t, blobs.Delete(ctx, key))
		}
		must(t, blobs.Delete(ctx, "bkt/a/b"))
		_, err = blobs.Stat(ctx, "bkt/a/b")
		wantKind(t, err, record.NotFound)
		must(t, blobs.Delete(ctx, "bkt/a/b"))
	})
}

func TestWrongKeysAreRefusedEverywhere(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		ctx := t.Context()
		for _, key := range []string{"", "bkt", "bkt/", "/x", "bkt//x", "bkt/../x", "../bkt/x", "bkt/.hidden", "bkt/a b", "bkt/x.", ".tmp/x", "BKT/x", "bkt/王", "bkt/a\\b", "bkt/\x00"} {
			_, err := blobs.Put(ctx, key, strings.NewReader("x"), 1)
			wantKind(t, err, record.Invalid)
			_, _, err = blobs.Open(ctx, key)
			wantKind(t, err, record.Invalid)
			_, err = blobs.Range(ctx, key, 0, 1)
			wantKind(t, err, record.Invalid)
			_, err = blobs.Stat(ctx, key)
			wantKind(t, err, record.Invalid)
			wantKind(t, blobs.Delete(ctx, key), record.Invalid)
		}
	})
}

func TestBrokenSourcesLeaveNothing(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		ctx := t.Context()
		broken := errors.New("line cut")
		for _, n := range []int{0, 5, 2 << 20, 17 << 20} {
			for _, size := range []int64{-1, int64(n) + 10} {
				key := fmt.Sprintf("bkt/broken/%d.%d", n, size+1)
				_, err := blobs.Put(ctx, key, io.MultiReader(bytes.NewReader(noise(n)), errReader{broken}), size)
				if !errors.Is(err, broken) {
					t.Errorf("%s: %v", key, err)
				}
				_, err = blobs.Stat(ctx, key)
				wantKind(t, err, record.NotFound)
			}
		}
		for name, size := range map[string]int64{"short": 11, "long": 3} {
			_, err := blobs.Put(ctx, "bkt/length/"+name, bytes.NewReader([]byte("ten bytes.")), size)
			if name == "short" || err != nil { // a server may take only what was announced; then it must say so
				if err == nil {
					t.Errorf("%s: no error", name)
				}
			}
			if _, err := blobs.Stat(ctx, "bkt/length/"+name); err == nil {
				t.Errorf("%s: something was kept", name)
			}
		}
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := blobs.Put(stopped, "bkt/stopped", bytes.NewReader(noise(100)), 100); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
		for b, err := range blobs.List(ctx, "bkt/", "") {
			t.Errorf("left behind: %v %v", b, err)
		}
	})
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestBlobsAreListedInKeyOrder(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		ctx := t.Context()
		keys := []string{"aaa/x", "bkt/a", "bkt/b-c/1", "bkt/b.c/1", "bkt/b/1", "bkt/b/2/3", "bkt/b0", "bkt/c/1", "bkt-a/1"}
		for _, k := range keys {
			_, err := blobs.Put(ctx, k, strings.NewReader(k), -1)
			must(t, err)
		}
		slices.Sort(keys)
		for _, c := range []struct{ prefix, after string }{
			{"", ""},
			{"b", ""},
			{"bkt/", ""},
			{"bkt/b", ""},
			{"bkt/b/", ""},
			{"bkt/b/2", ""},
			{"bkt/", "bkt/b/1"},
			{"", "bkt/b/1"},
			{"bkt/b", "bkt/b.c/1"},
			{"", "bkt-a/1"},
			{"", "bkt/zzz"},
			{"bkt/none", ""},
			{"nobucket/", ""},
			{"bkt/", "aaa/x"},
			{"aaa/", "bkt/a"},
			{"", "zzz/z"},
		} {
			var want, got []string
			for _, k := range keys {
				if strings.HasPrefix(k, c.prefix) && k > c.after {
					want = append(want, k)
				}
			}
			for b, err := range blobs.List(ctx, c.prefix, c.after) {
				must(t, err)
				if b.Size != int64(len(b.Key)) || b.ModifiedAt.IsZero() {
					t.Errorf("%+v", b)
				}
				got = append(got, b.Key)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("prefix %q after %q: %s", c.prefix, c.after, d)
			}
		}
		for range blobs.List(ctx, "", "") {
			break
		}
	})
}

func TestManyPutsOfOneKeyKeepOne(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		kinds := map[string]int{}
		for i := range 8 {
			wg.Go(func() {
				_, err := blobs.Put(t.Context(), "bkt/one", bytes.NewReader(bytes.Repeat([]byte{byte(i % 2)}, 50_000)), 50_000)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					kinds["ok"]++
				case record.KindOf(err) == record.Conflict:
					kinds["conflict"]++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if d := cmp.Diff(map[string]int{"ok": 4, "conflict": 4}, kinds); d != "" {
			t.Error(d)
		}
	})
}

func TestDirLeavesNoTemporaryFilesAndSweepsOldOnes(t *testing.T) {
	root := t.TempDir()
	d, err := store.NewDir(root)
	must(t, err)
	_, err = d.Put(t.Context(), "bkt/a", strings.NewReader("a"), 1)
	must(t, err)
	_, err = d.Put(t.Context(), "bkt/a", strings.NewReader("b"), 1)
	wantKind(t, err, record.Conflict)
	left, err := os.ReadDir(filepath.Join(root, ".tmp"))
	must(t, err)
	if len(left) != 0 {
		t.Fatal(left)
	}
	old := filepath.Join(root, ".tmp", "old")
	must(t, os.WriteFile(old, nil, 0o600))
	must(t, os.Chtimes(old, time.Now(), time.Now().Add(-2*time.Hour)))
	must(t, os.WriteFile(filepath.Join(root, ".tmp", "new"), nil, 0o600))
	must(t, d.Close())
	_, err = store.NewDir(root)
	must(t, err)
	left, err = os.ReadDir(filepath.Join(root, ".tmp"))
	must(t, err)
	if len(left) != 1 || left[0].Name() != "new" {
		t.Fatal(left)
	}
}

func TestDirDoesNotFollowLinksOutside(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	d, err := store.NewDir(root)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
	must(t, os.Symlink(outside, filepath.Join(root, "bkt")))
	if r, _, err := d.Open(t.Context(), "bkt/secret"); err == nil {
		_ = r.Close()
		t.Fatal("a link led outside")
	}
	if _, err := d.Put(t.Context(), "bkt/new", strings.NewReader("x"), 1); err == nil {
		t.Fatal("a link led outside")
	}
}

func TestRetentionIsSetOnEveryPut(t *testing.T) {
	cfg := storetest.S3Config(t)
	cfg.RetainFor = 2 * time.Hour
	t.Cleanup(func() { storetest.RemoveBuckets(t, cfg) })
	s, err := store.NewS3(cfg)
	must(t, err)
	admin, err := minio.New(cfg.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, "")})
	must(t, err)
	bucket := cfg.BucketPrefix + "bkt"
	for i, size := range []int{0, 10, 2 << 20, 17 << 20} {
		key := fmt.Sprint("k", i)
		_, err := s.Put(t.Context(), "bkt/"+key, plainReader{bytes.NewReader(noise(size))}, int64(size))
		must(t, err)
		_, err = s.Put(t.Context(), "bkt/u"+key, plainReader{bytes.NewReader(noise(size))}, -1)
		must(t, err)
		for _, name := range []string{key, "u" + key} {
			mode, until, err := admin.GetObjectRetention(t.Context(), bucket, name, "")
			must(t, err)
			if *mode != minio.Governance || time.Until(*until) < time.Hour {
				t.Errorf("%s: %v until %v", name, *mode, until)
			}
		}
		info, err := s.Stat(t.Context(), "bkt/"+key)
		must(t, err)
		if info.Size != int64(size) {
			t.Error(info)
		}
	}
	// Deleting hides the object; the retained version stays on the server.
	must(t, s.Delete(t.Context(), "bkt/k1"))
	_, err = s.Stat(t.Context(), "bkt/k1")
	wantKind(t, err, record.NotFound)
	versions := 0
	for o := range admin.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Prefix: "k1", WithVersions: true}) {
		must(t, o.Err)
		versions++
		if err := admin.RemoveObject(t.Context(), bucket, "k1", minio.RemoveObjectOptions{VersionID: o.VersionID}); err == nil && !o.IsDeleteMarker {
			t.Error("a retained version was removed")
		}
	}
	if versions != 2 {
		t.Errorf("%d versions", versions)
	}
}

func TestBucketWithoutObjectLockIsRefusedWhenRetentionIsAsked(t *testing.T) {
	cfg := storetest.S3Config(t)
	t.Cleanup(func() { storetest.RemoveBuckets(t, cfg) })
	plain, err := store.NewS3(cfg)
	must(t, err)
	_, err = plain.Put(t.Context(), "bkt/x", strings.NewReader("x"), 1)
	must(t, err)
	cfg.RetainFor = time.Hour
	retaining, err := store.NewS3(cfg)
	must(t, err)
	_, err = retaining.Put(t.Context(), "bkt/y", strings.NewReader("y"), 1)
	wantKind(t, err, record.Precondition)
}

func TestEncryptionIsAskedForOnEveryPut(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPut {
			asked[r.URL.Path] = r.Header.Get("X-Amz-Server-Side-Encryption") == "AES256" && r.Header.Get("If-None-Match") == "*"
		}
	}))
	defer server.Close()
	s, err := store.NewS3(store.S3Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), AccessKey: "a", SecretKey: "b", SSE: true})
	must(t, err)
	_, err = s.Put(t.Context(), "bkt/x", strings.NewReader("x"), 1)
	must(t, err)
	if d := cmp.Diff(map[string]bool{"/bkt/x": true}, asked); d != "" {
		t.Error(d)
	}
}

func TestS3ThatIsAwayForAMomentIsTriedAgain(t *testing.T) {
	var puts atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPut && puts.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	s, err := store.NewS3(store.S3Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), AccessKey: "a", SecretKey: "b"})
	must(t, err)
	info, err := s.Put(t.Context(), "bkt/x", strings.NewReader("xyz"), 3)
	must(t, err)
	if info.SHA256 != hexSum([]byte("xyz")) || info.Size != 3 || puts.Load() != 3 {
		t.Errorf("%+v after %d puts", info, puts.Load())
	}
	puts.Store(0)
	_, err = s.Put(t.Context(), "bkt/y", plainReader{strings.NewReader("xyz")}, 3)
	wantKind(t, err, record.Unavailable)
}

func TestDeadS3IsUnavailableSoon(t *testing.T) {
	s, err := store.NewS3(store.S3Config{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b"})
	must(t, err)
	begun := time.Now()
	_, err = s.Put(t.Context(), "bkt/x", strings.NewReader("x"), 1)
	wantKind(t, err, record.Unavailable)
	_, _, err = s.Open(t.Context(), "bkt/x")
	wantKind(t, err, record.Unavailable)
	_, err = s.Stat(t.Context(), "bkt/x")
	wantKind(t, err, record.Unavailable)
	for _, err := range s.List(t.Context(), "", "") {
		wantKind(t, err, record.Unavailable)
	}
	if d := time.Since(begun); d > 15*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestSumIsKnownOnS3WhenItWasKnownBefore(t *testing.T) {
	s := storetest.S3(t)
	spool, err := store.NewSpool(t.TempDir(), s, store.SpoolOptions{MemoryLimit: 1000})
	must(t, err)
	for name, size := range map[string]int{"memory": 100, "file": 5000, "parts": 17 << 20} {
		p, err := spool.Begin(t.Context(), "")
		must(t, err)
		data := noise(size)
		_, err = p.Write(data)
		must(t, err)
		_, err = p.Store(t.Context(), "bkt/"+name)
		must(t, err)
		info, err := s.Stat(t.Context(), "bkt/"+name)
		must(t, err)
		if info.SHA256 != hexSum(data) {
			t.Errorf("%s: %+v", name, info)
		}
	}
}

func FuzzValidKey(f *testing.F) {
	for _, k := range []string{"620621-imaging/suwu/1.2.3/01ARZ3NDEKTSV4RRFFQ69G5FAV.tar", "bkt/../x", "bkt/.x", "b/x", "bkt//", "bkt/x\x00", "bkt/a:b", strings.Repeat("a/", 300)} {
		f.Add(k)
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, key string) {
		if store.ValidKey(key) != nil {
			return
		}
		p := filepath.Join(root, filepath.FromSlash(key))
		if rel, err := filepath.Rel(root, p); err != nil || filepath.ToSlash(rel) != key || !filepath.IsLocal(rel) {
			t.Fatalf("valid key %q is the path %q", key, rel)
		}
		if len(key) > 512 || strings.ContainsAny(key, " %\\\"'<>|*?\x00\n") || strings.Contains(key, "..") || strings.Contains(key, "/.") {
			t.Fatalf("valid key %q", key)
		}
	})
}
