// From the score to samples.

package synth

import (
	"math"
	"sort"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// longest is more than any stroke lasts from its start, seconds.
const longest = 2.0

// player computes samples of the eight independent leads. It is not changed by reading.
type player struct {
	spec   Spec
	body   body
	score  *score
	noises [8]noise
	off    int // index of the lead whose electrode is off, -1
}

func newPlayer(s Spec, b body, sc *score) *player {
	p := &player{spec: s, body: b, score: sc, off: -1}
	for i := range p.noises {
		p.noises[i] = newNoise(s, i)
	}
	if s.Kind == LeadOff {
		p.off = 2 + int(s.Seed/2%6)
	}
	return p
}

// dipole adds up the heart for n samples from first on.
func (p *player) dipole(first int64, n int) []vec {
	hz := float64(p.spec.RateHz)
	t0, t1 := float64(first)/hz, float64(first+int64(n))/hz
	out := make([]vec, n)
	strokes := p.score.strokes
	from := sort.Search(len(strokes), func(i int) bool { return strokes[i].start() > t0-longest })
	for i := from; i < len(strokes) && strokes[i].start() < t1+.01; i++ {
		strokes[i].draw(out, t0, hz)
	}
	for i := range p.score.spells {
		s := &p.score.spells[i]
		if s.to <= t0 || s.from >= t1 {
			continue
		}
		for k := range out {
			v := s.at(t0 + float64(k)/hz)
			for d := range v {
				out[k][d] += v[d]
			}
		}
	}
	return out
}

// draw adds a stroke to samples that begin at t0.
func (s *stroke) draw(out []vec, t0, hz float64) {
	if s.p != nil {
		s.p.p.draw(out, s.pAt-t0, 0, 1, hz)
	}
	if s.v == nil {
		return
	}
	at := s.vAt - t0
	s.v.spike.draw(out, at, 0, 1, hz)
	s.v.qrs.draw(out, at, 0, 1, hz)
	s.v.st.draw(out, at, s.v.j, s.k, hz)
	s.v.t.draw(out, at, s.v.j, s.k, hz)
}

// drawn is the wave with what lies behind j drawn out k times.
func (w wave) drawn(j, k float64) wave {
	move := func(t float64) float64 {
		if t <= j || k == 1 {
			return t
		}
		return j + (t-j)*k
	}
	return wave{move(w.a), move(w.b), move(w.c), move(w.d), w.v}
}

func (p part) draw(out []vec, at, j, k, hz float64) {
	for _, w := range p {
		w = w.drawn(j, k)
		from, to := max(0, int(math.Ceil((at+w.a)*hz))), min(len(out), int((at+w.d)*hz)+1)
		for i := from; i < to; i++ {
			x := w.at(float64(i)/hz - at)
			out[i][0] += x * w.v[0]
			out[i][1] += x * w.v[1]
			out[i][2] += x * w.v[2]
		}
	}
}

// read fills out[lead] from sample first on.
func (p *player) read(first int64, out [][]int32) error {
	const block = 4096
	for len(out) > 0 && len(out[0]) > 0 {
		n := min(block, len(out[0]))
		p.block(first, n, out)
		rest := make([][]int32, len(out))
		for i := range out {
			rest[i] = out[i][n:]
		}
		first, out = first+int64(n), rest
	}
	return nil
}

func (p *player) block(first int64, n int, out [][]int32) {
	heart := p.dipole(first, n)
	hz, step := float64(p.spec.RateHz), float64(p.spec.StepNV)/1000
	for k, v := range heart {
		t := float64(first+int64(k)) / hz
		s := p.body.breath * math.Sin(2*math.Pi*p.body.rate*t+p.body.phase)
		v[0], v[1] = v[0]-s*v[1], v[1]+s*v[0]
		for i := range out {
			if i == p.off {
				out[i][k] = 0
				continue
			}
			uv := 1000*p.body.lead(i, v) + p.noises[i].at(first+int64(k), t)
			out[i][k] = int32(math.Round(min(max(uv, -32000), 32000) / step))
		}
	}
}

// head is the group of a player, without samples.
func (p *player) head() tracing.Group {
	s := p.spec
	g := tracing.Group{Kind: tracing.Rhythm, Label: "RHYTHM", Rate: tracing.Whole(int64(s.RateHz)), Filters: tracing.Filters{HighPassHz: .05, LowPassHz: 150}}
	for i, c := range tracing.Eight {
		g.Leads = append(g.Leads, tracing.Lead{
			Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(int64(s.StepNV)), OffsetNV: tracing.Whole(0), Off: i == p.off && s.Seed%2 == 1,
		})
	}
	return g
}
