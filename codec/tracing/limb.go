// The limb leads that follow from I and II: Einthoven's and Goldberger's equations, without rounding.

package tracing

import "math"

// Complete completes and orders every group.
func (t *Tracing) Complete() {
	for i := range t.Groups {
		t.Groups[i].Complete()
	}
}

// Complete derives the limb leads and puts all leads into their order.
func (g *Group) Complete() {
	g.DeriveLimb()
	g.Sort()
}

// DeriveLimb adds III, aVR, aVL and aVF to a group that has I and II of the same size of sample and the same time, where they are not
// there. The augmented leads have half the size of sample, so that nothing is rounded. A sample is missing where I or II is. Leads
// without loaded samples derive without samples.
func (g *Group) DeriveLimb() {
	i, ii := g.Lead(LeadI), g.Lead(LeadII)
	if i == nil || ii == nil || i.NVPerLSB != ii.NVPerLSB || i.OffsetNV != ii.OffsetNV || len(i.Samples) != len(ii.Samples) ||
		!g.together(i, ii) {
		return
	}
	half := i.NVPerLSB.Div(Whole(2))
	for _, d := range []struct {
		code    Code
		size    Ratio
		ofI     int64 // lead = ofI x I + ofII x II, in units of size
		ofII    int64
		offsets Ratio // of the offset of I
	}{
		{LeadIII, i.NVPerLSB, -1, 1, Ratio{}},
		{LeadAVR, half, -1, -1, Whole(-1)},
		{LeadAVL, half, 2, -1, NewRatio(1, 2)},
		{LeadAVF, half, -1, 2, NewRatio(1, 2)},
	} {
		if g.Lead(d.code) != nil {
			continue
		}
		a, b := g.Lead(LeadI), g.Lead(LeadII)
		l := Lead{
			Code: d.code, Label: d.code.Label(), NVPerLSB: d.size, OffsetNV: a.OffsetNV.Mul(d.offsets), Skew: a.Skew,
			Derived: true, Off: a.Off || b.Off,
		}
		if a.Samples != nil {
			l.Samples = make([]int32, len(a.Samples))
			for k := range a.Samples {
				l.Samples[k] = combine(a.Samples[k], b.Samples[k], d.ofI, d.ofII)
			}
		}
		g.Leads = append(g.Leads, l)
	}
}

// together reports whether two leads are of one time: carts that sample one channel after the other say so by less than a sample.
func (g *Group) together(a, b *Lead) bool {
	apart := a.Skew - b.Skew
	return apart == 0 || max(apart, -apart) < g.Rate.Duration(1)
}

// Single leaves each code to the first lead of the group that has it, and warns of the others: which of them is the true one cannot be
// known. They keep their labels.
func (t *Tracing) Single(g *Group) {
	seen := map[Code]bool{}
	for i := range g.Leads {
		l := &g.Leads[i]
		if l.Code != "" && seen[l.Code] {
			l.Code = ""
			t.Warn(Inconsistent, "a lead is there twice: the first is taken")
		}
		seen[l.Code] = true
	}
}

func combine(a, b int32, ofA, ofB int64) int32 {
	if a == Missing || b == Missing {
		return Missing
	}
	v := int64(a)*ofA + int64(b)*ofB
	if v <= math.MinInt32 || v > math.MaxInt32 {
		return Missing
	}
	return int32(v)
}

// Sort puts the leads into the usual order: the twelve first, the others as they stand.
func (g *Group) Sort() {
	rank := func(c Code) int {
		for i, t := range Twelve {
			if c == t {
				return i
			}
		}
		return len(Twelve)
	}
	sorted := make([]Lead, 0, len(g.Leads))
	for r := 0; r <= len(Twelve); r++ {
		for _, l := range g.Leads {
			if rank(l.Code) == r {
				sorted = append(sorted, l)
			}
		}
	}
	g.Leads = sorted
}
