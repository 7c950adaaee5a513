// The outer shape: a record, its pointer section and where the sections lie.

package scp

import (
	"bytes"
	"fmt"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// section is one section as far as the file has it.
type section struct {
	body     []byte // after its header
	protocol byte   // version x 10, as the section says it
	at       int64  // of its header in the file
	cut      bool   // the file ends inside it
}

// Sniff reports whether a file that begins with head is an SCP-ECG record: a section 0 that points at itself, with or without the
// "SCPECG" mark (version 1.0 has none).
func Sniff(head []byte) bool {
	if len(head) < recordHeader+sectionHeader+pointerSize {
		return false
	}
	s := head[recordHeader:]
	size := int(le.Uint32(s[4:]))
	if le.Uint16(s[2:]) != secPointers || size < sectionHeader || size > 1<<16 {
		return false
	}
	if string(s[10:16]) == "SCPECG" {
		return true
	}
	first := s[sectionHeader:]
	if le.Uint16(first) != secPointers || int(le.Uint32(first[2:])) != size || le.Uint32(first[6:]) != recordHeader+1 {
		return false
	}
	for id, p := 1, sectionHeader+pointerSize; id < sections && p+2 <= min(size, len(s)); id, p = id+1, p+pointerSize {
		if int(le.Uint16(s[p:])) != id {
			return false
		}
	}
	return true
}

// record is an opened file: what the parts of the reader share.
type record struct {
	b        []byte
	sections map[int]section
	protocol byte  // version x 10; 0 if the file does not say it
	language byte  // language support code, EN 1064 annex A
	room     int   // samples that may still be decoded, so that a small file cannot fill the memory
	taken    int64 // bytes of the sections
	filters  tracing.Filters
	marks    int // the group that the times of section 7 belong to; -1: none
	t        *tracing.Tracing
}

// spare is how many samples a file may have beyond one a byte: flat lines take a bit a sample.
const spare = 2 << 20

func open(b []byte) (*record, error) {
	if len(b) > tracing.MaxFile {
		return nil, tracing.Errorf(tracing.SCP, -1, "a file of %d bytes is too long", len(b))
	}
	if !Sniff(b) {
		return nil, tracing.Errorf(tracing.SCP, 0, "no SCP-ECG record: no section 0 that points at itself")
	}
	r := &record{b: b, sections: map[int]section{}, room: spare + len(b), marks: -1, t: &tracing.Tracing{Format: tracing.SCP}}
	r.checkLength()
	if string(b[recordHeader+10:recordHeader+16]) != "SCPECG" {
		r.t.Warn(tracing.Deviates, "section 0 has no SCPECG mark")
	}
	r.byPointers()
	r.byChain()
	r.protocol = b[recordHeader+9]
	return r, nil
}

// checkLength clips the file to the record and checks the CRC of the whole.
func (r *record) checkLength() {
	n := int64(le.Uint32(r.b[2:]))
	switch {
	case n > int64(len(r.b)):
		r.t.Warn(tracing.Truncated, fmt.Sprintf("%d of %d bytes are there", len(r.b), n))
		return
	case n < recordHeader+sectionHeader:
		r.t.Warn(tracing.BadValue, "the length of the record is wrong")
		return
	case crc(r.b[2:n]) != le.Uint16(r.b):
		r.t.Warn(tracing.BadChecksum, "record")
		return // its length may be what is wrong
	}
	r.b = r.b[:n]
}

// byPointers takes the sections that the pointer section lists. Pointers are from 1; length 0 is a section that is not there.
func (r *record) byPointers() {
	size := min(int(le.Uint32(r.b[recordHeader+4:])), len(r.b)-recordHeader)
	table := r.b[recordHeader:][:size]
	if le.Uint32(r.b[recordHeader+4:]) == uint32(size) && crc(table[2:]) != le.Uint16(table) {
		r.t.Warn(tracing.BadChecksum, "section 0")
	}
	for p := sectionHeader; p+pointerSize <= size; p += pointerSize {
		id, n, at := int(le.Uint16(table[p:])), int64(le.Uint32(table[p+2:])), int64(le.Uint32(table[p+6:]))-1
		if id == secPointers || n == 0 {
			continue
		}
		if !r.take(id, at, n) && at >= 0 && at+sectionHeader <= int64(len(r.b)) {
			r.t.Warn(tracing.Inconsistent, fmt.Sprintf("the pointer to section %d is wrong", id))
		}
	}
}

// byChain finds sections that no pointer led to: they follow each other.
func (r *record) byChain() {
	at := int64(recordHeader)
	for at+sectionHeader <= int64(len(r.b)) {
		id, n := int(le.Uint16(r.b[at+2:])), int64(le.Uint32(r.b[at+4:]))
		if n < sectionHeader || id > maxSection {
			return
		}
		if id != secPointers && r.take(id, at, n) {
			r.t.Warn(tracing.Repaired, fmt.Sprintf("section %d was found without its pointer", id))
		}
		at += n
	}
}

// take keeps section id of n bytes at a place; false if it is none or there is one already.
func (r *record) take(id int, at, n int64) bool {
	if _, ok := r.sections[id]; ok || at < recordHeader || n < sectionHeader || at+sectionHeader > int64(len(r.b)) {
		return false
	}
	if int(le.Uint16(r.b[at+2:])) != id || id > maxSection || r.taken > 2*int64(len(r.b)) { // sections lie apart
		return false
	}
	if own := int64(le.Uint32(r.b[at+4:])); own != n && own >= sectionHeader && at+own <= int64(len(r.b)) {
		n = min(n, own)
	}
	s := section{protocol: r.b[at+9], at: at, cut: at+n > int64(len(r.b))}
	r.taken += min(n, int64(len(r.b))-at)
	all := r.b[at:min(at+n, int64(len(r.b)))]
	s.body = all[sectionHeader:]
	switch {
	case s.cut:
		r.t.Warn(tracing.Truncated, fmt.Sprintf("section %d is not whole", id))
	case crc(all[2:]) != le.Uint16(all):
		r.t.Warn(tracing.BadChecksum, fmt.Sprintf("section %d", id))
	}
	r.sections[id] = s
	return true
}

// untilNUL is b before its first NUL, and what follows the NUL.
func untilNUL(b []byte) (text, rest []byte) {
	text, rest, _ = bytes.Cut(b, []byte{0})
	return text, rest
}
