package imaging

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

var everyone = record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "test"}}

// kept is objects by instance, as they came.
type kept map[InstanceID][]byte

// fill sends studies of several kinds, small and large.
func (l *lab) fill(t testing.TB) kept {
	t.Helper()
	all := kept{}
	for _, b := range study(phantom.CTChest, 21, 5, wang) {
		all[l.accept(t, l.tech, b).Instance] = b
	}
	for _, s := range []phantom.Spec{
		{Kind: phantom.USHeart, Seed: 22, Count: 6, Patient: wang, Rows: 480, Columns: 640}, // a blob of its own
		{Kind: phantom.DRChest, Seed: 23, Patient: wang, Rows: 1200, Columns: 1000},
	} {
		for _, write := range phantom.Study(s) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			all[l.accept(t, l.other, b.Bytes()).Instance] = b.Bytes()
		}
	}
	return all
}

// whole checks that every object is read as it came: whole, by ranges, and by frames.
func (l *lab) whole(t testing.TB, all kept) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(3, 4))
	for id, want := range all {
		if got := l.fetch(t, everyone, id); !bytes.Equal(got, want) {
			t.Fatalf("instance %s: %d bytes of %d, or others", id, len(got), len(want))
		}
		i, err := l.Instance(t.Context(), everyone, id)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			at := rnd.Int64N(i.Size)
			n := 1 + rnd.Int64N(i.Size-at)
			_, r, err := l.Fetch(t.Context(), everyone, id, at, n)
			wantBytes(t, r, err, want[at:at+n])
		}
		table, err := l.FrameTable(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= i.Frames; n++ {
			e, err := table.Frame(n)
			if err != nil {
				t.Fatal(err)
			}
			_, r, err := l.FetchFrame(t.Context(), everyone, id, n)
			wantBytes(t, r, err, want[e[0].Offset:e[0].Offset+e[0].Length])
		}
	}
}

func wantBytes(t testing.TB, r io.ReadCloser, err error, want []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes of %d, or others: %v", len(got), len(want), err)
	}
}

func (l *lab) compact(t testing.TB, opt CompactOptions) Compacted {
	t.Helper()
	done, err := l.Compact(t.Context(), opt)
	if err != nil || len(done.Problems) > 0 {
		t.Fatalf("compact: %+v, %v", done, err)
	}
	return done
}

func (l *lab) healthy(t testing.TB, opt FsckOptions) Fsck {
	t.Helper()
	found, err := l.Fsck(t.Context(), opt)
	if err != nil || found.Damaged() {
		t.Fatalf("fsck: %+v, %v", found, err)
	}
	return found
}

func TestCompactedObjectsAreReadAsTheyCame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		all := l.fill(t)
		dry := l.compact(t, CompactOptions{DryRun: true})
		if dry.Objects != len(all) || dry.After*3 > dry.Before*2 {
			t.Fatalf("dry run: %+v", dry)
		}
		if d := l.compact(t, CompactOptions{Age: time.Hour}); d.Objects != 0 {
			t.Fatalf("young objects: %+v", d)
		}
		if done := l.compact(t, CompactOptions{}); cmp.Diff(done, dry) != "" {
			t.Fatalf("done %+v, announced %+v", done, dry)
		}
		l.whole(t, all)
		for _, opt := range []FsckOptions{{}, {Quick: true}} {
			if found := l.healthy(t, opt); len(found.Unreferenced) > 0 || found.Instances != len(all) {
				t.Errorf("fsck: %+v", found)
			}
		}
		if again := l.compact(t, CompactOptions{}); again.Blobs+again.Left > 0 {
			t.Errorf("again: %+v", again)
		}
		for id, b := range all { // sent again
			if s, err := l.Accept(t.Context(), l.tech, source(b)); err == nil && !s.Already && s.Instance == id {
				t.Errorf("%s is stored twice", id)
			}
		}
	})
}

func TestContainersAloneRebuildTheIndex(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		l := newLab(t, db, blobs)
		all := l.fill(t)
		l.compact(t, CompactOptions{})
		before := l.everything(t)
		done, err := l.Reindex(t.Context(), nil)
		if err != nil || len(done.Problems) > 0 || done.Instances != len(all) {
			t.Fatalf("reindex %+v, %v", done, err)
		}
		if d := cmp.Diff(before, l.everything(t), cmp.AllowUnexported(Instance{})); d != "" {
			t.Fatal(d)
		}
		l.whole(t, all)
		l.healthy(t, FsckOptions{})
	})
}

func TestWhatDoesNotShrinkStaysAndIsNotAskedAgain(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	noise := study(phantom.DRChest, 31, 1, wang)[0]
	rnd := rand.New(rand.NewPCG(8, 9))
	for i := len(noise) - 64*64*2; i < len(noise); i++ {
		noise[i] = byte(rnd.Uint32())
	}
	id := l.accept(t, l.tech, noise).Instance
	if done := l.compact(t, CompactOptions{}); done.Left != 1 || done.Blobs != 0 {
		t.Fatalf("%+v", done)
	}
	if done := l.compact(t, CompactOptions{}); done.Left != 0 {
		t.Errorf("looked at again: %+v", done)
	}
	l.whole(t, kept{id: noise})
}

// troubled is a store that fails at a step.
type troubled struct {
	store.Blobs
	put, ranged, deleted func(key string) error
}

func (s *troubled) Put(ctx context.Context, key string, r io.Reader, size int64) (store.BlobInfo, error) {
	if s.put != nil {
		if err := s.put(key); err != nil {
			return store.BlobInfo{}, err
		}
	}
	return s.Blobs.Put(ctx, key, r, size)
}

func (s *troubled) Range(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if s.ranged != nil {
		if err := s.ranged(key); err != nil {
			return nil, err
		}
	}
	return s.Blobs.Range(ctx, key, off, n)
}

func (s *troubled) Delete(ctx context.Context, key string) error {
	if s.deleted != nil {
		if err := s.deleted(key); err != nil {
			return err
		}
	}
	return s.Blobs.Delete(ctx, key)
}

// TestCutOffAtAnyStepLosesNothing stops the work where a process could be killed: the objects are read as they came, and
// the next run ends it.
func TestCutOffAtAnyStepLosesNothing(t *testing.T) {
	killed := errors.New("killed")
	never := func(string) error { return killed }
	for _, c := range []struct {
		name  string
		store troubled
	}{
		{"before the new bytes", troubled{put: func(k string) error {
			if inContainers(k) {
				return killed
			}
			return nil
		}}},
		{"before they are compared, with nothing cleared away", troubled{deleted: never, ranged: func(k string) error {
			if inContainers(k) {
				return killed
			}
			return nil
		}}},
		{"before the old bytes go", troubled{deleted: never}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, dir := storetest.SQLite(t), storetest.Dir(t)
			l := newLab(t, db, dir)
			all := l.fill(t)
			bad := c.store
			bad.Blobs = dir
			cut := openLab(t, db, &bad)
			if done, err := cut.Compact(t.Context(), CompactOptions{}); err != nil || len(done.Problems) == 0 {
				t.Fatalf("%+v, %v", done, err)
			}
			l.whole(t, all)
			l.healthy(t, FsckOptions{})
			l.compact(t, CompactOptions{})
			l.whole(t, all)
			found := l.healthy(t, FsckOptions{Sweep: true, SweepAge: time.Nanosecond})
			if len(found.Unreferenced) > 0 {
				t.Errorf("fsck: %+v", found)
			}
			l.whole(t, all)
			if _, err := l.Reindex(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			l.whole(t, all)
		})
	}
}

func TestBytesThatChangedOnTheDiskAreNotPutIntoAContainer(t *testing.T) {
	dir := storetest.Dir(t)
	l := newLab(t, storetest.SQLite(t), dir)
	b := study(phantom.CTChest, 41, 1, wang)[0]
	id := l.accept(t, l.tech, b).Instance
	i, err := l.Instance(t.Context(), everyone, id)
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := dir.Open(t.Context(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close(), dir.Delete(t.Context(), i.key)); err != nil {
		t.Fatal(err)
	}
	raw[i.offset+i.Size-9] ^= 4
	if _, err := dir.Put(t.Context(), i.key, bytes.NewReader(raw), -1); err != nil {
		t.Fatal(err)
	}
	done, err := l.Compact(t.Context(), CompactOptions{})
	if err != nil || done.Blobs != 0 || len(done.Problems) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	now, err := l.Instance(t.Context(), everyone, id)
	if err != nil || now.key != i.key {
		t.Errorf("the row points to %s, %v", path.Base(now.key), err)
	}
}

// TestAReaderFindsObjectsThatMoveMeanwhile reads with a row from before the move.
func TestAReaderFindsObjectsThatMoveMeanwhile(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	all := l.fill(t)
	var before []Instance
	for id := range all {
		i, err := l.Instance(t.Context(), everyone, id)
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, i)
	}
	l.compact(t, CompactOptions{})
	for _, i := range before {
		r, err := l.Read(t.Context(), i, 0, i.Size)
		wantBytes(t, r, err, all[i.ID])
	}
}

func TestADamagedContainerIsFound(t *testing.T) {
	dir := storetest.Dir(t)
	l := newLab(t, storetest.SQLite(t), dir)
	for _, b := range study(phantom.CTChest, 51, 3, wang) {
		l.accept(t, l.tech, b)
	}
	l.compact(t, CompactOptions{})
	for b, err := range dir.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(b.Key, containerPack) {
			continue
		}
		body, _, err := dir.Open(t.Context(), b.Key)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(body)
		if err := errors.Join(err, body.Close(), dir.Delete(t.Context(), b.Key)); err != nil {
			t.Fatal(err)
		}
		raw[512+2000] ^= 1
		if _, err := dir.Put(t.Context(), b.Key, bytes.NewReader(raw), -1); err != nil {
			t.Fatal(err)
		}
	}
	found, err := l.Fsck(t.Context(), FsckOptions{})
	if err != nil || len(found.WrongSHA256) != 3 {
		t.Errorf("%+v, %v", found, err)
	}
}
