// Pacing spikes: they are not part of a QRS complex, and no complex begins with them.

package delineate

const (
	spikeUV      = 60 // from one sample to the next, root mean square of the leads
	spikeRunMS   = 4  // that it may last
	spikeQuietMS = 40 // around it, in which nothing is as steep
	spikeRatio   = 2  // to what comes after it
	spikeBefore  = 5  // to what comes before it: spikes within a complex stay
	silentFromMS = 8  // around it, in which the wavelet is silenced
	silentToMS   = 20
)

// spikes finds them as a steepness over all leads that does not last and has no like around, and silences the wavelet there.
func (s *study) spikes(leads [][]float64) {
	if s.n < 2 {
		return
	}
	steep := make([]float64, s.n-1) // squares
	for _, x := range leads {
		for i := range steep {
			d := x[i+1] - x[i]
			steep[i] += d * d
		}
	}
	far := max(1, s.ms(spikeQuietMS))
	least := spikeUV * spikeUV * float64(len(leads))
	for i := far; i < len(steep)-far; i++ {
		if steep[i] >= least && steep[i] >= steep[i-1] && steep[i] >= steep[i+1] && s.isSpike(steep, i, far) {
			s.silence(i-s.ms(silentFromMS), i+s.ms(silentToMS))
		}
	}
}

// isSpike reports whether nothing around is as steep; a spike has two edges.
func (s *study) isSpike(steep []float64, at, far int) bool {
	run := max(1, s.ms(spikeRunMS))
	for k := run + 1; k <= far; k++ {
		if steep[at-k] > steep[at]/(spikeBefore*spikeBefore) || steep[at+k] > steep[at]/(spikeRatio*spikeRatio) {
			return false
		}
	}
	return true
}

// silence takes the wavelet by which QRS complexes begin out of a span.
func (s *study) silence(from, to int) {
	for l := range s.leads {
		clear(s.leads[l].w[qrsOnScale][max(from, 0):min(to+1, s.n)])
	}
}
