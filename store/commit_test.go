package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestCommittedTogetherFailAlone(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		m := store.NewCommitter(db)
		const n = 200
		refused := errors.New("refused")
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				name := fmt.Sprintf("commit.%03d", i)
				err := m.Tx(t.Context(), name, func(tx *store.Tx) error {
					if err := tx.Lock(t.Context(), name); err != nil {
						return err
					}
					tx.Emit(record.Event{Act: name, Kind: "test", Object: name, Institution: storetest.Suwu})
					switch i % 10 {
					case 3:
						return refused
					case 7:
						panic("broken")
					}
					return nil
				})
				if want := i%10 == 3 || i%10 == 7; (err != nil) != want || i%10 == 3 && !errors.Is(err, refused) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
		found, err := db.Events(t.Context(), store.EventFilter{Acts: []string{"commit."}, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, e := range found {
			seen[e.Act] = true
		}
		if len(found) != n*8/10 || len(seen) != len(found) {
			t.Errorf("%d events of %d, %d different", len(found), n*8/10, len(seen))
		}
	})
}
