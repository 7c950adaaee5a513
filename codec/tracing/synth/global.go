// The numbers that a cart prints, from the form of the commonest beat, before any noise.

package synth

import (
	"math"
	"slices"
	"sort"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// commonest is the stroke of the middle stretch among those of the form that is seen most, nil if there is none.
func (p *player) commonest() *stroke {
	count := map[*form]int{}
	var best *form
	for i := range p.score.strokes {
		f := p.score.strokes[i].v
		if f == nil {
			continue
		}
		if count[f]++; best == nil || count[f] > count[best] {
			best = f
		}
	}
	var of []*stroke
	for i := range p.score.strokes {
		if s := &p.score.strokes[i]; s.v == best && best != nil {
			of = append(of, s)
		}
	}
	if len(of) == 0 {
		return nil
	}
	sort.SliceStable(of, func(i, j int) bool { return of[i].k < of[j].k })
	return of[len(of)/2]
}

func (p *player) global(beats []Beat) Global {
	var g Global
	rrs := make([]float64, 0, len(beats))
	for i := 1; i < len(beats); i++ {
		rrs = append(rrs, (beats[i].At - beats[i-1].At).Seconds())
	}
	s := p.commonest()
	if s == nil || len(rrs) == 0 {
		return g
	}
	sum := 0.0
	for _, rr := range rrs {
		sum += rr
	}
	mean := sum / float64(len(rrs))
	g.HeartRate, g.RRMS, g.LongestRRS = 60/mean, 1000*mean, slices.Max(rrs)
	p.intervals(&g, s, beats)
	g.QTcBazettMS, g.QTcFridericiaMS = g.QTMS/math.Sqrt(mean), g.QTMS/math.Cbrt(mean)
	g.QRSAxis, g.TAxis = p.axis(s.v.qrs), p.axis(s.v.t)
	beat := p.beatUV(s)
	g.RV5UV, g.SV1UV = slices.Max(beat[6]), slices.Min(beat[2])
	for l := range tracing.Eight {
		if st := beat[l][len(beat[l])-1]; math.Abs(st) > math.Abs(g.STJUV) {
			g.STJUV = st
		}
	}
	return g
}

func (p *player) intervals(g *Global, s *stroke, beats []Beat) {
	ms := func(w Wave) float64 { return (w.Off - w.On).Seconds() * 1000 }
	b := p.measure(s.v, s.k)
	g.QRSMS, g.QTMS = ms(b.QRS), (b.T.Off-b.QRS.On).Seconds()*1000
	var prs []float64
	for _, b := range beats {
		if b.P.OK {
			prs, g.PMS = append(prs, (b.QRS.On-b.P.On).Seconds()*1000), ms(b.P)
		}
	}
	if len(prs) > 0 {
		sort.Float64s(prs)
		g.PRMS = prs[len(prs)/2]
	}
	if s.p != nil {
		g.PAxis = p.axis(s.p.p)
	}
}

// beatUV is the QRS complex of a stroke in microvolts of the eight leads, from its onset to J.
func (p *player) beatUV(s *stroke) [8][]float64 {
	n := int(s.v.j/grid) + 1
	room := make([]vec, n)
	only := *s
	only.p, only.vAt = nil, 0
	only.draw(room, 0, 1/grid)
	var out [8][]float64
	for l := range out {
		for _, v := range room {
			out[l] = append(out[l], 1000*p.body.lead(l, v))
		}
	}
	return out
}

// axis of a part by the net areas of I and III.
func (p *player) axis(ws part) float64 {
	var area vec
	for _, w := range ws {
		for k := range area {
			area[k] += w.v[k] * ((w.b-w.a+w.d-w.c)*16/35 + w.c - w.b) // the integral of (1-u^2)^3 is 16/35
		}
	}
	i, ii := p.body.lead(0, area), p.body.lead(1, area)
	return math.Round(math.Atan2((i+2*(ii-i))/math.Sqrt(3), i) * 180 / math.Pi)
}
