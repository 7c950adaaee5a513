// Records of several segments: header(5), multi-segment records.

package wfdb

import (
	"io/fs"
	"path"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// openSegments opens every segment. "~" is a gap; a first segment without samples is the layout of a record of variable layout.
func (r *record) openSegments(o *opener, h *header) error {
	opened := map[string]*part{}
	for i, line := range h.segments {
		p, err := r.segment(o, line, i == 0, opened)
		if err != nil {
			return err
		}
		if p != nil {
			p.first = r.frames
			r.parts = append(r.parts, *p)
			r.frames += p.frames
		}
	}
	if h.frames > 0 && h.frames != r.frames {
		r.head.Warn(tracing.Inconsistent, "the segments do not add up to the length of the record")
	}
	if r.layout == nil || r.frames == 0 {
		return bad(-1, "the record has no samples")
	}
	if h.rate.Duration(r.frames) > maxLength {
		return bad(-1, "the segments claim to be longer than %d days", maxLength/24/time.Hour)
	}
	r.head.Groups[0].Rate = h.rate.Mul(tracing.Whole(r.perFrame))
	return nil
}

// segment opens one segment; nil for the layout, which has no samples.
func (r *record) segment(o *opener, line segmentLine, first bool, opened map[string]*part) (*part, error) {
	p := &part{frames: line.frames}
	if line.name == "~" {
		return p, nil
	}
	if q := opened[line.name]; q != nil {
		again := *q
		return &again, nil
	}
	head, err := r.segmentHeader(o, path.Join(o.dir, line.name))
	if err != nil && !first && unlessFormat(err) == nil {
		r.head.Warn(tracing.Truncated, "a segment has no readable header: it is shown as a gap")
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if first && line.frames == 0 {
		r.variable = true
		return nil, r.adopt(head)
	}
	opened[line.name] = p
	return p, r.place(o, head, p)
}

func (r *record) segmentHeader(o *opener, name string) (*header, error) {
	if !fs.ValidPath(name) {
		return nil, bad(-1, "a segment whose name is no path")
	}
	_, size, err := o.open(name + ".hea")
	if o.text -= size; err == nil && o.text < 0 {
		return nil, bad(-1, "the headers of the segments are too long")
	}
	h, err := readHeader(o, name)
	if err != nil {
		return nil, err
	}
	if h.multi {
		return nil, bad(-1, "a segment that has segments")
	}
	return h, nil
}

func (r *record) adopt(h *header) error {
	r.layout = h
	return r.choose()
}

// place opens a segment and finds the record's leads in it.
func (r *record) place(o *opener, h *header, p *part) error {
	if r.layout == nil {
		if err := r.adopt(h); err != nil {
			return err
		}
	}
	s, err := o.segment(h)
	if err != nil {
		return err
	}
	p.segment = s
	if p.frames == 0 {
		p.frames = s.frames
	}
	p.rows, p.convert = make([]int, len(r.chosen)), make([]*rescale, len(r.chosen))
	for lead, index := range r.chosen {
		want := &r.layout.signals[index]
		p.rows[lead] = r.find(h, index)
		if p.rows[lead] < 0 {
			continue
		}
		have := &h.signals[p.rows[lead]]
		if have.perFrame != want.perFrame {
			p.rows[lead] = -1
			r.head.Warn(tracing.Unsupported, "a segment has a signal of another sampling rate: it is shown as a gap")
			continue
		}
		p.convert[lead] = r.scaling(want, have)
	}
	return nil
}

// find is the signal of a segment that belongs to a signal of the layout: the same one, by name where the layout is variable.
func (r *record) find(h *header, index int) int {
	if !r.variable {
		if index < len(h.signals) {
			return index
		}
		return -1
	}
	for i := range h.signals {
		if h.signals[i].name == r.layout.signals[index].name {
			return i
		}
	}
	return -1
}

func (r *record) scaling(want, have *signal) *rescale {
	size, offset := want.size()
	size2, offset2 := have.size()
	if size == size2 && offset == offset2 || size.Num == 0 || size2.Num == 0 {
		return nil
	}
	r.head.Warn(tracing.LossyEncoding, "segments of several gains: samples were rounded to that of the record")
	return &rescale{size2.Div(size).Float(), (offset2.Float() - offset.Float()) / size.Float()}
}
