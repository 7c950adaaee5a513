// The groups of a tracing from sections 3 to 6.

package scp

import (
	"fmt"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// decimation is the factor of bimodal compression where the file does not tell it by the two sampling intervals.
const decimation = 4

// signals makes the groups: rhythm first, the reference beat as median.
func (r *record) signals() error {
	l := r.layout()
	if len(l.leads) == 0 {
		return tracing.Errorf(tracing.SCP, -1, "no leads are defined (section 3)")
	}
	tables, q := r.huffman(), r.beats()
	if _, ok := r.sections[secHuffman]; ok && len(tables) == 0 {
		r.t.Warn(tracing.BadValue, "section 2 has no table: samples are taken as not coded")
	}
	reference := r.reference(l, tables, q)
	r.rhythm(l, tables, q, reference)
	median := r.median(l, reference)
	if len(r.t.Groups) == 0 {
		return tracing.Errorf(tracing.SCP, -1, "no sample is there")
	}
	if median {
		r.marks = len(r.t.Groups) - 1
	}
	return nil
}

// beatData is section 5, decoded.
type beatData struct {
	stream
	leads [][]int32 // nil if the file has none
}

func (r *record) reference(l layout, tables huffmanTables, q beats) beatData {
	s, ok := r.stream(secReference, len(l.leads))
	if !ok || total(s.lengths) == 0 {
		return beatData{}
	}
	if s.interval == 0 {
		if s6, ok := r.stream(secRhythm, len(l.leads)); ok {
			s.interval = s6.interval
		}
	}
	leads := r.decode(s, tables, func(int) int { return -1 })
	n := 0
	for _, x := range leads { // fill bits at the end of a lead may decode as samples: the shortest lead, or section 4, knows better
		switch {
		case s.cut:
			n = max(n, len(x))
		case len(x) > 0 && (n == 0 || len(x) < n):
			n = len(x)
		}
	}
	if said := (q.ms*1000 + 500) / max(s.interval, 1); q.ms > 0 && s.interval > 0 && said > 0 {
		n = min(n, said)
	}
	n = min(n, longestBeat)
	for i := range leads {
		if len(leads[i]) > n {
			leads[i] = leads[i][:n]
		}
	}
	return beatData{s, leads}
}

// longestBeat is more samples than a reference beat can have: its length is a 16-bit number of milliseconds.
const longestBeat = 1 << 17

// rhythm decodes section 6 and puts the reference beat back.
func (r *record) rhythm(l layout, tables huffmanTables, q beats, ref beatData) {
	s, ok := r.stream(secRhythm, len(l.leads))
	if !ok {
		return
	}
	add := l.subtracted && ref.leads != nil && len(q.list) > 0
	if l.subtracted && !add {
		r.t.Warn(tracing.Inconsistent, "the reference beat was subtracted but is not there: the rhythm is what is left of it")
	}
	factor := r.factor(s, ref, l, tables)
	interval := s.interval
	areas := q.protected
	if factor > 1 {
		if ref.interval > 0 && s.interval == factor*ref.interval || s.interval >= 4000 {
			interval = s.interval / factor
		}
		if !s.bimodal {
			areas = nil
		}
		r.t.Warn(tracing.LossyEncoding, fmt.Sprintf("outside the beats the cart kept one sample of %d", factor))
	}
	cuts := func(d leadDef) []stretch { return stretches(areas, d.first, d.count) }
	x := r.decode(s, tables, func(i int) int {
		switch d := l.leads[i]; {
		case d.count == 0:
			return -1
		case factor > 1:
			return packed(cuts(d), factor)
		default:
			return d.count
		}
	})
	unit := s.avm
	if add {
		unit = r.commonUnit(s.avm, ref.avm)
	}
	for i, d := range l.leads {
		if unit > 0 {
			scale(x[i], s.avm/unit)
		}
		if factor > 1 && d.count > 0 {
			x[i] = expand(x[i], cuts(d), factor)
		}
		if add && (ref.interval == interval || ref.interval == 0) && unit > 0 {
			scaled := append([]int32(nil), ref.leads[i]...)
			scale(scaled, ref.avm/unit)
			q.addReference(x[i], scaled, d.first)
		}
	}
	if add && ref.interval != interval && ref.interval != 0 {
		r.t.Warn(tracing.Unsupported, "the reference beat is of another sampling rate than the rhythm and was not added")
	}
	r.group(l, s, x, rate(interval), unit, q)
}

// factor is how many samples one stored value stands for outside the protected areas; 1 where all are stored. The interval of section 6 is
// that of the values, the interval of section 5 that of the samples.
func (r *record) factor(s stream, ref beatData, l layout, tables huffmanTables) int {
	f := 1
	if s.bimodal {
		f = decimation
	}
	if (s.bimodal || l.subtracted) && ref.interval > 0 && s.interval > ref.interval && s.interval%ref.interval == 0 {
		f = min(s.interval/ref.interval, 2*decimation)
	}
	if n := l.leads[0].count; f > 1 && n > 0 && n <= r.room { // some carts say bimodal and store all samples
		first := samples(s.data[:min(s.lengths[0], len(s.data))], tables, n)
		if len(first) == n {
			return 1
		}
	}
	return f
}

// commonUnit is the greatest unit in nanovolts that both parts are whole numbers of.
func (r *record) commonUnit(rhythm, reference int64) int64 {
	if rhythm == 0 || reference == 0 {
		return max(rhythm, reference)
	}
	if rhythm > reference {
		r.t.Warn(tracing.LossyEncoding, fmt.Sprintf("outside the beats the cart kept steps of %d nV, within of %d nV", rhythm, reference))
	}
	a, b := rhythm, reference
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

func rate(microseconds int) tracing.Ratio {
	if microseconds <= 0 {
		return tracing.Ratio{}
	}
	return tracing.NewRatio(1_000_000, int64(microseconds))
}
