package dicom

// Limits bound what one object may cost. A zero field takes its default.
type Limits struct {
	HeaderBytes  int64 // values kept in memory, all together; default 16 MiB
	ValueBytes   int64 // longest value kept; a longer one is only located; default 256 KiB
	MetaBytes    int64 // group 2; default 64 KiB
	Depth        int   // nesting of sequences; default 32
	Elements     int   // elements and items, nested ones included; default 200 000
	Frames       int   // frames, and fragments, of pixel data; default 1 000 000
	InflateRatio int64 // of a deflated data set; default 100
	InflateBytes int64 // of a deflated data set; default 2 GiB
}

var defaults = Limits{
	HeaderBytes: 16 << 20, ValueBytes: 256 << 10, MetaBytes: 64 << 10, Depth: 32, Elements: 200_000,
	Frames: 1_000_000, InflateRatio: 100, InflateBytes: 2 << 30,
}

// Options of Scan; the zero value is fit for use.
type Options struct {
	Limits Limits

	// OnHeader, if set, is called once, when the header is known and sound and before any pixel data is read (at the end of
	// an object that has none). Elements behind the pixel data are added to the header afterwards. Its error ends the scan
	// and is returned as it is.
	OnHeader func(*Header) error

	// HeaderOnly accepts an image that ends without pixel data, which otherwise counts as truncated.
	HeaderOnly bool

	// Partial gives, beside the error, what was read of an object that is cut off or damaged: its attributes up to the fault,
	// those of the items open there included. It is nil where not even the transfer syntax was reached. A value that the
	// fault cut is not kept, only located. The identity of the object may be missing.
	Partial bool

	// StrictUID refuses leading zeros in the components of UIDs, which are otherwise a warning.
	StrictUID bool
}

func (l Limits) orDefault() Limits {
	fill(&l.HeaderBytes, defaults.HeaderBytes)
	fill(&l.ValueBytes, defaults.ValueBytes)
	fill(&l.MetaBytes, defaults.MetaBytes)
	fill(&l.Depth, defaults.Depth)
	fill(&l.Elements, defaults.Elements)
	fill(&l.Frames, defaults.Frames)
	fill(&l.InflateRatio, defaults.InflateRatio)
	fill(&l.InflateBytes, defaults.InflateBytes)
	return l
}

func fill[N int | int64](n *N, by N) {
	if *n <= 0 {
		*n = by
	}
}
