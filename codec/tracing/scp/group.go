// Leads of one time become one group.

package scp

import (
	"fmt"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// channel is a lead with its samples.
type channel struct {
	leadDef
	x []int32
}

// group makes the rhythm groups: one where all leads were recorded together, else one for each time that leads were recorded at.
func (r *record) group(l layout, s stream, x [][]int32, rate tracing.Ratio, unit int64, q beats) {
	var all []channel
	for i, d := range l.leads {
		if i == tracing.MaxLeads {
			r.t.Warn(tracing.Unsupported, fmt.Sprintf("%d leads", len(l.leads)))
			break
		}
		if d.count == 0 {
			d.count = len(x[i])
		}
		all = append(all, channel{d, x[i]})
	}
	if unit == 0 {
		r.t.Warn(tracing.Uncalibrated, "the size of a sample is not said")
	}
	if rate.Num == 0 {
		r.t.Warn(tracing.BadValue, "the sampling interval is not said")
	}
	start := all[0].first
	for _, c := range all {
		start = min(start, c.first)
	}
	for _, together := range r.apart(split(all, l.simultaneous)) {
		g, first := assemble(together, unit)
		if g.Len() == 0 {
			continue
		}
		r.tellShort(together)
		g.Kind, g.Rate, g.Filters = tracing.Rhythm, rate, r.filters
		g.Offset = rate.Duration(first - start)
		r.t.Single(&g)
		g.Complete()
		r.t.Groups = append(r.t.Groups, g)
		q.annotate(r.t, len(r.t.Groups)-1, &g, first)
	}
}

// tellShort warns of leads that have fewer samples than section 3 says.
func (r *record) tellShort(leads []channel) {
	short := 0
	for _, c := range leads {
		if len(c.x) < c.count {
			short++
			if short == 1 {
				r.t.Warn(tracing.Truncated, fmt.Sprintf("lead %s has %d of %d samples", leadOf(c.id).Label, len(c.x), c.count))
			}
		}
	}
	if short > 1 {
		r.t.Warn(tracing.Truncated, fmt.Sprintf("%d of %d leads are not whole", short, len(leads)))
	}
}

// split groups leads of the same first sample and count. Leads that are said to be simultaneous stay together, whatever their
// numbers, unless that would be mostly empty.
func split(all []channel, simultaneous bool) [][]channel {
	if simultaneous {
		first, last, longest := all[0].first, all[0].first, int64(0)
		for _, c := range all {
			first, last, longest = min(first, c.first), max(last, c.first+int64(c.count)), max(longest, int64(c.count))
		}
		if last-first <= 2*longest {
			return [][]channel{all}
		}
	}
	return byTime(all, func(c channel) int { return c.count })
}

// byTime groups leads of the same first sample and number of samples.
func byTime(all []channel, count func(channel) int) [][]channel {
	type time struct {
		first int64
		count int
	}
	var out [][]channel
	place := map[time]int{}
	for _, c := range all {
		at := time{c.first, count(c)}
		k, ok := place[at]
		if !ok {
			k = len(out)
			place[at] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], c)
	}
	return out
}

// apart takes groups asunder that would take far more memory than the file has samples, were their leads filled up to one length.
func (r *record) apart(groups [][]channel) [][]channel {
	var out [][]channel
	for _, g := range groups {
		first, end := extent(g)
		if (end-first)*int64(len(g)) <= 2*int64(spare+len(r.b)) {
			out = append(out, g)
			continue
		}
		r.tellShort(g)
		r.t.Warn(tracing.Inconsistent, "leads of very different times were put apart")
		out = append(out, byTime(g, func(c channel) int { return len(c.x) })...)
	}
	return out
}

// extent is from the first sample that any of the leads has to behind the last.
func extent(leads []channel) (first, end int64) {
	first, end = leads[0].first, leads[0].first
	for _, c := range leads {
		first, end = min(first, c.first), max(end, c.first+int64(len(c.x)))
	}
	return first, end
}

// assemble makes a group of leads: from the first sample that any of them has to the last. It returns the number of the first.
func assemble(leads []channel, unit int64) (tracing.Group, int64) {
	first, end := extent(leads)
	g := tracing.Group{}
	for _, c := range leads {
		l := leadOf(c.id)
		if unit > 0 {
			l.NVPerLSB = tracing.Whole(unit)
		}
		if l.Samples = c.x; len(c.x) < int(end-first) {
			l.Samples = pad(c.x, int(c.first-first), int(end-first))
		}
		g.Leads = append(g.Leads, l)
	}
	return g, first
}

// pad puts x at a place among n samples; the others are missing.
func pad(x []int32, at, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = tracing.Missing
	}
	copy(out[min(at, n):], x)
	return out
}

// median makes the group of the reference beat, false if there is none. Leads without one are left out.
func (r *record) median(l layout, ref beatData) bool {
	var leads []channel
	for i, x := range ref.leads {
		if len(x) > 0 && i < tracing.MaxLeads {
			leads = append(leads, channel{leadDef{id: l.leads[i].id}, x})
		}
	}
	if len(leads) == 0 {
		return false
	}
	g, _ := assemble(leads, ref.avm)
	g.Kind, g.Rate, g.Filters = tracing.Median, rate(ref.interval), r.filters
	r.t.Single(&g)
	g.Complete()
	r.t.Groups = append(r.t.Groups, g)
	return true
}
