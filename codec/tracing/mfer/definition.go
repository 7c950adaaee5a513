// Definitions: tag, length by the basic encoding rules, value.

package mfer

import (
	"bytes"
	"encoding/binary"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// element is one definition in the file.
type element struct {
	tag, channel int
	at           int // of the value
	value        []byte
	endless      bool // of a container that ends with two zeros
	cut          bool // the file ends in it
	next         int
}

// element reads the definition at a place before end; ok is false at the end.
func (f *file) element(at, end int) (e element, ok bool, err error) {
	b := f.b
	for at < end && b[at] == tagZero {
		at++
	}
	if at >= end {
		return e, false, nil
	}
	e.tag = int(b[at])
	at++
	if e.tag == tagEnd {
		return e, false, nil
	}
	if e.tag == tagChannel {
		for {
			if at >= end || e.channel > 1<<16 {
				return e, false, nil
			}
			e.channel = e.channel<<7 | int(b[at]&0x7F)
			at++
			if b[at-1]&0x80 == 0 {
				break
			}
		}
	}
	if at >= end {
		return e, false, nil
	}
	n, octets := int64(b[at]), 0
	at++
	switch {
	case n == 0x80:
		if e.tag != tagChannel && e.tag != tagGroup {
			return e, false, bad(at-1, "a value without a length")
		}
		e.at, e.endless = at, true
		return e, true, nil
	case n > 0x80:
		octets, n = int(n&0x7F), 0
		if octets > 8 || at+octets > end {
			return e, false, bad(at-1, "a length of %d octets", octets)
		}
		for _, c := range b[at : at+octets] {
			if n = n<<8 | int64(c); n > 1<<40 {
				return e, false, bad(at-1, "a length beyond the file")
			}
		}
		at += octets
	}
	stop := int64(at) + n
	if stop > int64(end) {
		e.cut, stop = true, int64(end)
	}
	e.at, e.value, e.next = at, b[at:stop], int(stop)
	return e, true, nil
}

// Sniff reports whether a file begins as MFER: with its preamble, or with a chain of definitions that cannot be chance.
func Sniff(head []byte) bool {
	if len(head) >= 6 && head[0] == tagPreamble && string(head[2:5]) == "MFR" {
		return true
	}
	f := &file{b: head}
	core, known := 0, 0
	for at := 0; known < 32; {
		e, ok, err := f.element(at, len(head))
		if err != nil || !ok && known == 0 {
			return false
		}
		if !ok || e.endless {
			return core >= 3
		}
		need, listed := lengths[e.tag]
		if !listed || !e.cut && need.max > 0 && (len(e.value) < need.min || len(e.value) > need.max) {
			return false
		}
		if e.tag == tagByteOrder && !e.cut && e.value[0] > 1 {
			return false
		}
		if known++; need.max > 0 {
			core++
		}
		if e.cut || e.tag == tagWave {
			return core >= 3
		}
		at = e.next
	}
	return core >= 3
}

// lengths of values; max 0: any.
var lengths = map[int]struct{ min, max int }{
	tagByteOrder: {1, 1}, tagVersion: {1, 8}, tagCharset: {}, tagBlock: {1, 4}, tagChannels: {1, 4}, tagSequences: {1, 4}, tagPointer: {1, 8},
	tagWaveform: {}, tagLead: {}, tagDataType: {1, 1}, tagInterval: {3, 6}, tagSize: {3, 6}, tagOffset: {1, 8}, tagCompress: {}, tagFilter: {},
	tagNull: {1, 8}, tagMaker: {}, tagWave: {}, tagChannel: {}, tagPreamble: {}, tagEvent: {}, tagValue: {}, tagSkew: {}, tagGroup: {},
	tagName: {}, tagID: {}, tagAge: {}, tagSex: {1, 1}, tagTime: {}, tagMessage: {}, 0x0F: {}, 0x15: {}, 0x16: {}, 0x44: {}, 0x45: {}, 0x46: {},
	0x87: {}, 0x88: {},
}

// unsigned and signed read numbers of the byte order in force.
func (f *file) unsigned(b []byte) uint64 {
	var v uint64
	for i := range b[:min(len(b), 8)] {
		if f.order == binary.ByteOrder(binary.LittleEndian) {
			v |= uint64(b[i]) << (8 * i)
		} else {
			v = v<<8 | uint64(b[i])
		}
	}
	return v
}

func (f *file) signed(b []byte) int64 {
	n := min(len(b), 8)
	if n == 0 {
		return 0
	}
	return int64(f.unsigned(b)<<(64-8*n)) >> (64 - 8*n)
}

// scaled reads unit, exponent of ten and mantissa.
func (f *file) scaled(b []byte) (unit byte, v tracing.Ratio, ok bool) {
	if len(b) < 3 || len(b) > 10 {
		return 0, v, false
	}
	v = tracing.Whole(f.signed(b[2:]))
	exponent := int(int8(b[1]))
	if exponent < -15 || exponent > 15 {
		return 0, v, false
	}
	for range max(exponent, -exponent) {
		if exponent > 0 {
			v = v.Mul(tracing.Whole(10))
		} else {
			v = v.Div(tracing.Whole(10))
		}
	}
	return b[0], v, v.Den != 0 && v.Num != 0
}

// words reads a text that ends at its first zero.
func (f *file) words(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return f.text(b)
}
