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

	coarse []medianLead // as recorded, where leads are interpolated
	finer  int          // samples of leads for one that was recorded
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

// medianOf makes it of the chosen beats (indices); rr is the usual interval in samples. before is how far before the place of the
// QRS complex the level is flat, in samples; 0: not known yet, and the level is taken from the whole beat.
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
		if l := &s.leads[i]; l.quality.Usable {
			m.leads = append(m.leads, medianLead{l.code, medianSamples(l.x, m.from, pre+post+1, s.ms(20))})
		}
	}
	return m
}

// align moves each place to where the beat is most like the mean of all.
func (s *signal) align(at []int, pre, post int) []int {
	leads := s.usable()
	lag, half := s.ms(alignMS), s.ms(alignQRSMS)
	step := max(1, s.ms(2))
	k := max(1, s.ms(4)) // the slope over 8 ms: no baseline, little noise
	slope := func(x []float64, i int) float64 {
		if i-k < 0 || i+k >= len(x) {
			return 0
		}
		return x[i+k] - x[i-k]
	}
	mean := make([]float64, 0, len(leads)*(2*half/step+1))
	for range 2 {
		mean = mean[:0]
		for _, x := range leads {
			for i := -half; i <= half; i += step {
				v := 0.0
				for _, p := range at {
					v += slope(x, p+i)
				}
				mean = append(mean, v)
			}
		}
		for b, p := range at {
			best, where := math.Inf(-1), p
			for d := -lag; d <= lag; d++ {
				var xy, xx float64
				j := 0
				for _, x := range leads {
					for i := -half; i <= half; i += step {
						v := slope(x, p+d+i)
						xy += v * mean[j]
						xx += v * v
						j++
					}
				}
				if xx > 0 && xy/math.Sqrt(xx) > best {
					best, where = xy/math.Sqrt(xx), p+d
				}
			}
			if where-pre >= 0 && where+post < s.n {
				at[b] = where
			}
		}
	}
	return at
}

// medianSamples is the median of segments of n samples; each is first moved so that its mean over all of it, and its trend, agree with zero
// at both ends.
func medianSamples(x []float64, from []int, n, edge int) []float64 {
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
	_ = edge
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
	if m.coarse != nil {
		leads = m.coarse
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
