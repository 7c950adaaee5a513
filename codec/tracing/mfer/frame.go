// Frames: for each sequence the block of each channel.

package mfer

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// part is one channel of one or several frames with the same definitions.
type part struct {
	channel  int
	median   bool
	status   bool
	kind     int
	lead     tracing.Lead
	rate     tracing.Ratio
	null     []byte
	floats   []float64 // of floating types, until they are brought to integers
	big      bool      // samples are biased by 2^31
	said     int       // sequences of a frame; 0: as many as it has
	sequence int
	block    int
}

// data types: bytes of a sample.
var widths = map[int]int{0: 2, 1: 2, 2: 4, 3: 1, 4: 2, 5: 1, 6: 4, 7: 4, 8: 8}

const (
	kindStatus  = 4
	kindUint32  = 6
	kindFloat32 = 7
	kindFloat64 = 8
)

// frame decodes a waveform. A frame that goes on with the definitions of the one before it is added to its leads.
func (f *file) frame(e element) error {
	if len(e.value) == 0 {
		return nil
	}
	if err := f.channels(e); err != nil {
		return err
	}
	size := 0
	for _, p := range f.now {
		size += p.block * widths[p.kind]
	}
	last := 0
	for _, p := range f.now {
		if p.sequence = p.said; p.said == 0 {
			p.sequence = (len(e.value) + size - 1) / size
		}
		last = max(last, p.sequence)
		if p.lead.Samples == nil {
			p.lead.Samples = make([]int32, 0, min(p.block*p.sequence, len(e.value)/widths[p.kind]/len(f.now)+p.block, len(e.value)))
		}
	}
	f.position(f.now[0])
	return f.samples(e, last)
}

// channels finds the channels of a frame, where definitions changed since the frame before it.
func (f *file) channels(e element) error {
	if f.now != nil && !f.changed {
		return nil
	}
	if f.changes++; f.changes > maxChanges {
		return bad(e.at, "definitions that change too often")
	}
	now := make([]*part, 0, f.count)
	for channel := range f.count {
		p, err := f.channel(e, channel)
		if err != nil {
			return err
		}
		now = append(now, p)
	}
	f.now, f.changed = f.join(now), false
	if len(f.parts) > maxParts {
		return bad(e.at, "too many different channels")
	}
	return nil
}

// samples decodes the blocks of a frame.
func (f *file) samples(e element, last int) error {
	b := e.value
	for sequence := 0; sequence < last && len(b) > 0; sequence++ {
		for _, p := range f.now {
			if sequence >= p.sequence {
				continue
			}
			n := min(p.block, len(b)/widths[p.kind])
			if n < p.block {
				f.t.Warn(tracing.Truncated, "a frame is shorter than its definitions")
			}
			if f.total += int64(n); f.total > tracing.MaxLeadTotal {
				return bad(e.at, "too many samples to be read whole")
			}
			p.decode(b[:n*widths[p.kind]], f.order)
			b = b[min(p.block*widths[p.kind], len(b)):]
		}
	}
	if len(b) > 0 {
		f.t.Warn(tracing.Inconsistent, "a frame is longer than its definitions")
	}
	return nil
}

// position warns where a frame does not follow the one before it.
func (f *file) position(first *part) {
	if f.pointer > 0 && len(f.parts) > 0 {
		for _, p := range f.parts {
			if p.channel == first.channel && p.median == first.median && f.pointer != int64(len(p.lead.Samples)) {
				f.t.Warn(tracing.Inconsistent, "a frame does not follow the one before it: they are put together")
			}
		}
	}
	f.pointer = -1
}

// join finds the parts of earlier frames that these go on.
func (f *file) join(now []*part) []*part {
	for i, p := range now {
		for _, q := range f.parts {
			if p.same(q) {
				q.said, q.block = p.said, p.block
				now[i] = q
			}
		}
		if now[i] == p {
			f.parts = append(f.parts, p)
		}
	}
	return now
}

func (p *part) same(q *part) bool {
	a, b := p.lead, q.lead
	return p.channel == q.channel && p.median == q.median && p.kind == q.kind && p.rate == q.rate && string(p.null) == string(q.null) &&
		a.Code == b.Code && a.Label == b.Label && a.NVPerLSB == b.NVPerLSB && a.OffsetNV == b.OffsetNV
}

// channel is what is in force for a channel.
func (f *file) channel(e element, channel int) (*part, error) {
	a := f.force(channel)
	p := &part{channel: channel, kind: int(f.unsigned(a[tagDataType])), block: 1, null: a[tagNull]}
	if _, ok := widths[p.kind]; !ok {
		return nil, bad(e.at, "data type %d is not known", p.kind)
	}
	if v, ok := a[tagBlock]; ok {
		n := f.unsigned(v)
		if n == 0 || n > tracing.MaxSamples {
			return nil, bad(e.at, "the length of a block is none")
		}
		p.block = int(n)
	}
	if v, ok := a[tagSequences]; ok {
		p.said = int(min(f.unsigned(v), uint64(len(f.b))))
	}
	if v := a[tagWaveform]; len(v) > 0 {
		p.median = f.unsigned(v[:min(len(v), 2)]) == dominant
	}
	p.rate = tracing.Whole(1000) // ISO 22077-1: 1 ms if not said
	if v, ok := a[tagInterval]; ok {
		unit, n, good := f.scaled(v)
		switch {
		case good && unit == 0:
			p.rate = n
		case good && unit == 1:
			p.rate = tracing.Whole(1).Div(n)
		default:
			return nil, bad(e.at, "the sampling interval is no time")
		}
	} else {
		f.t.Warn(tracing.Deviates, "the sampling interval is not said: 1 ms is taken")
	}
	if p.rate.Num <= 0 || p.rate.Float() > 1e6 || p.rate.Float() < 1e-3 {
		return nil, bad(e.at, "the sampling rate is not one")
	}
	f.name(p, a)
	f.size(p, a)
	return p, nil
}

func (f *file) name(p *part, a attributes) {
	v := a[tagLead]
	code := int(f.unsigned(v[:min(len(v), 2)]))
	p.lead.Code = leads[code]
	switch {
	case p.lead.Code != "":
		p.lead.Label = p.lead.Code.Label()
	case labels[code] != "":
		p.lead.Label = labels[code]
	case len(v) > 2:
		p.lead.Label = f.words(v[2:])
		p.lead.Code = tracing.LeadNamed(p.lead.Label)
	default:
		p.lead.Label = "channel " + strconv.Itoa(p.channel+1)
	}
	p.status = p.kind == kindStatus || code == statusLead
	if n := f.unsigned(a[tagSkew]); n > 0 && n < 1e9 {
		p.lead.Skew = nanosecond(n)
	}
}

func (f *file) size(p *part, a attributes) {
	unit, v, ok := f.scaled(a[tagSize])
	if !ok || unit != 0 { // 0: volt
		if !p.status {
			f.t.Warn(tracing.Uncalibrated, "a channel has no size in volts")
		}
		p.lead.Code = ""
		return
	}
	p.lead.NVPerLSB = v.Mul(tracing.Whole(1e9))
	if n := f.number(a[tagOffset], p.kind); n != 0 && !math.IsNaN(n) && math.Abs(n) < 1<<40 {
		p.lead.OffsetNV = p.lead.NVPerLSB.Mul(tracing.Whole(int64(n)))
	}
}

// number reads a value of a channel's own data type: the offset.
func (f *file) number(v []byte, kind int) float64 {
	if len(v) != widths[kind] {
		return float64(f.signed(v))
	}
	return one(v, kind, f.order)
}

func one(b []byte, kind int, order binary.ByteOrder) float64 {
	switch kind {
	case 0:
		return float64(int16(order.Uint16(b)))
	case 1, kindStatus:
		return float64(order.Uint16(b))
	case 2:
		return float64(int32(order.Uint32(b)))
	case 3:
		return float64(b[0])
	case 5:
		return float64(int8(b[0]))
	case kindUint32:
		return float64(order.Uint32(b))
	case kindFloat32:
		return float64(math.Float32frombits(order.Uint32(b)))
	default:
		return math.Float64frombits(order.Uint64(b))
	}
}

// decode adds samples.
func (p *part) decode(b []byte, order binary.ByteOrder) {
	width := widths[p.kind]
	for ; len(b) >= width; b = b[width:] {
		if len(p.null) == width && string(p.null) == string(b[:width]) {
			p.add(math.NaN())
			continue
		}
		p.add(one(b, p.kind, order))
	}
}

func (p *part) add(v float64) {
	switch {
	case p.kind == kindFloat32 || p.kind == kindFloat64:
		p.floats = append(p.floats, v)
	case math.IsNaN(v):
		p.lead.Samples = append(p.lead.Samples, tracing.Missing)
	case p.kind == kindUint32:
		if v > math.MaxInt32 {
			p.big = true
		}
		p.lead.Samples = append(p.lead.Samples, int32(uint32(v)))
	default:
		p.lead.Samples = append(p.lead.Samples, int32(v))
	}
}
