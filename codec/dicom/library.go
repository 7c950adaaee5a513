package dicom

import (
	"bytes"
	"fmt"

	library "github.com/suyashkumar/dicom"
)

// Library gives the header as a data set of github.com/suyashkumar/dicom, for code that wants its types. The library never
// sees what a sender wrote: it gets the attributes kept, rewritten in explicit little endian and UTF-8, without sequences
// (its time for nested ones grows faster than their size) and without the VRs whose lengths it misreads (OV, SV, UV). Should
// it panic all the same, that is an error.
func (h *Header) Library() (ds library.Dataset, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("dicom: library: %v", p)
		}
	}()
	e := &Encoder{syntax: ExplicitLE, code: codings[ExplicitLE], class: h.SOPClassUID, object: h.SOPInstanceUID}
	for i := range h.Elements {
		h.rewrite(e, &h.Elements[i])
	}
	var b bytes.Buffer
	if err := e.Part10(&b); err != nil {
		return ds, err
	}
	return library.Parse(&b, int64(b.Len()), nil, library.SkipPixelData())
}

func (h *Header) rewrite(e *Encoder, el *Element) {
	tr := el.VR.traits()
	switch {
	case !el.Kept() || el.Items != nil || el.Tag.Element() == 0 || el.Tag.Group()>>1 == 0x7FE0>>1:
	case el.VR == OV || el.VR == SV || el.VR == UV || vrTraits[el.VR].shape == 0:
	case tr.unit > 1 && len(el.Value)%int(tr.unit) != 0:
	case el.Tag == SpecificCharacterSet:
		e.Bytes(el.Tag, CS, []byte("ISO_IR 192"))
	case !tr.long && len(el.Value) > 1<<15: // may grow beyond a short length in UTF-8
	case tr.shape == opaque || tr.unit > 0:
		e.Bytes(el.Tag, el.VR, el.Value)
	default:
		e.Bytes(el.Tag, el.VR, []byte(h.decode(el)))
	}
}
