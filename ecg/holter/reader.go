// One pass over the recording: beats from a stream, stretches without separate beats, and the parts that cannot be read.

package holter

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/rhythm"
)

const (
	binS    = 2.0  // of the signal that is judged at once, s
	windowS = 60.0 // that is searched for undulations at once
	overS   = 4.0  // by which these windows overlap
)

type reader struct {
	g      *tracing.Group
	hz     float64
	leads  []int
	stream *beats.Stream
	beats  []beats.Beat
	block  [][]float64

	window [][]float64 // the last samples, for undulations
	first  int64       // recording's sample of window[0]
	waves  []finding.Finding

	bin   bin
	noisy []bool // of each bin
}

func newReader(g *tracing.Group, leads []int) *reader {
	hz := g.Rate.Float()
	return &reader{
		g: g, hz: hz, leads: leads, stream: beats.NewStream(hz, len(leads)),
		block: make([][]float64, len(leads)), window: make([][]float64, len(leads)), bin: newBin(len(leads), hz),
	}
}

func (r *reader) take(samples [][]int32) {
	for i, l := range r.leads {
		r.block[i] = microvolts(r.block[i][:0], &r.g.Leads[l], samples[l])
		r.window[i] = append(r.window[i], r.block[i]...)
	}
	r.beats = append(r.beats, r.stream.Push(r.block)...)
	r.judge()
	if float64(len(r.window[0])) >= windowS*r.hz {
		r.search(int(overS * r.hz))
	}
}

func (r *reader) finish() {
	r.beats = append(r.beats, r.stream.Flush()...)
	r.search(0)
	if r.bin.n > 0 {
		r.noisy = append(r.noisy, r.bin.bad())
	}
}

// search looks for undulations in the window and keeps its last samples.
func (r *reader) search(keep int) {
	at := time.Duration(float64(r.first) / r.hz * float64(time.Second))
	for _, f := range rhythm.Undulations(beats.Signal{RateHz: r.hz, Leads: r.window}) {
		f.From += at
		f.To += at
		if n := len(r.waves); n > 0 && f.From <= r.waves[n-1].To {
			r.waves[n-1].To = max(r.waves[n-1].To, f.To)
			continue
		}
		r.waves = append(r.waves, f)
	}
	drop := max(len(r.window[0])-keep, 0)
	for i, w := range r.window {
		r.window[i] = w[:copy(w, w[drop:])]
	}
	r.first += int64(drop)
}

// judge notes which bins cannot be read.
func (r *reader) judge() {
	n := len(r.block[0])
	for at := 0; at < n; {
		step := min(n-at, r.bin.size-r.bin.n)
		for i := range r.block {
			r.bin.take(i, r.block[i][at:at+step])
		}
		r.bin.n += step
		at += step
		if r.bin.n == r.bin.size {
			r.noisy = append(r.noisy, r.bin.bad())
			r.bin.reset()
		}
	}
}

// unread reports whether a bin between two samples cannot be read.
func (r *reader) unread(from, to int) bool {
	for b := from / r.bin.size; b <= to/r.bin.size && b < len(r.noisy); b++ {
		if r.noisy[b] {
			return true
		}
	}
	return false
}

// apart reports whether the distance of two beats says nothing, because something that cannot be read or has no beats is between them.
func (r *reader) apart(from, to int) bool {
	a, b := r.when(from), r.when(to)
	i, _ := slices.BinarySearchFunc(r.waves, a, func(f finding.Finding, t time.Duration) int { return cmp.Compare(f.To, t) })
	return i < len(r.waves) && r.waves[i].From <= b || r.unread(from, to)
}

// bin judges some seconds of all leads.
type bin struct {
	size, n, lag int
	leads        []binLead
}

type binLead struct {
	real         int
	lo, hi       float64
	jag          float64 // sum of second differences
	count        int
	past, before float64
	phase        int
}

func newBin(leads int, hz float64) bin {
	b := bin{size: max(int(binS*hz), 1), lag: max(int(0.004*hz), 1), leads: make([]binLead, leads)}
	b.reset()
	return b
}

func (b *bin) reset() {
	b.n = 0
	for i := range b.leads {
		b.leads[i] = binLead{lo: math.Inf(1), hi: math.Inf(-1), past: math.NaN(), before: math.NaN()}
	}
}

func (b *bin) take(lead int, x []float64) {
	l := &b.leads[lead]
	for _, v := range x {
		if v != v {
			continue
		}
		l.real++
		l.lo, l.hi = min(l.lo, v), max(l.hi, v)
		if l.phase++; l.phase < b.lag {
			continue
		}
		l.phase = 0
		if d := v - 2*l.past + l.before; d == d {
			l.jag += math.Abs(d)
			l.count++
		}
		l.before, l.past = l.past, v
	}
}

// What a readable lead has: most of its samples, more than a flat line, less than the swing of a loose electrode, and fine changes that are small
// against its complexes.
const (
	flatUV  = 30.0
	swingUV = 12_000.0
	jagged  = 0.12
	fineUV  = 40.0
)

// bad reports whether no lead can be read.
func (b *bin) bad() bool {
	for i := range b.leads {
		l := &b.leads[i]
		span := l.hi - l.lo
		if l.real*10 >= b.n*9 && span > flatUV && span < swingUV && l.jag < max(jagged*span, fineUV)*float64(max(l.count, 1)) {
			return false
		}
	}
	return true
}
