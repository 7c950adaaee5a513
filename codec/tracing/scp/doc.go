// Package scp reads and writes SCP-ECG records (EN 1064, ISO 11073-91064), the binary format that many carts export: versions 1.0 to 2.x whole,
// of version 3 (2020) what it shares with them. A record is a chain of sections with a CRC each: patient and device (1), Huffman
// tables (2), leads (3), beats (4), the reference beat (5), the rhythm or what is left of it after the reference beat was
// subtracted (6), measurements (7, 10) and statements (8, 11).
//
// Samples stay integers at the scale of the file. Where a reference beat is added back, the scale is the greatest that both parts
// share. A cart that decimated the signal between the QRS complexes (bimodal compression) gets straight lines there, as
// EN 1064 prescribes, and a LossyEncoding warning; no smoothing filter is applied to the result.
package scp

import "encoding/binary"

var le = binary.LittleEndian

// Section numbers, EN 1064 clauses 5.3 to 5.14.
const (
	secPointers = iota
	secHeader
	secHuffman
	secLeads
	secBeats
	secReference
	secRhythm
	secGlobal
	secText
	secVendor
	secPerLead
	secCodes
	sections
)

const (
	recordHeader  = 6  // CRC, length
	sectionHeader = 16 // CRC, id, length, two versions, six bytes reserved
	pointerSize   = 10 // id, length, index from 1
	maxSection    = 1023
)

// Numbers that stand for "no value", EN 1064 5.10 and 5.13.
const (
	notComputed = 29999
	rejected    = 29998
	absentWave  = 19999
	noAxis      = 999
)
