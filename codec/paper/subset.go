// A TrueType font of only the letters that a document uses.

package paper

import "slices"

// subset is a font of the letters of a document. Glyph 0 is the empty one of letters that no face has.
type subset struct {
	ems     int
	glyphs  []glyph
	number  map[subsetKey]int
	pending []subsetKey // with the components of composite glyphs
}

type subsetKey struct {
	face  *face
	index int
}

func newSubset() *subset {
	return &subset{number: map[subsetKey]int{}, glyphs: []glyph{{}}, pending: []subsetKey{{}}}
}

// add gives a letter its number in the subset. Faces of one subset have one size of em.
func (s *subset) add(g glyph) int {
	k := subsetKey{g.face, int(g.index)}
	if n, ok := s.number[k]; ok {
		if s.glyphs[n].rune == 0 { // until now only a component
			s.glyphs[n] = g
		}
		return n
	}
	s.ems = g.face.tables.ems()
	return s.put(k, g)
}

func (s *subset) put(k subsetKey, g glyph) int {
	n := len(s.pending)
	s.number[k] = n
	s.pending = append(s.pending, k)
	s.glyphs = append(s.glyphs, g)
	return n
}

// font writes it, without hinting.
func (s *subset) font() []byte {
	var glyf, loca, hmtx []byte
	for i := 0; i < len(s.pending); i++ { // grows while composites are taken apart
		loca = be.AppendUint32(loca, uint32(len(glyf)))
		k := s.pending[i]
		if k.face == nil {
			hmtx = append(hmtx, byte(s.ems>>8), byte(s.ems), 0, 0)
			continue
		}
		wide, left := k.face.tables.metric(k.index)
		hmtx = be.AppendUint16(be.AppendUint16(hmtx, uint16(wide)), uint16(int16(left)))
		glyf = append(glyf, s.outline(k)...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
	}
	loca = be.AppendUint32(loca, uint32(len(glyf)))
	first := s.pending[min(1, len(s.pending)-1)].face
	if first == nil {
		return nil
	}
	head, hhea, maxp := slices.Clone(first.tables["head"]), slices.Clone(first.tables["hhea"]), slices.Clone(first.tables["maxp"])
	be.PutUint32(head[8:], 0) // checkSumAdjustment
	be.PutUint16(head[50:], 1)
	be.PutUint16(hhea[34:], uint16(len(s.pending)))
	be.PutUint16(maxp[4:], uint16(len(s.pending)))
	t := tables{"glyf": glyf, "loca": loca, "hmtx": hmtx, "head": head, "hhea": hhea, "maxp": maxp}
	out := t.font()
	be.PutUint32(out[headAt(out)+8:], 0xB1B0AFBA-checksum(out))
	return out
}

func headAt(font []byte) int {
	for i := 12; ; i += 16 {
		if string(font[i:i+4]) == "head" {
			return int(be.Uint32(font[i+8:]))
		}
	}
}

// outline is a glyph without its instructions, its components numbered anew.
func (s *subset) outline(k subsetKey) []byte {
	g := k.face.tables.outline(k.index)
	if g == nil {
		return nil
	}
	if contours := int(int16(be.Uint16(g))); contours >= 0 {
		return simple(g, contours)
	}
	return s.composite(k.face, g)
}

func simple(g []byte, contours int) []byte {
	at := 10 + 2*contours
	if at+2 > len(g) {
		return nil
	}
	hints := int(be.Uint16(g[at:]))
	if at+2+hints > len(g) {
		return nil
	}
	out := append(slices.Clone(g[:at]), 0, 0)
	return append(out, g[at+2+hints:]...)
}

// Flags of components (OpenType, glyf).
const (
	argsAreWords    = 1 << 0
	haveScale       = 1 << 3
	moreComponents  = 1 << 5
	haveXYScale     = 1 << 6
	haveTwoByTwo    = 1 << 7
	haveInstruction = 1 << 8
)

func (s *subset) composite(f *face, g []byte) []byte {
	out := slices.Clone(g)
	for at := 10; at+4 <= len(out); {
		flags := be.Uint16(out[at:])
		k := subsetKey{f, int(be.Uint16(out[at+2:]))}
		n, ok := s.number[k]
		if !ok {
			n = s.put(k, glyph{})
		}
		be.PutUint16(out[at:], flags&^haveInstruction)
		be.PutUint16(out[at+2:], uint16(n))
		at += 6
		for flag, more := range map[uint16]int{argsAreWords: 2, haveScale: 2, haveXYScale: 4, haveTwoByTwo: 8} {
			if flags&flag != 0 {
				at += more
			}
		}
		if flags&moreComponents == 0 {
			return out[:min(at, len(out))]
		}
	}
	return nil
}
