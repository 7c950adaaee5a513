// From channels to groups.

package mfer

import (
	"fmt"
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

func nanosecond(n uint64) time.Duration { return time.Duration(n) }

// finish makes groups of the leads that have the same rate and length: rhythm first, then median beats.
func (f *file) finish() error {
	for _, median := range []bool{false, true} {
		first := len(f.t.Groups)
		for _, p := range f.parts {
			if p.median != median {
				continue
			}
			if p.status {
				f.t.Warn(tracing.Unsupported, "a channel of states was left out")
				continue
			}
			p.whole(f.t)
			if len(p.lead.Samples) > 0 {
				f.put(p, first)
			}
		}
		f.order12(first)
	}
	if len(f.t.Groups) == 0 {
		return bad(-1, "the file has no samples")
	}
	for i := range f.t.Groups {
		f.t.Single(&f.t.Groups[i])
		f.t.Groups[i].Complete()
	}
	f.annotate()
	return nil
}

// put adds a lead to the group of its rate; a lead that is a little shorter, in a file that was cut, is filled up.
func (f *file) put(p *part, first int) {
	for i := first; i < len(f.t.Groups); i++ {
		g := &f.t.Groups[i]
		if g.Rate != p.rate {
			continue
		}
		if n := len(p.lead.Samples); n < g.Len() && g.Len()-n <= min(p.block, n) {
			for range g.Len() - n {
				p.lead.Samples = append(p.lead.Samples, tracing.Missing)
			}
		}
		if g.Len() == len(p.lead.Samples) {
			g.Leads = append(g.Leads, p.lead)
			return
		}
	}
	kind := tracing.Rhythm
	if p.median {
		kind = tracing.Median
	}
	g := tracing.Group{Kind: kind, Rate: p.rate, Leads: []tracing.Lead{p.lead}}
	if !p.median {
		g.Filters = f.filters
	}
	f.t.Groups = append(f.t.Groups, g)
}

// order12 puts the group of the most known leads first.
func (f *file) order12(first int) {
	known := func(g *tracing.Group) (n int) {
		for i := range g.Leads {
			if g.Leads[i].Code != "" {
				n++
			}
		}
		return n
	}
	best := first
	for i := first; i < len(f.t.Groups); i++ {
		if known(&f.t.Groups[i]) > known(&f.t.Groups[best]) {
			best = i
		}
	}
	if best < len(f.t.Groups) {
		f.t.Groups[first], f.t.Groups[best] = f.t.Groups[best], f.t.Groups[first]
	}
}

// whole brings unsigned and floating samples to integers.
func (p *part) whole(t *tracing.Tracing) {
	if p.big {
		for i, v := range p.lead.Samples {
			if v != tracing.Missing {
				p.lead.Samples[i] = v ^ math.MinInt32
			}
		}
		p.lead.OffsetNV = p.lead.OffsetNV.Add(p.lead.NVPerLSB.Mul(tracing.Whole(1 << 31)))
	}
	if p.floats == nil {
		return
	}
	largest := 0.0
	for _, v := range p.floats {
		if a := math.Abs(v); a > largest && a < 1<<30 {
			largest = a
		}
	}
	factor, exact := int64(1), false
	for ; ; factor *= 2 {
		if exact = fits(p.floats, float64(factor)); exact || factor == 1<<20 || largest*float64(factor)*2 >= 1<<30 {
			break
		}
	}
	if !exact {
		t.Warn(tracing.LossyEncoding, fmt.Sprintf("floating samples were rounded to 1/%d of a unit", factor))
	}
	for _, v := range p.floats {
		s := math.Round(v * float64(factor))
		if math.IsNaN(s) || math.Abs(s) > math.MaxInt32 {
			p.lead.Samples = append(p.lead.Samples, tracing.Missing)
			continue
		}
		p.lead.Samples = append(p.lead.Samples, int32(s))
	}
	p.floats = nil
	p.lead.NVPerLSB = p.lead.NVPerLSB.Div(tracing.Whole(factor))
}

func fits(list []float64, factor float64) bool {
	for _, v := range list {
		if s := v * factor; !math.IsNaN(v) && math.Abs(s) < 1<<31 && s != math.Trunc(s) {
			return false
		}
	}
	return true
}
