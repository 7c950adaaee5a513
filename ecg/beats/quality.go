// How well beats can be found in each lead.

package beats

// Quality says of each lead how far its QRS complexes stand out of the rest: below 3 they hardly do, over 8 they do well. A flat lead has 0.
func Quality(s Signal) []float64 {
	out := make([]float64, len(s.Leads))
	st := NewStream(s.RateHz, len(s.Leads))
	if len(st.leads) == 0 || s.Len() < int(2*s.RateHz) {
		return out
	}
	for i := range st.leads {
		st.leads[i].take(s.Leads[i][:s.Len()])
		st.leads[i].finish()
	}
	st.frame.load(st.leads, st.hz)
	for i := range out {
		if st.frame.size[i] > 1e-6 {
			out[i] = st.frame.crest[i]
		}
	}
	return out
}
