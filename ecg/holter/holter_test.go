package holter_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/holter"
)

func TestSummaryOfALongRecordingIsTrue(t *testing.T) {
	const length = 3 * time.Hour
	spec := synth.Spec{Seed: 7, NoiseUV: 8}
	truth := synth.HolterTruth(spec, length)
	var last, total int64
	s, err := holter.Summarise(context.Background(), synth.Holter(spec, length), func(done, all int64) {
		if done < last {
			t.Errorf("progress went back from %d to %d", last, done)
		}
		last, total = done, all
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != total || total == 0 {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	undulates := func(at time.Duration) bool { // a tachycardia so fast and wide that it has no separate beats
		return slices.ContainsFunc(s.Events, func(e holter.Event) bool {
			return e.Code == finding.VentricularFlutter && at >= e.From && at <= e.To
		})
	}
	beats, ventricular, longest := 0, 0, 0.0
	for i, b := range truth.Beats {
		if !undulates(b.At) {
			beats++
		}
		if b.Ventricular && b.At < 2*time.Hour { // the block of the third hour conducts like a bundle branch block
			ventricular++
		}
		if i > 0 {
			longest = max(longest, (b.At - truth.Beats[i-1].At).Seconds())
		}
	}
	near := func(name string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	near("beats", float64(s.Beats), float64(beats), 5)
	near("ventricular beats", float64(s.Hours[0].Ventricular+s.Hours[1].Ventricular), float64(ventricular), 3)
	near("mean rate", s.RateMean, float64(len(truth.Beats))/length.Minutes(), 1)
	near("longest RR", s.LongestRR.MS, 1000*longest, 40)
	near("noise", s.Noise, 0, 0.001)
	near("hours", float64(len(s.Hours)), 3, 0)
	sum := 0
	for _, h := range s.Hours {
		sum += h.Beats
		if h.RateMin > h.RateMean || h.RateMean > h.RateMax || h.RateMin <= 0 {
			t.Errorf("rates of an hour: %v %v %v", h.RateMin, h.RateMean, h.RateMax)
		}
	}
	near("beats of the hours", float64(sum), float64(s.Beats), 0)
	said := map[synth.Kind]finding.Code{
		synth.AtrialFibrillation: finding.AtrialFibrillation, synth.SVT: finding.SupraventricularT, synth.VT: finding.VentricularT, synth.Pause: finding.Pause,
	}
	for _, e := range truth.Events {
		code, ok := said[e.Kind]
		if !ok {
			continue
		}
		found := false
		for _, x := range s.Events {
			found = found || (x.Code == code || code == finding.VentricularT && x.Code == finding.VentricularFlutter) && x.From < e.To && x.To > e.From
		}
		if !found {
			t.Errorf("%s at %v is not among the events", e.Kind, e.From)
		}
	}
	for _, x := range s.Events {
		near("sample of an event", float64(x.Sample), x.From.Seconds()*250, 2)
	}
}

// changed is a recording whose samples are changed on the way.
func changed(r *tracing.Recording, do func(first int64, out [][]int32)) *tracing.Recording {
	read := r.Read
	r.Read = func(first int64, out [][]int32) error {
		err := read(first, out)
		do(first, out)
		return err
	}
	return r
}

func TestTimeWithoutSignalIsNoiseAndNoPause(t *testing.T) {
	const length = 20 * time.Minute
	from, to := int64(5*60*250), int64(10*60*250)
	for _, tc := range []struct {
		name string
		with func(i int64) int32
	}{
		{"missing", func(int64) int32 { return tracing.Missing }},
		{"flat", func(int64) int32 { return 0 }},
		{"loose", func(i int64) int32 { return int32(i*7919%20000) - 10000 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := changed(synth.Holter(synth.Spec{Seed: 2}, length), func(first int64, out [][]int32) {
				for _, x := range out {
					for k := range x {
						if i := first + int64(k); i >= from && i < to {
							x[k] = tc.with(i)
						}
					}
				}
			})
			s, err := holter.Summarise(context.Background(), r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(s.Noise-0.25) > 0.02 {
				t.Errorf("noise %v", s.Noise)
			}
			for _, e := range s.Events {
				if e.To > 5*time.Minute+time.Second && e.From < 10*time.Minute-time.Second && e.Code != finding.AtrialFibrillation {
					t.Errorf("%s from %v to %v, where there is no signal", e.Code, e.From, e.To)
				}
			}
		})
	}
}

func TestSummariseStopsAndFails(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := holter.Summarise(ctx, synth.Holter(synth.Spec{}, time.Hour), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("disk")
	r := synth.Holter(synth.Spec{}, time.Hour)
	r.Read = func(int64, [][]int32) error { return broken }
	if _, err := holter.Summarise(context.Background(), r, nil); !errors.Is(err, broken) {
		t.Errorf("broken: %v", err)
	}
	var format *tracing.FormatError
	if _, err := holter.Summarise(context.Background(), &tracing.Recording{Head: &tracing.Tracing{}}, nil); !errors.As(err, &format) {
		t.Errorf("empty: %v", err)
	}
	r = synth.Holter(synth.Spec{}, time.Minute)
	for i := range r.Head.Rhythm().Leads {
		r.Head.Rhythm().Leads[i].NVPerLSB = tracing.Ratio{}
	}
	if _, err := holter.Summarise(context.Background(), r, nil); !errors.As(err, &format) {
		t.Errorf("uncalibrated: %v", err)
	}
}

func TestVariabilityOfASteadyHeartIsSmall(t *testing.T) {
	s, err := holter.Summarise(context.Background(), tracing.Loaded(synth.Make(synth.Spec{Seconds: 300})), nil)
	if err != nil {
		t.Fatal(err)
	}
	v := s.Variability
	if v.Count < 200 || v.SDNN <= 0 || v.SDNN > 120 || v.RMSSD <= 0 || v.RMSSD > 120 {
		t.Errorf("%+v", v)
	}
}
