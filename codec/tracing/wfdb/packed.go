// The formats of sample: signal(5).

package wfdb

import (
	"encoding/binary"
	"io"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// stream is the samples of one signal file, multiplexed as the file has them.
type stream interface {
	len() int64                          // samples that are really there
	read(dst []int32, first int64) error // first+len(dst) <= len
	step() int                           // samples that are best read at a time
}

// packing is a format of fixed size: blocks of bytes with a number of samples each.
type packing struct {
	bytes, samples int
	missing        int32                       // what stands for no sample
	tail           []int                       // samples in an incomplete block of so many bytes
	unpack         func(dst []int32, b []byte) // whole blocks
}

var packings = map[int]packing{
	16: {2, 1, -1 << 15, []int{0, 0}, func(dst []int32, b []byte) {
		for i := range dst {
			dst[i] = int32(int16(binary.LittleEndian.Uint16(b[2*i:])))
		}
	}},
	24: {3, 1, -1 << 23, []int{0, 0, 0}, func(dst []int32, b []byte) {
		for i := range dst {
			dst[i] = int32(uint32(b[3*i])<<8|uint32(b[3*i+1])<<16|uint32(b[3*i+2])<<24) >> 8
		}
	}},
	32: {4, 1, -1 << 31, []int{0, 0, 0, 0}, func(dst []int32, b []byte) {
		for i := range dst {
			dst[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}},
	61: {2, 1, -1 << 15, []int{0, 0}, func(dst []int32, b []byte) {
		for i := range dst {
			dst[i] = int32(int16(binary.BigEndian.Uint16(b[2*i:])))
		}
	}},
	80: {1, 1, -1 << 7, []int{0}, func(dst []int32, b []byte) {
		for i := range dst {
			dst[i] = int32(b[i]) - 128
		}
	}},
	160: {2, 1, -1 << 15, []int{0, 0}, func(dst []int32, b []byte) {
		for i := range dst {
			dst[i] = int32(binary.LittleEndian.Uint16(b[2*i:])) - 32768
		}
	}},
	212: {3, 2, -1 << 11, []int{0, 0, 1}, func(dst []int32, b []byte) {
		for i := 0; i+1 < len(dst); i += 2 {
			c := b[i/2*3:][:3]
			dst[i] = int32(uint32(c[0])<<20|uint32(c[1])<<28) >> 20
			dst[i+1] = int32(uint32(c[2])<<20|uint32(c[1]>>4)<<28) >> 20
		}
	}},
	310: {4, 3, -1 << 9, []int{0, 0, 1, 1}, func(dst []int32, b []byte) {
		for i := 0; i+2 < len(dst); i += 3 {
			v := binary.LittleEndian.Uint32(b[i/3*4:])
			dst[i] = ten(v >> 1)
			dst[i+1] = ten(v >> 17)
			dst[i+2] = ten(v>>11&0x1F | v>>27<<5)
		}
	}},
	311: {4, 3, -1 << 9, []int{0, 0, 1, 2}, func(dst []int32, b []byte) {
		for i := 0; i+2 < len(dst); i += 3 {
			v := binary.LittleEndian.Uint32(b[i/3*4:])
			dst[i] = ten(v)
			dst[i+1] = ten(v >> 10)
			dst[i+2] = ten(v >> 20)
		}
	}},
}

func ten(v uint32) int32 { return int32(v<<22) >> 22 }

// packed is a stream of a fixed packing.
type packed struct {
	packing
	r     io.ReaderAt
	start int64
	size  int64 // bytes from start on
}

func (p *packed) len() int64 {
	n := p.size / int64(p.bytes)
	return n*int64(p.samples) + int64(p.tail[p.size-n*int64(p.bytes)])
}

func (p *packed) step() int { return 1 << 13 }

func (p *packed) read(dst []int32, first int64) error {
	from := first / int64(p.samples)
	to := (first + int64(len(dst)) + int64(p.samples) - 1) / int64(p.samples)
	raw := make([]byte, (to-from)*int64(p.bytes))
	at := from * int64(p.bytes)
	n := min(int64(len(raw)), p.size-at)
	if err := readFull(p.r, raw[:n], p.start+at); err != nil {
		return err
	}
	if p.samples == 1 {
		p.unpack(dst, raw)
		return nil
	}
	all := make([]int32, (to-from)*int64(p.samples))
	p.unpack(all, raw)
	copy(dst, all[first-from*int64(p.samples):])
	return nil
}

func readFull(r io.ReaderAt, b []byte, at int64) error {
	return tracing.ReadFull(tracing.WFDB, r, b, at)
}
