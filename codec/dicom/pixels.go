package dicom

import "iter"

// Extent is a range of the stream.
type Extent struct{ Offset, Length int64 }

// PixelData says where the object's pixels are (PS3.5 §8, annex A.4). Extents are those of the scanned stream.
type PixelData struct {
	Tag          Tag
	VR           VR
	Offset       int64 // of the value: behind the length field
	Length       int64 // of the value, delimiter included
	Encapsulated bool
	NumFrames    int   // at least 1
	FrameBits    int64 // of one native frame; less than eight bits per pixel are packed across frames (PS3.5 §8.1.1)

	fragments []Extent
	first     []int32 // index of each frame's first fragment; nil when the frames cannot be told apart
}

// Addressable tells whether each frame's place is known. It is not for video, or when several fragments make several
// frames and no offset table says which.
func (p *PixelData) Addressable() bool { return !p.Encapsulated || p.first != nil }

// Frame gives the ranges that make up frame i, counted from 0: one for a native frame, one for each fragment of an
// encapsulated one, none where frames are not addressable. When FrameBits is no multiple of 8, frame i begins with bit
// i*FrameBits%8 of its first byte.
func (p *PixelData) Frame(i int) []Extent {
	switch {
	case i < 0 || i >= p.NumFrames || !p.Addressable():
		return nil
	case !p.Encapsulated:
		from, to := int64(i)*p.FrameBits, int64(i+1)*p.FrameBits
		return []Extent{{Offset: p.Offset + from/8, Length: (to+7)/8 - from/8}}
	case i+1 < len(p.first):
		return p.fragments[p.first[i]:p.first[i+1]]
	}
	return p.fragments[p.first[i]:]
}

// Frames gives the ranges of each frame in turn; nothing when they are not addressable.
func (p *PixelData) Frames() iter.Seq2[int, []Extent] {
	return func(yield func(int, []Extent) bool) {
		for i := range p.NumFrames {
			if !p.Addressable() || !yield(i, p.Frame(i)) {
				return
			}
		}
	}
}

// Fragments are all fragments of encapsulated pixel data, the offset table not counted.
func (p *PixelData) Fragments() []Extent { return p.fragments }

// pixels handles the object's own pixel data: header first, then the geometry, then the bytes.
func (s *scanner) pixels(el *Element, vl uint32) error {
	if s.obj.Pixels != nil {
		return s.fail(Structure, "%v is a second pixel data element", el.Tag)
	}
	if err := s.header(); err != nil {
		return err
	}
	if el.VR == 0 {
		el.VR = el.Tag.implicitVR(false)
	}
	p := &PixelData{Tag: el.Tag, VR: el.VR, Offset: s.off, Encapsulated: vl == undefined}
	s.obj.Pixels = p
	var err error
	switch {
	case p.Encapsulated && s.code.native:
		err = s.fail(Structure, "%v has no defined length under the native transfer syntax %s", el.Tag, s.obj.TransferSyntax)
	case !p.Encapsulated && !s.code.native:
		err = s.fail(Structure, "%v is not in fragments under the encapsulated transfer syntax %s", el.Tag, s.obj.TransferSyntax)
	case s.brief:
		err = s.announced(p, vl)
	case p.Encapsulated:
		err = s.encapsulated(p)
	default:
		err = s.native(p, int64(vl))
	}
	el.Length = p.Length
	return err
}

// announced notes what is known of pixel data before any of it is read.
func (s *scanner) announced(p *PixelData, vl uint32) (err error) {
	p.Length = -1
	if p.Encapsulated {
		p.NumFrames, err = s.frames()
	} else {
		var g geometry
		g, err = s.geometry(p)
		p.Length, p.FrameBits = int64(vl), g.frameBits()
	}
	if err != nil {
		return err
	}
	return errBrief
}

func (s *scanner) native(p *PixelData, n int64) error {
	g, err := s.geometry(p)
	if err != nil {
		return err
	}
	p.FrameBits = g.frameBits()
	need := (p.FrameBits*int64(p.NumFrames) + 7) / 8
	switch {
	case n < need:
		return s.fail(Truncated, "%v has %d bytes, its %d×%d×%d pixels of %d bits in %d frames need %d",
			p.Tag, n, g.rows, g.columns, g.samples, g.bits, p.NumFrames, need)
	case n > need+1:
		s.warn("pixel data is longer than its frames")
	}
	p.Length = n
	return s.skip(n)
}

// geometry is what decides the size of a native frame.
type geometry struct {
	rows, columns, samples, bits int64

	halved, quartered bool // chrominance is subsampled: PS3.3 C.7.6.3.1.2
}

func (g geometry) frameBits() int64 {
	pixels := g.rows * g.columns
	switch {
	case g.halved:
		return pixels * 2 * g.bits
	case g.quartered:
		return pixels * g.bits * 3 / 2
	}
	return pixels * g.samples * g.bits
}

const (
	maxPixelBits = 64
	maxSamples   = 64
)

func (s *scanner) geometry(p *PixelData) (geometry, error) {
	g, err := s.head.geometry(p.Tag, s.fail)
	if err != nil {
		return g, err
	}
	p.NumFrames, err = s.frames()
	return g, err
}

// geometry reads what decides the size of a native frame.
func (d *DataSet) geometry(of Tag, fail func(Kind, string, ...any) error) (geometry, error) {
	g := geometry{samples: 1}
	for _, a := range []struct {
		tag      Tag
		to       *int64
		max      int64
		optional bool
	}{
		{Rows, &g.rows, 1 << 16, false},
		{Columns, &g.columns, 1 << 16, false},
		{SamplesPerPixel, &g.samples, maxSamples, true},
		{BitsAllocated, &g.bits, maxPixelBits, false},
	} {
		n, ok := d.Int(a.tag)
		switch {
		case !ok && a.optional:
		case !ok:
			return g, fail(Missing, "pixel data without %v %s", a.tag, a.tag.Keyword())
		case n < 1 || int64(n) > a.max:
			return g, fail(Structure, "%v %s is %d", a.tag, a.tag.Keyword(), n)
		default:
			*a.to = int64(n)
		}
	}
	switch of {
	case FloatPixelData:
		g.bits = 32
	case DoubleFloatPixelData:
		g.bits = 64
	}
	if g.samples == 3 {
		switch d.Str(PhotometricInterpretation) {
		case "YBR_FULL_422", "YBR_PARTIAL_422":
			g.halved = true
		case "YBR_PARTIAL_420":
			g.quartered = true
		}
	}
	return g, nil
}

// frames reads Number of Frames, 1 when it is absent or empty.
func (s *scanner) frames() (int, error) {
	el := s.head.Find(NumberOfFrames)
	if el == nil || el.Length == 0 {
		return 1, nil
	}
	n, ok := s.head.Int(NumberOfFrames)
	switch {
	case !ok || n < 1:
		return 0, s.fail(Structure, "%v NumberOfFrames is not a number of frames", NumberOfFrames)
	case n > s.lim.Frames:
		return 0, s.fail(Limit, "more than %d frames", s.lim.Frames)
	}
	return n, nil
}
