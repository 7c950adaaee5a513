// Package jpegls reads and writes JPEG-LS (ISO/IEC 14495-1, ITU-T T.87), lossless and near-lossless, as DICOM's transfer
// syntaxes 1.2.840.10008.1.2.4.80 and .81 carry it.
//
// Read are all interleave modes, one to four components of 2 to 16 bits, preset parameters (LSE type 1), restart intervals,
// a height that only a DNL marker tells, and fill bytes. Refused are mapping tables, point transforms, subsampling and sides
// beyond 65535. Bytes behind the last scan, and a missing EOI marker there, do not matter: every sample is there.
package jpegls

// The ways components share a scan (T.87 C.2.3).
const (
	InterleaveNone   = 0 // one scan for each component
	InterleaveLine   = 1 // a line of each component in turn
	InterleaveSample = 2 // a sample of each component in turn
)

const (
	maxComponents = 4
	maxSide       = 65535
	maxSize       = 2 << 30  // bytes of an image
	freeSize      = 64 << 20 // an image of no more may come from any number of bytes that can hold it
	maxRatio      = 4096     // a larger one from no fewer than this part of it
)

// Info is what the markers say about an image.
type Info struct {
	Width, Height int
	Components    int // 1 to 4
	Bits          int // of a sample, 2 to 16
	Near          int // greatest difference to the original; 0 is lossless
	Interleave    int // InterleaveNone, InterleaveLine or InterleaveSample
}

// bytes is the length of a sample.
func (i Info) bytes() int {
	if i.Bits > 8 {
		return 2
	}
	return 1
}

// size is the length of the samples.
func (i Info) size() int { return i.Width * i.Height * i.Components * i.bytes() }

// stride is the length of a line.
func (i Info) stride() int { return i.Width * i.Components * i.bytes() }

// DecodeConfig reads the markers before the first samples.
func DecodeConfig(b []byte) (Info, error) {
	h := headers{b: b}
	ok, err := h.next()
	if err == nil && !ok {
		err = fail(Structure, h.at, "no scan")
	}
	return h.Info, err
}

// Decode gives the samples interleaved by pixel, one byte each when Bits is at most 8, else two, little endian.
func Decode(b []byte) (pix []byte, info Info, err error) { return DecodeInto(nil, b) }

// DecodeInto is Decode into the room of dst, whose content is dropped.
func DecodeInto(dst, b []byte) ([]byte, Info, error) {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	return d.image(dst[:0], b)
}
