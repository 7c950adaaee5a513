package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// history makes results of the past: every tenth critical, every fifth abnormal.
func history(t testing.TB, n int) iter.Seq2[Past, error] {
	values := []string{"4.1", "4.5", "3.8", "4.9", "5.6", "4.2", "4.0", "4.4", "5.8", "6.9"}
	facts := make([]Facts, len(values))
	for i, v := range values {
		facts[i] = potassium(t, v)
		facts[i].Beside = []Beside{{Analyte: "NA", Value: value("140"), Unit: "mmol/L"}, {Analyte: "CL", Value: value("103"), Unit: "mmol/L"}}
		facts[i].Previous = []Previous{{Value: value("4.3"), Unit: "mmol/L", At: noon.AddDate(0, 0, -1), Laboratory: "other"}}
	}
	return func(yield func(Past, error) bool) {
		for i := range n {
			x := Past{Facts: facts[i%len(facts)]}
			x.Facts.At = noon.Add(time.Duration(i) * time.Second)
			if i%len(facts) == 9 {
				x.Alarms, x.Flag = []string{"k-old"}, High
			} else {
				x.Auto, x.Flag = true, Normal
			}
			if !yield(x, nil) {
				return
			}
		}
	}
}

func TestDryRun(t *testing.T) {
	got, err := DryRun(t.Context(), Default(), history(t, 1000), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Trial{
		Results: 1000, WouldAuto: 900, DidAuto: 900, WouldAlarm: 100, DidAlarm: 100, FlagsOther: 300,
		Rules: []RuleTrial{{"auto-k", 100, 0}, {"delta-k", 100, 0}, {"gate-critical", 100, 0}, {"k-high", 100, 0}, {"k-old", 0, 100}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := DryRun(gone, Default(), history(t, 10), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := func(yield func(Past, error) bool) { yield(Past{}, errors.New("no more")) }
	if _, err := DryRun(t.Context(), Default(), broken, nil); err == nil {
		t.Error("a broken history is believed")
	}
}

func BenchmarkVerify(b *testing.B) {
	p := Default()
	for past := range history(b, 1) {
		b.ReportAllocs()
		for b.Loop() {
			p.Verify(past.Facts, nil)
		}
	}
}

func BenchmarkDryRun(b *testing.B) {
	for _, n := range []int{100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := DryRun(b.Context(), Default(), history(b, n), nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/result")
		})
	}
}

func BenchmarkReplay(b *testing.B) {
	p := Default()
	v := p.Verify(potassium(b, "4.2"), nil)
	for b.Loop() {
		if _, err := p.Replay(v); err != nil {
			b.Fatal(err)
		}
	}
}
