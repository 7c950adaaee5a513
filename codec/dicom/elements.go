package dicom

import (
	"encoding/binary"
	"slices"
)

func u16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func u32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// walk is where we are: one data set, how it is coded and where it must end (-1: at its delimiter).
type walk struct {
	coding
	set   *DataSet
	end   int64
	depth int
}

// add takes the element into the data set and remembers what later elements depend on.
func (w *walk) add(el Element) {
	if n := len(w.set.Elements); n > 0 && w.set.Elements[n-1].Tag >= el.Tag {
		w.set.unordered = true
	}
	w.set.Elements = append(w.set.Elements, el)
}

// next reads tag, VR and length of the next element. The group FFFE never has a VR.
func (s *scanner) next(c coding) (Element, uint32, error) {
	b, err := s.peek(8)
	if err != nil {
		return Element{}, 0, s.ended(err)
	}
	if s.elements++; s.elements > s.lim.Elements {
		return Element{}, 0, s.fail(Limit, "more than %d elements", s.lim.Elements)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if c.big {
		order = binary.BigEndian
	}
	el := Element{Tag: Tag(order.Uint16(b))<<16 | Tag(order.Uint16(b[2:]))}
	if c.implicit || el.Tag.Group() == item.Group() {
		vl := order.Uint32(b[4:])
		s.pass(8)
		el.Offset = s.off
		return el, vl, nil
	}
	el.VR = VR(b[4])<<8 | VR(b[5])
	if !el.VR.letters() {
		return el, 0, s.fail(Structure, "%v has no value representation", el.Tag)
	}
	vl := uint32(order.Uint16(b[6:]))
	if !el.VR.traits().long {
		s.pass(8)
		el.Offset = s.off
		return el, vl, nil
	}
	if b, err = s.peek(12); err != nil {
		return el, 0, s.ended(err)
	}
	vl = order.Uint32(b[8:])
	s.pass(12)
	el.Offset = s.off
	return el, vl, nil
}

// value reads, or passes over, the value of an element that is not pixel data of the object itself.
func (s *scanner) value(w *walk, el *Element, vl uint32) error {
	if el.VR == 0 {
		el.VR = el.Tag.implicitVR(w.set.signed)
		if vl == undefined && el.VR.traits().shape != opaque {
			el.VR = SQ
		}
	}
	if vl != undefined && w.end >= 0 && s.off+int64(vl) > w.end {
		return s.fail(Structure, "%v is longer than the item it stands in", el.Tag)
	}
	switch {
	case el.VR == SQ, el.VR == UN && vl == undefined:
		return s.sequence(w, el, vl)
	case vl == undefined && el.VR.traits().shape == opaque:
		return s.fragmented(w, el)
	case vl == undefined:
		return s.fail(Structure, "%v %v has no defined length", el.Tag, el.VR)
	}
	if err := s.keep(w, el, int64(vl)); err != nil {
		return err
	}
	w.set.note(el, s)
	return nil
}

// keep stores the value if it is short enough to be of use in an index, in little endian; else it passes over it.
func (s *scanner) keep(w *walk, el *Element, n int64) error {
	el.Length = n
	limit := s.lim.ValueBytes
	if el.Tag == ExtendedOffsetTable || el.Tag == ExtendedOffsetTableLengths {
		limit = 8 * int64(s.lim.Frames)
	}
	if n > limit || !s.whole && el.Tag == PixelDataTag || el.Tag == DataSetTrailingPadding {
		return s.skip(n)
	}
	if s.kept += n; s.kept > s.lim.HeaderBytes {
		return s.fail(Limit, "more than %d bytes of header", s.lim.HeaderBytes)
	}
	var err error
	if el.Value, err = s.stored(int(n)); err != nil {
		el.Value = nil
		return err
	}
	if w.big {
		el.VR.swap(el.Value)
	}
	return nil
}

// stored reads n bytes that stay. Long ones are read as they come, so that a length alone costs no memory.
func (s *scanner) stored(n int) ([]byte, error) {
	if n <= windowBytes {
		v := s.room(n)
		return v, s.read(v)
	}
	var v []byte
	for len(v) < n {
		step := min(n-len(v), windowBytes+len(v))
		v = append(v, make([]byte, step)...)
		if err := s.read(v[len(v)-step:]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// room gives n bytes that stay.
func (s *scanner) room(n int) []byte {
	if n > chunkBytes/4 {
		return make([]byte, n)
	}
	if n > len(s.chunk) {
		s.chunk = make([]byte, chunkBytes)
	}
	v := s.chunk[:n:n]
	s.chunk = s.chunk[n:]
	return v
}

// sequence reads items until the length is used up or the delimiter comes (PS3.5 §7.5).
func (s *scanner) sequence(w *walk, el *Element, vl uint32) error {
	inner := *w
	inner.end, inner.depth = -1, w.depth+1
	if vl != undefined {
		inner.end = s.off + int64(vl)
	}
	if el.VR == UN { // PS3.5 §6.2.2 note 4: of undefined length, hence a sequence in implicit little endian
		inner.coding = coding{implicit: true}
		el.VR = SQ
	}
	if inner.depth > s.lim.Depth {
		return s.fail(Limit, "sequences are nested deeper than %d", s.lim.Depth)
	}
	el.Items = []DataSet{}
	for inner.end < 0 || s.off < inner.end {
		it, length, err := s.next(inner.coding)
		if err != nil {
			return err
		}
		switch {
		case it.Tag == sequenceDelimitation && inner.end < 0:
			el.Length = s.off - el.Offset
			return nil
		case it.Tag != item:
			return s.fail(Structure, "%v instead of an item in %v", it.Tag, el.Tag)
		}
		ds, err := s.item(&inner, w.set, length)
		el.Items = append(el.Items, ds)
		if err != nil {
			return err
		}
	}
	el.Length = s.off - el.Offset
	return s.exactly(inner.end, el.Tag)
}

// exactly checks that a counted thing ended where its length says.
func (s *scanner) exactly(end int64, t Tag) error {
	if s.off != end {
		return s.fail(Structure, "%v runs over its length", t)
	}
	return nil
}

// item reads one data set of a sequence. Character set and signedness are the outer ones until it brings its own.
func (s *scanner) item(seq *walk, outer *DataSet, vl uint32) (DataSet, error) {
	ds := DataSet{charset: outer.charset, signed: outer.signed}
	w := walk{coding: seq.coding, set: &ds, end: -1, depth: seq.depth}
	if vl != undefined {
		w.end = s.off + int64(vl)
		if seq.end >= 0 && w.end > seq.end {
			return ds, s.fail(Structure, "an item is longer than its sequence")
		}
	}
	for w.end < 0 || s.off < w.end {
		el, length, err := s.next(w.coding)
		if err != nil {
			return ds, err
		}
		if el.Tag == itemDelimitation && w.end < 0 {
			return ds, s.order(&ds)
		}
		if el.Tag.Group() == item.Group() {
			return ds, s.fail(Structure, "%v instead of an attribute", el.Tag)
		}
		err = s.value(&w, &el, length)
		w.add(el)
		if err != nil {
			return ds, err
		}
	}
	if err := s.exactly(w.end, item); err != nil {
		return ds, err
	}
	return ds, s.order(&ds)
}

// fragmented passes over a value in fragments that is not the object's pixel data: an icon's, or a private one. Of a data
// set in memory it is kept as it is.
func (s *scanner) fragmented(w *walk, el *Element) error {
	el.form = fragments
	for {
		it, vl, err := s.next(w.coding)
		switch {
		case err != nil:
			return err
		case it.Tag == sequenceDelimitation:
			if s.whole {
				el.Value = appendLead(el.Value, coding{}, sequenceDelimitation, 0, 0)
			}
			el.Length = s.off - el.Offset
			return nil
		case it.Tag != item || vl == undefined:
			return s.fail(Structure, "%v instead of a fragment in %v", it.Tag, el.Tag)
		}
		if err := s.oneFragment(el, int64(vl)); err != nil {
			return err
		}
	}
}

func (s *scanner) oneFragment(el *Element, n int64) error {
	if !s.whole {
		return s.skip(n)
	}
	if s.kept += n + itemHeader; s.kept > s.lim.HeaderBytes {
		return s.fail(Limit, "more than %d bytes of header", s.lim.HeaderBytes)
	}
	v, err := s.stored(int(n))
	el.Value = append(appendLead(el.Value, coding{}, item, 0, uint32(n)), v...)
	return err
}

// order puts the attributes in order, which Find relies on, and refuses one that is there twice: readers would disagree
// which of the two counts.
func (s *scanner) order(ds *DataSet) error {
	if !ds.unordered {
		return nil
	}
	ds.unordered = false
	s.warn("attributes are not in order")
	slices.SortStableFunc(ds.Elements, byTag)
	for i := 1; i < len(ds.Elements); i++ {
		if ds.Elements[i].Tag == ds.Elements[i-1].Tag {
			return s.fail(Structure, "%v is there twice in one data set", ds.Elements[i].Tag)
		}
	}
	return nil
}
