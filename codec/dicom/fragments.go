package dicom

import (
	"cmp"
	"encoding/binary"
	"slices"
)

const itemHeader = 8

// encapsulated walks the fragments of pixel data (PS3.5 §A.4): an offset table, which may be empty, fragments, a delimiter.
func (s *scanner) encapsulated(p *PixelData) error {
	var err error
	if p.NumFrames, err = s.frames(); err != nil {
		return err
	}
	basic, err := s.offsetTable()
	if err != nil {
		return err
	}
	for {
		n, last, err := s.fragment()
		if err != nil {
			return err
		}
		if last {
			break
		}
		if len(p.fragments) >= s.lim.Frames {
			return s.fail(Limit, "more than %d fragments", s.lim.Frames)
		}
		p.fragments = append(p.fragments, Extent{Offset: s.off, Length: n})
		if err := s.skip(n); err != nil {
			return err
		}
	}
	p.Length = s.off - p.Offset
	return s.locate(p, basic)
}

// fragment reads an item header of pixel data; last is the sequence delimiter.
func (s *scanner) fragment() (n int64, last bool, err error) {
	b, err := s.peek(itemHeader)
	if err != nil {
		return 0, false, s.ended(err)
	}
	t, vl := Tag(u16(b))<<16|Tag(u16(b[2:])), u32(b[4:])
	switch {
	case t == sequenceDelimitation:
		last = true
	case t != item || vl == undefined:
		return 0, false, s.fail(Structure, "%v instead of a fragment in pixel data", t)
	}
	s.pass(itemHeader)
	return int64(vl), last, nil
}

// offsetTable reads the first item, whose offsets count from the item behind it.
func (s *scanner) offsetTable() ([]int64, error) {
	n, last, err := s.fragment()
	switch {
	case err != nil:
		return nil, err
	case last:
		return nil, s.fail(Truncated, "pixel data holds no item at all")
	case n%4 != 0:
		return nil, s.fail(Structure, "the basic offset table has %d bytes", n)
	case n/4 > int64(s.lim.Frames):
		return nil, s.fail(Limit, "the basic offset table has %d bytes", n)
	}
	b, err := s.stored(int(n))
	if err != nil {
		return nil, err
	}
	table := make([]int64, 0, n/4)
	for ; len(b) >= 4; b = b[4:] {
		table = append(table, int64(u32(b)))
	}
	return table, nil
}

// locate finds each frame's fragments: by the extended offset table, the basic one, one fragment for each frame, or all of
// them for a single frame; in this order.
func (s *scanner) locate(p *PixelData, basic []int64) error {
	if len(p.fragments) == 0 || !s.code.shared && len(p.fragments) < p.NumFrames {
		return s.fail(Truncated, "%d fragments for %d frames", len(p.fragments), p.NumFrames)
	}
	extended := s.extendedTable()
	switch {
	case len(extended) > 0 && p.follow(extended):
	case len(basic) > 0 && p.follow(basic):
	case len(p.fragments) == p.NumFrames:
		p.first = make([]int32, p.NumFrames)
		for i := range p.first {
			p.first[i] = int32(i)
		}
	case p.NumFrames == 1:
		p.first = []int32{0}
	}
	if len(extended) > 0 && !p.follow(extended) || len(extended) == 0 && len(basic) > 0 && !p.follow(basic) {
		s.warn("the offset table does not fit the fragments")
	}
	return nil
}

// extendedTable is (7FE0,0001): 64-bit offsets, one for each frame.
func (s *scanner) extendedTable() []int64 {
	el := s.head.Find(ExtendedOffsetTable)
	if el == nil {
		return nil
	}
	table := make([]int64, 0, len(el.Value)/8)
	for b := el.Value; len(b) >= 8; b = b[8:] {
		table = append(table, int64(binary.LittleEndian.Uint64(b)))
	}
	return table
}

// follow takes the frames' beginnings from an offset table, if each of its entries meets the beginning of a fragment.
func (p *PixelData) follow(table []int64) bool {
	if len(table) != p.NumFrames || table[0] != 0 {
		return false
	}
	base := p.fragments[0].Offset - itemHeader
	first := make([]int32, len(table))
	for i, off := range table {
		at, ok := slices.BinarySearchFunc(p.fragments, base+off, func(e Extent, off int64) int {
			return cmp.Compare(e.Offset-itemHeader, off)
		})
		if !ok || i > 0 && int32(at) <= first[i-1] {
			return false
		}
		first[i] = int32(at)
	}
	p.first = first
	return true
}
