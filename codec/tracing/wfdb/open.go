// Records of one segment: their signal files.

package wfdb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// files is where a record's files are.
type files interface {
	open(name string) (io.ReaderAt, int64, error)
}

// OpenFS opens the record of a name ("100", "sub/p01") in a folder. Files are opened when they are read and are not kept open.
func OpenFS(fsys fs.FS, record string) (*tracing.Recording, error) {
	if !fs.ValidPath(record) {
		return nil, bad(-1, "the name of the record is no path")
	}
	r, err := newRecord(folder{fsys}, record)
	if err != nil {
		return nil, err
	}
	return r.recording(), nil
}

// ReadFS reads a record whole, with derived limb leads, and checks its checksums.
func ReadFS(fsys fs.FS, record string) (*tracing.Tracing, error) {
	if !fs.ValidPath(record) {
		return nil, bad(-1, "the name of the record is no path")
	}
	r, err := newRecord(folder{fsys}, record)
	if err != nil {
		return nil, err
	}
	return r.load()
}

// segment is an opened record of one segment.
type segment struct {
	head    *header
	sources []*source
	frames  int64
}

// source is one signal file.
type source struct {
	stream
	frame   int // samples of a frame
	frames  int64
	signals []*placed
}

// placed is a signal with its place in a frame of its file.
type placed struct {
	*signal
	index   int // in the header
	at      int
	missing int32
	marks   bool // missing stands for no sample
}

func readHeader(in files, name string) (*header, error) {
	r, size, err := in.open(name + ".hea")
	if err != nil {
		return nil, bad(-1, "the record has no header file")
	}
	if size > maxHeader {
		return nil, bad(-1, "a header of %d bytes", size)
	}
	b := make([]byte, size)
	if err := readFull(r, b, 0); err != nil {
		return nil, err
	}
	return parseHeader(b)
}

// opener opens the segments of one record.
type opener struct {
	files
	dir  string
	warn func(tracing.WarningCode, string)
	room int64 // samples that may still be read to find places in files that must be read from their start
	text int64 // bytes of segments' headers that may still be read
}

const (
	maxScan = 1 << 28 // 24 hours of 12 leads at 250 Hz
	maxText = 32 << 20
)

// segment opens the files of a header's signals. Those that are not there or cannot be read are left out with a warning.
func (o *opener) segment(h *header) (*segment, error) {
	s := &segment{head: h}
	for i := 0; i < len(h.signals); {
		j := i + 1
		for j < len(h.signals) && h.signals[j].file == h.signals[i].file && h.signals[j].format == h.signals[i].format {
			j++
		}
		src, err := o.source(h, i, j)
		if err != nil {
			var f *tracing.FormatError
			if !errors.As(err, &f) {
				return nil, err
			}
			o.warn(tracing.Truncated, fmt.Sprintf("signals %d to %d were left out: %s", i+1, j, f.Reason))
		} else if src != nil {
			s.sources = append(s.sources, src)
			s.frames = max(s.frames, src.frames)
		}
		i = j
	}
	if h.frames > 0 {
		for _, src := range s.sources {
			if src.frames < h.frames {
				o.warn(tracing.Truncated, fmt.Sprintf("a signal file has %d of %d frames", src.frames, h.frames))
			}
		}
		s.frames = min(s.frames, h.frames)
	}
	return s, nil
}

// source opens the file of signals i to j-1; nil for the null format 0.
func (o *opener) source(h *header, i, j int) (*source, error) {
	first := &h.signals[i]
	if first.format == 0 {
		return nil, nil
	}
	src := &source{}
	var signals []*signal
	for k := i; k < j; k++ {
		s := &h.signals[k]
		src.signals = append(src.signals, &placed{signal: s, index: k, at: src.frame})
		src.frame += s.perFrame
		signals = append(signals, s)
		if s.skew > 1<<24 {
			return nil, bad(-1, "a skew of %d frames", s.skew)
		}
	}
	if src.frame > maxFrame {
		return nil, bad(-1, "a frame of %d samples", src.frame)
	}
	name := path.Clean(first.file)
	if !fs.ValidPath(name) || name == "." { // not outside the folder of the record
		return nil, bad(-1, "a signal file whose name is no path")
	}
	r, size, err := o.open(path.Join(o.dir, name))
	if err != nil {
		return nil, bad(-1, "a signal file is not there")
	}
	if first.start > size {
		return nil, bad(-1, "a signal file is shorter than the place of its first sample")
	}
	size -= first.start
	if err := o.choose(src, r, size, signals, h); err != nil {
		return nil, err
	}
	src.frames = src.len() / int64(src.frame)
	return src, nil
}

// choose finds how a file is read.
func (o *opener) choose(src *source, r io.ReaderAt, size int64, signals []*signal, h *header) (err error) {
	format, start := signals[0].format, signals[0].start
	missing, marks := int32(0), true
	switch p, ok := packings[format]; {
	case ok:
		src.stream, missing = &packed{p, r, start, size}, p.missing
	case format == 8:
		if o.room -= size; o.room < 0 {
			return bad(-1, "too many files of differences")
		}
		src.stream, err = openDeltas(r, start, size, signals)
		marks = false
	case format == 508 || format == 516 || format == 524:
		src.stream, err = o.flac(r, start, size, signals, h)
		missing = -1 << (format - 501)
	default:
		return bad(-1, "signal format %d is not known", format)
	}
	for _, s := range src.signals {
		s.missing, s.marks = missing, marks
	}
	return err
}

func (o *opener) flac(r io.ReaderAt, start, size int64, signals []*signal, h *header) (*flacStream, error) {
	limit := o.room / int64(len(signals))
	if h.frames > 0 {
		limit = min(limit, h.frames*int64(signals[0].perFrame))
	}
	f, err := openFLAC(r, start, size, signals, limit)
	if err != nil {
		return nil, err
	}
	if o.room -= f.len(); o.room <= 0 {
		return nil, bad(-1, "too many samples in FLAC")
	}
	if f.broken {
		o.warn(tracing.Truncated, "a FLAC file ends before its end")
	}
	return f, nil
}

// row takes the samples of one signal.
type row struct {
	signal int // in the header
	out    []int32
}

// read fills rows, all of signals of the same number of samples in a frame, from sample first on. What is not there is Missing.
func (s *segment) read(first int64, rows []row) error {
	for _, r := range rows {
		for i := range r.out {
			r.out[i] = tracing.Missing
		}
	}
	for _, src := range s.sources {
		if err := src.read(first, rows); err != nil {
			return err
		}
	}
	return nil
}

type target struct {
	*placed
	out []int32
}

func (src *source) read(first int64, rows []row) error {
	var targets []target
	var low, high int64
	for _, p := range src.signals {
		for _, r := range rows {
			if r.signal != p.index || len(r.out) == 0 {
				continue
			}
			per := int64(p.perFrame)
			from := first/per + p.skew
			to := (first+int64(len(r.out))+per-1)/per + p.skew
			if len(targets) == 0 {
				low, high = from, to
			}
			low, high = min(low, from), max(high, to)
			targets = append(targets, target{p, r.out})
		}
	}
	high = min(high, src.frames)
	if low >= high {
		return nil
	}
	step := max(1, int64(src.step()/src.frame))
	room := make([]int32, min(step, high-low)*int64(src.frame))
	for at := low; at < high; at += step {
		n := min(step, high-at)
		block := room[:n*int64(src.frame)]
		if err := src.stream.read(block, at*int64(src.frame)); err != nil {
			return err
		}
		for _, t := range targets {
			t.take(block, src.frame, at, first)
		}
	}
	return nil
}

// take copies one signal's samples out of frames that begin with frame at of the file.
func (t *target) take(block []int32, frame int, at, first int64) {
	place := (at-t.skew)*int64(t.perFrame) - first // of the block's first sample in out
	for k := t.at; k+t.perFrame <= len(block); k += frame {
		for j, v := range block[k : k+t.perFrame] {
			if i := place + int64(j); i >= 0 && i < int64(len(t.out)) {
				if v == t.missing && t.marks {
					v = tracing.Missing
				}
				t.out[i] = v
			}
		}
		place += int64(t.perFrame)
	}
}
