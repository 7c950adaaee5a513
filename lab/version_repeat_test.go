package lab

import (
	"testing"

	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestWhatWasSaidBetweenTwoThatAgreeIsOld(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		for _, c := range []struct{ name, value, status, between, want string }{
			{"withdrawn twice", "", "W", "4.30", ""},
			{"final twice", "4.10", "F", "4.30", "4.10"},
		} {
			b := newBench(t, freshLike(t, db), storetest.Dir(t))
			var last Stored
			for _, m := range []struct{ minute, value, status string }{
				{"00", "4.00", "F"}, {"10", c.value, c.status}, {"40", c.value, c.status}, {"30", c.between, "C"},
			} {
				st, err := b.Accept(t.Context(), b.lis, Source{Format: HL7, Link: finalLink, Body: oru("V"+m.minute, "F1", "2026112209"+m.minute+"00+0800", "2823-3^钾^LN|NM|"+m.value+"|mmol/L|3.5-5.3||"+m.status)})
				if err != nil {
					t.Fatal(err)
				}
				last = st
			}
			k, err := b.Get(t.Context(), b.lis, last.Reports[0].Report, Shown)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, r := range k.Rows {
				got += r.Result.Value.String()
			}
			if got != c.want {
				t.Errorf("%s: in view is %q, want %q", c.name, got, c.want)
			}
		}
	})
}
