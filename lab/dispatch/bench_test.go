package dispatch

import (
	"fmt"
	"testing"

	"github.com/lianzhen/lianzhen/store/storetest"
)

// BenchmarkDeliver is one report to a hospital over MLLP: read, noted, sent, acknowledged, written down.
func BenchmarkDeliver(b *testing.B) {
	s := newSite(b, storetest.SQLite(b), quick)
	h := newHospital(b, always("AA"))
	sub := s.subscribe(Subscription{Kind: MLLP, Endpoint: h.address})
	for i := range b.N {
		s.take(fmt.Sprintf("E%d", i%100), fmt.Sprintf("F%d", i), i%1000, "4.10|F", "139|F")
	}
	if _, err := s.collect(b.Context(), 0); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	mine, err := s.claim(b.Context())
	if err != nil || mine == nil {
		b.Fatal(err)
	}
	if err := s.drain(b.Context(), mine, func(err error) {
		if err != nil {
			b.Error(err)
		}
	}); err != nil {
		b.Fatal(err)
	}
	if got := s.see(sub.ID).Open; got != 0 {
		b.Errorf("%d are left", got)
	}
}
