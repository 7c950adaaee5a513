package record

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQualityOfSeveralAnalytesIsThatOfTheWorst(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	wide := Quality{Internal: QCInControl, InternalAt: day(1), External: "N", ExternalScope: "national", ExternalFrom: day(1), ExternalUntil: day(20), At: day(2)}
	with := func(edit func(*Quality)) Quality {
		q := wide
		edit(&q)
		return q
	}
	for _, tt := range []struct {
		name    string
		o, want Quality
	}{
		{"the same", wide, wide},
		{
			"the worse verdict with its run", with(func(q *Quality) { q.Internal, q.InternalAt = QCOutOfControl, day(3) }),
			with(func(q *Quality) { q.Internal, q.InternalAt = QCOutOfControl, day(3) }),
		},
		{"nothing said is no control", with(func(q *Quality) { q.Internal = "" }), with(func(q *Quality) { q.Internal = "" })},
		{
			"the narrower certificate", with(func(q *Quality) {
				q.External, q.ExternalScope, q.ExternalFrom, q.ExternalUntil = "C", "county:k", day(4), day(30)
			}),
			with(func(q *Quality) { q.External, q.ExternalScope, q.ExternalFrom = "C", "county:k", day(4) }),
		},
		{"an open end", with(func(q *Quality) { q.ExternalUntil = time.Time{} }), wide},
		{
			"one without certificate", with(func(q *Quality) { q.External, q.ExternalScope = "", "" }),
			Quality{Internal: QCInControl, InternalAt: day(1), At: day(2)},
		},
		{"the later release", with(func(q *Quality) { q.At = day(9) }), with(func(q *Quality) { q.At = day(9) })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, wide.And(tt.o)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.want, tt.o.And(wide)); diff != "" {
				t.Errorf("the other way: %s", diff)
			}
		})
	}
	a, b := with(func(q *Quality) { q.ExternalScope = "county:a" }), with(func(q *Quality) { q.ExternalScope = "county:b" })
	if q := a.And(b); q.External != "" || !q.ExternalUntil.IsZero() {
		t.Errorf("no place is in two counties: %+v", q)
	}
}
