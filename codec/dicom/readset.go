package dicom

import "bytes"

// ReadDataSet reads a data set that stands alone: without preamble and group 2, in the given transfer syntax, as a DIMSE
// message carries one (PS3.7 §6.3.1). Bounds and refusals are those of Scan; but every value is kept, pixel data too, unless
// Limits.ValueBytes is set. Nothing of b is held on to. No attribute is required, and warnings are not kept.
func ReadDataSet(b []byte, syntax UID, lim Limits) (*DataSet, error) {
	if lim.ValueBytes <= 0 {
		lim.ValueBytes = max(lim.HeaderBytes, defaults.HeaderBytes)
	}
	s := &scanner{
		source: newSource(bytes.NewReader(b)), lim: lim.orDefault(), obj: &Object{}, head: &Header{}, whole: true,
		code: codings[syntax],
	}
	defer s.close()
	if !syntax.Valid() {
		return nil, s.fail(Unsupported, "the transfer syntax is not a UID")
	}
	if s.code.deflated {
		s.inflate(s.lim)
	}
	s.head.Elements = make([]Element, 0, min(firstElements, len(b)/leastElement))
	if err := s.top(); err != nil {
		return nil, err
	}
	if err := s.closed(); err != nil {
		return nil, err
	}
	if err := s.order(&s.head.DataSet); err != nil {
		return nil, err
	}
	s.relabel()
	d := s.head.DataSet
	return &d, nil
}

// leastElement is tag, VR and length.
const leastElement = 8
