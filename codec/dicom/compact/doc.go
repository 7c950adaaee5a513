// Package compact shrinks a DICOM Part 10 object without losing a bit, for a slow line and for keeping: native pixels as
// JPEG-LS (ISO/IEC 14495-1), everything else as Zstandard (RFC 8878).
//
// A container is a head, pieces, and an end. All numbers are little endian.
//
//	head   56 bytes  "LZC" 0x01, four zeros, size of the object, offset of the first byte that is here, SHA-256 of the object
//	piece  16 bytes  kind, flags, base, length of the original bytes, length of what follows, CRC-32C
//	                 then the coded bytes
//	end    16 bytes  a piece of kind 0 without bytes
//
// Each piece restores at most 1 MiB of the original on its own (MaxPiece is what is accepted), and pieces follow each other
// as the bytes do. The CRC is over the first twelve bytes of the piece and the original bytes. A frame of more than a piece
// is cut between rows. So nobody holds more than a few pieces, several can be coded at once, a range is restored from the
// pieces that hold it, and a broken transfer goes on at any piece: the container then begins with a later offset.
//
// Pixels are words or bytes as they lie in the object, whatever their attributes say of them: a sample is stored as
// (value - base) mod 2^16 shifted down by the low bits that are always zero, so that signed values, paddings and bits
// above Bits Stored come back as they were. Pieces that JPEG-LS does not shrink are Zstandard, and stored if that fails too.
package compact

import (
	"encoding/binary"
	"hash/crc32"
)

// Version is the form that Pack writes and the only one that is read.
const Version = 1

// MaxPiece is the most that one piece may restore.
const MaxPiece = 4 << 20

const (
	headBytes  = 56
	pieceBytes = 16
	usualPiece = 1 << 20 // what Pack makes at most
)

// The kinds of piece.
const (
	kindEnd    = 0
	kindStored = 1
	kindZstd   = 2
	kindJPEGLS = 3
)

// Flags of a JPEG-LS piece; the upper four bits are the shift.
const (
	flagBig     = 1 << 0 // words are big endian
	flagColour  = 1 << 1 // of three bytes, the first and third are stored as differences to the second
	flagWords   = 1 << 2 // samples are words, however few bits are coded
	shiftOfFlag = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Head says what a container restores.
type Head struct {
	Size   int64    // bytes of the object
	From   int64    // offset of the first byte that the container restores; 0 for a whole object
	SHA256 [32]byte // of the whole object
}

func (h Head) append(b []byte) []byte {
	b = append(b, 'L', 'Z', 'C', Version, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.From))
	return append(b, h.SHA256[:]...)
}

func parseHead(b []byte) (h Head, err error) {
	switch {
	case string(b[:3]) != "LZC":
		return h, fail(Structure, 0, "not a container")
	case b[3] != Version:
		return h, fail(Unsupported, 3, "a container of version %d", b[3])
	case binary.LittleEndian.Uint32(b[4:]) != 0:
		return h, fail(Unsupported, 4, "flags that are not known")
	}
	h.Size, h.From = int64(binary.LittleEndian.Uint64(b[8:])), int64(binary.LittleEndian.Uint64(b[16:]))
	copy(h.SHA256[:], b[24:])
	if h.Size < 0 || h.From < 0 || h.From > h.Size {
		return h, fail(Structure, 8, "an object of %d bytes from byte %d", h.Size, h.From)
	}
	return h, nil
}

// pieceHead is what stands before the coded bytes.
type pieceHead struct {
	kind, flags     byte
	base            uint16
	original, coded int
	crc             uint32
}

func (p pieceHead) put(b []byte) {
	b[0], b[1] = p.kind, p.flags
	binary.LittleEndian.PutUint16(b[2:], p.base)
	binary.LittleEndian.PutUint32(b[4:], uint32(p.original))
	binary.LittleEndian.PutUint32(b[8:], uint32(p.coded))
	binary.LittleEndian.PutUint32(b[12:], p.crc)
}

// parsePiece reads a piece's head and holds it against what may be.
func parsePiece(b []byte, at int64) (p pieceHead, err error) {
	p = pieceHead{kind: b[0], flags: b[1], base: binary.LittleEndian.Uint16(b[2:]), crc: binary.LittleEndian.Uint32(b[12:])}
	original, coded := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	switch {
	case p.kind > kindJPEGLS:
		return p, fail(Unsupported, at, "a piece of kind %d", p.kind)
	case p.kind != kindJPEGLS && (p.flags != 0 || p.base != 0):
		return p, fail(Structure, at, "flags of pixels without pixels")
	case p.kind == kindEnd && (original != 0 || coded != 0):
		return p, fail(Structure, at, "an end with bytes")
	case p.kind != kindEnd && (original == 0 || coded == 0):
		return p, fail(Structure, at, "a piece without bytes")
	case original > MaxPiece:
		return p, fail(Limit, at, "a piece of %d bytes", original)
	case coded > original, p.kind == kindStored && coded != original:
		return p, fail(Structure, at, "%d bytes for %d", coded, original)
	}
	p.original, p.coded = int(original), int(coded)
	return p, nil
}

// sum is the CRC of a piece whose head, up to the CRC, is in head.
func sum(head, original []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:12], castagnoli), castagnoli, original)
}
