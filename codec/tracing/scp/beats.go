// Section 4: where the beats are, which stretches had the reference beat subtracted, and which were not decimated (EN 1064 5.7).

package scp

import (
	"cmp"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	zoneSize      = 14 // type, start, fiducial, end
	protectedSize = 8  // start, end
)

// span is a stretch of samples by their numbers in the recording, both ends within.
type span struct{ first, last int64 }

// beat is a QRS complex. Zone is where the reference beat was subtracted around it; it is empty for other types than 0.
type beat struct {
	kind     int
	fiducial int64
	zone     span
}

// beats is section 4.
type beats struct {
	ms        int   // length of the reference beat
	fiducial  int64 // sample of the reference beat that lies on the fiducial of a beat, from 1
	list      []beat
	protected []span // not decimated, in order, apart
}

func (r *record) beats() beats {
	s, ok := r.sections[secBeats]
	if !ok || len(s.body) < 6 {
		return beats{}
	}
	out := beats{ms: int(le.Uint16(s.body)), fiducial: int64(le.Uint16(s.body[2:]))}
	n, b := int(le.Uint16(s.body[4:])), s.body[6:]
	if n == notComputed {
		return out
	}
	if n*zoneSize > len(b) {
		r.t.Warn(tracing.Truncated, "the list of beats is not whole")
		n = len(b) / zoneSize
	}
	for range n {
		q := beat{kind: int(le.Uint16(b)), fiducial: int64(le.Uint32(b[6:]))}
		if zone := (span{int64(le.Uint32(b[2:])), int64(le.Uint32(b[10:]))}); q.kind == 0 && zone.last > zone.first {
			q.zone = zone
		}
		out.list = append(out.list, q)
		b = b[zoneSize:]
	}
	out.protected = protected(b, out.list)
	return out
}

// protected reads the protected areas. Version 1.0 has none of its own: there the subtraction zones are protected.
func protected(b []byte, list []beat) []span {
	var out []span
	for range list {
		if len(b) < protectedSize {
			break
		}
		if p := (span{int64(le.Uint32(b)), int64(le.Uint32(b[4:]))}); p.last > p.first {
			out = append(out, p)
		}
		b = b[protectedSize:]
	}
	if len(out) == 0 {
		for _, q := range list {
			if q.zone.last > q.zone.first {
				out = append(out, q.zone)
			}
		}
	}
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	apart := out[:0]
	for _, p := range out {
		if k := len(apart) - 1; k >= 0 && p.first <= apart[k].last+1 {
			apart[k].last = max(apart[k].last, p.last)
			continue
		}
		apart = append(apart, p)
	}
	return apart
}

// addReference puts the reference beat back: sample k of the recording was lessened by sample k-fc+fcM of the reference beat, both
// counted from 1, in every zone. Samples are of one scale already. first is the number of the first sample of x.
func (q beats) addReference(x, reference []int32, first int64) {
	room := 2 * int64(len(x)) // zones lie apart; a file in which they do not must not take for ever
	for _, b := range q.list {
		if b.zone.last <= b.zone.first || room < 0 {
			continue
		}
		shift := q.fiducial - b.fiducial - 1
		from := max(b.zone.first, first, -shift)
		to := min(b.zone.last, first+int64(len(x))-1, int64(len(reference))-1-shift)
		room -= max(to-from, 0)
		for k := from; k <= to; k++ {
			if x[k-first] != tracing.Missing && reference[k+shift] != tracing.Missing {
				x[k-first] = narrow(int64(x[k-first]) + int64(reference[k+shift]))
			}
		}
	}
}

// annotate tells where the beats are.
func (q beats) annotate(t *tracing.Tracing, group int, g *tracing.Group, first int64) {
	for _, b := range q.list {
		at := b.fiducial - first
		if at < 0 || at >= int64(g.Len()) || len(t.Annotations) >= tracing.MaxTexts {
			continue
		}
		t.Annotations = append(t.Annotations, tracing.Annotation{
			Group: group, At: g.Rate.Duration(at), Code: tracing.Beat, Text: beatType(b.kind),
		})
	}
}
