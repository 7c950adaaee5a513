// Sections 5 and 6: samples as they are stored (EN 1064 5.8, 5.9).

package scp

import (
	"fmt"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// stream is the data of section 5 or 6.
type stream struct {
	id         int
	avm        int64 // nanovolts a unit
	interval   int   // microseconds
	difference byte  // 0: amplitudes, 1: first, 2: second differences
	bimodal    bool
	lengths    []int // bytes of each lead
	wraps      int   // the lengths are too short by so many times 65536 in all
	data       []byte
	cut        bool
}

// stream reads the head of a data section for n leads.
func (r *record) stream(id, n int) (stream, bool) {
	s, ok := r.sections[id]
	if !ok || n == 0 || len(s.body) < 6+2*n {
		return stream{}, false
	}
	b := s.body
	out := stream{
		id: id, avm: int64(le.Uint16(b)), interval: int(le.Uint16(b[2:])), difference: b[4], bimodal: id == secRhythm && b[5] == 1,
		cut: s.cut,
	}
	if out.difference > 2 {
		r.t.Warn(tracing.BadValue, fmt.Sprintf("section %d: difference %d", id, out.difference))
		out.difference = 0
	}
	out.lengths, out.data = lengths(b[6:], n, 2)
	sum := total(out.lengths)
	if wide, data := lengths(b[6:], n, 4); !s.cut && wide != nil && sum+1 < len(out.data) && fits(total(wide), len(data)) {
		out.lengths, out.data = wide, data // lengths of 32 bits, as version 3 has them for long recordings
		return out, true
	}
	switch excess := len(out.data) - sum; {
	case excess < 0 && !s.cut:
		r.t.Warn(tracing.Inconsistent, fmt.Sprintf("section %d: more data of leads than the section has", id))
	case excess >= 1<<16 && !s.cut:
		out.wraps = excess >> 16
	}
	return out, true
}

// lengths reads n numbers of a width in bytes and returns what follows them; none where one is longer than any file.
func lengths(b []byte, n, width int) ([]int, []byte) {
	if len(b) < n*width {
		return nil, nil
	}
	out := make([]int, n)
	for i := range out {
		v := uint32(le.Uint16(b[i*width:]))
		if width == 4 {
			v = le.Uint32(b[i*width:])
		}
		if v > tracing.MaxFile {
			return nil, nil
		}
		out[i] = int(v)
	}
	return out, b[n*width:]
}

func total(n []int) int {
	sum := 0
	for _, v := range n {
		sum += v
	}
	return sum
}

// fits allows for the byte that makes a section even.
func fits(sum, have int) bool { return sum > 0 && (sum == have || sum+1 == have) }

// decode reads lead after lead. want is the number of samples of lead i; below 0 as many as there are. Fewer are returned where the
// file has fewer.
func (r *record) decode(s stream, tables huffmanTables, want func(i int) int) [][]int32 {
	out := make([][]int32, len(s.lengths))
	data, wraps := s.data, s.wraps
	for i, n := range s.lengths {
		limit := want(i)
		endless := limit < 0
		if endless {
			limit = tracing.MaxSamples
		}
		share := r.share(i, len(s.lengths))
		scarce := share < limit
		limit = min(limit, share)
		n := n
		if out[i] = samples(data[:min(n, len(data))], tables, limit); len(out[i]) < limit && wraps > 0 && !endless {
			out[i], n, wraps = r.unwrap(s.id, data, tables, out[i], n, limit, wraps)
		}
		if scarce && len(out[i]) == share && i < tracing.MaxLeads {
			r.t.Warn(tracing.Truncated, "more samples than are read of a file of this size")
		}
		r.room -= len(out[i])
		integrate(out[i], s.difference)
		data = data[min(n, len(data)):]
	}
	return out
}

// unwrap decodes a lead whose length may be too short by times of 65536, as it had no more than 16 bits. It stays with the shorter one where
// that does not give all samples.
func (r *record) unwrap(id int, data []byte, tables huffmanTables, short []int32, n, limit, wraps int) ([]int32, int, int) {
	x, used := decodeLead(data[:min(n+wraps<<16, len(data))], tables, limit)
	if len(x) < limit {
		return short, n, wraps
	}
	r.t.Warn(tracing.Repaired, fmt.Sprintf("section %d: the length of a lead was stored modulo 65536", id))
	times := max(used-n+1<<16-1, 0) >> 16
	return x, n + times<<16, wraps - times
}

// share is how many samples lead i of n may have, so that the file does not fill the memory and all leads are cut alike.
func (r *record) share(i, n int) int {
	if i >= tracing.MaxLeads {
		return 0
	}
	return r.room / (min(n, tracing.MaxLeads) - i)
}

// samples reads one lead before the differences are undone.
func samples(d []byte, tables huffmanTables, limit int) []int32 {
	x, _ := decodeLead(d, tables, limit)
	return x
}

// decodeLead also tells how many bytes the samples took.
func decodeLead(d []byte, tables huffmanTables, limit int) ([]int32, int) {
	if len(tables) > 0 {
		x, used := tables.decode(d, limit)
		if len(x) < cap(x)/2 {
			x = slices.Clone(x)
		}
		return x, used
	}
	out := make([]int32, min(limit, len(d)/2))
	for i := range out {
		out[i] = int32(int16(le.Uint16(d[2*i:])))
	}
	return out, 2 * len(out)
}

// integrate undoes first or second differences; the first one or two values are amplitudes.
func integrate(x []int32, difference byte) {
	switch difference {
	case 1:
		for i := 1; i < len(x); i++ {
			x[i] += x[i-1]
		}
	case 2:
		for i := 2; i < len(x); i++ {
			x[i] += 2*x[i-1] - x[i-2]
		}
	}
}

// scale multiplies by k; what does not fit is missing.
func scale(x []int32, k int64) {
	if k == 1 {
		return
	}
	for i, v := range x {
		x[i] = narrow(int64(v) * k)
	}
}

func narrow(v int64) int32 {
	if int64(int32(v)) != v {
		return tracing.Missing
	}
	return int32(v)
}
