package reading

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// Whatever three doctors do in whatever order, what must hold holds.
func TestRandomActs(t *testing.T) {
	for seed := range uint64(4) {
		h, clock := clocked(t, Options{})
		ctx := t.Context()
		rnd := rand.New(rand.NewPCG(seed, 7))
		id := h.open(storetest.Suwu, nil)
		kept := map[record.ReportID]Report{}
		drafts := 0
		before := h.get(id)
		for n := range 200 {
			s := doctor([]string{"li", "wang", "zhao"}[rnd.IntN(3)])
			etag := []string{"", before.Etag(), "1"}[rnd.IntN(3)]
			var err error
			var t1 *Text
			if rnd.IntN(2) == 0 {
				t1 = text(string(rune('a' + n%26)))
			}
			what := rnd.IntN(14)
			switch what {
			case 0, 1:
				_, err = h.room.Claim(ctx, s, id, rnd.IntN(2) == 0, "r")
			case 2:
				_, err = h.room.Release(ctx, s, id)
			case 3:
				_, err = h.room.SetPriority(ctx, s, id, []record.Priority{record.Stat, record.Urgent, record.Routine}[rnd.IntN(3)])
			case 4, 5:
				_, err = h.room.SaveDraft(ctx, s, id, *text("d"), rnd.IntN(drafts+1))
			case 6, 7:
				_, err = h.room.Submit(ctx, s, id, t1, etag)
			case 8:
				_, err = h.room.Return(ctx, s, id, "r", etag)
			case 9, 10:
				_, err = h.room.Sign(ctx, s, id, etag)
			case 11:
				_, err = h.room.Amend(ctx, s, id, "r")
			case 12:
				if rnd.IntN(4) == 0 {
					_, err = h.room.Withdraw(ctx, s, id, "r")
				} else {
					e := before.Exam
					h.reopen(e, "")
				}
			case 13:
				clock.move(time.Duration(rnd.IntN(40)) * time.Minute)
				err = h.room.Tick(ctx)
			}
			if err != nil && record.KindOf(err) == record.Internal {
				t.Fatalf("seed %d step %d act %d: %v", seed, n, what, err)
			}
			after := h.get(id)
			if after.Version < before.Version || after.Version > before.Version+1 || (err != nil && what != 13 && after.Version != before.Version) {
				t.Fatalf("seed %d step %d act %d: version %d -> %d, %v", seed, n, what, before.Version, after.Version, err)
			}
			if after.State != before.State && after.Version == before.Version {
				t.Fatalf("seed %d step %d: %s -> %s without a version", seed, n, before.State, after.State)
			}
			holds := after.State == Claimed || after.State == Amending
			if (after.Holder != "") != holds && after.State != Returned || (after.Holder == "") != after.ClaimExpiresAt.IsZero() {
				t.Fatalf("seed %d step %d: %s is held by %q", seed, n, after.State, after.Holder)
			}
			ds := must(h.room.Drafts(ctx, s, id))(t)
			if len(ds) < drafts {
				t.Fatalf("seed %d step %d: drafts %d -> %d", seed, n, drafts, len(ds))
			}
			drafts = len(ds)
			reps := must(h.room.Reports(ctx, s, id))(t)
			if len(reps) < len(kept) || len(reps) != after.ReportVersion {
				t.Fatalf("seed %d step %d: %d reports, version %d", seed, n, len(reps), after.ReportVersion)
			}
			for i, r := range reps {
				if r.Author == r.Reviewer || r.Version != len(reps)-i || r.Current != (i == 0) {
					t.Fatalf("seed %d step %d: %+v", seed, n, r)
				}
				if old, ok := kept[r.ID]; ok && (!old.Text.Equal(r.Text) || old.SHA256 != r.SHA256 || old.Author != r.Author || !old.SignedAt.Equal(r.SignedAt)) {
					t.Fatalf("seed %d step %d: a signed report changed", seed, n)
				}
				kept[r.ID] = r
			}
			before = after
		}
	}
}
