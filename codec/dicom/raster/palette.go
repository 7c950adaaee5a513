package raster

import (
	"encoding/binary"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Palette is three tables from a stored value to red, green and blue, all from the same First (PS3.3 C.7.6.3.1.5).
type Palette struct {
	First int
	Bits  int         // of an entry, 8 or 16
	Data  [3][]uint16 // red, green, blue
}

// At gives the colour of a stored value.
func (p *Palette) At(v int) (r, g, b uint8) {
	i := max(0, v-p.First)
	return p.shown(0, i), p.shown(1, i), p.shown(2, i)
}

func (p *Palette) shown(c, i int) uint8 {
	v := p.Data[c][min(i, len(p.Data[c])-1)]
	return uint8(v >> (p.Bits - 8))
}

// paletteOf reads the tables, segmented ones too.
func paletteOf(d *dicom.DataSet, signed bool) (*Palette, error) {
	p := &Palette{}
	for c := range dicom.Tag(3) {
		n, first, bits, ok := descriptor(d, redPaletteDescriptor+c, signed)
		if !ok || bits != 8 && bits != 16 {
			return nil, refuse(dicom.Missing, "no usable %v %s", redPaletteDescriptor+c, (redPaletteDescriptor + c).Keyword())
		}
		var data []uint16
		if el := d.Find(redPaletteData + c); el != nil {
			data = entries(el.Value, n, bits)
		} else if el := d.Find(redPaletteSegmented + c); el != nil {
			data = segmented(el.Value, n, bits)
		}
		if data == nil {
			return nil, refuse(dicom.Truncated, "%v %s has not the %d entries of its descriptor", redPaletteData+c, (redPaletteData + c).Keyword(), n)
		}
		p.First, p.Bits, p.Data[c] = first, bits, data
	}
	p.eight()
	return p, nil
}

// eight corrects what devices write into tables of 16 bits that have values of eight: they would all be black.
func (p *Palette) eight() {
	if p.Bits == 16 {
		for _, data := range p.Data {
			for _, v := range data {
				if v > 0xFF {
					return
				}
			}
		}
		p.Bits = 8
	}
}

// segmented expands a table of segments (PS3.3 C.7.9.2): discrete values, straight lines from the last value, and
// repetitions of segments that came before. nil if it is damaged.
func segmented(b []byte, n, bits int) []uint16 {
	s := segments{want: n, out: make([]uint16, 0, n)}
	if bits == 8 {
		for _, v := range b {
			s.words = append(s.words, uint16(v))
		}
	} else {
		for ; len(b) >= 2; b = b[2:] {
			s.words = append(s.words, binary.LittleEndian.Uint16(b))
		}
	}
	s.bits = bits
	for at := 0; at+1 < len(s.words) && len(s.out) < n; {
		next, ok := s.one(at, true)
		if !ok {
			return nil
		}
		at = next
	}
	if len(s.out) < n {
		return nil
	}
	return s.out[:n]
}

type segments struct {
	words []uint16
	bits  int
	want  int
	out   []uint16
}

// one expands the segment at a word and gives where the next begins.
func (s *segments) one(at int, outer bool) (int, bool) {
	if at+1 >= len(s.words) {
		return 0, false
	}
	kind, n := s.words[at], int(s.words[at+1])
	switch kind {
	case 0:
		if at+2+n > len(s.words) {
			return 0, false
		}
		s.out = append(s.out, s.words[at+2:at+2+min(n, s.want-len(s.out))]...)
		return at + 2 + n, true
	case 1:
		if at+3 > len(s.words) || len(s.out) == 0 {
			return 0, false
		}
		s.line(n, int(s.words[at+2]))
		return at + 3, true
	case 2:
		return s.again(at, n, outer)
	}
	return 0, false
}

// line goes on to a value in n steps.
func (s *segments) line(n, to int) {
	from := int(s.out[len(s.out)-1])
	for i := 1; i <= n && len(s.out) < s.want; i++ {
		s.out = append(s.out, uint16(from+(to-from)*i/n))
	}
}

// again expands n segments from an earlier place, given in bytes from the beginning of the table, as 32 bits with the least
// significant word (or byte, in a table of bytes) first. None of them may be of this kind itself, so that no table can grow
// on and on.
func (s *segments) again(at, n int, outer bool) (int, bool) {
	parts := 32 / s.bits
	if !outer || at+2+parts > len(s.words) {
		return 0, false
	}
	from := 0
	for i := range parts {
		from |= int(s.words[at+2+i]) << (i * s.bits)
	}
	from /= s.bits / 8
	for range n {
		if len(s.out) >= s.want {
			break
		}
		next, ok := s.one(from, false)
		if !ok {
			return 0, false
		}
		from = next
	}
	return at + 2 + parts, true
}
