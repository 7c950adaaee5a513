// Samples: 16 bits, little-endian, one of each lead after the other.

package ishne

import (
	"encoding/binary"
	"io"
	"sync"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// samples reads pieces; what it keeps is room, so that several may read at once.
type samples struct {
	rooms sync.Pool // *[piece]byte
	r     io.ReaderAt
	start int64
	leads int
	count int64
}

const piece = 1 << 16 // bytes read at a time

func (s *samples) read(first int64, out [][]int32) error {
	if len(out) == 0 || len(out[0]) == 0 {
		return nil
	}
	n := int64(len(out[0]))
	if len(out) > s.leads || first < 0 || first+n > s.count {
		return bad(-1, "samples that are not in the file were asked for")
	}
	frame := int64(2 * s.leads)
	step := min(piece/frame, n)
	room, _ := s.rooms.Get().(*[piece]byte)
	if room == nil {
		room = new([piece]byte)
	}
	defer s.rooms.Put(room)
	for done := int64(0); done < n; done += step {
		k := min(step, n-done)
		b := room[:k*frame]
		if err := readFull(s.r, b, s.start+(first+done)*frame); err != nil {
			return err
		}
		for lead, o := range out {
			o = o[done : done+k]
			at := 2 * lead
			for i := range o {
				o[i] = int32(int16(binary.LittleEndian.Uint16(b[at:])))
				at += 2 * s.leads
			}
		}
	}
	return nil
}

func readFull(r io.ReaderAt, b []byte, at int64) error {
	return tracing.ReadFull(tracing.ISHNE, r, b, at)
}

// crc is CRC-CCITT: polynomial 0x1021, start 0xFFFF.
func crc(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c ^= uint16(x) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
	}
	return c
}
