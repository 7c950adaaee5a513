// Package holter reads a long recording 动态心电图 once, from its first block to its last, and sums it up: the hours, the extremes, the
// arrhythmias with the places of their strips, the variability of the heart rate. Signals are not kept; what is kept is one entry a beat.
package holter

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

// Summary of a recording. Times count from its first sample; rates are beats a minute.
type Summary struct {
	Duration time.Duration
	Leads    []tracing.Code // that beats were looked for in; empty codes for unknown leads
	Noise    float64        // part of the time without a readable signal, 0 to 1

	Beats            int
	Ventricular      int
	Supraventricular int // premature, outside of fibrillation
	Paced            int
	RateMean         float64
	Slowest, Fastest Extreme // of eight intervals in a row
	LongestRR        Extreme // MS
	ShortestRR       Extreme // MS

	Pauses2s, Pauses3s int
	VTRuns, SVTRuns    int
	AFEpisodes         int
	AFShare            float64 // part of the time, 0 to 1

	Variability Variability
	Hours       []Hour
	Events      []Event // in order of time, the MaxEvents most serious of each kind
}

// Extreme is a value and where it is.
type Extreme struct {
	At   time.Duration
	Rate float64 // of Slowest and Fastest
	MS   float64 // of LongestRR and ShortestRR
}

// Hour is one line of the table; the first begins with the recording.
type Hour struct {
	From                        time.Duration
	Beats                       int
	RateMin, RateMean, RateMax  float64 // of eight intervals; 0 where there are none
	Ventricular                 int
	Supraventricular            int
	Pauses                      int // of 2 s or more
	Noise                       float64
	intervals, seconds, badTime float64
}

// Event is an arrhythmia with its place.
type Event struct {
	Code     finding.Code
	From, To time.Duration
	Sample   int64 // of From: where its strip begins
	Evidence map[string]float64
}

// MaxEvents is how many events of one kind are listed.
const MaxEvents = 100

const (
	leadsMost = 3 // that beats are looked for in
	blockSize = 1 << 14
)

// Summarise reads r once and a little of it before. progress may be nil. The error is that of reading, or of ctx; a recording without a calibrated
// lead is a tracing.FormatError.
func Summarise(ctx context.Context, r *tracing.Recording, progress func(done, total int64)) (*Summary, error) {
	g := r.Head.Rhythm()
	if g == nil || g.Rate.Float() <= 0 || r.Count == 0 {
		return nil, tracing.Errorf(r.Head.Format, -1, "no rhythm to be summed up")
	}
	chosen, err := choose(r, g)
	if err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, tracing.Errorf(r.Head.Format, -1, "no lead with a known size")
	}
	a := newReader(g, chosen)
	done := int64(0)
	for block, err := range r.Blocks(ctx, blockSize) {
		if err != nil {
			return nil, err
		}
		a.take(block)
		done += int64(len(block[0]))
		if progress != nil {
			progress(done, r.Count)
		}
	}
	a.finish()
	s := a.sum(r.Count)
	for _, l := range chosen {
		s.Leads = append(s.Leads, g.Leads[l].Code)
	}
	return s, nil
}

// choose takes the best leads by looking at some places of the recording. Derived leads say nothing new.
func choose(r *tracing.Recording, g *tracing.Group) ([]int, error) {
	var able []int
	for i := range g.Leads {
		if l := &g.Leads[i]; l.Calibrated() && !l.Off && !l.Derived {
			able = append(able, i)
		}
	}
	if len(able) <= 1 {
		return able, nil
	}
	const places = 5
	n := min(int64(20*g.Rate.Float()), r.Count)
	rank := make([]float64, len(able))
	out := make([][]int32, len(g.Leads))
	for i := range out {
		out[i] = make([]int32, n)
	}
	for p := range int64(places) {
		first := (r.Count - n) * (2*p + 1) / (2 * places)
		if err := r.Read(first, out); err != nil {
			return nil, err
		}
		s := beats.Signal{RateHz: g.Rate.Float()}
		for _, l := range able {
			s.Leads = append(s.Leads, microvolts(nil, &g.Leads[l], out[l]))
		}
		for i, q := range beats.Quality(s) {
			rank[i] += min(q, 12)
		}
	}
	order := make([]int, len(able))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rank[a] > rank[b]:
			return -1
		case rank[a] < rank[b]:
			return 1
		}
		return 0
	})
	chosen := make([]int, 0, leadsMost)
	for _, i := range order[:min(leadsMost, len(order))] {
		chosen = append(chosen, able[i])
	}
	slices.Sort(chosen)
	return chosen, nil
}

func microvolts(dst []float64, l *tracing.Lead, samples []int32) []float64 {
	k, off := l.NVPerLSB.Float()/1000, l.OffsetNV.Float()/1000
	for _, v := range samples {
		if v == tracing.Missing {
			dst = append(dst, math.NaN())
			continue
		}
		dst = append(dst, float64(v)*k+off)
	}
	return dst
}
