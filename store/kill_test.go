package store_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/store"
)

const killedDir = "LIANZHEN_TEST_KILLED_DIR"

// TestKilledWriter is the process that TestNothingAcknowledgedIsLost kills. It says a name when the object is durable.
func TestKilledWriter(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("run by TestNothingAcknowledgedIsLost")
	}
	db, blobs := openKilled(t, dir)
	p := store.NewPacker(blobs, store.PackOptions{MaxBytes: 64 << 10}, func(ctx context.Context, items []store.Packed[string]) []error {
		err := db.Tx(ctx, func(tx *store.Tx) error {
			for _, it := range items {
				e := event("object.kept", it.Item)
				e.Detail = map[string]string{"key": it.Key, "offset": fmt.Sprint(it.Offset), "length": fmt.Sprint(it.Length)}
				tx.Emit(e)
			}
			return nil
		})
		errs := make([]error, len(items))
		for i := range errs {
			errs[i] = err
		}
		return errs
	})
	say := make(chan string)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d.%d.%d", os.Getpid(), w, i)
				if err := p.Add(t.Context(), fmt.Sprint("bkt/g", w%2), name, []byte(strings.Repeat(name, 500)), name); err == nil {
					say <- name
				}
			}
		}()
	}
	for name := range say {
		fmt.Println("kept", name)
	}
}

func openKilled(t *testing.T, dir string) (*store.DB, *store.Dir) {
	t.Helper()
	blobs, err := store.NewDir(filepath.Join(dir, "blobs"))
	must(t, err)
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "index.sqlite"), store.Options{})
	must(t, err)
	return db, blobs
}

func TestNothingAcknowledgedIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 20 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$", "-test.v")
		cmd.Env = append(os.Environ(), killedDir+"="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		said, limit, last := 0, 5+round*3, ""
		for lines.Scan() {
			last += lines.Text() + "\n"
			if name, ok := strings.CutPrefix(lines.Text(), "kept "); ok {
				acknowledged[name] = true
				if said++; said == limit {
					must(t, cmd.Process.Kill())
				}
			}
		}
		_ = cmd.Wait()
		if said < limit {
			t.Fatalf("round %d: the writer ended by itself after %d:\n%s", round, said, last)
		}
	}
	db, blobs := openKilled(t, dir)
	defer func() { must(t, db.Close()) }()
	if _, err := db.VerifyEvents(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for after := int64(0); ; {
		events, err := db.Events(t.Context(), store.EventFilter{After: after, Limit: 1000})
		must(t, err)
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			after = e.Seq
			var off, n int64
			_, err := fmt.Sscan(e.Detail["offset"]+" "+e.Detail["length"], &off, &n)
			must(t, err)
			r, err := blobs.Range(t.Context(), e.Detail["key"], off, n)
			if !bytes.Equal(readAll(t, r, err), []byte(strings.Repeat(e.Object, 500))) {
				t.Errorf("%s: a row without its bytes", e.Object)
			}
			delete(acknowledged, e.Object)
			kept++
		}
	}
	for name := range acknowledged {
		t.Errorf("%s was acknowledged and is lost", name)
	}
	for b, err := range blobs.List(t.Context(), "", "") {
		must(t, err)
		if !strings.HasSuffix(b.Key, ".tar") || b.Size == 0 {
			t.Errorf("an unfinished object is visible: %+v", b)
		}
	}
	n, err := blobs.Sweep(-time.Hour)
	must(t, err)
	left, err := os.ReadDir(filepath.Join(dir, "blobs", ".tmp"))
	must(t, err)
	if len(left) != 0 {
		t.Errorf("%d swept, %d left", n, len(left))
	}
	t.Logf("%d objects kept, %d leftovers swept", kept, n)
}
