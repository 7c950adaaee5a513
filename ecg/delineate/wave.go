// What P and T waves have in common: a rise and a fall in a wavelet, in leads that agree.

package delineate

import (
	"cmp"
	"math"
	"slices"
)

// peak is a local maximum of the modulus of a wavelet.
type peak struct {
	at int
	v  float64
}

func peaks(w []float64, from, to int) []peak {
	var out []peak
	for i := max(from, 1); i <= min(to, len(w)-2); i++ {
		if m := math.Abs(w[i]); m > 0 && m >= math.Abs(w[i-1]) && m > math.Abs(w[i+1]) {
			out = append(out, peak{i, w[i]})
		}
	}
	return out
}

// largest is -1 if there is none.
func largest(ps []peak) int {
	best := -1
	for i, p := range ps {
		if best < 0 || math.Abs(p.v) > math.Abs(ps[best].v) {
			best = i
		}
	}
	return best
}

// bump is a wave in a wavelet: a rise and a fall, or the other way round, with the peak of the wave between.
type bump struct {
	rise, fall peak
	at         int
	size       float64
}

func bumps(w []float64, from, to, longest int) []bump {
	ps := peaks(w, from, to)
	var out []bump
	for k := 0; k+1 < len(ps); k++ {
		p, q := ps[k], ps[k+1]
		if p.v*q.v >= 0 || q.at-p.at > longest {
			continue
		}
		b := bump{rise: p, fall: q, at: p.at}
		for b.at < q.at && w[b.at]*p.v > 0 {
			b.at++
		}
		b.size = 2*b.lesser() + max(math.Abs(p.v), math.Abs(q.v))
		out = append(out, b)
	}
	return out
}

func (b *bump) lesser() float64 { return min(math.Abs(b.rise.v), math.Abs(b.fall.v)) }

// agreeWithin is how many times the usual distance a bump may be from where the leads agree.
const agreeWithin = 3

// agree chooses one bump of each lead, or -1, such that they lie together: where the leads see their largest, and in each lead the largest
// near there.
func agree(leads [][]bump, near float64) []int {
	var votes []vote
	for _, bs := range leads {
		if len(bs) > 0 {
			b := slices.MaxFunc(bs, func(a, b bump) int { return cmp.Compare(a.size, b.size) })
			votes = append(votes, vote{float64(b.at), b.size})
		}
	}
	at := middle(votes)
	chosen := make([]int, len(leads))
	for l, bs := range leads {
		chosen[l] = -1
		most := 0.0
		for i := range bs {
			d := (float64(bs[i].at) - at) / near
			if v := bs[i].size * math.Exp(-d*d); v > most && math.Abs(d) < agreeWithin {
				most, chosen[l] = v, i
			}
		}
	}
	return chosen
}

// vote is a time that counts by a weight.
type vote struct{ at, weight float64 }

// middle is the weighted median; 0 of none.
func middle(votes []vote) float64 {
	slices.SortFunc(votes, func(a, b vote) int { return cmp.Compare(a.at, b.at) })
	total, sum := 0.0, 0.0
	for _, v := range votes {
		total += v.weight
	}
	for _, v := range votes {
		if sum += v.weight; sum >= total/2 {
			return v.at
		}
	}
	return 0
}

// keep is what stays of a lead's difference from the median of the leads.
const keep = 0.5

// draw moves the limits of one wave in every lead towards their median over leads, in which a lead counts by the size of its wave.
func draw(each []Waves, of func(*Waves) *Wave, weights []float64) {
	var ons, offs []vote
	for l := range each {
		if w := of(&each[l]); w.OK {
			ons = append(ons, vote{float64(w.On), weights[l]})
			offs = append(offs, vote{float64(w.Off), weights[l]})
		}
	}
	mon, moff := middle(ons), middle(offs)
	for l := range each {
		if w := of(&each[l]); w.OK {
			w.On = int(math.Round(mon + keep*(float64(w.On)-mon)))
			w.Off = int(math.Round(moff + keep*(float64(w.Off)-moff)))
			w.Peak = min(max(w.Peak, w.On), w.Off)
		}
	}
}

// walk goes along a wavelet, from a sample outward to a limit.
type walk struct {
	w     []float64
	dir   int // 1 or -1
	limit int
}

// extent is how far |w| stays above a threshold, but for silences no longer than gap.
func (k walk) extent(at int, above float64, gap int) int {
	end, silent := at, 0
	for i := at; i != k.limit && i >= 0 && i < len(k.w); i += k.dir {
		if math.Abs(k.w[i]) > above {
			end, silent = i, 0
			continue
		}
		if silent++; silent > gap {
			break
		}
	}
	return end
}

// turnShare of a maximum is how small a slope is before its growing again ends the wave.
const turnShare = 0.5

// foot is where the slope is less than a share of a modulus maximum, or begins to grow again.
func (k walk) foot(p peak, share float64) int {
	sign := math.Copysign(1, p.v)
	for i := p.at; ; i += k.dir {
		if i == k.limit || i+k.dir < 0 || i+k.dir >= len(k.w) {
			return i
		}
		m, next := sign*k.w[i], sign*k.w[i+k.dir]
		if m < share*math.Abs(p.v) || next > m && m < turnShare*math.Abs(p.v) {
			return i
		}
	}
}

func rms(w []float64, from, to int) float64 {
	var e float64
	from, to = max(from, 0), min(to, len(w)-1)
	for i := from; i <= to; i++ {
		e += w[i] * w[i]
	}
	return math.Sqrt(e / float64(max(1, to-from+1)))
}
