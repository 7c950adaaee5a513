// Package beats finds the QRS complexes of an electrocardiogram, in one lead or in many together, and sorts them by shape. The same
// code serves ten seconds of a cart and the days of a recorder: Detect is a Stream that is given everything at once.
//
// A complex is looked for where the energy between about 8 and 20 Hz, summed over the leads by how well each can be read, stands out
// of its surroundings. Which of these places are beats is decided for a whole stretch at a time, by the most plausible
// sequence: strength against the beats around it, distance against the rhythm around it.
package beats

// Signal is a recording in microvolts. Leads have the same length; NaN is a missing sample.
type Signal struct {
	RateHz float64
	Leads  [][]float64
}

// Len is the number of samples of the shortest lead.
func (s Signal) Len() int {
	if len(s.Leads) == 0 {
		return 0
	}
	n := len(s.Leads[0])
	for _, l := range s.Leads {
		n = min(n, len(l))
	}
	return n
}

// Beat is one QRS complex.
type Beat struct {
	At          int     // sample of its main deflection, from the first sample of the recording
	Ventricular bool    // wide and unlike the dominant beat
	Paced       bool    // a pacing spike shortly before it
	Dominant    bool    // of the most frequent shape
	Template    int     // number of its shape, the same for alike beats of one recording
	WidthMS     float64 // of its shape, rough: for sorting, not for a report
	Strength    float64 // of its QRS energy against the beats around it; near 1 for most
}

// Detect finds the beats of a whole recording, in order.
func Detect(s Signal) []Beat {
	st := NewStream(s.RateHz, len(s.Leads))
	n := s.Len()
	block := make([][]float64, len(s.Leads))
	for i, l := range s.Leads {
		block[i] = l[:n]
	}
	return append(st.Push(block), st.Flush()...)
}
