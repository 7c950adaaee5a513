// Leads of one group that a file gives in different lengths.

package tracing

// Even makes all leads of the group as long as the longest, with missing samples at the end, and reports whether it had to.
func (g *Group) Even() bool {
	n := 0
	for _, l := range g.Leads {
		n = max(n, len(l.Samples))
	}
	padded := false
	for i := range g.Leads {
		l := &g.Leads[i]
		if len(l.Samples) == n {
			continue
		}
		padded = true
		full := make([]int32, n)
		for k := copy(full, l.Samples); k < n; k++ {
			full[k] = Missing
		}
		l.Samples = full
	}
	return padded
}
