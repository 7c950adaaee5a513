package dicom

import (
	"errors"
	"io"
	"strings"
)

const undefined = 0xFFFFFFFF

const (
	preambleBytes = 128
	firstElements = 96 // most headers have fewer
	chunkBytes    = 4 << 10
	maxWarnings   = 64
)

// Scan reads a Part 10 stream to its end and returns what it holds, or a *FormatError that says why it is refused. Errors of
// the reader and of OnHeader are passed on. What it keeps is bounded by the limits, whatever the stream's size.
func Scan(r io.Reader, opt Options) (*Object, error) {
	s := &scanner{source: newSource(r), opt: opt, lim: opt.Limits.orDefault(), obj: &Object{}, head: &Header{}}
	defer s.close()
	if err := s.object(); err != nil {
		return s.partial(), err
	}
	return s.obj, nil
}

// ScanHeader reads a Part 10 stream up to its pixel data and stops, having read at most a window of 64 KiB beyond. Pixels
// then says where the value begins, and its length if it is native, else -1; frames and Size are not known. Attributes
// behind the pixel data are not seen. Refusals are those of Scan.
func ScanHeader(r io.Reader, opt Options) (*Object, error) {
	s := &scanner{source: newSource(r), opt: opt, lim: opt.Limits.orDefault(), obj: &Object{}, head: &Header{}, brief: true}
	defer s.close()
	if err := s.object(); err != nil && err != errBrief {
		return nil, err
	}
	return s.obj, nil
}

// errBrief ends a scan at the pixel data.
var errBrief = errors.New("dicom: pixel data is not read")

// scanner is one pass over one stream.
type scanner struct {
	*source
	opt  Options
	lim  Limits
	code coding
	obj  *Object
	head *Header

	elements int
	kept     int64
	chunk    []byte // room for small values
	ready    bool   // the header has been handed over
	brief    bool   // only up to the pixel data
	whole    bool   // a data set in memory: every value is kept and pixel data is a value as any other
}

func (s *scanner) object() error {
	if err := s.preamble(); err != nil {
		return err
	}
	if err := s.meta(); err != nil {
		return err
	}
	s.obj.body = s.off
	if s.code.deflated {
		s.obj.Deflated = true
		s.inflate(s.lim)
	}
	if err := s.top(); err != nil {
		return err
	}
	if err := s.closed(); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	s.obj.Size = s.off
	return nil
}

func (s *scanner) preamble() error {
	b, err := s.peek(preambleBytes + 4)
	if err != nil && err != io.EOF {
		return s.ended(err)
	}
	if len(b) < preambleBytes+4 {
		return s.fail(Missing, "too short for preamble and DICM")
	}
	if string(b[preambleBytes:]) != "DICM" {
		return s.fail(Missing, "no DICM behind a preamble of 128 bytes")
	}
	for _, magic := range hostile {
		s.obj.PreambleHostile = s.obj.PreambleHostile || strings.HasPrefix(string(b[:8]), magic)
	}
	s.pass(len(b))
	return nil
}

// meta reads group 2, which is always explicit little endian and ends where another group begins. Its group length is only
// compared: real files get it wrong.
func (s *scanner) meta() error {
	start, end := s.off, int64(-1)
	for {
		more, err := s.group2()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		el, vl, err := s.next(coding{})
		if err != nil {
			return err
		}
		if vl == undefined || s.off-start+int64(vl) > s.lim.MetaBytes {
			return s.fail(Limit, "group 2 is longer than %d bytes", s.lim.MetaBytes)
		}
		v := make([]byte, vl)
		if err := s.read(v); err != nil {
			return err
		}
		if el.Tag == FileMetaInformationGroupLength && vl == 4 {
			end = s.off + int64(u32(v))
		}
		s.head.Meta.set(el.Tag, v)
	}
	if end >= 0 && end != s.off {
		s.warn("group 2 has another length than (0002,0000) says")
	}
	return s.syntax(s.head.Meta.TransferSyntax)
}

// group2 tells whether another element of group 2 follows.
func (s *scanner) group2() (bool, error) {
	b, err := s.peek(2)
	if len(b) < 2 && err != io.EOF {
		return false, s.ended(err)
	}
	return len(b) == 2 && b[0] == 2 && b[1] == 0, nil
}

func (m *Meta) set(t Tag, v []byte) {
	switch t {
	case MediaStorageSOPClassUID:
		m.SOPClass = trimUID(v)
	case MediaStorageSOPInstanceUID:
		m.SOPInstance = trimUID(v)
	case TransferSyntaxUID:
		m.TransferSyntax = trimUID(v)
	case ImplementationClassUID:
		m.ImplementationClass = trimUID(v)
	case ImplementationVersionName:
		m.ImplementationVersion = trimmed(v)
	case SourceApplicationEntityTitle:
		m.SourceAE = trimmed(v)
	}
}

func (s *scanner) syntax(ts UID) error {
	switch {
	case ts == "":
		return s.fail(Missing, "no Transfer Syntax UID (0002,0010)")
	case !ts.Valid():
		return s.fail(Structure, "Transfer Syntax UID (0002,0010) is not a UID")
	}
	s.obj.TransferSyntax, s.code = ts, codings[ts]
	return nil
}

// top reads the data set up to the end of the stream.
func (s *scanner) top() error {
	if s.head.Elements == nil {
		s.head.Elements = make([]Element, 0, firstElements)
	}
	w := walk{coding: s.code, set: &s.head.DataSet, end: -1}
	for {
		over, err := s.over()
		if over || err != nil {
			return err
		}
		el, vl, err := s.next(s.code)
		if err != nil {
			return err
		}
		switch {
		case el.Tag.Group() == item.Group():
			err = s.fail(Structure, "%v outside any sequence", el.Tag)
		case !s.whole && (el.Tag == PixelDataTag || el.Tag == FloatPixelData || el.Tag == DoubleFloatPixelData):
			err = s.pixels(&el, vl)
		default:
			err = s.value(&w, &el, vl)
		}
		w.add(el) // in any case, for Options.Partial
		if err != nil {
			return err
		}
	}
}

// over tells whether the data set has ended: at the end of the stream, or where only zeros follow.
func (s *scanner) over() (bool, error) {
	b, err := s.peek(8)
	switch {
	case len(b) == 0 && err == io.EOF:
		return true, nil
	case len(b) < 8 && err != io.EOF:
		return false, s.ended(err)
	case len(b) < 8 && s.obj.Pixels == nil:
		return false, s.fail(Truncated, "the stream ends within an element")
	}
	for _, c := range b {
		if c != 0 {
			return false, nil
		}
	}
	if _, err := s.zeros(); err != nil {
		return false, err
	}
	s.warn("zeros behind the data set")
	return true, nil
}

// finish hands over the header if no pixel data did, and checks what came behind the pixels.
func (s *scanner) finish() error {
	if s.ready {
		return s.order(&s.head.DataSet)
	}
	if err := s.check(); err != nil {
		return err
	}
	if !s.opt.HeaderOnly && s.head.image() {
		return s.fail(Truncated, "an image ends without pixel data")
	}
	return s.header()
}

// header checks the header and shows it to the caller.
func (s *scanner) header() error {
	if err := s.check(); err != nil {
		return err
	}
	s.ready = true
	s.relabel()
	s.obj.Header = s.head
	if s.opt.OnHeader != nil {
		return s.opt.OnHeader(s.head)
	}
	return nil
}

func (s *scanner) check() error {
	if err := s.order(&s.head.DataSet); err != nil {
		return err
	}
	return s.identify()
}

// warn notes an oddity once.
func (s *scanner) warn(w string) { s.head.warn(w) }
