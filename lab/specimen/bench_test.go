package specimen

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// fill keeps n orders of one tube each, in few transactions.
func (h *shop) fill(n int) (codes []string) {
	h.t.Helper()
	ctx := context.Background()
	for n > 0 {
		some := min(n, 500)
		must(h.t, h.db.Tx(ctx, func(tx *store.Tx) error {
			for i := range some {
				_, err := h.Take(ctx, tx, suwu, observation.Order{
					Control: observation.NewOrder, Placer: fmt.Sprintf("N%d", n-i), Service: observation.Coding{Code: "LIVER"}, OrderedAt: h.clock.now(),
					Patient: record.Demographics{LocalID: record.Personal(fmt.Sprintf("P%d", n-i)), Name: record.Personal(fmt.Sprintf("王%d", n-i))},
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		n -= some
	}
	b := &sqlText{}
	found, err := specimensWhere(ctx, h.db, b, "")
	must(h.t, err)
	for _, sp := range found {
		codes = append(codes, sp.Barcode)
	}
	return codes
}

const benchTubes = 10_000

// BenchmarkHostQuery is the answer to an analyser among ten thousand tubes: "first" marks the tube as being analysed, "again" finds it so.
func BenchmarkHostQuery(b *testing.B) {
	h := newShop(b, "sqlite:"+b.TempDir()+"/index.sqlite", Options{})
	codes := h.fill(benchTubes)
	ctx := context.Background()
	ask := func(code string) {
		if got, err := h.Waiting(ctx, county, code); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
	next := 0
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			ask(codes[next%len(codes)])
			next++
		}
	})
	b.Run("again", func(b *testing.B) {
		ask(codes[0])
		for b.Loop() {
			ask(codes[0])
		}
	})
	b.Run("by barcode", func(b *testing.B) {
		for b.Loop() {
			if _, ok, err := h.ByBarcode(ctx, h.db, county.Actor.Institution, codes[next%len(codes)]); !ok || err != nil {
				b.Fatal(ok, err)
			}
			next++
		}
	})
	b.Run("worklist", func(b *testing.B) {
		for b.Loop() {
			if got, _, err := h.Find(ctx, reader, Filter{List: ToCollect, Limit: 50}); err != nil || len(got) != 50 {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Count(ctx, reader, Filter{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		at := h.clock.now().Add(-time.Hour)
		for b.Loop() {
			next++
			h.one(suwu, Scan{ClientID: fmt.Sprint(next), Barcode: codes[next%len(codes)], Act: Collect, At: at})
		}
	})
}
