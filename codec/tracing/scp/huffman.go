// Section 2: the Huffman tables that samples are coded with (EN 1064 5.5), as lookup tables.

package scp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	defaultTable = 19999 // in place of the number of tables
	codeSize     = 9     // of a code in the section
	fastBits     = 10    // the default table has no longer prefix
	maxTables    = 128
	maxCodes     = 1024 // of a table
)

// code is a prefix with what it stands for: a value, a value that extra bits add to, or the number of the table to use next.
type code struct {
	prefix, extra uint8 // bits; prefix 0: no code
	change        bool  // value is the index of the next table
	value         int32
}

type huffmanTable struct {
	fast [1 << fastBits]code // by the first bits
	long []longCode          // prefixes of more than fastBits, by bits
}

type longCode struct {
	bits uint32 // left aligned
	code
}

type huffmanTables []*huffmanTable

// add puts a code whose prefix are the lowest bits of pattern; the first of two equal ones wins.
func (t *huffmanTable) add(c code, pattern uint32) {
	if c.prefix > fastBits {
		t.long = append(t.long, longCode{pattern << (32 - c.prefix), c})
		return
	}
	first := int(pattern) << (fastBits - c.prefix)
	for i := first; i < first+1<<(fastBits-c.prefix); i++ {
		if t.fast[i].prefix == 0 {
			t.fast[i] = c
		}
	}
}

// find is the code at the front of acc.
func (t *huffmanTable) find(acc uint64) code {
	if c := t.fast[acc>>(64-fastBits)]; c.prefix > 0 || len(t.long) == 0 {
		return c
	}
	front := uint32(acc >> 32)
	i, exact := slices.BinarySearchFunc(t.long, front, func(c longCode, f uint32) int { return cmp.Compare(c.bits, f) })
	if !exact {
		i--
	}
	if i < 0 || (t.long[i].bits^front)>>(32-t.long[i].prefix) != 0 {
		return code{}
	}
	return t.long[i].code
}

// standard is the default table, EN 1064 5.5.6: 0 is "0"; ±n up to 8 is n ones, 0 and the sign; nine ones and 0 precede eight bits, ten
// ones sixteen.
var standard = func() *huffmanTable {
	t := &huffmanTable{}
	t.add(code{prefix: 1}, 0)
	for n := int32(1); n <= 8; n++ {
		ones := uint32(1)<<n - 1
		t.add(code{prefix: uint8(n + 2), value: n}, ones<<2)
		t.add(code{prefix: uint8(n + 2), value: -n}, ones<<2|1)
	}
	t.add(code{prefix: 10, extra: 8}, 0b1111111110)
	t.add(code{prefix: 10, extra: 16}, 0b1111111111)
	return t
}()

// huffman reads section 2; none if samples are not coded.
func (r *record) huffman() huffmanTables {
	s, ok := r.sections[secHuffman]
	if !ok || len(s.body) < 2 {
		return nil
	}
	count := int(le.Uint16(s.body))
	if count == defaultTable {
		return huffmanTables{standard}
	}
	if count > maxTables {
		r.t.Warn(tracing.Unsupported, fmt.Sprintf("%d Huffman tables", count))
		count = maxTables
	}
	var tables huffmanTables
	b := s.body[2:]
	for range count {
		if len(b) < 2 {
			r.t.Warn(tracing.Truncated, "the Huffman tables are not whole")
			break
		}
		n := int(le.Uint16(b))
		b = b[2:]
		whole := min(n, len(b)/codeSize)
		tables = append(tables, r.table(b[:whole*codeSize], count))
		b = b[whole*codeSize:]
		if whole < n {
			r.t.Warn(tracing.Truncated, "the Huffman tables are not whole")
			break
		}
	}
	return tables
}

// table builds one table. The bits of a code are stored with the first one lowest.
func (r *record) table(b []byte, tables int) *huffmanTable {
	type entry struct {
		code
		pattern uint32
	}
	var entries []entry
	if len(b) > maxCodes*codeSize {
		r.t.Warn(tracing.Unsupported, "a Huffman table of too many codes")
		b = b[:maxCodes*codeSize]
	}
	for ; len(b) >= codeSize; b = b[codeSize:] {
		prefix, total := b[0], b[1]
		e := entry{code{prefix: prefix, extra: total - prefix, change: b[2] == 0, value: int32(int16(le.Uint16(b[3:])))}, 0}
		if e.change {
			e.extra, e.value = 0, e.value-1
		}
		if prefix == 0 || prefix > 32 || e.extra > 24 || e.change && (e.value < 0 || int(e.value) >= tables) {
			r.t.Warn(tracing.BadValue, "a Huffman code makes no sense")
			continue
		}
		e.pattern = bits.Reverse32(le.Uint32(b[5:])) >> (32 - prefix)
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.prefix, b.prefix) })
	t := &huffmanTable{}
	for _, e := range entries {
		t.add(e.code, e.pattern)
	}
	slices.SortStableFunc(t.long, func(a, b longCode) int { return cmp.Compare(a.bits, b.bits) })
	return t
}

// decode is at most limit values, fewer where the bits end or stand for nothing, and how many bytes they took.
func (h huffmanTables) decode(d []byte, limit int) ([]int32, int) {
	dst := make([]int32, min(limit, 3*len(d)+8)) // an ECG takes more than three bits a sample; flat lines make it grow
	t := h[0]
	var acc uint64 // the next bits, first one highest
	have := uint(0)
	at := 0
	for n := 0; n < limit; {
		if have < 32 || at >= len(d)-8 {
			acc, have, at = refill(acc, have, d, at)
		}
		c := t.fast[acc>>(64-fastBits)]
		if c.prefix == 0 {
			c = t.find(acc)
		}
		used := uint(c.prefix) + uint(c.extra)
		if used > have && c.prefix > 0 { // a long code
			acc, have, at = refill(acc, have, d, at)
		}
		if c.prefix == 0 || used > have {
			return dst[:n], at - int(have/8)
		}
		if c.change {
			if int(c.value) >= len(h) {
				return dst[:n], at - int(have/8)
			}
			t = h[c.value]
		} else {
			if c.extra > 0 {
				c.value += int32(int64(acc<<c.prefix) >> (64 - c.extra))
			}
			if n == len(dst) {
				dst = append(dst, make([]int32, min(n, limit-n))...)
			}
			dst[n] = c.value
			n++
		}
		acc <<= used & 63
		have -= used
	}
	return dst[:limit], at - int(have/8)
}

// refill takes whole bytes of d from at on until more than 56 bits are there.
func refill(acc uint64, have uint, d []byte, at int) (uint64, uint, int) {
	if at+8 <= len(d) {
		acc |= binary.BigEndian.Uint64(d[at:]) >> have
		take := (63 - have) / 8
		return acc, have + take*8, at + int(take)
	}
	for ; have <= 56 && at < len(d); at++ {
		acc |= uint64(d[at]) << (56 - have)
		have += 8
	}
	return acc, have, at
}
