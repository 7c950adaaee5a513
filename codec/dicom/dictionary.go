package dicom

import "github.com/suyashkumar/dicom/pkg/tag"

// Keyword is the attribute's name in PS3.6, or "" for private and unknown ones.
func (t Tag) Keyword() string {
	info, ok := lookup(t)
	if !ok {
		return ""
	}
	return info.Keyword
}

// Tags gives the attributes of keywords that stand in the program; one that is none is a mistake in it, and panics.
func Tags(keywords ...string) []Tag {
	out := make([]Tag, len(keywords))
	for i, k := range keywords {
		t, ok := Keyword(k)
		if !ok {
			panic("dicom: " + k + " is no attribute")
		}
		out[i] = t
	}
	return out
}

// VR is what the dictionary (PS3.6) gives the attribute; where it allows several, the first. Private and unknown ones are UN.
func (t Tag) VR() VR { return t.implicitVR(false) }

// implicitVR is the VR of an attribute that came without one: signed says what the data set's Pixel Representation is,
// which decides between US and SS (PS3.5 §A.1: other choices fall to OW).
func (t Tag) implicitVR(signed bool) VR {
	switch {
	case t.Element() == 0:
		return UL
	case t.Private() && t.Element() >= 0x10 && t.Element() <= 0xFF: // private creator, PS3.5 §7.8.1
		return LO
	}
	info, ok := lookup(t)
	if !ok || len(info.VRs) == 0 || len(info.VRs[0]) != 2 {
		return UN
	}
	first := VR(info.VRs[0][0])<<8 | VR(info.VRs[0][1])
	switch {
	case len(info.VRs) == 1:
		return first
	case first == OB:
		return OW
	case first == US && signed:
		return SS
	}
	return first
}

// lookup asks the library's dictionary; the curve and overlay groups 50xx and 60xx repeat (PS3.5 §7.6).
func lookup(t Tag) (tag.Info, bool) {
	if t.Private() {
		return tag.Info{}, false
	}
	if g := t.Group(); g>>8 == 0x50 || g>>8 == 0x60 {
		t &= 0xFF00FFFF
	}
	info, err := tag.Find(tag.Tag{Group: t.Group(), Element: t.Element()})
	return info, err == nil
}
