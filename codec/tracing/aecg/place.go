// The places of marks: known when all groups and their times are.

package aecg

import (
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// placeMarks gives the marks their groups and times.
func (d *document) placeMarks() {
	for _, m := range d.marks {
		if m.first >= m.end || m.end > len(d.t.Groups) {
			continue
		}
		g, low, okLow := d.place(m, m.low)
		gh, high, okHigh := d.place(m, m.high)
		m.a.Group, m.a.At = g, low
		switch {
		case okLow && okHigh && g == gh && high >= low:
			m.a.For = high - low
		case okLow:
			if m.low.said != m.high.said && m.a.Text == "" && m.a.Code != tracing.Beat {
				m.a.Text = "onset"
			}
		case okHigh:
			m.a.Group, m.a.At = gh, high
			if m.a.Text == "" {
				m.a.Text = "offset"
			}
		default:
			d.t.Warn(tracing.BadValue, "a mark outside of the recording was left out")
			continue
		}
		if m.a.Code == heldCode {
			d.release(m.a)
			continue
		}
		xmlin.Mark(d.t, m.a)
	}
}

// place finds the group of a series in which a time is, and the time after its first sample.
func (d *document) place(m mark, b bound) (group int, at time.Duration, ok bool) {
	if !b.said {
		return m.first, 0, false
	}
	groups, first := d.t.Groups, m.first
	group = first
	for i := first; i < m.end; i++ {
		g := groups[i]
		if g.Kind != groups[first].Kind { // a derived series has its own marks
			continue
		}
		t, base := b.rel, groups[i].Offset-groups[first].Offset
		if !d.starts[i].known() {
			base = d.lags[i]
		}
		if b.at.known() {
			t, base = b.at.at.Sub(d.t.RecordedAt), g.Offset
		}
		if i == first || t >= base {
			group, at = i, t-base
		}
	}
	g := groups[group]
	n := 0
	for _, l := range g.Leads {
		n = max(n, len(l.Samples))
	}
	length := g.Rate.Duration(int64(n))
	return group, at, at >= 0 && (length == 0 || at <= length)
}

// release makes the samples of a span missing again which our writer had to give a value.
func (d *document) release(a tracing.Annotation) {
	g := &d.t.Groups[a.Group]
	at := slices.IndexFunc(g.Leads, func(l tracing.Lead) bool { return l.Label == a.Text })
	if at < 0 || g.Rate.Num <= 0 {
		return
	}
	l := &g.Leads[at]
	from := int(a.At.Seconds()*g.Rate.Float() + 0.5)
	to := from + int(a.For.Seconds()*g.Rate.Float()+0.5)
	for i := max(from, 0); i < min(to, len(l.Samples)); i++ {
		l.Samples[i] = tracing.Missing
	}
}
