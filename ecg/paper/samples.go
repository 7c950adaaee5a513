// Samples for the portal, which draws them itself: exact, and small enough for a township's line.

package paper

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/klauspost/compress/flate"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/record"
)

// SamplesType is the media type of what Samples gives.
const SamplesType = "application/vnd.lianzhen.ecg-samples"

// Samples packs the groups of a tracing: rhythm, then median beats. III, aVR, aVL and aVF are left out where they follow from I and II to
// within one unit of their sample, or a microvolt where that is more: the client derives them. The error is record.Invalid where there is nothing to pack.
//
// The format, version 1, is the four letters "LZEC", a byte 1, and a raw DEFLATE stream (RFC 1951) of:
//
//	file  = groups, group...
//	group = kind (0 rhythm, 1 median), rate, offset ns, count, leads, lead...
//	lead  = code, label, flags, size, zero, skew ns, gaps, (gap after ..., gap length)..., order, sample...
//
// A number is a varint, least significant seven bits first; one that may be negative is in zigzag: 0 -1 1 -2 as 0 1 2 3. A text is its
// length in bytes, then UTF-8. Rate is a ratio of samples a second: two numbers. Size is nanovolts a unit, zero the nanovolts of sample 0: ratios
// whose first number is in zigzag; a size of 0/0 is not calibrated. Code is the lead's MDC code, or empty. Flags: 1 the electrode was off, 2 the
// lead was derived by the device. Count is the samples of every lead.
//
// A gap says how many samples follow the gap before it, then how many are missing. Samples in gaps are not written. The others are written
// as differences, in zigzag: order 0 the samples themselves, 1 each less the one before, 2 each less what a straight line through the two before
// it gives. What stands before the first is 0.
func Samples(t *tracing.Tracing) ([]byte, error) {
	var groups []*tracing.Group
	for _, g := range []*tracing.Group{t.Rhythm(), t.MedianBeat()} {
		if g != nil && len(g.Leads) > 0 && g.Len() > 0 {
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return nil, record.Errorf(record.Invalid, "the tracing has no samples")
	}
	b := binary.AppendUvarint(nil, uint64(len(groups)))
	for _, g := range groups {
		b = appendGroup(b, g)
	}
	return squeezed(b)
}

// SamplesOf packs a window of a long recording: n samples of each lead from first on, clipped to the recording.
func SamplesOf(r *tracing.Recording, first, n int64) ([]byte, error) {
	t, err := r.Window(first, n)
	if err != nil {
		return nil, err
	}
	w := *t
	w.Groups = nil
	if g := t.Rhythm(); g != nil {
		w.Groups = []tracing.Group{*g}
	}
	return Samples(&w)
}

const samplesMagic = "LZEC\x01"

func squeezed(b []byte) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, len(b)/2+64))
	out.WriteString(samplesMagic)
	z, err := flate.NewWriter(out, 7)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func appendGroup(b []byte, g *tracing.Group) []byte {
	kind := uint64(0)
	if g.Kind == tracing.Median {
		kind = 1
	}
	leads := independent(g)
	b = binary.AppendUvarint(b, kind)
	b = binary.AppendUvarint(b, uint64(max(g.Rate.Num, 0)))
	b = binary.AppendUvarint(b, uint64(max(g.Rate.Den, 0)))
	b = binary.AppendVarint(b, int64(g.Offset))
	b = binary.AppendUvarint(b, uint64(g.Len()))
	b = binary.AppendUvarint(b, uint64(len(leads)))
	for _, l := range leads {
		b = appendLead(b, l, g.Len())
	}
	return b
}

func appendText(b []byte, s string) []byte {
	s = line(s)
	if len(s) > 64 {
		s = string([]rune(s)[:16])
	}
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendRatio(b []byte, r tracing.Ratio) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, r.Num), uint64(max(r.Den, 0)))
}

func appendLead(b []byte, l *tracing.Lead, count int) []byte {
	b = appendText(b, string(l.Code))
	b = appendText(b, l.Label)
	flags := byte(0)
	if l.Off {
		flags |= 1
	}
	if l.Derived {
		flags |= 2
	}
	b = append(b, flags)
	b = appendRatio(b, l.NVPerLSB)
	b = appendRatio(b, l.OffsetNV)
	b = binary.AppendVarint(b, int64(l.Skew))
	samples := l.Samples[:min(len(l.Samples), count)]
	b, kept := appendGaps(b, samples, count)
	order := bestOrder(kept)
	b = append(b, order)
	var one, two int64
	for _, v := range kept {
		s := int64(v)
		b = binary.AppendVarint(b, s-predicted(order, one, two))
		one, two = s, one
	}
	return b
}

func predicted(order byte, one, two int64) int64 {
	switch order {
	case 1:
		return one
	case 2:
		return 2*one - two
	}
	return 0
}

// appendGaps says where samples are missing and gives the others. A lead with fewer than count ends with a gap.
func appendGaps(b []byte, samples []int32, count int) ([]byte, []int32) {
	var gaps []uint64
	kept := make([]int32, 0, len(samples))
	last := 0
	for i := 0; i < count; i++ {
		if i < len(samples) && samples[i] != tracing.Missing {
			kept = append(kept, samples[i])
			continue
		}
		from := i
		for i < count && (i >= len(samples) || samples[i] == tracing.Missing) {
			i++
		}
		gaps = append(gaps, uint64(from-last), uint64(i-from))
		last = i
		i--
	}
	b = binary.AppendUvarint(b, uint64(len(gaps)/2))
	for _, v := range gaps {
		b = binary.AppendUvarint(b, v)
	}
	return b, kept
}

// bestOrder is the one with the smallest differences.
func bestOrder(v []int32) byte {
	var sum [3]float64
	var one, two int64
	for _, x := range v {
		s := int64(x)
		for order := range sum {
			sum[order] += math.Log2(1 + math.Abs(float64(s-predicted(byte(order), one, two))))
		}
		one, two = s, one
	}
	best := 0
	for order, x := range sum {
		if x < sum[best] {
			best = order
		}
	}
	return byte(best)
}

// independent are the leads without those that the client derives.
func independent(g *tracing.Group) []*tracing.Lead {
	derived := derivable(g)
	var out []*tracing.Lead
	for i := range g.Leads[:min(len(g.Leads), tracing.MaxLeads)] {
		l := &g.Leads[i]
		if d := derived[l.Code]; d == nil || !same(l, d) {
			out = append(out, l)
		}
	}
	return out
}

// derivable are III and the augmented leads as they follow from I and II.
func derivable(g *tracing.Group) map[tracing.Code]*tracing.Lead {
	i, ii := g.Lead(tracing.LeadI), g.Lead(tracing.LeadII)
	if i == nil || ii == nil {
		return nil
	}
	two := tracing.Group{Leads: []tracing.Lead{*i, *ii}}
	two.DeriveLimb()
	out := map[tracing.Code]*tracing.Lead{}
	for k := 2; k < len(two.Leads); k++ {
		out[two.Leads[k].Code] = &two.Leads[k]
	}
	return out
}

// same reports whether b can stand for a: nowhere more away than one unit of a, or a microvolt where that is more.
func same(a, b *tracing.Lead) bool {
	if !a.Calibrated() || !b.Calibrated() || len(a.Samples) != len(b.Samples) || a.Skew != b.Skew || a.Off != b.Off {
		return false
	}
	sizeA, sizeB := a.NVPerLSB.Float(), b.NVPerLSB.Float()
	zero := b.OffsetNV.Float() - a.OffsetNV.Float()
	unit := max(math.Abs(sizeA), 1000) * 1.000001
	for i, v := range a.Samples {
		w := b.Samples[i]
		if (v == tracing.Missing) != (w == tracing.Missing) {
			return false
		}
		if v != tracing.Missing && math.Abs(float64(w)*sizeB+zero-float64(v)*sizeA) > unit {
			return false
		}
	}
	return true
}
