// Sections 7, 8, 10 and 11 of a record that is written.

package scp

import (
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// number is a measurement as the format has it: a whole number, of the device if it gave one. notComputed if there is none.
func (x *writer) number(code string, lead tracing.Code) (int, error) {
	at := -1
	for i, m := range x.t.Measurements {
		if m.Code == code && m.Lead == lead && (at < 0 || m.Source.Kind == tracing.ByDevice && x.t.Measurements[at].Source.Kind != tracing.ByDevice) {
			at = i
		}
	}
	if at < 0 || math.IsNaN(x.t.Measurements[at].Value) {
		return notComputed, nil
	}
	n, ok := whole(x.t.Measurements[at].Value)
	if !ok || n == notComputed || n == rejected || n == absentWave {
		return 0, refuse("a measurement of %s that the format has no number for", code)
	}
	return n, nil
}

// numbers are several of them.
func (x *writer) numbers(lead tracing.Code, codes ...string) ([]int, error) {
	out := make([]int, len(codes))
	for i, c := range codes {
		var err error
		if out[i], err = x.number(c, lead); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// global is section 7.
func (x *writer) global() error {
	n, err := x.numbers("", tracing.PDuration, tracing.PRInterval, tracing.QRSDuration, tracing.QTInterval,
		tracing.PAxis, tracing.QRSAxis, tracing.TAxis, tracing.RRInterval, tracing.HeartRate, tracing.AtrialRate)
	if err != nil {
		return err
	}
	qtc, formula := notComputed, 0
	for i, f := range []int{1, 2, 0} {
		v, err := x.number(qtcFormulas[f], "")
		if err != nil {
			return err
		}
		if v != notComputed && (i == 0 || qtc == notComputed) {
			qtc, formula = v, f
		}
	}
	spikes := x.spikes()
	known := qtc != notComputed || slices.ContainsFunc(n, func(v int) bool { return v != notComputed })
	if !known && len(spikes) == 0 && x.markOf(tracing.WaveQRS) == nil && x.markOf(tracing.WaveP) == nil {
		return nil
	}
	b := u16([]byte{1, byte(len(spikes))}, n[7], notComputed)
	b = u16(b, x.marks(n[0], n[1], n[2], n[3])...)
	for _, axis := range n[4:7] {
		if axis == notComputed {
			axis = noAxis
		}
		b = u16(b, axis)
	}
	for _, s := range spikes {
		b = u16(b, int(s.At.Milliseconds()), numberIn(s.Text, "", spikeUnit))
	}
	for _, s := range spikes {
		b = u16(append(b, 0, 0), 0, int(min(s.For.Microseconds(), rejected-1)))
	}
	x.bodies[secGlobal] = u16(append(u16(u16(b, 0), n[8], n[9], qtc), byte(formula)), 0)
	return nil
}

// spikes are the annotations that section 7 has room for.
func (x *writer) spikes() []tracing.Annotation {
	var out []tracing.Annotation
	for _, a := range x.t.Annotations {
		if a.Code == tracing.Pace && a.At >= 0 && a.At.Milliseconds() <= math.MaxUint16 && len(out) < math.MaxUint8 &&
			x.kindOf(a) == tracing.Rhythm {
			out = append(out, a)
		}
	}
	return out
}

// kindOf is the kind of the group that an annotation is of; empty if it is of none.
func (x *writer) kindOf(a tracing.Annotation) tracing.Kind {
	if a.Group < 0 || a.Group >= len(x.t.Groups) {
		return ""
	}
	return x.t.Groups[a.Group].Kind
}

// markOf is a wave of the median beat.
func (x *writer) markOf(code string) *tracing.Annotation {
	for i, a := range x.t.Annotations {
		if a.Code == code && x.kindOf(a) == tracing.Median {
			return &x.t.Annotations[i]
		}
	}
	return nil
}

// marks are the five times of the reference beat: P on and off, QRS on and off, T off. Where the median beat is not marked they stand
// behind its end, so that they tell durations and no places.
func (x *writer) marks(p, pr, qrs, qt int) []int {
	pOn, pOff, qrsOn, qrsOff, tOff := notComputed, notComputed, notComputed, notComputed, notComputed
	ms := func(d time.Duration) int { return int(d.Round(time.Millisecond).Milliseconds()) }
	if a := x.markOf(tracing.WaveP); a != nil {
		pOn, pOff = ms(a.At), ms(a.At+a.For)
	}
	if a := x.markOf(tracing.WaveQRS); a != nil {
		qrsOn, qrsOff = ms(a.At), ms(a.At+a.For)
	}
	base := 0
	if x.median != nil {
		base = ms(x.median.Duration())
	}
	have := func(v int) bool { return v != notComputed }
	if !have(qrsOn) && (have(pr) || have(qrs) || have(qt)) {
		switch {
		case have(pOn) && have(pr):
			qrsOn = pOn + pr
		case have(pr):
			qrsOn = base + pr
		default:
			qrsOn = base
		}
	}
	if !have(pOn) && have(pr) {
		pOn = qrsOn - pr
	} else if !have(pOn) && have(p) && !have(qrsOn) {
		pOn = base
	}
	if have(pOn) && !have(pOff) && have(p) {
		pOff = pOn + p
	}
	if !have(qrsOff) && have(qrs) {
		qrsOff = qrsOn + qrs
	}
	if have(qt) {
		tOff = qrsOn + qt
	}
	return []int{pOn, pOff, qrsOn, qrsOff, tOff}
}

// perLead is section 10.
func (x *writer) perLead() error {
	var blocks []byte
	count := 0
	for id := range leadNames {
		lead := leadOf(byte(id)).Code
		if lead == "" || !slices.ContainsFunc(x.t.Measurements, func(m tracing.Measurement) bool { return m.Lead == lead }) {
			continue
		}
		b, err := x.leadBlock(lead)
		if err != nil {
			return err
		}
		if b != nil {
			blocks = append(u16(blocks, id, len(b)), b...)
			count++
		}
	}
	if count > 0 {
		x.bodies[secPerLead] = append(u16(nil, count, 0), blocks...)
	}
	return nil
}

// leadBlock is the numbers of a lead, nil if none is known. A wave whose amplitude is negative has that as its negative part.
func (x *writer) leadBlock(lead tracing.Code) ([]byte, error) {
	values := make([]int, len(leadMeasures))
	known := false
	for i, m := range leadMeasures {
		if m.code == "" {
			continue
		}
		v, err := x.number(m.code, lead)
		if err != nil {
			return nil, err
		}
		values[i] = v
		known = known || v != notComputed
	}
	if !known {
		return nil, nil
	}
	for _, wave := range [][2]int{{pPositive, pNegative}, {tPositive, tNegative}} {
		if values[wave[0]] < 0 {
			values[wave[0]], values[wave[1]] = absentWave, values[wave[0]]
		}
	}
	return u16(nil, values...), nil
}

// statements are sections 8 and 11.
func (x *writer) statements() error {
	var texts, codes [][]byte
	all := true
	for _, s := range x.t.Statements {
		coded := s.Code != "" && s.System == CodeSystem
		all = all && s.Confirmed
		if coded {
			codes = append(codes, append([]byte{kindCode}, x.encode8(s.Code, maxTextBytes)...))
		}
		if s.Text != "" && !(coded && s.Text == s.Code) {
			texts = append(texts, x.encode8(s.Text, maxTextBytes))
		}
	}
	var err error
	if x.bodies[secText], err = x.reportOf(texts, all); err != nil {
		return err
	}
	x.bodies[secCodes], err = x.reportOf(codes, all)
	return err
}

// reportOf is the body of section 8 or 11; nil if there is nothing to say.
func (x *writer) reportOf(list [][]byte, all bool) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > maxStatements {
		return nil, refuse("%d statements: the format has room for %d", len(list), maxStatements)
	}
	b := []byte{0}
	if all {
		b[0] = confirmed
	}
	at := x.t.RecordedAt.UTC()
	b = append(appendClock(appendDate(b, at), at), byte(len(list)))
	for i, s := range list {
		b = append(u16(append(b, byte(i+1)), len(s)), s...)
	}
	return b, nil
}
