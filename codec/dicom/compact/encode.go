// Encoding one piece.

package compact

import (
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/lianzhen/lianzhen/codec/jpegls"
)

// zippers share encoders and decoders; each EncodeAll and DecodeAll takes one of their states.
var zippers = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(usualPiece),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithEncoderConcurrency(2))
	if err != nil {
		panic(err) // the options above are wrong
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxPiece), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(2))
	if err != nil {
		panic(err)
	}
	return e, d
})

// piece is one on its way: original bytes and, once coded, head and coded bytes.
type piece struct {
	start, end int64 // in the object
	pixels     bool
	raw, out   []byte
	room       []byte // for changed samples
	done       chan struct{}
}

// encode fills out: head and coded bytes.
func (p *piece) encode(sh shape) {
	out := append(p.out[:0], make([]byte, pieceBytes)...)
	h := pieceHead{kind: kindStored, original: len(p.raw)}
	if p.pixels {
		if coded, ok := p.pixelsTo(out, sh, &h); ok {
			out = coded
		}
	}
	// What JPEG-LS shrinks by little is often no picture: drawn overlays, bits above Bits Stored.
	if len(out) == pieceBytes || len(out)-pieceBytes > len(p.raw)*3/4 {
		e, _ := zippers()
		p.room = e.EncodeAll(p.raw, p.room[:0])
		if len(p.room) < len(p.raw) && (len(out) == pieceBytes || len(p.room) < len(out)-pieceBytes) {
			h = pieceHead{kind: kindZstd, original: len(p.raw)}
			out = append(out[:pieceBytes], p.room...)
		}
	}
	if len(out) == pieceBytes || len(out)-pieceBytes >= len(p.raw) {
		h = pieceHead{kind: kindStored, original: len(p.raw)}
		out = append(out[:pieceBytes], p.raw...)
	}
	h.coded = len(out) - pieceBytes
	h.put(out)
	h.crc = sum(out, p.raw)
	h.put(out)
	p.out = out
}

// pixelsTo appends the strip as JPEG-LS.
func (p *piece) pixelsTo(out []byte, sh shape, h *pieceHead) ([]byte, bool) {
	info := jpegls.Info{
		Width: sh.width, Height: int(int64(len(p.raw)) / sh.stride()), Components: sh.components, Bits: 8,
		Interleave: jpegls.InterleaveLine,
	}
	h.kind = kindJPEGLS
	samples := p.raw
	switch {
	case sh.words:
		samples = p.lower(sh, h, &info)
	case sh.components == 3 && coloured(p.raw):
		h.flags = flagColour
		p.room = grown(p.room, len(p.raw))
		differ(p.room, p.raw)
		samples = p.room
	}
	out, err := jpegls.Encode(out, samples, info)
	return out, err == nil
}

// lower makes words as small as they get.
func (p *piece) lower(sh shape, h *pieceHead, info *jpegls.Info) []byte {
	h.flags = flagWords
	p.room = grown(p.room, len(p.raw))
	from := p.raw
	if sh.big {
		h.flags |= flagBig
		copy(p.room, p.raw)
		turned(p.room)
		from = p.room
	}
	base, width := span(from)
	by := lowered(p.room, from, base)
	width = max(width-by, 2)
	h.base, info.Bits = base, width
	h.flags |= byte(by << shiftOfFlag)
	return shifted(p.room, by, width)
}

func grown(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
