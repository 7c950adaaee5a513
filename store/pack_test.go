package store_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// index is what a centre's commit would keep.
type index struct {
	mu    sync.Mutex
	rows  map[string]store.Packed[string]
	tars  int
	fails func(item string) error
}

func (x *index) commit(_ context.Context, items []store.Packed[string]) []error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tars++
	if x.rows == nil {
		x.rows = make(map[string]store.Packed[string])
	}
	var errs []error
	if x.fails != nil {
		errs = make([]error, len(items))
	}
	for i, it := range items {
		if x.fails != nil {
			errs[i] = x.fails(it.Item)
		}
		if errs == nil || errs[i] == nil {
			x.rows[it.Item] = it
		}
	}
	return errs
}

func TestPackedObjectsAreTarsOfOneGroup(t *testing.T) {
	eachBlobs(t, func(t *testing.T, blobs store.Blobs) {
		var x index
		p := store.NewPacker(blobs, store.PackOptions{MaxBytes: 200_000, MaxItems: 50}, x.commit)
		want := map[string][]byte{}
		var wg sync.WaitGroup
		for g := range 3 {
			for i := range 60 {
				name := fmt.Sprintf("1.2.%d.%d.dcm", g, i)
				data := noise(i * 331)
				want[name] = data
				wg.Go(func() {
					if err := p.Add(t.Context(), fmt.Sprintf("620621-imaging/suwu/1.2.%d", g), name, data, name); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		must(t, p.Close(t.Context()))
		if len(x.rows) != len(want) || x.tars >= len(want) || x.tars < 3 {
			t.Fatalf("%d rows, %d tars", len(x.rows), x.tars)
		}
		for name, row := range x.rows {
			r, err := blobs.Range(t.Context(), row.Key, row.Offset, row.Length)
			if !bytes.Equal(readAll(t, r, err), want[name]) {
				t.Fatalf("%s: other bytes at %d+%d", name, row.Offset, row.Length)
			}
		}
		seen := 0
		for b, err := range blobs.List(t.Context(), "620621-imaging/", "") {
			must(t, err)
			r, _, err := blobs.Open(t.Context(), b.Key)
			must(t, err)
			tr := tar.NewReader(r)
			for {
				h, err := tr.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				must(t, err)
				data, err := io.ReadAll(tr)
				must(t, err)
				if !bytes.Equal(data, want[h.Name]) || x.rows[h.Name].Key != b.Key {
					t.Fatalf("%s in %s", h.Name, b.Key)
				}
				seen++
			}
			must(t, r.Close())
		}
		if seen != len(want) {
			t.Fatalf("%d files in tars, want %d", seen, len(want))
		}
	})
}

func TestPackErrorsReachTheirOwnItems(t *testing.T) {
	x := index{fails: func(item string) error {
		if item == "bad" {
			return record.Errorf(record.Conflict, "no")
		}
		return nil
	}}
	p := store.NewPacker(storetest.Dir(t), store.PackOptions{Quiet: 20 * time.Millisecond}, x.commit)
	got := make(chan error, 2)
	for _, name := range []string{"good", "bad"} {
		must(t, p.Go(t.Context(), "bkt/g", name, []byte("x"), name, func(err error) {
			if name == "bad" {
				wantKind(t, err, record.Conflict)
				err = nil
			}
			got <- err
		}))
	}
	must(t, <-got)
	must(t, <-got)
	wantKind(t, p.Add(t.Context(), "bkt/../g", "a", nil, "a"), record.Invalid)
	wantKind(t, p.Add(t.Context(), "bkt/g", "a/b", nil, "a"), record.Invalid)
	must(t, p.Close(t.Context()))
	wantKind(t, p.Add(t.Context(), "bkt/g", "a", nil, "a"), record.Unavailable)
}

func TestPackOfADeadStoreFailsAndNothingIsCommitted(t *testing.T) {
	s, err := store.NewS3(store.S3Config{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b"})
	must(t, err)
	var x index
	p := store.NewPacker(s, store.PackOptions{}, x.commit)
	wantKind(t, p.Add(t.Context(), "bkt/g", "a", []byte("x"), "a"), record.Unavailable)
	must(t, p.Close(t.Context()))
	if x.tars != 0 {
		t.Error("committed without bytes")
	}
}

// slowBlobs holds every put until it is let go.
type slowBlobs struct {
	store.Blobs
	puts atomic.Int32
	gate chan struct{}
}

func (s *slowBlobs) Put(ctx context.Context, key string, r io.Reader, size int64) (store.BlobInfo, error) {
	s.puts.Add(1)
	select {
	case <-s.gate:
	case <-ctx.Done():
		return store.BlobInfo{}, ctx.Err()
	}
	return s.Blobs.Put(ctx, key, r, size)
}

func TestPackerBoundsMemoryAndCollectsWhileWriting(t *testing.T) {
	slow := &slowBlobs{Blobs: storetest.Dir(t), gate: make(chan struct{})}
	var x index
	p := store.NewPacker(slow, store.PackOptions{InFlight: 1000, Quiet: time.Millisecond}, x.commit)
	var done sync.WaitGroup
	add := func(ctx context.Context, name string, n int) error {
		done.Add(1)
		err := p.Go(ctx, "bkt/g", name, make([]byte, n), name, func(err error) {
			if err != nil {
				t.Error(err)
			}
			done.Done()
		})
		if err != nil {
			done.Done()
		}
		return err
	}
	must(t, add(t.Context(), "first", 100))
	for slow.puts.Load() == 0 { // until it is being written
		time.Sleep(time.Millisecond)
	}
	for i := range 8 {
		must(t, add(t.Context(), fmt.Sprint(i), 100))
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := add(short, "too-much", 300); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("memory is not bounded: %v", err)
	}
	time.Sleep(20 * time.Millisecond)
	if n := slow.puts.Load(); n != 1 {
		t.Errorf("%d puts of one group at once", n)
	}
	close(slow.gate)
	done.Wait()
	must(t, p.Close(t.Context()))
	if x.tars != 2 || len(x.rows) != 9 {
		t.Errorf("%d tars with %d rows, want 2 with 9", x.tars, len(x.rows))
	}
}

func TestPackerCloseBreaksOffWhenTold(t *testing.T) {
	slow := &slowBlobs{Blobs: storetest.Dir(t), gate: make(chan struct{})}
	p := store.NewPacker(slow, store.PackOptions{}, (&index{}).commit)
	got := make(chan error, 1)
	must(t, p.Go(t.Context(), "bkt/g", "a", []byte("x"), "a", func(err error) { got <- err }))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// ---- figures: go test -bench . -benchtime 3x ./store

func benchPack(b *testing.B, blobs store.Blobs, objects, size, groups int) {
	data := noise(size)
	b.SetBytes(int64(objects) * int64(size))
	var tars atomic.Int64
	p := store.NewPacker(blobs, store.PackOptions{}, func(context.Context, []store.Packed[int]) []error {
		tars.Add(1)
		return nil
	})
	for n := 0; b.Loop(); n++ {
		var wg sync.WaitGroup
		for g := range groups {
			wg.Go(func() {
				for i := range objects / groups {
					wg.Add(1)
					err := p.Go(b.Context(), fmt.Sprintf("620621-imaging/suwu/1.2.%d.%d", n, g), fmt.Sprint(i), data, i, func(err error) {
						if err != nil {
							b.Error(err)
						}
						wg.Done()
					})
					if err != nil {
						b.Error(err)
						wg.Done()
					}
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(objects)*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
	b.ReportMetric(float64(tars.Load())/float64(b.N), "tars/op")
	if err := p.Close(b.Context()); err != nil {
		b.Error(err)
	}
}

func BenchmarkPack(b *testing.B) {
	for _, c := range []struct {
		name                  string
		objects, size, groups int
	}{{"512KiB/1 group", 200, 512 << 10, 1}, {"512KiB/4 groups", 200, 512 << 10, 4}, {"2kB/4 groups", 2000, 2000, 4}} {
		b.Run("dir/"+c.name, func(b *testing.B) { benchPack(b, storetest.Dir(b), c.objects, c.size, c.groups) })
		if os.Getenv("LIANZHEN_TEST_S3") != "" {
			b.Run("s3/"+c.name, func(b *testing.B) { benchPack(b, storetest.S3(b), c.objects, c.size, c.groups) })
		}
	}
}

// BenchmarkAddOneByOne is a sender that waits for each object, as plain C-STORE does.
func BenchmarkAddOneByOne(b *testing.B) {
	data := noise(512 << 10)
	run := func(b *testing.B, blobs store.Blobs) {
		b.SetBytes(int64(len(data)))
		p := store.NewPacker(blobs, store.PackOptions{}, func(context.Context, []store.Packed[int]) []error { return nil })
		for i := 0; b.Loop(); i++ {
			if err := p.Add(b.Context(), "620621-imaging/suwu/1.2", fmt.Sprint(i), data, i); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Close(b.Context()); err != nil {
			b.Error(err)
		}
	}
	b.Run("dir", func(b *testing.B) { run(b, storetest.Dir(b)) })
	if os.Getenv("LIANZHEN_TEST_S3") != "" {
		b.Run("s3", func(b *testing.B) { run(b, storetest.S3(b)) })
	}
}

// BenchmarkDisk is what the disk itself gives: 16 MiB files with fsync.
func BenchmarkDisk(b *testing.B) {
	data := noise(16 << 20)
	dir := b.TempDir()
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		f, err := os.Create(fmt.Sprintf("%s/%d", dir, i))
		if err == nil {
			_, err = f.Write(data)
		}
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNote(b *testing.B) {
	run := func(b *testing.B, db *store.DB) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := db.Note(b.Context(), event("patient.read", "x")); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.Run("sqlite", func(b *testing.B) { run(b, storetest.SQLite(b)) })
	if os.Getenv("LIANZHEN_TEST_POSTGRES") != "" {
		b.Run("postgres", func(b *testing.B) { run(b, storetest.Postgres(b)) })
	}
}

func BenchmarkNoteAlone(b *testing.B) {
	for _, how := range []struct {
		name string
		note func(db *store.DB) func(context.Context, ...record.Event) error
	}{
		{"durable", func(db *store.DB) func(context.Context, ...record.Event) error { return db.Note }},
		{"soon", func(db *store.DB) func(context.Context, ...record.Event) error { return db.NoteSoon }},
	} {
		b.Run(how.name, func(b *testing.B) {
			note := how.note(storetest.SQLite(b))
			for b.Loop() {
				if err := note(b.Context(), event("patient.read", "x")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTx(b *testing.B) {
	run := func(b *testing.B, db *store.DB) {
		for b.Loop() {
			err := db.Tx(b.Context(), func(tx *store.Tx) error {
				tx.Emit(event("x", ""))
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("sqlite", func(b *testing.B) { run(b, storetest.SQLite(b)) })
	if os.Getenv("LIANZHEN_TEST_POSTGRES") != "" {
		b.Run("postgres", func(b *testing.B) { run(b, storetest.Postgres(b)) })
	}
}

// early is a commit that begins before its pack is durable and keeps nothing of a pack that is not.
type early struct {
	mu   sync.Mutex
	kept int
}

func (e *early) commit(_ context.Context, items []store.Packed[string]) []error {
	errs := make([]error, len(items))
	err := items[0].Durable()
	for i := range errs {
		errs[i] = err
	}
	if err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.kept += len(items)
	}
	return errs
}

// broken is a store whose every other put fails.
type broken struct {
	store.Blobs
	mu sync.Mutex
	n  int
}

func (b *broken) Put(ctx context.Context, key string, r io.Reader, size int64) (store.BlobInfo, error) {
	b.mu.Lock()
	b.n++
	fail := b.n%2 == 0
	b.mu.Unlock()
	time.Sleep(2 * time.Millisecond) // the commit is there first
	if fail {
		return store.BlobInfo{}, record.Errorf(record.Unavailable, "no storage")
	}
	return b.Blobs.Put(ctx, key, r, size)
}

func TestAnEarlyCommitWaitsForItsBytes(t *testing.T) {
	var e early
	p := store.NewPacker(&broken{Blobs: storetest.Dir(t)}, store.PackOptions{Early: 1 << 20}, e.commit)
	stored := 0
	for i := range 20 {
		err := p.Add(t.Context(), "620621-imaging/suwu/1.2.3", fmt.Sprintf("%d.dcm", i), noise(500), "x")
		if err == nil {
			stored++
		} else {
			wantKind(t, err, record.Unavailable)
		}
	}
	must(t, p.Close(t.Context()))
	if stored != 10 || e.kept != stored {
		t.Errorf("%d acknowledged, %d kept, of 20", stored, e.kept)
	}
}
