// Like beats: which complexes have one shape, and their coherent average.

package delineate

import "math"

const (
	// chunk is how many neighbouring beats of one shape are averaged together: enough to see a P wave in noise, few enough to follow a
	// change of shape in a long recording.
	chunk = 15

	// trimmedBeats is from how many on the highest and the lowest are left out of the average.
	trimmedBeats = 5

	averageBeforeMS = 480 // around the QRS position
	averageAfterMS  = 720
	nextQRSMS       = 90  // before the next QRS position that no longer belong to a beat
	lastTMS         = 350 // after the QRS position before that do not belong to it yet; less where beats are fast
	smoothMS        = 4
	coarsest        = 4 // scale of the wavelets that is used
)

// study is one call of Leads.
type study struct {
	rate    float64
	n       int
	leads   []channel
	beats   []beat
	rr      float64 // median interval, samples
	classes [][]int // indices of beats, in time

	usual      *average // of the most frequent shape
	usualWaves []Waves
}

// channel is one lead: a little smoothed, and its wavelets at the scales 2 to 4.
type channel struct {
	x []float64
	w [coarsest + 1][]float64
}

// beat is one complex; at is aligned with the others of its class.
type beat struct{ at int }

// average is the coherent mean of some like beats.
type average struct {
	pre     int // sample of the QRS position in it
	members []int
	spans   [][2]int // of the signal that belong to each member alone
	leads   []channel
	before  float64 // median interval to the beat before, samples; 0 if none has one
	after   float64
	qrs     Wave // over all leads

	count, low, high []float64 // of the members, for each sample
}

// ms is a time in samples.
func (s *study) ms(t float64) int { return int(math.Round(t * s.rate / 1000)) }

func newStudy(leads [][]float64, rateHz float64, qrs []int) *study {
	s := &study{rate: rateHz, n: len(leads[0])}
	for _, q := range qrs {
		s.beats = append(s.beats, beat{at: min(max(q, 0), s.n-1)})
	}
	var rr []float64
	for i := 1; i < len(s.beats); i++ {
		rr = append(rr, float64(s.beats[i].at-s.beats[i-1].at))
	}
	s.rr = median(rr)
	s.transform(leads)
	s.classify()
	return s
}

func (s *study) transform(leads [][]float64) {
	s.leads = make([]channel, len(leads))
	var t transform
	for i, x := range leads {
		c := &s.leads[i]
		c.x = t.smooth(nil, x, max(1, smoothMS*s.rate/1000))
		for k := 2; k <= coarsest; k++ {
			c.w[k] = t.wavelet(nil, x, s.rate, k)
		}
	}
	s.spikes(leads)
}

func (s *study) average(members []int) *average {
	a := &average{pre: s.ms(averageBeforeMS), members: members, leads: make([]channel, len(s.leads))}
	n := a.pre + s.ms(averageAfterMS) + 1
	a.count, a.low, a.high = make([]float64, n), make([]float64, n), make([]float64, n)
	var before, after []float64
	for _, m := range members {
		lo, hi := s.span(m)
		at := s.beats[m].at
		lo, hi = max(lo, at-a.pre), min(hi, at-a.pre+n-1)
		a.spans = append(a.spans, [2]int{lo, hi})
		for i := lo; i <= hi; i++ {
			a.count[i-at+a.pre]++
		}
		if m > 0 {
			before = append(before, float64(at-s.beats[m-1].at))
		}
		if m+1 < len(s.beats) {
			after = append(after, float64(s.beats[m+1].at-at))
		}
	}
	a.before, a.after = median(before), median(after)
	for l := range s.leads {
		a.leads[l].x = s.mean(s.leads[l].x, a)
		for k := 2; k <= coarsest; k++ {
			a.leads[l].w[k] = s.mean(s.leads[l].w[k], a)
		}
	}
	return a
}

// span is what of the signal belongs to beat m alone: after the T wave of the one before, before the QRS complex of the next.
func (s *study) span(m int) (lo, hi int) {
	lo, hi = 0, s.n-1
	at := s.beats[m].at
	if m > 0 {
		t := max(float64(s.ms(nextQRSMS)), min(0.5*s.rr, float64(s.ms(lastTMS))))
		lo = s.beats[m-1].at + int(min(t, 0.7*float64(at-s.beats[m-1].at)))
	}
	if m+1 < len(s.beats) {
		hi = max(at, s.beats[m+1].at-s.ms(nextQRSMS))
	}
	return lo, hi
}

// mean of x over the members sample by sample; of five and more the highest and the lowest are left out, so that one disturbed beat does not
// show.
func (s *study) mean(x []float64, a *average) []float64 {
	out := make([]float64, len(a.count))
	for i := range out {
		a.low[i], a.high[i] = math.Inf(1), math.Inf(-1)
	}
	for k, m := range a.members {
		from := s.beats[m].at - a.pre
		for i := a.spans[k][0]; i <= a.spans[k][1]; i++ {
			v, j := x[i], i-from
			out[j] += v
			a.low[j], a.high[j] = min(a.low[j], v), max(a.high[j], v)
		}
	}
	for i, c := range a.count {
		switch {
		case c >= trimmedBeats:
			out[i] = (out[i] - a.low[i] - a.high[i]) / (c - 2)
		case c > 0:
			out[i] /= c
		}
	}
	return out
}
