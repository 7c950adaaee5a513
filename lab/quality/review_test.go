package quality

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAReviewSaysWhatTheDeskSays: with and without controls, holds and the name of the analyser.
func TestAReviewSaysWhatTheDeskSays(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		b.enter("1", "r1", "5.0", hour(0))
		b.enter("2", "r1", "15.0", hour(0))
		b.enter("1", "r2", "5.5", hour(2)) // out of control
		ctx, known := t.Context(), b.db.Now().Add(time.Hour)
		analytes := []string{glucose.Analyte, "K", "NA"}
		review := must(b.Review(ctx, b.db, glucose.Laboratory, analytes...))(t)
		held := 0
		for _, analyte := range analytes {
			for _, device := range []string{"", glucose.Device, "another"} {
				for _, at := range []time.Time{hour(-1), hour(1), hour(3), hour(40)} {
					want := must(b.StateKnown(ctx, b.db, Series{glucose.Laboratory, device, analyte}, at, known))(t)
					if diff := cmp.Diff(want, must(review.StateKnown(ctx, device, analyte, at, known))(t)); diff != "" {
						t.Errorf("%s on %q at %s: %s", analyte, device, at, diff)
					}
					wantHold, wantHeld, err := b.Held(ctx, b.db, glucose.Laboratory, device, analyte, at)
					if err != nil {
						t.Fatal(err)
					}
					hold, isHeld, err := review.Held(ctx, device, analyte, at)
					if diff := cmp.Diff(wantHold, hold); err != nil || isHeld != wantHeld || diff != "" {
						t.Errorf("%s on %q at %s: held %v, %v: %s", analyte, device, at, isHeld, err, diff)
					}
					if isHeld {
						held++
					}
				}
			}
		}
		if held == 0 {
			t.Error("nothing was held: the test tells nothing")
		}
	})
}
