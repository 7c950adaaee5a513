package specimen

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// TestEverybodyAtOnce: clinics scan, the laboratory scans, orders are cancelled and results arrive, all at the same moment. What was cancelled
// stays so, and no line waits for a tube that is gone.
func TestEverybodyAtOnce(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		var orders []Order
		for range 6 {
			orders = append(orders, h.create("K", "LIVER", "CBC"))
		}
		h.clock.move(2 * time.Hour)
		var mu sync.Mutex
		cancelled := map[LineID]bool{}
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(worker), 99))
				for i := range 15 {
					o := orders[r.IntN(len(orders))]
					sp := o.Specimens[r.IntN(len(o.Specimens))].ID
					switch r.IntN(4) {
					case 0:
						line := o.Lines[r.IntN(len(o.Lines))].ID
						if _, err := h.CancelLines(ctx, suwu, o.ID, "", []LineID{line}, "changed mind"); err == nil {
							mu.Lock()
							cancelled[line] = true
							mu.Unlock()
						} else if record.KindOf(err) == record.Internal {
							t.Error(err)
						}
					case 1:
						err := h.db.Tx(ctx, func(tx *store.Tx) error { return h.Reported(ctx, tx, sp, "K", "ALT", "AST") })
						if err != nil {
							t.Error(err)
						}
					default:
						s := []record.Scope{suwu, county}[r.IntN(2)]
						_, err := h.Record(ctx, s, []Scan{
							{ClientID: fmt.Sprint(worker, "/", i), Specimen: sp, Act: randomAct(r), Reason: "RH", At: h.clock.now().Add(-time.Duration(r.IntN(100)) * time.Minute)},
						})
						if err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		h.wantOrderly(0)
		for _, o := range orders {
			for _, l := range h.order(o.ID).Lines {
				if cancelled[l.ID] && l.Status != LineCancelled {
					t.Errorf("a line that was cancelled is %s", l.Status)
				}
			}
		}
	})
}
