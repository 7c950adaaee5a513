// Long recordings 动态心电图, computed where they are read.

package synth

import (
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Event is an episode of a long recording.
type Event struct {
	Kind     Kind
	From, To time.Duration
	Beats    int // QRS complexes in it
}

// Diary is what is known of a long recording.
type Diary struct {
	Truths
	Events []Event
}

// episodes of a long recording, at a share of its length.
var episodes = []struct {
	at      float64
	kind    Kind
	seconds float64
	rate    float64
}{
	{.15, AtrialFibrillation, 600, 118},
	{.30, SVT, 25, 172},
	{.40, VT, 3, 168},
	{.55, Pause, 3.6, 0},
	{.65, STDepression, 300, 104},
	{.80, AVBlock2, 60, 54},
	{.90, VT, 40, 182},
}

// Holter is a recording of the given length (250 samples a second unless the Spec says) with the eight independent leads. The
// heart does what the Spec's Kind says, slower at night, with a ventricular beat about every two minutes and one episode each
// of several arrhythmias. Nothing is kept but the times of the beats: about 5 MB for a day.
func Holter(s Spec, length time.Duration) *tracing.Recording {
	s, p, _ := long(s, length)
	return &tracing.Recording{
		Head: p.tracing(p.head()), Count: int64(length.Seconds() * float64(s.RateHz)), Read: p.read,
	}
}

// HolterTruth is what is known of Holter(s, length).
func HolterTruth(s Spec, length time.Duration) Diary {
	_, p, events := long(s, length)
	d := Diary{Truths: p.truth(length), Events: events}
	for i := range d.Events {
		e := &d.Events[i]
		for _, b := range d.Beats {
			if b.At >= e.From && b.At < e.To {
				e.Beats++
			}
		}
	}
	return d
}

func long(s Spec, length time.Duration) (Spec, *player, []Event) {
	if s.RateHz <= 0 {
		s.RateHz = 250
	}
	s = s.filled()
	b := newBody(s.Seed)
	c := newConductor(s, &b, -1)
	var events []Event
	all := length.Seconds()
	for _, e := range episodes {
		during := min(e.seconds, all*.05)
		c.everyday(s, all*e.at)
		events = append(events, c.episode(s, e.kind, during, e.rate))
	}
	c.everyday(s, all+1)
	return s, newPlayer(s, b, c.done()), events
}

// everyday goes on to a time, in stretches of about four minutes of one rate each.
func (c *conductor) everyday(s Spec, to float64) {
	for c.t < to {
		until := min(to, c.t+200+80*c.rng.Float64())
		rate := s.HeartRate * (1 + .14*math.Cos(2*math.Pi*(c.hour(s)-15)/24) + .04*c.rng.NormFloat64())
		if s.Kind == Normal || s.Kind == SinusBradycardia || s.Kind == SinusTachycardia {
			c.premature(until, rate, 90, c.of("P", atrial), c.of("narrow", narrow))
		} else {
			c.play(s.Kind, until, rate)
		}
	}
}

// hour of the day in China.
func (c *conductor) hour(s Spec) float64 {
	at := s.At.Add(seconds(c.t)).UTC()
	return math.Mod(float64(at.Hour())+float64(at.Minute())/60+8, 24)
}

func (c *conductor) episode(s Spec, kind Kind, during, rate float64) Event {
	from := c.t
	if kind == Pause {
		last := c.strokes[len(c.strokes)-1]
		c.t = last.start() + max(during, 3.2)
		return Event{Kind: kind, From: seconds(last.start()), To: seconds(c.t + .5)}
	}
	if kind == VT {
		c.t -= .2 * 60 / s.HeartRate
		from, during = c.t, max(during, 1.6)
	}
	c.play(kind, c.t+during, rate)
	to := c.t
	if kind == VT || kind == SVT {
		to -= .5 * 60 / rate
		c.t += .4
	}
	return Event{Kind: kind, From: seconds(from), To: seconds(to)}
}
