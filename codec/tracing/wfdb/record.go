// A record as a Recording: which of its signals are the tracing, of one segment or of many.

package wfdb

import (
	"fmt"
	"math"
	"path"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// record is an opened record.
type record struct {
	head     *tracing.Tracing
	layout   *header      // describes the signals of all segments
	chosen   []int        // signals of layout that are the leads
	left     int          // signals that are not
	present  map[int]bool // signals that have samples; nil: all
	perFrame int64
	frames   int64
	parts    []part
	variable bool // segments have signals of their own, matched by name
}

// part is a segment in its place.
type part struct {
	first, frames int64
	*segment
	rows    []int      // for each lead the signal of the segment, -1 if it has none
	convert []*rescale // for each lead, nil where the size is the same
}

func newRecord(in files, name string) (*record, error) {
	h, err := readHeader(in, name)
	if err != nil {
		return nil, err
	}
	r := &record{head: &tracing.Tracing{Format: tracing.WFDB, RecordedAt: h.start}}
	o := &opener{files: in, dir: path.Dir(name), warn: r.head.Warn, room: maxScan, text: maxText}
	if h.multi {
		err = r.openSegments(o, h)
	} else {
		err = r.openSingle(o, h)
	}
	if err != nil {
		return nil, err
	}
	for _, text := range h.odd {
		r.head.Warn(tracing.BadValue, text)
	}
	describe(r.head, h.comments)
	if r.layout != h {
		describe(r.head, r.layout.comments)
	}
	return r, nil
}

func (r *record) openSingle(o *opener, h *header) error {
	s, err := o.segment(h)
	if err != nil {
		return err
	}
	if s.frames == 0 {
		return bad(-1, "the record has no samples")
	}
	r.layout, r.present = h, map[int]bool{}
	for _, src := range s.sources {
		for _, p := range src.signals {
			r.present[p.index] = src.frames > 0
		}
	}
	if err := r.choose(); err != nil {
		return err
	}
	r.frames = s.frames
	r.parts = []part{{0, s.frames, s, r.chosen, make([]*rescale, len(r.chosen))}}
	return nil
}

// recording is the record as it is streamed: the signals of one rate.
func (r *record) recording() *tracing.Recording {
	if r.left > 0 {
		r.head.Warn(tracing.Unsupported, fmt.Sprintf("%d signals of another sampling rate were left out", r.left))
	}
	if r.frames*r.perFrame*int64(len(r.chosen)) <= checkedAtOnce {
		if t, err := r.stream().Load(); err == nil {
			r.check(t)
			r.head.Warnings = t.Warnings
		}
	}
	return r.stream()
}

// checkedAtOnce is the length, in samples of all leads, of records whose checksums are looked at when they are opened.
const checkedAtOnce = 1 << 20

func (r *record) stream() *tracing.Recording {
	return &tracing.Recording{Head: r.head, Count: r.frames * r.perFrame, Read: r.read}
}

func (r *record) read(first int64, out [][]int32) error {
	if len(out) == 0 || len(out[0]) == 0 {
		return nil
	}
	if len(out) > len(r.chosen) || first < 0 || first > r.frames*r.perFrame-int64(len(out[0])) {
		return bad(-1, "samples that are not in the record were asked for")
	}
	end := first + int64(len(out[0]))
	for i := range r.parts {
		p := &r.parts[i]
		from, to := max(first, p.first*r.perFrame), min(end, (p.first+p.frames)*r.perFrame)
		if from >= to {
			continue
		}
		if err := p.read(from-p.first*r.perFrame, from-first, to-first, out); err != nil {
			return err
		}
	}
	return nil
}

// read fills out[lead][from:to] from sample first of the segment on.
func (p *part) read(first, from, to int64, out [][]int32) error {
	var rows []row
	for lead := range out {
		piece := out[lead][from:to]
		if p.segment == nil || p.rows[lead] < 0 {
			for i := range piece {
				piece[i] = tracing.Missing
			}
			continue
		}
		rows = append(rows, row{p.rows[lead], piece})
	}
	if p.segment == nil {
		return nil
	}
	if err := p.segment.read(first, rows); err != nil {
		return err
	}
	for lead := range out {
		if c := p.convert[lead]; c != nil && p.rows[lead] >= 0 {
			c.apply(out[lead][from:to])
		}
	}
	return nil
}

// rescale brings samples of a segment to the size of the record's lead.
type rescale struct{ factor, offset float64 }

func (c *rescale) apply(samples []int32) {
	for i, v := range samples {
		if v == tracing.Missing {
			continue
		}
		x := math.Round(float64(v)*c.factor + c.offset)
		if x <= math.MinInt32 || x > math.MaxInt32 {
			samples[i] = tracing.Missing
			continue
		}
		samples[i] = int32(x)
	}
}

// load reads a record whole and checks it. Signals of other rates follow as groups of their own, where there is one segment.
func (r *record) load() (*tracing.Tracing, error) {
	t, err := r.stream().Load()
	if err != nil {
		return nil, err
	}
	t.Warnings = append([]tracing.Warning(nil), t.Warnings...)
	r.check(t)
	if err := r.others(t); err != nil {
		return nil, err
	}
	t.Complete()
	return t, nil
}

// check compares the sums of samples with the checksums of the headers.
func (r *record) check(t *tracing.Tracing) {
	leads := t.Rhythm().Leads
	for i := range r.parts {
		p := &r.parts[i]
		if p.segment == nil {
			continue
		}
		for _, src := range p.sources {
			for _, s := range src.signals {
				for lead, index := range p.rows {
					if index != s.index || p.convert[lead] != nil || !s.checkable || s.skew != 0 || src.frames < p.head.frames {
						continue
					}
					piece := leads[lead].Samples[p.first*r.perFrame : (p.first+p.frames)*r.perFrame]
					if sum(piece, s.missing) != s.checksum {
						t.Warn(tracing.BadChecksum, "the checksum of signal "+fmt.Sprint(index+1)+" is not that of its samples")
					}
				}
			}
		}
	}
}

func sum(samples []int32, missing int32) uint16 {
	var n uint32
	for _, v := range samples {
		if v == tracing.Missing {
			v = missing
		}
		n += uint32(v)
	}
	return uint16(n)
}
