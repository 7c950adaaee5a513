package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestFsckComparesRowsAndBytes(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		storetest.County(t, db)
		centres, err := db.Centres(ctx)
		must(t, err)
		centre := centres[0]
		blobs := storetest.Dir(t)
		statements(t, db, `CREATE TABLE test_kept (id TEXT, blob_key TEXT, sha256 TEXT, blob_offset BIGINT, size BIGINT)`)
		put := func(name, body string, offset, size int, sum string) {
			t.Helper()
			key := centre.Bucket + "/i/x/" + name
			if body != "" {
				_, err := blobs.Put(ctx, key, strings.NewReader(body), int64(len(body)))
				must(t, err)
			}
			if size == 0 {
				return
			}
			if sum == "" {
				s := sha256.Sum256([]byte(body)[offset : offset+size])
				sum = hex.EncodeToString(s[:])
			}
			statements(t, db, `INSERT INTO test_kept VALUES ('`+name+`', '`+key+`', '`+sum+`', `+strconv.Itoa(offset)+`, `+strconv.Itoa(size)+`)`)
		}
		put("whole.tar", "0123456789", 0, 10, "")
		put("part.tar", "0123456789", 3, 4, "")
		put("changed.tar", "0123456789", 0, 10, strings.Repeat("0", 64))
		put("short.tar", "0123", 2, 8, "x")
		put("gone.tar", "", 0, 8, "x")
		put("stray.tar", "left over", 0, 0, "")
		put("other.json", "of another room", 0, 0, "")
		swept := ""
		plan := store.FsckPlan{
			Kind: centre.Kind, Rows: `SELECT * FROM test_kept`, Ours: func(key string) bool { return strings.HasSuffix(key, ".tar") },
			Swept: func(_ context.Context, key string) error { swept = key; return nil },
		}
		key := func(name string) string { return centre.Bucket + "/i/x/" + name }
		var full, quick, sweep store.Fsck
		must(t, full.Check(ctx, db, blobs, plan, store.FsckOptions{Sweep: true})) // nothing is older than an hour
		want := store.Fsck{
			Rows: 5, Blobs: 5, Bytes: 40, MissingBytes: []string{"gone.tar " + key("gone.tar"), "short.tar " + key("short.tar")},
			WrongSHA256: []string{"changed.tar " + key("changed.tar")}, Unreferenced: []string{key("stray.tar")},
		}
		if diff := cmp.Diff(want, full); diff != "" || !full.Damaged() {
			t.Error(diff)
		}
		must(t, quick.Check(ctx, db, blobs, plan, store.FsckOptions{Quick: true}))
		want.WrongSHA256 = nil
		if diff := cmp.Diff(want, quick); diff != "" {
			t.Error(diff)
		}
		must(t, sweep.Check(ctx, db, blobs, plan, store.FsckOptions{Quick: true, Sweep: true, SweepAge: -time.Hour}))
		if sweep.Swept != 1 || swept != key("stray.tar") || len(sweep.Unreferenced) != 0 {
			t.Errorf("%+v, %s", sweep, swept)
		}
		_, _, err = store.Digest(ctx, blobs, key("stray.tar"))
		wantKind(t, err, record.NotFound)

		seen := 0
		problems, err := store.Reread(ctx, db, blobs, centre.Kind, func(b store.CentreBlob) error {
			seen++
			if b.Centre.ID != centre.ID {
				t.Errorf("centre %s", b.Centre.ID)
			}
			if strings.HasSuffix(b.Key, ".json") {
				return errors.New("not ours")
			}
			return nil
		})
		if err != nil || seen != 5 || len(problems) != 1 || !strings.HasSuffix(problems[0], "other.json: not ours") {
			t.Errorf("%d, %v, %v", seen, problems, err)
		}
		_, err = store.Reread(ctx, db, blobs, centre.Kind, func(store.CentreBlob) error { return record.Errorf(record.Unavailable, "no line") })
		wantKind(t, err, record.Unavailable)
	})
}
