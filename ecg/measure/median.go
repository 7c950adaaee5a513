// The representative beat: like beats, aligned by cross-correlation, the median of each sample.

package measure

import (
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/beats"
)

const (
	mostBeats  = 40 // in a median: more of them make it no better
	alignMS    = 30 // by which places of like beats may differ
	alignQRSMS = 80 // around the QRS complex that aligns them
)

// medianBeat is the representative beat of every usable lead; zero microvolts is the level before the QRS complex.
type medianBeat struct {
	rate  float64
	at    int // sample of the QRS complex
	leads []medianLead
	from  []int // samples of the recording at which the beats in it start

	recorded []medianLead // where leads are interpolated
}

type medianLead struct {
	code tracing.Code
	x    []float64
}

func (m *medianBeat) lead(c tracing.Code) []float64 {
	for i := range m.leads {
		if m.leads[i].code == c {
			return m.leads[i].x
		}
	}
	return nil
}

func (m *medianBeat) signals() [][]float64 {
	out := make([][]float64, len(m.leads))
	for i := range m.leads {
		out[i] = m.leads[i].x
	}
	return out
}

// medianOf makes it of the chosen beats (indices); rr is the usual interval in samples. nil if none of them is whole in the recording.
func (s *signal) medianOf(all []beats.Beat, chosen []int, rr float64) *medianBeat {
	pre := int(min(max(0.5*rr, 0.25*s.rate), 0.48*s.rate))
	post := int(min(max(0.75*rr, 0.35*s.rate), 0.72*s.rate))
	var at []int
	for _, b := range chosen {
		if p := all[b].At; p-pre >= 0 && p+post < s.n {
			at = append(at, p)
		}
	}
	if len(at) == 0 {
		return nil
	}
	for len(at) > mostBeats { // every other one, so that they stay spread over the recording
		for i := range len(at) / 2 {
			at[i] = at[2*i]
		}
		at = at[:len(at)/2]
	}
	at = s.align(at, pre, post)
	m := &medianBeat{rate: s.rate, at: pre}
	for _, p := range at {
		m.from = append(m.from, p-pre)
	}
	for i := range s.leads {
		if l := &s.leads[i]; l.read {
			m.leads = append(m.leads, medianLead{l.code, medianSamples(l.x, m.from, pre+post+1)})
		}
	}
	return m
}

// align moves each place to where the slopes of the beat, in all leads, are most like their mean over all beats.
func (s *signal) align(at []int, pre, post int) []int {
	leads := s.usable()
	lag, half, step := s.ms(alignMS), s.ms(alignQRSMS), max(1, s.ms(4))
	width := 2*(half+lag) + 1
	rows := make([][]float64, len(at)) // of each beat: the slopes of all leads, one after another, lag samples more at both ends
	fill := func(b int) {
		rows[b] = fit(rows[b], width*len(leads))
		for l, x := range leads {
			slopes(rows[b][l*width:][:width], x, at[b]-half-lag, s.ms(4))
		}
	}
	var mean []float64
	for range 2 {
		for b := range at {
			fill(b)
		}
		mean = mean[:0]
		for l := range leads {
			for i := lag; i < width-lag; i += step {
				v := 0.0
				for _, row := range rows {
					v += row[l*width+i]
				}
				mean = append(mean, v)
			}
		}
		for b, row := range rows {
			if p := at[b] + bestLag(row, mean, width, lag, step); p-pre >= 0 && p+post < s.n {
				at[b] = p
			}
		}
	}
	return at
}

// slopes are differences over 2k samples: no baseline, little noise.
func slopes(dst, x []float64, from, k int) {
	k = max(1, k)
	for i := range dst {
		dst[i] = 0
		if j := from + i; j-k >= 0 && j+k < len(x) {
			dst[i] = x[j+k] - x[j-k]
		}
	}
}

// bestLag is the shift of a row at which it correlates best with the mean.
func bestLag(row, mean []float64, width, lag, step int) int {
	best, at := math.Inf(-1), 0
	for d := -lag; d <= lag; d++ {
		var xy, xx float64
		j := 0
		for start := 0; start < len(row); start += width {
			for i := start + lag + d; i < start+width-lag+d; i += step {
				v := row[i]
				xy += v * mean[j]
				xx += v * v
				j++
			}
		}
		if xx > 0 && xy/math.Sqrt(xx) > best {
			best, at = xy/math.Sqrt(xx), d
		}
	}
	return at
}

// medianSamples is the median of segments of n samples, each first moved to the same level.
func medianSamples(x []float64, from []int, n int) []float64 {
	out := make([]float64, n)
	levels := make([]float64, len(from))
	for b, f := range from {
		levels[b] = quiet(x[f : f+n])
	}
	column := make([]float64, len(from))
	for i := range out {
		for b, f := range from {
			column[b] = x[f+i] - levels[b]
		}
		insertionSort(column)
		k := len(column)
		out[i] = (column[(k-1)/2] + column[k/2]) / 2
	}
	return out
}

// quiet is the level of a beat: the median of every eighth sample.
func quiet(x []float64) float64 {
	var v []float64
	for i := 0; i < len(x); i += 8 {
		v = append(v, x[i])
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func insertionSort(v []float64) {
	for i := 1; i < len(v); i++ {
		x := v[i]
		j := i - 1
		for ; j >= 0 && v[j] > x; j-- {
			v[j+1] = v[j]
		}
		v[j+1] = x
	}
}

// group gives it as a group of a tracing: microvolts, to the next whole.
func (m *medianBeat) group(rate tracing.Ratio) *tracing.Group {
	g := &tracing.Group{Kind: tracing.Median, Label: "median beat", Rate: rate}
	leads := m.leads
	if m.recorded != nil {
		leads = m.recorded
	}
	for _, l := range leads {
		samples := make([]int32, len(l.x))
		for i, v := range l.x {
			samples[i] = int32(math.Round(min(max(v, -1e8), 1e8)))
		}
		g.Leads = append(g.Leads, tracing.Lead{Code: l.code, Label: l.code.Label(), NVPerLSB: tracing.Whole(1000), Samples: samples})
	}
	return g
}
