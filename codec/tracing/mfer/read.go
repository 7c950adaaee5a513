// Reading a file: definitions in order, a frame at each waveform.

package mfer

import (
	"encoding/binary"
	"maps"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// file is a file while it is read.
type file struct {
	b       []byte
	t       *tracing.Tracing
	order   binary.ByteOrder
	text    func([]byte) string
	common  attributes
	own     map[int]attributes
	count   int // channels
	entries int
	done    bool // damaged behind its samples
	pointer int64
	now     []*part // channels of the last frame
	changed bool    // definitions changed since
	changes int
	parts   []*part
	events  []event
	filters tracing.Filters
	total   int64 // samples of all leads
}

// attributes of a channel; a key that is not there is not defined.
type attributes map[int][]byte

// Read reads a file, with derived limb leads.
func Read(b []byte) (*tracing.Tracing, error) {
	if len(b) > tracing.MaxFile {
		return nil, bad(-1, "a file of %d bytes", len(b))
	}
	if !Sniff(b) {
		return nil, bad(0, "not MFER")
	}
	f := &file{
		b: b, t: &tracing.Tracing{Format: tracing.MFER}, order: binary.BigEndian, text: tracing.Text, common: attributes{},
		own: map[int]attributes{}, count: 1, pointer: -1,
	}
	if _, err := f.walk(0, len(b), -1, 0, false); err != nil {
		return nil, err
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	return f.t, nil
}

// walk reads definitions from a place to an end, or to two zeros. Channel -1 is the whole file.
func (f *file) walk(at, end, channel, depth int, endless bool) (int, error) {
	if depth > maxDepth {
		return at, bad(at, "definitions within definitions")
	}
	for at < end && !f.done {
		if endless && at+1 < end && f.b[at] == 0 && f.b[at+1] == 0 {
			return at + 2, nil
		}
		e, ok, err := f.element(at, end)
		if err != nil {
			return end, f.stop(err)
		}
		if !ok {
			return end, nil
		}
		if f.entries++; f.entries > maxEntries {
			return at, bad(at, "more than %d definitions", maxEntries)
		}
		if e.cut {
			f.t.Warn(tracing.Truncated, "the file ends in a definition")
			if e.tag != tagWave {
				return end, nil
			}
		}
		if e.tag == tagChannel || e.tag == tagGroup {
			at, err = f.contain(e, end, channel, depth)
		} else {
			at, err = e.next, f.define(e, channel)
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

// stop ends the reading of a damaged file: what was read stays where there are samples.
func (f *file) stop(err error) error {
	if len(f.parts) == 0 {
		return err
	}
	f.t.Warn(tracing.Truncated, "the file is damaged behind its samples")
	f.done = true
	return nil
}

func (f *file) contain(e element, end, channel, depth int) (int, error) {
	if e.tag == tagChannel {
		if channel >= 0 {
			return e.at, bad(e.at, "a channel within a channel")
		}
		channel = e.channel
	}
	if e.endless {
		return f.walk(e.at, end, channel, depth+1, true)
	}
	_, err := f.walk(e.at, e.next, channel, depth+1, false)
	return e.next, err
}

// define takes one definition.
func (f *file) define(e element, channel int) error {
	switch e.tag {
	case tagBlock, tagSequences, tagWaveform, tagLead, tagDataType, tagInterval, tagSize, tagOffset, tagNull, tagSkew:
		f.changed = true
		f.attribute(e, channel)
	case tagByteOrder:
		f.changed = true
		f.order = binary.BigEndian
		if len(e.value) > 0 && e.value[0] == 1 {
			f.order = binary.LittleEndian
		}
	case tagChannels:
		n := f.unsigned(e.value)
		if len(e.value) == 0 {
			n = 1
		}
		if n == 0 || n > tracing.MaxLeads {
			return bad(e.at, "the number of channels is not between 1 and %d", tracing.MaxLeads)
		}
		f.changed = true
		f.count, f.own = int(n), map[int]attributes{}
	case tagPointer:
		f.pointer = f.signed(e.value)
	case tagCompress:
		if f.unsigned(e.value) != 0 {
			return bad(e.at, "compressed waveforms are not known")
		}
	case tagWave:
		return f.frame(e)
	default:
		f.describe(e)
	}
	return nil
}

func (f *file) attribute(e element, channel int) {
	to := f.common
	if channel >= 0 {
		if channel >= f.count {
			f.t.Warn(tracing.Inconsistent, "definitions of a channel that is not there")
			return
		}
		if to = f.own[channel]; to == nil {
			to = attributes{}
			f.own[channel] = to
		}
	}
	if len(e.value) == 0 {
		delete(to, e.tag) // back to what it is by default
		return
	}
	to[e.tag] = e.value
}

// in force for a channel. A lead that is given for all is that of the first only.
func (f *file) force(channel int) attributes {
	a := maps.Clone(f.common)
	if channel > 0 {
		delete(a, tagLead)
	}
	maps.Copy(a, f.own[channel])
	return a
}
