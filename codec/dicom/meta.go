package dicom

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// DataSetOffset is where the data set begins, behind preamble and group 2.
func (o *Object) DataSetOffset() int64 { return o.body }

// FileMeta writes preamble and group 2 (PS3.10 §7.1) for a data set that came without them, as DIMSE carries it. The
// implementation is ours; without a Source AE Title the same data set gives the same bytes whoever sends it.
func FileMeta(m Meta) ([]byte, error) {
	if !m.SOPClass.Valid() || !m.SOPInstance.Valid() || !m.TransferSyntax.Valid() {
		return nil, errors.New("dicom: file meta information: SOP class, SOP instance or transfer syntax is no UID")
	}
	e := Encoder{syntax: m.TransferSyntax, class: m.SOPClass, object: m.SOPInstance, source: m.SourceAE}
	return e.group2(), nil
}

// maxMeta is more than group 2 may have: Limits.MetaBytes is 64 KiB, and the preamble comes before.
const maxMeta = 128 << 10

// SkipMeta reads a Part 10 object up to its data set, which the returned reader goes on with, and tells where that begins.
func SkipMeta(r io.Reader) (dataSet *bufio.Reader, offset int64, err error) {
	in := bufio.NewReaderSize(r, maxMeta)
	head, err := in.Peek(maxMeta)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	n, err := MetaLength(head)
	if err != nil {
		return nil, 0, err
	}
	_, err = in.Discard(int(n))
	return in, n, err
}

// MetaLength is how many bytes preamble and group 2 take at the beginning of a Part 10 object.
func MetaLength(head []byte) (int64, error) {
	s := &scanner{source: newSource(bytes.NewReader(head)), lim: Limits{}.orDefault(), head: &Header{}, obj: &Object{}}
	defer s.close()
	s.obj.Header = s.head
	if err := s.preamble(); err != nil {
		return 0, err
	}
	if err := s.meta(); err != nil {
		return 0, err
	}
	return s.off, nil
}
