package scp_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// The encoder of these tests: it makes what carts make and Write does not, from the description of the format alone.

var le = binary.LittleEndian

// bitCRC is CRC-CCITT bit by bit.
func bitCRC(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, v := range b {
		for i := 7; i >= 0; i-- {
			top := c>>15 ^ uint16(v>>i)&1
			c <<= 1
			if top == 1 {
				c ^= 0x1021
			}
		}
	}
	return c
}

// record is a record of sections by their numbers.
type record struct {
	sections map[int][]byte
	protocol byte
	unmarked bool // without "SCPECG", as version 1.0
}

func (r record) bytes() []byte {
	ids := []int{}
	for id := range r.sections {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	count := max(12, ids[len(ids)-1]+1)
	table := make([]byte, 10*count)
	var rest []byte
	at := 6 + 16 + len(table)
	for id := range count {
		p := table[10*id:]
		le.PutUint16(p, uint16(id))
		body, ok := r.sections[id]
		switch {
		case id == 0:
			le.PutUint32(p[2:], uint32(16+len(table)))
			le.PutUint32(p[6:], 7)
		case ok:
			s := r.section(id, body)
			le.PutUint32(p[2:], uint32(len(s)))
			le.PutUint32(p[6:], uint32(at+len(rest)+1))
			rest = append(rest, s...)
		}
	}
	out := append(make([]byte, 6), r.section(0, table)...)
	out = append(out, rest...)
	le.PutUint32(out[2:], uint32(len(out)))
	le.PutUint16(out, bitCRC(out[2:]))
	return out
}

func (r record) section(id int, body []byte) []byte {
	s := append(make([]byte, 16), body...)
	if len(s)%2 == 1 {
		s = append(s, 0)
	}
	le.PutUint16(s[2:], uint16(id))
	le.PutUint32(s[4:], uint32(len(s)))
	s[8], s[9] = r.protocol, r.protocol
	if id == 0 && !r.unmarked {
		copy(s[10:], "SCPECG")
	}
	le.PutUint16(s, bitCRC(s[2:]))
	return s
}

// tag is a field of section 1.
func tag(id byte, value string) []byte {
	return append(le.AppendUint16([]byte{id}, uint16(len(value))), value...)
}

// leads is section 3 of leads of one length from sample number first on.
func leads(flags byte, first, n int, ids ...byte) []byte {
	b := []byte{byte(len(ids)), flags}
	for _, id := range ids {
		b = le.AppendUint32(b, uint32(first))
		b = le.AppendUint32(b, uint32(first+n-1))
		b = append(b, id)
	}
	return b
}

// samples is section 5 or 6 of coded leads.
func samples(avm, interval int, difference, bimodal byte, coded ...[]byte) []byte {
	b := le.AppendUint16(nil, uint16(avm))
	b = append(le.AppendUint16(b, uint16(interval)), difference, bimodal)
	for _, c := range coded {
		b = le.AppendUint16(b, uint16(len(c)))
	}
	return append(b, slices.Concat(coded...)...)
}

// differences are the d-th ones.
func differences(x []int32, d int) []int32 {
	out := slices.Clone(x)
	for i := range x {
		if d == 1 && i >= 1 {
			out[i] = x[i] - x[i-1]
		}
		if d == 2 && i >= 2 {
			out[i] = x[i] - 2*x[i-1] + x[i-2]
		}
	}
	return out
}

func raw(x []int32) []byte {
	var b []byte
	for _, v := range x {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

// symbol is one code of a Huffman table: its bits, then extra bits of the value against base; next > 0 changes to that table.
type symbol struct {
	bits  string
	extra int
	base  int32
	next  int
}

// section2 stores tables as the format has them.
func section2(tables [][]symbol) []byte {
	b := le.AppendUint16(nil, uint16(len(tables)))
	for _, t := range tables {
		b = le.AppendUint16(b, uint16(len(t)))
		for _, s := range t {
			code := uint32(0)
			for i, c := range s.bits {
				if c == '1' {
					code |= 1 << i
				}
			}
			mode, base := byte(1), s.base
			if s.next > 0 {
				mode, base = 0, int32(s.next)
			}
			b = append(b, byte(len(s.bits)), byte(len(s.bits)+s.extra), mode)
			b = le.AppendUint32(le.AppendUint16(b, uint16(base)), code)
		}
	}
	return b
}

var defaultSymbols = func() []symbol {
	t := []symbol{{bits: "0"}}
	for n := 1; n <= 8; n++ {
		ones := strings.Repeat("1", n)
		t = append(t, symbol{bits: ones + "00", base: int32(n)}, symbol{bits: ones + "01", base: int32(-n)})
	}
	return append(t, symbol{bits: "1111111110", extra: 8}, symbol{bits: "1111111111", extra: 16})
}()

// huffman codes values. Before a sample it changes the table now and then, where there is a code for it.
func huffman(tables [][]symbol, x []int32, rng *rand.Rand) []byte {
	var out []byte
	n := 0
	put := func(bits string) {
		for _, c := range bits {
			if n%8 == 0 {
				out = append(out, 0)
			}
			if c == '1' {
				out[n/8] |= 0x80 >> (n % 8)
			}
			n++
		}
	}
	at := 0
	for _, v := range x {
		if change := slices.IndexFunc(tables[at], func(s symbol) bool { return s.next > 0 }); change >= 0 && rng.IntN(5) == 0 {
			put(tables[at][change].bits)
			at = tables[at][change].next - 1
		}
		put(bitsOf(tables[at], v))
	}
	return out
}

func bitsOf(t []symbol, v int32) string {
	for _, s := range t {
		if s.next > 0 {
			continue
		}
		if s.extra == 0 && s.base == v {
			return s.bits
		}
		if d := v - s.base; s.extra > 0 && d >= -(1<<(s.extra-1)) && d < 1<<(s.extra-1) {
			bits := s.bits
			for i := s.extra - 1; i >= 0; i-- {
				bits += string(rune('0' + d>>i&1))
			}
			return bits
		}
	}
	panic("no code for a value")
}

// ecg is a lead of n samples at 500 a second: beats of 72 a minute, with noise.
func ecg(n, lead int, rng *rand.Rand) []int32 {
	out := make([]int32, n)
	for i := range out {
		at := math.Mod(float64(i)/500, 60.0/72)
		bump := func(where, width, height float64) float64 {
			d := (at - where) / width
			return height * math.Exp(-d*d)
		}
		v := bump(0.15, 0.025, 60) + bump(0.30, 0.008, -50) + bump(0.32, 0.012, 500) + bump(0.345, 0.01, -120) + bump(0.55, 0.06, 110)
		out[i] = int32(v*(1+0.2*float64(lead))*0.6) + int32(rng.IntN(5)) - 2
	}
	return out
}
