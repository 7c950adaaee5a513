// Decoding one piece.

package compact

import (
	"slices"

	"github.com/lianzhen/lianzhen/codec/jpegls"
)

// decoder restores pieces; it keeps its room for the next.
type decoder struct{ samples []byte }

// decode appends the original bytes of a piece to dst. head are the piece's first sixteen bytes, at their place in the
// container.
func (d *decoder) decode(dst, head, coded []byte, at int64) ([]byte, error) {
	h, err := parsePiece(head, at)
	if err != nil {
		return nil, err
	}
	was := len(dst)
	switch h.kind {
	case kindStored:
		dst = append(dst, coded...)
	case kindZstd:
		dst, err = unzip(dst, coded, h, at)
	case kindJPEGLS:
		dst, err = d.pixels(dst, coded, h, at)
	default:
		err = fail(Structure, at, "the end")
	}
	switch {
	case err != nil:
		return nil, err
	case len(dst)-was != h.original:
		return nil, fail(Structure, at, "%d bytes instead of %d", len(dst)-was, h.original)
	case sum(head, dst[was:]) != h.crc:
		return nil, fail(Damaged, at, "a wrong CRC")
	}
	return dst, nil
}

func unzip(dst, coded []byte, h pieceHead, at int64) ([]byte, error) {
	was := len(dst)
	dst = slices.Grow(dst, h.original)[:was+h.original]
	_, z := zippers()
	got, err := z.DecodeAll(coded, dst[was:was:len(dst)])
	if err != nil || len(got) != h.original {
		return nil, fail(Structure, at+pieceBytes, "no Zstandard frame of %d bytes", h.original)
	}
	return dst, nil
}

// pixels decodes a strip. Its size is held against the piece's before there is any room for it.
func (d *decoder) pixels(dst, coded []byte, h pieceHead, at int64) ([]byte, error) {
	info, err := jpegls.DecodeConfig(coded)
	if err != nil {
		return nil, fail(Structure, at+pieceBytes, "no JPEG-LS image")
	}
	size := int64(info.Width) * int64(info.Height) * int64(info.Components)
	words, by := h.flags&flagWords != 0, int(h.flags>>shiftOfFlag)
	switch {
	case words:
		size *= 2
	case info.Bits > 8, by != 0, h.base != 0, h.flags&flagBig != 0:
		return nil, fail(Structure, at, "bytes of %d bits", info.Bits)
	}
	if size != int64(h.original) || info.Near != 0 {
		return nil, fail(Structure, at, "an image of %d bytes for %d", size, h.original)
	}
	if h.flags&flagColour != 0 && (words || info.Components != 3) {
		return nil, fail(Structure, at, "differences of colours of %d components", info.Components)
	}
	if d.samples, _, err = jpegls.DecodeInto(d.samples, coded); err != nil {
		return nil, fail(Damaged, at+pieceBytes, "a damaged JPEG-LS image")
	}
	was := len(dst)
	if !words {
		dst = append(dst, d.samples...)
		if h.flags&flagColour != 0 {
			undiffer(dst[was:])
		}
		return dst, nil
	}
	dst = slices.Grow(dst, h.original)[:was+h.original]
	raised(dst[was:], d.samples, h.base, by)
	if h.flags&flagBig != 0 {
		turned(dst[was:])
	}
	return dst, nil
}
