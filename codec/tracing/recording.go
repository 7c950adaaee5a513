// Long recordings 动态心电图: samples stay in the file and are read a block at a time.

package tracing

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"
)

// Limits of what readers take, whatever a file claims.
const (
	MaxLeads     = 64
	MaxFile      = 64 << 20 // bytes of a file that is read as a whole
	MaxSamples   = 4 << 20  // of one lead of a loaded tracing: over an hour at 1000 Hz
	MaxLeadTotal = 32 << 20 // samples of all leads of a loaded tracing
	MaxTexts     = 10_000   // measurements, statements, annotations each
	MaxText      = 4_000    // characters of one text
)

// Recording is a tracing whose rhythm stays where it is. Head.Rhythm() has leads without samples.
type Recording struct {
	Head  *Tracing
	Count int64 // samples of each lead

	// Read fills out[lead] from sample first on. All have the same length, first+len(out[0]) <= Count. It may be called
	// from several goroutines.
	Read func(first int64, out [][]int32) error
}

// Loaded makes a Recording of a tracing in memory.
func Loaded(t *Tracing) *Recording {
	g := t.Rhythm()
	if g == nil {
		return &Recording{Head: t}
	}
	return &Recording{Head: t, Count: int64(g.Len()), Read: func(first int64, out [][]int32) error {
		for i := range out {
			copy(out[i], g.Leads[i].Samples[first:])
		}
		return nil
	}}
}

// Load reads it whole. A FormatError where it is too long for that.
func (r *Recording) Load() (*Tracing, error) { return r.Window(0, r.Count) }

// Window is a tracing of n samples from first on, clipped to the recording. Its times count from its own first sample: annotations outside
// of it are left out.
func (r *Recording) Window(first, n int64) (*Tracing, error) {
	g := r.Head.Rhythm()
	if g == nil {
		return r.Head, nil
	}
	first = min(max(first, 0), r.Count)
	n = min(max(n, 0), r.Count-first)
	if n > MaxSamples || n*int64(len(g.Leads)) > MaxLeadTotal {
		return nil, Errorf(r.Head.Format, -1, "a recording of %d samples of %d leads is too long to be loaded whole", n, len(g.Leads))
	}
	out := *r.Head
	out.Warnings = slices.Clip(out.Warnings) // several windows of one head may be warned of
	out.Groups = append([]Group(nil), r.Head.Groups...)
	w := out.Rhythm()
	if first > 0 {
		out.begin(w, g.Rate.Duration(first), g.Rate.Duration(n))
	}
	w.Leads = append([]Lead(nil), g.Leads...)
	blocks := make([][]int32, len(w.Leads))
	for i := range blocks {
		blocks[i] = make([]int32, n)
		w.Leads[i].Samples = blocks[i]
	}
	if n > 0 {
		if err := r.Read(first, blocks); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// begin makes a tracing begin later, with a window of a length into its rhythm.
func (t *Tracing) begin(rhythm *Group, later, length time.Duration) {
	if !t.RecordedAt.IsZero() {
		t.RecordedAt = t.RecordedAt.Add(later)
	}
	for i := range t.Groups {
		if g := &t.Groups[i]; g != rhythm && g.Kind == Rhythm {
			g.Offset -= later
		}
	}
	all := t.Annotations
	t.Annotations = nil
	for _, a := range all {
		if a.Group < len(t.Groups) && &t.Groups[a.Group] == rhythm {
			if a.At -= later; a.At+a.For < 0 || a.At >= length {
				continue
			}
		}
		t.Annotations = append(t.Annotations, a)
	}
}

// ReadFull fills b from a place of a file: a FormatError where the file has become shorter than it was. Other errors of the reader are given
// as they are, for they are no fault of the file.
func ReadFull(f Format, r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Errorf(f, at+int64(n), "the file became shorter while it was read")
	}
	return err
}

// Blocks reads the recording in order, size samples of every lead at a time; the last block is shorter. The slices are used again for the
// next block.
func (r *Recording) Blocks(ctx context.Context, size int) iter.Seq2[[][]int32, error] {
	return func(yield func([][]int32, error) bool) {
		g := r.Head.Rhythm()
		if g == nil || r.Count == 0 {
			return
		}
		out := make([][]int32, len(g.Leads))
		room := make([]int32, size*len(out))
		for first := int64(0); first < r.Count; first += int64(size) {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			n := int(min(int64(size), r.Count-first))
			for i := range out {
				out[i] = room[i*size:][:n:n]
			}
			if err := r.Read(first, out); err != nil {
				yield(nil, err)
				return
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}
