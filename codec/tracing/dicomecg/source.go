package dicomecg

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// source is a scanned object and the bytes that the offsets of its values refer to.
type source struct {
	r     io.ReaderAt
	size  int64
	shift int64 // of the scan's offsets against r
	big   bool
	head  *dicom.Header
	fault *dicom.FormatError // why the scan ended early, nil if it did not
}

const sniffBytes = 4096

func scan(r io.ReaderAt, size int64) (*source, error) {
	head := make([]byte, max(0, min(size, sniffBytes)))
	if n, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else {
		head = head[:n]
	}
	if !part10(head) {
		syntax := bare(head)
		if syntax == "" {
			return nil, refuse(0, "no DICOM object: neither DICM behind a preamble nor the first group of a data set")
		}
		return headless(r, size, syntax)
	}
	s := &source{r: r, size: size}
	obj, err := s.scan(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	if obj.Deflated {
		return inflated(r, size, obj.DataSetOffset())
	}
	return s, nil
}

// scan reads the object's header and says what is wrong with it in fault. Errors of the reader itself are passed on.
func (s *source) scan(in io.Reader) (*dicom.Object, error) {
	opt := dicom.Options{HeaderOnly: true, Partial: true, Limits: dicom.Limits{
		Elements: int(min(max(s.size/leastItem, minElements), maxElements)), InflateBytes: tracing.MaxFile,
		ValueBytes: keptBytes,
	}}
	obj, err := dicom.Scan(in, opt)
	if err != nil && !errors.As(err, &s.fault) {
		return nil, err
	}
	if obj == nil {
		return nil, refuse(s.fault.Offset, "%s", s.fault.Reason)
	}
	s.head, s.big = obj.Header, obj.TransferSyntax == dicom.ExplicitBE
	return obj, nil
}

// keptBytes is the longest value that is held: more than ten thousand positions of an annotation take. Waveforms stay where they are.
const keptBytes = 64 << 10

// How many elements an object may have: an element costs more memory than it has bytes, so that it is a matter of the file's size.
const (
	leastItem   = 64
	minElements = 200_000
	maxElements = 1_000_000
)

// headless scans a data set that came without group 2, behind one of ours.
func headless(r io.ReaderAt, size int64, syntax dicom.UID) (*source, error) {
	meta, err := dicom.FileMeta(dicom.Meta{SOPClass: TwelveLead, SOPInstance: "1.2", TransferSyntax: syntax})
	if err != nil {
		return nil, err
	}
	s := &source{r: r, size: size, shift: int64(len(meta))}
	if _, err := s.scan(io.MultiReader(bytes.NewReader(meta), io.NewSectionReader(r, 0, size))); err != nil {
		return nil, err
	}
	if s.fault != nil && s.fault.Offset-s.shift >= size && s.fault.Kind == dicom.Structure { // it is not the instance of our group 2
		s.fault = nil
	}
	return s, nil
}

// inflateRatio is what a deflated object may grow to, beyond a few megabytes.
const inflateRatio = 100

// inflated scans a deflated data set (PS3.5 A.5) in memory, as far as it can be inflated.
func inflated(r io.ReaderAt, size, body int64) (*source, error) {
	limit := min(tracing.MaxFile, max(4<<20, (size-body)*inflateRatio))
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(io.NewSectionReader(r, body, size-body)), limit+1))
	if int64(len(b)) > limit {
		return nil, refuse(body, "the deflated data set grows beyond its bounds")
	}
	s, failed := headless(bytes.NewReader(b), int64(len(b)), dicom.ExplicitLE)
	if failed == nil && err != nil && s.fault == nil {
		s.fault = &dicom.FormatError{Offset: size, Kind: dicom.Truncated, Reason: "the deflated data set is cut off"}
	}
	return s, failed
}

// available is how many bytes of a value there are: fewer than its length says where the file ends before.
func (s *source) available(el *dicom.Element) int64 {
	if el.Kept() {
		return el.Length
	}
	return max(0, min(el.Length, s.size-(el.Offset-s.shift)))
}

// value reads bytes of a value from off on, little endian. The caller has seen that there are so many.
func (s *source) value(el *dicom.Element, off int64, to []byte) error {
	if el.Kept() {
		copy(to, el.Value[off:])
		return nil
	}
	at := el.Offset - s.shift
	unit := unitOf(el.VR)
	if !s.big || unit == 1 {
		return s.read(to, at+off)
	}
	from := off &^ (unit - 1)
	b := make([]byte, min((off+int64(len(to))+unit-1)&^(unit-1), s.available(el))-from)
	if err := s.read(b, at+from); err != nil {
		return err
	}
	turn(b, int(unit))
	copy(to, b[off-from:])
	return nil
}

func (s *source) read(to []byte, at int64) error { return tracing.ReadFull(tracing.DICOM, s.r, to, at) }

// unitOf is how many bytes big endian turns round together.
func unitOf(vr dicom.VR) int64 {
	switch vr {
	case dicom.OW:
		return 2
	case dicom.OL:
		return 4
	}
	return 1
}

func turn(b []byte, unit int) {
	for ; len(b) >= unit; b = b[unit:] {
		for i, j := 0, unit-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}
