// When the heart beats: the strokes of atria and ventricles of each rhythm.

package synth

import (
	"math"
	"math/rand/v2"
	"sort"
)

// stroke is an atrial beat, a ventricular one, or one that leads to the other. Times in seconds of the recording.
type stroke struct {
	p   *form
	pAt float64
	v   *form
	vAt float64
	k   float64 // ST and T are drawn out by it
}

func (s *stroke) start() float64 {
	switch {
	case s.v == nil:
		return s.pAt
	case s.p == nil:
		return s.vAt
	}
	return min(s.pAt, s.vAt)
}

// score is everything that the heart does in one recording, strokes in order of their start.
type score struct {
	strokes []stroke
	spells  []spell
}

// conductor writes a score from left to right.
type conductor struct {
	score
	body *body
	rng  *rand.Rand
	odd  bool
	t    float64 // when the next stroke starts
	sway float64
	made map[string]*form
}

func newConductor(s Spec, b *body, from float64) *conductor {
	r := rand.New(rand.NewPCG(s.Seed, 0x72687974686d))
	return &conductor{body: b, rng: r, odd: s.Seed%2 == 1, t: from, sway: 2 * math.Pi * r.Float64(), made: map[string]*form{}}
}

// of is a form as this person has it.
func (c *conductor) of(name string, f form) *form {
	if c.made[name] == nil {
		c.made[name] = c.body.fit(f)
	}
	return c.made[name]
}

// stretch is how much ST and T of a form are drawn out at a time rr between beats: QT follows its cube root.
func (f *form) stretch(rr float64) float64 {
	k := (f.qt*math.Cbrt(rr) - f.j) / (f.qt - f.j)
	return max(.35, math.Round(k*200)/200) // in steps, so that there are not too many different beats
}

// sinus is the next interval of a sinus node at a rate: it breathes and is never quite the same.
func (c *conductor) sinus(rate float64) float64 {
	rr := 60 / rate
	return rr * (1 + .022*math.Sin(2*math.Pi*.24*c.t+c.sway) + .009*c.rng.NormFloat64())
}

// conducted is the time from P to QRS at a rate.
func conducted(rate float64) float64 { return .158 - .0003*(rate-70) }

func (c *conductor) add(s stroke) { c.strokes = append(c.strokes, s) }

// beats are atrial beats with a QRS complex pr later; p may be nil.
func (c *conductor) beats(to, rate, pr float64, p, v *form) {
	for c.t < to {
		c.add(stroke{p: p, pAt: c.t, v: v, vAt: c.t + pr, k: v.stretch(60 / rate)})
		c.t += c.sinus(rate)
	}
}

// play writes a rhythm from where the score stands to a time.
func (c *conductor) play(kind Kind, to, rate float64) {
	p, v := c.of("P", atrial), c.of("narrow", narrow)
	pr := conducted(rate)
	switch kind {
	case AtrialFibrillation:
		c.fibrillate(to, rate, v)
	case AtrialFlutter:
		c.flutter(to, rate, v)
	case STEMIAnterior:
		c.beats(to, rate, pr, p, c.of("anterior", anteriorInjury))
	case STEMIInferior:
		c.beats(to, rate, pr, p, c.of("inferior", inferiorInjury))
	case STDepression:
		c.beats(to, rate, pr, p, c.of("ischaemic", ischaemic))
	case AVBlock1:
		c.beats(to, rate, .270, p, v)
	case AVBlock2:
		c.dropped(to, rate, p, v)
	case AVBlock3:
		c.dissociated(to, rate, 84, p, c.escape(v))
	case LBBB:
		c.beats(to, rate, pr, p, c.of("left", leftBundle))
	case RBBB:
		c.beats(to, rate, pr, p, c.of("right", rightBundle))
	case PVCs:
		c.premature(to, rate, 3, p, v)
	case VT:
		c.ventricular(to, rate, p)
	case VF:
		c.spells = append(c.spells, newSpell(fibrillatingVentricles, c.t, to, c.rng))
		c.t = to
	case Paced:
		c.pace(to, rate, p)
	case HyperK:
		c.beats(to, rate, 0, nil, c.of("potassium", potassium))
	case LongQT:
		c.beats(to, rate, pr, p, c.of("long", longRepolarisation))
	case SVT:
		c.regular(to, rate, v)
	default:
		c.beats(to, rate, pr, p, v)
	}
}

func (c *conductor) escape(v *form) *form {
	if c.odd {
		return c.of("escape", escape)
	}
	return v
}

// regular are QRS complexes without P waves, nearly without variation.
func (c *conductor) regular(to, rate float64, v *form) {
	for c.t < to {
		c.add(stroke{v: v, vAt: c.t, k: v.stretch(60 / rate)})
		c.t += 60 / rate * (1 + .004*c.rng.NormFloat64())
	}
}

func (c *conductor) fibrillate(to, rate float64, v *form) {
	from := c.t
	for c.t < to {
		rr := max(.30, 60/rate*.97*math.Exp(.22*c.rng.NormFloat64()))
		c.add(stroke{v: v, vAt: c.t, k: v.stretch(.6*60/rate + .4*rr)})
		c.t += rr
	}
	c.spells = append(c.spells, newSpell(fibrillatingAtria, from, c.t, c.rng))
}

// flutter conducts each second, third, ... wave; in odd seeds the number changes.
func (c *conductor) flutter(to, rate float64, v *form) {
	s := newSpell(flutteringAtria, c.t, to, c.rng)
	ratio := max(1, math.Round(flutterRate/rate))
	for c.t < to {
		n := ratio
		if c.odd {
			n = []float64{2, 4, ratio}[c.rng.IntN(3)]
		}
		c.add(stroke{v: v, vAt: c.t, k: v.stretch(60 / rate)})
		c.t += n * 60 / flutterRate
	}
	s.to = c.t
	c.spells = append(c.spells, s)
}

// dropped leaves out each fourth QRS complex: after ever longer PR intervals, or in odd seeds (Mobitz II) suddenly.
func (c *conductor) dropped(to, rate float64, p, v *form) {
	rate *= 4. / 3
	prs := [3]float64{.180, .265, .310}
	if c.odd {
		prs = [3]float64{.180, .180, .180}
		v = c.of("right", rightBundle)
	}
	for n := c.rng.IntN(4); c.t < to; n++ {
		s := stroke{p: p, pAt: c.t}
		if i := n % 4; i < 3 {
			s.v, s.vAt, s.k = v, c.t+prs[i], v.stretch(60/rate)
		}
		c.add(s)
		c.t += c.sinus(rate)
	}
}

// dissociated are P waves at one rate and QRS complexes at another.
func (c *conductor) dissociated(to, rate, sinus float64, p, v *form) {
	from := c.t
	c.regular(to, rate, v)
	end := c.t
	for c.t = from + .13; c.t < to; c.t += c.sinus(sinus) {
		c.add(stroke{p: p, pAt: c.t})
	}
	c.t = end
}

// premature is a sinus rhythm with a ventricular beat too early after each gap to 2 gap - 1 beats, and its full compensatory pause.
func (c *conductor) premature(to, rate float64, gap int, p, v *form) {
	for n := gap - 1 + c.rng.IntN(gap); c.t < to; n-- {
		pr := conducted(rate)
		c.add(stroke{p: p, pAt: c.t, v: v, vAt: c.t + pr, k: v.stretch(60 / rate)})
		rr := c.sinus(rate)
		if n <= 0 {
			c.ectopic(c.t+pr+rr*(.56+.06*c.rng.Float64()), rate)
			rr, n = 2*rr, gap+c.rng.IntN(gap)
		}
		c.t += rr
	}
}

func (c *conductor) ectopic(at, rate float64) {
	f := c.focus()
	c.add(stroke{v: f, vAt: at, k: f.stretch(60 / rate)})
}

// focus is where this person's ventricular beats come from.
func (c *conductor) focus() *form {
	if c.odd {
		return c.of("apical", apical)
	}
	return c.of("outflow", outflow)
}

// ventricular is a tachycardia; the atria go on by themselves, hidden now and then.
func (c *conductor) ventricular(to, rate float64, p *form) {
	c.dissociated(to, rate, 97, p, c.focus())
}

// pace follows the P waves; in odd seeds there are none.
func (c *conductor) pace(to, rate float64, p *form) {
	v := c.of("paced", apexPaced)
	if c.odd {
		c.regular(to, rate, v)
		return
	}
	c.beats(to, rate, .165, p, v)
}

// done puts the strokes in order.
func (c *conductor) done() *score {
	sort.SliceStable(c.strokes, func(i, j int) bool { return c.strokes[i].start() < c.strokes[j].start() })
	return &c.score
}

// compose is the score of a short tracing.
func compose(s Spec, b *body) *score {
	length := float64(s.Seconds)
	c := newConductor(s, b, 0)
	c.t = -1.2 - c.rng.Float64()
	end := length + 1
	switch {
	case s.Kind == Pause:
		c.play(Normal, length*.38, s.HeartRate)
		c.t += 2.6 + c.rng.Float64()
		c.play(Normal, end, s.HeartRate)
	case s.Kind == VT && c.odd && s.Seconds >= 8: // a run with a beginning and an end
		c.play(Normal, length*.25, 84)
		c.t -= .25
		c.play(VT, length*.75, s.HeartRate)
		c.t += .5
		c.play(Normal, end, 84)
	default:
		c.play(s.Kind, end, s.HeartRate)
	}
	return c.done()
}
