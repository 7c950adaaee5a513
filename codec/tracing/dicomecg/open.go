package dicomecg

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Read reads an object whole: a *tracing.FormatError where it is no ECG, longer than tracing.MaxFile, or too damaged to show anything.
func Read(b []byte) (*tracing.Tracing, error) {
	if len(b) > tracing.MaxFile {
		return nil, refuse(-1, "longer than %d bytes", tracing.MaxFile)
	}
	rec, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	t, err := rec.Load()
	if err != nil {
		return nil, err
	}
	t.Complete()
	return t, nil
}

// Open reads all of an object but the samples of its first rhythm group, which are read from r when they are asked for; other groups
// are short and are loaded. Errors are those of Read, and those of r.
func Open(r io.ReaderAt, size int64) (*tracing.Recording, error) {
	src, err := scan(r, size)
	if err != nil {
		return nil, err
	}
	o := &object{src: src, t: &tracing.Tracing{Format: tracing.DICOM}}
	o.told()
	o.describe()
	if err := o.groups(); err != nil {
		return nil, err
	}
	o.annotations()
	rec := &tracing.Recording{Head: o.t}
	if o.rhythm != nil {
		rec.Count, rec.Read = o.rhythm.n, o.rhythm.read
	}
	return rec, nil
}

// object is one that is being read.
type object struct {
	src    *source
	t      *tracing.Tracing
	parts  []part   // the items of Waveform Sequence, in their order
	rhythm *samples // of the first rhythm group
}

// told passes on what the scan found wrong.
func (o *object) told() {
	if f := o.src.fault; f != nil {
		switch {
		case f.Kind == dicom.Truncated:
			o.t.Warn(tracing.Truncated, fmt.Sprintf("the object ends at byte %d: what stands before is shown", f.Offset))
		case f.Kind == dicom.Missing, f.Offset-o.src.shift >= o.src.size: // all was read, but the identity is at fault
			o.t.Warn(tracing.Deviates, f.Reason)
		default:
			o.t.Warn(tracing.Inconsistent, fmt.Sprintf("the object is damaged at byte %d (%s): what stands before is shown", f.Offset, f.Reason))
		}
	}
	for _, w := range o.src.head.Warnings {
		code := tracing.Deviates
		if len(w) > 4 && w[:4] == "text" {
			code = tracing.BadText
		}
		o.t.Warn(code, w)
	}
}

// decimal reads a DS exactly, also one with a comma; false if there is none or it is no number.
func (o *object) decimal(d *dicom.DataSet, tag dicom.Tag) (tracing.Ratio, bool) {
	s := d.Str(tag)
	if s == "" {
		return tracing.Ratio{}, false
	}
	r, ok := tracing.ParseRatio(s)
	if !ok {
		if r, ok = tracing.ParseRatio(comma(s)); ok {
			o.t.Warn(tracing.Deviates, tag.Keyword()+" has a decimal comma")
		}
	}
	if !ok {
		o.t.Warn(tracing.BadValue, tag.Keyword()+" is no number")
	}
	return r, ok
}

func comma(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == ',' {
			b[i] = '.'
		}
	}
	return string(b)
}

// duration is a number of units of time.
func duration(r tracing.Ratio, unit time.Duration) time.Duration {
	f := r.Mul(tracing.Whole(int64(unit)))
	if f.Den == 0 {
		return 0
	}
	return time.Duration(f.Num / f.Den)
}
