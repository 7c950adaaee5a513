package quality

import (
	"fmt"
	"testing"

	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
)

func TestReleasedWithoutAGoodControlTheNextFailureHoldsAgain(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		b.enter("1", "r1", "5.0", hour(0))
		b.enter("1", "r2", "5.5", hour(2))
		h := b.holds()[0]
		must(b.Rule(t.Context(), nurse, h.ID, Release, "急诊结果经另一台仪器复核"))(t)
		b.wantHeld(hour(1), "-", hour(2), "-", hour(3), "-")
		b.wantState(hour(3), record.QCOutOfControl) // a release of results is no good control
		b.enter("1", "r3", "5.6", hour(4))
		b.wantHeld(hour(1), "-", hour(3), "+", hour(5), "+")
		b.enter("1", "r4", "5.0", hour(6))
		b.wantHeld(hour(3), "+", hour(7), "-")
		b.wantActs("qc.rejected", "qc.released", "qc.rejected", "qc.restored")
		second := must(b.Holds(t.Context(), nurse, HoldFilter{Waiting: true}))(t)
		must(b.Rule(t.Context(), nurse, second[0].ID, Repeat, "复查"))(t)
		b.wantHeld(hour(3), "+", hour(7), "-") // as they are, they stay held
	})
}

func TestAGoodLevelDoesNotRestoreAnother(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		b.enter("1", "r1", "5.0", hour(0))
		b.enter("2", "r1", "15.0", hour(0))
		b.enter("1", "r2", "5.5", hour(2))
		b.enter("2", "r2", "15.0", hour(2))
		b.wantHeld(hour(3), "+")
		b.enter("2", "r3", "15.1", hour(4))
		b.wantHeld(hour(5), "+")
		b.enter("1", "r4", "5.1", hour(6))
		b.wantHeld(hour(5), "+", hour(7), "-")
		if n := len(b.holds()); n != 1 {
			t.Errorf("%d holds", n)
		}
	})
}

func TestARunThatFailsInItsSecondLevelIsHeldSinceTheRunBefore(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		b.enter("1", "r1", "5.0", hour(0))
		b.enter("1", "r2", "5.25", hour(4))
		p := b.enter("2", "r2", "14.3", hour(5)) // R_4s with level 1 of the run
		if p.Decision != westgard.Reject || p.Hits[1].Rule != westgard.RR4s || !p.Hits[1].Across {
			t.Fatalf("%+v", p)
		}
		if h := b.holds()[0]; !h.Since.Equal(hour(0)) || fmt.Sprint(h.Rules) != "[R_4s]" {
			t.Errorf("%+v", h)
		}
	})
}

func TestACorrectionLogsAndStartsAnew(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		b.targets(glucose)
		for i := range 9 {
			b.enter("1", fmt.Sprint("r", i), "5.03", hour(i))
		}
		tenth := b.enter("1", "r9", "5.03", hour(9))
		if tenth.Decision != westgard.Reject || tenth.Hits[0].Rule != westgard.R10x || len(tenth.Hits[0].Points) != 10 {
			t.Fatalf("%+v", tenth)
		}
		next := b.enter("1", "r10", "5.02", hour(11))
		if next.Decision != westgard.Reject {
			t.Fatalf("nothing was corrected: %+v", next)
		}
		// Logged late: what was measured behind it is judged again.
		must(b.Log(t.Context(), nurse, Action{Of: glucose, At: hour(10), Cause: "校准漂移", Correction: "重新校准", Restart: true, Point: next.ID}))(t)
		if next = must(b.Point(t.Context(), nurse, next.ID))(t); next.Decision != westgard.Accept {
			t.Errorf("%+v", next)
		}
		b.wantHeld(hour(10), "+", hour(12), "-")
		_, err := b.Log(t.Context(), nurse, Action{Of: Series{glucose.Laboratory, "c1", "K"}, Cause: "x", Correction: "y", Point: next.ID})
		wantKind(t, err, record.NotFound)
	})
}

func TestTargetsComeOneAfterTheOther(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		must(b.SetPlan(t.Context(), nurse, glucose, Plan{Days: 1}))(t)
		for i := range 20 {
			b.enter("1", fmt.Sprint(i), fmt.Sprintf("5.0%d", i%3), hour(i))
		}
		for _, x := range []struct {
			source Source
			kind   record.Kind
		}{{Cumulative, record.Precondition}, {Fixed, record.Precondition}, {Assigned, record.Invalid}, {Provisional, 0}, {Cumulative, record.Precondition}, {Fixed, 0}, {Cumulative, 0}, {Cumulative, 0}} {
			_, err := b.Establish(t.Context(), nurse, Target{Of: glucose, Level: "1", Lot: b.lot, Source: x.source})
			if (err == nil) != (x.kind == 0) || err != nil && record.KindOf(err) != x.kind {
				t.Errorf("%s: %v", x.source, err)
			}
		}
		_, err := b.SetTarget(t.Context(), nurse, Target{Of: glucose, Level: "1", Lot: b.lot, Mean: dec(t, "5"), SD: dec(t, "0")})
		wantKind(t, err, record.Invalid)
		_, err = b.SetTarget(t.Context(), nurse, Target{Of: glucose, Level: "1", Lot: "x", Mean: dec(t, "5"), SD: dec(t, "1")})
		wantKind(t, err, record.NotFound)
	})
}
