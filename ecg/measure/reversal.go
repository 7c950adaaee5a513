// Exchanged electrodes: what the limb leads and the row of chest leads show when two cables are swapped.

package measure

import (
	"fmt"
	"math"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

const (
	flatQRSUV    = 100.0 // from lowest to highest: a limb lead between the legs
	leastPUV     = 25.0  // a P wave whose direction is certain
	shorterShare = 0.60  // of the way along the chest leads that is left when two of them are exchanged
)

// reversal adds a finding for each suspected exchange. The rules are those usual in textbooks; the P wave decides where there is one,
// since its direction varies least.
func (a *analysis) reversal() {
	if note := a.limbReversal(); note != "" {
		a.find(finding.Finding{Code: finding.LimbReversal, Note: note, Leads: a.measured(tracing.Twelve[:6])})
	}
	if x, y, ok := a.chestReversal(); ok {
		a.find(finding.Finding{
			Code: finding.LimbReversal, Leads: []tracing.Code{x, y},
			Note: fmt.Sprintf("chest electrodes %s and %s may be exchanged", x.Label(), y.Label()),
		})
	}
}

func (a *analysis) measured(leads []tracing.Code) []tracing.Code {
	var out []tracing.Code
	for _, c := range leads {
		if _, ok := a.shape[c]; ok {
			out = append(out, c)
		}
	}
	return out
}

func (a *analysis) limbReversal() string {
	i, ok1 := a.shape[tracing.LeadI]
	ii, ok2 := a.shape[tracing.LeadII]
	iii, ok3 := a.shape[tracing.LeadIII]
	vr, ok4 := a.shape[tracing.LeadAVR]
	vl, ok5 := a.shape[tracing.LeadAVL]
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !i.hasQRS || a.origin != conducted {
		return ""
	}
	height := func(s shape) float64 { return s.tallest() - min(s.q, s.s) }
	flat := func(s shape, others ...shape) bool {
		for _, o := range others {
			if height(o) < 4*flatQRSUV {
				return false
			}
		}
		return height(s) < flatQRSUV && math.Abs(s.p) < leastPUV
	}
	p := func(s shape) float64 {
		if !s.hasP {
			return 0
		}
		return s.p
	}
	v6 := a.shape[tracing.LeadV6]
	switch {
	case flat(ii, i, iii):
		return "right arm and right leg (neutral) electrodes may be exchanged"
	case flat(iii, i, ii):
		return "left arm and right leg (neutral) electrodes may be exchanged"
	case flat(i, ii, iii):
		return "arm and leg electrodes may be exchanged on both sides"
	case p(i) < -leastPUV && p(vl) < p(vr) && p(ii) > -leastPUV && i.net < 0 && (!v6.hasQRS || v6.net > 0):
		return "right and left arm electrodes may be exchanged"
	case p(ii) < -leastPUV && p(vr) > leastPUV && p(i) < leastPUV && p(iii) < -leastPUV/2 && ii.net < 0 && vr.net > 0:
		return "right arm and left leg electrodes may be exchanged"
	case p(i) > p(ii)+leastPUV && p(iii) < -leastPUV && p(ii) > 0 && iii.net < 0 && i.net > ii.net && iii.t < 0:
		return "left arm and left leg electrodes may be exchanged"
	}
	return ""
}

// chestReversal compares neighbours along V1 to V6: the way from each to the next is much shorter with two neighbours exchanged.
func (a *analysis) chestReversal() (x, y tracing.Code, ok bool) {
	chest := tracing.Twelve[6:]
	var rows [][]float64
	q := a.waves.QRS
	if !q.OK || a.origin != conducted {
		return "", "", false
	}
	for _, c := range chest {
		lead := a.m.lead(c)
		if lead == nil {
			return "", "", false
		}
		rows = append(rows, lead[q.On:q.Off+1])
	}
	way := func(order []int) float64 {
		sum := 0.0
		for k := 1; k < len(order); k++ {
			d := 0.0
			for i := range rows[0] {
				v := rows[order[k]][i] - rows[order[k-1]][i]
				d += v * v
			}
			sum += math.Sqrt(d)
		}
		return sum
	}
	order := []int{0, 1, 2, 3, 4, 5}
	whole, least, at := way(order), math.Inf(1), -1
	for k := range 5 {
		order[k], order[k+1] = order[k+1], order[k]
		if w := way(order); w < least {
			least, at = w, k
		}
		order[k], order[k+1] = order[k+1], order[k]
	}
	if whole == 0 || least > shorterShare*whole {
		return "", "", false
	}
	return chest[at], chest[at+1], true
}
