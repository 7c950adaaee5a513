// Samples: records of all signals one after the other.

package edf

import (
	"encoding/binary"
	"sort"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// read fills out[lead] from sample first on.
func (f *file) read(first int64, out [][]int32) error {
	if len(out) == 0 || len(out[0]) == 0 {
		return nil
	}
	end := first + int64(len(out[0]))
	if len(out) > len(f.chosen) || first < 0 || end > f.samples {
		return bad(f.format, -1, "samples that are not in the file were asked for")
	}
	i := sort.Search(len(f.runs), func(i int) bool { return f.runs[i].first > first }) - 1
	at := first
	for ; i < len(f.runs) && at < end; i++ {
		n := f.runs[i]
		if at < n.first { // a gap before the run
			to := min(n.first, end)
			blank(out, at-first, to-first)
			at = to
		}
		if to := min(n.first+n.records*f.per, end); at < to {
			if err := f.readRun(n, at, to, first, out); err != nil {
				return err
			}
			at = to
		}
	}
	if from := max(f.paddedAt, first); from < end {
		blank(out, from-first, end-first)
	}
	return nil
}

func blank(out [][]int32, from, to int64) {
	for _, o := range out {
		for i := range o[from:to] {
			o[from:to][i] = tracing.Missing
		}
	}
}

// readRun fills samples at to to of a run without gaps. Small records are read several at a time; of large ones only the signals.
func (f *file) readRun(n run, at, to, first int64, out [][]int32) error {
	if f.record > 1<<16 {
		return f.readLarge(n, at, to, first, out)
	}
	record, last := (at-n.first)/f.per, (to-n.first+f.per-1)/f.per
	step := max(1, 1<<16/f.record)
	room := make([]byte, min(step, last-record)*f.record)
	for ; record < last; record += step {
		count := min(step, last-record)
		b := room[:count*f.record]
		if err := f.fetch(b, f.header.size+(n.record+record)*f.record); err != nil {
			return err
		}
		for k := range count {
			start := n.first + (record+k)*f.per // sample of the record's first
			from, end := max(at, start), min(to, start+f.per)
			where := f.header.size + (n.record+record+k)*f.record
			for lead := range out {
				s := &f.signals[f.chosen[lead]]
				skip := s.at + (from-start)*int64(f.bytes)
				f.decode(out[lead][from-first:end-first], b[k*f.record+skip:], where+skip)
			}
		}
	}
	return nil
}

func (f *file) readLarge(n run, at, to, first int64, out [][]int32) error {
	const step = 1 << 14
	room := make([]byte, step*f.bytes)
	for lead := range out {
		s := &f.signals[f.chosen[lead]]
		for i := at; i < to; {
			record, in := (i-n.first)/f.per, (i-n.first)%f.per
			count := min(step, f.per-in, to-i)
			b := room[:count*int64(f.bytes)]
			where := f.header.size + (n.record+record)*f.record + s.at + in*int64(f.bytes)
			if err := f.fetch(b, where); err != nil {
				return err
			}
			f.decode(out[lead][i-first:i-first+count], b, where)
			i += count
		}
	}
	return nil
}

// fetch reads a piece; what is behind the end of the file stays as it is.
func (f *file) fetch(b []byte, at int64) error {
	n := min(int64(len(b)), f.size-at)
	if n <= 0 {
		return nil
	}
	return readFull(f.r, b[:n], at)
}

// decode reads samples of b, which stands at a place of the file; those behind its end are Missing.
func (f *file) decode(dst []int32, b []byte, at int64) {
	there := max(min((f.size-at)/int64(f.bytes), int64(len(dst))), 0)
	if f.bytes == 2 {
		for i := range dst[:there] {
			dst[i] = int32(int16(binary.LittleEndian.Uint16(b[2*i:])))
		}
	} else {
		for i := range dst[:there] {
			dst[i] = int32(uint32(b[3*i])<<8|uint32(b[3*i+1])<<16|uint32(b[3*i+2])<<24) >> 8
		}
	}
	for i := range dst[there:] {
		dst[there:][i] = tracing.Missing
	}
}

// findPadding finds where the last record was filled up: every signal then has the lowest value up to its end.
func (f *file) findPadding() error {
	f.paddedAt = f.samples
	n := min(f.per, f.samples)
	if n > tracing.MaxSamples || n*int64(len(f.chosen)) > tracing.MaxLeadTotal {
		return nil
	}
	lowest := int32(-1) << (8*f.bytes - 1)
	padded := n
	room := make([]int32, n)
	for lead := range f.chosen {
		if err := f.one(lead, f.samples-n, room); err != nil {
			return err
		}
		k := n
		for k > 0 && (room[k-1] == lowest || room[k-1] == tracing.Missing) {
			k--
		}
		padded = min(padded, n-k)
	}
	if padded > 1 || padded == 1 && f.per == 1 && f.samples > 1 && len(f.chosen) > 1 {
		f.paddedAt = f.samples - padded
	}
	return nil
}

// one reads one lead.
func (f *file) one(lead int, first int64, out []int32) error {
	view := *f
	view.chosen = f.chosen[lead : lead+1]
	return view.read(first, [][]int32{out})
}
