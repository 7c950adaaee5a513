// Formats 508, 516 and 524: the signals of a file are the channels of one FLAC stream.

package wfdb

import (
	"bufio"
	"errors"
	"io"
	"sort"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
)

// flacStream is a FLAC file with the places of its frames.
type flacStream struct {
	r        io.ReaderAt
	size     int64
	channels int
	perFrame int64 // samples of one channel in a frame of the record
	bits     uint8
	blocks   []flacBlock
	total    int64 // samples of one channel
	broken   bool  // it ends before its end
}

type flacBlock struct{ first, at int64 }

// openFLAC reads the stream once to find its frames, up to limit samples of a channel.
func openFLAC(r io.ReaderAt, start, size int64, signals []*signal, limit int64) (f *flacStream, err error) {
	defer func() {
		if recover() != nil {
			f, err = nil, bad(-1, "the FLAC stream is not one")
		}
	}()
	for _, s := range signals {
		if s.perFrame != signals[0].perFrame {
			return nil, bad(-1, "a FLAC file with signals of several rates")
		}
	}
	count := &counter{r: bufio.NewReader(io.NewSectionReader(r, start, size))}
	head, err := flac.New(onlyReader{count})
	if count.err != nil {
		return nil, count.err
	}
	if err != nil {
		return nil, bad(start, "the FLAC stream has no header")
	}
	f = &flacStream{
		r: io.NewSectionReader(r, start, size), size: size, channels: len(signals), perFrame: int64(signals[0].perFrame),
		bits: head.Info.BitsPerSample,
	}
	if int(head.Info.NChannels) != f.channels {
		return nil, bad(start, "%d channels of a FLAC stream for %d signals", head.Info.NChannels, f.channels)
	}
	at, err := firstFrame(f.r)
	if err != nil {
		return nil, err
	}
	return f, f.scan(at, limit)
}

// firstFrame finds where the metadata blocks end.
func firstFrame(r io.ReaderAt) (int64, error) {
	var h [10]byte
	at := int64(0)
	if err := readFull(r, h[:], 0); err != nil {
		return 0, err
	}
	if string(h[:3]) == "ID3" {
		at = 10 + int64(h[6]&0x7F)<<21 + int64(h[7]&0x7F)<<14 + int64(h[8]&0x7F)<<7 + int64(h[9]&0x7F)
	}
	at += 4
	for range 128 {
		if err := readFull(r, h[:4], at); err != nil {
			return 0, err
		}
		at += 4 + int64(h[1])<<16 + int64(h[2])<<8 + int64(h[3])
		if h[0]&0x80 != 0 {
			return at, nil
		}
	}
	return 0, bad(at, "the FLAC stream has no frames")
}

// scan finds where the frames begin.
func (f *flacStream) scan(at, limit int64) error {
	in := &counter{r: bufio.NewReader(io.NewSectionReader(f.r, at, f.size-at))}
	for f.total < limit {
		place := at + in.n
		n, err := f.next(in, nil)
		if err != nil {
			f.broken = !errors.Is(err, io.EOF)
			return in.err
		}
		f.blocks = append(f.blocks, flacBlock{f.total, place})
		f.total += int64(n)
	}
	return nil
}

// next decodes a frame and gives its channels to take.
func (f *flacStream) next(r io.Reader, take func(channel int, samples []int32)) (n int, err error) {
	defer func() {
		if recover() != nil {
			err = bad(-1, "a FLAC frame is damaged")
		}
	}()
	fr, err := frame.New(r)
	if err != nil {
		return 0, err
	}
	if fr.BitsPerSample == 0 {
		fr.BitsPerSample = f.bits
	}
	if err := fr.Parse(); err != nil {
		return 0, err
	}
	if len(fr.Subframes) != f.channels || fr.BlockSize == 0 {
		return 0, bad(-1, "a FLAC frame of %d channels", len(fr.Subframes))
	}
	for i, s := range fr.Subframes {
		if len(s.Samples) != int(fr.BlockSize) {
			return 0, bad(-1, "a FLAC frame of several lengths")
		}
		if take != nil {
			take(i, s.Samples)
		}
	}
	return int(fr.BlockSize), nil
}

func (f *flacStream) len() int64 { return f.total * int64(f.channels) }

func (f *flacStream) step() int { return 1 << 17 } // a block is decoded whole

// read gives frames of the record as the other formats have them: all samples of the first signal, then those of the second.
func (f *flacStream) read(dst []int32, first int64) error {
	if len(dst) == 0 {
		return nil
	}
	whole := f.perFrame * int64(f.channels)
	from := first / whole * f.perFrame
	to := min((first+int64(len(dst))+whole-1)/whole*f.perFrame, f.total)
	b := sort.Search(len(f.blocks), func(i int) bool { return f.blocks[i].first > from }) - 1
	at := f.blocks[b].at
	in := &counter{r: bufio.NewReader(io.NewSectionReader(f.r, at, f.size-at))}
	for t := f.blocks[b].first; t < to; {
		n, err := f.next(in, func(channel int, samples []int32) {
			for i, v := range samples {
				k := t + int64(i)
				place := k/f.perFrame*whole + int64(channel)*f.perFrame + k%f.perFrame - first
				if place >= 0 && place < int64(len(dst)) {
					dst[place] = v
				}
			}
		})
		if in.err != nil {
			return in.err
		}
		if err != nil {
			return bad(at, "the FLAC stream cannot be read")
		}
		t += int64(n)
	}
	return nil
}

// counter counts the bytes that were read.
type counter struct {
	r   io.Reader
	n   int64
	err error // of the reader itself, not the end of the file
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n += int64(n); err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// onlyReader hides every other method of a reader.
type onlyReader struct{ io.Reader }
