// From a file to a Recording.

package edf

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Read reads a file whole, with derived limb leads. Signals of other sampling rates than the main one follow as groups of their own.
func Read(b []byte) (*tracing.Tracing, error) {
	if len(b) > tracing.MaxFile {
		return nil, bad(tracing.EDF, -1, "a file of %d bytes", len(b))
	}
	f, err := open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	t, err := f.stream().Load()
	if err != nil {
		return nil, err
	}
	if err := f.others(t); err != nil {
		return nil, err
	}
	t.Complete()
	return t, nil
}

// Open opens a file whose samples stay where they are. Signals of another sampling rate than the main one are left out with a warning.
func Open(r io.ReaderAt, size int64) (*tracing.Recording, error) {
	f, err := open(r, size)
	if err != nil {
		return nil, err
	}
	if f.left > 0 {
		f.head.Warn(tracing.Unsupported, fmt.Sprintf("%d signals of another sampling rate or beyond the number of leads were left out", f.left))
	}
	return f.stream(), nil
}

func (f *file) stream() *tracing.Recording {
	if len(f.chosen) == 0 {
		return &tracing.Recording{Head: f.head}
	}
	return &tracing.Recording{Head: f.head, Count: f.samples, Read: f.read}
}

func open(r io.ReaderAt, size int64) (*file, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	f := &file{header: h, r: r, size: size, head: &tracing.Tracing{Format: h.format, Version: h.version, RecordedAt: h.start}}
	f.identify()
	if h.mismatch {
		f.head.Warn(tracing.Inconsistent, "the length of the header does not fit its signals")
	}
	if h.start.IsZero() {
		f.head.Warn(tracing.BadValue, "the start is no date and time")
	}
	f.count()
	if err := f.choose(); err != nil {
		return nil, err
	}
	if err := f.annotate(); err != nil {
		return nil, err
	}
	if len(f.chosen) > 0 {
		if err := f.findPadding(); err != nil {
			return nil, err
		}
	}
	if h.comma {
		f.head.Warn(tracing.Deviates, "decimal commas")
	}
	return f, nil
}

// file is an opened file.
type file struct {
	*header
	r        io.ReaderAt
	size     int64
	head     *tracing.Tracing
	there    int64 // records, the last may be incomplete
	chosen   []int // signals that are the leads
	left     int   // signals that are not
	per      int64 // samples of a lead in a record
	runs     []run
	samples  int64 // of each lead, with gaps
	paddedAt int64 // sample from which on there is only padding
}

// run is a stretch of records without a gap.
type run struct{ first, record, records int64 }

// count finds how many records there are, by the size of the file and not by what it says.
func (f *file) count() {
	body := f.size - f.header.size
	whole, rest := body/f.record, body%f.record
	f.there = whole
	switch {
	case f.records < 0:
		f.head.Warn(tracing.Deviates, "the number of records is not said: that of the file is taken")
	case f.records == 0 && whole > 0:
		f.head.Warn(tracing.Inconsistent, "the file says that it has no records, but has some")
	case whole < f.records:
		f.head.Warn(tracing.Truncated, fmt.Sprintf("%d of %d records", whole, f.records))
	case whole > f.records || rest > 0:
		f.head.Warn(tracing.Inconsistent, "the file is longer than its records")
		f.there = f.records
	}
	if rest > 0 && f.there == whole && (f.records <= 0 || whole < f.records) {
		f.there++
		f.head.Warn(tracing.Truncated, "the last record is not whole")
	}
}

// repair corrects the EDF files that Contec's software exports: it writes counts of 5 uV and declares them as 1000 mV full scale. Only a
// file that has every mark of that writer is touched.
func (f *file) repair() {
	g := f.head.Rhythm()
	if f.format != tracing.EDF || f.version != "" || f.per != 1 || f.duration != tracing.NewRatio(1, 800) ||
		f.patient != "dd-MMM-yyyy" || len(f.signals) != 12 || len(f.chosen) != 12 {
		return
	}
	for i, s := range f.signals {
		if s.label != tracing.Twelve[i].Label() || s.unit != "mV" || strings.TrimSpace(s.pmin) != "-1000.00" || strings.TrimSpace(s.pmax) != "1000.00" ||
			strings.TrimSpace(s.dmin) != "-32768" || strings.TrimSpace(s.dmax) != "32767" {
			return
		}
	}
	for i := range g.Leads {
		g.Leads[i].NVPerLSB, g.Leads[i].OffsetNV = tracing.Whole(5000), tracing.Ratio{}
	}
	f.head.Warn(tracing.Repaired, "Contec's export declares 1000 mV full scale for counts of 5 uV: 5 uV are taken")
}
