package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// aside is a quarantine over a table of the test.
type aside struct {
	*store.Quarantine
	db    *store.DB
	blobs store.Blobs
	scope record.Scope
}

func newAside(t *testing.T, db *store.DB) *aside {
	t.Helper()
	storetest.County(t, db)
	statements(t, db, `CREATE TABLE test_quarantine (id TEXT PRIMARY KEY, institution_id TEXT NOT NULL, reason TEXT NOT NULL, blob_key TEXT NOT NULL DEFAULT '',
		size BIGINT NOT NULL, sha256 TEXT NOT NULL, received_at BIGINT NOT NULL, resolution TEXT NOT NULL DEFAULT '', resolved_by TEXT NOT NULL DEFAULT '',
		resolved_at BIGINT NOT NULL DEFAULT 0, link TEXT NOT NULL DEFAULT '', format TEXT NOT NULL DEFAULT '')`,
		`CREATE UNIQUE INDEX test_quarantine_digest ON test_quarantine (institution_id, sha256, link)`)
	blobs := storetest.Dir(t)
	return &aside{
		db: db, blobs: blobs, scope: record.Scope{Actor: record.Actor{Kind: record.ActorUser, ID: "tech", Institution: storetest.Suwu}, Institutions: []record.InstitutionID{storetest.Suwu}},
		Quarantine: store.NewQuarantine(db, blobs, store.NewReadNotes(db), store.QuarantineOptions{
			Table: "test_quarantine", Extra: []string{"link", "format"}, Twins: 1, Noun: "message", Act: "test", MaxBytes: 100, Quota: 3,
		}),
	}
}

func (a *aside) keep(body, link string) (store.QuarantineID, error) {
	sum := sha256.Sum256([]byte(body))
	return a.Keep(context.Background(), a.scope, store.Refused{
		Institution: storetest.Suwu, Bucket: "b-lab", Reason: record.Errorf(record.Invalid, "line 3: no"), Size: int64(len(body)),
		SHA256: hex.EncodeToString(sum[:]), Extra: []string{link, "hl7v2"}, Detail: map[string]string{"link": link},
		Store: func(ctx context.Context, key string) (store.BlobInfo, error) {
			return a.blobs.Put(ctx, key, strings.NewReader(body), int64(len(body)))
		},
	})
}

func TestWhatIsRefusedWaitsForAPerson(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		a, ctx := newAside(t, db), t.Context()
		one, err := a.keep("bytes", "l1")
		must(t, err)
		again, err := a.keep("bytes", "l1")
		must(t, err)
		twin, err := a.keep("bytes", "l2")
		must(t, err)
		if one != again || one == twin {
			t.Errorf("%s %s %s", one, again, twin)
		}
		large, err := a.keep(strings.Repeat("x", 101), "l1")
		must(t, err)
		beyond, err := a.keep("one more than the quota", "l1")
		must(t, err)
		for _, id := range []store.QuarantineID{large, beyond} {
			_, _, err := a.Fetch(ctx, a.scope, id)
			wantKind(t, err, record.NotFound)
		}
		q, body, err := a.Fetch(ctx, a.scope, twin)
		must(t, err)
		got, err := io.ReadAll(body)
		must(t, errors.Join(err, body.Close()))
		if string(got) != "bytes" || q.Reason != "line 3: no" || !cmp.Equal(q.Extra, []string{"l2", "hl7v2"}) || q.ReceivedAt.IsZero() {
			t.Errorf("%q %+v", got, q)
		}
		stranger := record.Scope{Institutions: []record.InstitutionID{storetest.Dongba}}
		_, _, err = a.Fetch(ctx, stranger, one)
		wantKind(t, err, record.NotFound)
		_, err = a.Resolve(ctx, stranger, one, "x")
		wantKind(t, err, record.NotFound)
		if q, err = a.Resolve(ctx, a.scope, one, "误传"); err != nil || q.Resolution != "误传" || q.ResolvedBy != "tech" {
			t.Errorf("%+v, %v", q, err)
		}
		_, err = a.Resolve(ctx, a.scope, one, "again")
		wantKind(t, err, record.NotFound)
		open, err := a.List(ctx, a.scope, "", 10, false)
		must(t, err)
		all, err := a.List(ctx, a.scope, one, 2, true)
		must(t, err)
		if len(open) != 3 || len(all) != 2 || all[0].ID != twin {
			t.Errorf("%d open, %+v", len(open), all)
		}
		events, err := db.Events(ctx, store.EventFilter{Acts: []string{"test."}})
		if err != nil || len(events) != 5 || events[0].Detail["kept"] != "true" || events[2].Detail["kept"] != "false" || events[0].Detail["link"] != "l1" {
			t.Errorf("%+v, %v", events, err)
		}
	})
}

func TestTheSameBytesAtTheSameTimeAreOneEntry(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		a := newAside(t, db)
		ids, errs := make([]store.QuarantineID, 8), make([]error, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() { ids[i], errs[i] = a.keep("bytes", "l1") })
		}
		wg.Wait()
		for i := range ids {
			if errs[i] != nil || ids[i] != ids[0] {
				t.Errorf("%d: %s, %v; want %s", i, ids[i], errs[i], ids[0])
			}
		}
		blobs := 0
		for _, err := range a.blobs.List(t.Context(), "b-lab/", "") {
			must(t, err)
			blobs++
		}
		if blobs != 1 {
			t.Errorf("%d blobs, want 1", blobs)
		}
	})
}
