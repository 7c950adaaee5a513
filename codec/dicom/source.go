package dicom

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

const windowBytes = 64 << 10

var windows = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, windowBytes) }}

// source is the stream behind a window, and how far we are in it.
type source struct {
	window *bufio.Reader
	off    int64

	outer    *bufio.Reader // the deflated stream, when window is over the inflated one
	inflated *guard
}

func newSource(r io.Reader) *source {
	w := windows.Get().(*bufio.Reader)
	w.Reset(r)
	return &source{window: w}
}

func (s *source) close() {
	for _, w := range []*bufio.Reader{s.window, s.outer} {
		if w != nil {
			w.Reset(nil)
			windows.Put(w)
		}
	}
}

// fail refuses the stream at the place reached.
func (s *source) fail(kind Kind, format string, args ...any) error {
	return &FormatError{Offset: s.off, Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

// ended turns what the reader said into a refusal when the stream is over, and keeps it when the reader itself broke.
func (s *source) ended(err error) error {
	var corrupt flate.CorruptInputError
	var refused *FormatError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return s.fail(Truncated, "the stream ends here")
	case errors.As(err, &corrupt):
		return s.fail(Structure, "the deflated data set is corrupt")
	case errors.As(err, &refused):
		return refused
	}
	return fmt.Errorf("dicom: read at byte %d: %w", s.off, err)
}

// peek shows the next n bytes, n at most the window; what there is, with the reader's error, if they are fewer.
func (s *source) peek(n int) ([]byte, error) { return s.window.Peek(n) }

// pass moves over n bytes that have been peeked.
func (s *source) pass(n int) {
	s.window.Discard(n)
	s.off += int64(n)
}

// read fills b.
func (s *source) read(b []byte) error {
	n, err := io.ReadFull(s.window, b)
	s.off += int64(n)
	if err != nil {
		return s.ended(err)
	}
	return nil
}

// skip moves over n bytes of any number.
func (s *source) skip(n int64) error {
	for n > 0 {
		d, err := s.window.Discard(int(min(n, 1<<30)))
		s.off += int64(d)
		n -= int64(d)
		if err != nil {
			return s.ended(err)
		}
	}
	return nil
}

// zeros consumes the rest of the stream, which must be nothing else; it returns how many there were.
func (s *source) zeros() (int64, error) {
	start := s.off
	for {
		if _, err := s.window.Peek(1); err == io.EOF {
			return s.off - start, nil
		} else if err != nil {
			return 0, s.ended(err)
		}
		b, _ := s.window.Peek(s.window.Buffered())
		for i, c := range b {
			if c != 0 {
				s.off += int64(i)
				return 0, s.fail(Structure, "bytes behind the data set that are neither elements nor zeros")
			}
		}
		s.pass(len(b))
	}
}

// inflate continues with the inflated rest of the stream (PS3.5 §A.5); offsets count inflated bytes from here on.
func (s *source) inflate(lim Limits) {
	s.outer = s.window
	in := &counter{r: s.outer}
	s.inflated = &guard{r: flate.NewReader(in), in: in, base: s.off, lim: lim}
	s.window = windows.Get().(*bufio.Reader)
	s.window.Reset(s.inflated)
}

// closed checks that nothing follows the deflated stream but zeros, or the check sum and size by which gzip ends, which some
// devices leave there.
func (s *source) closed() error {
	if s.outer == nil {
		return nil
	}
	if b, _ := s.outer.Peek(gzipTrailer); len(b) == gzipTrailer && u32(b) == s.inflated.sum && u32(b[4:]) == uint32(s.inflated.out) {
		s.outer.Discard(gzipTrailer)
	}
	rest := source{window: s.outer, off: s.off}
	_, err := rest.zeros()
	return err
}

const gzipTrailer = 8

// counter counts the compressed bytes taken; as an io.ByteReader it keeps flate from reading ahead.
type counter struct {
	r *bufio.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// inflateFree is what may be inflated before the ratio counts, so that a small blank image passes.
const inflateFree = 4 << 20

// guard stops a deflate bomb, and sums up what it lets through.
type guard struct {
	r    io.Reader
	in   *counter
	out  int64
	sum  uint32
	base int64
	lim  Limits
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.out += int64(n)
	g.sum = crc32.Update(g.sum, crc32.IEEETable, p[:n])
	if g.out > g.lim.InflateBytes || g.out > inflateFree && g.out/g.lim.InflateRatio > g.in.n {
		return 0, &FormatError{Offset: g.base + g.out, Kind: Limit, Reason: "the deflated data set grows beyond its bounds"}
	}
	return n, err
}
