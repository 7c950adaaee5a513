package dicomecg

import (
	"encoding/binary"
	"math"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// form is how one sample is written (Waveform Sample Interpretation, PS3.3 C.10.9.1.5).
type form struct {
	bytes  int
	decode func(b []byte) int32
}

var forms = map[string]form{
	"SB": {1, func(b []byte) int32 { return int32(int8(b[0])) }},
	"UB": {1, func(b []byte) int32 { return int32(b[0]) }},
	"MB": {1, func(b []byte) int32 { return muLaw[b[0]] }},
	"AB": {1, func(b []byte) int32 { return aLaw[b[0]] }},
	"SS": {2, func(b []byte) int32 { return int32(int16(binary.LittleEndian.Uint16(b))) }},
	"US": {2, func(b []byte) int32 { return int32(binary.LittleEndian.Uint16(b)) }},
	"SL": {4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }},
	"UL": {4, unsignedLong},
}

// unsignedLong has no room for the upper half of its range.
func unsignedLong(b []byte) int32 {
	v := binary.LittleEndian.Uint32(b)
	if v > math.MaxInt32 {
		return tracing.Missing
	}
	return int32(v)
}

// The uniform values of ITU-T G.711: 14 bits for the mu-law, 13 for the A-law.
var muLaw, aLaw = func() (mu, a [256]int32) {
	for i := range 256 {
		u := ^uint8(i)
		v := (int32(u&15)<<1+33)<<(u>>4&7) - 33
		if u&0x80 != 0 {
			v = -v
		}
		mu[i] = v
		u = uint8(i) ^ 0x55
		v = int32(u&15)<<1 + 1
		if e := u >> 4 & 7; e > 0 {
			v = (v + 32) << (e - 1)
		}
		if u&0x80 == 0 {
			v = -v
		}
		a[i] = v
	}
	return mu, a
}()

// samples is the channel-interleaved data of one multiplex group: sample by sample, in each channel by channel (C.10.9.1.7).
type samples struct {
	src      *source
	data     *dicom.Element
	form     form
	linear16 bool // SS, by far the most usual
	channels int  // in the data
	of       []int
	n        int64
	padding  int32 // what stands for a sample that is not there
	padded   bool
}

const blockBytes = 64 << 10

// read fills out[lead] from sample first on. It may be called from several goroutines.
func (s *samples) read(first int64, out [][]int32) error {
	if len(out) == 0 {
		return nil
	}
	row := s.channels * s.form.bytes
	step := max(1, blockBytes/row)
	block := make([]byte, min(step, len(out[0]))*row)
	for done := 0; done < len(out[0]); done += step {
		n := min(step, len(out[0])-done)
		b := block[:n*row]
		if err := s.src.value(s.data, (first+int64(done))*int64(row), b); err != nil {
			return err
		}
		for i := range out {
			s.pick(b, s.of[i], out[i][done:done+n])
		}
	}
	return nil
}

// pick takes one channel out of the rows of b.
func (s *samples) pick(b []byte, channel int, to []int32) {
	row, at := s.channels*s.form.bytes, channel*s.form.bytes
	if s.linear16 {
		for k := range to {
			to[k] = int32(int16(binary.LittleEndian.Uint16(b[at:])))
			at += row
		}
	} else {
		for k := range to {
			to[k] = s.form.decode(b[at:])
			at += row
		}
	}
	if !s.padded {
		return
	}
	for k, v := range to {
		if v == s.padding {
			to[k] = tracing.Missing
		}
	}
}

// load reads all samples of the leads.
func (s *samples) load(leads []tracing.Lead) error {
	out := make([][]int32, len(leads))
	for i := range out {
		out[i] = make([]int32, s.n)
	}
	if err := s.read(0, out); err != nil {
		return err
	}
	for i := range leads {
		leads[i].Samples = out[i]
	}
	return nil
}
