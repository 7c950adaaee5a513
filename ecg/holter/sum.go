// From beats to the summary.

package holter

import (
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/rhythm"
)

const (
	rateOver  = 8    // intervals of a rate
	early     = 0.80 // of the mean of the intervals before: a premature beat
	pauseS    = 2.0
	pauseLong = 3.0
	newRhythm = 6 // premature beats in a row: it has become faster
)

// sum makes the summary of the beats of count samples.
func (r *reader) sum(count int64) *Summary {
	s := &Summary{Duration: r.g.Rate.Duration(count)}
	for from := time.Duration(0); from < s.Duration; from += time.Hour {
		s.Hours = append(s.Hours, Hour{From: from})
	}
	r.noise(s)
	bs := r.separate()
	af := fibrillations(bs, r.hz)
	r.countBeats(s, bs, af)
	r.intervals(s, bs)
	r.events(s, bs, af)
	s.Variability = variability(bs, r.hz, r.apart)
	return s
}

func (r *reader) when(sample int) time.Duration {
	return time.Duration(float64(sample) / r.hz * float64(time.Second))
}

func (s *Summary) hour(t time.Duration) *Hour {
	return &s.Hours[min(max(int(t/time.Hour), 0), len(s.Hours)-1)]
}

func (r *reader) noise(s *Summary) {
	bad := 0
	for i, b := range r.noisy {
		h := s.hour(r.when(i * r.bin.size))
		h.seconds++
		if b {
			h.badTime++
			bad++
		}
	}
	s.Noise = float64(bad) / float64(max(len(r.noisy), 1))
	for i := range s.Hours {
		h := &s.Hours[i]
		h.Noise = h.badTime / max(h.seconds, 1)
	}
}

// separate are the beats outside of undulations and of what cannot be read.
func (r *reader) separate() []beats.Beat {
	out := r.beats[:0:0]
	w := 0
	for _, b := range r.beats {
		t := r.when(b.At)
		for w < len(r.waves) && r.waves[w].To < t {
			w++
		}
		if w < len(r.waves) && t >= r.waves[w].From || r.unread(b.At, b.At) {
			continue
		}
		out = append(out, b)
	}
	return out
}

// countBeats fills the counts. A beat is premature if it comes early against the eight intervals before it.
func (r *reader) countBeats(s *Summary, bs []beats.Beat, af []span) {
	var last []float64
	k, row := 0, 0
	for i, b := range bs {
		h := s.hour(r.when(b.At))
		h.Beats++
		s.Beats++
		if b.Paced {
			s.Paced++
		}
		if b.Ventricular && !b.Paced {
			h.Ventricular++
			s.Ventricular++
		}
		if i == 0 {
			continue
		}
		d := float64(b.At-bs[i-1].At) / r.hz
		for k < len(af) && af[k].to < b.At {
			k++
		}
		fibrillates := k < len(af) && b.At >= af[k].from
		if !b.Ventricular && !b.Paced && !fibrillates && len(last) == rateOver && d < early*mean(last) && !bs[i-1].Ventricular {
			h.Supraventricular++
			s.Supraventricular++
			if row++; row < newRhythm {
				continue // the rhythm before it stays the measure
			}
			last = last[:0]
		}
		row = 0
		if d < pauseS && !b.Ventricular && !bs[i-1].Ventricular {
			if last = append(last, d); len(last) > rateOver {
				last = last[1:]
			}
		}
	}
}

// intervals fills rates and extremes.
func (r *reader) intervals(s *Summary, bs []beats.Beat) {
	total, n := 0.0, 0
	s.ShortestRR.MS = math.Inf(1)
	run := 0 // intervals in a row that can be read
	for i := 1; i < len(bs); i++ {
		if r.apart(bs[i-1].At, bs[i].At) {
			run = 0
			continue
		}
		run++
		d := float64(bs[i].At-bs[i-1].At) / r.hz
		at := r.when(bs[i-1].At)
		total += d
		n++
		h := s.hour(at)
		h.RateMean += d
		h.intervals++
		if ms := 1000 * d; ms > s.LongestRR.MS {
			s.LongestRR = Extreme{At: at, MS: ms}
		}
		if ms := 1000 * d; ms < s.ShortestRR.MS {
			s.ShortestRR = Extreme{At: at, MS: ms}
		}
		if d >= pauseS {
			h.Pauses++
			s.Pauses2s++
		}
		if d >= pauseLong {
			s.Pauses3s++
		}
		if run < rateOver {
			continue
		}
		rate := 60 * rateOver * r.hz / float64(bs[i].At-bs[i-rateOver].At)
		at = r.when(bs[i-rateOver].At)
		if s.Slowest.Rate == 0 || rate < s.Slowest.Rate {
			s.Slowest = Extreme{At: at, Rate: rate}
		}
		if rate > s.Fastest.Rate {
			s.Fastest = Extreme{At: at, Rate: rate}
		}
		if h.RateMin == 0 || rate < h.RateMin {
			h.RateMin = rate
		}
		h.RateMax = max(h.RateMax, rate)
	}
	if n > 0 {
		s.RateMean = 60 * float64(n) / total
	} else {
		s.ShortestRR.MS = 0
	}
	for i := range s.Hours {
		if h := &s.Hours[i]; h.intervals > 0 {
			h.RateMean = 60 * h.intervals / h.RateMean
		}
	}
}

// events lists the arrhythmias: of each kind the most serious, in order of time.
func (r *reader) events(s *Summary, bs []beats.Beat, af []span) {
	var all []Event
	add := func(f finding.Finding) {
		all = append(all, Event{Code: f.Code, From: f.From, To: f.To, Sample: int64(f.From.Seconds() * r.hz), Evidence: f.Evidence})
	}
	for _, f := range r.waves {
		add(f)
	}
	for _, f := range rhythm.Runs(bs, r.hz) {
		if f.Code == finding.VentricularT {
			s.VTRuns++
		} else {
			s.SVTRuns++
		}
		add(f)
	}
	for i := 1; i < len(bs); i++ {
		if d := float64(bs[i].At-bs[i-1].At) / r.hz; d >= pauseS && !r.apart(bs[i-1].At, bs[i].At) {
			add(finding.Finding{
				Code: finding.Pause, From: r.when(bs[i-1].At), To: r.when(bs[i].At), Evidence: map[string]float64{"rr_ms": 1000 * d},
			})
		}
	}
	var time float64
	for _, e := range af {
		s.AFEpisodes++
		time += float64(e.to-e.from) / r.hz
		add(finding.Finding{
			Code: finding.AtrialFibrillation, From: r.when(e.from), To: r.when(e.to),
			Evidence: map[string]float64{"duration_s": float64(e.to-e.from) / r.hz, "rate": e.rate},
		})
	}
	s.AFShare = time / max(s.Duration.Seconds(), 1)
	s.Events = mostSerious(all)
}

// mostSerious keeps MaxEvents of each kind: the longest.
func mostSerious(all []Event) []Event {
	slices.SortStableFunc(all, func(a, b Event) int { return int((b.To - b.From) - (a.To - a.From)) })
	kept := map[finding.Code]int{}
	var out []Event
	for _, e := range all {
		if kept[e.Code]++; kept[e.Code] <= MaxEvents {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return int(a.From - b.From) })
	return out
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}
