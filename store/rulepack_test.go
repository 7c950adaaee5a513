package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// statements runs SQL of a test, for a table that only it needs.
func statements(t *testing.T, db *store.DB, all ...string) {
	t.Helper()
	must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
		for _, s := range all {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestRulePacksFollowEachOther(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		statements(t, db, `CREATE TABLE test_packs (centre_id TEXT NOT NULL, number INTEGER NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL,
			recorded_at BIGINT NOT NULL, recorded_by TEXT NOT NULL, reason TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (centre_id, kind, number))`)
		first := func() (string, string) { return "program-1", "n: 1" }
		delta := store.RulePacks{Table: "test_packs", Kind: "delta", Default: first}
		other := store.RulePacks{Table: "test_packs", Kind: "other", Default: first}
		put := func(p store.RulePacks, r store.RulePack, base int) (out store.RulePack, err error) {
			r.Centre, r.RecordedBy = "c1", "某人"
			err = db.Tx(ctx, func(tx *store.Tx) (err error) {
				out, err = p.Put(ctx, tx, r, base)
				return err
			})
			return out, err
		}
		for _, tt := range []struct {
			name string
			pack store.RulePack
			base int
			want record.Kind
		}{
			{"no reason", store.RulePack{Version: "v1", YAML: "n: 2"}, 0, record.Invalid},
			{"the version that counts", store.RulePack{Version: "program-1", Reason: "x"}, 0, record.Invalid},
			{"somebody was faster", store.RulePack{Version: "v1", Reason: "x"}, 3, record.Conflict},
		} {
			if _, err := put(delta, tt.pack, tt.base); record.KindOf(err) != tt.want {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		parses := 0
		book := store.RuleBook[string]{Packs: delta, Parse: func(b []byte) (*string, error) {
			parses++
			s := string(b)
			if s == "bad" {
				return nil, errors.New("line 1: bad")
			}
			return &s, nil
		}}
		want := func(text string, number int) {
			t.Helper()
			got, n, err := book.Of(ctx, db, "c1")
			if err != nil || n != number || *got != text {
				t.Fatalf("%v, number %d, %v; want %s, %d", got, n, err, text, number)
			}
		}
		want("n: 1", 0)
		for i, y := range []string{"n: 2", "n: 3"} {
			kept, err := put(delta, store.RulePack{Version: y, YAML: y, Reason: "因为"}, i)
			if err != nil || kept.Number != i+1 || kept.RecordedAt.IsZero() {
				t.Fatalf("%+v, %v", kept, err)
			}
		}
		want("n: 3", 2)
		want("n: 3", 2)
		old, err := book.At(ctx, db, "c1", 1)
		if err != nil || *old != "n: 2" || parses != 3 {
			t.Errorf("%v, %v, parsed %d times", old, err, parses)
		}
		if now, err := other.Newest(ctx, db, "c1"); err != nil || now.Number != 0 || now.Version != "program-1" {
			t.Errorf("another kind: %+v, %v", now, err)
		}
		history, err := delta.History(ctx, db, "c1", 0, 10)
		before, err2 := delta.History(ctx, db, "c1", 2, 10)
		if err != nil || err2 != nil || len(history) != 2 || history[0].Number != 2 || len(before) != 1 || before[0].YAML != "n: 2" || before[0].RecordedBy != "某人" {
			t.Errorf("%+v %+v, %v %v", history, before, err, err2)
		}
		_, err = delta.At(ctx, db, "c1", 9)
		wantKind(t, err, record.NotFound)
		if _, err := put(delta, store.RulePack{Version: "v3", YAML: "bad", Reason: "x"}, 2); err != nil {
			t.Fatal(err)
		}
		if _, _, err := book.Of(ctx, db, "c1"); err == nil || !strings.Contains(err.Error(), "number 3") {
			t.Errorf("a pack that no longer reads: %v", err)
		}
	})
}
