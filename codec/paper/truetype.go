// TrueType tables, and WOFF unwrapped.

package paper

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"sort"
)

var errFont = errors.New("paper: not a usable TrueType font")

const maxTable = 32 << 20

var be = binary.BigEndian

// unwrapWOFF makes a TrueType font of a WOFF 1.0 file (W3C, WOFF File Format 1.0, 4 and 5).
func unwrapWOFF(b []byte) ([]byte, error) {
	if len(b) < 44 || string(b[:4]) != "wOFF" {
		return nil, errFont
	}
	n := int(be.Uint16(b[12:]))
	if len(b) < 44+20*n {
		return nil, errFont
	}
	t := tables{}
	for i := range n {
		e := b[44+20*i:]
		offset, packed, size := int(be.Uint32(e[4:])), int(be.Uint32(e[8:])), int(be.Uint32(e[12:]))
		if offset > len(b) || packed > len(b)-offset || size > maxTable {
			return nil, errFont
		}
		data := b[offset : offset+packed]
		if packed < size {
			z, err := zlib.NewReader(bytes.NewReader(data))
			if err != nil {
				return nil, errFont
			}
			data = make([]byte, size)
			if _, err := io.ReadFull(z, data); err != nil {
				return nil, errFont
			}
		}
		t[string(e[:4])] = data
	}
	return t.font(), nil
}

// tables of a TrueType font by their tags.
type tables map[string][]byte

func readTables(b []byte) (tables, error) {
	if len(b) < 12 {
		return nil, errFont
	}
	n := int(be.Uint16(b[4:]))
	if len(b) < 12+16*n {
		return nil, errFont
	}
	t := tables{}
	for i := range n {
		e := b[12+16*i:]
		offset, size := int(be.Uint32(e[8:])), int(be.Uint32(e[12:]))
		if offset > len(b) || size > len(b)-offset {
			return nil, errFont
		}
		t[string(e[:4])] = b[offset : offset+size]
	}
	if len(t["head"]) < 54 || len(t["hhea"]) < 36 || len(t["maxp"]) < 6 || t["glyf"] == nil || t["loca"] == nil || t.ems() == 0 {
		return nil, errFont
	}
	return t, nil
}

func (t tables) ems() int { return int(be.Uint16(t["head"][18:])) }

// metric is the advance width and left side bearing of a glyph, font units.
func (t tables) metric(i int) (wide, left int) {
	n, h := int(be.Uint16(t["hhea"][34:])), t["hmtx"]
	if n == 0 || len(h) < 4*n {
		return t.ems(), 0
	}
	if i < n {
		return int(be.Uint16(h[4*i:])), int(int16(be.Uint16(h[4*i+2:])))
	}
	wide = int(be.Uint16(h[4*n-4:]))
	if at := 4*n + 2*(i-n); at+2 <= len(h) {
		left = int(int16(be.Uint16(h[at:])))
	}
	return wide, left
}

func (t tables) advance(i int) float64 {
	wide, _ := t.metric(i)
	return float64(wide) / float64(t.ems())
}

// outline is the glyf entry of a glyph; nil for one without an outline.
func (t tables) outline(i int) []byte {
	loca, glyf := t["loca"], t["glyf"]
	var a, b int
	if be.Uint16(t["head"][50:]) == 0 {
		if len(loca) < 2*i+4 {
			return nil
		}
		a, b = 2*int(be.Uint16(loca[2*i:])), 2*int(be.Uint16(loca[2*i+2:]))
	} else {
		if len(loca) < 4*i+8 {
			return nil
		}
		a, b = int(be.Uint32(loca[4*i:])), int(be.Uint32(loca[4*i+4:]))
	}
	if a >= b || b > len(glyf) || b-a < 10 {
		return nil
	}
	return glyf[a:b]
}

// font writes the tables as a file.
func (t tables) font() []byte {
	tags := make([]string, 0, len(t))
	for tag := range t {
		tags = append(tags, tag)
	}
	sort.Strings(tags)
	out := be.AppendUint32(nil, 0x0001_0000)
	out = be.AppendUint16(out, uint16(len(tags)))
	power := 1
	for power*2 <= len(tags) {
		power *= 2
	}
	exponent := 0
	for 1<<(exponent+1) <= len(tags) {
		exponent++
	}
	out = be.AppendUint16(out, uint16(16*power))
	out = be.AppendUint16(out, uint16(exponent))
	out = be.AppendUint16(out, uint16(16*(len(tags)-power)))
	offset := 12 + 16*len(tags)
	for _, tag := range tags {
		out = append(out, tag...)
		out = be.AppendUint32(out, checksum(t[tag]))
		out = be.AppendUint32(out, uint32(offset))
		out = be.AppendUint32(out, uint32(len(t[tag])))
		offset += (len(t[tag]) + 3) &^ 3
	}
	for _, tag := range tags {
		out = append(out, t[tag]...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	return out
}

func checksum(b []byte) (sum uint32) {
	for len(b) >= 4 {
		sum += be.Uint32(b)
		b = b[4:]
	}
	var last [4]byte
	copy(last[:], b)
	return sum + be.Uint32(last[:])
}
