// What is known of a tracing that was made.

package synth

import (
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Truths is all that is known.
type Truths struct {
	Beats  []Beat // QRS complexes whose peak is in the recording, in order
	LoneP  []Wave // P waves that led to no QRS complex
	Spells []Span // of atrial or ventricular fibrillation and flutter
	Global Global
}

// Beat is one QRS complex with its waves, times of the recording.
type Beat struct {
	At          time.Duration // where the eight leads together are largest
	P, QRS, T   Wave
	Ventricular bool // starts in the ventricles by itself
	Paced       bool
}

// Wave has OK false where there is none.
type Wave struct {
	On, Peak, Off time.Duration
	OK            bool
}

// Span is a time of a rhythm without separate waves.
type Span struct {
	Kind     Kind
	From, To time.Duration
}

// Global are the numbers of the commonest beat; milliseconds, zero where there is no such wave.
type Global struct {
	HeartRate                       float64 // of all beats, /min
	RRMS, PMS, PRMS, QRSMS, QTMS    float64
	QTcBazettMS, QTcFridericiaMS    float64
	PAxis, QRSAxis, TAxis           float64 // degrees of the frontal plane, by areas
	RV5UV, SV1UV, STJUV, LongestRRS float64 // STJUV: the largest of the eight leads
}

// Truth is what Make(s) makes.
func Truth(s Spec) Truths {
	s = s.filled()
	p := short(s)
	return p.truth(time.Duration(s.Seconds) * time.Second)
}

func (p *player) truth(length time.Duration) Truths {
	var out Truths
	seen := album{}
	for i := range p.score.strokes {
		p.note(&out, &p.score.strokes[i], length, seen)
	}
	kinds := map[spellKind]Kind{fibrillatingAtria: AtrialFibrillation, flutteringAtria: AtrialFlutter, fibrillatingVentricles: VF}
	for _, s := range p.score.spells {
		from, to := max(0, seconds(s.from)), min(length, seconds(s.to))
		if from < to {
			out.Spells = append(out.Spells, Span{kinds[s.kind], from, to})
		}
	}
	out.Global = p.global(out.Beats)
	return out
}

func (p *player) note(out *Truths, s *stroke, length time.Duration, seen album) {
	if s.v == nil {
		if w := seen.of(p, s.p, 1).P.at(s.pAt); w.Peak >= 0 && w.Peak < length {
			out.LoneP = append(out.LoneP, w)
		}
		return
	}
	b := seen.of(p, s.v, s.k)
	b.QRS, b.T = b.QRS.at(s.vAt), b.T.at(s.vAt)
	b.At = b.QRS.Peak
	if s.p != nil {
		b.P = seen.of(p, s.p, 1).P.at(s.pAt)
	}
	if b.At >= 0 && b.At < length {
		out.Beats = append(out.Beats, b)
	}
}

// album keeps what was measured of each form at each stretch.
type album map[look]Beat

type look struct {
	f *form
	k float64
}

func (a album) of(p *player, f *form, k float64) Beat {
	b, ok := a[look{f, k}]
	if !ok {
		b = p.measure(f, k)
		a[look{f, k}] = b
	}
	return b
}

func seconds(t float64) time.Duration { return time.Duration(math.Round(t * 1e9)) }

func (w Wave) at(t float64) Wave {
	if w.OK {
		w.On, w.Peak, w.Off = w.On+seconds(t), w.Peak+seconds(t), w.Off+seconds(t)
	}
	return w
}

// The edge of a wave is where it has grown to a share of its height in the lead that shows it most. People and
// programs see it there; the mathematical end of a bump cannot be seen.
const (
	edgeP   = .05
	edgeQRS = .025
	edgeT   = .06
	grid    = .0005 // seconds
)

// measure finds the waves of a form by itself, from its onset.
func (p *player) measure(f *form, k float64) Beat {
	j := f.j
	return Beat{
		P: p.edges(f.p, 0, 1, edgeP), QRS: p.edges(f.qrs, 0, 1, edgeQRS), T: p.edges(f.t, j, k, edgeT),
		Ventricular: f.own, Paced: f.paced,
	}
}

func (p *player) edges(ws part, j, k, share float64) Wave {
	if len(ws) == 0 {
		return Wave{}
	}
	var stretched part
	for _, w := range ws {
		stretched = append(stretched, w.drawn(j, k))
	}
	from, to := stretched.span()
	n := int((to-from)/grid) + 1
	room := make([]vec, n)
	stretched.draw(room, -from, 0, 1, 1/grid)
	height, peak, most := 0.0, 0, 0.0
	sizes := make([]float64, n)
	for i, v := range room {
		sum := 0.0
		for l := range tracing.Eight {
			x := p.body.lead(l, v)
			sizes[i] = max(sizes[i], math.Abs(x))
			sum += x * x
		}
		height = max(height, sizes[i])
		if sum > most {
			peak, most = i, sum
		}
	}
	first, last := 0, n-1
	for first < last && sizes[first] < share*height {
		first++
	}
	for last > first && sizes[last] < share*height {
		last--
	}
	at := func(i int) time.Duration { return seconds(from + float64(i)*grid) }
	return Wave{On: at(first), Peak: at(peak), Off: at(last), OK: true}
}
